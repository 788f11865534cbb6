"""The thread that owns the camera: every job is answered, and every trouble ends in another try."""

from __future__ import annotations

import threading
from collections.abc import Callable
from itertools import pairwise

import pytest

from piboothup.booth.camera.base import CameraFault
from piboothup.booth.camera.thread import (
    CALL_TIMEOUT_NS,
    FIRST_OPEN_LIMIT_NS,
    MAX_RETRY_S,
    STALL_TIMEOUT_NS,
    UNRECOVERABLE_AFTER,
    CameraThread,
    CaptureJob,
    RecoveryCounts,
)
from piboothup.booth.flow.events import CameraLost, CameraReady, CaptureFailed, Event, Exposed
from piboothup.booth.frame import Frame
from piboothup.problems import problem
from tests.support.camera import FakeCamera, S, run_for
from tests.support.clock import HandClock
from tests.support.deadline import PATIENCE_S


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def camera(clock: HandClock) -> FakeCamera:
    return FakeCamera(clock)


@pytest.fixture
def told() -> list[Event]:
    return []


@pytest.fixture
def thread(camera: FakeCamera, clock: HandClock, told: list[Event]) -> CameraThread:
    return CameraThread(camera, clock, told.append)


def test_it_is_ready_only_when_the_first_frame_has_come(
    thread: CameraThread, camera: FakeCamera, told: list[Event]
) -> None:
    camera.streams = False
    thread.run_once(None)
    assert told == []
    camera.streams = True
    thread.run_once(None)
    assert told == [CameraReady()]


def test_capture_job_returns_frame_camera_found_for_its_zero(
    thread: CameraThread, camera: FakeCamera, clock: HandClock, told: list[Event]
) -> None:
    thread.run_once(None)
    zero_ns = clock.boottime_ns() + 2 * S
    thread.run_once(CaptureJob(zero_ns))
    assert isinstance(told[-1], Exposed)
    assert told[-1].frame.exposure_start_ns >= zero_ns
    assert camera.captures == [(zero_ns, 6.0)]


def test_k01_no_camera_at_boot_reported_once_retried_recovers(
    thread: CameraThread, camera: FakeCamera, clock: HandClock, told: list[Event]
) -> None:
    camera.fault = problem("no_camera")
    run_for(thread, clock, 120)
    assert told == [CameraLost(problem("no_camera"))]
    camera.fault = None
    run_for(thread, clock, MAX_RETRY_S + 1)
    assert told[1:] == [CameraReady()]


def test_the_pause_between_two_tries_grows_from_1_s_to_10_s(
    thread: CameraThread, camera: FakeCamera, clock: HandClock
) -> None:
    camera.raises = RuntimeError("busy")
    tries: list[float] = []
    closed = 0
    for _ in range(2000):
        thread.run_once(None)
        if camera.closed != closed:
            closed = camera.closed
            tries.append(clock.boottime_s)
        clock.pass_s(0.05)
    pauses = [later - earlier for earlier, later in pairwise(tries)]
    assert [round(pause) for pause in pauses[:6]] == [1, 2, 4, 8, 10, 10]


def test_k02_frames_stop_noticed_within_5_s_camera_reopened(
    thread: CameraThread, camera: FakeCamera, clock: HandClock, told: list[Event]
) -> None:
    run_for(thread, clock, 3)
    camera.streams = False
    run_for(thread, clock, 5)
    assert told[1:] == [CameraLost(problem("camera_stuck"))]
    camera.streams = True
    run_for(thread, clock, 2)
    assert told[2:] == [CameraReady()]
    assert camera.opened == 2


def test_k02_a_press_while_frames_stand_still_is_answered(
    thread: CameraThread, camera: FakeCamera, clock: HandClock, told: list[Event]
) -> None:
    run_for(thread, clock, 3)
    camera.streams = False
    zero_ns = clock.boottime_ns()
    thread.run_once(CaptureJob(zero_ns))
    assert told[1:] == [CaptureFailed(problem("camera_stuck"), zero_ns), CameraLost(problem("camera_stuck"))]
    assert camera.closed == 1


@pytest.mark.parametrize("pressed_after_s", [0.0, 0.4, 2.0, 2.9, 3.4])
def test_k02_a_press_during_a_stall_does_not_make_it_last_longer(
    thread: CameraThread, camera: FakeCamera, clock: HandClock, told: list[Event], pressed_after_s: float
) -> None:
    run_for(thread, clock, 3)
    camera.streams = False
    began_s = clock.boottime_s
    run_for(thread, clock, pressed_after_s)
    zero_ns = clock.boottime_ns()
    thread.run_once(CaptureJob(zero_ns))
    assert CaptureFailed(problem("camera_stuck"), zero_ns) in told
    assert CameraLost(problem("camera_stuck")) in told
    assert clock.boottime_s - began_s <= 5.0


def test_a_photo_of_a_stream_that_goes_on_gets_all_its_time(
    thread: CameraThread, camera: FakeCamera, clock: HandClock
) -> None:
    thread.run_once(None)
    clock.pass_s(STALL_TIMEOUT_NS / S - 0.1)  # a turn that came late, as on a busy machine
    zero_ns = clock.boottime_ns() + 5 * S
    thread.run_once(CaptureJob(zero_ns))
    assert camera.captures == [(zero_ns, 9.0)]


def test_press_without_camera_answered_with_reason(
    thread: CameraThread, camera: FakeCamera, clock: HandClock, told: list[Event]
) -> None:
    camera.fault = problem("no_camera")
    zero_ns = clock.boottime_ns()
    thread.run_once(CaptureJob(zero_ns))
    thread.run_once(CaptureJob(zero_ns))
    assert told == [CameraLost(problem("no_camera"))] + 2 * [CaptureFailed(problem("no_camera"), zero_ns)]


def test_k03_ten_capture_timeouts_in_a_row_then_photos_as_before(
    thread: CameraThread, camera: FakeCamera, clock: HandClock, told: list[Event]
) -> None:
    for _ in range(10):
        camera.streams = True
        run_for(thread, clock, MAX_RETRY_S + 1)
        camera.streams = False
        thread.run_once(CaptureJob(clock.boottime_ns()))
    assert camera.opened == camera.closed == 10
    camera.streams = True
    run_for(thread, clock, MAX_RETRY_S + 1)
    thread.run_once(CaptureJob(clock.boottime_ns()))
    assert isinstance(told[-1], Exposed)


def test_capture_job_answered_once_even_if_camera_lost_later(
    thread: CameraThread, camera: FakeCamera, clock: HandClock, told: list[Event]
) -> None:
    run_for(thread, clock, 1)
    thread.run_once(CaptureJob(clock.boottime_ns()))
    camera.streams = False
    run_for(thread, clock, 5)
    assert [type(event) for event in told] == [CameraReady, Exposed, CameraLost]
    thread.run_once(CaptureJob(clock.boottime_ns()))
    run_for(thread, clock, 12)
    assert [type(event) for event in told][3:] == [CaptureFailed]


def test_camera_loss_reported_before_slow_close(thread: CameraThread, camera: FakeCamera, told: list[Event]) -> None:
    thread.run_once(None)
    heard: list[int] = []
    camera.close = lambda: heard.append(len(told))  # type: ignore[method-assign]
    camera.raises = CameraFault(problem("camera_stuck"))
    thread.run_once(None)
    assert heard == [2]


@pytest.mark.parametrize("step", ["open", "frames", "capture"])
def test_k08_unexpected_exception_reopens_camera(
    thread: CameraThread, camera: FakeCamera, clock: HandClock, told: list[Event], step: str
) -> None:
    if step != "open":
        thread.run_once(None)
    if step == "capture":
        camera.on_capture = lambda: 1 // 0  # type: ignore[assignment]
        zero_ns = clock.boottime_ns()
        thread.run_once(CaptureJob(zero_ns))
        assert CaptureFailed(problem("camera_stuck"), zero_ns) in told
    else:
        camera.raises = ZeroDivisionError()
        thread.run_once(None)
    assert told.pop() == CameraLost(problem("camera_stuck"))
    camera.raises, camera.on_capture = None, lambda: None
    run_for(thread, clock, MAX_RETRY_S)
    assert told[-1] == CameraReady()


def test_heartbeat_camera_retries_count_blocked_call_does_not(
    thread: CameraThread, camera: FakeCamera, clock: HandClock
) -> None:
    camera.fault = problem("no_camera")
    run_for(thread, clock, 60)
    assert clock.boottime_ns() - thread.heartbeat.last_ns() <= 2 * S
    camera.fault = None
    run_for(thread, clock, 11)
    ages: list[int] = []

    def hang() -> None:
        for seconds in (15, 10):
            clock.pass_s(seconds)
            ages.append(clock.boottime_ns() - thread.heartbeat.last_ns())

    camera.on_capture = hang
    thread.run_once(CaptureJob(clock.boottime_ns()))
    assert ages == [0, 25 * S]
    assert CALL_TIMEOUT_NS == 20 * S


@pytest.mark.parametrize("first", ["imports", "sees no camera", "can't import"])
def test_f23_until_one_open_went_well_opening_may_take_90_s(
    thread: CameraThread, camera: FakeCamera, clock: HandClock, told: list[Event], first: str
) -> None:
    ages: list[int] = []
    open_camera = camera.open

    def slow() -> None:
        for seconds in (46, 43, 2):
            clock.pass_s(seconds)
            ages.append((clock.boottime_ns() - thread.heartbeat.last_ns()) // S)
        open_camera()

    if first != "imports":  # what was not loaded then is loaded with the next one
        camera.fault = problem("no_camera") if first == "sees no camera" else None
        camera.raises = ImportError("half an upgrade") if first == "can't import" else None
        thread.run_once(None)
        clock.pass_s(MAX_RETRY_S)
        camera.fault = camera.raises = None
    camera.open = slow  # type: ignore[method-assign]
    told.clear()
    thread.run_once(None)
    assert ages == [0, 0, 91]
    assert told == [CameraReady()]
    assert FIRST_OPEN_LIMIT_NS == 90 * S

    def slow_again() -> None:
        for seconds in (19, 2):
            clock.pass_s(seconds)
            ages.append((clock.boottime_ns() - thread.heartbeat.last_ns()) // S)
        open_camera()

    ages.clear()
    camera.open, camera.streams = slow_again, False  # type: ignore[method-assign]
    run_for(thread, clock, STALL_TIMEOUT_NS / S + MAX_RETRY_S)
    assert ages[:2] == [0, 21]


def test_camera_callers_only_enqueue_one_thread_uses_camera(clock: HandClock) -> None:
    camera = FakeCamera(clock)
    exposed = threading.Event()
    thread = CameraThread(camera, clock, lambda event: exposed.set() if isinstance(event, Exposed) else None)
    thread.capture(clock.boottime_ns())  # before it even runs: kept
    thread.start()
    assert exposed.wait(PATIENCE_S)
    thread.stop(PATIENCE_S)
    assert camera.threads == {"camera"}
    assert camera.closed == 1


def test_camera_thread_woken_by_new_request_not_by_repeat(thread: CameraThread) -> None:
    asks: tuple[tuple[Callable[[], None], bool], ...] = (
        (lambda: thread.prepare(2 * S), True),
        (lambda: thread.prepare(2 * S), False),
        (lambda: thread.prepare(None), True),
        (lambda: thread.set_viewfinder_on(True), True),
        (lambda: thread.set_viewfinder_on(True), False),
        (lambda: thread.capture(S), True),
        (thread.stop, True),  # it was never started, and that is no error
    )
    for ask, wakes in asks:
        assert thread._jobs.empty()
        ask()
        assert thread._jobs.empty() != wakes
        while not thread._jobs.empty():
            thread._jobs.get()


def test_of_two_jobs_not_yet_taken_up_only_the_newer_counts(clock: HandClock) -> None:
    camera = FakeCamera(clock)
    exposed = threading.Event()
    thread = CameraThread(camera, clock, lambda event: exposed.set() if isinstance(event, Exposed) else None)
    thread.capture(1 * S)
    thread.capture(2 * S)
    thread.start()
    assert exposed.wait(PATIENCE_S)
    thread.stop(PATIENCE_S)
    assert [zero_ns for zero_ns, _ in camera.captures] == [2 * S]


def test_u08_a_test_frame_takes_no_photo_s_place(clock: HandClock) -> None:
    def reply(_answer: object) -> None:
        pass

    for others_before, others_after in ((0, 1), (1, 0), (2, 2)):
        thread = CameraThread(FakeCamera(clock), clock, lambda _event: None)
        for zero_ns in range(others_before):
            thread.capture(zero_ns, reply=reply)
        thread.capture(5 * S)
        for zero_ns in range(others_after):
            thread.capture(6 * S + zero_ns, reply=reply)
        thread.set_viewfinder_on(True)
        assert thread._newest_job(0.0) == CaptureJob(5 * S)


def test_each_rung_of_the_ladder_is_counted_and_logged(
    thread: CameraThread, camera: FakeCamera, clock: HandClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    run_for(thread, clock, 1)
    for _ in range(2):
        thread.run_once(CaptureJob(clock.boottime_ns()))
        camera.streams = False
        thread.run_once(CaptureJob(clock.boottime_ns()))
        camera.streams = True
        run_for(thread, clock, 2)
    assert thread.recovery_counts == RecoveryCounts(timeouts=2, reopenings=2, failed_captures=1)
    assert "capture timed out count=2" in caplog.text
    assert "reopenings=2" in caplog.text


def test_camera_reopens_in_vain_after_streaming_new_process(
    camera: FakeCamera, clock: HandClock, told: list[Event]
) -> None:
    heard: list[float] = []
    thread = CameraThread(camera, clock, told.append, on_unrecoverable=lambda: heard.append(clock.boottime_s))
    run_for(thread, clock, 3)
    camera.streams = False
    run_for(thread, clock, 90)
    assert len(heard) == 1
    camera.streams = True
    run_for(thread, clock, 45)
    assert thread.recovery_counts.failed_reopenings == 0


def test_camera_giving_one_frame_per_open_needs_new_process(
    camera: FakeCamera, clock: HandClock, told: list[Event]
) -> None:
    heard: list[float] = []
    thread = CameraThread(camera, clock, told.append, on_unrecoverable=lambda: heard.append(clock.boottime_s))
    camera.frames = lambda: 1  # type: ignore[method-assign]
    began_s = clock.boottime_s
    run_for(thread, clock, 600)
    assert len(heard) == 1
    assert heard[0] - began_s < 60


def test_camera_streaming_without_photos_needs_new_process(
    camera: FakeCamera, clock: HandClock, told: list[Event]
) -> None:
    heard: list[float] = []
    thread = CameraThread(camera, clock, told.append, on_unrecoverable=lambda: heard.append(clock.boottime_s))
    for _ in range(5):
        camera.streams = True
        run_for(thread, clock, MAX_RETRY_S + 1)
        assert heard == []
        camera.streams = False
        thread.run_once(CaptureJob(clock.boottime_ns()))
    assert len(heard) == 1


@pytest.mark.parametrize("rests_s", [2, 40, 3600])
def test_f16_camera_that_lasts_but_fails_each_photo_new_process(
    camera: FakeCamera, clock: HandClock, told: list[Event], rests_s: int
) -> None:
    heard: list[float] = []
    thread = CameraThread(camera, clock, told.append, on_unrecoverable=lambda: heard.append(clock.boottime_s))
    real = camera.capture
    camera.capture = fail  # type: ignore[method-assign, assignment]
    for n in range(UNRECOVERABLE_AFTER):
        assert heard == []
        run_for(thread, clock, MAX_RETRY_S + rests_s)
        assert told[-1] == CameraReady()
        thread.run_once(CaptureJob(clock.boottime_ns()))
        assert thread.recovery_counts.failed_captures == n + 1
    assert len(heard) == 1
    camera.capture = real  # type: ignore[method-assign]
    run_for(thread, clock, MAX_RETRY_S + 2)
    thread.run_once(CaptureJob(clock.boottime_ns()))
    assert thread.recovery_counts.failed_captures == 0


def fail(*_: object) -> Frame:
    raise CameraFault(problem("camera_stuck"))


def test_f16_camera_nobody_presses_for_hours_keeps_process(
    camera: FakeCamera, clock: HandClock, told: list[Event]
) -> None:
    heard: list[float] = []
    thread = CameraThread(camera, clock, told.append, on_unrecoverable=lambda: heard.append(clock.boottime_s))
    for _ in range(UNRECOVERABLE_AFTER + 1):
        camera.streams = True
        run_for(thread, clock, 1200)
        camera.streams = False
        run_for(thread, clock, 4.6)
    assert heard == []
    assert thread.recovery_counts.failed_captures == 0


@pytest.mark.parametrize("gives", ["a photo", "a stream that lasts"])
def test_camera_lost_rarely_with_use_between_keeps_process(
    camera: FakeCamera, clock: HandClock, told: list[Event], gives: str
) -> None:
    heard: list[float] = []
    thread = CameraThread(camera, clock, told.append, on_unrecoverable=lambda: heard.append(clock.boottime_s))
    for _ in range(20):
        camera.streams = True
        run_for(thread, clock, 2 if gives == "a photo" else 33)
        if gives == "a photo":
            thread.run_once(CaptureJob(clock.boottime_ns()))
        camera.streams = False
        run_for(thread, clock, 4.6)
    assert heard == []
    assert thread.recovery_counts.failed_reopenings == 0
    assert thread.recovery_counts.reopenings >= 19


def test_camera_never_streamed_is_retried_forever(camera: FakeCamera, clock: HandClock, told: list[Event]) -> None:
    heard: list[float] = []
    thread = CameraThread(camera, clock, told.append, on_unrecoverable=lambda: heard.append(clock.boottime_s))
    camera.streams = False
    run_for(thread, clock, 600)
    camera.fault = problem("no_camera")
    run_for(thread, clock, 600)
    assert heard == []
