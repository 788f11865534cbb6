"""What is asked of the kernel about pins, against linux/gpio.h's structures. No header is here: the kernel is played.

The structures are ctypes' own, laid out as C lays them out; the numbers of the calls follow from their sizes.
"""

from __future__ import annotations

import array
import ctypes
import errno
import os
from pathlib import Path

import pytest

from piboothup.care.gpio import Header

NAME = ctypes.c_char * 32
U32, U64 = ctypes.c_uint32, ctypes.c_uint64


class ChipInfo(ctypes.Structure):
    _fields_ = (("name", NAME), ("label", NAME), ("lines", U32))


class Attribute(ctypes.Structure):
    _fields_ = (("id", U32), ("padding", U32), ("value", U64))


class LineInfo(ctypes.Structure):
    _fields_ = (
        *(("name", NAME), ("consumer", NAME), ("offset", U32), ("num_attrs", U32), ("flags", U64)),
        *(("attrs", Attribute * 10), ("padding", U32 * 4)),
    )


class ConfigAttribute(ctypes.Structure):
    _fields_ = (("attr", Attribute), ("mask", U64))


class LineConfig(ctypes.Structure):
    _fields_ = (("flags", U64), ("num_attrs", U32), ("padding", U32 * 5), ("attrs", ConfigAttribute * 10))


class LineRequest(ctypes.Structure):
    _fields_ = (
        *(("offsets", U32 * 64), ("consumer", NAME), ("config", LineConfig), ("num_lines", U32)),
        *(("event_buffer_size", U32), ("padding", U32 * 5), ("fd", ctypes.c_int32)),
    )


class LineValues(ctypes.Structure):
    _fields_ = (("bits", U64), ("mask", U64))


def call(direction: int, number: int, kind: type[ctypes.Structure]) -> int:
    """_IOR (2) or _IOWR (3) of asm-generic/ioctl.h."""
    return direction << 30 | ctypes.sizeof(kind) << 16 | 0xB4 << 8 | number


CHIP, INFO = call(2, 0x01, ChipInfo), call(3, 0x05, LineInfo)
LINE, VALUES = call(3, 0x07, LineRequest), call(3, 0x0E, LineValues)


class Kernel:
    """The chips of /dev by their labels, who holds which pin, and which pins something pulls to ground."""

    def __init__(self, folder: Path, *labels: str) -> None:
        self.labels = {}
        for number, label in enumerate(labels):
            (folder / f"gpiochip{number}").touch()
            self.labels[(folder / f"gpiochip{number}").stat().st_ino] = label
        self.users: dict[int, bytes] = {}
        self.low: set[int] = set()
        self.taken: list[int] = []

    def ioctl(self, descriptor: int, request: int, about: array.array[int], _mutate: bool) -> int:
        if request == CHIP:
            ChipInfo.from_buffer(about).label = self.labels[os.fstat(descriptor).st_ino].encode()
        elif request == INFO:
            info = LineInfo.from_buffer(about)
            if info.offset in self.users:
                info.flags, info.consumer = 1 | 1 << 3, self.users[info.offset]
        elif request == LINE:
            asked = LineRequest.from_buffer(about)
            assert asked.num_lines == 1
            assert asked.config.flags == 1 << 2 | 1 << 8, "an input that is pulled up"
            if asked.offsets[0] in self.users:
                raise OSError(errno.EBUSY, "Device or resource busy")
            self.taken.append(asked.offsets[0])
            asked.fd = os.open("/dev/null", os.O_RDONLY)
        else:
            assert request == VALUES
            values = LineValues.from_buffer(about)
            assert values.mask == 1
            values.bits = 0 if self.taken[-1] in self.low else 1
        return 0


@pytest.mark.parametrize(
    "labels", [("pinctrl-bcm2835", "raspberrypi-exp-gpio"), ("gpio-brcmstb@107d508500", "pinctrl-rp1")]
)
def test_a09_a_pin_of_the_header_is_asked_for_its_holder(tmp_path: Path, labels: tuple[str, ...]) -> None:
    kernel = Kernel(tmp_path, *labels)
    kernel.users = {17: b"gpio-shutdown", 27: b"", 22: b"a\x1b[31m\xff"}
    header = Header(tmp_path, kernel.ioctl)
    assert [header.user(pin) for pin in (17, 27, 4)] == ["gpio-shutdown", "?", None]
    assert header.user(22) == "a[31m\ufffd"
    assert kernel.taken == [], "nothing is held to learn that"


def test_a09_a_free_pin_is_held_only_to_read_its_level(tmp_path: Path) -> None:
    kernel = Kernel(tmp_path, "pinctrl-bcm2711")
    kernel.low = {17}
    kernel.users = {27: b"lg"}
    header = Header(tmp_path, kernel.ioctl)
    before = len(os.listdir("/proc/self/fd"))
    assert (header.is_low(17), header.is_low(22)) == (True, False)
    with pytest.raises(OSError, match="busy"):
        header.is_low(27)
    assert len(os.listdir("/proc/self/fd")) == before


def test_a09_a_computer_without_a_header_says_so(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Header(tmp_path).user(17)
    kernel = Kernel(tmp_path, "some-other-chip")
    with pytest.raises(FileNotFoundError):
        Header(tmp_path, kernel.ioctl).user(17)


def test_a09_what_is_no_gpio_chip_is_an_error_of_the_kernels(tmp_path: Path) -> None:
    (tmp_path / "gpiochip0").symlink_to("/dev/null")
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(OSError) as caught:
        Header(tmp_path).user(17)
    assert caught.value.errno == errno.ENOTTY
    assert len(os.listdir("/proc/self/fd")) == before
