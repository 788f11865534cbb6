"""Sheets of what is soldered by hand: sizes and terminals of the buttons, and the joints of the wires."""

from __future__ import annotations

import math

from hardware.make.case.devices import BUTTONS, Button
from hardware.make.case.layout import GUARD_OVER
from hardware.make.drawings import circuits
from hardware.make.drawings.svg import COLOURS, FAINT, INK, Drawing, Point
from hardware.make.tables import Parts

_SCALE = 4.0
"""Of the buttons, drawing units a millimetre."""
_WALL_MM = 2.4
_HALF_TURN = [math.radians(degrees) for degrees in range(-90, 91, 10)]
_METAL, _BODY, _TUBE = "#b9c2cb", "#3a434d", "#5b6672"


def buttons() -> str:
    """Both buttons from the side, with the sizes that the cases have room for, and their terminals from behind."""
    on = Drawing(1440, 670, "Buttons: sizes and terminals")
    on.text(40, 50, "Buttons: does yours fit, and which terminal is which?", 30, weight="bold")
    on.text(
        40,
        80,
        "Millimetres; ≤: the most that case and guard ring are made for. Measure yours, before you print.",
        16,
        fill=FAINT,
    )
    _side(on, 130, 300, BUTTONS["30"], "Pocket booth: arcade button, 30 mm")
    _back(on, 530, 300, ("switch", "switch", "lamp +", "lamp −"))
    on.lines(
        40,
        530,
        (
            "Two blades of the switch, equal: one is NO, one is COM.",
            "Two of the lamp: its + is marked, or try: wrong stays dark.",
        ),
        15,
    )
    _side(on, 810, 300, BUTTONS["60"], "Party box: arcade button with a dome, 60 mm")
    _back(on, 1270, 300, ("NO", "COM", "lamp +", "lamp −", "NC: free"))
    on.lines(
        720,
        530,
        (
            "Three blades at the microswitch, with the names on it; COM is often",
            "the one at its side. Two at the lamp's holder, beside it.",
        ),
        15,
    )
    on.lines(
        40,
        610,
        (
            'No names on it? Try it with the Pi\'s 5 V and the 1 kΩ, before you solder: README.md, "The wires".',
            "Solder before it is screwed in: tin blade and wire, then both together, for three seconds.",
        ),
        15,
    )
    return on.text_of()


def joints(table: Parts) -> str:
    """The three joints of a box: a wire to a blade, the transistor, and a wire that joins another in mid-way."""
    given = circuits.values(table)
    on = Drawing(1240, 500, "Joints")
    on.text(40, 50, "Three joints, and what goes over each", 30, weight="bold")
    told = (
        "Tube onto the wire; solder; let it cool; tube over the joint. "
        "Warm it after the check: of step 5, the clock's of 7."
    )
    on.text(40, 80, told, 16, fill=FAINT)
    _frame(on, 40, "1  A wire to a blade, or to a leg")
    on.rect(80, 240, 70, 26, fill=_METAL, stroke=INK)
    on.rect(64, 222, 22, 62, rx=4, fill=_BODY)
    _wire(on, [(140, 253), (250, 253), (330, 253)], "green")
    on.circle(140, 253, 11, fill="#dfe5ea", stroke=INK)
    _tube(on, 176, 242, 84, 22)
    on.text(118, 222, "blade", 13, anchor="middle")
    on.text(218, 292, "tube: slide it over", 13, anchor="middle")
    blade = (
        "5 mm of the wire bare. Wire and blade",
        "take solder each, then together.",
        "Tube: 2 cm of 5 mm over a blade,",
        "1.5 cm of 3.2 mm over a leg.",
    )
    on.lines(60, 400, blade, 14)

    _frame(on, 420, "2  The transistor, and its resistor")
    on.rect(452, 160, 132, 40, rx=6, fill="#343a42")
    on.text(518, 185, "2N3904", 14, anchor="middle", fill="#ffffff")
    on.text(606, 172, "flat side to you,", 13)
    on.text(606, 190, "legs down", 13)
    legs = (("E", 470, "brown", "pin 14"), ("B", 518, "violet", "pin 13"), ("C", 566, "white", "LED −"))
    for name, x, colour, goes in legs:
        on.line([(x, 200), (x, 300 if name == "B" else 244)], stroke=_METAL, **{"stroke-width": 5})
        _wire(on, [(x, 300 if name == "B" else 240), (x, 352)], colour)
        _tube(on, x - 9, 208, 18, 40)
        on.text(x, 224, name, 13, anchor="middle", weight="bold", fill="#ffffff")
        on.text(x, 370, goes, 12, anchor="middle")
    on.rect(508, 262, 20, 52, rx=4, fill="#f0dfbd", stroke=INK, **{"stroke-width": 2})
    dashed = {"stroke-dasharray": "6 4", "stroke-width": 2}
    on.rect(500, 259, 36, 70, rx=8, fill="none", stroke=INK, **dashed)
    on.text(600, 290, f"{circuits.in_words(given.base_ohm)} in line with B,", 13)
    on.text(600, 308, "in a tube of its own", 13)
    on.rect(444, 150, 148, 106, rx=10, fill="none", stroke=INK, **dashed)
    on.text(604, 236, "last: a tube over all", 13)
    covered = (
        "Legs cut to 1 cm. First, onto violet 2.5 cm of",
        "5 mm; onto brown, white and violet 1.5 cm of",
        "3.2 mm; then violet's resistor, then the legs.",
        "Warm them, then 2.5 cm of 5 mm over all.",
    )
    on.lines(440, 400, covered, 14)

    _frame(on, 800, "3  The clock's wire joins the panel's")
    on.rect(822, 222, 56, 24, rx=3, fill=_BODY)
    on.text(850, 212, "pin 1", 13, anchor="middle")
    _wire(on, [(878, 234), (1000, 234)], "orange")
    _wire(on, [(990, 234), (1050, 200), (1186, 200)], "orange")
    _wire(on, [(990, 234), (1050, 268), (1186, 268)], "orange")
    _tube(on, 950, 222, 60, 24)
    on.text(980, 292, "tube, 5 mm, 2 cm", 13, anchor="middle")
    on.line([(878, 258), (950, 258)], **{"stroke-width": 1.5})
    on.text(914, 276, "4 cm", 13, anchor="middle")
    on.text(1184, 190, "to the panel's VCC", 13, anchor="end")
    on.text(1184, 290, "to the clock's VCC", 13, anchor="end")
    on.lines(
        820,
        330,
        (
            "Cut the panel's wire 4 cm from its socket at",
            "the header. Of the clock's wire one socket is",
            "cut off. Strip 7 mm of all three ends. Twist",
            "the two long ones together, lay the short one",
            "along, solder. So with SDA, SCL and GND: four",
            "joints, each with its own tube.",
        ),
        14,
    )
    return on.text_of()


def _frame(on: Drawing, x: float, title: str) -> None:
    width = 400 if x > 700 else 360
    on.rect(x, 104, width, 366, rx=10, fill="#f8fafc", stroke="#c3ccd5", **{"stroke-width": 2})
    on.text(x + 18, 134, title, 16, weight="bold")


def _wire(on: Drawing, points: list[Point], colour: str) -> None:
    on.line(points, stroke="#3a434d", **{"stroke-width": 8, "stroke-linejoin": "round"})
    on.line(points, stroke=COLOURS[colour], **{"stroke-width": 6, "stroke-linejoin": "round"})


def _tube(on: Drawing, x: float, y: float, width: float, height: float) -> None:
    on.rect(x, y, width, height, rx=5, fill=_TUBE, stroke=INK, **{"fill-opacity": 0.9})


def _side(on: Drawing, x: float, y: float, button: Button, title: str) -> None:
    """A button from the side, the wall's outer face at `x`, its middle at `y`."""
    hole, rim, nut, depth = (size * _SCALE / 2 for size in (button.hole, button.rim, button.nut, 2 * button.depth))
    wall = _WALL_MM * _SCALE
    on.text(x - 90, 124, title, 18, weight="bold")
    for edge in (-1, 1):
        near, far = sorted((y + edge * hole, y + edge * 150))
        on.rect(x, near, wall, far - near, fill="#ecbe5c", stroke=INK)
    body = 0.62 * depth
    on.rect(x, y - hole + 2, body, 2 * hole - 4, fill=_METAL, stroke=INK)
    for step in range(1, int(body / 12)):
        on.line([(x + 12 * step, y - hole + 2), (x + 12 * step, y + hole - 2)], stroke="#8d99a6")
    on.rect(x + body, y - 0.5 * hole, 0.2 * depth, hole, fill=_BODY)
    for at in (-0.3, 0.3):
        on.rect(x + 0.82 * depth, y + at * hole - 4, 0.18 * depth - 2, 8, fill="#d9b25f", stroke=INK)
    on.rect(x + wall, y - nut, 22, 2 * nut, rx=3, fill=_BODY, stroke=INK)
    on.rect(x - 10, y - rim, 10, 2 * rim, rx=4, fill="#20242a")
    out = button.out * _SCALE
    dome = [(x - 10 - (out - 10) * math.cos(turn), y + (rim - 10) * math.sin(turn)) for turn in _HALF_TURN]
    on.polygon(dome, fill="#d62828")
    _along(on, x - out, x, 486, "")
    on.text(x - 8, 476, f"out ≤ {button.out:g}", 13, anchor="end", weight="bold")
    ring, gap = (button.out + GUARD_OVER) * _SCALE, 1.5 * _SCALE
    for top in (y - rim - gap - 7, y + rim + gap):
        on.rect(x - ring, top, ring, 7, fill="#ecbe5c", stroke=INK)
    on.text(x - 4, y - rim - 24, "guard ring", 13, anchor="end")
    on.text(x + wall + 28, y - nut + 6, f"nut ≤ {button.nut:g}", 13, weight="bold")
    _across(on, x - ring - 16, y, rim, f"rim ≤ {button.rim:g}")
    _along(on, x, x + depth, 486, f"to the soldered ends: depth ≤ {button.depth:g}")
    on.text(x + wall + 8, 154, f"hole {button.hole:g}, printed", 13)


def _across(on: Drawing, x: float, y: float, half: float, words: str) -> None:
    on.line([(x, y - half), (x, y + half)], **{"stroke-width": 1.5})
    for end in (-half, half):
        on.line([(x - 7, y + end), (x + 7, y + end)], **{"stroke-width": 1.5})
    on.text(x, y + half + 36, words, 13, anchor="middle", weight="bold")


def _along(on: Drawing, x: float, end: float, y: float, words: str) -> None:
    on.line([(x, y), (end, y)], **{"stroke-width": 1.5})
    for at in (x, end):
        on.line([(at, y - 7), (at, y + 7)], **{"stroke-width": 1.5})
    if words:
        on.text(x, y + 20, words, 13, weight="bold")


def _back(on: Drawing, x: float, y: float, names: tuple[str, ...]) -> None:
    """The terminals from behind: the switch's above, the lamp's below; the wire's colour beside each name."""
    colours = {
        "switch": ("green", "brown"),
        "NO": ("green",),
        "COM": ("brown",),
        "lamp +": ("red",),
        "lamp −": ("white",),
    }
    on.text(x, y - 124, "from behind", 13, anchor="middle", fill=FAINT)
    on.circle(x, y, 62, fill="#dfe5ea", stroke=INK, **{"stroke-width": 2})
    places = [(-22.0, -24.0), (22.0, -24.0), (-22.0, 30.0), (22.0, 30.0), (0.0, 2.0)]
    used: dict[str, int] = {}
    for name, (dx, dy) in zip(names, places, strict=False):
        on.rect(x + dx - 9, y + dy - 4, 18, 8, fill="#d9b25f", stroke=INK)
        turn = used.get(name, 0)
        used[name] = turn + 1
        if name not in colours:
            on.text(x + dx, y + dy + 20, name, 11, anchor="middle", fill="#66717f")
            continue
        colour = colours[name][turn]
        out = -1 if dx < 0 else 1
        end = y + dy + (-52 if dy < 0 else 52)
        _wire(on, [(x + dx, y + dy), (x + dx, end), (x + dx + out * 18, end)], colour)
        anchor = "end" if out < 0 else "start"
        label_y = end - 12 if dy < 0 else end + 24
        on.text(x + dx + out * 2, label_y, f"{name}: {colour}", 13, anchor=anchor, weight="bold")
