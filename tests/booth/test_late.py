"""What comes late, or when things changed meanwhile: a hand that goes after the camera did, a door that closed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from piboothup.booth.deeds import SwitchOff
from piboothup.booth.events import DeedDone, Event, Exposed, Saved
from piboothup.booth.hold import HOLD_NS, SECOND_NS, stuck_ns
from piboothup.booth.menu import Goto, Item, Kind, Offer, Page, told
from piboothup.status import BoothState
from tests.booth.play import FULL, NO_CAMERA, READY, Play, frame


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
    stuck_s = stuck_ns(play.settings.hold_s) / SECOND_NS
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
