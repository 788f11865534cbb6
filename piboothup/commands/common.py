"""Parts shared by several commands: the config, the spool, and the error of a command that can't do its work."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from piboothup.clock import Clock
    from piboothup.config import Config, EffectiveConfig
    from piboothup.problems import Problem
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


def load(given: argparse.Namespace) -> Config:
    """Load the config that the command was given; warnings are told. Raises ConfigError for any mistake in it.

    For commands that move, delete or start something: none of them works on a guess.
    """
    used = _read(given)
    if used.errors:
        raise used.errors[0]
    _tell(used.warnings)
    return used.config


def load_effective(given: argparse.Namespace, *, needs_key: bool = False) -> EffectiveConfig:
    """Load the settings that a booth with this config goes on with; mistakes and warnings are told.

    For commands that only read. Raises ConfigError when a file that somebody named is not there, and with `needs_key`
    when the key may be in what can't be used.
    """
    from piboothup import config

    used, path = _read(given), config.find(given.config)
    is_missing = path != config.DEFAULT_PATH and not os.access(path, os.F_OK)
    if used.errors and (is_missing or (needs_key and used.lacks_key)):
        raise used.errors[0]
    _tell((*used.errors, *used.warnings))
    if used.errors:
        which = "The last good settings" if used.has_last_good else "The settings of a new box"
        _tell([f"{which} are used where the file's can't be, and the photos in {used.config.spool.directory}."])
    return used


def service_config(given: argparse.Namespace) -> EffectiveConfig:
    """Load the settings of a service: on a box the usable ones, at a desk (raises ConfigError) only sound ones."""
    from piboothup.runtime import under_systemd

    used = _read(given)
    if used.errors and not under_systemd():
        raise used.errors[0]
    _tell((*used.errors, *used.warnings))
    return used


def _read(given: argparse.Namespace) -> EffectiveConfig:
    from piboothup import config
    from piboothup.spool.names import box_id, hardware_serial

    return config.load_effective(config.find(given.config), box_id(hardware_serial()))


def _tell(sentences: Iterable[object]) -> None:
    for sentence in sentences:
        print(f"piboothup: {sentence}", file=sys.stderr)


def config_problem(used: EffectiveConfig) -> Problem | None:
    """Problem of the config's file, for status and panel; None when it has none."""
    from piboothup.problems import problem

    if not used.errors:
        return problem("unused_setting") if used.has_unused else None
    first = used.errors[0]
    code = "bad_config" if used.has_last_good else "config_default"
    return problem(code, f"line {first.line}" if first.line else Path(first.path).name)


def open_spool(loaded: Config) -> tuple[Spool, Clock]:
    """The spool that the config names, and the machine's clock. Touches neither."""
    from piboothup.clock import SystemClock
    from piboothup.spool.store import Spool

    clock = SystemClock()
    return Spool(loaded.spool.path, clock), clock
