"""What guests may do to a box that is not theirs: take photos. 10,000 of them, and none gets further."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace

import pytest

from piboothup.booth.flow import actions, menu, pages
from piboothup.booth.flow.events import (
    Capture,
    DownAtStart,
    Effect,
    Exposed,
    Pressed,
    Released,
    Save,
    Saved,
    SaveTested,
    Tick,
    TrySaving,
)
from piboothup.booth.flow.events import Event as Happening
from piboothup.booth.flow.long_press import SECOND_NS
from piboothup.booth.flow.menu import MenuOptions
from piboothup.booth.flow.pages import PageKind
from piboothup.spool.event_titles import Album, AlbumEvent
from piboothup.status import BoothState
from tests.support.effort import AT_LENGTH
from tests.support.machine import READY, StateMachineDriver, counted, frame

pytestmark = pytest.mark.slow

EVENTS = (
    AlbumEvent("Anna & Ben", "abcd1234", (Album("a1", "Booth"), Album("a2", "Stage"))),
    AlbumEvent("Someone else's party", "efgh5678"),
)
CLOSED = MenuOptions(
    operator_until_ns=600 * SECOND_NS,
    has_code=True,
    events=EVENTS,
    link_id="abcd1234",
    album_id="a1",
    languages=("en", "de"),
    has_buzzer=True,
    without_event=3,
)
"""Everything is there to be misused; but more than ten minutes have passed since power-on."""
GUESTS = 10_000 if AT_LENGTH else 1_500
ANNAS = actions.EventUsage("abcd1234 0", "abcd1234", "Anna & Ben", 143, 12)


def mash(play: StateMachineDriver, chance: random.Random) -> None:
    for _ in range(chance.randrange(1, 12)):
        play.goes_down()
        play.waits_s(chance.uniform(0.03, 0.3))
        play.lets_go()
        play.waits_s(chance.uniform(0.03, 0.4))


def lean(play: StateMachineDriver, chance: random.Random) -> None:
    play.holds_s(chance.choice((1.0, 1.5, 4.9, 5.1, 8.0, 14.9, 16.0)))


def two_at_once(play: StateMachineDriver, chance: random.Random) -> None:
    """Edges of two hands (or of a wire) in any order, lost ones too."""
    for _ in range(chance.randrange(2, 9)):
        play.says(chance.choice((Pressed, Pressed, Released, DownAtStart))(play.now_ns))
        play.waits_s(chance.choice((0.0, 0.1, 1.0, 2.0, 6.0)))
    play.lets_go()


def walk_the_menu(play: StateMachineDriver, chance: random.Random) -> None:
    """Somebody who has seen how it is done."""
    play.holds_s(6.0)
    for _ in range(chance.randrange(1, 10)):
        play.holds_s(chance.choice((0.1, 0.1, 1.2, 5.5)))
        play.waits_s(0.2)


def camera_and_card(play: StateMachineDriver, number: int) -> None:
    """Whatever was asked for is taken and saved."""
    if play.booth.state is BoothState.EXPOSING:
        play.says(Exposed(frame(), play.booth.zero_ns))
    if play.booth.state is BoothState.SAVING:
        play.says(Saved(number))


class Watched(StateMachineDriver):
    """Remembers every state, and saves test photos: guests that wait for no camera come to that fault."""

    def __init__(self, countdown_s: int, offer: MenuOptions) -> None:
        super().__init__(countdown_s, offer=offer)
        self.states: set[BoothState] = set()

    def says(self, *events: Happening) -> BoothState:
        for event in events:
            self.states.add(super().says(event))
            if (asked_ns := self.booth.health.asked_ns) is not None:
                super().says(Exposed(frame(asked_ns), asked_ns), SaveTested(None))
        return self.booth.state


def test_b09_c15_c18_10000_random_guests_keep_event_spool_power() -> None:
    chance = random.Random(6)
    did: Counter[str] = Counter()
    pages: set[PageKind] = set()
    titles: set[str] = set()
    states: set[BoothState] = set()
    for number in range(GUESTS):
        play = Watched(chance.choice((0, 1, 3)), CLOSED)
        play.says(READY)
        for _ in range(chance.randrange(1, 4)):
            chance.choice((mash, lean, two_at_once, walk_the_menu))(play, chance)
            page = play.booth.page
            if page is not None:
                pages.add(page.kind)
                titles |= {page.title, *(item.title for item in page.items)}
            camera_and_card(play, number)
        did.update(type(effect).__name__ for effect in play.effects)
        play.waits_s(30)
        camera_and_card(play, number)
        play.waits_s(10)
        assert play.booth.state is BoothState.READY
        states |= play.states
    assert {BoothState.COUNTDOWN, BoothState.REVIEW, BoothState.MENU} <= states
    assert set(did) == {Capture.__name__, Save.__name__, TrySaving.__name__}
    assert did["Capture"] > GUESTS / 2
    assert pages == {PageKind.MENU, PageKind.ALBUM_CODE, PageKind.STATUS}
    assert titles == {""}


def test_b09_guests_in_operator_time_keep_event_spool_power() -> None:
    chance = random.Random(9)
    did: Counter[str] = Counter()
    pages: Counter[PageKind] = Counter()
    for number in range(GUESTS // 4):
        play = StateMachineDriver(chance.choice((0, 1, 3)), offer=replace(CLOSED, operator_until_ns=None))
        play.says(READY)
        for _ in range(chance.randrange(1, 4)):
            chance.choice((mash, lean, two_at_once))(play, chance)
            camera_and_card(play, number)
            pages.update([play.booth.page.kind] if play.booth.page is not None else [])
        did.update(type(effect).__name__ for effect in play.effects)
    assert pages[PageKind.MENU] > GUESTS / 20
    harm = (actions.ChooseEvent, actions.SetPaused, actions.WipeEvent, actions.SwitchOff)
    assert not {action.__name__ for action in harm} & set(did)


def walked(play: StateMachineDriver, *steps: str | float) -> StateMachineDriver:
    """Opens the menu; then each word is an item to be chosen, each number a press that long."""
    play.holds_s(play.settings.hold_s)
    for step in steps:
        if isinstance(step, str):
            choose(play, step)
        else:
            play.holds_s(step)
    return play


def choose(play: StateMachineDriver, wanted: str) -> None:
    """Presses until the item stands there (by its word or its title), and holds for as long as it wants."""
    page = play.booth.page
    assert page is not None
    for _ in page.items:
        item = play.booth.page.item if play.booth.page is not None else None
        assert item is not None
        if wanted in (item.text_key, item.title):
            play.holds_s(item.hold_s)
            return
        play.press()
        play.waits_s(0.1)
    raise AssertionError(f"there is no {wanted}: {[item.text_key for item in page.items]}")


def opened(operator_until_ns: int | None) -> StateMachineDriver:
    play = StateMachineDriver(3, offer=replace(CLOSED, operator_until_ns=operator_until_ns))
    play.says(READY)
    return play


def test_c18_outside_operator_time_menu_has_three_items_no_title() -> None:
    page = menu.main_page(CLOSED, 601 * SECOND_NS)
    assert [item.text_key for item in page.items] == ["back", "album_code", "status"]
    assert {item.title for item in page.items} == {""}


def test_operator_time_is_10_min_of_boot_time_or_always_or_never() -> None:
    assert CLOSED.allows_operator(600 * SECOND_NS - 1)
    assert not CLOSED.allows_operator(600 * SECOND_NS)
    assert MenuOptions(operator_until_ns=None).allows_operator(10**18)
    assert not MenuOptions(operator_until_ns=0).allows_operator(0)


def test_c18_a_page_behind_the_door_closes_with_it() -> None:
    play = opened(None)
    play.settings = StateMachineDriver(
        3, offer=replace(CLOSED, operator_until_ns=play.now_ns + 15 * SECOND_NS)
    ).settings
    walked(play, "events")
    assert play.booth.page is not None and play.booth.page.kind is PageKind.EVENTS
    play.waits_s(9)
    assert play.booth.page is None
    assert play.booth.state is BoothState.READY


def test_c18_choice_held_until_operator_time_ends_is_not_made() -> None:
    play = opened(1_000 * SECOND_NS + 9 * SECOND_NS)
    walked(play, "switch_off")
    assert play.booth.page is not None and play.booth.page.kind is PageKind.SWITCH_OFF
    play.press()
    play.goes_down()
    effects: list[Effect] = list(play.effects)
    play.now_ns += 6 * SECOND_NS
    play.says(Tick())
    assert play.booth.state is BoothState.READY
    assert play.effects == effects


def test_the_chosen_event_and_album_come_first_and_are_ticked() -> None:
    play = walked(opened(None), "events")
    page = play.booth.page
    assert page is not None
    assert [(item.title, item.checked) for item in page.items] == [
        ("", False),
        ("Anna & Ben", True),
        ("Someone else's party", False),
    ]
    choose(play, "Anna & Ben")
    page = play.booth.page
    assert page is not None
    assert [(item.text_key, item.title, item.checked) for item in page.items] == [
        ("back", "", False),
        ("event", "Booth", True),
        ("event", "Stage", False),
        ("no_album", "", False),
    ]


def test_event_choice_asks_about_photos_without_event() -> None:
    play = walked(opened(None), "events", "Anna & Ben", "Stage")
    page = play.booth.page
    assert page is not None and (page.kind, page.number) == (PageKind.TAKE_ALONG, 3)
    choose(play, "take_along")
    assert play.effects == [actions.ChooseEvent("abcd1234", "a2", take_along=True)]
    play = walked(opened(None), "events", "Someone else's party", "leave")
    assert play.effects == [actions.ChooseEvent("efgh5678", "", take_along=False)]


def test_with_no_photo_without_an_event_nothing_is_asked() -> None:
    play = opened(None)
    play.settings = StateMachineDriver(3, offer=replace(CLOSED, operator_until_ns=None, without_event=0)).settings
    walked(play, "events", "Anna & Ben", "no_album")
    assert play.effects == [actions.ChooseEvent("abcd1234", "")]


def test_event_change_is_not_made_by_hold_under_5_s() -> None:
    play = StateMachineDriver(3, offer=replace(CLOSED, operator_until_ns=None, without_event=0))
    play.says(READY)
    walked(play, "events", 0.1, 0.1)
    page = play.booth.page
    assert page is not None and page.item is not None and page.item.title == "Someone else's party"
    play.holds_s(4.9)
    assert (play.booth.page, play.effects) == (page, [])
    play.holds_s(5.0)
    assert play.effects == [actions.ChooseEvent("efgh5678", "")]


@pytest.mark.parametrize("without_event", [0, 3])
def test_every_event_change_ends_in_5_s_hold_except_first_choice(without_event: int) -> None:
    for link_id in ("abcd1234", ""):
        offer = replace(CLOSED, operator_until_ns=None, without_event=without_event, link_id=link_id)
        found = [menu.main_page(offer, 0)]
        changes = []
        for page in found:
            for at, item in enumerate(page.items):
                match item.target:
                    case pages.Goto(PageKind.EVENTS | PageKind.ALBUMS | PageKind.TAKE_ALONG):
                        after, _ = menu.choose(replace(page, index=at), offer, 0)
                        found += [after] if after is not None else []
                    case actions.ChooseEvent("efgh5678"):
                        changes.append(item.hold_s)
        assert changes and set(changes) == {pages.CONFIRM_HOLD_S if link_id else pages.CHOOSE_HOLD_S}


def test_pause_needs_5_s_long_press_its_end_needs_1_s() -> None:
    play = opened(None)
    offer = play.settings.options
    for paused, text_key, hold_s in ((False, "pause", pages.CONFIRM_HOLD_S), (True, "resume", pages.CHOOSE_HOLD_S)):
        first = menu.main_page(offer, 0)
        number = [item.text_key for item in first.items].index("photos")
        page, _ = menu.choose(replace(first, index=number), replace(offer, paused=paused), 0)
        assert page is not None
        assert {item.hold_s for item in page.items if item.text_key == text_key} == {hold_s}
    walked(play, "photos", "pause")
    assert play.effects == [actions.SetPaused(True)]


def test_the_hold_that_opened_a_page_never_chooses_on_it() -> None:
    play = opened(None)
    play.goes_down()
    play.waits_s(5)
    assert play.lets_go() is BoothState.MENU
    for _ in range(3):  # to "events"
        play.press()
        play.waits_s(0.1)
    play.goes_down()
    play.waits_s(10)
    page = play.booth.page
    assert page is not None and (page.kind, page.index) == (PageKind.EVENTS, 0)
    play.lets_go()
    assert play.booth.page == page


def test_a_short_press_goes_on_to_the_next_item_and_round() -> None:
    play = walked(opened(0))
    seen = []
    for _ in range(4):
        assert play.booth.page is not None and play.booth.page.item is not None
        seen.append(play.booth.page.item.text_key)
        play.press()
    assert seen == ["back", "album_code", "status", "back"]


def test_irreversible_action_needs_5_s_hold_not_on_early_release() -> None:
    play = walked(opened(None), "switch_off")
    play.press()
    for held_s in (1.0, 3.0, 4.9):
        play.holds_s(held_s)
        page = play.booth.page
        assert page is not None and page.item is not None and page.item.text_key == "switch_off_now"
        assert play.effects == []
    play.holds_s(5.0)
    assert play.effects == [actions.SwitchOff()]


def test_what_was_waited_for_reaches_nobody_who_has_left() -> None:
    play = walked(opened(None), "photos", "wipe")
    assert play.effects == [actions.CountPhotos()]
    play.waits_s(20)
    assert play.booth.state is BoothState.READY
    play.says(counted((ANNAS,)))
    assert play.booth.state is BoothState.READY


def test_a_wipe_shows_its_numbers_and_wants_its_own_hold() -> None:
    play = walked(opened(None), "photos", "wipe")
    held = ANNAS
    play.says(counted((held,)))
    choose(play, "Anna & Ben")
    page = play.booth.page
    assert page is not None and page.usage == held
    choose(play, "wipe_now")
    assert play.effects == [actions.CountPhotos(), actions.WipeEvent(held)]


def test_c18_card_empty_shown_only_during_operator_time() -> None:
    play = opened(None)
    closes_ns = play.now_ns + 15 * SECOND_NS
    play.settings = StateMachineDriver(3, offer=replace(CLOSED, operator_until_ns=closes_ns)).settings
    walked(play, "photos", "wipe")
    play.says(counted(()))
    assert play.booth.page is not None and play.booth.page.text_key == "card_empty"
    play.now_ns = closes_ns
    assert play.says(Tick()) is BoothState.READY
