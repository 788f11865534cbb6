"""The booth's own camera thread, driver and saver, on the virtual camera, and what a test needs to play with them."""

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
    """When it was asked for, when its exposure began (as its name on the card says it), when it was saved."""

    zero_ns: int
    taken_ms: int
    saved_ns: int


class Starts:
    """When the exposure of each frame began, all of them, whoever took which."""

    def __init__(self) -> None:
        self._starts_ns: list[int] = []

    def note(self, request: Any) -> None:
        """On a thread of picamera2, before anybody else sees the frame."""
        self._starts_ns.append(request.get_metadata()["SensorTimestamp"] - 1000 * EXPOSURE_US)

    def first(self, at_or_after_ns: int) -> int:
        """The first from a moment on, however long a frame takes on this machine today."""
        return min(starts_n for starts_n in self._starts_ns if starts_n >= at_or_after_ns)

    def frame_ns(self, taken_ns: int) -> int:
        """From the frame before to the first one from this moment on."""
        taken_ns = self.first(taken_ns)
        return taken_ns - max(starts_n for starts_n in self._starts_ns if starts_n < taken_ns)


class Bench:
    """A camera thread and a saver as the booth has them; their events come one by one."""

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
        """Opens the camera; when it streams."""
        self.thread.start()
        self.saver.start()
        return self.until(CameraReady)

    def stop(self) -> None:
        """Ends both threads."""
        self.thread.stop(PATIENCE_S)
        self.saver.stop(PATIENCE_S)

    def until(self, kind: type[E]) -> E:
        """Waits for an event of this kind; others are let pass."""
        end_s = time.monotonic() + PATIENCE_S
        while True:
            event = self.events.get(timeout=max(0.01, end_s - time.monotonic()))
            if isinstance(event, kind):
                return event

    def expose(self, ahead_s: float = 0.0, flash_on_ns: int | None = None) -> tuple[int, Frame]:
        """Asks for a photo so long before its zero; zero and the frame."""
        zero_ns = self.clock.boottime_ns() + int(ahead_s * 1e9)
        self.thread.capture(zero_ns, flash_on_ns=flash_on_ns)
        return zero_ns, self.until(Exposed).frame

    def photo(self) -> Photo:
        """Takes one, now."""
        zero_ns, frame = self.expose()
        self.saver.save(frame)
        del frame
        self.until(Saved)
        saved_ns = self.clock.boottime_ns()
        return Photo(zero_ns, max(name.boottime_ms for name in self.spool.names(NEW)), saved_ns)

    def watch(self) -> Starts:
        """From now on, until the camera is opened again: when the exposure of each frame began."""
        starts = Starts()
        self.camera._camera.pre_callback = starts.note
        return starts

    def fastest_s(self, photos: int = 10) -> float:
        """Seconds for the fastest of some frames in a row: what the machine does beside them slows no leak away."""
        return min(self.full_rate(1) for _ in range(photos))

    def full_rate(self, photos: int = 5) -> float:
        """Seconds for each of some frames in a row."""
        began_s = time.monotonic()
        for _ in range(photos):
            self.expose()[1].release()
        return (time.monotonic() - began_s) / photos

    def lost(self) -> CameraLost:
        """Waits until the camera is lost."""
        return self.until(CameraLost)


@contextmanager
def bench(table: CameraConfig = FULL) -> Iterator[Bench]:
    """A bench that is ready, in a folder of its own on a disk."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        made = Bench(Path(folder), table)
        made.start()
        try:
            yield made
        finally:
            made.stop()


@contextmanager
def stalled() -> Iterator[Callable[[], None]]:
    """No frame is finished until what is given is called, or the block ends."""
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
    """An environment variable of the lab, for a while."""
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


def resident_bytes() -> int:
    """Memory of this process that is in use now."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


def floor_rose_bytes(samples: list[int]) -> int:
    """By how much the least of the later half lies above the least of the earlier half.

    Between two photos megabytes come and go (a frame in work, a JPEG of 3 MB); what leaks stays.
    """
    half = len(samples) // 2
    return min(samples[half:]) - min(samples[:half])


def descriptors() -> int:
    """Files that this process has open."""
    return len(os.listdir("/proc/self/fd"))
