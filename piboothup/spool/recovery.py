"""Recovery at the booth's start: salvage whole photos in tmp/, set torn ones aside, tidy up, release held ones.

A part whose bytes match the hash in its name was complete when the power went: it becomes a photo. Any other part
was never called saved; it goes to quarantine/ (or away, when it holds no byte of a picture). Running this any number
of times, with cuts in between, ends in the same state.
"""

from __future__ import annotations

import logging
import os
import re
from pathlib import Path

from piboothup.process import is_alive
from piboothup.records import dataclass
from piboothup.spool import durable, handover
from piboothup.spool.layout_version import rename_files
from piboothup.spool.listing import CONTEXTS, FOLDERS_OF_2, HELD, NEW, PARKED, PROBE, QUARANTINE, SENT, TMP
from piboothup.spool.names import PhotoName, digest_of
from piboothup.spool.photo_file import matches_digest
from piboothup.spool.store import Spool
from piboothup.text import open_file

log = logging.getLogger(__name__)

_LEFTOVER = r"\.(?P<what>.+\.(?:json|txt|toml|layout)|\.layout)\.(?P<thread>\d+)"


@dataclass(frozen=True)
class Recovered:
    """Numbers of the parts in tmp/ that were salvaged, quarantined or deleted, and of photos released from held/."""

    salvaged: int = 0
    quarantined: int = 0
    dropped: int = 0
    released: int = 0


def recover(spool: Spool, *, composes: bool = False) -> Recovered:
    """Empty tmp/ and held/. Call with the booth's lock held. What can't be moved now is left for the next start.

    `composes`: the composer sees to held/.
    """
    _tidy(spool)
    salvaged = quarantined = dropped = 0
    folder = spool.directory / TMP
    for part in [folder / name for name in sorted(_names(folder)) if name.endswith(".part")]:
        try:
            name = PhotoName.parse(part.name.removesuffix(".part"))
            if name is None:
                spool.log_once(logging.WARNING, "ignored path=%r reason=not a part of ours", str(part))
                continue
            digest, is_empty = _read(part)
            if digest == name.digest:
                salvaged += _salvage(spool, part, name)
            # What was set aside earlier stays as it is; what was composed is made again.
            elif is_empty or spool.path(name, QUARANTINE).exists() or _is_composed_of_held(spool, name):
                durable.remove(part)
                dropped += 1
            else:
                durable.move(part, spool.directory / QUARANTINE / part.name.removesuffix(".part"))
                quarantined += 1
        except OSError as error:
            spool.log_once(logging.ERROR, "recovery left part=%s reason=%s", part.name, error.strerror)
    released = 0 if composes else handover.release_held(spool)[0]
    found = Recovered(salvaged, quarantined, dropped, released)
    if found != Recovered():
        log.warning(
            "spool recovered salvaged=%d quarantined=%d dropped=%d released=%d",
            salvaged,
            quarantined,
            dropped,
            found.released,
        )
    return found


def _read(part: Path) -> tuple[str, bool]:
    """The digest of a part's bytes, and whether none of them is of a picture."""
    with open_file(part) as file:
        content = file.read()
    return digest_of(content), not content.strip(b"\0")


def _is_composed_of_held(spool: Spool, name: PhotoName) -> bool:
    """Whether this was composed of photos that are still held."""
    for photo in spool.listing.of_boot(HELD, name.boot):
        composition = spool.composition_of(photo)
        if composition is not None and any(result.order == name.order for result in composition.results(photo)):
            return True
    return False


def _tidy(spool: Spool) -> None:
    """Delete leftovers of a power cut.

    Test photos and what else was written only to check the card are no photos, however whole. `durable.replace`
    leaves `.<name>.<thread>` beside a small file. In contexts/ only the booth writes (and an operator's assignment,
    which is spared); elsewhere a file whose thread still lives may be in use.
    """
    for junk in (spool.directory / TMP / PROBE, *spool.listing.test_photos()):
        try:
            if os.path.lexists(junk):  # on a card that is read-only there is an error for what is not there, too
                durable.remove(junk)
        except OSError as error:
            spool.log_once(logging.WARNING, "leftover stays path=%r reason=%s", str(junk), error.strerror)
    for folder in (spool.directory / CONTEXTS, spool.directory / PARKED, spool.directory):
        for name in _names(folder):
            if not (name.startswith(".") and name[-1].isdigit()):
                continue
            leftover, found = folder / name, re.fullmatch(_LEFTOVER, name, re.ASCII)
            if found is None or (folder.name == CONTEXTS and found["what"].endswith(".assigned.json")):
                continue
            if folder.name != CONTEXTS and is_alive(int(found["thread"])):
                continue
            try:
                durable.remove(leftover)
            except OSError as error:
                spool.log_once(logging.WARNING, "leftover stays path=%r reason=%s", str(leftover), error.strerror)


def _names(folder: Path) -> list[str]:
    """What is in a folder, as far as it can be read; for a pattern, pathlib would make a regex at each start."""
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _salvage(spool: Spool, part: Path, name: PhotoName) -> bool:
    """Make a photo of a whole part; return False when it is there already, and delete the part."""
    whole = (matches_digest(spool.path(name, place), name) for place in (NEW, PARKED, *FOLDERS_OF_2))
    if spool.path(name, SENT).exists() or any(whole):
        durable.remove(part)
        return False
    durable.sync_file(part)
    folder = spool.path(name).parent
    rename_files(spool.directory, [folder])
    durable.make_directories(folder)
    durable.move(part, spool.path(name))
    return True
