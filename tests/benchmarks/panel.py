"""Cost of the panel: packing a picture, the viewfinder during a countdown, and an idle screen.

    python -m tests.benchmarks.panel [--seconds SECONDS]

The real panel and camera threads and luma's real device classes, over a bus that discards every byte; the camera is
simulated. Ratios hold on any machine; milliseconds are this machine's.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

from PIL import Image

from piboothup.booth.camera.thread import CameraThread
from piboothup.booth.frame import Viewfinder
from piboothup.booth.panel import capture_screens, dither, screens
from piboothup.booth.panel.layout import PHOTO_SIZE
from piboothup.booth.panel.oled import OledPanel, packed
from piboothup.booth.panel.thread import PanelThread
from piboothup.booth.panel.view import View
from piboothup.clock import SystemClock
from piboothup.config import CameraConfig, PanelConfig
from piboothup.simulator.camera import SimulatedCamera
from piboothup.simulator.gallery_views import portrait
from piboothup.status import BoothState

ROUNDS = 400


class SwallowingBus:
    """Bus that accepts and discards all bytes."""

    def __init__(self, port: int = 1) -> None:
        self.transfers = 0
        self.bytes = 0
        self.tells = True
        """Whether it says that the panel is off when it is."""
        self._status = 0x00

    def write_i2c_block_data(self, address: int, register: int, content: list[int]) -> None:
        self.transfers += 1
        self.bytes += len(content) + 2
        if register == 0x00 and content[0] in (0xAE, 0xAF):
            self._status = 0x40 if content[0] == 0xAE else 0x00

    def i2c_rdwr(self, message: Any) -> None:
        self.transfers += 1
        self.bytes += len(message) + 1

    def read_byte(self, address: int) -> int:
        self.transfers += 1
        self.bytes += 2
        return self._status if self.tells else 0x00

    def close(self) -> None:
        """Do nothing."""


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=10.0, metavar="SECONDS")
    given = parser.parse_args()
    _packing()
    _drawing()
    _making_sure()
    with tempfile.TemporaryDirectory() as folder:
        _viewfinder(Path(folder), given.seconds)
        _rest(Path(folder), given.seconds)


def _row(what: str, *figures: str) -> None:
    print(f"{what:<52}" + "".join(f"{figure:>16}" for figure in figures), flush=True)


def _median_ms(work: Callable[[], object], rounds: int = ROUNDS) -> float:
    took = []
    for _ in range(rounds):
        began_s = time.perf_counter()
        work()
        took.append(time.perf_counter() - began_s)
    return statistics.median(took) * 1000


def _packing() -> None:
    """Time of our packing against luma's own `display`, which packs in a Python loop, on the same picture."""
    from luma.oled.device import ssd1306

    class Nowhere:
        def command(self, *given: int) -> None:
            """Discard a command."""

        def data(self, given: list[int]) -> None:
            """Discard data."""

    _row("packing 128x64", "median", "of luma's loop", "bound 0.1 ms")
    picture = screens.draw(View(state=BoothState.COUNTDOWN, countdown=3, viewfinder=Viewfinder(1, portrait())))
    lumas = ssd1306(Nowhere())
    try:
        theirs_ms = _median_ms(lambda: lumas.display(picture))
    except AttributeError:  # Pillow 14 and later
        theirs_ms = float("nan")
    ours_ms = _median_ms(lambda: packed(picture))
    lumas.persist = True
    _row("  luma's own loop", f"{theirs_ms:.3f} ms")
    _row("  ours", f"{ours_ms:.3f} ms", f"{ours_ms / theirs_ms:.2f}")


def _drawing() -> None:
    _row("drawing", "median")
    grey = portrait()
    _row("  viewfinder, 160x120 to 85x64 dots", f"{_median_ms(lambda: dither.viewfinder(grey, PHOTO_SIZE)):.2f} ms")
    _row("  photo", f"{_median_ms(lambda: dither.thumbnail(grey, PHOTO_SIZE)):.2f} ms")
    for name, view in {
        "countdown": View(state=BoothState.COUNTDOWN, countdown=3, viewfinder=Viewfinder(1, grey)),
        "saved": View(state=BoothState.REVIEW, number=143, thumbnail=grey),
        "ready": View(state=BoothState.READY, event_title="Anna & Ben", photos=143),
        "album code": View(state=BoothState.READY, album_link="https://app.eventpics.net/Ab3dEf7hIj9k"),
    }.items():
        _row(f"  screen: {name}", f"{_median_ms(lambda view=view: screens.draw(view)):.2f} ms")  # type: ignore[misc]


def _making_sure() -> None:
    """Cost of ensuring that the next picture is shown: the countdown's first, after ready."""
    _row("making sure before a countdown", "figure", "then all", "at 400 kHz", "more than unsure")
    for name, checks, tells in (
        ("unsure", False, True),
        ("a module that tells whether it is on", True, True),
        ("one that does not", True, False),
    ):
        bus = SwallowingBus()
        bus.tells = tells
        with mock.patch("smbus2.SMBus", lambda port, bus=bus: bus):
            panel = OledPanel(PanelConfig())
            panel.open()
        ready = screens.draw(View(state=BoothState.READY, photos=143))
        picture = screens.draw(View(state=BoothState.COUNTDOWN, countdown=3, viewfinder=Viewfinder(1, portrait())))
        panel.show(ready)
        began = bus.bytes
        panel.show(capture_screens.side_first(ready, picture))
        figure = bus.bytes - began
        if checks:
            panel.check()
        panel.show(picture)
        whole = bus.bytes - began
        if not checks:
            unsure = whole
        at_400_khz_ms = (figure * 9 / 400, whole * 9 / 400)
        _row(
            f"  {name}",
            f"{figure} bytes",
            f"{whole} bytes",
            f"{at_400_khz_ms[0]:.1f}, {at_400_khz_ms[1]:.1f} ms",
            f"{(whole - unsure) * 9 / 400:.2f} ms",
        )


def _opened(folder: Path) -> tuple[PanelThread, SwallowingBus]:
    bus = SwallowingBus()
    with mock.patch("smbus2.SMBus", lambda port: bus):
        panel = PanelThread(OledPanel(PanelConfig()), SystemClock(), folder)
        panel.start()
        panel.show(View(state=BoothState.READY, photos=143))
        while not bus.transfers:
            time.sleep(0.01)
        time.sleep(1.0)
    return panel, bus


def _viewfinder(folder: Path, seconds: float) -> None:
    """CPU time of the camera and panel threads in a countdown at the camera's frame rate."""
    _row(f"viewfinder for {seconds:.0f} s", "of a core", "frames/s", "bytes/frame", "bound 8 %")
    clock = SystemClock()
    panel, bus = _opened(folder)
    drawn: list[Image.Image] = []
    draw = panel._draw

    def counted(view: View) -> Image.Image:
        picture = draw(view)
        if view.viewfinder is not None:
            drawn.append(picture)
        return picture

    panel._draw = counted
    camera = CameraThread(
        SimulatedCamera(CameraConfig(driver="simulated"), clock),
        clock,
        lambda event: None,
        panel.set_viewfinder,
    )
    camera.start()
    time.sleep(2.0)
    counting = View(state=BoothState.COUNTDOWN, countdown=10)
    camera.set_viewfinder_on(True)
    panel.show(counting)
    time.sleep(1.0)
    before_s, frames, bytes_ = time.process_time(), len(drawn), bus.bytes
    began_s = time.perf_counter()
    for second in range(int(seconds)):
        panel.show(replace(counting, countdown=10 - second % 9))
        time.sleep(1.0)
    took_s = time.perf_counter() - began_s
    share = (time.process_time() - before_s) / took_s
    shown = len(drawn) - frames
    _row("  camera and panel threads", f"{share:.2%}", f"{shown / took_s:.1f}", f"{(bus.bytes - bytes_) / shown:.0f}")
    camera.stop()
    panel.stop()


def _rest(folder: Path, seconds: float) -> None:
    _row(f"ready, at rest, for {seconds:.0f} s", "of a core", "transfers", "bounds 0.5 %, 0")
    panel, bus = _opened(folder)
    before_s, transfers = time.process_time(), bus.transfers
    threading.Event().wait(seconds)
    share = (time.process_time() - before_s) / seconds
    _row("  panel thread", f"{share:.3%}", f"{bus.transfers - transfers}")
    panel.stop()


if __name__ == "__main__":
    main()
