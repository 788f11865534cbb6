"""hardware/pins.toml, the list of every wire, against all that speaks of wires.

The headers of the boards (as gpiozero knows them), the config's defaults and how the code opens each pin, doctor's
tables, the package's config, and the table of hardware/README.md.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import tomli
from gpiozero.pins.mock import MockFactory, MockPWMPin
from gpiozero.pins.pi import PiBoardInfo

from hardware.make.tables import wires
from piboothup.booth.gpio.button import GpioButton
from piboothup.booth.gpio.buzzer import GpioBuzzer
from piboothup.booth.gpio.led import GpioLight
from piboothup.care.pins import HEADER_PINS, WIRED
from piboothup.clock import SystemClock
from piboothup.config import ButtonConfig, Config, LightConfig

HARDWARE = Path(__file__).parent.parent.parent / "hardware"
BOARD_REVISIONS = {"Zero 2 W": 0x902120, "3 Model A+": 0x9020E0, "4 Model B": 0xC03111, "5": 0xC04170}
LOW_AT_POWER_ON = range(9, 28)  # the kernel finds BCM 0 to 8 pulled up, the others pulled down


WIRES = wires()
SETTINGS = {wire.setting: wire for wire in WIRES if wire.setting}


@dataclass(frozen=True)
class Row:
    """A row of the README's table."""

    part: str
    terminal: str
    header_pin: int
    name: str
    colour: str
    setting: str  # "button.pin = 17", or ""
    remark: str


def pin_table() -> list[Row]:
    """The rows of the one table whose head names header pins."""
    lines = (HARDWARE / "README.md").read_text(encoding="utf-8").splitlines()
    heads = [number for number, line in enumerate(lines) if "| Header pin |" in line]
    assert len(heads) == 1, "there is one pin table"
    rows = []
    for line in lines[heads[0] + 2 :]:
        if not line.startswith("|"):
            break
        part, terminal, header_pin, name, colour, setting = (cell.strip() for cell in line.strip("|").split("|"))
        if header_pin == "none":
            continue
        code, _, remark = setting.removeprefix("`").partition("`")
        rows.append(Row(part, terminal, int(header_pin), name, colour, code, remark))
    return rows


def default_of(key: str) -> Any:
    value: Any = Config()
    for name in key.split("."):
        value = getattr(value, name)
    return value


def test_the_tables_rows_are_the_lists_wires() -> None:
    rows = pin_table()
    assert [(row.header_pin, row.name, row.colour) for row in rows] == [
        (wire.header_pin, wire.name, wire.colour) for wire in WIRES
    ]
    for row, wire in zip(rows, WIRES, strict=True):
        assert row.part.lower().removesuffix(" (optional)") == wire.part
        assert wire.terminal.removeprefix("the ") in row.terminal
        setting = tomli.loads(row.setting)
        for name in wire.setting.split(".") if wire.setting else ():
            setting = setting[name]
        assert setting == (wire.default if wire.setting else {})
        assert row.remark == (f" (none); write {wire.line}" if wire.setting and wire.default == 0 else "")


def test_wires_from_part_to_part_are_in_the_table_too() -> None:
    listed = tomli.loads((HARDWARE / "pins.toml").read_text(encoding="utf-8"))["between"]
    text = (HARDWARE / "README.md").read_text(encoding="utf-8")
    assert [wire["terminal"] for wire in listed] == ["LED −"]
    for wire in listed:
        ends = f"{wire['terminal']}, to the transistor's {wire['to']}"
        assert f"| {wire['part'].capitalize()} | {ends} | none | | {wire['colour']} |" in text


def test_the_wires_that_may_change_places_are_both_ground() -> None:
    text = (HARDWARE / "README.md").read_text(encoding="utf-8").replace("\n", " ")
    (first, second) = re.findall(r"two brown wires of button and light may change places: (\d+) and (\d+)", text)[0]
    found = {wire.header_pin: wire for wire in WIRES}
    assert {(found[int(pin)].name, found[int(pin)].colour) for pin in (first, second)} == {("GND", "brown")}


@pytest.mark.parametrize("board", BOARD_REVISIONS)
def test_every_header_pin_is_what_the_list_says_on(board: str) -> None:
    header = PiBoardInfo.from_revision(BOARD_REVISIONS[board]).headers["J8"]
    assert {wire.header_pin: wire.name for wire in WIRES} == {
        wire.header_pin: header.pins[wire.header_pin].name for wire in WIRES
    }
    assert {f"GPIO{line}": pin for line, pin in HEADER_PINS.items()} == {
        pin.name: number for number, pin in header.pins.items() if pin.name.startswith("GPIO")
    }


@pytest.mark.parametrize("board", BOARD_REVISIONS)
def test_the_panels_two_wires_are_an_i2c_bus_on(board: str) -> None:
    header = PiBoardInfo.from_revision(BOARD_REVISIONS[board]).headers["J8"]
    bus = [wire for wire in WIRES if wire.direction == "bus"]
    assert [(wire.part, wire.line) for wire in bus] == [("panel", 2), ("panel", 3)]
    assert all("i2c" in header.pins[wire.header_pin].interfaces for wire in bus)
    assert {header.pins[wire.header_pin].pull for wire in bus} == {"up"}, "soldered on the board"


def test_the_boards_to_buy_are_the_boards_checked_here() -> None:
    text = (HARDWARE / "README.md").read_text(encoding="utf-8")
    (table,) = re.findall(r"\| Board \|.*\n\|[-|]+\n((?:\|.*\n)+)", text)
    assert [row.split("|")[1].strip() for row in table.splitlines()] == list(BOARD_REVISIONS)


@pytest.mark.parametrize("key", SETTINGS)
def test_the_list_states_the_configs_default_of(key: str) -> None:
    assert default_of(key) == SETTINGS[key].default


def test_every_pin_of_the_config_is_in_the_list() -> None:
    keys = {f"{table}.{key}" for table in ("button", "light") for key in vars(default_of(table)) if "pin" in key}
    assert keys == {key for key in SETTINGS if key.endswith("pin")}


def test_a_pin_is_its_own_default_or_none() -> None:
    pins = [wire for key, wire in SETTINGS.items() if key.endswith("pin")]
    assert all(wire.default in (0, wire.line) for wire in pins)
    assert [wire.part for wire in pins if wire.default] == ["button", "light"]


def test_the_packages_config_shows_no_other_pin() -> None:
    text = (HARDWARE.parent / "systemd/package/usr/share/piboothup/config.toml").read_text(encoding="utf-8")
    shown = tomli.loads(re.sub(r"^#(?=[a-z0-9_]+ = )", "", text, flags=re.MULTILINE))
    pins = {
        f"{table}.{key}": value
        for table, settings in shown.items()
        if isinstance(settings, dict)
        for key, value in settings.items()
        if f"{table}.{key}" in SETTINGS
    }
    assert pins.keys() >= {"light.flash_pin", "light.lens_pin", "light.buzzer_pin"}
    assert pins == {key: SETTINGS[key].default for key in pins}


def test_doctors_table_is_the_list() -> None:
    names = {("panel", "SDA"): "panel's data", ("panel", "SCL"): "panel's clock"}
    assert {names.get((wire.part, wire.terminal), wire.setting): wire.line for wire in SETTINGS.values()} == WIRED


def test_the_code_opens_each_pin_as_the_list_says() -> None:
    """By gpiozero's real devices on mock pins."""
    factory = MockFactory(pin_class=MockPWMPin)
    light = LightConfig(flash_pin=23, lens_pin=25, buzzer_pin=24)
    lights = GpioLight(light, factory)
    devices = [
        GpioButton(ButtonConfig(), SystemClock(), factory)._line,
        *(lights._led, lights._flash, lights._lens),
        GpioBuzzer(light, factory)._line,
    ]
    for device in devices:
        device.open()
        wire = next(wire for wire in WIRES if wire.line == device.pin)
        pin = factory.pin(device.pin)
        assert pin.function == {"in": "input", "out": "output"}[wire.direction]
        assert wire.pull != "up" or pin.pull == "up"
        device.close()
    assert sorted(device.pin for device in devices) == [17, 23, 24, 25, 27]


def test_no_header_pin_has_two_wires() -> None:
    pins = [wire.header_pin for wire in WIRES]
    assert len(pins) == len(set(pins))


def test_what_the_pi_drives_is_dark_and_silent_while_it_starts() -> None:
    driven = [wire for wire in WIRES if wire.direction == "out"]
    assert [wire.part for wire in driven] == ["light", "flash", "lens light", "buzzer"]
    assert all(wire.line in LOW_AT_POWER_ON for wire in driven)
