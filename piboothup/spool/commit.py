"""A photo's way into the spool: commit it, or try with a test photo whether the card takes one; make room."""

from __future__ import annotations

import contextlib
import errno
import functools
import heapq
import logging
from collections.abc import Callable
from pathlib import Path

from piboothup.problems import Problem, problem
from piboothup.spool import SpoolError, contexts, durable, handover, layout_version
from piboothup.spool.contexts import Context
from piboothup.spool.listing import CONTEXTS, HELD, NEW, SENT, TEST_PHOTO, TMP
from piboothup.spool.names import Identity, PhotoName
from piboothup.spool.store import Session, Spool

log = logging.getLogger(__name__)

ROOM_PHOTOS = 8
"""How many sent photos a commit that meets a full card deletes at the most, before it tries once more."""


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


def commit_copy(spool: Spool, original: PhotoName, jpeg: bytes) -> tuple[PhotoName, bool]:
    """Store the framed copy of a held photo in new/, then let its original go.

    Return the copy's name, and whether the original is sent too. Raises NotSaved, OSError; then the original is held.
    """
    name, record = (
        PhotoName.of(original.copy, jpeg),
        contexts.read_record(spool.directory / CONTEXTS, original.context),
    )
    if record.own is None or record.context_of(original.order) != record.context_of(name.order):
        raise NotSaved(problem("not_saved", "where the copy belongs is not known"))
    if not (held := spool.path(original, HELD)).is_file():  # it was wiped meanwhile
        raise FileNotFoundError(errno.ENOENT, "it is no longer held", str(held))
    if spool.composition_of(original) is None:
        raise NotSaved(problem("not_saved", f"{original} gets no copy"))
    spool.session.begun.add(name.order)
    commit(spool, name, record.own, jpeg)
    return name, handover.release_original(spool, original)


def try_commit(spool: Spool, context: Context, jpeg: bytes) -> None:
    """Commit a test photo as `commit` does a photo, and delete it again. Raises NotSaved.

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
