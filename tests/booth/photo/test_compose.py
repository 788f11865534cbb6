"""Framed photos: what a frame does to a photo, and which frames are refused, in which words."""

from __future__ import annotations

import functools
import io
import zlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import simplejpeg
from PIL import ExifTags, Image
from PIL.TiffImagePlugin import IFDRational

from piboothup.booth.photo import compose, frame_file
from piboothup.booth.photo.compose import Fit, fit, prepare, print_size
from piboothup.booth.photo.exif import Exif, check_exif, with_exif, with_exif_of
from piboothup.booth.photo.frame_file import FrameUnusable, judged
from piboothup.booth.photo.jpeg import EncodeError
from piboothup.simulator.scenes import party
from tests.support.frames import LANDSCAPE, UPRIGHT, WIDE, frame, header, in_format, made_of, pixels, png

GOLDEN = Path(__file__).with_name("framed")
TOLERANCE = 4.0
"""Mean difference of a golden picture, of 255: libraries scale and decode a little differently."""
UPRIGHT_PHOTO = (1200, 1600)


@functools.cache
def photo(size: tuple[int, int] = (1600, 1200)) -> bytes:
    found = party(3, size)
    return bytes(simplejpeg.encode_jpeg_yuv_planes(found.y, found.u, found.v, 93))


def framed(content: bytes, size: tuple[int, int] = (1600, 1200)) -> Image.Image:
    jpeg = compose.compose(photo(size), prepare(judged(content), size), 93)
    return Image.open(io.BytesIO(jpeg)).convert("RGB")


# -- how it is fitted ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "printed"),
    [
        ((4056, 3040), (2535, 1900)),
        ((4608, 2592), (2880, 1620)),
        ((4656, 3496), (2910, 2185)),
        ((3040, 4056), (1900, 2535)),
        ((2592, 1944), (2592, 1944)),
        ((640, 480), (640, 480)),
        ((9152, 6944), (2288, 1736)),
        ((1, 1), (1, 1)),
    ],
)
def test_e2_a_framed_photo_has_print_size(size: tuple[int, int], printed: tuple[int, int]) -> None:
    assert print_size(size) == printed
    assert max(printed) <= compose.LONGEST_PX


@pytest.mark.parametrize(
    ("photo_size", "frame_size", "size", "said"),
    [
        ((4056, 3040), (4056, 3040), (2535, 1900), "have 2535x1900 pixels; nothing of the photo is cut off."),
        ((4056, 3040), (2000, 1500), (2533, 1900), "have 2533x1900 pixels; nothing of the photo is cut off."),
        ((4056, 3040), (3000, 2000), (2535, 1690), "11 % of the photo is cut off at top and bottom, as the frame"),
        ((4056, 3040), (2000, 2000), (1900, 1900), "25 % of the photo is cut off at left and right, as the frame"),
        ((4056, 3040), (1200, 1800), (1267, 1900), "Is it meant for a camera that is turned ([camera] rotation)?"),
        ((3040, 4056), (2000, 3000), (1690, 2535), "11 % of the photo is cut off at left and right"),
        ((4056, 3040), (400, 300), (2533, 1900), "enlarged 6.3 times: 2533x1900 pixels would be sharp."),
        ((4056, 3040), (10_000, 1), (2535, 1), "cut off at top and bottom"),
    ],
)
def test_e2_how_a_frame_is_fitted_is_told(
    photo_size: tuple[int, int], frame_size: tuple[int, int], size: tuple[int, int], said: str
) -> None:
    fitted = fit(photo_size, frame_size)
    assert fitted.size == size
    assert said in str(fitted)


def test_e2_what_is_cut_off_is_cut_off_on_both_sides() -> None:
    assert fit((1600, 1200), WIDE).start == (0, 66)
    assert fit((1600, 1200), UPRIGHT).start == (400, 0)


# -- what it looks like ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(1600, 1200), UPRIGHT_PHOTO], ids=["landscape", "upright"])
@pytest.mark.parametrize(("kind", "shape"), [("border", WIDE), ("banner", LANDSCAPE), ("corners", WIDE)])
def test_e2_a_framed_photo_looks_as_it_did(kind: str, shape: tuple[int, int], size: tuple[int, int]) -> None:
    is_upright = size == UPRIGHT_PHOTO
    shape = (shape[1], shape[0]) if is_upright else shape
    found = framed(frame(shape, kind), size)
    found.thumbnail((240, 240))
    path = GOLDEN / f"{kind}-{'upright' if is_upright else 'landscape'}.png"
    with Image.open(path) as golden:
        assert golden.size == found.size
        difference = np.abs(np.asarray(golden.convert("RGB"), np.int16) - np.asarray(found, np.int16))
    assert difference.mean() < TOLERANCE


def test_e2_transparent_pixels_leave_the_photo_as_it_is() -> None:
    clear = framed(made_of(header(8, 6), (b"IDAT", pixels(8, 6)[1])))
    assert clear.size == (1600, 1200)
    original = np.asarray(Image.open(io.BytesIO(photo())).convert("RGB"), np.int16)
    assert np.abs(np.asarray(clear, np.int16) - original).mean() < 2


def test_e2_opaque_pixels_replace_the_photo_half_ones_mix() -> None:
    picture = Image.new("RGBA", (1600, 1200), (0, 0, 0, 0))
    picture.paste((255, 0, 0, 255), (0, 0, 1600, 400))
    picture.paste((255, 255, 255, 128), (0, 800, 1600, 1200))
    found = np.asarray(framed(png(picture)), np.int16)
    original = np.asarray(Image.open(io.BytesIO(photo())).convert("RGB"), np.int16)
    assert np.abs(found[20:380] - (254, 0, 0)).max() < 12
    assert np.abs(found[420:780] - original[420:780]).mean() < 2
    assert np.abs(found[820:] - (original[820:] + 255) // 2).mean() < 3


@pytest.mark.parametrize("shape", [LANDSCAPE, WIDE, UPRIGHT])
def test_e2_bands_join_without_a_seam(shape: tuple[int, int]) -> None:
    """A frame that is scaled as a whole has the same pixels as one that is scaled band by band."""
    content = frame(shape, "corners")
    prepared = prepare(judged(content), (1600, 1200))
    with Image.open(io.BytesIO(content)) as picture:
        whole = np.asarray(picture.resize(prepared.fit.size, Image.Resampling.LANCZOS), np.int16)
    width, height = prepared.fit.size
    found = np.zeros((height, width, 4), np.int16)
    for top, rows, packed in prepared.bands:
        band = np.frombuffer(zlib.decompress(packed), np.uint8)
        found[top : top + rows] = band.reshape(rows, width, 4)
    assert np.abs(found[..., 3] - whole[..., 3]).max() <= 1
    seen = whole[..., 3] > 8
    assert np.abs(found - whole)[seen].max() <= 3


def with_palette() -> bytes:
    picture = Image.new("P", (60, 40), 1)
    picture.putpalette([0, 0, 0, 255, 0, 0])
    picture.paste(0, (10, 10, 50, 30))
    return png(picture, transparency=0)


def grey_with_alpha() -> bytes:
    picture = Image.new("LA", (60, 40), (200, 255))
    picture.paste((0, 0), (10, 10, 50, 30))
    return png(picture)


def one_colour_transparent() -> bytes:
    picture = Image.new("RGB", (60, 40), (255, 0, 0))
    picture.paste((0, 255, 0), (10, 10, 50, 30))
    return png(picture, transparency=(0, 255, 0))


@pytest.mark.parametrize("make", [with_palette, grey_with_alpha, one_colour_transparent])
def test_e2_each_kind_of_transparency_is_understood(make: Callable[[], bytes]) -> None:
    found = np.asarray(framed(make()), np.int16)
    original = np.asarray(Image.open(io.BytesIO(photo())).convert("RGB"), np.int16)
    middle = slice(500, 600)
    height = found.shape[0]
    cut = (1200 - height) // 2
    assert np.abs(found[middle, 700:900] - original[500 + cut : 600 + cut, 700:900]).mean() < 3
    assert np.abs(found[:60] - original[cut : cut + 60]).mean() > 20


# -- bad frames ------------------------------------------------------------------------------------------------------


GOOD = frame((60, 40))
BAD: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "frame_format"),
    "a JPEG in CMYK": (in_format("JPEG", "CMYK"), "frame_format"),
    "a TIFF in CMYK": (in_format("TIFF", "CMYK"), "frame_format"),
    "a GIF": (in_format("GIF"), "frame_format"),
    "text": (b"frame", "frame_format"),
    "20,000 px": (made_of(header(20_000, 20_000), pixels(1, 1)), "frame_large"),
    "2^32 px": (made_of(header(2**32 - 1, 2**32 - 1), pixels(1, 1)), "frame_large"),
    "a thread": (made_of(header(12_000, 1), pixels(1, 1)), "frame_large"),
    "no pixel": (made_of(header(0, 10), pixels(1, 1)), "frame_broken"),
    "animated": (made_of(header(60, 40), (b"acTL", bytes(8)), pixels(60, 40)), "frame_animated"),
    "16 bits": (made_of(header(60, 40, depth=16), pixels(60, 40, bytes(8))), "frame_depth"),
    "without alpha": (png(Image.new("RGB", (60, 40))), "frame_opaque"),
    "grey": (png(Image.new("L", (60, 40))), "frame_opaque"),
    "alpha that hides all": (png(Image.new("RGBA", (60, 40), (9, 9, 9, 255))), "frame_opaque"),
    "larger than it says": (made_of(header(60, 40), pixels(60, 80)), ""),
    "smaller than it says": (made_of(header(600, 400), pixels(60, 40)), "frame_broken"),
    "cut off": (GOOD[: len(GOOD) // 2], "frame_broken"),
    "cut off before its pixels": (GOOD[:30], "frame_broken"),
    "a flipped bit": (GOOD[:60] + bytes((GOOD[60] ^ 64,)) + GOOD[61:], "frame_broken"),
    "zeros in its pixels": (GOOD[:50] + bytes(len(GOOD) - 50), "frame_broken"),
    "an unknown colour type": (made_of(header(60, 40, colour=6 | 64), pixels(60, 40)), "frame_opaque"),
}


@pytest.mark.parametrize("kind", BAD)
def test_e2_a_frame_that_cannot_be_used_is_told_in_words(kind: str) -> None:
    content, code = BAD[kind]
    if not code:
        prepare(judged(content), (640, 480))  # its first rows are shown
        return
    with pytest.raises(FrameUnusable) as told:
        prepare(judged(content), (640, 480))
    assert told.value.problem.code == code
    assert "frame" in told.value.problem.sentence


@pytest.mark.parametrize("kind", ["20,000 px", "2^32 px", "animated", "16 bits", "without alpha", "a GIF"])
def test_e2_a_bad_frame_is_refused_before_it_is_decoded(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "open", None)
    with pytest.raises(FrameUnusable):
        judged(BAD[kind][0])


def test_e2_a_frame_that_is_no_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "long.png").touch()
    with (tmp_path / "long.png").open("r+b") as file:
        file.truncate(frame_file.MOST_BYTES + 1)
    for path, code in (
        (tmp_path / "none.png", "frame_missing"),
        (tmp_path, "frame_missing"),
        (Path("/dev/zero"), "frame_missing"),
        (tmp_path / "long.png", "frame_large"),
    ):
        with pytest.raises(FrameUnusable) as told:
            frame_file.read(path)
        assert told.value.problem.code == code


@pytest.mark.parametrize("content", [b"", b"\xff\xd8\xff", photo()[:5000], photo()[:-5000]], ids=len)
def test_e2_a_photo_that_is_damaged_is_not_framed(content: bytes) -> None:
    prepared = prepare(judged(GOOD), (1600, 1200))
    with pytest.raises(EncodeError):
        compose.compose(content, prepared, 93)


def test_e2_a_photo_of_another_size_is_not_framed() -> None:
    with pytest.raises(EncodeError, match="640x480"):
        compose.compose(photo((640, 480)), prepare(judged(GOOD), (1600, 1200)), 93)


def test_e2_composing_gives_way_between_its_steps() -> None:
    paused = 0

    def pause() -> None:
        nonlocal paused
        paused += 1

    prepared = prepare(judged(frame()), (1600, 1200), pause)
    assert paused > 1200 // 64
    paused = 0
    compose.compose(photo(), prepared, 93, pause)
    assert paused > 1200 // 64


# -- its EXIF --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("booth", ["Booth 1", "Scheune Würzburg ♥"])
def test_e2_exif_is_the_photos_with_an_identity_of_its_own(booth: str) -> None:
    told = Exif("1" * 32, booth, "imx477", 12_345, 2.5, 4.74, datetime(2026, 6, 13, 23, 59, 59, 87_000, UTC))
    original = with_exif(photo(), told)
    jpeg = compose.compose(original, prepare(judged(frame(WIDE)), (1600, 1200)), 93)
    found = with_exif_of(original, jpeg, "2" * 32)
    check_exif(found, Exif("2" * 32, *list(vars(told).values())[1:]))
    with Image.open(io.BytesIO(found)) as opened:
        details = opened.getexif().get_ifd(ExifTags.IFD.Exif)
        assert opened.size == (1600, 1067)
    assert (details[ExifTags.Base.ExifImageWidth], details[ExifTags.Base.ExifImageHeight]) == (1600, 1067)


def test_e2_exif_by_an_older_version_is_kept_too() -> None:
    """Pillow wrote it."""
    older = Image.Exif()
    older[ExifTags.Base.Artist] = "Scheune Würzburg ♥".encode()
    older[ExifTags.Base.XResolution] = IFDRational(72)
    older.get_ifd(ExifTags.IFD.Exif).update(
        {ExifTags.Base.ImageUniqueID: "1" * 32, ExifTags.Base.ExposureTime: IFDRational(1, 2)}
    )
    file = io.BytesIO()
    Image.new("RGB", (1600, 1200)).save(file, "JPEG", exif=older)
    plain = file.getvalue()
    held = plain[:2] + plain[plain.index(b"\xff\xe1") :]  # as the booth has it: without JFIF's segment
    with Image.open(io.BytesIO(with_exif_of(held, photo((640, 480)), "2" * 32))) as opened:
        picture, details = opened.getexif(), opened.getexif().get_ifd(ExifTags.IFD.Exif)
    assert picture[ExifTags.Base.Artist].encode("latin-1").decode() == "Scheune Würzburg ♥"
    assert (picture[ExifTags.Base.XResolution], details[ExifTags.Base.ExposureTime]) == (72, 0.5)
    assert (details[ExifTags.Base.ImageUniqueID], details[ExifTags.Base.ExifImageWidth]) == ("2" * 32, 640)


def test_e2_a_photo_without_exif_gets_its_identity() -> None:
    found = with_exif_of(photo(), photo((640, 480)), "2" * 32)
    check_exif(found, Exif("2" * 32, ""))


def test_e2_a_fit_is_a_value() -> None:
    assert fit((4056, 3040), WIDE) == Fit((2535, 1900), WIDE, (2535, 1690))
