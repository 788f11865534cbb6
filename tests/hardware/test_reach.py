"""Wires reach with the lid open, and the strips on the bill have each colour as often as a build wants it."""

from __future__ import annotations

from collections import Counter

import pytest

from hardware.make import products, tables
from hardware.make.case import layout, reach
from hardware.make.case.layout import Layout
from hardware.make.tables import Wire

WIRES = tables.wires()
TABLE = tables.parts()
LAYOUTS = layout.layouts()
each_layout = pytest.mark.parametrize("case", LAYOUTS, ids=lambda case: f"{case.key}-{case.panel.name}")


def wire(header_pin: int) -> Wire:
    return next(wire for wire in WIRES if wire.header_pin == header_pin)


@each_layout
def test_each_wire_and_the_cable_reach_with_the_lid_open(case: Layout) -> None:
    own = [wire for wire in WIRES if wire.part in TABLE.builds[case.key].pins and wire.part != "long cable"]
    assert all(0 < reach.wire_mm(case, wire) <= reach.WIRE_MM for wire in own)
    assert reach.SLACK_MM < reach.camera_mm(case) <= reach.CABLE_MM


def test_the_bill_has_wires_as_long_as_they_are_counted() -> None:
    assert TABLE.part("wires").spec.startswith(f"{reach.WIRE_MM / 10:.0f} cm")
    for key in ("cable-mini", "cable-standard"):
        assert f"{reach.CABLE_MM:.0f} mm" in TABLE.part(key).spec


def test_a_way_is_that_of_the_model() -> None:
    """The pocket booth's button, by hand: from pin 9 at (28, 118.5) on the lid to (42, 31), 50 mm deep."""
    case = next(case for case in LAYOUTS if case.key == "pocket")
    flat = ((28.03 + 10 + 42) ** 2 + (118.5 - 31) ** 2) ** 0.5
    assert reach.wire_mm(case, wire(9)) == pytest.approx(flat + (58 - 50) + (58 - 20) + 40, abs=0.1)
    assert reach.wire_mm(case, wire(17)) == 0, "at the header itself"


def test_a_deeper_case_wants_longer_wires() -> None:
    text = (tables.FOLDER / "case.toml").read_text(encoding="utf-8")
    deep = next(
        case for case in layout.layouts(text.replace("depth = 58.0", "depth = 118.0")) if case.key == "pocket"
    )
    assert reach.wire_mm(deep, wire(9)) > reach.WIRE_MM


@pytest.mark.parametrize("build", TABLE.builds)
def test_the_strips_have_each_colour_as_often_as_it_is_used(build: str) -> None:
    """A strip has each colour once; the clock takes the panel's four again."""
    strips = sum(part.quantity[build] for part in TABLE.of(build) if part.key in ("wires", "wires-desk"))
    used = [wire for wire in WIRES if wire.part in TABLE.builds[build].pins]
    if "clock" in {part.key for part in TABLE.of(build)}:
        used += [wire for wire in WIRES if wire.part == "panel"]
    colours = Counter(wire.colour for wire in used)
    assert len(used) > 6
    assert max(colours.values()) <= strips, colours


def test_the_text_has_the_longest_way_of_each_part() -> None:
    rows = products.blocks(TABLE)["reach"].splitlines()
    assert [row.split(" | ")[0].removeprefix("| ") for row in rows[2:]] == [
        *("panel", "button", "light", "flash", "lens light", "buzzer"),
        "camera (flat cable)",
    ]
    assert "| 11 green, 9 brown | 21 cm | 27 cm |" in rows[3]


@each_layout
def test_wires_reach_with_the_box_on_its_side_before_the_lid(case: Layout) -> None:
    """To look at the face: none needs more than with the box on its face."""
    own = [wire for wire in WIRES if wire.part in ("panel", "button", "light")]
    for each in own:
        assert reach.SLACK_MM < reach.standing_mm(case, each) <= reach.wire_mm(case, each) <= reach.WIRE_MM


@each_layout
def test_the_white_wire_reaches_the_transistor_on_the_wall(case: Layout) -> None:
    assert 2 * reach.BARE_MM < reach.white_mm(case) <= reach.WHITE_MM - 15
