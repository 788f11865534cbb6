"""`piboothup run`: both services as child processes, for a desk or a Pi without the units.

The children die with their parent and are restarted when they fail; SIGTERM, SIGINT and SIGHUP end all within 5 s. A
child that can't start (an invalid config, a second instance) ends the whole command with its own exit status.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import time
from collections.abc import Sequence

from piboothup.process import child_environment, command, stop_signals
from piboothup.records import dataclass

log = logging.getLogger(__name__)

_AT_ONCE_S = 2.0
_START_S = 30.0
"""A service whose first run ends with an error within this time, seconds, could not start; a slow Pi needs many."""
_LONGEST_PAUSE_S = 5.0
_STOP_S = 4.0


@dataclass
class _Child:
    service: str
    command: Sequence[str]
    process: subprocess.Popen[bytes] | None = None
    started_s: float = 0.0
    again_s: float = 0.0
    starts: int = 0

    def start(self, output: int) -> None:
        self.process = subprocess.Popen(  # noqa: S603
            self.command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=child_environment()
        )
        self.started_s, self.starts = time.monotonic(), self.starts + 1
        log.info("started service=%s pid=%d", self.service, self.process.pid)


def run(config_path: str, output: int) -> int:
    """Run both services until a signal; return the exit status. Their log goes to the descriptor `output`."""
    stopping = stop_signals()
    signal.pthread_sigmask(signal.SIG_BLOCK, {*stopping, signal.SIGCHLD})
    if os.getpgrp() != os.getpid() and not _in_foreground():
        os.setpgid(0, 0)
    children = [_Child(service, command("--config", config_path, service)) for service in ("booth", "uploader")]
    status = 0
    while True:
        now_s = time.monotonic()
        for child in children:
            if child.process is None and now_s >= child.again_s:
                child.start(output)
        due = [child.again_s for child in children if child.process is None]
        found = signal.sigtimedwait({*stopping, signal.SIGCHLD}, max(0.0, min(due, default=now_s + 60.0) - now_s))
        if found is not None and found.si_signo in stopping:
            break
        status = _reap(children)
        if status:
            break
    _end(children)
    return status


def _reap(children: list[_Child]) -> int:
    """Record the children that died; return the exit status of a child that could not start, else 0."""
    for child in children:
        code = None if child.process is None else child.process.poll()
        if code is None:
            continue
        child.process = None
        now_s = time.monotonic()
        lived_s = now_s - child.started_s
        if code > 0 and lived_s < _START_S and child.starts == 1:
            return code
        pause_s = min(_LONGEST_PAUSE_S, 0.2 * child.starts) if lived_s < _AT_ONCE_S else 0.0
        child.again_s = now_s + pause_s
        log.warning("died service=%s status=%d again_in_s=%.1f", child.service, code, pause_s)
    return 0


def _end(children: list[_Child]) -> None:
    running = [child.process for child in children if child.process is not None]
    for process in running:
        process.terminate()
    until_s = time.monotonic() + _STOP_S
    for process in running:
        try:
            process.wait(max(0.0, until_s - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _in_foreground() -> bool:
    """Whether this process group is the terminal's: leaving it would lose Ctrl-C."""
    with contextlib.suppress(OSError):
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_CLOEXEC)
        try:
            return os.tcgetpgrp(terminal) == os.getpgrp()
        finally:
            os.close(terminal)
    return False
