"""A photo's way out: open it, move it to sent/, parked/ or quarantine/, delete it once it is sent.

In layout 2 the booth first holds it: from held/ it goes to new/, withdrawn/ or kept/.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Container, Sequence

from piboothup.spool import durable
from piboothup.spool.capture_time import boots
from piboothup.spool.disk.location import Location
from piboothup.spool.listing import BOOTS, HELD, KEPT, NEW, PARKED, QUARANTINE, SENT, WITHDRAWN
from piboothup.spool.names import Identity, PhotoName
from piboothup.spool.photo_file import VerifyingReader, matches_digest
from piboothup.spool.store import Spool
from piboothup.text import open_file

log = logging.getLogger(__name__)


def open_photo(spool: Spool, name: PhotoName) -> VerifyingReader:
    """Open the photo in new/, to be verified as it is read. Raises OSError, also for what is no file."""
    return VerifyingReader(open_file(spool.path(name)), name)


def mark_sent(spool: Spool, name: PhotoName) -> None:
    """Move a photo that the album has from new/ to sent/. Raises OSError."""
    spool.make_folder(SENT, name)
    durable.move(spool.path(name), spool.path(name, SENT))


def park(spool: Spool, name: PhotoName, sentence: str) -> None:
    """Move a photo that the server refuses for good from new/ to parked/, the reason beside it. Raises OSError."""
    if not spool.path(name, PARKED).parent.is_dir():  # somebody has tidied up
        spool.make_folder(PARKED, name)
    durable.replace(spool.path(name, PARKED).with_suffix(".txt"), sentence.strip().encode() + b"\n")
    durable.move(spool.path(name), spool.path(name, PARKED))


def quarantine(spool: Spool, name: PhotoName) -> None:
    """Move a photo whose bytes no longer match its name from new/ to quarantine/. Raises OSError."""
    if not spool.path(name, QUARANTINE).parent.is_dir():
        spool.make_folder(QUARANTINE, name)
    durable.move(spool.path(name), spool.path(name, QUARANTINE))


def move_held(spool: Spool, name: PhotoName, place: str) -> None:
    """Move a photo from held/ to new/ (it is the uploader's), withdrawn/ (a guest took it back) or kept/.

    Raises OSError.
    """
    spool.path(name, HELD).lstat()  # on another disk no folder is made for it
    spool.make_folder(place, name)
    durable.move(spool.path(name, HELD), spool.path(name, place))


def is_held(spool: Spool, name: PhotoName) -> bool:
    """Whether the photo lies in held/; False too when the card does not say."""
    return os.path.lexists(spool.path(name, HELD))


def may_return(spool: Spool, first: Location | None) -> bool:
    """Whether a photo that is not found may lie on a disk that has left, when this was the first disk's location."""
    return spool.session.location is not first or spool.has_moved()


def release_original(spool: Spool, name: PhotoName, *, may_be_on_strip: bool = True) -> bool:
    """Move a photo on from held/; return whether it is sent. Raises OSError.

    To kept/ when originals are not sent and what goes in its place is made: its framed copy or, without a frame, the
    strip of its series. `may_be_on_strip`: it was not made without this photo.
    """
    composition = spool.composition_of(name)
    is_kept = False
    if composition is not None and not composition.originals and (composition.frame or may_be_on_strip):
        is_kept = composition.results(name)[0].seq in numbers_made(spool, name.boot)
    move_held(spool, name, KEPT if is_kept else NEW)
    return not is_kept


def release_held(spool: Spool, frame: str = "", *, strips: bool = False) -> tuple[int, list[list[PhotoName]]]:
    """Move photos held by earlier starts on; return how many, and those of which something is yet to be composed.

    Those of a series stand together. `frame`: hash of the frame in force; `strips`: strips are made. All others go to
    new/, or where an original goes. One that can't be moved holds up no other.
    """
    presses: dict[tuple[int, int], list[PhotoName]] = {}
    for name in sorted(spool.names(HELD), key=lambda name: name.order):
        if spool.is_of_earlier_start(name):
            presses.setdefault(series_of(spool, name) or name.order, []).append(name)
    released, due = 0, list[list[PhotoName]]()
    for names in presses.values():
        if results_due(spool, names, frame, strips=strips):
            due.append(names)
            continue
        for name in names:
            try:
                release_original(spool, name)
                released += 1
            except OSError as error:
                spool.log_once(logging.ERROR, "still held photo=%s reason=%s", name, error.strerror)
    return released, due


def series_of(spool: Spool, name: PhotoName) -> tuple[int, int] | None:
    """Boot and number of the strip of this photo's series; None for a photo of which no strip is made."""
    composition = spool.composition_of(name)
    return (name.boot, composition.first) if composition is not None and composition.shots else None


def results_due(
    spool: Spool, names: Sequence[PhotoName], frame: str, *, strips: bool
) -> list[tuple[Identity, Sequence[PhotoName]]]:
    """What is yet to be composed of the photos of one press, and of which of them: copies with this frame, the strip.

    A strip has two photos at least.
    """
    composition = spool.composition_of(names[0])
    if composition is None:
        return []
    due: list[tuple[Identity, Sequence[PhotoName]]] = []
    if composition.frame == frame != "":
        due += [(name.copy, (name,)) for name in names]
    if composition.shots and strips and len(names) > 1:
        due.append((composition.results(names[0])[-1], names))
    made = numbers_made(spool, names[0].boot) if due else set()
    return [(result, originals) for result, originals in due if result.seq not in made]


def numbers_made(spool: Spool, boot: int) -> set[int]:
    """Numbers of a boot's photos that the album has or is to have."""
    there = {name.seq for place in (NEW, SENT, PARKED) for name in spool.listing.of_boot(place, boot)}
    return there | {seq for _, seq in spool.read_boot(boot).retired}


def without_guest(spool: Spool, withdrawn: Container[PhotoName]) -> tuple[set[PhotoName], set[PhotoName]]:
    """The photos in held/ that no guest can take back, and those in withdrawn/.

    The first: of earlier starts, and restored ones of those `withdrawn`.
    """
    taken_back = set(spool.names(WITHDRAWN))
    held = {name for name in spool.names(HELD) if name in withdrawn or spool.is_of_earlier_start(name)}
    return held, taken_back


def restore(spool: Spool, name: PhotoName) -> None:
    """Move a photo that a guest took back from withdrawn/ to where a fresh one lies, for the operator.

    That is new/; or held/, if something is yet to be composed of it: the booth does that, and lets it go. Raises
    OSError.
    """
    composition = spool.composition_of(name)
    is_due = composition is not None and (
        bool(composition.frame) or composition.first not in numbers_made(spool, name.boot)  # that of its strip
    )
    place = HELD if is_due else NEW
    spool.make_folder(place, name)
    durable.move(spool.path(name, WITHDRAWN), spool.path(name, place))


def retry_parked(spool: Spool) -> int:
    """Move every parked photo back into new/; return how many. Raises OSError.

    A photo that lies whole in new/ already stays there, whatever is parked under its name.
    """
    names = [name for name in spool.names(PARKED) if not matches_digest(spool.path(name), name)]
    for name in names:
        spool.make_folder(NEW, name)
        durable.move(spool.path(name, PARKED), spool.path(name))
        with contextlib.suppress(FileNotFoundError):
            durable.remove(spool.path(name, PARKED).with_suffix(".txt"))
    return len(names)


def retire(spool: Spool, names: Sequence[PhotoName]) -> int:
    """Delete these sent photos, once it is recorded that they were taken and sent; return how many."""
    deleted = 0
    for boot in sorted({name.boot for name in names}):
        of_boot = [name for name in names if name.boot == boot]
        try:
            boots.add_retired(spool.directory / BOOTS, boot, of_boot)
        except OSError as error:  # a full card: the count may be short then, the photos are in the album
            log.warning("not counted photos=%d reason=%s", len(of_boot), error.strerror)
        for name in of_boot:
            try:
                durable.remove(spool.path(name, SENT))
                deleted += 1
            except OSError as error:
                log.warning("not deleted photo=%s reason=%s", name, error.strerror)
    return deleted
