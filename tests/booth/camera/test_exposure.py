"""People in dim rooms: what the camera is told, what is done against long exposures, which frame is the photo."""

from __future__ import annotations

from typing import Any

import pytest

from piboothup.booth.camera.exposure import (
    MAX_FRAME_DELAY_NS,
    SETTLING_FRAMES,
    ControlOwner,
    Controls,
    ExposureLimits,
    PendingShot,
    initial_controls,
    lacking_settings,
    limit_exposure,
    max_exposure_us,
    picture_controls,
)
from piboothup.config import CameraConfig

ALL = {
    *("AeExposureMode", "AeFlickerMode", "AeFlickerPeriod", "FrameDurationLimits", "AwbEnable"),
    *("AfMode", "LensPosition", "ExposureTime", "AnalogueGain"),
    *("ExposureValue", "AwbMode", "Sharpness", "NoiseReductionMode"),
}
TABLE = CameraConfig(max_exposure_ms=20, max_gain=12, mains_hz=50, focus_m=2.0)
ZERO_NS = 50_000_000_000
MS = 1_000_000
FRAME_US = 100_000
IDLE, SEARCHING, CONVERGED = 0, 1, 2


# -- what it is told -----------------------------------------------------------------------------------------------


def test_k06_short_exposures_requested_mains_light_no_flicker() -> None:
    sent = initial_controls(TABLE, ALL)
    assert sent["AeExposureMode"] == 1
    assert (sent["AeFlickerMode"], sent["AeFlickerPeriod"]) == (1, 10_000)
    assert initial_controls(CameraConfig(mains_hz=60), ALL)["AeFlickerPeriod"] == 8333


def test_requests_max_30_fps_and_no_frame_over_longest_exposure() -> None:
    assert initial_controls(TABLE, ALL)["FrameDurationLimits"] == (33_333, 33_333)
    assert initial_controls(CameraConfig(max_exposure_ms=100), ALL)["FrameDurationLimits"] == (33_333, 100_000)


@pytest.mark.parametrize(
    ("max_ms", "mains_hz", "expected_us"),
    [(20, 50, 20_000), (25, 50, 20_000), (20, 60, 16_666), (9, 50, 9_000), (1, 60, 1_000), (33.4, 60, 33_332)],
)
def test_longest_exposure_is_whole_mains_half_periods_if_fits(max_ms: float, mains_hz: int, expected_us: int) -> None:
    assert max_exposure_us(CameraConfig(max_exposure_ms=max_ms, mains_hz=mains_hz)) == expected_us


def test_autofocus_lens_always_focuses_other_lens_set_to_focus_m() -> None:
    sent = initial_controls(TABLE, ALL)
    assert sent["AfMode"] == 2
    assert "LensPosition" not in sent
    assert initial_controls(TABLE, {"LensPosition"}) == {"LensPosition": 0.5}


def test_a_control_that_the_camera_lacks_is_not_sent() -> None:
    assert initial_controls(TABLE, {"FrameDurationLimits"}).keys() == {"FrameDurationLimits"}
    assert initial_controls(TABLE, set()) == {}


def test_e6_default_picture_sends_no_control_of_its_own() -> None:
    assert not {"ExposureValue", "AwbMode", "Sharpness", "NoiseReductionMode"} & initial_controls(TABLE, ALL).keys()
    assert picture_controls(CameraConfig()) == {}


@pytest.mark.parametrize(
    ("settings", "control", "value"),
    [
        ({"exposure_value": 1.5}, "ExposureValue", 1.5),
        ({"exposure_value": -4.0}, "ExposureValue", -4.0),
        ({"awb": "incandescent"}, "AwbMode", 1),  # the numbers are libcamera's: see the camera lab
        ({"awb": "tungsten"}, "AwbMode", 2),
        ({"awb": "fluorescent"}, "AwbMode", 3),
        ({"awb": "indoor"}, "AwbMode", 4),
        ({"awb": "daylight"}, "AwbMode", 5),
        ({"awb": "cloudy"}, "AwbMode", 6),
        ({"sharpness": 0.0}, "Sharpness", 0.0),
        ({"sharpness": 16.0}, "Sharpness", 16.0),
        ({"denoise": "off"}, "NoiseReductionMode", 0),
        ({"denoise": "fast"}, "NoiseReductionMode", 1),
    ],
)
def test_e6_a_picture_setting_is_its_control_and_no_other(
    settings: dict[str, Any], control: str, value: float
) -> None:
    plain = initial_controls(CameraConfig(), ALL)
    assert initial_controls(CameraConfig(**settings), ALL) == {**plain, control: value}
    assert initial_controls(CameraConfig(**settings), ALL - {control}) == plain
    assert lacking_settings(CameraConfig(**settings), ALL - {control}) == next(iter(settings))
    assert lacking_settings(CameraConfig(**settings), ALL) == ""


# -- the cap -------------------------------------------------------------------------------------------------------


class Room:
    """libcamera's automatic exposure with its usual short profile, in a room of some brightness.

    A stand-in, as the lab's virtual camera has no exposure to control: up to 10 ms it exposes at gain 2, then up to
    120 ms at gain 6, then gain alone grows; whatever is fixed is obeyed and the rest follows.
    """

    def __init__(self) -> None:
        self.lux = 200.0
        self.fixed_us = self.fixed_gain = 0.0

    def metadata(self) -> dict[str, Any]:
        value = 2_000_000 / self.lux  # microseconds times gain
        if self.fixed_us:
            exposure_us, gain = self.fixed_us, value / self.fixed_us
        elif value <= 20_000:
            exposure_us, gain = value / min(2.0, max(1.0, value / 10_000)), min(2.0, max(1.0, value / 10_000))
        elif value <= 6 * 120_000:
            gain = min(6.0, value / 10_000)
            exposure_us = value / gain
        else:
            exposure_us, gain = 120_000, value / 120_000
        gain = self.fixed_gain or min(22.0, max(1.0, gain))
        return {"ExposureTime": int(exposure_us), "AnalogueGain": gain, "Lux": self.lux}


def evening(room: Room, lights: list[float], loses: int = 0) -> tuple[list[dict[str, Any]], list[Controls]]:
    """The light changes; the metadata that each light ends in, and all that was sent.

    After each change of light so many of the things that are sent get lost.
    """
    cap, settled, sent = ExposureLimits(), [], []
    for lux in lights:
        room.lux, lost = lux, 0
        for _ in range(10):
            cap, told = limit_exposure(cap, room.metadata(), TABLE, ALL)
            if told and lost < loses:
                lost += 1
                continue
            room.fixed_us = told.get("ExposureTime", room.fixed_us)
            room.fixed_gain = told.get("AnalogueGain", room.fixed_gain)
            sent += [told] if told else []
        settled.append(room.metadata())
    return settled, sent


def test_k06_dark_room_exposure_fixed_at_longest_gain_makes_up() -> None:
    (bright, dark), sent = evening(Room(), [200, 12])
    assert bright["ExposureTime"] < 10_001
    assert sent == [{"ExposureTime": 20_000}]
    assert dark["ExposureTime"] == 20_000
    assert 6 < dark["AnalogueGain"] < 12


def test_light_returns_libcamera_exposes_again_without_flutter() -> None:
    (*_, bright), sent = evening(Room(), [12, 30, 60, 100, 200])
    assert sent == [{"ExposureTime": 20_000}, {"ExposureTime": 0}]
    assert bright["ExposureTime"] < 20_001


@pytest.mark.parametrize("loses", [1, 3])
def test_k06_settings_picamera2_loses_freeze_no_exposure_or_gain(loses: int) -> None:
    (dark, night, bright), _ = evening(Room(), [12, 2, 200], loses)
    assert dark["ExposureTime"] == 20_000
    assert (night["ExposureTime"], night["AnalogueGain"]) == (20_000, 12)
    assert bright == evening(Room(), [200])[0][0], "as in a room that never was dark"


def test_k06_gain_limited_by_config_and_freed_by_light() -> None:
    (*_, night, _), sent = evening(Room(), [200, 12, 2, 200])
    assert (night["ExposureTime"], night["AnalogueGain"]) == (20_000, 12)
    assert sent[:2] == [{"ExposureTime": 20_000}, {"AnalogueGain": 12}]
    assert {"AnalogueGain": 0} in sent
    assert sent[-1] == {"ExposureTime": 0} or {"ExposureTime": 0} in sent


def test_k06_value_over_limit_resent_while_picamera2_may_lose_it() -> None:
    cap, beyond = ExposureLimits(), {"ExposureTime": 66_000, "AnalogueGain": 20.0, "Lux": 4}
    for _ in range(3):
        cap, told = limit_exposure(cap, beyond, TABLE, ALL)
        assert told == {"ExposureTime": 20_000, "AnalogueGain": 12}
    assert limit_exposure(cap, {"ExposureTime": 20_000, "AnalogueGain": 12.0, "Lux": 4}, TABLE, ALL) == (cap, {})


def test_k06_fixed_gain_freed_only_at_half_more_light_no_flutter() -> None:
    cap, _ = limit_exposure(ExposureLimits(), {"AnalogueGain": 20.0, "Lux": 100}, TABLE, ALL)
    assert limit_exposure(cap, {"AnalogueGain": 12.0, "Lux": 150}, TABLE, ALL) == (cap, {})
    assert limit_exposure(cap, {"AnalogueGain": 12.0, "Lux": 152}, TABLE, ALL)[1] == {"AnalogueGain": 0}


def test_k06_released_control_resent_until_frame_shows_it_taken() -> None:
    dark = {"ExposureTime": 66_000, "AnalogueGain": 20.0, "Lux": 4}
    still_fixed = {"ExposureTime": 19_990, "AnalogueGain": 1.2, "Lux": 400}  # in whole rows of the sensor
    cap, _ = limit_exposure(ExposureLimits(), dark, TABLE, ALL)
    for _ in range(3):
        cap, told = limit_exposure(cap, still_fixed, TABLE, ALL)
        assert told["ExposureTime"] == 0
    assert limit_exposure(cap, {"ExposureTime": 8_000, "AnalogueGain": 1.2, "Lux": 400}, TABLE, ALL) == (
        ExposureLimits(lux=4),
        {},
    )
    cap, _ = limit_exposure(ExposureLimits(), dark, TABLE, ALL)
    for _ in range(3):
        cap, told = limit_exposure(cap, {"ExposureTime": 20_000, "AnalogueGain": 11.9, "Lux": 400}, TABLE, ALL)
        assert told == {"AnalogueGain": 0}
    assert limit_exposure(cap, {"ExposureTime": 20_000, "AnalogueGain": 3.0, "Lux": 400}, TABLE, ALL)[1] == {}


def test_k06_frame_before_limit_obeyed_is_no_sign_of_release() -> None:
    cap = ExposureLimits(exposure=ControlOwner.OURS, gain=ControlOwner.OURS, lux=100)
    assert limit_exposure(cap, {"ExposureTime": 9_000, "AnalogueGain": 3.0, "Lux": 100}, TABLE, ALL) == (cap, {})
    bright = {"ExposureTime": 20_000, "AnalogueGain": 1.2, "Lux": 400}
    assert limit_exposure(cap, bright, TABLE, ALL)[1] == {"ExposureTime": 0, "AnalogueGain": 0}


def test_k06_dark_again_before_release_taken_fixes_exposure() -> None:
    cap = ExposureLimits(exposure=ControlOwner.HANDING_BACK, gain=ControlOwner.HANDING_BACK, lux=100)
    cap, told = limit_exposure(cap, {"ExposureTime": 66_000, "AnalogueGain": 20.0, "Lux": 4}, TABLE, ALL)
    assert told == {"ExposureTime": 20_000, "AnalogueGain": 12}
    assert cap == ExposureLimits(exposure=ControlOwner.OURS, gain=ControlOwner.OURS, lux=4), (
        "of the new darkness, not of that before"
    )


def test_unsupported_control_not_sent_missing_value_no_reason() -> None:
    long = {"ExposureTime": 100_000, "AnalogueGain": 20.0}
    assert limit_exposure(ExposureLimits(), {**long, "Lux": 4}, TABLE, set()) == (ExposureLimits(), {})
    for cap in (
        ExposureLimits(),
        ExposureLimits(exposure=ControlOwner.OURS),
        ExposureLimits(exposure=ControlOwner.HANDING_BACK),
        ExposureLimits(gain=ControlOwner.HANDING_BACK),
    ):
        assert limit_exposure(cap, {}, TABLE, ALL) == (cap, {})
    assert limit_exposure(ExposureLimits(), long, TABLE, ALL)[1] == {"ExposureTime": 20_000}, (
        "without Lux no gain is fixed for ever"
    )


# -- which frame ---------------------------------------------------------------------------------------------------


def frame(**says: Any) -> dict[str, Any]:
    return {"ExposureTime": 10_000, "FrameDuration": FRAME_US, **says}


def test_no_flash_focus_or_dark_first_frame_after_zero_is_photo() -> None:
    assert PendingShot(TABLE, ZERO_NS).waits_for(frame(), ZERO_NS) == ""
    assert PendingShot(TABLE, ZERO_NS).waits_for({}, ZERO_NS) == ""


def test_flash_rejects_frame_exposed_for_dark_even_if_settled() -> None:
    shot = PendingShot(TABLE, ZERO_NS, flash_on_ns=ZERO_NS - 1_500 * MS)
    assert shot.waits_for(frame(AeState=IDLE), ZERO_NS, {"AnalogueGain": 0}) == "flash"
    assert shot.waits_for(frame(AeState=CONVERGED), ZERO_NS, {"ExposureTime": 0}) == "flash"
    assert shot.waits_for(frame(AeState=IDLE), ZERO_NS, {}) == "", "both are fixed, and rightly so"
    assert PendingShot(TABLE, ZERO_NS).waits_for(frame(), ZERO_NS, {"ExposureTime": 0}) == "", (
        "without a flash none waits"
    )


def test_flash_photo_is_first_frame_of_settled_exposure() -> None:
    shot = PendingShot(TABLE, ZERO_NS, flash_on_ns=ZERO_NS)
    settled_ns = ZERO_NS + SETTLING_FRAMES * FRAME_US * 1000
    assert shot.waits_for(frame(AeState=CONVERGED), settled_ns - 1) == "flash", "it is converged from before"
    assert shot.waits_for(frame(AeState=SEARCHING), settled_ns) == "flash"
    assert shot.waits_for(frame(AeState=CONVERGED), settled_ns) == ""


def test_frame_without_duration_assumed_one_thirtieth_second() -> None:
    shot = PendingShot(TABLE, ZERO_NS, flash_on_ns=ZERO_NS)
    assert shot.waits_for({}, ZERO_NS + 190 * MS) == "flash"
    assert shot.waits_for({}, ZERO_NS + 210 * MS) == "", "after six of them"


def test_a_flash_that_led_zero_by_enough_costs_no_wait() -> None:
    shot = PendingShot(TABLE, ZERO_NS, flash_on_ns=ZERO_NS - 1_500 * MS)
    assert shot.waits_for(frame(AeState=CONVERGED), ZERO_NS) == ""
    assert shot.waits_for(frame(AeState=SEARCHING), ZERO_NS) == "flash"


def test_flash_old_libcamera_lock_obeyed_no_state_trusted_later() -> None:
    shot = PendingShot(TABLE, ZERO_NS, flash_on_ns=ZERO_NS - 1_500 * MS)
    assert shot.waits_for(frame(AeLocked=False), ZERO_NS) == "flash"
    assert shot.waits_for(frame(AeLocked=True), ZERO_NS) == ""
    assert shot.waits_for(frame(), ZERO_NS) == ""


def test_k06_too_long_exposure_frame_skipped_where_fixable() -> None:
    long = frame(ExposureTime=66_000)
    assert PendingShot(TABLE, ZERO_NS).waits_for(long, ZERO_NS) == "exposure"
    assert PendingShot(TABLE, ZERO_NS, can_limit=False).waits_for(long, ZERO_NS) == ""


def test_a_lens_that_was_sent_somewhere_is_waited_for() -> None:
    shot = PendingShot(TABLE, ZERO_NS, lens=0.5)
    assert shot.waits_for(frame(LensPosition=3.0), ZERO_NS) == "focus"
    assert shot.waits_for(frame(LensPosition=0.52), ZERO_NS) == ""


@pytest.mark.parametrize("says", [{"AeState": SEARCHING}, {"ExposureTime": 66_000}, {"LensPosition": 3.0}])
def test_k06_k07_waiting_after_zero_never_exceeds_0_8_s(says: dict[str, Any]) -> None:
    shot = PendingShot(TABLE, ZERO_NS, flash_on_ns=ZERO_NS, lens=0.5)
    last_ns = ZERO_NS + MAX_FRAME_DELAY_NS - FRAME_US * 1000
    assert MAX_FRAME_DELAY_NS == 800 * MS
    assert shot.waits_for(frame(**says), last_ns) != ""
    assert shot.waits_for(frame(**says), last_ns + 1) == "", "the next frame would begin too late"
