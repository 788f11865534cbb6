"""People in dim rooms: what the camera is told, what is done against long exposures, which frame is the photo."""

from __future__ import annotations

from typing import Any

import pytest

from piboothup.booth.camera.exposure import (
    LATEST_NS,
    SETTLING_FRAMES,
    Cap,
    Controls,
    Grip,
    Shot,
    capped,
    longest_us,
    opening_controls,
)
from piboothup.config import Camera

ALL = {
    *("AeExposureMode", "AeFlickerMode", "AeFlickerPeriod", "FrameDurationLimits", "AwbEnable"),
    *("AfMode", "LensPosition", "ExposureTime", "AnalogueGain"),
}
TABLE = Camera(max_exposure_ms=20, max_gain=12, mains_hz=50, focus_m=2.0)
ZERO_NS = 50_000_000_000
MS = 1_000_000
FRAME_US = 100_000
IDLE, SEARCHING, CONVERGED = 0, 1, 2


# -- what it is told -----------------------------------------------------------------------------------------------


def test_k06_short_exposures_are_asked_for_and_mains_light_does_not_flicker() -> None:
    sent = opening_controls(TABLE, ALL)
    assert sent["AeExposureMode"] == 1
    assert (sent["AeFlickerMode"], sent["AeFlickerPeriod"]) == (1, 10_000)
    assert opening_controls(Camera(mains_hz=60), ALL)["AeFlickerPeriod"] == 8333


def test_no_more_than_30_frames_a_second_are_asked_for_and_none_longer_than_the_longest_exposure() -> None:
    assert opening_controls(TABLE, ALL)["FrameDurationLimits"] == (33_333, 33_333)
    assert opening_controls(Camera(max_exposure_ms=100), ALL)["FrameDurationLimits"] == (33_333, 100_000)


@pytest.mark.parametrize(
    ("max_ms", "mains_hz", "expected_us"),
    [(20, 50, 20_000), (25, 50, 20_000), (20, 60, 16_666), (9, 50, 9_000), (1, 60, 1_000), (33.4, 60, 33_332)],
)
def test_the_longest_exposure_is_whole_half_periods_of_the_mains_where_one_fits(
    max_ms: float, mains_hz: int, expected_us: int
) -> None:
    assert longest_us(Camera(max_exposure_ms=max_ms, mains_hz=mains_hz)) == expected_us


def test_a_lens_that_moves_focuses_all_the_time_and_one_without_autofocus_is_set_to_focus_m() -> None:
    sent = opening_controls(TABLE, ALL)
    assert sent["AfMode"] == 2
    assert "LensPosition" not in sent
    assert opening_controls(TABLE, {"LensPosition"}) == {"LensPosition": 0.5}


def test_a_control_that_the_camera_lacks_is_not_sent() -> None:
    assert opening_controls(TABLE, {"FrameDurationLimits"}).keys() == {"FrameDurationLimits"}
    assert opening_controls(TABLE, set()) == {}


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
    cap, settled, sent = Cap(), [], []
    for lux in lights:
        room.lux, lost = lux, 0
        for _ in range(10):
            cap, told = capped(cap, room.metadata(), TABLE, ALL)
            if told and lost < loses:
                lost += 1
                continue
            room.fixed_us = told.get("ExposureTime", room.fixed_us)
            room.fixed_gain = told.get("AnalogueGain", room.fixed_gain)
            sent += [told] if told else []
        settled.append(room.metadata())
    return settled, sent


def test_k06_in_a_dark_room_the_exposure_is_fixed_at_the_longest_and_gain_makes_up_for_it() -> None:
    (bright, dark), sent = evening(Room(), [200, 12])
    assert bright["ExposureTime"] < 10_001
    assert sent == [{"ExposureTime": 20_000}]
    assert dark["ExposureTime"] == 20_000
    assert 6 < dark["AnalogueGain"] < 12


def test_in_the_light_again_libcamera_exposes_by_itself_and_nothing_flutters_in_between() -> None:
    (*_, bright), sent = evening(Room(), [12, 30, 60, 100, 200])
    assert sent == [{"ExposureTime": 20_000}, {"ExposureTime": 0}]
    assert bright["ExposureTime"] < 20_001


@pytest.mark.parametrize("loses", [1, 3])
def test_k06_what_picamera2_loses_freezes_no_exposure_and_no_gain(loses: int) -> None:
    (dark, night, bright), _ = evening(Room(), [12, 2, 200], loses)
    assert dark["ExposureTime"] == 20_000
    assert (night["ExposureTime"], night["AnalogueGain"]) == (20_000, 12)
    assert bright == evening(Room(), [200])[0][0], "as in a room that never was dark"


def test_k06_no_more_gain_than_the_config_allows_and_it_is_freed_by_light() -> None:
    (*_, night, _), sent = evening(Room(), [200, 12, 2, 200])
    assert (night["ExposureTime"], night["AnalogueGain"]) == (20_000, 12)
    assert sent[:2] == [{"ExposureTime": 20_000}, {"AnalogueGain": 12}]
    assert {"AnalogueGain": 0} in sent
    assert sent[-1] == {"ExposureTime": 0} or {"ExposureTime": 0} in sent


def test_k06_what_is_beyond_its_limit_is_told_again_as_long_as_it_is_as_picamera2_can_lose_it() -> None:
    cap, beyond = Cap(), {"ExposureTime": 66_000, "AnalogueGain": 20.0, "Lux": 4}
    for _ in range(3):
        cap, told = capped(cap, beyond, TABLE, ALL)
        assert told == {"ExposureTime": 20_000, "AnalogueGain": 12}
    assert capped(cap, {"ExposureTime": 20_000, "AnalogueGain": 12.0, "Lux": 4}, TABLE, ALL) == (cap, {})


def test_k06_a_fixed_gain_is_freed_only_by_half_as_much_light_again_so_that_it_does_not_flutter() -> None:
    cap, _ = capped(Cap(), {"AnalogueGain": 20.0, "Lux": 100}, TABLE, ALL)
    assert capped(cap, {"AnalogueGain": 12.0, "Lux": 150}, TABLE, ALL) == (cap, {})
    assert capped(cap, {"AnalogueGain": 12.0, "Lux": 152}, TABLE, ALL)[1] == {"AnalogueGain": 0}


def test_k06_what_is_handed_back_is_told_again_until_a_frame_shows_that_it_was_taken() -> None:
    dark = {"ExposureTime": 66_000, "AnalogueGain": 20.0, "Lux": 4}
    still_fixed = {"ExposureTime": 19_990, "AnalogueGain": 1.2, "Lux": 400}  # in whole rows of the sensor
    cap, _ = capped(Cap(), dark, TABLE, ALL)
    for _ in range(3):
        cap, told = capped(cap, still_fixed, TABLE, ALL)
        assert told["ExposureTime"] == 0
    assert capped(cap, {"ExposureTime": 8_000, "AnalogueGain": 1.2, "Lux": 400}, TABLE, ALL) == (Cap(lux=4), {})
    cap, _ = capped(Cap(), dark, TABLE, ALL)
    for _ in range(3):
        cap, told = capped(cap, {"ExposureTime": 20_000, "AnalogueGain": 11.9, "Lux": 400}, TABLE, ALL)
        assert told == {"AnalogueGain": 0}
    assert capped(cap, {"ExposureTime": 20_000, "AnalogueGain": 3.0, "Lux": 400}, TABLE, ALL)[1] == {}


def test_k06_a_frame_from_before_the_limit_was_obeyed_is_no_sign_that_libcamera_has_it_back() -> None:
    cap = Cap(exposure=Grip.OURS, gain=Grip.OURS, lux=100)
    assert capped(cap, {"ExposureTime": 9_000, "AnalogueGain": 3.0, "Lux": 100}, TABLE, ALL) == (cap, {})
    bright = {"ExposureTime": 20_000, "AnalogueGain": 1.2, "Lux": 400}
    assert capped(cap, bright, TABLE, ALL)[1] == {"ExposureTime": 0, "AnalogueGain": 0}


def test_k06_when_the_light_goes_again_before_it_was_taken_back_it_is_fixed_again() -> None:
    cap = Cap(exposure=Grip.HANDING_BACK, gain=Grip.HANDING_BACK, lux=100)
    cap, told = capped(cap, {"ExposureTime": 66_000, "AnalogueGain": 20.0, "Lux": 4}, TABLE, ALL)
    assert told == {"ExposureTime": 20_000, "AnalogueGain": 12}
    assert cap == Cap(exposure=Grip.OURS, gain=Grip.OURS, lux=4), "of the new darkness, not of that before"


def test_what_a_camera_can_not_be_told_is_not_told_and_what_a_frame_does_not_say_is_no_reason() -> None:
    long = {"ExposureTime": 100_000, "AnalogueGain": 20.0}
    assert capped(Cap(), {**long, "Lux": 4}, TABLE, set()) == (Cap(), {})
    for cap in (Cap(), Cap(exposure=Grip.OURS), Cap(exposure=Grip.HANDING_BACK), Cap(gain=Grip.HANDING_BACK)):
        assert capped(cap, {}, TABLE, ALL) == (cap, {})
    assert capped(Cap(), long, TABLE, ALL)[1] == {"ExposureTime": 20_000}, "without Lux no gain is fixed for ever"


# -- which frame ---------------------------------------------------------------------------------------------------


def frame(**says: Any) -> dict[str, Any]:
    return {"ExposureTime": 10_000, "FrameDuration": FRAME_US, **says}


def test_without_flash_focus_or_darkness_the_first_frame_after_zero_is_the_photo() -> None:
    assert Shot(TABLE, ZERO_NS).waits_for(frame(), ZERO_NS) == ""
    assert Shot(TABLE, ZERO_NS).waits_for({}, ZERO_NS) == ""


def test_a_frame_that_is_exposed_for_the_dark_is_none_for_the_flash_though_nothing_moves() -> None:
    shot = Shot(TABLE, ZERO_NS, lit_ns=ZERO_NS - 1_500 * MS)
    assert shot.waits_for(frame(AeState=IDLE), ZERO_NS, {"AnalogueGain": 0}) == "flash"
    assert shot.waits_for(frame(AeState=CONVERGED), ZERO_NS, {"ExposureTime": 0}) == "flash"
    assert shot.waits_for(frame(AeState=IDLE), ZERO_NS, {}) == "", "both are fixed, and rightly so"
    assert Shot(TABLE, ZERO_NS).waits_for(frame(), ZERO_NS, {"ExposureTime": 0}) == "", "without a flash none waits"


def test_under_a_flash_it_is_the_first_frame_whose_exposure_has_settled_under_it() -> None:
    shot = Shot(TABLE, ZERO_NS, lit_ns=ZERO_NS)
    settled_ns = ZERO_NS + SETTLING_FRAMES * FRAME_US * 1000
    assert shot.waits_for(frame(AeState=CONVERGED), settled_ns - 1) == "flash", "it is converged from before"
    assert shot.waits_for(frame(AeState=SEARCHING), settled_ns) == "flash"
    assert shot.waits_for(frame(AeState=CONVERGED), settled_ns) == ""


def test_a_frame_that_does_not_say_how_long_it_took_is_taken_for_one_of_30_a_second() -> None:
    shot = Shot(TABLE, ZERO_NS, lit_ns=ZERO_NS)
    assert shot.waits_for({}, ZERO_NS + 190 * MS) == "flash"
    assert shot.waits_for({}, ZERO_NS + 210 * MS) == "", "after six of them"


def test_a_flash_that_led_zero_by_enough_costs_no_wait() -> None:
    shot = Shot(TABLE, ZERO_NS, lit_ns=ZERO_NS - 1_500 * MS)
    assert shot.waits_for(frame(AeState=CONVERGED), ZERO_NS) == ""
    assert shot.waits_for(frame(AeState=SEARCHING), ZERO_NS) == "flash"


def test_an_older_libcamera_says_locked_and_one_that_says_nothing_is_believed_after_a_while() -> None:
    shot = Shot(TABLE, ZERO_NS, lit_ns=ZERO_NS - 1_500 * MS)
    assert shot.waits_for(frame(AeLocked=False), ZERO_NS) == "flash"
    assert shot.waits_for(frame(AeLocked=True), ZERO_NS) == ""
    assert shot.waits_for(frame(), ZERO_NS) == ""


def test_k06_a_frame_that_was_exposed_for_too_long_is_passed_over_where_that_can_be_mended() -> None:
    long = frame(ExposureTime=66_000)
    assert Shot(TABLE, ZERO_NS).waits_for(long, ZERO_NS) == "exposure"
    assert Shot(TABLE, ZERO_NS, can_cap=False).waits_for(long, ZERO_NS) == ""


def test_a_lens_that_was_sent_somewhere_is_waited_for() -> None:
    shot = Shot(TABLE, ZERO_NS, lens=0.5)
    assert shot.waits_for(frame(LensPosition=3.0), ZERO_NS) == "focus"
    assert shot.waits_for(frame(LensPosition=0.52), ZERO_NS) == ""


@pytest.mark.parametrize("says", [{"AeState": SEARCHING}, {"ExposureTime": 66_000}, {"LensPosition": 3.0}])
def test_k06_k07_nothing_is_waited_for_longer_than_0_8_s_after_zero(says: dict[str, Any]) -> None:
    shot = Shot(TABLE, ZERO_NS, lit_ns=ZERO_NS, lens=0.5)
    last_ns = ZERO_NS + LATEST_NS - FRAME_US * 1000
    assert LATEST_NS == 800 * MS
    assert shot.waits_for(frame(**says), last_ns) != ""
    assert shot.waits_for(frame(**says), last_ns + 1) == "", "the next frame would begin too late"
