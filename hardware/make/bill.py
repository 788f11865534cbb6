"""Bills and power budgets, of the table of parts alone.

A budget adds what hangs on each rail in each state, for each computer that a build may have; the supply must give
`margin` times the most of it.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from hardware.make.tables import STATES, Part, Parts, TableError
from piboothup.records import dataclass

_HEAD = ("key", "part", "specification", "quantity", "optional", "substitutes", "price_eur", "sum_eur", "priced")


@dataclass(frozen=True)
class Budget:
    """What a build takes from one of its supplies, mA."""

    build: str
    computer: str
    supply: Part
    rail: str
    takes: dict[str, int]
    asks_for: int
    """What the supply must give, mA: the most of `takes`, with the margin, rounded up to 100."""


def as_csv(table: Parts, build: str) -> str:
    """The bill as a spreadsheet."""
    into = io.StringIO()
    writer = csv.writer(into, lineterminator="\n")
    writer.writerow(_HEAD)
    for part in table.of(build):
        count = part.quantity[build]
        cells = (part.key, part.name, part.spec, count, "yes" if part.optional else "", part.substitutes)
        writer.writerow((*cells, f"{part.price_eur:.2f}", f"{part.price_eur * count:.2f}", table.priced))
    return into.getvalue()


def as_table(table: Parts, build: str) -> str:
    """The bill as a table of the text, with its sum."""
    rows = ["| Part | Choose | Pieces | Or | € |", "|---|---|---|---|---|"]
    for part in table.of(build):
        name = f"{part.name} (optional)" if part.optional else part.name
        count = part.quantity[build]
        rows.append(f"| {name} | {part.spec} | {count} | {part.substitutes} | {part.price_eur * count:.2f} |")
    must, may = cost(table, build)
    rows.append(f"| **Together** | | | | **{must:.0f}**{f', and {may:.0f} of options' if may else ''} |")
    return "\n".join(rows) + "\n"


def cost(table: Parts, build: str) -> tuple[float, float]:
    """What the parts cost that must be and that may be, EUR."""
    sums = [0.0, 0.0]
    for part in table.of(build):
        sums[part.optional] += part.price_eur * part.quantity[build]
    return sums[0], sums[1]


def budgets(table: Parts) -> Iterator[Budget]:
    """The budget of each supply of each build. Raises TableError where a supply is too weak or missing."""
    for build in table.builds.values():
        for chosen in _choices(table, build.key):
            computer = next(part.name for part in chosen if part.key in ("zero", "pi4", "pi5"))
            supplies = {part.rail: part for part in chosen if part.holds}
            for rail in sorted({part.rail for part in chosen if part.ma}, reverse=True):
                takes = {
                    state: sum((part.ma or {}).get(state, 0) for part in chosen if part.rail == rail)
                    for state in STATES
                }
                if rail not in supplies:
                    raise TableError(f"parts.toml: {build.key} has no supply for {rail}.")
                asks_for = -int(-max(takes.values()) * table.margin // 100) * 100
                if asks_for > supplies[rail].holds:
                    raise TableError(
                        f"parts.toml: {build.key} with {computer} asks for {asks_for} mA at {rail}, "
                        f"and {supplies[rail].key} gives {supplies[rail].holds} mA."
                    )
                yield Budget(build.key, computer, supplies[rail], rail, takes, asks_for)


def budget_table(table: Parts) -> str:
    """The budgets as a table of the text."""
    rows = [f"| Build | Rail | {' | '.join(STATES)} | asks for | supply |", "|---|---|---|---|---|---|---|---|"]
    for budget in budgets(table):
        name = f"{table.builds[budget.build].name}, {budget.computer.removeprefix('Raspberry Pi ')}"
        rows.append(
            f"| {name} | {budget.rail.replace('V', ' V')} | {' | '.join(f'{ma} mA' for ma in budget.takes.values())} "
            f"| {budget.asks_for / 1000:.1f} A | {budget.supply.name.removeprefix('Supply ')} |"
        )
    return "\n".join(rows) + "\n"


def _choices(table: Parts, build: str) -> Iterator[list[Part]]:
    """The build's parts, all options among them: as it stands, and with what may take a part's place."""
    plain = list(table.of(build))
    yield plain
    others = {part.instead_of: part for part in table.parts if part.instead_of and part.quantity.get(build)}
    if others:
        yield [others.get(part.key, part) for part in plain]
