"""Failed attempts per photo and per event; decides whether the photo, its event or the server is at fault.

A refusal may be about the photo, its event, or everything. Whether other photos were sent meanwhile tells:

    failure                              photos of the same event     other events      at fault, and waits
    a photo is refused                   any                          any               the photo, for some seconds
    the same photo, once more            another was sent             any               the photo: parked
    the same, as too large               none was sent                any               the photo: parked
    the same, and it is its only one     none was tried               any               the photo: parked
    the same, otherwise                  none was sent                any               the photo, for minutes; shown
    3 different photos are refused       none was sent                any               the event, for minutes; shown
    3 errors                             none was sent                wait or were sent the event, for seconds; shown
    an error                             any                          any               everything: the back-off

So no event blocks another, and of an event that is refused as a whole at most one photo is parked; two if the server
calls them too large. A photo that is sent at the first attempt leaves nothing here.
"""

from __future__ import annotations

from collections import Counter
from enum import Enum, auto

from piboothup.config import Secret
from piboothup.records import dataclass, field
from piboothup.spool.contexts import Context
from piboothup.spool.names import PhotoName

SYSTEMATIC_AFTER = 3
"""Photos of an event refused, none sent, before the event is at fault; also errors in a row."""
_ATTEMPTS_BEFORE_PARKING = 2
"""Refusals of a photo before it may be parked."""


class Refusal(Enum):
    """Consequence of a refused photo."""

    RETRY_PHOTO = auto()
    PARK_PHOTO = auto()
    COOL_DOWN_CONTEXT = auto()
    """The server refuses every photo of the event: none of them is at fault."""


@dataclass(frozen=True)
class UploadUrl:
    """A photo's upload URL."""

    url: Secret
    context: Context
    """Event and album that it leads to."""
    asked_ns: int
    """Boot-time at which it was asked for."""
    was_sent: bool = False
    """The whole photo was sent to it, without a confirmation."""


@dataclass
class PhotoHistory:
    """Failed attempts of a photo."""

    failures: int = 0
    refusals: int = 0
    refused_by: Context | None = None
    sent_before: int = 0
    """Photos sent to that event before the first refusal."""
    blocked_ns: int | None = None
    """Boot-time at which it was last BLOCKED."""
    url: UploadUrl | None = None
    """Of the last attempt."""
    unparked: str = ""
    """Why it belongs into parked/, where it could not be moved yet."""


@dataclass
class _ContextHistory:
    """Failures of an event and album since a photo was last sent there."""

    sent_before: int
    """Photos sent anywhere before the first failure."""
    refused: set[PhotoName] = field(default_factory=set)
    errors: int = 0
    cooldowns: int = 0


class AttemptHistory:
    """Failed attempts of all photos and events that have any."""

    def __init__(self, sent: Counter[Context]) -> None:
        """`sent`: the photos sent since the start, which are counted elsewhere."""
        self.photos: dict[PhotoName, PhotoHistory] = {}
        """Those of every photo that failed in any way and still waits."""
        self.contexts: dict[Context, _ContextHistory] = {}
        self.unreadable: set[PhotoName] = set()
        self.refused_again: set[PhotoName] = set()
        """Photos that were refused more than once and are tried again."""
        self.hit_defect: set[PhotoName] = set()
        """Photos whose last attempt ended in a defect of this program."""
        self._sent = sent

    def record_failure(self, name: PhotoName) -> int:
        """Count a failed attempt; return the count."""
        history = self.photo(name)
        history.failures += 1
        return history.failures

    def record_refusal(self, name: PhotoName, context: Context, *, too_large: bool, is_only: bool) -> Refusal:
        """Record a refusal; return what it leads to. `is_only`: no other photo of the event waits."""
        photo, sent, event = self.photo(name), self._sent[context], self._context(context)
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

    def record_error(self, context: Context) -> int:
        """Count an error of the server over a photo of this event; return how many in a row."""
        history = self._context(context)
        history.errors += 1
        return history.errors

    def record_cooldown(self, context: Context) -> int:
        """Count a cool-down of this event; return how many in a row."""
        history = self._context(context)
        history.cooldowns += 1
        return history.cooldowns

    def has_sent_since(self, context: Context) -> bool:
        """Whether a photo was sent anywhere since this event began to fail."""
        history = self.contexts.get(context)
        return history is not None and self._sent.total() > history.sent_before

    def record_unreadable(self, name: PhotoName) -> None:
        """Record that the photo's file can't be read."""
        self.photo(name)
        self.unreadable.add(name)

    def record_defect(self, name: PhotoName) -> None:
        """Record that an attempt ended in a defect of this program."""
        self.photo(name)
        self.hit_defect.add(name)

    def on_sent(self, name: PhotoName, context: Context) -> None:
        """Forget the failures of a sent photo and its event."""
        self.contexts.pop(context, None)
        self.forget(name)

    def forget(self, name: PhotoName) -> None:
        """Forget a photo that has left new/."""
        self.photos.pop(name, None)
        self.unreadable.discard(name)
        self.refused_again.discard(name)
        self.hit_defect.discard(name)

    def forget_all(self) -> None:
        """Forget all failures, so that everything is tried as if for the first time."""
        self.photos = {name: PhotoHistory() for name in self.unreadable}
        self.contexts.clear()
        self.refused_again.clear()
        self.hit_defect.clear()

    def photo(self, name: PhotoName) -> PhotoHistory:
        """The failed attempts of this photo, recorded from now on."""
        return self.photos.setdefault(name, PhotoHistory())

    def _context(self, context: Context) -> _ContextHistory:
        if (history := self.contexts.get(context)) is None:
            history = self.contexts[context] = _ContextHistory(self._sent.total())
        return history
