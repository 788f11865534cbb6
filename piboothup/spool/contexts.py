"""Contexts: the event and album that a photo was taken for, fixed at capture.

`contexts/<id>.json` is written once, before the context's first photo. The id is the hash of its content, so a
damaged or forged file is noticed, and its photos wait rather than reach somebody else's album. A context without an
event has an id that is new at every boot and config change; an operator may assign it later (`<id>.assigned.json`).

An assignment of a context that has an event names its photos: photos that the booth takes for that event afterwards
are not moved. An assignment of a context without an event covers all of its photos. A later assignment does not move
photos that an earlier one moved and that the album has by now. A damaged assignment lets the photos wait; they do not
fall back to the album that the operator took them from.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from piboothup.records import dataclass
from piboothup.spool import durable
from piboothup.spool.names import sha256
from piboothup.text import NotAFile, read_bytes

_BROKEN = (ValueError, RecursionError, TypeError, AttributeError, OverflowError)
"""What reading raises for a file that is cut short, full of zeros, or malicious."""


@dataclass(frozen=True)
class Context:
    """Event and album of a photo. An empty link_id means no event yet: the photo waits."""

    id: str
    link_id: str = ""
    album_id: str = ""


def context_for(link_id: str, album_id: str, occasion: str) -> Context:
    """The context of photos taken for this event and album; without an event, one of this `occasion`.

    `occasion` is text that is different at every boot (it holds the kernel's random boot id) and config change.
    """
    if not link_id:
        return Context("n" + sha256(occasion.encode()).hexdigest()[:7])
    return Context(_id_of(link_id, album_id), link_id, album_id)


def path_of(directory: Path, context_id: str) -> Path:
    """Path of a context's file."""
    return directory / f"{context_id}.json"


def write(directory: Path, context: Context, created: dict[str, int]) -> None:
    """Write the context's file durably, even if it is there. `created`: boot and boot-time. Raises OSError."""
    path = path_of(directory, context.id)
    if _read(path, context.id) is not None:
        durable.sync_directory(directory)
        return
    shown: dict[str, object] = {"created": created}
    if context.link_id:
        shown = {"linkId": context.link_id, "albumId": context.album_id, **shown}
    durable.replace(path, json.dumps(shown).encode())


def is_damaged(path: Path, context_id: str) -> bool:
    """Whether the context's file is missing or damaged: its photos wait until it is written anew."""
    return _read(path, context_id) is None


@dataclass(frozen=True)
class Assignment:
    """Where an operator sends photos of a context."""

    context: Context
    photos: frozenset[tuple[int, int]] | None = None
    """Boot and number of each photo; None = every photo that no other assignment names."""


@dataclass(frozen=True)
class ContextRecord:
    """A context with its assignments."""

    own: Context | None
    """The context as it was made; None when it can't be read or does not hash to its id."""
    assignments: tuple[Assignment, ...] = ()
    """The latest first; no photo is named by two."""

    def context_of(self, photo: tuple[int, int] | None) -> Context | None:
        """The context of the photo with this boot and number, or of photos taken now; None when unknown."""
        for assignment in self.assignments:
            if assignment.photos is not None and photo in assignment.photos:
                return assignment.context
        for assignment in self.assignments:
            if assignment.photos is None or photo is None:
                return assignment.context
        return self.own


def read_record(directory: Path, context_id: str) -> ContextRecord:
    """The context's file and assignments. Empty when an assignment is damaged."""
    own = _read(directory / f"{context_id}.json", context_id)
    try:
        text = read_bytes(assigned_path(directory, context_id))
    except FileNotFoundError:
        return ContextRecord(own)
    except OSError:
        return ContextRecord(None)
    try:
        shown = json.loads(text)
        assigned = [shown, *shown.get("earlier", ())]
        return ContextRecord(own, tuple(_assignment(fields, context_id) for fields in assigned))
    except _BROKEN:
        return ContextRecord(None)


def is_unreadable(directory: Path, context_id: str) -> bool:
    """Whether the card does not give the context's file or its assignments, for now perhaps."""
    for path in (path_of(directory, context_id), assigned_path(directory, context_id)):
        try:
            read_bytes(path)
        except (FileNotFoundError, NotAFile):
            continue
        except OSError:
            return True
    return False


def _assignment(shown: dict[str, Any], context_id: str) -> Assignment:
    context, listed = _context(shown, context_id), shown.get("photos")
    if not context.link_id:
        raise ValueError
    if listed is None:
        return Assignment(context)
    return Assignment(context, frozenset((int(boot), int(seq)) for boot, seqs in listed.items() for seq in seqs))


def assign(directory: Path, context_id: str, assignments: Sequence[Assignment]) -> None:
    """Write the context's assignments durably and atomically, the latest first. Raises OSError."""
    first, *earlier = map(_shown, assignments)
    content = {**first, "earlier": earlier} if earlier else first
    if not directory.is_dir():  # somebody has tidied up
        durable.make_directories(directory)
    durable.replace(assigned_path(directory, context_id), json.dumps(content).encode())


def _shown(assignment: Assignment) -> dict[str, object]:
    shown: dict[str, object] = {"linkId": assignment.context.link_id, "albumId": assignment.context.album_id}
    if assignment.photos is not None:
        by_boot: dict[str, list[int]] = {}
        for boot, seq in sorted(assignment.photos):
            by_boot.setdefault(str(boot), []).append(seq)
        shown["photos"] = by_boot
    return shown


def assigned_path(directory: Path, context_id: str) -> Path:
    """Path of a context's assignments."""
    return directory / f"{context_id}.assigned.json"


def _read(path: Path, context_id: str) -> Context | None:
    try:
        found = _context(json.loads(read_bytes(path)), context_id)
    except (OSError, *_BROKEN):
        return None
    if (not found.link_id) != context_id.startswith("n"):
        return None
    return None if found.link_id and _id_of(found.link_id, found.album_id) != context_id else found


def _context(shown: dict[str, Any], context_id: str) -> Context:
    link_id, album_id = shown.get("linkId", ""), shown.get("albumId", "")
    if not isinstance(link_id, str) or not isinstance(album_id, str):
        raise TypeError
    return Context(context_id, link_id, album_id)


def _id_of(link_id: str, album_id: str) -> str:
    return sha256(f"{link_id}\0{album_id}".encode()).hexdigest()[:8]
