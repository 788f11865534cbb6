"""The spool itself: commit a photo, list what waits, hand photos on by renaming them.

The booth commits; the uploader moves photos from new/ to sent/, parked/ or quarantine/. There is no call here that
deletes a photo. A folder or file that is not ours is ignored, named once in the log and never followed.
"""

from __future__ import annotations

import contextlib
import errno
import heapq
import logging
import stat
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from piboothup.clock import Clock
from piboothup.problems import Problem, problem
from piboothup.spool import contexts, durable, event_titles, layout_version, wipe_journal
from piboothup.spool.capture_time import boots
from piboothup.spool.capture_time.anchors import Anchor
from piboothup.spool.capture_time.boots import Boot
from piboothup.spool.capture_time.timeline import Timeline
from piboothup.spool.contexts import Context
from piboothup.spool.disk.free_space import FreeSpace
from piboothup.spool.disk.location import Location
from piboothup.spool.listing import (
    BOOTS,
    CONTEXTS,
    NEW,
    PARKED,
    QUARANTINE,
    SENT,
    TEST_PHOTO,
    TMP,
    Listing,
    VerifyingReader,
    matches_digest,
    open_file,
)
from piboothup.spool.names import BY_HAND, Identity, PhotoName, box_id, hardware_serial

log = logging.getLogger(__name__)

ROOM_PHOTOS = 8
"""How many sent photos a commit that meets a full card deletes at the most, before it tries once more."""
_FEW_BYTES = b"?" * 4096


class AlreadyRunning(RuntimeError):
    """The service runs already on this spool; the text is a sentence with a remedy."""


class NotSaved(RuntimeError):
    """A photo could not be committed. `problem` is what to show; nothing was acknowledged."""

    def __init__(self, told: Problem, error_number: int | None = None) -> None:
        self.problem = told
        self.error_number = error_number
        """What the system said, if it did."""
        super().__init__(str(told))

    @property
    def reason(self) -> Problem:
        """What it is if it lasts; a card that is full or broken has words of its own."""
        if self.problem.code != "not_saved":
            return self.problem
        code = {errno.EFBIG: "unsaved_limit", errno.ENOMEM: "unsaved_ram"}.get(self.error_number or 0, "unsaved_card")
        return problem(code, self.problem.detail)


class Spool:
    """One spool directory, seen from one service or command."""

    def __init__(self, directory: Path, clock: Clock, serial: str | None = None) -> None:
        """`serial` stands for this box's hardware; unset, it is read from the hardware."""
        self.directory = directory
        self.clock = clock
        self.box = box_id(hardware_serial() if serial is None else serial)
        self.boot = 0
        self._seq = 0
        self._given: set[tuple[int, int]] = set()
        """Boot and number of each photo begun for this folder; on another disk they may be another photo's."""
        self._durable: set[Path] = set()
        """What this process itself has made durable; what it only finds there may be in the page cache alone."""
        self._test_lock = threading.Lock()
        self._listing = Listing(directory)
        self._timeline = Timeline(self._at(BOOTS), self._listing, clock)
        self._room = FreeSpace(directory)
        self._location: Location | None = None
        """Of the lock that is held."""
        self._logged: set[str] = set()

    # -- for a service's start ---------------------------------------------------------------------------------

    def prepare(self) -> None:
        """Makes the folders and gives this boot its number. Raises SpoolUnusable.

        A full or read-only card is no reason to refuse: what is on it can be uploaded. The boot has no number then.
        Nothing is taken over from another disk that was there before.
        """
        layout_version.prepare(self.directory)
        self.boot = 0
        self._given.clear()
        self._durable.clear()
        self._timeline = Timeline(self._at(BOOTS), self._listing, self.clock)
        try:
            self._register()
        except OSError as error:
            self.log_once(logging.ERROR, "boot not numbered reason=%s", error.strerror or error)

    @contextlib.contextmanager
    def lock(self, service: str) -> Iterator[None]:
        """Holds the spool for the one instance of `service`. Raises AlreadyRunning."""
        path = self.directory / f".{service}.lock"
        try:
            with durable.lock(path) as descriptor:
                location = self._location = Location(self.directory, path, descriptor)
                try:
                    yield
                finally:
                    self._location = None
                    location.close()
        except durable.Locked:
            raise AlreadyRunning(
                f"A {service} is already running on the spool {self.directory}: stop that one first."
            ) from None

    def has_moved(self) -> bool:
        """Whether the folder at the spool's path is not the one that was locked: the disk came, went or changed.

        Raises OSError when that can't be told.
        """
        return self._location is not None and self._location.has_changed()

    def left_behind(self) -> set[str]:
        """The photos that wait in the folder that was locked, when it is out of sight, or were hidden from it."""
        return set() if self._location is None else self._location.waiting()

    def has_waiting(self) -> bool:
        """Whether photos wait here, refused ones among them."""
        return any(next(self.names(place), None) is not None for place in (NEW, PARKED))

    def recheck_storage(self, *, allowed: bool) -> None:
        """Re-check the kind of storage if the folders changed; `allowed`: memory is accepted.

        Before the first check the storage counts as sound.
        """
        self._room.recheck_storage(allowed=allowed)

    @property
    def storage_problem(self) -> Problem | None:
        """Why the storage that the spool lies on takes no photos: memory, or a folder on another disk."""
        return self._room.unsound

    @property
    def storage_warning(self) -> Problem | None:
        """What can't be told of the storage that the spool lies on."""
        return self._room.warning

    def start(self, service: str) -> None:
        """Notes the service's start, so that no photo number of an earlier run in this boot comes again.

        Raises OSError.
        """
        if not self.boot:
            self._register()
        known = boots.read(self._at(BOOTS), self.boot)
        used = [seq for _, seq in known.retired]
        for place in (TMP, NEW, SENT, PARKED, QUARANTINE):
            used += [name.seq for name in self._listing.of_boot(place, self.boot)]
        self._seq = max([known.next_seq - 1, *(seq for seq in used if seq < BY_HAND)])
        boots.add_start(self._at(BOOTS), self.boot, service, self._boottime_ms(), self._seq + 1)
        self._logged.clear()

    def log_once(self, level: int, text: str, *values: object) -> None:
        """Logs what hinders the start: it is tried every second, and told once until it has gone well."""
        line = text % values
        if line not in self._logged:
            self._logged.add(line)
            log.log(level, "%s", line)

    def last_start_ms(self) -> int | None:
        """How long the booth's last start took, in this boot or the one before; None = nobody knows."""
        found = (boots.read(self._at(BOOTS), number).ready_ms for number in (self.boot, self.boot - 1))
        return next((one for one in found if one is not None), None)

    # -- for the booth -----------------------------------------------------------------------------------------

    def next_identity(self, boottime_ms: int, context: Context) -> Identity:
        """The identity of the next photo; each call uses up a number, whether or not the photo is committed."""
        self._seq += 1
        self._given.add((self.boot, self._seq))
        return Identity(self.box, self.boot, self._seq, boottime_ms, context.id)

    def commit(self, name: PhotoName, context: Context, jpeg: bytes) -> None:
        """Stores the photo; on return it survives a power cut at any later instant. Raises NotSaved.

        All bytes are in memory, their hash is in the name. Create in tmp/, reserve, write, fsync, close, rename into
        new/<boot>/, fsync that folder. A failed sync is answered with a new inode, a full card with room from the
        oldest sent photos, each once.
        """
        if name.order not in self._given:
            raise NotSaved(problem("not_saved", "another disk is there now"), errno.ESTALE)
        part = self._at(TMP) / f"{name}.part"
        self._store(name, lambda: self._put(name, context, jpeg, part, self.path(name)))
        self._given.discard(name.order)
        self._room.record_size(len(jpeg))

    def try_commit(self, name: PhotoName, context: Context, jpeg: bytes) -> None:
        """Commits a test photo as `commit` does a photo, and deletes it again. Raises NotSaved.

        In tmp/ and in new/<boot>/ it lies under another name than a photo's: nobody lists it, and after a power cut
        `recover` deletes what is left of it. The context's file and the boot's folder stay, for the first photo.
        """
        part, placed = self._at(TMP) / TEST_PHOTO, self.path(name).with_name(TEST_PHOTO)

        def put_anew() -> None:
            with contextlib.suppress(FileNotFoundError):
                durable.remove(part)
            self._put(name, context, jpeg, part, placed)

        with self._test_lock:  # the saver and the self-test of the menu may both try
            try:
                self._store(name, put_anew)
            finally:
                for path in (part, placed):
                    with contextlib.suppress(OSError):  # the next test photo replaces it
                        durable.remove(path)

    def note_ready(self, took_ms: int) -> None:
        """Notes how long the booth's start took, if that is news by more than a fifth. Raises OSError."""
        known_ms = self.last_start_ms()
        if known_ms is None or 5 * abs(took_ms - known_ms) > known_ms:
            boots.add_ready(self._at(BOOTS), self.boot, took_ms)

    def now_trusted_ms(self, boottime_ms: int) -> int | None:
        """Unix milliseconds of a moment of the running boot, when its clock is trusted by now; else None."""
        return self._timeline.trusted_ms(self.boot, boottime_ms)

    def _store(self, name: PhotoName, put: Callable[[], None]) -> None:
        """Has a photo put on the card. Raises NotSaved."""
        if PhotoName.parse(str(name)) != name:  # nobody would find it again
            raise NotSaved(problem("not_saved", f"{name} is no name"))
        try:
            self._refuse_another_disk()
            try:
                put()
            except FileNotFoundError:  # somebody has tidied up: the folders are made again, once
                self._refuse_another_disk()
                layout_version.make_folders(self.directory)
                put()
            self._refuse_another_disk()  # one that was mounted meanwhile may have got it
        except OSError as error:
            log.error("not saved reason=%s", error.strerror or error)
            raise NotSaved(self._room.why_not(error), error.errno) from None

    def _put(self, name: PhotoName, context: Context, jpeg: bytes, part: Path, target: Path) -> None:
        def write() -> None:
            self._write_context(context)
            self._make_folder(NEW, name)
            durable.write_new(part, jpeg)

        self._write(name, write)
        durable.move(part, target)

    def _write(self, name: PhotoName, write: Callable[[], None]) -> None:
        """All that goes before the rename; once more where that may help. Raises OSError."""
        try:
            write()
        except durable.DirectoryNotSynced:
            raise
        except OSError as error:
            if error.errno != errno.EIO and not (error.errno in durable.FULL and self.make_room(ROOM_PHOTOS)):
                raise
            log.warning("commit retried photo=%s reason=%s", name, error.strerror)
            write()

    def card_problem(self) -> Problem | None:
        """What stops photos from being saved on this card, if anything. Asks, and after a failed write tries one."""
        return self._room.problem(self._may_make_room)

    def try_card(self, context: Context) -> Problem | None:
        """The same, and a few bytes go the whole way of a photo of this context, as a test photo does."""
        found = self.card_problem()
        if found is not None:
            return found
        try:
            if not self.boot:
                self._register()
            nobodys = Identity(self.box, self.boot, 0, self._boottime_ms(), context.id)
            self.try_commit(PhotoName.of(nobodys, _FEW_BYTES), context, _FEW_BYTES)
        except NotSaved as error:
            return self.card_problem() or error.reason
        except OSError as error:
            return self._room.why_not(error)
        return None

    def make_room(self, photos: int) -> int:
        """Deletes up to so many of the oldest sent photos; how many it deleted. Never any other."""
        return self.retire(heapq.nsmallest(photos, self.names(SENT), key=lambda name: name.order))

    def retire(self, names: Sequence[PhotoName]) -> int:
        """Deletes these sent photos, once it is noted that they were taken and sent; how many it deleted."""
        deleted = 0
        for boot in sorted({name.boot for name in names}):
            of_boot = [name for name in names if name.boot == boot]
            try:
                reached_ms = max(name.boottime_ms for name in of_boot)
                photos = [(name.context, name.seq) for name in of_boot]
                boots.add_retired(self._at(BOOTS), boot, photos, reached_ms)
            except OSError as error:  # a full card: the count may be short then, the photos are in the album
                log.warning("not counted photos=%d reason=%s", len(of_boot), error.strerror)
            for name in of_boot:
                try:
                    durable.remove(self.path(name, SENT))
                except OSError as error:
                    log.warning("not deleted photo=%s reason=%s", name, error.strerror)
                else:
                    deleted += 1
        return deleted

    def photos_of(self, context: Context) -> set[tuple[int, int]]:
        """Boot and number of each photo taken for this context, also of those deleted since the album has them."""
        there = (name for place in (NEW, SENT, PARKED) for name in self.names(place))
        return {name.order for name in there if name.context == context.id} | self.retired(context.id)

    def retired(self, context_id: str) -> set[tuple[int, int]]:
        """Boot and number of this context's photos that were sent and deleted to make room."""
        try:
            listed = boots.numbers(self._at(BOOTS))
        except OSError:
            return set()
        return {(one, seq) for one in listed for context, seq in self.read_boot(one).retired if context == context_id}

    # -- for the uploader --------------------------------------------------------------------------------------

    def waiting(self) -> list[PhotoName]:
        """Every photo in new/, oldest first. Raises OSError only when new/ itself can't be read."""
        return sorted(self.names(NEW), key=lambda name: name.order)

    def path(self, name: PhotoName, place: str = NEW) -> Path:
        """Where the photo lies, or would lie, in `place`."""
        return self._listing.path(name, place)

    def is_waiting(self, name: PhotoName) -> bool:
        """Whether the photo lies in new/; False too when the card does not say."""
        try:
            return stat.S_ISREG(self.path(name).lstat().st_mode)
        except OSError:
            return False

    def open_photo(self, name: PhotoName) -> VerifyingReader:
        """The photo in new/, for reading, whose last bytes come only when all are those that were committed.

        Raises OSError, also for what is no file; reading raises Damaged in place of the last bytes.
        """
        return VerifyingReader(open_file(self.path(name)), name)

    def mark_sent(self, name: PhotoName) -> None:
        """The album has it: new/ to sent/. Raises OSError."""
        self._make_folder(SENT, name)
        durable.move(self.path(name), self.path(name, SENT))

    def park(self, name: PhotoName, sentence: str) -> None:
        """The server refuses it for good: new/ to parked/, with the reason beside it. Raises OSError."""
        durable.replace(self.path(name, PARKED).with_suffix(".txt"), sentence.strip().encode() + b"\n")
        durable.move(self.path(name), self.path(name, PARKED))

    def quarantine(self, name: PhotoName) -> None:
        """Its bytes no longer match its name: new/ to quarantine/. Raises OSError."""
        durable.move(self.path(name), self.path(name, QUARANTINE))

    def retry_parked(self) -> int:
        """Every parked photo back into new/; how many they were. Raises OSError.

        One that lies whole in new/ already stays there, whatever is parked under its name.
        """
        names = [name for name in self.names(PARKED) if not matches_digest(self.path(name), name)]
        for name in names:
            self._make_folder(NEW, name)
            durable.move(self.path(name, PARKED), self.path(name))
            with contextlib.suppress(FileNotFoundError):
                durable.remove(self.path(name, PARKED).with_suffix(".txt"))
        return len(names)

    def context_of(self, name: PhotoName) -> Context | None:
        """The event and album of the photo; None when unknown, with an empty link_id when none was chosen yet."""
        return contexts.read(self._at(CONTEXTS), name.context, name.order)

    def context(self, context_id: str) -> Context | None:
        """The context with this id, as it stands now."""
        return contexts.read(self._at(CONTEXTS), context_id)

    def taken_at_ms(self, name: PhotoName, *, record: bool = False) -> int | None:
        """When the photo was taken, in Unix milliseconds; None when that is unknown.

        With `record` (for an upload) the offsets in use are noted, so that later photos keep their order. Raises
        OSError when they can't be noted.
        """
        if record:
            self._refuse_another_disk()
        return self._timeline.taken_at_ms(name, self.boot, record=record)

    def write_events(self, listed: list[event_titles.AlbumEvent]) -> None:
        """Remembers the key's events for titles. Raises OSError."""
        event_titles.write(self.directory, listed)

    def add_anchor(self, anchor: Anchor) -> None:
        """Notes an anchor of the running boot. Raises OSError."""
        self._refuse_another_disk()
        if not self.boot:
            self._register()
        boots.add_anchor(self._at(BOOTS), self.boot, anchor)

    # -- for everybody -----------------------------------------------------------------------------------------

    def names(self, place: str) -> Iterator[PhotoName]:
        """The photos in `place`, in no order, without those that a wipe is deleting.

        A folder that can't be read is named in the log and passed over.
        """
        standing = wipe_journal.read(self.directory)
        for name in self._listing.photos(place):
            if standing is None or not standing.covers(name):
                yield name

    def test_photos(self) -> Iterator[Path]:
        """Each path at which a test photo may have been left by a power cut."""
        return self._listing.test_photos()

    def changed_ns(self, place: str) -> int:
        """When names last came to or left a folder of the spool (or a file of it was written); 0 = never."""
        return self._listing.changed_ns(place)

    def events(self) -> list[event_titles.AlbumEvent]:
        """The key's events as last seen."""
        return event_titles.read(self.directory)

    def read_boot(self, number: int) -> Boot:
        """What is written about a boot."""
        return self._timeline.read_boot(number)

    # -- inside ----------------------------------------------------------------------------------------------

    def _register(self) -> None:
        layout_version.note(self.directory)
        self.boot = boots.register(self._at(BOOTS), self.clock.boot_id(), self.box, self._listing.highest_boot())

    def _refuse_another_disk(self) -> None:
        """The boot's number is that of the disk that was locked: on another one it is another boot's."""
        if self._location is not None and self._location.is_another():
            raise OSError(errno.ESTALE, "another disk is there now", str(self.directory))

    def _may_make_room(self) -> bool:
        return next(self.names(SENT), None) is not None

    def _at(self, place: str) -> Path:
        return self.directory / place

    def _boottime_ms(self) -> int:
        return self.clock.boottime_ns() // 1_000_000

    def _make_folder(self, place: str, name: PhotoName) -> None:
        folder = self.path(name, place).parent
        if folder not in self._durable or not folder.is_dir():
            durable.make_directories(folder)
            self._durable.add(folder)

    def _write_context(self, context: Context) -> None:
        path = contexts.path_of(self._at(CONTEXTS), context.id)
        if path not in self._durable or not path.exists():
            contexts.write(self._at(CONTEXTS), context, {"boot": self.boot, "boottime_ms": self._boottime_ms()})
            self._durable.add(path)
