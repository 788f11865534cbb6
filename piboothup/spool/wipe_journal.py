"""Journal of a wipe: `wipe.json`, durable before the first photo is deleted, deleted after the last step.

It names each photo, so that a wipe that a power cut broke off resumes with exactly these and a photo taken meanwhile
stays. While it exists, its photos are not listed, shown, copied or sent.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping
from pathlib import Path

from piboothup.records import dataclass
from piboothup.spool import durable
from piboothup.spool.names import Identity, PhotoName
from piboothup.text import read_bytes

log = logging.getLogger(__name__)

JOURNAL = "wipe.json"

Numbers = Mapping[tuple[str, int], Mapping[str, frozenset[int]]]
"""Photos by box and boot, then by context: their numbers. Box "" stands for photos that are deleted already."""


@dataclass(frozen=True)
class WipeJournal:
    """The photos, contexts and events that a wipe deletes."""

    photos: Numbers
    contexts: frozenset[str]
    """The contexts whose files may be deleted."""
    link_ids: frozenset[str]
    """The events whose titles are deleted."""
    everything: bool = False
    """The whole card: every title and choice is deleted too, and no event is in force until one is named."""
    unsent: bool = False
    """Also photos that are not in the album; their number was confirmed."""
    taken: int = 0
    in_album: int = 0
    in_use: frozenset[str] = frozenset()
    """The context of the booth that ran then: it stays, also after a power cut."""
    said_event: str = ""
    """What the config said for the event (see `choices.Said`), which a wipe of everything makes void."""
    made: str = ""
    """Moment at which it was begun (see `clock`)."""

    def covers(self, name: PhotoName) -> bool:
        """Whether this photo is deleted."""
        return name.seq in self.photos.get((name.box, name.boot), {}).get(name.context, ())

    def covers_retired(self, boot: int, context: str, seq: int) -> bool:
        """Whether this photo, deleted earlier to make room, was one of the event's."""
        return any(seq in of.get(context, ()) for (_, number), of in self.photos.items() if number == boot)


def by_number(photos: Iterable[Identity]) -> Numbers:
    """Group photos by box, boot and context."""
    found: dict[tuple[str, int], dict[str, set[int]]] = {}
    for photo in photos:
        found.setdefault((photo.box, photo.boot), {}).setdefault(photo.context, set()).add(photo.seq)
    return {key: {context: frozenset(seqs) for context, seqs in contexts.items()} for key, contexts in found.items()}


def write(directory: Path, journal: WipeJournal) -> None:
    """Write the journal durably. Raises OSError."""
    shown = vars(journal) | {
        "photos": {
            f"{box}-{boot}": {context: sorted(seqs) for context, seqs in contexts.items()}
            for (box, boot), contexts in journal.photos.items()
        },
        "contexts": sorted(journal.contexts),
        "link_ids": sorted(journal.link_ids),
        "in_use": sorted(journal.in_use),
    }
    durable.replace(directory / JOURNAL, json.dumps(shown).encode())


def read(directory: Path) -> WipeJournal | None:
    """The journal, or None. A damaged one is logged and ignored."""
    try:
        text = read_bytes(directory / JOURNAL)
    except FileNotFoundError:
        return None
    except OSError as error:
        log.error("wipe journal unreadable reason=%s", error.strerror)
        return None
    try:
        return _parse(json.loads(text))
    except (ValueError, RecursionError, TypeError, KeyError, AttributeError, OverflowError):
        log.error("wipe journal ignored reason=damaged")
        return None


def _parse(shown: dict[str, object]) -> WipeJournal:
    photos, contexts, link_ids = shown["photos"], shown["contexts"], shown["link_ids"]
    if not isinstance(photos, dict) or not isinstance(contexts, list) or not isinstance(link_ids, list):
        raise TypeError
    listed = [
        Identity(box, int(boot), int(seq), 0, context)
        for key, of_boot in photos.items()
        for box, boot in [key.rsplit("-", 1)]
        for context, seqs in of_boot.items()
        for seq in seqs
    ]
    return WipeJournal(
        by_number(listed),
        frozenset(map(str, contexts)),
        frozenset(map(str, link_ids)),
        everything=shown["everything"] is True,
        unsent=shown["unsent"] is True,
        taken=int(str(shown["taken"])),
        in_album=int(str(shown["in_album"])),
        in_use=frozenset(map(str, in_use)) if isinstance(in_use := shown.get("in_use"), list) else frozenset(),
        said_event=str(shown.get("said_event", "")),
        made=str(shown.get("made", "")),
    )
