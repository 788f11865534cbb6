"""What opens by itself: the question about a stick, and set-up on a new box; once, in the operator's time alone."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from piboothup.booth.feedback import pattern
from piboothup.booth.flow import actions, pages
from piboothup.booth.flow.actions import StartReadingCode, TakeStick
from piboothup.booth.flow.events import ActionDone, Capture, Exposed, Saved, StorageChecked, Tapped, Tick
from piboothup.booth.flow.long_press import SECOND_NS
from piboothup.booth.flow.menu import MenuOptions
from piboothup.booth.flow.pages import PageKind
from piboothup.booth.gpio.led import LightPattern
from piboothup.problems import problem
from piboothup.status import BoothState
from tests.booth.flow.test_random_guests import camera_and_card, walked
from tests.support.machine import READY, StateMachineDriver, frame

OPEN = MenuOptions(operator_until_ns=None, reads_codes=True, link_id="abcd1234")
STICK = replace(OPEN, has_stick=True)
NEW = replace(OPEN, link_id="", is_new=True)


def ready(options: MenuOptions, countdown_s: int = 3) -> StateMachineDriver:
    play = StateMachineDriver(countdown_s, offer=options)
    play.says(READY)
    assert play.booth.state is BoothState.READY, "it is ready first, whatever opens then"
    play.says(Tick())
    return play


def kind(play: StateMachineDriver) -> PageKind | None:
    return play.booth.page.kind if play.booth.page is not None else None


def offered(play: StateMachineDriver, options: MenuOptions) -> PageKind | None:
    """The page once the booth has these options."""
    play.settings = replace(play.settings, options=options)
    play.says(Tick())
    return kind(play)


# -- a stick ---------------------------------------------------------------------------------------------------------


def test_u03_a_stick_is_asked_about_and_taken_after_a_hold() -> None:
    play = ready(OPEN)
    assert offered(play, STICK) is PageKind.STICK
    assert play.booth.state is BoothState.SETUP
    play.waits_s(10)
    play.goes_down()
    play.waits_s(0.9)
    assert play.effects == []
    play.waits_s(0.2)
    assert (play.effects, kind(play)) == ([TakeStick()], PageKind.WAIT)
    play.lets_go()
    play.waits_s(40)  # root's helper takes its time
    play.says(ActionDone(TakeStick(), pages.result_page("stick_taken")))
    assert (kind(play), play.booth.page and play.booth.page.text_key) == (PageKind.RESULT, "stick_taken")


def test_u03_the_frame_fills_while_it_is_held() -> None:
    play = ready(STICK)
    play.goes_down()
    shares = set()
    for _ in range(9):
        play.waits_s(0.1)
        progress = play.booth.hold_progress(play.now_ns, play.settings)
        assert progress is not None
        shares.add(progress.share)
        deadline_ns = play.booth.deadline_ns(play.now_ns)
        assert deadline_ns is not None and deadline_ns <= play.now_ns + SECOND_NS // 10
    assert len(shares) == 9


@pytest.mark.parametrize("countdown_s", [0, 3])
@pytest.mark.parametrize("down_s", [0.0, 0.05, 0.9])
def test_u03_a_press_at_the_question_takes_the_photo_of_its_edge(countdown_s: int, down_s: float) -> None:
    play = ready(STICK, countdown_s)
    assert pattern(play.booth, play.now_ns) is LightPattern.READY
    edge_ns = play.now_ns
    if down_s:
        play.goes_down()
        play.waits_s(down_s)
        play.lets_go()
    else:
        play.says(Tapped(edge_ns))
    assert (kind(play), play.booth.zero_ns) == (None, edge_ns + countdown_s * SECOND_NS)
    play.waits_s(countdown_s)
    assert play.effects == [Capture(edge_ns + countdown_s * SECOND_NS)]
    play.says(Exposed(frame(), play.booth.zero_ns), Saved(1))
    play.waits_s(30)
    assert play.booth.state is BoothState.READY, "it is not asked again"


def test_u03_the_question_goes_away_and_comes_once_for_a_stick() -> None:
    play = ready(STICK)
    play.waits_s(21)
    assert (play.booth.state, play.effects) == (BoothState.READY, [])
    play.waits_s(300)
    assert kind(play) is None
    offered(play, OPEN)
    assert offered(play, STICK) is PageKind.STICK
    assert offered(play, OPEN) is None, "pulled while it was asked about"
    assert play.booth.state is BoothState.READY


def test_u03_a_stick_is_taken_by_the_menu_too() -> None:
    play = ready(STICK)
    play.waits_s(21)
    walked(play, "set_up", "stick")
    assert play.effects == [TakeStick()]
    play = ready(OPEN)
    walked(play, "set_up")
    assert play.booth.page is not None
    assert "stick" not in [item.text_key for item in play.booth.page.items]


def test_c15_c18_a_stick_after_the_operator_s_time_is_not_seen() -> None:
    until_ns = 1_000 * SECOND_NS + 30 * SECOND_NS
    play = ready(replace(STICK, operator_until_ns=1_000 * SECOND_NS))
    assert kind(play) is None
    play = ready(replace(OPEN, operator_until_ns=until_ns))
    play.waits_s(25)
    assert offered(play, replace(STICK, operator_until_ns=until_ns)) is PageKind.STICK
    play.waits_s(6)
    assert (kind(play), play.effects) == (None, [])
    play = ready(replace(STICK, operator_until_ns=1_000 * SECOND_NS + SECOND_NS // 2))
    play.holds_s(2.0)  # its time ends while it is held
    assert TakeStick() not in play.effects


@pytest.mark.parametrize("use", ["countdown", "exposing", "saving", "review", "menu", "down", "fault"])
def test_u03_a_stick_waits_until_nobody_uses_the_booth(use: str) -> None:
    play = ready(OPEN)
    match use:
        case "menu":
            walked(play)
        case "down":
            play.goes_down()
            play.waits_s(2)
        case "fault":
            play.says(StorageChecked(problem("card_full")))
        case _:
            play.press()
            if use != "countdown":
                play.waits_s(3)
            if use in ("saving", "review"):
                play.says(Exposed(frame(), play.booth.zero_ns))
            if use == "review":
                play.says(Saved(1))
    before = play.booth.state
    offered(play, STICK)
    assert (play.booth.state, kind(play) is PageKind.STICK) == (before, False)
    if use == "down":
        play.waits_s(4)
        play.lets_go()
    if use == "fault":
        play.says(StorageChecked(None))
    else:
        camera_and_card(play, 1)
        play.waits_s(30)
        camera_and_card(play, 1)
        camera_and_card(play, 1)
        play.waits_s(4)
    play.says(Tick())
    assert kind(play) is PageKind.STICK or play.booth.stick_seen


def test_f16_a_fault_at_the_question_is_told_by_the_light() -> None:
    play = ready(STICK)
    play.says(StorageChecked(problem("card_full")))
    assert pattern(play.booth, play.now_ns) is LightPattern.TROUBLE
    play.press()
    assert (play.booth.state, play.captures()) == (BoothState.FAULT, [])


# -- a new box -------------------------------------------------------------------------------------------------------


def test_u13_set_up_opens_by_itself_on_a_new_box() -> None:
    play = ready(NEW)
    assert (play.booth.state, kind(play), play.effects) == (
        BoothState.SETUP,
        PageKind.READ_CODE,
        [StartReadingCode()],
    )
    play.waits_s(181)
    assert play.booth.state is BoothState.READY
    play.waits_s(200)
    assert (play.booth.state, len(play.effects)) == (BoothState.READY, 1), "once, then by the menu"


@pytest.mark.parametrize(
    "options",
    [
        replace(NEW, is_new=False),
        replace(NEW, reads_codes=False),
        replace(NEW, operator_until_ns=0),
        replace(NEW, operator_until_ns=900 * SECOND_NS),
    ],
)
def test_u13_set_up_opens_by_itself_on_no_other_box(options: MenuOptions) -> None:
    play = ready(options)
    play.waits_s(60)
    assert (play.booth.state, play.effects) == (BoothState.READY, [])


@pytest.mark.parametrize("countdown_s", [0, 3])
def test_u13_a_press_in_set_up_of_a_new_box_takes_a_photo(countdown_s: int) -> None:
    play = ready(NEW, countdown_s)
    edge_ns = play.now_ns
    play.press()
    play.waits_s(countdown_s)
    assert play.captures() == [edge_ns + countdown_s * SECOND_NS]
    play.says(Exposed(frame(), play.booth.zero_ns), Saved(1))
    play.settings = replace(play.settings, options=replace(NEW, is_new=False))
    play.waits_s(10)
    assert play.booth.state is BoothState.READY


@pytest.mark.parametrize("options", [NEW, STICK])
def test_u13_nothing_opens_before_ready_or_in_its_place(options: MenuOptions) -> None:
    play = StateMachineDriver(3, offer=options)
    play.says(Tick(), Tick())
    assert (play.booth.state, kind(play)) == (BoothState.STARTING, None)
    assert play.says(READY) is BoothState.READY


def test_u13_a_photo_before_set_up_opened_keeps_it_shut() -> None:
    play = StateMachineDriver(0, offer=NEW)
    play.says(READY)
    play.press()
    play.says(Exposed(frame(), play.booth.zero_ns), Saved(1))
    play.waits_s(10)
    assert (play.booth.state, kind(play)) == (BoothState.READY, None)


def test_u13_set_up_ends_with_the_operator_s_time() -> None:
    play = ready(replace(NEW, operator_until_ns=1_000 * SECOND_NS + 5 * SECOND_NS))
    assert kind(play) is PageKind.READ_CODE
    play.waits_s(6)
    assert (play.booth.state, kind(play)) == (BoothState.READY, None)


def test_u03_a_stick_comes_before_the_code_on_a_new_box() -> None:
    play = ready(NEW)
    assert offered(play, replace(NEW, has_stick=True)) is PageKind.STICK
    play.waits_s(21)
    assert play.booth.state is BoothState.READY
    play = ready(replace(NEW, has_stick=True))
    assert kind(play) is PageKind.STICK


@pytest.mark.slow
def test_c15_random_guests_take_no_stick_without_a_hold() -> None:
    """Short presses, a stick that comes and goes, and time, in any order."""
    chance = random.Random(15)
    kinds: set[PageKind | None] = set()
    photos = 0
    for number in range(300):
        play = StateMachineDriver(chance.choice((0, 3)), offer=chance.choice((OPEN, STICK, NEW)))
        play.says(READY)
        for _ in range(chance.randrange(1, 15)):
            match chance.randrange(4):
                case 0:
                    offered(play, chance.choice((OPEN, STICK, NEW)))
                case 1:
                    play.goes_down()
                    play.waits_s(chance.uniform(0.03, 0.95))
                    play.lets_go()
                case 2:
                    camera_and_card(play, number)
                case _:
                    play.waits_s(chance.choice((0.1, 1.0, 25.0)))
            kinds.add(kind(play))
        photos += len(play.captures())
        done = [effect for effect in play.effects if isinstance(effect, actions.MenuAction)]
        assert set(done) <= {StartReadingCode()}
    assert {PageKind.STICK, PageKind.READ_CODE, None} <= kinds
    assert photos > 200
