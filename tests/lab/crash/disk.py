"""Real disk whose every write is logged: ext4 on a loop device over a file that qemu-storage-daemon exports.

The daemon's blklogwrites node (the format of Linux' dm-log-writes) keeps each write, flush and discard in the order
in which the disk got it. Needs root, /dev/fuse, loop devices, and Debian's qemu-utils and qemu-system-common.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import struct
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from piboothup.simulator.appliance import wait_until
from tests.support.deadline import PATIENCE_S

DIES_WITH_US = ("setpriv", "--pdeathsig", "KILL")
"""Prefix of commands that must end with the lab, however it ends."""
SIZE_BYTES = 48 * 1024 * 1024
_LOG_BYTES = 4 * 1024**3
_SECTOR_BYTES = 512
_MAGIC = 0x6A736677736872
_HEADER = struct.Struct("<QQQI")
"""Fields: magic, version, number of entries, sector size."""
_ENTRY = struct.Struct("<QQQQ")
"""Fields: sector, number of sectors, flags, length of the data in the header's own sector."""
_FLUSH, _FUA, _DISCARD = 1, 2, 4


@dataclass(frozen=True)
class Write:
    """Request to the disk."""

    start_bytes: int
    content: bytes
    is_flush: bool = False
    """True if all earlier writes are durable."""
    is_forced: bool = False
    """True if this write itself is durable."""


class LoggedDisk:
    """Disk with the initial content `base`, mounted at `folder`."""

    def __init__(self, room: Path, folder: Path) -> None:
        self.base, self.folder = room / "base.img", folder
        self._copy, self._log, self._export = room / "disk.img", room / "log.img", room / "export"
        self.folder.mkdir(parents=True)

    @contextlib.contextmanager
    def mounted(self) -> Iterator[None]:
        """Create the disk and mount it; at the end nothing stays mounted or running."""
        make_ext4(self.base)
        shutil.copyfile(self.base, self._copy)
        with self._log.open("wb") as log:
            log.truncate(_LOG_BYTES)
        self._export.touch()
        command = [
            *DIES_WITH_US,
            "qemu-storage-daemon",
            *("--blockdev", f"driver=file,node-name=disk,filename={self._copy}"),
            *("--blockdev", f"driver=file,node-name=log,filename={self._log}"),
            *("--blockdev", "driver=blklogwrites,node-name=logged,file=disk,log=log,log-super-update-interval=1"),
            *("--export", f"type=fuse,id=export,node-name=logged,mountpoint={self._export},writable=on"),
        ]
        with contextlib.ExitStack() as stack:
            daemon = stack.enter_context(subprocess.Popen(command, stdin=subprocess.DEVNULL))
            stack.callback(daemon.terminate)
            wait_until(
                lambda: daemon.poll() is not None or os.path.getsize(self._export) > 0, "the logged disk", PATIENCE_S
            )
            stack.callback(_unmount_anyway, self._export)
            with mount(self._export, self.folder):
                yield

    def entries(self) -> int:
        """Number of entries in the log; includes all that was flushed before."""
        with self._log.open("rb") as log:
            return int(_HEADER.unpack(log.read(_HEADER.size))[2])

    def writes(self) -> Iterator[Write]:
        """Entries of the log."""
        with self._log.open("rb") as log:
            magic, _, number, sector_bytes = _HEADER.unpack(log.read(_HEADER.size))
            if (magic, sector_bytes) != (_MAGIC, _SECTOR_BYTES):
                raise ValueError(f"{self._log} is no log of writes")
            log.seek(_SECTOR_BYTES)
            for _ in range(number):
                sector, sectors, flags, _ = _ENTRY.unpack(log.read(_SECTOR_BYTES)[: _ENTRY.size])
                length_bytes = sectors * _SECTOR_BYTES
                content = bytes(length_bytes) if flags & _DISCARD else log.read(length_bytes)
                yield Write(sector * _SECTOR_BYTES, content, bool(flags & _FLUSH), bool(flags & _FUA))


def make_ext4(image: Path) -> None:
    """Create an ext4 with a card's options and no background work left."""
    with image.open("wb") as file:
        file.truncate(SIZE_BYTES)
    settled = "nodiscard,lazy_itable_init=0,lazy_journal_init=0"
    command = ["mkfs.ext4", "-q", "-F", "-b", "4096", "-m", "0", "-J", "size=4", "-E", settled, str(image)]
    subprocess.run(command, check=True)


@contextlib.contextmanager
def mount(image: Path, folder: Path) -> Iterator[None]:
    """Mount an image. Raises subprocess.CalledProcessError when that fails."""
    subprocess.run(["mount", "-t", "ext4", "-o", "loop,noatime", image, folder], check=True, capture_output=True)
    try:
        yield
    finally:
        subprocess.run(["umount", folder], check=True)


def _unmount_anyway(folder: Path) -> None:
    subprocess.run(["umount", "-l", folder], check=False, capture_output=True)
