"""Several shots of one press: what is saved when, how many frames are in hand, and how a series ends."""

from __future__ import annotations

import itertools
import random
from dataclasses import replace

import pytest

from piboothup.booth.flow.capture import SAVING_TIMEOUT_NS
from piboothup.booth.flow.events import (
    CaptureFailed,
    Discard,
    Exposed,
    MoveHeld,
    Save,
    Saved,
    SavingFailed,
    Withdrawn,
)
from piboothup.booth.flow.long_press import SECOND_NS
from piboothup.problems import problem
from piboothup.spool.listing import NEW, WITHDRAWN
from piboothup.spool.names import Identity, PhotoName
from piboothup.status import BoothState
from tests.support.machine import READY, StateMachineDriver, frame
from tests.support.photos import PARTY

DELAY_NS = 40_000_000
"""From zero to the frame's exposure."""


def name(number: int) -> PhotoName:
    return PhotoName.of(Identity("7F3K", 1, number, number, PARTY.id), bytes([number]))


def begun(shots: int = 4, *, countdown_s: int = 0, gap_s: int = 3, take_back_s: int = 0) -> StateMachineDriver:
    """A booth whose guest has just pressed."""
    driver = StateMachineDriver(countdown_s)
    driver.settings = replace(driver.settings, shots=shots, gap_s=gap_s, take_back_ns=take_back_s * SECOND_NS)
    driver.says(READY)
    driver.press()
    return driver


def exposes(driver: StateMachineDriver) -> BoothState:
    """The camera gives its frame a little after zero."""
    assert driver.booth.state is BoothState.EXPOSING
    driver.waits_s(DELAY_NS / SECOND_NS)
    return driver.says(Exposed(frame(driver.booth.zero_ns + DELAY_NS), driver.booth.zero_ns))


def test_e1_four_shots_of_one_press_are_shown_once_all_are_saved() -> None:
    driver = begun(countdown_s=5)
    driver.waits_s(5)
    for number in (1, 2, 3):
        assert exposes(driver) is BoothState.COUNTDOWN
        assert driver.says(Saved(number)) is BoothState.COUNTDOWN
        driver.waits_s(3)
    assert exposes(driver) is BoothState.SAVING
    assert driver.says(Saved(4)) is BoothState.REVIEW
    assert (driver.booth.photos, driver.booth.number) == (4, 4)
    assert driver.waits_s(3.9) is BoothState.REVIEW  # a second for each
    assert driver.waits_s(0.2) is BoothState.READY
    zeros = driver.captures()
    assert [later - zero for zero, later in itertools.pairwise(zeros)] == [3 * SECOND_NS + DELAY_NS] * 3


def test_e1_e3_a_late_shot_is_not_the_next_guest_s() -> None:
    """The first of two in hand fails; the other is saved when the next guest's series is under way."""
    driver = begun(2, gap_s=1, take_back_s=6)
    exposes(driver)
    driver.waits_s(1)
    exposes(driver)
    assert driver.says(SavingFailed(problem("not_saved"), problem("unsaved_card"))) is BoothState.FAULT
    driver.press()
    assert exposes(driver) is BoothState.COUNTDOWN
    assert driver.says(Saved(1, held=name(1))) is BoothState.COUNTDOWN
    driver.waits_s(1)
    assert exposes(driver) is BoothState.SAVING
    assert driver.says(Saved(2, held=name(2))) is BoothState.SAVING  # one is in hand: "2 of 2" would be no truth
    assert driver.says(Saved(3, held=name(3))) is BoothState.REVIEW
    driver.holds_s(1.1)
    driver.waits_s(30)
    moves = [effect for effect in driver.effects if isinstance(effect, MoveHeld)]
    assert sorted(moves, key=lambda move: move.name.seq) == [
        MoveHeld(name(1), NEW),
        MoveHeld(name(2), WITHDRAWN),
        MoveHeld(name(3), WITHDRAWN),
    ]


def test_e1_late_shots_count_among_the_frames_in_hand() -> None:
    driver = begun(4, gap_s=1)
    for _ in range(2):
        exposes(driver)
        driver.waits_s(1)
    assert driver.booth.state is BoothState.SAVING
    driver.says(Saved(1))
    driver.waits_s(0.1)
    driver.says(CaptureFailed(problem("camera_stuck"), driver.booth.zero_ns))
    assert driver.press() is BoothState.EXPOSING
    exposes(driver)
    assert driver.waits_s(1) is BoothState.SAVING  # one of each series is in hand
    driver.says(Saved(2))
    assert driver.waits_s(0.1) is BoothState.EXPOSING


@pytest.mark.parametrize("gap_s", [1, 3])
def test_e1_with_two_frames_in_hand_the_next_shot_waits(gap_s: int) -> None:
    driver = begun(gap_s=gap_s)
    exposes(driver)
    driver.waits_s(gap_s)
    exposes(driver)  # neither is saved
    assert driver.waits_s(gap_s) is BoothState.SAVING
    assert len(driver.captures()) == 2
    driver.waits_s(2)
    saved_ns = driver.now_ns
    assert driver.says(Saved(1)) is BoothState.COUNTDOWN
    assert driver.waits_s(0) is BoothState.EXPOSING
    assert driver.captures()[-1] >= saved_ns  # no older frame is taken
    exposes(driver)
    assert sum(isinstance(effect, Save) for effect in driver.effects) == 3


def test_e1_a_series_is_not_saved_before_its_last_shot_is() -> None:
    driver = begun(2, gap_s=1)
    exposes(driver)
    driver.waits_s(1)
    assert exposes(driver) is BoothState.SAVING
    assert driver.says(Saved(1)) is BoothState.SAVING
    assert driver.says(Saved(2)) is BoothState.REVIEW


@pytest.mark.parametrize(("is_saved", "after"), [(True, BoothState.REVIEW), (False, BoothState.SAVING)])
def test_e1_a_hold_of_1_s_ends_the_series(is_saved: bool, after: BoothState) -> None:
    driver = begun()
    exposes(driver)
    if is_saved:
        driver.says(Saved(1))
    driver.waits_s(0.5)
    driver.goes_down()
    driver.waits_s(0.9)
    assert driver.booth.state is BoothState.COUNTDOWN
    assert driver.waits_s(0.2) is after
    if not is_saved:
        assert driver.says(Saved(1)) is BoothState.REVIEW
    driver.lets_go()
    driver.waits_s(20)
    assert (driver.booth.state, len(driver.captures())) == (BoothState.READY, 1)


def test_e1_a_press_in_the_series_only_nudges() -> None:
    driver = begun()
    exposes(driver)
    driver.says(Saved(1))
    driver.waits_s(0.5)
    driver.press()
    assert driver.booth.busy_hint_until_ns > driver.now_ns
    driver.waits_s(3)
    assert driver.booth.state is BoothState.EXPOSING
    assert len(driver.captures()) == 2


def test_e1_a_hold_in_the_first_countdown_takes_no_photo() -> None:
    driver = begun(countdown_s=5)
    driver.goes_down()
    driver.waits_s(1.1)
    assert (driver.booth.state, driver.booth.series) == (BoothState.READY, None)


@pytest.mark.parametrize("fails", ["camera", "card"])
def test_e1_a_failure_ends_the_series_and_keeps_what_is_saved(fails: str) -> None:
    driver = begun()
    exposes(driver)
    driver.says(Saved(1))
    driver.waits_s(3)
    if fails == "camera":
        driver.says(CaptureFailed(problem("camera_stuck"), driver.booth.zero_ns))
    else:
        late = driver.booth.zero_ns
        driver.says(SavingFailed(problem("not_saved"), problem("unsaved_card")))
        driver.says(Exposed(frame(late), late))
        assert isinstance(driver.effects[-1], Discard)
    assert (driver.booth.state, driver.booth.photos) == (BoothState.FAULT, 1)
    assert driver.waits_s(7) is BoothState.READY
    assert len(driver.captures()) == 2


def test_e1_a_card_that_hangs_in_a_series_is_told() -> None:
    driver = begun(gap_s=1)
    exposes(driver)
    driver.waits_s(1)
    exposes(driver)
    driver.waits_s(1 + SAVING_TIMEOUT_NS / SECOND_NS)
    assert driver.booth.problem == problem("card_stuck")
    assert driver.says(Saved(1)) is BoothState.REVIEW
    assert driver.says(Saved(2)) is BoothState.REVIEW
    assert driver.waits_s(5) is BoothState.READY


def test_e1_e3_the_shots_of_a_press_are_taken_back_together() -> None:
    driver = begun(3, gap_s=3, take_back_s=4)
    for number in (1, 2, 3):
        exposes(driver)
        driver.says(Saved(number, held=name(number)))
        driver.waits_s(3 if number < 3 else 0)
    assert driver.booth.state is BoothState.REVIEW
    assert not [effect for effect in driver.effects if isinstance(effect, MoveHeld)]  # the first is 6 s old
    driver.holds_s(1.1)
    driver.says(Withdrawn())
    driver.waits_s(30)
    moves = [effect for effect in driver.effects if isinstance(effect, MoveHeld)]
    assert moves == [MoveHeld(name(number), WITHDRAWN) for number in (1, 2, 3)]


def test_e1_e3_what_nobody_takes_back_goes_when_its_time_is_over() -> None:
    driver = begun(2, gap_s=3, take_back_s=4)
    for number in (1, 2):
        exposes(driver)
        driver.says(Saved(number, held=name(number)))
        driver.waits_s(3 if number < 2 else 0)
    driver.waits_s(3.9)
    assert not [effect for effect in driver.effects if isinstance(effect, MoveHeld)]
    driver.waits_s(0.2)
    assert driver.effects[-2:] == [MoveHeld(name(1), NEW), MoveHeld(name(2), NEW)]


def test_e1_b09_random_guests_never_more_than_two_frames_in_hand() -> None:
    chance = random.Random(5)
    ended = 0
    for _ in range(300):
        driver = begun(chance.randrange(2, 5), countdown_s=chance.choice((0, 2)), gap_s=chance.choice((1, 3)))
        number = failed = 0
        for _ in range(60):
            booth = driver.booth
            in_hand = sum(isinstance(effect, Save) for effect in driver.effects) - number - failed
            assert in_hand <= 2
            assert (0 if booth.series is None else booth.series.in_hand) + len(booth.late) == in_hand
            if booth.state is BoothState.EXPOSING and chance.random() < 0.8:
                exposes(driver)
            elif booth.state is BoothState.EXPOSING and chance.random() < 0.3:
                driver.says(CaptureFailed(problem("camera_stuck"), booth.zero_ns))
            elif in_hand and chance.random() < 0.1:
                failed += 1
                driver.says(SavingFailed(problem("not_saved"), problem("unsaved_card")))
            elif in_hand and chance.random() < 0.5:
                number += 1
                driver.says(Saved(number))
            elif chance.random() < 0.2:
                driver.holds_s(chance.choice((0.1, 0.9, 1.2)))
            driver.waits_s(chance.choice((0.1, 0.5, 1.0)))
        while sum(isinstance(effect, Save) for effect in driver.effects) > number + failed:
            number += 1
            driver.says(Saved(number))
        driver.waits_s(60)
        if driver.booth.state is BoothState.EXPOSING:
            continue  # a guest's last press
        ended += 1
        assert driver.booth.state in (BoothState.READY, BoothState.FAULT)
        assert driver.booth.photos == number
    assert ended > 200
