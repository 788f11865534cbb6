"""The table of cases (case.toml): what a printer can do, the sizes, and what somebody measured on a device."""

from __future__ import annotations

import tomllib
from typing import Any

from hardware.make.case.devices import BUTTONS, PANELS, Button, Panel
from hardware.make.tables import FOLDER, TableError
from piboothup.records import dataclass, replace


class CaseError(TableError):
    """Parameters that make no case, as a sentence with the dimension that fails."""


@dataclass(frozen=True)
class Print:
    """What a printer can do."""

    wall: float
    thin: float
    least: float
    gap: float
    bed: float
    bridge: float
    corner: float
    screw_hole: float
    """Added to the holes that screws cut their thread in, and `insert_hole` to those of inserts."""
    insert_hole: float


@dataclass(frozen=True)
class Parameters:
    """A case of case.toml."""

    width: float
    height: float
    depth: float
    board: str
    button: str
    panels: list[str]
    cameras: list[str]
    lens_y: float
    panel_y: float
    button_y: float
    board_x: float
    board_y: float
    keyhole: list[list[float]]
    exits: list[float]
    nut_z: float
    lens_light: bool
    extras: dict[str, list[float]]


def read(text: str | None = None) -> tuple[Print, dict[str, Parameters], dict[str, Panel], dict[str, Button]]:
    """What a printer can do, the cases, and the panels and buttons for them. Raises CaseError."""
    path = FOLDER / "case.toml"
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8") if text is None else text)
        cases = {key: Parameters(**entry) for key, entry in table["case"].items()}
        panels = _measured(PANELS, table.get("panel", {}))
        return Print(**table["print"]), cases, panels, _measured(BUTTONS, table.get("button", {}))
    except (tomllib.TOMLDecodeError, TypeError, KeyError) as error:
        raise CaseError(f"case.toml: {error}.") from None


def _measured(known: dict[str, Any], own: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The known devices, with what somebody has measured on theirs. Raises KeyError, TypeError."""
    return known | {name: replace(known[name], **sizes) for name, sizes in own.items()}
