"""A frame: what a camera hands over, before it is a photo."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Frame:
    """One exposed frame, raw: three planes of 8-bit YUV 4:2:0, full-range, as JPEG wants them."""

    y: Plane
    """Height x width; may be a view with a stride."""
    u: Plane
    """Half the height x half the width."""
    v: Plane
    exposure_start_ns: int
    """Boot-time nanoseconds at which the exposure began."""
    release: Callable[[], None]
    """Gives the buffer back to the camera; the planes must not be read afterwards."""
    camera_model: str = ""
    exposure_us: int | None = None
    gain: float | None = None
    """Analogue times digital gain."""
    focal_length_mm: float | None = None
    """Of the lens; None = nobody knows, as where lenses can be changed."""
