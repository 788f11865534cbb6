"""Anchors: the boot's own clock and the wall clock read together, with the wall clock's uncertainty.

A Pi has no clock battery: it boots with an old time and learns the true one later, or never. So a photo is stored
with its boot-time only, and an anchor of that boot, from before or after the press, turns it into Unix time.
"""

from __future__ import annotations

from enum import StrEnum

from piboothup.records import dataclass

FLOOR_MS = 1_735_689_600_000
"""1 January 2025: this program did not exist before, so an earlier clock is wrong."""
CEILING_MS = 4_102_444_800_000
"""1 January 2100: a clock that says so has lost its battery."""


class Source(StrEnum):
    """Source of the time, the most trusted first."""

    NTP = "ntp"
    DATE = "date"
    """The Date header of verified HTTPS, or of a loopback server."""
    RTC = "rtc"
    SAVED = "saved"
    """The system clock before NTP has set it: a lower bound, as a box without a battery starts with a saved time."""
    BETWEEN = "between"
    """No clock: estimated from the boots before and after."""

    @property
    def rank(self) -> int:
        """Rank of trust; 0 is the most trusted."""
        return list(Source).index(self)


@dataclass(frozen=True)
class Anchor:
    """`wall_ms` (Unix milliseconds, ± `uncertainty_ms`) was the time at `boottime_ms` of the boot."""

    source: Source
    boottime_ms: int
    wall_ms: int
    uncertainty_ms: int

    @property
    def offset_ms(self) -> int:
        """Unix time minus boot-time, milliseconds."""
        return self.wall_ms - self.boottime_ms

    @property
    def is_sane(self) -> bool:
        """Whether the wall clock is within FLOOR_MS and CEILING_MS."""
        return FLOOR_MS <= self.wall_ms < CEILING_MS
