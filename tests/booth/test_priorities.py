"""Who answers a press goes before whatever else computes, once the booth is ready; a kernel that refuses that stops
nothing.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from piboothup.booth import threads
from piboothup.booth.camera.base import CameraFault
from piboothup.booth.gpio.led import LightPattern
from piboothup.booth.threads import RealTime
from piboothup.problems import problem
from piboothup.status import BoothState
from tests.support.booth import Box
from tests.support.deadline import PATIENCE_S

pytestmark = pytest.mark.process

REALTIME = os.SCHED_RR | os.SCHED_RESET_ON_FORK
ROOT = Path(__file__).parents[2]
Asked = list[tuple[int, int]]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    """What the kernel was asked for: the thread and the policy. It is not given: other tests run in this process."""
    made: Asked = []
    monkeypatch.setattr(os, "sched_setscheduler", lambda thread, policy, _param: made.append((thread, policy)))
    return made


@pytest.mark.parametrize("late", [False, True])
def test_f22_only_press_threads_are_realtime_and_once_ready(tmp_path: Path, late: bool) -> None:
    command = [sys.executable, "-m", "tests.support.realtime_booth", str(tmp_path), *(["late"] if late else [])]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=PATIENCE_S)
    assert done.returncode == 0, done.stderr
    if done.stdout.strip() == "refused":
        pytest.skip("this user may not ask for real-time priority: no policy was looked at")
    starting, ready = (json.loads(line) for line in done.stdout.splitlines())
    there = {name for name, _ in starting["policies"]}
    assert {
        "service",
        "button",
        "camera",
        "device start",
        "saver",
        "lgpio calls back",
        "lgpio switches pins",
    } <= there
    assert {policy for _, policy in starting["policies"]} == {os.SCHED_OTHER}
    assert starting["switch_s"] == pytest.approx(0.005)
    assert "panel" in {name for name, _ in ready["policies"]}
    raised = {name: policy for name, policy in ready["policies"] if policy != os.SCHED_OTHER}
    assert raised == dict.fromkeys(("service", "button", "lgpio calls back"), REALTIME)
    assert len(ready["policies"]) > len(starting["policies"])  # the light breathes on a thread of gpiozero's
    assert ready["switch_s"] == pytest.approx(threads.SWITCH_INTERVAL_S)


def test_f22_a_booth_without_a_camera_is_not_realtime(box: Box, asked: Asked, held: threading.Event) -> None:
    switch_s = sys.getswitchinterval()

    def open_camera() -> None:
        held.wait()
        if box.camera.fault is not None:
            raise CameraFault(box.camera.fault)

    box.camera.open, box.camera.fault = open_camera, problem("no_camera")  # type: ignore[method-assign]
    box.start()
    for state in (BoothState.STARTING, BoothState.FAULT):
        box.until_said(lambda said, state=state: said.get("state") == state)  # type: ignore[misc]
        for _ in range(3):
            box.turn()
        assert (asked, sys.getswitchinterval()) == ([], switch_s)
        held.set()
    box.camera.fault = None
    box.clock.pass_s(10.0)
    box.until_light(LightPattern.READY)
    box.turn()
    assert {policy for _, policy in asked} == {REALTIME}


def test_f22_threads_raised_at_ready_later_ones_at_once(asked: Asked) -> None:
    ended, switch_s = threading.Event(), sys.getswitchinterval()
    early, late, gone = (threading.Thread(target=ended.wait) for _ in range(3))
    for thread in (early, late):
        thread.start()
    realtime = RealTime()
    realtime.add(early, gone)
    assert asked == []
    realtime.begin()
    realtime.begin()
    assert asked == [(early.native_id, REALTIME)]
    realtime.add(late)
    assert asked[1:] == [(late.native_id, REALTIME)]
    ended.set()
    sys.setswitchinterval(switch_s)


def test_f22_what_a_realtime_thread_starts_is_not_realtime() -> None:
    policies: list[int] = []

    def note() -> None:
        policies.append(os.sched_getscheduler(0))

    def try_it() -> None:
        threads.set_realtime(threading.current_thread())
        note()
        started = threading.Thread(target=note)
        started.start()
        started.join()

    trying = threading.Thread(target=try_it)
    trying.start()
    trying.join()
    if policies[0] == os.SCHED_OTHER:
        pytest.skip("this user may not ask for real-time priority: nothing was tried")
    assert policies == [REALTIME, os.SCHED_OTHER]


@pytest.mark.parametrize(("niceness", "then"), [(-5, 0), (0, 0), (7, 7)])
def test_go_last_waits_no_longer_for_cpu_than_other_programs(
    monkeypatch: pytest.MonkeyPatch, niceness: int, then: int
) -> None:
    asked: list[int] = []
    monkeypatch.setattr(os, "getpriority", lambda _kind, _thread: niceness)
    monkeypatch.setattr(os, "setpriority", lambda _kind, _thread, wanted: asked.append(wanted))
    threads.set_background()
    assert asked == [then]


def test_where_the_kernel_refuses_all_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_given: object) -> None:  # root is refused nothing
        raise PermissionError

    monkeypatch.setattr(os, "sched_setscheduler", refuse)
    monkeypatch.setattr(os, "setpriority", refuse)
    threads.set_realtime(threading.current_thread())
    threads.set_background()


def test_threads_take_turns_ten_times_as_often_as_python_has_it() -> None:
    before_s = sys.getswitchinterval()
    try:
        RealTime().begin()
        assert sys.getswitchinterval() == pytest.approx(0.005 / 10)
    finally:
        sys.setswitchinterval(before_s)
