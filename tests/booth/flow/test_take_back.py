"""Taking a photo back: what the button does while the hint is shown, and when a photo is the uploader's."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace

import pytest

from piboothup.booth.flow.events import Exposed, MoveHeld, Pressed, Released, Saved, Stop, Tick, Withdrawn
from piboothup.booth.flow.long_press import SECOND_NS
from piboothup.problems import problem
from piboothup.spool.listing import NEW, WITHDRAWN
from piboothup.spool.names import Identity, PhotoName
from piboothup.status import BoothState
from tests.support.machine import READY, StateMachineDriver, frame
from tests.support.photos import PARTY


def name(number: int) -> PhotoName:
    return PhotoName.of(Identity("7F3K", 1, number, number, PARTY.id), bytes([number]))


def play(countdown_s: int = 0, take_back_s: float = 6) -> StateMachineDriver:
    """A booth at rest whose photos can be taken back."""
    driver = StateMachineDriver(countdown_s)
    driver.settings = replace(driver.settings, take_back_ns=int(take_back_s * SECOND_NS))
    driver.says(READY)
    return driver


def saves(driver: StateMachineDriver, number: int = 1) -> BoothState:
    """Answer for camera and card."""
    return driver.says(Exposed(frame(), driver.booth.zero_ns), Saved(number, held=name(number)))


def taken(countdown_s: int = 0, take_back_s: float = 6) -> StateMachineDriver:
    """A booth that shows its first photo."""
    driver = play(countdown_s, take_back_s)
    driver.press()
    driver.waits_s(countdown_s)
    assert saves(driver) is BoothState.REVIEW
    return driver


def moves(driver: StateMachineDriver) -> list[MoveHeld]:
    return [effect for effect in driver.effects if isinstance(effect, MoveHeld)]


def test_e3_a_photo_nobody_takes_back_goes_when_its_time_is_over() -> None:
    driver = taken()
    driver.waits_s(5.9)
    assert (driver.booth.state, moves(driver)) == (BoothState.REVIEW, [])
    driver.waits_s(0.2)
    assert (driver.booth.state, moves(driver)) == (BoothState.READY, [MoveHeld(name(1), NEW)])
    assert driver.booth.held == ()


def test_e3_a_hold_of_1_s_withdraws_the_photo_that_is_shown() -> None:
    driver = taken()
    driver.goes_down()
    driver.waits_s(0.9)
    assert moves(driver) == []
    driver.waits_s(0.1)
    assert moves(driver) == [MoveHeld(name(1), WITHDRAWN)]
    assert not driver.booth.shows_not_sent  # not before the card has it
    driver.says(Withdrawn())
    assert driver.booth.shows_not_sent
    assert driver.lets_go() is BoothState.REVIEW
    assert driver.waits_s(3) is BoothState.READY
    driver.waits_s(60)
    assert (moves(driver), len(driver.captures())) == ([MoveHeld(name(1), WITHDRAWN)], 1)


def test_e3_a_short_press_starts_the_next_photo_at_its_release() -> None:
    driver = taken(countdown_s=3)
    assert driver.goes_down() is BoothState.REVIEW
    driver.waits_s(0.5)
    assert driver.lets_go() is BoothState.COUNTDOWN
    driver.waits_s(3)
    assert len(driver.captures()) == 2


def test_e3_next_guest_s_photo_does_not_cut_the_first_short() -> None:
    driver = taken()
    driver.waits_s(0.1)
    driver.press()
    assert saves(driver, 2) is BoothState.REVIEW
    driver.waits_s(2)
    assert moves(driver) == []
    driver.holds_s(1.2)
    driver.says(Withdrawn())
    driver.waits_s(10)
    assert moves(driver) == [MoveHeld(name(2), WITHDRAWN), MoveHeld(name(1), NEW)]


@pytest.mark.parametrize("begins_s", [5.2, 5.9])
def test_e3_a_hold_begun_in_time_is_waited_for(begins_s: float) -> None:
    driver = taken()
    driver.waits_s(begins_s)
    driver.goes_down()
    driver.waits_s(0.95)
    assert (driver.booth.state, moves(driver)) == (BoothState.REVIEW, [])
    driver.waits_s(0.1)
    assert moves(driver) == [MoveHeld(name(1), WITHDRAWN)]


def test_e3_a_press_let_go_after_the_time_starts_the_next_photo() -> None:
    driver = taken()
    driver.waits_s(5.5)
    driver.goes_down()
    driver.waits_s(0.8)
    assert driver.lets_go() is BoothState.EXPOSING
    driver.waits_s(0.1)
    assert moves(driver) == [MoveHeld(name(1), NEW)]


def test_e3_a_press_from_before_saved_takes_nothing_back() -> None:
    driver = play()
    driver.press()
    driver.goes_down()
    driver.waits_s(0.3)
    assert saves(driver) is BoothState.REVIEW
    driver.waits_s(3)
    driver.lets_go()
    driver.waits_s(10)
    assert moves(driver) == [MoveHeld(name(1), NEW)]


def test_e3_a_photo_that_the_card_keeps_held_is_told() -> None:
    driver = taken()
    driver.goes_down()
    driver.waits_s(1)
    told = problem("not_taken_back", "Input/output error")
    assert driver.says(Withdrawn(told)) is BoothState.FAULT
    assert driver.booth.problem == told
    driver.lets_go()
    assert driver.waits_s(7) is BoothState.READY


def test_e3_a_card_that_does_not_answer_stops_no_photos() -> None:
    driver = taken()
    driver.holds_s(1.1)
    assert driver.waits_s(16) is BoothState.READY
    assert driver.press() is BoothState.EXPOSING
    driver.says(Withdrawn())  # comes late: the next photo has the panel
    assert driver.booth.state is BoothState.EXPOSING
    assert not driver.booth.shows_not_sent


def test_e3_at_the_stop_held_photos_are_released() -> None:
    driver = taken()
    driver.press()
    saves(driver, 2)
    driver.says(Stop())
    assert moves(driver) == [MoveHeld(name(1), NEW), MoveHeld(name(2), NEW)]


def test_e3_without_take_back_a_hold_in_review_moves_nothing() -> None:
    driver = StateMachineDriver()
    driver.says(READY)
    driver.press()
    driver.says(Exposed(frame(), driver.booth.zero_ns), Saved(1))
    driver.holds_s(1.5)
    driver.waits_s(20)
    assert moves(driver) == []


def test_e3_b09_random_guests_each_photo_moves_once() -> None:
    chance = random.Random(22)
    withdrawn = 0
    for _ in range(400):
        driver = play(chance.choice((0, 2)), chance.choice((0.5, 3, 6)))
        number = answered = 0
        for _ in range(chance.randrange(1, 12)):
            chance.choice(
                (
                    driver.press,
                    lambda driver=driver: driver.holds_s(chance.choice((0.2, 0.9, 1.0, 1.1, 4.0))),
                    lambda driver=driver: driver.says(Pressed(driver.now_ns)),
                    lambda driver=driver: driver.says(Released(driver.now_ns)),
                    lambda driver=driver: driver.waits_s(chance.choice((0.1, 1.0, 3.0))),
                )
            )()
            if driver.booth.state is BoothState.EXPOSING:
                number += 1
                saves(driver, number)
            asked = sum(move.place == WITHDRAWN for move in moves(driver))
            if asked > answered and chance.random() < 0.8:
                answered += 1
                driver.says(Withdrawn())
        driver.lets_go()
        driver.waits_s(30)
        driver.says(Tick())
        assert Counter(move.name for move in moves(driver)) == Counter(name(n) for n in range(1, number + 1))
        assert driver.booth.held == ()
        withdrawn += sum(move.place == WITHDRAWN for move in moves(driver))
    assert withdrawn > 40
