"""How long the wires must be: from each header pin to its part, with the lid open.

Wires: the lid lies beside the box like a page of a book, on the side of pin 1, both with their insides up; a wire
climbs over the wall. To look at its face the box stands on that side, its opening to the lid: they reach there too.
The camera's cable is shorter: for it the lid stands `BEHIND_MM` behind the box. Lengths are mm.
"""

from __future__ import annotations

import math

from hardware.make.case.layout import Layout, Placed, free, transistor
from hardware.make.tables import Wire

WIRE_MM, CABLE_MM = 300.0, 200.0
"""Of the jumper wires and of the camera's cable that the bill has."""
WHITE_MM, BARE_MM = 80.0, 5.0
"""Of the wire from the lamp to the transistor, and how much of each of its ends is soldered."""
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
    x, y, z = _end(layout, wire, thing, places)
    flat = math.hypot(header_x + ASIDE_MM + x, header_y - y)
    return flat + (layout.given.depth - z) + (layout.given.depth - 20) + SLACK_MM


def standing_mm(layout: Layout, wire: Wire) -> float:
    """What a wire of the front needs while the box stands on its side before the lid, with its slack."""
    thing = {"light": "button"}.get(wire.part, wire.part)
    x, y, z = _end(layout, wire, thing, [each for each in free(layout) if each.thing == thing])
    header_x, header_y = header(layout, wire.header_pin)
    away = (header_x + ASIDE_MM + layout.given.depth - z, header_y - y, x)
    return math.hypot(*away) + 20 + SLACK_MM


def white_mm(layout: Layout) -> float:
    """What the wire from the lamp to the transistor needs in the closed case, its soldered ends included."""
    return math.dist(blade(layout, "lamp −"), leg_end(layout)) + 2 * BARE_MM


def blade(layout: Layout, name: str) -> tuple[float, float, float]:
    """The end of a terminal of the button: the switch's two above, the lamp's two below."""
    x, y = {"NO": (5, 6), "COM": (-5, 6), "lamp +": (5, -6), "lamp −": (-5, -6)}[name]
    return layout.middle + x, layout.given.button_y + y, layout.button.depth - 3.0


def leg_end(layout: Layout) -> tuple[float, float, float]:
    """Where the wires leave the transistor's tube: at its upper end."""
    box = transistor(layout)[0]
    return (box[0] + box[3]) / 2, box[4], (box[2] + box[5]) / 2


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


def _end(layout: Layout, wire: Wire, thing: str, places: list[Placed]) -> tuple[float, float, float]:
    if wire.terminal in ("base", "emitter"):
        return leg_end(layout)
    return _terminals(thing, places)


def _terminals(thing: str, places: list[Placed]) -> tuple[float, float, float]:
    """Where the wires end: at the panel's plugs, at the far end of another part."""
    plugs = [placed for placed in places if placed.name == "plugs"]
    x, y, _ = _middle((plugs or places)[0])
    return x, y, max(placed.box[5] for placed in plugs or places)


def _middle(placed: Placed) -> tuple[float, float, float]:
    x, y, z = ((placed.box[axis] + placed.box[axis + 3]) / 2 for axis in range(3))
    return x, y, z
