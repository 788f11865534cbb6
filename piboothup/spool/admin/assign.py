"""Assignment of waiting photos to another album; there is no other way to change a photo's album.

`queue assign` does it, and choosing an event at the box for photos taken without one. `propose` says what would move;
`assign` records it beside the context (see `contexts`); the photos' files stay as they are. Photos that are sent, or
being sent, keep the album they have.
"""

from __future__ import annotations

import errno
import logging
import re
from collections.abc import Callable

from piboothup.records import dataclass
from piboothup.spool import SpoolError, contexts, durable, event_titles
from piboothup.spool.admin import inventory
from piboothup.spool.admin.inventory import Attribution, Inventory
from piboothup.spool.contexts import Assignment, Context, ContextRecord
from piboothup.spool.listing import CONTEXTS, PARKED, SENT, WAITING, WITHDRAWN
from piboothup.spool.names import PhotoName
from piboothup.spool.store import Spool
from piboothup.text import Count

log = logging.getLogger(__name__)

_LOCK = ".assign.lock"
_MOVED = (*WAITING, WITHDRAWN)
"""Where photos lie that may move: one that was taken back must not go to the former album when it is restored."""
_ID = r"(?!\.+$)[A-Za-z0-9._~-]{1,128}"


class AssignError(SpoolError):
    """Nothing can be moved; the text is a sentence with a remedy."""


@dataclass(frozen=True)
class Proposal:
    """What an assignment would do."""

    source: str
    """Title of the event that the photos would leave."""
    target: str
    """Title of the event and album that they would go to."""
    is_target_known: bool
    """Whether the target was seen with the API key."""
    link_id: str
    album_id: str
    photos: frozenset[PhotoName]
    parked: int
    """How many of `photos` are parked."""
    sent: int
    """How many photos of the source are in the album already and stay there."""


def propose(spool: Spool, source: str, target: str) -> Proposal:
    """What an assignment would move. Raises AssignError when that is nothing.

    `source` is a context's id, the start of one, or a linkId; `target` is `linkId` or `linkId/albumId`.
    """
    link_id, slash, album_id = target.partition("/")
    if not re.fullmatch(_ID, link_id, re.ASCII) or (slash and not re.fullmatch(_ID, album_id, re.ASCII)):
        raise AssignError(f"{target!r} is no event: name its linkId, or linkId/albumId, as `piboothup events` does.")
    attribution, found = Attribution(spool.directory), inventory.take_inventory(spool.directory)
    is_meant = _selection(spool, attribution, found, source)

    def is_there(name: PhotoName) -> bool:
        now = attribution.context_of(name)
        return now is not None and now.link_id == link_id and (not slash or now.album_id == album_id)

    waiting = frozenset(item.name for item in found.of(*_MOVED) if is_meant(item.name))
    moving = frozenset(name for name in waiting if not is_there(name))
    sent = Count(len({item.name for item in found.of(SENT) if is_meant(item.name)}))
    source_titles = sorted({attribution.title(attribution.event_of(name)) for name in moving or waiting})
    titles = " and ".join(source_titles)
    if not waiting and sent:
        all_sent = f"{sent:The photo|All {sent} photos} of {source} {sent:is|are} in the album already, and"
        raise AssignError(f"{all_sent} {sent:stays|stay} there.")
    if not waiting:
        raise AssignError(f"No photo of {source} waits: `piboothup queue list` shows what does.")
    if not moving:
        here = Count(len(waiting))
        raise AssignError(
            f"The {here:photo is|{here} photos are} for '{titles}' already: name another event or album."
        )
    title, is_known = _target_title(spool, link_id, album_id)
    parked = sum(item.name in moving for item in found.of(PARKED))
    return Proposal(titles, title, is_known, link_id, album_id, moving, parked, sent)


def assign(spool: Spool, proposed: Proposal) -> int:
    """Assign the photos that still wait; return how many. Raises OSError."""
    directory = spool.directory / CONTEXTS
    with durable.lock(spool.directory / _LOCK, wait=True):
        found = inventory.take_inventory(spool.directory)
        waiting = {item.name for item in found.of(*_MOVED)} & proposed.photos
        sent = {item.name for item in found.of(SENT)} - waiting
        for context_id in sorted({name.context for name in waiting}):
            context = Context(context_id, proposed.link_id, proposed.album_id)
            moved = {name.order for name in waiting if name.context == context_id}
            stay = {name.order for name in sent if name.context == context_id}
            before = contexts.read_record(directory, context_id)
            contexts.assign(directory, context_id, _assignments(before, context, moved, stay))
            log.warning("assigned context=%s to=%s/%s", context_id, context.link_id, context.album_id)
    return len(waiting)


def _assignments(
    before: ContextRecord, context: Context, moved: set[tuple[int, int]], sent: set[tuple[int, int]]
) -> list[Assignment]:
    """The context's assignments once these photos have moved; no photo that the album has changes its album."""
    photos, earlier = set(moved), []
    for assignment in before.assignments:
        held = assignment.photos
        if held is None:
            held = frozenset(photo for photo in sent if before.context_of(photo) is assignment.context)
        if assignment.context == context:
            photos |= held
        elif left := frozenset(held) - moved:
            earlier.append(Assignment(assignment.context, left))
    return [Assignment(context, None if context.id.startswith("n") else frozenset(photos)), *earlier]


def record_actual_album(spool: Spool, name: PhotoName, context: Context) -> None:
    """Record that the photo is in the album of `context`, wherever it was assigned meanwhile.

    Raises durable.Locked while an assignment is running: an operator's terminal may stand still. Raises OSError, also
    where there is one that can't be read: overwritten, it would let its photos fall back to the album they were in.
    """
    directory = spool.directory / CONTEXTS
    with durable.lock(spool.directory / _LOCK):
        others, assignments = [], contexts.read_record(directory, context.id).assignments
        if not assignments and contexts.assigned_path(directory, context.id).exists():
            raise OSError(errno.EBADMSG, "its assignment can't be read")
        for assignment in assignments:
            photos = None if assignment.photos is None else assignment.photos - {name.order}
            if photos is None or photos:
                others.append(Assignment(assignment.context, photos))
        contexts.assign(directory, context.id, [*others, Assignment(context, frozenset({name.order}))])
    log.warning("assigned back photo=%s to=%s/%s", name, context.link_id, context.album_id)


def without_event(spool: Spool) -> list[PhotoName]:
    """The photos that wait for an event to be chosen. Reads their folders only when there can be any."""
    open_ids: set[str] = set()
    for context_id in inventory.context_ids(spool.directory):
        record = contexts.read_record(spool.directory / CONTEXTS, context_id)
        if context_id.startswith("n") and record.own is not None and not record.assignments:
            open_ids.add(context_id)
    places = WAITING if open_ids else ()
    return [name for place in places for name in spool.names(place) if name.context in open_ids]


def take_along(spool: Spool, link_id: str, album_id: str) -> int:
    """Assign all photos without an event to this one; return how many. Raises OSError."""
    with durable.lock(spool.directory / _LOCK, wait=True):
        waiting = without_event(spool)
        for context_id in sorted({name.context for name in waiting}):
            everything = Assignment(Context(context_id, link_id, album_id))
            contexts.assign(spool.directory / CONTEXTS, context_id, [everything])
            log.warning("assigned context=%s to=%s/%s", context_id, link_id, album_id)
    return len(waiting)


def _selection(spool: Spool, attribution: Attribution, found: Inventory, source: str) -> Callable[[PhotoName], bool]:
    """The photos that the operator means by `source`."""
    names = [item.name for item in found.items]
    ids = {name.context for name in names} | inventory.context_ids(spool.directory)
    if source in ids:
        return lambda name: name.context == source
    if any(attribution.event_of(name) == source for name in names):
        return lambda name: attribution.event_of(name) == source
    begun = sorted(context_id for context_id in ids if source and context_id.startswith(source))
    if len(begun) > 1:
        raise AssignError(f"{source} is the start of {', '.join(begun)}: write one of them out.")
    if not begun:
        raise AssignError(
            f"The card holds no context or event {source!r}: `piboothup queue wipe` lists what it holds."
        )
    return lambda name: name.context == begun[0]


def _target_title(spool: Spool, link_id: str, album_id: str) -> tuple[str, bool]:
    event = next((known for known in event_titles.read(spool.directory) if known.link_id == link_id), None)
    album = next((known for known in event.albums if known.id == album_id), None) if event is not None else None
    title = (event.title if event is not None else "") or link_id
    if album_id:
        title += f", {album.title if album is not None else album_id}"
    return title, event is not None and (album is not None or not album_id)
