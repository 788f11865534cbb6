"""What comes late, or when things changed meanwhile: a hand that goes after the camera did, a door that closed, a
photo that the card keeps waiting.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from piboothup.booth.flow.actions import SwitchOff
from piboothup.booth.flow.events import CheckSaid, DeedDone, Event, Exposed, Save, Saved, SavingFailed, Stop, Tapped
from piboothup.booth.flow.long_press import HOLD_NS, SECOND_NS, STUCK_NS
from piboothup.booth.flow.machine import SAVING_NS
from piboothup.booth.flow.menu import Goto, Item, Kind, Offer, Page, told
from piboothup.booth.flow.self_test_report import STEPS, Report
from piboothup.problems import problem
from piboothup.spool import event_titles
from piboothup.status import BoothState
from tests.support.machine import FULL, NO_CAMERA, READY, ROOM, Play, frame

NOT_SAVED = SavingFailed(problem("not_saved"))


@pytest.mark.parametrize("trouble", [NO_CAMERA, FULL])
def test_b06_a_hold_that_ends_when_no_photo_can_be_taken_any_more_starts_no_countdown(trouble: Event) -> None:
    play = Play(countdown_s=3)
    play.says(READY)
    play.goes_down()
    assert play.waits_s(1.5) is BoothState.READY
    assert play.says(trouble) is BoothState.FAULT
    assert play.lets_go() is BoothState.FAULT
    play.waits_s(10)
    assert play.captures() == []


def test_b06_a_hold_that_goes_on_after_its_own_photo_was_saved_leaves_a_second_to_see_it() -> None:
    play = Play(countdown_s=0)
    play.says(READY)
    play.goes_down()
    play.waits_s(1.5)
    assert play.says(Exposed(frame(), play.booth.zero_ns), Saved(1)) is BoothState.REVIEW
    assert play.waits_s(HOLD_NS / SECOND_NS - 0.01) is BoothState.REVIEW
    assert play.waits_s(0.02) is BoothState.READY


def in_menu(page: Page, door_closes_ns: int | None = None) -> Play:
    play = Play(offer=Offer(door_closes_ns=door_closes_ns))
    play.says(READY)
    play.booth = replace(play.booth, state=BoothState.MENU, page=page, until_ns=play.now_ns + 20 * SECOND_NS)
    return play


def test_b04_a_button_that_sticks_in_the_menu_leaves_it_though_the_page_would_stay() -> None:
    play = in_menu(Page(Kind.MENU, (Item("aim", Goto(Kind.AIM)),)))
    play.goes_down()
    assert play.waits_s(1.0) is BoothState.MENU
    assert play.booth.page is not None and play.booth.page.kind is Kind.AIM
    stuck_s = STUCK_NS / SECOND_NS
    assert play.waits_s(stuck_s - 1.1) is BoothState.MENU
    assert play.waits_s(0.2) is BoothState.READY
    assert play.booth.stuck and play.booth.page is None


def test_c18_what_is_ready_after_the_door_has_closed_is_not_shown_for_a_moment() -> None:
    play = in_menu(Page(Kind.WAIT, awaits=SwitchOff(), operators=True), door_closes_ns=1_005 * SECOND_NS)
    play.now_ns = 1_005 * SECOND_NS - 1
    assert play.says(DeedDone(SwitchOff(), told("switched_off"))) is BoothState.MENU
    play = in_menu(Page(Kind.WAIT, awaits=SwitchOff(), operators=True), door_closes_ns=1_005 * SECOND_NS)
    play.now_ns = 1_005 * SECOND_NS
    assert play.says(DeedDone(SwitchOff(), told("switched_off"))) is BoothState.READY
    assert play.booth.page is None


# -- a card that hangs ---------------------------------------------------------------------------------------------


def hanging(countdown_s: int = 0) -> Play:
    """The card has said nothing about the first photo for so long that it is told."""
    play = Play(countdown_s)
    play.says(READY)
    play.press()
    play.waits_s(countdown_s)
    play.says(Exposed(frame(), play.booth.zero_ns))
    assert play.waits_s(SAVING_NS / SECOND_NS - 0.001) is BoothState.SAVING
    assert play.waits_s(0.001) is BoothState.FAULT
    return play


def test_a_card_that_hangs_is_told_and_no_press_takes_a_second_photo_until_the_first_is_saved() -> None:
    play = hanging()
    for _ in range(3):
        assert play.press() is BoothState.FAULT
        assert play.booth.nudged_until_ns > play.now_ns
    assert play.waits_s(3600) is BoothState.FAULT
    assert play.booth.problem == problem("card_stuck")
    assert not play.booth.takes_photos
    assert play.says(Saved(7)) is BoothState.REVIEW
    assert (play.booth.number, play.booth.photos) == (7, 1)
    assert play.booth.problem is None
    assert sum(isinstance(one, Save) for one in play.effects) == len(play.captures()) == 1
    assert play.waits_s(2.5) is BoothState.READY
    assert play.press() is BoothState.EXPOSING


def test_a_card_that_hangs_and_then_fails_is_told_and_the_next_press_takes_a_photo() -> None:
    play = hanging()
    assert play.says(NOT_SAVED) is BoothState.FAULT
    assert (play.booth.photos, play.booth.problem) == (0, problem("not_saved"))
    assert play.press() is BoothState.EXPOSING


def test_that_the_card_hangs_is_told_whatever_is_heard_meanwhile_of_camera_and_room() -> None:
    play = hanging()
    assert play.says(ROOM, READY) is BoothState.FAULT
    assert play.says(NO_CAMERA, FULL) is BoothState.FAULT
    assert play.booth.problem == problem("card_stuck")
    assert play.says(Saved(1)) is BoothState.REVIEW
    assert play.waits_s(2.5) is BoothState.FAULT
    assert play.booth.problem == problem("card_full")
    assert play.says(ROOM) is BoothState.FAULT
    assert play.says(READY) is BoothState.READY


def test_while_the_card_hangs_the_menu_opens_and_closes_and_the_photo_that_is_saved_meanwhile_counts() -> None:
    play = hanging()
    assert play.holds_s(5.5) is BoothState.MENU
    assert play.waits_s(20) is BoothState.FAULT
    assert play.holds_s(5.5) is BoothState.MENU
    assert play.says(Saved(7)) is BoothState.MENU
    assert play.booth.page is not None
    assert (play.booth.number, play.booth.photos) == (7, 1)
    assert play.waits_s(20) is BoothState.READY


def test_a_photo_that_a_hanging_card_loses_is_told_also_to_whoever_has_the_menu_open() -> None:
    play = hanging()
    assert play.holds_s(5.5) is BoothState.MENU
    assert play.says(NOT_SAVED) is BoothState.FAULT
    assert (play.booth.page, play.booth.problem) == (None, problem("not_saved"))
    assert play.waits_s(6) is BoothState.READY


@pytest.mark.parametrize("countdown_s", [0, 3])
def test_b06_a_hand_that_is_on_the_button_when_a_hanging_card_answers_takes_no_photo(countdown_s: int) -> None:
    play = hanging(countdown_s)
    play.goes_down()
    play.waits_s(2)
    assert play.says(Saved(1)) is BoothState.REVIEW
    assert play.waits_s(0.5) is BoothState.REVIEW
    assert play.lets_go() is BoothState.REVIEW
    assert play.waits_s(2.5) is BoothState.READY
    assert len(play.captures()) == 1


def test_c08_a_stop_while_the_card_hangs_is_final_whatever_becomes_of_the_photo() -> None:
    for answer in (Saved(1), NOT_SAVED):
        play = hanging()
        assert play.says(Stop(), answer) is BoothState.STOPPING
        assert play.waits_s(60) is BoothState.STOPPING


# -- a hand that stays, and answers that overtake each other -----------------------------------------------------


def exposing(**settings: float) -> Play:
    """Its photo is being taken, and nobody touches the button."""
    play = Play(**settings)  # type: ignore[arg-type]
    play.says(READY)
    play.press()
    return play


def test_a_hand_that_comes_while_a_photo_is_under_way_and_stays_opens_no_menu() -> None:
    play = exposing()
    play.goes_down()
    play.says(Exposed(frame(), play.booth.zero_ns))
    play.waits_s(6)
    assert play.lets_go() is BoothState.SAVING


def test_a_hand_that_stays_hides_nothing_of_saved_for_a_second() -> None:
    play = exposing()
    play.goes_down()
    play.waits_s(2)
    play.says(Exposed(frame(), play.booth.zero_ns), Saved(1))
    assert play.waits_s(0.9) is BoothState.REVIEW
    assert play.booth.ring(play.now_ns, play.settings) is None
    assert play.waits_s(0.2) is BoothState.READY
    assert play.booth.ring(play.now_ns, play.settings) is not None


def test_b03_a_press_in_vain_is_answered_for_most_of_a_second_but_not_into_the_next_photo() -> None:
    play = exposing(countdown_s=3)
    play.waits_s(1)
    play.press()
    play.waits_s(0.7)
    assert play.booth.nudged_until_ns > play.now_ns
    play.waits_s(1.3)
    play.press()
    play.says(Exposed(frame(), play.booth.zero_ns), Saved(1))
    assert play.booth.nudged_until_ns > play.now_ns
    assert play.press() is BoothState.COUNTDOWN
    assert play.booth.nudged_until_ns <= play.now_ns


def test_a_tap_from_afar_does_not_turn_the_menu_dark_that_a_hand_opens() -> None:
    play = Play()
    play.says(NO_CAMERA)
    play.goes_down()
    play.waits_s(5)
    play.says(Tapped(play.now_ns))
    assert play.lets_go() is BoothState.MENU
    assert play.booth.nudged_until_ns <= play.now_ns


def test_not_saved_gives_way_to_ready_whatever_is_heard_of_camera_and_card_meanwhile() -> None:
    play = exposing()
    play.says(Exposed(frame(), play.booth.zero_ns), NOT_SAVED)
    play.waits_s(3)
    assert play.says(ROOM, READY) is BoothState.FAULT
    assert play.waits_s(3) is BoothState.READY


def test_b04_a_stuck_button_that_is_pressed_again_is_stuck_no_more_though_nobody_saw_it_let_go() -> None:
    play = Play(3)
    play.says(READY)
    play.goes_down()
    play.waits_s(15)
    assert play.booth.stuck
    play.goes_down()
    assert not play.booth.stuck


def test_b06_the_longest_hold_for_the_menu_leaves_three_seconds_to_let_go() -> None:
    play = Play(3, hold_s=12.0)
    play.says(READY)
    assert play.holds_s(14.9) is BoothState.MENU


def test_the_item_stops_filling_once_it_is_chosen_though_the_hand_stays() -> None:
    play = Play(3, offer=Offer(door_closes_ns=None, events=(event_titles.Event("Anna & Ben", "abcd1234"),)))
    play.says(READY)
    play.holds_s(5)
    play.press()
    play.press()
    play.goes_down()
    play.waits_s(0.5)
    assert play.booth.ring(play.now_ns, play.settings) is not None
    play.waits_s(0.6)
    assert play.booth.page is not None and play.booth.page.kind is Kind.EVENTS
    assert play.booth.ring(play.now_ns, play.settings) is None


def test_a_ready_check_s_word_is_for_its_own_page_alone() -> None:
    play = Play()
    play.says(READY)
    play.booth = replace(play.booth, state=BoothState.MENU, page=Page(Kind.AIM))
    play.says(CheckSaid(Report()))
    assert play.booth.page == Page(Kind.AIM)


@pytest.mark.parametrize("steps", [0, 5, len(STEPS)])
def test_a_press_that_the_ready_check_did_not_ask_for_leaves_it_and_is_no_answer(steps: int) -> None:
    play = Play()
    play.says(READY)
    page = Page(Kind.READY_CHECK, report=Report((None,) * steps))
    play.booth = replace(play.booth, state=BoothState.MENU, page=page)
    assert play.press() is BoothState.READY
    assert play.effects == []


def test_a_stop_in_the_ready_check_leaves_no_flash_lit() -> None:
    play = Play()
    play.says(READY)
    play.booth = replace(play.booth, state=BoothState.MENU, page=Page(Kind.READY_CHECK, report=Report((None,))))
    assert play.booth.is_lit(play.now_ns)
    play.says(Stop())
    assert not play.booth.is_lit(play.now_ns)
