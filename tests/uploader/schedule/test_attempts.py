"""Whom it is held against when the server says no: the photo, its event, or everything."""

from __future__ import annotations

import pickle

import pytest

from piboothup.config import Secret
from piboothup.spool.event_titles import Album, Event
from piboothup.spool.names import PhotoName
from piboothup.status import UploaderState
from piboothup.uploader.outcomes import Call, Came, Verdict, judge
from piboothup.uploader.schedule.attempts import Tries
from piboothup.uploader.schedule.scheduler import Send
from tests.support.night import GALA, PARTY_SEEN, Night, Rule
from tests.support.photos import PARTY

HOUR_S = 3600.0
CALLS = (Call.UPLOAD_URL, Call.PUT)
REFUSALS = (Came.BAD_REQUEST, Came.REFUSED, Came.TOO_LARGE)
ERRORS = [
    (call, came)
    for call in CALLS
    for came in Came
    if judge(call, came) in (Verdict.WAIT, Verdict.RETRY_URL, Verdict.NEW_URL)
    and came not in (Came.TIMEOUT, Came.RESET, Came.FOREIGN, Came.CLOSED, Came.MISLAID)
]


def of_the_gala(came: Came) -> Rule:
    """The server has nothing but this for the gala, and takes all else."""
    return lambda name: came if name.context == GALA.id else Came.ACCEPTED


def always(came: Came) -> Rule:
    return lambda _: came


# -- an event of which nothing is taken ----------------------------------------------------------------------------


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("came", REFUSALS)
def test_n24_an_event_of_which_every_photo_is_refused_is_not_parked_because_another_flows(
    call: Call, came: Came
) -> None:
    night = Night(of_the_gala(came), call=call)
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
    night.rule = always(Came.ACCEPTED)
    night.pass_s(1200.0)
    assert len(night.arrived_s) == 120
    assert night.problems() == []


def test_n24_nobody_says_that_all_is_refused_while_photos_of_another_event_are_still_to_be_tried() -> None:
    night = Night(always(Came.ACCEPTED))
    night.take()
    for name in [night.take(GALA) for _ in range(3)]:
        night.line.failed(name, GALA, Call.PUT, Came.BAD_REQUEST)
    assert night.problems() == ["server_trouble"]
    assert night.line.view().state is UploaderState.IDLE


@pytest.mark.parametrize("came", [Came.BAD_REQUEST, Came.REFUSED])
@pytest.mark.parametrize("call", CALLS)
def test_n24_of_a_guest_every_five_minutes_a_server_that_refuses_all_gets_no_more_than_the_first_parked(
    call: Call, came: Came
) -> None:
    night = Night(always(came), call=call)
    first = night.take()
    for _ in range(12):
        night.pass_s(300.0)
        night.take()
    night.pass_s(300.0)
    assert night.parked == [first]
    assert night.problems() == ["server_trouble"]
    assert night.line.view().state is UploaderState.REFUSED


@pytest.mark.parametrize("call", CALLS)
def test_n24_a_day_of_refusing_everything_parks_nothing_and_is_told(call: Call) -> None:
    night = Night(always(Came.TOO_LARGE), call=call)
    for _ in range(20):
        night.take()
    night.pass_s(24 * HOUR_S)
    assert night.parked == []
    assert night.tried.total() < 200
    assert night.line.view().state is UploaderState.REFUSED
    assert [str(one) for one in night.line.view().problems] == [
        "EventPics answers with an error (it refuses every photo). Photos are kept and tried again by themselves."
    ]
    night.rule = always(Came.ACCEPTED)
    night.pass_s(HOUR_S)
    assert len(night.arrived_s) == 20


def test_n24_a_server_that_refuses_all_gets_none_parked_over_a_slow_link() -> None:
    night = Night(always(Came.BAD_REQUEST), call=Call.PUT, call_s=25.0)
    for _ in range(12):
        night.take()
    night.pass_s(HOUR_S)
    assert night.parked == []


@pytest.mark.parametrize("call", CALLS)
def test_n22_n24_of_a_server_to_which_all_is_too_large_two_are_parked_at_most(call: Call) -> None:
    night = Night(always(Came.TOO_LARGE), call=call)
    for _ in range(12):
        night.take()
        night.pass_s(300.0)
    assert len(night.parked) <= 2


def test_n24_what_arrived_before_is_no_sign_that_photos_are_taken_now() -> None:
    night = Night(always(Came.ACCEPTED))
    for _ in range(10):
        night.take()
    night.pass_s(30.0)
    night.rule = always(Came.BAD_REQUEST)
    night.take()
    night.take()
    night.pass_s(HOUR_S)
    assert night.parked == []


def test_n24_two_spells_of_refusing_all_park_two_photos_at_most() -> None:
    night = Night(always(Came.BAD_REQUEST))
    for _ in range(30):
        night.take()
    night.pass_s(2 * HOUR_S)
    night.rule = always(Came.ACCEPTED)
    while not night.arrived_s:
        night.pass_s(1.0)
    night.rule = always(Came.BAD_REQUEST)
    night.pass_s(2 * HOUR_S)
    assert len(night.parked) <= 2


@pytest.mark.parametrize("came", [Came.CLOSED, Came.MISLAID])
def test_n33_two_workers_that_meet_the_same_closed_event_let_it_rest_once(came: Came) -> None:
    night = Night(of_the_gala(came), most=2)
    night.take()
    night.pass_s(3.0)
    names = [night.take(GALA), night.take(GALA)]
    steps = [night.line.next_step(), night.line.next_step()]
    assert {Send(one) for one in names} == {*steps}
    for name in names:
        night.line.failed(name, GALA, Call.UPLOAD_URL, came)
    assert len(night.problems()) == 1
    night.clock.pass_s(76.0)
    night.line.end_holds()
    assert night.problems() == []


def test_a_retry_shows_all_that_was_refused_again_as_if_for_the_first_time() -> None:
    night = Night(always(Came.BAD_REQUEST))
    for _ in range(20):
        night.take()
    night.pass_s(2 * HOUR_S)
    before = night.tried.total()
    night.line.retry()
    night.pass_s(30.0)
    assert night.tried.total() == before + 3


def test_n23_a_retry_also_forgets_what_was_refused_but_once() -> None:
    night = Night(always(Came.BAD_REQUEST))
    name = night.take()
    night.pass_s(5.0)
    night.line.retry()
    night.pass_s(5.0)
    assert night.tried[name] == 2
    assert night.parked == []


# -- a photo that is not taken -------------------------------------------------------------------------------------


@pytest.mark.parametrize("came", REFUSALS)
@pytest.mark.parametrize("call", CALLS)
def test_n23_a_photo_that_is_refused_while_others_of_its_event_arrive_is_parked_after_two_tries(
    call: Call, came: Came
) -> None:
    bad: set[PhotoName] = set()
    night = Night(lambda name: came if name in bad else Came.ACCEPTED, call=call)
    bad.add(night.take())
    for _ in range(6):
        night.take()
    night.pass_s(60.0)
    assert night.parked == [*bad]
    assert [night.tried[one] for one in bad] == [2]
    assert len(night.arrived_s) == 6
    assert night.problems() == []


@pytest.mark.parametrize("came", [Came.BAD_REQUEST, Came.REFUSED])
def test_n23_the_only_photo_of_an_event_is_parked_after_two_tries_and_the_next_goes(came: Came) -> None:
    bad: set[PhotoName] = set()
    night = Night(lambda name: came if name in bad else Came.ACCEPTED)
    night.take(GALA)
    bad.add(alone := night.take())
    night.pass_s(60.0)
    assert night.parked == [alone]
    assert night.tried[alone] == 2
    next_one = night.take()
    night.pass_s(3.0)
    assert next_one in night.arrived_s
    assert night.problems() == []


@pytest.mark.parametrize("came", [Came.BAD_REQUEST, Came.REFUSED])
def test_n23_two_that_are_refused_wait_are_told_and_tried_ever_less_until_another_of_their_event_arrives(
    came: Came,
) -> None:
    bad: set[PhotoName] = set()
    night = Night(lambda name: came if name in bad else Came.ACCEPTED)
    bad.update(both := [night.take(), night.take()])
    night.take(GALA)
    night.pass_s(12 * HOUR_S)
    assert night.parked == []
    assert all(12 * 4 < night.tried[one] < 12 * 9 for one in both)
    assert night.problems() == ["server_trouble"]
    next_one = night.take()
    night.pass_s(3.0)
    assert next_one in night.arrived_s
    night.pass_s(800.0)
    assert {*night.parked} == bad
    assert night.problems() == []


def test_a_retry_ends_what_is_told_of_photos_that_are_refused() -> None:
    night = Night(always(Came.BAD_REQUEST))
    night.take()
    night.take()
    night.pass_s(HOUR_S)
    assert night.problems() == ["server_trouble"]
    night.line.retry()
    assert night.problems() == []


def test_n23_what_one_event_refused_is_no_refusal_by_the_event_that_the_photo_is_assigned_to() -> None:
    bad: set[PhotoName] = set()
    night = Night(lambda name: Came.BAD_REQUEST if name in bad else Came.ACCEPTED)
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


def test_s19_a_parked_photo_that_somebody_moves_back_is_refused_as_if_for_the_first_time() -> None:
    night = Night(always(Came.BAD_REQUEST))
    name = night.take()
    night.pass_s(60.0)
    assert night.parked == [name]
    night.move_back(name)
    night.pass_s(5.0)
    assert night.tried[name] == 3
    assert night.parked == []
    night.rule = always(Came.ACCEPTED)
    night.pass_s(60.0)
    assert name in night.arrived_s


def test_ten_thousand_photos_that_got_through_at_the_second_try_take_no_memory() -> None:
    tries = Tries()
    for seq in range(10_000):
        name = PhotoName("ABCD", 1, seq, seq, PARTY.id, f"{seq:016x}")
        tries.failed(name)
        tries.keep_url(name, PARTY, Secret(f"https://storage.example/{seq}"), asked_ns=0)
        tries.arrived(name, PARTY)
    assert len(pickle.dumps(tries)) < 10_000


@pytest.mark.parametrize("call", CALLS)
def test_n22_a_photo_alone_that_is_too_large_is_parked_after_two_tries_and_the_next_goes(call: Call) -> None:
    bad: set[PhotoName] = set()
    night = Night(lambda name: Came.TOO_LARGE if name in bad else Came.ACCEPTED, call=call)
    bad.add(night.take())
    night.pass_s(30.0)
    assert night.parked == [*bad]
    name = night.take()
    night.pass_s(3.0)
    assert name in night.arrived_s


def test_n23_some_bad_photos_at_the_end_of_an_event_are_parked_once_others_arrive() -> None:
    bad: set[PhotoName] = set()
    night = Night(lambda name: Came.REFUSED if name in bad else Came.ACCEPTED)
    bad.update(night.take() for _ in range(5))
    for _ in range(20):
        night.take()
        night.pass_s(300.0)
    assert {*night.parked} == bad
    assert len(night.arrived_s) == 20


# -- an event over which the server fails --------------------------------------------------------------------------


@pytest.mark.parametrize(("call", "came"), ERRORS)
def test_n33_an_event_over_which_the_server_fails_keeps_no_other_waiting(call: Call, came: Came) -> None:
    night = Night(of_the_gala(came), call=call)
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
    night.rule = always(Came.ACCEPTED)
    night.pass_s(400.0)
    assert len(night.arrived_s) == 80 + 3 + 60


def test_n33_an_event_over_which_the_server_fails_is_told_while_others_flow() -> None:
    night = Night(of_the_gala(Came.SERVER_ERROR))
    for _ in range(10):
        night.take(GALA)
    for _ in range(300):
        night.take()
    told: list[tuple[UploaderState, list[str]]] = []
    for _ in range(100):
        night.pass_s(2.0)
        told.append((night.line.view().state, night.problems()))
    assert told.count((UploaderState.IDLE, ["server_trouble"])) > 90


@pytest.mark.parametrize("came", [Came.SERVER_ERROR, Came.ODD, Came.PARTIAL])
def test_n33_a_server_that_fails_over_every_event_is_asked_rarely_and_soon_used_again(came: Came) -> None:
    night = Night(always(came))
    for _ in range(20):
        night.take()
        night.take(GALA)
    night.pass_s(HOUR_S)
    assert night.tried.total() < HOUR_S / 5
    assert night.problems() == ["server_trouble"]
    assert night.line.view().state is UploaderState.OFFLINE
    night.rule = always(Came.ACCEPTED)
    night.pass_s(40.0 + 60.0)
    assert len(night.arrived_s) == 40


@pytest.mark.parametrize("call", CALLS)
def test_n33_an_event_alone_over_which_the_server_fails_is_tried_at_the_pace_of_the_back_off(call: Call) -> None:
    night = Night(always(Came.SERVER_ERROR), call=call)
    for _ in range(40):
        night.take()
    night.pass_s(HOUR_S)
    assert night.line.view().state is UploaderState.OFFLINE
    night.rule = always(Came.ACCEPTED)
    night.pass_s(35.0 if call is Call.UPLOAD_URL else 65.0)
    assert night.arrived_s


@pytest.mark.parametrize("came", [Came.TIMEOUT, Came.RESET])
def test_n33_a_link_that_breaks_again_and_again_is_not_held_against_the_event(came: Came) -> None:
    night = Night(always(Came.ACCEPTED))
    name = night.take(GALA)
    night.take()
    for _ in range(4):
        night.line.failed(name, GALA, Call.PUT, came)
    assert night.problems() == ["no_network"]


def test_n20_a_server_that_fails_when_asked_about_the_key_is_not_held_against_the_event() -> None:
    night = Night(always(Came.ACCEPTED))
    name = night.take(GALA)
    night.take()
    for _ in range(4):
        night.line.failed(name, GALA, Call.EVENTS, Came.SERVER_ERROR)
    night.line.answered(night.events)
    other = night.take()
    night.line.arrived(other, PARTY, 1, 1, marked=True)
    assert night.problems() == []


def test_n21_a_failure_does_not_shorten_what_its_event_is_held_for() -> None:
    night = Night(always(Came.ACCEPTED))
    names = [night.take(GALA) for _ in range(2)]
    night.take()
    night.line.failed(names[0], GALA, Call.UPLOAD_URL, Came.FOREIGN)
    for _ in range(4):
        night.line.failed(names[1], GALA, Call.PUT, Came.SERVER_ERROR)
    night.line.arrived(night.take(), PARTY, 1, 1, marked=True)
    night.clock.pass_s(HOUR_S / 2)
    night.line.end_holds()
    assert night.problems() == ["event_refused"]


def test_n18_a_retry_after_holds_for_all_events_that_a_busy_server_turns_away() -> None:
    night = Night(always(Came.SERVER_ERROR))
    night.retry_after_s = 600.0
    for _ in range(10):
        night.take()
        night.take(GALA)
    night.pass_s(4 * HOUR_S)
    assert night.tried.total() <= 24


def test_n18_a_retry_after_holds_for_all_unless_others_are_known_to_be_taken() -> None:
    night = Night(of_the_gala(Came.SERVER_ERROR))
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
        sum(number for one, number in night.tried.items() if one.context == GALA.id) <= night.clock.boottime_s / 600
    )


# -- an event that is not found ------------------------------------------------------------------------------------


def test_n21_a_404_for_an_event_that_is_listed_costs_minutes_and_no_hour() -> None:
    night = Night(always(Came.NOT_FOUND))
    name = night.take()
    night.pass_s(60.0)
    assert night.problems() == ["server_trouble"]
    night.rule = always(Came.ACCEPTED)
    night.pass_s(240.0)
    assert name in night.arrived_s


def test_n18_n21_a_retry_after_of_a_404_for_an_event_that_is_listed_is_obeyed() -> None:
    night = Night(always(Came.NOT_FOUND))
    night.retry_after_s = 3000.0
    name = night.take()
    night.pass_s(2900.0)
    assert night.tried[name] == 1
    night.rule = always(Came.ACCEPTED)
    night.pass_s(200.0)
    assert name in night.arrived_s


def test_n21_an_event_that_is_not_listed_is_asked_for_hourly_and_at_once_when_it_is_listed() -> None:
    night = Night(of_the_gala(Came.NOT_FOUND))
    night.events = (PARTY_SEEN,)
    name = night.take(GALA)
    night.pass_s(10 * HOUR_S)
    assert 8 <= night.tried[name] <= 13
    assert night.problems() == ["event_gone"]
    night.rule = always(Came.ACCEPTED)
    night.events = (PARTY_SEEN, Event("Gala", GALA.link_id))
    night.pass_s(100.0)
    assert name in night.arrived_s


@pytest.mark.parametrize("album", ["a2", "a1"])
def test_n21_an_album_that_is_not_listed_is_as_unknown_as_its_event(album: str) -> None:
    night = Night(always(Came.NOT_FOUND))
    night.events = (Event("Party", PARTY.link_id, (Album(album, "Booth"),)),)
    name = night.take()
    night.pass_s(2500.0)
    assert (night.tried[name] > 2) is (album == "a1")
