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
from piboothup.uploader.outcomes import Call, Came, Verdict, judge
from piboothup.uploader.schedule.attempts import NOT_CHANCE, Refusal, Tries
from piboothup.uploader.schedule.backoff import (
    LONGEST_BACK_OFF_S,
    SECOND_NS,
    Chance,
    Circuit,
    around_s,
    full_jitter_s,
    network_look_s,
    rest_s,
)
from piboothup.uploader.schedule.link_status import Progress, Standing, told_of, trouble
from piboothup.uploader.schedule.photo_queue import Hold, Queue
from piboothup.uploader.transport.errors import LinkErrorKind

LONGEST_PHOTO_WAIT_S = 600.0
_REFUSED_S = 60.0
_LONGEST_WAIT_AFTER_PUT_S = 60.0
"""Of a back-off after a PUT that was answered: the photo's volume went for nothing, perhaps over a metered line."""
_BLOCKED_S = 40.0
"""Give or take a quarter: what lies in the way may be gone within the minute, and is no server to be spared."""
_REFUSED_PHOTO_S = 20.0
"""Time for others to show whether it is the photo."""
_HOLD_S = 3600.0
_TRY_LATER = frozenset({Verdict.WAIT, Verdict.RETRY_URL, Verdict.NEW_URL, Verdict.BLOCKED})
_NO_ANSWER = frozenset({Came.TIMEOUT, Came.RESET})
"""Any link's daily life, whatever the event."""
_NOTHING = _NO_ANSWER | {Came.DNS, Came.CONNECT}
"""Nobody was heard at all: from the storage alone, it may be that this network lets nothing through to it."""
_UNANSWERED = frozenset(Came(kind.value) for kind in LinkErrorKind)
_OUTLASTING = ("server_trouble", "storage_silent", "blocked")
"""What a photo met and a look can't show to be over."""
_TELLING_FAILURES = 3
"""So many failures in a row are worth a word on the panel; one or two are any Wi-Fi's daily life."""


def _longest_wait_s(call: Call, came: Came) -> float:
    """Of a back-off after this."""
    is_answered_put = call is Call.PUT and came not in _UNANSWERED
    return _LONGEST_WAIT_AFTER_PUT_S if is_answered_put else LONGEST_BACK_OFF_S


class Failures:
    """What is moved by them."""

    def __init__(
        self,
        clock: Clock,
        chance: Chance,
        queue: Queue,
        circuit: Circuit,
        tries: Tries,
        standing: Standing,
        progress: Progress,
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

    def of_probe(self, came: Came, retry_after_s: float | None, took_s: float) -> None:
        """`geteventsandalbums` was not answered as it should be; `took_s`: how long it was looked."""
        if came is not Came.STOPPED:
            self._interrupt(Call.EVENTS, came, retry_after_s, took_s)

    def of_photo(
        self, name: PhotoName, context: Context, call: Call, came: Came, retry_after_s: float | None
    ) -> bool:
        """A call for the photo was not answered as it should be. True: the photo is to be parked."""
        verdict = judge(call, came)
        self._is_put_lost |= call is Call.PUT and came in _NOTHING
        if verdict in (Verdict.NEW_URL, Verdict.PARK, Verdict.WEIGH, Verdict.BLOCKED):
            self._tries.drop_url(name)
        is_error = call is not Call.EVENTS and verdict in _TRY_LATER and came not in _NO_ANSWER
        if is_error and self._tries.erred(context) >= NOT_CHANCE and self._has_others(context):
            self._step_aside(name, context, call, came, retry_after_s)
        elif verdict in (Verdict.RETRY_URL, Verdict.NEW_URL):
            self._postpone(name, self._wait_s(name))
            self._circuit.back_off(self._clock.boottime_ns(), retry_after_s, _longest_wait_s(call, came))
            if self._circuit.failures >= _TELLING_FAILURES:
                self._tell(call, came)
        elif verdict in (Verdict.PARK, Verdict.WEIGH):
            return self._refuse_photo(name, context, too_large=verdict is Verdict.PARK)
        elif verdict is Verdict.HOLD_CONTEXT:
            self._tries.rested(context)
            why = "event_refused" if came is Came.FOREIGN else "event_gone"
            until_ns = self._after_ns(self._around_s(_HOLD_S))
            self._queue.hold(name, context, Hold(why, until_ns, until_listed=True))
        elif verdict is Verdict.REST_CONTEXT:
            self._rest(name, context, "event_refused" if came is Came.CLOSED else "server_trouble", "", retry_after_s)
        elif came is Came.STOPPED:
            self._queue.give_back(name)
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
            self._postpone(name, self._around_s(rest_s(again) if again else _REFUSED_PHOTO_S))
        return refusal is Refusal.PARK

    def _rest(
        self, name: PhotoName, context: Context, why: str, detail: str, retry_after_s: float | None = None
    ) -> None:
        """The server takes nothing for the event: it is left alone for some minutes."""
        if context in self._queue.held:  # another worker was told so meanwhile
            self._postpone(name, self._wait_s(name))
            return
        wait_s = max(self._around_s(rest_s(self._tries.rested(context))), retry_after_s or 0.0)
        # It may be the photo after all: when the rest is over others come first.
        self._postpone(name, max(wait_s, self._wait_s(name)))
        self._queue.hold(name, context, Hold(why, self._after_ns(wait_s), detail))

    def _has_others(self, context: Context) -> bool:
        """Whether there are, or may well be, photos of other events to bring meanwhile."""
        return self._queue.flows_beside(context) or self._tries.takes_others(context)

    def _step_aside(
        self, name: PhotoName, context: Context, call: Call, came: Came, retry_after_s: float | None
    ) -> None:
        """The event lets the others go first for some seconds."""
        failures = self._tries.failed(name)
        wait_s = max(full_jitter_s(failures, self._chance, cap_s=_longest_wait_s(call, came)), retry_after_s or 0.0)
        self._postpone(name, wait_s)
        if context not in self._queue.held:
            self._queue.hold(name, context, Hold("server_trouble", self._after_ns(wait_s), told_of(came)))
        if retry_after_s is not None and not self._tries.takes_others(context):
            self._circuit.back_off(self._clock.boottime_ns(), retry_after_s)

    def _interrupt(self, call: Call, came: Came, retry_after_s: float | None, took_s: float = 0.0) -> None:
        verdict = judge(call, came)
        if verdict is Verdict.WAIT:
            self._circuit.back_off(self._clock.boottime_ns(), retry_after_s)
        elif verdict is Verdict.PAUSE_ALL:
            self._lose(self._around_s(_REFUSED_S))
        elif verdict is Verdict.BLOCKED:
            self._lose(max(self._around_s(_BLOCKED_S), retry_after_s or 0.0))
        elif came in (Came.DNS, Came.CONNECT) and call is Call.EVENTS:
            self._lose(max(0.0, network_look_s(self._chance) - took_s))
        else:
            self._lose(cap_s=_longest_wait_s(call, came))
        self._tell(call, came)

    def _tell(self, call: Call, came: Came) -> None:
        state, told = trouble(judge(call, came), came)
        if call is Call.PUT and came in _NOTHING and self._is_storage_silent:
            told = problem("storage_silent")
        outlasts = call is not Call.EVENTS and told.code in _OUTLASTING
        self._standing.set_trouble(state, told, outlasts_looks=outlasts)

    def _lose(self, wait_s: float | None = None, cap_s: float = LONGEST_BACK_OFF_S) -> None:
        """The link is gone or of no use: the next look after `wait_s`, or after a back-off of at most `cap_s`."""
        self._circuit.trip(self._clock.boottime_ns(), wait_s, cap_s)
        self._progress.forget_rate()

    def _postpone(self, name: PhotoName, wait_s: float) -> None:
        self._queue.postpone(name, self._after_ns(wait_s))

    def _wait_s(self, name: PhotoName) -> float:
        """How long a photo waits that failed once more."""
        return full_jitter_s(self._tries.failed(name), self._chance, cap_s=LONGEST_PHOTO_WAIT_S)

    def _around_s(self, wait_s: float) -> float:
        return around_s(wait_s, self._chance)

    def _after_ns(self, wait_s: float) -> int:
        return self._clock.boottime_ns() + int(wait_s * SECOND_NS)
