"""`piboothup demo`, `simulator` and `screens`: the commands that need neither a box nor EventPics."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from piboothup.commands.common import OK, CommandFails, ends_by_signal


def demo(given: argparse.Namespace) -> int:
    """Run the whole appliance on this computer: with keys at a terminal, else as a script."""
    from piboothup.simulator import demo as script
    from piboothup.simulator import desk

    is_terminal = sys.stdin.isatty() and sys.stdout.isatty()
    with ends_by_signal() as ended_by:
        return desk.live(lambda: ended_by) if is_terminal and not given.script else script.scripted()


def simulator(given: argparse.Namespace) -> int:
    """Run a local EventPics."""
    from piboothup.simulator import server

    try:
        server.main(given.port, given.directory, given.faults)
    except (OSError, OverflowError, ValueError) as error:
        raise CommandFails(f"The local EventPics can't start: {error}") from None
    return OK


def screens(given: argparse.Namespace) -> int:
    """Write every screen as a PNG, and a sheet of all."""
    from piboothup.simulator.gallery import write_gallery

    try:
        written = write_gallery(Path(given.directory))
    except OSError as error:
        raise CommandFails(f"{given.directory} can't be written ({error.strerror}): name another folder.") from None
    print(f"{len(written)} pictures in {given.directory}")
    return OK
