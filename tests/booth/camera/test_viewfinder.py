"""The camera's thread around a photo: the viewfinder while somebody looks, white balance held for the shot."""

from __future__ import annotations

import queue
import threading

import numpy as np
import pytest

from piboothup.booth.camera.base import CameraFault
from piboothup.booth.camera.thread import CameraThread, CaptureJob
from piboothup.booth.flow.events import Event, Exposed
from piboothup.booth.frame import Viewfinder
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


# -- the viewfinder ------------------------------------------------------------------------------------------------


def seen_by(camera: FakeCamera, serial: int) -> Viewfinder:
    camera.seen = Viewfinder(serial, np.zeros((4, 4), np.uint8))
    return camera.seen


def test_picture_that_comes_as_it_is_switched_off_is_taken_back(camera: FakeCamera, clock: HandClock) -> None:
    panel: list[Viewfinder | None] = []

    def shown(picture: Viewfinder | None) -> None:
        if picture is not None:  # the presenter's switch is in time, but its None comes first
            camera_thread.set_viewfinder_on(False)
            panel.append(None)
        panel.append(picture)

    camera_thread = CameraThread(camera, clock, lambda _event: None, shown)
    seen = seen_by(camera, 1)
    camera_thread.set_viewfinder_on(True)
    run_for(camera_thread, clock, 1)
    assert panel == [None, seen, None]


def test_viewfinder_pictures_made_only_while_watched(
    thread: CameraThread, camera: FakeCamera, clock: HandClock
) -> None:
    seen = seen_by(camera, 1)
    run_for(thread, clock, 1)
    assert thread.viewfinder is None
    thread.set_viewfinder_on(True)
    run_for(thread, clock, 1)
    assert thread.viewfinder is seen
    thread.set_viewfinder_on(True)
    assert thread.viewfinder is seen, "still looking is no reason to lose it"
    thread.set_viewfinder_on(False)
    assert thread.viewfinder is None
    run_for(thread, clock, 1)
    thread.set_viewfinder_on(True)
    assert thread.viewfinder is None, "an old picture was shown as what the camera sees now"


def test_viewfinder_each_picture_delivered_once_on_camera_notice(
    camera: FakeCamera, clock: HandClock, told: list[Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "piboothup.booth.camera.thread.VIEWFINDER_INTERVAL_S", 3600.0
    )  # only what it tells wakes the thread
    heard: queue.SimpleQueue[Viewfinder | None] = queue.SimpleQueue()
    looking = CameraThread(camera, clock, told.append, heard.put)
    looking.set_viewfinder_on(True)
    looking.start()
    for serial in range(1, 40):
        seen = seen_by(camera, serial)
        camera.wake()
        camera.wake()
        assert heard.get(timeout=PATIENCE_S) is seen
    looking.stop(PATIENCE_S)
    assert heard.empty()


def test_viewfinder_without_camera_notice_polled_10_times_a_s(
    camera: FakeCamera, clock: HandClock, told: list[Event]
) -> None:
    heard: list[int] = []
    thread = CameraThread(camera, clock, told.append, lambda _: heard.append(clock.boottime_ns()))
    thread.set_viewfinder_on(True)
    run_for(thread, clock, 1)
    for serial in range(1, 11):
        seen_by(camera, serial)
        clock.pass_s(thread.run_once(None))
    assert len(heard) == 10
    assert 0.9 * S <= heard[-1] - heard[0] + 0.1 * S <= 1.1 * S
    run_for(thread, clock, 2)
    assert len(heard) == 10


def test_a_lost_camera_leaves_no_picture_of_what_it_saw(
    thread: CameraThread, camera: FakeCamera, clock: HandClock
) -> None:
    seen_by(camera, 1)
    thread.set_viewfinder_on(True)
    run_for(thread, clock, 1)
    camera.raises = CameraFault(problem("camera_stuck"))
    thread.run_once(None)
    assert thread.viewfinder is None


def test_viewfinder_start_replaces_no_requested_photo(clock: HandClock) -> None:
    camera = FakeCamera(clock)
    exposed = threading.Event()
    thread = CameraThread(camera, clock, lambda event: exposed.set() if isinstance(event, Exposed) else None)
    thread.capture(1 * S)
    thread.set_viewfinder_on(True)
    thread.start()
    assert exposed.wait(PATIENCE_S)
    thread.stop(PATIENCE_S)


# -- white balance -------------------------------------------------------------------------------------------------


def test_white_balance_locked_shortly_before_zero_until_exposed(
    thread: CameraThread, camera: FakeCamera, clock: HandClock
) -> None:
    run_for(thread, clock, 1)
    zero_ns = clock.boottime_ns() + 3 * S
    thread.prepare(zero_ns)
    run_for(thread, clock, 2.9)
    assert [on for _, on in camera.locks] == [True]
    assert 0.3 * S <= zero_ns - camera.locks[0][0] * S <= 0.45 * S
    clock.pass_s(0.1)
    camera.on_capture = lambda: camera.locks.append((0, True))  # still held then
    thread.run_once(CaptureJob(zero_ns))
    assert [on for _, on in camera.locks] == [True, True, False]


@pytest.mark.parametrize(("lead_s", "held"), [(1.5, [True, False]), (1.0, [True, False]), (0.9, []), (0.0, [])])
def test_white_balance_is_held_only_when_it_has_seen_the_flash(
    thread: CameraThread, camera: FakeCamera, clock: HandClock, lead_s: float, held: list[bool]
) -> None:
    run_for(thread, clock, 1)
    zero_ns = clock.boottime_ns() + 3 * S
    lit_ns = zero_ns - round(lead_s * S)
    thread.prepare(zero_ns, lit_ns)
    run_for(thread, clock, 3)
    thread.run_once(CaptureJob(zero_ns, lit_ns))
    assert [on for _, on in camera.locks] == held
    assert all(at_s * S - lit_ns >= 0.59 * S for at_s, on in camera.locks if on)


def test_white_balance_unlocked_if_countdown_ends_without_photo(
    thread: CameraThread, camera: FakeCamera, clock: HandClock
) -> None:
    run_for(thread, clock, 1)
    thread.prepare(clock.boottime_ns() + S)
    run_for(thread, clock, 0.9)
    thread.prepare(None)
    run_for(thread, clock, 1)
    assert [on for _, on in camera.locks] == [True, False]


def test_white_balance_lock_resent_on_camera_reopen_in_countdown(
    thread: CameraThread, camera: FakeCamera, clock: HandClock
) -> None:
    run_for(thread, clock, 1)
    thread.prepare(clock.boottime_ns() + 3 * S)
    run_for(thread, clock, 2.8)
    camera.raises = CameraFault(problem("camera_stuck"))
    thread.run_once(None)
    camera.raises = None
    run_for(thread, clock, 2)
    assert [on for _, on in camera.locks] == [True, True]


def test_a_camera_that_does_not_stream_is_asked_for_nothing(
    thread: CameraThread, camera: FakeCamera, clock: HandClock
) -> None:
    camera.fault = problem("no_camera")
    thread.set_viewfinder_on(True)
    thread.prepare(clock.boottime_ns())
    run_for(thread, clock, 3)
    assert (camera.locks, camera.threads) == ([], set())
    camera.fault, camera.streams = None, False
    run_for(thread, clock, 3)
    assert camera.locks == []


def test_u08_autofocus_looks_near_again_after_a_reopening(
    thread: CameraThread, camera: FakeCamera, clock: HandClock
) -> None:
    run_for(thread, clock, 1)
    thread.set_viewfinder_on(True)
    run_for(thread, clock, 1)
    assert camera.near == [], "who aims looks at what is far"
    thread.set_viewfinder_on(True, near=True)
    run_for(thread, clock, 1)
    camera.streams = False
    run_for(thread, clock, 6)
    camera.streams = True
    run_for(thread, clock, 3)
    assert (camera.closed, camera.near) == (1, [True, True])
    thread.set_viewfinder_on(False)
    run_for(thread, clock, 1)
    assert camera.near == [True, True, False]
