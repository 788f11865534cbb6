"""Worker thread: takes the next step from the scheduler, does it, and reports success or failure.

A photo leaves new/ here, and only with proof that it arrived (sent), because the server refused it (parked) or
because its bytes no longer match its name (quarantined). In every other case it stays where it is.
"""

from __future__ import annotations

import logging
import threading
import traceback

from piboothup.clock import Clock
from piboothup.records import replace
from piboothup.spool import contexts, durable, handover
from piboothup.spool.admin.assign import record_actual_album
from piboothup.spool.contexts import Context
from piboothup.spool.listing import CONTEXTS
from piboothup.spool.names import PhotoName
from piboothup.spool.photo_file import Damaged, VerifyingReader
from piboothup.spool.store import Spool
from piboothup.uploader.outcomes import ApiCall, Decision, decide
from piboothup.uploader.schedule.attempts import UploadUrl
from piboothup.uploader.schedule.scheduler import Probe, Send, UploadScheduler
from piboothup.uploader.session import ApiSession
from piboothup.uploader.transport.errors import UploaderError

log = logging.getLogger(__name__)

_MAX_WAIT_FOR_TIME_S = 60.0
"""Connectivity for which photos of this boot wait for a clock anchor, seconds in all."""
_TIME_POLL_S = 5.0
"""Interval at which they look for one, seconds."""
_RETRY_AFTER_DEFECT_S = 60.0
"""Wait of a photo whose step ended in a defect of this program, seconds."""
_RETRY_EVENT_S = 30.0
"""Wait of a photo whose event the card does not give, seconds."""
_RETRY_PARKING_S = 60.0
"""Interval at which a refused photo that the card keeps in new/ is moved again, seconds."""
_RETRY_AFTER_DISK_CHANGE_S = 60.0
"""Wait of a photo on another disk, seconds: the service has restarted by then."""


class Worker:
    """Uploads photos, one after the other."""

    def __init__(
        self, spool: Spool, clock: Clock, scheduler: UploadScheduler, session: ApiSession, number: int
    ) -> None:
        self._spool = spool
        self._clock = clock
        self._scheduler = scheduler
        self.session = session
        self._verified: set[PhotoName] = set()
        """Waiting photos of earlier boots whose bytes were verified; a photo of this boot needs that only once."""
        self.thread = threading.Thread(target=self._run, name=f"worker-{number}", daemon=True)

    def join(self, timeout_s: float) -> bool:
        """Wait for the thread's end; return False when it does not come in time."""
        self.thread.join(timeout_s)
        return not self.thread.is_alive()

    def enforce_deadline(self) -> float:
        """Cut an overdue exchange; return the seconds for which it is overdue, infinity for a dead thread."""
        return self.session.enforce_deadline() if self.thread.is_alive() else float("inf")

    def _run(self) -> None:
        while (step := self._scheduler.take_step()) is not None:
            self.run_step(step)
        self.session.close()

    def run_step(self, step: Probe | Send) -> None:
        """Do a step and report its success or failure."""
        try:
            if isinstance(step, Probe):
                self.session.probe()
            else:
                self._upload(step.name)
        except Exception as error:  # noqa: BLE001  (a defect in one step must not end the uploading)
            # Only its type and places: its message might hold a key.
            log.error("step failed error=%s at=%s", type(error).__name__, _call_sites(error))
            self._scheduler.on_defect(step, _RETRY_AFTER_DEFECT_S)

    def _upload(self, name: PhotoName) -> None:
        context = self._spool.context_of(name)
        if context is None and contexts.is_unreadable(self._spool.directory / CONTEXTS, name.context):
            self._scheduler.on_unreadable(name, _RETRY_EVENT_S)
            return
        if context is None or not context.link_id:
            self._scheduler.hold(name, context)
            return
        if sentence := self._scheduler.unparked(name, context):
            self._park(name, sentence)
            return
        taken_at_ms = self._taken_at_ms(name)
        if taken_at_ms is None and name.boot == self._spool.boot and self._time_wait_left_s() > 0:
            self._scheduler.postpone(name, min(_TIME_POLL_S, self._time_wait_left_s()))
            return
        if self._spool.has_moved():  # event and time above may have been read from another disk
            self._scheduler.postpone(name, _RETRY_AFTER_DISK_CHANGE_S)
            return
        try:
            with handover.open_photo(self._spool, name) as file:
                if name.boot != self._spool.boot and name not in self._verified:
                    file.verify(lambda: self._scheduler.stopping)
                    self._verified.add(name)
                self._send(name, context, taken_at_ms, file)
        except InterruptedError:
            self._scheduler.put_back(name)
        except Damaged:
            self._quarantine(name)
        except OSError as error:
            self._on_unreadable(name, error)

    def _send(self, name: PhotoName, context: Context, taken_at_ms: int | None, file: VerifyingReader) -> None:
        """Send the photo. Raises OSError if its file can't be read, Damaged if it is not what was committed."""
        started_ns = self._clock.boottime_ns()
        url = self._scheduler.fresh_url(name, context)
        try:
            if url is None:
                url = UploadUrl(self.session.api().upload_url(name, context, taken_at_ms), context, started_ns)
            self.session.api().put(url.url, file, file.size_bytes, was_sent=url.was_sent)
        except UploaderError as error:
            call = ApiCall.UPLOAD_URL if url is None else ApiCall.PUT
            if url is not None:
                self._scheduler.keep_url(name, replace(url, was_sent=url.was_sent or error.was_sent))
            self._on_failure(name, context, call, error)
        else:
            took_ns = self._clock.boottime_ns() - started_ns
            log.info("sent photo=%s bytes=%d ms=%d", name, file.size_bytes, took_ns // 1_000_000)
            marked = self.mark_sent(name, context)
            self._scheduler.on_photo_sent(name, context, file.size_bytes, took_ns, marked=marked)
            self._verified.discard(name)

    def mark_sent(self, name: PhotoName, context: Context) -> bool:
        """Move a photo that the album of `context` has into sent/; return False when that fails for now.

        A photo that is not found may come back, with the disk that it lies on or by somebody's hand: that it is not
        there is no reason to forget that it was sent. Nothing is written for it meanwhile.
        """
        try:
            self._refuse_another_disk()
            self._spool.path(name).lstat()
            self._record_actual_album(name, context)
            handover.mark_sent(self._spool, name)
        except durable.Locked:
            log.info("sent but not moved photo=%s reason=an assignment is under way", name)
            return False
        except OSError as error:
            log.warning("sent but not moved photo=%s reason=%s", name, error.strerror)
            return False
        return True

    def _record_actual_album(self, name: PhotoName, context: Context) -> None:
        """Record the album that has the photo, if an operator assigned it elsewhere while it was on its way.

        Raises durable.Locked while an assignment is under way.
        """
        if self._spool.context_of(name) == context:
            return
        try:
            record_actual_album(self._spool, name, context)
        except OSError as error:
            log.error("album not noted photo=%s reason=%s", name, error.strerror)

    def _refuse_another_disk(self) -> None:
        """Raise OSError when another disk is there: what is known of a photo on its way is not written onto it."""
        self._spool.refuse_another_disk(self._spool.session)

    def _is_gone(self, name: PhotoName) -> bool:
        """Whether the photo is surely no longer in new/; an unreadable card is no proof."""
        try:
            self._spool.path(name).lstat()
        except OSError as error:
            return isinstance(error, FileNotFoundError)
        return False

    def _quarantine(self, name: PhotoName) -> None:
        log.error("damaged photo=%s", name)
        try:
            self._refuse_another_disk()
            handover.quarantine(self._spool, name)
        except OSError as error:
            self._on_unreadable(name, error)
        else:
            self._scheduler.forget_photo(name, damaged=True)

    def _on_unreadable(self, name: PhotoName, error: OSError) -> None:
        if self._spool.has_moved():  # it says nothing of this photo
            self._scheduler.postpone(name, _RETRY_AFTER_DISK_CHANGE_S)
            return
        if isinstance(error, FileNotFoundError):  # somebody moved it
            self._scheduler.forget_photo(name)
            return
        log.warning("unreadable photo=%s reason=%s", name, error.strerror)
        self._scheduler.on_unreadable(name)

    def _taken_at_ms(self, name: PhotoName) -> int | None:
        try:
            return self._spool.taken_at_ms(name, record=True)
        except OSError as error:
            log.warning("offset not noted reason=%s", error.strerror)
            return self._spool.taken_at_ms(name)

    def _time_wait_left_s(self) -> float:
        """Seconds for which a photo of this boot may still wait for a clock anchor."""
        return _MAX_WAIT_FOR_TIME_S - self._scheduler.connected_s()

    def _on_failure(self, name: PhotoName, context: Context, call: ApiCall, error: UploaderError) -> None:
        outcome, wait_s = error.outcome, error.retry_after_s
        log.info("not sent photo=%s call=%s outcome=%s", name, call, outcome)
        if decide(call, outcome) is Decision.ASK_KEY:
            call, outcome, wait_s = self.session.diagnose_refusal(context)
        if self._scheduler.on_photo_failure(name, context, call, outcome, wait_s):
            self._park(name, f"EventPics refused this photo twice: it answered {error.status} to {call}.")

    def _park(self, name: PhotoName, sentence: str) -> None:
        try:
            self._refuse_another_disk()
            handover.park(self._spool, name, sentence)
        except OSError as error:
            if isinstance(error, FileNotFoundError) and self._is_gone(name):  # somebody moved it
                self._scheduler.forget_photo(name)
                return
            log.warning("not parked photo=%s reason=%s", name, error.strerror)
            self._scheduler.postpone(name, _RETRY_PARKING_S, unparked=sentence)
        else:
            log.warning("parked photo=%s reason=%s", name, sentence)
            self._scheduler.forget_photo(name)


def _call_sites(error: BaseException) -> str:
    """Module and line of each call in the traceback, innermost last."""
    calls = traceback.walk_tb(error.__traceback__)
    return ">".join(f"{frame.f_globals.get('__name__', '')}:{line}" for frame, line in calls)
