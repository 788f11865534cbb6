"""Small grey pictures for the panel: what the camera sees now, and the photo just taken.

They are copies of a few thousand bytes, so that no camera buffer is held for a screen, and cost a fraction of a
millisecond. Must not look at colours or files, and must not wait for anything.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from piboothup.booth.frame import Plane

VIEWFINDER_SIZE = (160, 120)
THUMBNAIL_SIZE = (128, 96)
"""Width and height in pixels that a small picture stays within."""


@dataclass(frozen=True)
class Viewfinder:
    """What the camera sees. Two are equal when their serial numbers are: the pixels are not compared."""

    serial: int
    """Grows with each picture, for as long as the camera is open."""
    grey: Plane = field(compare=False, repr=False)
    """Height x width, 0 = black; upright as the sensor sees it, before any rotation."""


def shrunk(plane: Plane, size: tuple[int, int]) -> Plane:
    """A copy of `plane` within `size` (width, height), shrunk by a whole number: each pixel is the mean of four.

    Four points of a cell are enough for a screen of one bit, and keep a 12 MP plane at 0.3 ms: all of it would be 8.
    """
    height, width = plane.shape
    step = max(1, -(-width // size[0]), -(-height // size[1]))
    if step == 1:
        return plane.copy()
    near, far = step // 4, step // 4 + step // 2
    total = np.zeros((height // step, width // step), np.uint16)
    for top in (near, far):
        for left in (near, far):
            total += plane[top::step, left::step][: total.shape[0], : total.shape[1]]
    return (total >> 2).astype(np.uint8)
