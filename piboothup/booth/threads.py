"""Scheduling: real-time for the threads that answer a press, background for those that clear up.

Where the kernel refuses, all stays as it was: later, but the same.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading

from piboothup.clock import Clock

SWITCH_INTERVAL_S = 0.0005
"""How long a thread of Python that computes may keep the others waiting. With the usual 5 ms a press is heard of
after 7 ms beside one (18 at the 99th percentile), with this after 2 (4); and while two of them compute both get some
7 % less done (tests/benchmarks/button.py)."""


class RealTime:
    """Real-time priority for the threads that a press passes through, from the first "ready" on.

    Not before: on one processor it starves what gets the booth ready, above all the import of picamera2 (17.5 s to
    ready instead of 3.1, or none at all before the watchdog ends it). May be called from any thread.
    """

    def __init__(self) -> None:
        self._changing = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._begun = False

    def add(self, *threads: threading.Thread) -> None:
        """These too: at the beginning, or now if it has begun."""
        with self._changing:
            if self._begun:
                set_realtime(*threads)
            else:
                self._threads += threads

    def begin(self) -> None:
        """The booth is ready. Has an effect once."""
        with self._changing:
            if not self._begun:
                self._begun = True
                set_switch_interval()
                set_realtime(*self._threads)
                self._threads.clear()


def set_switch_interval() -> None:
    """The threads of this process let each other have Python after `SWITCH_S`."""
    sys.setswitchinterval(SWITCH_INTERVAL_S)


def set_realtime(*threads: threading.Thread) -> None:
    """Puts these threads before every other program, but not those that they start.

    At real-time priority, which the unit permits (LimitRTPRIO=): a kernel that shares fairly lets whoever wakes up
    wait for up to 3 ms at each of a press's hand-overs when all processors are taken, whatever its niceness.
    """
    for thread in threads:
        if thread.native_id is not None and thread.is_alive():
            with contextlib.suppress(OSError):
                os.sched_setscheduler(thread.native_id, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(1))


def set_background() -> None:
    """Puts the calling thread after every other of the booth's, but no later than other programs.

    A thread that is left waiting for a processor while Python is its own keeps whoever answers a press waiting too.
    """
    thread = threading.get_native_id()
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, thread, max(0, os.getpriority(os.PRIO_PROCESS, thread)))


NEVER_NS = 1 << 62
"""While there is no work."""
STORAGE_TIMEOUT_NS = 120_000_000_000
"""A card that hangs for half a minute comes back by itself, and the panel asks for patience; after two minutes a new
process may fare better."""


class Heartbeat:
    """Of one thread."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.beat()

    def beat(self, silent_ns: int = 0) -> None:
        """A sign of life; the thread counts as alive for so long from now on, whatever it waits for."""
        self._sign = self._clock.boottime_ns(), silent_ns

    def last_ns(self) -> int:
        """Boot-time of the last sign of life: now, while it may be silent."""
        (beat_ns, silent_ns), now_ns = self._sign, self._clock.boottime_ns()
        return now_ns if now_ns - beat_ns < silent_ns else beat_ns
