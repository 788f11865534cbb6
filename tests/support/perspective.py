"""Geometry of a picture that is seen turned and from the side."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

Point = tuple[float, float]


def turned(corners: Sequence[Point], turn_deg: float, middle: Point) -> list[Point]:
    """Corners, given from their middle, turned and put around this one."""
    cosine, sine = math.cos(math.radians(turn_deg)), math.sin(math.radians(turn_deg))
    return [(middle[0] + x * cosine - y * sine, middle[1] + x * sine + y * cosine) for x, y in corners]


def coefficients(corners: Sequence[Point], origin: Sequence[Point]) -> list[float]:
    """What Pillow's PERSPECTIVE transform needs so that the `origin` corners of a picture come to these."""
    rows, right = [], []
    for (to_x, to_y), (x, y) in zip(corners, origin, strict=True):
        rows += [[to_x, to_y, 1, 0, 0, 0, -x * to_x, -x * to_y], [0, 0, 0, to_x, to_y, 1, -y * to_x, -y * to_y]]
        right += [x, y]
    return [float(number) for number in np.linalg.solve(np.array(rows, float), np.array(right, float))]
