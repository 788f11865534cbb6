"""A photo's way into the spool: commit it, or try with a test photo whether the card takes one; make room."""

from __future__ import annotations

import contextlib
import errno
import functools
import heapq
import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from piboothup.problems import Problem, problem
from piboothup.records import replace
from piboothup.spool import SpoolError, contexts, durable, handover, layout_version
from piboothup.spool.capture_time import boots
from piboothup.spool.capture_time.boots import Composition
from piboothup.spool.contexts import Context
from piboothup.spool.listing import BOOTS, CONTEXTS, HELD, NEW, SENT, TEST_PHOTO, TMP
from piboothup.spool.names import Identity, PhotoName
from piboothup.spool.store import Session, Spool

log = logging.getLogger(__name__)

COMPOSING_LOCK = ".composing.lock"
"""Held while what was composed is stored, and while a wipe deletes photos: nothing made of them outlives it."""
ROOM_PHOTOS = 8
"""How many sent photos a commit that meets a full card deletes at the most, before it tries once more."""

_UNCONFIRMED = "unconfirmed"
"""In place of the hash of a frame whose record the disk has not confirmed."""


class NotSaved(SpoolError):
    """A photo could not be committed. `problem` is what to show; nothing was acknowledged."""

    def __init__(self, told: Problem, error_number: int | None = None) -> None:
        self.problem = told
        self.error_number = error_number
        """The system's error, if it gave one."""
        super().__init__(str(told))

    @property
    def reason(self) -> Problem:
        """The fault to report if it persists; a card that is full or broken has words of its own."""
        if self.problem.code != "not_saved":
            return self.problem
        code = {errno.EFBIG: "unsaved_limit", errno.ENOMEM: "unsaved_ram"}.get(self.error_number or 0, "unsaved_card")
        return problem(code, self.problem.detail)


def commit(spool: Spool, name: PhotoName, context: Context, jpeg: bytes, place: str = NEW) -> None:
    """Store the photo; on return it survives a power cut at any later instant. Raises NotSaved.

    `place`: new/, or held/ for a photo that is not the uploader's yet. All bytes are in memory, their hash is in the
    name. Create in tmp/, reserve, write, fsync, close, rename into <place>/<boot>/, fsync that folder. A failed sync
    is answered with a new inode, a full card with room from the oldest sent photos, each once.
    """
    session = spool.session
    if name.order not in session.begun:
        raise NotSaved(problem("not_saved", "another disk is there now"), errno.ESTALE)
    part, placed = spool.directory / TMP / f"{name}.part", spool.path(name, place)
    room = functools.partial(make_room, spool, ROOM_PHOTOS)
    _store(spool, session, name, placed, lambda: _put(spool, name, context, jpeg, part, placed, room, place))
    session.begun.discard(name.order)
    spool.free_space.record_size(len(jpeg))


def note_composition(spool: Spool, frame: str, *, originals: bool, shots: int = 0) -> None:
    """Record durably what is composed of the photos from the next one on. Raises OSError.

    `frame`: hash of the frame over their copies; "" = none. `shots`: a series of so many photos begins, which gets a
    strip; if that can't be recorded, nothing is composed of its photos.

    What the disk has not confirmed may be there after a power cut, or not: the numbers that follow fit both.
    """
    session = spool.session
    known = session.composition
    if shots:
        if known is not None and known.last is not None:  # numbers of photos that were not taken stay its own
            session.last_seq = max(session.last_seq, known.last)
        session.composition = None
    elif frame == ("" if known is None else known.frame):
        return
    spool.refuse_another_disk(session)
    spool.number_boot()
    composition = Composition(session.last_seq + 1, frame, originals, shots)
    try:
        boots.add_composition(spool.directory / BOOTS, session.boot, composition)
    except OSError:
        if composition.last is not None:
            session.last_seq = composition.last
        elif frame:
            session.composition = replace(composition, frame=_UNCONFIRMED)
        raise
    session.composition = composition
    session.last_seq += bool(shots)


def commit_composed(spool: Spool, result: Identity, originals: Sequence[PhotoName], jpeg: bytes) -> PhotoName:
    """Store what was composed of these held photos in new/; return its name. Raises NotSaved, OSError.

    FileNotFoundError: one of them is no longer held, as it was wiped meanwhile. No wipe deletes photos during this.
    """
    name = PhotoName.of(result, jpeg)
    with durable.lock(spool.directory / COMPOSING_LOCK, wait=True):
        record = contexts.read_record(spool.directory / CONTEXTS, name.context)
        places = {record.context_of(photo.order) for photo in (name, *originals)}
        if record.own is None or len(places) > 1 or {photo.context for photo in originals} != {name.context}:
            raise NotSaved(problem("not_saved", "where it belongs is not known"))
        for original in originals:
            spool.path(original, HELD).lstat()
        spool.session.begun.add(name.order)
        commit(spool, name, record.own, jpeg)
    return name


def try_commit(spool: Spool, context: Context, jpeg: bytes) -> None:
    """Commit a test photo as `commit` does a photo, read it back, and delete it again. Raises NotSaved.

    In tmp/ and in new/<boot>/ it lies under another name than a photo's: nobody lists it, and after a power cut
    `recover` deletes what is left of it. The context's file and the boot's folder stay, for the first photo. For room
    it deletes sent photos only once until something is saved: in a fault the test is repeated for hours.
    """
    session = spool.session
    name = PhotoName.of(Identity(spool.box, session.boot, 0, 0, context.id), jpeg)
    part, placed = spool.directory / TMP / TEST_PHOTO, spool.path(name).with_name(TEST_PHOTO)

    def put_anew() -> None:
        with contextlib.suppress(FileNotFoundError):
            durable.remove(part)
        _put(spool, name, context, jpeg, part, placed, make_room_once)
        durable.check_kept(placed, jpeg)

    def make_room_once() -> int:
        if spool.free_space.has_test_made_room:
            return 0
        spool.free_space.has_test_made_room = True
        return make_room(spool, ROOM_PHOTOS)

    with spool.test_photo_lock:  # the saver and the self-test of the menu may both try
        try:
            _store(spool, session, name, placed, put_anew)
        finally:
            for path in (part, placed):
                with contextlib.suppress(OSError):  # the next test photo replaces it
                    durable.remove(path)


def prepare(spool: Spool, context: Context) -> None:
    """Write ahead what `commit` of a boot's first photo writes besides the photo. Raises OSError."""
    if spool.session.started:
        spool.refuse_another_disk(spool.session)
        _write_context(spool, context)
        spool.make_folder(NEW, PhotoName.of(Identity(spool.box, spool.boot, 0, 0, context.id), b""))


def card_problem(spool: Spool) -> Problem | None:
    """Problem that stops photos from being saved, if any. Writes a few bytes after a failed write."""
    return spool.free_space.problem(lambda: next(spool.names(SENT), None) is not None)


def try_card(spool: Spool, context: Context) -> Problem | None:
    """`card_problem`, or the problem of committing a test photo of a few bytes for this context."""
    if (found := card_problem(spool)) is not None:
        return found
    try:
        spool.number_boot()
        try_commit(spool, context, b"?" * 4096)
    except NotSaved as error:
        return card_problem(spool) or error.reason
    except OSError as error:
        return spool.free_space.why_not(error)
    return None


def make_room(spool: Spool, photos: int) -> int:
    """Delete up to so many of the oldest sent photos, never any other; return how many."""
    return handover.retire(spool, heapq.nsmallest(photos, spool.names(SENT), key=lambda name: name.order))


def _store(spool: Spool, session: Session, name: PhotoName, placed: Path, put: Callable[[], None]) -> None:
    """Put a photo on the card, at `placed`. Raises NotSaved, also when the session has ended meanwhile."""
    if PhotoName.parse(str(name)) != name:  # nobody would find it again
        raise NotSaved(problem("not_saved", f"{name} is no name"))
    try:
        spool.refuse_another_disk(session)
        try:
            put()
        except (FileNotFoundError, NotADirectoryError):  # somebody has tidied up: the folders are made again, once
            spool.refuse_another_disk(session)
            layout_version.make_folders(spool.directory)
            put()
        try:
            spool.refuse_another_disk(session)
        except OSError:  # the disk that was mounted meanwhile may have got it: its boot of this number is another
            with contextlib.suppress(OSError):
                durable.remove(placed)
            raise
    except OSError as error:
        log.error("commit failed reason=%s", error.strerror or error)
        raise NotSaved(spool.free_space.why_not(error), error.errno) from None
    spool.free_space.has_test_made_room = False


def _put(
    spool: Spool,
    name: PhotoName,
    context: Context,
    jpeg: bytes,
    part: Path,
    target: Path,
    room: Callable[[], int],
    place: str = NEW,
) -> None:
    """Write the photo to `part` and rename it to `target`. Writes once more where that may help. Raises OSError.

    After an error no part is left, as far as the card allows; a photo whose name was not synced may be there.
    """

    def write() -> None:
        _write_context(spool, context)
        spool.make_folder(place, name)
        durable.write_new(part, jpeg)

    try:
        write()
    except durable.DirectoryNotSynced:
        raise
    except OSError as error:
        if error.errno != errno.EIO and not (error.errno in durable.FULL and room()):
            raise
        log.warning("commit retried photo=%s reason=%s", name, error.strerror)
        write()
    try:
        durable.move(part, target)
    except OSError:  # a part that was not renamed is whole: the next start would make a photo of it
        with contextlib.suppress(OSError):
            durable.remove(part)
        raise


def _write_context(spool: Spool, context: Context) -> None:
    folder, known = spool.directory / CONTEXTS, spool.session.durable
    path = contexts.path_of(folder, context.id)
    if path not in known or contexts.is_damaged(path, context.id):
        contexts.write(folder, context, {"boot": spool.boot, "boottime_ms": spool.clock.boottime_ns() // 1_000_000})
        known.add(path)
