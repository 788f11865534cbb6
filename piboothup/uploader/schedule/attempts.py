"""What was tried in vain, by photo and by event, and whom it is held against.

A server that says no may mean the photo, its event, or everything. What became of the others tells:

    what came, time and again            of its event meanwhile       of other events   held against
    a photo is refused                   no matter                    no matter         the photo, for some seconds
    the same photo, once more            another arrived              no matter         the photo: parked
    the same, as too large               nothing arrived              no matter         the photo: parked
    the same, and it is its only one     none was tried               no matter         the photo: parked
    the same, otherwise                  nothing arrived              no matter         the photo, for minutes; told
    3 different photos are refused       nothing arrived              no matter         the event, for minutes; told
    3 errors                             nothing arrived              wait or arrived   the event, for seconds; told
    an error                             no matter                    no matter         everything: the back-off

So no event stands in another's way, and of what a server refuses as a whole one photo is parked at the most; two if
it calls them too large. What gets through at once leaves no trace here. Not safe for threads by itself: its
owner holds a lock.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import Enum, auto

from piboothup.config import Secret
from piboothup.spool.contexts import Context
from piboothup.spool.names import PhotoName
from piboothup.uploader.schedule.backoff import is_fresh

SYSTEMATIC_AFTER = 3
"""So many different photos of an event refused and none taken: it is not the photos. The same of errors in a row."""
_ATTEMPTS_BEFORE_PARKING = 2


class Refusal(Enum):
    """What a refusal of a photo leads to."""

    TRY_AGAIN = auto()
    PARK = auto()
    REST_CONTEXT = auto()
    """The server refuses whatever it is shown of the event: no photo is to blame."""


@dataclass
class _PhotoHistory:
    """Of a photo."""

    failures: int = 0
    refusals: int = 0
    refused_by: Context | None = None
    taken_before: int = 0
    """So many photos had arrived there when it was refused first."""
    url: Secret | None = None
    asked_ns: int = 0
    context: Context | None = None
    """What the URL was asked for."""


@dataclass
class _ContextHistory:
    """Of an event and album, since a photo arrived there last."""

    taken_before: int
    """So many photos had arrived anywhere when it began."""
    refused: set[PhotoName] = field(default_factory=set)
    errors: int = 0
    rests: int = 0


class AttemptHistory:
    """The past of each photo and each event that has one."""

    def __init__(self) -> None:
        self.unreadable: set[PhotoName] = set()
        """Photos whose bytes the card does not give."""
        self.refused_again: set[PhotoName] = set()
        """Photos that were refused more than once, and may yet be taken."""
        self.met_defect: set[PhotoName] = set()
        """Photos over which a mistake of our own was met when they were tried last."""
        self._past: dict[PhotoName, _PhotoHistory] = {}
        self._doubts: dict[Context, _ContextHistory] = {}
        self._taken: Counter[Context] = Counter()

    def fresh_url(self, name: PhotoName, context: Context, now_ns: int) -> Secret | None:
        """The upload URL that the photo already has for this event and album, while it may still be used."""
        past = self._past.get(name)
        if past is None or past.context != context or not is_fresh(past.asked_ns, now_ns):
            return None
        return past.url

    def keep_url(self, name: PhotoName, context: Context, url: Secret, asked_ns: int) -> None:
        """The photo's upload URL, for a second try."""
        past = self._of(name)
        past.url, past.context, past.asked_ns = url, context, asked_ns

    def drop_url(self, name: PhotoName) -> None:
        """The photo's upload URL is of no use."""
        self._of(name).url = None

    def failed(self, name: PhotoName) -> int:
        """The photo did not get through; how often by now."""
        past = self._of(name)
        past.failures += 1
        return past.failures

    def refused(self, name: PhotoName, context: Context, *, too_large: bool, is_only: bool) -> Refusal:
        """The server refused the photo. `is_only`: no other of the event waits."""
        past, taken, doubt = self._of(name), self._taken[context], self._doubt(context)
        if past.refused_by != context:
            past.refusals, past.refused_by, past.taken_before = 0, context, taken
        past.refusals += 1
        doubt.refused.add(name)
        if len(doubt.refused) >= SYSTEMATIC_AFTER:
            return Refusal.REST_CONTEXT
        if past.refusals < _ATTEMPTS_BEFORE_PARKING:
            return Refusal.TRY_AGAIN
        is_alone = is_only and doubt.refused == {name}
        if too_large or is_alone or taken > past.taken_before:
            return Refusal.PARK
        self.refused_again.add(name)
        return Refusal.TRY_AGAIN

    def refusals(self, name: PhotoName) -> int:
        """How often the photo was refused."""
        return self._of(name).refusals

    def erred(self, context: Context) -> int:
        """The server failed over a photo of this event; how often in a row by now."""
        doubt = self._doubt(context)
        doubt.errors += 1
        return doubt.errors

    def rested(self, context: Context) -> int:
        """This event is left alone for a while; how often in a row by now."""
        doubt = self._doubt(context)
        doubt.rests += 1
        return doubt.rests

    def takes_others(self, context: Context) -> bool:
        """Whether a photo arrived anywhere since this event came into doubt."""
        doubt = self._doubts.get(context)
        return doubt is not None and self._taken.total() > doubt.taken_before

    def arrived(self, name: PhotoName, context: Context) -> None:
        """The album has the photo: so the server takes photos of its event."""
        self._taken[context] += 1
        self._doubts.pop(context, None)
        self.forget(name)

    def forget(self, name: PhotoName) -> None:
        """The photo has left new/."""
        self._past.pop(name, None)
        self.unreadable.discard(name)
        self.refused_again.discard(name)
        self.met_defect.discard(name)

    def forget_all(self) -> None:
        """Everything is to be tried as if for the first time."""
        self._past.clear()
        self._doubts.clear()
        self.refused_again.clear()
        self.met_defect.clear()

    def _of(self, name: PhotoName) -> _PhotoHistory:
        return self._past.setdefault(name, _PhotoHistory())

    def _doubt(self, context: Context) -> _ContextHistory:
        if (doubt := self._doubts.get(context)) is None:
            doubt = self._doubts[context] = _ContextHistory(self._taken.total())
        return doubt
