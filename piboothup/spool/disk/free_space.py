"""Free space of the card, and the problem to report when it takes no more photos.

After a failed write the card is checked by writing: a card that the kernel made read-only after an error still
reports itself as writable. Nothing is deleted here but the small file of that check.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path

from piboothup.problems import Problem, problem
from piboothup.spool import durable
from piboothup.spool.disk.file_system import Storage, look, mount_id, worst
from piboothup.spool.listing import CONTEXTS, FOLDERS, FOLDERS_OF_2, NEW, PLACES, PROBE, TMP

log = logging.getLogger(__name__)

_PHOTOS = 3
"""The card is full when it has no room for this many more photos."""
_INODES = 16
"""The card is full when it has no room for this many more files, however small."""
_TYPICAL_PHOTO_BYTES = 6 * 1024 * 1024


class FreeSpace:
    """Free space, mounts and write errors of the card that the spool in `directory` lies on."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._largest_bytes = _TYPICAL_PHOTO_BYTES
        self._suspect = False
        self._folders: tuple[tuple[int, int] | None, ...] = ()
        """Device and inode of the spool and of each of its folders at the last check of the storage."""
        self._unseen: tuple[tuple[int, int] | None, ...] = ()
        """Their values at the last check that failed: the failure is logged again only after a change."""
        self.unsound: Problem | None = None
        """Storage in which photos would be lost at power-off, or folders on several mounts; None = neither."""
        self.warning: Problem | None = None
        """Storage of an unknown kind; None = it is known."""
        self.has_test_made_room = False
        """Whether sent photos were deleted for a test photo since something was saved."""
        self._one_at_a_time = threading.Lock()

    def record_size(self, size_bytes: int) -> None:
        """Note the size of a saved photo."""
        self._largest_bytes = max(self._largest_bytes, size_bytes)

    def why_not(self, error: OSError) -> Problem:
        """Problem to report for this error of saving a photo."""
        if error.errno in durable.FULL:
            with contextlib.suppress(OSError):  # gone meanwhile
                if _is_crowded(os.statvfs(self._directory)):
                    return problem("card_crowded")
            return problem("card_full")
        self._suspect = True
        if error.errno == errno.EROFS:
            return problem("card_readonly")
        return problem("not_saved", error.strerror or "")

    def recheck_storage(self, *, allowed: bool) -> None:
        """Re-check the storage if the folders' device or inode changed.

        All must be on one mount, and none in memory unless `allowed`.
        """
        folders = tuple(_identity(path) for path in _folders(self._directory))
        if folders == self._folders:
            self._unseen = ()
            return
        try:
            found = storage(self._directory)
            mounts = {mount_id(self._directory / place) for place in PLACES if (self._directory / place).is_dir()}
        except OSError as error:  # gone meanwhile, or a disk that answers nothing
            if folders != self._unseen:
                log.warning("storage not looked at reason=%s", error.strerror or error)
            self._unseen = folders
            return
        self._folders, self._unseen = folders, ()
        log.info("storage kind=%s directory=%s", found, self._directory)
        self.unsound = self.warning = None
        if found is Storage.MEMORY and not allowed:
            self.unsound = problem("spool_memory")
        elif len(mounts) > 1:
            self.unsound = problem("spool_split")
        if found is Storage.UNKNOWN and not allowed:
            self.warning = problem("storage_unknown")

    def problem(self, may_make_room: Callable[[], bool]) -> Problem | None:
        """Problem that stops photos from being saved; None when there is none.

        `may_make_room` says whether something may be deleted for them. Writes a small file after a failed write.
        """
        try:
            room = os.statvfs(self._directory)
            if self.unsound is not None:
                return self.unsound
            if room.f_flag & os.ST_RDONLY:
                return problem("card_readonly")
            self._enter_folders()
            if self._suspect:
                self._try_a_write()
        except (FileNotFoundError, NotADirectoryError):
            return problem("spool_unusable", "its folder is gone")
        except OSError as error:
            code = {errno.EACCES: "unsaved_card", **dict.fromkeys(durable.FULL, "card_full")}.get(
                error.errno or 0, "card_readonly"
            )
            return problem(code, error.strerror or "")
        full = room.f_bavail * room.f_frsize < _PHOTOS * self._largest_bytes
        crowded = _is_crowded(room)
        if (full or crowded) and not may_make_room():
            return problem("card_full" if full else "card_crowded")
        return None

    def _enter_folders(self) -> None:
        """Raise PermissionError if this process may not enter a folder; a missing one is made with the next photo."""
        for folder in (self._directory, *(self._directory / place for place in (TMP, NEW, CONTEXTS))):
            if not os.access(folder, os.X_OK, effective_ids=True) and folder.is_dir():
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    def _try_a_write(self) -> None:
        probe = self._directory / TMP / PROBE
        with self._one_at_a_time:
            self._suspect = True
            with contextlib.suppress(FileNotFoundError):
                durable.remove(probe)
            durable.write_new(probe, b"?" * 4096)
            durable.remove(probe)
            self._suspect = False


def storage(directory: Path) -> Storage:
    """Least safe storage of the spool in `directory` and its folders. Raises OSError when it is gone."""
    folders = [directory, *(path for path in _folders(directory) if path.is_dir())]
    of_each_mount = {mount_id(path): path for path in folders}
    return worst([look(path) for path in of_each_mount.values()])


def _folders(directory: Path) -> list[Path]:
    return [directory, *(directory / folder for folder in (*FOLDERS, *FOLDERS_OF_2))]


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _is_crowded(room: os.statvfs_result) -> bool:
    """Whether the card has no room for more files, however small; some file systems count none."""
    return room.f_files > 0 and room.f_favail < _INODES
