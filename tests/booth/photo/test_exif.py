"""What a photo says about itself, read back by a reader that is not ours."""

from __future__ import annotations

import contextlib
import io
import random
import struct
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from PIL import ExifTags, Image

from piboothup import __version__
from piboothup.booth.photo.exif import Exif, ExifNotWritten, check_exif, with_exif, with_exif_of
from tests.support.photos import jpeg

ID = "0123456789abcdef" * 2
SUMMER = timezone(timedelta(hours=2))
FULL = Exif(
    unique_id=ID,
    booth="Booth 1",
    camera_model="imx477",
    exposure_us=12_345,
    gain=2.5,
    focal_length_mm=4.74,
    taken_at=datetime(2026, 6, 13, 23, 59, 59, 87_654, SUMMER),
)


def read(photo: bytes) -> tuple[dict[int, Any], dict[int, Any]]:
    with Image.open(io.BytesIO(photo)) as opened:
        opened.load()
        exif = opened.getexif()
        return dict(exif), dict(exif.get_ifd(ExifTags.IFD.Exif))


def segment(photo: bytes) -> bytes:
    return photo[6 : 4 + int.from_bytes(photo[4:6])]


def details_of(tiff: bytes) -> int:
    """Where the table of details stands."""
    return int.from_bytes(tiff[tiff.index(int(ExifTags.IFD.Exif).to_bytes(2)) + 8 :][:4])


def test_everything_known_is_told() -> None:
    picture, details = read(with_exif(jpeg(), FULL))
    base = ExifTags.Base
    assert picture[base.Make] == "Raspberry Pi"
    assert picture[base.Model] == "imx477"
    assert picture[base.Software] == f"piboothup {__version__}"
    assert picture[base.Artist] == picture[base.ImageDescription] == "Booth 1"
    assert picture[base.Orientation] == 1
    assert details[base.ImageUniqueID] == ID
    assert float(details[base.ExposureTime]) == pytest.approx(0.012345)
    assert details[base.ISOSpeedRatings] == 250
    assert float(details[base.FocalLength]) == pytest.approx(4.74)
    assert details[base.DateTimeOriginal] == "2026:06:13 23:59:59"
    assert details[base.OffsetTimeOriginal] == "+02:00"
    assert details[base.SubsecTimeOriginal] == "087"


def test_exif_has_all_tags_required_for_compressed_pictures() -> None:
    photo = with_exif(jpeg(size=(64, 48)), Exif(unique_id=ID, booth="Booth 1"))
    picture, details = read(photo)
    base = ExifTags.Base
    assert (picture[base.XResolution], picture[base.YResolution], picture[base.ResolutionUnit]) == (72, 72, 2)
    assert picture[base.YCbCrPositioning] == 1
    assert (details[base.ExifVersion], details[base.FlashPixVersion]) == (b"0232", b"0100")
    assert details[base.ComponentsConfiguration] == b"\1\2\3\0"
    assert bytes((0x91, 0x01, 0, 7, 0, 0, 0, 4, 1, 2, 3, 0)) in photo, "of the type that the standard names"
    assert (details[base.ExifImageWidth], details[base.ExifImageHeight]) == (64, 48)
    assert details[base.ColorSpace] == 1


def test_without_a_trusted_clock_no_time_is_invented() -> None:
    picture, details = read(with_exif(jpeg(), Exif(unique_id=ID, booth="Booth 1")))
    base = ExifTags.Base
    times = (
        base.DateTime,
        base.DateTimeOriginal,
        base.DateTimeDigitized,
        base.OffsetTimeOriginal,
        base.SubsecTimeOriginal,
    )
    assert not {int(time) for time in times} & (picture.keys() | details.keys())
    assert not {int(base.ExposureTime), int(base.ISOSpeedRatings), int(base.FocalLength)} & details.keys()


@pytest.mark.parametrize(
    ("hours", "shown"), [(0, "+00:00"), (-3.5, "-03:30"), (5.75, "+05:45"), (14, "+14:00"), (-11, "-11:00")]
)
def test_exif_utc_offsets_worldwide_written_as_standard_requires(hours: float, shown: str) -> None:
    moment = datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=hours)))
    _, details = read(with_exif(jpeg(), Exif(unique_id=ID, booth="", taken_at=moment)))
    assert details[ExifTags.Base.OffsetTimeOriginal] == shown


def test_a_moment_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        with_exif(
            jpeg(), Exif(unique_id=ID, booth="", taken_at=datetime(2026, 1, 1, tzinfo=UTC).replace(tzinfo=None))
        )


def test_not_one_byte_of_the_picture_changes() -> None:
    plain = jpeg(5)
    photo = with_exif(plain, FULL)
    assert photo[:4] == b"\xff\xd8\xff\xe1"
    length = int.from_bytes(photo[4:6], "big")
    assert photo[6:12] == b"Exif\0\0"
    assert photo[:2] + photo[4 + length :] == plain


@pytest.mark.parametrize("name", ["Müllers Hochzeit", "Ελένη και Νίκος", "Party 🎉🎉", "zero\0inside", ""])
def test_any_name_of_a_booth_is_written_in_utf8(name: str) -> None:
    photo = with_exif(jpeg(), Exif(unique_id=ID, booth=name))
    assert name.replace("\0", "").encode() in photo
    read(photo)


@pytest.mark.parametrize("character", ["x", "é", "日", "🎉"])
def test_exif_endless_name_cut_at_whole_character_within_64_kib(
    character: str,
) -> None:
    photo = with_exif(jpeg(), Exif(unique_id=ID, booth=character * 100_000, camera_model=character * 100_000))
    assert int.from_bytes(photo[4:6], "big") < 4096
    picture, _ = read(photo)
    told = picture[ExifTags.Base.Artist].encode("latin-1").decode()
    assert set(told) == {character}


def test_a_gain_beyond_the_field_s_range_does_not_wrap() -> None:
    _, details = read(with_exif(jpeg(), Exif(unique_id=ID, booth="", gain=4000.0)))
    assert details[ExifTags.Base.ISOSpeedRatings] == 65535


def test_bytes_that_are_no_jpeg_are_refused() -> None:
    with pytest.raises(ValueError, match="JPEG"):
        with_exif(b"\x89PNG", FULL)


def test_exif_stands_as_tiff_wants_it() -> None:
    tiff = segment(with_exif(jpeg(), FULL))[6:]
    ends = [8]
    for starts_at in (8, details_of(tiff)):
        assert starts_at == ends[-1]
        count = int.from_bytes(tiff[starts_at : starts_at + 2])
        table = tiff[starts_at + 2 : starts_at + 2 + 12 * count]
        entries = [struct.unpack(">HHII", table[at : at + 12]) for at in range(0, len(table), 12)]
        assert (tags := [entry[0] for entry in entries]) == sorted(set(tags))
        assert tiff[starts_at + 2 + 12 * count :][:4] == bytes(4), "no table follows"
        ends.append(starts_at + 6 + 12 * count)
        for _, kind, values, place in entries:
            length = {2: 1, 3: 2, 4: 4, 5: 8, 7: 1}[kind] * values
            if length > 4:
                assert place == ends[-1] and place % 2 == 0
                ends.append(place + length + length % 2)
    assert ends[-1] == len(tiff)


# -- read back -----------------------------------------------------------------------------------------------------


def test_f16_every_tag_that_is_written_reads_back() -> None:
    for exif in (FULL, Exif(unique_id=ID, booth=""), replace(FULL, booth="Fête Łódź \U0001f389" * 40)):
        check_exif(with_exif(jpeg(), exif), exif)
    plain, details = read(with_exif(jpeg(), FULL))
    told = {*plain, *details} - {ExifTags.IFD.Exif}
    assert len(told) >= 18, "what the readers of tomorrow are to find"


def test_f16_details_that_are_left_out_in_silence_are_missed() -> None:
    photo = with_exif(jpeg(), FULL)
    pointer = int(ExifTags.IFD.Exif).to_bytes(2)
    with pytest.raises(ExifNotWritten, match="ImageUniqueID"):
        check_exif(photo.replace(pointer, (0xEA60).to_bytes(2), 1), FULL)


def test_f16_exif_damaged_in_any_way_is_one_error() -> None:
    photo, chance = with_exif(jpeg(), FULL), random.Random(1)
    for number in range(600):
        damaged = bytearray(photo)
        for _ in range(1 + number % 3):
            damaged[chance.randrange(6, 6 + len(segment(photo)))] = chance.randrange(256)
        cut = chance.choice((len(photo), chance.randrange(6, 6 + len(segment(photo)))))
        with contextlib.suppress(ValueError):
            with_exif_of(bytes(damaged[:cut]), jpeg(), ID)
        with contextlib.suppress(ExifNotWritten):
            check_exif(bytes(damaged[:cut]) + photo[cut:], FULL)


@pytest.mark.parametrize(
    ("damage", "lost"),
    [
        (lambda photo: jpeg(), "no EXIF segment"),
        (lambda photo: photo.replace(b"imx477\0", b"imx999\0"), "Model"),
        (lambda photo: photo.replace(ID.encode(), b"0" * 32), "ImageUniqueID"),
        (lambda photo: photo.replace(b"2026:06:13", b"1970:01:01"), "DateTime"),
        (lambda photo: photo.replace(b"+02:00", b"-02:00"), "OffsetTime"),
    ],
)
def test_f16_a_tag_that_reads_back_otherwise_is_named(damage: Callable[[bytes], bytes], lost: str) -> None:
    with pytest.raises(ExifNotWritten, match=lost):
        check_exif(damage(with_exif(jpeg(), FULL)), FULL)
