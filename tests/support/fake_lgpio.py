"""Fake lgpio where it is not installed: it makes its pipe at import as lgpio 0.2.2 does, and finds no chip.

The folder is $LG_WD or the working directory at the first attempt of the process, which C code then changes to and
remembers; the pipe is made there, but opened by its bare name.
"""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

SET_PULL_NONE = SET_PULL_UP = SET_PULL_DOWN = BOTH_EDGES = RISING_EDGE = FALLING_EDGE = 0


class error(Exception):
    """Exception that lgpio raises."""


def gpiochip_open(_chip: int) -> int:
    raise error("can not open gpiochip")


def _notify_open() -> None:
    if not hasattr(sys, "_lg_directory"):
        sys._lg_directory = os.environ.get("LG_WD") or str(Path.cwd())  # type: ignore[attr-defined]
        os.chdir(sys._lg_directory)  # type: ignore[attr-defined]
    pipe = Path(sys._lg_directory, ".lgd-nfy0")  # type: ignore[attr-defined]
    pipe.unlink(missing_ok=True)
    os.mkfifo(pipe)
    os.open(pipe, os.O_RDWR | os.O_NONBLOCK)


class _callback_thread(threading.Thread):
    def __init__(self) -> None:
        super().__init__(daemon=True)
        _notify_open()
        self._file = open(".lgd-nfy0", "rb")  # noqa: SIM115
        self.start()

    def run(self) -> None:
        self._file.read(16)


_notify_thread = _callback_thread()
