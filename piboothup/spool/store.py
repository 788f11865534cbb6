"""The spool: its folders, the photos in them, and what is recorded of the running boot.

The booth commits photos (`commit`); the uploader moves them from new/ to sent/, parked/ or quarantine/ (`handover`).
A folder or file that is not ours is ignored, named once in the log and never followed.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import pwd
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

from piboothup.clock import Clock
from piboothup.problems import problem
from piboothup.records import dataclass, field, replace
from piboothup.spool import SpoolError, contexts, durable, event_titles, layout_version, wipe_journal
from piboothup.spool.capture_time import boots
from piboothup.spool.capture_time.anchors import Anchor
from piboothup.spool.capture_time.boots import Boot, Composition
from piboothup.spool.capture_time.timeline import Timeline
from piboothup.spool.contexts import Context
from piboothup.spool.disk import hidden_photos
from piboothup.spool.disk.free_space import FreeSpace
from piboothup.spool.disk.location import Location
from piboothup.spool.layout_version import SpoolUnusable
from piboothup.spool.listing import BOOTS, CONTEXTS, FOLDERS_OF_2, KEPT, NEW, PLACES, SENT, WAITING, Listing
from piboothup.spool.names import BY_HAND, Identity, PhotoName, box_id, hardware_serial

log = logging.getLogger(__name__)


_NO_LOCK = (errno.EACCES, errno.EPERM, errno.ELOOP, errno.ENXIO)
"""Errors of a lock that is another user's, a link, or a socket: only a person can tell what it is there for."""


def _not_opened(lock: Path, error: OSError) -> SpoolUnusable:
    """Why a lock can't be opened: whose it is, if another user's."""
    owner = _owner_if_another(lock) if isinstance(error, PermissionError) else None
    if owner is not None:
        text = f"{lock} belongs to the user {owner}: end the piboothup that {owner} runs and delete it, or use sudo."
        return SpoolUnusable(text, problem("spool_locked", owner))
    sudo = "run with sudo, or " if isinstance(error, PermissionError) else ""
    text = f"{lock} can't be opened ({error.strerror}): {sudo}delete it while no piboothup is running."
    return SpoolUnusable(text, problem("spool_unusable", f"{lock.name}: {error.strerror}"))


def _owner_if_another(path: Path) -> str | None:
    """Name of the user whose file it is; None for this user's own, or if that can't be seen."""
    try:
        uid = path.lstat().st_uid
        return None if uid == os.geteuid() else pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
    except OSError:
        return None


class AlreadyRunning(SpoolError):
    """The service runs already on this spool; the text is a sentence with a remedy."""


@dataclass
class Session:
    """The running boot on one disk; another disk, lock or start gets another session.

    A photo belongs to the session that gave it its number: it is not saved when that has ended meanwhile.
    """

    timeline: Timeline
    location: Location | None = None
    """Location of the lock, which may have been released; None = none was taken."""
    started: bool = False
    """Whether the numbers that photos on this disk have are known: only then may another photo get one."""
    boot: int = 0
    """Number of the boot; 0 = the card took none yet."""
    last_seq: int = 0
    """Number of the latest photo."""
    spool_id: str = ""
    """Of the spool on this disk; "" while a new one has none."""
    composition: Composition | None = None
    """What is composed of the photos that are taken now, as recorded since the start."""
    begun: set[tuple[int, int]] = field(default_factory=set)
    """Boot and number of each photo that is not committed yet; on another disk they may be another photo's."""
    durable: set[Path] = field(default_factory=set)
    """Paths that this process itself made durable; what it only finds there may be in the page cache alone."""


class Spool:
    """One spool directory, seen from one service or command."""

    def __init__(self, directory: Path, clock: Clock, serial: str | None = None) -> None:
        """`serial` stands for this box's hardware; unset, it is read from the hardware."""
        self.directory = directory
        self.clock = clock
        self.box = box_id(hardware_serial() if serial is None else serial)
        self.free_space = FreeSpace(directory)
        self.test_photo_lock = threading.Lock()
        self._boots = directory / BOOTS
        self.listing = Listing(directory)
        self.session = self._new_session(None)
        self._logged: set[str] = set()
        self._first_seqs: dict[tuple[str, int], int] = {}
        """By spool and boot, the first number of this service's photos: another disk has boots of its own."""

    # -- start, lock and disk ---------------------------------------------------------------------------------

    def prepare(self) -> None:
        """Make the folders and give this boot its number. Raises SpoolUnusable.

        A full or read-only card is no reason to refuse: what is on it can be uploaded. The boot has no number then.
        """
        self._prepare(self.session.location)

    @contextlib.contextmanager
    def lock(self, service: str) -> Iterator[None]:
        """Hold the spool for the one instance of `service`. Raises AlreadyRunning.

        What `prepare` did is done again: a disk may have been mounted since. `start` is due after it. Raises
        SpoolUnusable, OSError.
        """
        path = durable.lock_file(self.directory, service)
        with contextlib.ExitStack() as held:
            try:
                descriptor = held.enter_context(durable.lock(path))
            except durable.Locked:
                text = f"A {service} is already running on the spool {self.directory}: stop that one first."
                raise AlreadyRunning(text) from None
            except OSError as error:
                if error.errno not in _NO_LOCK:
                    raise
                raise _not_opened(path, error) from None
            location = held.enter_context(contextlib.closing(Location(self.directory, path, descriptor)))
            if self.boot:
                self._prepare(location)
            else:  # a command that only keeps the service out; or the card is full
                self.session = self._new_session(location)
            yield

    def start(self, service: str) -> None:
        """Record the service's start: no photo number of an earlier run in this boot comes again. Raises OSError."""
        self.number_boot()
        session = self.session
        self.refuse_another_disk(session)
        known = boots.read(self._boots, session.boot)
        used = [seq for _, seq in known.retired]
        for place in PLACES:
            used += [name.seq for name in self.listing.of_boot(place, session.boot)]
        used += [seq + 1 for seq in used if (found := known.composition_of(seq)) is not None and found.frame]
        last_seq = max([known.next_seq - 1, *(seq for seq in used if seq < BY_HAND)])
        now_ms = self.clock.boottime_ns() // 1_000_000
        boots.add_start(self._boots, session.boot, service, now_ms, last_seq + 1)
        spool_id = layout_version.read_id(self.directory)
        self.session = replace(
            session, started=True, spool_id=spool_id, last_seq=last_seq, composition=None, begun=set()
        )
        self._first_seqs.setdefault((spool_id, session.boot), last_seq + 1)
        self._logged.clear()

    def _prepare(self, location: Location | None) -> None:
        layout_version.prepare(self.directory)
        self.session = self._new_session(location)
        try:
            self.number_boot()
        except OSError as error:
            self.log_once(logging.ERROR, "boot not numbered reason=%s", error.strerror or error)

    def _new_session(self, location: Location | None) -> Session:
        spool_id = layout_version.read_id(self.directory)
        return Session(Timeline(self._boots, self.listing, self.clock), location, spool_id=spool_id)

    def log_once(self, level: int, text: str, *values: object) -> None:
        """Log what hinders the start, once until it succeeds: it is tried every second."""
        line = text % values
        if line not in self._logged:
            self._logged.add(line)
            log.log(level, "%s", line)

    def has_moved(self) -> bool:
        """Whether the disk under the spool's path came, went or changed since the lock; False if it is unreadable."""
        location = self.session.location
        try:
            return location is not None and location.has_changed()
        except OSError:  # a problem of its own: its photos are shown as unreadable
            return False

    def left_behind(self) -> set[str]:
        """The photos that wait in the folder that was locked, when it is out of sight, or were hidden from it."""
        location = self.session.location
        return set() if location is None else location.names(*WAITING) | hidden_photos.read(location.path)

    def refuse_another_disk(self, session: Session) -> None:
        """Raise OSError when the session has ended or its disk has left: the number is another boot's there."""
        if session is not self.session or (session.location is not None and session.location.is_another()):
            raise OSError(errno.ESTALE, "another disk is there now", str(self.directory))

    def make_folder(self, place: str, name: PhotoName) -> None:
        """Make the photo's folder in `place` durably; a file in the place of it is renamed. Raises OSError.

        With that in new/ goes the one in sent/: later the card may be full. Then no photo that the album has could
        make room for others, and all would be sent again at the next start.
        """
        folder, known = self.path(name, place).parent, self.session.durable
        if folder not in known or not folder.is_dir():
            if place in FOLDERS_OF_2:
                layout_version.raise_to_newest(self.directory)
                layout_version.make_folders(self.directory, place)
            elif not (self.directory / place).is_dir():  # somebody has tidied up
                layout_version.make_folders(self.directory)
            layout_version.rename_files(self.directory, [folder])
            durable.make_directories(folder)
            known.add(folder)
            if place == NEW:
                with contextlib.suppress(OSError):  # an error of the card shows with the photo
                    self.make_folder(SENT, name)

    # -- photos, contexts and events ---------------------------------------------------------------------------

    def names(self, place: str) -> Iterator[PhotoName]:
        """The photos in `place`, in no order, without those that a wipe is deleting."""
        standing = wipe_journal.read(self.directory)
        for name in self.listing.photos(place):
            if standing is None or not standing.covers(name):
                yield name

    def has_waiting(self) -> bool:
        """Whether photos wait here, refused ones among them."""
        return any(next(self.names(place), None) is not None for place in WAITING)

    def is_waiting(self, name: PhotoName) -> bool:
        """Whether the photo lies in new/; False too when the card does not say."""
        try:
            return stat.S_ISREG(self.path(name).lstat().st_mode)
        except OSError:
            return False

    def path(self, name: PhotoName, place: str = NEW) -> Path:
        """Where the photo lies, or would lie, in `place`."""
        return self.listing.path(name, place)

    def photos_of(self, context: Context) -> set[tuple[int, int]]:
        """Boot and number of each photo taken for this context, also of those deleted since the album has them.

        What is composed of photos is made, not taken.
        """
        there = (name for place in (*WAITING, SENT, KEPT) for name in self.names(place))
        found = {name.order for name in there if name.context == context.id} | self.retired(context.id)
        known = {number: self.read_boot(number) for number in {boot for boot, _ in found}}
        return {(boot, seq) for boot, seq in found if not known[boot].is_composed(seq)}

    def retired(self, context_id: str) -> set[tuple[int, int]]:
        """Boot and number of this context's photos that were sent and deleted to make room."""
        return {photo.order for photo in boots.retired(self._boots) if photo.context == context_id}

    def context_of(self, name: PhotoName) -> Context | None:
        """The event and album of the photo; None when unknown, with an empty link_id when none was chosen yet."""
        return contexts.read_record(self.directory / CONTEXTS, name.context).context_of(name.order)

    def context(self, context_id: str) -> Context | None:
        """The context with this id, as it stands now."""
        return contexts.read_record(self.directory / CONTEXTS, context_id).context_of(None)

    def events(self) -> list[event_titles.AlbumEvent]:
        """The key's events as last seen."""
        return event_titles.read(self.directory)

    def write_events(self, listed: list[event_titles.AlbumEvent]) -> None:
        """Record the key's events for titles. Raises OSError."""
        event_titles.write(self.directory, listed)

    # -- the running boot --------------------------------------------------------------------------------------

    @property
    def boot(self) -> int:
        """Number of the running boot; 0 = the card took none yet."""
        return self.session.boot

    def number_boot(self) -> None:
        """Give this boot its number, unless it has one. Raises OSError."""
        session = self.session
        if not session.boot:
            layout_version.note(self.directory, self.log_once)
            highest = self.listing.highest_boot()
            session.boot = boots.register(self._boots, self.clock.boot_id(), self.box, highest)

    def next_identity(self, boottime_ms: int, context: Context, *, has_copy: bool = False) -> Identity:
        """The identity of the next photo; each call uses up a number, whether or not the photo is committed.

        Before the session is started the number may be another photo's: `commit` refuses it. `has_copy`: the number
        after it is used up too, for its framed copy.
        """
        session = self.session
        seq = session.last_seq + 1
        session.last_seq = seq + has_copy
        if session.started:
            session.begun.add((session.boot, seq))
        return Identity(self.box, session.boot, seq, boottime_ms, context.id)

    def composition_of(self, name: PhotoName) -> Composition | None:
        """What is composed of this photo; None when nothing is."""
        return self.read_boot(name.boot).composition_of(name.seq)

    def is_of_earlier_start(self, name: PhotoName) -> bool:
        """Whether the photo was taken before this service's first start."""
        return name.seq < self._first_seqs.get((self.session.spool_id, name.boot), name.seq + 1)

    def read_boot(self, number: int) -> Boot:
        """What is written about a boot."""
        return self.session.timeline.read_boot(number)

    def last_start_ms(self) -> int | None:
        """How long the booth's last start took, in this boot or the one before; None = unknown."""
        durations = (boots.read(self._boots, number).ready_ms for number in (self.boot, self.boot - 1))
        return next((ready_ms for ready_ms in durations if ready_ms is not None), None)

    def note_ready(self, took_ms: int) -> None:
        """Record how long the booth's start took, if it differs by more than a fifth. Raises OSError."""
        session = self.session
        self.refuse_another_disk(session)
        known_ms = self.last_start_ms()
        if known_ms is None or 5 * abs(took_ms - known_ms) > known_ms:
            boots.add_ready(self._boots, session.boot, took_ms)

    def add_anchor(self, anchor: Anchor) -> None:
        """Record an anchor of the running boot. Raises OSError."""
        session = self.session
        self.refuse_another_disk(session)
        self.number_boot()
        boots.add_anchor(self._boots, session.boot, anchor)

    def now_trusted_ms(self, boottime_ms: int) -> int | None:
        """Unix milliseconds of a moment of the running boot, when its clock is trusted by now; else None."""
        return self.session.timeline.trusted_ms(self.boot, boottime_ms)

    def taken_at_ms(self, name: PhotoName, *, record: bool = False) -> int | None:
        """As `Timeline.taken_at_ms`. Raises OSError with `record`, which is for an upload."""
        session = self.session
        if record:
            self.refuse_another_disk(session)
        return session.timeline.taken_at_ms(name, session.boot, record=record)
