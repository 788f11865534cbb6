"""Kind of storage under a folder: a disk, memory (gone at power-off), or a layer that can't be followed.

Read from the kernel's list of this process's mounts (proc_pid_mountinfo(5)), by the id of the mount that the folder
is on: links, bind mounts and mounts over mounts need no rule of their own. statfs(2) would name an overlay, but not
its upper layer. /proc/self exists under every ProtectSystem=, ProtectProc= and ProcSubset= of systemd. The devices
under a mount are read from sysfs by its device number: so /dev/root, partitions and names of the device mapper need
no rule either, and PrivateDevices= hides nothing. `kind` is pure; `look` reads its input.

Storage that can't be followed to its end counts as memory on a box: a warning would not keep photos from being lost.
In a container every path is like that, so there it is a warning; and so it is for encrypted or merged folders, which
somebody has set up on purpose.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Iterable
from enum import StrEnum
from pathlib import Path

from piboothup.records import dataclass

_IN_MEMORY = ("tmpfs", "ramfs", "devtmpfs", "rootfs", "hugetlbfs")
_LAYERED = ("aufs", "unionfs", "fuse.unionfs", "fuse.fuse-overlayfs", "fuse-overlayfs")
"""File systems of layers that do not report where they write to."""
_OVER_FOLDERS = ("ecryptfs", "fuse.mergerfs", "fuse.bindfs", "fuse.gocryptfs", "fuse.encfs", "fuse.cryfs")
"""File systems over other folders, on a disk or in memory: they are set up on purpose, so a warning will do."""
_FAT = ("vfat", "msdos")
_DELETED = " (deleted)"
"""Suffix that the kernel gives the path of a deleted but open file, which is gone at the next start."""
_MARKS_OF_CONTAINERS = tuple(map(Path, ("/run/systemd/container", "/.dockerenv", "/run/.containerenv")))
_VOLATILE = {"volatile", "fsync=volatile"}
"""Options of an overlay that omits every sync, in older and newer kernels."""


class Storage(StrEnum):
    """Storage of synced bytes, the least safe first."""

    MEMORY = "memory"
    """Lost at power-off."""
    UNKNOWN = "unknown"
    """An overlay in a container whose upper layer is not visible; a file system over another folder."""
    DISK = "disk"


@dataclass(frozen=True)
class Mount:
    """Line of mountinfo."""

    id: int
    device: str
    """Device number, `major:minor`."""
    point: Path
    file_system: str
    source: str
    options: tuple[str, ...]
    """Options of the file system, not of the mount."""


def look(directory: Path) -> Storage:
    """Storage of `directory`, links followed. Raises OSError when the folder can't be reached."""
    number = mount_id(directory)
    try:
        mountinfo = Path("/proc/self/mountinfo").read_bytes()
    except FileNotFoundError:  # no /proc here
        return Storage.UNKNOWN
    return kind(
        mountinfo,
        number,
        lambda upper, mount: _is_upper(directory, upper, mount),
        devices,
        hidden=Storage.UNKNOWN if in_container() else Storage.MEMORY,
    )


def file_system_of(directory: Path) -> str:
    """Name of the file system that `directory` is on, such as "ext4"; empty without /proc. Raises OSError."""
    number = mount_id(directory)
    mounts = Path("/proc/self/mountinfo").read_bytes().splitlines() if number >= 0 else []
    return next((mount.file_system for line in mounts if (mount := _mount(line)).id == number), "")


def is_fat(directory: Path) -> bool:
    """Whether `directory` is on FAT, which exFAT is not; False too where the system does not say. Raises OSError."""
    try:
        return file_system_of(directory) in _FAT
    except FileNotFoundError:  # no /proc here
        return False


def worst(kinds: Collection[Storage]) -> Storage:
    """Least safe of these."""
    return min(kinds, key=list(Storage).index)


def in_container(marks: Iterable[Path] = _MARKS_OF_CONTAINERS, init: Path = Path("/proc/1/environ")) -> bool:
    """Whether this is a container, by the files that mark it or by the first process's environment."""
    try:
        is_named = any(each.startswith(b"container=") for each in init.read_bytes().split(b"\0"))
    except OSError:  # root's alone
        is_named = False
    return is_named or any(mark.exists() for mark in marks)


def mount_id(directory: Path) -> int:
    """Id of the mount that `directory` is on; -1 without /proc. Raises OSError."""
    descriptor = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        about = Path(f"/proc/self/fdinfo/{descriptor}").read_bytes()
    except FileNotFoundError:
        return -1
    finally:
        os.close(descriptor)
    return next((int(line.split()[1]) for line in about.splitlines() if line.startswith(b"mnt_id:")), -1)


def kind(
    mountinfo: bytes,
    mount_id: int,
    is_upper: Callable[[Path, Mount], bool],
    devices: Callable[[Mount], Collection[Storage | Path]],
    *,
    hidden: Storage,
) -> Storage:
    """Storage of the mount `mount_id`.

    `is_upper`: whether an overlay's upper layer is that folder on that mount, and not another of the same name.
    `devices`: the function of that name. `hidden`: the result for a layer or file that is not visible from here.
    """
    lines = [line for line in mountinfo.splitlines() if b" - " in line]

    def of(mount: Mount, above: frozenset[int]) -> Storage:
        if mount.file_system in _IN_MEMORY or _VOLATILE & set(mount.options):
            return Storage.MEMORY
        if mount.id in above or mount.file_system in _LAYERED:
            return hidden
        if mount.file_system in _OVER_FOLDERS:
            return Storage.UNKNOWN
        above |= {mount.id}
        if mount.file_system != "overlay":
            kinds = {
                of_file(found, above) if isinstance(found, Path) else hidden if found is Storage.UNKNOWN else found
                for found in devices(mount)
            }
            return worst(kinds or {Storage.DISK})
        upper = next((_unescaped(option) for option in mount.options if option.startswith("upperdir=")), None)
        if upper is None:
            return Storage.DISK  # nothing can be written to it at all
        under = _mount_of(upper, map(_mount, lines))
        return of(under, above) if under is not None and is_upper(upper, under) else hidden

    def of_file(file: Path, above: frozenset[int]) -> Storage:
        under = _mount_of(file, map(_mount, lines))
        return hidden if under is None else of(under, above)

    found = next((line for line in lines if line.startswith(b"%d " % mount_id)), None)
    return Storage.UNKNOWN if found is None else of(_mount(found), frozenset())


def _mount(line: bytes) -> Mount:
    """Parse `36 35 98:0 /root /point rw,noatime master:1 - ext3 /dev/root rw,errors=continue`."""
    ours, _, theirs = line.partition(b" - ")
    before, after = ours.split(b" "), theirs.split(b" ")
    options = after[2].split(b",") if len(after) > 2 else []
    return Mount(
        int(before[0]),
        _text(before[2]),
        Path(_text(before[4])),
        _text(after[0]),
        _text(after[1]) if len(after) > 1 else "",
        tuple(_text(option) for option in options),
    )


def _text(field: bytes) -> str:
    """Decode a field: the kernel writes blanks, commas in values and the like as octal numbers."""
    if b"\\" in field:
        field = re.sub(rb"\\([0-7]{3})", lambda found: bytes([int(found[1], 8) & 0xFF]), field)
    return os.fsdecode(field)


def _unescaped(option: str) -> Path:
    """Decode the folder in `upperdir=FOLDER`: the mount command escapes commas with a backslash."""
    return Path(re.sub(r"\\(.)", r"\1", option.removeprefix("upperdir=")))


def _mount_of(path: Path, mounts: Iterable[Mount]) -> Mount | None:
    """Mount of the path: the latest mount on the nearest mount point."""
    above = [mount for mount in mounts if mount.point == path or mount.point in path.parents]
    return max(reversed(above), key=lambda mount: len(mount.point.parts), default=None)


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


def devices(mount: Mount, sysfs: Path = Path("/sys")) -> set[Storage | Path]:
    """Storage of the block devices under `mount`; none when there is no device.

    A path is the file behind a loop device; UNKNOWN stands for such a file that is not visible from here.
    """
    device = sysfs / "dev" / "block" / mount.device
    if not device.exists() and mount.source.startswith("/"):  # btrfs and others have numbers of their own
        device = sysfs / "class" / "block" / Path(os.path.realpath(mount.source)).name
    return _beneath(Path(os.path.realpath(device))) if device.exists() else set()


def _beneath(device: Path) -> set[Storage | Path]:
    """Storage of the folder that sysfs has for a disk or a partition, as `devices` returns it."""
    if (device / "partition").exists():
        device = device.parent
    if re.fullmatch(r"z?ram\d+", device.name):
        return {Storage.MEMORY}
    try:
        file = os.fsdecode((device / "loop" / "backing_file").read_bytes().rstrip(b"\n"))
    except FileNotFoundError:
        slaves = [Path(os.path.realpath(slave)) for slave in (device / "slaves").glob("*")]
        return set().union(*map(_beneath, slaves)) if slaves else {Storage.DISK}
    try:
        Path(file).stat()
    except FileNotFoundError:
        return {Storage.MEMORY if file.endswith(_DELETED) else Storage.UNKNOWN}
    except OSError:  # in a folder that is root's alone
        pass
    return {Path(file)}
