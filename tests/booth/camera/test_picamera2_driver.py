"""The real camera's driver against a stand-in that has picamera2's shape, real shared memory and its known traps."""

from __future__ import annotations

import errno
import gc
import json
import os
import sys
import weakref
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest

from piboothup.booth.camera.base import CameraFault
from piboothup.booth.camera.detect import ConnectedCamera, connected_cameras, picamera2_class
from piboothup.booth.camera.picamera2_driver import Picamera2Driver, planes
from piboothup.booth.frame import Viewfinder
from piboothup.booth.photo.jpeg import encode
from piboothup.booth.threads import resume_garbage_collection
from piboothup.config import CameraConfig
from piboothup.problems import Problem, problem
from tests.support.fake_picamera2 import ZERO_NS, StandIn, fault_of, opened, paint


@pytest.fixture
def make() -> Iterator[type[StandIn]]:
    class Fresh(StandIn):
        breaks: ClassVar[dict[str, Exception]] = {}

    yield Fresh


def test_stream_full_sensor_yuv420_3_buffers_viewfinder_no_raw(
    make: type[StandIn],
) -> None:
    make.sensor_resolution = (4056, 3040)
    make.stride = 4096
    camera = opened(make)
    wanted = make.last.wanted
    assert wanted["main"] == {"format": "YUV420", "size": (4056, 3040)}
    assert (wanted["buffer_count"], wanted["queue"], wanted["raw"]) == (3, True, None)
    assert wanted["lores"]["size"] == (640, 480)
    assert (camera.size, camera.model, camera.notice) == ((4056, 3040), "imx708", None)
    camera.close()


def test_frame_first_after_zero_exposure_starts_before_timestamp(
    make: type[StandIn], monkeypatch: pytest.MonkeyPatch
) -> None:
    camera = opened(make)
    monkeypatch.setattr("time.monotonic", lambda: 1000.0)
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


def test_lent_frame_encodable_after_camera_closed(make: type[StandIn]) -> None:
    camera = opened(make)
    paint(make.last.fd, 96, (64, 48))
    frame = camera.capture(ZERO_NS, 3)
    camera.close()
    assert len(encode(frame, 90)) > 500
    make.breaks["release"] = RuntimeError("queue_request: camera is not running")
    frame.release()


def test_frame_returned_once_forgotten_frame_holds_no_camera(make: type[StandIn]) -> None:
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


def test_k01_camera_that_comes_later_is_found(make: type[StandIn]) -> None:
    """libcamera's list stays as it was made: udev's messages don't reach the booth's unit."""
    connected, open_ones = [0], {1: "open"}
    make.cameras = 0
    make._cm = SimpleNamespace(cameras=open_ones, reset=lambda: setattr(make, "cameras", connected[0]))
    camera = Picamera2Driver(CameraConfig(), make)
    for _ in range(2):
        with pytest.raises(CameraFault) as caught:
            camera.open()
        assert caught.value.problem.code == "no_camera"
        connected[0] = 1
    open_ones.clear()
    camera.open()
    camera.close()


def test_k04_closed_camera_memory_free_before_next_one_is_made(make: type[StandIn]) -> None:
    camera = opened(make)
    make.last.ring = make.last  # as a Picamera2 is one
    closed = weakref.ref(make.last)
    del make.last
    left: list[bool] = []

    def count(_make: type[StandIn]) -> list[dict[str, Any]]:
        left.append(closed() is not None)
        return [{}]

    make.global_camera_info = classmethod(count)  # type: ignore[assignment, method-assign]
    gc.disable()
    resume_garbage_collection()  # at "ready": the camera was open already
    gc.disable()
    try:
        camera.open()
    finally:
        gc.enable()
    assert left == [False]
    camera.close()


def test_k03_timed_out_capture_cancelled_leaks_no_buffer(make: type[StandIn]) -> None:
    camera = opened(make)
    make.breaks["capture_request"] = TimeoutError()
    with pytest.raises(CameraFault) as caught:
        camera.capture(ZERO_NS, 3)
    assert caught.value.problem.code == "camera_stuck"
    assert make.last.calls[-1] == "cancel_all_and_flush"
    camera.close()
    assert "stop" not in make.last.calls


def test_k01_no_camera_reported_night_of_retries_leaks_no_fd(make: type[StandIn]) -> None:
    make.cameras = 0
    before = len(os.listdir("/proc/self/fd"))
    assert {fault_of(Picamera2Driver(CameraConfig(), make)) for _ in range(20)} == {"no_camera"}
    assert len(os.listdir("/proc/self/fd")) == before


def test_k05_camera_in_use_reported_leaks_no_fd(make: type[StandIn]) -> None:
    outer = RuntimeError("Camera __init__ sequence did not complete.")
    outer.__cause__ = RuntimeError("Failed to acquire camera: Device or resource busy")
    make.breaks["__init__"] = outer
    before = len(os.listdir("/proc/self/fd"))
    assert {fault_of(Picamera2Driver(CameraConfig(), make)) for _ in range(20)} == {"camera_busy"}
    assert len(os.listdir("/proc/self/fd")) == before


BROKEN_INSTALLATIONS = {
    "library": (
        "import ctypes; ctypes.CDLL('libcamera.so.0.99')",
        "OSError: libcamera.so.0.99: cannot open shared object file: No such file or directory",
    ),
    "extension": (
        "raise ImportError('libcamera.so.0.5: cannot open shared object file: No such file or directory')",
        "ImportError: libcamera.so.0.5: cannot open shared object file: No such file or directory",
    ),
    "module": ("import no_libcamera", "ModuleNotFoundError: No module named 'no_libcamera'"),
    "name": (
        "from json import Picamera2",
        f"ImportError: cannot import name 'Picamera2' from 'json' ({json.__file__})",
    ),
    "numpy": (
        "raise ValueError('numpy.dtype size changed, may indicate binary incompatibility')",
        "ValueError: numpy.dtype size changed, may indicate binary incompatibility",
    ),
    "half_written": ("def Picamera2(", "SyntaxError: '(' was never closed (__init__.py, line 1)"),
    "not_found": ("raise RuntimeError('libcamera was not found')", "RuntimeError: libcamera was not found"),
    "short": ("raise MemoryError", ""),
    "short_linker": ("raise ImportError('failed to map segment from shared object: Cannot allocate memory')", ""),
}
"""What picamera2 holds after a broken update, or is told by what lies under it."""


@pytest.mark.parametrize("how", BROKEN_INSTALLATIONS)
def test_f16_picamera2_that_fails_to_import_is_no_missing_camera(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    package, said = BROKEN_INSTALLATIONS[how]
    (tmp_path / "picamera2").mkdir()
    (tmp_path / "picamera2" / "__init__.py").write_text(package)
    monkeypatch.syspath_prepend(tmp_path)
    told = problem("no_picamera2", said) if said else problem("camera_memory")
    for use in (Picamera2Driver(CameraConfig()).open, connected_cameras):
        with pytest.raises(CameraFault) as caught:
            use()
        assert caught.value.problem == told
    monkeypatch.delitem(sys.modules, "picamera2", raising=False)


def test_libcamera_s_tracing_reads_no_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "picamera2").mkdir()
    (tmp_path / "picamera2" / "__init__.py").write_text("import os\nPicamera2 = dict(os.environ)\n")
    monkeypatch.syspath_prepend(tmp_path)
    setting = "LTTNG_UST_WITHOUT_BADDR_STATEDUMP"
    monkeypatch.setenv(setting, "")  # and gone again after this test
    monkeypatch.delenv(setting)
    seen: Any = picamera2_class()
    assert seen[setting] == "1"
    sys.modules.pop("picamera2")


def test_without_picamera2_the_sentence_names_what_is_missing() -> None:
    for use in (Picamera2Driver(CameraConfig()).open, connected_cameras):
        with pytest.raises(CameraFault) as caught:
            use()
        assert caught.value.problem == problem("no_picamera2", "picamera2 is missing")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ImportError("libpisp.so.1: cannot open shared object file: No such file"), "no_picamera2"),
        (RuntimeError("Failed to start: Device or resource busy"), "camera_busy"),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), "camera_memory"),
    ],
)
def test_f16_what_fails_while_cameras_are_listed_is_told(make: type[StandIn], error: Exception, code: str) -> None:
    def fail() -> None:
        raise error

    make.global_camera_info = fail  # type: ignore[assignment,method-assign]
    for use in (Picamera2Driver(CameraConfig(), make).open, lambda: connected_cameras(make)):
        with pytest.raises(CameraFault) as caught:
            use()
        assert caught.value.problem.code == code


def test_frame_memory_view_is_read_only(make: type[StandIn]) -> None:
    camera = opened(make)
    frame = camera.capture(ZERO_NS, 3)
    with pytest.raises(ValueError, match="read-only"):
        frame.y[0, 0] = 1
    camera.close()


def test_a_buffer_is_mapped_once_however_often_it_comes_round(make: type[StandIn]) -> None:
    camera = opened(make)
    first, second = camera.capture(ZERO_NS, 3), camera.capture(ZERO_NS, 3)
    assert np.shares_memory(first.y, second.y)
    camera.close()


def test_reopened_camera_shows_its_own_memory_not_the_old(make: type[StandIn]) -> None:
    camera = opened(make)
    fd = make.last.fd
    os.pwrite(fd, b"\x11", 0)
    assert camera.capture(ZERO_NS, 3).y[0, 0] == 0x11
    camera.open()
    assert make.last.fd == fd, "the kernel gives the lowest number that is free"
    os.pwrite(fd, b"\x22", 0)
    assert camera.capture(ZERO_NS, 3).y[0, 0] == 0x22
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


def test_the_first_frame_of_each_opening_wakes_its_thread(make: type[StandIn]) -> None:
    camera = opened(make, CameraConfig(size=(1280, 960)))
    told: list[int] = []
    for opening in (1, 2):
        camera.wake = lambda opening=opening: told.append(opening)  # type: ignore[misc]
        passing(make, 10)
        passing(make, 20)
        camera.open()
    assert told == [1, 2]
    camera.close()


def test_viewfinder_up_to_25_a_second_while_asked_notifies_each(
    make: type[StandIn], monkeypatch: pytest.MonkeyPatch
) -> None:
    now_s = 1000.0
    monkeypatch.setattr("time.monotonic", lambda: now_s)
    camera = opened(make, CameraConfig(size=(1280, 960)))
    told: list[Viewfinder | None] = []
    passing(make, 10)
    camera.wake = lambda: told.append(camera.viewfinder())
    assert camera.viewfinder() is None, "nobody had asked yet"
    levels = []
    for level in range(20, 40):  # twenty in a second, as none of Raspberry Pi's modules gives more at full size
        now_s += 0.05
        passing(make, level)
        seen = camera.viewfinder()
        assert seen is not None
        assert seen.grey.shape == (120, 160)
        levels.append(int(seen.grey[0, 0]))
    assert levels == list(range(20, 40))
    assert [seen.serial for seen in told if seen is not None] == list(range(1, 21))
    levels.clear()
    for level in range(40, 140):  # a hundred in a second
        now_s += 0.01
        passing(make, level)
        seen = camera.viewfinder()
        assert seen is not None
        levels.append(int(seen.grey[0, 0]))
    assert 20 <= len(set(levels)) <= 26
    now_s += 2.0
    passing(make, 200)
    assert camera.viewfinder() is None, "what was seen a while ago is not what is seen now"
    passing(make, 201)
    later = camera.viewfinder()
    assert later is not None
    assert seen is not None
    assert later.serial == seen.serial + 1
    camera.close()


def test_nothing_of_the_viewfinder_survives_the_camera_s_closing(make: type[StandIn]) -> None:
    camera = opened(make, CameraConfig(size=(1280, 960)))
    camera.viewfinder()
    passing(make, 20)
    camera.close()
    assert camera.viewfinder() is None


def test_a_viewfinder_that_is_wanted_waits_for_no_photo(make: type[StandIn]) -> None:
    camera = opened(make, CameraConfig(size=(1280, 960)))
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


def test_viewfinder_absent_if_photo_smaller_than_small_stream(make: type[StandIn]) -> None:
    camera = opened(make)
    assert make.last.wanted["lores"] is None
    camera.viewfinder()
    passing(make, 20)
    assert camera.viewfinder() is None
    camera.close()


# -- what is not as the config says ----------------------------------------------------------------------------------


def test_k04_memory_short_half_size_used_and_reported_once(
    make: type[StandIn], caplog: pytest.LogCaptureFixture
) -> None:
    make.sensor_resolution, make.stride = (4056, 3040), 4096
    make.largest = 2048
    camera = opened(make)
    assert camera.size == (2028, 1520)
    assert camera.notice == problem("camera_memory", "2028x1520")
    made = make.made
    camera.open()
    assert make.made == made + 1, "at the smaller size at once"
    assert len([record for record in caplog.records if "camera short of memory" in record.message]) == 1
    camera.close()


@pytest.mark.parametrize(
    ("at", "error"),
    [
        ("start", RuntimeError("Failed to start camera: Cannot allocate memory")),
        ("configure", RuntimeError("Failed to configure camera: Cannot allocate memory")),
        ("configure", MemoryError()),
    ],
)
def test_k04_libcamera_no_memory_message_leads_to_smaller_mode(
    make: type[StandIn], at: str, error: Exception
) -> None:
    make.sensor_resolution, make.stride, make.largest = (4056, 3040), 4096, 2048
    make.shortage = (at, lambda: error)
    camera = opened(make)
    assert camera.size == (2028, 1520)
    assert camera.notice == problem("camera_memory", "2028x1520")
    camera.close()


def test_k04_large_mode_memory_free_when_smaller_mode_allocates(make: type[StandIn]) -> None:
    class Buffer:
        def __init__(self, width: int) -> None:
            self.width = width

    there: weakref.WeakSet[Buffer] = weakref.WeakSet()
    seen: list[set[int]] = []

    class Allocating(make):  # type: ignore[misc, valid-type]
        def configure(self, wanted: dict[str, Any]) -> None:
            seen.append({frame.width for frame in there})
            buffer = Buffer(wanted["main"]["size"][0])  # which a traceback holds, as it does picamera2's
            there.add(buffer)
            super().configure(wanted)

    make.sensor_resolution, make.stride, make.largest = (4056, 3040), 4096, 2048
    opened(Allocating).close()
    assert seen == [set(), set()]


def test_k04_smaller_mode_also_too_large_reported_and_retried(make: type[StandIn]) -> None:
    make.breaks["configure"] = OSError(errno.ENOMEM, "Cannot allocate memory")
    assert fault_of(Picamera2Driver(CameraConfig(), make)) == "camera_memory"


def test_size_sensor_lacks_reported_photos_use_nearest_size(make: type[StandIn]) -> None:
    make.adjusts_to = (64, 48)
    camera = opened(make, CameraConfig(size=(8000, 6000)))
    assert camera.size == (64, 48)
    assert camera.notice == problem("camera_size", "8000x6000; it gives 64x48")
    camera.close()


def test_camera_without_frame_exposure_times_reported_as_such(make: type[StandIn]) -> None:
    camera = opened(make)
    make.breaks["capture_request"] = KeyError("ExposureTime")  # as picamera2 gives it, of a webcam's frames
    with pytest.raises(CameraFault, match="does not tell a frame's 'ExposureTime'"):
        camera.capture(ZERO_NS, 3)
    camera.close()


def test_a_camera_that_gives_no_yuv_is_told_as_such(make: type[StandIn]) -> None:
    make.pixel_format = "MJPEG"
    with pytest.raises(CameraFault, match="MJPEG instead of YUV420"):
        Picamera2Driver(CameraConfig(), make).open()
    make.last.close()


def test_tuning_file_missing_reported_sensor_default_used(
    make: type[StandIn], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LIBCAMERA_RPI_TUNING_FILE", raising=False)
    path = tmp_path / "imx708_noir.json"
    camera = opened(make, CameraConfig(tuning=str(path)))
    assert camera.notice == problem("camera_tuning", f"{path}: No such file or directory")
    assert make.last.tuning is None
    path.write_text("{}")
    camera.open()
    reopened: Any = make.last
    assert (reopened.tuning, make.tuning_when_counted) == (str(path), str(path))
    told: Problem | None = camera.notice
    assert told is None
    camera.close()


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"<html>"])
def test_tuning_file_invalid_reported_sensor_default_used(
    make: type[StandIn], tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "imx708_noir.json"
    path.write_bytes(content)
    camera = opened(make, CameraConfig(tuning=str(path)))
    assert camera.notice == problem("camera_tuning", f"{path}: it is no JSON")
    assert make.last.tuning is None
    camera.capture(ZERO_NS, 3).release()
    camera.close()


def test_tuning_file_of_other_model_hiding_camera_is_named(
    make: type[StandIn], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIBCAMERA_RPI_TUNING_FILE", "")
    path = tmp_path / "imx708_noir.json"
    path.write_text("{}")
    make.cameras = 0
    with pytest.raises(CameraFault, match="imx708_noir"):
        Picamera2Driver(CameraConfig(tuning=str(path)), make).open()


def test_camera_chosen_by_number_missing_one_reported_with_it(make: type[StandIn]) -> None:
    make.cameras = 2
    opened(make, CameraConfig(number=1)).close()
    assert make.last.number == 1
    with pytest.raises(CameraFault, match="number 2 of 2"):
        Picamera2Driver(CameraConfig(number=2), make).open()


def test_camera_list_shows_modes_except_of_camera_in_use(
    make: type[StandIn],
) -> None:
    make.cameras = 2
    assert connected_cameras(make) == [
        ConnectedCamera(n, "imx708", f"/i2c@{n}", ("4608x2592 14 fps",)) for n in (0, 1)
    ]
    assert "close" in make.last.calls
    make.breaks["__init__"] = RuntimeError("Failed to acquire camera: Device or resource busy")
    assert [connected_camera.modes for connected_camera in connected_cameras(make)] == [(), ()]


def test_focal_length_reported_for_fixed_lens(make: type[StandIn]) -> None:
    camera = opened(make)
    assert camera.capture(ZERO_NS, 3).focal_length_mm == 4.74
    camera.close()
    make.camera_properties = {"Model": "imx477"}
    camera.open()
    assert camera.capture(ZERO_NS, 3).focal_length_mm is None
    camera.close()


def test_e6_picture_settings_are_in_force_for_each_frame(
    make: type[StandIn], caplog: pytest.LogCaptureFixture
) -> None:
    table = CameraConfig(exposure_value=1.0, awb="indoor", sharpness=2.0, denoise="fast")
    driver = Picamera2Driver(table, make)
    driver.open()
    wanted = {"ExposureValue": 1.0, "AwbMode": 4, "Sharpness": 2.0, "NoiseReductionMode": 1}
    assert wanted.items() <= make.last.wanted["controls"].items(), (
        "with the stream, so for the ready check's frame too"
    )
    driver.lock_white_balance(True)
    driver.lock_white_balance(False)
    assert [told for told in make.last.calls if isinstance(told, dict)] == [{"AwbEnable": False}, {"AwbEnable": True}]
    driver.close()
    driver.open()  # after a failure
    assert wanted.items() <= make.last.wanted["controls"].items()
    driver.close()
    assert caplog.records == []


def test_e6_a_camera_without_a_picture_setting_says_so_once(
    make: type[StandIn], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(make, "camera_controls", dict.fromkeys({"ExposureValue"}))  # as a monochrome one
    driver = Picamera2Driver(CameraConfig(exposure_value=1.0, awb="indoor", sharpness=2.0), make)
    driver.open()
    driver.close()
    assert make.last.wanted["controls"] == {"ExposureValue": 1.0}
    assert [record.getMessage() for record in caplog.records] == ["camera settings unavailable names=awb,sharpness"]
