"""How long the wires must be: from each header pin to its part, with the lid open.

Wires: the lid lies beside the box like a page of a book, on the side of pin 1, both with their insides up; a wire
climbs over the wall. The camera's cable is shorter: for it the lid stands `BEHIND_MM` behind the box. Lengths are mm.
"""

from __future__ import annotations

import math

from hardware.make.case.layout import Layout, Placed, free
from hardware.make.tables import Wire

WIRE_MM, CABLE_MM = 300.0, 200.0
"""Of the jumper wires and of the camera's cable that the bill has."""
SLACK_MM = 40.0
"""For plugs, solder and a bend."""
BEHIND_MM = 80.0
ASIDE_MM = 10.0
_PIN_MM = 2.54
_FIRST_PIN = (8.37, -3.5)
"""Pin 1's column from the board's lower left corner, and the header's middle from its upper edge."""
_THINGS = {"long cable": ""}
"""Wires whose part is at the header itself."""


def wire_mm(layout: Layout, wire: Wire) -> float:
    """What a wire needs, with its slack; 0 when its part is on the header's own wires."""
    thing = _THINGS.get(wire.part, {"light": "button", "flash": "flash board"}.get(wire.part, wire.part))
    places = [placed for placed in free(layout) if placed.thing == thing and placed.name != "washer"]
    if not places:
        return 0.0
    header_x, header_y = header(layout, wire.header_pin)
    if thing in layout.given.extras:
        x, y, _ = _middle(places[0])
        return math.hypot(x - header_x, y - header_y) + 2 * 20 + SLACK_MM
    x, y, z = _terminals(thing, places)
    flat = math.hypot(header_x + ASIDE_MM + x, header_y - y)
    return flat + (layout.given.depth - z) + (layout.given.depth - 20) + SLACK_MM


def camera_mm(layout: Layout) -> float:
    """What the camera's cable needs, from socket to socket."""
    places = {(placed.thing, placed.name): placed for placed in free(layout)}
    first, second = (_middle(places[key]) for key in (("camera", "cable"), ("board", "camera cable")))
    away = (first[0] - second[0], first[1] - second[1], second[2] + BEHIND_MM - first[2])
    return math.hypot(*away) + SLACK_MM


def header(layout: Layout, pin: int) -> tuple[float, float]:
    """The x of a header pin on the closed lid, and the y of the header's middle."""
    x = layout.given.board_x + _FIRST_PIN[0] + (pin - 1) // 2 * _PIN_MM
    return x, layout.given.board_y + layout.board.height + _FIRST_PIN[1]


def _terminals(thing: str, places: list[Placed]) -> tuple[float, float, float]:
    """Where the wires end: at the panel's plugs, at the far end of another part."""
    plugs = [placed for placed in places if placed.name == "plugs"]
    x, y, _ = _middle((plugs or places)[0])
    return x, y, max(placed.box[5] for placed in plugs or places)


def _middle(placed: Placed) -> tuple[float, float, float]:
    x, y, z = ((placed.box[axis] + placed.box[axis + 3]) / 2 for axis in range(3))
    return x, y, z
