"""The spool's folders, their layout version and the spool's id: checked before anything is touched, then made.

A spool that can't be used is an error with a sentence and a remedy.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import re
from collections.abc import Callable
from pathlib import Path

from piboothup.problems import Problem, problem
from piboothup.spool import SpoolError, durable
from piboothup.spool.listing import FOLDERS, FOLDERS_OF_2
from piboothup.text import NotAFile, read_bytes

log = logging.getLogger(__name__)

LAYOUT, NEWEST_LAYOUT = 1, 2
"""Layout of a new spool, and the newest that this program knows: a spool with a newer one is left alone."""
_FILE = ".layout"
_CODES = {errno.EROFS: "card_readonly", errno.EIO: "card_readonly", **dict.fromkeys(durable.FULL, "card_full")}
"""What is wrong with the card and not with the config, by what it says."""


class SpoolUnusable(SpoolError):
    """The spool directory can't be used; the text is a sentence with a remedy, `problem` what to show."""

    def __init__(self, text: str, told: Problem | None = None) -> None:
        self.problem = told or problem("spool_unusable")
        super().__init__(text)


def check(directory: Path) -> None:
    """Check that the spool's layout is no newer than this version; writes nothing. Raises SpoolUnusable, OSError.

    A file without a readable version is accepted: a failing card may have damaged it, and photos come first.
    """
    try:
        text = read_bytes(directory / _FILE).decode("ascii", errors="replace")
    except (FileNotFoundError, NotAFile):
        return
    version = re.match(r"v?(\d{1,9})", text)
    if version is not None and int(version[1]) > NEWEST_LAYOUT:
        raise SpoolUnusable(
            f"The spool {directory} was made by a newer piboothup: update this one.",
            problem("spool_newer"),
        )


def prepare(directory: Path) -> None:
    """Check the spool and make its folders; a link to a folder is followed. Raises SpoolUnusable."""
    try:
        for path in (directory, *directory.parents):
            if path.is_symlink() and not path.exists():
                link = "" if path == directory else f" lies in {path}, which"
                raise SpoolUnusable(
                    f"The spool {directory}{link} is a link to {path.readlink()}, which is not there: plug in its "
                    "disk, or name its folder in the config.",
                    problem("spool_missing", str(path.readlink())),
                )
        check(directory)
        missing = [path for path in (directory, *directory.parents) if not path.exists()]
        directory.mkdir(parents=True, exist_ok=True)
        make_folders(directory)
        for path in missing:
            durable.sync_directory(path.parent)
    except PermissionError as error:
        raise SpoolUnusable(
            f"The spool {directory} can't be used ({error.strerror}): another user owns it, or its file "
            "system keeps no owners, as FAT does. Run as its owner; use ext4.",
            problem("spool_unusable", error.strerror or ""),
        ) from None
    except OSError as error:
        reason = error.strerror or error
        raise SpoolUnusable(
            f"The spool {directory} can't be used ({reason}): check it in the config, its owner, the card.",
            problem(_CODES.get(error.errno or 0, "spool_unusable"), str(reason)),
        ) from None


def make_folders(directory: Path, *more: str) -> None:
    """Make the spool's missing folders and `more`, durably; a file in the place of one is renamed. Raises OSError.

    The spool's own folder must be there: where it has gone with its disk, `prepare` alone begins another one.
    """
    folders = [directory / folder for folder in (*FOLDERS, *more)]
    rename_files(directory, folders)
    durable.make_directories(*folders)


def rename_files(directory: Path, folders: list[Path]) -> None:
    """Rename what is a file in the place of a folder. Raises OSError."""
    if not any(_is_file(path) for path in folders):
        return
    with durable.lock(directory / ".folders.lock", wait=True):  # the other service may just have done so
        for path in filter(_is_file, folders):
            aside = path.with_name(f"{path.name}.file-{path.stat().st_ino}")
            durable.move(path, aside)
            log.warning("file renamed path=%s reason=a folder belongs there", aside)


def _is_file(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


def note(directory: Path, log_line: Callable[..., None] = log.log) -> None:
    """Write the version and a random id where there is none. Raises OSError where there is no file at all.

    A file that is there without an id is an old program's or damaged: a card that refuses it takes photos as before.
    `log_line`: as the log takes it; a read-only card is asked once a second.
    """
    if read_id(directory):
        return
    path = directory / _FILE
    is_new = not path.exists()
    try:
        with durable.lock(directory / ".folders.lock", wait=True):  # the other service may just have done so
            if not read_id(directory):
                if is_new:
                    log.info("new spool directory=%s", directory)
                durable.replace(path, f"{_version(directory)} {os.urandom(8).hex()}\n".encode())
                if not is_new:
                    log_line(logging.WARNING, "spool given an id directory=%s", directory)
    except OSError as error:
        if is_new:
            raise
        reason = error.strerror or error
        log_line(logging.WARNING, "spool id not written directory=%s reason=%s", directory, reason)


def _version(directory: Path) -> int:
    """The version that the file says; where it says none, the one that has the folders which are there."""
    with contextlib.suppress(OSError):
        found = re.match(r"v?([1-9])\b", read_bytes(directory / _FILE).decode("ascii", errors="replace"))
        if found is not None:
            return int(found[1])
    return NEWEST_LAYOUT if any((directory / folder).exists() for folder in FOLDERS_OF_2) else LAYOUT


def raise_to_newest(directory: Path) -> None:
    """Write the newest version, for what older programs would not find; the id stays. Raises OSError."""
    path = directory / _FILE
    text = read_bytes(path).decode("ascii", errors="replace") if path.is_file() else ""
    version, _, spool_id = text.partition(" ")
    if version != str(NEWEST_LAYOUT):
        log.warning("spool raised layout=%d", NEWEST_LAYOUT)
        durable.replace(path, f"{NEWEST_LAYOUT} {spool_id.strip() or os.urandom(8).hex()}\n".encode())


def read_id(directory: Path) -> str:
    """The spool's id; empty when it has none."""
    try:
        found = re.fullmatch(r"\d+ ([0-9a-f]{16})\n", read_bytes(directory / _FILE).decode("ascii"))
    except (OSError, ValueError):
        return ""
    return found[1] if found else ""
