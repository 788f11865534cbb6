"""The menu as the state machine shows it: what stands there is so, or is told; and nobody leaves it by mistake."""

from __future__ import annotations

from dataclasses import replace

import pytest

from piboothup.booth.flow import actions, menu
from piboothup.booth.flow.events import CheckSaid, DeedDone, Heard, HeldCounted, Seen, Stop, Tick
from piboothup.booth.flow.long_press import SECOND_NS
from piboothup.booth.flow.menu import Item, Kind, Offer, Page
from piboothup.booth.flow.self_test_report import Report
from piboothup.spool.admin.wipe import EventPhotos
from piboothup.spool.event_titles import Album, Event
from piboothup.status import BoothState
from tests.support.machine import READY, Play

OFFER = Offer(door_closes_ns=None, languages=("de", "en"), has_buzzer=True)
STAGE, BOOTH = Album("a1", "Stage"), Album("a2", "Booth")
EVENTS = (Event("Carla", "ijkl9012"), Event("Anna & Ben", "abcd1234", (STAGE, BOOTH)))
OTHERS = actions.Held(EventPhotos("efgh5678", "The others", ()), 143, 12)
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
    (("sound_off",), actions.SetSound(False)),
    (("pause",), actions.SetPaused(True)),
    (("languages", "de"), actions.ChooseLanguage("de")),
]
"""What the menu shows as done as soon as it is chosen."""


@pytest.mark.parametrize(("wanted", "deed"), HASTY)
def test_what_the_menu_shows_as_done_is_told_when_the_card_does_not_take_it(
    wanted: tuple[str, ...], deed: actions.Deed
) -> None:
    play = opened(*wanted)
    assert (play.effects[-1], shown(play).kind) == (deed, Kind.MENU)
    play.says(DeedDone(deed, NOT_KEPT))
    assert shown(play) == replace(NOT_KEPT, operators=True)


@pytest.mark.parametrize(("wanted", "deed"), HASTY)
def test_who_has_left_the_menu_is_not_called_back_by_it(wanted: tuple[str, ...], deed: actions.Deed) -> None:
    play = opened(*wanted)
    play.waits_s(20.0)
    assert play.says(DeedDone(deed, NOT_KEPT)) is BoothState.READY


def test_who_waits_for_something_else_gets_the_answer_to_that() -> None:
    play = opened("sound_off", "retry")
    play.says(DeedDone(actions.SetSound(False), NOT_KEPT))
    assert shown(play).awaits == actions.Retry()
    play.says(DeedDone(actions.Retry(), menu.told("retried", 2)))
    assert (shown(play).says, shown(play).number) == ("retried", 2)


def test_the_answer_to_a_deed_that_nobody_waits_for_any_more_changes_no_page() -> None:
    play = opened("sound_off")
    page = shown(play)
    play.says(DeedDone(actions.Retry(), NOT_KEPT), DeedDone(actions.SetSound(False), menu.told("retried")))
    assert shown(play) == page


def test_whatever_was_changed_the_item_is_still_in_the_middle() -> None:
    play = opened("sound_off")
    item = shown(play).item
    assert item is not None and item.says == "sound_on"


def test_a_box_without_a_buzzer_offers_no_sound() -> None:
    for has_buzzer in (True, False):
        says = {item.says for item in page_of(replace(OFFER, has_buzzer=has_buzzer)).items}
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
        play.settings, offer=replace(OFFER, door_closes_ns=closes_ns, events=EVENTS, without_event=3)
    )
    for one in path:
        play.holds_s(at(play, one).hold_s)
        play.says(HeldCounted((OTHERS,)))
    assert shown(play).kind is not Kind.MENU
    play.now_ns = closes_ns
    assert play.says(Tick()) is BoothState.READY


# -- what was chosen ---------------------------------------------------------------------------------------------


def lines(page: Page | None) -> list[tuple[str, bool]]:
    """What can be chosen, and whether it has the tick."""
    assert page is not None
    return [(item.title or item.says, item.ticked) for item in page.items]


def page_of(offer: Offer, *path: str) -> Page:
    return shown(opened(*path, offer=offer))


def test_the_event_and_the_album_that_were_chosen_come_first_wherever_they_were_listed() -> None:
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
def test_of_another_event_no_album_has_a_tick_were_it_called_the_same(album_id: str) -> None:
    offer = replace(OFFER, events=EVENTS, link_id="ijkl9012", album_id=album_id)
    assert [ticked for _, ticked in lines(page_of(offer, "events", "Anna & Ben"))] == [False] * 4
    assert lines(page_of(offer, "events", "Anna & Ben"))[1] == ("Stage", False)


def test_another_album_of_the_event_in_use_wants_a_hold_of_a_second() -> None:
    page = page_of(replace(OFFER, events=EVENTS, link_id="abcd1234", album_id="a2"), "events", "Anna & Ben")
    assert {item.hold_s for item in page.items} == {menu.CHOOSE_S}


# -- the ready check and aiming ----------------------------------------------------------------------------------


def test_who_presses_twice_to_be_sure_does_not_leave_the_check_but_a_second_later_one_does() -> None:
    play = asked()
    play.press()
    play.says(CheckSaid(Report((None,) * 3)))
    play.waits_s(0.2)
    play.press()
    assert shown(play).report == Report((None,) * 3)
    play.says(CheckSaid(Report((None,) * 4)))
    assert play.booth.nudged_until_ns > play.now_ns, "it is answered, whatever is found meanwhile"
    play.waits_s(0.8)
    assert play.press() is BoothState.READY
    assert play.effects.count(Heard()) == 1


def test_the_flash_that_is_tried_goes_out_when_the_service_ends() -> None:
    play = opened("ready_check")
    play.says(CheckSaid(Report((None,))))
    assert play.booth.is_lit(play.now_ns)
    play.says(Stop())
    assert not play.booth.is_lit(play.now_ns)


def test_a_press_while_a_part_is_tried_leaves_the_check() -> None:
    play = asked()
    play.says(CheckSaid(Report((None,) * 3)))
    assert play.press() is BoothState.READY
    assert Heard() not in play.effects


def test_a_report_that_comes_late_changes_no_other_page() -> None:
    play = opened("ready_check")
    play.press()  # leaves it
    play.holds_s(5.0)
    page = shown(play)
    assert page.kind is Kind.MENU
    play.says(CheckSaid(Report((None,))))
    assert shown(play) == page


def test_the_sharpest_frame_since_aiming_began_is_remembered() -> None:
    play = opened("aim")
    for sharpness, best in ((0.2, 0.2), (0.9, 0.9), (0.4, 0.9)):
        play.says(Seen(sharpness))
        assert (shown(play).sharpness, shown(play).best) == (sharpness, best)


def asked() -> Play:
    """A ready check that asks for a press."""
    play = opened("ready_check")
    play.says(CheckSaid(Report((None, None))))
    return play
