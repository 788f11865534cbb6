"""The saver: a frame becomes a JPEG with its EXIF, and the JPEG is committed to the spool.

One thread of its own, so that neither the camera nor the button ever waits for encoding or for the card. "Saved" is
posted when, and only when, the spool has confirmed that the photo survives a pulled plug.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from piboothup.booth.encoder import EncodeError, encode, turned
from piboothup.booth.events import CardChecked, Event, Saved, SavingFailed
from piboothup.booth.exif import Exif, with_exif
from piboothup.booth.frame import Frame, Plane
from piboothup.booth.heartbeat import CARD_LIMIT_NS, FOR_EVER_NS, Heartbeat
from piboothup.booth.viewfinder import THUMBNAIL_SIZE, shrunk
from piboothup.config import Config, zone
from piboothup.problems import Problem, problem
from piboothup.runtime import send_hint
from piboothup.spool.contexts import Context
from piboothup.spool.names import PhotoName
from piboothup.spool.store import NotSaved, Spool

log = logging.getLogger(__name__)


@dataclass
class _Tally:
    """The photos of one context."""

    context: Context
    held: int | None = None
    """On the card before this service took any; None until they are counted."""
    own: set[tuple[int, int]] = field(default_factory=set)
    """Boot and number of each that it took."""


class Saver:
    """The thread that turns frames into committed photos."""

    def __init__(
        self, config: Config, spool: Spool, context: Context, runtime: Path, post: Callable[[Event], None]
    ) -> None:
        self._config = config
        self._spool = spool
        self._heartbeat = Heartbeat(spool.clock)
        self._tally = _Tally(context)
        self._runtime = runtime
        self._post = post
        self._zone = zone(config.timezone)
        self._frames: queue.SimpleQueue[tuple[Frame, _Tally] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="saver", daemon=True)

    @property
    def taken(self) -> int:
        """Photos of this event on the card, as far as they are counted."""
        return (self._tally.held or 0) + len(self._tally.own)

    def take_for(self, context: Context) -> None:
        """Photos handed over from now on are of this context."""
        if context != self._tally.context:
            self._tally = _Tally(context)

    def recount(self) -> None:
        """Photos of the event were wiped: it is counted anew."""
        self._tally = _Tally(self._tally.context)

    def count_held(self) -> None:
        """Counts the event's photos that were on the card before, once; may take a while with many."""
        tally = self._tally
        if tally.held is None:
            found = self._spool.photos_of(tally.context)
            tally.held = len(found - tally.own)

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def save(self, frame: Frame) -> None:
        """Hands over a frame; never waits. `Saved` or `SavingFailed` is posted for it."""
        self._frames.put((frame, self._tally))

    def heartbeat(self) -> int:
        """Boot-time of the last sign of life; a card that hangs counts as alive for two minutes."""
        return self._heartbeat.last_ns()

    def stop(self, timeout_s: float) -> bool:
        """Finishes the frames handed over so far, then ends; False when the card held it up for longer."""
        self._frames.put(None)
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while (job := self._next()) is not None:
            tally = job[1]
            came = self._attempt(job[0], tally.context)
            del job  # its pixels, 18 MB of them, are not kept until the next photo
            if isinstance(came, Problem):
                self._post(SavingFailed(came))
            else:
                name, thumbnail = came
                tally.own.add(name.order)
                self._post(Saved(self.taken, thumbnail))
                with contextlib.suppress(PermissionError):  # another user's: it looks for photos by itself
                    send_hint(self._runtime, "uploader", "new", str(name))
                log.info("saved photo=%s number=%d", name, self.taken)
            self._post(CardChecked(self._spool.card_problem()))

    def _next(self) -> tuple[Frame, _Tally] | None:
        self._heartbeat.beat(FOR_EVER_NS)
        job = self._frames.get()
        self._heartbeat.beat(CARD_LIMIT_NS)
        return job

    def _attempt(self, frame: Frame, context: Context) -> tuple[PhotoName, Plane] | Problem:
        """The photo's name and thumbnail once it is saved, or why it is not."""
        try:
            return self._save(frame, context)
        except NotSaved as error:
            return error.problem
        except EncodeError as error:
            log.error("not encoded reason=%s", error.problem)
            return error.problem
        except Exception:  # the top of the thread: the next photo may go better
            log.exception("saver failed")
            return problem("not_saved")

    def _save(self, frame: Frame, context: Context) -> tuple[PhotoName, Plane]:
        boottime_ms = frame.exposure_start_ns // 1_000_000
        identity = self._spool.next_identity(boottime_ms, context)
        camera = self._config.camera
        try:
            jpeg = encode(frame, camera.jpeg_quality, camera.rotation)
            thumbnail = turned(shrunk(frame.y, THUMBNAIL_SIZE), camera.rotation)
        finally:
            frame.release()
        exif = Exif(
            booth=self._config.name,
            camera_model=frame.camera_model,
            unique_id=identity.unique_id,
            taken_at=self._taken_at(boottime_ms),
            exposure_us=frame.exposure_us,
            gain=frame.gain,
            focal_length_mm=frame.focal_length_mm,
        )
        photo = with_exif(jpeg, exif)
        name = PhotoName.of(identity, photo)
        self._spool.commit(name, context, photo)
        return name, thumbnail

    def _taken_at(self, boottime_ms: int) -> datetime | None:
        unix_ms = self._spool.now_trusted_ms(boottime_ms)
        if unix_ms is None:
            return None
        return (datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=unix_ms)).astimezone(self._zone)
