"""Validity dates of certificates, on a box that may have booted with a wrong clock.

OpenSSL checks them by the system's clock. A certificate that is refused for its dates alone may mean that this clock
is wrong; then another time is used for the check (see `trusted_time.py`), before a byte of a request leaves, until
somebody sets the system's clock. Only the server's own certificate of the chain is checked here: without dates
OpenSSL may choose another way up to the root than with them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from piboothup.clock import Clock
from piboothup.uploader.transport.errors import OutOfDate
from piboothup.uploader.transport.messages import Validity

log = logging.getLogger(__name__)

_CLOCK_STEP_NS = 60 * 1_000_000_000
"""Change of wall clock less boot-time that shows that the clock was set; slewing takes a day for it, nanoseconds."""

NowMs = Callable[[], int | None]
"""The time in Unix milliseconds; None while it is unknown."""


class CertificateClock:
    """The time by which the certificates of one thread's connections are checked."""

    def __init__(self, clock: Clock, now_ms: NowMs) -> None:
        self._clock = clock
        self._now_ms = now_ms
        self.wrong_ns: int | None = None
        """Wall clock less boot-time when the system's clock was found wrong, nanoseconds; None = it was not."""

    def trusts_system_clock(self) -> bool:
        """Whether the system's clock is used: it was not found wrong, or was set since."""
        return self.wrong_ns is None or abs(self._offset_ns() - self.wrong_ns) >= _CLOCK_STEP_NS

    def switch_to_known_time(self) -> bool:
        """Use the known time after a certificate was refused for its dates; return whether to try again."""
        if not self.trusts_system_clock():
            self.wrong_ns = None
            return False
        if self._now_ms() is None:
            return False
        self.wrong_ns = self._offset_ns()
        return True

    def check(self, validity: Validity) -> None:
        """Check dates by the known time. Raises OutOfDate."""
        now_ms = self._now_ms()
        if now_ms is None or not validity.covers(now_ms):
            raise OutOfDate

    def _offset_ns(self) -> int:
        return self._clock.wall_ns() - self._clock.boottime_ns()
