"""Which of the booth's threads goes first: whoever answers a press; last goes whoever clears up.

Each function speaks for the thread that calls it. Where the kernel refuses, all stays as it was: later, but the same.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading

SWITCH_S = 0.0005
"""How long a thread of Python that computes may keep the others waiting. With the usual 5 ms a press is heard of
after 7 ms beside one (18 at the 99th percentile), with this after 2 (4); and while two of them compute both get some
7 % less done (tests/benchmarks/button.py)."""


def take_turns() -> None:
    """The threads of this process let each other have Python after `SWITCH_S`."""
    sys.setswitchinterval(SWITCH_S)


def go_first(*, alone: bool = False) -> None:
    """Before every other program, and with the threads that the caller starts from now on, unless `alone`.

    At real-time priority, which the unit permits (LimitRTPRIO=): a kernel that shares fairly lets whoever wakes up
    wait for up to 3 ms at each of a press's hand-overs when all processors are taken, whatever its niceness.
    """
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_RR | (os.SCHED_RESET_ON_FORK if alone else 0), os.sched_param(1))


def go_last() -> None:
    """After every other of the booth's threads, but no later than other programs.

    A thread that is left waiting for a processor while Python is its own keeps whoever answers a press waiting too.
    """
    thread = threading.get_native_id()
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, thread, max(0, os.getpriority(os.PRIO_PROCESS, thread)))
