"""Queue of the waiting photos, in the order in which they were taken; says which is next.

In turn the newest (for the live slideshow), the oldest (so that no backlog starves) and one that failed before are
chosen; so failed photos delay the others at most every third time. Each operation costs the same with a hundred
photos and a hundred thousand. Only names are kept, as text (12 MB for a hundred thousand); a photo whose event is
held is only counted, and comes back with the next listing. An operator may assign some photos of a context and not
the others, so photos are counted and held by the event and album that they are to go to.
"""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from itertools import count
from pathlib import Path

from piboothup.records import dataclass
from piboothup.spool.contexts import Context, ContextRecord
from piboothup.spool.names import PhotoName, is_boot_folder

UNREADABLE = -1
"""Stands in a stamp for the time of a folder that can't be read."""
_PHOTOS_OF_A_BOOT = 10_000_000
"""Factor of the boot number in a position: more photos than any boot has."""


@dataclass(frozen=True)
class ContextHold:
    """Reason and end of the wait of a context's photos."""

    reason: str
    """The problem's code."""
    until_ns: int | None = None
    """Boot-time of the next try; None = only when the photos are assigned elsewhere."""
    detail: str = ""
    until_listed: bool = False
    """Over as soon as EventPics shows the event."""


def sorted_names(names: Iterable[PhotoName]) -> list[str]:
    """The names as text, oldest first: the input of `PhotoQueue.reload`. Sorted boot by boot, to save memory."""
    by_boot: defaultdict[int, list[str]] = defaultdict(list)
    for name in names:
        by_boot[name.boot].append(str(name))
    return [text for boot in sorted(by_boot) for text in sorted(by_boot.pop(boot), key=_position)]


def context_ids(listed: Iterable[str]) -> set[str]:
    """The ids of these photos' contexts."""
    return {_context_id(text) for text in listed}


def directory_stamp(new: Path, *others: Path) -> frozenset[tuple[str, int]]:
    """Names and times of folders: changes with each photo that enters or leaves `new`, or file in `others`.

    Raises OSError when `new` (the spool's new/) can't be read; a boot's folder that can't be read does not matter.
    """
    folders = [new, *(folder for folder in new.iterdir() if is_boot_folder(folder.name)), *others]
    return frozenset((folder.name, _changed_ns(folder)) for folder in folders)


def _changed_ns(folder: Path) -> int:
    try:
        return folder.stat().st_mtime_ns
    except FileNotFoundError:
        return 0
    except OSError:
        return UNREADABLE


Unmarked = dict[PhotoName, Context]
"""Sent photos that could not be moved out of new/, with the context whose album has them.

They are neither counted nor chosen, on whatever disk one lies: a name is of one photo alone, by its hash.
"""


class PhotoQueue:
    """The known photos in new/, and what each of them waits for."""

    def __init__(self, unmarked: Unmarked) -> None:
        """`unmarked`: kept up to date, for the queue after this one."""
        self.waiting: Counter[Context] = Counter()
        """Waiting photos by event and album, with held and postponed ones."""
        self.held: dict[Context, ContextHold] = {}
        self.unmarked = unmarked
        self._entries: dict[str, ContextRecord] = {}
        self._waiting_line: deque[str] = deque()
        self._postponed_until: list[tuple[int, int, str]] = []
        self._due: deque[str] = deque()
        self._postponed: set[str] = set()
        self._busy: set[str] = set()
        self._uncounted: set[str] = set()
        self._newest_known = -1
        self._lane = 0
        self._tie_breaker = count()

    @property
    def busy(self) -> int:
        """Photos on their way."""
        return len(self._busy)

    @property
    def sendable(self) -> int:
        """Waiting photos that are not held."""
        return self.waiting.total() - sum(self.waiting[context] for context in self.held)

    def has_sendable_elsewhere(self, context: Context) -> bool:
        """Whether photos of other events wait and are not held."""
        return self.sendable > (0 if context in self.held else self.waiting[context])

    def reload(self, listed: list[str], entries: Mapping[str, ContextRecord]) -> None:
        """Take over a new listing of new/ (as of `sorted_names`) and the entries of its contexts.

        Photos on their way, postponed or unmarked stay so; a hold without photos is over.
        """
        self._entries = dict(entries)
        if self.unmarked:
            unmarked = set(map(str, self.unmarked))
            listed = [text for text in listed if text not in unmarked]
        self.waiting = Counter(map(self._context, listed))
        self.held = {context: hold for context, hold in self.held.items() if self.waiting[context]}
        self._uncounted = {text for text in self._busy if text not in listed}
        set_aside = self._busy | self._postponed
        self._waiting_line = deque(text for text in listed if text not in set_aside)
        if self.held:
            self._waiting_line = deque(text for text in self._waiting_line if self._context(text) not in self.held)
        if listed:
            self._newest_known = max(self._newest_known, _position(listed[-1]))

    def add(self, name: PhotoName, entry: ContextRecord) -> None:
        """Add a photo that was just taken. An older one is left to the next listing: it may be queued already.

        `entry`: what is written about its context; used if the last listing did not have the context.
        """
        text = str(name)
        if _position(text) <= self._newest_known or name in self.unmarked:
            return
        self._newest_known = _position(text)
        self._entries.setdefault(name.context, entry)
        context = self._context(text)
        self.waiting[context] += 1
        if context not in self.held:
            self._waiting_line.append(text)

    def choose(self, now_ns: int) -> PhotoName | None:
        """The next photo, which is on its way from now on; None when there is none for now."""
        while self._postponed_until and self._postponed_until[0][0] <= now_ns:
            self._due.append(heapq.heappop(self._postponed_until)[2])
        lanes = (
            partial(self._take_sendable, self._waiting_line.pop),
            partial(self._take_sendable, self._waiting_line.popleft),
            self._next_due,
        )
        for _ in lanes:
            text = lanes[self._lane]()
            self._lane = (self._lane + 1) % len(lanes)
            name = PhotoName.parse(text) if text else None
            if name is not None:
                self._busy.add(str(name))
                return name
        return None

    def next_due_ns(self) -> int | None:
        """Boot-time at which the next postponed photo is due."""
        return self._postponed_until[0][0] if self._postponed_until else None

    def discard(self, name: PhotoName) -> None:
        """Remove a photo that has left new/."""
        if self.unmarked.pop(name, None) is not None:
            return
        text = str(name)
        self._busy.discard(text)
        context = self._context(text)
        if text in self._uncounted:
            self._uncounted.discard(text)
        elif self.waiting[context] > 1:
            self.waiting[context] -= 1
        else:
            del self.waiting[context]

    def exclude(self, name: PhotoName, context: Context) -> None:
        """Neither counts nor chooses the photo any more: the album of `context` has it, though it lies in new/."""
        self.discard(name)
        self.unmarked[name] = context

    def put_back(self, name: PhotoName) -> None:
        """Put an untried photo back at its end of the queue."""
        text = str(name)
        self._busy.discard(text)
        if self._waiting_line and _position(text) < _position(self._waiting_line[0]):
            self._waiting_line.appendleft(text)
        else:
            self._waiting_line.append(text)

    def postpone(self, name: PhotoName, until_ns: int) -> None:
        """Do not choose the photo before `until_ns`."""
        text = str(name)
        self._busy.discard(text)
        self._postponed.add(text)
        heapq.heappush(self._postponed_until, (until_ns, next(self._tie_breaker), text))

    def hold(self, name: PhotoName, context: Context, hold: ContextHold) -> None:
        """Let this photo and all of the same event and album wait."""
        self._busy.discard(str(name))
        self.held[context] = hold

    def release(self, contexts: Iterable[Context]) -> None:
        """End these holds; the photos come with the next listing, which the caller requests."""
        for context in contexts:
            self.held.pop(context, None)

    def release_all(self) -> None:
        """End all holds and postponements; the photos come with the next listing."""
        self.held.clear()
        self._postponed_until.clear()
        self._due.clear()
        self._postponed.clear()

    # -- the three lanes; each gives its next photo, None when it is empty ------------------------------------

    def _take_sendable(self, take: Callable[[], str]) -> str | None:
        while self._waiting_line:
            text = take()
            if text not in self._busy and text not in self._postponed and self._context(text) not in self.held:
                return text
        return None

    def _next_due(self) -> str | None:
        while self._due:
            text = self._due.popleft()
            hold = self.held.get(self._context(text))
            if hold is not None and hold.until_ns is not None:  # not back into the queue, where it may be in the way
                heapq.heappush(self._postponed_until, (hold.until_ns, next(self._tie_breaker), text))
                continue
            self._postponed.discard(text)
            if hold is None:
                return text
        return None

    def _context(self, text: str) -> Context:
        """The event and album of the photo, by the entry that was read when it was listed."""
        context_id = _context_id(text)
        entry = self._entries.get(context_id)
        if entry is None:
            return Context(context_id)
        found = entry.context_of(divmod(_position(text), _PHOTOS_OF_A_BOOT)) if entry.assignments else entry.own
        return found or Context(context_id)


def _position(text: str) -> int:
    """Boot and seq of a name as one number: the order in which photos were taken."""
    _, boot, seq = text.partition("_")[0].split("-")
    return int(boot) * _PHOTOS_OF_A_BOOT + int(seq)


def _context_id(text: str) -> str:
    return text.split("_", 3)[2]
