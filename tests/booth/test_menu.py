"""The menu as the state machine shows it: what stands there is so, or is told; and nobody leaves it by mistake."""

from __future__ import annotations

from dataclasses import replace

import pytest

from piboothup.booth import deeds, menu
from piboothup.booth.events import CheckSaid, DeedDone, Heard, Tick
from piboothup.booth.hold import SECOND_NS
from piboothup.booth.menu import Item, Kind, Offer, Page
from piboothup.booth.readiness import Report
from piboothup.spool.events import Event
from piboothup.status import BoothState
from tests.booth.play import READY, Play

OFFER = Offer(door_closes_ns=None, languages=("de", "en"), has_buzzer=True)
EVENT = Event("Anna & Ben", "abcd1234")
NOT_KEPT = menu.failed("not_kept")


def opened(*wanted: str, offer: Offer = OFFER) -> Play:
    """The menu, where these items were chosen one after the other."""
    play = Play(3, offer=offer)
    play.says(READY)
    play.holds_s(5.0)
    for one in wanted:
        play.holds_s(at(play, one).hold_s)
    return play


def at(play: Play, wanted: str) -> Item:
    """The item (by its word or its title) once it stands there."""
    for _ in shown(play).items:
        item = shown(play).item
        assert item is not None
        if wanted in (item.says, item.title):
            return item
        play.press()
    raise AssertionError(f"there is no {wanted}")


def shown(play: Play) -> Page:
    page = play.booth.page
    assert page is not None
    return page


# -- what can't be kept ------------------------------------------------------------------------------------------


HASTY = [
    (("sound_off",), deeds.SetSound(False)),
    (("pause",), deeds.SetPaused(True)),
    (("languages", "de"), deeds.ChooseLanguage("de")),
]
"""What the menu shows as done as soon as it is chosen."""


@pytest.mark.parametrize(("wanted", "deed"), HASTY)
def test_what_the_menu_shows_as_done_is_told_when_the_card_does_not_take_it(
    wanted: tuple[str, ...], deed: deeds.Deed
) -> None:
    play = opened(*wanted)
    assert (play.effects[-1], shown(play).kind) == (deed, Kind.MENU)
    play.says(DeedDone(deed, NOT_KEPT))
    assert shown(play) == replace(NOT_KEPT, operators=True)


@pytest.mark.parametrize(("wanted", "deed"), HASTY)
def test_who_has_left_the_menu_is_not_called_back_by_it(wanted: tuple[str, ...], deed: deeds.Deed) -> None:
    play = opened(*wanted)
    play.waits_s(20.0)
    assert play.says(DeedDone(deed, NOT_KEPT)) is BoothState.READY


def test_who_waits_for_something_else_gets_the_answer_to_that() -> None:
    play = opened("sound_off", "retry")
    play.says(DeedDone(deeds.SetSound(False), NOT_KEPT))
    assert shown(play).awaits == deeds.Retry()
    play.says(DeedDone(deeds.Retry(), menu.told("retried", 2)))
    assert (shown(play).says, shown(play).number) == ("retried", 2)


def test_the_answer_to_a_deed_that_nobody_waits_for_any_more_changes_no_page() -> None:
    play = opened("sound_off")
    page = shown(play)
    play.says(DeedDone(deeds.Retry(), NOT_KEPT), DeedDone(deeds.SetSound(False), menu.told("retried")))
    assert shown(play) == page


def test_whatever_was_changed_the_item_is_still_in_the_middle() -> None:
    play = opened("sound_off")
    item = shown(play).item
    assert item is not None and item.says == "sound_on"


# -- the door ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wanted", ["ready_check", "aim", "languages", "events", "retry"])
def test_whatever_stands_behind_the_door_is_closed_with_it(wanted: str) -> None:
    play = opened()
    closes_ns = play.now_ns + 5 * SECOND_NS
    play.settings = replace(play.settings, offer=replace(OFFER, door_closes_ns=closes_ns, events=(EVENT,)))
    play.holds_s(at(play, wanted).hold_s)
    page = shown(play)
    assert page.kind is not Kind.MENU and page.operators
    play.now_ns = closes_ns
    assert play.says(Tick()) is BoothState.READY


# -- the ready check's question ----------------------------------------------------------------------------------


def test_who_presses_twice_to_be_sure_does_not_leave_the_check_but_a_second_later_one_does() -> None:
    play = asked()
    play.press()
    play.says(CheckSaid(Report((None,) * 3)))
    play.waits_s(0.2)
    play.press()
    assert shown(play).report == Report((None,) * 3)
    assert play.booth.nudged_until_ns > play.now_ns, "it is answered"
    play.waits_s(0.8)
    assert play.press() is BoothState.READY
    assert play.effects.count(Heard()) == 1


def test_a_press_while_a_part_is_tried_leaves_the_check() -> None:
    play = asked()
    play.says(CheckSaid(Report((None,) * 3)))
    assert play.press() is BoothState.READY
    assert Heard() not in play.effects


def asked() -> Play:
    """A ready check that asks for a press."""
    play = opened("ready_check")
    play.says(CheckSaid(Report((None, None))))
    return play
