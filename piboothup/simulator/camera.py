"""Simulated camera: thirty frames a second by the clock, from a folder of JPEGs or drawn.

It hands over raw pixels that were drawn or decoded before the press, so that encoding and saving are the real ones.
At most two pictures are in stock (3 MB each at the default size). Between two photos it only fills the stock up: the
frame counter is computed from the clock.
"""

from __future__ import annotations

import logging
import math
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import numpy as np

from piboothup.booth.camera.base import CameraFault
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
QUIET_NS = 300_000_000
"""Time after a photo until the stock is filled up, nanoseconds: by then it is saved and the processor is free."""
_EXPOSURE_US = 10_000
_GAIN = 2.0


class _Stock(Protocol):
    def next(self) -> Picture | None:
        """The picture that `take` would give; it stays in stock."""

    def take(self) -> tuple[Picture, Callable[[], None]]:
        """A picture, and the function that gives it back."""

    def fill(self) -> None:
        """Make the next picture ready."""


class SimulatedCamera:
    """A `Camera` without hardware. `wait` sleeps for some seconds of `clock`; tests move the clock instead."""

    def __init__(self, table: CameraConfig, clock: Clock, wait: Callable[[float], object] | None = None) -> None:
        self._frames_dir = Path(text_to_path(table.frames)) if table.frames else None
        self._clock = clock
        self._wait = wait or threading.Event().wait
        self._stock: _Stock | None = None
        self._opened_ns = 0
        self._quiet_from_ns = 0
        self.on_viewfinder: Callable[[], None] = lambda: None
        self.model = "simulated"
        self.notice: Problem | None = None
        self.size = table.size or DEFAULT_SIZE

    def open(self) -> None:
        """Get the first pictures ready. Raises CameraFault when the folder has none."""
        if self._stock is None:
            self._stock = _Drawn(self.size) if self._frames_dir is None else _Folder(self._frames_dir, self.size)
        self._opened_ns = self._clock.boottime_ns()

    def capture(self, zero_ns: int, timeout_s: float, flash_on_ns: int | None = None) -> Frame:
        """The first frame tick at or after zero; waits for it. Raises CameraFault."""
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
        """Frames since `open`. A call between two photos also fills up the stock."""
        now_ns = self._clock.boottime_ns()
        if self._stock is not None and now_ns >= self._quiet_from_ns:
            self._stock.fill()
        return 1 + (now_ns - self._opened_ns) // FRAME_NS

    def viewfinder(self) -> Viewfinder | None:
        """The next picture, swaying a little, so that the viewfinder shows movement."""
        picture = None if self._stock is None else self._stock.next()
        if picture is None:
            return None
        tick = (self._clock.boottime_ns() - self._opened_ns) // FRAME_NS
        grey = shrunk(picture.y, VIEWFINDER_SIZE)
        return Viewfinder(tick, np.roll(grey, round(grey.shape[1] / 40 * math.sin(tick / 20)), axis=1))

    def lock_white_balance(self, on: bool) -> None:
        """Nothing to lock: the light never changes."""

    def close(self) -> None:
        """Forget the pictures."""
        self._stock = None


class _Drawn:
    """Two scenes in turn, drawn once, each with the photo's running number."""

    def __init__(self, size: tuple[int, int]) -> None:
        self._size = size
        self._free = deque([scenes.party(0, size)])
        self._drawn = 1
        self._number = 0

    def next(self) -> Picture | None:
        """The picture that was given back first."""
        return self._free[0] if self._free else None

    def take(self) -> tuple[Picture, Callable[[], None]]:
        """The picture that was given back first; a new one if none was."""
        try:
            picture = self._free.popleft()
        except IndexError:
            picture = scenes.party(self._drawn, self._size)
        self._number += 1
        scenes.stamp(picture, self._number)

        def give_back() -> None:
            if len(self._free) < STOCK and picture not in self._free:
                self._free.append(picture)

        return picture, give_back

    def fill(self) -> None:
        """Draw the second scene, once."""
        if self._drawn < STOCK:
            self._free.append(scenes.party(self._drawn, self._size))
            self._drawn += 1
            scenes.give_back_memory()


class _Folder:
    """The JPEGs of a folder by name, repeated. These pictures are never written to, so none is given back."""

    def __init__(self, directory: Path, size: tuple[int, int]) -> None:
        self._directory = directory
        self._size = size
        try:
            found = sorted(path for path in directory.iterdir() if path.suffix.lower() in (".jpg", ".jpeg"))
        except OSError as error:
            raise CameraFault(problem("no_frames", f"{directory}: {error.strerror}")) from None
        self._paths = deque(found)
        self._ready: deque[tuple[Path, Picture]] = deque()
        self._decode()

    def next(self) -> Picture | None:
        """The next picture, if it is decoded."""
        return self._ready[0][1] if self._ready else None

    def take(self) -> tuple[Picture, Callable[[], None]]:
        """The next picture."""
        if not self._ready:
            self._decode()
        path, picture = self._ready.popleft()
        if len(self._paths) <= STOCK:  # all fit: decode none twice
            self._ready.append((path, picture))
        return picture, lambda: None

    def fill(self) -> None:
        """Decode ahead."""
        if len(self._ready) < min(STOCK, len(self._paths)):
            self._decode()
            scenes.give_back_memory()

    def _decode(self) -> None:
        """Decode one more picture; a broken JPEG is logged and left out from now on."""
        while self._paths:
            path = self._paths[0]
            try:
                self._ready.append((path, scenes.from_jpeg(path, self._size)))
            except OSError as error:
                log.warning("The frame %s can't be used and is skipped: %s.", path, error)
                self._paths.popleft()
            else:
                self._paths.rotate(-1)
                return
        raise CameraFault(problem("no_frames", f"{self._directory} has no JPEG that can be read"))
