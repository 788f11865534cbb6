"""The pin table of hardware/README.md against what it speaks of: the header of the boards it names (as gpiozero knows
them), the config's defaults, and the wires of the drawing beside it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import tomli
from gpiozero.pins.pi import PiBoardInfo

from piboothup.config import Config

HARDWARE = Path(__file__).parent.parent / "hardware"
BOARD_REVISIONS = {"Zero 2 W": 0x902120, "3 Model A+": 0x9020E0, "4 Model B": 0xC03111, "5": 0xC04170}
LOW_AT_POWER_ON = range(9, 28)  # the kernel finds BCM 0 to 8 pulled up, the others pulled down


@dataclass(frozen=True)
class Wire:
    """One row of the pin table."""

    part: str
    header_pin: int
    name: str  # "GPIO17", "GND", "3V3", "5V"
    setting: str  # "button.pin = 17", or ""
    remark: str

    @property
    def bcm(self) -> int:
        """The number that the config uses."""
        return int(self.name.removeprefix("GPIO"))


def pin_table() -> list[Wire]:
    """The rows of the one table whose head names header pins."""
    lines = (HARDWARE / "README.md").read_text(encoding="utf-8").splitlines()
    heads = [number for number, line in enumerate(lines) if "| Header pin |" in line]
    assert len(heads) == 1, "there is one pin table"
    wires = []
    for line in lines[heads[0] + 2 :]:
        if not line.startswith("|"):
            break
        part, _terminal, header_pin, name, setting = (cell.strip() for cell in line.strip("|").split("|"))
        code, _, remark = setting.removeprefix("`").partition("`")
        wires.append(Wire(part, int(header_pin), name, code, remark))
    return wires


def settings() -> dict[str, Wire]:
    return {wire.setting.split(" = ")[0]: wire for wire in pin_table() if wire.setting}


def default_of(key: str) -> Any:
    value: Any = Config()
    for name in key.split("."):
        value = getattr(value, name)
    return value


def value_of(wire: Wire) -> Any:
    value: Any = tomli.loads(wire.setting)
    while isinstance(value, dict):
        (value,) = value.values()
    return value


@pytest.mark.parametrize("board", BOARD_REVISIONS)
def test_every_header_pin_is_what_the_table_says_on(board: str) -> None:
    header = PiBoardInfo.from_revision(BOARD_REVISIONS[board]).headers["J8"]
    assert {wire.header_pin: wire.name for wire in pin_table()} == {
        wire.header_pin: header.pins[wire.header_pin].name for wire in pin_table()
    }


@pytest.mark.parametrize("board", BOARD_REVISIONS)
def test_the_panels_two_wires_are_an_i2c_bus_on(board: str) -> None:
    header = PiBoardInfo.from_revision(BOARD_REVISIONS[board]).headers["J8"]
    panel = [wire for wire in pin_table() if wire.part == "Panel" and wire.name.startswith("GPIO")]
    assert [wire.bcm for wire in panel] == [2, 3]
    assert all("i2c" in header.pins[wire.header_pin].interfaces for wire in panel)


def test_the_boards_to_buy_are_the_boards_checked_here() -> None:
    text = (HARDWARE / "README.md").read_text(encoding="utf-8")
    (table,) = re.findall(r"\| Board \|.*\n\|[-|]+\n((?:\|.*\n)+)", text)
    assert [row.split("|")[1].strip() for row in table.splitlines()] == list(BOARD_REVISIONS)


@pytest.mark.parametrize(
    "key",
    ["panel.i2c_port", "panel.address", "button.pin", "light.led_pin", "light.flash_pin", "light.buzzer_pin"],
)
def test_the_table_states_the_configs_default_of(key: str) -> None:
    assert value_of(settings()[key]) == default_of(key)


@pytest.mark.parametrize("key", ["button.pin", "light.led_pin"])
def test_who_wires_by_the_table_need_not_touch_the_config_for(key: str) -> None:
    assert settings()[key].bcm == default_of(key)


@pytest.mark.parametrize("key", ["light.flash_pin", "light.buzzer_pin"])
def test_optional_part_is_off_and_its_row_says_what_to_write(key: str) -> None:
    wire = settings()[key]
    assert wire.remark == f" (none); write {wire.bcm}"


def test_no_header_pin_has_two_wires() -> None:
    pins = [wire.header_pin for wire in pin_table()]
    assert len(pins) == len(set(pins))


def test_what_the_pi_drives_is_dark_and_silent_while_it_starts() -> None:
    driven = [wire for key, wire in settings().items() if key.startswith("light.")]
    assert len(driven) == 3
    assert all(wire.bcm in LOW_AT_POWER_ON for wire in driven)


def test_drawing_has_wires_of_table_each_beginning_at_its_pin() -> None:
    namespace = "{http://www.w3.org/2000/svg}"
    drawing = ElementTree.parse(HARDWARE / "wiring.svg").getroot()  # noqa: S314  (our own file)
    printed = {
        (label.get("x"), int(label.get("y") or 0) - 4): label.text for label in drawing.iter(f"{namespace}text")
    }
    drawn = set()
    for path in drawing.iter(f"{namespace}path"):
        if wire_id := path.get("id"):
            begin = re.match(r"M(\d+) (\d+) ", path.get("d") or "")
            assert begin is not None
            assert f"wire-{printed[begin[1], int(begin[2])]}" == wire_id
            part, name = re.split(r" .*, ", path.findtext(f"{namespace}title") or "")
            drawn.add((part, int(wire_id.removeprefix("wire-")), name))
    assert drawn == {
        (wire.part.lower(), wire.header_pin, wire.name) for wire in pin_table() if "optional" not in wire.part
    }
