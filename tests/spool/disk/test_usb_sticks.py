"""Which disks are sticks, from the files that the kernel and udev show: a made-up /sys, /proc and /dev."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from piboothup.spool.disk.usb_sticks import NAME, UsbStick, plugged_in

USB = "sys/devices/platform/soc/3f980000.usb/usb1/1-1/1-1:1.0/host0/target0:0:0/0:0:0:0/block"
NOT_USB = "sys/devices/pci0000:00/0000:00:1f.2/ata1/host0/target0:0:0/0:0:0:0/block"


class Computer:
    """A computer with disks."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for folder in ("sys/block", "dev/disk/by-label", "dev/disk/by-uuid", "proc/self", "run/udev/data"):
            (root / folder).mkdir(parents=True)
        self.mounts: list[str] = []
        self.mount("/dev/mmcblk0p2", "179:2")

    def plug_in(self, disk: str = "sda", parts: tuple[int, ...] = (1000,), *, bus: str = USB, seq: int = 7) -> Path:
        """Plug a disk in, with partitions of these sizes."""
        folder = self.root / bus / disk
        minor = (ord(disk[-1]) - ord("a")) * 16
        (folder / "holders").mkdir(parents=True)
        for name, value in (("size", "5000"), ("diskseq", str(seq)), ("dev", f"8:{minor}")):
            (folder / name).write_text(f"{value}\n")
        for number, size in enumerate(parts, start=1):
            part = folder / f"{disk}{number}"
            (part / "holders").mkdir(parents=True)
            for name, value in (("size", str(size)), ("partition", str(number)), ("dev", f"8:{minor + number}")):
                (part / name).write_text(f"{value}\n")
        (self.root / "sys/block" / disk).symlink_to(folder)
        for number in range(len(parts) + 1):
            self.record(f"8:{minor + number}")
        return folder

    def record(self, number: str, lines: str = "I:8146312\nE:ID_BUS=usb\nV:1\n") -> None:
        """Have udev write down what it knows of the device."""
        (self.root / "run/udev/data" / f"b{number}").write_text(lines)

    def mount(self, source: str, number: str = "0:42") -> None:
        self.mounts.append(f"29 1 {number} / /mnt rw,relatime shared:1 - ext4 {source} rw\n")
        (self.root / "proc/self/mountinfo").write_text("".join(self.mounts))

    def link(self, by: str, name: str, to: str) -> None:
        (self.root / "dev/disk" / by / name).symlink_to(f"/dev/{to}")

    @property
    def names(self) -> list[str]:
        return [stick.name for stick in plugged_in(self.root)]


@pytest.fixture
def computer(tmp_path: Path) -> Computer:
    return Computer(tmp_path)


def test_e4_a_stick_is_its_partition_with_its_id(computer: Computer) -> None:
    computer.plug_in()
    computer.link("by-uuid", "1A2B-3C4D", "sda1")
    assert plugged_in(computer.root) == [UsbStick("sda1", "sda1.7", "1A2B-3C4D")]


def test_e4_of_several_partitions_the_largest_is_meant(computer: Computer) -> None:
    computer.plug_in("sda", ())
    computer.plug_in("sdb", (409, 90_000, 20))  # the first as a Mac makes it
    assert computer.names == ["sda", "sdb2"]


def test_e4_a_stick_that_comes_again_is_another_plugging(computer: Computer) -> None:
    computer.plug_in(seq=7)
    computer.plug_in("sdb", seq=8)
    assert len({stick.key for stick in plugged_in(computer.root)}) == 2


@pytest.mark.parametrize("used", ["8:1", "8:0", "/dev/sda1", "/dev/sda"])
def test_e4_a_disk_in_use_is_no_stick(computer: Computer, used: str) -> None:
    """The system, or the photos, may lie on it; btrfs shows a number of its own."""
    computer.plug_in("sda", (100, 2000))
    computer.mount(*(("/dev/root", used) if ":" in used else (used,)))
    assert computer.names == []


def test_e4_a_disk_of_another_device_or_swapped_to_is_no_stick(computer: Computer) -> None:
    (computer.plug_in() / "sda1/holders/dm-0").mkdir()
    computer.plug_in("sdb")
    (computer.root / "proc/swaps").write_text("Filename Type Size Used Priority\n/dev/sdb1 partition 1 0 -2\n")
    assert computer.names == []


def test_e4_another_bus_and_an_empty_card_reader_are_no_stick(computer: Computer) -> None:
    computer.plug_in("sda", bus=NOT_USB)
    (computer.plug_in("sdb", ()) / "size").write_text("0\n")
    assert computer.names == []


def test_e4_a_stick_with_settings_is_not_for_photos(computer: Computer) -> None:
    computer.plug_in()
    computer.link("by-label", "PIBOOTHUP", "sda1")
    assert computer.names == []


def test_e4_a_stick_is_none_until_udev_has_read_its_label(computer: Computer) -> None:
    """The kernel shows a disk earlier, by seconds on a slow box: it would be taken for one for photos."""
    computer.plug_in()
    record = computer.root / "run/udev/data/b8:1"
    record.unlink()
    assert computer.names == []
    for lines in ("", "S:disk/by-label/HOLIDAYS\n", "I:8146312\nE:ID_PROCESSING=1\nV:1\n"):
        computer.record("8:1", lines)
        assert computer.names == []
    computer.record("8:1")
    assert computer.names == ["sda1"]


def test_e4_a_stick_with_settings_is_never_for_photos(computer: Computer) -> None:
    seen = []
    computer.plug_in()
    (computer.root / "run/udev/data/b8:1").unlink()
    seen += computer.names
    computer.link("by-label", "PIBOOTHUP", "sda1")
    seen += computer.names
    computer.record("8:1")
    assert seen + computer.names == []


def test_e4_labels_of_any_bytes_are_not_read(computer: Computer) -> None:
    """udev writes what is odd in a label as \\x..; a hostile one may be any name, and is nobody's path."""
    computer.plug_in()
    for label in (r"\x1b\x5b2J", "a" * 200, r"..\x2f..\x2fetc", "\u202egpj", " "):
        computer.link("by-label", label, "sda1")
        computer.link("by-uuid", label, "sdz9")
    assert plugged_in(computer.root) == [UsbStick("sda1", "sda1.7", "")]


def test_e4_a_computer_without_any_of_it_has_no_sticks(tmp_path: Path) -> None:
    assert plugged_in(tmp_path) == []


def test_e4_here_it_reads_the_real_thing() -> None:
    assert all(NAME.fullmatch(stick.name) for stick in plugged_in())


@pytest.mark.parametrize("name", ["../mmcblk0", "sda1\n", "mmcblk0p2", "sd", "sda123", "", "sdaaa1", "SDA"])
def test_e4_no_other_name_is_one_of_a_stick(name: str) -> None:
    assert NAME.fullmatch(name) is None
    assert os.sep not in NAME.pattern
