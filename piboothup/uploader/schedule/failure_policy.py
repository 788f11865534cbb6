"""Failure policy: what waits, for how long, and what is shown after a call failed.

Decisions are those of `outcomes.decide`. Every wait is jittered; Retry-After is at most an hour.

    decision              waits           for                                           problem shown
    WAIT                  all             backoff up to 30 s, and Retry-After           server_trouble
    OFFLINE               all             backoff up to 30 s, then a probe              no_network, tls_refused,
      of a probe by DNS   all             1.5 s from one probe to the next                no_roots, storage_silent
      or CONNECT
    PORTAL                all             backoff up to 30 s (60 after a PUT), probe    portal
    BLOCKED               all             40 s, then a probe                            blocked
      again, others sent  photo           backoff of the photo up to 10 min             -
    PAUSE_ALL             all             60 s, then a probe                            key_refused
    RETRY_URL, NEW_URL    photo, and all  backoff of the photo up to 10 min, of all     by outcome, from the third
                                          up to 60 s, and Retry-After                     failure in a row on,
                                                                                          or a Retry-After over 60 s
    HOLD_CONTEXT          event           an hour, or until EventPics lists it          event_gone, event_refused
    COOL_DOWN_CONTEXT     event           1, 2, 4 ... 10 min, at least Retry-After      event_refused, server_trouble
    PARK,                 photo or event  as `attempts` says: another try, parked,      server_trouble
      BLAME_PHOTO_OR_EVENT                  or the event cools down

Before these: after three errors in a row over an event, while other events have photos to send or some were sent,
only that event waits, for a backoff (server_trouble). STOPPED puts the photo back into the queue.
"""

from __future__ import annotations

from piboothup.clock import Clock
from piboothup.problems import Problem, problem
from piboothup.records import dataclass
from piboothup.spool.contexts import Context
from piboothup.spool.names import PhotoName
from piboothup.status import UploaderState
from piboothup.uploader.outcomes import LINK_OUTCOMES, ApiCall, Decision, Outcome, decide
from piboothup.uploader.schedule.attempts import SYSTEMATIC_AFTER, AttemptHistory, Refusal
from piboothup.uploader.schedule.backoff import (
    MAX_BACKOFF_S,
    SECOND_NS,
    CircuitBreaker,
    RandomFn,
    cooldown_s,
    full_jitter_s,
    jitter_s,
    network_probe_s,
)
from piboothup.uploader.schedule.link_status import LinkStatus, TransferStats, describe, link_problem
from piboothup.uploader.schedule.photo_queue import ContextHold, PhotoQueue

MAX_PHOTO_BACKOFF_S = 600.0
"""Longest backoff of a photo, seconds."""
_KEY_REFUSED_WAIT_S = 60.0
"""Wait until a refused or missing key is tried again, seconds."""
_MAX_BACKOFF_AFTER_PUT_S = 60.0
"""Longest backoff after a PUT that was answered, seconds: the photo was sent in vain, perhaps over a metered link."""
_BLOCKED_WAIT_S = 40.0
"""Wait after something on the way refused, seconds: it may soon be gone, and no server needs to be spared."""
_REFUSED_PHOTO_WAIT_S = 20.0
"""Wait of a refused photo, seconds: time for others to show whether it is the photo."""
_EVENT_HOLD_S = 3600.0
"""Longest hold of an event that EventPics does not list, seconds."""
_TRY_LATER = frozenset({Decision.WAIT, Decision.RETRY_URL, Decision.NEW_URL, Decision.BLOCKED})
_NO_ANSWER = frozenset({Outcome.TIMEOUT, Outcome.RESET})
"""Outcomes that any link has now and then, whatever the event."""
_UNREACHABLE = _NO_ANSWER | {Outcome.DNS, Outcome.CONNECT}
"""Outcomes of a call that no server answered."""
_OUTLASTING_PROBES = ("server_trouble", "storage_silent", "blocked")
"""Codes of problems of a photo's calls that a probe can't show to be over."""
LONG_WAIT_S = 60.0
"""Retry-After from which on a first failure is a problem too, seconds: nothing is sent for so long."""
_FAILURES_BEFORE_PROBLEM = 3
"""Failures in a row before the panel shows a problem: one or two are normal for Wi-Fi."""


def _max_backoff_s(call: ApiCall, outcome: Outcome) -> float:
    """Longest backoff after this outcome, seconds."""
    is_answered_put = call is ApiCall.PUT and outcome not in LINK_OUTCOMES
    return _MAX_BACKOFF_AFTER_PUT_S if is_answered_put else MAX_BACKOFF_S


@dataclass
class FailurePolicy:
    """Carries out decisions: moves breaker, queue, attempt history and link status."""

    _clock: Clock
    _random: RandomFn
    _queue: PhotoQueue
    _breaker: CircuitBreaker
    _attempts: AttemptHistory
    _link: LinkStatus
    _stats: TransferStats

    def on_no_key(self, reason: Problem) -> None:
        """There is no usable key: asked for again in a minute."""
        self._trip_breaker(self._jitter_s(_KEY_REFUSED_WAIT_S))
        self._link.set_problem(UploaderState.REFUSED, reason)

    def on_defect(self) -> None:
        """A probe ended in a defect of this program."""
        self._breaker.back_off(self._clock.boottime_ns())
        self._link.set_problem(UploaderState.OFFLINE, problem("uploader_defect"))

    def on_probe_failure(self, outcome: Outcome, retry_after_s: float | None, took_s: float) -> None:
        """A probe failed after `took_s` seconds."""
        if outcome is not Outcome.STOPPED:
            self._on_link_failure(ApiCall.EVENTS, outcome, retry_after_s, took_s)

    def on_photo_failure(
        self, name: PhotoName, context: Context, call: ApiCall, outcome: Outcome, retry_after_s: float | None
    ) -> bool:
        """A call for the photo failed: decide what follows; return whether to park the photo."""
        decision = decide(call, outcome)
        if call is ApiCall.PUT and outcome in _UNREACHABLE:
            self._link.is_put_unanswered = True
        if decision in (Decision.NEW_URL, Decision.PARK, Decision.BLAME_PHOTO_OR_EVENT, Decision.BLOCKED):
            self._attempts.photo(name).url = None
        is_error = call is not ApiCall.EVENTS and decision in _TRY_LATER and outcome not in _NO_ANSWER
        if is_error and self._attempts.record_error(context) >= SYSTEMATIC_AFTER and self._has_other_events(context):
            self._hold_briefly(name, context, call, outcome, retry_after_s)
        elif decision in (Decision.RETRY_URL, Decision.NEW_URL):
            self._postpone(name, self._photo_backoff_s(name))
            self._breaker.back_off(self._clock.boottime_ns(), retry_after_s, _max_backoff_s(call, outcome))
            if self._breaker.failures >= _FAILURES_BEFORE_PROBLEM or (retry_after_s or 0.0) > LONG_WAIT_S:
                self._set_problem(call, outcome)
        elif decision in (Decision.PARK, Decision.BLAME_PHOTO_OR_EVENT):
            return self._on_refusal(name, context, too_large=decision is Decision.PARK)
        elif decision is Decision.HOLD_CONTEXT:
            self._attempts.record_cooldown(context)
            reason = "event_refused" if outcome is Outcome.FOREIGN else "event_gone"
            until_ns = self._after_ns(self._jitter_s(_EVENT_HOLD_S))
            self._queue.hold(name, context, ContextHold(reason, until_ns, until_listed=True))
        elif decision is Decision.COOL_DOWN_CONTEXT:
            self._cool_down(
                name, context, "event_refused" if outcome is Outcome.CLOSED else "server_trouble", "", retry_after_s
            )
        elif outcome is Outcome.STOPPED:
            self._queue.put_back(name)
        elif decision is Decision.BLOCKED and self._is_blocked_alone(name):
            self._postpone(name, self._photo_backoff_s(name))
        else:
            # Not back to its end of the queue: two photos that always fail, one at each end, would block all others.
            self._postpone(name, full_jitter_s(self._attempts.record_failure(name), self._random))
            self._on_link_failure(call, outcome, retry_after_s)
        return False

    def _is_blocked_alone(self, name: PhotoName) -> bool:
        """Record that the photo is blocked; return whether others were sent since it was before."""
        history, sent_ns = self._attempts.photo(name), self._stats.last_success_ns
        before_ns, history.blocked_ns = history.blocked_ns, self._clock.boottime_ns()
        return before_ns is not None and sent_ns is not None and sent_ns > before_ns

    def _on_refusal(self, name: PhotoName, context: Context, *, too_large: bool) -> bool:
        is_only = self._queue.waiting[context] == 1
        refusal = self._attempts.record_refusal(name, context, too_large=too_large, is_only=is_only)
        if refusal is Refusal.COOL_DOWN_CONTEXT:
            self._cool_down(name, context, "server_trouble", "it refuses every photo")
        elif refusal is Refusal.RETRY_PHOTO:
            earlier = self._attempts.photo(name).refusals - 1
            self._postpone(name, self._jitter_s(cooldown_s(earlier) if earlier else _REFUSED_PHOTO_WAIT_S))
        return refusal is Refusal.PARK_PHOTO

    def _cool_down(
        self, name: PhotoName, context: Context, reason: str, detail: str, retry_after_s: float | None = None
    ) -> None:
        """Let an event wait for some minutes: the server takes nothing for it."""
        if context in self._queue.held:  # another worker was refused meanwhile
            self._postpone(name, self._photo_backoff_s(name))
            return
        wait_s = max(self._jitter_s(cooldown_s(self._attempts.record_cooldown(context))), retry_after_s or 0.0)
        # It may be the photo after all: others come first when the wait is over.
        self._postpone(name, max(wait_s, self._photo_backoff_s(name)))
        self._queue.hold(name, context, ContextHold(reason, self._after_ns(wait_s), detail))

    def _has_other_events(self, context: Context) -> bool:
        """Whether photos of other events can be sent meanwhile, or were since this event began to fail."""
        return self._queue.has_sendable_elsewhere(context) or self._attempts.has_sent_since(context)

    def _hold_briefly(
        self, name: PhotoName, context: Context, call: ApiCall, outcome: Outcome, retry_after_s: float | None
    ) -> None:
        """Let an event wait for some seconds, and others go first."""
        failures = self._attempts.record_failure(name)
        wait_s = max(full_jitter_s(failures, self._random, cap_s=_max_backoff_s(call, outcome)), retry_after_s or 0.0)
        self._postpone(name, wait_s)
        if context not in self._queue.held:
            self._queue.hold(name, context, ContextHold("server_trouble", self._after_ns(wait_s), describe(outcome)))
        if retry_after_s is not None and not self._attempts.has_sent_since(context):
            self._breaker.back_off(self._clock.boottime_ns(), retry_after_s)

    def _on_link_failure(
        self, call: ApiCall, outcome: Outcome, retry_after_s: float | None, took_s: float = 0.0
    ) -> None:
        decision = decide(call, outcome)
        if decision is Decision.WAIT:
            self._breaker.back_off(self._clock.boottime_ns(), retry_after_s)
        elif decision is Decision.PAUSE_ALL:
            self._trip_breaker(self._jitter_s(_KEY_REFUSED_WAIT_S))
        elif decision is Decision.BLOCKED:
            self._trip_breaker(self._jitter_s(_BLOCKED_WAIT_S))
        elif outcome in (Outcome.DNS, Outcome.CONNECT) and call is ApiCall.EVENTS:
            self._trip_breaker(max(0.0, network_probe_s(self._random) - took_s))
        else:
            self._trip_breaker(cap_s=_max_backoff_s(call, outcome))
        self._set_problem(call, outcome)

    def _set_problem(self, call: ApiCall, outcome: Outcome) -> None:
        state, reason = link_problem(decide(call, outcome), outcome)
        if call is ApiCall.PUT and outcome in _UNREACHABLE and self._link.is_storage_silent:
            reason = problem("storage_silent")
        outlasts = call is not ApiCall.EVENTS and reason.code in _OUTLASTING_PROBES
        self._link.set_problem(state, reason, outlasts_probes=outlasts)

    def _trip_breaker(self, wait_s: float | None = None, cap_s: float = MAX_BACKOFF_S) -> None:
        """Stop sending; the next probe comes after `wait_s`, or after a backoff of at most `cap_s`."""
        self._breaker.trip(self._clock.boottime_ns(), wait_s, cap_s)
        self._stats.forget_rate()

    def _postpone(self, name: PhotoName, wait_s: float) -> None:
        self._queue.postpone(name, self._after_ns(wait_s))

    def _photo_backoff_s(self, name: PhotoName) -> float:
        """Wait of a photo that failed once more, seconds."""
        return full_jitter_s(self._attempts.record_failure(name), self._random, cap_s=MAX_PHOTO_BACKOFF_S)

    def _jitter_s(self, wait_s: float) -> float:
        return jitter_s(wait_s, self._random)

    def _after_ns(self, wait_s: float) -> int:
        return self._clock.boottime_ns() + int(wait_s * SECOND_NS)
