"""Dithering: a small grey picture becomes the panel's one-bit picture. Pure.

The viewfinder gets an ordered dither, so that what does not move in the room does not move on the panel (and costs
nothing on the bus); a photo, which is looked at for seconds, gets error diffusion, which keeps faces. Both are
stretched to the full range and sharpened first. Whole-number arithmetic gives the same picture on every machine.
"""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from piboothup.booth.frame import Plane

_Numbers = NDArray[np.int32]
_CLIP_ONE_IN = 50
"""One pixel in this many may become black, and one white, when the range is stretched."""
_MIN_RANGE = 24
"""A picture of less contrast is not stretched: it is a wall or the night, and its noise would be amplified."""
_SHARPEN_FACTOR = 2
"""How many times the difference from its surroundings is added to a pixel."""


def viewfinder(grey: Plane, size: tuple[int, int], rotation: int = 0) -> Image.Image:
    """`grey` rotated clockwise by `rotation` degrees, cropped to `size` and mirrored. Mode "1"."""
    lit = _prepared(grey, size, rotation)[:, ::-1] > _screen(size)
    return Image.fromarray((lit * np.uint8(255)).astype(np.uint8)).convert("1", dither=Image.Dither.NONE)


def thumbnail(grey: Plane, size: tuple[int, int]) -> Image.Image:
    """`grey` cropped to `size`. Mode "1"."""
    return Image.fromarray(_prepared(grey, size, 0).astype(np.uint8)).convert("1")


def _prepared(grey: Plane, size: tuple[int, int], rotation: int) -> _Numbers:
    return _sharpened(_stretched(_fitted(np.rot90(grey, -(rotation // 90)), size)))


def _fitted(grey: Plane, size: tuple[int, int]) -> _Numbers:
    """The middle of `grey` in the shape of `size`; each pixel is the mean of those that it replaces."""
    width_px, height_px = size
    height, width = grey.shape
    kept_height = min(height, width * height_px // width_px) or 1
    kept_width = min(width, height * width_px // height_px) or 1
    top, left = (height - kept_height) // 2, (width - kept_width) // 2
    cut = grey[top : top + kept_height, left : left + kept_width]
    rows, columns = (
        np.arange(wanted + 1) * kept // wanted for wanted, kept in ((height_px, kept_height), (width_px, kept_width))
    )
    total = np.add.reduceat(cut, rows[:-1], axis=0, dtype=np.int32)
    total = np.add.reduceat(total, columns[:-1], axis=1)
    # an index that stands twice (a picture smaller than the panel) gives the one pixel itself
    counts = np.maximum(np.diff(rows), 1)[:, None] * np.maximum(np.diff(columns), 1)[None, :]
    return np.asarray(total // counts, np.int32)


def _stretched(grey: _Numbers) -> _Numbers:
    """`grey` stretched from black to white, except for the few darkest and lightest pixels."""
    below = np.cumsum(np.bincount(grey.ravel(), minlength=256))
    clipped = grey.size // _CLIP_ONE_IN
    dark = int(np.searchsorted(below, clipped, side="right"))
    light = int(np.searchsorted(below, grey.size - clipped))
    if light - dark < _MIN_RANGE:
        return grey
    return np.clip((grey - dark) * 255 // (light - dark), 0, 255)


def _sharpened(grey: _Numbers) -> _Numbers:
    wide = np.pad(grey, 1, mode="edge")
    rows = wide[:-2] + wide[1:-1] + wide[2:]
    around = rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]
    return np.asarray(np.clip(grey + _SHARPEN_FACTOR * (9 * grey - around) // 9, 0, 255), np.int32)


@functools.lru_cache(maxsize=4)
def _screen(size: tuple[int, int]) -> _Numbers:
    """Thresholds of an ordered dither (Bayer's 8x8 matrix) for a picture of `size`."""
    matrix = np.zeros((1, 1), np.int32)
    for _ in range(3):
        matrix = np.block([[4 * matrix, 4 * matrix + 2], [4 * matrix + 3, 4 * matrix + 1]])
    width_px, height_px = size
    tiles = np.tile(matrix * 4 + 2, (-(-height_px // 8), -(-width_px // 8)))
    return np.asarray(tiles[:height_px, :width_px], np.int32)
