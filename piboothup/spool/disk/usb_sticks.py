"""Sticks: disks that came by USB and that nothing uses, as the kernel and udev show them. Nothing of theirs is read.

A disk is passed over while any part of it is mounted, swapped to or part of another device, as the one may be that
the system or the photos lie on; and until udev has read its label, as one with settings would be taken for one for
photos. Of several partitions the largest is meant: what other computers put before it is small. A phone is no disk
and not among them, unless it plays one.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from piboothup.records import dataclass

SETTINGS_LABEL = "PIBOOTHUP"
"""Label of a stick with settings, which is not for photos."""
_DISK = re.compile(r"sd[a-z]{1,2}")
NAME = re.compile(r"sd[a-z]{1,2}\d{0,2}")
"""Names that a stick, or its partition, can have."""
_BUS = re.compile(r"usb\d+")


@dataclass(frozen=True)
class UsbStick:
    """A stick that is plugged in."""

    name: str
    """Name of its partition, or of the disk without partitions, in /dev."""
    key: str
    """Another one each time that it is plugged in."""
    uuid: str = ""
    """Id of its file system; "" while udev knows none."""


def plugged_in(root: Path = Path("/")) -> list[UsbStick]:
    """The sticks, by their names. `root`: folder that stands for `/`, for tests. Raises OSError."""
    try:
        disks = sorted(path for path in (root / "sys/block").iterdir() if _DISK.fullmatch(path.name))
    except FileNotFoundError:
        return []
    disks = [disk for disk in disks if any(map(_BUS.fullmatch, disk.resolve().parts))]
    if not disks:
        return []
    used = _used(root)
    found = []
    for disk in disks:
        try:
            parts = [path for path in disk.iterdir() if (path / "partition").exists()]
            if any(_is_used(part, used) for part in (disk, *parts)):
                continue
            meant = max(parts, key=lambda part: (_number(part / "size"), part.name), default=disk)
            key = f"{meant.name}.{_number(disk / 'diskseq')}"
            if not _is_settled(root, meant) or not _number(meant / "size"):
                continue
            if _is_labelled(root, meant.name, SETTINGS_LABEL):
                continue
        except FileNotFoundError:  # pulled just now
            continue
        found.append(UsbStick(meant.name, key, _uuid(root, meant.name)))
    return found


def _used(root: Path) -> set[str]:
    """Numbers and names of all devices that are mounted or swapped to."""
    mounted = (root / "proc/self/mountinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    fields = [line.split(" ") for line in mounted]
    sources = [words[words.index("-") + 2] for words in fields if "-" in words[:-2]]
    try:
        swapped = (root / "proc/swaps").read_text(encoding="utf-8", errors="replace").splitlines()[1:]
    except OSError:
        swapped = []
    sources += [line.split()[0] for line in swapped if line]
    return {words[2] for words in fields if len(words) > 2} | {
        Path(os.path.realpath(source)).name for source in sources if source.startswith("/dev/")
    }


def _is_used(part: Path, used: set[str]) -> bool:
    holders = part / "holders"
    is_held = holders.is_dir() and any(holders.iterdir())
    return is_held or part.name in used or (part / "dev").read_text().strip() in used


def _is_settled(root: Path, part: Path) -> bool:
    """Whether udev is done with this device: it then has written down when that was, after the links."""
    try:
        record = (root / "run/udev/data" / f"b{(part / 'dev').read_text().strip()}").read_text(errors="replace")
    except FileNotFoundError:
        return False
    lines = record.splitlines()
    return any(line.startswith("I:") for line in lines) and "E:ID_PROCESSING=1" not in lines


def _number(path: Path) -> int:
    try:
        return int(path.read_text())
    except (FileNotFoundError, ValueError):
        return 0


def _is_labelled(root: Path, name: str, label: str) -> bool:
    return Path(os.path.realpath(root / "dev/disk/by-label" / label)).name == name


def _uuid(root: Path, name: str) -> str:
    try:
        links = sorted((root / "dev/disk/by-uuid").iterdir())
    except OSError:
        return ""
    return next((link.name for link in links if Path(os.path.realpath(link)).name == name), "")
