"""Holding the button: no photo of a hand on it, a menu for whoever means it, nothing from one that is stuck."""

from __future__ import annotations

from dataclasses import replace

import pytest

from piboothup.booth.feedback import pattern
from piboothup.booth.flow.actions import ChooseEvent, EventUsage, Retry, SwitchOff
from piboothup.booth.flow.events import (
    ActionDone,
    DownAtStart,
    Exposed,
    Pressed,
    Released,
    Saved,
    Tapped,
)
from piboothup.booth.flow.long_press import SECOND_NS, ReleaseEffect
from piboothup.booth.flow.menu import MenuOptions
from piboothup.booth.flow.pages import Page, PageKind, error_page, result_page
from piboothup.booth.gpio.led import LightPattern
from piboothup.status import BoothState
from tests.support.machine import NO_CAMERA, READY, StateMachineDriver, counted, frame

COUNTDOWNS = range(1, 11)
HOLDS = (2.0, 3.5, 5.0, 12.0)


def ready(countdown_s: int = 3, hold_s: float = 5.0) -> StateMachineDriver:
    play = StateMachineDriver(countdown_s, hold_s=hold_s)
    play.says(READY)
    return play


def let_go(play: StateMachineDriver) -> ReleaseEffect | None:
    """What the ring promises."""
    ring = play.booth.hold_progress(play.now_ns, play.settings)
    return None if ring is None else ring.effect


@pytest.mark.parametrize("hold_s", HOLDS)
@pytest.mark.parametrize("countdown_s", COUNTDOWNS)
def test_b06_button_down_no_photo_early_release_counts_anew(countdown_s: int, hold_s: float) -> None:
    play = ready(countdown_s, hold_s)
    assert play.goes_down() is BoothState.COUNTDOWN
    assert play.waits_s(0.9) is BoothState.COUNTDOWN
    assert play.waits_s(0.1) is BoothState.READY
    assert let_go(play) is ReleaseEffect.PHOTO
    play.waits_s(hold_s - 1.1)
    assert play.captures() == []
    assert play.lets_go() is BoothState.COUNTDOWN
    assert play.booth.digit(play.now_ns) == countdown_s
    zero_ns = play.now_ns + countdown_s * SECOND_NS
    play.waits_s(countdown_s)
    assert play.captures() == [zero_ns]


@pytest.mark.parametrize("hold_s", HOLDS)
@pytest.mark.parametrize("countdown_s", COUNTDOWNS)
def test_b06_held_for_menu_time_opens_menu_takes_no_photo(countdown_s: int, hold_s: float) -> None:
    play = ready(countdown_s, hold_s)
    play.goes_down()
    play.waits_s(hold_s)
    assert let_go(play) is ReleaseEffect.MENU
    assert play.booth.state is BoothState.READY
    assert play.lets_go() is BoothState.MENU
    play.waits_s(60)
    assert play.booth.state is BoothState.READY
    assert play.captures() == []


def test_b06_hold_ring_fills_from_first_second_to_menu_time() -> None:
    play = ready()
    play.goes_down()
    shares = []
    for _ in range(60):
        play.waits_s(0.1)
        ring = play.booth.hold_progress(play.now_ns, play.settings)
        shares.append(None if ring is None else ring.share)
    assert shares[:9] == [None] * 9
    filling = [share for share in shares if share is not None]
    assert filling == sorted(filling)
    assert (filling[0], filling[-1], filling.index(1.0)) == (0.0, 1.0, 40)


def test_b06_press_down_at_zero_waits_for_release() -> None:
    play = ready()
    play.press()
    play.waits_s(2.7)
    play.goes_down()
    assert play.waits_s(0.5) is BoothState.COUNTDOWN
    assert play.captures() == []
    assert play.lets_go() is BoothState.EXPOSING
    assert play.captures() == [play.now_ns]


def test_b06_release_edge_before_zero_does_not_move_zero() -> None:
    play = ready()
    play.press()
    zero_ns = play.now_ns + 3 * SECOND_NS
    play.waits_s(2.8)
    play.goes_down()
    play.waits_s(0.21)
    assert play.says(Released(zero_ns - 1_000_000)) is BoothState.EXPOSING
    assert play.captures() == [zero_ns]


def test_b06_second_press_held_also_withdraws_countdown() -> None:
    play = ready()
    play.press()
    play.waits_s(2.5)
    play.goes_down()
    assert play.waits_s(1.0) is BoothState.READY
    assert play.captures() == []
    assert play.lets_go() is BoothState.COUNTDOWN


def test_no_countdown_photo_on_edge_kept_whatever_hold_becomes() -> None:
    play = ready(0)
    edge_ns = play.now_ns
    assert play.goes_down() is BoothState.EXPOSING
    play.says(Exposed(frame(), play.booth.zero_ns), Saved(1))
    assert play.waits_s(1.0) is BoothState.READY
    assert let_go(play) is ReleaseEffect.NOTHING
    play.waits_s(4.0)
    assert let_go(play) is ReleaseEffect.MENU
    assert play.lets_go() is BoothState.MENU
    assert play.captures() == [edge_ns]


def test_no_countdown_early_release_takes_no_second_photo() -> None:
    play = ready(0)
    play.goes_down()
    play.says(Exposed(frame(), play.booth.zero_ns), Saved(1))
    play.waits_s(2.0)
    assert play.lets_go() is BoothState.READY
    assert len(play.captures()) == 1


def test_b03_press_begun_before_saved_never_starts_second_photo() -> None:
    play = ready(1)
    play.press()
    play.waits_s(1.0)
    assert play.goes_down() is BoothState.EXPOSING
    play.says(Exposed(frame(), play.booth.zero_ns), Saved(1))
    play.waits_s(3.0)
    assert let_go(play) is ReleaseEffect.NOTHING
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


def test_b04_button_down_at_start_no_press_stuck_after_15_s() -> None:
    play = StateMachineDriver(3)
    play.says(DownAtStart(play.now_ns), READY)
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
def test_b04_stuck_button_ignored_until_released(hold_s: float, countdown_s: int) -> None:
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


def test_b08_child_holding_button_for_a_minute_no_photo_no_menu() -> None:
    play = ready()
    assert play.holds_s(60) is BoothState.READY
    play.waits_s(30)
    assert (play.booth.state, play.captures()) == (BoothState.READY, [])


def test_b08_child_holding_button_in_menu_only_goes_back() -> None:
    play = ready()
    play.holds_s(6)
    assert play.booth.state is BoothState.MENU
    effects = len(play.effects)
    assert play.holds_s(60) is BoothState.READY
    assert play.effects[effects:] == []


def test_menu_opens_without_camera_and_hold_starts_no_photo() -> None:
    play = StateMachineDriver(3)
    play.says(NO_CAMERA)
    play.goes_down()
    play.waits_s(2)
    assert let_go(play) is ReleaseEffect.NOTHING
    assert play.lets_go() is BoothState.FAULT
    assert play.holds_s(5) is BoothState.MENU
    assert play.waits_s(20) is BoothState.FAULT


def test_missing_release_is_made_up_by_next_press() -> None:
    play = ready()
    play.goes_down()
    play.waits_s(20)
    assert play.booth.stuck
    assert play.press() is BoothState.COUNTDOWN
    play.waits_s(3)
    assert len(play.captures()) == 1


def test_short_press_heard_late_by_loop_is_short_press() -> None:
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


def test_b06_remote_press_in_hold_takes_no_photo_ends_no_hold() -> None:
    play = ready(countdown_s=3)
    play.goes_down()
    play.waits_s(1.5)
    play.says(Tapped(play.now_ns))
    assert play.booth.busy_hint_until_ns > play.now_ns
    assert let_go(play) is ReleaseEffect.PHOTO
    play.waits_s(3.6)
    assert play.captures() == []
    assert play.lets_go() is BoothState.MENU


def test_the_menu_takes_no_late_answer_for_the_one_it_waits_for() -> None:
    play = StateMachineDriver(3, offer=MenuOptions(operator_until_ns=2_000 * SECOND_NS))
    play.says(READY)
    waits = Page(PageKind.WAIT, awaits=SwitchOff(), operator_only=True)
    play.booth = replace(play.booth, state=BoothState.MENU, page=waits)
    play.says(counted((EventUsage("abcd1234 0", "abcd1234", "Anna & Ben", 3, 0),)))
    play.says(ActionDone(Retry(), result_page("retried")))
    assert play.booth.page == waits
    play.says(ActionDone(SwitchOff(), error_page("no_helper")))
    assert play.booth.page is not None and play.booth.page.text_key == "no_helper"


def test_c18_operator_action_result_hidden_after_operator_time() -> None:
    play = StateMachineDriver(3, offer=MenuOptions(operator_until_ns=1_005 * SECOND_NS))
    play.says(READY)
    action = ChooseEvent("abcd1234", "", False)
    waits = Page(PageKind.WAIT, awaits=action, operator_only=True)
    play.booth = replace(play.booth, state=BoothState.MENU, page=waits)
    play.says(ActionDone(action, result_page("event_chosen", title="Anna & Ben")))
    assert play.booth.page is not None
    assert play.waits_s(6) is BoothState.READY
    assert play.booth.page is None
