"""Simulated camera: thirty frames a second by the clock, from a folder of JPEGs or drawn.

It returns raw pixels that were drawn or decoded before the press, so encoding and saving are the real code. At most
two pictures are in stock (3 MB each at the default size). Between two photos it only refills the stock: the frame
counter is computed from the clock. Settings of the picture's look change nothing in it, which is logged.
"""

from __future__ import annotations

import itertools
import logging
import math
import threading
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from piboothup.booth.camera.base import CameraFault
from piboothup.booth.camera.exposure import lacking_settings
from piboothup.booth.frame import VIEWFINDER_SIZE, Frame, Viewfinder, shrunk
from piboothup.clock import Clock
from piboothup.config import CameraConfig
from piboothup.problems import Problem, problem
from piboothup.simulator import scenes
from piboothup.simulator.scenes import Picture
from piboothup.text import text_to_path

log = logging.getLogger(__name__)

DEFAULT_SIZE = (1640, 1232)
FRAME_NS = 1_000_000_000 // 30
STOCK = 2
"""Most pictures kept ready."""
QUIET_NS = 300_000_000
"""Time after a photo until the stock is refilled, ns: by then it is saved and the processor is idle."""
_EXPOSURE_US = 10_000
_GAIN = 2.0


class SimulatedCamera:
    """`Camera` without hardware. `wait` sleeps for some seconds of `clock`; tests move the clock instead."""

    def __init__(self, table: CameraConfig, clock: Clock, wait: Callable[[float], object] | None = None) -> None:
        self._ignored_settings = lacking_settings(table, ())
        self._frames_dir = Path(text_to_path(table.frames)) if table.frames else None
        self._clock = clock
        self._wait = wait or threading.Event().wait
        self._stock: _Stock | None = None
        self._opened_ns = 0
        self._quiet_from_ns = 0
        self.wake: Callable[[], None] = lambda: None
        self.model = "simulated"
        self.has_autofocus = True
        self.notice: Problem | None = None
        self.size = table.size or DEFAULT_SIZE

    def open(self) -> None:
        """Prepare the first pictures. Raises CameraFault when the folder has none."""
        if self._ignored_settings:
            log.warning("camera settings unavailable names=%s reason=simulated", self._ignored_settings)
        if self._stock is None:
            drawn = (scenes.party(seed, self.size) for seed in itertools.count())
            source = drawn if self._frames_dir is None else _decoded(self._frames_dir, self.size)
            self._stock = _Stock(source, stamped=self._frames_dir is None)
        self._opened_ns = self._clock.boottime_ns()

    def capture(
        self, zero_ns: int, timeout_s: float, flash_on_ns: int | None = None, *, moves_lens: bool = True
    ) -> Frame:
        """Wait for the first frame tick at or after zero and return its frame. Raises CameraFault."""
        if self._stock is None:
            raise CameraFault(problem("camera_stuck"))
        now_ns = self._clock.boottime_ns()
        begun = max(zero_ns, now_ns - FRAME_NS, self._opened_ns) - self._opened_ns
        tick_ns = self._opened_ns + -(-begun // FRAME_NS) * FRAME_NS
        deadline_ns = now_ns + int(timeout_s * 1e9)
        while (left_ns := min(tick_ns, deadline_ns) - self._clock.boottime_ns()) > 0:
            self._wait(left_ns / 1e9)
        if tick_ns > deadline_ns:
            raise CameraFault(problem("camera_stuck"))
        picture, give_back = self._stock.take()
        self._quiet_from_ns = self._clock.boottime_ns() + QUIET_NS
        return Frame(
            y=picture.y,
            u=picture.u,
            v=picture.v,
            exposure_start_ns=tick_ns,
            release=give_back,
            camera_model=self.model,
            exposure_us=_EXPOSURE_US,
            gain=_GAIN,
        )

    def frames(self) -> int:
        """Number of frames since `open`. A call between two photos also refills the stock."""
        now_ns = self._clock.boottime_ns()
        if self._stock is not None and now_ns >= self._quiet_from_ns:
            self._stock.fill()
        return 1 + (now_ns - self._opened_ns) // FRAME_NS

    def viewfinder(self) -> Viewfinder | None:
        """Next picture, swaying a little, so that the viewfinder shows movement."""
        picture = None if self._stock is None else self._stock.next()
        if picture is None:
            return None
        tick = (self._clock.boottime_ns() - self._opened_ns) // FRAME_NS
        grey = shrunk(picture.y, VIEWFINDER_SIZE)
        return Viewfinder(tick, np.roll(grey, round(grey.shape[1] / 40 * math.sin(tick / 20)), axis=1))

    def lock_white_balance(self, on: bool) -> None:
        """Do nothing: the light never changes."""

    def focus_near(self, on: bool) -> None:
        """Do nothing: all distances are sharp."""

    def close(self) -> None:
        """Drop the pictures."""
        self._stock = None


class _Stock:
    """Pictures that are ready, at most `STOCK` of them."""

    def __init__(self, source: Iterator[Picture], stamped: bool) -> None:
        """`stamped`: draw a running number on each photo, and use its picture again once its frame is released."""
        self._source = source
        self._stamped = stamped
        self._ready = deque([next(source)])
        self._number = 0

    def next(self) -> Picture | None:
        """Return the next picture, if it is ready."""
        return self._ready[0] if self._ready else None

    def take(self) -> tuple[Picture, Callable[[], None]]:
        """Take the next picture; return it with a function that gives it back."""
        picture = self._ready.popleft() if self._ready else next(self._source)
        if not self._stamped:
            return picture, lambda: None
        self._number += 1
        scenes.stamp(picture, self._number)

        def give_back() -> None:
            if len(self._ready) < STOCK and picture not in self._ready:
                self._ready.append(picture)

        return picture, give_back

    def fill(self) -> None:
        """Draw or decode ahead; pictures that come back are not drawn again."""
        if len(self._ready) < STOCK and not self._number:
            self._ready.append(next(self._source))
            scenes.give_back_memory()


def _decoded(directory: Path, size: tuple[int, int]) -> Iterator[Picture]:
    """JPEGs of a folder by name, repeated; a broken one is logged and skipped from then on. Raises CameraFault."""
    try:
        paths = sorted(path for path in directory.iterdir() if path.suffix.lower() in (".jpg", ".jpeg"))
    except OSError as error:
        raise CameraFault(problem("no_frames", f"{directory}: {error.strerror}")) from None
    while paths:
        for path in tuple(paths):
            try:
                picture = scenes.from_jpeg(path, size)
            except OSError as error:
                log.warning("frame skipped path=%s reason=%s", path, error)
                paths.remove(path)
            else:
                yield picture
    raise CameraFault(problem("no_frames", f"{directory} has no JPEG that can be read"))
