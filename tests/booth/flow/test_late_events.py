"""What comes late, or when things changed meanwhile: a hand that goes after the camera did, a door that closed, a
photo that the card keeps waiting.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from piboothup.booth.flow.actions import SwitchOff
from piboothup.booth.flow.capture import SAVING_TIMEOUT_NS
from piboothup.booth.flow.events import (
    ActionDone,
    Event,
    Exposed,
    Save,
    Saved,
    SavingFailed,
    SelfTestProgress,
    Stop,
    Tapped,
)
from piboothup.booth.flow.long_press import LONG_PRESS_NS, SECOND_NS, STUCK_AFTER_NS
from piboothup.booth.flow.menu import MenuOptions
from piboothup.booth.flow.pages import Goto, Item, Page, PageKind, result_page
from piboothup.booth.flow.self_test_report import SELF_TEST_STEPS, SelfTestReport
from piboothup.problems import problem
from piboothup.spool import event_titles
from piboothup.status import BoothState
from tests.support.machine import FULL, NO_CAMERA, READY, ROOM, StateMachineDriver, frame

NOT_SAVED = SavingFailed(problem("not_saved"), problem("unsaved_defect"))


@pytest.mark.parametrize("trouble", [NO_CAMERA, FULL])
def test_b06_hold_ending_with_photo_impossible_no_countdown(trouble: Event) -> None:
    play = StateMachineDriver(countdown_s=3)
    play.says(READY)
    play.goes_down()
    assert play.waits_s(1.5) is BoothState.READY
    assert play.says(trouble) is BoothState.FAULT
    assert play.lets_go() is BoothState.FAULT
    play.waits_s(10)
    assert play.captures() == []


def test_b06_hold_past_own_saved_photo_leaves_1_s_to_see_it() -> None:
    play = StateMachineDriver(countdown_s=0)
    play.says(READY)
    play.goes_down()
    play.waits_s(1.5)
    assert play.says(Exposed(frame(), play.booth.zero_ns), Saved(1)) is BoothState.REVIEW
    assert play.waits_s(LONG_PRESS_NS / SECOND_NS - 0.01) is BoothState.REVIEW
    assert play.waits_s(0.02) is BoothState.READY


def in_menu(page: Page, operator_until_ns: int | None = None) -> StateMachineDriver:
    play = StateMachineDriver(offer=MenuOptions(operator_until_ns=operator_until_ns))
    play.says(READY)
    play.booth = replace(play.booth, state=BoothState.MENU, page=page, until_ns=play.now_ns + 20 * SECOND_NS)
    return play


def test_b04_stuck_button_in_menu_leaves_even_a_lasting_page() -> None:
    play = in_menu(Page(PageKind.MENU, (Item("aim", Goto(PageKind.AIM)),)))
    play.goes_down()
    assert play.waits_s(1.0) is BoothState.MENU
    assert play.booth.page is not None and play.booth.page.kind is PageKind.AIM
    stuck_s = STUCK_AFTER_NS / SECOND_NS
    assert play.waits_s(stuck_s - 1.1) is BoothState.MENU
    assert play.waits_s(0.2) is BoothState.READY
    assert play.booth.stuck and play.booth.page is None


def test_c18_result_after_operator_time_is_never_shown() -> None:
    play = in_menu(Page(PageKind.WAIT, awaits=SwitchOff(), operator_only=True), operator_until_ns=1_005 * SECOND_NS)
    play.now_ns = 1_005 * SECOND_NS - 1
    assert play.says(ActionDone(SwitchOff(), result_page("switched_off"))) is BoothState.MENU
    play = in_menu(Page(PageKind.WAIT, awaits=SwitchOff(), operator_only=True), operator_until_ns=1_005 * SECOND_NS)
    play.now_ns = 1_005 * SECOND_NS
    assert play.says(ActionDone(SwitchOff(), result_page("switched_off"))) is BoothState.READY
    assert play.booth.page is None


# -- a card that hangs ---------------------------------------------------------------------------------------------


def hanging(countdown_s: int = 0) -> StateMachineDriver:
    """The card has said nothing about the first photo for so long that it is told."""
    play = StateMachineDriver(countdown_s)
    play.says(READY)
    play.press()
    play.waits_s(countdown_s)
    play.says(Exposed(frame(), play.booth.zero_ns))
    assert play.waits_s(SAVING_TIMEOUT_NS / SECOND_NS - 0.001) is BoothState.SAVING
    assert play.waits_s(0.001) is BoothState.FAULT
    return play


def test_card_hang_shown_press_takes_no_second_photo_until_saved() -> None:
    play = hanging()
    for _ in range(3):
        assert play.press() is BoothState.FAULT
        assert play.booth.busy_hint_until_ns > play.now_ns
    assert play.waits_s(3600) is BoothState.FAULT
    assert play.booth.problem == problem("card_stuck")
    assert not play.booth.takes_photos
    assert play.says(Saved(7)) is BoothState.REVIEW
    assert (play.booth.number, play.booth.photos) == (7, 1)
    assert play.booth.problem is None
    assert sum(isinstance(effect, Save) for effect in play.effects) == len(play.captures()) == 1
    assert play.waits_s(2.5) is BoothState.READY
    assert play.press() is BoothState.EXPOSING


def test_card_hang_then_failure_shown_next_press_takes_photo() -> None:
    play = hanging()
    assert play.says(NOT_SAVED) is BoothState.FAULT
    assert (play.booth.photos, play.booth.problem) == (0, problem("not_saved"))
    assert play.press() is BoothState.EXPOSING


def test_card_hang_stays_shown_whatever_camera_and_space_report() -> None:
    play = hanging()
    assert play.says(ROOM, READY) is BoothState.FAULT
    assert play.says(NO_CAMERA, FULL) is BoothState.FAULT
    assert play.booth.problem == problem("card_stuck")
    assert play.says(Saved(1)) is BoothState.REVIEW
    assert play.waits_s(2.5) is BoothState.FAULT
    assert play.booth.problem == problem("card_full")
    assert play.says(ROOM) is BoothState.FAULT
    assert play.says(READY) is BoothState.READY


def test_card_hang_menu_still_works_photo_saved_meanwhile_counts() -> None:
    play = hanging()
    assert play.holds_s(5.5) is BoothState.MENU
    assert play.waits_s(20) is BoothState.FAULT
    assert play.holds_s(5.5) is BoothState.MENU
    assert play.says(Saved(7)) is BoothState.MENU
    assert play.booth.page is not None
    assert (play.booth.number, play.booth.photos) == (7, 1)
    assert play.waits_s(20) is BoothState.READY


def test_card_hang_lost_photo_reported_even_with_menu_open() -> None:
    play = hanging()
    assert play.holds_s(5.5) is BoothState.MENU
    assert play.says(NOT_SAVED) is BoothState.FAULT
    assert (play.booth.page, play.booth.problem) == (None, problem("not_saved"))
    assert play.waits_s(6) is BoothState.READY


@pytest.mark.parametrize("countdown_s", [0, 3])
def test_b06_press_held_when_hung_card_answers_takes_no_photo(countdown_s: int) -> None:
    play = hanging(countdown_s)
    play.goes_down()
    play.waits_s(2)
    assert play.says(Saved(1)) is BoothState.REVIEW
    assert play.waits_s(0.5) is BoothState.REVIEW
    assert play.lets_go() is BoothState.REVIEW
    assert play.waits_s(2.5) is BoothState.READY
    assert len(play.captures()) == 1


def test_c08_stop_during_card_hang_final_whatever_photo_becomes() -> None:
    for answer in (Saved(1), NOT_SAVED):
        play = hanging()
        assert play.says(Stop(), answer) is BoothState.STOPPING
        assert play.waits_s(60) is BoothState.STOPPING


# -- a hand that stays, and answers that overtake each other -----------------------------------------------------


def exposing(**settings: float) -> StateMachineDriver:
    """Its photo is being taken, and nobody touches the button."""
    play = StateMachineDriver(**settings)  # type: ignore[arg-type]
    play.says(READY)
    play.press()
    return play


def test_hold_begun_during_photo_opens_no_menu() -> None:
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
    assert play.booth.hold_progress(play.now_ns, play.settings) is None
    assert play.waits_s(0.2) is BoothState.READY
    assert play.booth.hold_progress(play.now_ns, play.settings) is not None


def test_b03_busy_press_answered_most_of_1_s_not_into_next_photo() -> None:
    play = exposing(countdown_s=3)
    play.waits_s(1)
    play.press()
    play.waits_s(0.7)
    assert play.booth.busy_hint_until_ns > play.now_ns
    play.waits_s(1.3)
    play.press()
    play.says(Exposed(frame(), play.booth.zero_ns), Saved(1))
    assert play.booth.busy_hint_until_ns > play.now_ns
    assert play.press() is BoothState.COUNTDOWN
    assert play.booth.busy_hint_until_ns <= play.now_ns


def test_remote_tap_does_not_darken_menu_opened_by_hold() -> None:
    play = StateMachineDriver()
    play.says(NO_CAMERA)
    play.goes_down()
    play.waits_s(5)
    play.says(Tapped(play.now_ns))
    assert play.lets_go() is BoothState.MENU
    assert play.booth.busy_hint_until_ns <= play.now_ns


def test_not_saved_gives_way_to_ready_despite_camera_card_events() -> None:
    play = exposing()
    play.says(Exposed(frame(), play.booth.zero_ns), NOT_SAVED)
    play.waits_s(3)
    assert play.says(ROOM, READY) is BoothState.FAULT
    assert play.waits_s(3) is BoothState.READY


def test_b04_stuck_button_pressed_again_unstuck_without_release() -> None:
    play = StateMachineDriver(3)
    play.says(READY)
    play.goes_down()
    play.waits_s(15)
    assert play.booth.stuck
    play.goes_down()
    assert not play.booth.stuck


def test_b06_longest_menu_hold_leaves_3_s_to_release() -> None:
    play = StateMachineDriver(3, hold_s=12.0)
    play.says(READY)
    assert play.holds_s(14.9) is BoothState.MENU


def test_menu_item_stops_filling_once_chosen_while_still_held() -> None:
    play = StateMachineDriver(
        3, offer=MenuOptions(operator_until_ns=None, events=(event_titles.AlbumEvent("Anna & Ben", "abcd1234"),))
    )
    play.says(READY)
    play.holds_s(5)
    play.press()
    play.press()
    play.goes_down()
    play.waits_s(0.5)
    assert play.booth.hold_progress(play.now_ns, play.settings) is not None
    play.waits_s(0.6)
    assert play.booth.page is not None and play.booth.page.kind is PageKind.EVENTS
    assert play.booth.hold_progress(play.now_ns, play.settings) is None


def test_a_ready_check_s_word_is_for_its_own_page_alone() -> None:
    play = StateMachineDriver()
    play.says(READY)
    play.booth = replace(play.booth, state=BoothState.MENU, page=Page(PageKind.AIM))
    play.says(SelfTestProgress(SelfTestReport()))
    assert play.booth.page == Page(PageKind.AIM)


@pytest.mark.parametrize("steps", [0, 5, len(SELF_TEST_STEPS)])
def test_self_test_unasked_press_leaves_it_and_is_no_answer(steps: int) -> None:
    play = StateMachineDriver()
    play.says(READY)
    page = Page(PageKind.SELF_TEST, report=SelfTestReport((None,) * steps))
    play.booth = replace(play.booth, state=BoothState.MENU, page=page)
    assert play.press() is BoothState.READY
    assert play.effects == []


def test_a_stop_in_the_ready_check_leaves_no_flash_lit() -> None:
    play = StateMachineDriver()
    play.says(READY)
    play.booth = replace(
        play.booth, state=BoothState.MENU, page=Page(PageKind.SELF_TEST, report=SelfTestReport((None,)))
    )
    assert play.booth.is_flash_on(play.now_ns)
    play.says(Stop())
    assert not play.booth.is_flash_on(play.now_ns)
