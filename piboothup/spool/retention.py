"""Retention: sent photos are deleted when they are old enough or the card needs room. No other photo ever is.

Days are counted only by a clock that has been believed for an hour: a wall clock that jumps ten years ahead deletes
nothing. EventPics must have told that time over verified HTTPS, with a certificate that is valid then (see
`uploader.trusted_time`), and NTP, which any network can forge, must not contradict it. The oldest photos are deleted
first, a few at a time, on a thread of the lowest priority; a press never waits for it.
"""

from __future__ import annotations

import heapq
import logging
import os

from piboothup.spool import handover
from piboothup.spool.capture_time.anchors import Anchor, Source
from piboothup.spool.capture_time.boots import Boot
from piboothup.spool.listing import SENT
from piboothup.spool.names import PhotoName
from piboothup.spool.store import Spool

log = logging.getLogger(__name__)

BELIEVED_AFTER_MS = 3_600_000
AGREE_WITHIN_MS = 10_000
BATCH_PHOTOS = 32
_DAY_MS = 86_400_000
_MB = 1_000_000


def sweep(spool: Spool, keep_days: int, min_free_mb: int) -> int:
    """Delete at most one batch of sent photos; return how many. `keep_days` 0: only while there is no room."""
    short = _short_of_room(spool, min_free_mb)
    now_ms = _believed_now_ms(spool) if keep_days else None
    if not short and now_ms is None:
        return 0
    gone = spool.names(SENT)
    if not short:
        gone = (name for name in gone if _is_old(spool, name, (now_ms or 0) - keep_days * _DAY_MS))
    chosen = heapq.nsmallest(BATCH_PHOTOS, gone, key=lambda name: name.order)
    if spool.has_moved():  # the room or the names may be another disk's
        return 0
    deleted = handover.retire(spool, chosen) if chosen else 0
    if deleted:
        log.info("retired photos=%d reason=%s", deleted, "room" if short else "age")
    return deleted


def _short_of_room(spool: Spool, min_free_mb: int) -> bool:
    try:
        room = os.statvfs(spool.directory)
    except OSError:
        return False
    crowded = room.f_files > 0 and room.f_favail < BATCH_PHOTOS
    return crowded or room.f_bavail * room.f_frsize < min_free_mb * _MB


def _is_old(spool: Spool, name: PhotoName, before_ms: int) -> bool:
    taken_ms = spool.taken_at_ms(name)
    return taken_ms is not None and taken_ms < before_ms


def _believed_now_ms(spool: Spool) -> int | None:
    """Unix milliseconds now, if all anchors of this boot agree since at least an hour; else None."""
    now_ms = spool.clock.boottime_ns() // 1_000_000
    return spool.now_trusted_ms(now_ms) if believed(spool.read_boot(spool.boot), now_ms) else None


def believed(boot: Boot, now_ms: int) -> bool:
    """Whether the boot's clocks have agreed with its boot-time for an hour, up to `now_ms` of boot-time.

    NTP alone is not enough: nothing proves who answered.
    """
    told = [anchor for anchor in boot.anchors if anchor.source in (Source.NTP, Source.DATE)]
    if not any(anchor.source is Source.DATE for anchor in told):
        return False
    if not all(anchor.is_sane and _agree(anchor, told[0]) for anchor in told):
        return False
    return now_ms - min(anchor.boottime_ms for anchor in told) >= BELIEVED_AFTER_MS and len(told) > 1


def _agree(anchor: Anchor, other: Anchor) -> bool:
    allowed_ms = AGREE_WITHIN_MS + anchor.uncertainty_ms + other.uncertainty_ms
    return abs(anchor.offset_ms - other.offset_ms) <= allowed_ms
