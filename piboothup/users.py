"""Users of a box, as the package makes them."""

from __future__ import annotations

import contextlib
import os
import pwd
from collections.abc import Iterator

BOOTH = "piboothup-booth"


@contextlib.contextmanager
def acting_as(uid: int, gid: int) -> Iterator[None]:
    """Act as another user if this one is root: root follows no path that another user may change.

    For a process of one thread.
    """
    if os.geteuid() != 0 or uid == 0:
        yield
        return
    groups, group = os.getgroups(), os.getegid()
    os.setgroups([])
    os.setegid(gid)
    os.seteuid(uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(group)
        os.setgroups(groups)


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
