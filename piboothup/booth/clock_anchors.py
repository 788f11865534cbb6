"""Recorder of clock anchors: RTC and system clock once per boot without NTP, then NTP's time.

Only the booth asks the kernel whether the clock is synchronised. Later it writes only for new photos or a step.
"""

from __future__ import annotations

import logging

from piboothup.clock import Clock
from piboothup.spool.capture_time.anchors import Anchor, Source
from piboothup.spool.store import Spool

log = logging.getLogger(__name__)

ANCHOR_EVERY_MS = 600_000
"""While photos are taken, an NTP anchor is recorded this often, milliseconds."""
STEP_MS = 500
"""A step of the clock of at least this size is recorded at once, milliseconds."""
_RTC_UNCERTAINTY_MS = 1_500
_RTC_ROUNDING_MS = 500
"""Half of a second, added to what an RTC shows, milliseconds: it counts whole seconds."""


class AnchorRecorder:
    """Recorder of this boot's clock anchors."""

    def __init__(self, spool: Spool, clock: Clock) -> None:
        self._spool = spool
        self._clock = clock
        self._is_boot_recorded = False
        self._last: Anchor | None = None
        self._photos_at_last_anchor = 0
        self._is_failure_logged = False

    def record(self, photos: int) -> None:
        """Record RTC and system clock once without NTP; NTP's at first, after a step, every 10 min with new photos.

        `photos`: how many were taken since the booth started. A failed write is tried again with the next call.
        """
        try:
            self._record_changes(photos)
        except OSError as error:
            if not self._is_failure_logged:
                log.error("anchor not written reason=%s", error.strerror or error)
            self._is_failure_logged = True
        else:
            self._is_failure_logged = False

    def _record_changes(self, photos: int) -> None:
        uncertainty_ms = self._clock.ntp_uncertainty_ms()
        before_ns = self._clock.boottime_ns()
        wall_ns = self._clock.wall_ns()
        after_ns = self._clock.boottime_ns()
        now_ms = (before_ns + after_ns) // 2_000_000
        wall_ms = wall_ns // 1_000_000
        if uncertainty_ms is None:
            self._record_unsynchronised_clocks(now_ms, wall_ms)
            return
        half_gap_ms = (after_ns - before_ns) // 2_000_000  # large if the thread was preempted between the readings
        fresh = Anchor(Source.NTP, now_ms, wall_ms, uncertainty_ms + half_gap_ms)
        if self._should_record(fresh, photos):
            self._spool.add_anchor(fresh)
            self._last, self._photos_at_last_anchor = fresh, photos

    def _should_record(self, fresh: Anchor, photos: int) -> bool:
        last = self._last
        if last is None or abs(fresh.offset_ms - last.offset_ms) >= STEP_MS:
            return True
        return photos != self._photos_at_last_anchor and fresh.boottime_ms - last.boottime_ms >= ANCHOR_EVERY_MS

    def _record_unsynchronised_clocks(self, now_ms: int, wall_ms: int) -> None:
        """Record the RTC, and the system clock, which is a lower bound until NTP has set it."""
        if self._is_boot_recorded:
            return
        rtc_ms = self._clock.rtc_ms()
        found = [Anchor(Source.SAVED, now_ms, wall_ms, 0)]
        if rtc_ms is not None:
            found.append(Anchor(Source.RTC, now_ms, rtc_ms + _RTC_ROUNDING_MS, _RTC_UNCERTAINTY_MS))
        for anchor in found:
            if anchor.is_sane:
                self._spool.add_anchor(anchor)
        self._is_boot_recorded = True
