"""Time for checking certificates on a box that booted with a wrong clock (see `transport/certificate_dates.py`).

It is that of this boot's NTP and Date anchors or, while there are none, the Date header of one request without the
key, on a connection whose chain and host name are verified but not its dates. That time is kept in memory and used
for certificates alone; the anchors by which photos get their time come from fully verified connections.
"""

from __future__ import annotations

import logging

from piboothup.clock import Clock
from piboothup.spool.capture_time.anchors import FLOOR_MS, Anchor, Source
from piboothup.spool.capture_time.boots import Boot
from piboothup.spool.capture_time.taken_at import Estimate, solve
from piboothup.spool.store import Spool

log = logging.getLogger(__name__)


def is_plausible(date: Anchor, earliest_ms: int) -> bool:
    """Whether a Date from a connection with unchecked dates may be the time.

    It must lie in this program's lifetime and not before a time that an earlier boot knew to be past. (`date_anchor`
    has checked that the certificate of the connection is valid then; otherwise the server's clock is wrong.)
    """
    return date.is_sane and date.wall_ms + date.uncertainty_ms >= earliest_ms


class TrustedTime:
    """The time by NTP or a verified server; safe for all threads."""

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
        """Whether this boot has an anchor, so that there is nothing to learn."""
        return self._anchored_ms() is not None

    def learn(self, date: Anchor | None) -> bool:
        """Take the Date of a request without the key if it is plausible; return whether it is."""
        if date is None or not is_plausible(date, self._known_past_ms()):
            log.warning("time not learned reason=%s", "no possible date" if date is None else "not believable")
            return False
        log.info("time learned for certificates unix_ms=%d", date.wall_ms)
        self._learned = date
        return True

    def _anchored_ms(self) -> int | None:
        found = _network_time(self._spool.read_boot(self._spool.boot), self._boottime_ms())
        return None if found is None else found.unix_ms

    def _boottime_ms(self) -> int:
        return self._clock.boottime_ns() // 1_000_000

    def _known_past_ms(self) -> int:
        """A time that has passed for sure: the last that an earlier boot knew, Unix milliseconds."""
        for number in range(self._spool.boot - 1, 0, -1):
            boot = self._spool.read_boot(number)
            known = _network_time(boot, boot.last_boottime_ms)
            if known is not None:
                return known.low_ms
        return FLOOR_MS


def _network_time(boot: Boot, boottime_ms: int) -> Estimate | None:
    """The time at a moment of the boot by NTP or Date alone: a battery clock may set the system's clock wrong."""
    found = solve({boot.number: boot}, boot.number, boottime_ms)
    return found if found is not None and found.source.rank <= Source.DATE.rank else None
