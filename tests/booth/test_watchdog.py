"""The watchdog is fed while every thread answers, and a part that hangs is borne for as long as it may come back."""

from __future__ import annotations

import queue
import socket
import threading
from collections import defaultdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from gpiozero import LED
from gpiozero.pins.mock import MockFactory

from piboothup.booth import service
from piboothup.booth.camera import thread
from piboothup.booth.gpio import pins
from piboothup.booth.gpio.button import GpioButton
from piboothup.booth.gpio.led import LightPattern
from piboothup.booth.panel import thread as panel
from piboothup.booth.threads import NEVER_NS
from piboothup.config import ButtonConfig
from piboothup.problems import problem
from piboothup.status import BoothState
from tests.support.booth import Box, awaited, hang_on
from tests.support.deadline import PATIENCE_S, until
from tests.support.systemd import Systemd, fed, settle


def test_systemd_told_booth_ready_then_alive(box: Box, systemd: Systemd) -> None:
    box.start_ready()
    assert systemd.hears() == b"READY=1"
    for _ in range(3):
        assert systemd.hears() == b"WATCHDOG=1"


def silences(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What was logged of threads that are silent, or no longer."""
    return [record.getMessage() for record in caplog.records if record.getMessage().startswith("thread ")]


def passes(box: Box, seconds: float, camera_turns: bool = True) -> None:
    """Lets time pass, and every thread turn that can."""
    service = box._service
    assert service is not None
    asked = [service._panel.heartbeat.last_ns, service._housekeeping_heartbeat.last_ns]
    asked += [service._camera.heartbeat.last_ns] if camera_turns else []
    for _ in range(round(seconds)):
        box.clock.pass_s(1.0)
        now_ns = box.clock.boottime_ns()
        until(lambda now_ns=now_ns: min(heartbeat() for heartbeat in asked) >= now_ns)  # type: ignore[misc]


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Panel and camera turn often though nothing happens."""
    monkeypatch.setattr(panel, "CHECK_S", 0.02)
    monkeypatch.setattr(thread, "POLL_S", 0.02)


def test_f23_an_import_of_46_s_is_starting_and_one_of_92_s_stuck(
    box: Box,
    systemd: Systemd,
    held: threading.Event,
    caplog: pytest.LogCaptureFixture,
    quick: None,
) -> None:
    importing = threading.Event()

    def load() -> None:
        importing.set()
        held.wait()

    box.camera.open = load  # type: ignore[method-assign]
    box.start()
    assert importing.wait(PATIENCE_S)
    assert systemd.hears() == b"READY=1"  # whatever the camera does
    for _ in range(2):
        passes(box, 23.0)
        assert fed(box, systemd)
        assert box.until_said(lambda said: said.get("state")) == BoothState.STARTING
    assert not silences(caplog)
    passes(box, 43.0)
    assert fed(box, systemd)
    passes(box, 3.0, camera_turns=False)
    for _ in range(3):
        assert not fed(box, systemd)
    (told,) = silences(caplog)
    assert told.startswith("thread silent name=camera seconds=9")
    held.set()
    box.until_light(LightPattern.READY)
    assert fed(box, systemd)
    assert silences(caplog)[1:] == ["thread answers again name=camera"]


def test_f23_starting_screen_lives_while_camera_is_imported(box: Box, held: threading.Event) -> None:
    box.spool.prepare()
    box.spool.note_ready(100_000)
    box.camera.open = hang_on(held)  # type: ignore[method-assign]
    box.start()
    pictures = awaited(box.glass.shown)
    seen = {next(pictures)}
    while len(seen) < 5:  # its bar grows
        box.clock.pass_s(10.0)
        box.turn()
        seen.add(next(pictures))


@pytest.mark.parametrize("late", [False, True])
def test_f19_a_button_that_is_not_open_starves_no_watchdog(
    box: Box, systemd: Systemd, monkeypatch: pytest.MonkeyPatch, late: bool
) -> None:
    monkeypatch.setattr(pins, "RETRY_S", 0.01)
    factory = MockFactory()
    taken = LED(ButtonConfig().pin, pin_factory=factory)
    button = GpioButton(ButtonConfig(), box.clock, factory)
    box.button = button  # type: ignore[assignment]
    box.start_ready()
    assert box.until_said(lambda said: said if "button_missing" in said["problems"] else None)["button"] == "missing"
    box.clock.pass_s(1000.0)
    until(lambda: fed(box, systemd))  # the others have turned
    if late:
        taken.close()
        assert box.until_said(lambda said: said if not said["problems"] else None)["button"] == "ready"
        factory.pin(ButtonConfig().pin).drive_low()
        box.clock.pass_s(0.01)
        box.until_light(LightPattern.SAVED)
    box.stop()
    factory.reset()


def test_f19_a_thread_that_is_silent_is_one_log_line_an_episode(
    box: Box, systemd: Systemd, caplog: pytest.LogCaptureFixture, quick: None
) -> None:
    box.start_ready()
    for _ in range(2):
        box.button.heartbeat.beat()
        passes(box, 21.0)
        for _ in range(5):
            assert not fed(box, systemd)
        box.button.heartbeat.beat(NEVER_NS)
        box.turn()
        assert fed(box, systemd)
    assert len(silences(caplog)) == 4
    for told in silences(caplog)[::2]:
        assert told.startswith("thread silent name=button seconds=2")
    assert set(silences(caplog)[1::2]) == {"thread answers again name=button"}


def test_watchdog_signal_stops_if_camera_call_never_returns(
    box: Box, systemd: Systemd, held: threading.Event
) -> None:
    box.start_ready()
    box.camera.on_capture = hang_on(held)
    box.press()
    box.camera.asked.get(timeout=PATIENCE_S)
    box.clock.pass_s(21.0)
    box.until_shown(state=BoothState.FAULT, problem=problem("camera_stuck"))  # so the panel's thread lives
    assert not fed(box, systemd)
    held.set()
    assert systemd.hears() == b"WATCHDOG=1"


def test_d03_bus_hang_of_30_s_tolerated_60_s_is_not(box: Box, systemd: Systemd, held: threading.Event) -> None:
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


def test_watchdog_signal_stops_when_button_no_longer_read(box: Box, systemd: Systemd) -> None:
    box.start_ready()
    heard_ns = box.clock.boottime_ns()
    box.clock.pass_s(21.0)
    settle(box, systemd)
    assert systemd.hears() == b"WATCHDOG=1"  # the others' threads have turned since
    box.button.heartbeat._sign = heard_ns, 0
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


def test_the_loop_turns_often_only_while_the_starting_bar_grows(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    waits_s = defaultdict(set)

    class Events(queue.SimpleQueue[Any]):
        """The loop's queue, which notes for how long the loop would sleep."""

        def get(self, block: bool = True, timeout: float | None = None) -> Any:
            assert box._service is not None
            waits_s[box._service._booth.state].add(timeout)
            return super().get(block, timeout)

    monkeypatch.setattr(service, "queue", SimpleNamespace(SimpleQueue=Events, Empty=queue.Empty))
    box.start_ready()
    box.press()
    box.until_light(LightPattern.SAVED)
    box.stop()
    assert waits_s[BoothState.STARTING] == {0.5}
    assert waits_s[BoothState.READY] == {5.0}
