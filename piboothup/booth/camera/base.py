"""The camera's seam and the one thread that owns it.

Whoever wants a photo leaves a job (the moment of zero) and goes on; what came of it arrives as an event. The thread
opens the camera, watches that frames keep coming, and after any trouble closes and opens it again, with a growing
pause. It promises that no caller ever waits for the camera, and that every job it takes up is answered: by a frame
whose exposure began at or after zero, or by the reason why there is none.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from piboothup.booth.frame import Frame, Viewfinder
from piboothup.problems import Problem


class CameraFault(Exception):
    """The camera can't do what was asked; `problem` says it to a person. Always worth another try later."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


class CaptureTimedOut(CameraFault):
    """No frame came in time."""


class Camera(Protocol):
    """What a camera must do. Every call comes from one thread; only a frame's `release` comes from others."""

    on_viewfinder: Callable[[], None]
    """It may call this, from any thread, when `viewfinder` has a new picture; must return at once."""

    @property
    def model(self) -> str:
        """The sensor's name, known once open."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of its frames in pixels, known once open."""

    @property
    def notice(self) -> Problem | None:
        """What is not as the config says, though photos are taken; None = nothing."""

    def open(self) -> None:
        """Start streaming. Raises CameraFault."""

    def capture(self, zero_ns: int, timeout_s: float, flash_on_ns: int | None = None) -> Frame:
        """The first frame whose exposure begins at or after boot-time `zero_ns`. Raises CameraFault.

        `lit_ns`: since when a flash is lit, if there is one; then it is the first frame that is exposed for it.
        """

    def lock_white_balance(self, on: bool) -> None:
        """White balance stays as it is, for a photo; or goes on by itself. Never waits. Raises CameraFault."""

    def frames(self) -> int:
        """How many frames have come since it was opened."""

    def viewfinder(self) -> Viewfinder | None:
        """What it sees, a moment old; None when it can't say yet. Never waits, holds no buffer."""

    def close(self) -> None:
        """Give everything back, also after a fault; closing twice does nothing."""
