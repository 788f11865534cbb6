"""The state machine: what a guest does, and what happens then."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from piboothup.booth.flow.capture import CAPTURE_ANSWER_TIMEOUT_NS
from piboothup.booth.flow.events import (
    Capture,
    CaptureFailed,
    Discard,
    DownAtStart,
    Event,
    Exposed,
    Pressed,
    Released,
    Save,
    Saved,
    SavingFailed,
    Stop,
    Tick,
)
from piboothup.booth.flow.long_press import SECOND_NS
from piboothup.booth.flow.state import FlowSettings
from piboothup.booth.flow.transitions import NOTICE_NS
from piboothup.problems import problem
from piboothup.status import BoothState
from tests.support.machine import FULL, NO_CAMERA, READY, ROOM, StateMachineDriver, frame


def test_a_press_without_countdown_takes_the_photo_on_the_edge() -> None:
    play = StateMachineDriver()
    assert play.says(READY) is BoothState.READY
    edge_ns = play.now_ns - 3_000_000
    assert play.says(Pressed(edge_ns), Released(play.now_ns)) is BoothState.EXPOSING
    assert play.captures() == [edge_ns]
    taken = frame()
    assert play.says(Exposed(taken, play.booth.zero_ns)) is BoothState.SAVING
    assert play.effects[-1] == Save(taken)
    assert play.says(Saved(7)) is BoothState.REVIEW
    assert play.booth.number == 7
    assert play.waits_s(2.4) is BoothState.REVIEW
    assert play.waits_s(0.2) is BoothState.READY


def test_a_countdown_counts_down_and_ends_at_zero() -> None:
    play = StateMachineDriver(countdown_s=3)
    play.says(READY)
    edge_ns = play.now_ns
    assert play.press() is BoothState.COUNTDOWN
    digits = [play.booth.digit(play.now_ns)]
    while play.booth.state is BoothState.COUNTDOWN:
        play.waits_s(0.25)
        digits.append(play.booth.digit(play.now_ns))
    assert sorted(set(digits), reverse=True) == [3, 2, 1]
    assert play.captures() == [edge_ns + 3 * SECOND_NS]
    assert play.booth.state is BoothState.EXPOSING


def test_b03_press_while_busy_answered_starts_no_second_photo() -> None:
    play = StateMachineDriver(countdown_s=1)
    play.says(READY)
    play.press()
    for _ in range(3):
        play.press()
        assert play.booth.busy_hint_until_ns > play.now_ns
    play.waits_s(1.0)
    play.press()
    play.says(Exposed(frame(), play.booth.zero_ns))
    play.press()
    assert play.booth.state is BoothState.SAVING
    assert play.booth.busy_hint_until_ns > play.now_ns
    play.says(Saved(1))
    assert play.says(Pressed(play.booth.saved_ns - 1)) is BoothState.REVIEW
    assert len(play.captures()) == 1


def test_a_press_during_review_takes_the_next_photo() -> None:
    play = StateMachineDriver()
    play.says(READY)
    play.press()
    play.says(Exposed(frame(), play.booth.zero_ns), Saved(1))
    play.now_ns += 1_000_000
    assert play.press() is BoothState.EXPOSING
    assert len(play.captures()) == 2


def test_no_camera_press_takes_nothing_recovers_by_itself() -> None:
    play = StateMachineDriver()
    assert play.says(NO_CAMERA) is BoothState.FAULT
    assert play.booth.problem == NO_CAMERA.problem
    assert play.press() is BoothState.FAULT
    assert play.captures() == []
    assert play.says(READY) is BoothState.READY
    assert play.booth.problem is None


def test_a_full_card_starts_no_countdown_and_room_heals_it() -> None:
    play = StateMachineDriver(countdown_s=3)
    play.says(READY)
    assert play.says(FULL) is BoothState.FAULT
    assert play.press() is BoothState.FAULT
    assert play.says(ROOM) is BoothState.READY
    assert play.press() is BoothState.COUNTDOWN
    assert play.says(FULL) is BoothState.COUNTDOWN


def test_capture_failure_shown_next_press_takes_photo() -> None:
    play = StateMachineDriver()
    play.says(READY)
    play.press()
    assert play.says(CaptureFailed(problem("camera_stuck"), play.booth.zero_ns)) is BoothState.FAULT
    assert play.booth.takes_photos
    assert play.press() is BoothState.EXPOSING
    play.says(CaptureFailed(problem("camera_stuck"), play.booth.zero_ns))
    assert play.waits_s(NOTICE_NS / SECOND_NS) is BoothState.READY


def test_late_failure_of_earlier_photo_does_not_end_next_one() -> None:
    play = StateMachineDriver()
    play.says(READY)
    play.press()
    earlier_ns = play.booth.zero_ns
    assert play.waits_s(CAPTURE_ANSWER_TIMEOUT_NS / SECOND_NS) is BoothState.FAULT
    assert play.press() is BoothState.EXPOSING
    assert play.says(CaptureFailed(problem("camera_stuck"), earlier_ns)) is BoothState.EXPOSING
    assert play.says(CaptureFailed(problem("camera_stuck"), play.booth.zero_ns)) is BoothState.FAULT


def test_a_photo_that_is_not_saved_is_never_called_saved() -> None:
    play = StateMachineDriver()
    play.says(READY)
    play.press()
    play.says(Exposed(frame(), play.booth.zero_ns))
    assert play.says(SavingFailed(problem("not_saved"), problem("unsaved_defect"))) is BoothState.FAULT
    assert play.booth.number == 0
    assert play.booth.problem == problem("not_saved")


def test_a_camera_that_never_answers_is_given_up() -> None:
    play = StateMachineDriver()
    play.says(READY)
    play.press()
    zero_ns = play.booth.zero_ns
    assert play.waits_s(CAPTURE_ANSWER_TIMEOUT_NS / SECOND_NS) is BoothState.FAULT
    late = frame()
    play.says(Exposed(late, zero_ns))
    assert play.effects[-1] == Discard(late)


def test_late_answer_to_earlier_press_is_not_this_press_photo() -> None:
    play = StateMachineDriver()
    play.says(READY)
    play.press()
    earlier_ns = play.booth.zero_ns
    late = frame()  # exposed after both, but for the first: perhaps before the second one's flash was lit
    play.waits_s(CAPTURE_ANSWER_TIMEOUT_NS / SECOND_NS)
    assert play.press() is BoothState.EXPOSING
    assert play.says(Exposed(late, earlier_ns)) is BoothState.EXPOSING
    assert play.effects[-1] == Discard(late)


def test_b03_press_before_saved_no_second_photo_if_saved_is_0_s() -> None:
    play = StateMachineDriver(review_s=0)
    play.says(READY)
    play.press()
    play.says(Exposed(frame(), play.booth.zero_ns), Saved(1))
    began_ns = play.now_ns - 1
    assert play.waits_s(0.001) is BoothState.READY
    assert play.says(Pressed(began_ns), Released(play.now_ns)) is BoothState.READY
    assert play.booth.busy_hint_until_ns > play.now_ns
    assert play.press() is BoothState.EXPOSING


def test_frame_begun_before_zero_is_never_the_photo() -> None:
    play = StateMachineDriver()
    play.says(READY)
    play.press()
    early = frame(play.booth.zero_ns - 1)
    assert play.says(Exposed(early, play.booth.zero_ns)) is BoothState.EXPOSING
    assert play.effects[-1] == Discard(early)


def test_a_camera_lost_in_the_countdown_ends_it() -> None:
    play = StateMachineDriver(countdown_s=3)
    play.says(READY)
    play.press()
    assert play.says(NO_CAMERA) is BoothState.FAULT
    assert play.waits_s(5) is BoothState.FAULT
    assert play.captures() == []


def test_stopping_is_final() -> None:
    play = StateMachineDriver()
    play.says(READY, Stop())
    late = frame()
    assert play.says(Pressed(play.now_ns), READY, Exposed(late, 0)) is BoothState.STOPPING
    assert play.effects == [Discard(late)]


EARLIER_NS = -1
"""The zero of an answer to an earlier question; what answers the present one is given its zero when it is said."""

events = st.one_of(
    st.just(READY),
    st.just(NO_CAMERA),
    st.just(FULL),
    st.just(ROOM),
    st.builds(CaptureFailed, st.just(problem("camera_stuck")), st.integers(0, 10**13)),
    st.just(SavingFailed(problem("not_saved"), problem("unsaved_defect"))),
    st.builds(Saved, st.integers(1, 9)),
    st.builds(lambda zero_ns: Exposed(frame(), zero_ns), st.sampled_from((EARLIER_NS, 0))),
    st.builds(Pressed, st.integers(0, 10**13)),
    st.builds(Released, st.integers(0, 10**13)),
    st.builds(DownAtStart, st.integers(0, 10**13)),
    st.just(Tick()),
)


@pytest.mark.slow
@given(st.lists(st.tuples(events, st.integers(0, 8 * SECOND_NS)), max_size=60), st.integers(0, 3))
def test_every_capture_has_a_press_every_frame_saved_or_returned(
    story: list[tuple[Event, int]], countdown_s: int
) -> None:
    play = StateMachineDriver(countdown_s)
    presses = frames = 0
    for happens, passes_ns in story:
        play.now_ns += passes_ns
        before, event = play.booth, happens
        if isinstance(happens, Exposed) and happens.zero_ns != EARLIER_NS:
            event = replace(happens, zero_ns=before.zero_ns)
        presses += isinstance(event, Pressed)
        frames += isinstance(event, Exposed)
        play.says(event)
        assert len(play.captures()) <= presses
        assert sum(isinstance(effect, Save | Discard) for effect in play.effects) == frames
        if isinstance(event, Pressed) and before.takes_photos and before.state is BoothState.READY:
            assert play.booth.state in (BoothState.COUNTDOWN, BoothState.EXPOSING)
        if play.booth.state is BoothState.READY:
            assert play.booth.takes_photos


# -- the flash -----------------------------------------------------------------------------------------------------


def with_flash(countdown_s: int, lead_s: float = 1.5) -> StateMachineDriver:
    play = StateMachineDriver()
    play.settings = FlowSettings(countdown_s, 2.5, lead_s)
    play.says(READY)
    return play


def test_flash_lit_from_lead_before_zero_until_frame_exposed() -> None:
    play = with_flash(countdown_s=3)
    edge_ns = play.now_ns
    play.press()
    lit: list[tuple[int, bool]] = [(0, False)]
    while play.booth.state is BoothState.COUNTDOWN:
        deadline_ns = play.booth.deadline_ns(play.now_ns)
        assert deadline_ns is not None
        play.now_ns = deadline_ns
        play.says(Tick())
        if play.booth.is_flash_on(play.now_ns) != lit[-1][1]:
            lit.append((play.now_ns - edge_ns, not lit[-1][1]))
    assert lit[1:] == [(int(1.5 * SECOND_NS), True)], "it comes on by a tick of its own, not at the next digit"
    assert play.effects[-1] == Capture(edge_ns + 3 * SECOND_NS, flash_on_ns=edge_ns + int(1.5 * SECOND_NS))
    assert play.booth.is_flash_on(play.now_ns)
    play.says(Exposed(frame(), play.booth.zero_ns))
    assert not play.booth.is_flash_on(play.now_ns)


def test_flash_no_countdown_lit_at_once_short_one_lit_from_press() -> None:
    for countdown_s in (0, 1):
        play = with_flash(countdown_s)
        edge_ns = play.now_ns
        play.press()
        assert play.booth.is_flash_on(play.now_ns)
        play.waits_s(countdown_s)
        assert play.effects[-1] == Capture(edge_ns + countdown_s * SECOND_NS, flash_on_ns=edge_ns)


def test_flash_off_on_failed_capture_or_lost_camera() -> None:
    for trouble in (CaptureFailed(problem("camera_stuck"), StateMachineDriver().now_ns), NO_CAMERA, Stop()):
        play = with_flash(countdown_s=0)
        play.press()
        play.says(trouble)
        assert not play.booth.is_flash_on(play.now_ns + SECOND_NS)


@pytest.mark.parametrize("countdown_s", [0, 1, 2, 5])
def test_e6_lens_lit_in_the_last_second_until_frame_exposed(countdown_s: int) -> None:
    play = StateMachineDriver()
    play.settings = FlowSettings(countdown_s, 2.5)
    play.says(READY)
    edge_ns = play.now_ns
    assert not play.booth.is_lens_lit(play.now_ns)
    play.press()
    since_ns = [] if not play.booth.is_lens_lit(play.now_ns) else [0]
    while play.booth.state is BoothState.COUNTDOWN:
        deadline_ns = play.booth.deadline_ns(play.now_ns)
        assert deadline_ns is not None
        play.now_ns = deadline_ns
        play.says(Tick())
        if play.booth.is_lens_lit(play.now_ns) and not since_ns:
            since_ns = [play.now_ns - edge_ns]
    assert since_ns == [max(0, countdown_s - 1) * SECOND_NS], "by a tick that comes when it is due"
    assert play.booth.state is BoothState.EXPOSING and play.booth.is_lens_lit(play.now_ns)
    play.says(Exposed(frame(), play.booth.zero_ns))
    assert not play.booth.is_lens_lit(play.now_ns)


@pytest.mark.parametrize("trouble", [None, NO_CAMERA, Stop()])
@pytest.mark.parametrize("countdown_s", [0, 1])
def test_e6_lens_dark_on_failed_capture_lost_camera_or_stop(trouble: Event | None, countdown_s: int) -> None:
    play = StateMachineDriver()
    play.settings = FlowSettings(countdown_s, 2.5)
    play.says(READY)
    play.press()
    assert play.booth.is_lens_lit(play.now_ns)
    if trouble is None:
        play.waits_s(countdown_s)
    play.says(trouble or CaptureFailed(problem("camera_stuck"), play.booth.zero_ns))
    assert not play.booth.is_lens_lit(play.now_ns + SECOND_NS)


def test_flash_absent_nothing_lit_no_frame_waits() -> None:
    play = StateMachineDriver()
    play.says(READY)
    play.press()
    assert not play.booth.is_flash_on(play.now_ns)
    assert play.effects[-1] == Capture(play.now_ns, flash_on_ns=None)
