"""Verified copies on a stick or another disk, of any file system: each is read back from the medium and compared.

A copy gets its name when it is synced and reads back. Copies wait for that together, a few at a time: the disk writes
one while the next is read from the card. A file that is there already, under whichever name, is left alone but for
its time; one with other bytes is replaced only when it is a broken copy of the same photo. Only one export at a time
works on a target. A stick that is pulled ends the export: it does not go on in the folder that the stick was mounted
on.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import itertools
import os
import sys
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from piboothup.records import dataclass
from piboothup.spool import SpoolError, durable
from piboothup.spool.admin.copy_times import set_known_time, set_time
from piboothup.spool.disk.file_system import Storage, is_fat, look
from piboothup.text import open_file, text_to_path

_PART = ".piboothup.part"
_PICTURES = (".jpg", ".jpeg")
_AT_A_TIME_BYTES = 8 * 1024 * 1024
"""Copies that are written before they are confirmed together, bytes; as many are written meanwhile."""
_CHUNK_BYTES = 1024 * 1024
_BROKEN_NAME = (errno.EINVAL, errno.EILSEQ, errno.EPERM, errno.ENAMETOOLONG)
"""Errors of file systems that don't allow a name."""
READ_ONLY = (errno.EROFS, errno.EACCES, errno.EPERM)
"""Errors of a disk that may not be written."""
WRONG = errno.EILSEQ
"""Error of a copy that does not read back as it was written."""
GONE = (
    *(errno.EIO, errno.ENOENT, errno.ENODEV, errno.ENXIO, errno.ESTALE),
    *(errno.ENOTCONN, errno.ECONNABORTED, errno.ESHUTDOWN),
)
"""Errors of calls on a stick that was pulled."""


class ExportError(SpoolError):
    """The copy can't be made or does not match; the text is a sentence with a remedy."""

    def __init__(self, sentence: str, number: int | None = None) -> None:
        """`number`: of the error of the system (errno), if there was one."""
        super().__init__(sentence)
        self.number = number


class ExportTarget:
    """The target of an export; made by `opened`."""

    def __init__(self, path: Path, spool: Path, keep_free_bytes: int, descriptor: int) -> None:
        self.path = path
        self.spool = spool
        self._descriptor = descriptor
        self._keep_free_bytes = keep_free_bytes
        self.is_own_card = os.fstat(descriptor).st_dev == spool.stat().st_dev
        """Whether the copies lie on the disk of the spool, as where the stick is not mounted."""

    def is_in_memory(self) -> bool:
        """Whether the copies are gone at power-off; False too where the system does not say."""
        try:
            return look(self.path) is Storage.MEMORY
        except OSError:
            return False

    def highest_letter(self) -> int:
        """Code point of the highest letter that names there may have.

        A FAT file system that was mounted without Unicode takes few but ASCII's; with iocharset=utf8 all but emoji.
        """
        if self._takes("äЖ🎉"):
            return sys.maxunicode
        return 0xFFFF if self._takes("äЖ") else 0x7F

    def _takes(self, letters: str) -> bool:
        probe = self.path / text_to_path(f"{_PART} {letters}")
        try:
            probe.touch()
            probe.unlink()
        except OSError as error:
            if error.errno in _BROKEN_NAME:
                return False
            raise unwritable(self.path, error) from None
        return True

    def folder(self, name: str, spare: str = "") -> TargetFolder:
        """The folder with this name, or with the spare one if the file system refuses it. Raises ExportError."""
        self._check_it_is_there()
        try:
            return TargetFolder(self, self.path / text_to_path(name))
        except OSError as error:
            if error.errno in _BROKEN_NAME and spare:
                return self.folder(spare)
            raise unwritable(self.path / name, error) from None

    def make_sure_of_room(self, size_bytes: int) -> None:
        """Check that copies leave the room that new photos need. Raises ExportError."""
        if not self.is_own_card:
            return
        room = os.fstatvfs(self._descriptor)
        if room.f_bavail * room.f_frsize - size_bytes < self._keep_free_bytes:
            raise ExportError(
                f"{self.path} lies on the card that photos are saved on, and it would be full: name a folder on a "
                "stick or another disk."
            )

    def _check_it_is_there(self) -> None:
        try:
            there = os.path.samestat(self.path.stat(), os.fstat(self._descriptor))
        except OSError:
            there = False
        if not there:
            raise unwritable(self.path, OSError(errno.ENODEV, "it is gone"))


@contextlib.contextmanager
def opened(path: Path, spool: Path, keep_free_bytes: int) -> Iterator[ExportTarget]:
    """The folder for copies, made if need be and locked for one export. Raises ExportError.

    `keep_free_bytes` must stay free when it lies on the disk of `spool`.
    """
    try:
        inside = path.resolve().is_relative_to(spool.resolve())
    except (OSError, RuntimeError) as error:  # RuntimeError: a link that leads to itself, before Python 3.13
        raise ExportError(f"{path} can't be followed ({error}): name another folder.") from None
    if inside:
        raise ExportError(f"{path} lies in the spool itself: name a folder on a stick or another disk.")
    try:
        durable.make_folder(path)
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise unwritable(path, error) from None
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ExportError(f"Another export to {path} is at work: wait until it is done.") from None
        except OSError:
            pass  # a file system that knows no locks
        yield ExportTarget(path, spool, keep_free_bytes, descriptor)
    finally:
        os.close(descriptor)


@dataclass(frozen=True)
class _Part:
    """A copy that has no name yet."""

    path: Path
    target: Path
    content: bytes


class TargetFolder:
    """One folder of copies."""

    def __init__(self, target: ExportTarget, path: Path) -> None:
        """Make the folder and read what it holds. Raises ExportError, OSError."""
        self._target = target
        self._path = path
        self._sizes: dict[int, list[Path]] = defaultdict(list)
        self._claimed: set[Path] = set()
        self._written: list[_Part] = []
        self._unconfirmed: list[_Part] = []
        """Copies that are being confirmed, in a thread of its own, or could not be."""
        self._thread = ThreadPoolExecutor(1, "confirm")
        self._confirming: Future[None] | None = None
        self._numbers = itertools.count()
        durable.make_folder(path)
        self._is_on_fat = is_fat(path)
        if path.resolve().is_relative_to(target.spool.resolve()):
            raise ExportError(f"{path} lies in the spool itself: name another folder.")
        with os.scandir(path) as listing:
            for entry in listing:
                if entry.name.startswith(_PART) and not entry.is_dir(follow_symlinks=False):
                    Path(entry.path).unlink()  # what a broken-off export left is no copy
                elif entry.is_file(follow_symlinks=False):
                    self._sizes[entry.stat().st_size].append(Path(entry.path))

    @property
    def foreign_files(self) -> int:
        """Number of pictures in the folder that are no copies of the photos put into it."""
        there = {path for paths in self._sizes.values() for path in paths if path.suffix.lower() in _PICTURES}
        return len(there - self._claimed)

    def put(self, content: bytes, *names: str, taken_ms: int | None = None) -> bool:
        """Copy a photo under the first free name; False when it is there already. Raises ExportError.

        It is confirmed by `confirm` at the latest. `taken_ms` (Unix time) becomes the file's time.
        """
        wanted = [self._path / text_to_path(name) for name in names]
        try:
            for path in dict.fromkeys([*wanted, *self._others(wanted, content)]):
                if path not in self._claimed and _holds(path, content):
                    self._claimed.add(path)
                    set_known_time(path, taken_ms)
                    return False
            free = [path for path in wanted if path not in self._claimed and _is_free(path, content)]
            path = free[0] if free else wanted[-1]
            self._target.make_sure_of_room(len(content))
            part = self._path / f"{_PART}{next(self._numbers) or ''}"
            _write(part, content, taken_ms)
            self._written.append(_Part(part, path, content))
        except OSError as error:
            raise unwritable(self._path, error) from None
        self._claimed.add(path)
        if sum(len(part.content) for part in self._written) >= _AT_A_TIME_BYTES:
            self._begin_confirming()
        return True

    def _others(self, wanted: list[Path], content: bytes) -> list[Path]:
        """Pictures of this size under other names; none where a broken copy has the name, and is to be replaced.

        FAT may keep the short name alone of a part whose stick was pulled as it was named: that is no copy.
        """
        if any(os.path.lexists(path) and _is_free(path, content) for path in wanted):
            return []
        return [path for path in self._sizes.get(len(content), ()) if path.suffix.lower() in _PICTURES]

    def confirm(self) -> None:
        """Have what was put so far synced, read it back, and name it. Raises ExportError; what is good is named."""
        self._begin_confirming()
        self._end_confirming()

    def drop(self) -> int:
        """Remove what is not confirmed, as far as the disk lets it; number of these copies. Ends its thread."""
        self._thread.shutdown()
        parts = [*self._unconfirmed, *self._written]
        for part in parts:
            with contextlib.suppress(OSError):
                part.path.unlink()
        return len(parts)

    def _begin_confirming(self) -> None:
        """Have the thread confirm what was written. Raises ExportError of what it did before."""
        self._end_confirming()
        self._unconfirmed += self._written
        self._written = []
        self._confirming = self._thread.submit(self._confirm)

    def _end_confirming(self) -> None:
        confirming, self._confirming = self._confirming, None
        if confirming is not None:
            confirming.result()

    def _confirm(self) -> None:
        synced: list[_Part] = []
        try:
            for part in self._unconfirmed:
                durable.sync_file(part.path)
                synced.append(part)
        except OSError as error:
            raise unwritable(self._path, error) from None
        finally:
            self._name(synced)

    def _name(self, parts: list[_Part]) -> None:
        """Read synced parts back and name them. Raises ExportError."""
        named: list[_Part] = []
        try:
            for part in parts:
                if not _holds(part.path, part.content):
                    break
                part.path.replace(part.target)
                named.append(part)
            if named and self._is_on_fat:  # names first: a pulled stick has no part where a copy lies
                durable.sync_directory(self._path)
                for part in named:
                    durable.sync_file(part.target)
            if named:
                durable.sync_directory(self._path)
        except OSError as error:
            raise unwritable(self._path, error) from None
        self._unconfirmed = self._unconfirmed[len(named) :]
        if wrong := parts[len(named) :]:
            sentence = f"The copy {wrong[0].target} does not read back as it was written: use another stick or disk."
            raise ExportError(sentence, WRONG)


def _holds(path: Path, content: bytes) -> bool:
    """Whether the file has exactly these bytes, read from the medium and not from the page cache."""
    try:
        file = open_file(path)
    except OSError:
        return False
    with file:
        if os.fstat(file.fileno()).st_size != len(content):
            return False
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        chunk, done = bytearray(_CHUNK_BYTES), 0
        while read := file.readinto(chunk):
            if chunk[:read] != content[done : done + read]:
                return False
            done += read
        return done == len(content)


def _is_free(path: Path, content: bytes) -> bool:
    """Whether no file has the name, or only a part of this photo that a pulled stick left."""
    try:
        with open_file(path) as file:
            return os.fstat(file.fileno()).st_size <= len(content) and content.startswith(file.read().rstrip(b"\0"))
    except FileNotFoundError:
        return True
    except OSError:
        return False


def _write(path: Path, content: bytes, taken_ms: int | None) -> None:
    """Write a part and have the disk begin with it."""
    try:
        with path.open("xb") as file:
            file.write(content)
            file.flush()
            if taken_ms is not None:
                set_time(file.fileno(), taken_ms)  # synced with the bytes
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    except BaseException:
        with contextlib.suppress(OSError):
            path.unlink()
        raise


def unwritable(path: Path, error: OSError) -> ExportError:
    """What to tell when a call on the target has failed."""
    remedy = "name a folder that you may write"
    if error.errno in durable.FULL:
        remedy = "free some room there and run it again; it goes on where it stopped"
    elif error.errno in GONE:
        remedy = "put the stick back, or take another one, and run it again; it goes on where it stopped"
    return ExportError(f"{path} can't be written ({error.strerror or error}): {remedy}.", error.errno)
