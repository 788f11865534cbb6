"""What several commands share: the config, the spool, and how they tell that something can't be done."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from piboothup.config import Config
    from piboothup.spool.clock import Clock
    from piboothup.spool.store import Spool

OK, FAILED, USAGE = 0, 1, 2


class CommandFails(Exception):
    """A command can't do its work; the text is a sentence with a remedy."""


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
    from piboothup.spool.clock import SystemClock
    from piboothup.spool.store import Spool

    clock = SystemClock()
    return Spool(Path(loaded.spool.directory), clock), clock
