"""The camera's thread around a photo: the viewfinder while somebody looks, white balance held for the shot."""

from __future__ import annotations

import queue
import threading

import numpy as np
import pytest

from piboothup.booth.camera.base import CameraFault
from piboothup.booth.camera.thread import CameraThread, Job
from piboothup.booth.flow.events import Event, Exposed
from piboothup.booth.frame import Viewfinder
from piboothup.problems import problem
from tests.support.camera import PlayedCamera, S, run_for
from tests.support.clock import HandClock
from tests.support.deadline import PATIENCE_S


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
    thread.view(True)
    assert thread.viewfinder is seen, "still looking is no reason to lose it"
    thread.view(False)
    assert thread.viewfinder is None
    run_for(thread, clock, 1)
    thread.view(True)
    assert thread.viewfinder is None, "an old picture was shown as what the camera sees now"


def test_whoever_looks_gets_each_picture_once_as_soon_as_the_camera_tells_of_it(
    camera: PlayedCamera, clock: HandClock, told: list[Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("piboothup.booth.camera.thread.VIEW_S", 3600.0)  # only what it tells wakes the thread
    heard: queue.SimpleQueue[Viewfinder | None] = queue.SimpleQueue()
    looking = CameraThread(camera, clock, told.append, lambda: heard.put(looking.viewfinder))
    looking.view(True)
    looking.start()
    for serial in range(1, 40):
        seen = seen_by(camera, serial)
        camera.viewed()
        camera.viewed()
        assert heard.get(timeout=PATIENCE_S) is seen
    looking.stop(PATIENCE_S)
    assert heard.empty()


def test_a_camera_that_tells_of_nothing_is_asked_ten_times_a_second(
    camera: PlayedCamera, clock: HandClock, told: list[Event]
) -> None:
    heard: list[int] = []
    thread = CameraThread(camera, clock, told.append, lambda: heard.append(clock.boottime_ns()))
    thread.view(True)
    run_for(thread, clock, 1)
    for serial in range(1, 11):
        seen_by(camera, serial)
        clock.pass_s(thread.turn(None))
    assert len(heard) == 10
    assert 0.9 * S <= heard[-1] - heard[0] + 0.1 * S <= 1.1 * S
    run_for(thread, clock, 2)
    assert len(heard) == 10


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
    assert exposed.wait(PATIENCE_S)
    thread.stop(PATIENCE_S)


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


@pytest.mark.parametrize(("lead_s", "held"), [(1.5, [True, False]), (1.0, [True, False]), (0.9, []), (0.0, [])])
def test_white_balance_is_held_only_when_it_has_seen_the_flash(
    thread: CameraThread, camera: PlayedCamera, clock: HandClock, lead_s: float, held: list[bool]
) -> None:
    run_for(thread, clock, 1)
    zero_ns = clock.boottime_ns() + 3 * S
    lit_ns = zero_ns - round(lead_s * S)
    thread.aim(zero_ns, lit_ns)
    run_for(thread, clock, 3)
    thread.turn(Job(zero_ns, 4.0, lit_ns))
    assert [on for _, on in camera.held] == held
    assert all(at_s * S - lit_ns >= 0.59 * S for at_s, on in camera.held if on)


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


def test_a_camera_that_does_not_stream_is_asked_for_nothing(
    thread: CameraThread, camera: PlayedCamera, clock: HandClock
) -> None:
    camera.present = False
    thread.view(True)
    thread.aim(clock.boottime_ns())
    run_for(thread, clock, 3)
    assert (camera.held, camera.threads) == ([], set())
    camera.present, camera.streams = True, False
    run_for(thread, clock, 3)
    assert camera.held == []
