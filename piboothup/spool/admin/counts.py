"""Counts of photos per event and day: taken, composed, sent, withdrawn. For commands: every name on the card is read.

Photos that were deleted because the album has them count as sent. A photo that its guest took back is not among those
taken, nor is one whose bytes are damaged; both have numbers of their own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, datetime, tzinfo
from itertools import groupby
from typing import Any

from piboothup.records import dataclass, field
from piboothup.spool.capture_time import boots
from piboothup.spool.capture_time.boots import Boot
from piboothup.spool.listing import BOOTS, HELD, KEPT, NEW, PARKED, QUARANTINE, SENT, WITHDRAWN
from piboothup.spool.names import Identity, PhotoName
from piboothup.spool.store import Spool

STATES = {
    **{SENT: "sent", NEW: "waiting", HELD: "waiting", PARKED: "parked", KEPT: "kept"},
    **{QUARANTINE: "damaged", WITHDRAWN: "withdrawn"},
}
"""State of a photo by its folder; of one that lies in two, the first."""
TAKEN = ("sent", "waiting", "parked", "kept")
"""States of the photos that count as taken."""
COMPOSED = "composed"
"""Of those taken: framed copies and strips, each a photo of its own."""


@dataclass
class EventCounts:
    """Numbers of an event's photos, by day and state."""

    days: dict[date | None, Counter[str]] = field(default_factory=dict)
    """None: the time is not known."""
    first_ms: int | None = None
    """Unix milliseconds of the first photo that was taken, and of the last; None when no time is known."""
    last_ms: int | None = None

    @property
    def total(self) -> Counter[str]:
        """Numbers of all days, by state."""
        return sum(self.days.values(), Counter())

    def add(self, state: str, photos: int, day: date | None) -> None:
        """Count photos of one day."""
        self.days.setdefault(day, Counter())[state] += photos

    def note(self, state: str, first_ms: int, last_ms: int) -> None:
        """Take note of the times of photos in this state."""
        if state in TAKEN:
            self.first_ms = min(first_ms, first_ms if self.first_ms is None else self.first_ms)
            self.last_ms = max(last_ms, last_ms if self.last_ms is None else self.last_ms)

    def to_json(self) -> list[dict[str, Any]]:
        """The days for other programs, in order; "day" is null for photos whose time is not known."""
        return [{"day": None if day is None else day.isoformat(), **shown(found)} for day, found in sorted_days(self)]


def shown(found: Counter[str]) -> dict[str, int]:
    """Numbers for other programs."""
    return {
        "taken": taken(found),
        "composed": found[COMPOSED],
        "sent": found["sent"],
        "withdrawn": found["withdrawn"],
    }


def taken(found: Counter[str]) -> int:
    """Number of photos that count as taken."""
    return sum(found[state] for state in TAKEN)


def sorted_days(event: EventCounts) -> list[tuple[date | None, Counter[str]]]:
    """The event's days in order, the unknown one last."""
    return sorted(event.days.items(), key=lambda found: (found[0] is None, found[0] or date.min))


_WAY = (WITHDRAWN, HELD, NEW, KEPT, PARKED, QUARANTINE, SENT, WITHDRAWN)
"""The folders in the order in which photos go through them: one that moves meanwhile is seen at least once."""


def list_names(spool: Spool) -> dict[str, tuple[PhotoName, ...]]:
    """The names in every folder that counts, each once; of one that lies in two, as in `STATES`."""
    found: dict[str, set[PhotoName]] = {place: set() for place in STATES}
    for place in _WAY:
        found[place].update(spool.names(place))
    seen: set[PhotoName] = set()
    names: dict[str, tuple[PhotoName, ...]] = {}
    for place in STATES:
        names[place] = tuple(found[place] - seen)
        seen |= found[place]
    return names


def count(
    spool: Spool, names: Mapping[str, Iterable[PhotoName]], zone: tzinfo, event_of: Callable[[Identity], str]
) -> dict[str, EventCounts]:
    """Numbers of photos by event, as `event_of` names it, with days in `zone`. `names`: see `list_names`."""
    events: dict[str, EventCounts] = {}
    known: dict[int, Boot] = {}
    by_boot: dict[tuple[str, str, str, int], list[PhotoName]] = {}
    for name, state in _each_once(spool, names):
        by_boot.setdefault((event_of(name), state, name.box, name.boot), []).append(name)
        boot = known.get(name.boot) or known.setdefault(name.boot, spool.read_boot(name.boot))
        if state in TAKEN and boot.is_composed(name.seq):
            by_boot.setdefault((event_of(name), COMPOSED, name.box, name.boot), []).append(name)
    for (event, state, _, _), photos in by_boot.items():
        of_event = events.setdefault(event, EventCounts())
        timed = sorted((name for name in photos if name.boottime_ms), key=lambda name: name.boottime_ms)
        if len(timed) < len(photos):
            of_event.add(state, len(photos) - len(timed), None)
        _count_days(spool, of_event, state, timed, zone)
    return events


def _each_once(spool: Spool, names: Mapping[str, Iterable[PhotoName]]) -> Iterator[tuple[PhotoName, str]]:
    """Each photo with its state; those deleted with boot-time 0 if that was not recorded."""
    seen: set[tuple[str, int, int]] = set()

    def is_new(photo: Identity) -> bool:
        known = len(seen)
        seen.add((photo.context, photo.boot, photo.seq))
        return len(seen) > known

    for place, state in STATES.items():
        yield from ((name, state) for name in names.get(place, ()) if is_new(name))
    directory = spool.directory / BOOTS
    for boot, photos in groupby(boots.retired(directory), key=lambda photo: photo.boot):
        times_ms, box = boots.retired_times(directory, boot), spool.read_boot(boot).box
        for photo in filter(is_new, photos):
            yield PhotoName(box, boot, photo.seq, times_ms.get(photo.seq, 0), photo.context, ""), "sent"


def _count_days(spool: Spool, event: EventCounts, state: str, photos: list[PhotoName], zone: tzinfo) -> None:
    """Count photos of one boot, sorted by their boot-time.

    Time goes on with boot-time, so photos between two of one day are of that day: a few times are computed, not all.
    """
    if not photos:
        return
    first_ms, last_ms = (spool.taken_at_ms(photo) for photo in (photos[0], photos[-1]))
    if first_ms is None or last_ms is None:
        event.add(state, len(photos), None)
        return
    event.note(state, first_ms, last_ms)
    day = _day(first_ms, zone)
    if len(photos) <= 2 or day == _day(last_ms, zone):
        event.add(state, len(photos) - 1, day)
        event.add(state, 1, _day(last_ms, zone))
        return
    middle = len(photos) // 2
    _count_days(spool, event, state, photos[:middle], zone)
    _count_days(spool, event, state, photos[middle:], zone)


def _day(unix_ms: int, zone: tzinfo) -> date:
    return datetime.fromtimestamp(unix_ms / 1000, zone).date()
