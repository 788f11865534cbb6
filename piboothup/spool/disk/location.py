"""The folder that the spool's path led to when a service took its lock, and whether the path still leads there.

A disk may be mounted over the folder, go away, or be another one by now; the path's folder then holds other photos,
other boots and other numbers, and what the service remembers is not about them. The lock that it holds keeps the old
folder's file system in the kernel, so that its device number can be given to no other meanwhile.
"""

from __future__ import annotations

import os
from pathlib import Path

from piboothup.spool.disk import hidden_photos
from piboothup.spool.listing import NEW, PARKED, Listing


class Location:
    """One folder, held by a descriptor."""

    def __init__(self, directory: Path, lock: Path, descriptor: int) -> None:
        """`descriptor` is that of the file `lock` in `directory`. Raises OSError."""
        self._directory, self._lock = directory, lock
        self._folder = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        self._held_folder, self._held_lock = _identity(os.fstat(self._folder)), _identity(os.fstat(descriptor))

    def close(self) -> None:
        """Lets go of the folder."""
        os.close(self._folder)

    def is_another(self) -> bool:
        """Whether the path leads to another folder, to none, or to one that another lock was made in since.

        Raises OSError when that can't be told.
        """
        return self._seen_folder() != self._held_folder or self._seen_lock() not in (None, self._held_lock)

    def has_changed(self) -> bool:
        """The same, and also when there is no lock any more. Raises OSError."""
        return self._seen_folder() != self._held_folder or self._seen_lock() != self._held_lock

    def waiting(self) -> set[str]:
        """The photos that wait in the folder that is held, whatever covers it, and those it notes as hidden."""
        folder = Path(f"/proc/self/fd/{self._folder}")
        listing = Listing(folder)
        return {str(name) for place in (NEW, PARKED) for name in listing.photos(place)} | hidden_photos.read(folder)

    def _seen_folder(self) -> tuple[int, int] | None:
        try:
            return _identity(self._directory.stat())
        except (FileNotFoundError, NotADirectoryError):
            return None

    def _seen_lock(self) -> tuple[int, int] | None:
        try:
            return _identity(self._lock.lstat())
        except (FileNotFoundError, NotADirectoryError):
            return None


def _identity(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino
