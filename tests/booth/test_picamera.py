"""The real camera's driver against a stand-in that has picamera2's shape, real shared memory and its known traps."""

from __future__ import annotations

import errno
import gc
import os
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest

from piboothup.booth.camera import CameraFault
from piboothup.booth.encoder import encode
from piboothup.booth.picamera import Connected, PiCamera, connected, planes
from piboothup.config import Camera
from piboothup.problems import Problem, problem

PI_CONTROLS = {
    *("AeExposureMode", "AeFlickerMode", "AeFlickerPeriod", "FrameDurationLimits", "AwbEnable"),
    *("AfMode", "LensPosition", "ExposureTime", "AnalogueGain"),
}
ZERO_NS = 5_000_000_000


class StandIn:
    """picamera2.Picamera2, as far as the driver uses it; one buffer, which `paint` fills."""

    sensor_resolution = (64, 48)
    camera_properties: ClassVar = {"Model": "imx708"}
    sensor_modes = ({"size": (4608, 2592), "fps": 14.0}, {"size": (4608, 2592), "fps": 14.0, "bit_depth": 10})
    camera_controls: ClassVar = dict.fromkeys(PI_CONTROLS)
    cameras = 1
    pixel_format = "YUV420"
    stride = 96
    breaks: ClassVar[dict[str, Exception]] = {}
    last: Any
    largest = 10_000
    """The widest frames that memory has room for."""
    adjusts_to: tuple[int, int] | None = None
    tuning_when_counted: str | None = None

    def __init__(self, number: int, tuning: str | None = None) -> None:
        self.notifyme_r, self.notifyme_w = os.pipe()
        self.notifymeread = os.fdopen(self.notifyme_r, "rb")
        self.calls: list[Any] = []
        self.number, self.tuning = number, tuning
        type(self).last = self
        self._step("__init__")
        self.frames = 0
        self.fd = -1
        self.released = 0
        self.post_callback: Callable[[Any], None] = lambda _request: None
        self.small_fds: list[int] = []

    @classmethod
    def global_camera_info(cls) -> list[dict[str, Any]]:
        cls.tuning_when_counted = os.environ.get("LIBCAMERA_RPI_TUNING_FILE")
        return [{"Num": number, "Model": "imx708", "Id": f"/i2c@{number}"} for number in range(cls.cameras)]

    def _step(self, name: str) -> None:
        self.calls.append(name)
        if name in self.breaks:
            raise self.breaks[name]

    def create_still_configuration(self, **wanted: Any) -> dict[str, Any]:
        self.wanted = wanted
        return wanted

    def configure(self, wanted: dict[str, Any]) -> None:
        self._step("configure")
        size = self.adjusts_to or wanted["main"]["size"]
        if size[0] > self.largest:
            raise OSError(errno.ENOMEM, "Cannot allocate memory")
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
        self.calls.append(("capture_request", round(wait, 1), flush))
        if "capture_request" in self.breaks:
            raise self.breaks["capture_request"]
        planes_of_buffer = [SimpleNamespace(fd=self.fd)]
        start_ns = flush + 10_000_000 - flush % 10_000_000 if flush % 10_000_000 else flush + 10_000_000
        metadata = {"ExposureTime": 20_000, "AnalogueGain": 4.0, "DigitalGain": 1.5, **self.says(start_ns)}
        metadata["SensorTimestamp"] = start_ns + 1000 * metadata["ExposureTime"]
        return SimpleNamespace(
            request=SimpleNamespace(buffers={"stream": SimpleNamespace(planes=planes_of_buffer)}),
            stream_map={"main": "stream"},
            config={"main": self.main, "lores": self.lores},
            get_metadata=lambda: metadata,
            release=self._release,
        )

    def set_controls(self, controls: dict[str, Any]) -> None:
        self.calls.append(controls)

    def says(self, start_ns: int) -> dict[str, Any]:
        """What the frame that begins then says of itself."""
        return {}

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


def test_without_picamera2_the_sentence_names_what_is_missing() -> None:
    with pytest.raises(CameraFault, match="picamera2"):
        PiCamera(Camera()).open()


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


def test_the_viewfinder_is_made_of_the_small_stream_ten_times_a_second_while_it_is_asked_for(
    make: type[StandIn], monkeypatch: pytest.MonkeyPatch
) -> None:
    now_s = 1000.0
    monkeypatch.setattr("time.monotonic", lambda: now_s)
    camera = opened(make, Camera(size=(1280, 960)))
    passing(make, 10)
    assert camera.viewfinder() is None, "nobody had asked yet"
    levels = []
    for level in range(20, 120):  # a frame passes, and somebody asks, a hundred times a second
        now_s += 0.01
        passing(make, level)
        seen = camera.viewfinder()
        assert seen is not None
        assert seen.grey.shape == (120, 160)
        levels.append(int(seen.grey[0, 0]))
    assert levels[0] == 20
    assert 10 <= len(set(levels)) <= 12
    now_s += 2.0
    passing(make, 200)
    assert camera.viewfinder() == seen, "nobody had asked for a while"
    passing(make, 201)
    later = camera.viewfinder()
    assert later is not None
    assert seen is not None
    assert later.serial == seen.serial + 1
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


# -- light and lens: a stand-in, as the lab's virtual camera has no such controls ------------------------------------

FRAME_NS = 100_000_000
REACTS_NS = 4 * FRAME_NS
"""What is asked of libcamera shows some frames later."""


class Sensor(StandIn):
    """A camera that tells of its frames what it was told some frames before."""

    first: ClassVar[dict[str, Any]] = {}
    obeys = True

    def __init__(self, number: int, tuning: str | None = None) -> None:
        super().__init__(number, tuning)
        self.sent: list[tuple[int, dict[str, Any]]] = []
        self.asked_ns: list[int] = []

    def capture_request(self, wait: float, flush: int) -> Any:
        self.now_ns = flush + 10_000_000
        request = super().capture_request(wait, flush + FRAME_NS - 20_000_000 if self.asked_ns else flush)
        self.asked_ns.append(flush)
        return request

    def set_controls(self, controls: dict[str, Any]) -> None:
        self.sent.append((self.now_ns, controls))

    def says(self, start_ns: int) -> dict[str, Any]:
        said = {"FrameDuration": FRAME_NS // 1000, **self.first}
        for sent_ns, controls in self.sent if self.obeys else []:
            if start_ns >= sent_ns + REACTS_NS:
                said |= controls
        return said


def sensor(**first: Any) -> type[Sensor]:
    class Fresh(Sensor):
        breaks: ClassVar[dict[str, Exception]] = {}

    Fresh.first = first
    return Fresh


def test_k07_a_lens_that_is_not_in_focus_at_zero_goes_to_focus_m_for_the_shot_and_focuses_again_after_it() -> None:
    make = sensor(AfState=1, LensPosition=8.0)
    camera = opened(make, Camera(focus_m=2.0))
    frame = camera.capture(ZERO_NS, 4)
    sent = [controls for _, controls in make.last.sent]
    assert sent == [{"AfMode": 0, "LensPosition": 0.5}, {"AfMode": 2}]
    assert REACTS_NS <= frame.exposure_start_ns - ZERO_NS <= REACTS_NS + 2 * FRAME_NS
    assert make.last.released == len(make.last.asked_ns) - 1
    camera.close()


def test_k07_an_autofocus_that_never_ends_and_a_lens_that_does_not_obey_do_not_stop_the_photo() -> None:
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


def test_k06_when_it_gets_dark_the_photo_is_the_first_frame_with_a_short_exposure() -> None:
    make = sensor(ExposureTime=66_000, AnalogueGain=6.0)
    camera = opened(make)
    frame = camera.capture(ZERO_NS, 4)
    assert frame.exposure_us == 20_000
    assert [controls for _, controls in make.last.sent] == [{"ExposureTime": 20_000}]
    assert frame.exposure_start_ns - ZERO_NS < 1_000_000_000
    camera.close()


def test_k06_the_exposure_is_looked_after_also_while_nobody_presses() -> None:
    make = sensor(ExposureTime=66_000, AnalogueGain=6.0)
    camera = opened(make)
    last = make.last
    last.now_ns = 0
    camera.frames()
    last.post_callback(SimpleNamespace(config={}, get_metadata=lambda: {"ExposureTime": 66_000}))
    camera.frames()
    assert [controls for _, controls in last.sent] == [{"ExposureTime": 20_000}]
    camera.close()


def test_under_a_flash_without_countdown_the_photo_is_the_first_frame_that_is_exposed_for_it() -> None:
    make = sensor(AeState=2)
    camera = opened(make)
    after_ns = camera.capture(ZERO_NS, 4, lit_ns=ZERO_NS).exposure_start_ns - ZERO_NS
    assert 6 * FRAME_NS <= after_ns <= 800_000_000
    camera.close()


def test_white_balance_is_held_and_let_go() -> None:
    make = sensor()
    camera = opened(make)
    make.last.now_ns = 0
    camera.hold(True)
    camera.hold(False)
    assert [controls for _, controls in make.last.sent] == [
        {"AwbEnable": False},
        {"AwbEnable": True},
    ]
    camera.close()
    make.camera_controls = {}
    camera.open()
    camera.hold(True)
    assert make.last.sent == []
    camera.close()


# -- what is not as the config says ----------------------------------------------------------------------------------


def test_k04_when_memory_is_short_half_the_width_and_height_are_used_and_that_is_said_once(
    make: type[StandIn], caplog: pytest.LogCaptureFixture
) -> None:
    make.sensor_resolution, make.stride = (4056, 3040), 4096
    make.largest = 2048
    camera = opened(make)
    assert camera.size == (2028, 1520)
    assert camera.notice == problem("camera_memory", "2028x1520")
    camera.open()
    assert len([one for one in caplog.records if "camera_memory" in one.message]) == 1
    camera.close()


def test_k04_when_even_that_is_too_much_it_is_told_and_tried_again_later(make: type[StandIn]) -> None:
    make.breaks["configure"] = OSError(errno.ENOMEM, "Cannot allocate memory")
    assert fault_of(PiCamera(Camera(), make)) == "camera_memory"


def test_a_size_that_the_sensor_lacks_is_told_and_photos_go_on_with_the_nearest(make: type[StandIn]) -> None:
    make.adjusts_to = (64, 48)
    camera = opened(make, Camera(size=(8000, 6000)))
    assert camera.size == (64, 48)
    assert camera.notice == problem("camera_size", "8000x6000; it gives 64x48")
    camera.close()


def test_a_tuning_file_that_is_not_there_is_told_and_the_sensor_s_own_is_used(
    make: type[StandIn], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LIBCAMERA_RPI_TUNING_FILE", raising=False)
    path = tmp_path / "imx708_noir.json"
    camera = opened(make, Camera(tuning=str(path)))
    assert camera.notice == problem("camera_tuning", str(path))
    assert make.last.tuning is None
    path.write_text("{}")
    camera.open()
    reopened: Any = make.last
    assert (reopened.tuning, make.tuning_when_counted) == (str(path), str(path))
    told: Problem | None = camera.notice
    assert told is None
    camera.close()


def test_a_camera_is_chosen_by_its_number_and_one_that_is_not_there_is_told_with_it(make: type[StandIn]) -> None:
    make.cameras = 2
    opened(make, Camera(number=1)).close()
    assert make.last.number == 1
    with pytest.raises(CameraFault, match="number 2 of 2"):
        PiCamera(Camera(number=2), make).open()


def test_what_is_connected_is_listed_with_its_modes_and_one_that_another_program_has_without(
    make: type[StandIn],
) -> None:
    make.cameras = 2
    assert connected(make) == [Connected(n, "imx708", f"/i2c@{n}", ("4608x2592 14 fps",)) for n in (0, 1)]
    assert "close" in make.last.calls
    make.breaks["__init__"] = RuntimeError("Failed to acquire camera: Device or resource busy")
    assert [one.modes for one in connected(make)] == [(), ()]


def test_the_focal_length_is_told_where_the_lens_does_not_come_off(make: type[StandIn]) -> None:
    camera = opened(make)
    assert camera.capture(ZERO_NS, 3).focal_length_mm == 4.74
    camera.close()
    make.camera_properties = {"Model": "imx477"}
    camera.open()
    assert camera.capture(ZERO_NS, 3).focal_length_mm is None
    camera.close()
