"""Users of a box, as the package makes them."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import pwd
from collections.abc import Iterator

BOOTH, UPLOADER = "piboothup-booth", "piboothup-uploader"

_LIBC = ctypes.CDLL(None)
_NOBODY = ctypes.c_uint(0xFFFFFFFF)
"""Number of no user or group: asking for it changes nothing, and the answer is who holds now."""


@contextlib.contextmanager
def acting_as(uid: int, gid: int) -> Iterator[None]:
    """Act on files as another user if this one is root: root follows no path that another user may change.

    It holds for this thread alone: one that waits for a disk and is abandoned takes no rights from the others.
    Raises PermissionError.
    """
    if os.geteuid() != 0 or uid == 0:
        yield
        return
    os.setgroups([])  # of the whole process, and for good: root needs none
    set_gid, set_uid = _LIBC.setfsgid, _LIBC.setfsuid
    set_gid.restype = set_uid.restype = ctypes.c_uint
    try:
        for change, number in ((set_gid, gid), (set_uid, uid)):
            change(ctypes.c_uint(number))
            if change(_NOBODY) != number:  # they report no error
                raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))
        yield
    finally:
        set_uid(ctypes.c_uint(0))
        set_gid(ctypes.c_uint(os.getegid()))


@contextlib.contextmanager
def acting_as_booth(otherwise: os.stat_result) -> Iterator[None]:
    """Act as the booth's user; where there is none, as the owner of `otherwise`."""
    try:
        booth = pwd.getpwnam(BOOTH)
    except KeyError:
        uid, gid = otherwise.st_uid, otherwise.st_gid
    else:
        uid, gid = booth.pw_uid, booth.pw_gid
    with acting_as(uid, gid):
        yield
