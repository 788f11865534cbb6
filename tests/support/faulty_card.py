"""Cards that fail: what the kernel answers for a card that went read-only, or for a sector that can't be read."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from piboothup.spool.listing import NEW
from piboothup.spool.names import PhotoName
from piboothup.spool.store import Spool

_FOR_WRITING = os.O_WRONLY | os.O_RDWR | os.O_TRUNC


@contextlib.contextmanager
def immutable(folder: Path) -> Iterator[None]:
    """The file system itself lets nobody, root neither, make, move or delete a name in `folder` meanwhile."""
    if shutil.which("chattr") is None or subprocess.run(["chattr", "+i", folder], check=False).returncode != 0:
        pytest.skip("SKIPPED: folders that nobody may write need root, chattr and a file system that has it")
    try:
        yield
    finally:
        subprocess.run(["chattr", "-i", folder], check=True)


class ReadOnlyCard:
    """While it is `read_only`, whatever would change something below `directory` is answered with EROFS."""

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
    """A card with one photo that gives a true EIO: from the kernel, for a file that has no readable first byte."""

    bad: PhotoName
    good_reads = 0
    """So often the photo is still found well."""
    bad_reads = 0

    def path(self, name: PhotoName, place: str = NEW) -> Path:
        if name != self.bad or place != NEW:
            return super().path(name, place)
        if self.good_reads > 0:
            self.good_reads -= 1
            return super().path(name, place)
        self.bad_reads += 1
        return Path("/proc/self/mem")
