"""Durable file operations of the spool: create, write, sync, rename, append, replace, delete.

Nothing else in the project writes to the card, so the crash tests hook in here. Each function returns only when the
kernel has confirmed it; none swallows an error. Modes are set on the open descriptor, whatever the umask: folders
02770 (both services' group may work in them), files 0640.

After a failed fsync the page cache may claim what the disk never got (Linux marks the pages clean), so the same inode
must not be synced again: `write_new` removes it, and the caller writes a new one from memory or gives up.

FAT, as on the card's boot partition and on most sticks, keeps a file's length and place in its folder, and Linux
writes them with the file and not with the folder: after a rename the file has to be synced under its new name, or it
is empty after a cut, or leads to bytes of others.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import logging
import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

from piboothup.spool import SpoolError
from piboothup.text import read_bytes

log = logging.getLogger(__name__)

DIRECTORY_MODE = 0o2770
FILE_MODE = 0o640
SHARED_FILE_MODE = 0o660
"""Mode of the few files that both services append to."""
_READ_BACK_BYTES = 64 * 1024
"""How many bytes of a file are read back; a start waits for them."""

FULL = (errno.ENOSPC, errno.EDQUOT)
"""Errors of a card without room."""

_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class Locked(SpoolError):
    """Another process holds the lock."""


class DirectoryNotSynced(SpoolError, OSError):
    """The disk did not confirm a folder's names; asking again would prove nothing."""


def make_directories(*paths: Path) -> None:
    """Make these subfolders durably; one that is there keeps its content.

    Those are synced too: their maker may have been killed before its sync. Raises OSError.
    """
    for path in paths:
        try:
            os.mkdir(path)
        except FileExistsError:
            if path.is_symlink() or not path.is_dir():
                raise
        found = path.stat()
        if found.st_uid == os.geteuid() and stat.S_IMODE(found.st_mode) != DIRECTORY_MODE:
            os.chmod(path, DIRECTORY_MODE)
    sync_directory(paths[0].parent)


def make_folder(path: Path) -> None:
    """Make a folder, and those above it, durably and as the umask has it; one that is there stays. Raises OSError."""
    made = [folder for folder in (path, *path.parents) if not folder.exists()]
    path.mkdir(parents=True, exist_ok=True)
    for folder in made:
        sync_directory(folder.parent)


def sync_directory(path: Path) -> None:
    """Make the names in a folder durable. Raises DirectoryNotSynced; another OSError when it can't be opened."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        raise DirectoryNotSynced(error.errno, error.strerror, str(path)) from None
    finally:
        os.close(descriptor)


def write_new(path: Path, content: bytes, mode: int | None = FILE_MODE) -> None:
    """Create `path` with `content` and sync its bytes, not yet its name. Leaves nothing behind on an error.

    `mode`: None on FAT, which refuses most. Raises FileExistsError when the name is taken, any other OSError when the
    disk fails or is full.
    """
    descriptor = os.open(path, _CREATE, 0o644 if mode is None else mode)
    try:
        try:
            if mode is not None:
                os.fchmod(descriptor, mode)
            if content:
                _reserve(descriptor, len(content))
            _write_all(descriptor, content)
            os.fsync(descriptor)
        except BaseException:
            with contextlib.suppress(OSError):
                os.close(descriptor)
            raise
        os.close(descriptor)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(path)
        raise


def sync_file(path: Path) -> None:
    """Sync the bytes of a file that another process wrote; on FAT its length and place too. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def check_kept(path: Path, content: bytes) -> None:
    """Read the beginning of a synced file back from the disk. Raises OSError when it is another.

    A worn-out card may confirm each write and keep none. Its files are whole until the power goes, as the page cache
    has them: what is clean in that can be dropped first. A file system that does not drop it is not checked.
    """
    with path.open("rb") as file:  # buffered: reads on where the system gives less
        with contextlib.suppress(OSError):
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        if file.read(_READ_BACK_BYTES) != content[:_READ_BACK_BYTES]:
            raise OSError(errno.EIO, "it confirms what it does not keep", str(path))


def move(source: Path, target: Path) -> None:
    """Rename a file into another folder and make its new name durable. Raises OSError.

    Until the folder's sync returns a power cut may undo it: callers promise nothing before that. A folder in the
    place of `target` is renamed.
    """
    _rename(source, target)
    sync_directory(target.parent)


def _rename(source: Path, target: Path) -> None:
    try:
        os.rename(source, target)
    except IsADirectoryError:
        _rename_folder(target)
        os.rename(source, target)


def _rename_folder(path: Path) -> None:
    """Rename a folder in the place of a file. Raises OSError."""
    aside = path.with_name(f"{path.name}.folder-{path.lstat().st_ino}")
    os.rename(f"{path}/", aside)  # with the slash nothing but a folder: another process may just have done so
    log.warning("folder renamed path=%s reason=a file belongs there", aside)


def replace(path: Path, content: bytes, mode: int | None = FILE_MODE, owner: tuple[int, int] | None = None) -> None:
    """Replace the content of `path` atomically: a power cut leaves the old or the new content. Raises OSError.

    `mode`: as for `write_new`. `owner`: user and group, for root alone; a cut may leave it root's.
    """
    fresh = path.with_name(f".{path.name}.{threading.get_native_id()}")
    with contextlib.suppress(FileNotFoundError):
        os.unlink(fresh)
    write_new(fresh, content, mode)
    if owner is not None:
        os.chown(fresh, *owner)
    if mode is None:
        _rename(fresh, path)
        sync_file(path)
        sync_directory(path.parent)
    else:
        move(fresh, path)


def update(path: Path, content: bytes, mode: int | None = FILE_MODE) -> None:
    """`replace`, unless `path` has this content already: then nothing is written. Raises OSError."""
    with contextlib.suppress(OSError):
        if read_bytes(path) == content:
            return
    replace(path, content, mode)


def append_line(path: Path, line: str) -> None:
    """Append one line in one write and sync it; two writers can't mix their lines. Raises OSError.

    The line starts with a line break of its own, so that a line torn by a power cut spoils no other.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    content = b"\n" + line.encode() + b"\n"
    try:
        if os.write(descriptor, content) != len(content):
            raise OSError(errno.ENOSPC, "only a part of the line was written", str(path))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove(path: Path) -> None:
    """Delete a file; not yet durable. Raises OSError."""
    os.unlink(path)


@contextlib.contextmanager
def lock(path: Path, *, wait: bool = False) -> Iterator[int]:
    """Hold an exclusive flock on `path` (made if need be, a folder there is renamed); yields its descriptor.

    Raises Locked when it is taken and `wait` is false, OSError.
    """
    flags = os.O_RDONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        descriptor = os.open(path, flags, FILE_MODE)
    except IsADirectoryError:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            _rename_folder(path)
        descriptor = os.open(path, flags, FILE_MODE)
    try:
        found = os.fstat(descriptor)
        if found.st_uid == os.geteuid() and stat.S_IMODE(found.st_mode) != FILE_MODE:
            os.fchmod(descriptor, FILE_MODE)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            raise Locked(f"Another process holds the lock {path}.") from None
        yield descriptor
    finally:
        os.close(descriptor)


def lock_file(directory: Path, service: str) -> Path:
    """The lock of a service on the spool in this directory."""
    return directory / f".{service}.lock"


def is_locked(path: Path) -> bool:
    """Whether another process holds the lock; False too if there is none, or it can't be opened."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return False


def _reserve(descriptor: int, size: int) -> None:
    """Allocate all blocks first, so that a full card says so before a byte is written."""
    try:
        os.posix_fallocate(descriptor, 0, size)
    except OSError as error:
        if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):
            raise


def _write_all(descriptor: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
