"""The saver: a frame becomes a JPEG with its EXIF, and the JPEG is committed to the spool.

One thread of its own, so that neither the camera nor the button ever waits for encoding or for the card. "Saved" is
posted when, and only when, the spool has confirmed that the photo survives a pulled plug. A test photo goes the same
way, has its EXIF read back besides, and is deleted again: it has no number and is nobody's.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import queue
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from piboothup.booth.errors import BoothError
from piboothup.booth.flow.events import Event, MoveHeld, Saved, SaveTested, SavingFailed, Withdrawn
from piboothup.booth.frame import THUMBNAIL_SIZE, Frame, Plane, shrunk
from piboothup.booth.threads import NEVER_NS, STORAGE_TIMEOUT_NS, Heartbeat
from piboothup.config import Config, zone
from piboothup.problems import Problem, problem
from piboothup.records import dataclass, field
from piboothup.runtime import send_hint
from piboothup.spool import commit, handover
from piboothup.spool.contexts import Context
from piboothup.spool.listing import HELD, NEW, WITHDRAWN
from piboothup.spool.names import NO_PHOTO, PhotoName
from piboothup.spool.store import Session, Spool

if TYPE_CHECKING:
    from piboothup.booth.photo.composer import Composer
    from piboothup.spool.disk.location import Location

log = logging.getLogger(__name__)

_COMPOSER_S = 0.2
"""How long the end of the service waits for a framed copy, which is made after the next start else, seconds."""
_RETRY_NS = 10_000_000_000
"""Time between two tries to move photos that stay held, nanoseconds."""
_EPOCH = datetime.fromtimestamp(0, UTC)
_ANY_MOMENT_MS = 1_767_225_600_000
"""Placeholder time in a test photo's EXIF, so that the date tags are exercised without a trusted clock."""


@dataclass
class _Tally:
    """The photos of one context."""

    context: Context
    held: int | None = None
    """On the card before this service took any; None until they are counted."""
    own: set[tuple[int, int]] = field(default_factory=set)
    """Boot and number of each that it began to save: whoever counts those on the card may find it there already."""
    saved: int = 0
    """How many of these are saved."""

    def take_out(self, name: PhotoName) -> None:
        """No longer count this photo, which its guest took back."""
        if name.context != self.context.id:
            return
        if name.order in self.own:
            self.saved -= 1
            return
        self.own.add(name.order)
        if self.held is not None:
            self.held -= 1


_Job = tuple[Frame, _Tally | None, bool] | MoveHeld | Callable[[], None]
"""A frame has the tally that it counts in, if it is no test, and whether it may begin a series."""


class Saver:
    """The thread that turns frames into committed photos."""

    def __init__(
        self, config: Config, spool: Spool, context: Context, runtime: Path, post: Callable[[Event], None]
    ) -> None:
        self._config, self._spool, self._runtime, self._post = config, spool, runtime, post
        self.heartbeat = Heartbeat(spool.clock)
        self._tally = _Tally(context)
        self._name, self._zone = config.name, zone(config.timezone)
        self._blamed = ""
        """The reason if the step under way fails, unless the error has its own."""
        self._is_held_for_guest, self._next_retry_ns = config.photo.take_back_s > 0, 0
        self._composer = _composer(config, spool, runtime)
        self._unmoved: dict[PhotoName, str] = {}
        """Held photos that could not be moved, and where to."""
        self._withdrawn: set[PhotoName] = set()
        self._ownerless: tuple[Session | None, set[PhotoName], set[PhotoName]] = None, set(), set()
        """Photos in held/ that no guest can take back, and those in withdrawn/, as seen last, in which session."""
        self._location: Location | None = None
        """Of the disk with the first held photo."""
        self._has_series = False
        """Whether frames of a series were handed over, and it has not ended."""
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="saver", daemon=True)

    @property
    def taken(self) -> int:
        """Photos of this event on the card, as far as they are counted."""
        return (self._tally.held or 0) + self._tally.saved

    def set_labels(self, name: str, timezone: str, language: str) -> None:
        """Set the box's name, the time zone and the language that photos bear from now on."""
        self._name, self._zone = name, zone(timezone)
        if self._composer is not None:
            self._composer.zone, self._composer.language = self._zone, language

    def set_context(self, context: Context) -> None:
        """Set the context of the photos handed over from now on."""
        if context != self._tally.context:
            self._tally = _Tally(context)

    def recount(self) -> None:
        """Count the event's photos anew, as some were wiped."""
        self._tally = _Tally(self._tally.context)

    def count_held(self) -> None:
        """Count the event's photos that were on the card before, once; may take a while with many."""
        tally = self._tally
        if tally.held is None:
            tally.held = len(self._spool.photos_of(tally.context) - tally.own)

    def start(self) -> None:
        """Start the thread, and the composer's if there is one."""
        self._thread.start()
        if self._composer is not None:
            self._composer.start()

    def set_quiet(self, quiet: bool) -> None:
        """Tell whether no photo is under way and no menu open: only then photos are composed. Never waits.

        A series of shots is under way as a whole.
        """
        if self._composer is not None:
            self._composer.set_quiet(quiet)
            if quiet and self._has_series:
                self._has_series = False
                self._jobs.put(self._composer.end_series)

    @property
    def notice(self) -> Problem | None:
        """Why photos go without their frame or strip; None when they do not, or have none."""
        return None if self._composer is None else self._composer.problem

    def save(self, frame: Frame) -> None:
        """Hand over a frame; never waits. The thread posts `Saved` or `SavingFailed` afterwards."""
        self._jobs.put((frame, self._tally, not self._has_series))
        self._has_series = True

    def try_saving(self, frame: Frame) -> None:
        """Hand over the frame of a test photo; never waits. The thread posts `SaveTested` afterwards."""
        self._jobs.put((frame, None, False))

    def prepare(self) -> None:
        """Have what the first photo needs loaded and made while its frame is awaited; never waits."""
        self._jobs.put(self._prepare)

    def move_held(self, move: MoveHeld) -> None:
        """Have a held photo moved; never waits. The thread posts `Withdrawn` for one that its guest took back."""
        self._jobs.put(move)

    def keep_house(self) -> None:
        """Count the photos as `count_held` does; have those that stay held tried again. To be called often."""
        self.count_held()
        now_ns = self._spool.clock.boottime_ns()
        if now_ns < self._next_retry_ns:
            return
        self._next_retry_ns = now_ns + _RETRY_NS
        if self._unmoved:
            self._jobs.put(self._move_unmoved)
        self._release_restored()
        if self._composer is not None:
            self._composer.retry()

    def _release_restored(self) -> None:
        """Have photos released that the operator has restored; what a session finds at its start is seen to there."""
        (seen_in, seen, back), session = self._ownerless, self._spool.session
        self._ownerless = _, held, withdrawn = session, *handover.without_guest(self._spool, self._withdrawn)
        if session is not seen_in:
            seen, back = held - self._withdrawn, withdrawn
        for name in sorted(held - seen, key=lambda name: name.order):
            self.move_held(MoveHeld(name, NEW))
        if held - seen or back - withdrawn:
            self.recount()

    def stop(self, timeout_s: float) -> bool:
        """Finish what was handed over so far, then end; return False if the card held it up for longer."""
        self._jobs.put(None)
        if self._composer is not None:
            self._composer.stop(_COMPOSER_S)
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while (job := self._next()) is not None:
            if isinstance(job, MoveHeld):
                failure = self._move(job.name, job.place)
                if job.place == WITHDRAWN:
                    self._post(Withdrawn(failure))
                continue
            if not isinstance(job, tuple):
                job()
                continue
            answer, name = self._attempt(*job)
            del job  # its pixels, 18 MB of them, are not kept until the next photo
            self._post(answer)
            if name is not None:
                if not self._is_held_for_guest:
                    self._hand_over(name)
                log.info("saved photo=%s number=%d", name, self.taken)
            self._move_unmoved()

    def _prepare(self) -> None:
        with contextlib.suppress(Exception):  # the test photo tells what is wrong
            from piboothup.booth.photo import exif  # noqa: F401, PLC0415

            commit.prepare(self._spool, self._tally.context)

    def _move_unmoved(self) -> None:
        for held, place in list(self._unmoved.items()):
            self._move(held, place)

    def _move(self, name: PhotoName, place: str) -> Problem | None:
        """Move a held photo; return what went wrong. It is then tried again, unless it is gone."""
        self._unmoved.pop(name, None)
        if place == NEW and self._is_composed(name):
            self._hand_over(name)
            return None
        try:
            handover.move_held(self._spool, name, place)
        except OSError as error:
            text = "held photo not moved photo=%s place=%s reason=%s"
            self._spool.log_once(logging.ERROR, text, name, place, error.strerror)
            if not isinstance(error, FileNotFoundError) or handover.may_return(self._spool, self._location):
                self._unmoved[name] = place
            return problem("not_taken_back", error.strerror or "")
        log.info("held photo moved photo=%s place=%s", name, place)
        if place == NEW:
            self._hand_over(name)
        else:
            self._withdrawn.add(name)
            self._tally.take_out(name)
        return None

    def _is_composed(self, name: PhotoName) -> bool:
        return self._composer is not None and self._spool.composition_of(name) is not None

    def _hand_over(self, name: PhotoName) -> None:
        """Tell the composer of a photo of which something is composed, or may be, the uploader of any other."""
        if self._composer is not None and (self._is_composed(name) or handover.is_held(self._spool, name)):
            self._composer.add(name)
            return
        with contextlib.suppress(PermissionError):  # another user's uploader: it lists new/ anyway
            send_hint(self._runtime, "uploader", "new", str(name))

    def _next(self) -> _Job | None:
        self.heartbeat.beat(NEVER_NS)
        job = self._jobs.get()
        self.heartbeat.beat(STORAGE_TIMEOUT_NS)
        return job

    def _attempt(self, frame: Frame, tally: _Tally | None, is_first: bool) -> tuple[Event, PhotoName | None]:
        """Save a photo, or a test photo; return the event to post, and the photo's name if it was saved."""
        self._blamed = "unsaved_defect"
        try:
            if tally is None:
                photo, _ = self._encoded(frame, NO_PHOTO)
                commit.try_commit(self._spool, self._tally.context, photo)
                return SaveTested(None), None
            composition = None if self._composer is None else self._composer.begin(opens_series=is_first)
            has_copy = composition is not None and bool(composition.frame)
            identity = self._spool.next_identity(_begun_ms(frame), tally.context, has_copy=has_copy)
            photo, thumbnail = self._encoded(frame, identity.unique_id)
            name = PhotoName.of(identity, photo)
            tally.own.add(name.order)
            place = HELD if composition is not None or self._is_held_for_guest else NEW
            commit.commit(self._spool, name, tally.context, photo, place)
            if place == HELD and self._location is None:
                self._location = self._spool.session.location
        except Exception as error:  # noqa: BLE001  (the top of the thread: the next photo may go better)
            failed = _failure(error, self._blamed)
            log.error("photo not saved code=%s test=%s", failed.reason.code, tally is None)
            return failed if tally is not None else SaveTested(failed.reason), None
        tally.saved += 1
        return Saved(self.taken, thumbnail, name if self._is_held_for_guest else None), name

    def _encoded(self, frame: Frame, unique_id: str) -> tuple[bytes, Plane]:
        """Encode the frame; return the JPEG with its EXIF, and a thumbnail. The frame is released in any case."""
        camera = self._config.camera
        try:
            from piboothup.booth.photo.exif import Exif, check_exif, with_exif  # noqa: PLC0415
            from piboothup.booth.photo.jpeg import encode, rotated  # noqa: PLC0415

            self._blamed = "unsaved_jpeg"
            jpeg = encode(frame, camera.jpeg_quality, camera.rotation)
            self._blamed = "unsaved_defect"
            thumbnail = rotated(shrunk(frame.y, THUMBNAIL_SIZE), camera.rotation)
        finally:
            frame.release()
        is_test = unique_id == NO_PHOTO
        unix_ms = self._spool.now_trusted_ms(_begun_ms(frame)) or (_ANY_MOMENT_MS if is_test else None)
        exif = Exif(
            booth=self._name,
            camera_model=frame.camera_model,
            unique_id=unique_id,
            taken_at=None if unix_ms is None else (_EPOCH + timedelta(milliseconds=unix_ms)).astimezone(self._zone),
            exposure_us=frame.exposure_us,
            gain=frame.gain,
            focal_length_mm=frame.focal_length_mm,
        )
        self._blamed = "unsaved_exif"
        photo = with_exif(jpeg, exif)
        if is_test:
            check_exif(photo, exif)
        self._blamed = "unsaved_defect"
        return photo, thumbnail


def _composer(config: Config, spool: Spool, runtime: Path) -> Composer | None:
    """The composer, if there are frames or strips; else nothing of it is loaded."""
    if not config.photo.composes:
        return None
    from piboothup.booth.photo.composer import Composer  # noqa: PLC0415

    return Composer(config, spool, runtime)


def _begun_ms(frame: Frame) -> int:
    return frame.exposure_start_ns // 1_000_000


def _failure(error: Exception, blamed: str) -> SavingFailed:
    """Event for the error, with `blamed` as the reason unless the error has its own."""
    if isinstance(error, commit.NotSaved):
        return SavingFailed(error.problem, error.reason)
    notice, origin = problem("not_saved"), error.__cause__ or error
    if isinstance(error, BoothError) and error.problem.code == "encode_failed":
        notice = error.problem
        log.error("photo not encoded reason=%s", notice)
    else:
        log.error("saver failed", exc_info=error)
    is_short = isinstance(origin, MemoryError) or (isinstance(origin, OSError) and origin.errno == errno.ENOMEM)
    return SavingFailed(notice, problem("unsaved_ram" if is_short else blamed, type(origin).__name__))
