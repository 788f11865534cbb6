"""Exposure limits, the picture's look, and which frame is the photo: decisions from libcamera's metadata. Pure.

People in dim rooms move: the exposure stays short and gain is raised first; long exposures last whole half-periods of
the mains. libcamera's short exposure profile would go to 120 ms, and the frame duration is no limit for a sensor
that needs 100 ms a frame; so an exposure that grows too long is fixed here, and handed back when there is light.
A guest waits for a better frame no longer than `MAX_FRAME_DELAY_NS`.

The standard way to limit exposure and gain is the tuning file: its table of exposure modes lists shutter times and
gains that libcamera's own control keeps to, so that nothing would have to be corrected here. It is not used yet:
each sensor and libcamera version has a tuning file of its own, which would have to be copied and changed at run time
for `max_exposure_ms`, `max_gain` and `mains_hz`, and no real sensor has yet run this loop beside the table to show
that the table's photos are as good in the dark, at dusk and under the flash.

A frame's metadata are a mapping from libcamera's names (src/libcamera/control_ids_core.yaml) to values; any of them
may be missing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import Enum
from typing import Any

from piboothup.config import CameraConfig
from piboothup.records import dataclass, replace

MAX_FRAME_DELAY_NS = 800_000_000
"""How long after zero a photo waits for flash, focus or a shorter exposure, nanoseconds; then any frame is taken."""
SETTLING_FRAMES = 6
"""Frames until the exposure follows a change of light: three buffers and libcamera's own three."""
_FRAME_NS = 1_000_000_000 // 30
"""Duration of a frame whose metadata lack it, nanoseconds."""
_AT_MOST_30_A_SECOND_US = 33_333
_TOLERANCE = 1.03
"""Tolerance of exposure times, a factor: sensors expose in whole rows."""
_HAND_BACK_BELOW_GAIN = 1.5
"""A fixed exposure is handed back below this gain: the short profile can't choose a longer one then (it raises gain
to 2 and more before it exposes for 10 ms)."""
_HAND_BACK_LUX_FACTOR = 1.5
"""A fixed gain is handed back when there is this many times the light at which it was fixed."""

# libcamera's numbers; its enums would need libcamera to be imported.
_AE_EXPOSURE_SHORT = 1
_AE_FLICKER_MANUAL = 1
_AE_IDLE, _AE_CONVERGED = 0, 2
_AF_MODE_MANUAL, _AF_MODE_CONTINUOUS = 0, 2
_AF_RANGE_NORMAL, _AF_RANGE_MACRO = 0, 1
_AF_FOCUSED = 2
_AWB_MODES = ("auto", "incandescent", "tungsten", "fluorescent", "indoor", "daylight", "cloudy")
_NOISE_REDUCTION_MODES = ("off", "fast", "high_quality")

Metadata = Mapping[str, Any]
Controls = dict[str, Any]


def initial_controls(table: CameraConfig, advertised: Collection[str]) -> Controls:
    """Controls for the start of the camera, as far as it advertises them."""
    wanted = {
        "AeExposureMode": _AE_EXPOSURE_SHORT,
        "AeFlickerMode": _AE_FLICKER_MANUAL,
        "AeFlickerPeriod": _half_period_us(table),
        "FrameDurationLimits": (_AT_MOST_30_A_SECOND_US, max(_AT_MOST_30_A_SECOND_US, max_exposure_us(table))),
        **(continuous_focus() if "AfMode" in advertised else manual_focus(table)),
        **dict(picture_controls(table).values()),
    }
    return {name: value for name, value in wanted.items() if name in advertised}


def picture_controls(table: CameraConfig) -> dict[str, tuple[str, float]]:
    """Control and value of each setting of the picture's look that is not the default, by the setting's name.

    The defaults are those of libcamera, and of picamera2's still configuration: nothing is sent for them.
    """
    values: dict[str, tuple[str, float]] = {
        "exposure_value": ("ExposureValue", table.exposure_value),
        "awb": ("AwbMode", _AWB_MODES.index(table.awb)),
        "sharpness": ("Sharpness", table.sharpness),
        "denoise": ("NoiseReductionMode", _NOISE_REDUCTION_MODES.index(table.denoise)),
    }
    default = CameraConfig()
    return {name: sent for name, sent in values.items() if getattr(table, name) != getattr(default, name)}


def lacking_settings(table: CameraConfig, advertised: Collection[str]) -> str:
    """Names of the settings of the picture's look that this camera does not know, with commas; "" = none."""
    return ",".join(name for name, (control, _) in picture_controls(table).items() if control not in advertised)


def max_exposure_us(table: CameraConfig) -> int:
    """Longest exposure, microseconds: whole half-periods of the mains, if one fits."""
    limit_us = int(table.max_exposure_ms * 1000)
    half_us = _half_period_us(table)
    return limit_us // half_us * half_us or limit_us


def _half_period_us(table: CameraConfig) -> int:
    return 1_000_000 // (2 * table.mains_hz)


def continuous_focus() -> Controls:
    """Controls for continuous autofocus."""
    return {"AfMode": _AF_MODE_CONTINUOUS}


def focus_range(*, near: bool) -> Controls:
    """Controls for autofocus near by (7 to 33 cm with Camera Module 3), or at all distances."""
    return {"AfRange": _AF_RANGE_MACRO if near else _AF_RANGE_NORMAL}


def manual_focus(table: CameraConfig) -> Controls:
    """Controls that focus on the distance of the config."""
    return {"AfMode": _AF_MODE_MANUAL, "LensPosition": 1.0 / table.focus_m}


def is_focusing(metadata: Metadata) -> bool:
    """Whether autofocus is running and has not focused yet."""
    return bool(metadata.get("AfState", _AF_FOCUSED) != _AF_FOCUSED)


# -- limits of exposure and gain -------------------------------------------------------------------------------------


class ControlOwner(Enum):
    """Who controls exposure or gain."""

    LIBCAMERA = "libcamera"
    """libcamera: it follows the light."""
    OURS = "ours"
    """The booth: it went beyond its limit and is fixed there."""
    HANDING_BACK = "handing back"
    """libcamera was told to take over; no frame shows it yet."""


@dataclass(frozen=True)
class ExposureLimits:
    """Who controls exposure and gain now."""

    exposure: ControlOwner = ControlOwner.LIBCAMERA
    """OURS: fixed at the longest; gain follows the light."""
    gain: ControlOwner = ControlOwner.LIBCAMERA
    """OURS: fixed at the highest."""
    lux: float = 0.0
    """Light when the gain was fixed, lux."""


def limit_exposure(
    limits: ExposureLimits, metadata: Metadata, table: CameraConfig, advertised: Collection[str]
) -> tuple[ExposureLimits, Controls]:
    """Limits after the newest frame, and the controls to set because of it (often none).

    Controls are sent again until a frame's metadata confirm them, both when limiting and when handing back: a control
    that was lost would be missing all evening.
    """
    controls: Controls = {}
    exposure_us = metadata.get("ExposureTime", 0)
    gain = metadata.get("AnalogueGain", 1.0)
    if "ExposureTime" in advertised and exposure_us:
        is_beyond = is_overexposed(metadata, table)
        longest_us = max_exposure_us(table)
        is_handed_back = not _is_near(exposure_us, longest_us)
        owner = _next_owner(limits.exposure, is_beyond, gain < _HAND_BACK_BELOW_GAIN, is_handed_back)
        if is_beyond or owner is ControlOwner.HANDING_BACK:
            controls["ExposureTime"] = longest_us if is_beyond else 0
        limits = replace(limits, exposure=owner)
    lux = metadata.get("Lux")
    if lux is not None and "AnalogueGain" in advertised:
        is_beyond = gain > table.max_gain * _TOLERANCE
        is_brighter = lux > limits.lux * _HAND_BACK_LUX_FACTOR + 1
        owner = _next_owner(limits.gain, is_beyond, is_brighter, not _is_near(gain, table.max_gain))
        if is_beyond or owner is ControlOwner.HANDING_BACK:
            controls["AnalogueGain"] = table.max_gain if is_beyond else 0
        limits = replace(limits, gain=owner, lux=lux if is_beyond else limits.lux)
    return limits, controls


def _next_owner(owner: ControlOwner, is_beyond: bool, may_hand_back: bool, is_handed_back: bool) -> ControlOwner:
    """Owner after a frame that is beyond the limit, allows libcamera to take over, or shows that it has."""
    if is_beyond:
        return ControlOwner.OURS
    if owner is ControlOwner.OURS and may_hand_back:
        return ControlOwner.HANDING_BACK
    return ControlOwner.LIBCAMERA if owner is ControlOwner.HANDING_BACK and is_handed_back else owner


def _is_near(value: float, fixed: float) -> bool:
    return fixed / _TOLERANCE <= value <= fixed * _TOLERANCE


def is_overexposed(metadata: Metadata, table: CameraConfig) -> bool:
    """Whether this frame was exposed for longer than the config allows."""
    return bool(metadata.get("ExposureTime", 0) > table.max_exposure_ms * 1000 * _TOLERANCE)


# -- which frame is the photo ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class PendingShot:
    """A photo that is being taken."""

    table: CameraConfig
    zero_ns: int
    flash_on_ns: int | None = None
    """Since when the flash is on; None = no flash."""
    lens: float | None = None
    """Lens position requested at zero, dioptres; None = it stays."""
    can_limit: bool = True
    """Whether the camera can shorten its exposure."""

    def waits_for(self, metadata: Metadata, start_ns: int, controls: Controls | None = None) -> str:
        """What a frame whose exposure began at `start_ns` lacks to be the photo; "" = nothing.

        A frame whose successor would begin too late is taken as it is. `controls`: those set because of this frame
        (see `limit_exposure`); an exposure that was fixed for the dark is not one for the flash.
        """
        if start_ns + frame_duration_ns(metadata) > self.zero_ns + MAX_FRAME_DELAY_NS:
            return ""
        if self.flash_on_ns is not None and (controls or not _is_settled(metadata, start_ns - self.flash_on_ns)):
            return "flash"
        if self.can_limit and is_overexposed(metadata, self.table):
            return "exposure"
        if self.lens is not None and abs(metadata.get("LensPosition", self.lens) - self.lens) > 0.05:
            return "focus"
        return ""


def frame_duration_ns(metadata: Metadata) -> int:
    """Duration of a frame at this exposure, nanoseconds."""
    return int(1000 * metadata.get("FrameDuration", 0)) or _FRAME_NS


def _is_settled(metadata: Metadata, flash_on_for_ns: int) -> bool:
    """Whether the exposure is the one for the flash.

    The first frames under it still say "converged", from before; libcamera before 0.6 says `AeLocked` instead. It is
    idle when both exposure and gain are fixed (raspberrypi/libcamera, `reportMetadata` in ipa_base.cpp).
    """
    if flash_on_for_ns < SETTLING_FRAMES * frame_duration_ns(metadata):
        return False
    state = metadata.get("AeState")
    return bool(metadata.get("AeLocked", True)) if state is None else state in (_AE_IDLE, _AE_CONVERGED)
