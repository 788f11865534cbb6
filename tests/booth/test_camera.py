"""The thread that owns the camera: every job is answered, and every trouble ends in another try."""

from __future__ import annotations

import threading
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest

from piboothup.booth.camera import (
    CALL_LIMIT_NS,
    LONGEST_PAUSE_S,
    CameraFault,
    CameraThread,
    CaptureTimedOut,
    Job,
    Troubles,
)
from piboothup.booth.events import CameraLost, CameraReady, CaptureFailed, Event, Exposed
from piboothup.booth.frame import Frame
from piboothup.booth.viewfinder import Viewfinder
from piboothup.problems import Problem, problem
from tests.clocks import HandClock

S = 1_000_000_000


class PlayedCamera:
    """A camera that does as it is told: present or not, streaming or not, raising what it should raise."""

    def __init__(self, clock: HandClock) -> None:
        self.clock = clock
        self.model, self.size = "imx477", (64, 48)
        self.present = self.streams = True
        self.raises: Exception | None = None
        self.on_capture: Callable[[], None] = lambda: None
        self.opened = self.closed = 0
        self.asked: list[tuple[int, float]] = []
        self.threads: set[str] = set()
        self.notice: Problem | None = None
        self.seen: Viewfinder | None = None
        self.held: list[tuple[float, bool]] = []
        self._frames = 0

    def _called(self) -> None:
        self.threads.add(threading.current_thread().name)
        if self.raises is not None:
            raise self.raises

    def open(self) -> None:
        if not self.present:
            raise CameraFault(problem("no_camera"))
        self._called()
        self.opened += 1
        self._frames = 0

    def capture(self, zero_ns: int, timeout_s: float, lit_ns: int | None = None) -> Frame:
        self._called()
        self.asked.append((zero_ns, timeout_s))
        self.on_capture()
        if not self.streams:
            self.clock.pass_s(timeout_s)
            raise CaptureTimedOut(problem("camera_stuck"))
        grey = np.zeros((48, 64), np.uint8)
        start_ns = max(zero_ns, self.clock.boottime_ns())
        return Frame(y=grey, u=grey[::2, ::2], v=grey[::2, ::2], exposure_start_ns=start_ns, release=lambda: None)

    def frames(self) -> int:
        self._called()
        self._frames += self.streams
        return self._frames

    def hold(self, on: bool) -> None:
        self._called()
        self.held.append((self.clock.boottime_s, on))

    def viewfinder(self) -> Viewfinder | None:
        self._called()
        return self.seen

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def camera(clock: HandClock) -> PlayedCamera:
    return PlayedCamera(clock)


@pytest.fixture
def told() -> list[Event]:
    return []


@pytest.fixture
def thread(camera: PlayedCamera, clock: HandClock, told: list[Event]) -> CameraThread:
    return CameraThread(camera, clock, told.append)


def run_for(thread: CameraThread, clock: HandClock, seconds: float) -> None:
    """Turn after turn, each when it is due."""
    end_s = clock.boottime_s + seconds
    while clock.boottime_s < end_s:
        clock.pass_s(max(thread.turn(None), 0.001))


def test_it_is_ready_only_when_the_first_frame_has_come(
    thread: CameraThread, camera: PlayedCamera, told: list[Event]
) -> None:
    camera.streams = False
    thread.turn(None)
    assert told == []
    camera.streams = True
    thread.turn(None)
    assert told == [CameraReady("imx477", (64, 48))]


def test_a_job_gives_the_frame_that_the_camera_found_for_its_zero(
    thread: CameraThread, camera: PlayedCamera, clock: HandClock, told: list[Event]
) -> None:
    thread.turn(None)
    zero_ns = clock.boottime_ns() + 2 * S
    thread.turn(Job(zero_ns, 4.0))
    assert isinstance(told[-1], Exposed)
    assert told[-1].frame.exposure_start_ns >= zero_ns
    assert camera.asked == [(zero_ns, 6.0)]


def test_k01_without_a_camera_at_boot_it_says_so_once_keeps_trying_and_recovers(
    thread: CameraThread, camera: PlayedCamera, clock: HandClock, told: list[Event]
) -> None:
    camera.present = False
    run_for(thread, clock, 120)
    assert told == [CameraLost(problem("no_camera"))]
    camera.present = True
    run_for(thread, clock, LONGEST_PAUSE_S + 1)
    assert told[1:] == [CameraReady("imx477", (64, 48))]


def test_the_pause_between_two_tries_grows_from_1_s_to_10_s(
    thread: CameraThread, camera: PlayedCamera, clock: HandClock
) -> None:
    camera.raises = RuntimeError("busy")
    tries: list[float] = []
    closed = 0
    for _ in range(2000):
        thread.turn(None)
        if camera.closed != closed:
            closed = camera.closed
            tries.append(clock.boottime_s)
        clock.pass_s(0.05)
    pauses = [later - earlier for earlier, later in pairwise(tries)]
    assert [round(one) for one in pauses[:6]] == [1, 2, 4, 8, 10, 10]


def test_k02_frames_that_stop_are_noticed_within_5_s_and_the_camera_is_opened_again(
    thread: CameraThread, camera: PlayedCamera, clock: HandClock, told: list[Event]
) -> None:
    run_for(thread, clock, 3)
    camera.streams = False
    run_for(thread, clock, 5)
    assert told[1:] == [CameraLost(problem("camera_stuck"))]
    camera.streams = True
    run_for(thread, clock, 2)
    assert told[2:] == [CameraReady("imx477", (64, 48))]
    assert camera.opened == 2


def test_k02_a_press_while_frames_stand_still_is_answered(
    thread: CameraThread, camera: PlayedCamera, clock: HandClock, told: list[Event]
) -> None:
    run_for(thread, clock, 3)
    camera.streams = False
    thread.turn(Job(clock.boottime_ns(), 4.0))
    assert told[1:] == [CaptureFailed(problem("camera_stuck")), CameraLost(problem("camera_stuck"))]
    assert camera.closed == 1


def test_a_press_while_there_is_no_camera_is_answered_with_the_reason(
    thread: CameraThread, camera: PlayedCamera, clock: HandClock, told: list[Event]
) -> None:
    camera.present = False
    thread.turn(Job(clock.boottime_ns(), 4.0))
    thread.turn(Job(clock.boottime_ns(), 4.0))
    assert told == [CameraLost(problem("no_camera"))] + 2 * [CaptureFailed(problem("no_camera"))]


def test_k03_after_ten_timed_out_captures_in_a_row_photos_are_taken_as_before(
    thread: CameraThread, camera: PlayedCamera, clock: HandClock, told: list[Event]
) -> None:
    for _ in range(10):
        camera.streams = True
        run_for(thread, clock, LONGEST_PAUSE_S + 1)
        camera.streams = False
        thread.turn(Job(clock.boottime_ns(), 4.0))
    assert camera.opened == camera.closed == 10
    camera.streams = True
    run_for(thread, clock, LONGEST_PAUSE_S + 1)
    thread.turn(Job(clock.boottime_ns(), 4.0))
    assert isinstance(told[-1], Exposed)


def test_the_booth_hears_of_a_lost_camera_before_it_is_closed_which_can_take_its_time(
    thread: CameraThread, camera: PlayedCamera, told: list[Event]
) -> None:
    thread.turn(None)
    heard: list[int] = []
    camera.close = lambda: heard.append(len(told))  # type: ignore[method-assign]
    camera.raises = CameraFault(problem("camera_stuck"))
    thread.turn(None)
    assert heard == [2]


@pytest.mark.parametrize("step", ["open", "frames", "capture"])
def test_k08_an_exception_that_nobody_foresaw_has_the_camera_opened_again(
    thread: CameraThread, camera: PlayedCamera, clock: HandClock, told: list[Event], step: str
) -> None:
    if step != "open":
        thread.turn(None)
    if step == "capture":
        camera.on_capture = lambda: 1 // 0  # type: ignore[assignment]
        thread.turn(Job(clock.boottime_ns(), 4.0))
        assert CaptureFailed(problem("camera_stuck")) in told
    else:
        camera.raises = ZeroDivisionError()
        thread.turn(None)
    assert told.pop() == CameraLost(problem("camera_stuck"))
    camera.raises, camera.on_capture = None, lambda: None
    run_for(thread, clock, LONGEST_PAUSE_S)
    assert told[-1] == CameraReady("imx477", (64, 48))


def test_trying_again_is_a_sign_of_life_and_a_call_that_never_returns_is_none(
    thread: CameraThread, camera: PlayedCamera, clock: HandClock
) -> None:
    camera.present = False
    run_for(thread, clock, 60)
    assert clock.boottime_ns() - thread.heartbeat() <= 2 * S
    camera.present = True
    run_for(thread, clock, 11)
    ages: list[int] = []

    def hang() -> None:
        for seconds in (15, 10):
            clock.pass_s(seconds)
            ages.append(clock.boottime_ns() - thread.heartbeat())

    camera.on_capture = hang
    thread.turn(Job(clock.boottime_ns(), 4.0))
    assert ages == [0, 25 * S]
    assert CALL_LIMIT_NS == 20 * S


def test_callers_only_enqueue_and_one_thread_alone_touches_the_camera(clock: HandClock) -> None:
    camera = PlayedCamera(clock)
    exposed = threading.Event()
    thread = CameraThread(camera, clock, lambda event: exposed.set() if isinstance(event, Exposed) else None)
    thread.capture(clock.boottime_ns())  # before it even runs: kept
    thread.start()
    assert exposed.wait(20)
    thread.stop(20)
    assert camera.threads == {"camera"}
    assert camera.closed == 1


def test_of_two_jobs_not_yet_taken_up_only_the_newer_counts(clock: HandClock) -> None:
    camera = PlayedCamera(clock)
    exposed = threading.Event()
    thread = CameraThread(camera, clock, lambda event: exposed.set() if isinstance(event, Exposed) else None)
    thread.capture(1 * S)
    thread.capture(2 * S)
    thread.start()
    assert exposed.wait(20)
    thread.stop(20)
    assert [zero_ns for zero_ns, _ in camera.asked] == [2 * S]


def test_each_rung_of_the_ladder_is_counted_and_logged(
    thread: CameraThread, camera: PlayedCamera, clock: HandClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    run_for(thread, clock, 1)
    for _ in range(2):
        camera.streams = False
        thread.turn(Job(clock.boottime_ns(), 4.0))
        camera.streams = True
        run_for(thread, clock, 2)
    assert thread.troubles == Troubles(timeouts=2, reopenings=2)
    assert "event=capture_timed_out count=2" in caplog.text
    assert "reopenings=2" in caplog.text


def test_a_camera_that_streamed_and_is_opened_again_and_again_in_vain_needs_another_process(
    camera: PlayedCamera, clock: HandClock, told: list[Event]
) -> None:
    heard: list[float] = []
    thread = CameraThread(camera, clock, told.append, beyond_help=lambda: heard.append(clock.boottime_s))
    run_for(thread, clock, 3)
    camera.streams = False
    run_for(thread, clock, 90)
    assert len(heard) == 1
    camera.streams = True
    run_for(thread, clock, 15)
    assert thread.troubles.in_vain == 0


def test_a_camera_that_never_streamed_is_waited_for_without_an_end(
    camera: PlayedCamera, clock: HandClock, told: list[Event]
) -> None:
    heard: list[float] = []
    thread = CameraThread(camera, clock, told.append, beyond_help=lambda: heard.append(clock.boottime_s))
    camera.streams = False
    run_for(thread, clock, 600)
    camera.present = False
    run_for(thread, clock, 600)
    assert heard == []


# -- the viewfinder ------------------------------------------------------------------------------------------------


def seen_by(camera: PlayedCamera, serial: int) -> Viewfinder:
    camera.seen = Viewfinder(serial, np.zeros((4, 4), np.uint8))
    return camera.seen


def test_the_viewfinder_s_pictures_are_made_only_while_somebody_looks(
    thread: CameraThread, camera: PlayedCamera, clock: HandClock
) -> None:
    seen = seen_by(camera, 1)
    run_for(thread, clock, 1)
    assert thread.viewfinder is None
    thread.view(True)
    run_for(thread, clock, 1)
    assert thread.viewfinder is seen
    thread.view(False)
    assert thread.viewfinder is None
    run_for(thread, clock, 1)
    thread.view(True)
    assert thread.viewfinder is None, "an old picture was shown as what the camera sees now"


def test_whoever_looks_gets_ten_pictures_a_second_and_is_told_of_each_new_one_once(
    camera: PlayedCamera, clock: HandClock, told: list[Event]
) -> None:
    heard: list[int] = []
    thread = CameraThread(camera, clock, told.append, lambda: heard.append(clock.boottime_ns()))
    thread.view(True)
    run_for(thread, clock, 1)
    heard.clear()
    for serial in range(1, 401):  # the camera has a new one, and the thread looks up, a hundred times a second
        seen_by(camera, serial)
        thread.turn(None)
        clock.pass_s(0.01)
    assert 38 <= len(heard) <= 45
    assert min(later - earlier for earlier, later in pairwise(heard)) >= 0.09 * S
    heard.clear()
    run_for(thread, clock, 2)
    assert len(heard) <= 1


def test_a_lost_camera_leaves_no_picture_of_what_it_saw(
    thread: CameraThread, camera: PlayedCamera, clock: HandClock
) -> None:
    seen_by(camera, 1)
    thread.view(True)
    run_for(thread, clock, 1)
    camera.raises = CameraFault(problem("camera_stuck"))
    thread.turn(None)
    assert thread.viewfinder is None


def test_somebody_who_begins_to_look_replaces_no_photo_that_was_asked_for(clock: HandClock) -> None:
    camera = PlayedCamera(clock)
    exposed = threading.Event()
    thread = CameraThread(camera, clock, lambda event: exposed.set() if isinstance(event, Exposed) else None)
    thread.capture(1 * S)
    thread.view(True)
    thread.start()
    assert exposed.wait(20)
    thread.stop(20)


# -- white balance -------------------------------------------------------------------------------------------------


def test_white_balance_is_held_from_shortly_before_zero_until_the_photo_is_exposed(
    thread: CameraThread, camera: PlayedCamera, clock: HandClock
) -> None:
    run_for(thread, clock, 1)
    zero_ns = clock.boottime_ns() + 3 * S
    thread.aim(zero_ns)
    run_for(thread, clock, 2.9)
    assert [on for _, on in camera.held] == [True]
    assert 0.3 * S <= zero_ns - camera.held[0][0] * S <= 0.45 * S
    clock.pass_s(0.1)
    camera.on_capture = lambda: camera.held.append((0, True))  # still held then
    thread.turn(Job(zero_ns, 4.0))
    assert [on for _, on in camera.held] == [True, True, False]


def test_a_countdown_that_ends_without_a_photo_lets_white_balance_go_on(
    thread: CameraThread, camera: PlayedCamera, clock: HandClock
) -> None:
    run_for(thread, clock, 1)
    thread.aim(clock.boottime_ns() + S)
    run_for(thread, clock, 0.9)
    thread.aim(None)
    run_for(thread, clock, 1)
    assert [on for _, on in camera.held] == [True, False]


def test_a_camera_that_was_opened_again_in_the_countdown_is_told_again(
    thread: CameraThread, camera: PlayedCamera, clock: HandClock
) -> None:
    run_for(thread, clock, 1)
    thread.aim(clock.boottime_ns() + 3 * S)
    run_for(thread, clock, 2.8)
    camera.raises = CameraFault(problem("camera_stuck"))
    thread.turn(None)
    camera.raises = None
    run_for(thread, clock, 2)
    assert [on for _, on in camera.held] == [True, True]
