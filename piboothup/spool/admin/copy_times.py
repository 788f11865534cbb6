"""File times of copies: that of the photo, where the file system can keep it."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from piboothup.text import open_file

_TIME_GRAIN_S = 2
"""Resolution of FAT's file times, seconds."""
_NO_TIMES = (
    *(errno.EPERM, errno.EACCES, errno.EROFS),
    *(errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS, errno.EOVERFLOW),
)
"""Errors of file systems that can't keep this time, or let only the file's owner set it."""


def set_time(descriptor: int, taken_ms: int) -> None:
    """Set the file's time to the photo's, where the file system can keep it; else it stays that of the copy."""
    try:
        os.utime(descriptor, ns=(taken_ms * 1_000_000, taken_ms * 1_000_000))
    except OSError as error:
        if error.errno not in _NO_TIMES:
            raise


def set_known_time(path: Path, taken_ms: int | None) -> None:
    """Set the time of a copy that was made before the photo's time was known."""
    with open_file(path) as file:
        seconds = os.fstat(file.fileno()).st_mtime
        if taken_ms is not None and abs(seconds - taken_ms / 1000) >= _TIME_GRAIN_S:
            set_time(file.fileno(), taken_ms)
