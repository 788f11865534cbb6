"""A photo's way out: open it, move it to sent/, parked/ or quarantine/, delete it once it is sent.

In layout 2 the booth first holds it: from held/ it goes to new/, withdrawn/ or kept/.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Sequence

from piboothup.spool import durable
from piboothup.spool.capture_time import boots
from piboothup.spool.listing import BOOTS, HELD, NEW, PARKED, QUARANTINE, SENT, WITHDRAWN
from piboothup.spool.names import PhotoName
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
    spool.make_folder(place, name)
    durable.move(spool.path(name, HELD), spool.path(name, place))


def release_held(spool: Spool) -> int:
    """Move every photo in held/ to new/; return how many. One that can't be moved holds up no other."""
    released = 0
    for name in sorted(spool.names(HELD), key=lambda name: name.order):
        try:
            move_held(spool, name, NEW)
            released += 1
        except OSError as error:
            spool.log_once(logging.ERROR, "still held photo=%s reason=%s", name, error.strerror)
    return released


def restore(spool: Spool, name: PhotoName) -> None:
    """Send a photo after all that a guest took back: from withdrawn/ to held/ and on to new/. Raises OSError."""
    spool.make_folder(HELD, name)
    durable.move(spool.path(name, WITHDRAWN), spool.path(name, HELD))
    move_held(spool, name, NEW)


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
