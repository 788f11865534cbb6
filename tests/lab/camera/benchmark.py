"""Benchmark of the camera on the real stack at 12 megapixels: `tests/lab/camera/run benchmark`.

All figures are of one run: the virtual camera gives a frame in 140 ms, a Pi in 70 to 100. Compared is the program's
own work.
"""

from __future__ import annotations

import hashlib
import random
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from PIL import Image

from piboothup.booth import threads as precedence
from piboothup.booth.camera.picamera2_driver import Picamera2Driver
from piboothup.booth.flow.events import CameraReady, CaptureFailed
from piboothup.booth.photo import saver
from piboothup.booth.photo.exif import Exif, with_exif
from piboothup.booth.photo.jpeg import encode
from piboothup.config import CameraConfig
from piboothup.spool import commit
from piboothup.spool.listing import NEW
from tests.lab.camera.harness import (
    FULL,
    Bench,
    Photo,
    bench,
    floor_rose,
    heap_bytes,
    set_to,
    stalled,
)
from tests.lab.camera.series_harness import FRAME_MB, GAP_S, whole_booth
from tests.lab.camera.viewfinder_harness import ViewfinderHarness
from tests.lab.camera.virtual import EXPOSURE_US, MappedArray, VirtualPicamera2

PRESSES = 40
COMPARED = 12
SERIES, SHOTS = 12, 4
HAMMERED = 100
MS = 1_000_000


def main() -> None:
    """Print every table."""
    sys.setswitchinterval(precedence.SWITCH_INTERVAL_S)  # as the service does
    _zero_to_saved()
    _series()
    _ways()
    _hammered()
    _recovered()
    _turned()
    _viewfinder()


def _row(what: str, *figures: str) -> None:
    print(f"{what:<46}" + "".join(f"{figure:>13}" for figure in figures), flush=True)


def _middle_and_p95(values_ms: list[float]) -> tuple[str, str]:
    return f"{statistics.median(values_ms):.1f} ms", f"{sorted(values_ms)[int(0.95 * len(values_ms))]:.1f} ms"


# -- zero to "saved" -------------------------------------------------------------------------------------------------


PARTS = ("wait", "encode", "commit")
OWN = (
    ("asked", "wait begins", ("MainThread", "camera")),
    ("wait ends", "encode begins", ("camera", "MainThread", "saver")),
    ("encode ends", "commit begins", ("saver",)),
    ("commit ends", "told", ("saver", "MainThread")),
)
"""Parts other than frame wait, encoding and commit: start, end, and the threads involved."""


class Watch:
    """Start and end of each part of a photo, and each thread's total wait for a processor until then."""

    def __init__(self) -> None:
        self._at: dict[str, tuple[float, dict[str, float]]] = {}
        self._threads: dict[str, Path] = {}

    def mark(self, moment: str) -> None:
        """Record the current time under this name."""
        if not self._threads:
            self._threads = {
                thread.name: Path(f"/proc/self/task/{thread.native_id}/schedstat") for thread in threading.enumerate()
            }
        waited_ms = {name: int(path.read_text("ascii").split()[1]) / MS for name, path in self._threads.items()}
        self._at[moment] = (time.perf_counter() * 1000, waited_ms)

    def took_ms(self, begins: str, ends: str) -> float:
        """Time from one mark to another, milliseconds."""
        return self._at[ends][0] - self._at[begins][0]

    def queued_ms(self, begins: str, ends: str, threads: tuple[str, ...]) -> float:
        """Time in which these threads were ready and had no processor, milliseconds: the machine's other work."""
        before, after = self._at[begins][1], self._at[ends][1]
        return min(self.took_ms(begins, ends), sum(after[name] - before[name] for name in threads))

    def over(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Wrap the function to mark its start and end."""

        def call(*given: Any, **named: Any) -> Any:
            self.mark(f"{name} begins")
            try:
                return function(*given, **named)
            finally:
                self.mark(f"{name} ends")

        return call


@contextmanager
def _watched(made: Bench) -> Iterator[Watch]:
    """Patch the parts to record their times."""
    watch = Watch()
    made.camera.capture = watch.over("wait", made.camera.capture)  # type: ignore[method-assign]
    real = commit.commit
    saver.encode = watch.over("encode", encode)  # type: ignore[attr-defined]
    commit.commit = watch.over("commit", real)
    try:
        yield watch
    finally:
        saver.encode, commit.commit = encode, real  # type: ignore[attr-defined]


def _zero_to_saved() -> None:
    found: dict[str, list[float]] = {}
    with bench() as made:
        made.photo()
        with _watched(made) as watch:
            for _ in range(PRESSES):
                _pressed()
                watch.mark("asked")
                made.photo()
                watch.mark("told")
                parts = {part: watch.took_ms(f"{part} begins", f"{part} ends") for part in PARTS}
                own = sum(watch.took_ms(begins, ends) for begins, ends, _ in OWN)
                queued = sum(watch.queued_ms(*some) for some in OWN)
                whole = {"own": own, "queued": queued, "net": own - queued, "all": watch.took_ms("asked", "told")}
                for name, value in (parts | whole).items():
                    found.setdefault(name, []).append(value)
        small = next(made.spool.path(name).read_bytes() for name in made.spool.names(NEW))
    _row(f"zero to saved, {PRESSES} presses", "median", "p95", "bound of p95")
    _row("  frame wait", *_middle_and_p95(found["wait"]))
    _row("  encode", *_middle_and_p95(found["encode"]))
    _row("  commit", *_middle_and_p95(found["commit"]))
    _row("  the rest, by the clock", *_middle_and_p95(found["own"]))
    _row("    ready to run, other work had the processors", *_middle_and_p95(found["queued"]))
    _row("    our own", *_middle_and_p95(found["net"]), "10 ms")
    _row("  zero to saved", *_middle_and_p95(found["all"]))
    large = small + bytes(4_000_000)  # the virtual camera's bars are a small file, and people are not
    took_ms = []
    for _ in range(PRESSES):
        began_s = time.thread_time()
        hashlib.sha256(with_exif(large, Exif("0" * 32, "Booth 1"))).hexdigest()
        took_ms.append((time.thread_time() - began_s) * 1000)
    _row("  EXIF and hash of 4 MB, processor time", *_middle_and_p95(took_ms))


# -- several shots of one press --------------------------------------------------------------------------------------


def _series() -> None:
    one, four = (whole_booth(shots, SERIES) for shots in (1, SHOTS))
    beyond_ms = [
        between_ms - 1000 * GAP_S - wait_ms
        for press in four
        for between_ms, wait_ms in zip(press["between"], press["waits"], strict=False)
    ]
    late_ms = [late_ms for press in four for late_ms in press["late"]]
    peaks_mb = [statistics.median(press["peak"][0] for press in presses) for presses in (one, four)]
    _row(f"the whole booth, {SERIES} series of {SHOTS}, {GAP_S} s apart", "median", "p95", "bound")
    _row("  zero to zero, beyond gap and frame wait", *_middle_and_p95(beyond_ms), "50 ms")
    _row("  exposed after the first frame that could be", *_middle_and_p95([max(0.0, late) for late in late_ms]))
    _row("  peak of memory without mapped buffers, a press for one shot", f"{peaks_mb[0]:.1f} MB")
    _row("  a series more", f"{peaks_mb[1] - peaks_mb[0]:+.1f} MB", "", f"{FRAME_MB:.1f} MB")


# -- the obvious ways ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Way:
    """Time from zero to the start of the exposure and to the file, milliseconds."""

    start_ms: float
    file_ms: float


def _ways() -> None:
    _row("one press, in turns", "exposure", "earliest", "file there", "on the card")
    found: dict[str, list[Way]] = {}
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        path = Path(folder) / "photo.jpg"
        for name, way in (
            ("switch_mode_and_capture_file", _switching),
            ("capture_file while streaming", _streaming),
            ("flush, Pillow encodes", _with_pillow),
        ):
            found[name] = way(path)
    with bench() as made:
        made.photo()
        found["ours"] = [_ours(made) for _ in range(COMPARED)]
    for name, ways in found.items():
        starts = [way.start_ms for way in ways]
        file = statistics.median(way.file_ms for way in ways)
        durable = "yes" if name == "ours" else "perhaps"
        early = sum(start < 0 for start in starts)
        note = f"{early} of {len(starts)} BEFORE zero" if early else ""
        _row(f"  {name}", f"{statistics.median(starts):+.0f} ms", f"{min(starts):+.0f} ms", f"{file:.0f} ms", durable)
        if note:
            print(f"      {note}")


def _start_ms(metadata: dict[str, Any], zero_ns: int) -> float:
    return float(metadata["SensorTimestamp"] - 1000 * EXPOSURE_US - zero_ns) / MS


def _pressed() -> int:
    time.sleep(random.uniform(0.3, 0.6))  # presses fall anywhere into a frame
    return time.monotonic_ns()


@contextmanager
def _plain(size: tuple[int, int]) -> Iterator[Any]:
    camera = VirtualPicamera2()
    camera.options["quality"] = CameraConfig().jpeg_quality
    camera.configure(camera.create_still_configuration(main={"format": "YUV420", "size": size}, buffer_count=3))
    camera.start()
    camera.capture_request().release()
    try:
        yield camera
    finally:
        camera.close()


def _switching(path: Path) -> list[Way]:
    found = []
    with _plain((640, 480)) as camera:
        still = camera.create_still_configuration(main={"format": "YUV420", "size": (4056, 3040)})
        for _ in range(COMPARED):
            zero_ns = _pressed()
            metadata = camera.switch_mode_and_capture_file(still, str(path))
            found.append(Way(_start_ms(metadata, zero_ns), (time.monotonic_ns() - zero_ns) / MS))
    return found


def _streaming(path: Path) -> list[Way]:
    found = []
    with _plain((4056, 3040)) as camera:
        for _ in range(COMPARED):
            zero_ns = _pressed()
            metadata = camera.capture_file(str(path))
            found.append(Way(_start_ms(metadata, zero_ns), (time.monotonic_ns() - zero_ns) / MS))
    return found


def _with_pillow(path: Path) -> list[Way]:
    found = []
    with _plain((4056, 3040)) as camera:
        for _ in range(COMPARED):
            zero_ns = _pressed()
            request = camera.capture_request(flush=zero_ns)
            metadata = request.get_metadata()
            with MappedArray(request, "main") as mapped:
                _as_pillow_wants_it(mapped.array).save(path, quality=CameraConfig().jpeg_quality)
            request.release()
            found.append(Way(_start_ms(metadata, zero_ns), (time.monotonic_ns() - zero_ns) / MS))
    return found


def _as_pillow_wants_it(nv12: Any) -> Image.Image:
    """Frame in colour at full size; picamera2's own conversion can't read the virtual camera's format."""
    height, width = nv12.shape[0] * 2 // 3, nv12.shape[1]
    chroma = nv12[height:].reshape(height // 2, width)
    halves = [Image.fromarray(np.ascontiguousarray(chroma[:, first::2])) for first in (0, 1)]
    return Image.merge("YCbCr", [Image.fromarray(nv12[:height]), *(half.resize((width, height)) for half in halves)])


def _ours(made: Bench) -> Way:
    _pressed()
    photo = made.photo()
    return Way((photo.taken_ms * MS - photo.zero_ns) / MS, (photo.saved_ns - photo.zero_ns) / MS)


# -- hammered, and after trouble -------------------------------------------------------------------------------------


def _hammered() -> None:
    with bench() as made:
        for _ in range(10):
            made.photo()
        open_before, began_s, taken, heap = made.descriptors(), time.monotonic(), list[Photo](), list[int]()
        for _ in range(HAMMERED):
            taken.append(made.photo())
            heap.append(heap_bytes())
        took_s = time.monotonic() - began_s
        grown_mb = floor_rose(heap) / 1e6
        opened = made.descriptors() - open_before
    earliest_ms = min(capture.taken_ms - capture.zero_ns // MS for capture in taken)
    _row(f"{HAMMERED} presses as fast as accepted", "", "bound")
    _row("  photos per minute", f"{60 * HAMMERED / took_s:.0f}")
    _row("  earliest exposure after its zero", f"{earliest_ms:+d} ms", "0 ms")
    _row("  memory without frames has grown by", f"{grown_mb:.1f} MB", "5 MB")
    _row("  descriptors left open", f"{opened}", "0")


def _recovered() -> None:
    with bench() as made:
        before_s = made.full_rate(20)
        for _ in range(10):
            with stalled() as go_on, patch("piboothup.booth.camera.thread.CAPTURE_TIMEOUT_S", 0.3):
                made.thread.capture(made.clock.boottime_ns())
                made.until(CaptureFailed)
                made.lost()
                go_on()
                made.until(CameraReady)
        timed_out_s = made.full_rate(20)
        for _ in range(3):
            with stalled() as go_on:
                made.lost()
                go_on()
                made.until(CameraReady)
        opened_s = made.full_rate(20)
    _row("a frame for each press, 20 in a row", "each", "ratio", "bound 1.1")
    _row("  before", f"{before_s * 1000:.0f} ms")
    _row("  after 10 captures that timed out", f"{timed_out_s * 1000:.0f} ms", f"{timed_out_s / before_s:.2f}")
    _row("  after 3 re-openings more", f"{opened_s * 1000:.0f} ms", f"{opened_s / before_s:.2f}")


def _turned() -> None:
    _row("12 MP to JPEG", "median", "ratio")
    camera = Picamera2Driver(FULL, VirtualPicamera2)
    camera.open()
    frame = camera.capture(time.clock_gettime_ns(time.CLOCK_BOOTTIME), 4.0)
    kept = replace(frame, y=frame.y.copy(), u=frame.u.copy(), v=frame.v.copy())
    frame.release()
    camera.close()
    took: dict[int, list[float]] = {0: [], 90: [], 180: [], 270: []}
    for _ in range(COMPARED):
        for rotation, values in took.items():
            began_s = time.perf_counter()
            encode(kept, CameraConfig().jpeg_quality, rotation)
            values.append((time.perf_counter() - began_s) * 1000)
    base = statistics.median(took[0])
    for rotation, values in took.items():
        _row(
            f"  turned by {rotation}",
            f"{statistics.median(values):.1f} ms",
            f"{statistics.median(values) / base:.2f}",
        )


# -- the viewfinder --------------------------------------------------------------------------------------------------


def _viewfinder() -> None:
    """Viewfinder at the normal rate, and at that of the fastest Raspberry Pi module, on a smaller frame."""
    _row("viewfinder, panel at 400 kHz", "frames", "drawn", "bus busy", "lost", "frames/s", "of a core")
    for table, frame_us in ((FULL, 100_000), (CameraConfig(size=(2028, 1520)), 50_000)):
        with tempfile.TemporaryDirectory(dir="/var/tmp") as folder, set_to("LAB_FRAME_US", str(frame_us)):
            finder = ViewfinderHarness(Path(folder), table)
            seen = [finder.count_down() for _ in range(3)]
            finder.stop()
        for sample in seen:
            counts = (f"{number}" for number in (sample.frames, sample.drawn, sample.excused, sample.lost))
            _row(f"  a countdown {table.size or 'at 12 MP'}", *counts, f"{sample.rate_hz:.1f}", f"{sample.share:.2%}")
        threads = ", ".join(f"{name} {share:.2%}" for name, share in seen[-1].shares.items())
        print(f"      of the last: {threads}")


if __name__ == "__main__":
    main()
