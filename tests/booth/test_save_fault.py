"""Photos that are not saved, through the whole service: what a guest sees, and what the box does by itself."""

from __future__ import annotations

import contextlib
import dataclasses
import queue
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest
import simplejpeg

from piboothup.booth import service
from piboothup.booth.flow.self_test_report import SELF_TEST_STEPS
from piboothup.booth.gpio.buzzer import Sound
from piboothup.booth.gpio.led import LightPattern
from piboothup.commands import status
from piboothup.config import CaptureConfig
from piboothup.health import Check
from piboothup.problems import Problem, problem
from piboothup.spool import commit
from piboothup.spool.listing import CONTEXTS, NEW, PROBE, TEST_PHOTO, TMP
from piboothup.status import BoothState
from tests.support.booth import Box, awaited
from tests.support.deadline import PATIENCE_S
from tests.support.faulty_card import immutable
from tests.support.mounts import MountNamespace, mounts
from tests.support.permissions import no_entry
from tests.support.photos import names_in_new
from tests.support.systemd import Systemd

__all__ = ["mounts"]

FAULT = problem("unsaved_jpeg", "AttributeError")
REAL = simplejpeg.encode_jpeg_yuv_planes


def lose_encoder(patch: pytest.MonkeyPatch) -> None:
    """As with simplejpeg 1.7, which may not be installed beside the one that these tests run with."""
    patch.delattr(simplejpeg, "encode_jpeg_yuv_planes")


def find_encoder(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(simplejpeg, "encode_jpeg_yuv_planes", REAL, raising=False)


def fail_a_photo(box: Box) -> None:
    """A guest presses, and sees that there is no photo; he would wait for "press again" to go."""
    box.press()
    box.until_light(LightPattern.EXPOSING)
    box.until_light(LightPattern.READY)


def try_again(box: Box) -> int:
    """Half a minute passes, and the test photo that is due then is over; how many frames were asked for by then."""
    assert box._service is not None
    asked, turns = box.camera.asked.qsize(), awaited(box.light.patterns)
    box.clock.pass_s(30.0)
    while box.camera.asked.qsize() == asked or box._service._booth.health.is_under_way:
        next(turns)
    return box.camera.asked.qsize()


def come_to_the_fault(box: Box, patch: pytest.MonkeyPatch) -> None:
    box.start_ready()
    lose_encoder(patch)
    fail_a_photo(box)
    fail_a_photo(box)
    box.press()
    box.until_light(LightPattern.TROUBLE)


def test_f16_a_spool_shut_while_ready_is_a_fault_without_a_press(box: Box) -> None:
    box.start_ready()
    with no_entry(box.spool.directory):
        box.until_light(LightPattern.TROUBLE)
        box.until_shown(state=BoothState.FAULT, problem=problem("unsaved_card", "Permission denied"))
    box.until_light(LightPattern.READY)
    box.press()
    box.until_light(LightPattern.SAVED)


def test_f16_an_encoder_that_is_too_old_is_told_until_mended(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    come_to_the_fault(box, monkeypatch)
    box.until_shown(state=BoothState.FAULT, problem=FAULT)
    box.until_said(lambda said: said.get("state") == "fault" and said["problems"] == ["unsaved_jpeg"])
    told = status.assemble(box.config, box.spool, box.clock, box.runtime)["problems"]
    assert ("unsaved_jpeg", FAULT.sentence, FAULT.remedy) in {
        (shown["code"], shown["sentence"], shown["remedy"]) for shown in told
    }
    box.press()
    assert box.turn() is LightPattern.BUSY
    assert box.camera.asked.qsize() == 3
    assert [try_again(box), try_again(box)] == [4, 5]
    find_encoder(monkeypatch)
    box.clock.pass_s(30.0)
    box.until_light(LightPattern.READY)
    box.until_said(lambda said: said.get("state") == "ready" and said["problems"] == [])
    assert box.photos() == 0
    box.press()
    box.until_light(LightPattern.SAVED)
    assert box.photos() == 1
    assert {name.seq for name in names_in_new(box.spool)} == {4}


def test_f16_a_test_photo_is_neither_lit_nor_heard_nor_counted(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    come_to_the_fault(box, monkeypatch)
    heard = [box.buzzer.heard.get(timeout=PATIENCE_S) for _ in range(box.buzzer.heard.qsize())]
    assert heard.count(Sound.LOW) == 3
    box.light.flashes.clear()
    while not box.light.patterns.empty():
        box.light.patterns.get_nowait()
    assert try_again(box) == 4
    find_encoder(monkeypatch)
    box.clock.pass_s(30.0)
    assert box.until_light(LightPattern.READY)[:-1] in ([LightPattern.TROUBLE], [])
    assert box.camera.released.qsize() == 5
    assert True not in box.light.flashes
    assert box.buzzer.heard.empty()
    box.until_said(lambda said: said.get("state") == "ready" and said["photos"] == 0)


def test_f16_systemd_hears_ready_before_the_test_photo(box: Box, systemd: Systemd) -> None:
    heard: queue.SimpleQueue[list[bytes]] = queue.SimpleQueue()
    box.camera.on_capture = lambda: heard.put(systemd.heard())
    said: list[Any] = []
    box.camera.on_release = lambda: said.append(box._service and box._service._booth.state)
    box.start_ready()
    assert b"READY=1" in heard.get(timeout=PATIENCE_S)
    assert said == [BoothState.STARTING]
    assert not (box.spool.directory / TMP / TEST_PHOTO).exists()


def test_f16_at_the_start_the_fault_comes_without_a_press(
    box: Box, systemd: Systemd, monkeypatch: pytest.MonkeyPatch
) -> None:
    lose_encoder(monkeypatch)
    box.start()
    assert box.until_lit() is LightPattern.TROUBLE
    box.until_shown(state=BoothState.FAULT, problem=FAULT)
    assert systemd.hears() == b"READY=1"
    box.press()
    assert box.turn() is LightPattern.BUSY
    assert box.camera.asked.qsize() == 1
    find_encoder(monkeypatch)
    box.clock.pass_s(30.0)
    box.until_light(LightPattern.READY)


def test_f16_k01_without_a_camera_the_test_photo_waits(box: Box, systemd: Systemd) -> None:
    box.camera.fault = problem("no_camera")
    box.start()
    box.until_light(LightPattern.TROUBLE)
    assert systemd.hears() == b"READY=1"
    assert box.camera.asked.empty()
    box.camera.fault = None
    box.clock.pass_s(2.0)
    box.until_light(LightPattern.READY)
    assert box.camera.asked.qsize() == 1


def test_f16_s01_a_card_that_is_full_at_the_start_is_called_full(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    real = commit.card_problem
    monkeypatch.setattr(commit, "card_problem", lambda _spool: problem("card_full"))
    box.start()
    box.until_light(LightPattern.TROUBLE)
    box.until_said(lambda said: said.get("problems") == ["card_full"])
    assert box.camera.asked.empty()
    monkeypatch.setattr(commit, "card_problem", real)
    box.until_light(LightPattern.READY)
    assert box.camera.asked.qsize() == 1


def test_f16_while_the_camera_hangs_at_the_test_it_is_not_ready(
    box: Box, systemd: Systemd, held: threading.Event
) -> None:
    hanging = threading.Event()

    def hang() -> None:
        hanging.set()
        held.wait()

    box.camera.on_capture = hang
    box.start()
    assert hanging.wait(PATIENCE_S)
    assert box.turn() is not LightPattern.READY
    held.set()
    box.camera.on_capture = lambda: None
    box.until_light(LightPattern.READY)


def test_f16_the_ready_check_ships_no_box_that_saves_nothing(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    come_to_the_fault(box, monkeypatch)
    box.open_menu()
    box.choose("ready_check")
    box.until_page(lambda page: page is not None and page.report is not None and page.report.asks_for_press)
    box.press()
    page = box.until_page(lambda page: page is not None and page.report is not None and page.report.step is None)
    assert page is not None and page.report is not None
    assert page.report.results[SELF_TEST_STEPS.index(Check.CARD)] == FAULT
    assert page.report.reason is not None


# -- a camera that streams and gives no frame to whoever presses ---------------------------------------------------

NO_PICTURE = problem("camera_stuck")
NO_PHOTOS = problem("no_photos")


def press_in_vain(box: Box) -> None:
    """A guest presses, the camera fails him and is opened again."""
    box.press()
    box.until_light(LightPattern.TROUBLE)
    box.until_said(lambda said: said["camera"] == "lost")
    box.clock.pass_s(10.0)
    box.camera.wake()  # the camera's thread sleeps real time until it looks at the clock
    box.until_said(lambda said: said["camera"] == "ready")


def come_to_no_photos(box: Box) -> None:
    box.start_ready()
    box.camera.capture_fault = NO_PICTURE
    for _ in range(2):
        press_in_vain(box)
        box.until_light(LightPattern.READY)
    press_in_vain(box)
    box.until_shown(state=BoothState.FAULT, problem=NO_PHOTOS)
    box.until_said(lambda said: said["state"] == "fault" and said["problems"] == ["no_photos"])


def test_f16_three_presses_without_a_frame_are_a_fault(box: Box) -> None:
    come_to_no_photos(box)
    asked = box.camera.asked.qsize()
    assert asked == 3
    box.press()
    assert box.turn() is LightPattern.BUSY
    assert box.camera.asked.qsize() == asked
    box.clock.pass_s(30.0)  # a test photo, and the camera is opened again after it
    box.until_said(lambda said: said["camera"] == "lost")
    box.clock.pass_s(10.0)
    box.camera.wake()  # the camera's thread sleeps real time until it looks at the clock
    box.until_said(lambda said: said["camera"] == "ready")
    assert box.turn() is LightPattern.TROUBLE
    assert box.camera.asked.qsize() == asked + 1
    assert box.camera.released.empty()
    box.camera.capture_fault = None
    box.clock.pass_s(30.0)
    box.until_light(LightPattern.READY)
    box.until_said(lambda said: said["state"] == "ready" and said["problems"] == [])
    box.press()
    box.until_light(LightPattern.SAVED)
    assert [name.seq for name in names_in_new(box.spool)] == [1], "no number was used up"


def test_f16_a_frame_between_them_resets_the_presses_in_vain(box: Box) -> None:
    box.start_ready()
    for _ in range(2):
        box.camera.capture_fault = NO_PICTURE
        for _ in range(2):
            press_in_vain(box)
            box.until_light(LightPattern.READY)
        box.camera.capture_fault = None
        box.press()
        box.until_light(LightPattern.SAVED)
    assert box.photos() == 2


def test_f16_frames_that_begin_too_early_are_no_photos(box: Box) -> None:
    """The camera answers, but what it gives began before the press: the machine waits in vain for another."""
    box.start_ready()
    box.camera.early_ns = 1
    for number in (1, 2, 3):
        box.press()
        box.until_light(LightPattern.EXPOSING)
        box.camera.released.get(timeout=PATIENCE_S)
        box.clock.pass_s(6.0)
        box.until_light(LightPattern.READY if number < 3 else LightPattern.TROUBLE)
    box.until_said(lambda said: said["state"] == "fault" and said["problems"] == ["no_photos"])
    assert box.photos() == 0


REFUSALS = [(None, None), (TMP, "card_readonly"), (f"{NEW}/0001", "unsaved_card")]


def card_step(box: Box, refuses: str | None) -> Problem | None:
    """What the menu's self-test says of the card."""
    box.open_menu()
    with immutable(box.spool.directory / refuses) if refuses else contextlib.nullcontext():
        box.choose("ready_check")
        box.until_page(lambda page: page is not None and page.report is not None and page.report.asks_for_press)
        box.press()
        page = box.until_page(lambda page: page is not None and page.report is not None and page.report.step is None)
    assert page is not None and page.report is not None
    assert [path for path in box.spool.directory.rglob(".*") if path.name in (PROBE, TEST_PHOTO)] == []
    return page.report.results[SELF_TEST_STEPS.index(Check.CARD)]


@pytest.mark.parametrize(("refuses", "code"), REFUSALS)
def test_f16_the_self_test_tries_the_whole_way_of_a_photo(box: Box, refuses: str | None, code: str | None) -> None:
    """Before the event, when nobody has pressed yet: nothing is known of what failed meanwhile."""
    box.config = dataclasses.replace(
        box.config, capture=CaptureConfig(countdown_s=1)
    )  # a hold would take a photo without
    box.start_ready()
    found = card_step(box, refuses)
    assert (None if found is None else found.code) == code
    assert box.photos() == 0


@pytest.mark.parametrize(("refuses", "code"), REFUSALS)
def test_f16_the_self_test_without_frames_tries_the_card(box: Box, refuses: str | None, code: str | None) -> None:
    """The camera's fault says nothing of the card."""
    come_to_no_photos(box)
    found = card_step(box, refuses)
    assert (None if found is None else found.code) == code


# -- folders that refuse, on real file systems ---------------------------------------------------------------------


def stays_in_fault(box: Box, place: str) -> None:
    """A minute and a half passes, with whatever the box tries by itself, and it is never ready."""
    for _ in range(3):
        if place == TMP:  # the storage monitor has seen it, and no test photo is taken
            box.clock.pass_s(30.0)
        else:
            try_again(box)
        assert box.turn() is LightPattern.TROUBLE


def heals(box: Box, number: int) -> None:
    """The folder takes files again: the box finds out, and the next press is a photo with this number."""
    box.clock.pass_s(30.0)
    box.until_light(LightPattern.READY)
    box.press()
    box.until_light(LightPattern.SAVED)
    assert [name.seq for name in names_in_new(box.spool)] == [number]
    assert list((box.spool.directory / TMP).glob(".*")) == []
    assert list((box.spool.directory / NEW).rglob(TEST_PHOTO)) == []


@pytest.mark.process
@pytest.mark.parametrize("place", [TMP, CONTEXTS, NEW])
def test_f16_a_folder_that_refuses_at_the_start_is_told(box: Box, place: str) -> None:
    box.spool.prepare()
    with immutable(box.spool.directory / place):
        box.start()
        assert box.until_lit() is LightPattern.TROUBLE
        box.until_said(lambda said: said["problems"] == ["card_readonly" if place == TMP else "unsaved_card"])
        stays_in_fault(box, place)
        assert box.photos() == 0
    heals(box, 1)


@pytest.mark.process
@pytest.mark.parametrize("place", [TMP, f"{NEW}/0001"])
def test_f16_a_folder_that_refuses_in_mid_event_is_told(box: Box, place: str) -> None:
    box.start_ready()
    with immutable(box.spool.directory / place):
        if place != TMP:  # a card that fails so is called read-only at once
            fail_a_photo(box)
            fail_a_photo(box)
        box.press()
        box.until_light(LightPattern.TROUBLE)
        box.until_said(lambda said: said["problems"] == ["card_readonly" if place == TMP else "unsaved_card"])
        stays_in_fault(box, place)
    for part in (box.spool.directory / TMP).glob("*.part"):
        part.unlink()  # of photos that nobody was told are saved; the next start would salvage them
    heals(box, 2 if place == TMP else 4)


def contexts_go_read_only(directory: Path) -> None:
    """In the namespace: that folder alone is mounted read-only, as a failing card's part of a disk may be."""
    service._HOUSEKEEPING_S = service._STATUS_S = 0.05
    box = Box(directory)
    try:
        box.spool.prepare()
        contexts = box.spool.directory / CONTEXTS
        subprocess.run(["mount", "--bind", contexts, contexts], check=True)
        subprocess.run(["mount", "-o", "remount,ro,bind", contexts], check=True)
        box.start()
        assert box.until_lit() is LightPattern.TROUBLE
        box.until_said(lambda said: said["problems"] == ["card_readonly"])
        stays_in_fault(box, CONTEXTS)
        subprocess.run(["umount", contexts], check=True)
        heals(box, 1)
    finally:
        box.stop()


@pytest.mark.process
def test_f16_contexts_on_a_read_only_mount_are_told(mounts: MountNamespace, tmp_path: Path) -> None:
    mounts.call(contexts_go_read_only, tmp_path)
