"""Latency from the electrical edge to the state's change and to the first feedback on light or panel.

    python -m tests.benchmarks.button [--presses N] [--switch-ms MS ...]

The real service with gpiozero's real classes on mock pins, the real debounce (it waits 1.5 ms to tell a press from a
spike), the real queue, panel and saver threads and a simulated camera that streams; the panel's bus takes as long as
one at 400 kHz. At rest, and beside each work that a booth has: the viewfinder of a countdown, 12 MP photos saved one
after the other, retention that never ends, all of them, and a thread of Python that computes and never waits. Then
with somebody who reads the log and with nobody, in turns.

This machine may have other work: so the same two hand-overs between bare threads, with the same 1.5 ms between, are
timed in turns with the presses. With the rights for it the booth has the niceness of its unit, and real-time
priority where it asks for it.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import queue
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from gpiozero.pins.mock import MockFactory, MockPWMPin

from piboothup.booth import service
from piboothup.booth import threads as precedence
from piboothup.booth.devices import Devices
from piboothup.booth.flow import machine
from piboothup.booth.flow.events import Event, Pressed
from piboothup.booth.gpio.button import PRESS_DEBOUNCE_NS, GpioButton
from piboothup.booth.gpio.led import GpioLight, LightPattern
from piboothup.booth.panel.oled import OledPanel
from piboothup.booth.service import BoothService
from piboothup.clock import SystemClock
from piboothup.config import (
    ButtonConfig,
    CameraConfig,
    CaptureConfig,
    Config,
    EventPicsConfig,
    LightConfig,
    PanelConfig,
    SpoolConfig,
)
from piboothup.log_pipe import LogPipe
from piboothup.simulator.camera import SimulatedCamera
from piboothup.spool.listing import SENT
from piboothup.spool.retention import sweep
from piboothup.spool.store import Spool
from piboothup.status import BoothState
from tests.benchmarks.log_reader import LogReader
from tests.benchmarks.panel import SwallowingBus

PRESSES = 200
SETTLE_S = 0.04
"""Pause between a release and the next press, seconds: longer than the debounce."""
NICE = -5
"""Niceness of the booth's unit."""
SENT_PHOTOS = 9_000
"""Number of sent photos on the card that retention deletes."""
_tables_to = sys.stdout


class TimedLight(GpioLight):
    """Real light that records the time of each pattern."""

    def __init__(self, table: LightConfig, factory: Any) -> None:
        super().__init__(table, factory)
        self.told: Callable[[], None] = lambda: None

    def show(self, pattern: LightPattern) -> None:
        super().show(pattern)
        self.told()


class PacedBus(SwallowingBus):
    """Bus at 400 kHz: nine bits per byte."""

    def write_i2c_block_data(self, address: int, register: int, content: list[int]) -> None:
        super().write_i2c_block_data(address, register, content)
        time.sleep(9 * (len(content) + 2) / 400_000)

    def i2c_rdwr(self, message: Any) -> None:
        super().i2c_rdwr(message)
        time.sleep(9 * (len(message) + 1) / 400_000)


class Bench:
    """Booth under presses; countdown 10, so that no press takes a photo."""

    def __init__(self, root: Path) -> None:
        self.clock = SystemClock()
        self.factory = MockFactory(pin_class=MockPWMPin)
        self.state = BoothState.READY
        self.answered = threading.Event()
        self.changed_s = self.answered_s = 0.0
        self._hears = False
        config = Config(
            eventpics=EventPicsConfig(link_id="abcd1234"),
            capture=CaptureConfig(countdown_s=10),
            camera=CameraConfig(driver="simulated", size=(1640, 1232)),
            spool=SpoolConfig(directory=str(root / "spool"), min_free_mb=10, allow_memory=True),
        )
        light = TimedLight(LightConfig(), self.factory)
        light.told = self._note_light
        button = GpioButton(ButtonConfig(), self.clock, self.factory)
        panel = OledPanel(PanelConfig(), PacedBus())
        devices = Devices(SimulatedCamera(config.camera, self.clock), panel, light, button)
        (root / "run").mkdir()
        self.spool = Spool(root / "spool", self.clock)
        self.booth = BoothService(config, self.spool, self.clock, root / "run", devices)
        step: Any = machine.step

        def timed(booth: Any, event: Event, *given: Any) -> Any:  # the loop's own step, and when it was done
            stepped = step(booth, event, *given)
            if isinstance(event, Pressed):
                self.changed_s, self._hears = time.perf_counter(), True
            return stepped

        vars(service)["step"] = timed
        self.thread = threading.Thread(target=self.booth.run)
        self.thread.start()
        while self.booth._booth.state is not BoothState.READY:
            time.sleep(0.05)

    def _note_light(self) -> None:
        if self._hears:
            self._hears, self.answered_s = False, time.perf_counter()
            self.answered.set()

    def press(self) -> tuple[float, float]:
        """Seconds from the edge to the state's change and to the light's; then release, and reset."""
        zero_ns = self.clock.boottime_ns() + 9_000_000_000
        asked = replace(self.booth._booth, state=self.state, zero_ns=zero_ns, until_ns=zero_ns, busy_hint_until_ns=0)
        self.booth._booth = asked
        time.sleep(SETTLE_S)
        self.answered.clear()
        pin, edge_s = self.factory.pin(17), time.perf_counter()
        pin.drive_low()
        assert self.answered.wait(30)
        pin.drive_high()
        return self.changed_s - edge_s, self.answered_s - edge_s

    def stop(self) -> None:
        self.booth.stop()
        self.thread.join(10)

    # -- works beside the presses: each goes on until it is told to end ----------------------------------------

    def save(self, ended: threading.Event) -> None:
        """Save 12 MP photos, one after the other."""
        camera = SimulatedCamera(CameraConfig(driver="simulated", size=(4056, 3040)), self.clock)
        camera.open()
        frame = camera.capture(self.clock.boottime_ns(), 10.0)
        while not ended.is_set():
            encoded = threading.Event()
            self.booth._saver.save(replace(frame, release=encoded.set))
            encoded.wait(30)
            for photo in (self.spool.directory / "new").glob("*/*.jpg"):
                photo.unlink()

    def retire(self, ended: threading.Event) -> None:
        """Delete sent photos from a full card, a few at a time."""
        precedence.set_background()  # as the service does
        folder = self.spool.directory / SENT / "0001"
        folder.mkdir(exist_ok=True)
        while not ended.is_set():
            for number in range(1, SENT_PHOTOS + 1):
                (folder / f"AB1C-0001-{number:04}_{number}_0123abcd_0123456789abcdef.jpg").touch()
            while not ended.is_set() and sweep(self.spool, 0, 1_000_000_000):
                pass


class Bare:
    """Bare threads: an edge that passes a condition, 1.5 ms and a queue."""

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
            pause.wait(PRESS_DEBOUNCE_NS / 1e9)
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
    """Print the tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--presses", type=int, default=PRESSES, metavar="N")
    parser.add_argument(
        "--switch-ms", type=float, nargs="*", default=[1000 * precedence.SWITCH_INTERVAL_S], metavar="MS"
    )
    given = parser.parse_args()
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, NICE)
    reader = _log_as_a_service_does()
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        bench = Bench(Path(folder))
        try:
            for switch_ms in given.switch_ms:
                sys.setswitchinterval(switch_ms / 1000)
                _row(f"threads take turns after {switch_ms:g} ms", "median", "p99", "bound of p99")
                _tables(bench, given.presses)
                _row("two threads that compute", f"{_rounds_per_s():.0f}/s")
            _log_tables(bench, given.presses, reader)
        finally:
            bench.stop()


def _tables(bench: Bench, presses: int) -> None:
    finder = BoothState.COUNTDOWN
    works = (bench.save, bench.retire)
    _table("at rest", bench, presses)
    _table("the viewfinder", bench, presses, state=finder)
    _table("photos being saved", bench, presses, bench.save)
    _table("retention", bench, presses, bench.retire)
    _table("all of these", bench, presses, *works, state=finder)
    _table("a busy thread", bench, presses, _spin)


def _log_as_a_service_does() -> LogReader:
    """Redirect standard output and error as the services do; the tables still go where they went."""
    global _tables_to
    _tables_to, reader = os.fdopen(os.dup(1), "w"), LogReader()
    os.dup2(reader.theirs, 2)
    reader.goes_on()
    LogPipe()
    logging.basicConfig(level="INFO", stream=sys.stderr)
    return reader


def _log_tables(bench: Bench, presses: int, reader: LogReader) -> None:
    """Tables of presses that log, with and without a reader; without it the log is full before the first press."""
    bench.state = BoothState.READY
    took: dict[str, list[tuple[float, float]]] = {"reads": [], "stands still": []}
    for _ in range(10):
        reader.goes_on()
        took["reads"] += [bench.press() for _ in range(presses // 10)]
        reader.stands_still()
        for number in range(2000):
            logging.getLogger(__name__).info("no room for line %d", number)
        took["stands still"] += [bench.press() for _ in range(presses // 10)]
    reader.goes_on()
    for mood, seconds in took.items():
        states, lights = zip(*seconds, strict=True)
        print(f"  the log's reader {mood}", file=_tables_to)
        _times("    edge to the state's change", states, "5 ms")
        _times("    edge to the first answer", lights, "50 ms")
    medians = [sorted(state_s for state_s, _ in seconds)[len(seconds) // 2] for seconds in took.values()]
    _row("    edge to state, stands still to reads", f"{medians[1] / medians[0]:.2f}")


def _table(
    beside: str,
    bench: Bench,
    presses: int,
    *works: Callable[[threading.Event], None],
    state: BoothState = BoothState.READY,
) -> None:
    bench.state, ended = state, threading.Event()
    threads = [threading.Thread(target=work, args=(ended,), daemon=True) for work in works]
    for thread in threads:
        thread.start()
    for _ in range(20):
        bench.press()
    bare = Bare()
    took = [(*bench.press(), bare.hand_over()) for _ in range(presses)]
    bare.stop()
    ended.set()
    for thread in threads:
        thread.join(60)
    states, lights, bares = zip(*took, strict=True)
    print(f"  {beside}", file=_tables_to)
    _times("    two bare hand-overs", bares, "")
    _times("    edge to the state's change", states, "5 ms")
    _times("    edge to the first answer", lights, "50 ms")


def _times(what: str, took_s: tuple[float, ...], bound: str) -> None:
    ordered = sorted(took_s)
    median, p99 = ordered[len(ordered) // 2], ordered[int(len(ordered) * 0.99)]
    _row(what, f"{1000 * median:.2f} ms", f"{1000 * p99:.2f} ms", bound)


def _row(what: str, *figures: str) -> None:
    print(f"{what:<40}" + "".join(f"{figure:>14}" for figure in figures), file=_tables_to, flush=True)


def _spin(ended: threading.Event) -> None:
    while not ended.is_set():
        sum(range(1000))


def _rounds_per_s(for_s: float = 2.0) -> float:
    """Rounds that two computing Python threads complete per second of CPU time: the cost of switching."""
    ended, rounds = threading.Event(), []

    def compute() -> None:
        done = 0
        while not ended.is_set():
            sum(range(1000))
            done += 1
        rounds.append(done)

    threads = [threading.Thread(target=compute) for _ in range(2)]
    before_s = time.process_time()
    for thread in threads:
        thread.start()
    time.sleep(for_s)
    ended.set()
    for thread in threads:
        thread.join()
    return sum(rounds) / (time.process_time() - before_s)


if __name__ == "__main__":
    main()
