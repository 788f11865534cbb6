"""What this folder's command makes: each product with its place, how it is made, and when it counts as the same.

A text is the same when its characters are. A picture or a page of a PDF is the same when its pixels are, but for the
smoothing of edges; a solid when volume, extent and the number of its holes are: the bytes of these change with the
tools' versions.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial

from hardware.make import bill, pictures, sheets, wiring
from hardware.make.tables import FOLDER, Parts, parts, wires
from piboothup.records import dataclass


@dataclass(frozen=True)
class Product:
    """A file of this folder that is made. `needs`: the modules that must be there."""

    path: str
    make: Callable[[], bytes]
    is_same: Callable[[bytes, bytes], bool]
    needs: tuple[str, ...] = ()


def products() -> Iterator[Product]:
    """Everything that is made, what needs no tools first."""
    table, wired = parts(), wires()
    for key in table.builds:
        yield _text(f"bill/{key}.csv", partial(bill.as_csv, table, key))
    yield _text("README.md", lambda: with_blocks((FOLDER / "README.md").read_text(encoding="utf-8"), blocks(table)))
    drawings: dict[str, Callable[[], str]] = {
        "panels": partial(sheets.panels, wired),
        "cameras": sheets.cameras,
        "power": partial(sheets.power, table),
    }
    for build in table.builds.values():
        drawings[f"wiring-{build.key}"] = partial(wiring.diagram, build, table, wired)
    for name, draw in drawings.items():
        yield _text(f"diagrams/{name}.svg", draw)
    for name, draw in drawings.items():
        yield _picture(f"diagrams/{name}.png", draw)


def blocks(table: Parts) -> dict[str, str]:
    """Parts of the text that are made, by name."""
    return {
        "budget": bill.budget_table(table),
        **{f"bill {build}": bill.as_table(table, build) for build in table.builds},
        **{f"build {key}": _about(table, key) for key in table.builds},
    }


def with_blocks(text: str, made: dict[str, str]) -> str:
    """The text with each block that is marked in it made anew. Raises KeyError for an unknown name."""

    def block(found: re.Match[str]) -> str:
        return f"<!-- made: {found[1]} -->\n{made[found[1]]}<!-- /made -->"

    return re.sub(r"<!-- made: ([\w -]+?) -->\n.*?<!-- /made -->", block, text, flags=re.DOTALL)


def _about(table: Parts, key: str) -> str:
    build = table.builds[key]
    must, may = bill.cost(table, key)
    cost = f"about {must:.0f} €" + (f", with all options {must + may:.0f} €" if may else "")
    rows = (("Time", build.hours), ("Tools", build.tools), ("Cost", cost), ("Difficulty", build.difficulty))
    return "| | |\n|---|---|\n" + "".join(f"| {name} | {told} |\n" for name, told in rows)


def _text(path: str, make: Callable[[], str]) -> Product:
    return Product(path, lambda: make().encode(), bytes.__eq__)


def _picture(path: str, draw: Callable[[], str]) -> Product:
    return Product(path, lambda: pictures.png_of(draw()), pictures.is_same_picture, ("cairosvg",))
