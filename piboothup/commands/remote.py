"""`piboothup press` and `piboothup screen`: press the button of a running booth, save its panel's picture."""

from __future__ import annotations

import argparse
import threading

from piboothup import status
from piboothup.commands.common import OK, CommandFails, ends_by_signal
from piboothup.runtime import command_directory, send_hint


def press(given: argparse.Namespace) -> int:
    """Press the button, and hold it for `--hold` seconds."""
    directory = command_directory()
    if not given.hold:
        heard = send_hint(directory, "booth", "press")
    else:
        heard = False
        with ends_by_signal():
            try:
                heard = send_hint(directory, "booth", "down")
                threading.Event().wait(given.hold if heard else 0.0)
            finally:  # also after Ctrl-C, however early: a button that is never released is stuck
                heard = send_hint(directory, "booth", "up") and heard
    if not heard:
        raise CommandFails(
            "No booth is running: start it with `piboothup run`, or on a box `systemctl start piboothup-booth`."
        )
    return OK


def screen(given: argparse.Namespace) -> int:
    """Write the panel's current screen as a PNG."""
    from PIL import Image

    directory = command_directory()
    if status.read_booth(directory) is None:
        raise CommandFails("No booth is running, so the panel shows nothing: start it with `piboothup run`.")
    try:
        with Image.open(directory / "panel.pbm") as opened:
            picture = opened.copy()
    except FileNotFoundError:
        raise CommandFails("The panel shows nothing yet, as the booth starts: try again in a few seconds.") from None
    except OSError as error:
        raise CommandFails(f"The panel's picture can't be read ({error.strerror or error}): try again.") from None
    try:
        picture.save(given.file, format="PNG")
    except FileNotFoundError:
        raise CommandFails(f"{given.file} can't be written: its folder does not exist.") from None
    except OSError as error:
        raise CommandFails(f"{given.file} can't be written ({error.strerror or error}): name another.") from None
    return OK
