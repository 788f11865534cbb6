"""Whose clock judges a certificate's dates, on a box that may have booted with an old time.

The system's clock does, as everywhere, while it finds certificates valid. One that is refused for its dates alone may
mean that the clock is wrong. Then another time judges: that of this boot's NTP and Date anchors or, when there are
none yet, the Date of one request without the key, on a connection whose chain and host name are verified but not its
dates. It does so before a byte of a request leaves, and only until somebody sets the system's clock.

What is learned in that one request is kept in memory and judges certificates, nothing else. The anchors by which
photos get their time come from connections of which everything was checked. Of a chain only the server's own
certificate is judged here: without dates OpenSSL may choose another way up to the root than with them.
"""

from __future__ import annotations

from piboothup.clock import Clock
from piboothup.spool.capture_time.anchors import FLOOR_MS, Anchor, Source
from piboothup.spool.capture_time.boots import Boot
from piboothup.spool.capture_time.taken_at import Estimate, solve
from piboothup.spool.store import Spool
from piboothup.uploader.transport.certificate_dates import log


def is_plausible(told: Anchor, earliest_ms: int) -> bool:
    """Whether a Date from a connection with unchecked dates may be the time.

    It lies in this program's lifetime and not before what an earlier boot knew to be past. (The certificate of that
    very connection is valid then, as with every Date: else it is not the box's clock that is wrong.)
    """
    return told.is_sane and told.wall_ms + told.uncertainty_ms >= earliest_ms


class KnownTime:
    """What the time is for all that this boot has been told by NTP or by a verified server; for all threads."""

    def __init__(self, spool: Spool, clock: Clock) -> None:
        self._spool = spool
        self._clock = clock
        self._learned: Anchor | None = None

    def now_ms(self) -> int | None:
        """Unix milliseconds now, by this boot's anchors, else by what was learned; None when unknown."""
        noted_ms = self._anchored_ms()
        if noted_ms is not None or self._learned is None:
            return noted_ms
        return self._boottime_ms() + self._learned.offset_ms

    def has_anchor(self) -> bool:
        """Whether this boot's anchors tell the time: then there is nothing to learn."""
        return self._anchored_ms() is not None

    def learn(self, told: Anchor | None) -> bool:
        """Takes the Date of a request without the key; whether it is believed."""
        if told is None or not is_plausible(told, self._known_past_ms()):
            log.warning("time not learned reason=%s", "no date that can be" if told is None else "not believable")
            return False
        log.info("time learned for certificates unix_ms=%d", told.wall_ms)
        self._learned = told
        return True

    def _anchored_ms(self) -> int | None:
        found = _network_time(self._spool.read_boot(self._spool.boot), self._boottime_ms())
        return None if found is None else found.unix_ms

    def _boottime_ms(self) -> int:
        return self._clock.boottime_ns() // 1_000_000

    def _known_past_ms(self) -> int:
        """What the last boot that knew the time knew to be past."""
        for number in range(self._spool.boot - 1, 0, -1):
            boot = self._spool.read_boot(number)
            known = _network_time(boot, boot.last_boottime_ms)
            if known is not None:
                return known.low_ms
        return FLOOR_MS


def _network_time(boot: Boot, boottime_ms: int) -> Estimate | None:
    """A moment of the boot by NTP or Date; the system's clock was set by a battery clock, which so is no witness."""
    found = solve({boot.number: boot}, boot.number, boottime_ms)
    return found if found is not None and found.source.rank <= Source.DATE.rank else None
