"""The wires of a build as a diagram: the header in the middle, each part beside it, a coloured line for each wire.

Where a wire turns is chosen so that wires cross as seldom as can be.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping

from hardware.make.drawings.svg import COLOURS, FAINT, INK, Drawing, Point
from hardware.make.drawings.wiring_blocks import BLOCK_WIDTH, PITCH, TERMINAL, Block, blocks
from hardware.make.tables import Build, Parts, TableError, Wire
from piboothup.care.pins import HEADER_PINS
from piboothup.records import dataclass

_WIDTH = 1452.0
_TOP = 150.0
_HEADER_X = {1: 666.0, 0: 786.0}
"""Middle of the columns of odd and of even pins."""
_EDGE = {-1: 640.0, 1: 812.0}
_MIDDLE = sum(_HEADER_X.values()) / 2
_LANES = {-1: (524.0, -13.0), 1: (942.0, 17.0)}
"""First lane of each side, and the step to the next."""
_GAP = 26.0
_NAMES = {
    **{pin: f"GPIO{line}" for line, pin in HEADER_PINS.items()},
    **dict.fromkeys((1, 17), "3.3 V"),
    **dict.fromkeys((2, 4), "5 V"),
    **dict.fromkeys((6, 9, 14, 20, 25, 30, 34, 39), "GND"),
}
"""What each pin of the header is."""


@dataclass
class Run:
    """A wire on paper: where it begins, where it turns, where it ends."""

    wire: Wire
    side: int
    begin: Point
    row_y: float
    end: Point
    lane: float = 0.0

    @property
    def points(self) -> list[Point]:
        """Corners from the pin to the terminal."""
        first = [self.begin] if self.begin[1] == self.row_y else [self.begin, (self.begin[0], self.row_y)]
        if self.row_y == self.end[1]:
            return [*first, self.end]
        return [*first, (self.lane, self.row_y), (self.lane, self.end[1]), self.end]


def diagram(build: Build, table: Parts, wires: tuple[Wire, ...]) -> str:
    """Draw the build's wires, as SVG. Raises TableError for a part that has no drawing."""
    shown = [wire for wire in wires if wire.part in build.pins and _is_used(build, wire)]
    tops: dict[str, float] = {}
    chosen = blocks(build, table)
    if unknown := set(build.pins) - {block.part for block in chosen}:
        raise TableError(f"wiring.py has no drawing of {', '.join(sorted(unknown))}.")
    heights = {-1: _TOP - 46, 1: _TOP - 46}
    for block in chosen:
        tops[block.part] = heights[block.side]
        heights[block.side] += block.height + _GAP
    height = max(heights[-1], heights[1], _TOP + 20 * PITCH) + 70
    on = Drawing(_WIDTH, height, f"Wires of the {build.name.lower()}")
    on.text(40, 50, f"{build.name}: the wires", 30, weight="bold")
    computer = next(part.name for part in table.of(build.key) if part.key in ("zero", "pi4"))
    on.text(40, 80, f"{computer}, header pins 1 to 40. Pull the power plug before you touch a wire.", 16, fill=FAINT)
    on.text(_WIDTH - 40, 50, "Header pin 17 is 3.3 V. GPIO17 is header pin 11.", 16, anchor="end", weight="bold")
    on.text(_WIDTH - 40, 80, "Parts: go by the names printed on yours, not by the order here.", 16, anchor="end")
    places = {block.part: _places(block, tops[block.part]) for block in chosen}
    runs = [_run(wire, next(block for block in chosen if block.part == wire.part), places) for wire in shown]
    for side in (-1, 1):
        _choose_lanes([run for run in runs if run.side == side], side)
    _header(on, {wire.header_pin for wire in shown})
    for run in runs:
        _wire(on, run)
    if any(block.part == "clock" for block in chosen):
        _join(on, [run for run in runs if run.wire.part == "panel"], places["clock"])
    for block in chosen:
        _block(on, block, tops[block.part], places[block.part])
    for run in runs:
        on.circle(*run.begin, 12, fill="#f4d35e", stroke=INK, **{"stroke-width": 1.5})
        on.text(run.begin[0], run.begin[1] + 4.5, str(run.wire.header_pin), 12, anchor="middle", weight="bold")
        _label(on, run, runs)
    on.text(40, height - 24, "Made of pins.toml and parts.toml by python -m hardware.make", 12, fill=FAINT)
    return on.text_of()


def crossings(runs: list[Run]) -> int:
    """How often the wires cross; two that lie upon each other count a hundred times."""
    found = 0
    for run, other in itertools.combinations(runs, 2):
        for a, b in itertools.product(_segments(run), _segments(other)):
            found += _meet(a, b)
    return found


def _is_used(build: Build, wire: Wire) -> bool:
    return not (build.key == "desk" and wire.terminal == "LED +")


def _places(block: Block, top: float) -> dict[str, float]:
    return {name: top + block.first + number * block.step for number, name in enumerate(block.terminals)}


def _run(wire: Wire, block: Block, places: Mapping[str, Mapping[str, float]]) -> Run:
    row = (wire.header_pin - 1) // 2
    begin = (_HEADER_X[wire.header_pin % 2], _TOP + row * PITCH)
    own_side = -1 if wire.header_pin % 2 else 1
    row_y = begin[1] if own_side == block.side else begin[1] + PITCH / 2
    if wire.terminal not in places[block.part]:
        raise TableError(f"wiring.py draws no terminal {wire.terminal} of {wire.part}.")
    return Run(wire, block.side, begin, row_y, (TERMINAL[block.side], places[block.part][wire.terminal]))


def _choose_lanes(runs: list[Run], side: int) -> None:
    first, step = _LANES[side]
    lanes = [first + number * step for number in range(len(runs))]
    for run, lane in zip(runs, lanes, strict=True):
        run.lane = lane
    best = crossings(runs)
    improved = True
    while improved and best:
        improved = False
        for a, b in itertools.combinations(runs, 2):
            a.lane, b.lane = b.lane, a.lane
            if (now := crossings(runs)) < best:
                best, improved = now, True
            else:
                a.lane, b.lane = b.lane, a.lane


def _segments(run: Run) -> list[tuple[Point, Point]]:
    return list(itertools.pairwise(run.points))


def _meet(a: tuple[Point, Point], b: tuple[Point, Point]) -> int:
    ax, bx, ay, by = *_sorted(a, 0), *_sorted(a, 1)
    cx, dx, cy, dy = *_sorted(b, 0), *_sorted(b, 1)
    if max(ax, cx) > min(bx, dx) or max(ay, cy) > min(by, dy):
        return 0
    is_parallel = (ax == bx) == (cx == dx)
    return 100 if is_parallel else 1


def _sorted(segment: tuple[Point, Point], axis: int) -> tuple[float, float]:
    first, second = sorted(point[axis] for point in segment)
    return first, second


def _header(on: Drawing, used: set[int]) -> None:
    on.rect(_EDGE[-1], _TOP - 26, _EDGE[1] - _EDGE[-1], 19 * PITCH + 52, rx=10, fill="#2f6b3a")
    on.text(_MIDDLE, _TOP - 36, "the Pi's header", 13, anchor="middle", fill=FAINT)
    for pin in set(range(1, 41)) - used:
        x, y = _HEADER_X[pin % 2], _TOP + (pin - 1) // 2 * PITCH
        on.circle(x, y, 10, fill="#c9d6cb", stroke="#21502a", **{"stroke-width": 1})
        on.text(x, y + 4, str(pin), 10, anchor="middle", fill="#3d5a43")
    for pin, name in _NAMES.items():
        inwards = 1 if pin % 2 else -1
        x, y = _HEADER_X[pin % 2] + inwards * 17, _TOP + (pin - 1) // 2 * PITCH
        on.text(x, y + 3.5, name, 10, anchor="start" if pin % 2 else "end", fill="#ffffff")
    end = _TOP + 19 * PITCH + 52
    on.text(_MIDDLE, end, "the other end, with pins 1 and 2, is", 12, anchor="middle", fill=FAINT)
    on.text(_MIDDLE, end + 16, "the one nearer to the card's slot", 12, anchor="middle", fill=FAINT)


def _wire(on: Drawing, run: Run) -> None:
    colour = COLOURS[run.wire.colour]
    on.line(run.points, stroke="#ffffff", **{"stroke-width": 10, "stroke-linejoin": "round"})
    on.line(run.points, stroke="#3a434d", **{"stroke-width": 6, "stroke-linejoin": "round"})
    on.line(
        run.points,
        id=f"wire-{run.wire.header_pin}",
        stroke=colour,
        title=f"{run.wire.part} {run.wire.terminal}, {run.wire.name}",
        **{"stroke-width": 4, "stroke-linejoin": "round"},
    )


def _label(on: Drawing, run: Run, runs: list[Run]) -> None:
    """Name a wire above it; one that runs between two rows below it, where the next row is free."""
    between = run.row_y != run.begin[1]
    is_free = all(other.side != run.side or other.row_y != run.row_y + PITCH / 2 for other in runs)
    x = _EDGE[run.side] + run.side * 8
    words = f"{run.wire.name.replace('V', '.', 1) if run.wire.line == '3V3' else run.wire.name}, {run.wire.colour}"
    words = words.replace("3.3,", "3.3 V,").replace("5V,", "5 V,")
    on.text(x, run.row_y + (15 if between and is_free else -6), words, 12, anchor="end" if run.side < 0 else "start")


def _join(on: Drawing, runs: list[Run], places: Mapping[str, float]) -> None:
    """The clock's wires: each from the panel's wire of the same name, with a dot where they are joined."""
    for number, run in enumerate(sorted(runs, key=lambda run: run.end[1])):
        x, y = TERMINAL[-1] + 22 + 18 * number, places[run.wire.terminal]
        points = [(x, run.end[1]), (x, y), (TERMINAL[-1], y)]
        on.line(points, stroke="#ffffff", **{"stroke-width": 9})
        on.line(points, stroke=COLOURS[run.wire.colour], **{"stroke-width": 4, "stroke-dasharray": "10 5"})
        on.circle(x, run.end[1], 6, fill=INK)


def _block(on: Drawing, block: Block, top: float, places: Mapping[str, float]) -> None:
    left = TERMINAL[block.side] - (BLOCK_WIDTH if block.side < 0 else 0)
    is_optional = block.title.endswith("(optional)")
    dash = {"stroke-dasharray": "8 5"} if is_optional else {}
    on.rect(
        left, top, BLOCK_WIDTH, block.height, rx=10, fill="#f3f6f9", stroke="#a9b4c0", **{"stroke-width": 2}, **dash
    )
    on.text(left + 14, top + 24, block.title, 16, weight="bold")
    block.draw(on, left, top, places)
    on.lines(left + 14, top + block.height - 12 - 17 * (len(block.about) - 1), block.about, 12, fill=FAINT)
    for name, y in places.items():
        on.circle(TERMINAL[block.side], y, 6, fill="#ffffff", stroke=INK)
        inner = TERMINAL[block.side] + block.side * 14
        words = (block.shown or {}).get(name, name)
        on.text(inner, y + 5, words, 13, anchor="end" if block.side < 0 else "start", weight="bold")
