"""What is in a picture of a build: the case's parts, and simple bodies in the place of what is bought."""

from __future__ import annotations

from typing import Any

import manifold3d

from hardware.make.case import model
from hardware.make.case.layout import INSERT_DEEP, Layout, free, screws
from hardware.make.case.reach import blade
from hardware.make.renders.render import Colour, Shape, shape

FRONT, LID, RING, BRASS, STEEL = (236, 190, 92), (214, 168, 74), (92, 104, 118), (216, 164, 60), (176, 184, 192)
_COLOURS: dict[str, Colour] = {
    "plate": (46, 125, 62),
    "parts": (52, 58, 66),
    "solder": (150, 158, 166),
    "sockets": (190, 196, 202),
    "header and plugs": (40, 42, 48),
    "power plug": (70, 74, 82),
    "camera cable": (240, 236, 222),
    "cable": (240, 236, 222),
    "card": (60, 90, 160),
    "lens": (34, 38, 44),
    "glass": (14, 18, 26),
    "plugs": (40, 42, 48),
    "body": (206, 52, 52),
    "nut": (60, 64, 70),
    "LED": (90, 220, 110),
    "clock": (40, 92, 150),
    "tube": (58, 66, 76),
    "resistor": (58, 66, 76),
    "flash board": (200, 64, 47),
    "buzzer": (40, 42, 48),
}


def thing(layout: Layout, name: str) -> list[Shape]:
    """A bought thing alone, without its plugs."""
    return [
        *things(layout, name, without=("plugs", "power plug", "cable", "camera cable")),
        *(cap(layout) if name == "button" else []),
    ]


def steps(layout: Layout, number: int, without: tuple[str, ...] = ()) -> list[Shape]:
    """The front after this many steps: inserts, camera, panel, button."""
    placed = model.in_place(layout)
    found = [shape(placed["front"], FRONT), *_inserts(layout)]
    for step, name in enumerate(("camera", "panel", "button"), start=2):
        if number >= step:
            more = ["lens light"] if name == "button" else []
            found += things(layout, name, *more, without=without)
    heads = {"M2x6": 2, "M2.5x5": 3}
    for screw in screws(layout):
        if screw.post_z == layout.can.wall and number >= heads[screw.kind]:
            back = screw.z + (1.1 if screw.kind == "M2x6" else 0.0)
            found.append(_head(screw.x, screw.y, back, 1.9 if screw.kind == "M2x6" else 4.0))
    if number >= 4:
        found += [shape(placed["guard"], RING), shape(placed["hood"], RING)]
    return found


def case(layout: Layout) -> list[Shape]:
    """The closed case."""
    placed = model.in_place(layout)
    return [
        shape(placed[name], colour)
        for name, colour in (("front", FRONT), ("lid", LID), ("hood", RING), ("guard", RING))
    ]


def lid(layout: Layout, away: float, without: tuple[str, ...] = ()) -> list[Shape]:
    """The lid with what hangs on it, so far behind the box."""
    found = [shape(model.in_place(layout)["lid"], LID, (0, 0, away))]
    found += things(layout, "board", *layout.given.extras, move=(0, 0, away), without=without)
    for screw in screws(layout):
        if screw.post_z == layout.rim:
            head = manifold3d.Manifold.cylinder(1.6, 2.4, 2.4, 24)
            found.append(shape(head.translate([screw.x, screw.y, screw.z - 3.0 + away]), STEEL))
    return found


def things(
    layout: Layout, *names: str, move: tuple[float, float, float] = (0, 0, 0), without: tuple[str, ...] = ()
) -> list[Shape]:
    """Bought things in their places."""
    found, seen = [], set()
    for placed in free(layout):
        if (
            placed.thing in names
            and placed.name not in ("washer", *without)
            and (placed.thing, placed.name) not in seen
        ):
            seen.add((placed.thing, placed.name))
            colour = _COLOURS.get(placed.thing) or _COLOURS[placed.name]
            if placed.thing == "button" and placed.name == "body":
                found += _button(layout, move)
            else:
                found.append(shape(_body(placed.name, placed.box), colour, move))
    return found


def _body(name: str, box: tuple[float, ...]) -> Any:
    x0, y0, z0, x1, y1, z1 = box
    if name == "parts":  # a chip in the place of all
        side = min(14.0, 0.4 * (x1 - x0), 0.6 * (y1 - y0))
        x0, y0 = (x0 + x1 - side) / 2, (y0 + y1 - side) / 2
        x1, y1 = x0 + side, y0 + side
    if name in ("body", "nut", "lens", "LED"):
        radius = (x1 - x0) / 2 * (0.62 if name == "lens" else 1)
        return manifold3d.Manifold.cylinder(z1 - z0, radius, radius, 48).translate([(x0 + x1) / 2, (y0 + y1) / 2, z0])
    return manifold3d.Manifold.cube([x1 - x0, y1 - y0, z1 - z0]).translate([x0, y0, z0])


def cap(layout: Layout) -> list[Shape]:
    """What a guest sees of button and lens."""
    button, y = layout.button, layout.given.button_y
    rim = manifold3d.Manifold.cylinder(2.5, button.rim / 2, button.rim / 2, 64).translate([layout.middle, y, -2.5])
    radius = button.rim / 2 - 2
    dome = manifold3d.Manifold.sphere(radius, 64).scale([1, 1, (button.out - 2.5) / radius])
    dome = dome.trim_by_plane([0, 0, -1], 0)
    return [shape(rim, (40, 42, 48)), shape(dome.translate([layout.middle, y, -2.5]), (206, 52, 52))]


def _inserts(layout: Layout) -> list[Shape]:
    rod = manifold3d.Manifold.cylinder(INSERT_DEEP, 2.3, 2.3, 24) - manifold3d.Manifold.cylinder(99, 1.5, 1.5, 24)
    return [shape(rod.translate([x, y, layout.rim - INSERT_DEEP + 0.3]), BRASS) for x, y in layout.columns()]


def _head(x: float, y: float, z: float, radius: float) -> Shape:
    return shape(manifold3d.Manifold.cylinder(1.2, radius, radius, 24).translate([x, y, z]), STEEL)


def _button(layout: Layout, move: tuple[float, float, float]) -> list[Shape]:
    """What of a button is behind the wall: its thread, its switch and lamp, their terminals."""
    x, y, wall = layout.middle, layout.given.button_y, layout.can.wall
    radius, depth = layout.button.hole / 2 - 0.4, layout.button.depth
    end = wall + 0.6 * (depth - wall)
    thread = manifold3d.Manifold.cylinder(end - wall, radius, radius, 48).translate([x, y, wall])
    switch = manifold3d.Manifold.cube([18, 20, 0.22 * depth]).translate([x - 9, y - 10, end])
    found = [shape(thread, STEEL, move), shape(switch, (52, 58, 66), move)]
    for name in ("NO", "COM", "lamp +", "lamp −"):
        at_x, at_y, at_z = blade(layout, name)
        flat = manifold3d.Manifold.cube([2.8, 0.8, at_z - end]).translate([at_x - 1.4, at_y - 0.4, end])
        found.append(shape(flat, BRASS, move))
    return found
