"""Scheduler of the workers: what each does next, and what its success or failure changes.

The lock over `photo_queue` (which photo), the circuit breaker of `backoff` (when), `attempts` (failures so far),
`failure_policy` (what a failure leads to) and `link_status` (what to show). Every method takes the lock; a worker
takes a step, does it, and reports success or failure. Nothing here touches the network or the card.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from piboothup.clock import Clock
from piboothup.config import Secret
from piboothup.problems import Problem
from piboothup.records import dataclass
from piboothup.spool.contexts import Context, ContextRecord
from piboothup.spool.event_titles import AlbumEvent
from piboothup.spool.names import PhotoName
from piboothup.status import UploaderState
from piboothup.uploader.outcomes import ApiCall, Outcome, is_listed, listed_outcome
from piboothup.uploader.schedule.attempts import AttemptHistory, UploadUrl
from piboothup.uploader.schedule.backoff import SECOND_NS, CircuitBreaker, RandomFn, is_fresh, jitter_s
from piboothup.uploader.schedule.failure_policy import LONG_WAIT_S, MAX_PHOTO_BACKOFF_S, FailurePolicy
from piboothup.uploader.schedule.link_status import LinkStatus, StatusSnapshot, TransferStats
from piboothup.uploader.schedule.photo_queue import ContextHold, PhotoQueue, Unmarked

_REFUSALS = ("event_refused", "server_trouble")
"""Reasons of a hold by a server that does know the event."""
_PROBE_INTERVAL_S = 60.0
"""Time without a sent photo after which EventPics is probed, seconds."""


class UploadScheduler:
    """Shared by the workers and the service's main thread."""

    def __init__(
        self, clock: Clock, random_fn: RandomFn, max_parallel: int, unmarked: Unmarked, *, paused: bool, refused: bool
    ) -> None:
        """`max_parallel`: most photos on their way at a time. `refused`: nothing is sent until the next start."""
        self._changed = threading.Condition()
        self.stopping = False
        self.key: Secret | None = None
        """The key of the last probe."""
        self.key_accepted = False
        """EventPics has answered a probe with it."""
        self.on_change: Callable[[], None] = lambda: None
        """Called after every change, without the lock."""
        self._clock = clock
        self._random = random_fn
        self._queue = PhotoQueue(unmarked)
        self._breaker = CircuitBreaker(random_fn)
        self._link = LinkStatus(paused, refused)
        self._stats = TransferStats(max_parallel)
        self._attempts = AttemptHistory(self._stats.sent)
        parts = self._queue, self._breaker, self._attempts, self._link, self._stats
        self._policy = FailurePolicy(clock, random_fn, *parts)
        self._probing = False
        self._probe_started_ns = 0
        self._probe_due_ns = self._probe_interval_ns = 0
        self._events: tuple[AlbumEvent, ...] | None = None
        self._listing_requested = True

    # -- what to do next ---------------------------------------------------------------------------------------

    def next_step(self) -> Step:
        """Return the next step of a worker. A Probe or Send counts as begun: the caller must do it."""
        with self._changed:
            now_ns = self._clock.boottime_ns()
            if self.stopping:
                return None
            if self._link.sends_nothing:
                return Wait(None)
            if now_ns < self._breaker.not_before_ns:
                return Wait(self._breaker.not_before_ns)
            if not self._probing and (not self._breaker.closed or now_ns >= self._probe_due_ns):
                self._probing, self._probe_started_ns = True, now_ns
                return Probe()
            if self._breaker.closed and self._queue.busy < self._stats.parallel:
                name = self._queue.choose(now_ns)
                if name is not None:
                    self._attempts.hit_defect.discard(name)
                    return Send(name)
            times_ns = (self._queue.next_due_ns(), self._probe_due_ns)
            return Wait(min((due_ns for due_ns in times_ns if due_ns is not None and due_ns > now_ns), default=None))

    def take_step(self) -> Probe | Send | None:
        """Wait for the next step that is not Wait."""
        with self._changed:
            while isinstance(step := self.next_step(), Wait):
                left_ns = None if step.until_ns is None else step.until_ns - self._clock.boottime_ns()
                self._changed.wait(None if left_ns is None else max(0, left_ns) / SECOND_NS)
            return step

    # -- which photos there are --------------------------------------------------------------------------------

    def take_listing_request(self) -> bool:
        """Whether new/ must be listed though nothing changed in it; True once for each request."""
        with self._changed:
            wanted, self._listing_requested = self._listing_requested, False
            return wanted

    def reload(self, listed: list[str], entries: Mapping[str, ContextRecord]) -> None:
        """Take over a new listing of new/ (see `photo_queue.sorted_names`) and the entries of its contexts."""
        with self._changing():
            self._queue.reload(listed, entries)

    def set_listing_complete(self, *, complete: bool) -> None:
        """Record whether all folders of new/ could be read when they were last listed."""
        with self._changed:
            self._link.listing_incomplete = not complete

    def add(self, name: PhotoName, entry: ContextRecord) -> None:
        """Add a photo that was just saved; `entry`: what is written about its context."""
        with self._changing():
            self._queue.add(name, entry)

    def end_holds(self) -> None:
        """End the holds whose time is over."""
        with self._changed:
            now_ns = self._clock.boottime_ns()
            self._end_holds(lambda _, hold: hold.until_ns is not None and now_ns >= hold.until_ns)

    def take_key(self, key: Secret) -> None:
        """Set the key. A new key may see other events, so failures with the old one are forgotten."""
        with self._changed:
            if key != self.key:
                self._forget_failures()
                self.key_accepted = False
            self.key = key

    def pause(self, paused: bool) -> None:
        """Pause or resume the sending, as an operator chose."""
        with self._changing():
            self._link.paused = paused

    def set_storage_problem(self, found: Problem | None) -> None:
        """Set or clear the problem of the spool's storage; nothing is sent while there is one."""
        if found != self._link.storage_problem:
            with self._changing():
                self._link.storage_problem = found

    def retry(self) -> None:
        """Try everything now, as an operator asked: end pause, holds and waits."""
        with self._changing():
            self._link.paused = False
            self._forget_failures()
            self._breaker.probe_now(self._clock.boottime_ns())
            self._probe_due_ns = 0

    # -- results of a probe ------------------------------------------------------------------------------------

    def on_probe_success(self, events: tuple[AlbumEvent, ...]) -> None:
        """EventPics answered and accepted the key."""
        with self._changing():
            now_ns = self._clock.boottime_ns()
            self._events = events
            self.key_accepted = True
            self._end_holds(lambda context, hold: hold.until_listed and is_listed(context, events))
            self._breaker.close(now_ns)
            self._link.on_probe_success(photos_waiting=self._queue.sendable > 0)
            self._probing = False
            self._probe_interval_ns = int(jitter_s(_PROBE_INTERVAL_S, self._random) * SECOND_NS)
            self._probe_due_ns = now_ns + self._probe_interval_ns

    def on_no_key(self, reason: Problem) -> None:
        """There is no usable key."""
        with self._changing():
            self._probing = False
            self._policy.on_no_key(reason)

    def on_probe_failure(self, outcome: Outcome, retry_after_s: float | None = None) -> None:
        """A probe failed."""
        with self._changing():
            self._probing = False
            took_s = (self._clock.boottime_ns() - self._probe_started_ns) / SECOND_NS
            self._policy.on_probe_failure(outcome, retry_after_s, took_s)

    # -- a photo on its way, and its result --------------------------------------------------------------------

    def connected_s(self) -> float:
        """Seconds in which EventPics could be reached since the start."""
        with self._changed:
            return self._breaker.connected_s(self._clock.boottime_ns())

    def fresh_url(self, name: PhotoName, context: Context) -> UploadUrl | None:
        """The unexpired upload URL of an earlier attempt for this event and album, if any."""
        with self._changed:
            history = self._attempts.photos.get(name)
            url = None if history is None else history.url
            is_usable = url and url.context == context and is_fresh(url.asked_ns, self._clock.boottime_ns())
            return url if is_usable else None

    def keep_url(self, name: PhotoName, url: UploadUrl) -> None:
        """Keep the upload URL of a photo that was not sent, for another attempt."""
        with self._changed:
            self._attempts.photo(name).url = url

    def on_photo_sent(
        self, name: PhotoName, context: Context, size_bytes: int, took_ns: int, *, marked: bool
    ) -> None:
        """The album of `context` has the photo. Not `marked`: it still lies in new/, and is not sent again."""
        with self._changing():
            now_ns = self._clock.boottime_ns()
            self._breaker.failures = 0
            if self._breaker.not_before_ns - now_ns <= LONG_WAIT_S * SECOND_NS:  # else it goes on, and is told
                self._link.on_photo_sent()
            self._probe_due_ns = now_ns + self._probe_interval_ns
            self._stats.record_sent(context, size_bytes, took_ns, now_ns)
            if name in self._attempts.photos or context in self._attempts.contexts:
                self._attempts.on_sent(name, context)
            if marked:
                self._queue.discard(name)
            else:
                self._queue.exclude(name, context)

    def unmarked(self) -> list[tuple[PhotoName, Context]]:
        """Sent photos that still lie in new/, with the context whose album has them; `forget_photo` ends that."""
        with self._changed:
            return list(self._queue.unmarked.items())

    def forget_photo(self, name: PhotoName, *, damaged: bool = False) -> None:
        """Forget a photo that has left new/."""
        with self._changing():
            self._link.damaged += damaged
            self._attempts.forget(name)
            self._queue.discard(name)

    def put_back(self, name: PhotoName) -> None:
        """Put back a photo that was not tried."""
        with self._changing():
            self._queue.put_back(name)

    def hold(self, name: PhotoName, context: Context | None) -> None:
        """Hold the photos of a context for which no event is chosen."""
        with self._changing():
            self._queue.hold(name, context or Context(name.context), ContextHold("no_event"))

    def postpone(self, name: PhotoName, wait_s: float, *, unparked: str = "") -> None:
        """Try the photo again after `wait_s`; if it belongs into parked/, for this reason, try only to move it."""
        with self._changing():
            if unparked:
                self._attempts.photo(name).unparked = unparked
            self._queue.postpone(name, self._clock.boottime_ns() + int(wait_s * SECOND_NS))

    def unparked(self, name: PhotoName, context: Context) -> str:
        """Why this event's server refused the photo for good, if it still lies in new/; else empty."""
        with self._changed:
            photo = self._attempts.photos.get(name)
            return photo.unparked if photo is not None and photo.refused_by == context else ""

    def on_unreadable(self, name: PhotoName, wait_s: float = MAX_PHOTO_BACKOFF_S) -> None:
        """The photo's file, or its event's, can't be read: tried again after `wait_s`."""
        with self._changing():
            self._attempts.record_unreadable(name)
            self._queue.postpone(name, self._clock.boottime_ns() + int(wait_s * SECOND_NS))

    def on_photo_failure(
        self, name: PhotoName, context: Context, call: ApiCall, outcome: Outcome, retry_after_s: float | None = None
    ) -> bool:
        """A call for the photo failed: decide what follows; return whether to park the photo."""
        with self._changing():
            if call is ApiCall.UPLOAD_URL:
                outcome = listed_outcome(outcome, context, self._events or ())
            return self._policy.on_photo_failure(name, context, call, outcome, retry_after_s)

    def on_defect(self, step: Probe | Send, wait_s: float) -> None:
        """A step ended in a defect of this program: shown, and repeated later."""
        with self._changing():
            if isinstance(step, Probe):
                self._probing = False
                self._policy.on_defect()
            else:
                self._attempts.record_defect(step.name)
                self._queue.postpone(step.name, self._clock.boottime_ns() + int(wait_s * SECOND_NS))

    # -- status ------------------------------------------------------------------------------------------------

    def snapshot(self) -> StatusSnapshot:
        """The status now."""
        with self._changed:
            state = self._link.state(self._queue.busy, all_refused=self._is_all_refused())
            return StatusSnapshot(
                state,
                tuple(self._link.problems(self._queue.held.values(), self._attempts)),
                Counter(self._queue.waiting),
                Counter(self._stats.sent),
                self._events,
                self._stats.rate_bps,
                self._stats.eta_s(self._queue.sendable) if state is UploaderState.UPLOADING else None,
                self._stats.last_success_ns,
            )

    def wake(self) -> None:
        """Wake every waiting worker."""
        with self._changed:
            self._changed.notify_all()

    # -- inside; the lock is held ------------------------------------------------------------------------------

    @contextmanager
    def _changing(self) -> Iterator[None]:
        with self._changed:
            yield
            self._changed.notify_all()
        self.on_change()

    def _forget_failures(self) -> None:
        """End all holds and postponements."""
        self._queue.release_all()
        self._attempts.forget_all()
        self._listing_requested = True

    def _end_holds(self, is_over: Callable[[Context, ContextHold], bool]) -> None:
        over = [context for context, hold in self._queue.held.items() if is_over(context, hold)]
        self._queue.release(over)
        self._listing_requested |= bool(over)

    def _is_all_refused(self) -> bool:
        """Whether all waiting events are held and the server has taken no photo since."""
        return not self._queue.sendable and any(
            hold.reason in _REFUSALS and not self._attempts.has_sent_since(context)
            for context, hold in self._queue.held.items()
        )


@dataclass(frozen=True)
class Probe:
    """Check whether EventPics answers and accepts the key."""


@dataclass(frozen=True)
class Send:
    """Upload this photo."""

    name: PhotoName


@dataclass(frozen=True)
class Wait:
    """Do nothing until then (boot-time), or until something changes."""

    until_ns: int | None


Step = Probe | Send | Wait | None
"""None: the service is ending, and the worker's thread must end."""
