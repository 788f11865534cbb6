"""The ready check and aiming in a running booth: every part is tried, nothing is kept, the first reason is named."""

from __future__ import annotations

import dataclasses
import errno
import queue
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from piboothup import power, status
from piboothup.booth.flow.capture import CAPTURE_ANSWER_TIMEOUT_NS
from piboothup.booth.flow.events import Exposed, SelfTestProgress
from piboothup.booth.flow.long_press import SECOND_NS
from piboothup.booth.flow.pages import PageKind
from piboothup.booth.flow.self_test_report import SELF_TEST_STEPS, SelfTestReport
from piboothup.booth.frame import Frame
from piboothup.booth.gpio.buzzer import Sound
from piboothup.booth.gpio.led import LightPattern
from piboothup.booth.operations import self_test
from piboothup.booth.operations.frame_requests import Answer, FrameRequests
from piboothup.booth.panel.i18n import texts
from piboothup.config import LANGUAGES, CaptureConfig
from piboothup.health import Check, event_problem
from piboothup.power import Supply
from piboothup.problems import Problem, problem
from piboothup.spool import durable
from piboothup.spool.admin import assign, wipe
from piboothup.spool.contexts import context_for
from piboothup.spool.event_titles import AlbumEvent
from piboothup.spool.listing import CONTEXTS
from piboothup.status import EventReport, UploaderReport, UploaderState
from tests.support.booth import NO_EVENT, Box
from tests.support.clock import HandClock
from tests.support.deadline import PATIENCE_S
from tests.support.photos import jpeg, open_spool, take

pytestmark = pytest.mark.slow

LIGHT_S = self_test._LIGHT_ON_S
GOOD = {"state": "idle", "problems": [], "events_seen": 1}


@pytest.fixture
def box(box: Box, monkeypatch: pytest.MonkeyPatch) -> Box:
    for name in ("_LIGHT_ON_S", "_UPLOADER_TIMEOUT_S", "_AIM_PAUSE_S"):
        monkeypatch.setattr(self_test, name, 0.05)
    monkeypatch.setattr(self_test, "POLL_S", 0.02)
    box.config = dataclasses.replace(box.config, capture=CaptureConfig(countdown_s=1))
    box.clock.uncertainty_ms = 5
    box.spool.prepare()
    box.spool.write_events([AlbumEvent("Anna & Ben", "abcd1234")])
    status.write(box.runtime, "uploader", GOOD)
    return box


def begin(box: Box) -> None:
    box.start_ready()
    box.open_menu()
    box.choose("ready_check")


def report(box: Box, wanted: Callable[[SelfTestReport], object]) -> SelfTestReport:
    """The report once it fits."""
    page = box.until_page(lambda found: found is not None and found.report is not None and wanted(found.report))
    assert page is not None and page.report is not None
    return page.report


def verdict(box: Box) -> SelfTestReport:
    """Answers the question for a press, and waits for the end."""
    report(box, lambda found: found.asks_for_press)
    box.press()
    return report(box, lambda found: found.step is None)


def test_self_test_all_ok_is_ready_to_ship_frame_is_no_photo(box: Box) -> None:
    begin(box)
    found = verdict(box)
    assert found.results == (None,) * len(SELF_TEST_STEPS)
    assert box.photos() == 0
    assert box.camera.released.get(timeout=PATIENCE_S)
    assert not list((box.spool.directory / "tmp").iterdir())


def test_self_test_fires_light_flash_buzzer_light_asks_for_press(box: Box) -> None:
    begin(box)
    box.until_light(LightPattern.EXPOSING)
    box.until_light(LightPattern.HURRY)
    assert box.light.flashes == [False, True, False]
    assert box.buzzer.heard.get(timeout=PATIENCE_S) is Sound.TICK  # the press that the menu was opened with
    assert box.buzzer.heard.get(timeout=PATIENCE_S) is Sound.LOW


def write_fails(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_path: Path, *_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(durable, "write_new", refuse)


def weak_supply(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(power, "read", lambda: Supply(undervoltage=True))


def dark_room(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    box.camera.grey = 12


def no_frame(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    box.camera.capture_fault = problem("camera_stuck")


def no_light(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    box.light.problem = problem("light_missing")


def old_photos(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    take(open_spool(box.spool.directory, box.clock), jpeg(), context_for("efgh5678", "", ""))


def photos_without_event(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(2):
        take(
            open_spool(box.spool.directory, box.clock),
            jpeg(number),
            context_for("", "", "before an event was chosen"),
        )


def unknown_photos(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of an event, nobody knows which: the file that says so is gone."""
    old_photos(box, monkeypatch)
    for path in (box.spool.directory / CONTEXTS).iterdir():
        path.unlink()


def both(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    photos_without_event(box, monkeypatch)
    old_photos(box, monkeypatch)


def survey_fails(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise wipe.WipeError("The card can't be read.")

    monkeypatch.setattr(wipe, "survey", fail)


def uploader_says(**said: Any) -> Callable[[Box, pytest.MonkeyPatch], None]:
    def write(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
        status.write(box.runtime, "uploader", {**GOOD, **said})

    return write


WIFI_GONE = Check.WIFI, "no_network"


@pytest.mark.parametrize(
    ("waiting", "code"),
    [
        ({"gone1234": 12}, None),
        ({"gone1234": 12, "abcd1234": 0}, None),
        ({"gone1234": 12, "abcd1234": 1}, "event_gone"),
        ({"abcd1234": 1}, "event_gone"),
        ({}, "event_gone"),
    ],
)
def test_another_event_that_is_gone_is_not_the_chosen_one(waiting: dict[str, int], code: str | None) -> None:
    """An event that was deleted and made anew, with photos of the former: the host would choose another."""
    listed = tuple(EventReport(link_id, waiting=number) for link_id, number in waiting.items())
    report = UploaderReport(state=UploaderState.IDLE, problems=("event_gone",), events=listed)
    found = event_problem(report, "abcd1234", {"abcd1234"})
    assert (found.code if found is not None else None) == code


def no_uploader(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    (box.runtime / "uploader.json").unlink()


def other_events(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    box.spool.write_events([AlbumEvent("The others", "efgh5678")])


@pytest.mark.parametrize(
    ("breaks", "step", "code"),
    [
        (dark_room, Check.CAMERA, "photo_dark"),
        (no_frame, Check.CAMERA, "camera_stuck"),
        (no_light, Check.LIGHT, "light_missing"),
        (write_fails, Check.CARD, "card_readonly"),
        (weak_supply, Check.SUPPLY, "undervoltage"),
        (uploader_says(state="offline"), Check.WIFI, "no_network"),
        (uploader_says(state="offline", problems=["storage_silent"]), Check.WIFI, "storage_silent"),
        (uploader_says(state="offline", problems=["blocked"]), Check.WIFI, "blocked"),
        (uploader_says(state="offline", problems=["uploader_defect"]), Check.WIFI, "uploader_defect"),
        (uploader_says(state="offline", problems=["no_network", "uploader_defect"]), Check.WIFI, "no_network"),
        (uploader_says(state="portal"), Check.WIFI, "portal"),
        (uploader_says(state="paused"), Check.WIFI, "paused"),
        *(
            (uploader_says(state="refused", problems=["no_key"], events_seen=None, wifi={"code": code}), *WIFI_GONE)
            for code in ("wifi_off", "wifi_missing", "wifi_no_address")
        ),
        (uploader_says(events_seen=None, wifi={"code": "wifi_missing"}), *WIFI_GONE),  # its first question hangs
        (no_uploader, Check.WIFI, "uploader_stopped"),
        (uploader_says(state="refused", problems=["key_refused"]), Check.KEY, "key_refused"),
        (uploader_says(problems=["no_key"]), Check.KEY, "no_key"),
        (uploader_says(state="refused", problems=["bad_config"], events_seen=None), Check.KEY, "no_key"),
        (uploader_says(events_seen=None), Check.KEY, "key_untried"),
        (uploader_says(problems=["event_gone"]), Check.EVENT, "event_gone"),
        (uploader_says(problems=["event_refused"]), Check.EVENT, "event_refused"),
        (other_events, Check.EVENT, "event_gone"),
        (old_photos, Check.OTHERS, "old_photos"),
        (photos_without_event, Check.OTHERS, "stray_photos"),
        (both, Check.OTHERS, "old_photos"),
        (unknown_photos, Check.OTHERS, "old_photos"),
        (survey_fails, Check.OTHERS, "card_readonly"),
    ],
)
def test_what_is_wrong_is_found_at_its_step_and_named(
    box: Box,
    breaks: Callable[[Box, pytest.MonkeyPatch], None],
    step: Check,
    code: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    box.start_ready()
    box.open_menu()
    breaks(box, monkeypatch)
    box.choose("ready_check")
    found = verdict(box)
    at = found.results[SELF_TEST_STEPS.index(step)]
    assert at is not None and at.code == code
    assert found.reason == next(result for result in found.results if result is not None)


def test_self_test_counts_photos_without_event_suggests_no_wipe(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    photos_without_event(box, monkeypatch)
    begin(box)
    assert verdict(box).reason == problem("stray_photos", "2")
    for language in LANGUAGES:
        said = texts(language).menu
        assert said.items["events"] in said.reasons["stray_photos"]
        assert said.items["wipe"] not in said.reasons["stray_photos"]


def test_self_test_photos_assigned_to_chosen_event_are_no_reason(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    photos_without_event(box, monkeypatch)
    assign.take_along(open_spool(box.spool.directory, box.clock), "abcd1234", "")
    begin(box)
    assert verdict(box).reason is None


def test_of_another_event_that_left_no_photo_nothing_is_said(box: Box) -> None:
    spool = open_spool(box.spool.directory, box.clock)
    spool.path(take(spool, jpeg(), context_for("efgh5678", "", ""))).unlink()
    begin(box)
    assert verdict(box).reason is None


def test_self_test_chosen_event_trusted_if_no_event_ever_listed(box: Box) -> None:
    box.spool.write_events([])
    begin(box)
    assert verdict(box).reason is None


@pytest.mark.parametrize("step", SELF_TEST_STEPS)
@pytest.mark.parametrize("fault", [OSError(errno.EIO, "Input/output error"), RuntimeError("a defect")])
def test_self_test_failed_step_is_reason_other_steps_still_run(
    box: Box, step: Check, fault: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise fault

    box.start_ready()
    box.runner.self_test._steps[step] = fail
    box.open_menu()
    box.choose("ready_check")
    if step is not Check.BUTTON:
        report(box, lambda found: found.asks_for_press)
        box.press()
    found = report(box, lambda found: found.step is None)
    assert found.reason == problem("not_checked", step)
    assert [result for result in found.results if result is not None] == [found.reason]
    assert [record.exc_info for record in caplog.records if f"step={step}" in record.getMessage()]
    for language in LANGUAGES:
        assert "{detail}" in texts(language).menu.reasons["not_checked"]


def test_a_press_that_never_comes_is_a_reason(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        self_test, "_PRESS_TIMEOUT_S", 0.0
    )  # the clock stands still: nobody knows from when on it is waited for
    begin(box)
    assert report(box, lambda found: found.step is None).reason == problem("button_silent")


def test_self_test_press_after_question_counts_if_read_late(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(self_test, "_PRESS_TIMEOUT_S", 0.0)
    box.start_ready()
    asking = box.runner.self_test
    post = asking._post

    def press_at_once(said: SelfTestProgress) -> None:
        post(said)
        if said.report.asks_for_press:
            asking.on_test_press()

    monkeypatch.setattr(asking, "_post", press_at_once)
    box.open_menu()
    box.choose("ready_check")
    assert report(box, lambda found: found.step is None).results == (None,) * len(SELF_TEST_STEPS)


def test_self_test_late_press_of_earlier_run_answers_no_later(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(self_test, "_PRESS_TIMEOUT_S", 0.0)
    box.start_ready()
    box.runner.self_test.on_test_press()
    box.open_menu()
    box.choose("ready_check")
    assert report(box, lambda found: found.step is None).reason == problem("button_silent")


def test_a_frame_that_comes_as_somebody_leaves_is_given_back(box: Box) -> None:
    given_back: list[int] = []
    plane = np.zeros((64, 64), np.uint8)
    box.start_ready()
    asking = box.runner.self_test.frames

    def come(zero_ns: int, **_how: object) -> None:
        asking.on_answer(Exposed(Frame(plane, plane, plane, zero_ns, lambda: given_back.append(zero_ns)), zero_ns))

    asking._capture = come
    asking.page_changed.set()
    with asking.fresh() as found:
        assert found == problem("camera_stuck")
    assert len(given_back) == 1


def test_a_frame_that_comes_as_its_request_ends_is_given_back() -> None:
    """The camera's thread may stand anywhere in `on_answer` when the request ends on the other."""
    given_back: list[int] = []
    plane = np.zeros((64, 64), np.uint8)
    asking = FrameRequests(HandClock(), lambda zero_ns, **_how: None)
    asking._requested_ns = 7

    class Answers(queue.SimpleQueue[Answer]):
        def put(self, item: Answer, block: bool = True, timeout: float | None = None) -> None:
            asking._requested_ns = None
            asking._release_late()
            super().put(item)

    asking._answers = Answers()
    asking.on_answer(Exposed(Frame(plane, plane, plane, 7, lambda: given_back.append(7)), 7))
    assert given_back == [7]


def test_the_lights_are_on_for_long_enough_to_be_looked_at(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    waited_s: list[float] = []
    box.start_ready()
    asking = box.runner.self_test
    monkeypatch.setattr(self_test, "_LIGHT_ON_S", LIGHT_S)
    monkeypatch.setattr(asking.frames.page_changed, "wait", waited_s.append)
    asking._light()
    assert len(waited_s) == 1 and waited_s[0] >= 1.0


def test_a_clock_that_nothing_ever_set_is_a_reason(box: Box) -> None:
    box.clock.uncertainty_ms = None
    begin(box)
    assert verdict(box).results[SELF_TEST_STEPS.index(Check.CLOCK)] == problem("clock_unknown")


def test_without_an_event_the_box_is_not_ready_and_says_so_once(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    photos_without_event(box, monkeypatch)
    box.config = dataclasses.replace(box.config, eventpics=NO_EVENT)
    begin(box)
    assert [result for result in verdict(box).results if result is not None] == [problem("no_event")]


def test_self_test_left_unwatched_ends_and_returns_all_frames(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(self_test, "_PRESS_TIMEOUT_S", PATIENCE_S)  # else which of the two ends first is luck
    begin(box)
    report(box, lambda found: found.asks_for_press)
    box.clock.pass_s(20.0)
    box.until_light(LightPattern.READY)
    box.open_menu()
    box.choose("ready_check")
    assert verdict(box).results == (None,) * len(SELF_TEST_STEPS)
    assert box.camera.released.qsize() == box.camera.asked.qsize() == 2


def test_self_test_late_guest_photo_not_judged_as_test_frame(box: Box) -> None:
    box.start_ready()
    goes_on = threading.Event()

    def then() -> None:
        box.camera.grey = 128

    def late_and_dark() -> None:
        assert goes_on.wait(PATIENCE_S)
        box.camera.grey, box.camera.on_capture = 12, then

    box.camera.on_capture = late_and_dark
    box.press()
    box.until_light(LightPattern.HURRY)
    box.clock.pass_s(1.0)
    box.until_light(LightPattern.EXPOSING)
    box.clock.pass_s(CAPTURE_ANSWER_TIMEOUT_NS / SECOND_NS)
    box.until_light(LightPattern.READY)
    asked = box.runner.self_test.frames
    shoot = asked._capture

    def shoot_and_go_on(from_ns: int, **how: object) -> None:
        shoot(from_ns, **how)
        goes_on.set()

    asked._capture = shoot_and_go_on
    box.open_menu()
    box.choose("ready_check")
    assert verdict(box).results == (None,) * len(SELF_TEST_STEPS)
    assert box.photos() == 0
    assert box.camera.released.qsize() == 2


def test_aiming_reports_sharpness_and_returns_every_frame(box: Box) -> None:
    box.start_ready()
    box.open_menu()
    box.choose("set_up", "aim")
    box.until_page(lambda found: found is not None and found.kind is PageKind.AIM and found.sharpness is not None)
    for _ in range(3):
        box.camera.released.get(timeout=PATIENCE_S)
    box.clock.pass_s(179.0)
    box.turn()
    assert box.page is not None, "whoever aims looks at the screen, not at the button"
    box.press()
    box.until_page(lambda found: found is None)
    box.until_light(LightPattern.READY)
    assert box.photos() == 0
    assert len(box.camera.handed_over) - 3 <= box.camera.released.qsize() + 1


def test_aiming_failed_camera_is_reopened_and_used_again(box: Box) -> None:
    box.start_ready()
    box.open_menu()
    box.camera.capture_fault = problem("camera_stuck")
    box.choose("set_up", "aim")
    box.until_said(lambda said: said.get("camera") == "lost")
    box.camera.capture_fault = None
    box.clock.pass_s(2.0)
    box.until_page(lambda found: found is not None and found.sharpness is not None)


def test_self_test_every_reason_has_words_in_every_language() -> None:
    codes = {
        *("no_camera", "no_picamera2", "camera_busy", "camera_stuck", "camera_memory", "no_frames"),
        *("photo_dark", "photo_blurred"),
        *("light_missing", "buzzer_missing", "button_silent", "card_full", "card_crowded", "card_readonly"),
        *("spool_unusable", "undervoltage", "portal", "paused", "uploader_stopped", "tls_refused", "server_trouble"),
        *("storage_silent", "blocked", "no_roots", "spool_locked"),
        "uploader_defect",
        *(
            "no_network",
            "clock_unknown",
            "no_key",
            "key_refused",
            "key_untried",
            "no_event",
            "event_gone",
            "event_refused",
        ),
        *("old_photos", "stray_photos", "not_checked"),
    }
    for language in LANGUAGES:
        assert codes <= texts(language).menu.reasons.keys()
    assert all(isinstance(problem(code), Problem) for code in codes)
