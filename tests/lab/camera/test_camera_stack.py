"""The booth's camera code on the real libcamera and picamera2, at 12 megapixels. Run by `tests/lab/camera/run`."""

from __future__ import annotations

import io
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path
from typing import Any
from unittest.mock import patch

import libcamera
import pytest
from PIL import ExifTags, Image

from piboothup.booth.camera.base import CameraFault
from piboothup.booth.camera.detect import connected_cameras
from piboothup.booth.camera.exposure import MAX_FRAME_DELAY_NS, SETTLING_FRAMES, Metadata, picture_controls
from piboothup.booth.camera.picamera2_driver import Picamera2Driver
from piboothup.booth.flow.events import CameraReady, CaptureFailed
from piboothup.booth.photo.jpeg import encode
from piboothup.clock import SystemClock
from piboothup.commands import camera as camera_command
from piboothup.config import CameraConfig, Config, SpoolConfig
from piboothup.spool.listing import NEW
from tests.lab.camera.harness import (
    FULL,
    SMALL,
    Bench,
    bench,
    floor_rose,
    heap_bytes,
    set_to,
    stalled,
)
from tests.lab.camera.virtual import EXPOSURE_US, VirtualPicamera2
from tests.support.deadline import PATIENCE_S

MS = 1_000_000
TRIES = 10


@pytest.fixture
def full() -> Iterator[Bench]:
    with bench(FULL) as made:
        yield made


def test_these_are_the_versions_that_the_lab_was_made_for() -> None:
    assert libcamera.CameraManager.singleton().version.startswith("v0.7.1")
    assert version("picamera2") == "0.3.38"
    assert version("simplejpeg") == "1.9.0"


@pytest.mark.parametrize(
    ("enum", "setting", "names"),
    [
        (
            libcamera.controls.AwbModeEnum,
            "awb",
            ("Incandescent", "Tungsten", "Fluorescent", "Indoor", "Daylight", "Cloudy"),
        ),
        (libcamera.controls.draft.NoiseReductionModeEnum, "denoise", ("Off", "Fast")),
    ],
)
def test_e6_picture_settings_have_libcameras_numbers(enum: Any, setting: str, names: tuple[str, ...]) -> None:
    for name in names:
        settings: dict[str, Any] = {setting: name.lower()}
        _, value = picture_controls(CameraConfig(**settings))[setting]
        assert value == int(getattr(enum, name)), name


def test_camera_controls_set_under_lock_that_guards_frame_return(full: Bench) -> None:
    request = full.camera._camera.capture_request()
    assert request.lock is full.camera._camera.request_lock
    request.release()


# -- the right moment ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("countdown_s", [0, 3])
def test_photo_is_first_frame_exposed_at_or_after_zero(full: Bench, countdown_s: int) -> None:
    starts = full.watch()
    for _ in range(3):
        zero_ns, frame = full.expose(countdown_s)
        frame.release()
        assert frame.exposure_start_ns == starts.first(zero_ns), "a later one was taken"


def test_flash_photo_is_first_frame_for_it_no_wait_if_lit_early(
    full: Bench,
) -> None:
    starts = full.watch()
    zero_ns, frame = full.expose(flash_on_ns=full.clock.boottime_ns())
    frame.release()
    assert frame.exposure_start_ns - zero_ns >= SETTLING_FRAMES * 33 * MS
    latest_ns = min(frame.exposure_start_ns, zero_ns + MAX_FRAME_DELAY_NS)
    assert frame.exposure_start_ns == starts.first(latest_ns), "a later one was taken"
    zero_ns, frame = full.expose(ahead_s=1.5, flash_on_ns=full.clock.boottime_ns())
    frame.release()
    assert frame.exposure_start_ns == starts.first(zero_ns), "a later one was taken"


def test_photo_on_card_is_12_mp_and_tells_exposure_start(full: Bench) -> None:
    starts = full.watch()
    photo = full.photo()
    (name,) = full.spool.names(NEW)
    assert photo.taken_ms == starts.first(photo.zero_ns) // MS
    with Image.open(full.spool.path(name)) as picture:
        picture.load()
        assert picture.size == (4056, 3040)
        said = picture.getexif()
        details = said.get_ifd(ExifTags.IFD.Exif)
    assert said[ExifTags.Base.Model] == "imx477"
    assert said[ExifTags.Base.Make] == "Raspberry Pi"
    assert said[ExifTags.Base.Orientation] == 1
    assert float(details[ExifTags.Base.ExposureTime]) == EXPOSURE_US / 1e6
    assert details[ExifTags.Base.ISOSpeedRatings] == 200
    assert details[ExifTags.Base.ImageUniqueID]


def test_the_picture_in_it_is_the_sensor_s(full: Bench) -> None:
    _, frame = full.expose()
    ours = encode(frame, 95)
    theirs = io.BytesIO()
    request = full.camera._camera.capture_request()
    request.save("main", theirs, format="jpeg")
    request.release()
    frame.release()
    with Image.open(io.BytesIO(ours)) as one, Image.open(theirs) as other:
        for here in ((100, 100), (2000, 1500), (4000, 3000)):
            apart = [abs(a - b) for a, b in zip(one.getpixel(here), other.getpixel(here), strict=True)]  # type: ignore[arg-type]
            assert max(apart) < 12


# -- the viewfinder --------------------------------------------------------------------------------------------------


def test_viewfinder_comes_while_watched_delays_no_photo(full: Bench) -> None:
    came = threading.Event()
    full.thread._on_viewfinder = lambda _: came.set()
    assert full.thread.viewfinder is None
    full.thread.set_viewfinder_on(True)
    assert came.wait(PATIENCE_S)
    seen = full.thread.viewfinder
    assert seen is not None
    assert seen.grey.shape == (120, 160)
    assert seen.grey.std() > 20, "the bars of the test picture are to be seen"
    starts = full.watch()
    for _ in range(3):
        zero_ns, frame = full.expose(ahead_s=0.4)
        frame.release()
        assert frame.exposure_start_ns == starts.first(zero_ns), "a later one was taken"
    full.thread.set_viewfinder_on(False)
    assert full.thread.viewfinder is None


# -- the command -----------------------------------------------------------------------------------------------------


def test_the_command_lists_the_camera_and_takes_a_test_photo(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "tmp").mkdir()
    config = Config(spool=SpoolConfig(directory=str(tmp_path)))
    camera = Picamera2Driver(config.camera, VirtualPicamera2)
    camera_command.report(config, SystemClock(), camera, connected_cameras(VirtualPicamera2), tmp_path / "test.jpg")
    told = capsys.readouterr().out
    assert "* camera 0: imx477   Virtual0\n      4056x3040\n" in told
    assert "Test photo: imx477, 4056x3040" in told
    assert "exposed for 10 ms at gain 2.0" in told
    assert "It is bright enough and sharp" in told
    with Image.open(tmp_path / "test.jpg") as photo:
        assert photo.size == (4056, 3040)


# -- never stuck -----------------------------------------------------------------------------------------------------


def test_k02_frames_stop_noticed_press_answered_camera_recovers(full: Bench) -> None:
    with stalled() as go_on:
        full.thread.capture(full.clock.boottime_ns())
        assert full.until(CaptureFailed).problem.code == "camera_stuck"
        assert full.lost().problem.code == "camera_stuck"
        go_on()
        full.until(CameraReady)
    full.expose()[1].release()


def test_k07_camera_stalled_in_flash_wait_gives_frame_in_hand(full: Bench) -> None:
    next_frame = full.camera._next
    with ExitStack() as end:

        def next_and_none_after(from_ns: int, deadline_s: float) -> tuple[Any, Metadata, int]:
            found = next_frame(from_ns, deadline_s)
            end.enter_context(stalled())
            return found

        full.camera._next = next_and_none_after  # type: ignore[method-assign]
        zero_ns, frame = full.expose(flash_on_ns=full.clock.boottime_ns())
        full.camera._next = next_frame  # type: ignore[method-assign]
        assert frame.exposure_start_ns >= zero_ns
        assert len(encode(frame, 93)) > 100_000
        frame.release()
        assert full.lost().problem.code == "camera_stuck"
    full.until(CameraReady)
    full.expose()[1].release()


def test_k02_frames_stop_noticed_without_a_press(full: Bench) -> None:
    with stalled() as go_on:
        full.lost()
        go_on()
        full.until(CameraReady)


def test_k03_ten_timeouts_and_three_reopens_keep_frame_rate(full: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("piboothup.booth.camera.thread.MAX_RETRY_S", 1.0)  # else the pauses alone take two minutes
    before_s, open_before = full.fastest_s(), full.descriptors()
    for _ in range(10):
        with stalled() as go_on, patch("piboothup.booth.camera.thread.CAPTURE_TIMEOUT_S", 0.3):  # not for the others
            full.thread.capture(full.clock.boottime_ns())
            full.until(CaptureFailed)
            full.lost()
            go_on()
            full.until(CameraReady)
    for _ in range(3):
        full.camera._camera.post_callback = _fails
        full.lost()
        full.until(CameraReady)
    assert any(full.fastest_s() < 1.3 * before_s for _ in range(TRIES)), "a buffer that leaked slows every try"
    assert full.descriptors() <= open_before + 2
    assert full.thread.recovery_counts.timeouts == 10
    assert full.thread.recovery_counts.reopenings == 13


def _fails(_request: object) -> None:
    raise ZeroDivisionError


def test_k08_exception_in_callback_reopens_camera(full: Bench) -> None:
    full.camera._camera.post_callback = _fails
    assert full.lost().problem.code == "camera_stuck"
    full.until(CameraReady)
    full.expose()[1].release()


def test_k04_memory_short_smaller_size_used_and_reported() -> None:
    with set_to("LAB_CMA_LIMIT", "8000000"), bench(FULL) as made:
        assert made.camera.size == (2028, 1520)
        assert made.camera.notice is not None
        assert made.camera.notice.code == "camera_memory"
        made.photo()
        (name,) = made.spool.names(NEW)
        with Image.open(made.spool.path(name)) as photo:
            assert photo.size == (2028, 1520)


def test_k01_unconnected_camera_reported_by_number() -> None:
    with pytest.raises(CameraFault, match="number 3 of 1"):
        Picamera2Driver(CameraConfig(number=3), VirtualPicamera2).open()


def test_k01_camera_that_appears_later_is_found() -> None:
    driver = Picamera2Driver(FULL, VirtualPicamera2)
    with set_to("LIBCAMERA_PIPELINES_MATCH_LIST", "uvcvideo"):  # not the lab's, so libcamera finds no camera
        VirtualPicamera2._cm.reset()  # the list is that of a process that began so
        with pytest.raises(CameraFault) as caught:
            driver.open()
        assert caught.value.problem.code == "no_camera"
    driver.open()
    driver.close()


def test_k05_camera_in_use_reported_and_back_when_free(full: Bench) -> None:
    other = Picamera2Driver(FULL, VirtualPicamera2)
    for _ in range(3):
        with pytest.raises(CameraFault) as caught:
            other.open()
        assert caught.value.problem.code == "camera_busy"
        other.close()
    full.expose()[1].release()
    full.thread.stop(PATIENCE_S)
    other.open()
    other.capture(full.clock.boottime_ns(), PATIENCE_S).release()
    other.close()


def test_size_sensor_lacks_reported_photos_use_nearest_size() -> None:
    with bench(CameraConfig(size=(5000, 4000))) as made:
        assert made.camera.notice is not None
        assert made.camera.notice.code == "camera_size"
        made.photo()


@pytest.mark.parametrize(("table", "photos"), [(SMALL, 3000), (FULL, 300)])
def test_k09_3000_photos_in_a_row_memory_and_fds_unchanged(table: CameraConfig, photos: int) -> None:
    with set_to("LAB_FRAME_US", "0"), bench(table) as made:
        for _ in range(photos // 15):
            encode_one(made)
        opened, heap, mapped = list[int](), list[int](), list[int]()
        for _ in range(photos):
            encode_one(made)
            heap.append(heap_bytes())
            mapped.append(made.mapped_frames())
            opened.append(made.descriptors())
        assert floor_rose(heap) < 3_000_000
        assert floor_rose(mapped) <= 1  # the frame that libcamera is writing
        assert min(opened[-50:]) <= min(opened[:50])  # the floor: frames under way have descriptors of their own
        assert len(made.camera._maps) <= len(made.camera._camera.allocator.mapped_buffers)


def encode_one(made: Bench) -> None:
    _, frame = made.expose()
    assert encode(frame, 93)
    frame.release()


def test_k10_killed_mid_stream_restart_takes_photos() -> None:
    script = (
        "from tests.lab.camera.harness import *\nwith bench() as made:\n    print('on', flush=True)\n    made.lost()"
    )
    running = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
    assert running.stdout is not None
    assert running.stdout.readline() == b"on\n"
    running.send_signal(signal.SIGKILL)
    running.wait()
    running.stdout.close()
    with bench() as made:
        made.expose()[1].release()


def test_lent_frame_encodable_after_camera_reopened(full: Bench) -> None:
    _, frame = full.expose()
    full.camera._camera.post_callback = _fails
    full.lost()
    full.until(CameraReady)
    assert len(encode(frame, 93)) > 100_000
    frame.release()
    full.expose()[1].release()
