"""The composer: makes the framed copy of each saved photo, in the background.

A photo of which a copy is due lies in held/. Its copy is a photo of its own in new/; once that is durable, the
original leaves held/. Whatever hinders the copy, the original goes to the album without: that never waits for beauty.
What lies in held/ after a power cut is made up for.

The thread has the lowest priority, and waits between its short steps while a photo is under way.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import queue
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from piboothup.booth.photo import frame_file
from piboothup.booth.photo.frame_file import FrameUnusable
from piboothup.booth.threads import set_background
from piboothup.config import Config
from piboothup.problems import Problem, problem
from piboothup.runtime import send_hint
from piboothup.spool import commit, handover
from piboothup.spool.listing import HELD, NEW
from piboothup.spool.names import PhotoName, digest_of
from piboothup.spool.store import Session, Spool
from piboothup.text import read_bytes

if TYPE_CHECKING:
    from piboothup.booth.photo.compose import PreparedFrame
    from piboothup.spool.disk.location import Location

log = logging.getLogger(__name__)

_MB = 1_000_000
COMPOSING_BYTES = 30 * _MB
"""Memory that the copy of a photo takes (tests/benchmarks/frame.py)."""
DECODED_BYTES = 4
"""Memory of a frame's pixel, bytes, while it is decoded."""
_SPARE_BYTES = 40 * _MB
"""Memory that stays for the next press."""
USUAL_SIZE = (4056, 3040)
"""Width and height of photos until one is there, if the config does not say."""
_MEMINFO = Path("/proc/meminfo")


class _Stopped(Exception):
    """The service ends."""


class Composer:
    """The thread that makes framed copies."""

    def __init__(self, config: Config, spool: Spool, runtime: Path) -> None:
        self._path = Path(config.photo.frame)
        self._originals = config.photo.originals
        self._quality = config.camera.jpeg_quality
        size = config.camera.size or USUAL_SIZE
        self._usual_size = size if config.camera.rotation in (0, 180) else size[::-1]
        self._spool = spool
        self._runtime = runtime
        self._reading = threading.Lock()
        self._digest: str | None = None
        """Hash of the frame in force; "" = it can't be used, None = not read yet."""
        self._prepared: PreparedFrame | None = None
        self._prepared_for = (0, 0)
        self.problem: Problem | None = None
        """Why photos go without a frame, or why the last one did."""
        self._session: Session | None = None
        """The session whose held photos of earlier starts were seen to."""
        self._location: Location | None = None
        """Of the first disk."""
        self._names: queue.SimpleQueue[PhotoName | None] = queue.SimpleQueue()
        self._unmoved: queue.SimpleQueue[tuple[PhotoName, bool]] = queue.SimpleQueue()
        """Photos that are still held though they should not be, and whether they go without a copy."""
        self._is_quiet = threading.Event()
        self._is_stopped = False
        self._thread = threading.Thread(target=self._run, name="composer", daemon=True)

    # -- for other threads ---------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def set_quiet(self, quiet: bool) -> None:
        """Tell whether no photo is under way and no menu open. Never waits."""
        if quiet != self._is_quiet.is_set():
            (self._is_quiet.set if quiet else self._is_quiet.clear)()

    def begin(self) -> bool:
        """Whether the photo that is about to be saved gets a copy; what changes in that is recorded on the card.

        Where that can't be recorded, photos go on with the numbers that fit what is: each has its copy's, or none.
        """
        try:
            self._spool.note_composition(self._frame_in_force(), originals=self._originals)
        except OSError as error:
            log.error("frame not noted reason=%s", error.strerror or error)
        composition = self._spool.session.composition
        return composition is not None and bool(composition.frame)

    def add(self, name: PhotoName) -> None:
        """Have the copy of this held photo made. Never waits."""
        self._names.put(name)

    def retry(self) -> None:
        """Have made up for what is held on a disk that has come, or could not be moved. Never waits."""
        session = self._spool.session
        is_new = session is not self._session and session.started
        if (is_new or not self._unmoved.empty()) and self._names.empty():
            self._names.put(None)

    def stop(self, timeout_s: float) -> None:
        """End the thread; what is not made yet is made after the next start."""
        self._is_stopped = True
        self._is_quiet.set()
        self._names.put(None)
        self._thread.join(timeout_s)

    # -- the thread ----------------------------------------------------------------------------------------------

    def _run(self) -> None:
        set_background()
        with contextlib.suppress(_Stopped):
            self._do(self._try_frame)
            while not self._is_stopped:
                self._do(self.make_up)
                self._do(self.try_unmoved)
                if (name := self._names.get()) is not None:
                    self._do(functools.partial(self.make, name))

    def _do(self, work: Callable[[], None]) -> None:
        """Do a part of the work; whatever goes wrong in it stops no photo. Raises _Stopped."""
        try:
            work()
        except _Stopped:
            raise
        except Exception as error:
            log.exception("composer failed")
            self.problem = problem("frame_failed", type(error).__name__)

    def make_up(self) -> None:
        """Make the copies that are due from earlier starts, once in each session."""
        session = self._spool.session
        if session is self._session or not session.started:
            return
        self._session = session
        if self._location is None:
            self._location = session.location
        released, due = handover.release_held(self._spool, self._frame_in_force())
        if released or due:
            log.warning("held photos released=%d due=%d", released, len(due))
        for name in due:
            self.make(name)

    def try_unmoved(self) -> None:
        """Try once more what stays held."""
        for _ in range(self._unmoved.qsize()):
            name, is_given_up = self._unmoved.get()
            if is_given_up or handover.is_copied(self._spool, name):  # the copy of a photo is made once
                self._release(name)
            else:
                self.make(name)

    def make(self, name: PhotoName) -> None:
        """Make the copy of a held photo, or let the photo go without. Raises nothing but when the service ends."""
        try:
            copy, sends_original = self._make(name)
        except _Stopped:
            raise
        except FrameUnusable as error:
            self._give_up(name, error.problem)
        except MemoryError:
            self._give_up(name, problem("frame_memory"))
        except FileNotFoundError:  # it was wiped, or seen to already
            self._spool.log_once(logging.WARNING, "photo no longer held photo=%s", name)
            if handover.may_return(self._spool, self._location):
                self._unmoved.put((name, False))
        except Exception as error:  # whatever it is, the photo goes
            log.exception("photo not framed photo=%s", name)
            self._give_up(name, problem("frame_failed", type(error).__name__))
        else:
            self.problem = None
            log.info("framed photo=%s copy=%s", name, copy)
            self._tell_uploader(copy, *([name] if sends_original else []))

    def _make(self, name: PhotoName) -> tuple[PhotoName, bool]:
        from piboothup.booth.photo import compose  # noqa: PLC0415
        from piboothup.booth.photo.exif import with_exif_of  # noqa: PLC0415

        self._pause()
        path = self._spool.path(name, HELD)
        if not self._frame_in_force():
            raise FrameUnusable("frame_failed" if self.problem is None else self.problem.code)
        photo = read_bytes(path)
        if digest_of(photo) != name.digest:
            raise ValueError("the photo's bytes have changed on the card")
        prepared = self._prepare(compose.photo_size(photo))
        need_memory(COMPOSING_BYTES)
        jpeg = compose.compose(photo, prepared, self._quality, self._pause)
        copy = with_exif_of(photo, jpeg, name.copy.unique_id)
        self._pause()
        return commit.commit_copy(self._spool, name, copy)

    def _give_up(self, name: PhotoName, told: Problem) -> None:
        log.error("photo goes without frame photo=%s reason=%s", name, told)
        self.problem = told
        self._release(name)

    def _release(self, name: PhotoName) -> None:
        try:
            if handover.is_copied(self._spool, name):
                handover.release_original(self._spool, name)
            else:
                handover.move_held(self._spool, name, NEW)
        except OSError as error:
            self._spool.log_once(logging.ERROR, "still held photo=%s reason=%s", name, error.strerror or error)
            if not isinstance(error, FileNotFoundError) or handover.may_return(self._spool, self._location):
                self._unmoved.put((name, True))
        self._tell_uploader(name)

    def _tell_uploader(self, *names: PhotoName) -> None:
        with contextlib.suppress(PermissionError):  # another user's uploader: it lists new/ anyway
            for name in names:
                send_hint(self._runtime, "uploader", "new", str(name))

    # -- the frame -----------------------------------------------------------------------------------------------

    def _frame_in_force(self) -> str:
        """Hash of the frame; "" when it can't be used."""
        with self._reading:
            if self._digest is None:
                try:
                    self._digest = frame_file.read(self._path).digest
                except FrameUnusable as error:
                    self._refuse(error)
            return self._digest or ""

    def _refuse(self, error: FrameUnusable) -> None:
        log.error("frame not used path=%s reason=%s", self._path, error.problem)
        self._digest, self._prepared, self.problem = "", None, error.problem

    def _try_frame(self) -> None:
        """Prepare the frame for photos of the usual size, so that a bad one is told before the first photo."""
        try:
            if self._frame_in_force():
                self._pause()
                self._prepare(self._usual_size)
        except FrameUnusable as error:
            self.problem = error.problem
        except MemoryError:
            self.problem = problem("frame_memory")

    def _prepare(self, size: tuple[int, int]) -> PreparedFrame:
        """The frame for photos of this size. Raises FrameUnusable: only "frame_memory" may go by itself."""
        from piboothup.booth.photo import compose  # noqa: PLC0415

        if self._prepared is None or self._prepared_for != size:
            self._prepared = None
            try:
                file = frame_file.read(self._path)
                if file.digest != self._digest:
                    raise FrameUnusable("frame_missing", "it has changed")
                need_memory(file.size[0] * file.size[1] * DECODED_BYTES)
                self._prepared, self._prepared_for = compose.prepare(file, size, self._pause), size
            except FrameUnusable as error:
                if error.problem.code != "frame_memory":
                    self._refuse(error)
                raise
        return self._prepared

    def _pause(self) -> None:
        """Wait while a photo is under way. Raises _Stopped."""
        self._is_quiet.wait()
        if self._is_stopped:
            raise _Stopped


def need_memory(wanted_bytes: int) -> None:
    """Raise FrameUnusable when memory is short."""
    available = available_bytes()
    if available is not None and available < wanted_bytes + _SPARE_BYTES:
        raise FrameUnusable("frame_memory", f"{available // _MB} MB are free")


def available_bytes() -> int | None:
    """Memory that can be had without swapping (MemAvailable in proc(5)); None when the kernel does not say."""
    try:
        lines = read_bytes(_MEMINFO).decode("ascii", "replace").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, ValueError, IndexError, StopIteration):
        return None
