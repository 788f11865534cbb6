"""`piboothup setup`: root's helper, started by its units; `--help` does not list it."""

from __future__ import annotations

import argparse
import logging
import os
import pwd
import sys
from pathlib import Path
from subprocess import SubprocessError

from piboothup.clock import SystemClock
from piboothup.commands.common import OK, CommandFails
from piboothup.runtime import SYSTEM_DIRECTORY
from piboothup.setup import request_reader
from piboothup.setup.errors import Refused
from piboothup.spool.admin import users

UNITS = Path("/etc/systemd/system")
log = logging.getLogger(__name__)


def serve_requests(_given: argparse.Namespace) -> int:
    """Do what the booth requested."""
    booth = _begin("do what the booth requested")
    try:
        request_reader.serve(SYSTEM_DIRECTORY, booth.pw_uid, SystemClock())
    except OSError as error:
        reason = error.strerror or error
        raise CommandFails(f"{SYSTEM_DIRECTORY} can't be used ({reason}): sudo systemd-tmpfiles --create") from None
    return OK


def open_spool(_given: argparse.Namespace) -> int:
    """Let both services write where the config, and links, lead the photos."""
    from piboothup import config
    from piboothup.setup import spool_folder
    from piboothup.spool.names import box_id, hardware_serial

    booth = _begin("open a folder to the services")
    with users.acting_as(booth.pw_uid, booth.pw_gid):
        used = config.load_effective(config.DEFAULT_PATH, box_id(hardware_serial())).config
        target = spool_folder.real_path(used.spool.path)
    refused, folder = None, None
    try:
        folder = spool_folder.to_open(target)
    except Refused as why:
        refused = why
    try:
        if spool_folder.set_open(folder, UNITS):
            log.warning("units changed open=%s", folder or "nothing more")
            spool_folder.put_in_force()
    except (OSError, SubprocessError) as error:
        raise CommandFails(f"{target} can't be opened to the services: {error}") from None
    if refused:
        remedy = "name a folder in /srv, /mnt, /media or /var/lib in [spool] directory"
        raise CommandFails(f"The services can't save photos in {str(target)!a} ({refused}): {remedy}.")
    return OK


def _begin(work: str) -> pwd.struct_passwd:
    """Begin the log; the booth's user. Raises CommandFails."""
    if os.geteuid() != 0:
        raise CommandFails(f"Only root may {work}: its unit runs this.")
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s", stream=sys.stderr)
    try:
        return pwd.getpwnam(users.BOOTH)
    except KeyError:
        raise CommandFails(f"This computer has no user {users.BOOTH}: sudo systemd-sysusers") from None
