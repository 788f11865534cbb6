"""A thread may be silent at its work for as long as that may take, and otherwise must not be."""

from __future__ import annotations

from pathlib import Path

import pytest

from piboothup.booth.camera.thread import CameraThread
from piboothup.booth.panel.base import PanelDevice
from piboothup.booth.panel.thread import PanelThread
from piboothup.booth.threads import NEVER_NS, Heartbeat
from tests.support.camera import FakeCamera
from tests.support.clock import HandClock

S = 1_000_000_000


@pytest.mark.parametrize(
    ("silent_ns", "passes_s", "age_s"), [(0, 5, 5), (6 * S, 5, 0), (6 * S, 6, 6), (NEVER_NS, 10**6, 0)]
)
def test_heartbeat_fresh_during_allowed_silence_then_ages(silent_ns: int, passes_s: int, age_s: int) -> None:
    clock = HandClock()
    heartbeat = Heartbeat(clock)
    clock.pass_s(1)
    heartbeat.beat(silent_ns)
    clock.pass_s(passes_s)
    assert clock.boottime_ns() - heartbeat.last_ns() == age_s * S


def test_camera_and_panel_are_silent_from_their_last_turn_on(tmp_path: Path) -> None:
    clock = HandClock()
    camera, panel = (
        CameraThread(FakeCamera(clock), clock, lambda _event: None),
        PanelThread(PanelDevice(), clock, tmp_path),
    )
    clock.pass_s(1)
    turned_ns = clock.boottime_ns()
    camera.run_once(None)
    panel.run_once()
    clock.pass_s(5)
    assert (camera.heartbeat.last_ns(), panel.heartbeat.last_ns()) == (turned_ns, turned_ns)
