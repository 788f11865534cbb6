"""Photo quality: whether a test photo is dark or blurred. Pure.

It looks for what a host can mend before the guests come (no light, a film on the lens, a lens out of focus), and in
doubt reports nothing: a party is allowed to be dim, and a wall has no edges.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from piboothup.booth.frame import Plane, shrunk
from piboothup.problems import Problem, problem
from piboothup.records import dataclass

if TYPE_CHECKING:
    import numpy as np

DARK = 40.0
"""A photo of less mean brightness (0 to 255) is dark: three stops below the 118 that an automatic exposure aims at
(18 % grey in sRGB)."""
BLURRED = 0.1
"""A photo of less sharpness is blurred: its best edges spread over a hundredth of its width (s = 4 in `assess`)."""
_ASSESSED_SIZE_PX = (1024, 1024)
"""Size to which the photo is shrunk first: what is blurred at this size is blurred on a phone."""
_FAR_PX = 32
"""Distance of the pixels whose difference gives an edge's full contrast."""
_EDGE_PERCENTILE = 99.7
"""Percentile of the differences that counts as the best edge: not the maximum, which may be a hot pixel."""
_MIN_CONTRAST = 16.0
"""A picture of less contrast has no edge to measure."""


@dataclass(frozen=True)
class PhotoQuality:
    """Brightness and sharpness of a photo."""

    dark: bool
    blurred: bool
    """False for a picture without an edge."""
    brightness: float
    """The mean, 0 to 255."""
    sharpness: float
    """Steepness of the best edges: 1 = from dark to bright within a pixel (of about 1000); 0 = no edge."""

    @property
    def problems(self) -> tuple[Problem, ...]:
        """The problems to mend."""
        found = (("photo_dark", self.dark), ("photo_blurred", self.blurred))
        return tuple(problem(code) for code, is_so in found if is_so)


def assess(grey: Plane) -> PhotoQuality:
    """Assess a photo's grey plane (height x width, any size from 64 x 64; a thumbnail shows no blur).

    An edge of contrast A that is blurred by s pixels (a Gaussian's sigma) has the slope 0.4 A / s; so the steepest
    differences between neighbours, over those between pixels some way apart, tell s whatever the light is.
    """
    import numpy as np  # noqa: PLC0415

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
    import numpy as np  # noqa: PLC0415

    return float(np.percentile(np.abs(differences), _EDGE_PERCENTILE))
