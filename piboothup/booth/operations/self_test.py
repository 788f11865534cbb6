"""The self-test ("ready check" in the menu): makes each part of the box work once and reports how it went.

The test frame is assessed and discarded: it is never written to the spool. Light, flash and buzzer are on during
their step; one press then confirms both that the light was seen and that the button works. The network's state is
read from the uploader's status.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path

from piboothup import power, status
from piboothup.booth.devices import Devices
from piboothup.booth.flow.events import Event, SelfTestProgress, SharpnessMeasured
from piboothup.booth.flow.pages import PageKind
from piboothup.booth.flow.self_test_report import SELF_TEST_STEPS, SelfTestReport
from piboothup.booth.frame import Frame
from piboothup.booth.operations.active_settings import SettingsStore
from piboothup.booth.operations.frame_requests import FrameRequests
from piboothup.booth.photo.quality import PhotoQuality, assess
from piboothup.health import Check, event_problem, key_problem, network_problem
from piboothup.problems import Problem, problem
from piboothup.spool import commit
from piboothup.spool.admin.others import others_problem
from piboothup.spool.store import Spool
from piboothup.status import UploaderReport, UploaderState

log = logging.getLogger(__name__)

_PRESS_TIMEOUT_S = 15.0
_UPLOADER_TIMEOUT_S = 8.0
POLL_S = 0.2
_LIGHT_ON_S = 1.0
"""How long light and flash are on at least, for somebody to see them, seconds."""
_AIM_PAUSE_S = 0.3
_IN_FOCUS_SHARPNESS = 0.5
"""Sharpness (see `photo/quality.py`) of a lens in focus: a full bar."""


class SelfTest:
    """The self-test and aiming."""

    def __init__(
        self,
        spool: Spool,
        runtime: Path,
        settings_store: SettingsStore,
        frames: FrameRequests,
        devices: Devices,
        saving_fault: Callable[[], Problem | None],
        post: Callable[[Event], None],
    ) -> None:
        """`frames` know the page that is shown. `saving_fault` returns why photos can't be saved."""
        self._spool = spool
        self._clock = spool.clock
        self._runtime = runtime
        self._settings_store = settings_store
        self.frames = frames
        self._devices = devices
        self._saving_fault = saving_fault
        self._post = post
        self._pressed = threading.Event()
        self._steps: dict[Check, Callable[[], Problem | None]] = {
            Check.CAMERA: self._camera,
            Check.LIGHT: self._light,
            Check.BUTTON: self._button,
            Check.CARD: self._card,
            Check.SUPPLY: self._supply,
            Check.WIFI: self._wifi,
            Check.CLOCK: self._time,
            Check.KEY: self._key,
            Check.EVENT: self._event,
            Check.OTHERS: self._others,
        }

    def on_test_press(self) -> None:
        """Take the press that the button's step asks for; for the loop, never waits."""
        self._pressed.set()

    # -- the steps -------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Run all steps in order; end early when the page is left."""
        is_shown = self.frames.is_shown(PageKind.SELF_TEST)
        self._pressed.clear()
        report = SelfTestReport()
        for step in SELF_TEST_STEPS:
            if not is_shown or self.frames.page_changed.is_set():  # opened again, it has a run of its own
                return
            report = report.with_result(self._run_step(step))
            self._post(SelfTestProgress(report))

    def _run_step(self, step: Check) -> Problem | None:
        """The step's problem; a step that raises is a problem too, and the next ones still run."""
        try:
            return self._steps[step]()
        except Exception:  # whatever the tested part does, the report has a result
            log.exception("self-test failed step=%s", step)
            return problem("not_checked", step)

    def measure_sharpness(self) -> None:
        """Measure test frame after test frame while the page is open."""
        while self.frames.is_shown(PageKind.AIM):
            found = self._assess_test_frame()
            if isinstance(found, PhotoQuality):
                self._post(SharpnessMeasured(min(1.0, found.sharpness / _IN_FOCUS_SHARPNESS)))
            self.frames.page_changed.wait(_AIM_PAUSE_S)

    def _camera(self) -> Problem | None:
        found = self._assess_test_frame()
        if isinstance(found, Problem):
            return found
        return next(iter(found.problems), None)

    def _light(self) -> Problem | None:
        self.frames.page_changed.wait(_LIGHT_ON_S)
        return self._devices.signal_problem

    def _button(self) -> Problem | None:
        end_ns = self._clock.boottime_ns() + int(_PRESS_TIMEOUT_S * 1e9)
        while not self._pressed.wait(POLL_S):
            if self.frames.page_changed.is_set() or self._clock.boottime_ns() >= end_ns:
                return problem("button_silent")
        return None

    def _card(self) -> Problem | None:
        fault = self._saving_fault()
        is_of_camera = fault is not None and fault.code == "no_photos"  # that has a step of its own
        context = self._settings_store.active.context
        return commit.try_card(self._spool, context) if fault is None or is_of_camera else fault

    def _supply(self) -> Problem | None:
        return problem("undervoltage") if power.read().undervoltage else None

    def _wifi(self) -> Problem | None:
        def is_known(report: UploaderReport) -> bool:
            is_asking = report.state is UploaderState.IDLE and report.is_untried
            return report.state is not UploaderState.OFFLINE and not is_asking

        return network_problem(self._read_uploader(is_known))

    def _time(self) -> Problem | None:
        if self._clock.ntp_uncertainty_ms() is not None:
            return None
        now_ms = self._clock.boottime_ns() // 1_000_000
        return None if self._spool.now_trusted_ms(now_ms) is not None else problem("clock_unknown")

    def _key(self) -> Problem | None:
        return key_problem(self._read_uploader(lambda report: report.events_seen is not None))

    def _event(self) -> Problem | None:
        known = {event.link_id for event in self._spool.events()}
        return event_problem(self._read_uploader(lambda _: True), self._settings_store.active.context.link_id, known)

    def _others(self) -> Problem | None:
        return others_problem(self._spool, self._settings_store.active.context.link_id)

    # -- requests --------------------------------------------------------------------------------------------------

    def _assess_test_frame(self) -> PhotoQuality | Problem:
        """The quality of a fresh test frame."""
        with self.frames.fresh() as frame:
            return assess(frame.y) if isinstance(frame, Frame) else frame

    def _read_uploader(self, is_enough: Callable[[UploaderReport], bool]) -> UploaderReport:
        """The uploader's report, as soon as `is_enough` or after a few seconds."""
        report: UploaderReport | None = None
        for _ in range(int(_UPLOADER_TIMEOUT_S / POLL_S)):
            report = status.read_uploader(self._runtime)
            if report is None or is_enough(report) or self.frames.page_changed.wait(POLL_S):
                break
        return report or UploaderReport()
