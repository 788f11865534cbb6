"""Contexts: the event and album that a photo was taken for, fixed at capture.

`contexts/<id>.json` is written once, before the context's first photo. The id is the hash of what it holds, so a
damaged or forged file is noticed and its photos wait rather than reach somebody else's album. A context without an
event has an id that is new at every boot and config change; an operator may assign it later (`<id>.assigned.json`).
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from piboothup.spool import durable


@dataclass(frozen=True)
class Context:
    """Where a photo belongs. An empty link_id means: no event yet, it waits."""

    id: str
    link_id: str = ""
    album_id: str = ""


def context_for(link_id: str, album_id: str, occasion: str) -> Context:
    """The context of photos taken for this event and album; without an event, one of this `occasion`.

    `occasion` is text that is different at every boot (it holds the kernel's random boot id) and config change.
    """
    if not link_id:
        return Context("n" + hashlib.sha256(occasion.encode()).hexdigest()[:7])
    return Context(_id_of(link_id, album_id), link_id, album_id)


def write(directory: Path, context: Context, created: dict[str, int]) -> None:
    """Makes the context's file durable, unless it is there. `created` tells boot and boot-time. Raises OSError."""
    path = directory / f"{context.id}.json"
    if _read(path, context.id) is not None:
        return
    shown: dict[str, object] = {"created": created}
    if context.link_id:
        shown = {"linkId": context.link_id, "albumId": context.album_id, **shown}
    durable.replace(path, json.dumps(shown).encode())


def read(directory: Path, context_id: str) -> Context | None:
    """The context `context_id` as an operator assigned it, else as it was made; None when neither can be read.

    None too when the file's content does not hash to its id: then nothing is known, and its photos wait.
    """
    assigned = _parse(directory / f"{context_id}.assigned.json", context_id)
    if assigned is not None and assigned.link_id:
        return assigned
    return _read(directory / f"{context_id}.json", context_id)


def _read(path: Path, context_id: str) -> Context | None:
    found = _parse(path, context_id)
    if found is None or (not found.link_id) != context_id.startswith("n"):
        return None
    return None if found.link_id and _id_of(found.link_id, found.album_id) != context_id else found


def _parse(path: Path, context_id: str) -> Context | None:
    try:
        shown = json.loads(path.read_bytes())
        link_id, album_id = shown.get("linkId", ""), shown.get("albumId", "")
    except (OSError, ValueError, AttributeError):
        return None
    if not isinstance(link_id, str) or not isinstance(album_id, str):
        return None
    return Context(context_id, link_id, album_id)


def _id_of(link_id: str, album_id: str) -> str:
    return hashlib.sha256(f"{link_id}\0{album_id}".encode()).hexdigest()[:8]
