"""A copy to a stick in the flow: asked about, begun by a hold, shown beside the photos, told, gone on with."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest

from piboothup.booth.feedback import pattern
from piboothup.booth.flow import actions, pages
from piboothup.booth.flow.actions import CopyPhotos, CopyProgress, StickOffer
from piboothup.booth.flow.events import ActionDone, Capture, Exposed, Saved, StorageChecked
from piboothup.booth.flow.long_press import SECOND_NS
from piboothup.booth.flow.menu import MenuOptions
from piboothup.booth.flow.pages import PageKind
from piboothup.booth.gpio.led import LightPattern
from piboothup.problems import problem
from piboothup.status import BoothState
from tests.booth.flow.test_offers import kind, offered, ready
from tests.booth.flow.test_random_guests import CLOSED, Watched, camera_and_card, lean, mash, two_at_once
from tests.support.machine import READY, StateMachineDriver, frame

ACTION = CopyPhotos("sda1", "sda1.7", "1A2B-3C4D", "abcd1234", needs_secret=False)
OFFER = StickOffer(ACTION, 143, "Anna & Ben", resumes=False)
OPEN = MenuOptions(operator_until_ns=None, link_id="abcd1234")
STICK = replace(OPEN, copy_offer=OFFER)
COPYING = CopyProgress("sda1.7", "copying", 87, 143, 130, "abcd1234", "Anna & Ben")


def copying(**changes: Any) -> MenuOptions:
    return replace(OPEN, copying=replace(COPYING, **changes))


def shown(play: StateMachineDriver) -> tuple[str, int, int]:
    page = play.booth.page
    assert page is not None
    return page.text_key, page.number, page.total


def agreed(options: MenuOptions = STICK) -> StateMachineDriver:
    """The copy has been agreed to."""
    play = ready(options)
    play.goes_down()
    play.waits_s(1.1)
    play.lets_go()
    return play


def test_e4_a_hold_of_1_s_at_the_question_copies() -> None:
    play = ready(OPEN)
    assert offered(play, STICK) is PageKind.COPY_OFFER
    page = play.booth.page
    assert page is not None and page.item is not None
    assert (page.title, page.title_id, page.item.text_key, page.item.number) == (
        "Anna & Ben",
        "abcd1234",
        "copy",
        143,
    )
    play.goes_down()
    play.waits_s(0.9)
    assert play.effects == []
    play.waits_s(0.2)
    assert play.effects == [ACTION]
    play.lets_go()
    assert (kind(play), shown(play)) == (PageKind.COPY, ("", 0, 143))
    assert play.effects == [ACTION]


@pytest.mark.parametrize("down_s", [0.05, 0.9])
def test_e4_a_press_at_the_question_takes_a_photo(down_s: float) -> None:
    play = ready(STICK)
    edge_ns = play.now_ns
    play.goes_down()
    play.waits_s(down_s)
    play.lets_go()
    assert (kind(play), play.booth.zero_ns) == (None, edge_ns + 3 * SECOND_NS)
    play.waits_s(3)
    play.says(Exposed(frame(), play.booth.zero_ns), Saved(1))
    play.waits_s(30)
    assert play.booth.state is BoothState.READY, "it is not asked again"
    assert ACTION not in play.effects


def test_e4_the_question_goes_after_20_s_and_comes_once() -> None:
    play = ready(STICK)
    play.waits_s(19)
    assert kind(play) is PageKind.COPY_OFFER
    play.waits_s(2)
    assert (kind(play), play.booth.state) == (None, BoothState.READY)
    play.waits_s(300)
    assert kind(play) is None
    offered(play, OPEN)
    again = replace(OFFER, action=replace(ACTION, key="sda1.8"))
    assert offered(play, replace(OPEN, copy_offer=again)) is PageKind.COPY_OFFER
    assert offered(play, OPEN) is None, "pulled while it was asked about"


def test_e4_a_press_takes_a_photo_at_once_while_it_copies() -> None:
    play = agreed()
    offered(play, copying())
    assert shown(play) == ("", 87, 143)
    assert pattern(play.booth, play.now_ns) is LightPattern.READY
    edge_ns = play.now_ns
    play.goes_down()
    assert (kind(play), play.booth.state) == (None, BoothState.COUNTDOWN)
    play.waits_s(0.1)
    play.lets_go()
    play.waits_s(3)
    assert Capture(edge_ns + 3 * SECOND_NS) in play.effects
    offered(play, copying(done=90))
    assert play.booth.page is None, "not over a photo"
    play.says(Exposed(frame(), play.booth.zero_ns), Saved(1))
    assert play.booth.page is None
    play.waits_s(10)
    assert (kind(play), shown(play)) == (PageKind.COPY, ("", 90, 143))


def test_e4_the_menu_opens_while_it_copies() -> None:
    play = agreed()
    offered(play, copying())
    play.holds_s(play.settings.hold_s)
    assert kind(play) is PageKind.MENU


def test_e4_progress_then_the_result_stay_until_it_is_pulled() -> None:
    play = agreed()
    for number in range(1, 143):
        offered(play, copying(done=number))
        play.waits_s(1)
        assert shown(play) == ("", number, 143)
    offered(play, copying(state="done", done=143))
    play.waits_s(100)
    assert (kind(play), shown(play)) == (PageKind.COPY, ("copy_done", 143, 143))
    assert offered(play, OPEN) is None
    assert play.booth.state is BoothState.READY


def test_e4_an_old_report_is_not_taken_for_the_new_copy() -> None:
    play = agreed(replace(STICK, copying=replace(COPYING, key="sdb1.3", state="full")))
    assert shown(play) == ("", 0, 143)
    play.waits_s(2)
    assert shown(play) == ("", 0, 143)
    offered(play, copying(done=1))
    assert shown(play) == ("", 1, 143)


def test_e4_a_copy_that_does_not_begin_is_told() -> None:
    play = agreed()
    play.says(ActionDone(ACTION, pages.error_page("copy_failed")))
    assert (kind(play), shown(play)[0]) == (PageKind.RESULT, "copy_failed")


def test_e4_a_copy_that_broke_off_goes_on_without_a_question() -> None:
    play = ready(OPEN)
    again = replace(OFFER, resumes=True, action=replace(ACTION, key="sda1.9", needs_secret=True))
    assert offered(play, replace(OPEN, copy_offer=again)) is PageKind.COPY
    assert play.effects == [again.action]
    play.waits_s(120)
    assert play.effects == [again.action]


def test_e4_c18_later_a_known_stick_is_asked_about() -> None:
    """The reader offers none but that, and the copy wants the secret."""
    late = replace(OFFER, action=replace(ACTION, needs_secret=True))
    closed = MenuOptions(operator_until_ns=0, copy_offer=late)
    play = agreed(closed)
    assert play.effects == [late.action]


def test_e4_c15_a_question_of_the_operators_time_ends_with_it() -> None:
    play = StateMachineDriver(3, offer=replace(STICK, operator_until_ns=1_005 * SECOND_NS))
    play.says(READY)
    play.waits_s(1)
    assert kind(play) is PageKind.COPY_OFFER
    play.waits_s(8)
    assert kind(play) is None
    play.waits_s(60)
    assert play.effects == []


@pytest.mark.slow
def test_e4_b09_random_guests_beside_a_copy_change_nothing() -> None:
    """They take photos; the most that they can do is to begin a copy that the operator left a second's hold away."""
    chance = random.Random(4)
    seen: set[PageKind | None] = set()
    photos = 0
    options = [
        *(replace(CLOSED, copy_offer=OFFER, operator_until_ns=None), replace(CLOSED, copying=COPYING), CLOSED),
        replace(CLOSED, copying=replace(COPYING, state="full")),
        replace(CLOSED, copy_offer=replace(OFFER, action=replace(ACTION, needs_secret=True))),
    ]
    for number in range(300):
        play = Watched(chance.choice((0, 1, 3)), chance.choice(options))
        play.says(READY)
        for _ in range(chance.randrange(1, 6)):
            offered(play, chance.choice(options))
            seen.add(kind(play))
            chance.choice((mash, lean, two_at_once))(play, chance)
            camera_and_card(play, number)
        photos += len(play.captures())
        did = {type(effect) for effect in play.effects if isinstance(effect, actions.MenuAction)}
        assert did <= {CopyPhotos}
        play.settings = replace(play.settings, options=CLOSED)
        for _ in range(35):  # whatever page was open
            play.waits_s(2)
            camera_and_card(play, number)
        assert play.booth.state is BoothState.READY
    assert {PageKind.COPY, PageKind.COPY_OFFER, None} <= seen
    assert photos > 200


@pytest.mark.parametrize("code", ["card_full", "card_crowded", "card_readonly"])
def test_e4_a_full_or_broken_card_is_copied_off(code: str) -> None:
    """The fault asks for it, and no photo can be taken before it is gone."""
    play = ready(OPEN)
    play.says(StorageChecked(problem(code)))
    assert (play.booth.state, offered(play, STICK)) == (BoothState.FAULT, PageKind.COPY_OFFER)
    assert pattern(play.booth, play.now_ns) is LightPattern.TROUBLE
    play.goes_down()
    play.waits_s(1.1)
    play.lets_go()
    assert (play.effects, kind(play)) == ([ACTION], PageKind.COPY)
    assert offered(play, copying(state="done", done=143, left_s=None)) is PageKind.COPY
    assert (offered(play, OPEN), play.booth.state) == (None, BoothState.FAULT)
    play.press()
    assert play.captures() == []
    play.says(StorageChecked(None))
    play.press()
    assert play.booth.state is BoothState.COUNTDOWN


def test_e4_a_question_over_a_full_card_is_asked_once() -> None:
    play = ready(OPEN)
    play.says(StorageChecked(problem("card_full")))
    assert offered(play, STICK) is PageKind.COPY_OFFER
    play.waits_s(600)
    assert (play.booth.state, offered(play, STICK), play.effects) == (BoothState.FAULT, None, [])


@pytest.mark.parametrize("code", ["spool_missing", "spool_busy", "card_stuck"])
def test_e4_no_question_covers_another_fault_of_the_card(code: str) -> None:
    play = ready(OPEN)
    play.says(StorageChecked(problem(code)))
    assert (offered(play, STICK), play.booth.state) == (None, BoothState.FAULT)
