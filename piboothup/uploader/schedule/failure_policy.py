"""What follows from a call that was not answered as it should be.

Reads the verdict off the table, weighs it by what became of others (see `tries`), and moves circuit, queue, tries and
standing as it says. Not safe for threads by itself: its owner holds a lock.
"""

from __future__ import annotations

from piboothup.clock import Clock
from piboothup.problems import Problem, problem
from piboothup.spool.contexts import Context
from piboothup.spool.names import PhotoName
from piboothup.status import UploaderState
from piboothup.uploader.outcomes import ApiCall, Decision, Outcome, decide
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
from piboothup.uploader.schedule.link_status import LinkStatus, TransferStats, describe, trouble
from piboothup.uploader.schedule.photo_queue import ContextHold, PhotoQueue
from piboothup.uploader.transport.errors import LinkErrorKind

MAX_PHOTO_BACKOFF_S = 600.0
_REFUSED_S = 60.0
_LONGEST_WAIT_AFTER_PUT_S = 60.0
"""Of a back-off after a PUT that was answered: the photo's volume went for nothing, perhaps over a metered line."""
_BLOCKED_S = 40.0
"""Give or take a quarter: what lies in the way may be gone within the minute, and is no server to be spared."""
_REFUSED_PHOTO_S = 20.0
"""Time for others to show whether it is the photo."""
_HOLD_S = 3600.0
_TRY_LATER = frozenset({Decision.WAIT, Decision.RETRY_URL, Decision.NEW_URL, Decision.BLOCKED})
_NO_ANSWER = frozenset({Outcome.TIMEOUT, Outcome.RESET})
"""Any link's daily life, whatever the event."""
_NOTHING = _NO_ANSWER | {Outcome.DNS, Outcome.CONNECT}
"""Nobody was heard at all: from the storage alone, it may be that this network lets nothing through to it."""
_UNANSWERED = frozenset(Outcome(kind.value) for kind in LinkErrorKind)
_OUTLASTING = ("server_trouble", "storage_silent", "blocked")
"""What a photo met and a look can't show to be over."""
_TELLING_FAILURES = 3
"""So many failures in a row are worth a word on the panel; one or two are any Wi-Fi's daily life."""


def _longest_wait_s(call: ApiCall, came: Outcome) -> float:
    """Of a back-off after this."""
    is_answered_put = call is ApiCall.PUT and came not in _UNANSWERED
    return _LONGEST_WAIT_AFTER_PUT_S if is_answered_put else MAX_BACKOFF_S


class FailurePolicy:
    """What is moved by them."""

    def __init__(
        self,
        clock: Clock,
        chance: RandomFn,
        queue: PhotoQueue,
        circuit: CircuitBreaker,
        tries: AttemptHistory,
        standing: LinkStatus,
        progress: TransferStats,
    ) -> None:
        self._clock = clock
        self._chance = chance
        self._queue = queue
        self._circuit = circuit
        self._tries = tries
        self._standing = standing
        self._progress = progress
        self._is_put_lost = False
        """A PUT was answered by nobody, and no photo arrived since."""
        self._is_storage_silent = False
        """And EventPics has answered since."""

    def answered(self) -> None:
        """EventPics answers a look."""
        self._is_storage_silent = self._is_put_lost
        self._standing.clear_trouble(photos_flow=self._queue.flowing > 0)

    def arrived(self) -> None:
        """A photo did."""
        self._is_put_lost = self._is_storage_silent = False
        self._standing.clear_trouble()

    def no_key(self, why: Problem) -> None:
        """There is no key to ask with."""
        self._lose(self._around_s(_REFUSED_S))
        self._standing.set_trouble(UploaderState.REFUSED, why)

    def of_ourselves(self) -> None:
        """A look ended over a mistake of our own."""
        self._circuit.back_off(self._clock.boottime_ns())
        self._standing.set_trouble(UploaderState.OFFLINE, problem("uploader_defect"))

    def of_probe(self, came: Outcome, retry_after_s: float | None, took_s: float) -> None:
        """`geteventsandalbums` was not answered as it should be; `took_s`: how long it was looked."""
        if came is not Outcome.STOPPED:
            self._interrupt(ApiCall.EVENTS, came, retry_after_s, took_s)

    def of_photo(
        self, name: PhotoName, context: Context, call: ApiCall, came: Outcome, retry_after_s: float | None
    ) -> bool:
        """A call for the photo was not answered as it should be. True: the photo is to be parked."""
        verdict = decide(call, came)
        self._is_put_lost |= call is ApiCall.PUT and came in _NOTHING
        if verdict in (Decision.NEW_URL, Decision.PARK, Decision.BLAME_PHOTO_OR_EVENT, Decision.BLOCKED):
            self._tries.drop_url(name)
        is_error = call is not ApiCall.EVENTS and verdict in _TRY_LATER and came not in _NO_ANSWER
        if is_error and self._tries.erred(context) >= SYSTEMATIC_AFTER and self._has_others(context):
            self._step_aside(name, context, call, came, retry_after_s)
        elif verdict in (Decision.RETRY_URL, Decision.NEW_URL):
            self._postpone(name, self._wait_s(name))
            self._circuit.back_off(self._clock.boottime_ns(), retry_after_s, _longest_wait_s(call, came))
            if self._circuit.failures >= _TELLING_FAILURES:
                self._tell(call, came)
        elif verdict in (Decision.PARK, Decision.BLAME_PHOTO_OR_EVENT):
            return self._refuse_photo(name, context, too_large=verdict is Decision.PARK)
        elif verdict is Decision.HOLD_CONTEXT:
            self._tries.rested(context)
            why = "event_refused" if came is Outcome.FOREIGN else "event_gone"
            until_ns = self._after_ns(self._around_s(_HOLD_S))
            self._queue.hold(name, context, ContextHold(why, until_ns, until_listed=True))
        elif verdict is Decision.REST_CONTEXT:
            self._rest(
                name, context, "event_refused" if came is Outcome.CLOSED else "server_trouble", "", retry_after_s
            )
        elif came is Outcome.STOPPED:
            self._queue.put_back(name)
        else:
            # Not to its end of the line: two that never get through, one at each end, would keep all from it.
            self._postpone(name, full_jitter_s(self._tries.failed(name), self._chance))
            self._interrupt(call, came, retry_after_s)
        return False

    def _refuse_photo(self, name: PhotoName, context: Context, *, too_large: bool) -> bool:
        is_only = self._queue.waiting[context] == 1
        refusal = self._tries.refused(name, context, too_large=too_large, is_only=is_only)
        if refusal is Refusal.REST_CONTEXT:
            self._rest(name, context, "server_trouble", "it refuses every photo")
        elif refusal is Refusal.TRY_AGAIN:
            again = self._tries.refusals(name) - 1
            self._postpone(name, self._around_s(cooldown_s(again) if again else _REFUSED_PHOTO_S))
        return refusal is Refusal.PARK

    def _rest(
        self, name: PhotoName, context: Context, why: str, detail: str, retry_after_s: float | None = None
    ) -> None:
        """The server takes nothing for the event: it is left alone for some minutes."""
        if context in self._queue.held:  # another worker was told so meanwhile
            self._postpone(name, self._wait_s(name))
            return
        wait_s = max(self._around_s(cooldown_s(self._tries.rested(context))), retry_after_s or 0.0)
        # It may be the photo after all: when the rest is over others come first.
        self._postpone(name, max(wait_s, self._wait_s(name)))
        self._queue.hold(name, context, ContextHold(why, self._after_ns(wait_s), detail))

    def _has_others(self, context: Context) -> bool:
        """Whether there are, or may well be, photos of other events to bring meanwhile."""
        return self._queue.flows_beside(context) or self._tries.takes_others(context)

    def _step_aside(
        self, name: PhotoName, context: Context, call: ApiCall, came: Outcome, retry_after_s: float | None
    ) -> None:
        """The event lets the others go first for some seconds."""
        failures = self._tries.failed(name)
        wait_s = max(full_jitter_s(failures, self._chance, cap_s=_longest_wait_s(call, came)), retry_after_s or 0.0)
        self._postpone(name, wait_s)
        if context not in self._queue.held:
            self._queue.hold(name, context, ContextHold("server_trouble", self._after_ns(wait_s), describe(came)))
        if retry_after_s is not None and not self._tries.takes_others(context):
            self._circuit.back_off(self._clock.boottime_ns(), retry_after_s)

    def _interrupt(self, call: ApiCall, came: Outcome, retry_after_s: float | None, took_s: float = 0.0) -> None:
        verdict = decide(call, came)
        if verdict is Decision.WAIT:
            self._circuit.back_off(self._clock.boottime_ns(), retry_after_s)
        elif verdict is Decision.PAUSE_ALL:
            self._lose(self._around_s(_REFUSED_S))
        elif verdict is Decision.BLOCKED:
            self._lose(self._around_s(_BLOCKED_S))
        elif came in (Outcome.DNS, Outcome.CONNECT) and call is ApiCall.EVENTS:
            self._lose(max(0.0, network_probe_s(self._chance) - took_s))
        else:
            self._lose(cap_s=_longest_wait_s(call, came))
        self._tell(call, came)

    def _tell(self, call: ApiCall, came: Outcome) -> None:
        state, told = trouble(decide(call, came), came)
        if call is ApiCall.PUT and came in _NOTHING and self._is_storage_silent:
            told = problem("storage_silent")
        outlasts = call is not ApiCall.EVENTS and told.code in _OUTLASTING
        self._standing.set_trouble(state, told, outlasts_looks=outlasts)

    def _lose(self, wait_s: float | None = None, cap_s: float = MAX_BACKOFF_S) -> None:
        """The link is gone or of no use: the next look after `wait_s`, or after a back-off of at most `cap_s`."""
        self._circuit.trip(self._clock.boottime_ns(), wait_s, cap_s)
        self._progress.forget_rate()

    def _postpone(self, name: PhotoName, wait_s: float) -> None:
        self._queue.postpone(name, self._after_ns(wait_s))

    def _wait_s(self, name: PhotoName) -> float:
        """How long a photo waits that failed once more."""
        return full_jitter_s(self._tries.failed(name), self._chance, cap_s=MAX_PHOTO_BACKOFF_S)

    def _around_s(self, wait_s: float) -> float:
        return jitter_s(wait_s, self._chance)

    def _after_ns(self, wait_s: float) -> int:
        return self._clock.boottime_ns() + int(wait_s * SECOND_NS)
