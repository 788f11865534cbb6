"""The camera's flat cable in the closed case: all of it has room, no bend is tighter than a pencil, its ends fit."""

from __future__ import annotations

import itertools
import re

import numpy as np
import pytest

from hardware.make import tables
from hardware.make.case import flat_cable, layout
from hardware.make.case.devices import Box
from hardware.make.case.layout import Layout
from hardware.make.case.reach import CABLE_MM

LAYOUTS = layout.layouts()
each_layout = pytest.mark.parametrize("case", LAYOUTS, ids=lambda case: f"{case.key}-{case.panel.name}")
END_MM = 8.0
"""Of each end: it is in its socket, or just before it."""


def inside(points: flat_cable.Array, box: Box) -> np.ndarray:
    found: np.ndarray = np.all((points > np.array(box[:3])) & (points < np.array(box[3:])), axis=-1)
    return found


@each_layout
def test_the_cable_meets_nothing_in_the_case(case: Layout) -> None:
    surface = flat_cable.surface(case, 1.0)
    wall, rim = case.can.wall, case.rim
    room = (wall, wall, wall, case.given.width - wall, case.given.height - wall, rim)
    assert inside(surface, room).all()
    between = surface[int(END_MM) : -int(END_MM)]
    own = {("camera", "cable"), ("board", "camera cable")}
    for placed in (*layout.free(case), *layout.solid(case)):
        if (placed.thing, placed.name) not in own:
            assert not inside(between, placed.box).any(), f"{placed.thing} ({placed.name})"


@each_layout
def test_the_cable_goes_from_the_camera_into_the_boards_socket(case: Layout) -> None:
    surface = flat_cable.surface(case, 1.0)
    boxes = {(placed.thing, placed.name): placed.box for placed in layout.free(case)}
    begin, end = surface[3:6, 4], surface[-1, 4]
    assert inside(begin, boxes["camera", "cable"]).any()
    low, high = np.array(boxes["board", "camera cable"][:3]), np.array(boxes["board", "camera cable"][3:])
    assert np.all(end >= low - 1.5)
    assert np.all(end <= high + 1.5)
    across = surface[-1, -1] - surface[-1, 0]
    assert abs(across[1]) == pytest.approx(flat_cable.WIDE_MM, abs=0.1), "it lies as the socket does"


SPARE = {"pocket": (7.0, 50.0, 10.0, 33.0, 91.0, 43.0), "party": (10.0, 62.0, 11.0, 102.0, 95.0, 66.0)}
"""Where the text sends what the wires have too much, by case."""


@each_layout
def test_the_spare_wires_have_the_room_that_the_text_names(case: Layout) -> None:
    box = SPARE[case.key]
    for placed in (*layout.free(case), *layout.solid(case)):
        assert layout.overlap(box, placed.box) is None, f"{placed.thing} ({placed.name})"
    assert not inside(flat_cable.surface(case, 1.0), box).any(), "the camera's cable"
    text = (tables.FOLDER / "README.md").read_text(encoding="utf-8")
    name = tables.parts().builds[case.key].name
    steps = text.partition(f"## {name}, step by step")[2].partition("\n## ")[0]
    (told,) = re.findall(r"\(([\d.]+) x ([\d.]+) x ([\d.]+) cm are free there\)", steps)
    sides = [box[axis + 3] - box[axis] for axis in range(3)]
    assert all(float(cm) * 10 <= side for cm, side in zip(told, sides, strict=True))


@each_layout
def test_the_clocks_sockets_have_their_room_above_it(case: Layout) -> None:
    """Pins up, sockets along the lid, before the heads of the wall's screws; and the text says which way."""
    x, y, width, height, _ = case.given.extras["clock"]
    box = (x, y + height, case.rim - 12, x + width, y + height + 20, case.rim - 4)
    for placed in (*layout.free(case), *layout.solid(case)):
        assert layout.overlap(box, placed.box) is None, f"{placed.thing} ({placed.name})"
    assert layout.overlap(box, SPARE[case.key]) is None, "the spare wires"
    assert not inside(flat_cable.surface(case, 1.0), box).any(), "the camera's cable"
    assert y < 20, "below there is no room for sockets"
    text = (tables.FOLDER / "README.md").read_text(encoding="utf-8").replace("\n", " ")
    assert "the end with its pins up, towards the Pi's board" in text
    assert "take the 2 cm above it" in text


@each_layout
def test_the_cable_has_its_length_and_no_tight_bend(case: Layout) -> None:
    middle = flat_cable.surface(case, 0.5)[:, 4]
    steps = np.linalg.norm(np.diff(middle, axis=0), axis=1)
    assert steps.sum() == pytest.approx(CABLE_MM, abs=1.5)
    bends = flat_cable.bends(case)
    assert all(bend.radius >= flat_cable.PENCIL_MM for bend in bends)
    assert all(first.along + first.length <= second.along for first, second in itertools.pairwise(bends))
    assert sum(bend.askew != 0 for bend in bends) == 1, "one fold"


def test_a_button_under_the_loop_would_be_seen() -> None:
    text = (tables.FOLDER / "case.toml").read_text(encoding="utf-8")
    raised = layout.layouts(text.replace("button_y = 31.0", "button_y = 39.0"))
    with pytest.raises(AssertionError, match="button"):
        test_the_cable_meets_nothing_in_the_case(raised[0])
