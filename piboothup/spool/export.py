"""`queue export`: copies of all photos on the card, in a folder per event, under names for people.

    Summer Party/2026-06-20 21.14.05 Booth 1 7F3K 0143.jpg

Copies, never moves; every copy is read back and compared; a file that is there already with the right bytes is left
alone, so that a broken-off export goes on where it stopped.
"""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from pathlib import Path

from piboothup.spool.names import PhotoName, digest_of
from piboothup.spool.store import NEW, PARKED, SENT, Spool


class ExportError(RuntimeError):
    """The copy can't be made or is not true; the text is a sentence with a remedy."""


@dataclass(frozen=True)
class Exported:
    """What an export did."""

    copied: int
    there: int
    damaged: int


def export(
    spool: Spool, target: Path, booth_name: str, zone: tzinfo = UTC, told: Callable[[int, int], None] | None = None
) -> Exported:
    """Copies every photo of the spool to `target`. `told(done, total)` reports progress. Raises ExportError."""
    photos = sorted(
        ((name, place) for place in (NEW, SENT, PARKED) for name in spool.names(place)), key=lambda one: one[0].order
    )
    titles = {event.link_id: event.title for event in spool.events()}
    copied = there = damaged = 0
    for done, (name, place) in enumerate(photos, start=1):
        try:
            content = spool.path(name, place).read_bytes()
        except OSError:
            damaged += 1
            continue
        context = spool.context_of(name)
        link_id = context.link_id if context is not None else ""
        folder = target / _safe(titles.get(link_id) or link_id or f"No event {name.context}")
        if digest_of(content) != name.digest:
            damaged += 1
        elif _copy(content, folder, _human(spool, name, booth_name, zone)):
            copied += 1
        else:
            there += 1
        if told is not None:
            told(done, len(photos))
    return Exported(copied, there, damaged)


def _human(spool: Spool, name: PhotoName, booth_name: str, zone: tzinfo) -> str:
    unix_ms = spool.taken_at_ms(name)
    if unix_ms is None:
        when = "time unknown"
    else:
        when = datetime.fromtimestamp(unix_ms / 1000, zone).strftime("%Y-%m-%d %H.%M.%S")
    return f"{when} {_safe(booth_name)} {name.box} {name.boot:04d}-{name.seq:04d}.jpg"


def _copy(content: bytes, folder: Path, file_name: str) -> bool:
    """Writes and reads back one copy; False when it is there already."""
    path = folder / file_name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if path.is_file() and path.read_bytes() == content:
            return False
        part = path.with_suffix(".part")
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
        if hashlib.sha256(path.read_bytes()).digest() != hashlib.sha256(content).digest():
            raise ExportError(f"The copy {path} does not read back as it was written: use another stick or disk.")
    except OSError as error:
        reason = error.strerror or error
        raise ExportError(f"{path} can't be written ({reason}): free some room there and run it again.") from None
    return True


def _safe(text: str) -> str:
    """A title as a folder's name on any file system, FAT included."""
    plain = "".join(one for one in unicodedata.normalize("NFC", text) if unicodedata.category(one)[0] != "C")
    return re.sub(r'[\\/:*?"<>|]', "-", plain).strip(" .")[:80] or "Untitled"
