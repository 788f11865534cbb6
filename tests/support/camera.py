"""A camera that is played by hand, for its thread, and the thread turned by hand."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np

from piboothup.booth.camera.base import CameraFault, CaptureTimedOut
from piboothup.booth.camera.thread import CameraThread
from piboothup.booth.frame import Frame, Viewfinder
from piboothup.problems import Problem, problem
from tests.support.clock import HandClock

S = 1_000_000_000


class PlayedCamera:
    """A camera that does as it is told: present or not, streaming or not, raising what it should raise."""

    def __init__(self, clock: HandClock) -> None:
        self.clock = clock
        self.model, self.size = "imx477", (64, 48)
        self.present = self.streams = True
        self.raises: Exception | None = None
        self.on_capture: Callable[[], None] = lambda: None
        self.opened = self.closed = 0
        self.asked: list[tuple[int, float]] = []
        self.threads: set[str] = set()
        self.notice: Problem | None = None
        self.seen: Viewfinder | None = None
        self.viewed: Callable[[], None] = lambda: None
        self.held: list[tuple[float, bool]] = []
        self._frames = 0

    def _called(self) -> None:
        self.threads.add(threading.current_thread().name)
        if self.raises is not None:
            raise self.raises

    def open(self) -> None:
        if not self.present:
            raise CameraFault(problem("no_camera"))
        self._called()
        self.opened += 1
        self._frames = 0

    def capture(self, zero_ns: int, timeout_s: float, lit_ns: int | None = None) -> Frame:
        self._called()
        self.asked.append((zero_ns, timeout_s))
        self.on_capture()
        if not self.streams:
            self.clock.pass_s(timeout_s)
            raise CaptureTimedOut(problem("camera_stuck"))
        grey = np.zeros((48, 64), np.uint8)
        start_ns = max(zero_ns, self.clock.boottime_ns())
        return Frame(y=grey, u=grey[::2, ::2], v=grey[::2, ::2], exposure_start_ns=start_ns, release=lambda: None)

    def frames(self) -> int:
        self._called()
        self._frames += self.streams
        return self._frames

    def lock_white_balance(self, on: bool) -> None:
        self._called()
        self.held.append((self.clock.boottime_s, on))

    def viewfinder(self) -> Viewfinder | None:
        self._called()
        return self.seen

    def close(self) -> None:
        self.closed += 1


def run_for(thread: CameraThread, clock: HandClock, seconds: float) -> None:
    """Turn after turn, each when it is due."""
    end_s = clock.boottime_s + seconds
    while clock.boottime_s < end_s:
        clock.pass_s(max(thread.run_once(None), 0.001))
