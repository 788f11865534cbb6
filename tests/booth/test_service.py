"""The booth's service as a whole: what a guest sees, what systemd hears, and what no broken part may stop."""

from __future__ import annotations

import dataclasses
import errno
import gc
import queue
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from piboothup import status
from piboothup.booth import service
from piboothup.booth.camera.thread import CameraThread
from piboothup.booth.flow.events import SaveTested, Tick
from piboothup.booth.gpio.button import GpioButton
from piboothup.booth.gpio.buzzer import Sound
from piboothup.booth.gpio.led import GpioLight, LightPattern
from piboothup.booth.panel import thread as panel
from piboothup.booth.panel.thread import PanelThread
from piboothup.booth.panel.view import View
from piboothup.booth.photo.saver import Saver
from piboothup.booth.storage import StorageMonitor
from piboothup.config import ButtonConfig, CaptureConfig, LightConfig, PhotoConfig
from piboothup.problems import Problem, problem
from piboothup.runtime import HintSocket, send_hint
from piboothup.spool import commit, durable, handover
from piboothup.spool.capture_time.anchors import Source
from piboothup.spool.event_titles import AlbumEvent
from piboothup.spool.layout_version import SpoolUnusable
from piboothup.spool.listing import HELD, NEW, WITHDRAWN
from piboothup.spool.photo_file import matches_digest
from piboothup.spool.store import AlreadyRunning, Spool
from piboothup.status import BoothState, UploaderState
from tests.support.booth import Box, awaited, hang_on
from tests.support.deadline import PATIENCE_S
from tests.support.photos import PARTY, jpeg, names_in_new, open_spool, take
from tests.support.systemd import Systemd

# -- what a guest sees ---------------------------------------------------------------------------------------------


def test_a_press_is_seen_on_light_and_panel_until_it_is_saved(box: Box, held: threading.Event) -> None:
    box.start()
    assert box.until_lit() is LightPattern.READY
    box.until_shown()
    box.camera.on_capture = hang_on(held)
    box.press()
    box.until_light(LightPattern.EXPOSING)
    box.until_shown(state=BoothState.EXPOSING)
    held.set()
    assert box.until_light(LightPattern.SAVED) == [LightPattern.EXPOSING, LightPattern.SAVED]
    assert box.photos() == 1
    box.until_shown(state=BoothState.REVIEW, number=1, photos=1)
    box.clock.pass_s(1.0)
    box.until_light(LightPattern.READY)
    box.until_shown(photos=1, waiting=1)


def test_e1_the_photos_of_a_series_are_shown_in_turn(box: Box) -> None:
    box.config = dataclasses.replace(box.config, photo=PhotoConfig(shots=2, gap_s=2))
    box.start_ready()
    box.press()
    box.until_shown(state=BoothState.COUNTDOWN, countdown=2, shot=2, shots=2)
    box.clock.pass_s(2.0)
    box.until_shown(state=BoothState.REVIEW, number=2, shot=1, shots=2)
    box.clock.pass_s(1.0)
    box.until_shown(state=BoothState.REVIEW, number=2, shot=2, shots=2)
    box.clock.pass_s(1.0)
    box.until_light(LightPattern.READY)
    assert box.photos() == 2
    assert [sound for sound in _heard(box) if sound is not Sound.TICK] == [Sound.CLICK] * 2


def _heard(box: Box) -> list[Sound]:
    return [box.buzzer.heard.get_nowait() for _ in range(box.buzzer.heard.qsize())]


def test_e3_a_photo_taken_back_is_never_the_uploaders(box: Box) -> None:
    box.config = dataclasses.replace(box.config, photo=PhotoConfig(take_back_s=6))
    box.start_ready()
    box.button.pressed(box.clock.boottime_ns())
    box.button.released(box.clock.boottime_ns())
    box.until_shown(state=BoothState.REVIEW, number=1, photos=1, offers_take_back=True)
    (name,) = box.spool.names(HELD)
    assert box.photos() == 0
    assert matches_digest(box.spool.path(name, HELD), name)
    box.hold_s(1.1)
    box.until_shown(state=BoothState.REVIEW, number=1, shows_not_sent=True)
    assert (list(box.spool.names(WITHDRAWN)), box.photos(), list(box.spool.names(HELD))) == ([name], 0, [])
    box.clock.pass_s(10)
    box.until_light(LightPattern.READY)
    assert box.photos() == 0


def test_e3_the_uploader_is_told_when_the_time_is_over(box: Box) -> None:
    box.config = dataclasses.replace(box.config, photo=PhotoConfig(take_back_s=6))
    hints = HintSocket(box.runtime, "uploader")
    box.start_ready()
    box.press()
    box.until_light(LightPattern.SAVED)
    (name,) = box.spool.names(HELD)
    box.clock.pass_s(6.1)
    assert hints.receive(PATIENCE_S) == ["new", str(name)]
    assert list(box.spool.names(NEW)) == [name]
    hints.close()


def test_e3_what_is_held_at_the_end_is_released(box: Box) -> None:
    box.config = dataclasses.replace(box.config, photo=PhotoConfig(take_back_s=30))
    box.start_ready()
    box.press()
    box.until_light(LightPattern.SAVED)
    assert box.photos() == 0
    box.stop()
    assert box.photos() == 1


def test_the_button_is_listened_to_and_let_go_at_the_end(box: Box) -> None:
    box.start_ready()
    box.button.pressed(box.clock.boottime_ns())
    box.until_light(LightPattern.SAVED)
    assert box.camera.asked.get(timeout=PATIENCE_S) == box.clock.boottime_ns()
    box.stop()
    assert box.button.stopped
    assert box.light.closed
    assert box.photos() == 1


def test_white_balance_locked_at_countdown_end_until_frame(box: Box) -> None:
    box.config = dataclasses.replace(box.config, capture=CaptureConfig(countdown_s=2))
    box.start_ready()
    box.press()
    box.until_light(LightPattern.COUNTDOWN)
    box.clock.pass_s(1.7)
    assert box.camera.held.get(timeout=PATIENCE_S) is True
    assert box.camera.asked.empty()
    box.clock.pass_s(0.3)
    box.until_light(LightPattern.SAVED)
    assert box.camera.held.get(timeout=PATIENCE_S) is False


def test_button_light_steady_during_flash_even_on_new_press(box: Box) -> None:
    light = LightConfig(flash_pin=22, flash_lead_s=1.5)
    box.config = dataclasses.replace(box.config, capture=CaptureConfig(countdown_s=2), light=light)
    box.start_ready()
    pressed_ns = box.clock.boottime_ns()
    box.press()
    box.until_light(LightPattern.COUNTDOWN)
    assert box.light.flashes == [False]
    box.clock.pass_s(0.5)
    box.until_light(LightPattern.EXPOSING)
    assert box.light.flashes == [False, True]
    box.press()
    assert box.turn() is LightPattern.EXPOSING
    box.clock.pass_s(1.5)
    box.until_light(LightPattern.SAVED)
    assert box.light.flashes == [False, True, False]
    assert box.camera.lit.get(timeout=PATIENCE_S) == pressed_ns + 500_000_000


def test_e6_lens_light_leads_by_a_second_and_ends_with_frame(box: Box) -> None:
    box.config = dataclasses.replace(box.config, capture=CaptureConfig(countdown_s=3))
    box.start_ready()
    box.press()
    box.until_light(LightPattern.COUNTDOWN)
    box.clock.pass_s(1.0)
    assert box.turn() is LightPattern.COUNTDOWN
    assert box.light.lens_lit == [False]
    box.clock.pass_s(1.0)
    box.until_light(LightPattern.HURRY)
    assert box.light.lens_lit == [False, True]
    box.clock.pass_s(1.0)
    box.until_light(LightPattern.SAVED)
    assert box.light.lens_lit == [False, True, False]


def test_countdown_on_light_and_panel_last_second_faster(box: Box) -> None:
    box.config = dataclasses.replace(box.config, capture=CaptureConfig(countdown_s=2))
    box.start_ready()
    box.press()
    box.until_light(LightPattern.COUNTDOWN)
    box.until_shown(state=BoothState.COUNTDOWN, countdown=2)
    box.clock.pass_s(1.0)
    box.until_light(LightPattern.HURRY)
    box.until_shown(state=BoothState.COUNTDOWN, countdown=1)
    zero_ns = box.clock.boottime_ns() + 1_000_000_000
    box.clock.pass_s(1.0)
    box.until_light(LightPattern.SAVED)
    assert box.camera.asked.get(timeout=PATIENCE_S) == zero_ns


def test_b03_press_during_photo_answered_on_light_and_panel(box: Box) -> None:
    box.config = dataclasses.replace(box.config, capture=CaptureConfig(countdown_s=9))
    box.start_ready()
    box.press()
    box.until_light(LightPattern.COUNTDOWN)
    box.press()
    box.until_light(LightPattern.BUSY)
    box.until_shown(state=BoothState.COUNTDOWN, countdown=9, busy_hint=True)
    box.clock.pass_s(0.9)
    box.until_light(LightPattern.COUNTDOWN)
    assert box.camera.asked.empty()


def test_b04_button_down_at_start_called_stuck_until_released(
    box: Box,
) -> None:
    box.button.down = True
    box.notice = problem("bad_config", "line 3")
    box.start()
    box.until_light(LightPattern.HELD)  # perhaps while starting, when the test photo still has a time limit
    box.until_said(lambda said: said.get("state") == BoothState.READY)
    box.clock.pass_s(15.0)
    box.until_light(LightPattern.READY)
    box.until_shown(notice=problem("button_stuck"))  # before the config's mistake: the one stops photos
    box.until_said(lambda said: said.get("problems") == ["button_stuck", "bad_config"])
    box.button.released(box.clock.boottime_ns())
    box.until_shown(notice=box.notice)
    box.press()
    box.until_light(LightPattern.SAVED)
    assert box.photos() == 1


def test_b06_hold_over_countdown_no_photo_early_release_restarts(box: Box) -> None:
    box.config = dataclasses.replace(box.config, capture=CaptureConfig(countdown_s=2))
    box.start_ready()
    box.hold("down")
    box.until_light(LightPattern.COUNTDOWN)
    box.clock.pass_s(1.0)
    box.until_light(LightPattern.HELD)
    box.clock.pass_s(3.0)
    box.hold("up")
    box.until_light(LightPattern.COUNTDOWN)
    zero_ns = box.clock.boottime_ns() + 2_000_000_000
    box.clock.pass_s(2.0)
    box.until_light(LightPattern.SAVED)
    assert box.camera.asked.get(timeout=PATIENCE_S) == zero_ns
    assert box.camera.asked.empty()


def test_b06_delayed_loop_hears_release_before_judging_by_time(box: Box, held: threading.Event) -> None:
    box.config = dataclasses.replace(box.config, capture=CaptureConfig(countdown_s=2))
    box.start_ready()
    show, is_held = box.light.show, threading.Event()

    def hang(pattern: LightPattern) -> None:
        show(pattern)
        if pattern is LightPattern.COUNTDOWN:
            is_held.set()
            held.wait()

    box.light.show = hang  # type: ignore[method-assign]
    edge_ns = box.clock.boottime_ns()
    box.button.pressed(edge_ns)
    assert is_held.wait(PATIENCE_S)
    assert box._service is not None
    box._service._events.put(Tick())
    box.button.released(edge_ns + 200_000_000)
    box.clock.pass_s(1.5)
    held.set()
    box.until_light(LightPattern.HURRY)
    box.clock.pass_s(0.5)
    box.until_light(LightPattern.SAVED)
    assert box.camera.asked.get(timeout=PATIENCE_S) == edge_ns + 2_000_000_000


def test_menu_opens_after_5_s_hold_closes_after_20_s_idle(box: Box) -> None:
    box.config = dataclasses.replace(box.config, capture=CaptureConfig(countdown_s=3))
    box.start_ready()
    box.hold("down")
    box.until_light(LightPattern.COUNTDOWN)
    box.clock.pass_s(5.0)
    box.until_light(LightPattern.HELD)
    box.hold("up")
    box.until_said(lambda said: said.get("state") == "menu")
    box.clock.pass_s(20.0)
    box.until_light(LightPattern.READY)
    assert box.camera.asked.empty()


def test_the_panel_tells_how_the_photos_travel(box: Box) -> None:
    spool = open_spool(box.spool.directory, box.clock)
    spool.write_events([AlbumEvent("Anna & Ben", "abcd1234")])
    for number in range(3):
        take(spool, jpeg(number))
    status.write(box.runtime, "uploader", {"state": "offline", "waiting": 3})
    box.start_ready()
    box.until_shown(event_title="Anna & Ben", photos=3, upload_state=UploaderState.OFFLINE, waiting=3)
    status.write(box.runtime, "uploader", {"state": "idle", "waiting": 0})
    for name in names_in_new(spool):
        handover.park(spool, name, "The server refuses it.")
    box.until_shown(event_title="Anna & Ben", photos=3, upload_state=UploaderState.IDLE, parked=3)


def test_photos_before_start_count_in_next_photo_number(box: Box) -> None:
    spool = open_spool(box.spool.directory, box.clock)
    for number in range(2):
        take(spool, jpeg(number))
    box.start_ready()
    box.until_shown(photos=2, waiting=2)
    box.press()
    box.until_shown(state=BoothState.REVIEW, number=3, photos=3, waiting=2)


# -- what is broken and stops no photo -----------------------------------------------------------------------------


def break_light(box: Box) -> None:
    light = GpioLight(LightConfig(), pin_factory=object())
    light.open()
    box.light.problem = light.problem


def break_button(box: Box) -> None:
    box.button = GpioButton(ButtonConfig(), box.clock, pin_factory=object())  # type: ignore[assignment]


def break_panel(box: Box) -> None:
    box.glass.trouble = OSError(errno.ENXIO, "No such device or address")


@pytest.mark.parametrize(
    ("breaks", "code"),
    [(break_light, "light_missing"), (break_button, "button_missing"), (break_panel, "panel_missing")],
)
def test_b07_d01_missing_device_reported_photos_go_on(box: Box, breaks: Callable[[Box], None], code: str) -> None:
    breaks(box)
    box.start_ready()
    said = box.until_said(lambda said: said if code in said.get("problems", ()) else None)
    assert said["problems"] == [code]
    assert said["button"] == ("missing" if code == "button_missing" else "ready")
    assert said["panel"] == ("missing" if code == "panel_missing" else "ready")
    if code != "panel_missing":
        box.until_shown(notice=problem(code))
    box.press()
    box.until_light(LightPattern.SAVED)
    assert box.photos() == 1


def test_c02_config_mistake_reported_before_missing_device(box: Box) -> None:
    box.notice = problem("bad_config", "line 3")
    box.light.problem = problem("light_missing")
    box.start_ready()
    box.until_shown(notice=box.notice)
    said = box.until_said(lambda said: said.get("problems"))
    assert said == ["bad_config", "light_missing"]


def test_f14_an_unused_setting_is_shown_last_until_a_photo(box: Box) -> None:
    box.notice = problem("unused_setting")
    box.light.problem = problem("light_missing")
    box.start_ready()
    box.until_shown(notice=problem("light_missing"))
    assert box.until_said(lambda said: said.get("problems")) == ["light_missing", "unused_setting"]
    box.light.problem = None
    box.until_shown(notice=box.notice)
    box.press()
    box.until_light(LightPattern.SAVED)
    box.clock.pass_s(1.5)
    box.until_shown(photos=1, waiting=1)
    assert box.until_said(lambda said: said.get("problems")) == ["unused_setting"]


def test_what_the_uploader_cannot_show_by_its_state_is_told(box: Box) -> None:
    status.write(box.runtime, "uploader", {"state": "idle", "waiting": 2, "problems": ["event_gone"]})
    box.start_ready()
    box.until_shown(upload_state=UploaderState.IDLE, waiting=2, notice=problem("event_gone"))


def test_k01_no_camera_shown_on_light_panel_status_until_present(box: Box) -> None:
    box.camera.fault = problem("no_camera")
    box.start()
    box.until_light(LightPattern.TROUBLE)
    box.until_shown(state=BoothState.FAULT, problem=problem("no_camera"))
    said = box.until_said(lambda said: said if said.get("state") == "fault" else None)
    assert (said["camera"], said["problems"]) == ("lost", ["no_camera"])
    box.camera.fault = None
    box.clock.pass_s(2.0)
    box.until_light(LightPattern.READY)
    box.until_said(lambda said: said.get("camera") == "ready" and said["problems"] == [])


def test_s14_spool_gone_is_fault_and_return_is_noticed(box: Box) -> None:
    box.start_ready()
    gone = box.spool.directory.rename(box.spool.directory.with_name("gone"))  # at once: half gone, it is made anew
    shutil.rmtree(gone)
    box.until_light(LightPattern.TROUBLE)
    box.until_light(LightPattern.READY)
    box.press()
    box.until_light(LightPattern.SAVED)
    assert box.photos() == 1


def test_s14_the_card_is_checked_by_one_thread_alone(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    """What another found a moment earlier would come later, and end a fault or begin one that has ended."""
    checking: queue.SimpleQueue[str] = queue.SimpleQueue()
    real = commit.card_problem

    def note(spool: Spool) -> Problem | None:
        checking.put(threading.current_thread().name)
        return real(spool)

    box.start_ready()
    monkeypatch.setattr(commit, "card_problem", note)
    box.take_photo()
    with monkeypatch.context() as patched:
        patched.setattr(commit, "commit", lambda *_: 1 // 0)
        box.press()
        box.until_said(lambda said: said.get("state") == "fault")
    threads = {checking.get(timeout=PATIENCE_S)}
    box.stop()
    threads |= {checking.get() for _ in range(checking.qsize())}
    assert threads == {"housekeeping"}


def test_s02_a_photo_not_saved_has_the_card_checked_at_once(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "_HOUSEKEEPING_S", 10 * PATIENCE_S)
    box.start_ready()
    assert box.runner is not None
    box.take_photo()  # the round that follows a start has ended

    def refuse(*_: object) -> None:
        monkeypatch.setattr(commit, "card_problem", lambda _spool: problem("card_readonly"))
        raise commit.NotSaved(problem("not_saved"))

    monkeypatch.setattr(commit, "commit", refuse)
    box.press()
    box.until_shown(state=BoothState.FAULT, problem=problem("card_readonly"))


def test_systemd_unusable_spool_is_fault_until_usable(box: Box, systemd: Systemd) -> None:
    box.spool.directory.write_text("a file where a folder should be")
    box.start()
    assert systemd.hears() == b"READY=1"
    box.until_light(LightPattern.TROUBLE)
    box.until_shown(state=BoothState.FAULT, problem=problem("spool_unusable", "Not a directory"))
    box.spool.directory.unlink()
    box.until_light(LightPattern.READY)
    box.press()
    box.until_light(LightPattern.SAVED)


def test_at_a_desk_a_spool_that_cannot_be_used_ends_the_command(box: Box) -> None:
    box.spool.directory.write_text("a file where a folder should be")
    told: list[Exception] = []
    box.start(told)
    box.stop()
    assert [type(error) for error in told] == [SpoolUnusable]


def test_s20_a_second_booth_on_the_spool_ends_at_once(box: Box) -> None:
    spool = open_spool(box.spool.directory, box.clock)
    told: list[Exception] = []
    with spool.lock("booth"):
        box.start(told)
        box.stop()
    assert [type(error) for error in told] == [AlreadyRunning]


def test_s04_card_refusing_anchor_keeps_panel_and_status_alive(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    box.start_ready()

    def refuse(_path: Path, _line: str) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(durable, "append_line", refuse)
    box.clock.uncertainty_ms = 5
    status.write(box.runtime, "uploader", {"state": "offline"})
    box.until_shown(upload_state=UploaderState.OFFLINE)
    told_s = box.until_said(lambda said: said.get("boottime_s"))
    box.until_said(lambda said: said["boottime_s"] > told_s)


@pytest.mark.parametrize("error", [OSError(errno.EIO, "Input/output error"), ZeroDivisionError()])
def test_s15_failed_housekeeping_round_is_followed_by_next(
    box: Box, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    failed = threading.Event()

    def fail(_card: StorageMonitor) -> None:
        failed.set()
        raise error

    box.start_ready()
    with monkeypatch.context() as patched:
        patched.setattr(StorageMonitor, "check", fail)
        assert failed.wait(PATIENCE_S)
    status.write(box.runtime, "uploader", {"state": "offline"})
    box.until_shown(upload_state=UploaderState.OFFLINE)


# -- at rest -------------------------------------------------------------------------------------------------------


def test_at_rest_the_loop_is_woken_by_ticks_alone(box: Box) -> None:
    box.start_ready()
    heard = awaited(box._heard)
    assert SaveTested in [next(heard) for _ in range(box._heard.qsize())]  # ready waits for it, as for the button's
    assert [next(heard) for _ in range(4)] == [Tick] * 4


def test_at_rest_nothing_is_written_to_the_card(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    checks: queue.SimpleQueue[None] = queue.SimpleQueue()
    check = StorageMonitor.check

    def counted(storage: StorageMonitor) -> Problem | None:
        checks.put(None)
        return check(storage)

    def rounds(number: int) -> dict[Path, tuple[int, ...]]:
        for _ in range(number):
            checks.get(timeout=PATIENCE_S)
        files = (box.spool.directory, *box.spool.directory.rglob("*"))
        return {file: (found.st_ino, found.st_size, found.st_ctime_ns) for file in files for found in [file.stat()]}

    box.start_ready()
    monkeypatch.setattr(StorageMonitor, "check", counted)
    before = rounds(3)  # the first still records how long the start took
    assert rounds(3) == before


# -- frames are 18 MB each -----------------------------------------------------------------------------------------


def test_a_frame_that_nobody_waits_for_goes_back_to_the_camera(box: Box) -> None:
    box.camera.early_ns = 1
    box.start_ready()
    box.press()
    assert box.camera.released.get(timeout=PATIENCE_S) == box.clock.boottime_ns() - 1
    assert box.photos() == 0


def test_no_part_of_the_booth_keeps_a_saved_frame_alive(box: Box) -> None:
    box.start_ready()
    box.press()
    box.until_light(LightPattern.SAVED)
    box.turn()
    gc.collect()
    assert [frame() for frame in box.camera.handed_over] == [None]
    assert box.camera.released.qsize() == 1


# -- the clock -----------------------------------------------------------------------------------------------------


def test_t01_the_clock_that_ntp_disciplines_is_written_down(box: Box) -> None:
    box.start_ready()
    box.clock.uncertainty_ms = 5
    box.until_said(lambda _: Source.NTP in {anchor.source for anchor in box.spool.read_boot(box.spool.boot).anchors})


# -- status --------------------------------------------------------------------------------------------------------


def test_status_file_has_all_status_fields_removed_with_service(box: Box) -> None:
    box.start_ready()
    box.press()
    said = box.until_said(lambda said: said if said.get("photos") else None)
    del said["pid"], said["boottime_s"], said["version"]
    assert said.pop("state") in ("saving", "review")
    assert said == {
        "name": "Booth 1",
        "box": box.spool.box,
        "boot": 1,
        "camera": "ready",
        "panel": "ready",
        "button": "ready",
        "photos": 1,
        "context": PARTY.id,
        "problems": [],
    }
    box.stop()
    assert not (box.runtime / "booth.json").exists()


def test_the_status_follows_the_state_at_once(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "_STATUS_S", 10 * PATIENCE_S)
    box.start_ready()
    box.until_said(lambda said: said.get("state") == "ready")
    box.press()
    box.until_said(lambda said: said.get("state") == "review" and said["photos"] == 1)


def test_status_file_write_failure_written_when_possible(box: Box) -> None:
    (box.runtime / "booth.json").mkdir()
    box.start_ready()
    for _ in range(3):
        box.turn()
    (box.runtime / "booth.json").rmdir()
    box.until_said(lambda said: said.get("state") == "ready")


# -- the end -------------------------------------------------------------------------------------------------------


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[View]:
    """Every view that the panel's thread was given."""
    views: list[View] = []
    show = PanelThread.show

    def note(panel: PanelThread, view: View) -> None:
        views.append(view)
        show(panel, view)

    monkeypatch.setattr(PanelThread, "show", note)
    return views


def test_stop_calls_photos_safe_only_when_last_one_is(
    box: Box, held: threading.Event, shown: list[View], monkeypatch: pytest.MonkeyPatch
) -> None:
    saving = threading.Event()

    def release() -> None:
        saving.set()
        held.wait()

    monkeypatch.setattr(service, "_STOP_NS", int(PATIENCE_S * 1e9))
    box.start_ready()
    box.camera.on_release = release
    box.press()
    assert saving.wait(PATIENCE_S)
    before: list[tuple[bool, int]] = []
    stop = Saver.stop

    def note(saver: Saver, timeout_s: float) -> bool:
        held.set()
        before.append((any(view.state is BoothState.STOPPING for view in shown), box.photos()))
        return stop(saver, timeout_s)

    monkeypatch.setattr(Saver, "stop", note)
    box.stop()
    assert before[0][0] is False
    assert shown[-1].state is BoothState.STOPPING
    assert box.photos() == 1
    box.until_shown(state=BoothState.STOPPING, ended=True)


def test_c08_any_hang_service_stops_in_time_calls_no_photo_safe(
    box: Box, held: threading.Event, shown: list[View], monkeypatch: pytest.MonkeyPatch
) -> None:
    box.start_ready()
    box.until_shown()
    box.camera.on_release = box.camera.on_close = box.glass.on_close = hang_on(held)
    box.press()
    box.until_light(LightPattern.EXPOSING)
    join, waited_s = threading.Thread.join, list[float]()

    def pass_by_hand(thread: threading.Thread, timeout: float | None = None) -> None:
        if thread.name in ("saver", "camera", "panel") and timeout is not None:
            waited_s.append(timeout)
            box.clock.pass_s(timeout)
        else:
            join(thread, timeout)

    monkeypatch.setattr(threading.Thread, "join", pass_by_hand)
    box.stop()
    assert len(waited_s) == 3
    assert sum(waited_s) <= 4.0
    assert shown[-1].state is not BoothState.STOPPING
    held.set()


def test_a06_a_camera_that_hangs_leaves_time_for_the_farewell(
    box: Box, held: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else nobody knows whether the plug may be pulled."""
    box.start_ready()
    box.camera.on_close = hang_on(held)
    join, waited_s = threading.Thread.join, dict[str, float]()

    def pass_by_hand(thread: threading.Thread, timeout: float | None = None) -> None:
        if thread.name in ("camera", "panel") and timeout is not None:
            waited_s[thread.name] = timeout
        if thread.name == "camera" and timeout is not None:
            box.clock.pass_s(timeout)
        else:
            join(thread, timeout)

    monkeypatch.setattr(threading.Thread, "join", pass_by_hand)
    box.stop()
    box.until_shown(state=BoothState.STOPPING, ended=True)
    assert waited_s["panel"] >= 1.0
    assert sum(waited_s.values()) <= 4.0
    held.set()


def test_camera_hopeless_systemd_restarts_booth_else_it_goes_on(
    box: Box, systemd: Systemd, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the camera's thread finds beyond help is its own test; here, what becomes of that."""
    hopeless: list[Callable[[], None]] = []
    make: Any = CameraThread.__init__

    def note(thread: CameraThread, *given: Any) -> None:
        hopeless.append(given[-1])
        make(thread, *given)

    monkeypatch.setattr(CameraThread, "__init__", note)
    box.start_ready()
    monkeypatch.delenv("NOTIFY_SOCKET")
    hopeless[0]()
    assert box.turn() is LightPattern.READY
    monkeypatch.setenv("NOTIFY_SOCKET", "/nobody")
    hopeless[0]()
    assert box._thread is not None
    box._thread.join(PATIENCE_S)
    assert not box._thread.is_alive()


def test_f08_vanished_runtime_folder_made_again_with_content(
    box: Box, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(panel, "CHECK_S", 0.05)  # nobody waits a second for each look
    box.start_ready()
    box.until_shown()
    for _ in range(2):
        gone = box.runtime.rename(box.runtime.with_name("gone"))  # at once: who deletes meets who writes a status
        shutil.rmtree(gone)
        turns = awaited(box.light.patterns)
        while not send_hint(box.runtime, "booth", "press"):
            next(turns)
        box.until_light(LightPattern.SAVED)
        box.until_said(lambda said: said.get("state"))
        while not (box.runtime / panel.PICTURE_NAME).exists():
            next(turns)
        box.clock.pass_s(1.0)
        box.until_light(LightPattern.READY)
    assert box.photos() == 2
    assert not any(record.exc_info for record in caplog.records)


def test_f08_a_full_run_is_on_the_bottom_line_and_photos_go_on(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel's answer is played: the real one needs a file system of its own (see test_runtime)."""
    full = threading.Event()
    write = status.write

    def refuse(*given: Any) -> None:
        if full.is_set():
            raise OSError(errno.ENOSPC, "No space left on device")
        write(*given)

    monkeypatch.setattr(status, "write", refuse)
    box.start_ready()
    full.set()
    told = problem("runtime_full", str(box.runtime))
    box.until_shown(notice=told)
    box.press()
    box.until_light(LightPattern.SAVED)
    full.clear()
    box.clock.pass_s(1.0)
    box.until_shown(photos=1, waiting=1)
    assert box.photos() == 1
