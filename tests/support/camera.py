"""Fake of the camera's protocol, for the camera's thread and for the whole service.

A fake, as libcamera can neither lose a camera on demand nor give a frame of a chosen instant; tests/lab/camera runs
the real stack.
"""

from __future__ import annotations

import queue
import threading
import weakref
from collections.abc import Callable

import numpy as np

from piboothup.booth.camera.base import CameraFault, CaptureTimedOut
from piboothup.booth.camera.thread import CameraThread
from piboothup.booth.frame import Frame, Plane, Viewfinder
from piboothup.problems import Problem, problem
from piboothup.records import replace
from tests.support.clock import HandClock

S = 1_000_000_000


def nothing() -> None:
    """Callback without effect."""


def grey_frame(
    start_ns: int, release: Callable[[], None] = nothing, size: tuple[int, int] = (64, 48), grey: int = 128
) -> Frame:
    """Frame as a camera returns it."""
    y = np.full(size[::-1], grey, np.uint8)
    return Frame(y, y[::2, ::2], y[::2, ::2], start_ns, release, "imx477", exposure_us=10_000, gain=2.0)


class FakeCamera:
    """Camera that streams and exposes at once unless told otherwise, and records the calls.

    The queues are for waiting, the lists for assertions.
    """

    def __init__(self, clock: HandClock) -> None:
        self.clock = clock
        self.model, self.size = "imx477", (64, 48)
        self.has_autofocus = True
        self.notice: Problem | None = None
        self.wake: Callable[[], None] = nothing
        # behaviour
        self.fault: Problem | None = None
        """Fault of `open`."""
        self.capture_fault: Problem | None = None
        self.raises: Exception | None = None
        """Exception of every call."""
        self.streams = True
        self.early_ns = 0
        """Lead of the frames' start before zero, ns: no photo may use such a frame."""
        self.grey = 128
        self.picture: Plane | None = None
        """What its frames show, in place of plain grey; the size is the picture's."""
        self.seen: Viewfinder | None = None
        """Picture of the viewfinder."""
        self.on_capture: Callable[[], None] = nothing
        self.on_release: Callable[[], None] = nothing
        self.on_close: Callable[[], None] = nothing
        # recorded calls
        self.opened = self.closed = 0
        self.threads: set[str] = set()
        self.moved_lens: list[bool] = []
        """Whether each capture may move the lens."""
        self.captures: list[tuple[int, float]] = []
        """Zero, ns, and timeout, seconds, of each."""
        self.locks: list[tuple[float, bool]] = []
        """Times at which white balance was locked or released, seconds."""
        self.near: list[bool] = []
        """Whether autofocus was to look near by, each time."""
        self.asked: queue.SimpleQueue[int] = queue.SimpleQueue()
        self.held: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self.lit: queue.SimpleQueue[int | None] = queue.SimpleQueue()
        self.released: queue.SimpleQueue[int] = queue.SimpleQueue()
        self.handed_over: list[weakref.ref[Frame]] = []
        self._frames = 0

    def _called(self) -> None:
        self.threads.add(threading.current_thread().name)
        if self.raises is not None:
            raise self.raises

    def open(self) -> None:
        if self.fault is not None:
            raise CameraFault(self.fault)
        self._called()
        self.opened += 1
        self._frames = 0

    def capture(
        self, zero_ns: int, timeout_s: float, flash_on_ns: int | None = None, *, moves_lens: bool = True
    ) -> Frame:
        self._called()
        self.captures.append((zero_ns, timeout_s))
        self.moved_lens.append(moves_lens)
        self.asked.put(zero_ns)
        self.lit.put(flash_on_ns)
        self.on_capture()
        if self.capture_fault is not None:
            raise CameraFault(self.capture_fault)
        if not self.streams:
            self.clock.pass_s(timeout_s)
            raise CaptureTimedOut(problem("camera_stuck"))
        start_ns = max(zero_ns, self.clock.boottime_ns()) - self.early_ns

        def release() -> None:
            self.on_release()
            self.released.put(start_ns)

        found = grey_frame(start_ns, release, self.size, self.grey)
        if self.picture is not None:
            colours = np.full_like(self.picture[::2, ::2], 128)
            found = replace(found, y=self.picture, u=colours, v=colours)
        self.handed_over.append(weakref.ref(found))
        return found

    def frames(self) -> int:
        self._called()
        self._frames += self.streams
        return self._frames

    def lock_white_balance(self, on: bool) -> None:
        self._called()
        self.locks.append((self.clock.boottime_s, on))
        self.held.put(on)

    def focus_near(self, on: bool) -> None:
        self._called()
        self.near.append(on)

    def viewfinder(self) -> Viewfinder | None:
        self._called()
        return self.seen

    def close(self) -> None:
        self.closed += 1
        self.on_close()


def run_for(thread: CameraThread, clock: HandClock, seconds: float) -> None:
    """Run turn after turn, each at its due time."""
    end_s = clock.boottime_s + seconds
    while clock.boottime_s < end_s:
        clock.pass_s(max(thread.run_once(None), 0.001))
