"""Two guests who sit still for the gallery: a grey picture such as the camera's small stream gives.

Drawn from ellipses in whole numbers, so that the gallery is the same on every machine. Must not be needed by the
running booth.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from piboothup.booth.frame import Plane
from piboothup.booth.viewfinder import VIEWFINDER_SIZE

_WIDTH, _HEIGHT = VIEWFINDER_SIZE
_LIGHTS = ((6, 6, 4), (24, 13, 4), (46, 18, 4), (70, 20, 4), (94, 18, 4), (118, 13, 4), (138, 6, 4))
_HAIR = 8
_SKIN = 255
_SHADOW = 205


def portrait() -> Plane:
    """Height x width, 0 = black."""
    y, x = np.mgrid[0:_HEIGHT, 0:_WIDTH]
    canvas = (96 - abs(x - _WIDTH // 2) // 2 - y // 4).astype(np.int32)
    for across, down, radius in _LIGHTS:
        _ellipse(canvas, across, down, radius, radius, _SKIN)
    _guest(canvas, 48, 58, clothes=255, long_hair=True)
    _guest(canvas, 108, 48, clothes=_HAIR, long_hair=False)
    _ellipse(canvas, 108, 112, 8, 18, _SKIN)  # his shirt, and the bow tie on it
    for side in (-6, 6):
        _ellipse(canvas, 108 + side, 92, 6, 5, _HAIR)
    return np.asarray(np.clip(canvas, 0, 255), np.uint8)


def _guest(canvas: NDArray[np.int32], x: int, y: int, *, clothes: int, long_hair: bool) -> None:
    """A head with its middle at `x`, `y`, and shoulders."""
    if long_hair:
        _ellipse(canvas, x, y + 8, 30, 38, _HAIR)
    _ellipse(canvas, x, y + 70, 42, 32, clothes)
    _ellipse(canvas, x, y + 30, 9, 14, _SHADOW)
    _ellipse(canvas, x, y - 6, 25, 27, _HAIR)
    _ellipse(canvas, x, y + 4, 21, 26, _SKIN)
    _ellipse(canvas, x - 10, y - 20, 16, 9, _HAIR)
    _ellipse(canvas, x + 8, y - 21, 16, 8, _HAIR)
    for side in (-8, 8):
        _ellipse(canvas, x + side, y, 3, 4, _HAIR)
    _ellipse(canvas, x, y + 13, 10, 7, _HAIR)
    _ellipse(canvas, x, y + 10, 11, 6, _SKIN)


def _ellipse(canvas: NDArray[np.int32], x: int, y: int, wide: int, high: int, grey: int) -> None:
    """`wide` and `high` are its half axes."""
    rows, columns = np.mgrid[0:_HEIGHT, 0:_WIDTH]
    canvas[((columns - x) * high) ** 2 + ((rows - y) * wide) ** 2 <= (wide * high) ** 2] = grey
