"""The case's solids, where the extra `hardware` is installed: tight, printable, and free of what they hold."""

from __future__ import annotations

import io
import itertools
import re
from typing import Any

import numpy as np
import pytest

from hardware.make import tables
from hardware.make.case import layout
from hardware.make.case.layout import Layout
from hardware.make.tables import FOLDER
from piboothup.records import replace

manifold3d = pytest.importorskip(
    "manifold3d", reason="the case's solids are NOT checked: pip install -e '.[hardware]'"
)
trimesh = pytest.importorskip("trimesh", reason="the case's solids are NOT checked: pip install -e '.[hardware]'")

from hardware.make.case import model  # noqa: E402  (wants manifold3d)

LAYOUTS = layout.layouts()
PARTS = [
    pytest.param(case, name, id=f"{case.key}-{case.panel.name}-{name}")
    for case in LAYOUTS
    for name in ("front", "lid", "hood", "guard", "coupon")
]
each_layout = pytest.mark.parametrize("case", LAYOUTS, ids=lambda case: f"{case.key}-{case.panel.name}")
each_part = pytest.mark.parametrize(("case", "name"), PARTS)


def made(case: Layout, name: str) -> Any:
    return model.coupon(case) if name == "coupon" else model.printed(case)[name]


def mesh_of(solid: Any) -> Any:
    return trimesh.load_mesh(io.BytesIO(model.as_stl(solid)), file_type="stl")


def unsupported(mesh: Any) -> float:
    """Width of what faces down steeper than 45 degrees and does not lie on the bed, mm, to 0.5.

    It is the largest circle that has room in it when it is seen from below.
    """
    down = mesh.face_normals[:, 2] < -np.cos(np.radians(44))
    down &= mesh.triangles_center[:, 2] > mesh.bounds[0][2] + 0.05
    flat = [manifold3d.CrossSection([corners[::-1, :2]]) for corners in mesh.triangles[down]]
    seen = manifold3d.CrossSection.batch_boolean(flat, manifold3d.OpType.Add).offset(0.01)
    width = 0.0
    while not seen.offset(-(width + 0.5) / 2).is_empty():
        width += 0.5
    return width


def thinnest(solid: Any, least: float) -> float:
    """Area of what is thinner than `least` in level cuts, mm2: what an opening by a disc of that width takes away."""
    low, high = solid.bounding_box()[2], solid.bounding_box()[5]
    worst = 0.0
    for z in np.linspace(low + 0.3, high - 0.3, 9):
        cut = solid.slice(float(z))
        thick = cut.offset(-least / 2 + 0.02).offset(least / 2 + 0.02)
        worst = max([worst, *(piece.area() for piece in (cut - thick).decompose())])
    return worst


@each_part
def test_a_part_is_one_tight_solid(case: Layout, name: str) -> None:
    solid = made(case, name)
    assert solid.status() == manifold3d.Error.NoError
    assert len(solid.decompose()) == 1
    mesh = mesh_of(solid)
    assert mesh.is_watertight
    assert mesh.is_winding_consistent
    assert mesh.volume == pytest.approx(solid.volume(), rel=1e-3)


@each_part
def test_a_part_is_printable_without_support(case: Layout, name: str) -> None:
    solid = made(case, name)
    box = solid.bounding_box()
    assert box[2] == pytest.approx(0)
    assert max(box[3] - box[0], box[4] - box[1], box[5]) <= case.can.bed
    assert unsupported(mesh_of(solid)) <= case.can.bridge
    assert thinnest(solid, case.can.least) < 0.2


def test_what_is_not_printable_would_be_seen() -> None:
    table = manifold3d.Manifold.cube([40, 40, 3]).translate([0, 0, 20]) + manifold3d.Manifold.cube([5, 5, 20])
    assert unsupported(mesh_of(table)) > 10
    sheet = manifold3d.Manifold.cube([20, 0.5, 20])
    assert thinnest(sheet, 0.8) > 5
    assert thinnest(manifold3d.Manifold.cube([20, 1.2, 20]), 0.8) < 0.2


@each_layout
def test_no_part_meets_what_it_holds_nor_another_part(case: Layout) -> None:
    parts = model.in_place(case)
    for name, part in parts.items():
        for thing, free in model.envelopes(case).items():
            assert (part ^ free).volume() < 1e-3, f"{name} and {thing}"
    for (name, first), (other, second) in itertools.combinations(parts.items(), 2):
        assert (first ^ second).volume() < 1e-3, f"{name} and {other}"


@each_layout
def test_the_front_is_free_for_plates_within_the_leeway(case: Layout) -> None:
    front = model.in_place(case)["front"]
    for more, fits in ((-layout.plate_leeway(), True), (layout.plate_leeway(), True), (0.8, False)):
        x, y, width, height = case.panel.view
        view = (x + more / 2, y, width, height)
        own = replace(case.panel, width=case.panel.width + more, height=case.panel.height + more, view=view)
        plate = model.envelopes(replace(case, panel=own))["panel"]
        sunk = plate.translate([0, -case.can.gap, 0]), plate
        assert [(front ^ solid).volume() < 1e-3 for solid in sunk] == [fits, fits], more


@each_layout
def test_a_board_that_is_moved_into_the_wall_would_be_seen(case: Layout) -> None:
    board = model.envelopes(case)["board"]
    assert (model.in_place(case)["front"] ^ board.translate([15, 0, 0])).volume() > 1


@each_layout
def test_no_camera_sees_the_case(case: Layout) -> None:
    for camera, seen in model.views(case).items():
        for name, part in model.in_place(case).items():
            assert (part ^ seen).volume() < 1e-3, f"{camera} sees {name}"


@each_layout
def test_nothing_flat_presses_the_button(case: Layout) -> None:
    """Whatever flat thing the box lies on or is leaned against, the button is behind what touches it."""
    button = case.button
    largest = manifold3d.Manifold.cylinder(button.out, button.rim / 2, button.rim / 2, 64)
    largest = largest.translate([case.middle, case.given.button_y, -button.out])
    parts = model.in_place(case)
    without = manifold3d.Manifold.batch_hull([part for name, part in parts.items() if name != "guard"])
    assert (largest - without).volume() > 1, "it is the ring that does it"
    assert (largest - manifold3d.Manifold.batch_hull(list(parts.values()))).volume() < 1e-3
    assert (largest ^ parts["guard"]).volume() < 1e-3, "it goes through the ring"
    thumb_mm, travel_mm = 20, 4
    assert 2 * layout.guard_radius(case) > thumb_mm + 10, "and a thumb after it"
    assert layout.guard_height(case) - button.out + travel_mm < thumb_mm / 2


def test_a_lower_ring_or_a_higher_button_would_be_seen() -> None:
    case = LAYOUTS[0]
    taller = replace(case, button=replace(case.button, out=case.button.out + 3))
    assert layout.guard_height(taller) == layout.guard_height(case) + 3
    high = manifold3d.Manifold.cylinder(taller.button.out, 5, 5)
    high = high.translate([case.middle, case.given.button_y, -taller.button.out])
    assert (high - manifold3d.Manifold.batch_hull(list(model.in_place(case).values()))).volume() > 1


def test_allowances_widen_the_holes_of_screws_and_inserts() -> None:
    text = (FOLDER / "case.toml").read_text(encoding="utf-8")
    wider = text.replace("screw_hole = 0.0", "screw_hole = 0.2").replace("insert_hole = 0.0", "insert_hole = 0.2")
    ours, other = layout.layouts(text)[0], layout.layouts(wider)[0]
    for name in ("coupon", "front", "lid"):
        less = made(ours, name) - made(other, name)
        assert less.volume() > 1, name
        assert (made(other, name) - made(ours, name)).volume() < 1e-3


@each_layout
def test_each_screw_has_its_hole_and_plastic_around_it(case: Layout) -> None:
    parts = model.in_place(case)
    for screw in layout.screws(case):
        part = parts["lid" if screw.post_z == case.rim else "front"]
        low, high = sorted((screw.z, screw.end_z))
        radius = layout.PILOT[screw.kind] / 2
        hole = manifold3d.Manifold.cylinder(high - low, radius, radius, 40).translate([screw.x, screw.y, low])
        around = manifold3d.Manifold.cylinder(high - low, radius + 0.5, radius + 0.5, 40).translate(
            [screw.x, screw.y, low]
        )
        assert (part ^ hole).volume() < 0.02 * hole.volume()
        assert ((around - hole) ^ part).volume() > 0.98 * (around - hole).volume()
    for x, y in case.columns():
        insert = manifold3d.Manifold.cylinder(6, 1.9, 1.9).translate([x, y, case.rim - 6])
        shaft = manifold3d.Manifold.cylinder(case.can.wall, 1.6, 1.6).translate([x, y, case.rim])
        assert (parts["front"] ^ insert).volume() < 1e-3
        assert (parts["lid"] ^ shaft).volume() < 1e-3


@each_layout
def test_the_printed_front_is_no_mirror_of_the_box(case: Layout) -> None:
    """A guest looks along z with y up, so the print's x grows to his left."""
    front = model.printed(case)["front"]
    width = case.given.width
    for x in case.given.exits:
        probe = manifold3d.Manifold.cube([2, 2, 2], center=True)
        assert (front ^ probe.translate([width - x, 1.2, case.rim - 2])).volume() < 1e-3
        if not any(abs(width - x - other) < 5 for other in case.given.exits):
            assert (front ^ probe.translate([x, 1.2, case.rim - 2])).volume() > 1


@each_layout
def test_the_bill_has_the_filament_of_the_case(case: Layout) -> None:
    """As if it were solid, of PLA: three walls leave little to fill."""
    grams = sum(part.volume() for part in model.printed(case).values()) / 1000 * 1.24
    (told,) = re.findall(rf"the {case.key} case(?: takes)? (\d+) g", tables.parts().part("filament").spec)
    assert grams <= int(told) <= 1.1 * grams


def test_a_solid_is_the_same_until_something_moves() -> None:
    case = LAYOUTS[0]
    front = model.as_stl(model.printed(case)["front"])
    assert model.is_same_solid(front, front)
    moved = model.printed(case)["front"] - manifold3d.Manifold.cylinder(9, 1.5, 1.5).translate([40, 50, -1])
    assert not model.is_same_solid(front, model.as_stl(moved))
    stored = (FOLDER / f"case/{case.key}-front-{case.panel.name.removesuffix(' inch')}.stl").read_bytes()
    assert model.is_same_solid(stored, front)
