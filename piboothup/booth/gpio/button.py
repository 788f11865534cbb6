"""The button: debouncing, and the time of each press and release.

A press is reported within 2 ms of its edge, with the time of that edge. A contact that bounces for 20 ms gives a
single press; a spike of less than 1 ms on a long wire gives none. A pin that can't be opened, or fails, is reopened
every 5 s.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import Any

from piboothup.booth.gpio import pins
from piboothup.booth.threads import NEVER_NS, Heartbeat
from piboothup.clock import Clock
from piboothup.config import ButtonConfig
from piboothup.problems import Problem

PRESS_DEBOUNCE_NS = 1_500_000
"""Debounce time of a press, nanoseconds: longer than a spike, too short to be felt."""
RELEASE_DEBOUNCE_NS = 25_000_000
"""Debounce time of a release, nanoseconds: longer than any gap in 20 ms of bounce."""
RECHECK_S = 1.0
"""How often the pin is read without an edge, seconds, in case the kernel dropped one."""
MAX_EDGE_AGE_NS = 1_000_000_000
"""A reported edge time older than this is not believed, nanoseconds."""

Edge = tuple[bool, int]
"""Whether the button went down, and the boot-time in nanoseconds."""


class Debounce:
    """Debouncing: distinguishes presses and releases from bounce and spikes. Pure."""

    def __init__(self, down: bool) -> None:
        self.down = down
        self._level = down
        self._since_ns = 0

    def level(self, down: bool, at_ns: int) -> None:
        """Take note of the pin's level at `at_ns`."""
        if down != self._level:
            self._level = down
            self._since_ns = at_ns

    def due_ns(self) -> int | None:
        """When `poll` may report something, if no edge comes before; None = not before an edge."""
        if self._level == self.down:
            return None
        return self._since_ns + (PRESS_DEBOUNCE_NS if self._level else RELEASE_DEBOUNCE_NS)

    def poll(self, now_ns: int) -> Edge | None:
        """The press or release that is certain by now, reported once, with the time of its edge."""
        due_ns = self.due_ns()
        if due_ns is None or now_ns < due_ns:
            return None
        self.down = self._level
        return self.down, self._since_ns


def edge_ns(ticks_s: float, now_ns: int) -> int:
    """Boot-time of an edge for which gpiozero gives `ticks_s`, nanoseconds.

    With lgpio these are the kernel's own seconds (CLOCK_MONOTONIC since Linux 5.7, which on a Pi is CLOCK_BOOTTIME);
    with other pin factories or older kernels `now_ns` is the best guess.
    """
    at_ns = int(ticks_s * 1e9)
    return at_ns if now_ns - MAX_EDGE_AGE_NS <= at_ns <= now_ns else now_ns


class GpioButton:
    """A button between the table's pin and ground. `pin_factory`: gpiozero's, for tests."""

    def __init__(self, table: ButtonConfig, clock: Clock, pin_factory: Any = None) -> None:
        make = pins.maker("InputDevice", pull_up=True)
        self._line = pins.PinDevice("button", "button_missing", table.pin, make, pin_factory)
        self._clock = clock
        self._changed = threading.Condition()
        self._edges: list[Edge] = []
        self._ended = threading.Event()
        self._debounce = Debounce(down=False)
        self._thread: threading.Thread | None = None
        self.heartbeat = Heartbeat(clock)
        self.heartbeat.beat(NEVER_NS)  # it is started after the camera

    @property
    def problem(self) -> Problem | None:
        """Why the button can't be read; None while it works, and until the first attempt to open it has failed."""
        return self._line.problem

    def start(
        self, pressed: Callable[[int], None], released: Callable[[int], None], opened: Callable[[bool], None]
    ) -> None:
        """Start the thread, which opens the pin, with retries; returns at once. Callbacks, on that thread, do too.

        `pressed` and `released` get the boot-time of their edge, nanoseconds. `opened`, called first each time the
        pin was opened, gets whether the button is down already: of that press only the release is reported.
        """
        work = (partial(self._report_edges, pressed, released, opened), self._ended)
        self._thread = threading.Thread(target=self._line.keep_running, args=work, name="button", daemon=True)
        self._thread.start()

    def threads(self) -> list[threading.Thread]:
        """This button's thread, and lgpio's callback thread."""
        return [*([self._thread] if self._thread is not None else []), *pins.notify_threads()]

    def is_down(self) -> bool:
        """Whether the contact is closed now, not debounced."""
        return bool(self._line.device.is_active)

    def stop(self) -> None:
        """End the thread and release the pin."""
        self._ended.set()
        with self._changed:
            self._changed.notify()
        if self._thread is not None:
            self._thread.join(timeout=2 * RECHECK_S)

    def _report_edges(
        self, pressed: Callable[[int], None], released: Callable[[int], None], opened: Callable[[bool], None]
    ) -> None:
        """Open the pin and report presses and releases until stopped."""
        was_down = self._debounce.down
        try:
            is_down = self._open()
            opened(was_down or is_down)
            if was_down and not is_down:  # it came up while nobody listened
                released(self._clock.boottime_ns())
            while (certain := self._wait()) is not None:
                for down, at_ns in certain:
                    (pressed if down else released)(at_ns)
                self._line.mark_working()  # not when opened: a pin that can be opened but not read is still missing
        finally:
            self.heartbeat.beat(NEVER_NS)

    def _open(self) -> bool:
        """Open the pin; return whether it is down already. Raises whatever gpiozero and lgpio raise."""
        self._line.open()
        is_down = self.is_down()
        with self._changed:
            self._edges = []
        self._debounce = Debounce(is_down)
        self._line.device.pin.edges = "both"
        self._line.device.pin.when_changed = self._on_edge
        return is_down

    def _on_edge(self, ticks_s: float, state: int) -> None:
        edge = (not state, edge_ns(ticks_s, self._clock.boottime_ns()))
        with self._changed:
            self._edges.append(edge)
            self._changed.notify()

    def _wait(self) -> list[Edge] | None:
        """Presses and releases that are certain after the next edge or pause; None when stopping."""
        with self._changed:
            if not self._edges and not self._ended.is_set():
                self._changed.wait(self._pause_s())
            edges, self._edges = self._edges, []
            if self._ended.is_set():
                return None
        certain = []
        for down, at_ns in edges:
            certain.append(self._debounce.poll(at_ns))
            self._debounce.level(down, at_ns)
        now_ns = self._clock.boottime_ns()
        self.heartbeat.beat()
        if not edges:
            self._debounce.level(self.is_down(), now_ns)
        certain.append(self._debounce.poll(now_ns))
        return [edge for edge in certain if edge is not None]

    def _pause_s(self) -> float:
        due_ns = self._debounce.due_ns()
        return RECHECK_S if due_ns is None else max(0, due_ns - self._clock.boottime_ns()) / 1e9
