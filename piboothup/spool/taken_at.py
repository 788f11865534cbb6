"""When a photo was taken: from its boot-time and what is known of the clock.

Pure. Rules, for a photo of a boot with anchors:

1. The best-ranked source present decides (NTP, then Date, then RTC); a saved clock is only a lower bound.
2. Of its anchors the nearest to the photo holds, before or after it.
3. An offset once used for an upload stays in use, unless a better-ranked source differs by more than 2 s: photos
   that are already in the album and those that follow keep their order.
4. With no anchor the time is unknown: takenAt is left out rather than invented.
"""

from __future__ import annotations

from piboothup.spool.anchors import Anchor, Source
from piboothup.spool.boots import Boot

KEEP_WITHIN_MS = 2_000


def taken_at_ms(boot: Boot, boottime_ms: int) -> tuple[int, Anchor] | None:
    """Unix milliseconds of `boottime_ms` in that boot, and the anchor whose offset says so; None when unknown."""
    offset = _offset(boot.anchors, boottime_ms)
    used = boot.offset
    if used is not None and (
        offset is None
        or offset.source.rank >= used.source.rank
        or abs(offset.offset_ms - used.offset_ms) <= KEEP_WITHIN_MS
    ):
        offset = used
    return None if offset is None else (boottime_ms + offset.offset_ms, offset)


def _offset(anchors: tuple[Anchor, ...], boottime_ms: int) -> Anchor | None:
    trusted = [one for one in anchors if one.source is not Source.SAVED]
    if not trusted:
        return None
    best = min(one.source.rank for one in trusted)
    ranked = [one for one in trusted if one.source.rank == best]
    return min(ranked, key=lambda one: (abs(one.boottime_ms - boottime_ms), one.uncertainty_ms))
