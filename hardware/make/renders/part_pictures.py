"""Every part of a build laid out and named: simple bodies, each drawn as large as its place, not to one scale."""

from __future__ import annotations

import base64
import functools
import math
import textwrap
from typing import Any

import manifold3d

from hardware.make.case import model
from hardware.make.case.layout import Layout
from hardware.make.drawings.svg import FAINT, Drawing
from hardware.make.pictures import as_png
from hardware.make.renders import bodies
from hardware.make.renders.render import Colour, Shape, View, render, shape
from hardware.make.tables import Parts, TableError

_COLUMNS, _WIDE, _HIGH = 6, 180, 176
_DARK, _STEEL, _BRASS, _RED, _GREEN, _BLUE = (
    (52, 58, 66),
    bodies.STEEL,
    bodies.BRASS,
    (206, 52, 52),
    (46, 125, 62),
    (40, 92, 150),
)
_PAPER, _SAND, _YELLOW, _AMBER = (240, 236, 222), (214, 190, 140), (242, 204, 12), (245, 190, 60)


def sheet(table: Parts, build: str, layout: Layout) -> str:
    """The parts of a build's bill and what is printed, as SVG with their pictures in it."""
    tiles: list[tuple[str, str, list[Shape]]] = []
    for part in table.of(build):
        pieces = part.quantity[build]
        told = "optional" if part.optional else f"{pieces} x" if pieces > 1 else ""
        tiles.append((told, part.name, _shapes(part.key, layout)))
    for name, solid in {**model.printed(layout), "coupon": model.coupon(layout)}.items():
        lying = solid.rotate([-90, 0, 0]).mirror([0, 0, 1])
        tiles.append(("printed", {"guard": "guard ring"}.get(name, name), [shape(lying, bodies.FRONT)]))
    rows = -(-len(tiles) // _COLUMNS)
    on = Drawing(40 + _COLUMNS * _WIDE, 90 + rows * _HIGH, f"Parts of the {table.builds[build].name.lower()}")
    on.text(30, 48, f"{table.builds[build].name}: all parts", 28, weight="bold")
    on.text(30, 74, "Rendered, each as large as its place: not to one scale.", 14, fill=FAINT)
    for number, (count, name, shapes) in enumerate(tiles):
        x, y = 20 + number % _COLUMNS * _WIDE, 90 + number // _COLUMNS * _HIGH
        on.rect(x + 4, y + 4, _WIDE - 8, _HIGH - 8, rx=8, fill="#ffffff", stroke="#d5dce3")
        picture = as_png(render(shapes, View(-28, 26, (150, 104), 0.08)))
        on.image(x + 15, y + 10, 150, 104, f"data:image/png;base64,{base64.b64encode(picture).decode()}")
        if count:
            on.text(x + _WIDE - 14, y + 24, count, 13, anchor="end", weight="bold")
        on.lines(x + 14, y + 130, textwrap.wrap(name, 24)[:2], 12)
    return on.text_of()


def _shapes(key: str, layout: Layout) -> list[Shape]:
    """Bodies of a part by its key. Raises TableError for a part that has no picture."""
    devices = {"zero": "board", "pi4": "board", "camera": "camera", "button-30": "button", "button-60": "button"}
    if key in devices:
        return bodies.thing(layout, devices[key])
    if key.startswith("panel"):
        return [*bodies.thing(layout, "panel"), shape(_panel_pins(layout), _AMBER)]
    if key not in _BODIES:
        raise TableError(f"part_pictures.py has no picture of {key}.")
    return [shape(solid, colour) for solid, colour in _BODIES[key]()]


def _box(width: float, height: float, depth: float, x: float = 0, y: float = 0, z: float = 0) -> Any:
    return manifold3d.Manifold.cube([width, height, depth]).translate([x, y, z])


def _rod(radius: float, length: float, x: float = 0, y: float = 0, z: float = 0, sides: int = 32) -> Any:
    """A rod that stands."""
    return manifold3d.Manifold.cylinder(length, radius, radius, sides).rotate([-90, 0, 0]).translate([x, y, z])


def _screw(thread: float, length: float) -> list[tuple[Any, Colour]]:
    return [(_rod(thread, thread * 1.2, y=length) + _rod(thread / 2, length), _STEEL)]


def _tube(outer: float, inner: float, length: float, sides: int = 32) -> Any:
    return _rod(outer, length, sides=sides) - _rod(inner, length + 2, y=-1)


def _wires() -> list[tuple[Any, Colour]]:
    colours = ((32, 36, 42), (138, 90, 43), (214, 40, 40), (238, 138, 0), _YELLOW, (46, 158, 63), (31, 111, 208))
    return [(_box(1.2, 1.2, 60, 1.5 * number), colour) for number, colour in enumerate(colours)]


def _panel_pins(layout: Layout) -> Any:
    """The four that are soldered on: at the upper edge, to the back."""
    x = layout.panel_x + layout.panel.width / 2
    y, z = layout.given.panel_y + layout.panel.height - 2.2, layout.panel_z + layout.panel.plate
    return functools.reduce(
        lambda first, second: first + second, [_box(0.9, 0.9, 10, x + (at - 1.5) * 2.54, y, z) for at in range(4)]
    )


def _resistor() -> list[tuple[Any, Colour]]:
    body = manifold3d.Manifold.cylinder(6.4, 1.2, 1.2, 24).rotate([0, 90, 0]).translate([8, 0, 0])
    wire = manifold3d.Manifold.cylinder(22, 0.3, 0.3, 12).rotate([0, 90, 0])
    ring = manifold3d.Manifold.cylinder(0.7, 1.3, 1.3, 24).rotate([0, 90, 0])
    return [(wire, _STEEL), (body, _SAND), *((ring.translate([at, 0, 0]), _DARK) for at in (9.2, 10.8, 12.4))]


def _led() -> list[tuple[Any, Colour]]:
    legs = _box(0.5, 18, 0.5, -1.5) + _box(0.5, 16, 0.5, 1, 2)
    cap = _rod(2.5, 5, y=18) + manifold3d.Manifold.sphere(2.5, 32).translate([0, 23, 0])
    return [(legs, _STEEL), (cap, (90, 200, 110))]


def _transistor() -> list[tuple[Any, Colour]]:
    body = _rod(2.4, 4.6, y=12) - _box(9, 9, 9, -4.5, 11, -10.6)
    return [(_box(0.5, 13, 0.5, at), _STEEL) for at in (-1.6, -0.25, 1.1)] + [(body, _DARK)]


def _supply(plug: Colour) -> list[tuple[Any, Colour]]:
    return [(_box(46, 30, 70), _DARK), (_box(4, 4, 40, 21, 3, -40), _DARK), (_box(11, 7, 22, 17.5, 1.5, -62), plug)]


def _module(width: float, height: float, board: Colour, chip: Colour) -> list[tuple[Any, Colour]]:
    pins = [(_box(1, 1, 6, 2 + 2.54 * number, 1, -5), _AMBER) for number in range(4)]
    return [
        (_box(width, height, 1.6), board),
        (_box(width * 0.4, height * 0.4, 4, width * 0.3, height * 0.4, -3), chip),
        *pins,
    ]


def _ribbon(first: float, second: float) -> list[tuple[Any, Colour]]:
    flat = manifold3d.CrossSection([[(0, 0), (first, 0), ((first + second) / 2, 120), ((first - second) / 2, 120)]])
    return [(flat.extrude(0.8), _PAPER)]


def _nut() -> Any:
    return _rod(11.1 / 2 / math.cos(math.pi / 6), 5.6, sides=6) - _rod(3.2, 9, y=-1)


_BODIES: dict[str, Any] = {
    "cable-mini": lambda: _ribbon(16, 11.5),
    "cable-standard": lambda: _ribbon(16, 16),
    "card": lambda: [(_box(11, 15, 1), _DARK), (_box(9, 9, 0.4, 1, 4, -0.4), _RED)],
    "supply-micro": lambda: _supply(_STEEL),
    "supply-c": lambda: _supply(_STEEL),
    "supply-12v": lambda: _supply(_YELLOW),
    "push-button": lambda: [
        (_box(12, 12, 4), _DARK),
        (manifold3d.Manifold.cylinder(4, 4, 4, 32).translate([6, 6, -4]), _RED),
    ],
    "transistor": _transistor,
    "resistor-base": _resistor,
    "resistor-led": _resistor,
    "long-resistor": _resistor,
    "long-capacitor": lambda: [
        (_box(0.4, 9, 0.4), _STEEL),
        (_box(0.4, 9, 0.4, 4), _STEEL),
        (_box(6, 5, 2.5, -0.8, 8, -1), _SAND),
    ],
    "led-desk": _led,
    "led-lens": _led,
    "flash-board": lambda: _module(34, 17, _RED, _DARK),
    "flash-lamp": lambda: [(_box(80, 60, 14), _DARK), (_box(72, 52, 3, 4, 4, -3), (255, 242, 196))],
    "buzzer": lambda: [
        *_module(19, 15, _BLUE, _DARK),
        (manifold3d.Manifold.cylinder(7, 6, 6, 32).translate([11, 8, -7]), _DARK),
    ],
    "clock": lambda: [
        *_module(38, 22, _BLUE, _DARK),
        (manifold3d.Manifold.cylinder(3, 9, 9, 32).translate([27, 11, -3]), _STEEL),
    ],
    "wires": _wires,
    "wires-desk": _wires,
    "wire-lamp": lambda: [(_box(1.8, 1.8, 60), _RED), (_box(1.8, 1.8, 60, 1.9), _DARK)],
    "breadboard": lambda: [(_box(83, 8.5, 55), (244, 244, 240)), (_box(83, 0.5, 4, 0, 8.5, 25), _STEEL)],
    "shrink-leg": lambda: [(_tube(1.2, 0.9, 40).rotate([0, 0, 80]), _DARK)],
    "shrink": lambda: [(_tube(2.5, 2.0, 40).rotate([0, 0, 80]), _DARK)],
    "filament": lambda: [
        (_tube(100, 27, 4) + _tube(100, 27, 4).translate([0, 60, 0]), _DARK),
        (_tube(85, 60, 56).translate([0, 4, 0]), bodies.FRONT),
    ],
    "insert": lambda: [(_tube(2.3, 1.5, 5.7), _BRASS)],
    "screw-lid": lambda: _screw(3, 8),
    "screw-board": lambda: _screw(2.5, 5),
    "screw-camera": lambda: _screw(2, 6),
    "washer": lambda: [(_tube(4, 1.3, 0.8), _STEEL)],
    "tripod-nut": lambda: [(_nut(), _STEEL)],
    "tie": lambda: [(_box(100, 1.2, 2.5), (245, 245, 245)), (_box(5, 4, 4.5, -4, -1, -1), (245, 245, 245))],
    "glue": lambda: [(_rod(9, 40), _BLUE), (_rod(3, 16, y=40), _YELLOW)],
    "tape": lambda: [(_tube(30, 20, 12), (245, 245, 245)), (_tube(20, 18, 12), _RED)],
}
