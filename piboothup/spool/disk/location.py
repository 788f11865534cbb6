"""The folder that the spool's path led to when a service took its lock, and whether the path still leads there.

A disk may be mounted over the folder, go away, or be another one by now; the path's folder then holds other photos,
other boots and other numbers, and what the service remembers is not about them. The lock that it holds keeps the old
folder's file system in the kernel, so that its device number can be given to no other meanwhile.
"""

from __future__ import annotations

import os
from pathlib import Path

from piboothup.spool.listing import NEW, PARKED, Listing
from piboothup.spool.names import PhotoName


class Location:
    """One folder, held by a descriptor."""

    def __init__(self, directory: Path, lock: Path, descriptor: int) -> None:
        """`descriptor` is that of the file `lock` in `directory`. Raises OSError."""
        self._lock = lock
        found = os.fstat(descriptor)
        self._held = found.st_dev, found.st_ino
        self._folder = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)

    def close(self) -> None:
        """Lets go of the folder."""
        os.close(self._folder)

    def is_another(self) -> bool:
        """Whether the path leads to the folder of another lock. Raises OSError when that can't be told."""
        return self._seen() not in (None, self._held)

    def has_changed(self) -> bool:
        """The same, and also when there is no lock any more. Raises OSError."""
        return self._seen() != self._held

    def waiting(self) -> list[PhotoName]:
        """The photos that wait in the folder that is held, whatever covers it."""
        listing = Listing(Path(f"/proc/self/fd/{self._folder}"))
        return [name for place in (NEW, PARKED) for name in listing.photos(place)]

    def _seen(self) -> tuple[int, int] | None:
        try:
            found = self._lock.lstat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        return found.st_dev, found.st_ino
