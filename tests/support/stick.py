"""A stick: an image on a loop device, with what a test lays on it. Needs root."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from piboothup.setup.stick.mounting import mounted
from tests.support.mounts import MountNamespace, disk, mounts

__all__ = ["disk", "mounts", "stick"]

_MAKERS = {"vfat": ("mkfs.vfat", "-n"), "exfat": ("mkfs.exfat", "-L"), "ext4": ("mkfs.ext4", "-L")}
KINDS = tuple(_MAKERS)


class Stick:
    """The stick, plugged in: `device` is what udev's link by its label leads to."""

    def __init__(self, folder: Path, mounts: MountNamespace) -> None:
        self.image = folder / "stick.img"
        self.link = folder / "PIBOOTHUP"
        self.point = folder / "mounted"
        self._mounts = mounts
        self._device = ""
        for made in (self.point, folder / "box"):
            made.mkdir()
        self.box = folder / "box"

    def make(self, kind: str, *, size_mb: int = 16) -> Stick:
        """Make a file system of this kind; skips where that can't be."""
        if reason := why_not(kind):
            pytest.skip(f"SKIPPED: {reason}")
        with self.image.open("wb") as image:
            image.truncate(size_mb * 1024 * 1024)
        program, label = _MAKERS[kind]
        subprocess.run([program, label, "PIBOOTHUP", self.image], check=True, capture_output=True)
        return self.plug_in()

    def plug_in(self, *options: str) -> Stick:
        """Plug it in, as it is, in place of how it was before."""
        self.pull()
        self._device = subprocess.run(
            ["losetup", "--find", "--show", *options, self.image], check=True, capture_output=True, text=True
        ).stdout.strip()
        self.link.symlink_to(self._device)
        return self

    def pull(self) -> None:
        """Pull it: a device that is still mounted goes when it is not."""
        self.link.unlink(missing_ok=True)
        if self._device:
            # A function may have pulled it in its own process.
            subprocess.run(["losetup", "--detach", self._device], check=False, capture_output=True)
            self._device = ""

    def empty(self) -> None:
        """Cut its image to nothing, so that its device, which stays, fails like that of a stick that was pulled."""
        device = self.link.resolve()
        while int(Path("/sys/block", device.name, "size").read_text()):  # a write in between makes it longer again
            os.truncate(self.image, 0)
            subprocess.run(["losetup", "--set-capacity", device], check=True)

    def call(self, function: Callable[[Stick], None]) -> None:
        """Call a function in a process of its own, whose mounts nobody else sees."""
        self._mounts.call(lambda: function(self))

    def fill(self, function: Callable[[Path], None]) -> Stick:
        """Have a function lay something on it."""

        def in_namespace() -> None:
            with mounted(self.link, self.point, writable=True):
                function(self.point)

        self._mounts.call(in_namespace)
        return self

    def read(self, name: str) -> bytes | None:
        """Content of a file on it, None for none."""
        copy = self.image.with_name("copy")
        copy.unlink(missing_ok=True)

        def in_namespace() -> None:
            with mounted(self.link, self.point):
                if os.path.lexists(self.point / name):
                    copy.write_bytes((self.point / name).read_bytes())

        self._mounts.call(in_namespace)
        return copy.read_bytes() if copy.exists() else None


@functools.cache
def why_not(kind: str) -> str:
    """Reason why no stick of this kind can be mounted here, or nothing."""
    if not (shutil.which(_MAKERS[kind][0]) and shutil.which("losetup") and Path("/dev/loop-control").exists()):
        return f"a stick needs {_MAKERS[kind][0]}, losetup and loop devices"
    if shutil.which("modprobe"):
        subprocess.run(["modprobe", "-q", kind], check=False, capture_output=True)
    is_known = kind in Path("/proc/filesystems").read_text(encoding="ascii").split()
    return "" if is_known else f"this kernel knows no {kind}: a stick of that kind was not tried"


@pytest.fixture
def stick(mounts: MountNamespace, disk: Path) -> Iterator[Stick]:
    """A stick that is yet to be made, pulled after the test."""
    made = Stick(disk, mounts)
    yield made
    made.pull()
