"""A photo's file, verified against the hash in its name while it is read."""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Callable
from pathlib import Path

from piboothup.spool import SpoolError
from piboothup.spool.names import PhotoName, digest_of, sha256
from piboothup.text import open_file

_BLOCK_BYTES = 1024 * 1024


def matches_digest(path: Path, name: PhotoName) -> bool:
    """Whether the file's bytes match the hash in the name; False when it is not there. Raises OSError."""
    try:
        with open_file(path) as file:
            return digest_of(file.read()) == name.digest
    except (FileNotFoundError, NotADirectoryError):
        return False


class Damaged(SpoolError, OSError):
    """The file's bytes do not match the hash in its name."""


class VerifyingReader(io.BufferedReader):
    """A photo's file that gives its last bytes only when all, from its start on, match the hash in its name."""

    def __init__(self, file: io.BufferedReader, name: PhotoName) -> None:
        super().__init__(file.detach())
        self.size_bytes = os.fstat(self.fileno()).st_size
        self._name = name
        self._digest = sha256()

    def read(self, size: int | None = -1, /) -> bytes:
        """Read as a file does. Raises Damaged in place of the last bytes."""
        block = super().read(size)
        self._digest.update(block)
        is_end = not block or self.tell() >= self.size_bytes
        if is_end and not self._digest.hexdigest().startswith(self._name.digest):
            raise Damaged(errno.EBADMSG, "not the bytes that were committed", str(self._name))
        return block

    def verify(self, is_stopped: Callable[[], bool]) -> None:
        """Read all of it and go back to its start. Raises OSError, Damaged; InterruptedError when stopped."""
        while self.read(_BLOCK_BYTES):
            if is_stopped():
                raise InterruptedError
        self.seek(0)

    def seek(self, target: int, whence: int = os.SEEK_SET, /) -> int:
        """Seek, and start the digest anew: only a read from the start on can be verified."""
        self._digest = sha256()
        return super().seek(target, whence)
