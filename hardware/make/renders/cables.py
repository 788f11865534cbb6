"""Wires and the camera's flat cable in pictures: tubes from pin to terminal, and the strip of the model."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from hardware.make.case import flat_cable
from hardware.make.case.layout import Layout, free, transistor
from hardware.make.case.reach import ASIDE_MM, blade, header, leg_end
from hardware.make.drawings.svg import COLOURS
from hardware.make.renders.render import Colour, Shape
from hardware.make.tables import Wire

Array = NDArray[np.float64]
_THICK_MM = 1.25
_STEPS, _SIDES = 40, 16
_PIN_MM = 2.54
_TUBE: Colour = (58, 66, 76)
_WAYS = {
    "panel": [(0.0, 0.0, 52.0), (0.0, 0.0, 40.0)],
    "button": [(0.0, -10.0, 40.0), (0.0, 50.0, 40.0)],
    "LED +": [(0.0, -10.0, 34.0), (0.0, 50.0, 46.0)],
    "base": [(2.0, -44.0, 16.0), (2.0, 12.0, 110.0)],
    "emitter": [(-14.0, -62.0, 16.0), (2.0, 12.0, 110.0)],
    "lens light": [(0.0, 0.0, 34.0), (0.0, 0.0, 34.0)],
}
"""How wires leave the header and their terminal, by terminal or part: so that each is seen in the picture."""
_ALONG_WALL = np.array([5.0, 16.0, -5.0])


def opened(layout: Layout, point: Array) -> Array:
    """A point of the closed box's lid, when that lies beside it like a page of a book."""
    moved: Array = np.array([-ASIDE_MM, 0.0, layout.given.depth]) + point * np.array([-1.0, 1.0, -1.0])
    return moved


def wires(layout: Layout, shown: list[Wire]) -> list[Shape]:
    """Each wire from its pin on the lid beside the box to its terminal; transistor and resistor in their tubes."""
    found = []
    count: dict[str, int] = {}
    for wire in shown:
        number = count[wire.part] = count.get(wire.part, -1) + 1
        x, y = header(layout, wire.header_pin)
        top = layout.board_z - layout.board.boxes["header and plugs"][5]
        row = -_PIN_MM / 2 if wire.header_pin % 2 else _PIN_MM / 2
        begin = opened(layout, np.array([x, y + row, top]))
        end, on_lid = _terminal(layout, wire, number)
        if end is None:
            continue
        if on_lid:
            ways = np.array([[0.0, 0.0, 12.0 + 5.0 * number]] * 2)
        else:
            ways = np.array(_WAYS.get(wire.terminal) or _WAYS.get(wire.part) or _WAYS["lens light"])
            ways[:, 2] += 5.0 * number
            ways[0, 0] += 9.0 - 6.0 * number
        found.append(tube(_curve(begin, end, *ways), _rgb(wire.colour)))
    white = _curve(np.array(leg_end(layout)), np.array(blade(layout, "lamp −")), _ALONG_WALL, np.array([0, 0, 12.0]))
    found.append(tube(white, _rgb("white")))
    for (_, y0, z0, x1, y1, z1), radius in zip(transistor(layout), (2.8, 1.8), strict=True):
        x, z = x1 - radius, (z0 + z1) / 2
        found.append(tube(np.linspace((x, y0, z), (x, y1, z), 5), _TUBE, radius))
    return found


def flat(layout: Layout) -> Shape:
    """The camera's cable in the closed case, both its faces."""
    points = flat_cable.surface(layout)
    a, b, c, d = points[:-1, :-1], points[1:, :-1], points[1:, 1:], points[:-1, 1:]
    faces = np.concatenate([np.stack(three, axis=2).reshape(-1, 3, 3) for three in ((a, b, c), (a, c, d))])
    return Shape(np.concatenate([faces, faces[:, ::-1]]), (247, 240, 214))


def tube(points: Array, colour: Colour, radius: float = _THICK_MM) -> Shape:
    """A round tube along the points."""
    tangent = np.gradient(points, axis=0)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    side = np.cross(tangent, np.array([0.31, 0.87, 0.38]))
    side /= np.linalg.norm(side, axis=1, keepdims=True)
    other = np.cross(tangent, side)
    turn = np.arange(_SIDES) * 2 * math.pi / _SIDES
    rings = points[:, None] + radius * (
        np.cos(turn)[None, :, None] * side[:, None] + np.sin(turn)[None, :, None] * other[:, None]
    )
    after = np.roll(rings, -1, axis=1)
    a, b, c, d = rings[:-1], after[:-1], after[1:], rings[1:]
    faces = [np.stack(three, axis=2).reshape(-1, 3, 3) for three in ((a, b, c), (a, c, d))]
    caps = [
        np.stack([np.broadcast_to(points[end], rings[end].shape), *pair], axis=1)
        for end, pair in ((0, (after[0], rings[0])), (-1, (rings[-1], after[-1])))
    ]
    return Shape(np.concatenate([*faces, *caps]), colour)


def _curve(begin: Array, end: Array, first_way: Array, second_way: Array) -> Array:
    """From one end to the other, each left in its own way."""
    share = np.linspace(0, 1, _STEPS)[:, None]
    first, second = begin + first_way, end + second_way
    found: Array = (
        (1 - share) ** 3 * begin
        + 3 * (1 - share) ** 2 * share * first
        + 3 * (1 - share) * share**2 * second
        + share**3 * end
    )
    return found


def _terminal(layout: Layout, wire: Wire, number: int) -> tuple[Array | None, bool]:
    """Where a wire ends, and whether that is on the lid; None for a part that is not in the case."""
    if wire.part == "panel":
        order = layout.panel.orders[0].split()
        x = layout.panel_x + layout.panel.width / 2 + (order.index(wire.terminal) - (len(order) - 1) / 2) * _PIN_MM
        z = layout.panel_z + layout.panel.plate + 16
        return np.array([x, layout.given.panel_y + layout.panel.height - 1.75, z]), False
    if wire.part == "button":
        return np.array(blade(layout, wire.terminal)), False
    if wire.part == "light":
        if wire.terminal == "LED +":
            return np.array(blade(layout, "lamp +")), False
        x, y, z = leg_end(layout)
        above = transistor(layout)[1]
        return np.array((above[3] - 1.8, above[4], z) if wire.terminal == "base" else (x + 3.0, y - 1.0, z)), False
    if wire.part == "lens light":
        x = layout.middle + 19 + (1.3 if wire.terminal == "input" else -1.3)
        return np.array([x, layout.given.lens_y, 28.0]), False
    thing = {"flash": "flash board"}.get(wire.part, wire.part)
    boxes = [placed.box for placed in free(layout) if placed.thing == thing]
    if not boxes:
        return None, True
    x0, y0, z0, _, y1, _ = boxes[0]
    return opened(layout, np.array([x0 + 3, (y0 + y1) / 2 + (number - 1) * _PIN_MM, z0 + 6])), True


def _rgb(name: str) -> Colour:
    value = COLOURS[name].lstrip("#")
    red, green, blue = (int(value[at : at + 2], 16) for at in (0, 2, 4))
    return red, green, blue
