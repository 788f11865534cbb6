"""The folder at the spool's path when a service took its lock, and whether the path still leads there.

A disk may be mounted over the folder, be removed or be replaced; the path's folder then holds other photos, boots and
numbers, and what the service has in memory does not belong to it. The open lock keeps the old folder's file system in
the kernel, so that its device number is not reused meanwhile.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from piboothup.spool.listing import Listing


class Location:
    """Folder held open by a descriptor."""

    def __init__(self, directory: Path, lock: Path, descriptor: int) -> None:
        """`descriptor` is that of the file `lock` in `directory`. Raises OSError."""
        self._directory, self._lock = directory, lock
        self._folder = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        self._held_folder = _identity(lambda: os.fstat(self._folder))
        self._held_lock = _identity(lambda: os.fstat(descriptor))
        self._is_closed = False

    def close(self) -> None:
        """Close the folder; from now on the path counts as leading to another."""
        self._is_closed = True
        os.close(self._folder)

    def is_another(self) -> bool:
        """Whether the path leads to another folder, to none, or to a folder whose lock file was re-created.

        True as well when the lock is no longer held. Raises OSError when the path can't be read.
        """
        if self._is_closed:
            return True
        lock = _identity(self._lock.lstat)
        return _identity(self._directory.stat) != self._held_folder or lock not in (None, self._held_lock)

    def has_changed(self) -> bool:
        """Whether `is_another`, or the lock is gone. Raises OSError."""
        return self.is_another() or _identity(self._lock.lstat) != self._held_lock

    def names(self, *places: str) -> set[str]:
        """The photos in these folders of the held one."""
        listing = Listing(self.path)
        return {str(name) for place in places for name in listing.photos(place)}

    @property
    def path(self) -> Path:
        """Path of the held folder, whatever covers it."""
        return Path(f"/proc/self/fd/{self._folder}")


def _identity(look: Callable[[], os.stat_result]) -> tuple[int, int] | None:
    """Device and inode of what is there; None when nothing is."""
    try:
        found = look()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found.st_dev, found.st_ino
