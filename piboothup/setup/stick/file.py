"""The file on a stick, taken as the card's is, and the answer beside it.

It is read to the end before anything is done: a stick that is pulled then leaves nothing half done. Its secrets stay
on it, as it may serve many boxes. Where it takes no answer (it is full, read-only or gone) the card has it.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import stat
from collections.abc import Callable, Iterable
from pathlib import Path

from piboothup.root_requests import StickResult
from piboothup.setup import boot_answer, boot_file, boot_import, frame
from piboothup.setup.boot_answer import ANSWER, Imported
from piboothup.setup.boot_file import BootFile
from piboothup.setup.boot_text import names_in
from piboothup.setup.frame import Found, Judge
from piboothup.setup.import_steps import Box
from piboothup.setup.stick.mounting import Unreadable, mounted
from piboothup.spool import durable
from piboothup.text import NotAFile, open_file

log = logging.getLogger(__name__)


def take(
    box: Box,
    disk: Path,
    point: Path,
    situation: Callable[[], Iterable[str]],
    put_in_force: Callable[[str], None],
    judge: Judge,
) -> StickResult:
    """Take what the stick's file says, and the frame beside it, and answer. `point`: an empty folder. Raises OSError.

    `situation`: tells how the box is, for the answer. `put_in_force`: see `boot_import.run`. `judge`: judges a frame.
    """
    try:
        names, content, png = _read(disk, point)
    except OSError as error:
        log.error("stick not read reason=%s", error.strerror or error)
        if isinstance(error, NotAFile):
            return StickResult.NO_PLAIN_FILE
        is_there = isinstance(error, Unreadable) or disk.exists()
        return StickResult.UNREADABLE if is_there else StickResult.GONE
    if names:
        done = boot_import.take_from_stick(box, names, content, put_in_force)
    elif png is not None:
        done = Imported(png.name, BootFile(), is_of_stick=True)
    else:
        return StickResult.NO_FILE
    if png is not None:
        frame.take_from_stick(box, done, png, judge)
    now = tuple(situation())
    has_answer = _answer(box, done, disk, point, now)
    if not has_answer:
        boot_answer.answer(box.boot, box.id, done, now)
    if not done.mistakes:
        return StickResult.TAKEN
    return StickResult.MISTAKES if has_answer else StickResult.MISTAKES_ON_CARD


def _read(disk: Path, point: Path) -> tuple[list[str], bytes, Found | None]:
    """Names of the file, and the content of the first; none when there is none; and the frame. Raises OSError."""
    with mounted(disk, point):
        names, png = names_in(point), frame.find(point)
        if not names:
            return [], b"", png
        if not stat.S_ISREG((point / names[0]).lstat().st_mode):  # opening a device may have effects
            raise NotAFile(errno.EINVAL, "not a file", names[0])
        with open_file(point / names[0]) as opened:
            return names, opened.read(boot_file.LONGEST_BYTES + 1), png


def _answer(box: Box, done: Imported, disk: Path, point: Path, now: tuple[str, ...]) -> bool:
    """Write the answer on the stick, in place of the old one; whether it has it."""
    try:
        with mounted(disk, point, writable=True):
            if boot_answer.answer(point, box.id, done, now):
                return True
            with contextlib.suppress(OSError):  # there may be room then; what was answered before no longer holds
                durable.remove(point / ANSWER)
            return boot_answer.answer(point, box.id, done, now)
    except OSError as error:
        log.error("stick not written reason=%s", error.strerror or error)
        return False
