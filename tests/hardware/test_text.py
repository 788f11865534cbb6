"""hardware/README.md: what it shows is there, and what doctor is said to say is what doctor can say."""

from __future__ import annotations

import math
import re
import tomllib
from pathlib import Path

import pytest
from gpiozero.pins.pi import PiBoardInfo
from PIL import Image

from hardware.make import tables
from hardware.make.case import layout, reach
from hardware.make.case.devices import BUTTONS, CAMERAS, PANELS
from hardware.make.drawings import cards
from hardware.make.tables import FOLDER, TableError
from piboothup import health
from piboothup.booth.panel.i18n import texts
from piboothup.config import Config, parse
from piboothup.problems import problem

TEXT = (FOLDER / "README.md").read_text(encoding="utf-8")
ROOT = FOLDER.parent
CARE = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "piboothup/care").glob("*.py"))


def section(name: str) -> str:
    return TEXT.partition(f"\n## {name}\n")[2].partition("\n## ")[0]


def test_each_picture_and_file_that_the_text_names_is_here() -> None:
    paths = re.findall(r"\]\(([^)#:]+)", TEXT)
    assert len(paths) > 40
    assert [path for path in paths if not (FOLDER / path).exists()] == []


@pytest.mark.parametrize("folder", ["pictures", "diagrams", "case", "cards", "bill"])
def test_each_thing_that_is_made_is_shown_or_linked(folder: str) -> None:
    """A diagram as SVG or as PNG, a card as PDF."""
    named = {path.rsplit(".", 1)[0] for path in re.findall(rf"\]\(({folder}/[^)]+)", TEXT)}
    made = {path.relative_to(FOLDER).as_posix().rsplit(".", 1)[0] for path in (FOLDER / folder).iterdir()}
    assert made - named == set()


def test_what_doctor_is_said_to_say_is_what_it_says() -> None:
    said = set(re.findall(r'"([a-z+-]+): ([^"]+)"', TEXT)) - {("the panel (washer) reaches", "")}
    assert {check for check, _ in said} >= {"camera", "panel", "button", "light", "pins"}
    checks = {check.value for check in health.Check}
    for check, words in said:
        assert check in checks, check
        assert words.partition(", ")[0] in CARE, words
        if check == "panel":
            assert words.partition(", ")[2] in ("sh1106", "ssd1309", "ssd1306")


def test_what_goes_wrong_has_each_sentence_about_wires() -> None:
    """What doctor finds of devices and pins, what the booth reports of them, and the ready check's of the button."""
    source = "".join((ROOT / f"piboothup/care/{name}.py").read_text(encoding="utf-8") for name in ("devices", "pins"))
    found = {*re.findall(r'found\("(\w+)"', source), "light_missing", "buzzer_missing", "button_silent"}
    assert len(found) > 15
    (table,) = re.findall(r"\| `doctor` says \| Look at \|\n\|---\|---\|\n((?:\|.*\n)+)", section("What goes wrong"))
    told = {row.split("|")[1].strip() for row in table.splitlines()}
    assert told == {problem(code).sentence for code in found}


def test_pins_beside_one_are_its_neighbours_on_the_header() -> None:
    beside = re.findall(r"not on (\d+) \(([\d, and]+?) are beside it[;)]", section("What goes wrong"))
    assert {int(pin) for pin, _ in beside} == {9, 11, 13, 14, 16, 18, 22, 34}
    for pin, named in beside:
        number = int(pin)
        across = number + 1 if number % 2 else number - 1
        neighbours = {number - 2, number + 2, across}
        assert {int(other) for other in re.findall(r"\d+", named)} <= neighbours


def test_wires_that_the_text_names_have_their_colour_and_pin() -> None:
    """ "green not on 11": each as in pins.toml."""
    table = {wire.header_pin: wire.colour for wire in tables.wires()}
    named = re.findall(r"\b([a-z]+) not on (\d+)", section("What goes wrong"))
    assert len(named) >= 9
    assert [(colour, pin) for colour, pin in named if table[int(pin)] != colour] == []


def test_what_the_software_wants_in_the_config_is_a_config(tmp_path: Path) -> None:
    shown = re.findall(r"```toml\n(.*?)```", section("The software"), re.DOTALL)
    assert len(shown) == 2
    config = tomllib.loads("".join(shown))
    wired = {wire.setting: wire.line for wire in tables.wires() if wire.setting}
    assert {f"light.{key}": pin for key, pin in config["light"].items()}.items() <= wired.items()
    assert config["panel"]["driver"] == "sh1106"
    path = tmp_path / "config.toml"
    path.write_text("config_version = 1\n" + "".join(shown), encoding="utf-8")
    assert parse(path.read_text(encoding="utf-8"), path)[1] == []


def test_nobody_says_that_doctor_sees_a_wire() -> None:
    assert "can't see a wire on a wrong pin" in section("The pins").replace("\n", " ")
    assert "which wire" not in TEXT


def test_settings_that_the_text_names_exist() -> None:
    config = Config()
    named = set(re.findall(r"`(panel|light|camera|button)\.([a-z_]+)\b", TEXT))
    assert ("light", "lens_pin") in named
    assert [(table, key) for table, key in named if not hasattr(getattr(config, table), key)] == []


def test_shell_lines_are_ones_that_the_gate_runs() -> None:
    gate = (ROOT / ".ci/run").read_text(encoding="utf-8")
    lines = [line for block in re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL) for line in block.splitlines()]
    assert lines
    assert [line for line in lines if line not in gate] == []


@pytest.mark.parametrize("build", ["pocket", "party"])
def test_each_step_has_a_check_and_each_picture_is_in_its_step(build: str) -> None:
    steps = re.split(r"\n(?=\d\. )", section(f"{tables.parts().builds[build].name}, step by step"))[1:]
    assert [int(step[0]) for step in steps] == list(range(1, 10))
    for step in steps:
        assert "*Check:*" in step or "look" in step
        for number in re.findall(rf"pictures/{build}-step-(\d)", step):
            assert step[0] == number


def test_the_widths_of_the_picture_are_those_of_the_cameras() -> None:
    (row,) = re.findall(r"\| 1.5 m \| ([\d.]+) m: .*?\| ([\d.]+) m: ", TEXT)
    for shown, camera in zip(row, CAMERAS.values(), strict=True):
        assert float(shown) == pytest.approx(3 * math.tan(math.radians(camera.view_deg / 2)), abs=0.06)


def test_the_example_of_what_does_not_fit_is_what_is_told() -> None:
    text = (FOLDER / "case.toml").read_text(encoding="utf-8").replace('panels = ["0.96", "1.3"]', 'panels = ["2.42"]')
    (example,) = re.findall(r'as "(the panel \(washer\)[^"]+)"', TEXT.replace("\n", " "))
    with pytest.raises(TableError, match=re.escape(example)):
        layout.layouts(text)


def test_the_licence_of_the_hardware_is_named() -> None:
    assert "Licence of the hardware" in TEXT
    assert "MIT License" in (ROOT / "LICENSE").read_text(encoding="utf-8")


@pytest.mark.parametrize("code", ["button_missing", "light_missing", "buzzer_missing"])
def test_card_table_and_status_say_the_same_of_a_pin(code: str) -> None:
    """None of the three can see a wire: what is missing is a pin that can't be opened."""
    (row,) = [row for row in TEXT.splitlines() if row.startswith(f"| {problem(code).sentence} |")]
    assert "can't be opened: the line says why. Its wires are not what is meant" in row
    assert problem(code).remedy.startswith("Its pin can't be opened: `sudo piboothup doctor` says why.")
    rows = cards._lines(texts("en"), cards._words("en")["remedies"])
    (card,) = [remedy for codes, _, remedy in rows if codes == code]
    assert card.endswith("pin can't be opened: see doctor.")


def test_sizes_in_the_text_are_those_that_the_cases_are_made_for() -> None:
    table = section("What to buy").partition("### Does the button fit?")[2]
    for button in BUTTONS.values():
        most = f"rim {button.rim:g}, nut {button.nut:g}, out of the front {button.out:g}, "
        assert f"hole {button.hole:g}; at most: {most}" in table
        assert f"to the soldered ends {button.depth:g} |" in table
    assert f"guard ring is {layout.GUARD_OVER:g} mm higher than the most that a button may stand out" in table
    leeway = f"± {layout.plate_leeway():g}"
    for panel in PANELS.values():
        assert f"| OLED panel {panel.name} | plate {panel.width:g} {leeway} x {panel.height:g} {leeway} x " in table
        assert f", {panel.view[1]:g} above the plate's lower edge |" in table
    assert f"up to {layout.plate_leeway():g} mm smaller or larger, in width or in height, still fits" in table
    assert {f"begin {case.can.gap:g} mm\nhigher" in table for case in layout.layouts()} == {True}, "the ribs' gap"


def test_the_pictures_order_of_the_cable_is_the_texts() -> None:
    """The end in the socket comes first; the numbers are places on the cable."""
    for name in ("Pocket booth", "Party box"):
        (step,) = re.findall(r"\n8\. (.*?)\n9\. ", section(f"{name}, step by step"), re.DOTALL)
        step = re.sub(r"\s+", " ", step)
        places = [step.index(words) for words in ("irst the cable", "(1)", "(2)", "(3;", "(4)", "in the socket (5)")]
        assert places == sorted(places)


def test_the_clone_and_where_the_tools_are_is_told() -> None:
    """In this order: a list of packages, git, the clone, its folder; and where `.venv` is."""
    steps = section("The software")
    places = [
        steps.index(words) for words in ("`apt update`", "`apt install git`", "`git clone ADDRESS", "`cd piboothup`")
    ]
    assert places == sorted(places)
    assert "host name" in steps
    assert "*Check:*" in steps
    assert "`python3 -m venv .venv`" in section("Make it anew")


def test_pins_that_a_press_would_short_are_the_headers_supplies() -> None:
    """A button between a supply and GND does not do nothing: it switches the box off."""
    header = PiBoardInfo.from_revision(0x902120).headers["J8"]
    (row,) = re.findall(r"\| the box goes dark or restarts at a press \|(.*)\|", section("What goes wrong"))
    told = re.search(r"header pin (\d+) or (\d+), which are 3\.3 V .* or on (\d+) or (\d+), which are 5 V", row)
    assert told is not None
    pins = {name: {pin for pin, what in header.pins.items() if what.name == name} for name in ("3V3", "5V")}
    assert {int(told[1]), int(told[2])} == pins["3V3"]
    assert {int(told[3]), int(told[4])} == pins["5V"]


def test_places_in_the_text_are_the_models() -> None:
    """Keyholes, the tripod's nut, the transistor, and the white wire to it."""
    flat = TEXT.replace("\n", " ")
    cases = {case.key: case for case in layout.layouts()}
    apart = {key: case.given.keyhole[1][0] - case.given.keyhole[0][0] for key, case in cases.items()}
    assert f"{apart['pocket']:g} mm apart, for the party box {apart['party']:g}" in flat
    for key, words in (("pocket", "a corner first, {} mm deep"), ("party", "the tripod's nut ({} mm deep)")):
        case = cases[key]
        corner = case.given.nut_z + layout.NUT_FLATS / 2 / math.cos(math.pi / 6)
        assert re.sub(r" +", " ", words.format(round(layout.nut_block(case)[5] - corner))) in re.sub(r" +", " ", flat)
    steps = re.sub(r" +", " ", flat)
    assert f"{layout.TRANSISTOR_DEEP / 10:g} cm below the wall's edge, its legs towards the camera" in steps
    assert f"white, {reach.WHITE_MM / 10:g} cm of it" in flat


def test_inserts_have_their_heat_where_they_are_set() -> None:
    for name in ("Pocket booth", "Party box"):
        assert "220 °C" in section(f"{name}, step by step").partition("\n2. ")[0]
    assert all("220 °C" in build.tools for build in tables.parts().builds.values() if build.key != "desk")


@pytest.mark.parametrize("build", ["pocket", "party"])
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("step-5-button", "wires not drawn"),
        ("step-7-wires", "camera's cable not drawn"),
        ("step-9-close", "cables and wires not drawn"),
        ("exploded", "cables and wires not drawn"),
        ("parts", "optional"),
        ("parts", "coupon"),
        ("printed", "coupon: M2.5"),
    ],
)
def test_a_picture_says_what_it_leaves_out_and_names(build: str, name: str, words: str) -> None:
    with Image.open(FOLDER / f"pictures/{build}-{name}.png") as picture:
        assert words in picture.info["Description"]


def test_tubes_are_warmed_in_an_order_that_works() -> None:
    """Three tubes of 3.2 mm do not go into one of 5 mm until they have shrunk: the outer one is the last."""
    wires = section("The wires").replace("\n", " ")
    places = [wires.index(words) for words in ("After the check of step 5 warm", "only then the last one goes over")]
    assert places == sorted(places)
    wide = {each.wide for each in tables.tubes() if each.part == "light"}
    wall_mm, wire_mm, around_three = 0.2, 1.3, 1 + 2 / math.sqrt(3)
    loose, warmed = min(wide) + 2 * wall_mm, wire_mm + 4 * wall_mm
    assert around_three * warmed < max(wide) < around_three * loose


@pytest.mark.parametrize("name", ["Pocket booth", "Party box"])
def test_the_wires_step_says_how_to_see_the_face(name: str) -> None:
    """Its checks are of panel and button, which the table has under it. That the wires reach: test_reach.py."""
    (step,) = re.findall(r"\n7\. (.*?)\n8\. ", section(f"{name}, step by step"), re.DOTALL)
    assert re.search(
        r"set (the box on that side, its opening to the lid|on its side to look)", re.sub(r"\s+", " ", step)
    )
