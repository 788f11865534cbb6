"""A night of one scheduler in simulated time: the scheduler is the real one, the server is a rule."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Callable

from piboothup.spool.contexts import Context, ContextRecord, context_for
from piboothup.spool.event_titles import Album, AlbumEvent
from piboothup.spool.names import PhotoName
from piboothup.uploader.outcomes import ApiCall, Outcome
from piboothup.uploader.schedule.backoff import SECOND_NS
from piboothup.uploader.schedule.photo_queue import sorted_names
from piboothup.uploader.schedule.scheduler import Probe, Send, UploadScheduler, Wait
from tests.support.clock import HandClock
from tests.support.photos import PARTY

GALA = context_for("gala5678", "", "")
PARTY_SEEN = AlbumEvent("Party", PARTY.link_id, (Album(PARTY.album_id, "Booth"),))

Rule = Callable[[PhotoName], Outcome]
"""Result of a photo's call; ACCEPTED: it arrives."""

_LIST_EVERY_S = 30.0
_TICK_S = 0.5


class Night:
    """Booth without threads, card and network."""

    def __init__(self, rule: Rule, *, call: ApiCall = ApiCall.UPLOAD_URL, call_s: float = 1.0, most: int = 1) -> None:
        """`call`: the call that the rule applies to; `call_s`: duration of a photo's call, whatever its result.

        `most`: photos at a time, for a test that sends them itself; `pass_s` sends one after the other.
        """
        self.rule, self.call, self.call_s = rule, call, call_s
        self.retry_after_s: float | None = None
        self.events: tuple[AlbumEvent, ...] = (PARTY_SEEN, AlbumEvent("Gala", GALA.link_id))
        """Events of the key."""
        self.clock = HandClock(boottime_s=0.0)
        self.scheduler = UploadScheduler(self.clock, random.Random(1).random, most, {}, paused=False, refused=False)
        self.tried: Counter[PhotoName] = Counter()
        self.arrived_s: dict[PhotoName, float] = {}
        self.parked: list[PhotoName] = []
        self._new: dict[PhotoName, Context] = {}
        self._seq = 0
        self._list_s = 0.0

    def take(self, context: Context = PARTY) -> PhotoName:
        """Take a photo."""
        self._seq += 1
        name = PhotoName("ABCD", 1, self._seq, self._seq * 1000, context.id, f"{self._seq:016x}")
        self._new[name] = context
        self.scheduler.add(name, ContextRecord(context))
        return name

    def assign(self, name: PhotoName, context: Context) -> None:
        """Assign the photo to another event, as an operator does."""
        self._new[name] = context

    def move_back(self, name: PhotoName, context: Context = PARTY) -> None:
        """Move a parked photo back by hand; the next listing has it."""
        self.parked.remove(name)
        self._new[name] = context
        self._list()

    def pass_s(self, seconds: float) -> None:
        """Run the booth for so long."""
        until_s = self.clock.boottime_s + seconds
        while self.clock.boottime_s < until_s:
            self._keep_up()
            step = self.scheduler.next_step()
            if isinstance(step, Probe):
                self.scheduler.on_probe_success(self.events)
            elif isinstance(step, Send):
                self.clock.pass_s(self.call_s)
                self._show(step.name)
            else:
                assert isinstance(step, Wait)
                self._wait(step, until_s)

    def problems(self) -> list[str]:
        """Codes of the reported problems."""
        return [problem.code for problem in self.scheduler.snapshot().problems]

    def _wait(self, step: Wait, until_s: float) -> None:
        """Wait until the scheduler or the main thread has something to do, in whole ticks as a loop of them would."""
        due_s = min(self._list_s, until_s, math.inf if step.until_ns is None else step.until_ns / SECOND_NS)
        self.clock.pass_s(max(1, math.ceil((due_s - self.clock.boottime_s) / _TICK_S)) * _TICK_S)

    def _keep_up(self) -> None:
        """Run the main thread's tasks."""
        if self.clock.boottime_s >= self._list_s:
            self._list_s = self.clock.boottime_s + _LIST_EVERY_S
            self.scheduler.end_holds()
        if self.scheduler.take_listing_request():
            self._list()

    def _list(self) -> None:
        self.scheduler.reload(
            sorted_names(self._new), {context.id: ContextRecord(context) for context in self._new.values()}
        )

    def _show(self, name: PhotoName) -> None:
        context = self._new[name]
        self.tried[name] += 1
        outcome = self.rule(name)
        if outcome is Outcome.ACCEPTED:
            self.scheduler.on_photo_sent(name, context, 3_000_000, int(self.call_s * SECOND_NS), marked=True)
            self.arrived_s[name] = self.clock.boottime_s
        elif self.scheduler.on_photo_failure(name, context, self.call, outcome, self.retry_after_s):
            self.scheduler.forget_photo(name)
            self.parked.append(name)
        else:
            return
        del self._new[name]
