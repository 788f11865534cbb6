"""Small real photos and a spool for them."""

from __future__ import annotations

import functools
import io
import random
import re
from pathlib import Path

from PIL import Image

from piboothup.spool import commit
from piboothup.spool.contexts import Context, context_for
from piboothup.spool.listing import NEW, PARKED, QUARANTINE, SENT
from piboothup.spool.names import Identity, PhotoName
from piboothup.spool.photo_file import matches_digest
from piboothup.spool.store import Spool
from tests.support.clock import HandClock

PARTY = context_for("abcd1234", "a1", "")


@functools.lru_cache(256)
def jpeg(number: int = 0, size: tuple[int, int] = (64, 48)) -> bytes:
    """JPEG that differs for every number."""
    picture = Image.frombytes("RGB", size, random.Random(number).randbytes(size[0] * size[1] * 3))
    into = io.BytesIO()
    picture.save(into, "JPEG", quality=80)
    return into.getvalue()


def open_spool(directory: Path, clock: HandClock, serial: str = "serial-1", service: str = "booth") -> Spool:
    """Open a spool as a service has it after its start."""
    spool = Spool(directory, clock, serial)
    spool.prepare()
    spool.start(service)
    return spool


def take(spool: Spool, content: bytes, context: Context = PARTY, *place: str) -> PhotoName:
    """Commit one photo, exposed now."""
    identity = spool.next_identity(spool.clock.boottime_ns() // 1_000_000, context)
    name = PhotoName.of(identity, content)
    commit.commit(spool, name, context, content, *place)
    return name


def try_photo(spool: Spool, content: bytes, context: Context = PARTY) -> None:
    """Commit a test photo, exposed now: it has no number."""
    commit.try_commit(spool, context, content)


def is_intact(spool: Spool, name: PhotoName) -> bool:
    """Whether the photo in new/ has the committed bytes."""
    return matches_digest(spool.path(name), name)


def counts(spool: Spool) -> dict[str, int]:
    """Number of photos in new, sent, parked and quarantined."""
    return {place: sum(1 for _ in spool.names(place)) for place in (NEW, SENT, PARKED, QUARANTINE)}


def identity_in(unique_id: str) -> Identity | None:
    """The identity in an ImageUniqueID, or None when this program did not write it."""
    if not re.fullmatch(r"[0-9a-f]{32}", unique_id):
        return None
    number = int(unique_id, 16)
    context, without_event = number & 0xFFFFFFFF, number >> 32 & 1
    boottime_ms = number >> 33 & (1 << 35) - 1
    seq, boot, box = number >> 68 & 0xFFFFF, number >> 88 & 0xFFFFF, number >> 108
    if without_event and context >> 28:
        return None
    return Identity(
        "".join("0123456789ABCDEFGHJKMNPQRSTVWXYZ"[box >> shift & 31] for shift in (15, 10, 5, 0)),
        boot,
        seq,
        boottime_ms,
        f"n{context:07x}" if without_event else f"{context:08x}",
    )


def names_in_new(spool: Spool) -> list[PhotoName]:
    """Every photo in new/, oldest first."""
    return sorted(spool.names(NEW), key=lambda name: name.order)


def files(root: Path) -> dict[str, bytes]:
    """All files and folders below `root`; of a folder no bytes."""
    found = sorted(root.rglob("*"))
    return {str(path.relative_to(root)): path.read_bytes() if path.is_file() else b"" for path in found}
