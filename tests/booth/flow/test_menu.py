"""The menu as the state machine shows it: what stands there is so, or is told; and nobody leaves it by mistake."""

from __future__ import annotations

from dataclasses import replace

import pytest

from piboothup.booth.flow import actions, menu
from piboothup.booth.flow.events import (
    ActionDone,
    SelfTestPressed,
    SelfTestProgress,
    SharpnessMeasured,
    Stop,
    Tick,
)
from piboothup.booth.flow.long_press import SECOND_NS
from piboothup.booth.flow.menu import Item, MenuOptions, Page, PageKind
from piboothup.booth.flow.self_test_report import SelfTestReport
from piboothup.spool.event_titles import Album, AlbumEvent
from piboothup.status import BoothState
from tests.support.machine import READY, StateMachineDriver, counted

OFFER = MenuOptions(operator_until_ns=None, languages=("de", "en"), has_buzzer=True)
STAGE, BOOTH = Album("a1", "Stage"), Album("a2", "Booth")
EVENTS = (AlbumEvent("Carla", "ijkl9012"), AlbumEvent("Anna & Ben", "abcd1234", (STAGE, BOOTH)))
OTHERS = actions.EventUsage("efgh5678 0", "efgh5678", "The others", 143, 12)
NOT_KEPT = menu.error_page("not_kept")


def opened(*wanted: str, offer: MenuOptions = OFFER) -> StateMachineDriver:
    """The menu, where these items were chosen one after the other."""
    play = StateMachineDriver(3, offer=offer)
    play.says(READY)
    play.holds_s(5.0)
    for key in wanted:
        play.holds_s(at(play, key).hold_s)
    return play


def at(play: StateMachineDriver, wanted: str) -> Item:
    """The item (by its word or its title) once it stands there."""
    for _ in shown(play).items:
        item = shown(play).item
        assert item is not None
        if wanted in (item.text_key, item.title):
            return item
        play.press()
    raise AssertionError(f"there is no {wanted}")


def shown(play: StateMachineDriver) -> Page:
    page = play.booth.page
    assert page is not None
    return page


# -- what can't be kept ------------------------------------------------------------------------------------------


HASTY = [
    (("sound_off",), actions.SetSound(False)),
    (("pause",), actions.SetPaused(True)),
    (("languages", "de"), actions.ChooseLanguage("de")),
]
"""What the menu shows as done as soon as it is chosen."""


@pytest.mark.parametrize(("wanted", "action"), HASTY)
def test_menu_choice_shown_done_but_refused_by_card_is_told(
    wanted: tuple[str, ...], action: actions.MenuAction
) -> None:
    play = opened(*wanted)
    assert (play.effects[-1], shown(play).kind) == (action, PageKind.MENU)
    play.says(ActionDone(action, NOT_KEPT))
    assert shown(play) == replace(NOT_KEPT, operator_only=True)


@pytest.mark.parametrize(("wanted", "action"), HASTY)
def test_who_has_left_the_menu_is_not_called_back_by_it(wanted: tuple[str, ...], action: actions.MenuAction) -> None:
    play = opened(*wanted)
    play.waits_s(20.0)
    assert play.says(ActionDone(action, NOT_KEPT)) is BoothState.READY


def test_who_waits_for_something_else_gets_the_answer_to_that() -> None:
    play = opened("sound_off", "retry")
    play.says(ActionDone(actions.SetSound(False), NOT_KEPT))
    assert shown(play).awaits == actions.Retry()
    play.says(ActionDone(actions.Retry(), menu.result_page("retried", 2)))
    assert (shown(play).text_key, shown(play).number) == ("retried", 2)


def test_menu_answer_to_abandoned_action_changes_no_page() -> None:
    play = opened("sound_off")
    page = shown(play)
    play.says(ActionDone(actions.Retry(), NOT_KEPT), ActionDone(actions.SetSound(False), menu.result_page("retried")))
    assert shown(play) == page


def test_whatever_was_changed_the_item_is_still_in_the_middle() -> None:
    play = opened("sound_off")
    item = shown(play).item
    assert item is not None and item.text_key == "sound_on"


def test_a_box_without_a_buzzer_offers_no_sound() -> None:
    for has_buzzer in (True, False):
        says = {item.text_key for item in page_of(replace(OFFER, has_buzzer=has_buzzer)).items}
        assert ("sound_off" in says) is has_buzzer


# -- the door ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        *(("ready_check",), ("aim",), ("languages",), ("retry",), ("switch_off",), ("wipe",)),
        *(("events",), ("events", "Anna & Ben"), ("events", "Anna & Ben", "Stage"), ("events", "Carla")),
        *(("events", "Anna & Ben", "Stage", "leave"), ("wipe", "The others")),
    ],
)
def test_c18_whatever_stands_behind_the_door_is_closed_with_it(path: tuple[str, ...]) -> None:
    play = opened()
    closes_ns = play.now_ns + 15 * SECOND_NS
    play.settings = replace(
        play.settings, options=replace(OFFER, operator_until_ns=closes_ns, events=EVENTS, without_event=3)
    )
    for key in path:
        play.holds_s(at(play, key).hold_s)
        play.says(counted((OTHERS,)))
    assert shown(play).kind is not PageKind.MENU
    play.now_ns = closes_ns
    assert play.says(Tick()) is BoothState.READY


# -- what was chosen ---------------------------------------------------------------------------------------------


def lines(page: Page | None) -> list[tuple[str, bool]]:
    """What can be chosen, and whether it has the tick."""
    assert page is not None
    return [(item.title or item.text_key, item.checked) for item in page.items]


def page_of(offer: MenuOptions, *path: str) -> Page:
    return shown(opened(*path, offer=offer))


def test_menu_chosen_event_and_album_listed_first() -> None:
    offer = replace(OFFER, events=EVENTS, link_id="abcd1234", album_id="a2")
    assert lines(page_of(offer, "events")) == [("back", False), ("Anna & Ben", True), ("Carla", False)]
    assert lines(page_of(offer, "events", "Anna & Ben")) == [
        *(("back", False), ("Booth", True)),
        *(("Stage", False), ("no_album", False)),
    ]


def test_an_event_without_an_album_has_the_tick_at_no_album() -> None:
    offer = replace(OFFER, events=EVENTS, link_id="abcd1234")
    assert lines(page_of(offer, "events", "Anna & Ben"))[1:] == [
        ("Stage", False),
        ("Booth", False),
        ("no_album", True),
    ]


@pytest.mark.parametrize("album_id", ["a2", ""])
def test_menu_album_of_other_event_unticked_even_if_same_name(album_id: str) -> None:
    offer = replace(OFFER, events=EVENTS, link_id="ijkl9012", album_id=album_id)
    assert [ticked for _, ticked in lines(page_of(offer, "events", "Anna & Ben"))] == [False] * 4
    assert lines(page_of(offer, "events", "Anna & Ben"))[1] == ("Stage", False)


def test_menu_album_change_in_same_event_needs_1_s_hold() -> None:
    page = page_of(replace(OFFER, events=EVENTS, link_id="abcd1234", album_id="a2"), "events", "Anna & Ben")
    assert {item.hold_s for item in page.items} == {menu.CHOOSE_HOLD_S}


# -- the ready check and aiming ----------------------------------------------------------------------------------


def test_self_test_double_press_stays_press_1_s_later_leaves() -> None:
    play = asked()
    play.press()
    play.says(SelfTestProgress(SelfTestReport((None,) * 3)))
    play.waits_s(0.2)
    play.press()
    assert shown(play).report == SelfTestReport((None,) * 3)
    play.says(SelfTestProgress(SelfTestReport((None,) * 4)))
    assert play.booth.busy_hint_until_ns > play.now_ns, "it is answered, whatever is found meanwhile"
    play.waits_s(0.8)
    assert play.press() is BoothState.READY
    assert play.effects.count(SelfTestPressed()) == 1


def test_the_flash_that_is_tried_goes_out_when_the_service_ends() -> None:
    play = opened("ready_check")
    play.says(SelfTestProgress(SelfTestReport((None,))))
    assert play.booth.is_flash_on(play.now_ns)
    play.says(Stop())
    assert not play.booth.is_flash_on(play.now_ns)


def test_a_press_while_a_part_is_tried_leaves_the_check() -> None:
    play = asked()
    play.says(SelfTestProgress(SelfTestReport((None,) * 3)))
    assert play.press() is BoothState.READY
    assert SelfTestPressed() not in play.effects


def test_a_report_that_comes_late_changes_no_other_page() -> None:
    play = opened("ready_check")
    play.press()  # leaves it
    play.holds_s(5.0)
    page = shown(play)
    assert page.kind is PageKind.MENU
    play.says(SelfTestProgress(SelfTestReport((None,))))
    assert shown(play) == page


def test_the_sharpest_frame_since_aiming_began_is_remembered() -> None:
    play = opened("aim")
    for sharpness, best in ((0.2, 0.2), (0.9, 0.9), (0.4, 0.9)):
        play.says(SharpnessMeasured(sharpness))
        assert (shown(play).sharpness, shown(play).best_sharpness) == (sharpness, best)


def asked() -> StateMachineDriver:
    """A ready check that asks for a press."""
    play = opened("ready_check")
    play.says(SelfTestProgress(SelfTestReport((None, None))))
    return play
