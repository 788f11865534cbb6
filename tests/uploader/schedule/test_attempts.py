"""Whom it is held against when the server says no: the photo, its event, or everything."""

from __future__ import annotations

import pickle
from collections import Counter

import pytest

from piboothup.config import Secret
from piboothup.spool.event_titles import Album, AlbumEvent
from piboothup.spool.names import PhotoName
from piboothup.status import UploaderState
from piboothup.uploader.outcomes import ApiCall, Decision, Outcome, decide
from piboothup.uploader.schedule.attempts import AttemptHistory, UploadUrl
from piboothup.uploader.schedule.scheduler import Send
from tests.support.effort import covering, sample
from tests.support.photos import PARTY
from tests.support.simulated_night import GALA, PARTY_SEEN, Night, Rule

pytestmark = pytest.mark.slow

HOUR_S = 3600.0
CALLS = (ApiCall.UPLOAD_URL, ApiCall.PUT)
REFUSALS = (Outcome.BAD_REQUEST, Outcome.REFUSED, Outcome.TOO_LARGE)
ERRORS = [
    (call, outcome)
    for call in CALLS
    for outcome in Outcome
    if decide(call, outcome) in (Decision.WAIT, Decision.RETRY_URL, Decision.NEW_URL)
    and outcome not in (Outcome.TIMEOUT, Outcome.RESET, Outcome.FOREIGN, Outcome.CLOSED, Outcome.LISTED_BUT_NOT_FOUND)
]


def of_the_gala(outcome: Outcome) -> Rule:
    """The server has nothing but this for the gala, and takes all else."""
    return lambda name: outcome if name.context == GALA.id else Outcome.ACCEPTED


def always(outcome: Outcome) -> Rule:
    return lambda _: outcome


# -- an event of which nothing is taken ----------------------------------------------------------------------------


@pytest.mark.parametrize(("call", "outcome"), covering(CALLS, REFUSALS))
def test_n24_event_refusing_all_not_parked_when_another_accepts(call: ApiCall, outcome: Outcome) -> None:
    night = Night(of_the_gala(outcome), call=call)
    for _ in range(20):
        night.take(GALA)
        night.take()
    night.pass_s(60.0)
    assert len(night.arrived_s) == 20
    for _ in range(40):
        night.take()
        night.take(GALA)
        night.pass_s(300.0)
    assert night.parked == []
    assert len(night.arrived_s) == 60
    assert night.problems() == ["server_trouble"]
    assert night.tried.total() - 60 < 4 + 200 * 60 / 300
    night.rule = always(Outcome.ACCEPTED)
    night.pass_s(1200.0)
    assert len(night.arrived_s) == 120
    assert night.problems() == []


def test_n24_all_refused_not_said_while_other_event_is_untried() -> None:
    night = Night(always(Outcome.ACCEPTED))
    night.take()
    for name in [night.take(GALA) for _ in range(3)]:
        night.scheduler.on_photo_failure(name, GALA, ApiCall.PUT, Outcome.BAD_REQUEST)
    assert night.problems() == ["server_trouble"]
    assert night.scheduler.snapshot().state is UploaderState.IDLE


@pytest.mark.parametrize(("call", "outcome"), covering(CALLS, [Outcome.BAD_REQUEST, Outcome.REFUSED]))
def test_n24_guest_every_5_min_all_refused_only_first_is_parked(call: ApiCall, outcome: Outcome) -> None:
    night = Night(always(outcome), call=call)
    first = night.take()
    for _ in range(12):
        night.pass_s(300.0)
        night.take()
    night.pass_s(300.0)
    assert night.parked == [first]
    assert night.problems() == ["server_trouble"]
    assert night.scheduler.snapshot().state is UploaderState.REFUSED


@pytest.mark.parametrize("call", CALLS)
def test_n24_day_of_refusing_all_parks_nothing_and_is_told(call: ApiCall) -> None:
    night = Night(always(Outcome.TOO_LARGE), call=call)
    for _ in range(20):
        night.take()
    night.pass_s(24 * HOUR_S)
    assert night.parked == []
    assert night.tried.total() < 200
    assert night.scheduler.snapshot().state is UploaderState.REFUSED
    assert [str(problem) for problem in night.scheduler.snapshot().problems] == [
        "EventPics answers with an error (it refuses every photo). Photos are kept and tried again by themselves."
    ]
    night.rule = always(Outcome.ACCEPTED)
    night.pass_s(HOUR_S)
    assert len(night.arrived_s) == 20


def test_n24_server_refusing_all_over_slow_link_gets_none_parked() -> None:
    night = Night(always(Outcome.BAD_REQUEST), call=ApiCall.PUT, call_s=25.0)
    for _ in range(12):
        night.take()
    night.pass_s(HOUR_S)
    assert night.parked == []


@pytest.mark.parametrize("call", CALLS)
def test_n22_n24_all_too_large_parks_two_photos_at_most(call: ApiCall) -> None:
    night = Night(always(Outcome.TOO_LARGE), call=call)
    for _ in range(12):
        night.take()
        night.pass_s(300.0)
    assert len(night.parked) <= 2


def test_n24_earlier_arrivals_are_no_sign_that_photos_arrive_now() -> None:
    night = Night(always(Outcome.ACCEPTED))
    for _ in range(10):
        night.take()
    night.pass_s(30.0)
    night.rule = always(Outcome.BAD_REQUEST)
    night.take()
    night.take()
    night.pass_s(HOUR_S)
    assert night.parked == []


def test_n24_two_spells_of_refusing_all_park_two_photos_at_most() -> None:
    night = Night(always(Outcome.BAD_REQUEST))
    for _ in range(30):
        night.take()
    night.pass_s(2 * HOUR_S)
    night.rule = always(Outcome.ACCEPTED)
    while not night.arrived_s:
        night.pass_s(1.0)
    night.rule = always(Outcome.BAD_REQUEST)
    night.pass_s(2 * HOUR_S)
    assert len(night.parked) <= 2


@pytest.mark.parametrize("outcome", [Outcome.CLOSED, Outcome.LISTED_BUT_NOT_FOUND])
def test_n33_two_workers_meeting_same_closed_event_rest_it_once(outcome: Outcome) -> None:
    night = Night(of_the_gala(outcome), most=2)
    night.take()
    night.pass_s(3.0)
    names = [night.take(GALA), night.take(GALA)]
    steps = [night.scheduler.next_step(), night.scheduler.next_step()]
    assert {Send(name) for name in names} == {*steps}
    for name in names:
        night.scheduler.on_photo_failure(name, GALA, ApiCall.UPLOAD_URL, outcome)
    assert len(night.problems()) == 1
    night.clock.pass_s(76.0)
    night.scheduler.end_holds()
    assert night.problems() == []


def test_retry_sends_all_refused_again_as_if_for_first_time() -> None:
    night = Night(always(Outcome.BAD_REQUEST))
    for _ in range(20):
        night.take()
    night.pass_s(2 * HOUR_S)
    before = night.tried.total()
    night.scheduler.retry()
    night.pass_s(30.0)
    assert night.tried.total() == before + 3


def test_n23_a_retry_also_forgets_what_was_refused_but_once() -> None:
    night = Night(always(Outcome.BAD_REQUEST))
    name = night.take()
    night.pass_s(5.0)
    night.scheduler.retry()
    night.pass_s(5.0)
    assert night.tried[name] == 2
    assert night.parked == []


# -- a photo that is not taken -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("call", "outcome"), covering(CALLS, REFUSALS))
def test_n23_refused_photo_parked_after_2_attempts_others_arrive(call: ApiCall, outcome: Outcome) -> None:
    bad: set[PhotoName] = set()
    night = Night(lambda name: outcome if name in bad else Outcome.ACCEPTED, call=call)
    bad.add(night.take())
    for _ in range(6):
        night.take()
    night.pass_s(60.0)
    assert night.parked == [*bad]
    assert [night.tried[name] for name in bad] == [2]
    assert len(night.arrived_s) == 6
    assert night.problems() == []


@pytest.mark.parametrize("outcome", [Outcome.BAD_REQUEST, Outcome.REFUSED])
def test_n23_only_photo_of_event_parked_after_2_attempts(outcome: Outcome) -> None:
    bad: set[PhotoName] = set()
    night = Night(lambda name: outcome if name in bad else Outcome.ACCEPTED)
    night.take(GALA)
    bad.add(alone := night.take())
    night.pass_s(60.0)
    assert night.parked == [alone]
    assert night.tried[alone] == 2
    next_one = night.take()
    night.pass_s(3.0)
    assert next_one in night.arrived_s
    assert night.problems() == []


@pytest.mark.parametrize("outcome", [Outcome.BAD_REQUEST, Outcome.REFUSED])
def test_n23_two_refused_tried_ever_less_until_event_accepts(
    outcome: Outcome,
) -> None:
    bad: set[PhotoName] = set()
    night = Night(lambda name: outcome if name in bad else Outcome.ACCEPTED)
    bad.update(both := [night.take(), night.take()])
    night.take(GALA)
    night.pass_s(12 * HOUR_S)
    assert night.parked == []
    assert all(12 * 4 < night.tried[name] < 12 * 9 for name in both)
    assert night.problems() == ["server_trouble"]
    next_one = night.take()
    night.pass_s(3.0)
    assert next_one in night.arrived_s
    night.pass_s(800.0)
    assert {*night.parked} == bad
    assert night.problems() == []


def test_a_retry_ends_what_is_told_of_photos_that_are_refused() -> None:
    night = Night(always(Outcome.BAD_REQUEST))
    night.take()
    night.take()
    night.pass_s(HOUR_S)
    assert night.problems() == ["server_trouble"]
    night.scheduler.retry()
    assert night.problems() == []


def test_n23_refusal_by_old_event_not_counted_for_assigned_event() -> None:
    bad: set[PhotoName] = set()
    night = Night(lambda name: Outcome.BAD_REQUEST if name in bad else Outcome.ACCEPTED)
    bad.add(moved := night.take(GALA))
    night.take()
    night.pass_s(5.0)
    assert night.tried[moved] == len(night.arrived_s) == 1
    night.assign(moved, PARTY)
    night.pass_s(HOUR_S)
    assert night.tried[moved] > 5
    assert night.parked == []
    night.take()
    night.pass_s(HOUR_S)
    assert night.parked == [moved]


def test_s19_parked_photo_moved_back_is_refused_as_first_time() -> None:
    night = Night(always(Outcome.BAD_REQUEST))
    name = night.take()
    night.pass_s(60.0)
    assert night.parked == [name]
    night.move_back(name)
    night.pass_s(5.0)
    assert night.tried[name] == 3
    assert night.parked == []
    night.rule = always(Outcome.ACCEPTED)
    night.pass_s(60.0)
    assert name in night.arrived_s


def test_photos_sent_at_second_attempt_10000_take_no_memory() -> None:
    tries = AttemptHistory(Counter())
    for seq in range(10_000):
        name = PhotoName("ABCD", 1, seq, seq, PARTY.id, f"{seq:016x}")
        tries.record_failure(name)
        tries.photo(name).url = UploadUrl(Secret(f"https://storage.example/{seq}"), PARTY, asked_ns=0)
        tries.record_unreadable(name)
        tries.record_defect(name)
        tries.on_sent(name, PARTY)
    assert len(pickle.dumps(tries)) < 10_000


@pytest.mark.parametrize("call", CALLS)
def test_n22_lone_too_large_photo_parked_after_2_attempts(call: ApiCall) -> None:
    bad: set[PhotoName] = set()
    night = Night(lambda name: Outcome.TOO_LARGE if name in bad else Outcome.ACCEPTED, call=call)
    bad.add(night.take())
    night.pass_s(30.0)
    assert night.parked == [*bad]
    name = night.take()
    night.pass_s(3.0)
    assert name in night.arrived_s


def test_n23_bad_last_photos_of_event_parked_once_others_arrive() -> None:
    bad: set[PhotoName] = set()
    night = Night(lambda name: Outcome.REFUSED if name in bad else Outcome.ACCEPTED)
    bad.update(night.take() for _ in range(5))
    for _ in range(20):
        night.take()
        night.pass_s(300.0)
    assert {*night.parked} == bad
    assert len(night.arrived_s) == 20


# -- an event over which the server fails --------------------------------------------------------------------------


@pytest.mark.parametrize(("call", "outcome"), sample(ERRORS, lambda error: error[0]))
def test_n33_event_server_fails_over_keeps_no_other_waiting(call: ApiCall, outcome: Outcome) -> None:
    night = Night(of_the_gala(outcome), call=call)
    for _ in range(40):
        night.take(GALA)
    others = [night.take() for _ in range(3)]
    for _ in range(40):
        night.take(GALA)
    night.pass_s(30.0)
    assert {*others} <= night.arrived_s.keys()
    for _ in range(60):
        newest = night.take()
        night.pass_s(60.0)
        assert newest in night.arrived_s
    assert night.parked == []
    night.rule = always(Outcome.ACCEPTED)
    night.pass_s(400.0)
    assert len(night.arrived_s) == 80 + 3 + 60


def test_n33_event_server_fails_over_is_told_others_are_sent() -> None:
    night = Night(of_the_gala(Outcome.SERVER_ERROR))
    for _ in range(10):
        night.take(GALA)
    for _ in range(300):
        night.take()
    told: list[tuple[UploaderState, list[str]]] = []
    for _ in range(100):
        night.pass_s(2.0)
        told.append((night.scheduler.snapshot().state, night.problems()))
    assert told.count((UploaderState.IDLE, ["server_trouble"])) > 90


@pytest.mark.parametrize("outcome", [Outcome.SERVER_ERROR, Outcome.UNEXPECTED, Outcome.PARTIAL])
def test_n33_server_failing_all_events_asked_rarely_soon_reused(outcome: Outcome) -> None:
    night = Night(always(outcome))
    for _ in range(20):
        night.take()
        night.take(GALA)
    night.pass_s(HOUR_S)
    assert night.tried.total() < HOUR_S / 5
    assert night.problems() == ["server_trouble"]
    assert night.scheduler.snapshot().state is UploaderState.OFFLINE
    night.rule = always(Outcome.ACCEPTED)
    night.pass_s(40.0 + 60.0)
    assert len(night.arrived_s) == 40


@pytest.mark.parametrize("call", CALLS)
def test_n33_lone_event_server_fails_over_tried_at_backoff_pace(call: ApiCall) -> None:
    night = Night(always(Outcome.SERVER_ERROR), call=call)
    for _ in range(40):
        night.take()
    night.pass_s(HOUR_S)
    assert night.scheduler.snapshot().state is UploaderState.OFFLINE
    night.rule = always(Outcome.ACCEPTED)
    night.pass_s(35.0 if call is ApiCall.UPLOAD_URL else 65.0)
    assert night.arrived_s


@pytest.mark.parametrize("outcome", [Outcome.TIMEOUT, Outcome.RESET])
def test_n33_link_breaking_repeatedly_not_held_against_event(outcome: Outcome) -> None:
    night = Night(always(Outcome.ACCEPTED))
    name = night.take(GALA)
    night.take()
    for _ in range(4):
        night.scheduler.on_photo_failure(name, GALA, ApiCall.PUT, outcome)
    assert night.problems() == ["no_network"]


def test_n20_failure_on_key_question_not_held_against_event() -> None:
    night = Night(always(Outcome.ACCEPTED))
    name = night.take(GALA)
    night.take()
    for _ in range(4):
        night.scheduler.on_photo_failure(name, GALA, ApiCall.EVENTS, Outcome.SERVER_ERROR)
    night.scheduler.on_probe_success(night.events)
    other = night.take()
    night.scheduler.on_photo_sent(other, PARTY, 1, 1, marked=True)
    assert night.problems() == []


def test_n21_failure_does_not_shorten_hold_of_its_event() -> None:
    night = Night(always(Outcome.ACCEPTED))
    names = [night.take(GALA) for _ in range(2)]
    night.take()
    night.scheduler.on_photo_failure(names[0], GALA, ApiCall.UPLOAD_URL, Outcome.FOREIGN)
    for _ in range(4):
        night.scheduler.on_photo_failure(names[1], GALA, ApiCall.PUT, Outcome.SERVER_ERROR)
    night.scheduler.on_photo_sent(night.take(), PARTY, 1, 1, marked=True)
    night.clock.pass_s(HOUR_S / 2)
    night.scheduler.end_holds()
    assert night.problems() == ["event_refused"]


def test_n18_retry_after_holds_for_all_events_of_busy_server() -> None:
    night = Night(always(Outcome.SERVER_ERROR))
    night.retry_after_s = 600.0
    for _ in range(10):
        night.take()
        night.take(GALA)
    night.pass_s(4 * HOUR_S)
    assert night.tried.total() <= 24


@pytest.mark.parametrize(("seconds", "told"), [(3600.0, ["server_trouble"]), (61.0, ["server_trouble"]), (60.0, [])])
def test_n18_long_wait_stays_told_though_a_photo_under_way_ends(seconds: float, told: list[str]) -> None:
    night = Night(always(Outcome.ACCEPTED), most=2)
    names = [night.take(), night.take()]
    night.scheduler.on_probe_success(night.events)
    night.scheduler.on_photo_failure(names[0], PARTY, ApiCall.PUT, Outcome.SERVER_ERROR, seconds)
    assert night.problems() == told
    night.scheduler.on_photo_sent(names[1], PARTY, 1, 1, marked=True)
    assert night.problems() == told
    night.pass_s(1.5 * seconds)
    night.take()
    night.pass_s(60.0)
    assert night.problems() == []


def test_n18_retry_after_holds_for_all_unless_others_known_taken() -> None:
    night = Night(of_the_gala(Outcome.SERVER_ERROR))
    night.retry_after_s = 600.0
    night.take(GALA)
    night.pass_s(2.0)
    name = night.take()
    night.pass_s(590.0)
    assert name not in night.arrived_s
    night.pass_s(200.0)
    assert name in night.arrived_s
    night.pass_s(2 * HOUR_S)
    waits_s = []
    for _ in range(20):
        name, taken_s = night.take(), night.clock.boottime_s
        night.take()
        night.pass_s(900.0)
        waits_s.append(night.arrived_s[name] - taken_s)
    assert sorted(waits_s)[-2] < 60.0
    assert (
        sum(number for name, number in night.tried.items() if name.context == GALA.id) <= night.clock.boottime_s / 600
    )


# -- an event that is not found ------------------------------------------------------------------------------------


def test_n21_404_for_listed_event_costs_minutes_not_an_hour() -> None:
    night = Night(always(Outcome.NOT_FOUND))
    name = night.take()
    night.pass_s(60.0)
    assert night.problems() == ["server_trouble"]
    night.rule = always(Outcome.ACCEPTED)
    night.pass_s(240.0)
    assert name in night.arrived_s


def test_n18_n21_retry_after_of_404_for_listed_event_is_obeyed() -> None:
    night = Night(always(Outcome.NOT_FOUND))
    night.retry_after_s = 3000.0
    name = night.take()
    night.pass_s(2900.0)
    assert night.tried[name] == 1
    night.rule = always(Outcome.ACCEPTED)
    night.pass_s(200.0)
    assert name in night.arrived_s


def test_n21_unlisted_event_asked_hourly_and_at_once_when_listed() -> None:
    night = Night(of_the_gala(Outcome.NOT_FOUND))
    night.events = (PARTY_SEEN,)
    name = night.take(GALA)
    night.pass_s(10 * HOUR_S)
    assert 8 <= night.tried[name] <= 13
    assert night.problems() == ["event_gone"]
    night.rule = always(Outcome.ACCEPTED)
    night.events = (PARTY_SEEN, AlbumEvent("Gala", GALA.link_id))
    night.pass_s(100.0)
    assert name in night.arrived_s


@pytest.mark.parametrize("album", ["a2", "a1"])
def test_n21_unlisted_album_is_as_unknown_as_its_event(album: str) -> None:
    night = Night(always(Outcome.NOT_FOUND))
    night.events = (AlbumEvent("Party", PARTY.link_id, (Album(album, "Booth"),)),)
    name = night.take()
    night.pass_s(2500.0)
    assert (night.tried[name] > 2) is (album == "a1")
