"""Child processes that end with their parent, however it ended (prctl(2), PR_SET_PDEATHSIG); who is alive.

The parent names itself in the child's environment, and the child asks the kernel for SIGTERM: none of our code has to
run between fork and exec. The kernel sends the signal when the *thread* that started the child ends: start it from
the main thread.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterable

_VARIABLE = "PIBOOTHUP_PARENT"
_PR_SET_PDEATHSIG = 1


def command(*words: str) -> list[str]:
    """Command line of `piboothup WORDS` as a child process.

    With -P: it imports nothing from the folder it stands in, where another user may have left a module.
    """
    return [sys.executable, "-P", "-m", "piboothup", *words]


def child_environment() -> dict[str, str]:
    """Environment for a child process that is to end with this one."""
    return {**os.environ, _VARIABLE: str(os.getpid())}


def end_with_parent() -> None:
    """Have the kernel end this process with the parent that asked for it; do nothing when none did.

    Raises SystemExit when that parent has ended already.
    """
    parent = os.environ.pop(_VARIABLE, "")  # not for the children of this process
    if not parent:
        return
    import ctypes  # noqa: PLC0415  (not needed under systemd)

    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if str(os.getppid()) != parent:
        raise SystemExit(0)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())  # what the parent holds back for itself ends the child


def is_alive(number: int) -> bool:
    """Whether there is a process or thread with this number, whoever's it is.

    Asked of the kernel: /proc shows only one's own where it is mounted with hidepid= (proc(5)).
    """
    if number <= 0:  # stands for groups of processes
        return False
    try:
        os.kill(number, 0)  # sends nothing
    except PermissionError:
        return True
    except (ProcessLookupError, OverflowError):
        return False
    return True


def stop_signals() -> tuple[signal.Signals, ...]:
    """Signals that stop a service: SIGTERM, Ctrl-C, and a closed terminal (SIGHUP) unless nohup(1) ignores it."""
    hangup: Iterable[signal.Signals] = () if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else (signal.SIGHUP,)
    return (signal.SIGTERM, signal.SIGINT, *hangup)
