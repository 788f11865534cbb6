"""The tables of this folder: wires (pins.toml) and parts (parts.toml), read and checked.

A table that contradicts itself is refused with a sentence that names the line's part: TableError.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from piboothup.records import dataclass

FOLDER = Path(__file__).parent.parent
STATES = ("idle", "shooting", "flash", "uploading")
"""What the box does, for the power budget."""
NEEDED = ("panel", "button", "light")
"""Parts whose wires no build leaves out."""


class TableError(ValueError):
    """A table that makes no box, as a sentence."""


@dataclass(frozen=True)
class Wire:
    """A wire from a pin of the header to a terminal of a part."""

    part: str
    terminal: str
    header_pin: int
    line: int | str
    colour: str
    direction: str = ""
    pull: str = ""
    setting: str = ""
    default: int = 0
    note: str = ""
    joints: int = 0

    @property
    def name(self) -> str:
        """Name of the header's pin: "GPIO17", "GND", "3V3", "5V"."""
        return self.line if isinstance(self.line, str) else f"GPIO{self.line}"

    @property
    def volts(self) -> float:
        """What the wire bears at most, V: a pin of the Pi is at 3.3 V."""
        return {"5V": 5.0, "GND": 0.0}.get(str(self.line), 3.3)


@dataclass(frozen=True)
class Tube:
    """Heat-shrink tube over what is soldered for a part, mm."""

    part: str
    over: str
    wide: float
    long: float
    pieces: int

    def of(self, build: Build, table: Parts) -> int:
        """Pieces of it in a build, all options among them."""
        return self.pieces if self.part in {*build.pins, *(part.key for part in table.of(build.key))} else 0


@dataclass(frozen=True)
class Part:
    """A part to buy."""

    key: str
    name: str
    spec: str
    price_eur: float
    quantity: Mapping[str, int]
    substitutes: str = ""
    optional: bool = False
    instead_of: str = ""
    rail: str = ""
    ma: Mapping[str, int] | None = None
    source: str = ""
    holds: int = 0
    fastener: str = ""


@dataclass(frozen=True)
class Build:
    """A box to build."""

    key: str
    name: str
    pins: tuple[str, ...]
    supply: tuple[str, ...]
    hours: str
    tools: str
    difficulty: str


@dataclass(frozen=True)
class Parts:
    """The table of parts."""

    priced: str
    margin: float
    builds: Mapping[str, Build]
    parts: tuple[Part, ...]

    def of(self, build: str) -> tuple[Part, ...]:
        """Parts of a build, without those that may take another's place."""
        return tuple(part for part in self.parts if part.quantity.get(build) and not part.instead_of)

    def part(self, key: str) -> Part:
        """The part of this key. Raises TableError."""
        for part in self.parts:
            if part.key == key:
                return part
        raise TableError(f"parts.toml: no part has the key {key}.")


def wires(text: str | None = None) -> tuple[Wire, ...]:
    """The wires. Raises TableError for one that lacks a value, and for a pin that is used twice."""
    read = [
        _made(Wire, entry, f"pins.toml: the wire of {entry.get('part', '?')} {entry.get('terminal', '')}")
        for entry in _toml(FOLDER / "pins.toml", text)["wire"]
    ]
    used: dict[int, Wire] = {}
    for wire in read:
        if (other := used.setdefault(wire.header_pin, wire)) is not wire:
            raise TableError(
                f"pins.toml: header pin {wire.header_pin} is used twice, "
                f"by {other.part} {other.terminal} and by {wire.part} {wire.terminal}."
            )
    lines: dict[int, Wire] = {}
    for wire in read:
        if isinstance(wire.line, int) and (other := lines.setdefault(wire.line, wire)) is not wire:
            raise TableError(f"pins.toml: {wire.name} is used twice, by {other.part} and by {wire.part}.")
    return tuple(read)


def tubes() -> tuple[Tube, ...]:
    """The heat-shrink tube over each joint."""
    return tuple(_made(Tube, entry, "pins.toml: a tube") for entry in _toml(FOLDER / "pins.toml", None)["tube"])


def joints(build: Build, table: Parts) -> tuple[int, int]:
    """Places that are soldered in a build: those that must be, and those of its options."""
    listed = _toml(FOLDER / "pins.toml", None)
    counts = [0, 0]
    for entry in (*listed["wire"], *listed["between"]):
        if entry["part"] in build.pins:
            counts[entry["part"] not in NEEDED] += entry.get("joints", 0)
    bought = {part.key for part in table.of(build.key)}
    counts[1] += sum(entry["joints"] for entry in listed["joined"] if entry["part"] in bought)
    return counts[0], counts[1]


def parts(text: str | None = None) -> Parts:
    """The parts. Raises TableError for an unknown build, state or part, and for a key that is used twice."""
    table = _toml(FOLDER / "parts.toml", text)
    builds = {
        key: _made(
            Build,
            {"key": key, **entry, "pins": tuple(entry["pins"]), "supply": tuple(entry["supply"])},
            f"build {key}",
        )
        for key, entry in table["builds"].items()
    }
    read = tuple(_made(Part, entry, f"parts.toml: {entry.get('key', '?')}") for entry in table["part"])
    keys = [part.key for part in read]
    for part in read:
        if keys.count(part.key) > 1:
            raise TableError(f"parts.toml: the key {part.key} is used twice.")
        _known(part.quantity, builds, f"parts.toml: {part.key} is for a build that is none")
        _known(part.ma or {}, STATES, f"parts.toml: {part.key} takes current in a state that is none")
        _known([part.instead_of] if part.instead_of else [], keys, f"parts.toml: {part.key} takes an unknown place")
    return Parts(table["priced"], table["margin"], builds, read)


def _known(names: Iterable[str], allowed: Iterable[str], sentence: str) -> None:
    for name in names:
        if name not in set(allowed):
            raise TableError(f"{sentence}: {name}.")


def _toml(path: Path, text: str | None) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8") if text is None else text)
    except tomllib.TOMLDecodeError as error:
        raise TableError(f"{path.name}: {error}.") from None


def _made(kind: type, entry: Mapping[str, Any], name: str) -> Any:
    try:
        return kind(**entry)
    except TypeError as error:
        raise TableError(f"{name} lacks, or can't have: {str(error).rpartition('wrong: ')[2].rstrip('.')}.") from None
