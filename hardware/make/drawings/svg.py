"""A drawing as SVG text: the same characters for the same drawing, on every machine."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

Point = tuple[float, float]
INK, PAPER, FAINT = "#1d2733", "#ffffff", "#66717f"
COLOURS = {
    "black": "#20242a",
    "brown": "#8a5a2b",
    "red": "#d62828",
    "orange": "#ee8a00",
    "yellow": "#f2cc0c",
    "green": "#2e9e3f",
    "blue": "#1f6fd0",
    "violet": "#8a3fc0",
    "grey": "#8d99a6",
    "white": "#ffffff",
}
"""Of a strip of ten jumper wires."""


class Drawing:
    """Shapes in the order in which they are drawn."""

    def __init__(self, width: float, height: float, title: str, unit: str = "") -> None:
        self.width, self.height = width, height
        size = f' width="{width:g}{unit}" height="{height:g}{unit}"'
        self._lines = [
            f'<svg xmlns="http://www.w3.org/2000/svg"{size} viewBox="0 0 {width:g} {height:g}" '
            'font-family="DejaVu Sans, Verdana, sans-serif">',
            f"<title>{escape(title)}</title>",
        ]
        self.rect(0, 0, width, height, fill=PAPER)

    def text_of(self) -> str:
        """The whole file."""
        return "\n".join([*self._lines, "</svg>", ""])

    def rect(self, x: float, y: float, width: float, height: float, **look: object) -> None:
        """Draw a rectangle; `rx` rounds its corners."""
        self._shape(f'<rect x="{_n(x)}" y="{_n(y)}" width="{_n(width)}" height="{_n(height)}"', look)

    def circle(self, x: float, y: float, radius: float, **look: object) -> None:
        """Draw a circle."""
        self._shape(f'<circle cx="{_n(x)}" cy="{_n(y)}" r="{_n(radius)}"', look)

    def line(self, points: Iterable[Point], **look: object) -> None:
        """Draw a line through the points."""
        look = {"fill": "none", "stroke": INK, "stroke-width": 2, **look}
        path = " L".join(f"{_n(x)} {_n(y)}" for x, y in points)
        title = look.pop("title", None)
        self._shape(f'<path d="M{path}"', look, title)

    def polygon(self, points: Iterable[Point], **look: object) -> None:
        """Draw a filled polygon."""
        self._shape(f'<polygon points="{" ".join(f"{_n(x)},{_n(y)}" for x, y in points)}"', look)

    def text(self, x: float, y: float, words: str, size: float = 14, **look: object) -> None:
        """Draw words at their base line; `anchor` is "start", "middle" or "end", `weight` "bold"."""
        look = {"fill": INK, **look}
        anchor, weight = look.pop("anchor", ""), look.pop("weight", "")
        more = (f' text-anchor="{anchor}"' if anchor else "") + (f' font-weight="{weight}"' if weight else "")
        self._lines.append(
            f'<text x="{_n(x)}" y="{_n(y)}" font-size="{_n(size)}"{more}{_attributes(look)}>{escape(words)}</text>'
        )

    def image(self, x: float, y: float, width: float, height: float, address: str) -> None:
        """Draw a picture, whose bytes are in its address."""
        self._shape(f'<image x="{_n(x)}" y="{_n(y)}" width="{_n(width)}" height="{_n(height)}" href="{address}"', {})

    def lines(self, x: float, y: float, rows: Iterable[str], size: float = 13, **look: object) -> float:
        """Draw rows of words below one another; returns the base line after the last."""
        for row in rows:
            self.text(x, y, row, size, **look)
            y += size * 1.4
        return y

    def _shape(self, start: str, look: dict[str, object], title: object = None) -> None:
        inner = f"><title>{escape(str(title))}</title></{start[1:].split(' ', maxsplit=1)[0]}>" if title else "/>"
        self._lines.append(start + _attributes(look) + inner)


# --- symbols: each is drawn around the point that it is given ---


def resistor(on: Drawing, x: float, y: float, value: str) -> tuple[Point, Point]:
    """A resistor that lies; returns its two ends."""
    on.line([(x - 40, y), (x - 26, y)])
    on.line([(x + 26, y), (x + 40, y)])
    on.rect(x - 26, y - 9, 52, 18, rx=4, fill="#f0dfbd", stroke=INK, **{"stroke-width": 2})
    on.text(x, y + 5, value, 12, anchor="middle")
    return (x - 40, y), (x + 40, y)


def led(on: Drawing, x: float, y: float) -> tuple[Point, Point]:
    """An LED that lies, its anode at the left; returns both ends."""
    on.line([(x - 30, y), (x + 30, y)])
    on.polygon([(x - 12, y - 12), (x - 12, y + 12), (x + 10, y)], fill="#ffe27a", stroke=INK)
    on.line([(x + 10, y - 12), (x + 10, y + 12)])
    for shift in (0, 10):
        on.line([(x + shift - 4, y - 16), (x + shift + 4, y - 26)], **{"stroke-width": 1.5})
        on.polygon([(x + shift + 6, y - 29), (x + shift + 5, y - 22), (x + shift, y - 26)], fill=INK)
    return (x - 30, y), (x + 30, y)


def capacitor(on: Drawing, x: float, y: float, value: str) -> tuple[Point, Point]:
    """A capacitor that stands; returns upper and lower end."""
    on.line([(x, y - 24), (x, y - 5)])
    on.line([(x, y + 5), (x, y + 24)])
    for edge in (-5, 5):
        on.line([(x - 14, y + edge), (x + 14, y + edge)], **{"stroke-width": 3})
    on.text(x + 20, y + 5, value, 12)
    return (x, y - 24), (x, y + 24)


def _attributes(look: dict[str, object]) -> str:
    return "".join(f' {name}="{escape(str(value))}"' for name, value in look.items())


def _n(value: float) -> str:
    return f"{round(value, 2):g}"
