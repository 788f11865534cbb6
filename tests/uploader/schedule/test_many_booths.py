"""Many booths, one server: what twenty lines do to it, and what becomes of every photo, in simulated time.

The lines are the real ones, each with a clock and chances of its own; the server is a rule.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

import pytest

from piboothup.spool.contexts import ContextRecord
from piboothup.spool.names import PhotoName
from piboothup.uploader.outcomes import ApiCall, Outcome
from piboothup.uploader.schedule.backoff import SECOND_NS, RandomFn
from piboothup.uploader.schedule.photo_queue import sorted_names
from piboothup.uploader.schedule.scheduler import Probe, Send, UploadScheduler, Wait
from tests.support.clock import HandClock
from tests.support.photos import PARTY

pytestmark = pytest.mark.slow

BOOTHS = 20
_CALL_S = 0.05
_PUT_S = 0.4


def photo(seq: int) -> PhotoName:
    return PhotoName("ABCD", 1, seq, seq * 1000, PARTY.id, f"{seq:016x}")


@dataclass
class Party:
    """Booths that got their power at the same moment; `busy` says when the server answers 503."""

    chances: list[RandomFn]
    busy: Callable[[float, list[float]], bool]
    retry_after_s: float | None = None
    photos: int = 6
    asked_s: list[float] = field(default_factory=list)
    """When any booth asked the server for anything."""
    arrived: int = 0
    ended_s: float = 0.0

    def run(self, longest_s: float) -> None:
        """Until every photo arrived, or so long."""
        clocks = [HandClock(boottime_s=0.0) for _ in self.chances]
        lines = [
            UploadScheduler(clock, chance, 1, {}, paused=False, refused=False)
            for clock, chance in zip(clocks, self.chances, strict=True)
        ]
        for line in lines:
            line.reload(sorted_names(photo(seq) for seq in range(self.photos)), {PARTY.id: ContextRecord(PARTY)})
        tie = count()
        due = [(0.0, next(tie), booth) for booth in range(len(lines))]
        heapq.heapify(due)
        while self.arrived < self.photos * len(lines) and due[0][0] < longest_s:
            now_s, _, booth = heapq.heappop(due)
            clocks[booth].boottime_s = max(now_s, clocks[booth].boottime_s)
            next_s = self._step(lines[booth], clocks[booth])
            heapq.heappush(due, (next_s, next(tie), booth))
            self.ended_s = now_s

    def _step(self, line: UploadScheduler, clock: HandClock) -> float:
        """When the booth acts again."""
        step = line.next_step()
        if isinstance(step, Wait):
            assert step.until_ns is not None
            return step.until_ns / SECOND_NS + 1e-6
        accepted = not self.busy(clock.boottime_s, self.asked_s)
        self.asked_s.append(clock.boottime_s)
        clock.pass_s(_CALL_S)
        if isinstance(step, Probe):
            if accepted:
                line.on_probe_success(())
            else:
                line.on_probe_failure(Outcome.SERVER_ERROR, self.retry_after_s)
        elif isinstance(step, Send):
            if accepted:
                clock.pass_s(_PUT_S)
                line.on_photo_sent(step.name, PARTY, 3_000_000, int(_PUT_S * SECOND_NS), marked=True)
                self.arrived += 1
            else:
                line.on_photo_failure(step.name, PARTY, ApiCall.UPLOAD_URL, Outcome.SERVER_ERROR, self.retry_after_s)
        return clock.boottime_s

    def most_within(self, window_s: float, from_s: float, until_s: float) -> int:
        """The most requests within any such window."""
        asked = sorted(moment_s for moment_s in self.asked_s if from_s <= moment_s <= until_s)
        return max(
            (sum(1 for later in asked if moment_s <= later < moment_s + window_s) for moment_s in asked), default=0
        )


def chances(seed: int) -> list[RandomFn]:
    return [random.Random(1000 * seed + booth).random for booth in range(BOOTHS)]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("retry_after_s", [None, 60.0])
def test_n19_20_booths_powered_on_together_spread_requests(seed: int, retry_after_s: float | None) -> None:
    party = Party(chances(seed), lambda now_s, _: now_s < 300.0, retry_after_s)
    party.run(3600.0)
    assert party.most_within(1.0, 0.0, 0.0) == BOOTHS  # that is how it begins
    assert party.most_within(1.0, 60.0, 299.0) <= BOOTHS // 2
    assert party.arrived == BOOTHS * party.photos
    assert party.ended_s < 300.0 + 120.0


@pytest.mark.parametrize("seed", range(5))
def test_n19_server_at_10_requests_a_second_gets_all_photos(seed: int) -> None:
    def busy(now_s: float, asked_s: list[float]) -> bool:
        return sum(1 for moment_s in asked_s[-200:] if now_s - moment_s < 1.0) >= 10

    party = Party(chances(seed), busy)
    party.run(3600.0)
    assert party.arrived == BOOTHS * party.photos
    # 20 booths x 7 requests at 10 a second are 14 s; refusals are requests too.
    assert party.ended_s < 120.0


def test_n19_without_chance_they_would_ask_together_for_ever() -> None:
    """What the tests above would see if the jitter were taken out."""
    party = Party([lambda: 0.5] * BOOTHS, lambda now_s, _: now_s < 300.0)
    party.run(3600.0)
    assert party.most_within(1.0, 60.0, 299.0) == BOOTHS
