"""Whether the card takes more photos, and what to tell people when it does not.

A card that failed a write is not asked but tried from then on: one that went read-only in an emergency still shows
itself as writable. Here nothing is deleted but the small file of such a try.
"""

from __future__ import annotations

import contextlib
import errno
import os
import threading
from collections.abc import Callable
from pathlib import Path

from piboothup.problems import Problem, problem
from piboothup.spool import durable
from piboothup.spool.listing import TMP

_PHOTOS = 3
"""The card is full when so many more would not fit."""
_INODES = 16
_TYPICAL_PHOTO_BYTES = 6 * 1024 * 1024


class Room:
    """What is known of the card that the spool in `directory` lies on."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._largest_bytes = _TYPICAL_PHOTO_BYTES
        self._suspect = False
        self._one_at_a_time = threading.Lock()

    def took(self, size_bytes: int) -> None:
        """A photo of this size was saved."""
        self._largest_bytes = max(self._largest_bytes, size_bytes)

    def why_not(self, error: OSError) -> Problem:
        """A photo could not be saved: what to tell."""
        if error.errno in durable.FULL:
            with contextlib.suppress(OSError):  # gone meanwhile
                if _is_crowded(os.statvfs(self._directory)):
                    return problem("card_crowded")
            return problem("card_full")
        self._suspect = True
        if error.errno == errno.EROFS:
            return problem("card_readonly")
        return problem("not_saved", error.strerror or "")

    def problem(self, may_make_room: Callable[[], bool], *, write: bool = False) -> Problem | None:
        """What stops photos from being saved, if anything. `may_make_room`: whether something may be deleted for
        them. Writes a small file after a failed write, or if it is to `write`.
        """
        try:
            room = os.statvfs(self._directory)
            if room.f_flag & os.ST_RDONLY:
                return problem("card_readonly")
            if write or self._suspect:
                self._try_a_write()
        except FileNotFoundError:
            return problem("spool_unusable", "its folder is gone")
        except OSError as error:
            code = "card_readonly" if error.errno not in durable.FULL else "card_full"
            return problem(code, error.strerror or "")
        full = room.f_bavail * room.f_frsize < _PHOTOS * self._largest_bytes
        crowded = _is_crowded(room)
        if (full or crowded) and not may_make_room():
            return problem("card_full" if full else "card_crowded")
        return None

    def _try_a_write(self) -> None:
        probe = self._directory / TMP / ".probe"
        with self._one_at_a_time:
            self._suspect = True
            with contextlib.suppress(FileNotFoundError):
                durable.remove(probe)
            durable.write_new(probe, b"?" * 4096)
            durable.remove(probe)
            self._suspect = False


def _is_crowded(room: os.statvfs_result) -> bool:
    """Whether the card has no room for more files, however small; some file systems count none."""
    return room.f_files > 0 and room.f_favail < _INODES
