"""Holding the button: no photo of a hand on it, a menu for whoever means it, nothing from one that is stuck."""

from __future__ import annotations

from dataclasses import replace

import pytest

from piboothup.booth.feedback import pattern
from piboothup.booth.flow.actions import ChooseEvent, Held, Retry, SwitchOff
from piboothup.booth.flow.events import DeedDone, Exposed, FoundDown, HeldCounted, Pressed, Released, Saved, Tapped
from piboothup.booth.flow.long_press import SECOND_NS, LetGo
from piboothup.booth.flow.menu import Kind, Offer, Page, failed, told
from piboothup.booth.gpio.led import LightPattern
from piboothup.spool.admin.wipe import EventPhotos
from piboothup.status import BoothState
from tests.support.machine import NO_CAMERA, READY, Play, frame

COUNTDOWNS = range(1, 11)
HOLDS = (2.0, 3.5, 5.0, 12.0)


def ready(countdown_s: int = 3, hold_s: float = 5.0) -> Play:
    play = Play(countdown_s, hold_s=hold_s)
    play.says(READY)
    return play


def let_go(play: Play) -> LetGo | None:
    """What the ring promises."""
    ring = play.booth.ring(play.now_ns, play.settings)
    return None if ring is None else ring.let_go


@pytest.mark.parametrize("hold_s", HOLDS)
@pytest.mark.parametrize("countdown_s", COUNTDOWNS)
def test_b06_no_photo_is_taken_while_the_button_is_down_and_letting_go_early_starts_a_fresh_countdown(
    countdown_s: int, hold_s: float
) -> None:
    play = ready(countdown_s, hold_s)
    assert play.goes_down() is BoothState.COUNTDOWN
    assert play.waits_s(0.9) is BoothState.COUNTDOWN
    assert play.waits_s(0.1) is BoothState.READY
    assert let_go(play) is LetGo.PHOTO
    play.waits_s(hold_s - 1.1)
    assert play.captures() == []
    assert play.lets_go() is BoothState.COUNTDOWN
    assert play.booth.digit(play.now_ns) == countdown_s
    zero_ns = play.now_ns + countdown_s * SECOND_NS
    play.waits_s(countdown_s)
    assert play.captures() == [zero_ns]


@pytest.mark.parametrize("hold_s", HOLDS)
@pytest.mark.parametrize("countdown_s", COUNTDOWNS)
def test_b06_held_for_the_menu_s_time_it_opens_the_menu_and_takes_no_photo(countdown_s: int, hold_s: float) -> None:
    play = ready(countdown_s, hold_s)
    play.goes_down()
    play.waits_s(hold_s)
    assert let_go(play) is LetGo.MENU
    assert play.booth.state is BoothState.READY
    assert play.lets_go() is BoothState.MENU
    play.waits_s(60)
    assert play.booth.state is BoothState.READY
    assert play.captures() == []


def test_b06_the_ring_fills_from_the_first_second_to_the_menu_s_time() -> None:
    play = ready()
    play.goes_down()
    shares = []
    for _ in range(60):
        play.waits_s(0.1)
        ring = play.booth.ring(play.now_ns, play.settings)
        shares.append(None if ring is None else ring.share)
    assert shares[:9] == [None] * 9
    filling = [one for one in shares if one is not None]
    assert filling == sorted(filling)
    assert (filling[0], filling[-1], filling.index(1.0)) == (0.0, 1.0, 40)


def test_b06_a_press_that_is_down_at_zero_waits_for_the_hand_to_go() -> None:
    play = ready()
    play.press()
    play.waits_s(2.7)
    play.goes_down()
    assert play.waits_s(0.5) is BoothState.COUNTDOWN
    assert play.captures() == []
    assert play.lets_go() is BoothState.EXPOSING
    assert play.captures() == [play.now_ns]


def test_b06_a_release_whose_edge_was_before_zero_does_not_move_zero() -> None:
    play = ready()
    play.press()
    zero_ns = play.now_ns + 3 * SECOND_NS
    play.waits_s(2.8)
    play.goes_down()
    play.waits_s(0.21)
    assert play.says(Released(zero_ns - 1_000_000)) is BoothState.EXPOSING
    assert play.captures() == [zero_ns]


def test_b06_a_second_hand_that_stays_takes_the_countdown_back_too() -> None:
    play = ready()
    play.press()
    play.waits_s(2.5)
    play.goes_down()
    assert play.waits_s(1.0) is BoothState.READY
    assert play.captures() == []
    assert play.lets_go() is BoothState.COUNTDOWN


def test_without_a_countdown_the_photo_is_taken_on_the_edge_and_stays_whatever_the_hold_becomes() -> None:
    play = ready(0)
    edge_ns = play.now_ns
    assert play.goes_down() is BoothState.EXPOSING
    play.says(Exposed(frame(), play.booth.zero_ns), Saved(1))
    assert play.waits_s(1.0) is BoothState.READY
    assert let_go(play) is LetGo.NOTHING
    play.waits_s(4.0)
    assert let_go(play) is LetGo.MENU
    assert play.lets_go() is BoothState.MENU
    assert play.captures() == [edge_ns]


def test_without_a_countdown_letting_go_early_takes_no_second_photo() -> None:
    play = ready(0)
    play.goes_down()
    play.says(Exposed(frame(), play.booth.zero_ns), Saved(1))
    play.waits_s(2.0)
    assert play.lets_go() is BoothState.READY
    assert len(play.captures()) == 1


def test_b03_a_press_that_began_before_saved_never_starts_a_second_photo_however_long_it_is() -> None:
    play = ready(1)
    play.press()
    play.waits_s(1.0)
    assert play.goes_down() is BoothState.EXPOSING
    play.says(Exposed(frame(), play.booth.zero_ns), Saved(1))
    play.waits_s(3.0)
    assert let_go(play) is LetGo.NOTHING
    assert play.lets_go() is BoothState.READY
    play.waits_s(5.0)
    assert len(play.captures()) == 1


def test_a_press_during_saved_is_a_press_like_any_other() -> None:
    play = ready(1)
    play.press()
    play.waits_s(1.0)
    play.says(Exposed(frame(), play.booth.zero_ns), Saved(1))
    play.waits_s(0.5)
    assert play.press() is BoothState.COUNTDOWN
    play.waits_s(1.0)
    assert len(play.captures()) == 2


def test_b04_a_button_that_is_down_at_the_start_is_no_press_and_is_called_stuck_after_15_s() -> None:
    play = Play(3)
    play.says(FoundDown(play.now_ns), READY)
    play.waits_s(14.9)
    assert not play.booth.stuck
    play.waits_s(0.2)
    assert play.booth.stuck
    assert play.booth.state is BoothState.READY
    assert play.lets_go() is BoothState.READY
    assert not play.booth.stuck
    assert play.captures() == []
    assert play.press() is BoothState.COUNTDOWN


@pytest.mark.parametrize("countdown_s", (0, 1, 5))
@pytest.mark.parametrize("hold_s", HOLDS)
def test_b04_a_button_that_sticks_means_nothing_more_until_it_is_let_go(hold_s: float, countdown_s: int) -> None:
    play = ready(countdown_s, hold_s)
    play.goes_down()
    if countdown_s == 0:
        play.says(Exposed(frame(), play.booth.zero_ns), Saved(1))
    play.waits_s(15.0)
    assert play.booth.stuck
    assert let_go(play) is None
    assert pattern(play.booth, play.now_ns) is LightPattern.READY
    play.waits_s(3600)
    assert play.lets_go() is BoothState.READY
    assert not play.booth.stuck
    taken = len(play.captures())
    assert taken == (countdown_s == 0)
    play.press()
    play.waits_s(countdown_s)
    assert len(play.captures()) == taken + 1


def test_b04_a_stuck_button_asks_for_no_ticks() -> None:
    play = ready()
    play.goes_down()
    play.waits_s(15)
    assert play.booth.deadline_ns(play.now_ns) is None


def test_b08_a_child_that_leans_on_the_button_for_a_minute_gets_no_photo_and_no_menu() -> None:
    play = ready()
    assert play.holds_s(60) is BoothState.READY
    play.waits_s(30)
    assert (play.booth.state, play.captures()) == (BoothState.READY, [])


def test_b08_a_child_that_leans_in_the_menu_chooses_back_and_nothing_else() -> None:
    play = ready()
    play.holds_s(6)
    assert play.booth.state is BoothState.MENU
    effects = len(play.effects)
    assert play.holds_s(60) is BoothState.READY
    assert play.effects[effects:] == []


def test_the_menu_opens_without_a_camera_too_and_no_hold_starts_a_photo_then() -> None:
    play = Play(3)
    play.says(NO_CAMERA)
    play.goes_down()
    play.waits_s(2)
    assert let_go(play) is LetGo.NOTHING
    assert play.lets_go() is BoothState.FAULT
    assert play.holds_s(5) is BoothState.MENU
    assert play.waits_s(20) is BoothState.FAULT


def test_a_release_that_was_never_told_is_made_up_for_by_the_next_press() -> None:
    play = ready()
    play.goes_down()
    play.waits_s(20)
    assert play.booth.stuck
    assert play.press() is BoothState.COUNTDOWN
    play.waits_s(3)
    assert len(play.captures()) == 1


def test_a_short_press_of_which_the_loop_heard_late_is_a_short_press() -> None:
    play = ready(3)
    edge_ns = play.now_ns
    play.says(Pressed(edge_ns))
    play.waits_s(1.5)
    assert play.says(Released(edge_ns + 200_000_000)) is BoothState.COUNTDOWN
    play.waits_s(3)
    assert len(play.captures()) == 1


def test_the_loop_that_comes_late_judges_a_hold_by_its_edges() -> None:
    play = ready(3)
    edge_ns = play.now_ns
    play.now_ns += 7 * SECOND_NS
    play.says(Pressed(edge_ns))
    assert play.says(Released(edge_ns + 6 * SECOND_NS)) is BoothState.MENU
    assert play.captures() == []


def test_b06_a_press_from_afar_while_a_hand_is_on_the_button_takes_no_photo_and_ends_no_hold() -> None:
    play = ready(countdown_s=3)
    play.goes_down()
    play.waits_s(1.5)
    play.says(Tapped(play.now_ns))
    assert play.booth.nudged_until_ns > play.now_ns
    assert let_go(play) is LetGo.PHOTO
    play.waits_s(3.6)
    assert play.captures() == []
    assert play.lets_go() is BoothState.MENU


def test_the_menu_takes_no_late_answer_for_the_one_it_waits_for() -> None:
    play = Play(3, offer=Offer(door_closes_ns=2_000 * SECOND_NS))
    play.says(READY)
    waits = Page(Kind.WAIT, awaits=SwitchOff(), operators=True)
    play.booth = replace(play.booth, state=BoothState.MENU, page=waits)
    play.says(HeldCounted((Held(EventPhotos("abcd1234", "Anna & Ben", ()), 3, 0),)))
    play.says(DeedDone(Retry(), told("retried")))
    assert play.booth.page == waits
    play.says(DeedDone(SwitchOff(), failed("no_helper")))
    assert play.booth.page is not None and play.booth.page.says == "no_helper"


def test_c18_what_an_operators_deed_brought_is_behind_the_door_too() -> None:
    play = Play(3, offer=Offer(door_closes_ns=1_005 * SECOND_NS))
    play.says(READY)
    deed = ChooseEvent("abcd1234", "", False)
    waits = Page(Kind.WAIT, awaits=deed, operators=True)
    play.booth = replace(play.booth, state=BoothState.MENU, page=waits)
    play.says(DeedDone(deed, told("event_chosen", title="Anna & Ben")))
    assert play.booth.page is not None
    assert play.waits_s(6) is BoothState.READY
    assert play.booth.page is None
