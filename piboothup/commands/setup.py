"""`piboothup setup`: root's helper, started by its units; `--help` does not list it."""

from __future__ import annotations

import argparse
import logging
import os
import pwd
import sys

from piboothup.clock import SystemClock
from piboothup.commands.common import OK, CommandFails
from piboothup.runtime import SYSTEM_DIRECTORY
from piboothup.setup import request_reader

BOOTH_USER = "piboothup-booth"


def serve_requests(_given: argparse.Namespace) -> int:
    """Do what the booth requested."""
    if os.geteuid() != 0:
        raise CommandFails("Only root may do what the booth requests: its unit runs this.")
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s", stream=sys.stderr)
    try:
        booth_uid = pwd.getpwnam(BOOTH_USER).pw_uid
        request_reader.serve(SYSTEM_DIRECTORY, booth_uid, SystemClock())
    except KeyError:
        raise CommandFails(f"This computer has no user {BOOTH_USER}: sudo systemd-sysusers") from None
    except OSError as error:
        reason = error.strerror or error
        raise CommandFails(f"{SYSTEM_DIRECTORY} can't be used ({reason}): sudo systemd-tmpfiles --create") from None
    return OK
