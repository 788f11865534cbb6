"""What the pictures of the builds show: the case's parts and simple bodies in the place of what is bought."""

from __future__ import annotations

from typing import Any

import manifold3d
from PIL import Image

from hardware.make.case import model
from hardware.make.case.layout import INSERT_DEEP, Layout, free, screws
from hardware.make.renders.render import Colour, Shape, View, render, shape

SIZE, _WIDE = (760, 580), (960, 560)
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
    "flash board": (200, 64, 47),
    "buzzer": (40, 42, 48),
}


def picture(layout: Layout, name: str) -> Image.Image:
    """A picture of a case: closed, exploded, printed, or a step. Raises KeyError for another name."""
    if name == "closed":
        things = _things(layout, "button", "panel", "camera", "lens light")
        return render([*_case(layout), *things, *_cap(layout)], View(-28, 16, SIZE))
    if name == "exploded":
        far = layout.given.depth * 1.6
        return render([*_steps(layout, 4), *_lid(layout, far), *_cap(layout)], View(-52, 18, _WIDE))
    if name == "printed":
        return printed(layout)
    if name == "step-6-board":
        return render(_lid(layout, 0), View(16, 20, SIZE))
    if name == "step-8-close":
        return render([*_steps(layout, 4), *_lid(layout, layout.given.depth * 0.8)], View(212, 14, SIZE))
    step = {"step-1-inserts": 1, "step-3-camera": 2, "step-4-panel": 3, "step-5-button": 4}[name]
    return render(_steps(layout, step), View(196, 5, SIZE))


def printed(layout: Layout) -> Image.Image:
    """The printed parts of a case as they lie on the bed, and the coupon."""
    shapes, x = [], 0.0
    for solid, colour in (*((each, FRONT) for each in model.printed(layout).values()), (model.coupon(layout), LID)):
        low, high = solid.bounding_box()[:3], solid.bounding_box()[3:]
        lying = solid.translate([x - low[0], -low[1], 0]).rotate([-90, 0, 0])
        shapes.append(shape(lying.mirror([0, 0, 1]), colour))
        x += high[0] - low[0] + 12
    return render(shapes, View(-20, 38, (960, 420)))


def thing(layout: Layout, name: str) -> list[Shape]:
    """A bought thing alone, without its plugs."""
    return [
        *_things(layout, name, without=("plugs", "power plug", "cable", "camera cable")),
        *(_cap(layout) if name == "button" else []),
    ]


def _steps(layout: Layout, number: int) -> list[Shape]:
    """The front after this many steps: inserts, camera, panel, button."""
    case = model.in_place(layout)
    found = [shape(case["front"], FRONT), *_inserts(layout)]
    for step, name in enumerate(("camera", "panel", "button"), start=2):
        if number >= step:
            found += _things(layout, name, *(["lens light"] if name == "button" else []))
    heads = {"M2x6": 2, "M2.5x5": 3}
    for screw in screws(layout):
        if screw.post_z == layout.can.wall and number >= heads[screw.kind]:
            back = screw.z + (1.1 if screw.kind == "M2x6" else 0.0)
            found.append(_head(screw.x, screw.y, back, 1.9 if screw.kind == "M2x6" else 4.0))
    if number >= 4:
        found += [shape(case["guard"], RING), shape(case["hood"], RING)]
    return found


def _case(layout: Layout) -> list[Shape]:
    case = model.in_place(layout)
    return [
        shape(case[name], colour)
        for name, colour in (("front", FRONT), ("lid", LID), ("hood", RING), ("guard", RING))
    ]


def _lid(layout: Layout, away: float) -> list[Shape]:
    found = [shape(model.in_place(layout)["lid"], LID, (0, 0, away))]
    found += _things(layout, "board", *layout.given.extras, move=(0, 0, away))
    for screw in screws(layout):
        if screw.post_z == layout.rim:
            head = manifold3d.Manifold.cylinder(1.6, 2.4, 2.4, 24)
            found.append(shape(head.translate([screw.x, screw.y, screw.z - 3.0 + away]), STEEL))
    return found


def _things(
    layout: Layout, *names: str, move: tuple[float, float, float] = (0, 0, 0), without: tuple[str, ...] = ()
) -> list[Shape]:
    found, seen = [], set()
    for placed in free(layout):
        if (
            placed.thing in names
            and placed.name not in ("washer", *without)
            and (placed.thing, placed.name) not in seen
        ):
            seen.add((placed.thing, placed.name))
            colour = _COLOURS.get(placed.thing) or _COLOURS[placed.name]
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


def _cap(layout: Layout) -> list[Shape]:
    """What a guest sees of button and lens."""
    button, y = layout.button, layout.given.button_y
    rim = manifold3d.Manifold.cylinder(2.5, button.rim / 2, button.rim / 2, 64).translate([layout.middle, y, -2.5])
    dome = manifold3d.Manifold.sphere(button.rim / 2 - 2, 64).scale([1, 1, 0.5]).trim_by_plane([0, 0, -1], 0)
    return [shape(rim, (40, 42, 48)), shape(dome.translate([layout.middle, y, -2.5]), (206, 52, 52))]


def _inserts(layout: Layout) -> list[Shape]:
    rod = manifold3d.Manifold.cylinder(INSERT_DEEP, 2.3, 2.3, 24) - manifold3d.Manifold.cylinder(99, 1.5, 1.5, 24)
    return [shape(rod.translate([x, y, layout.rim - INSERT_DEEP + 0.3]), BRASS) for x, y in layout.columns()]


def _head(x: float, y: float, z: float, radius: float) -> Shape:
    return shape(manifold3d.Manifold.cylinder(1.2, radius, radius, 24).translate([x, y, z]), STEEL)
