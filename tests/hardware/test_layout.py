"""Cases by arithmetic alone: what fits, each screw on the bill, and parameters that make no case."""

from __future__ import annotations

import itertools
import re

import pytest

from hardware.make import tables
from hardware.make.case import layout
from hardware.make.case.case_table import CaseError
from hardware.make.case.devices import BOARDS, CAMERAS, PANELS
from hardware.make.case.layout import Layout
from piboothup.records import replace

TEXT = (tables.FOLDER / "case.toml").read_text(encoding="utf-8")
LAYOUTS = layout.layouts()
TABLE = tables.parts()
each_layout = pytest.mark.parametrize("case", LAYOUTS, ids=lambda case: f"{case.key}-{case.panel.name}")


def changed(old: str, new: str) -> str:
    assert TEXT.count(old) >= 1
    return TEXT.replace(old, new, 1)


def test_every_build_with_a_case_has_one_for_its_panel() -> None:
    assert {case.key for case in LAYOUTS} == {key for key in TABLE.builds if key != "desk"}
    for key, inches in (("pocket", "1.3"), ("party", "2.42")):
        (bought,) = [part for part in TABLE.of(key) if part.key.startswith("panel")]
        assert inches in bought.name
        assert PANELS[inches] in [case.panel for case in LAYOUTS if case.key == key]


@each_layout
def test_the_bill_has_each_screw_nut_and_tie_of_the_case(case: Layout) -> None:
    bought = {part.fastener: part.quantity[case.key] for part in TABLE.of(case.key) if part.fastener}
    assert bought == dict(layout.fasteners(case))


@each_layout
def test_no_two_things_meet_and_nothing_is_in_a_wall(case: Layout) -> None:
    layout.check(case)
    boxes = [*layout.free(case), *layout.solid(case)]
    things = {placed.thing for placed in boxes}
    assert things >= {"board", "camera", "panel", "button", "case", *case.given.extras}
    for first, second in itertools.combinations(boxes, 2):
        if first.thing != second.thing:
            assert layout.overlap(first.box, second.box) is None


def test_the_party_box_takes_a_pi_5_too() -> None:
    layout.layouts(changed('board = "pi4"', 'board = "pi5"'))
    assert BOARDS["pi5"].holes == BOARDS["pi4"].holes, "on the same posts"


@each_layout
def test_the_lid_has_a_post_at_each_hole_of_the_board(case: Layout) -> None:
    """Holes of the mechanical drawing: 58 by 23 or 49 mm apart, 3.5 mm from the edges."""
    posts = [(screw.x, screw.y) for screw in layout.screws(case) if screw.post_z == case.rim]
    xs, ys = sorted({x for x, _ in posts}), sorted({y for _, y in posts})
    assert xs[1] - xs[0] == 58
    assert ys[1] - ys[0] == {"zero": 23, "pi4": 49}[case.given.board]
    assert (xs[0], ys[0]) == (case.given.board_x + 3.5, case.given.board_y + 3.5)


def with_plate(case: Layout, more: float, thicker: float = 0.0) -> Layout:
    """The case, and another panel: its plate so much larger each way, what is seen in its middle as before."""
    own = case.panel
    x, y, width, height = own.view
    view = (x + more / 2, y, width, height)
    panel = replace(own, width=own.width + more, height=own.height + more, plate=own.plate + thicker, view=view)
    return replace(case, panel=panel)


@each_layout
def test_a_plate_within_the_tables_leeway_fits_the_printed_front(case: Layout) -> None:
    """Posts and washers are where the front has them, not where they were for this plate."""
    clamps = sorted(screw.x for screw in layout.screws(case) if screw.kind == "M2.5x5" and screw.post_z != case.rim)
    between = clamps[1] - clamps[0] - layout.POST_MM
    leeway = layout.plate_leeway()
    assert leeway == 0.5
    for more in (-leeway, leeway):
        layout.check(with_plate(case, more, 0.5))
        width = case.panel.width + more
        assert width <= between
        held = layout.WASHER_MM / 2 - layout.POST_MM / 2 - (between - width)
        assert held >= layout.HELD_MM - 1e-9, "it lies against the other post"
    assert case.panel.width + leeway + 0.2 > between
    assert 5 - 0.8 - 0.5 > 2.5, "a thicker one leaves the screw more than its diameter of plastic"


@each_layout
def test_the_lens_looks_through_the_middle_of_its_window(case: Layout) -> None:
    posts = [(screw.x, screw.y) for screw in layout.screws(case) if screw.kind == "M2x6"]
    assert sorted({round(x - case.middle, 3) for x, _ in posts}) == [-10.5, 10.5]
    assert sorted({round(y - case.given.lens_y, 3) for _, y in posts}) == [0, 12.5]
    for key in case.given.cameras:
        assert layout.view_radius(CAMERAS[key], case.camera_front, 0) < case.window_radius
        assert layout.view_radius(CAMERAS[key], case.camera_front, -layout.HOOD_HEIGHT) < layout.hood_radius(case)


@each_layout
def test_the_transistor_lies_on_the_wall_of_the_closed_case(case: Layout) -> None:
    """On the side of pin 1; as long as its tube, its resistor's above it. What it may not meet: the tests above."""
    tube, resistor = (placed.box for placed in layout.free(case) if placed.thing == "transistor")
    assert tube[0] == resistor[0] == case.can.wall
    assert tube[4] == resistor[1]
    assert all(case.can.wall < low for low in (tube[1], tube[2]))
    assert resistor[4] < case.given.height - case.can.wall
    assert max(tube[5], resistor[5]) < case.rim
    wide = {each.over.split()[0]: each for each in tables.tubes() if each.part == "light" and each.long == 25}
    assert tube[4] - tube[1] == wide["last,"].long
    assert resistor[4] - resistor[1] == wide["the"].long
    assert tube[3] - tube[0] >= wide["last,"].wide + 1, "tube and foam tape"


@pytest.mark.parametrize("screw_mm", [5.0, 6.0])
def test_a_screw_is_shorter_than_its_hole(screw_mm: float) -> None:
    for case in LAYOUTS:
        for screw in layout.screws(case):
            if screw.kind.endswith(f"x{screw_mm:g}"):
                through = {"M2x6": 1.1}.get(screw.kind, 0.8 if screw.post_z == case.can.wall else 1.4)
                assert screw_mm - through <= abs(screw.end_z - screw.z), "it would come out at the face"
                assert screw_mm - through >= 3.5, "it would not hold"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            changed('panels = ["0.96", "1.3"]', 'panels = ["2.42"]'),
            "the panel (washer) reaches 3.2 mm into the wall in width (x)",
        ),
        (
            changed("board_y = 92.0", "board_y = 18.0"),
            "the board (power plug) reaches 8.4 mm into the wall in height",
        ),
        (
            changed("clock = [5.4, 10.0", "clock = [5.4, 20.0"),
            "the wall's screw (head) meet: 9.5 mm in height (y)",
        ),
        (
            changed("depth = 58.0", "depth = 46.0"),
            "the button (body) reaches 6.4 mm into the wall in depth (z)",
        ),
        (
            changed("button_y = 31.0", "button_y = 46.0"),
            "the panel (plate) and the button (body) meet: 2.2 mm in height (y)",
        ),
        (
            changed("height = 172.0", "height = 200.0"),
            "height (y) of 200 mm is more than the printer's bed of 180 mm",
        ),
        (changed("thin = 1.2", "thin = 0.4"), "a wall of 0.4 mm is thinner than 0.8 mm"),
        (
            changed("screw_hole = 0.0", "screw_hole = 1.4"),
            "0.7 mm of plastic around a screw's hole, less than 0.8 mm",
        ),
        (
            changed("clock = [5.4, 10.0, 22.0, 38.0, 14.0]", "clock = [5.4, 10.0, 22.0, 38.0, 30.0]"),
            "the transistor (tube) and the clock (board) meet: 3.5 mm",
        ),
        (changed('button = "30"', 'button = "45"'), "no button is called 45; there are 30, 60"),
        (changed("lens_light = false", ""), "lens_light"),
        (changed("exits = [63.5]", "exits = [42.0]"), "the case (tripod's nut) and the cable (tie) meet"),
    ],
    ids=[
        "wide panel",
        "low board",
        "keyhole",
        "shallow",
        "button",
        "bed",
        "thin",
        "hole",
        "transistor",
        "name",
        "missing",
        "exit",
    ],
)
def test_parameters_that_make_no_case_are_told(text: str, told: str) -> None:
    with pytest.raises(CaseError, match=re.escape(told)) as raised:
        layout.layouts(text)
    assert str(raised.value).startswith("case.toml")


def test_what_somebody_measures_goes_before_the_known_sizes() -> None:
    own = '[panel."2.42"]\nwidth = 70.0\nview = [6.0, 8.0, 58.0, 29.5]\n[button."60"]\nhole = 24.2\n'
    (case,) = [case for case in layout.layouts(TEXT + own) if case.panel.name == "2.42 inch"]
    assert (case.panel.width, case.panel.boxes["plate"][3], case.button.hole) == (70.0, 70.0, 24.2)
    assert case.panel_x + case.panel.view[0] + case.panel.view[2] / 2 == case.middle


@pytest.mark.parametrize(
    ("own", "told"),
    [
        ('[panel."2.42"]\nwidth = 120.0\n', "the panel (plate) reaches"),
        ('[panel."2.42"]\nwide = 70.0\n', "wide"),
        ('[panel."3.0"]\nwidth = 70.0\n', "3.0"),
        ('[button."60"]\ndepth = 90.0\n', "the button (body) reaches 6.4 mm into the wall in depth (z)"),
    ],
    ids=["too wide", "no such size", "no such panel", "too deep"],
)
def test_measures_that_make_no_case_are_told(own: str, told: str) -> None:
    with pytest.raises(CaseError, match=re.escape(told)):
        layout.layouts(TEXT + own)


def test_the_button_into_the_board_is_told_with_its_depth() -> None:
    text = changed("depth = 86.0", "depth = 78.0").replace("board_y = 104.0", "board_y = 50.0")
    with pytest.raises(CaseError, match=r"the board \(plate\) and the button \(body\) meet: 2\.8 mm in depth \(z\)"):
        layout.layouts(text)


def test_boards_have_their_holes_inside_and_their_plug_below() -> None:
    for board in BOARDS.values():
        for x, y in board.holes:
            assert 3 <= x <= board.width - 3
            assert 3 <= y <= board.height - 3
        assert board.boxes["plate"][3:5] == (board.width, board.height)
        assert board.boxes["power plug"][1] < 0, "at the lower edge, the header above"
