"""From the electrical edge to what follows of it: the state's change, and the first answer on light or panel.

    python -m tests.benchmarks.button [--presses N]

The real service with gpiozero's real classes on mock pins, the real debounce (it waits 1.5 ms to tell a press from a
spike), the real queue, panel and saver threads and a simulated camera that streams. Once at rest, and once with a
busy thread of Python beside it. This machine may have other work: so the same two hand-overs between bare threads,
with the same 1.5 ms between, are timed in turns with the presses.
"""

from __future__ import annotations

import argparse
import queue
import sys
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from gpiozero.pins.mock import MockFactory, MockPWMPin

from piboothup.booth import machine, service
from piboothup.booth.button import PRESS_NS, GpioButton
from piboothup.booth.devices import Devices
from piboothup.booth.events import Event, Pressed
from piboothup.booth.light import GpioLight, LightPattern
from piboothup.booth.panel import NoPanel
from piboothup.booth.service import BoothService
from piboothup.config import Button, Camera, Capture, Config, EventPics, Light, SpoolTable
from piboothup.simulator.camera import SimulatedCamera
from piboothup.spool.clock import SystemClock
from piboothup.spool.store import Spool
from piboothup.status import BoothState

PRESSES = 300
SETTLE_S = 0.04
"""Between a release and the next press: longer than the debounce wants."""


class TimedLight(GpioLight):
    """The real light; notes when it was told of another pattern."""

    def __init__(self, table: Light, factory: Any) -> None:
        super().__init__(table, factory)
        self.shown: LightPattern | None = None
        self.changed_s = 0.0

    def show(self, pattern: LightPattern) -> None:
        super().show(pattern)
        if pattern is not self.shown:
            self.shown, self.changed_s = pattern, time.perf_counter()


class Bench:
    """A booth that is pressed; countdown 10, so that no photo ever comes of it."""

    def __init__(self, root: Path) -> None:
        self.clock = SystemClock()
        self.factory = MockFactory(pin_class=MockPWMPin)
        self.changed = threading.Event()
        self.changed_s = 0.0
        config = Config(
            eventpics=EventPics(link_id="abcd1234"),
            capture=Capture(countdown_s=10),
            camera=Camera(driver="simulated", size=(1640, 1232)),
            spool=SpoolTable(directory=str(root / "spool"), min_free_mb=10),
        )
        self.light = TimedLight(Light(), self.factory)
        button = GpioButton(Button(), self.clock, self.factory)
        devices = Devices(SimulatedCamera(config.camera, self.clock), NoPanel(), self.light, button)
        (root / "run").mkdir()
        self.booth = BoothService(config, Spool(root / "spool", self.clock), self.clock, root / "run", devices)
        step: Any = machine.step

        def timed(booth: Any, event: Event, *given: Any) -> Any:  # the loop's own step, and when it was done
            stepped = step(booth, event, *given)
            if isinstance(event, Pressed):
                self.changed_s = time.perf_counter()
                self.changed.set()
            return stepped

        vars(service)["step"] = timed
        self.thread = threading.Thread(target=self.booth.run)
        self.thread.start()
        while self.booth._booth.state is not BoothState.READY:
            time.sleep(0.05)

    def press(self) -> tuple[float, float]:
        """Seconds from the edge to the state's change and to the light's; then let go, and ready again."""
        self.booth._booth = replace(self.booth._booth, state=BoothState.READY, until_ns=None, nudged_until_ns=0)
        time.sleep(SETTLE_S)
        self.changed.clear()
        self.light.shown = None
        pin, edge_s = self.factory.pin(17), time.perf_counter()
        pin.drive_low()
        assert self.changed.wait(5)
        while self.light.changed_s < edge_s:
            time.sleep(0.0001)
        pin.drive_high()
        return self.changed_s - edge_s, self.light.changed_s - edge_s

    def stop(self) -> None:
        self.booth.stop()
        self.thread.join(10)


class Bare:
    """An edge that goes through a condition, 1.5 ms and a queue, and nothing else."""

    def __init__(self) -> None:
        self.edge = threading.Semaphore(0)
        self.told: queue.SimpleQueue[float] = queue.SimpleQueue()
        self.came: queue.SimpleQueue[float] = queue.SimpleQueue()
        self.ended = False
        for duty in (self._debounce, self._loop):
            threading.Thread(target=duty, daemon=True).start()

    def _debounce(self) -> None:
        pause = threading.Event()
        while self.edge.acquire() and not self.ended:
            pause.wait(PRESS_NS / 1e9)
            self.told.put(0.0)

    def _loop(self) -> None:
        while not self.ended:
            self.told.get()
            self.came.put(time.perf_counter())

    def hand_over(self) -> float:
        """Seconds from one end to the other."""
        began_s = time.perf_counter()
        self.edge.release()
        return self.came.get(timeout=10) - began_s

    def stop(self) -> None:
        self.ended = True
        self.edge.release()


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--presses", type=int, default=PRESSES, metavar="N")
    given = parser.parse_args()
    heading = f"edge to (of it {PRESS_NS / 1e6:.1f} ms debounce)"
    print(f"{heading:<44}{'median':>11}{'p99':>11}{'bound':>11}")
    sys.setswitchinterval(service.SWITCH_S)
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        bench = Bench(Path(folder))
        try:
            _table("at rest", bench, given.presses)
            busy = threading.Event()
            beside = threading.Thread(target=_spin, args=(busy,), daemon=True)
            beside.start()
            _table("a busy thread beside it", bench, given.presses)
            busy.set()
        finally:
            bench.stop()


def _table(what: str, bench: Bench, presses: int) -> None:
    bench.press()
    bare = Bare()
    took = [(*bench.press(), bare.hand_over()) for _ in range(presses)]
    bare.stop()
    states, lights, bares = zip(*took, strict=True)
    _row(f"{what}: two bare hand-overs", bares, "")
    _row(f"{what}: the state's change", states, "5 ms")
    _row(f"{what}: the first answer", lights, "50 ms")


def _row(what: str, took_s: tuple[float, ...], bound: str) -> None:
    ordered = sorted(took_s)
    median, p99 = ordered[len(ordered) // 2], ordered[int(len(ordered) * 0.99)]
    print(f"{what:<44}{1000 * median:>8.2f} ms{1000 * p99:>8.2f} ms{bound:>11}", flush=True)


def _spin(ended: threading.Event) -> None:
    while not ended.is_set():
        sum(range(1000))


if __name__ == "__main__":
    main()
