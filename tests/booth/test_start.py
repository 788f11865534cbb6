"""The order of the start: READY, the camera, then button, light and panel."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest
from gpiozero.pins.mock import MockFactory

from piboothup import status
from piboothup.booth import device_start, service
from piboothup.booth.flow.actions import CountPhotos
from piboothup.booth.flow.events import SaveTested
from piboothup.booth.gpio.button import GpioButton
from piboothup.booth.gpio.led import LightPattern
from piboothup.booth.operations.action_thread import runner_class
from piboothup.booth.photo.saver import Saver
from piboothup.booth.threads import STORAGE_TIMEOUT_NS
from piboothup.config import ButtonConfig
from piboothup.problems import problem
from piboothup.status import BoothState
from tests.support.booth import Box, awaited, hang_on
from tests.support.deadline import PATIENCE_S, until
from tests.support.systemd import Systemd

Edge = Callable[[int], None]
HEAVY = {"PIL", "numpy", "luma", "picamera2", "libcamera", "gpiozero", "lgpio", "simplejpeg", "segno", "requests"}
SLOW = {"dataclasses", "inspect", "argparse", "difflib", "secrets"}
"""Modules of the standard library that a start would pay for and not use."""
OPERATORS = {f"piboothup.{name}" for name in ("root_requests", "config.codes", "config.country", "spool.admin.wipe")}
OPERATORS |= {f"piboothup.booth.operations.{name}" for name in ("action_runner", "self_test", "code_reading")}
"""What nobody needs who only takes photos: it is loaded once the booth is ready."""
if sys.version_info >= (3, 13):
    SLOW |= {"_hashlib", "ipaddress"}  # OpenSSL; before, pathlib itself loads the other
UNTIL_READY = (
    *("commands.services", "booth.service", "booth.devices", "booth.panel.oled", "booth.camera.picamera2_driver"),
    *("booth.gpio.button", "booth.gpio.led", "booth.gpio.buzzer"),
)


@pytest.mark.process
def test_until_ready_is_sent_nothing_heavy_is_imported() -> None:
    code = f"import sys, {', '.join(f'piboothup.{name}' for name in UNTIL_READY)}; print(*sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert {name.split(".")[0] for name in found.split()} & (HEAVY | SLOW) == set()
    assert set(found.split()) & OPERATORS == set()


def test_what_an_operator_needs_is_loaded_after_ready(loading: Box, held: threading.Event) -> None:
    """Before the first item is chosen: who waits before the menu should not wait for that too."""
    loading.start()
    until(lambda: (status.read(loading.runtime, "booth") or {}).get("state") == BoothState.STARTING)
    assert loading._service is not None
    assert not loading._service._actions.is_loading
    assert loading.offer.languages == ()
    held.set()
    loading.until_light(LightPattern.READY)
    assert loading.runner
    until(lambda: loading.offer.languages)


@pytest.mark.parametrize("error", [MemoryError(), ImportError("half an update"), OSError(5, "Input/output error")])
def test_a_menu_that_fails_to_load_is_loaded_with_the_action(
    box: Box, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    failures = [error]

    def load(real: Callable[[], Any] = runner_class) -> Any:
        if failures:
            raise failures.pop()
        return real()

    monkeypatch.setattr(service, "runner_class", load)
    box.start_ready()
    until(lambda: not failures)
    assert box._service is not None
    box._service._actions.submit(CountPhotos())
    until(lambda: box._service and box._service._actions.runner)


@pytest.fixture
def loading(box: Box, held: threading.Event) -> Box:
    """A box whose camera's libraries take until `held` is set."""
    opened = box.camera.open

    def load() -> None:
        held.wait()
        opened()

    box.camera.open = load  # type: ignore[method-assign]
    return box


def threads() -> set[str]:
    return {thread.name for thread in threading.enumerate()}


def test_f22_f23_the_camera_loads_by_itself(
    loading: Box, systemd: Systemd, held: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device_start, "HEAD_START_S", PATIENCE_S)
    loading.start()
    assert systemd.hears() == b"READY=1"
    until(lambda: (status.read(loading.runtime, "booth") or {}).get("state") == BoothState.STARTING)
    assert "panel" not in threads()
    assert (loading.button.is_started, loading.light.patterns.empty()) == (False, True)
    held.set()
    loading.until_light(LightPattern.READY)
    loading.until_shown()
    assert loading.button.is_started


def test_the_saver_makes_its_folders_while_a_frame_is_awaited(box: Box) -> None:
    box.camera.streams = False
    box.start()
    until((box.spool.directory / "sent/0001").is_dir)
    assert box._service is not None
    assert (box._service._booth.state, box.camera.captures) == (BoothState.STARTING, [])
    box.camera.streams = True
    box.until_light(LightPattern.READY)


def test_f23_a_camera_that_loads_for_a_minute_is_not_awaited(loading: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device_start, "HEAD_START_S", 0.01)
    loading.start()
    loading.until_light(LightPattern.OFF)
    assert loading.glass.shown.get(timeout=PATIENCE_S)
    assert loading.button.is_started


def test_a06_a_booth_ended_while_its_camera_loads_says_farewell(
    loading: Box, systemd: Systemd, held: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the hello stays lit, and nobody knows whether the plug may be pulled."""
    monkeypatch.setattr(device_start, "HEAD_START_S", PATIENCE_S)
    monkeypatch.setattr(service, "_FAREWELL_S", service._STOP_NS / 1e9 - 0.2)  # the camera is awaited in vain
    monkeypatch.setattr(loading.camera, "close", held.set)
    loading.start()
    assert systemd.hears() == b"READY=1"
    loading.stop()
    loading.until_shown(state=BoothState.STOPPING, ended=True)
    assert not loading.button.is_started


@pytest.mark.parametrize("outcome", ["opened", "missing", "hangs"])
def test_ready_is_told_once_the_button_is_tried(box: Box, monkeypatch: pytest.MonkeyPatch, outcome: str) -> None:
    """Else the first guest presses in vain: the library of the pins may be slower than the camera."""
    monkeypatch.setattr(device_start, "HEAD_START_S", 0.2 if outcome == "hangs" else PATIENCE_S)
    started = threading.Event()

    def start(pressed: Edge, released: Edge, opened: Callable[[bool], None]) -> None:
        box.button.pressed, box.button.released, box.button.opened = pressed, released, opened
        started.set()

    box.button.start = start  # type: ignore[method-assign]
    box.start()
    assert started.wait(PATIENCE_S)
    if outcome != "hangs":
        assert any(event is SaveTested for event in awaited(box._heard))
        assert box._service is not None
        assert box._service._booth.state is BoothState.STARTING
        if outcome == "opened":
            box.button.opened(False)
        else:
            box.button.problem = problem("button_missing")
    box.until_light(LightPattern.READY)


def test_f23_a_button_not_started_yet_starves_no_watchdog(
    loading: Box, systemd: Systemd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device_start, "HEAD_START_S", PATIENCE_S)
    button = GpioButton(ButtonConfig(), loading.clock, MockFactory())
    loading.button = button  # type: ignore[assignment]
    loading.clock.pass_s(15.0)  # the spool takes its time
    loading.start()
    assert systemd.hears() == b"READY=1"
    loading.hold("up")
    loading.clock.pass_s(10.0)
    assert button.heartbeat.last_ns() == loading.clock.boottime_ns()
    loading.clock.pass_s(60.0)
    assert button.heartbeat.last_ns() == loading.clock.boottime_ns()


def test_f23_a_library_that_hangs_is_a_silent_panel_after_2_min(box: Box, held: threading.Event) -> None:
    importing = threading.Event()

    def load() -> None:
        importing.set()
        held.wait()

    box.load_libraries = load
    box.start_ready()
    assert importing.wait(PATIENCE_S)
    assert box._service is not None
    begun_ns = box.clock.boottime_ns()
    box.clock.pass_s(STORAGE_TIMEOUT_NS / 1e9 - 1.0)
    assert box._service._panel.heartbeat.last_ns() == box.clock.boottime_ns()
    box.clock.pass_s(1.0)
    assert box._service._panel.heartbeat.last_ns() == begun_ns


@pytest.mark.parametrize("missing", ["camera", "panel", "button", "light"])
def test_a13_ready_is_sent_whatever_device_is_missing(box: Box, systemd: Systemd, missing: str) -> None:
    if missing == "camera":
        box.camera.fault = problem("no_camera")
    elif missing == "panel":
        box.glass.trouble = OSError(121, "Remote I/O error")
    else:
        vars(getattr(box, missing))["problem"] = problem(f"{missing}_missing")
    box.start()
    assert systemd.hears() == b"READY=1"
    box.until_light(LightPattern.TROUBLE if missing == "camera" else LightPattern.READY)


def test_the_first_search_for_garbage_leaves_out_what_was_loaded(box: Box) -> None:
    before = gc.get_freeze_count()
    gc.disable()
    try:
        box.start_ready()
        until(gc.isenabled)
        assert gc.get_freeze_count() > before
    finally:
        gc.unfreeze()
        gc.enable()


def test_f23_a_slow_library_leaves_the_last_photo_its_time(
    box: Box, held: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    box.load_libraries = hang_on(held)
    box.start_ready()
    join, stop, left_s = threading.Thread.join, Saver.stop, list[float]()

    def pass_by_hand(thread: threading.Thread, timeout: float | None = None) -> None:
        if thread.name == "device start" and timeout is not None:
            box.clock.pass_s(timeout)
        else:
            join(thread, timeout)

    def note(saver: Saver, timeout_s: float) -> bool:
        left_s.append(timeout_s)
        return stop(saver, PATIENCE_S)

    monkeypatch.setattr(threading.Thread, "join", pass_by_hand)
    monkeypatch.setattr(Saver, "stop", note)
    box.stop()
    assert left_s == [4.0]
    held.set()


def test_a_failing_library_ends_the_service_with_its_error(box: Box) -> None:
    def fail() -> None:
        raise ImportError("libtiff.so.6: cannot open shared object file")

    ended: list[Any] = []
    box.load_libraries = fail
    box.start(ended)
    box.ends()
    assert [str(error) for error in ended] == ["libtiff.so.6: cannot open shared object file"]
