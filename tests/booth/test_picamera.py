"""The real camera's driver against a stand-in that has picamera2's shape, real shared memory and its known traps."""

from __future__ import annotations

import errno
import gc
import os
import weakref
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest

from piboothup.booth.camera import CameraFault
from piboothup.booth.encoder import encode
from piboothup.booth.picamera import PiCamera, controls, planes
from piboothup.config import Camera

PI_CONTROLS = {"AeExposureMode", "AeFlickerMode", "AeFlickerPeriod", "FrameDurationLimits", "AfMode", "LensPosition"}
ZERO_NS = 5_000_000_000


class StandIn:
    """picamera2.Picamera2, as far as the driver uses it; one buffer, which `paint` fills."""

    sensor_resolution = (64, 48)
    camera_properties: ClassVar = {"Model": "imx708"}
    camera_controls: ClassVar = dict.fromkeys(PI_CONTROLS)
    cameras = 1
    pixel_format = "YUV420"
    stride = 96
    breaks: ClassVar[dict[str, Exception]] = {}
    last: StandIn

    def __init__(self, number: int) -> None:
        self.notifyme_r, self.notifyme_w = os.pipe()
        self.notifymeread = os.fdopen(self.notifyme_r, "rb")
        self.calls: list[Any] = []
        type(self).last = self
        self._step("__init__")
        self.frames = 0
        self.fd = -1
        self.released = 0
        self.post_callback: Callable[[Any], None] = lambda _request: None
        self.small_fds: list[int] = []

    @classmethod
    def global_camera_info(cls) -> list[dict[str, Any]]:
        return [{"Num": number} for number in range(cls.cameras)]

    def _step(self, name: str) -> None:
        self.calls.append(name)
        if name in self.breaks:
            raise self.breaks[name]

    def create_still_configuration(self, **wanted: Any) -> dict[str, Any]:
        self.wanted = wanted
        return wanted

    def configure(self, wanted: dict[str, Any]) -> None:
        self._step("configure")
        size = wanted["main"]["size"]
        length = self.stride * size[1] * 3 // 2
        self.lores = wanted["lores"] and {**wanted["lores"], "stride": 640, "framesize": 640 * 480 * 3 // 2}
        self.main = {"format": self.pixel_format, "size": size, "stride": self.stride, "framesize": length}
        self.fd = os.memfd_create("frame")
        os.ftruncate(self.fd, length)

    def camera_configuration(self) -> dict[str, Any]:
        return {"main": self.main}

    def start(self) -> None:
        self._step("start")

    def capture_request(self, wait: float, flush: int) -> Any:
        self.calls.append(("capture_request", wait, flush))
        if "capture_request" in self.breaks:
            raise self.breaks["capture_request"]
        planes_of_buffer = [SimpleNamespace(fd=self.fd)]
        metadata = {
            "SensorTimestamp": flush + 30_000_000,
            "ExposureTime": 20_000,
            "AnalogueGain": 4.0,
            "DigitalGain": 1.5,
        }
        return SimpleNamespace(
            request=SimpleNamespace(buffers={"stream": SimpleNamespace(planes=planes_of_buffer)}),
            stream_map={"main": "stream"},
            config={"main": self.main, "lores": self.lores},
            get_metadata=lambda: metadata,
            release=self._release,
        )

    def _release(self) -> None:
        self._step("release")
        self.released += 1

    def cancel_all_and_flush(self) -> None:
        self.calls.append("cancel_all_and_flush")

    def close(self) -> None:
        self.calls.append("close")
        for fd in self.small_fds:
            os.close(fd)
        os.close(self.notifyme_w)
        self.notifymeread.close()
        if self.fd >= 0:
            os.close(self.fd)


@pytest.fixture
def make() -> Iterator[type[StandIn]]:
    class Fresh(StandIn):
        breaks: ClassVar[dict[str, Exception]] = {}

    yield Fresh


def paint(fd: int, stride: int, size: tuple[int, int]) -> tuple[Any, Any, Any]:
    """Fill a YUV420 buffer so that a mistaken stride or offset shows."""
    width, height = size
    random = np.random.default_rng(7)
    y = random.integers(0, 256, (height, width), dtype=np.uint8)
    u = random.integers(0, 256, (height // 2, width // 2), dtype=np.uint8)
    v = random.integers(0, 256, (height // 2, width // 2), dtype=np.uint8)
    rows = [np.pad(y, ((0, 0), (0, stride - width)))]
    rows += [np.pad(plane, ((0, 0), (0, stride // 2 - width // 2))) for plane in (u, v)]
    os.pwrite(fd, b"".join(one.tobytes() for one in rows), 0)
    return y, u, v


def opened(make: type[StandIn], table: Camera | None = None) -> PiCamera:
    camera = PiCamera(table or Camera(), make)
    camera.open()
    return camera


def fault_of(camera: PiCamera) -> str:
    with pytest.raises(CameraFault) as caught:
        camera.open()
    camera.close()
    return caught.value.problem.code


def test_the_full_sensor_streams_as_yuv420_with_three_buffers_a_viewfinder_and_no_raw_stream(
    make: type[StandIn],
) -> None:
    make.sensor_resolution = (4056, 3040)
    make.stride = 4096
    camera = opened(make)
    wanted = make.last.wanted
    assert wanted["main"] == {"format": "YUV420", "size": (4056, 3040)}
    assert (wanted["buffer_count"], wanted["queue"], wanted["raw"]) == (3, True, None)
    assert wanted["lores"]["size"] == (640, 480)
    assert (camera.size, camera.model) == ((4056, 3040), "imx708")
    camera.close()


def test_the_frame_is_the_first_after_zero_and_begins_its_exposure_before_the_sensor_s_timestamp(
    make: type[StandIn],
) -> None:
    camera = opened(make)
    frame = camera.capture(ZERO_NS, 3.5)
    assert make.last.calls[-1] == ("capture_request", 3.5, ZERO_NS)
    assert frame.exposure_start_ns == ZERO_NS + 30_000_000 - 20_000_000
    assert (frame.exposure_us, frame.gain, frame.camera_model) == (20_000, 6.0, "imx708")
    camera.close()


def test_padded_rows_are_left_out_and_no_pixel_is_copied(make: type[StandIn]) -> None:
    camera = opened(make)
    painted = paint(make.last.fd, 96, (64, 48))
    frame = camera.capture(ZERO_NS, 3)
    for plane, expected in zip((frame.y, frame.u, frame.v), painted, strict=True):
        assert np.array_equal(plane, expected)
    os.pwrite(make.last.fd, b"\x55", 0)
    assert frame.y[0, 0] == 0x55
    camera.close()


def test_nv12_s_interleaved_chroma_comes_out_as_two_planes() -> None:
    y = np.arange(8 * 4, dtype=np.uint8).reshape(4, 8)
    pairs = np.array([[10, 20, 11, 21, 12, 22, 0, 0], [13, 23, 14, 24, 15, 25, 0, 0]], np.uint8)
    _, u, v = planes(y.tobytes() + pairs.tobytes(), {"format": "NV12", "size": (6, 4), "stride": 8})
    assert u.tolist() == [[10, 11, 12], [13, 14, 15]]
    assert v.tolist() == [[20, 21, 22], [23, 24, 25]]


def test_a_frame_still_lent_out_can_be_encoded_after_the_camera_was_closed(make: type[StandIn]) -> None:
    camera = opened(make)
    paint(make.last.fd, 96, (64, 48))
    frame = camera.capture(ZERO_NS, 3)
    camera.close()
    assert len(encode(frame, 90)) > 500
    make.breaks["release"] = RuntimeError("queue_request: camera is not running")
    frame.release()


def test_a_frame_is_given_back_once_and_a_forgotten_one_keeps_no_hold_of_the_camera(make: type[StandIn]) -> None:
    camera = opened(make)
    forgotten = camera.capture(ZERO_NS, 3)
    forgotten.release()
    forgotten.release()
    assert make.last.released == 1
    camera.close()
    closed = weakref.ref(make.last)
    del make.last
    gc.collect()
    assert closed() is None
    assert forgotten.y.shape == (48, 64)


def test_k03_a_timed_out_capture_is_cancelled_so_that_it_leaks_no_buffer(make: type[StandIn]) -> None:
    camera = opened(make)
    make.breaks["capture_request"] = TimeoutError()
    with pytest.raises(CameraFault) as caught:
        camera.capture(ZERO_NS, 3)
    assert caught.value.problem.code == "camera_stuck"
    assert make.last.calls[-1] == "cancel_all_and_flush"
    camera.close()
    assert "stop" not in make.last.calls


def test_k01_no_camera_is_told_as_such_and_a_night_of_retries_uses_up_no_descriptor(make: type[StandIn]) -> None:
    make.cameras = 0
    before = len(os.listdir("/proc/self/fd"))
    assert {fault_of(PiCamera(Camera(), make)) for _ in range(20)} == {"no_camera"}
    assert len(os.listdir("/proc/self/fd")) == before


def test_k05_a_camera_that_another_program_holds_is_told_as_such_and_leaks_no_descriptor(make: type[StandIn]) -> None:
    outer = RuntimeError("Camera __init__ sequence did not complete.")
    outer.__cause__ = RuntimeError("Failed to acquire camera: Device or resource busy")
    make.breaks["__init__"] = outer
    before = len(os.listdir("/proc/self/fd"))
    assert {fault_of(PiCamera(Camera(), make)) for _ in range(20)} == {"camera_busy"}
    assert len(os.listdir("/proc/self/fd")) == before


def test_k04_when_memory_is_short_it_is_said_and_the_next_try_uses_half_the_width_and_height(
    make: type[StandIn],
) -> None:
    camera = PiCamera(Camera(size=(4056, 3040)), make)
    make.breaks["configure"] = OSError(errno.ENOMEM, "Cannot allocate memory")
    make.stride = 4096
    with pytest.raises(CameraFault) as caught:
        camera.open()
    assert caught.value.problem.code == "camera_memory"
    del make.breaks["configure"]
    camera.open()
    assert camera.size == (2028, 1520)
    camera.close()


def test_without_picamera2_the_sentence_names_what_is_missing() -> None:
    with pytest.raises(CameraFault, match="picamera2"):
        PiCamera(Camera()).open()


def test_in_a_dark_room_short_exposures_are_asked_for_and_mains_light_does_not_flicker() -> None:
    sent = controls(Camera(max_exposure_ms=20, mains_hz=50), PI_CONTROLS)
    assert sent["FrameDurationLimits"] == (100, 20_000)
    assert sent["AeExposureMode"] == 1
    assert (sent["AeFlickerMode"], sent["AeFlickerPeriod"]) == (1, 10_000)
    assert controls(Camera(mains_hz=60), PI_CONTROLS)["AeFlickerPeriod"] == 8333


def test_a_lens_that_moves_focuses_all_the_time_and_one_without_autofocus_is_set_to_focus_m() -> None:
    assert controls(Camera(), PI_CONTROLS)["AfMode"] == 2
    assert "LensPosition" not in controls(Camera(), PI_CONTROLS)
    assert controls(Camera(focus_m=2.0), {"LensPosition"}) == {"LensPosition": 0.5}


def test_a_control_that_the_camera_lacks_is_not_sent() -> None:
    assert controls(Camera(), {"FrameDurationLimits"}).keys() == {"FrameDurationLimits"}
    assert controls(Camera(), set()) == {}


def test_the_memory_that_is_looked_at_can_not_be_written_by_mistake(make: type[StandIn]) -> None:
    camera = opened(make)
    frame = camera.capture(ZERO_NS, 3)
    with pytest.raises(ValueError, match="read-only"):
        frame.y[0, 0] = 1
    camera.close()


# -- the viewfinder ------------------------------------------------------------------------------------------------


def passing(make: type[StandIn], level: int) -> None:
    """A frame passes whose small stream is all of one brightness."""
    fd = os.memfd_create("lores")
    os.pwrite(fd, bytes([level]) * (640 * 480 * 3 // 2), 0)
    buffers = {"small": SimpleNamespace(planes=[SimpleNamespace(fd=fd)])}
    config = {"main": make.last.main, "lores": make.last.lores}
    request = SimpleNamespace(request=SimpleNamespace(buffers=buffers), stream_map={"lores": "small"}, config=config)
    make.last.post_callback(request)
    make.last.small_fds.append(fd)


def test_the_viewfinder_is_made_of_the_small_stream_once_for_each_time_it_is_asked_for(make: type[StandIn]) -> None:
    camera = opened(make, Camera(size=(1280, 960)))
    passing(make, 10)
    assert camera.viewfinder() is None, "nobody had asked yet"
    passing(make, 20)
    passing(make, 30)
    seen = camera.viewfinder()
    assert seen is not None
    assert seen.grey.shape == (120, 160)
    assert (seen.grey == 20).all()
    assert camera.viewfinder() == seen
    passing(make, 40)
    later = camera.viewfinder()
    assert later is not None
    assert later.serial > seen.serial
    camera.close()


def test_nothing_of_the_viewfinder_survives_the_camera_s_closing(make: type[StandIn]) -> None:
    camera = opened(make, Camera(size=(1280, 960)))
    camera.viewfinder()
    passing(make, 20)
    camera.close()
    assert camera.viewfinder() is None


def test_a_viewfinder_that_is_wanted_waits_for_no_photo(make: type[StandIn]) -> None:
    camera = opened(make, Camera(size=(1280, 960)))
    camera.viewfinder()
    camera.capture(ZERO_NS, 3)
    passing(make, 20)  # while the photo is taken its buffer goes to the photo first
    assert camera.viewfinder() is None
    camera.close()


@pytest.mark.parametrize(("sensor", "small"), [((4056, 3040), (640, 480)), ((4608, 2592), (640, 360))])
def test_the_small_stream_has_the_photo_s_shape(
    make: type[StandIn], sensor: tuple[int, int], small: tuple[int, int]
) -> None:
    make.sensor_resolution, make.stride = sensor, 4608
    camera = opened(make)
    assert make.last.wanted["lores"]["size"] == small
    camera.close()


def test_a_photo_smaller_than_the_small_stream_goes_without_a_viewfinder(make: type[StandIn]) -> None:
    camera = opened(make)
    assert make.last.wanted["lores"] is None
    camera.viewfinder()
    passing(make, 20)
    assert camera.viewfinder() is None
    camera.close()
