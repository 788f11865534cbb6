"""The camera's thread: the only one that calls the driver.

It opens the camera, watches that frames keep coming, and after a fault closes and reopens it. A photo is requested by
its zero; the answer comes as an event. No caller ever waits for the camera, and every request that is taken up is
answered: by a frame whose exposure began at or after zero, or by the problem instead.

Its retries differ from those of the other devices (`DeviceState`): the pause doubles until the stream is stable,
each fault is logged and has its own problem, and after `UNRECOVERABLE_AFTER` of them only a new process can help.
"""

from __future__ import annotations

import logging
import math
import queue
import threading
from collections.abc import Callable
from functools import partial

from piboothup.booth.camera.base import Camera, CameraFault, CaptureTimedOut
from piboothup.booth.flow.capture import CAPTURE_TIMEOUT_S
from piboothup.booth.flow.events import CameraLost, CameraReady, CaptureFailed, Event, Exposed
from piboothup.booth.frame import Viewfinder
from piboothup.booth.threads import Heartbeat
from piboothup.clock import Clock
from piboothup.problems import Problem, problem
from piboothup.records import dataclass, field

log = logging.getLogger(__name__)

STALL_TIMEOUT_NS = 4_000_000_000
"""Time without a frame after which the stream has stalled, nanoseconds; checked twice a second."""
CALL_TIMEOUT_NS = 20_000_000_000
"""Longest call of the driver, nanoseconds: after it the heartbeat stops, and systemd restarts the booth."""
FIRST_OPEN_LIMIT_NS = 90_000_000_000
"""Limit of the first opening, nanoseconds: it imports picamera2 (46 s uncompiled on a slow card) and loads
libcamera."""
POLL_S = 0.5
"""How often the stream is checked, seconds."""
FIRST_FRAME_POLL_S = 0.1
"""How often the first frame is looked for after opening, seconds, in case the driver does not call back."""
WHITE_BALANCE_LOCK_NS = 400_000_000
"""Time before zero at which white balance is locked, nanoseconds: a control takes effect some frames later."""
WHITE_BALANCE_AFTER_FLASH_NS = 600_000_000
"""Time in which white balance adapts to the flash, nanoseconds."""
STABLE_AFTER_NS = 30_000_000_000
"""Time after which a stream is stable, nanoseconds: the next fault counts as the first."""
VIEWFINDER_INTERVAL_S = 0.1
"""How often the viewfinder is polled while it is shown, seconds, in case the driver does not call back."""
UNRECOVERABLE_AFTER = 5
"""After this many failures in a row only a new process can help: reopenings that neither last nor give a photo, or
failed photos of a stream that lasts. The first takes half a minute to some minutes, the second as many presses."""
FIRST_RETRY_S = 1.0
"""First pause before the camera is reopened, seconds; it doubles up to `MAX_RETRY_S`."""
MAX_RETRY_S = 10.0
MAX_IDLE_WAIT_S = 2.0
"""Longest sleep of the thread, seconds, so that its heartbeat stays fresh."""


@dataclass
class RecoveryCounts:
    """Counts of failures and recoveries since the booth started."""

    timeouts: int = 0
    """Captures that timed out."""
    reopenings: int = 0
    """Times that the camera streamed again after it had been lost."""
    failed_reopenings: int = 0
    """Times in a row that it was lost before its stream was stable or gave a photo."""
    failed_captures: int = 0
    """Times in a row that it was lost during a capture, however long it had streamed before."""


Reply = Callable[[Exposed | CaptureFailed], None]


@dataclass(frozen=True)
class CaptureJob:
    """A requested photo."""

    zero_ns: int
    flash_on_ns: int | None = None
    reply: Reply | None = field(default=None, repr=False)
    """Gets the answer; None = it is posted."""
    moves_lens: bool = True
    """Whether a lens that is still focusing goes to the config's distance."""


class CameraThread:
    """Owner of the camera. Posts CameraReady, CameraLost, Exposed and CaptureFailed."""

    def __init__(
        self,
        camera: Camera,
        clock: Clock,
        post: Callable[[Event], None],
        on_viewfinder: Callable[[Viewfinder | None], None] = lambda picture: None,
        on_unrecoverable: Callable[[], None] = lambda: None,
    ) -> None:
        """Both callbacks come on the camera's thread.

        `on_viewfinder`: gets each new picture, None once off. `on_unrecoverable`: a camera that has streamed before
        keeps failing although it was reopened; only a new process can help. One that never streamed may
        be unplugged: the thread goes on trying to open it.
        """
        self._camera = camera
        self._clock = clock
        self._post = post
        self._on_viewfinder = on_viewfinder
        self._on_unrecoverable = on_unrecoverable
        self._jobs: queue.SimpleQueue[CaptureJob | None] = queue.SimpleQueue()  # None = wake up, something changed
        self._current_job: CaptureJob | None = None
        """The job that is not answered yet."""
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="camera", daemon=True)
        self.heartbeat = Heartbeat(clock)
        """Beats while the thread retries, not while a call of the driver hangs."""
        self.tried = threading.Event()
        """Set after the first attempt to open the camera: its libraries are loaded, or can't be."""
        self._open = self._has_opened = False
        self._streaming = False
        self._frames = 0
        self._frames_grew_ns = 0
        self._streams_since_ns = 0
        self._is_stable = False
        self._retry_s = FIRST_RETRY_S
        self._open_at_ns = 0
        self._problem: Problem | None = None
        self.recovery_counts = RecoveryCounts()
        self._has_streamed = False
        self._white_balance_lock_at_ns: int | None = None
        self._white_balance_locked = self._wants_near = self._is_near = False
        self._viewfinder_on = False
        self._viewfinder: Viewfinder | None = None
        camera.wake = partial(self._jobs.put, None)

    def start(self) -> None:
        """Start the thread, which opens the camera; returns at once."""
        self._thread.start()

    def stop(self, timeout_s: float = 3.0) -> None:
        """Close the camera and end the thread; return after `timeout_s` at the latest (the thread is a daemon)."""
        self._stopping.set()
        self._jobs.put(None)
        if self._thread.ident is not None:
            self._thread.join(timeout_s)

    def prepare(self, zero_ns: int | None, flash_on_ns: int | None = None) -> None:
        """Announce a photo at `zero_ns`, with the flash on from `flash_on_ns`; None = cancelled. Never waits."""
        lock_at_ns = None if zero_ns is None else zero_ns - WHITE_BALANCE_LOCK_NS
        if lock_at_ns is not None and flash_on_ns is not None:
            has_adapted = lock_at_ns >= flash_on_ns + WHITE_BALANCE_AFTER_FLASH_NS
            lock_at_ns = lock_at_ns if has_adapted else None
        if lock_at_ns != self._white_balance_lock_at_ns:
            self._white_balance_lock_at_ns = lock_at_ns
            self._jobs.put(None)

    def capture(
        self,
        zero_ns: int,
        flash_on_ns: int | None = None,
        reply: Reply | None = None,
        *,
        moves_lens: bool = True,
    ) -> None:
        """Request the first frame exposed at or after `zero_ns`. Never waits.

        `flash_on_ns`: since when the flash is on. `reply`: gets the answer on the camera's thread; without it the
        answer is posted. `moves_lens`: see `Camera.capture`. A request that was not taken up yet is replaced, but
        not a photo by a frame with a `reply`.
        """
        self._jobs.put(CaptureJob(zero_ns, flash_on_ns, reply, moves_lens))

    def set_viewfinder_on(self, on: bool, *, near: bool = False) -> None:
        """Switch the viewfinder, whose pictures are made only while it is on, and autofocus near by. Never waits."""
        if (on, near) != (self._viewfinder_on, self._wants_near):
            self._viewfinder = None
            self._viewfinder_on, self._wants_near = on, near
            self._jobs.put(None)

    @property
    def viewfinder(self) -> Viewfinder | None:
        """The newest viewfinder picture; None while it is off or has none yet. Never waits."""
        return self._viewfinder if self._viewfinder_on else None

    def _run(self) -> None:
        pause_s = 0.0
        while not self._stopping.is_set():
            pause_s = self.run_once(self._newest_job(pause_s))
        self._close()

    def _newest_job(self, wait_s: float) -> CaptureJob | None:
        try:
            job = self._jobs.get(timeout=max(wait_s, 0.001))
            while not self._jobs.empty():
                newer = self._jobs.get_nowait()
                if job is None or newer is None:
                    job = newer or job
                    continue
                is_photo_first = job.reply is None and newer.reply is not None
                log.info("capture replaced job=%s", newer if is_photo_first else job)
                job = job if is_photo_first else newer
        except queue.Empty:
            return None
        return job

    def run_once(self, job: CaptureJob | None) -> float:
        """Do what is due, and the job if there is one; return the seconds until the next call."""
        if not self._open and self._clock.boottime_ns() >= self._open_at_ns:
            self._attempt(self._start_streaming, CALL_TIMEOUT_NS if self._has_opened else FIRST_OPEN_LIMIT_NS)
            self.tried.set()
        if job is not None:
            self._attempt(partial(self._capture, job))
        if self._open:
            self._attempt(self._check_stream)
        if self._streaming:
            self._attempt(self._apply_controls)
        if self._streaming and self._viewfinder_on:
            self._attempt(self._update_viewfinder)
        self.heartbeat.beat()
        if self._streaming:
            poll_s = VIEWFINDER_INTERVAL_S if self._viewfinder_on else POLL_S
            return min(poll_s, self._white_balance_lock_due_s())
        if self._open:
            return FIRST_FRAME_POLL_S
        return min(max(0, self._open_at_ns - self._clock.boottime_ns()) / 1e9, MAX_IDLE_WAIT_S)

    def _attempt(self, step: Callable[[], None], limit_ns: int = CALL_TIMEOUT_NS) -> None:
        self.heartbeat.beat(limit_ns)
        try:
            step()
        except CameraFault as fault:
            self._on_fault(fault.problem)
        except Exception:  # the top of the thread: whatever a driver raises, the camera is closed and opened again
            log.exception("camera error")
            self._on_fault(problem("camera_stuck"))

    def _start_streaming(self) -> None:
        self._camera.open()
        self._open = self._has_opened = True
        self._is_stable = False
        self._frames = 0
        self._frames_grew_ns = self._clock.boottime_ns()

    def _capture(self, job: CaptureJob) -> None:
        """Answer the job; `_on_fault` does if the camera fails."""
        self._current_job = job
        self._white_balance_lock_at_ns = None
        if not self._open:
            self._fail_current_job(self._problem or problem("camera_stuck"))
            return
        self._check_stream()  # a stall that began before the press is found now, not after its timeout
        now_ns = self._clock.boottime_ns()
        ahead_s = max(0, job.zero_ns - now_ns) / 1e9
        left_s = (self._frames_grew_ns + STALL_TIMEOUT_NS - now_ns) / 1e9
        try:
            frame = self._camera.capture(
                job.zero_ns, ahead_s + min(CAPTURE_TIMEOUT_S, left_s), job.flash_on_ns, moves_lens=job.moves_lens
            )
        except CaptureTimedOut:
            self.recovery_counts.timeouts += 1
            log.warning("capture timed out count=%d", self.recovery_counts.timeouts)
            raise
        self._current_job = None
        self._mark_stable()
        self.recovery_counts.failed_captures = 0
        (job.reply or self._post)(Exposed(frame, job.zero_ns))

    def _fail_current_job(self, why: Problem) -> None:
        job, self._current_job = self._current_job, None
        if job is not None:
            (job.reply or self._post)(CaptureFailed(why, job.zero_ns))

    def _white_balance_lock_due_s(self) -> float:
        """Seconds until white balance is to be locked; infinite if it is locked or no photo is announced."""
        lock_at_ns = self._white_balance_lock_at_ns
        if self._white_balance_locked or lock_at_ns is None:
            return math.inf
        return max(0, lock_at_ns - self._clock.boottime_ns()) / 1e9

    def _apply_controls(self) -> None:
        """Lock white balance before a photo, so that it stays during it, and unlock it after; have autofocus near."""
        if self._wants_near != self._is_near:
            self._is_near = self._wants_near
            self._camera.focus_near(self._is_near)
        lock_at_ns = self._white_balance_lock_at_ns
        wanted = lock_at_ns is not None and self._clock.boottime_ns() >= lock_at_ns
        if wanted != self._white_balance_locked:
            self._camera.lock_white_balance(wanted)
            self._white_balance_locked = wanted

    def _check_stream(self) -> None:
        """Post CameraReady with the first frames; raise CameraFault when frames stop."""
        frames = self._camera.frames()
        now_ns = self._clock.boottime_ns()
        if frames > self._frames:
            self._frames, self._frames_grew_ns = frames, now_ns
            if not self._streaming:
                self.recovery_counts.reopenings += self._has_streamed
                self._streaming = self._has_streamed = True
                self._streams_since_ns = now_ns
                self._problem = None
                model, (width, height) = self._camera.model, self._camera.size
                count = self.recovery_counts.reopenings
                log.info("camera ready model=%s size=%dx%d reopenings=%d", model, width, height, count)
                self._post(CameraReady())
            elif now_ns - self._streams_since_ns >= STABLE_AFTER_NS:
                self._mark_stable()
        elif now_ns - self._frames_grew_ns >= STALL_TIMEOUT_NS:
            raise CameraFault(problem("camera_stuck"))

    def _mark_stable(self) -> None:
        if not self._is_stable:
            self._is_stable = True
            self._retry_s = FIRST_RETRY_S
            self.recovery_counts.failed_reopenings = 0

    def _update_viewfinder(self) -> None:
        picture = self._camera.viewfinder()
        if picture is not None and picture != self._viewfinder:
            self._viewfinder = picture
            self._on_viewfinder(picture)
            if not self._viewfinder_on:  # switched off meanwhile, maybe before this picture arrived
                self._on_viewfinder(None)

    def _on_fault(self, cause: Problem) -> None:
        counts = self.recovery_counts
        if self._has_streamed and self._current_job is not None:
            counts.failed_captures += 1
        if self._has_streamed and not self._is_stable:
            counts.failed_reopenings += 1
        self._fail_current_job(cause)
        self._open_at_ns = self._clock.boottime_ns() + int(self._retry_s * 1e9)
        if cause != self._problem:
            self._problem = cause
            self._post(CameraLost(cause))  # before closing, which can take its time
        log.warning("camera lost code=%s retry_s=%g reason=%r", cause.code, self._retry_s, str(cause))
        self._close()
        self._retry_s = min(2 * self._retry_s, MAX_RETRY_S)
        if UNRECOVERABLE_AFTER in (counts.failed_reopenings, counts.failed_captures):
            log.error("camera unrecoverable counts=%s", counts)
            self._on_unrecoverable()

    def _close(self) -> None:
        self._open = self._streaming = self._white_balance_locked = self._is_near = False
        self._viewfinder = None
        try:
            self._camera.close()
        except Exception:  # a camera that can't even be closed is opened anew all the same
            log.exception("camera close error")
