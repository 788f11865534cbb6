"""The camera's protocol: what a driver must do, and how it reports that it can't."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from piboothup.booth.errors import BoothError
from piboothup.booth.frame import Frame, Viewfinder
from piboothup.problems import Problem


class CameraFault(BoothError):
    """The camera can't do what was asked. A later attempt may succeed."""


class CaptureTimedOut(CameraFault):
    """No frame came in time."""


class Camera(Protocol):
    """What a camera must do. Every call comes from one thread; only a frame's `release` comes from others."""

    wake: Callable[[], None]
    """Called when the first frame has come and when `viewfinder` has a new picture; may come from any thread and must
    return at once."""

    model: str
    """The sensor's name, known once the camera is open."""
    size: tuple[int, int]
    """Width and height of its frames in pixels, known once the camera is open."""
    has_autofocus: bool
    """Whether it focuses by itself; True until the camera is open."""
    notice: Problem | None
    """Problem of a camera that takes photos, but not as the config says; None = all is well."""

    def open(self) -> None:
        """Start streaming. Raises CameraFault."""

    def capture(
        self, zero_ns: int, timeout_s: float, flash_on_ns: int | None = None, *, moves_lens: bool = True
    ) -> Frame:
        """Capture the first frame whose exposure begins at or after boot-time `zero_ns`. Raises CameraFault.

        `flash_on_ns`: since when the flash is on; then it is the first frame that is exposed for the flash.
        `moves_lens`: whether a lens that is still focusing goes to the config's distance; else it goes on focusing.
        """

    def lock_white_balance(self, on: bool) -> None:
        """Lock white balance as it is, for a photo; or let it adapt again. Never waits. Raises CameraFault."""

    def focus_near(self, on: bool) -> None:
        """Have autofocus look near by, for a code; or at all distances again. Never waits. Raises CameraFault."""

    def frames(self) -> int:
        """Number of frames since the camera was opened."""

    def viewfinder(self) -> Viewfinder | None:
        """The newest small picture; None if there is none yet. Never waits, holds no buffer."""

    def close(self) -> None:
        """Release everything, also after a fault; closing twice does nothing."""
