"""Wipe of an event's photos, or of all, with everything that names the event: for a box that is given back.

`plan` counts what would be deleted; photos that the album does not have are deleted only when that was confirmed.
`wipe` writes a journal durably, does the steps of `wipe_steps`, which can each be repeated, and deletes the journal.
After a power cut `resume_wipe` goes on with the journal that is left.

A photo that was taken after the count stays, and so does the context that a running booth takes photos for. The
uploader may run meanwhile: photos that it moves are found where they are then.
"""

from __future__ import annotations

import logging
from collections.abc import Collection

from piboothup import config
from piboothup.clock import moment
from piboothup.records import dataclass, replace
from piboothup.spool import SpoolError, choices, commit, durable, handover, layout_version, wipe_journal
from piboothup.spool.admin import inventory, wipe_steps
from piboothup.spool.admin.inventory import Attribution, SpoolFile
from piboothup.spool.capture_time import boots
from piboothup.spool.contexts import ContextRecord
from piboothup.spool.listing import (
    BOOTS,
    COMMITTED,
    HELD,
    KEPT,
    NEW,
    PARKED,
    PLACES,
    QUARANTINE,
    SENT,
    WITHDRAWN,
)
from piboothup.spool.names import Identity, PhotoName
from piboothup.spool.store import Spool
from piboothup.spool.wipe_journal import WipeJournal
from piboothup.text import Count

log = logging.getLogger(__name__)

FLASH = (
    "What a card has deleted may stay readable in it until it is overwritten, and no program can reach that: "
    "to be certain, destroy the card or write a new image on all of it."
)
_LOCK = ".wipe.lock"
_TO_MAKE_ROOM = (KEPT, WITHDRAWN, QUARANTINE, PARKED, NEW)
"""Folders whose photos make room for the journal if none is sent, the first ones first; not what is yet composed."""


class WipeError(SpoolError):
    """The wipe can't be done, or not to its end; the text is a sentence with a remedy."""


@dataclass(frozen=True)
class EventPhotos:
    """The photos of one event on the card."""

    event: str
    """Its linkId, or the id of a context without a known event."""
    title: str
    items: tuple[SpoolFile, ...]
    retired: tuple[Identity, ...] = ()
    """The photos that were deleted to make room."""

    @property
    def is_without_event(self) -> bool:
        """Whether these were taken without an event: `event` is their context, which was not assigned."""
        return self.event.startswith("n") and any(item.name.context == self.event for item in self.items)

    @property
    def sent(self) -> frozenset[PhotoName]:
        """The photos that lie in sent/."""
        return frozenset(item.name for item in self.items if item.place == SENT)

    @property
    def unsent(self) -> frozenset[PhotoName]:
        """The photos that the album does not have."""
        return frozenset(item.name for item in self.items) - self.sent

    @property
    def gone(self) -> int:
        """How many were sent and are deleted since."""
        there = {(item.name.context, item.name.order) for item in self.items}
        return len({(photo.context, photo.order) for photo in self.retired} - there)

    @property
    def taken(self) -> int:
        """How many were taken."""
        return len({item.name for item in self.items}) + self.gone

    @property
    def in_album(self) -> int:
        """How many of them the album has."""
        return len(self.sent) + self.gone

    def count(self, place: str) -> int:
        """How many of the unsent lie in this folder."""
        return len(self.unsent & {item.name for item in self.items if item.place == place})


@dataclass(frozen=True)
class Plan:
    """What a wipe would delete, as counted."""

    events: tuple[EventPhotos, ...]
    everything: bool

    @property
    def unsent(self) -> Count:
        """How many photos the album does not have."""
        return Count(sum(len(event.unsent) for event in self.events))


@dataclass(frozen=True)
class Receipt:
    """Result of a wipe; names no event, only the box."""

    box: str
    taken: int
    in_album: int
    left: int
    in_use: bool = False
    """A running booth takes photos for one of the events: its context is kept."""

    def __str__(self) -> str:
        return f"Box {self.box}: {self.taken} taken, {self.in_album} in the album, {self.left} left"


def survey(spool: Spool, *, booth_runs: bool) -> list[EventPhotos]:
    """The photos of each event that the card names, be they none. Raises WipeError.

    `booth_runs`: tmp/ is left out, as the next photo may be written there.
    """
    try:
        found = inventory.take_inventory(spool.directory).complete()
    except OSError as error:
        raise WipeError(f"{error.filename} can't be read ({error.strerror}): run with sudo.") from None
    places = COMMITTED if booth_runs else PLACES
    attribution = Attribution(spool.directory)
    items: dict[str, list[SpoolFile]] = {}
    gone: dict[str, list[Identity]] = {}
    for item in found.of(*places):
        items.setdefault(attribution.event_of(item.name), []).append(item)
    for photo in boots.retired(spool.directory / BOOTS):
        gone.setdefault(attribution.event_of(photo), []).append(photo)
    entries = [attribution.entry(context_id) for context_id in sorted(inventory.context_ids(spool.directory))]
    named = [link_id for entry in entries for link_id in _named(entry)]
    return [
        EventPhotos(event, attribution.title(event), tuple(items.get(event, ())), tuple(gone.get(event, ())))
        for event in dict.fromkeys([*items, *gone, *named])
    ]


def _named(entry: ContextRecord) -> list[str]:
    """LinkIds in the context's files."""
    own = [] if entry.own is None else [entry.own]
    return [context.link_id for context in (*own, *(each.context for each in entry.assignments)) if context.link_id]


def plan(held: list[EventPhotos], event: str | None) -> Plan:
    """The wipe of this event (a linkId, or the id of a context without event), or of all (None). Raises WipeError."""
    if event is None:
        return Plan(tuple(held), everything=True)
    chosen = tuple(usage for usage in held if usage.event == event)
    if not chosen:
        raise WipeError(f"The card holds nothing of {event}: `piboothup queue wipe` lists the events.")
    return Plan(chosen, everything=False)


def wipe(spool: Spool, chosen: Plan, *, unsent: bool = False, in_use: Collection[str] = ()) -> Receipt:
    """Delete what was planned. Raises WipeError.

    `unsent`: the number of photos that the album does not have was confirmed. `in_use`: the context of a running
    booth; when none runs, the caller holds its lock.
    """
    if chosen.unsent and not unsent:
        raise WipeError(
            f"{chosen.unsent} {chosen.unsent:photo is|photos are} not in the album yet: nothing was deleted."
        )
    try:
        with durable.lock(spool.directory / _LOCK):
            layout_version.make_folders(spool.directory)  # somebody may have tidied up
            journal = wipe_journal.read(spool.directory)
            if journal is not None:
                _carry_out(spool, journal, in_use)
            wanted = _journal(spool, chosen, unsent=unsent, in_use=in_use)
            _write(spool, wanted, chosen)
            log.warning("wipe begins photos=%d unsent=%d", wanted.taken, chosen.unsent)
            return _carry_out(spool, wanted, in_use)
    except durable.Locked:
        raise WipeError("A wipe is at work on this card: wait until it is done.") from None
    except OSError as error:
        raise WipeError(
            f"The wipe can't be noted on the card ({error.strerror or error}), so nothing was deleted: "
            "run with sudo, or change the card."
        ) from None


def resume_wipe(spool: Spool, in_use: Collection[str] = ()) -> Receipt | None:
    """Resume a wipe that was broken off; None when there is none, or it is running. Raises WipeError."""
    if wipe_journal.read(spool.directory) is None:
        return None
    try:
        with durable.lock(spool.directory / _LOCK):
            journal = wipe_journal.read(spool.directory)
            if journal is None:
                return None
            layout_version.make_folders(spool.directory)
            log.warning("wipe goes on photos=%d", journal.taken)
            return _carry_out(spool, journal, in_use)
    except durable.Locked:
        return None
    except OSError as error:
        raise _unfinished(error) from None


def _unfinished(error: OSError) -> WipeError:
    return WipeError(
        f"The wipe is not finished ({error.strerror or error}): run it again with sudo, or change the card. "
        "It also goes on when the booth starts."
    )


def _journal(spool: Spool, chosen: Plan, *, unsent: bool, in_use: Collection[str]) -> WipeJournal:
    good = config.good_copy.read(spool.directory)
    photos = [photo for event in chosen.events for photo in (*(item.name for item in event.items), *event.retired)]
    held = [item.name for event in chosen.events for item in event.items if item.place in (HELD, WITHDRAWN)]
    for name in held:  # what is composed of it was made since the count, or is about to be
        composition = spool.composition_of(name)
        photos += composition.results(name) if composition is not None else ()
    touched = {photo.context for photo in photos}
    attribution = Attribution(spool.directory)
    link_ids = {event.event for event in chosen.events}
    for context_id in inventory.context_ids(spool.directory):
        entry = attribution.entry(context_id)
        named = set(_named(entry))
        if chosen.everything or named & link_ids or context_id in link_ids:
            touched.add(context_id)
        if chosen.everything:
            link_ids |= named
    return WipeJournal(
        wipe_journal.by_number(photos),
        frozenset(touched),
        frozenset(link_ids - {""}),
        everything=chosen.everything,
        unsent=unsent,
        taken=sum(event.taken for event in chosen.events),
        in_album=sum(event.in_album for event in chosen.events),
        in_use=frozenset(in_use),
        said_event=choices.Said.by(good.config).event if good.exists else "",
        made=moment(spool.clock),
    )


def _write(spool: Spool, wanted: WipeJournal, chosen: Plan) -> None:
    """Write the journal; on a full card make room by some of the planned photos first. Raises OSError."""
    try:
        wipe_journal.write(spool.directory, wanted)
    except OSError as error:
        if error.errno not in durable.FULL or not _make_room(spool, chosen, unsent=wanted.unsent):
            raise
        wipe_journal.write(spool.directory, wanted)


def _make_room(spool: Spool, chosen: Plan, *, unsent: bool) -> int:
    """Delete a few of the planned photos; return how many.

    Those that the album has; without any, as where a card is full of originals, others whose number was confirmed:
    else nothing could ever be wiped off a card without a free byte. The last photo stays, and with it its number.
    """
    sent = [name for event in chosen.events for name in sorted(event.sent, key=lambda name: name.order)]
    if deleted := handover.retire(spool, sent[: commit.ROOM_PHOTOS]):
        return deleted
    items = sorted((item for event in chosen.events for item in event.items), key=lambda item: item.name.order)
    may_go = [item for item in items[:-1] if unsent and item.place in _TO_MAKE_ROOM]
    for item in sorted(may_go, key=lambda item: _TO_MAKE_ROOM.index(item.place))[: commit.ROOM_PHOTOS]:
        try:
            durable.remove(item.path)
            deleted += 1
        except OSError as error:
            log.warning("not deleted photo=%s reason=%s", item.name, error.strerror)
    return deleted


def _carry_out(spool: Spool, journal: WipeJournal, in_use: Collection[str]) -> Receipt:
    """Do every step of the wipe, done before or not. Raises WipeError; the journal is left then."""
    journal = replace(journal, in_use=journal.in_use | set(in_use))
    try:
        wipe_steps.keep_numbers(spool, journal)
        with durable.lock(spool.directory / commit.COMPOSING_LOCK, wait=True):
            wipe_steps.delete_photos(spool, journal)
        remaining = [item.name for item in inventory.take_inventory(spool.directory).complete().items]
        attribution, events_ = Attribution(spool.directory), journal.link_ids | journal.contexts
        left = {name for name in remaining if journal.everything or attribution.event_of(name) in events_}
        wipe_steps.forget_retired(spool, journal)
        kept = wipe_steps.delete_contexts(spool, journal, remaining)
        wipe_steps.delete_titles(spool, journal, kept)
        durable.remove(spool.directory / wipe_journal.JOURNAL)
        durable.sync_directory(spool.directory)
    except OSError as error:
        raise _unfinished(error) from None
    receipt = Receipt(spool.box, journal.taken, journal.in_album, len(left), bool(journal.contexts & journal.in_use))
    log.warning("wipe done taken=%d in_album=%d left=%d", receipt.taken, receipt.in_album, receipt.left)
    return receipt
