"""Scheduling priorities (real-time for the threads that handle a press, background for housekeeping) and heartbeats.

If the kernel refuses a priority, the thread keeps its own: everything works, but later.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading

from piboothup.clock import Clock

SWITCH_INTERVAL_S = 0.0005
"""How long a computing Python thread may keep the others waiting, seconds. With the usual 5 ms a press is handled
after 7 ms beside one (18 at the 99th percentile), with this after 2 (4); and while two of them compute both get some
7 % less done (tests/benchmarks/button.py)."""


class RealTime:
    """Real-time priority for the threads that handle a press, from the first "ready" on.

    Not before: on a single processor it starves the start, above all the import of picamera2 (17.5 s to ready instead
    of 3.1, or not at all before the watchdog ends it). May be called from any thread.
    """

    def __init__(self) -> None:
        self._changing = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._begun = False

    def add(self, *threads: threading.Thread) -> None:
        """Adds threads: they get the priority with the others, or at once if those have it."""
        with self._changing:
            if self._begun:
                set_realtime(*threads)
            else:
                self._threads += threads

    def begin(self) -> None:
        """Raises the priorities: the booth is ready. Later calls do nothing."""
        with self._changing:
            if not self._begun:
                self._begun = True
                set_switch_interval()
                set_realtime(*self._threads)
                self._threads.clear()


def set_switch_interval() -> None:
    """Sets Python's thread switch interval to `SWITCH_INTERVAL_S`."""
    sys.setswitchinterval(SWITCH_INTERVAL_S)


def set_realtime(*threads: threading.Thread) -> None:
    """Gives these threads real-time priority, but not the threads that they start.

    The unit permits it (LimitRTPRIO=). Without it the kernel's fair scheduler lets a waking thread wait for up to
    3 ms at each of a press's hand-overs when all processors are busy, whatever its niceness.
    """
    for thread in threads:
        if thread.native_id is not None and thread.is_alive():
            with contextlib.suppress(OSError):
                os.sched_setscheduler(thread.native_id, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(1))


def set_background() -> None:
    """Gives the calling thread the lowest priority of the booth's threads, but not less than other programs have.

    A thread that waits for a processor while it holds Python's lock keeps a press waiting too.
    """
    thread = threading.get_native_id()
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, thread, max(0, os.getpriority(os.PRIO_PROCESS, thread)))


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
        """Gives a sign of life; for `silent_ns` from now on the thread counts as alive without another one."""
        self._sign = self._clock.boottime_ns(), silent_ns

    def last_ns(self) -> int:
        """Boot-time of the last sign of life; now, while the thread may be silent."""
        (beat_ns, silent_ns), now_ns = self._sign, self._clock.boottime_ns()
        return now_ns if now_ns - beat_ns < silent_ns else beat_ns
