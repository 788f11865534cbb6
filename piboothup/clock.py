"""Clock interface: the only source of time, so that tests of time take no time.

Waits and order use the boot-time clock, which no NTP step moves. The wall clock is only believed together with an
uncertainty (see `spool.capture_time.anchors`).
"""

from __future__ import annotations

import ctypes
import time
from pathlib import Path
from typing import Protocol


class Clock(Protocol):
    """Source of all time."""

    def boottime_ns(self) -> int:
        """Nanoseconds since the kernel started, sleep included (CLOCK_BOOTTIME; libcamera's timestamps too)."""

    def wall_ns(self) -> int:
        """Unix nanoseconds of the system's clock; decades off on a box that has just booted."""

    def boot_id(self) -> str:
        """Id of this power-on."""

    def rtc_ms(self) -> int | None:
        """Unix milliseconds of a clock with a battery, unchecked; None when there is none."""

    def ntp_uncertainty_ms(self) -> int | None:
        """Greatest error of the wall clock while NTP disciplines it, milliseconds; None while nothing does."""


def moment(clock: Clock) -> str:
    """The present moment, for `is_after`: the boot, and milliseconds in it."""
    return f"{_boot_of(clock)}:{clock.boottime_ns() // 1_000_000}"


def boot_start(clock: Clock) -> str:
    """The moment at which this boot began."""
    return f"{_boot_of(clock)}:0"


def _boot_of(clock: Clock) -> str:
    return clock.boot_id().replace("-", "")[:8]


def is_after(later: str, earlier: str) -> bool:
    """Whether a moment is known to come after what happened before any of the moments in `earlier`.

    Moments of different boots can't be compared.
    """
    boot, _, time_ms = later.partition(":")
    found = [each.partition(":")[2] for each in earlier.split() if each.partition(":")[0] == boot]
    return time_ms.isdecimal() and any(each.isdecimal() and int(each) <= int(time_ms) for each in found)


class _Timex(ctypes.Structure):
    """The fields of adjtimex(2)'s struct timex up to what is read, then padding."""

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
        return Path("/proc/sys/kernel/random/boot_id").read_bytes().decode().strip()

    def rtc_ms(self) -> int | None:
        """Unix milliseconds of the first real-time clock that the kernel knows."""
        try:
            return int(_RTC.read_bytes()) * 1000
        except (OSError, ValueError):
            return None

    def ntp_uncertainty_ms(self) -> int | None:
        """adjtimex(2)'s maxerror; at 16 s the kernel calls itself unsynchronised, whichever daemon steers it."""
        timex = _Timex()
        if ctypes.CDLL(None).adjtimex(ctypes.byref(timex)) < 0 or timex.maxerror >= _SYNCHRONISED_BELOW_US:
            return None
        return int(timex.maxerror) // 1000 + 1
