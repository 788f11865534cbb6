"""Is this photo dark, is it blurred? Asked of a test photo, before the guests come.

Pure: a grey picture goes in, a judgement comes out. It looks for what a host can mend (no light, a film on the lens,
a lens out of focus), and in doubt says nothing: a party is allowed to be dim, and a wall has no edges.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from piboothup.booth.frame import Plane, shrunk
from piboothup.problems import Problem, problem

DARK = 40.0
"""Mean brightness of 255: three stops below the 118 that an automatic exposure aims at (18 % grey in sRGB)."""
BLURRED = 0.1
"""A sharpness below it: the picture's best edges are spread over a hundredth of its width (s = 4 in `judge`)."""
_ASSESSED_SIZE_PX = (1024, 1024)
"""Pixels that are left to look at: what is blurred at this size is blurred on a phone."""
_FAR_PX = 32
_EDGE_PERCENTILE = 99.7
"""Percentile of the differences between neighbours: edges, not single hot pixels."""
_MIN_CONTRAST = 16.0


@dataclass(frozen=True)
class PhotoQuality:
    """What was found."""

    dark: bool
    blurred: bool
    """Never said of a picture without an edge."""
    brightness: float
    """The mean, 0 to 255."""
    sharpness: float
    """How steep the best edges are: 1 = from dark to bright within a pixel (of about 1000); 0 = there is none."""

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What should be mended, in words."""
        found = (("photo_dark", self.dark), ("photo_blurred", self.blurred))
        return tuple(problem(code) for code, is_so in found if is_so)


def assess(grey: Plane) -> PhotoQuality:
    """Looks at a photo's grey plane (height x width, any size from 64 x 64; of a thumbnail the blur can't be seen).

    An edge of contrast A that is blurred by s pixels (a Gaussian's sigma) has the slope 0.4 A / s; so the steepest
    differences between neighbours, over those between pixels some way apart, tell s whatever the light is.
    """
    small = shrunk(grey, _ASSESSED_SIZE_PX).astype(np.int16)
    near, far = (
        max(_edge_contrast(small[:, apart:] - small[:, :-apart]), _edge_contrast(small[apart:] - small[:-apart]))
        for apart in (1, _FAR_PX)
    )
    has_edges = far >= _MIN_CONTRAST
    sharpness = near / far if has_edges else 0.0
    brightness = float(small.mean())
    return PhotoQuality(brightness < DARK, has_edges and sharpness < BLURRED, brightness, sharpness)


def _edge_contrast(differences: np.ndarray[tuple[int, ...], np.dtype[np.int16]]) -> float:
    return float(np.percentile(np.abs(differences), _EDGE_PERCENTILE))
