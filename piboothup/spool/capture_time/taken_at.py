"""Capture time (takenAt) computed from a photo's boot-time and the clock anchors of the boots. Pure.

**A boot with anchors.** The best-ranked source decides (NTP, then Date, then RTC; sane anchors only). Of its anchors
those that contradict most others are left out (somebody set the clock), and of two that are closer than a minute the
less certain one. Between two anchors the offset is interpolated, so that a drifting crystal cancels out; before the
first and after the last it is constant. The result is right to the anchor's own uncertainty plus 50 ppm of the time
to it.

**Order.** Offsets that an upload has used are recorded ("in use"), as knots on a grid of one hour; between the knots
the offset is interpolated. A knot in use is never moved, except when a better-ranked source differs by more than 2 s:
so photos that are in the album and those that follow agree, whichever is sent first and whatever is learned later.
(That exception can reverse the order of two photos taken within the difference, one sent before the correction, one
after it: the right time matters more.)

**A clock with a battery (RTC)** is believed only where it contradicts no neighbouring boot: one that keeps local
time, or was never set, would put its boot's photos among another's. Its boot counts as one without anchors then.

**A boot without anchors** lies between its neighbours: it began after the boot before had reached its last known
moment, and its own last known moment came before the boot after it began; the clock it woke up with is a lower bound
too, where it does not contradict. If that leaves at most 24 h, such boots are spread over them in order. If it leaves
more, or one side is open, the time is unknown and takenAt is left out rather than invented.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Mapping, Sequence

from piboothup.records import dataclass, replace
from piboothup.spool.capture_time.anchors import CEILING_MS, Anchor, Source
from piboothup.spool.capture_time.boots import Boot

DRIFT = 50e-6
"""Greatest error of an undisciplined Pi clock, as a share of the time passed."""
KNOT_MS = 3_600_000
KEEP_WITHIN_MS = 2_000
SPREAD_WITHIN_MS = 24 * 3_600_000
_AGREE_WITHIN_MS = 10_000
_CLOSE_MS = 60_000
_MOST_GROUPS = 200
"""Most anchors around which a group is looked for: those of 33 hours full of photos. Each costs a look at all."""

_curves: dict[int, tuple[tuple[tuple[Sequence[Anchor], Sequence[Anchor]], tuple[Anchor, ...]], ...]] = {}
"""By boot its latest two curves, with its RTC and without, each with the anchors and those in use that it is made of.

A running boot gets more anchors all the time, in weeks thousands: curves of what it had before are not kept.
"""


@dataclass(frozen=True)
class Estimate:
    """A moment in Unix milliseconds, with its bounds."""

    unix_ms: int
    low_ms: int
    high_ms: int
    source: Source


def solve(boots: Mapping[int, Boot], number: int, boottime_ms: int) -> Estimate | None:
    """The moment `boottime_ms` of boot `number`; None when that is unknown.

    `boots` holds this boot and, for one without anchors, its neighbours up to the next ones that have some.
    """
    boots = _drop_implausible_rtc(boots)
    boot = boots[number]
    if _curve(boot):
        return _in_boot(boot, boottime_ms)
    start = _between(boots, number)
    if start is None:
        return None
    return _after(start, boottime_ms)


def knots(boots: Mapping[int, Boot], number: int, boottime_ms: int) -> tuple[Anchor, ...]:
    """The offsets that `solve` used for this moment: to be recorded as in use once it is uploaded."""
    boots = _drop_implausible_rtc(boots)
    boot = boots[number]
    if _curve(boot):
        first = boottime_ms // KNOT_MS * KNOT_MS
        return _knot(boot, first), _knot(boot, first + KNOT_MS)
    start = _between(boots, number)
    if start is None:
        return ()
    return (
        Anchor(Source.BETWEEN, 0, start.unix_ms, max(start.high_ms - start.unix_ms, start.unix_ms - start.low_ms)),
    )


def is_known(boot: Boot) -> bool:
    """Whether the boot's own anchors tell its time, whatever its neighbours say: an RTC alone does not."""
    curve = _curve(boot)
    return bool(curve) and (
        curve[0].source is not Source.RTC or any(anchor.source is Source.RTC for anchor in boot.in_use)
    )


# -- a boot with anchors ---------------------------------------------------------------------------------------


def _in_boot(boot: Boot, boottime_ms: int) -> Estimate:
    first = boottime_ms // KNOT_MS * KNOT_MS
    before, after = _knot(boot, first), _knot(boot, first + KNOT_MS)
    if abs(after.offset_ms - before.offset_ms) > _AGREE_WITHIN_MS:
        before = after = min(before, after, key=lambda anchor: anchor.source.rank)
    unix_ms = _interpolated((before, after), boottime_ms).wall_ms
    nearest = min(_curve(boot), key=lambda anchor: abs(anchor.boottime_ms - boottime_ms))
    away_ms = min(abs(nearest.boottime_ms - boottime_ms) + KNOT_MS, boottime_ms + KNOT_MS)
    off_ms = round(max(before.uncertainty_ms, after.uncertainty_ms, nearest.uncertainty_ms) + DRIFT * away_ms)
    return Estimate(unix_ms, unix_ms - off_ms, unix_ms + off_ms, before.source)


def _knot(boot: Boot, boottime_ms: int) -> Anchor:
    fresh = _interpolated(_curve(boot), boottime_ms)
    used = next((anchor for anchor in boot.in_use if anchor.boottime_ms == boottime_ms), None)
    if used is None:
        return fresh
    better = fresh.source.rank < used.source.rank and abs(fresh.offset_ms - used.offset_ms) > KEEP_WITHIN_MS
    return fresh if better else used


def _interpolated(curve: Sequence[Anchor], boottime_ms: int) -> Anchor:
    place = bisect_right(curve, boottime_ms, key=lambda anchor: anchor.boottime_ms)
    before, after = curve[max(0, place - 1)], curve[min(place, len(curve) - 1)]
    span_ms = after.boottime_ms - before.boottime_ms
    share = (boottime_ms - before.boottime_ms) / span_ms if span_ms else 0.0
    offset_ms = before.offset_ms + share * (after.offset_ms - before.offset_ms)
    uncertainty_ms = max(before.uncertainty_ms, after.uncertainty_ms)
    return Anchor(before.source, boottime_ms, round(boottime_ms + offset_ms), uncertainty_ms)


def _curve(boot: Boot) -> tuple[Anchor, ...]:
    """The anchors used, by boot-time; empty when the boot has none that can be believed."""
    known, key = _curves.get(boot.number, ()), (boot.anchors, boot.in_use)
    curve = next((curve for of, curve in known if of == key), None)
    if curve is None:
        curve = _new_curve(boot)
        _curves[boot.number] = ((key, curve), *known[:1])
    return curve


def _new_curve(boot: Boot) -> tuple[Anchor, ...]:
    sane = [anchor for anchor in boot.anchors if anchor.is_sane and anchor.source.rank <= Source.RTC.rank]
    if not sane:
        return ()
    best = min(anchor.source.rank for anchor in sane)
    if best == Source.RTC.rank and _is_estimated(boot):
        return ()  # a battery's word comes too late then
    ranked = [anchor for anchor in sane if anchor.source.rank == best]
    return _apart(_agreeing(ranked, boot.in_use))


def _agreeing(anchors: list[Anchor], in_use: Sequence[Anchor]) -> list[Anchor]:
    """The largest group of anchors that agree with one of them; groups with an offset in use win, then the latest.

    Weeks without a restart make thousands of anchors; then groups around some of them are compared.
    """

    def group(around: Anchor) -> list[Anchor]:
        return [anchor for anchor in anchors if _agree(anchor, around)]

    centres = [anchor for anchor in anchors if any(_agree(anchor, used) for used in in_use)] or anchors
    if len(group(around := max(centres, key=lambda anchor: anchor.boottime_ms))) < len(anchors):
        step = -(-len(centres) // _MOST_GROUPS)
        around = max(centres[::-step], key=lambda anchor: (len(group(anchor)), anchor.boottime_ms))
    return group(around)


def _agree(anchor: Anchor, other: Anchor) -> bool:
    allowed_ms = _AGREE_WITHIN_MS + DRIFT * abs(anchor.boottime_ms - other.boottime_ms)
    return abs(anchor.offset_ms - other.offset_ms) <= allowed_ms + anchor.uncertainty_ms + other.uncertainty_ms


def _apart(anchors: list[Anchor]) -> tuple[Anchor, ...]:
    """The anchors without those that a more certain one makes superfluous or is too close to."""
    kept: list[Anchor] = []
    for anchor in sorted(anchors, key=lambda anchor: (anchor.uncertainty_ms, -anchor.boottime_ms)):
        reach_ms = max(_CLOSE_MS, int(anchor.uncertainty_ms / (2 * DRIFT)) + 1)  # those beyond it matter in no case
        first = bisect_left(kept, anchor.boottime_ms - reach_ms, key=lambda other: other.boottime_ms)
        last = bisect_right(kept, anchor.boottime_ms + reach_ms, key=lambda other: other.boottime_ms)
        distances = [
            (abs(anchor.boottime_ms - other.boottime_ms), other.uncertainty_ms) for other in kept[first:last]
        ]
        crowds = any(away_ms < _CLOSE_MS for away_ms, _ in distances)
        if not crowds and not any(
            sure_ms + DRIFT * away_ms * 2 < anchor.uncertainty_ms for away_ms, sure_ms in distances
        ):
            insort(kept, anchor, key=lambda other: other.boottime_ms)
    return tuple(kept)


def _drop_implausible_rtc(boots: Mapping[int, Boot]) -> Mapping[int, Boot]:
    """The boots without RTC anchors that would put a boot before the one before it or after the next.

    Such a clock keeps local time, or was never set: the boot counts as one without anchors.
    """
    order = sorted(boots)
    doubtful = {number for number in order if _curve(boots[number]) and not is_known(boots[number])}
    if not doubtful:
        return boots
    believed, free_ms = dict(boots), 0
    for place, number in enumerate(order):
        boot = boots[number]
        if number in doubtful:
            begins_ms, ends_ms = (_in_boot(boot, at_ms).unix_ms for at_ms in (0, boot.last_boottime_ms))
            limit_ms = _limit_ms([boots[other] for other in order[place + 1 :]])
            if begins_ms < free_ms or ends_ms > limit_ms:
                told = tuple(anchor for anchor in boot.anchors if anchor.source is not Source.RTC)
                believed[number] = boot = replace(boot, anchors=told)
        free_ms = _moment(boot, boot.last_boottime_ms).unix_ms if _is_fixed(boot) else free_ms + boot.last_boottime_ms
    return believed


def _limit_ms(later: Sequence[Boot]) -> int:
    """The latest time at which a boot can have ended, given the later boots."""
    passed_ms = 0
    for boot in later:
        if is_known(boot) or _is_estimated(boot):
            return _moment(boot, 0).unix_ms - passed_ms
        passed_ms += boot.last_boottime_ms
    return CEILING_MS


# -- a boot without anchors ------------------------------------------------------------------------------------


def _between(boots: Mapping[int, Boot], number: int) -> Estimate | None:
    """The estimated start of a boot without anchors."""
    used = next((anchor for anchor in boots[number].in_use if anchor.source is Source.BETWEEN), None)
    if used is not None:
        start_ms = used.wall_ms - used.boottime_ms
        return Estimate(start_ms, start_ms - used.uncertainty_ms, start_ms + used.uncertainty_ms, Source.BETWEEN)
    order = sorted(boots)
    place = order.index(number)
    first = last = place
    while first > 0 and not _is_fixed(boots[order[first - 1]]):
        first -= 1
    while last + 1 < len(order) and not _is_fixed(boots[order[last + 1]]):
        last += 1
    if first == 0 or last + 1 == len(order):
        return None
    before, after = boots[order[first - 1]], boots[order[last + 1]]
    earliest, latest = _moment(before, before.last_boottime_ms), _moment(after, 0)
    return _spread([boots[other] for other in order[first : last + 1]], place - first, earliest, latest)


def _spread(run: Sequence[Boot], place: int, earliest: Estimate, latest: Estimate) -> Estimate | None:
    """The start of boot `place` in a run of boots without anchors between two known moments."""
    lows = _lows(run, earliest.unix_ms, heed_saved=True)
    end_ms = lows[-1] + run[-1].last_boottime_ms
    if end_ms > latest.unix_ms:
        lows = _lows(run, earliest.unix_ms, heed_saved=False)
        end_ms = lows[-1] + run[-1].last_boottime_ms
    slack_ms = max(0, latest.unix_ms - end_ms)
    if slack_ms > SPREAD_WITHIN_MS:
        return None
    start_ms = lows[place] + slack_ms * (place + 1) // (len(run) + 1)
    low_ms = earliest.low_ms + _at_least_ms(sum(boot.last_boottime_ms for boot in run[:place]))
    high_ms = latest.high_ms - _at_least_ms(sum(boot.last_boottime_ms for boot in run[place:]))
    return Estimate(start_ms, min(low_ms, start_ms), max(high_ms, start_ms), Source.BETWEEN)


def _lows(run: Sequence[Boot], earliest_ms: int, *, heed_saved: bool) -> list[int]:
    """The earliest start of each boot of a run."""
    lows: list[int] = []
    free_ms = earliest_ms
    for boot in run:
        saved = [anchor.offset_ms for anchor in boot.anchors if anchor.source is Source.SAVED and anchor.is_sane]
        low_ms = max([free_ms, *saved]) if heed_saved else free_ms
        lows.append(low_ms)
        free_ms = low_ms + boot.last_boottime_ms
    return lows


def _is_fixed(boot: Boot) -> bool:
    """Whether the boot's time is fixed: by its own anchors, or because an upload has used an estimate."""
    return bool(_curve(boot)) or _is_estimated(boot)


def _is_estimated(boot: Boot) -> bool:
    """Whether an upload has used an estimate from the boot's neighbours."""
    return any(anchor.source is Source.BETWEEN for anchor in boot.in_use)


def _moment(boot: Boot, boottime_ms: int) -> Estimate:
    if _curve(boot):
        return _in_boot(boot, boottime_ms)
    start = _between({boot.number: boot}, boot.number)
    if start is None:  # never: the boot is fixed
        raise ValueError(f"boot {boot.number} has no time")
    return _after(start, boottime_ms)


def _after(start: Estimate, boottime_ms: int) -> Estimate:
    """The moment `boottime_ms` of a boot without anchors that began at `start`."""
    low_ms = start.low_ms + _at_least_ms(boottime_ms)
    return Estimate(start.unix_ms + boottime_ms, low_ms, start.high_ms + boottime_ms, Source.BETWEEN)


def _at_least_ms(boottime_ms: int) -> int:
    """The shortest time in which an undisciplined clock counts this much."""
    return int(boottime_ms * (1 - DRIFT))
