"""Scheduling priorities (real-time for the threads that handle a press, background for housekeeping) and heartbeats.

If the kernel refuses a priority, the thread keeps its own: everything works, but later.
"""

from __future__ import annotations

import contextlib
import gc
import os
import sys
import threading

from piboothup.clock import Clock

SWITCH_INTERVAL_S = 0.0005
"""How long a computing thread may keep the GIL while others wait, seconds. Beside one computing thread a press is
handled after 7 ms (99th percentile 18) with the usual 5 ms, after 2 ms (4) with this; two computing threads get some
7 % less done (tests/benchmarks/button.py)."""


class RealTime:
    """Real-time priority for the threads that handle a press, from the first "ready" on.

    Earlier, on a single processor, it delays the start, above all the import of picamera2 (17.5 s to ready instead of
    3.1, or not at all before the watchdog ends it). May be called from any thread.
    """

    def __init__(self) -> None:
        self._changing = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._begun = False

    def add(self, *threads: threading.Thread) -> None:
        """Add threads: they get the priority when `begin` is called, or at once after it."""
        with self._changing:
            if self._begun:
                set_realtime(*threads)
            else:
                self._threads += threads

    def begin(self) -> None:
        """Raise the priorities: the booth is ready. Later calls do nothing."""
        with self._changing:
            if not self._begun:
                self._begun = True
                sys.setswitchinterval(SWITCH_INTERVAL_S)
                set_realtime(*self._threads)
                self._threads.clear()


def set_realtime(*threads: threading.Thread) -> None:
    """Give these threads real-time priority, but not the threads that they start.

    The unit permits it (LimitRTPRIO=). Without it the kernel's fair scheduler delays a woken thread by up to 3 ms
    when all processors are busy, whatever its niceness; a press wakes several threads in turn.
    """
    for thread in threads:
        if thread.native_id is not None and thread.is_alive():
            with contextlib.suppress(OSError):
                os.sched_setscheduler(thread.native_id, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(1))


def set_background() -> None:
    """Give the calling thread the lowest priority of the booth's threads, but not a lower one than other programs.

    A thread preempted while it holds the GIL delays a press.
    """
    thread = threading.get_native_id()
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, thread, max(0, os.getpriority(os.PRIO_PROCESS, thread)))


def resume_garbage_collection() -> None:
    """Switch garbage collection, which holds up all threads, on again: `piboothup/__main__.py` has switched it off.

    What is there by then is left out of it: the first search alone took a fifteenth of the processor time to "ready".
    Before the camera is opened again it is taken in (`Picamera2Driver.open`).
    """
    if not gc.isenabled():
        gc.freeze()
        gc.enable()


NEVER_NS = 1 << 62
"""Permitted silence of a thread that has no work, nanoseconds."""
STORAGE_TIMEOUT_NS = 120_000_000_000
"""A thread may wait for the card this long, nanoseconds. A card that hangs for half a minute comes back by itself;
after two minutes a new process may succeed."""


class Heartbeat:
    """Sign of life of a thread, for the watchdog."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.beat()

    def beat(self, silent_ns: int = 0) -> None:
        """Give a sign of life; for `silent_ns` from now on the thread counts as alive without another one."""
        self._sign = self._clock.boottime_ns(), silent_ns

    def last_ns(self) -> int:
        """Boot-time of the last sign of life; now, while the thread may be silent."""
        (beat_ns, silent_ns), now_ns = self._sign, self._clock.boottime_ns()
        return now_ns if now_ns - beat_ns < silent_ns else beat_ns
