"""What the line to EventPics decides: how many photos at a time, whose turn it is, what it tells."""

from __future__ import annotations

import random

import pytest

from piboothup.config import Secret
from piboothup.problems import Problem, problem
from piboothup.spool.contexts import ContextRecord
from piboothup.spool.names import PhotoName
from piboothup.status import UploaderState
from piboothup.uploader.outcomes import ApiCall, Decision, Outcome, decide
from piboothup.uploader.schedule.attempts import UploadUrl
from piboothup.uploader.schedule.backoff import SECOND_NS, RandomFn
from piboothup.uploader.schedule.link_status import TransferStats
from piboothup.uploader.schedule.photo_queue import sorted_names
from piboothup.uploader.schedule.scheduler import Probe, Send, UploadScheduler, Wait
from tests.support.clock import HandClock
from tests.support.effort import covering
from tests.support.photos import PARTY

DAY_S = 86_400.0
WRITTEN = {PARTY.id: ContextRecord(PARTY)}
"""What is written about contexts."""


def photo(seq: int) -> PhotoName:
    return PhotoName("ABCD", 1, seq, seq * 1000, PARTY.id, f"{seq:016x}")


class Bench:
    """A line whose link is up, with photos 1 to `photos` waiting."""

    def __init__(self, photos: int = 20, most: int = 2, chance: RandomFn | None = None) -> None:
        self.clock = HandClock()
        chance = chance or random.Random(1).random
        self.scheduler = UploadScheduler(self.clock, chance, most, {}, paused=False, refused=False)
        self.scheduler.reload(sorted_names(photo(seq) for seq in range(1, photos + 1)), WRITTEN)
        self.connect()

    def connect(self) -> None:
        while not isinstance(step := self.scheduler.next_step(), Probe):
            assert isinstance(step, Wait)
            self.clock.pass_s(1.0)
        self.scheduler.on_probe_success(())

    def take(self) -> PhotoName | None:
        """The next photo to send, None when a worker would wait."""
        step = self.scheduler.next_step()
        if isinstance(step, Probe):
            self.scheduler.on_probe_success(())
            step = self.scheduler.next_step()
        return step.name if isinstance(step, Send) else None

    def send(self, rate_bps: int) -> None:
        """One photo of 3 MB at this rate."""
        name = self.take()
        assert name is not None
        self.clock.pass_s(3_000_000 * 8 / rate_bps)
        self.scheduler.on_photo_sent(name, PARTY, 3_000_000, 3_000_000 * 8 * SECOND_NS // rate_bps, marked=True)

    def at_a_time(self) -> int:
        """How many photos can be on their way together."""
        taken = []
        while (name := self.take()) is not None:
            taken.append(name)
        for name in reversed(taken):
            self.scheduler.put_back(name)
        return len(taken)


def test_first_photo_goes_alone_then_two_by_two_on_fast_link() -> None:
    bench = Bench()
    assert bench.at_a_time() == 1
    bench.send(20_000_000)
    assert bench.at_a_time() == 2


def test_parallel_count_follows_link_rate_late_without_flapping() -> None:
    bench = Bench(photos=40)
    bench.send(20_000_000)
    found = []
    for rate_bps in (500_000, 500_000, 3_000_000, 3_000_000, 3_000_000, 20_000_000):
        bench.send(rate_bps)
        found.append(bench.at_a_time())
    assert found == [1, 1, 1, 1, 1, 1]
    for _ in range(12):
        bench.send(20_000_000)
    assert bench.at_a_time() == 2
    bench = Bench()
    bench.send(20_000_000)
    for _ in range(10):
        bench.send(3_000_000)
    assert bench.at_a_time() == 2


def test_a_new_spell_of_connectivity_is_measured_anew() -> None:
    bench = Bench()
    bench.send(20_000_000)
    name = bench.take()
    assert name is not None
    bench.scheduler.on_photo_failure(name, PARTY, ApiCall.PUT, Outcome.CONNECT)
    bench.connect()
    assert bench.scheduler.snapshot().rate_bps is None
    assert bench.at_a_time() == 1


def test_one_worker_in_the_config_stays_one() -> None:
    bench = Bench(most=1)
    for _ in range(3):
        bench.send(50_000_000)
    assert bench.at_a_time() == 1


# -- whose turn it is ----------------------------------------------------------------------------------------------

ANSWERED = (Decision.GO_ON, Decision.SENT, Decision.HOLD_CONTEXT, Decision.ASK_KEY)
"""What no single photo can be met with, time and again."""


FAILURES = [
    (call, outcome)
    for call in (ApiCall.UPLOAD_URL, ApiCall.PUT)
    for outcome in Outcome
    if decide(call, outcome) not in ANSWERED and outcome is not Outcome.STOPPED
]


@pytest.mark.slow
@pytest.mark.parametrize(("failure", "newcomers_per_s"), covering(FAILURES, [0.0, 0.02]))
def test_n33_photos_that_never_get_through_keep_no_other_from_it(
    failure: tuple[ApiCall, Outcome], newcomers_per_s: float
) -> None:
    """Poison: both ends of the line and every fifth photo fail for ever. The others arrive in bounded time."""
    call, outcome = failure
    bench, rng = Bench(photos=60), random.Random(0)
    poison = {1, 2, 3, 58, 59, 60} | {seq for seq in range(1, 200) if seq % 5 == 0}
    good = set(range(1, 61)) - poison
    arrived: set[int] = set()
    gone: set[int] = set()
    tried: dict[int, int] = {}
    newest = 60
    while not good <= arrived:
        assert bench.clock.boottime_s < 6 * 3600, sorted(good - arrived)
        bench.scheduler.end_holds()
        if bench.scheduler.take_listing_request():
            bench.scheduler.reload(
                sorted_names(photo(seq) for seq in range(1, newest + 1) if seq not in gone), WRITTEN
            )
        if rng.random() < newcomers_per_s:
            newest += 1
            bench.scheduler.add(photo(newest), ContextRecord(PARTY))
        name = bench.take()
        bench.clock.pass_s(1.0)
        if name is None:
            continue
        tried[name.seq] = tried.get(name.seq, 0) + 1
        if name.seq in poison:
            if bench.scheduler.on_photo_failure(name, PARTY, call, outcome):
                bench.scheduler.forget_photo(name)
                gone.add(name.seq)
        else:
            bench.scheduler.on_photo_sent(name, PARTY, 3_000_000, SECOND_NS, marked=True)
            arrived.add(name.seq)
            gone.add(name.seq)
    assert max(tried.values()) < 60


def test_n34_pause_holds_back_unsent_photos_until_retry() -> None:
    bench = Bench()
    name = bench.take()
    assert name is not None
    bench.scheduler.pause(True)
    bench.scheduler.on_photo_sent(name, PARTY, 3_000_000, SECOND_NS, marked=True)
    bench.clock.pass_s(3600.0)
    assert bench.scheduler.next_step() == Wait(None)
    assert bench.scheduler.snapshot().state is UploaderState.PAUSED
    assert bench.scheduler.snapshot().problems == (problem("paused"),)
    bench.scheduler.retry()
    assert bench.take() is not None


def test_network_gone_a_day_still_looked_for_about_each_second() -> None:
    bench = Bench()
    name = bench.take()
    assert name is not None
    bench.scheduler.on_photo_failure(name, PARTY, ApiCall.PUT, Outcome.CONNECT)
    waits_s: list[float] = []
    while len(waits_s) < 100:
        step = bench.scheduler.next_step()
        if isinstance(step, Probe):
            bench.scheduler.on_probe_failure(Outcome.DNS if len(waits_s) % 2 else Outcome.CONNECT)
        else:
            assert isinstance(step, Wait)
            assert step.until_ns is not None
            waits_s.append((step.until_ns - bench.clock.boottime_ns()) / SECOND_NS)
            bench.clock.pass_s(waits_s[-1] + 1e-6)
    assert 0.5 < min(waits_s) < max(waits_s) <= 1.5


def test_slow_network_check_is_followed_by_next_at_once() -> None:
    bench = Bench()
    bench.clock.pass_s(90.0)
    for _ in range(3):
        assert isinstance(bench.scheduler.next_step(), Probe)
        bench.clock.pass_s(10.0)
        bench.scheduler.on_probe_failure(Outcome.CONNECT)


@pytest.mark.parametrize("outcome", [Outcome.TLS, Outcome.TIMEOUT, Outcome.SERVER_ERROR, Outcome.HTML])
def test_server_that_answers_is_asked_again_at_backoff_pace(outcome: Outcome) -> None:
    bench = Bench()
    failures = 0
    bench.clock.pass_s(90.0)  # a new look is due
    while bench.clock.boottime_s < 3600:
        if isinstance(step := bench.scheduler.next_step(), Probe):
            bench.scheduler.on_probe_failure(outcome)
            failures += 1
        assert not isinstance(step, Send)
        bench.clock.pass_s(0.5)
    assert failures < 3600 / 10


def test_n19_one_worker_of_many_checks_whether_eventpics_answers() -> None:
    line = UploadScheduler(HandClock(), random.Random(1).random, 2, {}, paused=False, refused=False)
    line.reload(sorted_names([photo(1)]), WRITTEN)
    assert line.next_step() == Probe()
    assert isinstance(line.next_step(), Wait)
    line.on_probe_success(())
    assert line.next_step() == Send(photo(1))


# -- what it tells -------------------------------------------------------------------------------------------------


def test_estimate_counts_sendable_photos_at_rate_of_last_ones() -> None:
    bench = Bench(photos=20)
    for _ in range(10):
        bench.send(2_400_000)
    assert bench.take() is not None
    assert bench.scheduler.snapshot().rate_bps == pytest.approx(2_400_000, rel=0.01)
    assert bench.scheduler.snapshot().eta_s == pytest.approx(10 * 10, abs=2)


def test_estimate_leaves_out_photos_waiting_for_unknown_event() -> None:
    bench = Bench(photos=4)
    bench.send(8_000_000)
    assert bench.take() is not None
    before_s = bench.scheduler.snapshot().eta_s
    lost = [PhotoName("ABCD", 2, seq, seq * 1000, "n0000001", f"{seq:016x}") for seq in range(1, 101)]
    bench.scheduler.add(lost[0], ContextRecord(None))
    bench.scheduler.hold(lost[0], None)
    for name in lost[1:]:
        bench.scheduler.add(name, ContextRecord(None))
    assert bench.scheduler.snapshot().waiting.total() == 103
    assert bench.scheduler.snapshot().eta_s == before_s


@pytest.mark.parametrize("outcome", [Outcome.DNS, Outcome.CONNECT, Outcome.TIMEOUT, Outcome.RESET])
def test_storage_silent_reported_once_eventpics_known_to_answer(outcome: Outcome) -> None:
    bench = Bench()

    def put_in_vain() -> tuple[Problem, ...]:
        for _ in range(
            1 if outcome in (Outcome.DNS, Outcome.CONNECT) else 3
        ):  # what may be any link's daily life is told late
            while (name := bench.take()) is None:
                bench.clock.pass_s(0.5)
            bench.scheduler.on_photo_failure(name, PARTY, ApiCall.PUT, outcome)
        return bench.scheduler.snapshot().problems

    assert put_in_vain() == (problem("no_network"),)
    bench.clock.pass_s(90.0)
    bench.connect()
    assert put_in_vain() == (problem("storage_silent"),)
    bench.clock.pass_s(90.0)
    bench.connect()
    assert bench.scheduler.snapshot().problems == (problem("storage_silent"),)
    bench.clock.pass_s(90.0)
    assert isinstance(bench.scheduler.next_step(), Probe)
    bench.scheduler.on_probe_failure(Outcome.CONNECT)
    assert bench.scheduler.snapshot().problems == (problem("no_network"),)
    bench.connect()
    for look_again_s in (0.0, 90.0):
        bench.send(8_000_000)
        assert bench.scheduler.snapshot().problems == ()
        bench.clock.pass_s(look_again_s)
        assert put_in_vain() == (problem("no_network"),)
        bench.clock.pass_s(90.0)
        bench.connect()


@pytest.mark.parametrize("outcome", [Outcome.CONNECT, Outcome.SERVER_ERROR])
def test_block_reason_ends_when_photo_gone_and_eventpics_answers(outcome: Outcome) -> None:
    bench = Bench(photos=1)
    for _ in range(2):
        while (name := bench.take()) is None:
            bench.clock.pass_s(0.5)
        bench.scheduler.on_photo_failure(
            name, PARTY, ApiCall.UPLOAD_URL if outcome is Outcome.SERVER_ERROR else ApiCall.PUT, outcome
        )
        bench.clock.pass_s(90.0)
        bench.connect()
    assert [problem.code for problem in bench.scheduler.snapshot().problems] in (
        ["storage_silent"],
        ["server_trouble"],
    )
    bench.scheduler.forget_photo(photo(1))
    bench.clock.pass_s(90.0)
    bench.connect()
    assert bench.scheduler.snapshot().problems == ()
    assert bench.scheduler.snapshot().state is UploaderState.IDLE


def test_eventpics_unreachable_says_nothing_about_storage() -> None:
    bench = Bench()
    for call in (ApiCall.UPLOAD_URL, ApiCall.PUT):
        name = bench.take()
        assert name is not None
        bench.scheduler.on_photo_failure(name, PARTY, call, Outcome.CONNECT)
        assert bench.scheduler.snapshot().problems == (problem("no_network"),)
        bench.connect()


def test_two_photos_arriving_together_not_taken_for_faster_link() -> None:
    progress = TransferStats()
    for second in range(0, 20, 2):
        now_ns = second * SECOND_NS
        progress.record_sent(PARTY, 1_000_000, 2 * SECOND_NS, now_ns)
        progress.record_sent(PARTY, 1_000_000, 2 * SECOND_NS, now_ns + 1)
    assert progress.rate_bps == pytest.approx(8_000_000, rel=0.25)
    assert progress.eta_s(10) == pytest.approx(10, abs=2)


def test_a_quiet_evening_does_not_look_like_a_slow_link() -> None:
    progress = TransferStats()
    for number in range(5):
        progress.record_sent(PARTY, 1_000_000, SECOND_NS, number * 600 * SECOND_NS)
    assert progress.rate_bps == 8_000_000


def test_storage_unreachable_is_looked_for_ever_less_often() -> None:
    bench = Bench()
    waits = []
    for _ in range(12):
        name = bench.take()
        assert name is not None
        bench.scheduler.on_photo_failure(name, PARTY, ApiCall.PUT, Outcome.CONNECT)
        step = bench.scheduler.next_step()
        assert isinstance(step, Wait)
        assert step.until_ns is not None
        waits.append(step.until_ns - bench.clock.boottime_ns())
        bench.connect()
    assert max(waits[-4:]) > 4 * max(waits[:2])


def test_f03_a_put_that_was_blocked_asks_for_a_new_url() -> None:
    """What refused it in no storage's form may be a storage after all, and the URL too old for it."""
    bench, secret = Bench(), Secret("https://storage.example/x")
    for outcome, is_kept in ((Outcome.BLOCKED, False), (Outcome.TIMEOUT, True)):
        name = bench.take()
        assert name is not None
        url = UploadUrl(secret, PARTY, bench.clock.boottime_ns())
        bench.scheduler.keep_url(name, url)
        bench.scheduler.on_photo_failure(name, PARTY, ApiCall.PUT, outcome)
        assert bench.scheduler.fresh_url(name, PARTY) == (url if is_kept else None)
        bench.clock.pass_s(60.0)
        bench.connect()


def test_f03_a_photo_blocked_again_alone_holds_up_no_other() -> None:
    """A firewall, or the API in a form of its own, refuses one photo while the others get through."""
    bench = Bench()
    refused = bench.take()
    assert refused is not None
    bench.scheduler.on_photo_failure(refused, PARTY, ApiCall.UPLOAD_URL, Outcome.BLOCKED)
    assert bench.take() is None
    for _ in range(3):
        bench.clock.pass_s(60.0)
        while (name := bench.take()) == refused:
            bench.scheduler.on_photo_failure(name, PARTY, ApiCall.UPLOAD_URL, Outcome.BLOCKED)
        if name is None:  # blocked before any other was sent: all waited
            bench.clock.pass_s(60.0)
            name = bench.take()
        assert name not in (None, refused)
        assert name is not None
        bench.clock.pass_s(1.0)
        bench.scheduler.on_photo_sent(name, PARTY, 3_000_000, SECOND_NS, marked=True)
        bench.scheduler.on_photo_failure(refused, PARTY, ApiCall.UPLOAD_URL, Outcome.BLOCKED)
        following = bench.take()
        assert following is not None
        bench.scheduler.put_back(following)


def test_f03_photos_blocked_with_none_sent_between_wait_together() -> None:
    bench = Bench(photos=1)
    for _ in range(3):
        name = bench.take()
        assert name is not None
        bench.scheduler.on_photo_failure(name, PARTY, ApiCall.UPLOAD_URL, Outcome.BLOCKED)
        assert not isinstance(bench.scheduler.next_step(), Send)
        bench.clock.pass_s(60.0)


@pytest.mark.parametrize("outcome", [Outcome.BLOCKED, Outcome.SERVER_ERROR])
@pytest.mark.parametrize("call", [ApiCall.PUT, ApiCall.UPLOAD_URL])
def test_f03_what_only_photos_meet_outlasts_a_good_probe(call: ApiCall, outcome: Outcome) -> None:
    bench = Bench()
    for _ in range(3):
        bench.clock.pass_s(120.0)
        name = bench.take()
        assert name is not None
        bench.scheduler.on_photo_failure(name, PARTY, call, outcome)
    told = bench.scheduler.snapshot().problems
    assert [problem.code for problem in told] == ["blocked" if outcome is Outcome.BLOCKED else "server_trouble"]
    bench.clock.pass_s(120.0)
    bench.connect()
    assert bench.scheduler.snapshot().problems == told
    bench.send(1_000_000)
    assert bench.scheduler.snapshot().problems == ()


@pytest.mark.parametrize(
    ("outcome", "longest_s"), [(Outcome.TIMEOUT, 30.0), (Outcome.RESET, 30.0), (Outcome.UNEXPECTED, 60.0)]
)
def test_f02_only_an_answered_put_is_spared_longer(outcome: Outcome, longest_s: float) -> None:
    """What was not answered is over as soon as the link is back."""
    bench = Bench(chance=lambda: 0.999)
    waits_s = []
    for _ in range(8):
        name = bench.take()
        assert name is not None
        bench.scheduler.on_photo_failure(name, PARTY, ApiCall.PUT, outcome)
        step = bench.scheduler.next_step()
        assert isinstance(step, Wait)
        assert step.until_ns is not None
        waits_s.append((step.until_ns - bench.clock.boottime_ns()) / SECOND_NS)
        bench.clock.pass_s(waits_s[-1] + 1.0)
    assert longest_s * 0.9 < max(waits_s) <= longest_s
