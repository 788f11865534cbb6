"""Frames: a camera's full picture before it is a photo, and its small viewfinder picture."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from piboothup.records import dataclass, field

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Plane: TypeAlias = "NDArray[np.uint8]"


@dataclass(frozen=True, eq=False)
class Frame:
    """An exposed frame, raw: three planes of 8-bit YUV 4:2:0, full-range, as in JPEG."""

    y: Plane
    """Height x width; may be a view with a stride."""
    u: Plane
    """Half the height x half the width."""
    v: Plane
    exposure_start_ns: int
    """Boot-time nanoseconds at which the exposure began."""
    release: Callable[[], None]
    """Return the buffer to the camera; the planes must not be read afterwards."""
    camera_model: str = ""
    exposure_us: int | None = None
    gain: float | None = None
    """Analogue times digital gain."""
    focal_length_mm: float | None = None
    """Focal length; None = unknown, as with interchangeable lenses."""


VIEWFINDER_SIZE = (160, 120)
THUMBNAIL_SIZE = (128, 96)
"""Greatest width and height of a thumbnail, pixels."""


@dataclass(frozen=True)
class Viewfinder:
    """A small live picture. Two are equal if their serial numbers are: the pixels are not compared."""

    serial: int
    """Grows with each picture, for as long as the camera is open."""
    grey: Plane = field(compare=False, repr=False)
    """Height x width, 0 = black; not rotated."""


def shrunk(plane: Plane, size: tuple[int, int]) -> Plane:
    """Copy of `plane` within `size` (width, height), shrunk by a whole factor: each pixel is the mean of four.

    Four points of a cell are enough for a one-bit screen: a 12 MP plane takes 0.3 ms, with all points it would be 8.
    """
    import numpy as np  # noqa: PLC0415

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
