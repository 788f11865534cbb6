"""What was tried in vain for single photos: failures, refusals, and the upload URL that may serve once more.

Only for photos that did not get through at once; the rest leave no trace here. Not safe for threads by itself: its
owner holds a lock.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import Enum, auto

from piboothup.config import Secret
from piboothup.spool.contexts import Context
from piboothup.spool.names import PhotoName
from piboothup.uploader.pace import is_young

_ALL_REFUSED = 3
"""So many different photos refused and none taken: it is not the photos."""
_TRIES_BEFORE_PARKING = 2


class Refusal(Enum):
    """What a refusal of a photo leads to."""

    TRY_AGAIN = auto()
    PARK = auto()
    ALL_REFUSED = auto()
    """The server refuses whatever it is shown: no photo is to blame."""


@dataclass
class _Past:
    failures: int = 0
    refusals: int = 0
    url: Secret | None = None
    asked_ns: int = 0
    context: Context | None = None
    """What the URL was asked for."""


class Tries:
    """The past of each photo that has one."""

    def __init__(self) -> None:
        self.unreadable: set[PhotoName] = set()
        """Photos whose bytes the card does not give."""
        self.alarms = 0
        """How often in a row it was not the photos."""
        self._past: dict[PhotoName, _Past] = {}
        self._closed: Counter[Context] = Counter()
        self._refused: set[PhotoName] = set()

    def young_url(self, name: PhotoName, context: Context, now_ns: int) -> Secret | None:
        """The upload URL that the photo already has for this event and album, while it may still be used."""
        past = self._past.get(name)
        if past is None or past.context != context or not is_young(past.asked_ns, now_ns):
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

    def refused(self, name: PhotoName) -> Refusal:
        """The server refused the photo."""
        past = self._of(name)
        past.refusals += 1
        self._refused.add(name)
        if len(self._refused) >= _ALL_REFUSED:
            self.alarms += 1
            return Refusal.ALL_REFUSED
        return Refusal.PARK if past.refusals >= _TRIES_BEFORE_PARKING else Refusal.TRY_AGAIN

    def closed(self, context: Context) -> int:
        """The server takes nothing for this event; how often in a row by now."""
        self._closed[context] += 1
        return self._closed[context]

    def arrived(self, name: PhotoName, context: Context) -> None:
        """The album has the photo: so the server takes photos."""
        self._believe_the_server()
        self._closed.pop(context, None)
        self.forget(name)

    def forget(self, name: PhotoName) -> None:
        """The photo has left new/."""
        self._past.pop(name, None)
        self.unreadable.discard(name)

    def forget_all(self) -> None:
        """Everything is to be tried as if for the first time."""
        self._past.clear()
        self._closed.clear()
        self._believe_the_server()

    def _believe_the_server(self) -> None:
        self._refused.clear()
        self.alarms = 0

    def _of(self, name: PhotoName) -> _Past:
        return self._past.setdefault(name, _Past())
