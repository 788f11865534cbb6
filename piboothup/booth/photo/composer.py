"""The composer: makes the framed copy of each saved photo, and the strip of each series, in the background.

A photo of which something is due lies in held/. What is composed is a photo of its own in new/; once that is durable,
the originals leave held/. Whatever hinders it, they go to the album without: that never waits for beauty. What lies
in held/ after a power cut is made up for.

A strip has the photos of a series that are there when it has ended and no guest can take one back: two at least.

The thread has the lowest priority, and waits between its short steps while a photo is under way.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import queue
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from piboothup.booth.photo.frame_file import FrameUnusable
from piboothup.booth.photo.frame_in_force import FrameInForce
from piboothup.booth.photo.memory import MB, need_memory
from piboothup.booth.threads import set_background
from piboothup.config import Config, zone
from piboothup.problems import Problem, problem
from piboothup.runtime import send_hint
from piboothup.spool import commit, handover
from piboothup.spool.listing import HELD
from piboothup.spool.names import Identity, PhotoName, digest_of
from piboothup.spool.store import Session, Spool
from piboothup.text import read_bytes

if TYPE_CHECKING:
    from piboothup.spool.capture_time.boots import Composition
    from piboothup.spool.disk.location import Location

log = logging.getLogger(__name__)

COMPOSING_BYTES = 30 * MB
"""Memory that the copy of a photo takes, or a strip (tests/benchmarks/frame.py)."""
USUAL_SIZE = (4056, 3040)
"""Width and height of photos until one is there, if the config does not say."""


class _Stopped(Exception):
    """The service ends."""


class Composer:
    """The thread that makes framed copies and strips."""

    def __init__(self, config: Config, spool: Spool, runtime: Path) -> None:
        self.frame = FrameInForce(config.photo.frame)
        self._layout, self._shots = config.photo.strip_layout, config.photo.shots
        self._originals = config.photo.originals
        self._quality = config.camera.jpeg_quality
        size = config.camera.size or USUAL_SIZE
        self._usual_size = size if config.camera.rotation in (0, 180) else size[::-1]
        self._spool = spool
        self._runtime = runtime
        self._failure: Problem | None = None
        """Why the last photos went without frame or strip."""
        self.zone, self.language = zone(config.timezone), config.language
        """Time zone and language of dates."""
        self._session: Session | None = None
        """The session whose held photos of earlier starts were seen to."""
        self._location: Location | None = None
        """Of the first disk."""
        self._open_series: tuple[int, int] | None = None
        """Series whose photos are still being handed to the saver."""
        self._waiting: dict[tuple[int, int], set[PhotoName]] = {}
        """Photos of series that could go, until all of their series can."""
        self._names: queue.SimpleQueue[PhotoName | None] = queue.SimpleQueue()
        self._unmoved: queue.SimpleQueue[tuple[PhotoName, bool, bool]] = queue.SimpleQueue()
        """Photos that are still held though they should not be, whether on a strip, and whether nothing is due."""
        self._is_quiet = threading.Event()
        self._is_stopped = False
        self._thread = threading.Thread(target=self._run, name="composer", daemon=True)

    @property
    def problem(self) -> Problem | None:
        """Why photos go without frame or strip, or why the last ones did."""
        return self._failure or self.frame.problem

    # -- for other threads ---------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def set_quiet(self, quiet: bool) -> None:
        """Tell whether no photo is under way and no menu open. Never waits."""
        if quiet != self._is_quiet.is_set():
            (self._is_quiet.set if quiet else self._is_quiet.clear)()

    def begin(self, *, opens_series: bool = True) -> Composition | None:
        """What is composed of the photo that is about to be saved, once that is recorded on the card.

        `opens_series`: it is the first of a press. Where that can't be recorded, nothing is composed of a series;
        a photo with a frame comes here with a number for a copy, and gets one if the record says so.
        """
        session = self._spool.session
        try:
            if not self._layout:
                commit.note_composition(self._spool, self.frame.digest, originals=self._originals)
            elif opens_series:
                self._open_series = None
                frame, shots = self.frame.digest, self._shots
                commit.note_composition(self._spool, frame, originals=self._originals, shots=shots)
                self._open_series = session.boot, session.last_seq
        except OSError as error:
            log.error("what is composed not noted reason=%s", error.strerror or error)
        found = session.composition
        return found if found is not None and found.covers(session.last_seq + 1) else None

    def end_series(self) -> None:
        """Have the strip of the series made once all of its photos are handed over. Never waits."""
        self._open_series = None
        if self._layout:
            self._names.put(None)

    def add(self, name: PhotoName) -> None:
        """Have composed what is due of this held photo, which no guest can take back any more. Never waits."""
        self._names.put(name)

    def retry(self) -> None:
        """Have made up for what is held on a disk that has come, could not be moved, or waits. Never waits."""
        session = self._spool.session
        is_new = session is not self._session and session.started
        if (is_new or self._waiting or not self._unmoved.empty()) and self._names.empty():
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
                self._do(self.make_series)
                if (name := self._names.get()) is not None:
                    self._do(functools.partial(self.take, name))

    def _do(self, work: Callable[[], None]) -> None:
        """Do a part of the work; whatever goes wrong in it stops no photo. Raises _Stopped."""
        try:
            work()
        except _Stopped:
            raise
        except Exception as error:  # the top of the thread: the photos of the next press may fare better
            log.exception("composer failed")
            self._failure = problem("frame_failed" if self.frame.digest else "strip_failed", type(error).__name__)

    def make_up(self) -> None:
        """Compose what is due from earlier starts, once in each session."""
        session = self._spool.session
        if session is self._session or not session.started:
            return
        if self._location is None:
            self._location = session.location
        released, due = handover.release_held(self._spool, self.frame.digest, strips=bool(self._layout))
        self._session = session
        if released or due:
            log.warning("held photos released=%d due=%d", released, sum(map(len, due)))
        for names in due:
            self.make(*names)

    def take(self, name: PhotoName) -> None:
        """Compose what is due of a held photo at once, of one of a series in `make_series`."""
        if (series := handover.series_of(self._spool, name)) is None:
            self.make(name)
        else:
            self._waiting.setdefault(series, set()).add(name)

    def make_series(self) -> None:
        """Compose what is due of each series that has ended, unless a guest may still take a photo of it back."""
        for series, names in list(self._waiting.items()):
            of_boot = self._spool.listing.of_boot(HELD, series[0])
            held = {name for name in of_boot if handover.series_of(self._spool, name) == series}
            if series != self._open_series and held <= names:
                del self._waiting[series]
                self.make(*sorted(names, key=lambda name: name.order))

    def try_unmoved(self) -> None:
        """Try once more what stays held."""
        for _ in range(self._unmoved.qsize()):
            name, is_on_strip, is_seen_to = self._unmoved.get()
            if is_seen_to:
                self._release(name, is_on_strip=is_on_strip)
            else:
                self.take(name)

    def make(self, *names: PhotoName) -> None:
        """Compose what is due of the held photos of one press, then let them go, whatever comes of that.

        Raises nothing but when the service ends.
        """
        failed, made, is_on_strip = None, list[PhotoName](), False
        for result, originals in handover.results_due(
            self._spool, names, self.frame.digest, strips=bool(self._layout)
        ):
            kind = "frame" if len(originals) == 1 else "strip"
            try:
                made.append(self._make(result, originals))
                is_on_strip |= kind == "strip"
                log.info("composed photo=%s of=%s photos=%d", made[-1], originals[0], len(originals))
            except _Stopped:
                raise
            except FrameUnusable as error:
                failed = error.problem
            except MemoryError as error:
                failed = problem(f"{kind}_memory", str(error))
            except FileNotFoundError:  # a photo was wiped, or seen to already: see _release
                pass
            except Exception as error:  # whatever it is, the photos go
                log.exception("not composed photo=%s", originals[0])
                failed = problem(f"{kind}_failed", type(error).__name__)
        if failed is not None:
            log.error("photos go as they are first=%s reason=%s", names[0], failed)
        self._failure = failed
        self._tell_uploader(*made)
        for name in names:
            self._release(name, is_on_strip=is_on_strip)

    def _make(self, result: Identity, originals: Sequence[PhotoName]) -> PhotoName:
        from piboothup.booth.photo.exif import with_exif_of  # noqa: PLC0415

        self._pause()
        make = self._copy if len(originals) == 1 else self._strip
        jpeg = make(originals)
        composed = with_exif_of(self._read(originals[0]), jpeg, result.unique_id)
        self._pause()
        return commit.commit_composed(self._spool, result, originals, composed)

    def _copy(self, originals: Sequence[PhotoName]) -> bytes:
        from piboothup.booth.photo import compose  # noqa: PLC0415

        photo = self._read(originals[0])
        prepared = self.frame.prepared(compose.photo_size(photo), self._pause)
        need_memory(COMPOSING_BYTES)
        return compose.compose(photo, prepared, self._quality, self._pause)

    def _strip(self, originals: Sequence[PhotoName]) -> bytes:
        from piboothup.booth.photo import caption, strip  # noqa: PLC0415

        need_memory(COMPOSING_BYTES)
        context, taken_ms = self._spool.context_of(originals[0]), self._spool.taken_at_ms(originals[0])
        titles = (event.title for event in self._spool.events() if context and event.link_id == context.link_id)
        text = caption.Caption(next(titles, ""), caption.date_of(taken_ms, self.zone, self.language))
        photos = [functools.partial(self._read, name) for name in originals]
        return strip.compose(photos, self._layout, text, self._quality, self._pause)

    def _read(self, name: PhotoName) -> bytes:
        photo = read_bytes(self._spool.path(name, HELD))
        if digest_of(photo) != name.digest:
            raise ValueError("the photo's bytes have changed on the card")
        return photo

    def _release(self, name: PhotoName, *, is_on_strip: bool) -> None:
        """Let an original go; where that fails it is tried again."""
        try:
            if handover.release_original(self._spool, name, may_be_on_strip=is_on_strip):
                self._tell_uploader(name)
        except FileNotFoundError:  # it was wiped, or seen to already
            self._spool.log_once(logging.WARNING, "photo no longer held photo=%s", name)
            if handover.may_return(self._spool, self._location):
                self._unmoved.put((name, is_on_strip, is_on_strip))
        except OSError as error:
            self._spool.log_once(logging.ERROR, "still held photo=%s reason=%s", name, error.strerror or error)
            self._unmoved.put((name, is_on_strip, True))

    def _tell_uploader(self, *names: PhotoName) -> None:
        with contextlib.suppress(PermissionError):  # another user's uploader: it lists new/ anyway
            for name in names:
                send_hint(self._runtime, "uploader", "new", str(name))

    def _try_frame(self) -> None:
        """Prepare the frame for photos of the usual size, so that a bad one is told before the first photo."""
        try:
            if self.frame.digest:
                self._pause()
                self.frame.prepared(self._usual_size, self._pause)
        except FrameUnusable:
            pass
        except MemoryError as error:
            self._failure = problem("frame_memory", str(error))

    def _pause(self) -> None:
        """Wait while a photo is under way. Raises _Stopped."""
        self._is_quiet.wait()
        if self._is_stopped:
            raise _Stopped
