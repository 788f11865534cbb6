"""Drop-in of the services' units that opens the folder of the photos, where the units themselves leave it shut.

A unit sees the system read-only but for the folders in which disks are mounted. What the config names elsewhere, also
by a link, is opened from its outermost folder on. A folder further in would be a mount of its own in the unit, and
keep a disk that is taken off in use.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path, PurePath

from piboothup.setup.errors import Refused
from piboothup.setup.power import SYSTEMCTL
from piboothup.spool import durable
from piboothup.text import read_bytes

OPEN = tuple(map(PurePath, ("/run", "/var/lib", "/mnt", "/media", "/srv")))
"""Folders that both units open in any case."""
SERVICES = ("piboothup-booth.service", "piboothup-uploader.service")
_SYSTEM = {"bin", "boot", "dev", "etc", "home", "lost+found", "proc", "root", "sbin", "sys", "tmp", "usr", "var"}
"""The outermost folders that stay shut, hidden (/home) or another for each service (/tmp); and each /lib."""
_OF_MANY = {"opt"}
"""The outermost folders in which others' programs lie."""
_TEXT = """\
# Made by piboothup of [spool] directory in the config, and removed with it.
[Service]
ReadWritePaths="-{folder}"
"""
_TIMEOUT_S = 30.0


def to_open(target: PurePath) -> PurePath | None:
    """The folder to open for photos in `target`, in which no link is left; None when it is open already.

    Raises Refused for a folder of the system.
    """
    if any(target.is_relative_to(folder) for folder in OPEN):
        return None
    if not target.is_absolute() or not str(target).isprintable() or set('"%\\') & set(str(target)):
        raise Refused('its path has a line break, %, " or \\ in it')
    names = target.parts[1:]
    depth = 2 if names[:1] and names[0] in _OF_MANY else 1
    if len(names) < depth or names[0] in _SYSTEM or names[0].startswith("lib"):
        raise Refused("it is the system's")
    return PurePath("/", *names[:depth])


def set_open(folder: PurePath | None, units: Path) -> bool:
    """Write or remove the drop-ins below `units`; whether anything has changed. Raises OSError."""
    has_changed = False
    for service in SERVICES:
        drop_in = units / f"{service}.d" / "50-spool.conf"
        wanted = None if folder is None else _TEXT.format(folder=folder).encode()
        if wanted == _content(drop_in):
            continue
        has_changed = True
        if wanted is None:
            durable.remove(drop_in)
            durable.sync_directory(drop_in.parent)
        else:
            drop_in.parent.mkdir(exist_ok=True)
            durable.replace(drop_in, wanted, mode=0o644)
            durable.sync_directory(units)
    return has_changed


def put_in_force() -> None:
    """Start the services that run anew, under the changed units. Raises OSError, SubprocessError."""
    for arguments in (["daemon-reload"], ["--no-block", "try-restart", *SERVICES]):
        subprocess.run(  # noqa: S603  (nothing in it is another user's)
            [SYSTEMCTL, *arguments], stdin=subprocess.DEVNULL, capture_output=True, check=True, timeout=_TIMEOUT_S
        )


def _content(path: Path) -> bytes | None:
    try:
        return read_bytes(path)
    except FileNotFoundError:
        return None


def real_path(directory: Path) -> PurePath:
    """Path without links; what is not there yet stays as it is written."""
    return PurePath(os.path.realpath(directory))
