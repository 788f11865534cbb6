"""The menu as the state machine shows it: what stands there is so, or is told; and nobody leaves it by mistake."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace

import pytest

from piboothup.booth.flow import actions, menu, pages
from piboothup.booth.flow.events import (
    ActionDone,
    SelfTestPressed,
    SelfTestProgress,
    SharpnessMeasured,
    Stop,
    Tick,
)
from piboothup.booth.flow.long_press import SECOND_NS
from piboothup.booth.flow.menu import MenuOptions
from piboothup.booth.flow.pages import Item, Page, PageKind
from piboothup.booth.flow.self_test_report import SelfTestReport
from piboothup.spool.event_titles import Album, AlbumEvent
from piboothup.status import BoothState
from tests.support.machine import READY, StateMachineDriver, counted

OFFER = MenuOptions(operator_until_ns=None, languages=("de", "en"), has_buzzer=True)
STAGE, BOOTH = Album("a1", "Stage"), Album("a2", "Booth")
EVENTS = (AlbumEvent("Carla", "ijkl9012"), AlbumEvent("Anna & Ben", "abcd1234", (STAGE, BOOTH)))
OTHERS = actions.EventUsage("efgh5678 0", "efgh5678", "The others", 143, 12)
NOT_KEPT = pages.error_page("not_kept")


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
    (("set_up", "sound_off"), actions.SetSound(False)),
    (("photos", "pause"), actions.SetPaused(True)),
    (("set_up", "languages", "de"), actions.ChooseLanguage("de")),
]
"""What the menu shows as done as soon as it is chosen."""


@pytest.mark.parametrize(("wanted", "action"), HASTY)
def test_menu_choice_shown_done_but_refused_by_card_is_told(
    wanted: tuple[str, ...], action: actions.MenuAction
) -> None:
    play = opened(*wanted)
    assert (play.effects[-1], shown(play).kind) == (action, PageKind(wanted[0]))
    play.says(ActionDone(action, NOT_KEPT))
    assert shown(play) == replace(NOT_KEPT, operator_only=True)


@pytest.mark.parametrize(("wanted", "action"), HASTY)
def test_who_has_left_the_menu_is_not_called_back_by_it(wanted: tuple[str, ...], action: actions.MenuAction) -> None:
    play = opened(*wanted)
    play.waits_s(20.0)
    assert play.says(ActionDone(action, NOT_KEPT)) is BoothState.READY


def test_who_waits_for_something_else_gets_the_answer_to_that() -> None:
    play = opened("set_up", "sound_off", "back", "photos", "retry")
    play.says(ActionDone(actions.SetSound(False), NOT_KEPT))
    assert shown(play).awaits == actions.Retry()
    play.says(ActionDone(actions.Retry(), pages.result_page("retried", 2)))
    assert (shown(play).text_key, shown(play).number) == ("retried", 2)


def test_menu_answer_to_abandoned_action_changes_no_page() -> None:
    play = opened("set_up", "sound_off")
    page = shown(play)
    play.says(
        ActionDone(actions.Retry(), NOT_KEPT), ActionDone(actions.SetSound(False), pages.result_page("retried"))
    )
    assert shown(play) == page


def test_whatever_was_changed_the_item_is_still_in_the_middle() -> None:
    play = opened("set_up", "sound_off")
    item = shown(play).item
    assert item is not None and item.text_key == "sound_on"


def test_a_box_without_a_buzzer_offers_no_sound() -> None:
    for has_buzzer in (True, False):
        says = {item.text_key for item in page_of(replace(OFFER, has_buzzer=has_buzzer), "set_up").items}
        assert ("sound_off" in says) is has_buzzer


# -- the door ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        *(("ready_check",), ("switch_off",), ("photos",), ("photos", "retry"), ("photos", "wipe")),
        *(("set_up",), ("set_up", "aim"), ("set_up", "languages")),
        *(("events",), ("events", "Anna & Ben"), ("events", "Anna & Ben", "Stage"), ("events", "Carla")),
        *(("events", "Anna & Ben", "Stage", "leave"), ("photos", "wipe", "The others")),
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
    assert {item.hold_s for item in page.items} == {pages.CHOOSE_HOLD_S}


# -- levels --------------------------------------------------------------------------------------------------------


def configurations() -> Iterator[MenuOptions]:
    """Each combination of what decides about items, with none, some and too many events and albums."""
    for code, buzzer, sound, paused, is_open in itertools.product((True, False), repeat=5):
        for count in (0, 1, 7, 8, 20):
            albums = tuple(Album(f"a{number}", f"Album {number}") for number in range(count))
            events = tuple(AlbumEvent(f"Event {number}", f"e{number}") for number in range(count))
            yield MenuOptions(
                operator_until_ns=None if is_open else 0,
                has_code=code,
                events=(*events, AlbumEvent("With albums", "many", albums)) if count else (),
                link_id="e0",
                without_event=count,
                languages=tuple(f"l{number}" for number in range(count)) or ("en",),
                has_buzzer=buzzer,
                sound=sound,
                paused=paused,
            )


def reachable(first: Page, options: MenuOptions) -> list[Page]:
    """All pages that can be opened from this one, it among them."""
    found: dict[object, Page] = {}
    todo = [first]
    while todo:
        page = todo.pop()
        says = tuple((item.text_key, item.title_id) for item in page.items)
        if found.setdefault((page.kind, page.title_id, page.text_key, says), page) is page:
            following = (menu.choose(replace(page, index=number), options, 0)[0] for number in range(len(page.items)))
            todo += [each for each in following if each is not None]
    return list(found.values())


@pytest.mark.slow
def test_no_level_of_the_menu_has_more_than_8_entries() -> None:
    assert pages.MOST_ITEMS == 8
    longest = 0
    for options in configurations():
        usages = tuple(replace(OTHERS, key=str(event)) for event in options.events)
        for first in (menu.main_page(options, 0), menu.wipe_page(usages)):
            for page in reachable(first, options):
                longest = max(longest, len(page.items))
                assert len(page.items) <= 8, page.kind
                if page.items:
                    assert page.items[0].text_key == "back"
                    assert [item.text_key for item in page.items].count("back") == 1
    assert longest == 8


@pytest.mark.parametrize("count", [1, 6, 7, 8, 13, 14, 15, 40])
def test_each_event_of_a_long_list_can_be_chosen(count: int) -> None:
    events = tuple(AlbumEvent(f"Event {number}", f"e{number}") for number in range(count))
    options = replace(OFFER, events=events, link_id="e3")
    listed, page, parts = [], page_of(options, "events"), 0
    while True:
        parts += 1
        listed += [item.title for item in page.items if item.text_key == "event"]
        assert [item.checked for item in page.items[:2]] == [False, parts == 1 and count > 3]
        more = [number for number, item in enumerate(page.items) if item.text_key == "more"]
        if not more:
            break
        assert more == [7], "it is the last, on a full page"
        following, action = menu.choose(replace(page, index=7), options, 0)
        assert following is not None and action is None
        page = following
    assert sorted(listed) == sorted(event.title for event in events)
    assert len(listed) == count


def test_back_leads_a_level_up_and_at_the_first_out() -> None:
    events = tuple(AlbumEvent(f"Event {number}", f"e{number}") for number in range(20))
    offer = replace(OFFER, events=events)
    for path, kind in (
        (("photos", "back"), PageKind.MENU),
        (("set_up", "back"), PageKind.MENU),
        (("set_up", "languages", "back"), PageKind.SET_UP),
        (("events", "more", "more", "back"), PageKind.MENU),
        (("switch_off", "back"), PageKind.MENU),
    ):
        assert page_of(offer, *path).kind is kind
    assert opened("back").booth.page is None
    play = opened("photos", "wipe")
    play.says(counted((OTHERS,)))
    play.holds_s(at(play, "The others").hold_s)
    play.holds_s(at(play, "back").hold_s)
    assert shown(play).kind is PageKind.PHOTOS


def test_operators_main_level_is_in_the_order_of_an_evening() -> None:
    assert [item.text_key for item in page_of(replace(OFFER, has_code=True)).items] == [
        *("back", "album_code", "status", "events", "ready_check", "photos", "set_up", "switch_off")
    ]


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


def test_e6_the_lens_light_is_tried_with_the_light() -> None:
    play = opened("ready_check")
    lit = []
    for done in range(4):
        play.says(SelfTestProgress(SelfTestReport((None,) * done)))
        lit.append(play.booth.is_lens_lit(play.now_ns))
    assert lit == [False, True, False, False]
    play.says(SelfTestProgress(SelfTestReport((None,))))
    play.says(Stop())
    assert not play.booth.is_lens_lit(play.now_ns)


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
    play = opened("set_up", "aim")
    for sharpness, best in ((0.2, 0.2), (0.9, 0.9), (0.4, 0.9)):
        play.says(SharpnessMeasured(sharpness))
        assert (shown(play).sharpness, shown(play).best_sharpness) == (sharpness, best)


def asked() -> StateMachineDriver:
    """A ready check that asks for a press."""
    play = opened("ready_check")
    play.says(SelfTestProgress(SelfTestReport((None, None))))
    return play
