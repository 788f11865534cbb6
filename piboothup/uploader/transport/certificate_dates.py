"""Validity dates of certificates, on a box that may have booted with a wrong clock.

OpenSSL checks them by the system's clock. A certificate that is refused for its dates alone may mean that this clock
is wrong; then another time is used for the check (see `trusted_time.py`), before a byte of a request leaves, until
somebody sets the system's clock. Only the server's own certificate of the chain is checked here: without dates
OpenSSL may choose another way up to the root than with them.
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
"""Change of wall clock less boot-time that shows that the clock was set; slewing takes a day for it, nanoseconds."""

NowMs = Callable[[], int | None]
"""The time in Unix milliseconds; None while it is unknown."""


def unknown_time() -> None:
    """Stands for the time where none is known."""


@dataclass(frozen=True)
class Validity:
    """First and last moment at which a certificate is valid, Unix milliseconds (RFC 5280, 4.1.2.5)."""

    from_ms: int
    until_ms: int

    @classmethod
    def of(cls, certificate: Mapping[str, object]) -> Validity:
        """The dates in a result of SSLSocket.getpeercert. Raises OutOfDate when it has none."""
        try:
            begins_s, ends_s = (ssl.cert_time_to_seconds(str(certificate[key])) for key in ("notBefore", "notAfter"))
        except (KeyError, ValueError):
            raise OutOfDate from None
        return cls(begins_s * 1000, ends_s * 1000 + 999)

    def covers(self, unix_ms: int) -> bool:
        """Whether the certificate is valid at that time."""
        return self.from_ms <= unix_ms <= self.until_ms


class CertificateClock:
    """The time by which the certificates of one thread's connections are checked."""

    def __init__(self, clock: Clock, now_ms: NowMs) -> None:
        self._clock = clock
        self._now_ms = now_ms
        self._wrong_ns: int | None = None
        """Wall clock less boot-time when the system's clock was found wrong, nanoseconds."""

    def trusts_system_clock(self) -> bool:
        """Whether the system's clock is used: it was not found wrong, or was set since."""
        return self._wrong_ns is None or abs(self._offset_ns() - self._wrong_ns) >= _CLOCK_STEP_NS

    def switch_to_known_time(self) -> bool:
        """Uses the known time from now on, after a certificate was refused for its dates. True: try again."""
        if not self.trusts_system_clock():
            self._wrong_ns = None
            return False
        if self._now_ms() is None:
            return False
        self._wrong_ns = self._offset_ns()
        return True

    def check(self, validity: Validity) -> None:
        """Checks dates by the known time. Raises OutOfDate."""
        now_ms = self._now_ms()
        if now_ms is None or not validity.covers(now_ms):
            raise OutOfDate

    def _offset_ns(self) -> int:
        return self._clock.wall_ns() - self._clock.boottime_ns()
