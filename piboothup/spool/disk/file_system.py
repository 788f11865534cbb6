"""What kind of storage a folder lies on: a disk, memory (gone at power-off), or a layer that can't be looked at.

Read from the kernel's own list of this process's mounts (proc_pid_mountinfo(5)), by the id of the mount that the
folder really is on: links, bind mounts and mounts over mounts need no rule of their own. statfs(2) would name an
overlay, but not what it writes to. /proc/self is there under every ProtectSystem=, ProtectProc= and ProcSubset= of
systemd. `kind` is pure; `look` reads what it needs.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

_IN_MEMORY = ("tmpfs", "ramfs", "devtmpfs", "rootfs", "hugetlbfs")
_LAYERED = ("aufs", "unionfs", "fuse.unionfs", "fuse.fuse-overlayfs", "fuse-overlayfs")
"""File systems of layers that do not tell where they write to."""
_RAM_DISK = re.compile(r"/dev/z?ram\d+")
_VOLATILE = {"volatile", "fsync=volatile"}
"""An overlay that omits every sync, in the words of older kernels and of newer ones."""
_OCTAL = re.compile(rb"\\([0-7]{3})")


class Storage(StrEnum):
    """Where bytes are that were synced; the worst first."""

    MEMORY = "memory"
    """Gone at power-off, or when power is cut."""
    UNKNOWN = "unknown"
    """An overlay whose upper layer can't be seen from here, as in a container."""
    DISK = "disk"


@dataclass(frozen=True)
class Mount:
    """A line of mountinfo."""

    id: int
    point: Path
    file_system: str
    source: str
    options: tuple[str, ...]
    """The file system's own."""


def look(directory: Path) -> Storage:
    """The storage that `directory` lies on; a link is followed. Raises OSError when the folder can't be reached."""
    number = mount_id(directory)
    try:
        mountinfo = Path("/proc/self/mountinfo").read_bytes()
    except FileNotFoundError:  # no /proc here
        return Storage.UNKNOWN
    return kind(mountinfo, number, lambda upper, mount: _is_upper(directory, upper, mount))


def mount_id(directory: Path) -> int:
    """The number of the mount that `directory` lies on; -1 without /proc. Raises OSError."""
    descriptor = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        about = Path(f"/proc/self/fdinfo/{descriptor}").read_bytes()
    except FileNotFoundError:
        return -1
    finally:
        os.close(descriptor)
    found = re.search(rb"^mnt_id:\s*(\d+)", about, re.MULTILINE)
    return int(found[1]) if found else -1


def kind(mountinfo: bytes, mount_id: int, is_upper: Callable[[Path, Mount], bool]) -> Storage:
    """The storage of the mount `mount_id`. `is_upper`: whether an overlay's upper layer is that folder on that mount,
    and not one of the same name out of sight.
    """
    mounts = [_mount(line) for line in mountinfo.splitlines() if b" - " in line]
    mount = next((one for one in mounts if one.id == mount_id), None)
    seen: set[int] = set()
    while mount is not None and mount.id not in seen:
        seen.add(mount.id)
        if mount.file_system in _IN_MEMORY or _RAM_DISK.fullmatch(mount.source) or _VOLATILE & set(mount.options):
            return Storage.MEMORY
        if mount.file_system != "overlay":
            return Storage.UNKNOWN if mount.file_system in _LAYERED else Storage.DISK
        upper = next((_unescaped(one) for one in mount.options if one.startswith("upperdir=")), None)
        if upper is None:
            return Storage.DISK  # nothing can be written to it at all
        mount = _mount_of(upper, mounts)
        if mount is None or not is_upper(upper, mount):
            return Storage.UNKNOWN
    return Storage.UNKNOWN


def _mount(line: bytes) -> Mount:
    """Of `36 35 98:0 /root /point rw,noatime master:1 - ext3 /dev/root rw,errors=continue`."""
    ours, _, theirs = line.partition(b" - ")
    before, after = ours.split(b" "), theirs.split(b" ")
    options = after[2].split(b",") if len(after) > 2 else []
    return Mount(
        int(before[0]),
        Path(_text(before[4])),
        _text(after[0]),
        _text(after[1]) if len(after) > 1 else "",
        tuple(_text(one) for one in options),
    )


def _text(field: bytes) -> str:
    """The kernel writes blanks, commas in values and the like as octal numbers."""
    return os.fsdecode(_OCTAL.sub(lambda found: bytes([int(found[1], 8) & 0xFF]), field))


def _unescaped(option: str) -> Path:
    """The folder in `upperdir=FOLDER`, where who mounted it wrote a backslash before each comma."""
    return Path(re.sub(r"\\(.)", r"\1", option.removeprefix("upperdir=")))


def _mount_of(path: Path, mounts: list[Mount]) -> Mount | None:
    """The mount that the path lies on: of the nearest mount point, what was mounted there last."""
    above = [one for one in mounts if one.point == path or one.point in path.parents]
    return max(reversed(above), key=lambda one: len(one.point.parts), default=None)


def _is_upper(directory: Path, upper: Path, mount: Mount) -> bool:
    try:
        upper.stat()
    except PermissionError:  # root's alone: an overlay tells the sizes of its upper layer's file system
        try:
            return _sizes(directory) == _sizes(mount.point)
        except OSError:
            return False
    except OSError:
        return False
    return True


def _sizes(directory: Path) -> tuple[int, int, int]:
    found = os.statvfs(directory)
    return found.f_frsize, found.f_blocks, found.f_files
