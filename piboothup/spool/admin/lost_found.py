"""Photos in lost+found, where a repair of the disk puts what has lost its name: found by the identity in their EXIF.

Only root may look there; what lies in the spool is read and written as the booth's user. What is given back is a copy
in tmp/ under the photo's own name; the booth's next start makes a photo of it, as of any whole part that a power cut
left. The original stays.
"""

from __future__ import annotations

import os
import re
import struct
from pathlib import Path

from piboothup.records import dataclass
from piboothup.spool import durable
from piboothup.spool.admin.users import acting_as_booth
from piboothup.spool.capture_time import boots
from piboothup.spool.contexts import read_record
from piboothup.spool.listing import BOOTS, COMMITTED, CONTEXTS, QUARANTINE, TMP
from piboothup.spool.names import Identity, PhotoName, digest_of
from piboothup.spool.store import Spool
from piboothup.text import open_file

_HEAD_BYTES = 65_536
_LARGEST_BYTES = 64 * 1024 * 1024
_HOLE = bytes(4096)
_BEGINS, _ENDS = b"\xff\xd8\xff", b"\xff\xd9"
_EXIF = b"Exif\0\0"
_UNIQUE_ID, _ASCII, _LENGTH = 0xA420, 2, 33


@dataclass(frozen=True)
class LostPhoto:
    """A whole photo of this spool that lies nowhere else."""

    name: PhotoName
    path: Path


def folder_of(directory: Path) -> Path:
    """Where a repair puts what it finds on the disk of this folder."""
    point = Path(os.path.realpath(directory))
    while not os.path.ismount(point):
        point = point.parent
    return point / "lost+found"


def find(spool: Spool) -> list[LostPhoto]:
    """The photos to give back, in the order they were taken. Raises OSError when the folder can't be read.

    Not those that the spool has, that were sent and deleted since, or whose event was wiped: its context is gone.
    """
    try:
        names = sorted(os.listdir(folder_of(spool.directory)))
    except FileNotFoundError:
        return []
    owner = spool.directory.stat()
    with acting_as_booth(owner):
        known = _known(spool) if names else set()
    found: dict[tuple[int, int], LostPhoto] = {}
    for path in (folder_of(spool.directory) / name for name in names):
        identity = identity_in(_read(path, _HEAD_BYTES))
        if identity is None or identity.order in known | found.keys():
            continue
        content = _read(path, _LARGEST_BYTES + 1)
        with acting_as_booth(owner):
            has_context = read_record(spool.directory / CONTEXTS, identity.context).own is not None
        if has_context and is_whole(content):
            found[identity.order] = LostPhoto(PhotoName.of(identity, content), path)
    return [found[order] for order in sorted(found)]


def _known(spool: Spool) -> set[tuple[int, int]]:
    """The photos that the spool has or had."""
    known = {name.order for place in COMMITTED if place != QUARANTINE for name in spool.listing.photos(place)}
    parts = (PhotoName.parse(path.name.removesuffix(".part")) for path in (spool.directory / TMP).glob("*.part"))
    known |= {part.order for part in parts if part is not None}
    return known | {photo.order for photo in boots.retired(spool.directory / BOOTS)}


def give_back(spool: Spool, photos: list[LostPhoto]) -> int:
    """Copy the photos to tmp/; return how many were copied: not one that has changed meanwhile. Raises OSError."""
    folder, count = spool.directory / TMP, 0
    for photo in photos:
        content = _read(photo.path, _LARGEST_BYTES)
        if digest_of(content) != photo.name.digest:
            continue
        with acting_as_booth(folder.stat()):
            durable.write_new(folder / f"{photo.name}.part", content)
        count += 1
    return count


def _read(path: Path, most_bytes: int) -> bytes:
    """The first bytes of a regular file; none of anything else, or where the disk gives none."""
    try:
        with open_file(path) as file:
            return file.read(most_bytes)
    except OSError:
        return b""


def identity_in(head: bytes) -> Identity | None:
    """The identity in the EXIF of a photo of ours; None in all else."""
    tiff = head.find(_EXIF) + len(_EXIF)
    if not head.startswith(_BEGINS) or tiff < len(_EXIF):
        return None
    order = "<" if head[tiff : tiff + 2] == b"II" else ">"
    entry = head.find(struct.pack(f"{order}HHI", _UNIQUE_ID, _ASCII, _LENGTH), tiff)
    if entry < 0 or entry + 12 > len(head):
        return None
    (offset,) = struct.unpack_from(f"{order}I", head, entry + 8)
    text = head[tiff + offset : tiff + offset + _LENGTH - 1]
    return Identity.of_unique_id(text.decode()) if re.fullmatch(rb"[0-9a-f]{32}", text) else None


def is_whole(content: bytes) -> bool:
    """Whether a JPEG has its end and no hole: a repair may bring back a file with zeros in it.

    No JPEG of the booth's has 4096 bytes of zeros: in each block of a picture some bits are set.
    """
    return content.endswith(_ENDS) and len(content) <= _LARGEST_BYTES and _HOLE not in content
