"""Anchors: moments at which a boot's own clock and the wall clock were seen together, and how far to trust them.

A Pi has no clock battery: it boots with an old time and learns the true one later, or never. So a photo is stored
with its boot-time only, and an anchor of that boot, from before or after the press, turns it into Unix time.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Source(StrEnum):
    """Who said what time it was, the most trusted first."""

    NTP = "ntp"
    DATE = "date"
    """The Date header of verified HTTPS, or of a loopback server."""
    RTC = "rtc"
    SAVED = "saved"
    """A clock saved at the last shutdown: it is at least this late."""

    @property
    def rank(self) -> int:
        """0 is the most trusted."""
        return list(Source).index(self)


@dataclass(frozen=True)
class Anchor:
    """`wall_ms` (Unix milliseconds, give or take `uncertainty_ms`) was the time at `boottime_ms` of the boot."""

    source: Source
    boottime_ms: int
    wall_ms: int
    uncertainty_ms: int

    @property
    def offset_ms(self) -> int:
        """What to add to a boot-time of this boot to get Unix time."""
        return self.wall_ms - self.boottime_ms
