"""Diagrams against pins.toml: each wire of a build, from its own pin to its own terminal, and none upon another."""

from __future__ import annotations

import hashlib
import io
import itertools
import re
from collections.abc import Callable
from xml.etree import ElementTree

import pytest
from gpiozero.pins.pi import PiBoardInfo
from PIL import Image, ImageDraw

from hardware.make import pictures, tables
from hardware.make.case.devices import BUTTONS
from hardware.make.drawings import circuits, joint_sheets, sheets, wiring
from hardware.make.tables import Build, TableError

PARTS = tables.parts()
WIRES = tables.wires()
WIRING = [f"wiring-{key}" for key in PARTS.builds]
SVG = "{http://www.w3.org/2000/svg}"
BUILDS = list(PARTS.builds.values())

Segment = tuple[tuple[float, float], tuple[float, float]]


def drawn(build: Build) -> ElementTree.Element:
    return ElementTree.fromstring(wiring.diagram(build, PARTS, WIRES))  # noqa: S314  (our own text)


def lines_of(drawing: ElementTree.Element) -> dict[int, list[tuple[float, float]]]:
    """Corners of each wire, by its header pin."""
    found = {}
    for path in drawing.iter(f"{SVG}path"):
        if name := re.fullmatch(r"wire-(\d+)", path.get("id") or ""):
            numbers = [float(number) for number in re.findall(r"[\d.]+", path.get("d") or "")]
            found[int(name[1])] = list(zip(numbers[::2], numbers[1::2], strict=True))
    return found


def labels(drawing: ElementTree.Element) -> dict[tuple[float, float], str]:
    return {
        (float(text.get("x") or 0), float(text.get("y") or 0)): text.text or "" for text in drawing.iter(f"{SVG}text")
    }


@pytest.mark.parametrize("build", BUILDS, ids=lambda build: build.key)
def test_a_diagram_has_the_builds_wires_from_pin_to_terminal(build: Build) -> None:
    drawing = drawn(build)
    words = labels(drawing)
    found = lines_of(drawing)
    titles = {path.get("id"): path.findtext(f"{SVG}title") for path in drawing.iter(f"{SVG}path") if path.get("id")}
    wanted = [wire for wire in WIRES if wire.part in build.pins and (build.key, wire.terminal) != ("desk", "LED +")]
    assert found.keys() == {wire.header_pin for wire in wanted}
    for wire in wanted:
        points = found[wire.header_pin]
        assert titles[f"wire-{wire.header_pin}"] == f"{wire.part} {wire.terminal}, {wire.name}"
        assert words[points[0][0], points[0][1] + 4.5] == str(wire.header_pin)
        side = -1 if points[-1][0] < points[0][0] else 1
        (terminal,) = [
            text for (x, y), text in words.items() if (x, y) == (points[-1][0] + side * 14, points[-1][1] + 5)
        ]
        renamed = {"base": "LED +", "emitter": "LED −", "input": "LED +", "GND": "LED −"}
        assert terminal in (wire.terminal, renamed.get(wire.terminal))
        assert any(text.endswith(f", {wire.colour}") for text in words.values())


def test_a_diagram_names_each_pin_of_the_header() -> None:
    words = labels(drawn(PARTS.builds["pocket"]))
    header = PiBoardInfo.from_revision(0x902120).headers["J8"]
    for number, pin in header.pins.items():
        ((x, y),) = [place for place, text in words.items() if text == str(number)]
        (name,) = [
            text
            for (at, row), text in words.items()
            if abs(row - y) < 2 and abs(at - x) == 17 and text != str(number)
        ]
        assert name == {"3V3": "3.3 V", "5V": "5 V"}.get(pin.name, pin.name)


def test_a_diagram_warns_of_what_is_confused() -> None:
    for key in ("pocket", "party"):
        text = wiring.diagram(PARTS.builds[key], PARTS, WIRES)
        for words in ("GPIO17 is header pin 11", "not by the order", "NC: stays free", "LED −", "C: white, to LED −"):
            assert words in text


@pytest.mark.parametrize("build", BUILDS, ids=lambda build: build.key)
def test_no_wire_lies_upon_another_or_runs_over_a_pin(build: Build) -> None:
    drawing = drawn(build)
    found = lines_of(drawing)
    pieces: dict[int, list[Segment]] = {}
    for pin, points in found.items():
        pieces[pin] = [(min(pair), max(pair)) for pair in itertools.pairwise(points)]
    for (pin, ours), (other, theirs) in itertools.combinations(pieces.items(), 2):
        assert not [1 for a in ours for b in theirs if lie_upon(a, b)], (pin, other)
    pins = {text: (x, y - 4.5 if y % 1 else y - 4) for (x, y), text in labels(drawing).items() if text.isdigit()}
    assert len(pins) == 40
    for pin, points in found.items():
        for (x1, y1), (x2, y2) in itertools.pairwise(points):
            over = [
                number
                for number, (x, y) in pins.items()
                if number != str(pin)
                and min(x1, x2) - 11 < x < max(x1, x2) + 11
                and min(y1, y2) - 5 < y < max(y1, y2) + 5
            ]
            assert over == [], f"the wire of pin {pin}"


def lie_upon(a: Segment, b: Segment) -> bool:
    """Whether two upright or level lines share more than a point."""
    for axis in (0, 1):
        if a[0][axis] == a[1][axis] == b[0][axis] == b[1][axis]:
            along = 1 - axis
            return min(a[1][along], b[1][along]) > max(a[0][along], b[0][along])
    return False


def test_two_wires_upon_each_other_would_be_seen() -> None:
    assert lie_upon(((0, 0), (0, 9)), ((0, 4), (0, 12)))
    assert not lie_upon(((0, 0), (0, 9)), ((0, 9), (0, 12)))
    assert not lie_upon(((0, 0), (0, 9)), ((0, 4), (5, 4)))


def test_a_part_without_a_drawing_is_told() -> None:
    build = PARTS.builds["pocket"]
    odd = Build(
        build.key, build.name, (*build.pins, "horn"), build.supply, build.hours, build.tools, build.difficulty
    )
    with pytest.raises(TableError, match="no drawing of horn"):
        wiring.diagram(odd, PARTS, WIRES)


def test_the_circuits_values_suit_pin_transistor_and_led() -> None:
    given = circuits.values(PARTS)
    assert given.gain <= circuits.SATURATED_GAIN, "the transistor is wide open"
    pull_up_ohm, base_v, low_v = 50_000.0, 0.65, 0.8  # a base at 0.05 mA; below the last a pin reads low
    on_the_buttons_pin = base_v + (circuits.PIN_V - base_v) / pull_up_ohm * given.base_ohm
    assert on_the_buttons_pin < low_v, "violet on 11 reads as held, as the text says"
    assert given.base_ma <= circuits.PIN_MOST_MA / 4
    assert circuits.LED_LEAST_MA <= given.led_ma <= circuits.LED_MOST_MA
    lamp_ma = (PARTS.part("button-60").ma or {})["idle"]
    assert lamp_ma <= circuits.COLLECTOR_MOST_MA
    assert given.long_ma >= 1, "keeps a contact clean"
    assert given.long_ms * 5 < 5, "shorter than the shortest press that counts"
    assert given.bus_m > 0.3, "the text allows 30 cm"


def test_a_resistor_that_does_not_suit_is_seen() -> None:
    text = (tables.FOLDER / "parts.toml").read_text(encoding="utf-8")
    weak = circuits.values(tables.parts(text.replace('"Resistor 1 kΩ"', '"Resistor 10 kΩ"')))
    assert weak.gain > circuits.SATURATED_GAIN
    assert weak.base_ohm == 10_000


def test_the_diagrams_print_the_values_that_were_computed() -> None:
    text = wiring.diagram(PARTS.builds["party"], PARTS, WIRES)
    given = circuits.values(PARTS)
    for words in (circuits.in_words(given.base_ohm), circuits.in_words(given.led_ohm), f"{given.led_ma:.1f} mA"):
        assert words in text


def test_sheets_name_each_panel_camera_and_supply() -> None:
    text = sheets.panels(WIRES) + sheets.cameras() + sheets.power(PARTS)
    for words in (
        "0.96 inch",
        "1.3 inch",
        "2.42 inch",
        "ssd1309",
        "22 to 15 contacts",
        "Zero 2 W: 1.2 A",
        "5: 2.8 A",
    ):
        assert words in text


def test_pictures_differ_by_a_line_but_not_by_smoothing() -> None:
    picture = Image.new("RGB", (400, 300), "white")
    pen = ImageDraw.Draw(picture)
    pen.line((0, 0, 399, 299), fill="black", width=4)
    assert pictures.looks_alike(picture, picture.point(lambda level: min(255, level + 20)))
    moved = picture.copy()
    ImageDraw.Draw(moved).line((0, 200, 399, 200), fill="black", width=2)
    assert not pictures.looks_alike(picture, moved)
    assert not pictures.looks_alike(picture, picture.crop((0, 0, 399, 300)))


@pytest.mark.process
def test_a_picture_with_another_digit_is_another() -> None:
    """Its pixels alone pass for smoothing: the words are compared too."""
    pytest.importorskip("cairosvg", reason="a changed digit is NOT found: pip install -e '.[hardware]'")
    text = joint_sheets.buttons()
    changed = text.replace("nut ≤ 35", "nut ≤ 36")
    assert changed != text
    stored, made = pictures.png_of(text, 160), pictures.png_of(changed, 160)
    assert pictures.looks_alike(*(Image.open(io.BytesIO(png)) for png in (stored, made)))
    assert not pictures.is_same_picture(stored, made)
    assert pictures.is_same_picture(stored, pictures.png_of(text, 160))


@pytest.mark.process
def test_a_diagram_in_which_a_word_moves_is_another() -> None:
    pytest.importorskip("cairosvg", reason="a moved word is NOT found: pip install -e '.[hardware]'")
    text = joint_sheets.buttons()
    changed = text.replace(">guard ring<", " >guard ring<", 1)
    assert changed != text
    stored, made = (pictures.png_of(each, 160, is_exact=True) for each in (text, changed))
    assert not pictures.is_same_picture(stored, made)
    assert pictures.is_same_picture(stored, pictures.png_of(text, 160, is_exact=True))


@pytest.mark.parametrize("name", [*("buttons", "joints", "panels", "cameras", "power"), *WIRING])
def test_a_stored_picture_is_that_of_its_drawing(name: str) -> None:
    """Without the tools that draw: what a reader sees in the PNG is the SVG."""
    folder = tables.FOLDER / "diagrams"
    drawing = (folder / f"{name}.svg").read_bytes()
    with Image.open(folder / f"{name}.png") as picture:
        assert picture.info["Description"] == pictures.words_of(drawing.decode())
        assert picture.info["Source"] == hashlib.sha256(drawing).hexdigest()


def test_the_buttons_sheet_has_their_sizes_and_terminals() -> None:
    text = joint_sheets.buttons()
    for button in BUTTONS.values():
        for words in (
            f"rim ≤ {button.rim:g}",
            f"nut ≤ {button.nut:g}",
            f"hole {button.hole:g}",
            f"out ≤ {button.out:g}",
            f"depth ≤ {button.depth:g}",
        ):
            assert words in text
    colours = {wire.terminal: wire.colour for wire in WIRES if wire.part in ("button", "light")}
    for words in (f"NO: {colours['NO']}", f"COM: {colours['COM']}", f"lamp +: {colours['LED +']}", "NC: free"):
        assert words in text


def test_the_joints_sheet_has_legs_and_the_clocks_joint() -> None:
    text = joint_sheets.joints(PARTS)
    pins = {wire.terminal: wire.header_pin for wire in WIRES if wire.part in ("light", "panel")}
    for words in (f"pin {pins['emitter']}", f"pin {pins['base']}", f"pin {pins['VCC']}", "to the clock&#x27;s VCC"):
        assert words in text
    assert circuits.in_words(circuits.values(PARTS).base_ohm) in text
    flowing = pictures.words_of(text).replace("\n", " ")
    for words in ("onto brown, white and violet {} of 3.2 mm", "onto violet {} of 5 mm"):
        (tube,) = [
            each
            for each in tables.tubes()
            if each.part == "light"
            and f"{each.wide:g} mm" in words
            and "blade" not in each.over
            and "last" not in each.over
        ]
        assert words.format(f"{tube.long / 10:g} cm") in flowing


@pytest.mark.parametrize(
    "draw", [joint_sheets.buttons, lambda: joint_sheets.joints(PARTS)], ids=["buttons", "joints"]
)
def test_words_of_a_sheet_are_within_it_and_not_upon_another(draw: Callable[[], str]) -> None:
    page = ElementTree.fromstring(draw())  # noqa: S314  (our own)
    _, _, width, height = (float(side) for side in (page.get("viewBox") or "").split())
    boxes = []
    for text in page.iter(f"{SVG}text"):
        x, y, size = (float(text.get(key) or 0) for key in ("x", "y", "font-size"))
        long = len(text.text or "") * size * (0.61 if text.get("font-weight") else 0.53)
        left = {"middle": x - long / 2, "end": x - long}.get(text.get("text-anchor") or "", x)
        assert 0 < left < left + long < width, text.text
        assert size < y < height - 3, text.text
        boxes.append((left, y - 0.7 * size, left + long, y, text.text))
    for a, b in itertools.combinations(boxes, 2):
        assert a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1], (a[4], b[4])
