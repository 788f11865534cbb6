"""What several commands share: the config, the spool, and how they tell that something can't be done."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from piboothup.clock import Clock
    from piboothup.config import Config
    from piboothup.spool.store import Spool

OK, FAILED, USAGE = 0, 1, 2


class CommandFails(Exception):
    """A command can't do its work; the text is a sentence with a remedy."""


@contextlib.contextmanager
def ends_by_signal() -> Iterator[None]:
    """SIGTERM and SIGHUP (a terminal that is closed) end a command as Ctrl-C does: what it started is ended first.

    Then it dies of the signal, and waits for nobody to read the rest of its output. To be entered in the main thread.
    """
    ended_by: list[int] = []

    def end(number: int, _frame: object) -> None:
        for each in before:
            signal.signal(each, signal.SIG_IGN)  # nothing cuts the clearing-up short
        ended_by.append(number)
        sys.exit(128 + number)

    heard = [each for each in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(each) is not signal.SIG_IGN]
    before = {each: signal.signal(each, end) for each in heard}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
        if ended_by:
            signal.signal(ended_by[0], signal.SIG_DFL)
            os.kill(os.getpid(), ended_by[0])


def load(given: argparse.Namespace) -> tuple[Config, Path]:
    """The config that the command was given, and its file; warnings are told. Raises ConfigError."""
    from piboothup import config

    path = config.find(given.config)
    loaded, warnings = config.load(path)
    for warning in warnings:
        print(f"piboothup: {warning}", file=sys.stderr)
    return loaded, path


def open_spool(loaded: Config) -> tuple[Spool, Clock]:
    """The spool that the config names, and the machine's clock. Touches neither."""
    from piboothup.clock import SystemClock
    from piboothup.spool.store import Spool

    clock = SystemClock()
    return Spool(loaded.spool.path, clock), clock
