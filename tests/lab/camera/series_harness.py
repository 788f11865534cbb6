"""Photos and series of photos on the real camera stack, by the whole service: when they are exposed, and what memory
that takes.

    tests/lab/camera/run -m tests.lab.camera.series_harness SHOTS PRESSES

prints a line of JSON: a process of its own, as its peak of memory is read.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

from piboothup.booth import threads as precedence
from piboothup.booth.camera.picamera2_driver import Picamera2Driver
from piboothup.booth.devices import Devices
from piboothup.booth.flow.events import Saved
from piboothup.booth.gpio.led import LightPattern
from piboothup.booth.panel.base import PanelDevice
from piboothup.booth.service import BoothService
from piboothup.clock import SystemClock
from piboothup.config import CameraConfig, CaptureConfig, Config, EventPicsConfig, SpoolConfig
from piboothup.runtime import send_hint
from piboothup.spool.listing import NEW
from piboothup.spool.store import Spool
from tests.lab.camera.harness import Starts
from tests.lab.camera.virtual import VirtualPicamera2
from tests.support.booth import FakeLight, FakePanel
from tests.support.deadline import PATIENCE_S

GAP_S = 1
_WARM_SHOTS = 16
"""Photos before the first that counts."""
MS = 1_000_000
FRAME_MB = 4056 * 3040 * 1.5 / 1e6
"""Size of a frame of 12 MP."""


class QuietPanel(FakePanel):
    """Panel that keeps no picture."""

    def show(self, image: Any) -> None:
        """Nothing."""


class SeriesHarness:
    """Booth with the real clock that takes so many shots of one press."""

    def __init__(self, root: Path, shots: int) -> None:
        self._runtime, self._shots = root / "run", shots
        self._runtime.mkdir(mode=0o700)
        self._clock = SystemClock()
        tables: dict[str, Any] = {}
        if shots > 1:  # older versions have no such table
            from piboothup.config import PhotoConfig

            tables["photo"] = PhotoConfig(shots=shots, gap_s=GAP_S)
        config = Config(
            eventpics=EventPicsConfig(link_id="abcd1234"),
            capture=CaptureConfig(countdown_s=0, review_s=0.5),
            camera=CameraConfig(),
            spool=SpoolConfig(str(root / "spool"), allow_memory=True, min_free_mb=10),
            **tables,
        )
        self._light: FakeLight = FakeLight()
        panel: PanelDevice = QuietPanel()
        self._camera = Picamera2Driver(config.camera, VirtualPicamera2)
        self._spool = Spool(root / "spool", self._clock, "serial-1")
        devices = Devices(self._camera, panel, self._light, None)
        self._service = BoothService(config, self._spool, self._clock, self._runtime, devices)
        self._zeros_ns: list[int] = []
        self._saved_ns: list[int] = []
        capture, put = self._service._camera.capture, self._service._saver._post

        def noted(zero_ns: int, flash_on_ns: int | None = None) -> None:
            self._zeros_ns.append(zero_ns)
            capture(zero_ns, flash_on_ns)

        def posted(event: Any) -> None:
            if isinstance(event, Saved):
                self._saved_ns.append(self._clock.boottime_ns())
            put(event)

        self._service._camera.capture = noted  # type: ignore[assignment,method-assign]
        self._service._saver._post = posted
        self._thread = threading.Thread(target=self._service.run, name="loop")
        self._thread.start()
        self._until(LightPattern.READY)
        self._starts = Starts()
        self._camera._camera.pre_callback = self._starts.note

    def press(self) -> dict[str, list[float]]:
        """Press, and return times once all is saved, milliseconds."""
        self._zeros_ns.clear()
        self._saved_ns.clear()
        mapped = len(self._camera._maps)  # buffers, each from its first photo on, which counts as our memory here
        reset_peak()
        pressed_ns = self._clock.boottime_ns()
        assert send_hint(self._runtime, "booth", "press")
        self._until(LightPattern.SAVED)
        saved_ns = self._saved_ns[0]
        self._until(LightPattern.READY)
        peak = peak_bytes()
        names = sorted(self._spool.names(NEW), key=lambda name: name.order)[-self._shots :]
        waits_ms = [(self._starts.first(zero_ns) - zero_ns) / MS for zero_ns in self._zeros_ns]
        zeros_ms = [zero_ns / MS for zero_ns in self._zeros_ns]
        return {
            "between": [after - before for before, after in pairwise(zeros_ms)],
            "waits": waits_ms,
            "late": [
                name.boottime_ms - self._starts.first(zero_ns) / MS
                for name, zero_ns in zip(names, self._zeros_ns, strict=True)
            ],
            "saved": [(saved_ns - pressed_ns) / MS],
            "peak": [peak / 1e6 - mapped * FRAME_MB],
        }

    def stop(self) -> None:
        """Stop the service."""
        self._service.stop()
        self._thread.join(PATIENCE_S)

    def _until(self, wanted: LightPattern) -> None:
        end_s = time.monotonic() + PATIENCE_S
        while self._light.patterns.get(timeout=max(0.01, end_s - time.monotonic())) is not wanted:
            pass


def whole_booth(shots: int, presses: int) -> list[dict[str, list[float]]]:
    """Times of these presses, in a process of their own."""
    command = [sys.executable, "-m", __name__, str(shots), str(presses)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=300)
    found: list[dict[str, list[float]]] = json.loads(done.stdout.splitlines()[-1])
    return found


def reset_peak() -> None:
    """Have the kernel count the peak of this process's memory anew (proc(5), clear_refs)."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def peak_bytes() -> int:
    """Peak of this process's resident memory since then."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))


def main(shots: int, presses: int) -> None:
    """Print the times of these presses as JSON."""
    sys.setswitchinterval(precedence.SWITCH_INTERVAL_S)  # as the service does
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        booth = SeriesHarness(Path(folder), shots)
        for _ in range(_WARM_SHOTS // shots):
            booth.press()
        print(json.dumps([booth.press() for _ in range(presses)]), flush=True)
        booth.stop()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
