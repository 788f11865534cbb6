"""The camera that is not there: what it serves, when, and that it costs next to nothing until somebody presses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from piboothup.booth.camera.base import CameraFault
from piboothup.booth.frame import Frame
from piboothup.booth.photo.jpeg import encode
from piboothup.config import CameraConfig
from piboothup.simulator import scenes
from piboothup.simulator.camera import DEFAULT_SIZE, FRAME_NS, STOCK, SimulatedCamera
from tests.support.clock import HandClock

SMALL = (320, 240)
COLOURS = ((200, 30, 30), (30, 160, 60), (40, 60, 200), (230, 220, 60))


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


def camera(clock: HandClock, frames: Path | None = None, size: tuple[int, int] | None = SMALL) -> SimulatedCamera:
    table = CameraConfig(driver="simulated", frames=str(frames or ""), size=size)
    made = SimulatedCamera(table, clock, clock.pass_s)
    made.open()
    return made


def folder(tmp_path: Path, count: int = 3) -> Path:
    for number in range(count):
        Image.new("RGB", (400, 300), COLOURS[number]).save(tmp_path / f"frame{number}.jpg", quality=95)
    return tmp_path


def colour(frame: Frame) -> int:
    """Which of COLOURS the frame shows."""
    planes = (frame.y, frame.u, frame.v)
    levels = [float(plane.mean()) for plane in planes]
    apart = []
    for shade in COLOURS:
        wanted = Image.new("RGB", (1, 1), shade).convert("YCbCr").getpixel((0, 0))
        assert isinstance(wanted, tuple)
        apart.append(sum(abs(level - want) for level, want in zip(levels, wanted, strict=True)))
    return apart.index(min(apart))


def take(made: SimulatedCamera, clock: HandClock, after_s: float = 1.0) -> Frame:
    """A photo some time after the last one, as the booth's camera thread takes it."""
    clock.pass_s(after_s)
    made.frames()
    frame = made.capture(clock.boottime_ns(), 4)
    frame.release()
    return frame


@pytest.mark.parametrize("ahead_ms", [0, 1, 16, 33, 34, 5000])
def test_photo_is_first_frame_tick_at_or_after_zero_never_before(clock: HandClock, ahead_ms: int) -> None:
    made = camera(clock)
    clock.pass_s(0.7)
    zero_ns = clock.boottime_ns() + ahead_ms * 1_000_000
    frame = made.capture(zero_ns, 10)
    assert zero_ns <= frame.exposure_start_ns < zero_ns + FRAME_NS
    assert clock.boottime_ns() >= frame.exposure_start_ns - 1000  # it waited for it (HandClock counts in floats)


def test_past_zero_gives_frame_at_most_one_frame_time_old(clock: HandClock) -> None:
    made = camera(clock)
    clock.pass_s(60)
    frame = made.capture(clock.boottime_ns() - 30_000_000_000, 4)
    assert frame.exposure_start_ns >= clock.boottime_ns() - 2 * FRAME_NS


def test_zero_beyond_timeout_is_fault_not_early_frame(clock: HandClock) -> None:
    made = camera(clock)
    with pytest.raises(CameraFault):
        made.capture(clock.boottime_ns() + 10_000_000_000, 2)


def test_thirty_frames_a_second_are_counted_without_making_any(clock: HandClock) -> None:
    made = camera(clock)
    before = made.frames()
    clock.pass_s(10)
    assert made.frames() - before in (299, 300, 301)


def test_drawn_frames_have_default_size_and_become_real_photos(clock: HandClock) -> None:
    made = camera(clock, size=None)
    frame = take(made, clock)
    assert made.size == DEFAULT_SIZE == (1640, 1232)
    assert frame.y.shape == (1232, 1640)
    assert frame.u.shape == frame.v.shape == (616, 820)
    assert len(encode(frame, 93)) > 100_000  # a scene, no blank wall


def test_every_drawn_frame_differs_from_every_other(clock: HandClock) -> None:
    made = camera(clock)
    photos = [encode(take(made, clock), 90) for _ in range(12)]
    assert len(set(photos)) == 12


@pytest.mark.slow
def test_a_frame_that_is_lent_out_is_not_drawn_over(clock: HandClock) -> None:
    made = camera(clock)
    clock.pass_s(1)
    made.frames()
    lent = [made.capture(clock.boottime_ns(), 4) for _ in range(4)]
    before = [frame.y.copy() for frame in lent]
    made.capture(clock.boottime_ns(), 4)
    assert all(np.array_equal(frame.y, copy) for frame, copy in zip(lent, before, strict=True))
    for frame in lent:
        frame.release()
        frame.release()
    again = [made.capture(clock.boottime_ns(), 4) for _ in range(4)]
    assert len({frame.y.__array_interface__["data"][0] for frame in again}) == 4


def test_between_two_photos_no_scene_is_drawn_again(clock: HandClock, monkeypatch: pytest.MonkeyPatch) -> None:
    made = camera(clock)
    clock.pass_s(1)
    made.frames()
    monkeypatch.setattr(scenes, "party", lambda *_: pytest.fail("drawn again"))
    for _ in range(10):
        take(made, clock)


def test_at_most_two_pictures_are_kept_in_stock(clock: HandClock, tmp_path: Path) -> None:
    for made in (camera(clock), camera(clock, folder(tmp_path, 4))):
        for _ in range(10):
            take(made, clock)
            clock.pass_s(1)
            made.frames()
        stock: Any = made._stock
        assert len(stock._free if hasattr(stock, "_free") else stock._ready) == STOCK


def test_a_folder_is_served_by_name_over_and_over(clock: HandClock, tmp_path: Path) -> None:
    made = camera(clock, folder(tmp_path))
    assert [colour(take(made, clock)) for _ in range(7)] == [0, 1, 2, 0, 1, 2, 0]


def test_folder_order_kept_without_time_to_decode_ahead(clock: HandClock, tmp_path: Path) -> None:
    made = camera(clock, folder(tmp_path, 4))
    assert [colour(made.capture(clock.boottime_ns(), 4)) for _ in range(6)] == [0, 1, 2, 3, 0, 1]


@pytest.mark.parametrize("count", [1, 2])
def test_s12_folder_fitting_in_stock_repeats_frame_at_new_time(clock: HandClock, tmp_path: Path, count: int) -> None:
    made = camera(clock, folder(tmp_path, count))
    frames = [take(made, clock) for _ in range(2 * count)]
    first, again = frames[0], frames[count]
    assert encode(first, 93) == encode(again, 93)
    assert again.exposure_start_ns > first.exposure_start_ns


def test_broken_jpeg_skipped_with_one_sentence_never_served(
    clock: HandClock, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder(tmp_path)
    whole = (tmp_path / "frame1.jpg").read_bytes()
    (tmp_path / "frame1.jpg").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "frame3.jpg").write_bytes(b"")
    (tmp_path / "notes.txt").write_text("not a frame")
    made = camera(clock, tmp_path)
    assert [colour(take(made, clock)) for _ in range(6)] == [0, 2, 0, 2, 0, 2]
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 2
    assert all("frame skipped" in line for line in told)


@pytest.mark.parametrize("content", [None, b"", b"\xff\xd8\xff\xd9", b"GIF89a"])
def test_a_folder_without_a_usable_jpeg_is_a_fault_with_a_remedy(
    clock: HandClock, tmp_path: Path, content: bytes | None
) -> None:
    if content is not None:
        (tmp_path / "frame.jpg").write_bytes(content)
    with pytest.raises(CameraFault, match="frames") as caught:
        camera(clock, tmp_path)
    assert caught.value.problem.code == "no_frames"


def test_missing_folder_is_fault_naming_it_and_recovers(clock: HandClock, tmp_path: Path) -> None:
    made = SimulatedCamera(CameraConfig(frames=str(tmp_path / "party"), size=SMALL), clock, clock.pass_s)
    with pytest.raises(CameraFault, match="party"):
        made.open()
    (tmp_path / "party").mkdir()
    folder(tmp_path / "party")
    made.open()
    assert colour(take(made, clock)) == 0


def test_photo_of_other_shape_cropped_and_turned_by_exif(clock: HandClock, tmp_path: Path) -> None:
    upright = Image.new("RGB", (300, 400), COLOURS[0])
    upright.paste(COLOURS[1], (0, 0, 300, 200))
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held upright: turn by 90 degrees
    upright.save(tmp_path / "a.jpg", exif=exif, quality=95)
    frame = take(camera(clock, tmp_path), clock)
    assert frame.y.shape == (240, 320)
    left, right = frame.y[:, :100].mean(), frame.y[:, -100:].mean()
    assert abs(left - right) > 5
    assert abs(float(frame.y[:100].mean()) - float(frame.y[-100:].mean())) < 1


def test_pixels_that_pillow_refuses_as_a_bomb_are_a_broken_frame(
    clock: HandClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder(tmp_path, 1)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(CameraFault):
        camera(clock, tmp_path)


@pytest.mark.parametrize("size", [(64, 64), (64, 4096), (4096, 64), (1640, 1232)])
def test_the_running_number_is_large_and_touches_nothing_else(size: tuple[int, int]) -> None:
    picture = scenes.party(0, size)
    before = scenes.Picture(picture.y.copy(), picture.u.copy(), picture.v.copy())
    scenes.stamp(picture, 8)
    first = picture.y.copy()
    scenes.stamp(picture, 9)
    changed = np.argwhere(first != picture.y)
    assert len(changed) > 0
    assert not np.array_equal(before.y, first)
    assert np.array_equal(picture.y[: size[1] // 2], before.y[: size[1] // 2])


def test_after_close_a_capture_is_a_fault_and_no_crash(clock: HandClock) -> None:
    made = camera(clock)
    made.close()
    with pytest.raises(CameraFault):
        made.capture(clock.boottime_ns(), 1)


def test_viewfinder_shows_picture_of_next_photo_and_moves_on(clock: HandClock, tmp_path: Path) -> None:
    made = camera(clock, folder(tmp_path))
    clock.pass_s(0.1)
    seen = made.viewfinder()
    assert seen is not None
    photo = take(made, clock, after_s=0)
    assert abs(float(seen.grey.mean()) - float(photo.y.mean())) < 2
    clock.pass_s(0.5)
    later = made.viewfinder()
    assert later is not None
    assert later.serial > seen.serial
    made.close()
    assert made.viewfinder() is None


def test_two_looks_in_a_row_at_a_drawn_scene_differ(clock: HandClock) -> None:
    made = camera(clock)
    looks = []
    for _ in range(2):
        clock.pass_s(0.3)
        looks.append(made.viewfinder())
    first, second = looks
    assert first is not None
    assert second is not None
    assert not np.array_equal(first.grey, second.grey)


def test_e6_simulated_camera_says_that_it_ignores_the_look(
    clock: HandClock, caplog: pytest.LogCaptureFixture
) -> None:
    plain = camera(clock)
    assert caplog.records == []
    table = CameraConfig(driver="simulated", size=SMALL, exposure_value=2.0, denoise="off")
    made = SimulatedCamera(table, clock, clock.pass_s)
    made.open()
    told = ["camera settings unavailable names=exposure_value,denoise reason=simulated"]
    assert [record.getMessage() for record in caplog.records] == told
    assert (take(made, clock).y == take(plain, clock).y).all()
