"""The one clock object through which time comes in, so that every test of time runs in no time.

Waits and order use the boot-time clock, which no NTP step moves. The wall clock is only ever believed together
with an uncertainty (see `anchors`).
"""

from __future__ import annotations

import ctypes
import time
from pathlib import Path
from typing import Protocol


class Clock(Protocol):
    """Where all time comes from."""

    def boottime_ns(self) -> int:
        """Nanoseconds since the kernel started, sleep included (CLOCK_BOOTTIME; libcamera's timestamps too)."""

    def wall_ns(self) -> int:
        """Unix nanoseconds as the system believes them; decades off on a box that has just booted."""

    def boot_id(self) -> str:
        """What tells this power-on from every other."""

    def rtc_ms(self) -> int | None:
        """Unix milliseconds of a clock with a battery, unchecked; None when there is none."""

    def ntp_uncertainty_ms(self) -> int | None:
        """How far the wall clock may be off when something disciplines it; None when nothing does."""


class _Timex(ctypes.Structure):
    """struct timex of adjtimex(2), as far as it is read; the rest is room."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("room", ctypes.c_byte * 512),
    )


_RTC = Path("/sys/class/rtc/rtc0/since_epoch")
_SYNCHRONISED_BELOW_US = 16_000_000


class SystemClock:
    """The machine's own clocks."""

    def boottime_ns(self) -> int:
        """Nanoseconds of CLOCK_BOOTTIME."""
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME)

    def wall_ns(self) -> int:
        """Nanoseconds of CLOCK_REALTIME."""
        return time.time_ns()

    def boot_id(self) -> str:
        """The kernel's random boot id."""
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()

    def rtc_ms(self) -> int | None:
        """The first real-time clock that the kernel knows."""
        try:
            return int(_RTC.read_text(encoding="ascii")) * 1000
        except (OSError, ValueError):
            return None

    def ntp_uncertainty_ms(self) -> int | None:
        """adjtimex(2)'s maxerror; at 16 s the kernel calls itself unsynchronised, whichever daemon steers it."""
        timex = _Timex()
        if ctypes.CDLL(None).adjtimex(ctypes.byref(timex)) < 0 or timex.maxerror >= _SYNCHRONISED_BELOW_US:
            return None
        return int(timex.maxerror) // 1000 + 1
