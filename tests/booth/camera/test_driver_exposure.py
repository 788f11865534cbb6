"""Light and lens, as the driver handles them: what is sent to a camera, and what its frames say then.

A stand-in, as the lab's virtual camera has no such controls.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, ClassVar

import pytest

from piboothup.booth.camera import picamera2_driver
from piboothup.booth.camera.base import CaptureTimedOut
from piboothup.booth.camera.picamera2_driver import BETTER_WITHIN_S, BUFFERS
from piboothup.booth.photo.jpeg import encode
from piboothup.config import CameraConfig
from tests.support.fake_picamera2 import ZERO_NS, StandIn, opened

FRAME_NS = 100_000_000
REACTS_NS = 4 * FRAME_NS
"""What is asked of libcamera shows some frames later."""


class Sensor(StandIn):
    """A camera that tells of its frames what it was told some frames before."""

    first: ClassVar[dict[str, Any]] = {}
    then: ClassVar[list[dict[str, Any]]] = []
    """What later frames say instead, one by one."""
    obeys = True
    stands_still_after: int | None = None
    """So many frames come, and no more."""

    def __init__(self, number: int, tuning: str | None = None) -> None:
        super().__init__(number, tuning)
        self.now_ns = 0
        self.sent: list[tuple[int, dict[str, Any]]] = []
        self.asked_ns: list[int] = []
        self.started_ns: list[int] = []
        self.waited_s: list[float] = []
        self.most_held = 0

    def capture_request(self, wait: float, flush: int) -> Any:
        self.waited_s.append(wait)
        if len(self.started_ns) == self.stands_still_after:
            raise TimeoutError
        self.now_ns = flush + 10_000_000
        request = super().capture_request(wait, flush + FRAME_NS - 20_000_000 if self.asked_ns else flush)
        self.asked_ns.append(flush)
        self.most_held = max(self.most_held, len(self.asked_ns) - self.released)
        return request

    def set_controls(self, controls: dict[str, Any]) -> None:
        super().set_controls(controls)
        self.sent.append((self.now_ns, controls))

    def says(self, start_ns: int) -> dict[str, Any]:
        frames = len(self.started_ns)
        self.started_ns.append(start_ns)
        said = {"FrameDuration": FRAME_NS // 1000, **self.first}
        if frames and self.then:
            said |= self.then[min(frames, len(self.then)) - 1]
        for sent_ns, controls in self.sent if self.obeys else []:
            if start_ns >= sent_ns + REACTS_NS:
                said |= controls
        return said


def sensor(**first: Any) -> type[Sensor]:
    class Fresh(Sensor):
        breaks: ClassVar[dict[str, Exception]] = {}

    Fresh.first, Fresh.then = first, []
    return Fresh


def test_k07_lens_unfocused_at_zero_uses_focus_m_then_refocuses() -> None:
    make = sensor(AfState=1, LensPosition=8.0)
    camera = opened(make, CameraConfig(focus_m=2.0))
    frame = camera.capture(ZERO_NS, 4)
    sent = [controls for _, controls in make.last.sent]
    assert sent == [{"AfMode": 0, "LensPosition": 0.5}, {"AfMode": 2}]
    assert REACTS_NS <= frame.exposure_start_ns - ZERO_NS <= REACTS_NS + 2 * FRAME_NS
    assert make.last.released == len(make.last.asked_ns) - 1
    camera.close()


def test_u08_autofocus_goes_on_while_codes_are_read() -> None:
    make = sensor(AfState=1, LensPosition=8.0)
    camera = opened(make, CameraConfig(focus_m=2.0))
    frame = camera.capture(ZERO_NS, 4, moves_lens=False)
    assert make.last.sent == []
    assert frame.exposure_start_ns - ZERO_NS < FRAME_NS
    camera.close()


def test_u08_autofocus_looks_near_for_codes_and_far_again() -> None:
    make = sensor(AfState=2, LensPosition=5.0)
    camera = opened(make, CameraConfig(focus_m=2.0))
    assert camera.has_autofocus
    camera.focus_near(True)
    camera.capture(ZERO_NS, 4, moves_lens=False)
    camera.focus_near(False)
    assert [controls for _, controls in make.last.sent] == [{"AfRange": 1}, {"AfRange": 0}]
    camera.close()


@pytest.mark.parametrize("is_over", [False, True])
def test_u08_a_photo_out_of_set_up_is_focused_on_the_guests(monkeypatch: pytest.MonkeyPatch, is_over: bool) -> None:
    """Autofocus says "focused" while it still is on the code."""
    monkeypatch.setattr(picamera2_driver, "FOCUS_FAR_S", 3600.0)  # however slow this machine is
    make = sensor(AfState=2, LensPosition=5.0)
    camera = opened(make, CameraConfig(focus_m=2.0))
    camera.focus_near(True)
    if is_over:
        camera.focus_near(False)
    make.last.sent.clear()
    frame = camera.capture(ZERO_NS, 4)
    assert [controls for _, controls in make.last.sent] == [{"AfMode": 0, "LensPosition": 0.5}, {"AfMode": 2}]
    assert frame.exposure_start_ns - ZERO_NS >= REACTS_NS
    camera.close()


@pytest.mark.parametrize("lacks", ["AfRange", "AfMode"])
def test_u08_a_lens_without_ranges_is_asked_for_none(monkeypatch: pytest.MonkeyPatch, lacks: str) -> None:
    make = sensor()
    advertised = {"AfMode", "AfRange", "ExposureTime"} - ({"AfMode", "AfRange"} if lacks == "AfMode" else {lacks})
    monkeypatch.setattr(make, "camera_controls", dict.fromkeys(advertised))
    camera = opened(make)
    camera.focus_near(True)
    camera.capture(ZERO_NS, 4)
    assert make.last.sent == []
    assert camera.has_autofocus is (lacks == "AfRange")
    camera.close()


def test_k07_endless_autofocus_or_stuck_lens_does_not_stop_photo() -> None:
    make = sensor(AfState=1, LensPosition=8.0)
    make.obeys = False
    camera = opened(make)
    assert 0 <= camera.capture(ZERO_NS, 4).exposure_start_ns - ZERO_NS <= 800_000_000
    camera.close()


def test_a_lens_in_focus_is_left_alone_and_costs_no_frame() -> None:
    make = sensor(AfState=2, LensPosition=8.0)
    camera = opened(make)
    assert camera.capture(ZERO_NS, 4).exposure_start_ns - ZERO_NS < FRAME_NS
    assert make.last.sent == []
    camera.close()


def test_no_autofocus_lens_is_not_moved_and_costs_no_frame() -> None:
    make = sensor(AfState=0)
    make.camera_controls = {}
    camera = opened(make)
    assert camera.capture(ZERO_NS, 4).exposure_start_ns - ZERO_NS < FRAME_NS
    assert make.last.sent == []
    camera.close()


def test_k06_getting_dark_photo_is_first_short_exposure_frame() -> None:
    make = sensor(ExposureTime=66_000, AnalogueGain=6.0)
    camera = opened(make)
    frame = camera.capture(ZERO_NS, 4)
    assert frame.exposure_us == 20_000
    told = [controls for _, controls in make.last.sent]
    assert told == [{"ExposureTime": 20_000}] * len(told), "with every frame that is too long"
    assert len(told) == make.last.released
    assert frame.exposure_start_ns - ZERO_NS < 1_000_000_000
    camera.close()


def test_k06_exposure_adjusted_also_while_nobody_presses() -> None:
    make = sensor(ExposureTime=66_000, AnalogueGain=6.0)
    camera = opened(make)
    last = make.last
    last.now_ns = 0
    camera.frames()
    last.post_callback(SimpleNamespace(config={}, get_metadata=lambda: {"ExposureTime": 66_000}))
    camera.frames()
    assert [controls for _, controls in last.sent] == [{"ExposureTime": 20_000}]
    camera.close()


def test_f19_gain_that_stays_too_high_told_often_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    make = sensor()
    camera = opened(make)
    make.last.now_ns = 0
    for number in range(20):  # no two frames see the same light
        camera._limit_exposure({"ExposureTime": 9_000, "AnalogueGain": 20.0, "Lux": 3 + number / 100})
    assert len(make.last.sent) == 20
    assert caplog.text.count("exposure limited") == 1
    camera.close()


def test_k06_reopened_camera_gets_no_earlier_dark_settings() -> None:
    make = sensor()
    camera = opened(make)
    for says in ({"ExposureTime": 66_000}, {"ExposureTime": 9_000, "AnalogueGain": 1.0}):
        camera.open()
        make.last.now_ns = 0
        camera.frames()
        make.last.post_callback(SimpleNamespace(config={}, get_metadata=lambda says=says: says))
        camera.frames()
    assert make.last.sent == []
    camera.close()


def test_k06_flash_in_dark_frees_exposure_and_gain_photo_waits() -> None:
    make = sensor(AeState=0, ExposureTime=20_000, AnalogueGain=12.0, Lux=400)
    camera = opened(make)
    make.last.now_ns = 0
    camera._limit_exposure({"ExposureTime": 66_000, "AnalogueGain": 20.0, "Lux": 3})
    assert make.last.sent.pop()[1] == {"ExposureTime": 20_000, "AnalogueGain": 12.0}
    for us, gain, state in ((20_000, 3.0, 1), (20_000, 1.3, 2), (9_000, 1.3, 2)):  # as libcamera goes on
        make.then.append({"ExposureTime": us, "AnalogueGain": gain, "AeState": state})
    frame = camera.capture(ZERO_NS, 4, flash_on_ns=ZERO_NS - 1_500_000_000)
    assert frame.exposure_us == 9_000
    assert [controls for _, controls in make.last.sent] == [{"AnalogueGain": 0}, {"ExposureTime": 0}]
    camera.close()


@pytest.mark.parametrize("lit_ns", [None, ZERO_NS])
@pytest.mark.parametrize("stands_still_after", [1, 2, 5])
def test_k07_camera_stalled_in_better_frame_wait_gives_last_one(
    stands_still_after: int, lit_ns: int | None, caplog: pytest.LogCaptureFixture
) -> None:
    make = sensor(AfState=1, LensPosition=8.0, AeState=1)
    make.obeys = False
    camera = opened(make)
    make.stands_still_after = stands_still_after
    frame = camera.capture(ZERO_NS, 4, flash_on_ns=lit_ns)
    assert frame.exposure_start_ns == make.last.started_ns[-1]
    assert len(make.last.started_ns) == stands_still_after
    assert make.last.released == stands_still_after - 1, "the one that is given is not given back, all others are"
    assert make.last.calls.count("cancel_all_and_flush") == 1, "nor does the job stay queued"
    assert make.last.waited_s[-1] <= BETTER_WITHIN_S
    assert "frame taken anyway" in caplog.text
    assert len(encode(frame, 90)) > 500
    frame.release()
    assert make.last.released == stands_still_after
    camera.close()


def test_camera_stalled_before_first_frame_gives_none() -> None:
    make = sensor(AeState=1)
    camera = opened(make)
    make.stands_still_after = 0
    with pytest.raises(CaptureTimedOut):
        camera.capture(ZERO_NS, 4, flash_on_ns=ZERO_NS)
    camera.close()


def test_better_frame_wait_holds_at_most_two_buffers() -> None:
    make = sensor(AeState=1)
    camera = opened(make)
    camera.capture(ZERO_NS, 4, flash_on_ns=ZERO_NS)
    assert make.last.most_held == 2 < BUFFERS, "the one in hand, and for an instant the one after it"
    camera.close()


def test_flash_no_countdown_photo_is_first_frame_exposed_for_it() -> None:
    make = sensor(AeState=2)
    camera = opened(make)
    after_ns = camera.capture(ZERO_NS, 4, flash_on_ns=ZERO_NS).exposure_start_ns - ZERO_NS
    assert 6 * FRAME_NS <= after_ns <= 800_000_000
    camera.close()


def test_white_balance_is_held_and_let_go() -> None:
    make = sensor()
    camera = opened(make)
    make.last.now_ns = 0
    camera.lock_white_balance(True)
    camera.lock_white_balance(False)
    assert [controls for _, controls in make.last.sent] == [
        {"AwbEnable": False},
        {"AwbEnable": True},
    ]
    camera.close()
    make.camera_controls = {}
    camera.open()
    camera.lock_white_balance(True)
    assert make.last.sent == []
    camera.close()
