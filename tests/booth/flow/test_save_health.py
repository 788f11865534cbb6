"""Photos that are not saved, and the test photo: the value alone, then what the state machine makes of it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from piboothup.booth.feedback import pattern
from piboothup.booth.flow.capture import SAVING_TIMEOUT_NS
from piboothup.booth.flow.events import (
    CameraLost,
    Capture,
    CaptureFailed,
    Discard,
    Event,
    Exposed,
    Pressed,
    Released,
    Saved,
    SaveTested,
    SavingFailed,
    Stop,
    StorageChecked,
    Tick,
    TrySaving,
)
from piboothup.booth.flow.long_press import SECOND_NS
from piboothup.booth.flow.pages import PageKind
from piboothup.booth.flow.save_health import AFTER_NO_FRAME_NS, FRAME_NS, RETRY_NS, SaveHealth
from piboothup.booth.flow.state import Booth, FlowSettings
from piboothup.problems import Problem, problem
from piboothup.status import BoothState
from tests.support.machine import FULL, NO_CAMERA, READY, ROOM, StateMachineDriver, frame

TOO_OLD = problem("unsaved_jpeg", "AttributeError")
TOO_LARGE = problem("unsaved_limit", "File too large")
NO_MEMORY = problem("unsaved_ram", "MemoryError")
NOT_SAVED = problem("not_saved")
REASONS = (TOO_OLD, TOO_LARGE, NO_MEMORY, problem("unsaved_exif", "ExifNotWritten"), problem("card_full"))


def after(*reasons: Problem | None) -> SaveHealth:
    """The photos since the start: each why it was not saved, None = it was."""
    health = SaveHealth(is_tested=True)
    for reason in reasons:
        health = health.photo_saved() if reason is None else health.photo_failed(reason, 0)
    return health


@pytest.mark.parametrize("reason", REASONS)
def test_f16_the_third_failure_for_one_reason_is_a_fault(reason: Problem) -> None:
    assert [after(*(reason,) * n).fault for n in range(5)] == [None, None, None, reason, reason]


@pytest.mark.parametrize(
    "story",
    [
        (TOO_OLD, TOO_OLD, TOO_LARGE),
        (TOO_OLD, TOO_LARGE, TOO_OLD),
        (TOO_OLD, TOO_OLD, TOO_LARGE, TOO_LARGE),
        (TOO_OLD, TOO_LARGE) * 2,
        (TOO_OLD, TOO_OLD, None, TOO_OLD),
        (TOO_OLD, TOO_OLD, None, TOO_OLD, TOO_OLD),
        (TOO_OLD, TOO_OLD, TOO_OLD, None),
    ],
)
def test_f16_another_reason_or_a_saved_photo_resets_the_count(story: tuple[Problem | None, ...]) -> None:
    assert after(*story).fault is None


def test_f16_reasons_are_told_apart_by_code_not_by_detail() -> None:
    out_of_ram = problem("unsaved_ram", "OSError")
    assert after(NO_MEMORY, out_of_ram, NO_MEMORY).fault == NO_MEMORY
    assert after(problem("unsaved_card", "a"), problem("unsaved_card", "b")).fault is None


@pytest.mark.parametrize("story", [(TOO_OLD, TOO_LARGE), (TOO_OLD, NO_MEMORY, TOO_LARGE), REASONS])
def test_f16_five_failures_in_a_row_are_a_fault_whatever_for(story: tuple[Problem, ...]) -> None:
    failures = (story * 5)[:5]
    assert after(*failures[:4]).fault is None
    assert after(*failures).fault == failures[-1]
    assert after(*failures[:4], None, failures[4]).fault is None


def test_f16_a_fault_lasts_whatever_the_reason_of_the_next() -> None:
    assert after(TOO_OLD, TOO_OLD, TOO_OLD, NO_MEMORY).fault == NO_MEMORY


# -- the state machine ---------------------------------------------------------------------------------------------


def starting() -> StateMachineDriver:
    """A booth whose camera did not speak yet."""
    play = StateMachineDriver()
    play.booth = Booth()
    return play


def take(play: StateMachineDriver, event: Event) -> BoothState:
    """A guest presses, the frame comes, and this is what becomes of it."""
    play.press()
    assert play.booth.state is BoothState.EXPOSING
    play.says(Exposed(frame(), play.booth.zero_ns))
    return play.says(event)


def fails(play: StateMachineDriver, times: int = 3, reason: Problem = TOO_OLD) -> BoothState:
    for _ in range(times):
        state = take(play, SavingFailed(NOT_SAVED, reason))
    return state


def ready_then_fault(reason: Problem = TOO_OLD) -> StateMachineDriver:
    play = StateMachineDriver()
    play.says(READY)
    fails(play, 3, reason)
    play.effects.clear()
    return play


def answer(play: StateMachineDriver, reason: Problem | None) -> BoothState:
    """The test frame comes, and this is what becomes of it."""
    asked_ns = play.booth.health.asked_ns
    assert asked_ns is not None and play.captures()[-1] == asked_ns
    came = frame(asked_ns)
    play.says(Exposed(came, asked_ns))
    assert play.effects[-1] == TrySaving(came)
    return play.says(SaveTested(reason))


def test_f16_two_failures_are_notices_and_the_third_a_fault() -> None:
    play = StateMachineDriver()
    play.says(READY)
    for _ in range(2):
        fails(play, 1)
        assert (play.booth.state, play.booth.problem) == (BoothState.FAULT, NOT_SAVED)
        assert play.booth.takes_photos
    fails(play, 1)
    assert (play.booth.state, play.booth.problem) == (BoothState.FAULT, TOO_OLD)
    assert not play.booth.takes_photos
    assert play.waits_s(29) is BoothState.FAULT


def test_f16_in_the_fault_a_press_only_nudges() -> None:
    play = ready_then_fault()
    for _ in range(3):
        assert play.press() is BoothState.FAULT
        assert play.booth.busy_hint_until_ns > play.now_ns
        play.waits_s(2)
    assert play.effects == []


def test_f16_every_30_s_a_test_photo_is_tried_in_the_dark() -> None:
    play = ready_then_fault()
    began_ns = play.now_ns
    for round_number in range(1, 4):
        while not play.booth.health.is_under_way:
            deadline_ns = play.booth.deadline_ns(play.now_ns)
            assert deadline_ns is not None and deadline_ns > play.now_ns
            play.now_ns = deadline_ns
            play.says(Tick())
        assert play.now_ns - began_ns == round_number * RETRY_NS
        assert play.effects[-1] == Capture(play.booth.health.asked_ns or 0, flash_on_ns=None)
        assert not play.booth.is_flash_on(play.now_ns)
        fault = pattern(play.booth, play.now_ns)
        assert answer(play, TOO_OLD) is BoothState.FAULT
        assert pattern(play.booth, play.now_ns) is fault
    assert play.booth.photos == 0
    assert play.waits_s(30) is BoothState.FAULT
    assert answer(play, None) is BoothState.READY
    assert play.booth.problem is None


def test_f16_a_success_ends_the_fault_and_one_failure_renews_it() -> None:
    play = ready_then_fault()
    play.waits_s(30)
    answer(play, None)
    assert fails(play, 1) is BoothState.FAULT
    assert play.booth.problem == TOO_OLD, "the test photo may be smaller than a guest's"
    play.waits_s(30)
    answer(play, None)
    take(play, Saved(1))
    play.waits_s(5)
    fails(play, 2)
    assert play.booth.problem == NOT_SAVED


def test_f16_a_test_photo_that_fails_otherwise_is_told_anew() -> None:
    play = ready_then_fault()
    play.waits_s(30)
    assert answer(play, NO_MEMORY) is BoothState.FAULT
    assert play.booth.problem == NO_MEMORY


def test_f16_no_ready_before_the_test_photo_was_saved() -> None:
    play = starting()
    assert play.says(READY) is BoothState.STARTING
    assert play.press() is BoothState.STARTING
    assert play.booth.busy_hint_until_ns > play.now_ns
    assert answer(play, None) is BoothState.READY
    assert len(play.captures()) == 1
    play.waits_s(3600)
    assert len(play.captures()) == 1, "nothing is written at rest"


@pytest.mark.parametrize("reason", REASONS)
def test_f16_at_the_start_one_failure_is_the_fault(reason: Problem) -> None:
    play = starting()
    play.says(READY)
    assert answer(play, reason) is BoothState.FAULT
    assert play.booth.problem == reason
    assert play.press() is BoothState.FAULT
    play.waits_s(30)
    assert answer(play, None) is BoothState.READY


def test_f16_without_a_camera_the_test_photo_waits_for_one() -> None:
    play = starting()
    play.says(NO_CAMERA)
    assert play.waits_s(600) is BoothState.FAULT
    assert play.effects == []
    assert play.says(READY) is BoothState.STARTING
    assert answer(play, None) is BoothState.READY
    play.says(NO_CAMERA)
    assert play.says(READY) is BoothState.READY, "once is enough"


NO_FRAME = problem("camera_stuck")
UNTAKEN = problem("no_photos")


def gives_no_frame(play: StateMachineDriver, how: str) -> BoothState:
    """A guest presses, and the camera, which streams until zero, has no frame for him."""
    play.waits_s(7)
    play.press()
    play.waits_s(play.settings.countdown_s)
    assert play.booth.state is BoothState.EXPOSING
    failed, lost = CaptureFailed(NO_FRAME, play.booth.zero_ns), CameraLost(NO_FRAME)
    match how:
        case "fails":
            return play.says(failed, lost, READY)
        case "is lost":
            return play.says(lost, failed, READY)
        case _:
            return play.waits_s(6)


@pytest.mark.parametrize("countdown_s", [0, 3])
@pytest.mark.parametrize("how", ["fails", "is lost", "says nothing"])
def test_f16_third_press_in_a_row_without_a_frame_is_a_fault(how: str, countdown_s: int) -> None:
    play = StateMachineDriver(countdown_s)
    play.says(READY)
    for _ in range(2):
        gives_no_frame(play, how)
        assert play.booth.takes_photos
    gives_no_frame(play, how)
    assert (play.booth.state, play.booth.problem) == (BoothState.FAULT, UNTAKEN)
    play.effects.clear()
    assert play.press() is BoothState.FAULT
    assert play.waits_s(29) is BoothState.FAULT
    assert play.captures() == []
    play.waits_s(1)
    assert play.captures() == [play.now_ns], "as new as a guest's"
    assert play.says(CaptureFailed(NO_FRAME, play.now_ns), CameraLost(NO_FRAME), READY) is BoothState.FAULT
    play.waits_s(29)
    assert len(play.captures()) == 1
    play.waits_s(1)
    assert answer(play, None) is BoothState.READY


def test_f16_no_frame_and_not_saved_in_turn_are_a_fault() -> None:
    play = StateMachineDriver()
    play.says(READY)
    for _ in range(2):
        play.press()
        play.says(CaptureFailed(NO_FRAME, play.booth.zero_ns))
        assert play.booth.problem == NO_FRAME
        fails(play, 1)
        assert play.booth.problem == NOT_SAVED
    play.press()
    play.says(CaptureFailed(NO_FRAME, play.booth.zero_ns))
    assert (play.booth.state, play.booth.problem) == (BoothState.FAULT, UNTAKEN)


def test_f16_at_the_start_a_third_test_frame_missed_is_a_fault() -> None:
    play = starting()
    play.says(READY)
    for _ in range(2):
        assert play.says(CaptureFailed(NO_FRAME, play.captures()[-1])) is BoothState.STARTING
        play.waits_s(1)
    assert play.says(CaptureFailed(NO_FRAME, play.captures()[-1])) is BoothState.FAULT
    assert play.booth.problem == UNTAKEN
    play.press()
    assert play.waits_s(29) is BoothState.FAULT
    assert len(play.captures()) == 3
    play.waits_s(1)
    assert answer(play, None) is BoothState.READY


@pytest.mark.parametrize("speaks", [True, False])
def test_f16_a_test_frame_that_does_not_come_is_no_failure(speaks: bool) -> None:
    play = starting()
    play.says(READY)
    asked_ns = play.captures()[-1]
    if speaks:
        play.says(CaptureFailed(problem("camera_stuck"), asked_ns))
    else:
        play.waits_s(FRAME_NS / SECOND_NS)
    late = frame(asked_ns)
    play.says(Exposed(late, asked_ns))
    assert play.effects[-1] == Discard(late)
    assert (play.booth.state, play.booth.problem) == (BoothState.STARTING, None)
    play.waits_s(AFTER_NO_FRAME_NS / SECOND_NS)
    assert len(play.captures()) == 2
    assert answer(play, None) is BoothState.READY


def test_f16_a_camera_lost_over_the_test_frame_is_the_fault_told() -> None:
    play = starting()
    play.says(READY)
    stuck = problem("camera_stuck")
    play.says(CaptureFailed(stuck, play.captures()[-1]), CameraLost(stuck))
    assert (play.booth.state, play.booth.problem) == (BoothState.FAULT, stuck)
    play.says(READY)
    play.waits_s(1)
    assert answer(play, None) is BoothState.READY


def test_f16_s01_a_full_card_wins_and_is_tested_when_it_has_room() -> None:
    play = starting()
    play.says(FULL, READY)
    assert (play.waits_s(120), play.booth.problem) == (BoothState.FAULT, FULL.problem)
    assert play.captures() == []
    assert play.says(ROOM) is BoothState.STARTING
    assert answer(play, None) is BoothState.READY


def test_f16_s01_a_card_that_fills_up_wins_over_not_saved() -> None:
    play = ready_then_fault()
    play.says(FULL)
    assert play.booth.problem == FULL.problem
    play.waits_s(90)
    assert play.captures() == [], "nothing is tried on a card that is full"
    play = ready_then_fault()
    play.says(FULL)
    play.waits_s(5)
    play.says(ROOM)
    assert play.booth.problem == TOO_OLD
    assert answer(play, None) is BoothState.READY, "at once: half a minute would be lost for nothing"


def test_f16_s15_a_card_that_hangs_over_the_test_photo_is_told() -> None:
    play = starting()
    play.says(READY)
    asked_ns = play.captures()[-1]
    play.says(Exposed(frame(asked_ns), asked_ns))
    assert play.waits_s(SAVING_TIMEOUT_NS / SECOND_NS) is BoothState.FAULT
    assert play.booth.problem == problem("card_stuck")
    play.waits_s(600)
    assert len(play.captures()) == 1
    assert play.says(SaveTested(None), StorageChecked(None)) is BoothState.READY


def test_f16_who_has_the_menu_open_keeps_it_and_the_camera() -> None:
    play = ready_then_fault()
    play.waits_s(20)
    play.holds_s(5.0)
    assert play.booth.page is not None and play.booth.page.kind is PageKind.MENU
    assert play.waits_s(15) is BoothState.MENU
    assert play.captures() == []
    assert play.waits_s(5) is BoothState.FAULT
    assert len(play.captures()) == 1
    play.holds_s(5.0)
    assert play.booth.state is BoothState.MENU
    answer(play, NO_MEMORY)
    assert play.booth.state is BoothState.MENU
    assert play.waits_s(25) is BoothState.FAULT
    assert play.booth.problem == NO_MEMORY


events = st.one_of(
    *(st.just(event) for event in (READY, NO_CAMERA, FULL, ROOM, Tick(), Saved(1), Stop())),
    st.builds(SavingFailed, st.just(NOT_SAVED), st.sampled_from(REASONS)),
    st.builds(SaveTested, st.sampled_from((None, *REASONS))),
    st.builds(lambda zero_ns: Exposed(frame(), zero_ns), st.sampled_from((-1, 0, 1))),
    st.builds(CaptureFailed, st.just(problem("camera_stuck")), st.sampled_from((-1, 0, 1))),
    st.builds(Pressed, st.integers(0, 10**13)),
    st.builds(Released, st.integers(0, 10**13)),
)


@pytest.mark.slow
@given(st.lists(st.tuples(events, st.integers(0, 40 * SECOND_NS)), max_size=60))
def test_f16_whatever_happens_ready_means_that_photos_are_saved(story: list[tuple[Event, int]]) -> None:
    """The zeros: 0 = of the photo under way, 1 = of the test frame, -1 = of an earlier question."""
    play = starting()
    play.settings = FlowSettings(countdown_s=0)
    frames = 0
    for event, passes_ns in story:
        play.now_ns += passes_ns
        if isinstance(event, Exposed | CaptureFailed) and event.zero_ns >= 0:
            zero_ns = play.booth.health.asked_ns if event.zero_ns else play.booth.zero_ns
            event = replace(event, zero_ns=-1 if zero_ns is None else zero_ns)  # noqa: PLW2901
        frames += isinstance(event, Exposed)
        state = play.says(event)
        assert sum(not isinstance(effect, Capture) for effect in play.effects) == frames
        health = play.booth.health
        if state is BoothState.READY or play.booth.takes_photos:
            assert health.is_tested and health.fault is None
        deadline_ns = play.booth.deadline_ns(play.now_ns)
        assert deadline_ns is None or not health.is_under_way or deadline_ns <= health.until_ns
