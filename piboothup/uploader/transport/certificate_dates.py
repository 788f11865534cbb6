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

import logging
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from piboothup.clock import Clock
from piboothup.uploader.transport.errors import OutOfDate

log = logging.getLogger(__name__)

_CLOCK_STEP_NS = 60 * 1_000_000_000
"""Wall clock and boot-time that moved so far apart: somebody set the clock. Slewing takes a day and more for it."""

NowMs = Callable[[], int | None]
"""The time in Unix milliseconds; None while it is unknown."""


def unknown_time() -> None:
    """The time of a box that has learned none."""


@dataclass(frozen=True)
class Validity:
    """From when to when a certificate is valid, in Unix milliseconds, both included (RFC 5280, 4.1.2.5)."""

    from_ms: int
    until_ms: int

    @classmethod
    def of(cls, certificate: Mapping[str, object]) -> Validity:
        """What SSLSocket.getpeercert says of it. Raises OutOfDate when that is no pair of dates."""
        try:
            begins_s, ends_s = (ssl.cert_time_to_seconds(str(certificate[key])) for key in ("notBefore", "notAfter"))
        except (KeyError, ValueError):
            raise OutOfDate from None
        return cls(begins_s * 1000, ends_s * 1000 + 999)

    def covers(self, unix_ms: int) -> bool:
        """Whether the certificate is valid at that time."""
        return self.from_ms <= unix_ms <= self.until_ms


class ClockTrust:
    """Which time judges the certificates of one thread's connections."""

    def __init__(self, clock: Clock, now_ms: NowMs) -> None:
        self._clock = clock
        self._now_ms = now_ms
        self._wrong_ns: int | None = None
        """Wall clock less boot-time of the system's clock that was found wrong."""

    def trusts_system_clock(self) -> bool:
        """Whether the system's clock does: it was not found wrong, or has been set since."""
        return self._wrong_ns is None or abs(self._offset_ns() - self._wrong_ns) >= _CLOCK_STEP_NS

    def switch_to_known_time(self) -> bool:
        """A certificate was refused for its dates. True: from now on another time judges, try again."""
        if not self.trusts_system_clock():
            self._wrong_ns = None
            return False
        if self._now_ms() is None:
            return False
        self._wrong_ns = self._offset_ns()
        return True

    def check(self, validity: Validity) -> None:
        """Judges in place of the system's clock. Raises OutOfDate."""
        now_ms = self._now_ms()
        if now_ms is None or not validity.covers(now_ms):
            raise OutOfDate

    def _offset_ns(self) -> int:
        return self._clock.wall_ns() - self._clock.boottime_ns()
