"""Failing cards: the kernel's errors of a card that went read-only, or of an unreadable sector."""

from __future__ import annotations

import array
import contextlib
import errno
import fcntl
import os
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from piboothup.spool.listing import NEW
from piboothup.spool.names import PhotoName
from piboothup.spool.store import Spool

_LONG_BYTES = struct.calcsize("l")
_GET_FLAGS, _SET_FLAGS = 0x80006601 | _LONG_BYTES << 16, 0x40006602 | _LONG_BYTES << 16
"""Requests of ioctl_iflags(2)."""
_IMMUTABLE = 0x10
_FOR_WRITING = os.O_WRONLY | os.O_RDWR | os.O_TRUNC


@contextlib.contextmanager
def immutable(folder: Path) -> Iterator[None]:
    """Make `folder` immutable: nobody, root neither, can create, move or delete a name in it."""
    try:
        _set_immutable(folder, on=True)
    except OSError as error:
        pytest.skip(f"SKIPPED: a folder that nobody may write needs root and a file system that has it ({error})")
    try:
        yield
    finally:
        _set_immutable(folder, on=False)


def _set_immutable(folder: Path, *, on: bool) -> None:
    """Set or clear the attribute, as `chattr +i` does."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        flags = array.array("i", [0])
        fcntl.ioctl(descriptor, _GET_FLAGS, flags)
        flags[0] = flags[0] | _IMMUTABLE if on else flags[0] & ~_IMMUTABLE
        fcntl.ioctl(descriptor, _SET_FLAGS, flags)
    finally:
        os.close(descriptor)


class ReadOnlyCard:
    """Card that answers changes below `directory` with EROFS while it is `read_only`."""

    def __init__(self, directory: Path, patch: pytest.MonkeyPatch) -> None:
        self.read_only = True
        self.refusals = 0
        self._directory = directory
        for call in ("open", "rename", "unlink", "mkdir"):
            patch.setattr(os, call, self._guarded(call, getattr(os, call)))

    def _guarded(self, call: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def guarded(path: Any, *more: Any, **named: Any) -> Any:
            if call == "open":
                changes = more[0] & _FOR_WRITING or (more[0] & os.O_CREAT and not Path(path).exists())
            else:
                changes = call != "mkdir" or not Path(path).exists()  # one that is there is EEXIST first
            if self.read_only and changes and self._directory in Path(path).parents:
                self.refusals += 1
                raise OSError(errno.EROFS, os.strerror(errno.EROFS))
            return real(path, *more, **named)

        return guarded


class BadSector(Spool):
    """Card with one photo whose read gives a true EIO, from a file that the kernel can't read at its first byte."""

    bad: PhotoName | None = None
    bad_reads = 0

    def path(self, name: PhotoName, place: str = NEW) -> Path:
        if name != self.bad or place != NEW:
            return super().path(name, place)
        self.bad_reads += 1
        return Path("/proc/self/mem")
