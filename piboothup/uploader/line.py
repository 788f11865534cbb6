"""The line to EventPics as all workers see it: what to do next, and what follows from what came of it.

The one lock over `queue` (which photo), `pace`'s circuit (when), `tries` (what failed) and `standing` (what to tell).
Nothing here touches the network or the card. Every method takes the lock itself; a worker asks `next_step`, does it,
and tells what came of it.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from piboothup.config import Secret
from piboothup.problems import Problem, problem
from piboothup.spool.clock import Clock
from piboothup.spool.contexts import Context
from piboothup.spool.events import Event
from piboothup.spool.names import PhotoName
from piboothup.status import UploaderState
from piboothup.uploader.pace import (
    SECOND_NS,
    Chance,
    Circuit,
    all_refused_s,
    around_s,
    full_jitter_s,
    network_look_s,
    photos_at_a_time,
)
from piboothup.uploader.queue import Hold, Queue
from piboothup.uploader.standing import Progress, Standing, View, trouble
from piboothup.uploader.step import End, Probe, Send, Step, Wait
from piboothup.uploader.tries import Refusal, Tries
from piboothup.uploader.verdict import Call, Came, Verdict, judge

_LOOK_AGAIN_S = 60.0
"""How long a quiet line may go without being looked at."""
_REFUSED_S = 60.0
_REFUSED_PHOTO_S = 20.0
"""Time for others to show whether it is the photo."""
_HOLD_S = 3600.0
_LONGEST_PHOTO_WAIT_S = 600.0
_TELLING_FAILURES = 3
"""So many failures in a row are worth a word on the panel; one or two are any Wi-Fi's daily life."""


class Line:
    """Shared by the workers and the service's main thread."""

    def __init__(self, clock: Clock, chance: Chance, most: int, *, paused: bool, refused: bool) -> None:
        """`most`: never more photos at a time. `refused`: the config can't be used, so nothing is sent until the
        service is started anew.
        """
        self._changed = threading.Condition()
        self.stopping = False
        self.key: Secret | None = None
        """The key of the last probe."""
        self.on_news: Callable[[], None] = lambda: None
        """Called after every change, with the lock let go."""
        self._clock = clock
        self._chance = chance
        self._queue = Queue()
        self._circuit = Circuit(chance)
        self._tries = Tries()
        self._standing = Standing(paused, refused)
        self._progress = Progress()
        self._most = most
        self._at_a_time = 1
        self._probing = False
        self._look_again_ns = 0
        self._unmarked: list[PhotoName] = []
        self._events: tuple[Event, ...] | None = None
        self._list_again = True

    # -- what to do next ---------------------------------------------------------------------------------------

    def next_step(self) -> Step:
        """What a worker without work does now; a Probe or Send is the caller's from here on."""
        with self._changed:
            now_ns = self._clock.boottime_ns()
            if self.stopping:
                return End()
            if self._standing.paused or self._standing.refused_config:
                return Wait(None)
            if now_ns < self._circuit.not_before_ns:
                return Wait(self._circuit.not_before_ns)
            if not self._probing and (not self._circuit.closed or now_ns >= self._look_again_ns):
                self._probing = True
                return Probe()
            if self._circuit.closed and self._queue.busy < self._at_a_time:
                name = self._queue.choose(now_ns)
                if name is not None:
                    return Send(name)
            due_ns = (self._queue.next_due_ns(), self._look_again_ns)
            return Wait(min((one for one in due_ns if one is not None and one > now_ns), default=None))

    def take_step(self) -> Probe | Send | End:
        """The next step that is not waiting; waits for it."""
        with self._changed:
            while isinstance(step := self.next_step(), Wait):
                left_ns = None if step.until_ns is None else step.until_ns - self._clock.boottime_ns()
                self._changed.wait(None if left_ns is None else max(0, left_ns) / SECOND_NS)
            return step

    # -- what is there to bring --------------------------------------------------------------------------------

    def wants_listing(self) -> bool:
        """Whether new/ must be listed again even if nothing changed in it; asking once answers it."""
        with self._changed:
            wanted, self._list_again = self._list_again, False
            return wanted

    def reload(self, listed: list[str]) -> None:
        """A new listing of new/ (see `queue.arranged`)."""
        with self._news():
            self._queue.reload(listed)

    def add(self, name: PhotoName) -> None:
        """A photo was just saved."""
        with self._news():
            self._queue.add(name)

    def held(self) -> dict[str, Hold]:
        """The contexts that wait, and for what."""
        with self._changed:
            return dict(self._queue.held)

    def release(self, context_id: str) -> None:
        """A held context may be tried again."""
        with self._news():
            self._queue.release(context_id)
            self._list_again = True

    def pause(self, paused: bool) -> None:
        """Somebody wants nothing to be sent for now, or all again."""
        with self._news():
            self._standing.paused = paused

    def retry(self) -> None:
        """Somebody wants everything to be tried now: ends pause, holds and waits."""
        with self._news():
            self._standing.paused = False
            self._queue.release_all()
            self._tries.forget_all()
            self._circuit.look_now(self._clock.boottime_ns())
            self._look_again_ns = 0
            self._list_again = True

    # -- what came of a probe ----------------------------------------------------------------------------------

    def answered(self, events: tuple[Event, ...]) -> None:
        """EventPics answered and takes the key."""
        with self._news():
            now_ns = self._clock.boottime_ns()
            self._events = events
            self._circuit.close(now_ns)
            self._probing = False
            self._look_again(now_ns)
            self._standing.clear_trouble("server_trouble")

    def refuse(self, why: Problem) -> None:
        """There is no key to ask with."""
        with self._news():
            self._probing = False
            self._lose(around_s(_REFUSED_S, self._chance))
            self._standing.set_trouble(UploaderState.REFUSED, why)

    def probe_failed(self, came: Came, retry_after_s: float | None = None) -> None:
        """`geteventsandalbums` was not answered as it should be."""
        with self._news():
            self._probing = False
            if came is not Came.STOPPED:
                self._interrupt(Call.EVENTS, came, retry_after_s)

    # -- what came of a photo ----------------------------------------------------------------------------------

    def connected_s(self) -> float:
        """How long EventPics could be reached since the start."""
        with self._changed:
            return self._circuit.connected_s(self._clock.boottime_ns())

    def young_url(self, name: PhotoName, context: Context) -> Secret | None:
        """The upload URL that the photo already has for this event and album, while it may still be used."""
        with self._changed:
            return self._tries.young_url(name, context, self._clock.boottime_ns())

    def keep_url(self, name: PhotoName, context: Context, url: Secret, asked_ns: int) -> None:
        """The photo's upload URL, for a second try."""
        with self._changed:
            self._tries.keep_url(name, context, url, asked_ns)

    def arrived(self, name: PhotoName, size_bytes: int, took_ns: int, *, marked: bool) -> None:
        """The album has the photo. Not `marked`: the card could not be told yet; it is not sent again."""
        with self._news():
            now_ns = self._clock.boottime_ns()
            self._circuit.worked()
            self._look_again(now_ns)
            self._standing.clear_trouble()
            self._tries.arrived(name)
            self._progress.arrived(name.context, size_bytes, took_ns, now_ns)
            self._at_a_time = photos_at_a_time(self._progress.rate_bps, self._at_a_time, self._most)
            if marked:
                self._queue.done(name)
            else:
                self._queue.arrived(name)
                self._unmarked.append(name)

    def take_unmarked(self) -> list[PhotoName]:
        """Photos that arrived and still lie in new/; each is to be handed back by `marked` or `still_unmarked`."""
        with self._changed:
            taken, self._unmarked = self._unmarked, []
            return taken

    def still_unmarked(self, name: PhotoName) -> None:
        """The card still can't be told."""
        with self._changed:
            self._unmarked.append(name)

    def gone(self, name: PhotoName, *, damaged: bool = False) -> None:
        """The photo has left new/ without being sent."""
        with self._news():
            self._standing.damaged += damaged
            self._tries.forget(name)
            self._queue.done(name)

    def give_back(self, name: PhotoName) -> None:
        """The photo was not tried."""
        with self._news():
            self._queue.give_back(name)

    def hold(self, name: PhotoName, context: Context | None) -> None:
        """No event is chosen for the photo's context."""
        with self._news():
            self._queue.hold(name, context, None)

    def postpone(self, name: PhotoName, wait_s: float) -> None:
        """The photo is tried again after `wait_s`."""
        with self._news():
            self._queue.postpone(name, self._clock.boottime_ns() + int(wait_s * SECOND_NS))

    def unreadable(self, name: PhotoName) -> None:
        """The card does not give the photo's bytes."""
        with self._news():
            self._tries.unreadable.add(name)
            self._queue.postpone(name, self._clock.boottime_ns() + int(_LONGEST_PHOTO_WAIT_S * SECOND_NS))

    def failed(
        self, name: PhotoName, context: Context, call: Call, came: Came, retry_after_s: float | None = None
    ) -> bool:
        """A call for the photo was not answered as it should be. True: the photo is to be parked."""
        with self._news():
            now_ns = self._clock.boottime_ns()
            verdict = judge(call, came)
            if verdict in (Verdict.NEW_URL, Verdict.PARK):
                self._tries.drop_url(name)
            if verdict in (Verdict.RETRY_URL, Verdict.NEW_URL):
                wait_s = full_jitter_s(self._tries.failed(name), self._chance, cap_s=_LONGEST_PHOTO_WAIT_S)
                self._queue.postpone(name, now_ns + int(max(wait_s, retry_after_s or 0.0) * SECOND_NS))
                self._circuit.back_off(now_ns, retry_after_s)
                if self._circuit.failures >= _TELLING_FAILURES:
                    self._standing.set_trouble(*trouble(Verdict.OFFLINE, came))
            elif verdict is Verdict.PARK:
                return self._refuse_photo(name, now_ns)
            elif verdict is Verdict.HOLD_CONTEXT:
                self._queue.hold(name, context, now_ns + int(around_s(_HOLD_S, self._chance) * SECOND_NS))
            elif came is Came.STOPPED:
                self._queue.give_back(name)
            else:
                # Not to its end of the line: two that never get through, one at each end, would keep all from it.
                wait_s = full_jitter_s(self._tries.failed(name), self._chance)
                self._queue.postpone(name, now_ns + int(wait_s * SECOND_NS))
                self._interrupt(call, came, retry_after_s)
            return False

    # -- how things stand --------------------------------------------------------------------------------------

    def view(self) -> View:
        """The line as it stands."""
        with self._changed:
            state = self._standing.state(self._queue.busy)
            uploading = state is UploaderState.UPLOADING
            return View(
                state,
                tuple(self._standing.problems(self._queue.held.values(), bool(self._tries.unreadable))),
                Counter(self._queue.waiting),
                Counter(self._progress.sent),
                self._events,
                self._progress.rate_bps,
                self._progress.eta_s(self._queue.flowing) if uploading else None,
                self._progress.last_success_ns,
            )

    def stir(self) -> None:
        """Lets every worker look again."""
        with self._changed:
            self._changed.notify_all()

    # -- inside; the lock is held ------------------------------------------------------------------------------

    @contextmanager
    def _news(self) -> Iterator[None]:
        with self._changed:
            yield
            self._changed.notify_all()
        self.on_news()

    def _interrupt(self, call: Call, came: Came, retry_after_s: float | None) -> None:
        verdict = judge(call, came)
        if verdict is Verdict.WAIT:
            self._circuit.back_off(self._clock.boottime_ns(), retry_after_s)
        elif verdict is Verdict.PAUSE_ALL:
            self._lose(around_s(_REFUSED_S, self._chance))
        elif came in (Came.DNS, Came.CONNECT) and call is not Call.PUT:
            self._lose(network_look_s(self._chance))
        else:
            self._lose()
        self._standing.set_trouble(*trouble(verdict, came))

    def _lose(self, wait_s: float | None = None) -> None:
        """The link is gone or of no use: the next look after `wait_s`, or after a back-off."""
        self._circuit.trip(self._clock.boottime_ns(), wait_s)
        self._progress.forget_rate()
        self._at_a_time = 1

    def _refuse_photo(self, name: PhotoName, now_ns: int) -> bool:
        refusal = self._tries.refused(name)
        if refusal is Refusal.ALL_REFUSED:
            pause_s = around_s(all_refused_s(self._tries.alarms), self._chance)
            self._queue.postpone(name, now_ns + int(pause_s * SECOND_NS))
            self._lose(pause_s)
            self._standing.set_trouble(UploaderState.REFUSED, problem("server_trouble", "it refuses every photo"))
        elif refusal is Refusal.TRY_AGAIN:
            self._queue.postpone(name, now_ns + int(around_s(_REFUSED_PHOTO_S, self._chance) * SECOND_NS))
        return refusal is Refusal.PARK

    def _look_again(self, now_ns: int) -> None:
        self._look_again_ns = now_ns + int(around_s(_LOOK_AGAIN_S, self._chance) * SECOND_NS)
