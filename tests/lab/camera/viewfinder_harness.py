"""Countdown on the real camera stack: frames of the camera, and those shown on a panel at 400 kHz.

The whole service; the virtual camera's scene stands still, so each frame is shifted a little before it is drawn.
"""

from __future__ import annotations

import itertools
import threading
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from piboothup.booth.camera import picamera2_driver
from piboothup.booth.camera import thread as camera
from piboothup.booth.camera.picamera2_driver import Picamera2Driver
from piboothup.booth.devices import Devices
from piboothup.booth.frame import Plane, shrunk
from piboothup.booth.gpio.led import LightPattern
from piboothup.booth.panel.oled import OledPanel, _with_our_packing
from piboothup.booth.panel.view import View
from piboothup.booth.service import BoothService
from piboothup.clock import SystemClock
from piboothup.config import CameraConfig, CaptureConfig, Config, EventPicsConfig, PanelConfig, SpoolConfig
from piboothup.runtime import send_hint
from piboothup.spool.store import Spool
from tests.lab.camera.virtual import VirtualPicamera2
from tests.support.booth import FakeLight
from tests.support.deadline import PATIENCE_S, until

HERTZ = 400_000
COUNTDOWN_S = 6


class Wire:
    """Controller on a bus that takes its time: nine bits for each byte."""

    def command(self, *commands: int) -> None:
        """Send commands: the address, a control byte, the commands."""
        time.sleep(9 * (2 + len(commands)) / HERTZ)

    def data(self, content: bytes) -> None:
        """Send data likewise."""
        time.sleep(9 * (2 + len(content)) / HERTZ)

    def contrast(self, level: int) -> None:
        """Send two commands."""
        self.command(0x81, level)

    def show(self) -> None:
        """Send one command."""
        self.command(0xAF)

    hide = show


class PacedPanel(OledPanel):
    """The booth's own driver, which sends the changed part, on that bus; records when it was sending."""

    def __init__(self) -> None:
        super().__init__(PanelConfig())
        self._sending: list[tuple[float, float]] = []

    def open(self) -> None:
        self._device = _with_our_packing(Wire)()

    def show(self, image: Image.Image) -> None:
        began_s = time.monotonic()
        super().show(image)
        self._sending.append((began_s, time.monotonic()))

    def was_sending(self, at_s: float) -> bool:
        """Whether the bus was busy then."""
        return any(began_s <= at_s <= ended_s for began_s, ended_s in self._sending)


@dataclass(frozen=True)
class Seen:
    """Frames of one countdown, from the first that was shown to the last."""

    frames: int
    drawn: int
    excused: int
    """Number of frames followed by another while the bus was busy, or at once."""
    rate_hz: float
    shares: dict[str, float]
    """Share of a core, by thread; of picamera2's only the booth's part."""

    @property
    def share(self) -> float:
        """Share of a core, all threads."""
        return sum(self.shares.values())

    @property
    def lost(self) -> int:
        """Number of frames that came, were not drawn, and are not excused."""
        return self.frames - self.drawn - self.excused


class ViewfinderHarness:
    """Booth with the real clock that counts down on request.

    `patient`: each frame waits until the previous is drawn, so that a busy machine loses none; and only a new frame
    redraws the panel.
    """

    def __init__(self, root: Path, table: CameraConfig, *, patient: bool = False) -> None:
        self._runtime = root / "run"
        self._runtime.mkdir(mode=0o700)
        clock, spool_table = SystemClock(), SpoolConfig(str(root / "spool"), allow_memory=True, min_free_mb=10)
        config = Config(
            eventpics=EventPicsConfig(link_id="abcd1234"),
            capture=CaptureConfig(countdown_s=COUNTDOWN_S, review_s=0.5),
            camera=table,
            spool=spool_table,
        )
        self._came: list[tuple[float, int, bool]] = []
        """When a frame passed, the picture's serial number then, whether it was made of this frame."""
        self._drawn: set[int] = set()
        self._looked_s = 0.0
        self._paces = picamera2_driver.VIEW_S, camera.VIEWFINDER_INTERVAL_S
        self._light, self._panel = FakeLight(), PacedPanel()
        self._camera = Picamera2Driver(table, VirtualPicamera2)
        look = self._camera._on_frame

        def noted(request: Any) -> None:
            before = self._camera._viewfinder
            while patient and before is not None and self._service._camera._viewfinder_on:
                if before.serial in self._drawn:
                    break
                time.sleep(0.001)
            began_s = time.thread_time()
            look(request)
            self._looked_s += time.thread_time() - began_s
            now = self._camera._viewfinder
            self._came.append((time.monotonic(), now.serial if now else 0, now is not before))

        self._camera._on_frame = noted  # type: ignore[method-assign]
        moved = itertools.count()

        def moving(plane: Plane, size: tuple[int, int]) -> Plane:
            return np.roll(shrunk(plane, size), 5 * next(moved), axis=1)

        picamera2_driver.shrunk = moving  # type: ignore[attr-defined]
        if patient:
            picamera2_driver.VIEW_S, camera.VIEWFINDER_INTERVAL_S = 0.0, 3600.0
        self._service = BoothService(
            config,
            Spool(root / "spool", clock, "serial-1"),
            clock,
            self._runtime,
            Devices(self._camera, self._panel, self._light, None),
        )
        panel = self._service._panel
        draw = panel._draw

        def noting(view: View) -> Image.Image:
            if view.viewfinder is not None:
                self._drawn.add(view.viewfinder.serial)
            return draw(view)

        panel._draw = noting
        self._thread = threading.Thread(target=self._service.run, name="loop")
        self._thread.start()
        self._until(LightPattern.READY)
        until(lambda: any(thread.name == "panel" and thread.native_id for thread in threading.enumerate()))

    def count_down(self) -> Seen:
        """Press, and report on the countdown until its last second."""
        self._came.clear()
        self._drawn.clear()
        self._looked_s = 0.0
        before, began_s = self._used_s(), time.monotonic()
        assert send_hint(self._runtime, "booth", "press")
        self._until(LightPattern.HURRY)
        took_s, used = time.monotonic() - began_s, self._used_s()
        came, drawn = list(self._came), set(self._drawn)
        self._until(LightPattern.READY)
        shares = {name: (used[name] - before[name]) / took_s for name in used}
        shares["picamera2"] = self._looked_s / took_s
        first, last = min(drawn, default=1), max(drawn, default=0)
        looked = [seen for seen in came if first <= seen[1] <= last]
        while looked and not looked[-1][2]:  # after the last that was drawn
            looked.pop()
        drawn_of = [serial in drawn and made for _, serial, made in looked]
        excused = sum(
            not good and (after_s - at_s < picamera2_driver.VIEW_S or self._panel.was_sending(after_s))
            for good, ((at_s, _, _), (after_s, _, _)) in zip(drawn_of, pairwise(looked), strict=False)
        )
        rate_hz = (len(looked) - 1) / (looked[-1][0] - looked[0][0]) if len(looked) > 1 else 0.0
        return Seen(len(looked), sum(drawn_of), excused, rate_hz, shares)

    def stop(self) -> None:
        """Stop the service."""
        self._service.stop()
        self._thread.join(PATIENCE_S)
        picamera2_driver.shrunk = shrunk  # type: ignore[attr-defined]
        picamera2_driver.VIEW_S, camera.VIEWFINDER_INTERVAL_S = self._paces

    def _until(self, wanted: LightPattern) -> None:
        end_s = time.monotonic() + PATIENCE_S
        while self._light.patterns.get(timeout=max(0.01, end_s - time.monotonic())) is not wanted:
            pass

    def _used_s(self) -> dict[str, float]:
        """Processor time of each thread involved."""
        ids = {thread.name: thread.native_id for thread in threading.enumerate()}
        return {
            name: int(Path(f"/proc/self/task/{ids[name]}/schedstat").read_text(encoding="ascii").split()[0]) / 1e9
            for name in ("panel", "camera", "loop")
        }
