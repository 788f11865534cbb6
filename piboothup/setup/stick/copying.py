"""The photos of one event on a stick: root mounts it, the booth's user copies, in a process that gives up all rights.

Of what lies on the stick root makes one folder and gives it to that user, as ext4 knows owners; it reads and writes
nothing else there. What is told as done has been unmounted. The stick is one that nothing else uses: it is claimed
for a moment before it is mounted, which the kernel refuses for a disk in use.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import stat
import threading
from collections.abc import Callable
from pathlib import Path

from piboothup.setup.stick.mounting import Unreadable, mounted
from piboothup.spool.admin import export_target
from piboothup.spool.admin.stick_copy import FOLDER, IS_DONE, CopyState
from piboothup.spool.disk import usb_sticks
from piboothup.spool.durable import FULL, sync_directory

log = logging.getLogger(__name__)

_LOOKS, _LOOK_S = 10, 0.1
_STATES = tuple(CopyState)
_FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def copy(
    name: str,
    point: Path,
    owner: tuple[int, int],
    work: Callable[[Path], CopyState],
    tell: Callable[[CopyState], None],
    devices: Path = Path("/dev"),
) -> CopyState:
    """Mount the stick of this name at `point`, have `work` copy to its folder, unmount it, and `tell` the state.

    `owner`: user and group as whom `work` and `tell` run, each in a process of its own. Raises OSError.
    """
    state = _copy(devices / name, point, owner, work)
    if state not in IS_DONE and _goes(devices / name):  # whatever its file system said then
        state = CopyState.PULLED
    elif state is CopyState.PULLED:
        state = CopyState.BROKEN
    log.warning("stick copied disk=%s state=%s", name, state)

    def told() -> CopyState:
        tell(state)
        return state

    if as_user(owner, told) is not state:
        raise OSError(errno.EIO, "the state can't be told")
    return state


def _copy(device: Path, point: Path, owner: tuple[int, int], work: Callable[[Path], CopyState]) -> CopyState:
    try:
        _claim(device)
        with mounted(device, point, writable=True, owner=owner):
            folder = point / FOLDER
            _make_folder(folder, owner)
            return as_user(owner, lambda: work(folder))
    except OSError as error:
        log.error("stick not used reason=%s", error.strerror or error)
        if isinstance(error, Unreadable):
            return CopyState.UNREADABLE
        if error.errno in FULL:
            return CopyState.FULL
        return CopyState.READ_ONLY if error.errno in export_target.READ_ONLY else CopyState.FAILED


def _claim(device: Path) -> None:
    """Raise OSError (EBUSY) for a disk that is mounted or part of another device."""
    os.close(os.open(device, os.O_RDONLY | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC))


def _make_folder(path: Path, owner: tuple[int, int]) -> None:
    """Make the folder of the copies and give it to this user. Raises OSError."""
    with contextlib.suppress(FileExistsError):
        path.mkdir()
        sync_directory(path.parent)
    descriptor = os.open(path, _FOLDER_FLAGS)
    try:
        found = os.fstat(descriptor)
        if (found.st_uid, found.st_gid) != owner:
            os.fchown(descriptor, *owner)
        if stat.S_IMODE(found.st_mode) & 0o755 != 0o755:
            os.fchmod(descriptor, 0o755)
    finally:
        os.close(descriptor)


def _goes(device: Path) -> bool:
    """Whether the disk is gone, or is within a moment: its errors may come first."""
    looks = iter(range(_LOOKS))
    while is_there := _is_there(device):
        if next(looks, None) is None:
            break
        threading.Event().wait(_LOOK_S)
    return not is_there


def _is_there(device: Path) -> bool:
    """Whether the disk can still be read."""
    try:
        descriptor = os.open(device, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return bool(os.lseek(descriptor, 0, os.SEEK_END))
    except OSError:
        return False
    finally:
        os.close(descriptor)


def as_user(owner: tuple[int, int], work: Callable[[], CopyState]) -> CopyState:
    """Run `work` as this user, without any right of root, in a process of its own. Raises OSError."""
    child = os.fork()
    if not child:
        status = len(_STATES)
        try:
            _become(owner)
            status = _STATES.index(work())
        except BaseException:
            log.exception("copy failed")
        finally:
            os._exit(status)
    _, waited = os.waitpid(child, 0)
    status = os.waitstatus_to_exitcode(waited)
    return _STATES[status] if 0 <= status < len(_STATES) else CopyState.FAILED


def _become(owner: tuple[int, int]) -> None:
    uid, gid = owner
    os.umask(0o022)
    if os.geteuid() == uid:
        return
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)


def is_name(name: object) -> bool:
    """Whether this is the name of a stick that is plugged in."""
    is_one = isinstance(name, str) and usb_sticks.NAME.fullmatch(name) is not None
    return is_one and any(stick.name == name for stick in usb_sticks.plugged_in())
