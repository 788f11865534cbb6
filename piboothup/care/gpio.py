"""Pins of the header, asked of the kernel without any library (linux/gpio.h, its version 2).

A pin that a program or a kernel driver holds is only looked at. A free one is held for a moment to read its level.
"""

from __future__ import annotations

import array
import fcntl
import os
import struct
import threading
from collections.abc import Callable
from pathlib import Path

_GET_CHIP, _CHIP = 0x8044B401, struct.Struct("32x32s4x")
"""GPIO_GET_CHIPINFO_IOCTL; the label in struct gpiochip_info."""
_GET_INFO, _INFO = 0xC100B405, struct.Struct("=32x32sI4xQ176x")
"""GPIO_V2_GET_LINEINFO_IOCTL; consumer, offset and flags in struct gpio_v2_line_info."""
_GET_LINE, _LINE = 0xC250B407, struct.Struct("=I252x32sQ264xI24xi")
"""GPIO_V2_GET_LINE_IOCTL; first offset, consumer, flags, count and descriptor in struct gpio_v2_line_request."""
_GET_VALUES, _VALUES = 0xC010B40E, struct.Struct("=QQ")
"""GPIO_V2_LINE_GET_VALUES_IOCTL; bits and mask in struct gpio_v2_line_values."""
_IS_USED, _IS_INPUT, _PULLS_UP = 1 << 0, 1 << 2, 1 << 8
_SETTLE_S = 0.01
"""Time in which the Pi's weak pull-up raises a long wire, seconds."""
_HEADERS = ("pinctrl-rp1", "pinctrl-bcm")
"""Labels of the chip behind the header begin so: on a Pi 5, and on all before it."""

Ioctl = Callable[[int, int, "array.array[int]", bool], int]


class Header:
    """The 40-pin header. Every call raises OSError: FileNotFoundError where there is none, PermissionError."""

    def __init__(self, devices: Path = Path("/dev"), ioctl: Ioctl = fcntl.ioctl) -> None:
        self._devices = devices
        self._ioctl = ioctl

    def user(self, pin: int) -> str | None:
        """Who holds the pin, by the name that it gave itself; None = nobody."""
        chip = self._open()
        try:
            asked = array.array("B", _INFO.pack(b"", pin, 0))
            self._ioctl(chip, _GET_INFO, asked, True)
        finally:
            os.close(chip)
        consumer, _, flags = _INFO.unpack(asked)
        return (_text(consumer) or "?") if flags & _IS_USED else None

    def is_low(self, pin: int) -> bool:
        """Whether something pulls the pin to ground; the Pi itself pulls it up. It must be free, else OSError."""
        chip = self._open()
        try:
            asked = array.array("B", _LINE.pack(pin, b"piboothup doctor", _IS_INPUT | _PULLS_UP, 1, -1))
            self._ioctl(chip, _GET_LINE, asked, True)
        finally:
            os.close(chip)
        line = _LINE.unpack(asked)[-1]
        try:
            threading.Event().wait(_SETTLE_S)
            values = array.array("B", _VALUES.pack(0, 1))
            self._ioctl(line, _GET_VALUES, values, True)
        finally:
            os.close(line)
        return not _VALUES.unpack(values)[0] & 1

    def _open(self) -> int:
        """Descriptor of the chip behind the header."""
        for device in sorted(self._devices.glob("gpiochip*")):
            chip = os.open(device, os.O_RDWR | os.O_CLOEXEC)
            answer = array.array("B", bytes(_CHIP.size))
            try:
                self._ioctl(chip, _GET_CHIP, answer, True)
            except OSError:
                os.close(chip)
                raise
            if _text(_CHIP.unpack(answer)[0]).startswith(_HEADERS):
                return chip
            os.close(chip)
        raise FileNotFoundError(f"no header in {self._devices}")


def _text(field: bytes) -> str:
    """A name of somebody else's: up to its end, in printable ASCII."""
    return "".join(char for char in field.partition(b"\0")[0].decode("ascii", "replace") if char.isprintable())
