"""From planes to a JPEG: every pixel where it belongs, and whole or not at all."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
import simplejpeg
from PIL import Image

from piboothup.booth.frame import Frame, Plane
from piboothup.booth.photo.jpeg import EncodeError, encode, is_complete, rotated

WIDTH, HEIGHT = 96, 64
ROTATIONS = (0, 90, 180, 270)


def picture() -> Image.Image:
    """Four coloured quarters, so that any turn and any swapped plane shows."""
    made = Image.new("RGB", (WIDTH, HEIGHT), (200, 40, 40))
    made.paste((40, 190, 60), (WIDTH // 2, 0, WIDTH, HEIGHT // 2))
    made.paste((50, 60, 210), (0, HEIGHT // 2, WIDTH // 2, HEIGHT))
    made.paste((240, 240, 230), (WIDTH // 2, HEIGHT // 2, WIDTH, HEIGHT))
    return made


def frame(layout: str = "dense") -> Frame:
    y, u, v = (np.array(part) for part in picture().convert("YCbCr").split())
    u, v = np.ascontiguousarray(u[::2, ::2]), np.ascontiguousarray(v[::2, ::2])
    if layout == "strided":
        y, u, v = (np.pad(plane, ((0, 0), (0, 32)))[:, : plane.shape[1]] for plane in (y, u, v))
    if layout == "interleaved":
        pairs = np.empty((HEIGHT // 2, WIDTH), np.uint8)
        pairs[:, 0::2], pairs[:, 1::2] = u, v
        u, v = pairs[:, 0::2], pairs[:, 1::2]
    return Frame(y=y, u=u, v=v, exposure_start_ns=0, release=lambda: None)


def decoded(jpeg: bytes) -> Image.Image:
    opened = Image.open(io.BytesIO(jpeg))
    opened.load()
    return opened.convert("RGB")


def furthest(one: Image.Image, other: Image.Image) -> int:
    """The largest difference of any two pixels, apart from the soft edges between the quarters."""
    apart = np.abs(np.asarray(one, np.int16) - np.asarray(other, np.int16)).max(axis=2)
    for axis in (0, 1):
        middle = apart.shape[axis] // 2
        apart = np.delete(apart, np.s_[middle - 4 : middle + 4], axis)
    return int(apart.max())


@pytest.mark.parametrize("layout", ["dense", "strided", "interleaved"])
def test_encoder_frame_colours_right_for_any_plane_layout(layout: str) -> None:
    assert furthest(decoded(encode(frame(layout), 93)), picture()) <= 6


def test_padding_between_the_rows_does_not_change_a_byte() -> None:
    assert encode(frame("strided"), 93) == encode(frame("dense"), 93) == encode(frame("interleaved"), 93)


@pytest.mark.parametrize("rotation", ROTATIONS)
@pytest.mark.parametrize("layout", ["strided", "interleaved"])
def test_rotation_turns_the_pixels_clockwise(rotation: int, layout: str) -> None:
    turned_picture = picture().rotate(-rotation, expand=True)
    jpeg = decoded(encode(frame(layout), 93, rotation))
    assert jpeg.size == turned_picture.size
    assert furthest(jpeg, turned_picture) <= 6


@pytest.mark.parametrize("rotation", ROTATIONS)
@pytest.mark.parametrize("shape", [(600, 515), (2, 2), (257, 1024)])
def test_a_turn_tile_by_tile_is_the_turn_as_a_whole(rotation: int, shape: tuple[int, int]) -> None:
    plane: Plane = np.random.default_rng(3).integers(0, 256, shape, dtype=np.uint8)
    assert np.array_equal(rotated(plane, rotation), np.rot90(plane, -rotation // 90))


@pytest.mark.parametrize("answer", [b"", b"\xff\xd8", b"\xff\xd8\xff\xd9", "truncated", "no end", "another size"])
def test_s17_encoder_giving_nothing_or_half_is_error_no_photo(answer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = encode(frame(), 93)
    small = np.zeros((8, 8), np.uint8)
    answer = {
        "truncated": whole[: len(whole) // 2],
        "no end": whole[:-2] + b"\0\0",
        "another size": simplejpeg.encode_jpeg_yuv_planes(small, small[::2, ::2].copy(), small[::2, ::2].copy(), 93),
    }.get(answer, answer)
    monkeypatch.setattr(simplejpeg, "encode_jpeg_yuv_planes", lambda *planes: answer)
    with pytest.raises(EncodeError, match="no whole picture") as caught:
        encode(frame(), 93)
    assert caught.value.problem.code == "encode_failed"


@pytest.mark.parametrize("error", [ValueError("bad planes"), RuntimeError("libjpeg"), MemoryError()])
def test_s17_encoder_failure_is_error_with_its_own_words(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*planes: Any) -> bytes:
        raise error

    monkeypatch.setattr(simplejpeg, "encode_jpeg_yuv_planes", fail)
    with pytest.raises(EncodeError) as caught:
        encode(frame(), 93)
    assert (str(error) or "MemoryError") in str(caught.value)


def test_encoder_mismatched_planes_are_error_not_crash() -> None:
    broken = frame()
    odd = Frame(y=broken.y, u=broken.u[:3], v=broken.v, exposure_start_ns=0, release=lambda: None)
    with pytest.raises(EncodeError):
        encode(odd, 93)


def test_a_jpeg_whose_header_is_rubbish_is_not_whole() -> None:
    assert not is_complete(b"\xff\xd8 these are no markers \xff\xd9", (WIDTH, HEIGHT))


def test_the_frame_is_left_to_its_owner() -> None:
    released: list[bool] = []
    owned = frame()
    encode(Frame(owned.y, owned.u, owned.v, 0, lambda: released.append(True)), 93)
    assert released == []
