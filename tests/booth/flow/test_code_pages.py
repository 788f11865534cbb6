"""Codes before the lens, in the state machine: asked about before anything is done, and a press takes a photo."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from piboothup.booth.feedback import pattern
from piboothup.booth.flow import actions, pages
from piboothup.booth.flow.actions import StartReadingCode, UseCode
from piboothup.booth.flow.events import ActionDone, CameraLost, CameraReady, CodeHinted, CodeRead, ScanHint
from piboothup.booth.flow.long_press import SECOND_NS
from piboothup.booth.flow.menu import MenuOptions
from piboothup.booth.flow.pages import CHOOSE_HOLD_S, CONFIRM_HOLD_S, Page, PageKind, Part
from piboothup.booth.flow.save_health import SaveHealth
from piboothup.booth.gpio.led import LightPattern
from piboothup.config import Secret
from piboothup.config.codes import (
    BoothCode,
    Code,
    Fault,
    GuestLink,
    OtherCode,
    OtherKind,
    Security,
    WifiNetwork,
)
from piboothup.problems import problem
from piboothup.spool.event_titles import Album, AlbumEvent, booth_album
from piboothup.status import BoothState
from tests.booth.flow.test_random_guests import choose, walked
from tests.support.machine import READY, StateMachineDriver

OPEN = MenuOptions(
    operator_until_ns=None,
    events=(AlbumEvent("Anna & Ben", "abcd1234", (Album("a1", "Booth"),)), AlbumEvent("The others", "efgh5678")),
    reads_codes=True,
)
BARN = WifiNetwork("Barn", Secret("sunflower"), Security.WPA)
WHOLE = BoothCode(Secret("0123456789"), "efgh5678", wifi=BARN, name="Booth 7")
CODES: list[Code | Fault] = [
    BARN,
    WHOLE,
    BoothCode(name="Booth 7"),
    GuestLink("abcd1234"),
    GuestLink("efgh5678"),
    GuestLink("unknown1"),
    *map(OtherCode, OtherKind),
    *Fault,
]


def reading(options: MenuOptions = OPEN, countdown_s: int = 3) -> StateMachineDriver:
    """A booth at whose lens a code is awaited."""
    play = StateMachineDriver(3, offer=options)
    play.says(READY)
    walked(play, "set_up", "read_code")
    assert play.booth.page is not None and play.booth.page.kind is PageKind.READ_CODE
    assert play.booth.state is BoothState.SETUP
    assert play.effects == [StartReadingCode()]
    play.effects.clear()
    play.settings = replace(play.settings, countdown_s=countdown_s)
    return play


def shown(play: StateMachineDriver) -> Page:
    assert play.booth.page is not None
    return play.booth.page


def test_u05_a_network_is_joined_after_a_hold_only() -> None:
    play = reading()
    play.says(CodeRead(BARN))
    assert (shown(play).kind, shown(play).item) == (PageKind.CODE_WIFI, pages.Item("join", UseCode(BARN), "Barn"))
    play.waits_s(10)
    assert play.effects == []
    play.holds_s(CHOOSE_HOLD_S)
    assert play.effects == [UseCode(BARN)]
    assert shown(play).kind is PageKind.WAIT
    play.waits_s(35)  # root's helper takes its time
    play.says(ActionDone(UseCode(BARN), pages.result_page("wifi_joined", title="Barn")))
    assert (shown(play).kind, shown(play).title) == (PageKind.RESULT, "Barn")


def test_u05_a_question_that_nobody_answers_goes_away() -> None:
    play = reading()
    play.says(CodeRead(BARN))
    play.waits_s(20)
    assert (play.booth.state, play.effects) == (BoothState.READY, [])


NO_COUNTRY = replace(OPEN, countries=("DE", "AT", "CH"))
IN_AUSTRIA = UseCode(BoothCode(wifi=BARN, country="AT"))
WORLD = UseCode(BARN, knows_country=False)


def test_u10_no_country_known_it_is_asked_after_the_join() -> None:
    play = reading(NO_COUNTRY)
    play.says(CodeRead(BARN))
    choose(play, "Barn")
    assert (shown(play).kind, play.effects) == (PageKind.COUNTRY, [])
    assert [item.title or item.text_key for item in shown(play).items] == ["back", "DE", "AT", "CH", "elsewhere"]
    assert shown(play).index == 1
    play.press()
    play.holds_s(CHOOSE_HOLD_S)
    assert (play.effects, shown(play).kind) == ([IN_AUSTRIA], PageKind.WAIT)


def test_u10_anelsewhere_is_joined_by_rules_for_all() -> None:
    play = reading(NO_COUNTRY)
    play.says(CodeRead(BARN))
    choose(play, "Barn")
    choose(play, "elsewhere")
    assert play.effects == [WORLD]


def test_u10_back_from_the_country_joins_nothing() -> None:
    play = reading(NO_COUNTRY)
    play.says(CodeRead(BARN))
    choose(play, "Barn")
    choose(play, "back")
    play.waits_s(60)
    assert (play.booth.state, play.effects) == (BoothState.READY, [])


@pytest.mark.parametrize("door_s", [None, 40])
def test_u10_no_answer_is_rules_for_all_and_is_told(door_s: int | None) -> None:
    """In the page's time, or as the operator's ends; each press gives more of the former alone."""
    until_ns = None if door_s is None else (1_000 + door_s) * SECOND_NS
    play = reading(replace(NO_COUNTRY, operator_until_ns=until_ns))
    play.says(CodeRead(BARN))
    choose(play, "Barn")
    for _ in range(6):
        if shown(play).kind is PageKind.COUNTRY:
            assert play.effects == []
            play.press()
            play.waits_s(19.9 if door_s is None else 8)
    play.waits_s(0.2)
    assert (play.effects, shown(play).kind) == ([WORLD], PageKind.WAIT)
    play.waits_s(30)
    play.says(ActionDone(WORLD, pages.result_page("wifi_joined_world", title="Barn")))
    assert shown(play).text_key == "wifi_joined_world"


@pytest.mark.parametrize(
    ("code", "without_event", "is_asked"),
    [
        (WHOLE, 0, True),
        (WHOLE, 12, True),
        (replace(WHOLE, country="FR"), 0, False),
        (replace(WHOLE, country="FR"), 12, False),
        (replace(WHOLE, wifi=None), 12, False),
    ],
)
@pytest.mark.parametrize("take_along", [True, False])
def test_u10_a_booth_code_with_wifi_alone_asks_for_the_country(
    code: BoothCode, without_event: int, is_asked: bool, take_along: bool
) -> None:
    play = reading(replace(NO_COUNTRY, without_event=without_event))
    play.says(CodeRead(code))
    choose(play, "use_code")
    if without_event:
        choose(play, "take_along" if take_along else "leave")
    if is_asked:
        assert (shown(play).kind, play.effects) == (PageKind.COUNTRY, [])
        choose(play, "DE")
        code = replace(code, country="DE")
    assert play.effects == [UseCode(code, take_along and bool(without_event))]


@pytest.mark.parametrize("link_id", ["abcd1234", "efgh5678"])
def test_u07_the_guests_code_leads_to_the_event_as_the_menu_does(link_id: str) -> None:
    play = reading()
    play.says(CodeRead(GuestLink(link_id)))
    item = shown(play).item
    assert shown(play).kind is PageKind.EVENTS and item is not None and item.title_id == link_id
    choose(play, item.title)
    if link_id == "abcd1234":
        choose(play, "Booth")
    assert play.effects == [actions.ChooseEvent(link_id, "a1" if link_id == "abcd1234" else "")]


def test_u07_an_event_that_the_key_does_not_see_is_not_chosen() -> None:
    play = reading()
    play.says(CodeRead(GuestLink("unknown1")))
    assert (shown(play).text_key, shown(play).items) == ("event_unseen", ())
    play = reading(replace(OPEN, events=()))
    play.says(CodeRead(GuestLink("abcd1234")))
    assert shown(play).text_key == "no_events"


def test_u07_the_event_of_a_code_in_place_of_another_wants_5_s() -> None:
    play = reading(replace(OPEN, link_id="abcd1234", album_id="a1"))
    play.says(CodeRead(GuestLink("efgh5678")))
    item = shown(play).item
    assert item is not None and item.hold_s == CONFIRM_HOLD_S


@pytest.mark.parametrize(
    "titles", [("Party", "Photo Booth"), ("Photobooth", "Box K7QX"), ("Fotobox", "Booth 1, innen")]
)
def test_u12_the_album_meant_for_the_box_is_preselected(titles: tuple[str, ...]) -> None:
    albums = tuple(Album(f"a{number}", title) for number, title in enumerate(titles))
    many = (*(Album(f"b{number}", f"Table {number}") for number in range(20)), *albums)
    offer = replace(OPEN, events=(AlbumEvent("X", "ijkl9012", many),), name="Booth 1", box="K7QX")
    play = reading(offer)
    play.says(CodeRead(GuestLink("ijkl9012")))
    choose(play, "X")
    item = shown(play).item
    assert item is not None and item.title == titles[1]
    play = reading(replace(offer, link_id="ijkl9012", album_id="b3"))  # in mid-event
    play.says(CodeRead(GuestLink("ijkl9012")))
    choose(play, "X")
    assert shown(play).index == 0
    assert shown(play).items[1].title == "Table 3"


@pytest.mark.parametrize(
    ("name", "titles", "meant"),
    [
        ("Booth 1", ("Booth 10", "Booth 1"), "Booth 1"),
        ("Booth 1", ("Booth 12", "Booth 1 (evening)"), "Booth 1 (evening)"),
        ("Booth 1", ("Booth 10", "Booth 11"), ""),
        ("Booth 1", ("Booth 1 left", "Booth 1 right"), ""),
        ("Anna", ("Hannah & Ben", "Guests"), ""),
        ("Party", ("Afterparty", "Guests"), ""),
        ("Müller", ("Muller!", "Guests"), "Muller!"),
        ("Anna", ("Fotobox", "Photo booth"), ""),
    ],
)
def test_u12_an_album_of_another_booth_is_not_meant(name: str, titles: tuple[str, ...], meant: str) -> None:
    found = booth_album([Album(title, title) for title in titles], name, "K7QX")
    assert (found.title if found is not None else "") == meant


def test_u08_a_booth_code_says_what_it_has_and_wants_5_s() -> None:
    play = reading()
    play.says(CodeRead(WHOLE))
    assert shown(play).kind is PageKind.CODE_BOOTH
    assert shown(play).parts == (
        Part("key"),
        Part("event", "The others", "efgh5678"),
        Part("wifi", "Barn"),
        Part("name"),
    )
    play.holds_s(4.9)
    assert play.effects == []
    play.holds_s(5.0)
    assert play.effects == [UseCode(WHOLE)]


@pytest.mark.parametrize("take_along", [True, False])
def test_u13_a_booth_code_s_event_asks_about_photos_from_before(take_along: bool) -> None:
    play = reading(replace(OPEN, without_event=12))
    play.says(CodeRead(WHOLE))
    choose(play, "use_code")
    assert (shown(play).kind, shown(play).number, play.effects) == (PageKind.TAKE_ALONG, 12, [])
    assert (shown(play).title, shown(play).title_id) == ("The others", "efgh5678")
    choose(play, "take_along" if take_along else "leave")
    assert play.effects == [UseCode(WHOLE, take_along)]


def test_u13_an_event_that_is_not_known_is_asked_about_by_its_id() -> None:
    play = reading(replace(OPEN, without_event=12))
    play.says(CodeRead(BoothCode(link_id="unknown1")))
    assert shown(play).parts == (Part("event", "", "unknown1"),)
    choose(play, "use_code")
    assert (shown(play).title, shown(play).title_id) == ("unknown1", "unknown1")


@pytest.mark.parametrize("has_key", [True, False])
def test_u07_an_event_code_without_a_key_asks_for_the_key(has_key: bool) -> None:
    """Wi-Fi would not help: no event is known without a key. In the menu too."""
    options = replace(OPEN, events=(), has_key=has_key)
    said = "no_events" if has_key else "no_key"
    play = reading(options)
    play.says(CodeRead(GuestLink("abcd1234")))
    assert (shown(play).text_key, shown(play).is_good) == (said, False)
    play = StateMachineDriver(3, offer=options)
    play.says(READY)
    walked(play, "events")
    assert shown(play).text_key == said


@pytest.mark.parametrize("code", [*map(OtherCode, OtherKind), *Fault])
def test_u09_a_code_of_another_kind_is_named_and_left(code: Code | Fault) -> None:
    play = reading()
    play.says(CodeRead(code))
    assert (shown(play).kind, shown(play).is_good, shown(play).items) == (PageKind.RESULT, False, ())
    play.holds_s(6.0)
    assert play.effects == []


@pytest.mark.parametrize("code", CODES)
def test_u09_c13_a_code_in_view_outside_of_set_up_does_nothing(code: Code | Fault) -> None:
    play = StateMachineDriver(3, offer=OPEN)
    play.says(READY)
    before = play.booth
    play.says(CodeRead(code), CodeHinted(ScanHint.CLOSER))
    assert play.booth == before
    walked(play, "set_up")
    before = play.booth
    play.says(CodeRead(code))
    assert (play.booth, play.effects) == (before, [])


def test_u08_a_press_while_a_code_is_awaited_takes_a_photo() -> None:
    play = reading()
    play.press()
    assert (play.booth.state, play.booth.page) == (BoothState.COUNTDOWN, None)
    play.says(CodeRead(WHOLE))  # read just before
    assert (play.booth.state, play.booth.page) == (BoothState.COUNTDOWN, None)
    play.waits_s(3)
    assert play.booth.state is BoothState.EXPOSING
    play = reading(countdown_s=0)
    play.goes_down()
    assert play.booth.state is BoothState.EXPOSING


def test_f16_set_up_never_looks_ready_while_no_photo_is_taken() -> None:
    play = reading()
    assert pattern(play.booth, play.now_ns) is LightPattern.READY
    for trouble in (
        replace(play.booth, storage_problem=problem("card_full")),
        replace(play.booth, camera_ready=False, camera_problem=problem("no_camera")),
        replace(play.booth, health=SaveHealth().test_failed(problem("no_photos"), 0)),
    ):
        assert pattern(trouble, play.now_ns) is LightPattern.TROUBLE


def test_u08_a_camera_lost_while_a_code_is_awaited_is_told() -> None:
    play = reading()
    play.says(CameraLost(problem("no_camera")))
    assert (play.booth.state, play.booth.page) == (BoothState.FAULT, None)
    play.says(CameraReady())
    assert play.booth.state is BoothState.READY


def test_u08_hints_change_the_page_and_keep_its_deadline() -> None:
    play = reading()
    for hint in ScanHint:
        play.says(CodeHinted(hint))
        assert shown(play).text_key == hint
        play.waits_s(30)
    assert play.booth.page is not None
    play.waits_s(60)
    assert play.booth.state is BoothState.READY


def test_c18_codes_are_behind_the_operator_s_door() -> None:
    play = StateMachineDriver(3, offer=replace(OPEN, operator_until_ns=0))
    play.says(READY)
    walked(play)
    assert "set_up" not in [item.text_key for item in shown(play).items]
    play = reading(replace(OPEN, operator_until_ns=1_000 * SECOND_NS + 20 * SECOND_NS))
    play.says(CodeRead(BARN))
    play.waits_s(15)
    assert (play.booth.state, play.effects) == (BoothState.READY, [])


def test_a_box_without_the_library_says_so() -> None:
    play = StateMachineDriver(3, offer=replace(OPEN, reads_codes=False))
    play.says(READY)
    walked(play, "set_up", "read_code")
    assert (shown(play).text_key, play.effects) == ("no_code_reader", [])


@pytest.mark.slow
def test_u09_random_guests_and_codes_do_nothing_without_a_hold() -> None:
    """Short presses, codes in view and time, in any order: photos are taken, and nothing is done that a code says."""
    chance = random.Random(15)
    kinds: set[PageKind] = set()
    for _ in range(300):
        play = reading(replace(OPEN, without_event=chance.choice((0, 3))), chance.choice((0, 3)))
        for _ in range(chance.randrange(1, 12)):
            match chance.randrange(3):
                case 0:
                    play.says(CodeRead(chance.choice(CODES)))
                case 1:
                    play.goes_down()
                    play.waits_s(chance.uniform(0.03, 0.9))
                    play.lets_go()
                case _:
                    play.waits_s(chance.choice((0.1, 1.0, 25.0)))
            kinds |= {play.booth.page.kind} if play.booth.page is not None else set()
        done = {type(effect) for effect in play.effects}
        assert not done & {UseCode, actions.ChooseEvent, StartReadingCode}
        assert not any(isinstance(effect, actions.MenuAction) for effect in play.effects)
    assert {PageKind.READ_CODE, PageKind.CODE_WIFI, PageKind.CODE_BOOTH, PageKind.EVENTS, PageKind.RESULT} <= kinds
