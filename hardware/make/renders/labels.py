"""Names beside a picture: each with a line to its thing, those of the left half on the left."""

from __future__ import annotations

import base64
from collections.abc import Sequence

import numpy as np

from hardware.make.drawings.svg import FAINT, INK, Drawing, Point
from hardware.make.pictures import as_png
from hardware.make.renders.render import Shape, View, places, render
from piboothup.records import dataclass

_GAP, _SIZE, _AWAY = 25.0, 15.0, 26.0
_LETTER = 0.56
"""Mean width of a letter, of its size."""


@dataclass(frozen=True)
class Label:
    """A name, and the point of the scene that it means; `side`: -1 left, 1 right, 0 the nearer one."""

    words: str
    point: tuple[float, ...]
    side: int = 0


def labelled(shapes: list[Shape], view: View, labels: Sequence[Label], title: str) -> str:
    """The picture with its names close to it, as SVG."""
    height = view.size[1]
    outline = places(shapes, view, np.concatenate([each.corners.reshape(-1, 3) for each in shapes]))
    low, high = int(outline[:, 0].min()) - 4, int(outline[:, 0].max()) + 5
    found = places(shapes, view, np.array([label.point for label in labels]))
    sides = [label.side or (-1 if x < (low + high) / 2 else 1) for label, (x, _) in zip(labels, found, strict=True)]
    longest = {-1: 0, 1: 0}
    for label, side in zip(labels, sides, strict=True):
        longest[side] = max(longest[side], len(label.words))
    margins = {side: _AWAY + 14 + _SIZE * _LETTER * letters for side, letters in longest.items()}
    width = high - low
    on = Drawing(round(width + margins[-1] + margins[1]), height + 26, title)
    picture = render(shapes, view).crop((low, 0, high, height))
    png = base64.b64encode(as_png(picture, 0)).decode()
    on.image(margins[-1], 0, width, height, f"data:image/png;base64,{png}")
    for side, edge in ((-1, margins[-1] - _AWAY), (1, margins[-1] + width + _AWAY)):
        own = [
            (label.words, (float(x) - low + margins[-1], float(y)))
            for label, chosen, (x, y) in zip(labels, sides, found, strict=True)
            if chosen == side
        ]
        _column(on, side, edge, height, own)
    on.text(12, height + 16, f"{title}. Rendered from the model.", 12, fill=FAINT)
    return on.text_of()


def _column(on: Drawing, side: int, edge: float, height: float, labels: list[tuple[str, Point]]) -> None:
    """Draw the names of a side, from above, none upon another."""
    ordered = sorted(labels, key=lambda label: label[1][1])
    heights: list[float] = []
    for number, (_, (_, y)) in enumerate(ordered):
        least = heights[-1] + _GAP if heights else _GAP
        most = height - 12 - (len(ordered) - 1 - number) * _GAP
        heights.append(min(max(least, y), most))
    for (words, (x, y)), at in zip(ordered, heights, strict=True):
        for look in ({"stroke": "#ffffff", "stroke-width": 4}, {"stroke": INK, "stroke-width": 1.4}):
            on.line([(edge, at), (edge - side * 14, at), (x, y)], **look)
        on.circle(x, y, 3.5, fill="#ffffff", stroke=INK, **{"stroke-width": 1.4})
        on.text(edge + side * 6, at + 5, words, _SIZE, anchor="end" if side < 0 else "start")
