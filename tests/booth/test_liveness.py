"""The watchdog is fed while every thread answers, and a part that hangs is borne for as long as it may come back."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest

from piboothup.booth.light import LightPattern
from piboothup.problems import problem
from piboothup.status import BoothState
from tests.booth.box import Box, hang_on
from tests.booth.systemd import Systemd, fed, settle
from tests.patience import PATIENCE_S


def test_systemd_hears_that_the_booth_is_ready_and_then_that_it_lives(box: Box, systemd: Systemd) -> None:
    box.start_ready()
    assert systemd.hears() == b"READY=1"
    for _ in range(3):
        assert systemd.hears() == b"WATCHDOG=1"


def test_a_camera_call_that_does_not_come_back_starves_the_watchdog(
    box: Box, systemd: Systemd, held: threading.Event
) -> None:
    box.camera.on_capture = hang_on(held)
    box.start_ready()
    box.press()
    box.camera.asked.get(timeout=PATIENCE_S)
    box.clock.pass_s(21.0)
    box.until_shown(state=BoothState.FAULT, problem=problem("camera_stuck"))  # so the panel's thread lives
    assert not fed(box, systemd)
    held.set()
    assert systemd.hears() == b"WATCHDOG=1"


def test_d03_a_bus_that_hangs_for_half_a_minute_is_borne_and_one_that_hangs_for_a_minute_is_not(
    box: Box, systemd: Systemd, held: threading.Event
) -> None:
    hanging = threading.Event()

    def hang() -> None:
        hanging.set()
        held.wait()

    box.start_ready()
    box.until_shown()
    box.glass.on_show = hang
    box.press()
    box.until_light(LightPattern.SAVED)
    assert hanging.wait(PATIENCE_S)
    box.clock.pass_s(59.0)
    settle(box, systemd)
    assert systemd.hears() == b"WATCHDOG=1"
    box.clock.pass_s(2.0)
    assert not fed(box, systemd)


def test_a_button_that_is_not_listened_to_any_more_starves_the_watchdog(box: Box, systemd: Systemd) -> None:
    box.start_ready()
    heard_ns = box.clock.boottime_ns()
    box.clock.pass_s(21.0)
    settle(box, systemd)
    assert systemd.hears() == b"WATCHDOG=1"  # the others' threads have turned since
    box.button.heartbeat = lambda: heard_ns
    assert not fed(box, systemd)


def test_a_systemd_that_does_not_listen_holds_up_no_press(
    box: Box, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as deaf:
        deaf.bind(str(tmp_path / "deaf"))
        monkeypatch.setenv("NOTIFY_SOCKET", deaf.getsockname())
        box.start_ready()
        for _ in range(600):
            box.turn()
        box.press()
        box.until_light(LightPattern.SAVED)
        assert deaf.recv(100) == b"READY=1"
        box.stop()
