"""Mounting a stick for a moment, in the mount namespace of this process: its unit has one of its own.

Whatever lies on a stranger's disk gives no rights and leads nowhere else: no link on it is followed, no device
opened, no program run. Only the kinds of file system that sticks have are tried, and an error of theirs makes the
disk read-only: ext4 would let the disk itself ask for a panic. A disk that hangs can't be interrupted; the deadline
is the unit's.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

_RDONLY, _NOSUID, _NODEV, _NOEXEC, _NOSYMFOLLOW, _NOATIME, _SILENT = 1, 2, 4, 8, 256, 1024, 32768
_ALWAYS = _NOSUID | _NODEV | _NOEXEC | _NOSYMFOLLOW | _NOATIME | _SILENT
_DETACH, _NOFOLLOW = 2, 8
_ON_ERROR = "errors=remount-ro"
_KINDS = {
    "vfat": (f"utf8,{_ON_ERROR}",) * 2,
    "exfat": (_ON_ERROR,) * 2,
    "ext4": (f"noload,{_ON_ERROR}", _ON_ERROR),  # else its journal is written though it is mounted read-only
}
"""Kinds of file system, in the order in which they are tried, with their options: read-only, and writable."""
_WITHOUT_OWNERS = ("vfat", "exfat")
_ANOTHER_KIND = (errno.EINVAL, errno.ENODEV, errno.EUCLEAN)


class Unreadable(OSError):
    """No file system of a known kind, or a broken one."""


@contextlib.contextmanager
def mounted(
    disk: Path, point: Path, *, writable: bool = False, owner: tuple[int, int] | None = None
) -> Iterator[None]:
    """Mount the disk at this folder while the block runs; what was written then is on the disk at the end.

    `owner`: user and group to whom all on it belongs, where its kind of file system knows no owners.
    Raises Unreadable, or another OSError for a disk that is gone, write-protected or in use.
    """
    _mount(_device(disk), point, writable, owner)
    try:
        yield
    finally:
        _unmount(point)


def _device(disk: Path) -> Path:
    device = disk.resolve(strict=True)
    if not stat.S_ISBLK(device.stat().st_mode):
        raise Unreadable(errno.ENOTBLK, os.strerror(errno.ENOTBLK), str(disk))
    return device


def _mount(device: Path, point: Path, writable: bool, owner: tuple[int, int] | None) -> None:
    flags = _ALWAYS if writable else _ALWAYS | _RDONLY
    for kind, options in _KINDS.items():
        words = (os.fsencode(device), os.fsencode(point), kind.encode())
        owned = f",uid={owner[0]},gid={owner[1]},umask=022" if owner is not None and kind in _WITHOUT_OWNERS else ""
        if _libc().mount(*words, ctypes.c_ulong(flags), f"{options[writable]}{owned}".encode()) == 0:
            return
        if (number := ctypes.get_errno()) not in _ANOTHER_KIND:
            raise OSError(number, os.strerror(number), str(device))
    raise Unreadable(errno.EINVAL, "no file system of a known kind", str(device))


def _unmount(point: Path) -> None:
    """Unmount, later if it is still in use; the last that used it ends with this process."""
    for flags in (_NOFOLLOW, _NOFOLLOW | _DETACH):
        if _libc().umount2(os.fsencode(point), flags) == 0:
            return
    number = ctypes.get_errno()
    raise OSError(number, os.strerror(number), str(point))


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
