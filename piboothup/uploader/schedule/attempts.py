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

    RETRY_PHOTO = auto()
    PARK_PHOTO = auto()
    COOL_DOWN_CONTEXT = auto()
    """The server refuses whatever it is shown of the event: no photo is to blame."""


@dataclass
class _PhotoHistory:
    """Of a photo."""

    failures: int = 0
    refusals: int = 0
    refused_by: Context | None = None
    sent_before: int = 0
    """So many photos had arrived there when it was refused first."""
    url: Secret | None = None
    asked_ns: int = 0
    context: Context | None = None
    """What the URL was asked for."""


@dataclass
class _ContextHistory:
    """Of an event and album, since a photo arrived there last."""

    sent_before: int
    """So many photos had arrived anywhere when it began."""
    refused: set[PhotoName] = field(default_factory=set)
    errors: int = 0
    cooldowns: int = 0


class AttemptHistory:
    """The past of each photo and each event that has one."""

    def __init__(self) -> None:
        self.unreadable: set[PhotoName] = set()
        """Photos whose bytes the card does not give."""
        self.refused_again: set[PhotoName] = set()
        """Photos that were refused more than once, and may yet be taken."""
        self.hit_defect: set[PhotoName] = set()
        """Photos over which a mistake of our own was met when they were tried last."""
        self._photos: dict[PhotoName, _PhotoHistory] = {}
        self._contexts: dict[Context, _ContextHistory] = {}
        self._sent: Counter[Context] = Counter()

    def fresh_url(self, name: PhotoName, context: Context, now_ns: int) -> Secret | None:
        """The upload URL that the photo already has for this event and album, while it may still be used."""
        history = self._photos.get(name)
        if history is None or history.context != context or not is_fresh(history.asked_ns, now_ns):
            return None
        return history.url

    def keep_url(self, name: PhotoName, context: Context, url: Secret, asked_ns: int) -> None:
        """The photo's upload URL, for a second try."""
        history = self._photo(name)
        history.url, history.context, history.asked_ns = url, context, asked_ns

    def drop_url(self, name: PhotoName) -> None:
        """The photo's upload URL is of no use."""
        self._photo(name).url = None

    def record_failure(self, name: PhotoName) -> int:
        """The photo did not get through; how often by now."""
        history = self._photo(name)
        history.failures += 1
        return history.failures

    def record_refusal(self, name: PhotoName, context: Context, *, too_large: bool, is_only: bool) -> Refusal:
        """The server refused the photo. `is_only`: no other of the event waits."""
        photo, sent, event = self._photo(name), self._sent[context], self._context(context)
        if photo.refused_by != context:
            photo.refusals, photo.refused_by, photo.sent_before = 0, context, sent
        photo.refusals += 1
        event.refused.add(name)
        if len(event.refused) >= SYSTEMATIC_AFTER:
            return Refusal.COOL_DOWN_CONTEXT
        if photo.refusals < _ATTEMPTS_BEFORE_PARKING:
            return Refusal.RETRY_PHOTO
        is_alone = is_only and event.refused == {name}
        if too_large or is_alone or sent > photo.sent_before:
            return Refusal.PARK_PHOTO
        self.refused_again.add(name)
        return Refusal.RETRY_PHOTO

    def refusals(self, name: PhotoName) -> int:
        """How often the photo was refused."""
        return self._photo(name).refusals

    def record_error(self, context: Context) -> int:
        """The server failed over a photo of this event; how often in a row by now."""
        history = self._context(context)
        history.errors += 1
        return history.errors

    def record_cooldown(self, context: Context) -> int:
        """This event is left alone for a while; how often in a row by now."""
        history = self._context(context)
        history.cooldowns += 1
        return history.cooldowns

    def has_sent_since(self, context: Context) -> bool:
        """Whether a photo arrived anywhere since this event came into doubt."""
        history = self._contexts.get(context)
        return history is not None and self._sent.total() > history.sent_before

    def record_sent(self, name: PhotoName, context: Context) -> None:
        """The album has the photo: so the server takes photos of its event."""
        self._sent[context] += 1
        self._contexts.pop(context, None)
        self.forget(name)

    def forget(self, name: PhotoName) -> None:
        """The photo has left new/."""
        self._photos.pop(name, None)
        self.unreadable.discard(name)
        self.refused_again.discard(name)
        self.hit_defect.discard(name)

    def forget_all(self) -> None:
        """Everything is to be tried as if for the first time."""
        self._photos.clear()
        self._contexts.clear()
        self.refused_again.clear()
        self.hit_defect.clear()

    def _photo(self, name: PhotoName) -> _PhotoHistory:
        return self._photos.setdefault(name, _PhotoHistory())

    def _context(self, context: Context) -> _ContextHistory:
        if (history := self._contexts.get(context)) is None:
            history = self._contexts[context] = _ContextHistory(self._sent.total())
        return history
