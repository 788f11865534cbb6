"""Where everything is in a case, and whether it fits: plain arithmetic on boxes, mm.

x to the right and y up as a guest sees it, from the lower left corner; z from the front backwards. The front and its
four walls are one part, printed on its face; board and cables' ties hang on the lid, printed on its back. What does
not fit is a CaseError that names both things and the dimension in which they meet.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterator
from typing import Any

from hardware.make.case import case_table
from hardware.make.case.case_table import CaseError, Parameters, Print
from hardware.make.case.devices import BOARDS, CAMERAS, Board, Box, Button, Camera, Panel
from piboothup.records import dataclass

STANDOFF = 5.0
"""Of the board above the lid, for the header's solder and for air."""
POST_MM = 5.0
CLAMP_REACH = 0.3
"""From a panel's edge to the posts of its two clamps: the washers lie on its edge."""
WASHER_MM, HELD_MM = 8.0, 0.4
"""Of a clamp: across its washer, and how much of the panel's edge it holds at least."""
COLUMN_MM = 8.4
"""Of the four corner columns, which take the inserts."""
LIP, LIP_HEIGHT = 1.6, 3.0
RING_MM = 1.6
GUARD_OVER, GUARD_FOOT = 1.5, 2.4
"""Of the ring around the button: higher than it stands out by the one, thicker where it is glued by the other."""
HOOD_HEIGHT = 4.0
NUT_FLATS, NUT_THICK = 11.4, 6.0
"""Pocket of a quarter-inch nut, with its gap."""
EXIT_MM = 6.0
PILOT = {"M2x6": 1.6, "M2.5x5": 2.1}
POSTS = {"M2x6": 4.4, "M2.5x5": POST_MM}
"""Across the posts of the screws."""
INSERT_MM, INSERT_DEEP = 4.0, 6.5
TRANSISTOR: Box = (0.0, -12.5, -3.5, 6.5, 12.5, 3.5)
"""In its tube, on foam tape: from the wall, from the button's height, and from `TRANSISTOR_DEEP` below the rim."""
TRANSISTOR_DEEP, RESISTOR_MM = 30.0, 25.0
_FRONT = {"case", "panel", "camera", "button", "lens light", "transistor"}
"""Things that the front holds; the others hang on the lid, and may be in front of or behind them."""
_AXES = ("width (x)", "height (y)", "depth (z)")


@dataclass(frozen=True)
class Placed:
    """A box in the case: what must stay free for a thing, or what the case itself is there."""

    thing: str
    name: str
    box: Box


@dataclass(frozen=True)
class Screw:
    """A screw's place: `x`, `y`, and the z from which its pilot hole goes into the plastic to `end_z`."""

    kind: str
    x: float
    y: float
    z: float
    end_z: float
    post_z: float
    """Where its post begins: at the front's inner face or at the lid's."""


@dataclass(frozen=True)
class Layout:
    """A case with one of its panels."""

    key: str
    given: Parameters
    can: Print
    panel: Panel
    board: Board
    button: Button
    camera: Camera
    """The one that stands farthest back."""

    @property
    def middle(self) -> float:
        """The x of lens, panel and button."""
        return self.given.width / 2

    @property
    def rim(self) -> float:
        """Where the walls end and the lid begins."""
        return self.given.depth - self.can.wall

    @property
    def board_z(self) -> float:
        """Back of the board's plate."""
        return self.rim - STANDOFF

    def camera_z(self, camera: Camera) -> float:
        """Back of the camera's plate: the lens begins right behind the thin wall before it."""
        return self.can.thin + 0.2 + camera.lens_z

    @property
    def camera_front(self) -> float:
        """Front of the camera's plate, on its posts: the same for all cameras, as the posts are."""
        return max(self.camera_z(CAMERAS[key]) - CAMERAS[key].boxes["plate"][5] for key in self.given.cameras)

    @property
    def panel_z(self) -> float:
        """Front of the panel's plate; its glass touches the wall."""
        return self.can.wall + self.panel.glass

    @property
    def panel_x(self) -> float:
        """Left edge of the panel: the middle of its view is in the case's middle."""
        return self.middle - self.panel.view[0] - self.panel.view[2] / 2

    @property
    def window_radius(self) -> float:
        """Of the hole before the lens: the widest camera sees none of its edge."""
        return max(view_radius(CAMERAS[key], self.camera_front, 0.0) for key in self.given.cameras) + 0.5

    def columns(self) -> list[tuple[float, float]]:
        """Middles of the corner columns."""
        off = self.can.wall + COLUMN_MM / 2 - 1.0
        return [(x, y) for x in (off, self.given.width - off) for y in (off, self.given.height - off)]


def view_radius(camera: Camera, plate_front: float, z: float) -> float:
    """Radius of what the camera sees at this depth."""
    lens_z = plate_front - (camera.lens_z - camera.boxes["plate"][5])
    return camera.lens_mm / 2 + max(0.0, lens_z - z) * math.tan(math.radians(camera.view_deg / 2))


def layouts(text: str | None = None) -> list[Layout]:
    """Every case with each of its panels, checked. Raises CaseError."""
    can, cases, panels, buttons = case_table.read(text)
    found = []
    for key, given in cases.items():
        for panel in given.panels:
            names: list[tuple[str, str, dict[str, Any]]] = [
                ("panel", panel, panels),
                ("board", given.board, BOARDS),
                ("button", given.button, buttons),
                *(("camera", camera, CAMERAS) for camera in given.cameras),
            ]
            for kind, name, known in names:
                if name not in known:
                    raise CaseError(f"case.toml, {key}: no {kind} is called {name}; there are {', '.join(known)}.")
            deepest = max((CAMERAS[name] for name in given.cameras), key=lambda camera: camera.lens_z)
            layout = Layout(key, given, can, panels[panel], BOARDS[given.board], buttons[given.button], deepest)
            check(layout)
            found.append(layout)
    return found


def plate_leeway() -> float:
    """How much smaller or larger than nominal a panel's plate still fits the printed front, mm.

    Larger: it goes between its clamps' posts. Smaller: it lies at one post, and the other's washer still holds it.
    """
    edge = WASHER_MM / 2 - POST_MM / 2 - CLAMP_REACH
    return round(min(2 * CLAMP_REACH, edge - CLAMP_REACH - HELD_MM), 1)


def check(layout: Layout) -> None:
    """Raise CaseError for the first thing that does not fit."""
    given, can = layout.given, layout.can
    name = f"case.toml, {layout.key}, panel {layout.panel.name}"
    for dimension, size in zip(_AXES, (given.width, given.height, given.depth), strict=True):
        if size > can.bed:
            raise CaseError(
                f"{name}: the case's {dimension} of {size:g} mm is more than the printer's bed of {can.bed:g} mm."
            )
    if can.thin < can.least or can.wall < can.least:
        raise CaseError(f"{name}: a wall of {min(can.thin, can.wall):g} mm is thinner than {can.least:g} mm.")
    walls = [(POSTS[kind] - pilot(can, kind)) / 2 for kind in POSTS] + [(COLUMN_MM - insert_hole(can)) / 2]
    if min(walls) < can.least:
        raise CaseError(f"{name}: {min(walls):.1f} mm of plastic around a screw's hole, less than {can.least:g} mm.")
    inside = (can.wall, can.wall, can.wall, given.width - can.wall, given.height - can.wall, layout.rim)
    for placed in free(layout):
        for axis in range(3):
            low, high = inside[axis] - placed.box[axis], placed.box[axis + 3] - inside[axis + 3]
            if max(low, high) > 1e-9 and not _may_leave(placed, axis, low):
                raise CaseError(
                    f"{name}: the {placed.thing} ({placed.name}) reaches {max(low, high):.1f} mm into the wall "
                    f"in {_AXES[axis]}: it takes {placed.box[axis]:.1f} to {placed.box[axis + 3]:.1f} mm, "
                    f"and inside there are {inside[axis]:.1f} to {inside[axis + 3]:.1f}."
                )
    for first, second in itertools.combinations([*free(layout), *solid(layout)], 2):
        if first.thing == second.thing:
            continue
        on_one_side = (first.thing in _FRONT) == (second.thing in _FRONT)
        into = overlap(first.box, second.box, (0, 1) if on_one_side else (0, 1, 2))
        if into is not None:
            size, axis = into
            raise CaseError(
                f"{name}: the {first.thing} ({first.name}) and the {second.thing} ({second.name}) meet: "
                f"{size:.1f} mm in {_AXES[axis]} are missing."
            )


def overlap(first: Box, second: Box, axes: tuple[int, ...] = (0, 1, 2)) -> tuple[float, int] | None:
    """How far two boxes must move apart, and along which of the axes that is least; None when they are apart."""
    if any(min(first[axis + 3], second[axis + 3]) - max(first[axis], second[axis]) <= 1e-6 for axis in range(3)):
        return None
    ways = [(min(first[axis + 3] - second[axis], second[axis + 3] - first[axis]), axis) for axis in axes]
    return min(ways)


def free(layout: Layout) -> Iterator[Placed]:
    """What must stay free: devices, their plugs and cables."""
    given = layout.given
    for name, box in layout.board.boxes.items():
        yield Placed("board", name, _at(box, given.board_x, given.board_y, layout.board_z))
    for camera in {given.cameras[0], given.cameras[-1]}:
        device = CAMERAS[camera]
        x, y = layout.middle - device.lens_x, given.lens_y - device.lens_y
        z = layout.camera_front + device.boxes["plate"][5]
        for name, box in device.boxes.items():
            yield Placed("camera", name, _at(box, x, y, z))
    for name, box in layout.panel.boxes.items():
        yield Placed("panel", name, _at(box, layout.panel_x, given.panel_y, layout.panel_z))
    for screw in screws(layout):
        if screw.kind == "M2.5x5" and screw.post_z == layout.can.wall:
            half = WASHER_MM / 2
            washer = (screw.x - half, screw.y - half, screw.z, screw.x + half, screw.y + half, screw.z + 2.8)
            yield Placed("panel", "washer", washer)
    for name, radius, end in (
        ("body", layout.button.hole / 2, layout.button.depth),
        ("nut", layout.button.nut / 2, layout.can.wall + 8),
    ):
        x, y = layout.middle, given.button_y
        yield Placed("button", name, (x - radius, y - radius, layout.can.wall, x + radius, y + radius, end))
    if given.lens_light:
        x = layout.middle + 19
        yield Placed("lens light", "LED", (x - 3, given.lens_y - 3, layout.can.wall, x + 3, given.lens_y + 3, 28))
    low, high = transistor(layout)
    yield Placed("transistor", "tube", low)
    yield Placed("transistor", "resistor", high)
    for name, (x, y, width, height, depth) in given.extras.items():
        yield Placed(name, "board", (x, y, layout.rim - depth, x + width, y + height, layout.rim))


def solid(layout: Layout) -> Iterator[Placed]:
    """What the case itself is within its walls."""
    given, can = layout.given, layout.can
    half = COLUMN_MM / 2
    for x, y in layout.columns():
        yield Placed("case", "corner column", (x - half, y - half, 0, x + half, y + half, layout.rim))
    yield Placed("case", "tripod's nut", nut_block(layout))
    for x in given.exits:
        yield Placed("cable", "tie", tie_block(layout, x))
    for screw in screws(layout):
        if screw.kind == "M2.5x5" and screw.post_z == can.wall:
            radius = POST_MM / 2
            box = (screw.x - radius, screw.y - radius, can.wall, screw.x + radius, screw.y + radius, screw.z)
            yield Placed("case", "panel's clamp", box)
    for x, y in given.keyhole:
        yield Placed("wall's screw", "head", (x - 4.5, y - 4.5, layout.rim - 4, x + 4.5, y + 14.5, layout.rim))
    foot = guard_radius(layout) + RING_MM + GUARD_FOOT
    yield Placed("case", "guard ring", _ring(layout.middle, given.button_y, foot, -guard_height(layout)))
    yield Placed("case", "hood", _ring(layout.middle, given.lens_y, hood_radius(layout) + RING_MM, -HOOD_HEIGHT))


def guard_radius(layout: Layout) -> float:
    """Inner radius of the ring around the button."""
    return layout.button.rim / 2 + 1.5


def guard_height(layout: Layout) -> float:
    """Of the ring around the button, before the front: the box may lie on its face, and nothing presses it."""
    return layout.button.out + GUARD_OVER


def transistor(layout: Layout) -> tuple[Box, Box]:
    """The transistor in its tube on the wall of pin 1's side, its legs up, and above it the resistor in its own."""
    x, y, z = layout.can.wall, layout.given.button_y, layout.rim - TRANSISTOR_DEEP
    x0, y0, z0, x1, y1, z1 = TRANSISTOR
    low = (x + x0, y + y0, z + z0, x + x1, y + y1, z + z1)
    return low, (x + x0, y + y1, z - 2.0, x + 4.0, y + y1 + RESISTOR_MM, z + 2.0)


def pilot(can: Print, kind: str) -> float:
    """Across the hole that a screw cuts its thread in."""
    return PILOT[kind] + can.screw_hole


def insert_hole(can: Print) -> float:
    """Across the hole of an insert."""
    return INSERT_MM + can.insert_hole


def hood_radius(layout: Layout) -> float:
    """Inner radius of the ring before the lens: the widest view passes its far edge."""
    return max(view_radius(CAMERAS[key], layout.camera_front, -HOOD_HEIGHT) for key in layout.given.cameras) + 0.5


def nut_block(layout: Layout) -> Box:
    """Block at the bottom that holds the tripod's nut: it begins at the front, so it is printed on something."""
    half = NUT_FLATS / 2 + 3
    return (layout.middle - half, 0, 0, layout.middle + half, 4 + NUT_THICK + 3, layout.rim - LIP_HEIGHT - 1)


def tie_block(layout: Layout, x: float) -> Box:
    """Block on the lid, above an exit, to which the cable is tied."""
    y = layout.can.wall + layout.can.gap + LIP + 1.5
    return (x - 6, y, layout.rim - 6.5, x + 6, y + 7, layout.rim)


def screws(layout: Layout) -> list[Screw]:
    """Every screw but the lid's: each has its post."""
    given, can = layout.given, layout.can
    camera = layout.camera
    x, y = layout.middle - camera.lens_x, given.lens_y - camera.lens_y
    found = [Screw("M2x6", x + dx, y + dy, layout.camera_front, can.wall, can.wall) for dx, dy in camera.holes]
    back = layout.panel_z + layout.panel.plate
    reach = POST_MM / 2 + CLAMP_REACH
    middle = given.panel_y + layout.panel.height / 2
    edges = (layout.panel_x - reach, layout.panel_x + layout.panel.width + reach)
    found += [Screw("M2.5x5", edge, middle, back, 0.8, can.wall) for edge in edges]
    x, y, end = given.board_x, given.board_y, given.depth - 0.8
    return found + [Screw("M2.5x5", x + dx, y + dy, layout.board_z, end, layout.rim) for dx, dy in layout.board.holes]


def fasteners(layout: Layout) -> Counter[str]:
    """What holds the case together, counted from its holes and the coupon's."""
    count = Counter(screw.kind for screw in screws(layout))
    count["M2.5 washer"] = sum(screw.kind == "M2.5x5" and screw.post_z == layout.can.wall for screw in screws(layout))
    count["M3x8"] = len(layout.columns())
    count["M3 insert"] = count["M3x8"] + 1  # the coupon's
    count["quarter-inch nut"] = 1
    count["cable tie"] = len(layout.given.exits)
    return count


def _ring(x: float, y: float, radius: float, top: float) -> Box:
    return (x - radius, y - radius, top, x + radius, y + radius, 0.0)


def _at(box: Box, x: float, y: float, z: float) -> Box:
    """A device's box in the case: its z runs to the front, the case's to the back."""
    return (x + box[0], y + box[1], z - box[5], x + box[3], y + box[4], z - box[2])


def _may_leave(placed: Placed, axis: int, low: float) -> bool:
    """Whether it may reach into this wall: the lens into its window in the front."""
    return placed.name == "lens" and axis == 2 and low > 0
