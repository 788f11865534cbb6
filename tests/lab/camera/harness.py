"""Harness around the booth's own camera thread, driver and saver on the virtual camera."""

from __future__ import annotations

import os
import queue
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from piboothup.booth.camera.picamera2_driver import Picamera2Driver
from piboothup.booth.camera.thread import CameraThread
from piboothup.booth.flow.events import CameraLost, CameraReady, Event, Exposed, Saved
from piboothup.booth.frame import Frame
from piboothup.booth.photo.saver import Saver
from piboothup.clock import SystemClock
from piboothup.config import CameraConfig, Config
from piboothup.spool.contexts import context_for
from piboothup.spool.listing import NEW
from piboothup.spool.store import Spool
from tests.lab.camera.virtual import EXPOSURE_US, VirtualPicamera2
from tests.support.deadline import PATIENCE_S

FULL = CameraConfig()
SMALL = CameraConfig(size=(640, 480))
E = TypeVar("E", bound=Event)


@dataclass(frozen=True)
class Photo:
    """Times of a photo: request, start of the exposure (from its name on the card), end of the save."""

    zero_ns: int
    taken_ms: int
    saved_ns: int


class Starts:
    """Start of the exposure of every frame, whichever thread takes it."""

    def __init__(self) -> None:
        self._starts_ns: list[int] = []

    def note(self, request: Any) -> None:
        """Record a frame; runs on a thread of picamera2, before any other sees the frame."""
        self._starts_ns.append(request.get_metadata()["SensorTimestamp"] - 1000 * EXPOSURE_US)

    def first(self, at_or_after_ns: int) -> int:
        """First exposure from an instant on, however long a frame takes on this machine."""
        return min(starts_n for starts_n in self._starts_ns if starts_n >= at_or_after_ns)

    def frame_ns(self, taken_ns: int) -> int:
        """Interval from the previous frame to the first from this instant on, ns."""
        taken_ns = self.first(taken_ns)
        return taken_ns - max(starts_n for starts_n in self._starts_ns if starts_n < taken_ns)


class Bench:
    """Camera thread and saver as in the booth; their events come in order."""

    def __init__(self, root: Path, table: CameraConfig = FULL) -> None:
        self.clock = SystemClock()
        self.camera = Picamera2Driver(table, VirtualPicamera2)
        self.events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self.thread = CameraThread(self.camera, self.clock, self.events.put)
        self.spool = Spool(root / "spool", self.clock)
        self.spool.prepare()
        self.spool.start("booth")
        self.saver = Saver(Config(camera=table), self.spool, context_for("abcd1234", "", ""), root, self.events.put)

    def start(self) -> CameraReady:
        """Open the camera and wait until it streams."""
        self.thread.start()
        self.saver.start()
        return self.until(CameraReady)

    def stop(self) -> None:
        """Stop both threads."""
        self.thread.stop(PATIENCE_S)
        self.saver.stop(PATIENCE_S)

    def until(self, kind: type[E]) -> E:
        """Wait for an event of this kind; others are dropped."""
        end_s = time.monotonic() + PATIENCE_S
        while True:
            event = self.events.get(timeout=max(0.01, end_s - time.monotonic()))
            if isinstance(event, kind):
                return event

    def expose(self, ahead_s: float = 0.0, flash_on_ns: int | None = None) -> tuple[int, Frame]:
        """Request a photo so long before its zero; zero and the frame."""
        zero_ns = self.clock.boottime_ns() + int(ahead_s * 1e9)
        self.thread.capture(zero_ns, flash_on_ns=flash_on_ns)
        return zero_ns, self.until(Exposed).frame

    def photo(self) -> Photo:
        """Take a photo now."""
        zero_ns, frame = self.expose()
        self.saver.save(frame)
        del frame
        self.until(Saved)
        saved_ns = self.clock.boottime_ns()
        return Photo(zero_ns, max(name.boottime_ms for name in self.spool.names(NEW)), saved_ns)

    def watch(self) -> Starts:
        """Record the start of every exposure from now on, until the camera is reopened."""
        starts = Starts()
        self.camera._camera.pre_callback = starts.note
        return starts

    def fastest_s(self, photos: int = 10) -> float:
        """Shortest time for some frames in a row, seconds: other load hides no leak that way."""
        return min(self.full_rate(1) for _ in range(photos))

    def full_rate(self, photos: int = 5) -> float:
        """Time for each of some frames in a row, seconds."""
        began_s = time.monotonic()
        for _ in range(photos):
            self.expose()[1].release()
        return (time.monotonic() - began_s) / photos

    def mapped_frames(self) -> int:
        """Number of mappings of the camera's buffers, beside the driver's one of each that has held a photo."""
        maps = Path("/proc/self/maps").read_text(encoding="utf-8")
        return maps.count("/memfd:buffer") - len(self.camera._maps)

    def descriptors(self) -> int:
        """Number of files that this process has open, without those of the driver's mappings."""
        return len(os.listdir("/proc/self/fd")) - len(self.camera._maps)

    def lost(self) -> CameraLost:
        """Wait until the camera is lost."""
        return self.until(CameraLost)


@contextmanager
def bench(table: CameraConfig = FULL) -> Iterator[Bench]:
    """Ready bench in a folder of its own on a disk."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        made = Bench(Path(folder), table)
        made.start()
        try:
            yield made
        finally:
            made.stop()


@contextmanager
def stalled() -> Iterator[Callable[[], None]]:
    """Hold back all frames until the yielded function is called or the block ends."""
    with tempfile.NamedTemporaryFile(delete=False) as file:
        os.environ["LAB_STALL_FILE"] = file.name

    def go_on() -> None:
        Path(file.name).unlink(missing_ok=True)

    try:
        yield go_on
    finally:
        go_on()
        del os.environ["LAB_STALL_FILE"]


@contextmanager
def set_to(name: str, value: str) -> Iterator[None]:
    """Set an environment variable of the lab within the block."""
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


def heap_bytes() -> int:
    """Resident memory of this process that is its own: neither files nor the camera's frames.

    Frames are shared memory, and how much of it is resident says nothing about a leak: the driver maps a buffer when
    a photo is first taken in it, which may be the hundredth. `Bench.mapped_frames` counts their mappings.
    """
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon:"))


def floor_rose(samples: list[int]) -> int:
    """Rise of the minimum from the earlier half to the later half.

    Between two photos megabytes come and go (a frame in use, a JPEG of 3 MB); a leak stays.
    """
    half = len(samples) // 2
    return min(samples[half:]) - min(samples[:half])
