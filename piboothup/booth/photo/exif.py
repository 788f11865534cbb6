"""EXIF: a segment inserted into a finished JPEG, without touching its pixels.

The segment stands right after the first marker, as EXIF 2.32 section 4.5.4 wants it, and has all that section 4.6.8
wants of a compressed picture. The time is written only when the caller trusts a clock: a wrong time is worse than
none, as albums sort by it.

The tables are written and read here: for that Pillow would load its reader of TIFF files, 5 ms of processor time
within the test photo that a start waits for.
"""

from __future__ import annotations

import struct
from datetime import datetime

from PIL import ExifTags

from piboothup import __version__
from piboothup.booth.errors import BoothError
from piboothup.booth.photo.jpeg import size_of
from piboothup.problems import problem
from piboothup.records import dataclass

LONGEST_TEXT_BYTES = 400
"""Limit per text, bytes; all of them stay far below the 65,533 bytes of a JPEG segment."""
_ISO_AT_GAIN_1 = 100
"""ISO of gain 1: picamera2's rule, near to what sensors have."""
_MARKERS = b"\xff\xd8\xff\xe1"
"""Markers of the picture's start and of the EXIF segment."""
_EXIF, _TIFF = b"Exif\0\0", b"MM\0*\0\0\0\x08"
"""The segment's name, and TIFF's header: big-endian, the first table right after it."""
_ENTRY = struct.Struct(">HHI4s")
"""TIFF's entry of a table: tag, type, count, and the value or where it stands."""
_ASCII, _SHORT, _LONG, _RATIONAL, _UNDEFINED = 2, 3, 4, 5, 7
_TYPE_BYTES = {_ASCII: 1, _SHORT: 2, _LONG: 4, _RATIONAL: 8, _UNDEFINED: 1}
_Tags = dict[int, tuple[int, bytes]]
"""Of each tag TIFF's type and the value's bytes."""


class ExifNotWritten(BoothError):
    """The EXIF segment does not hold what it was given."""

    def __init__(self, detail: str) -> None:
        super().__init__(problem("unsaved_exif", detail))


@dataclass(frozen=True)
class Exif:
    """EXIF data of a photo."""

    unique_id: str
    """ImageUniqueID: 32 hexadecimal characters."""
    booth: str
    """The box's name."""
    camera_model: str = ""
    exposure_us: int | None = None
    gain: float | None = None
    focal_length_mm: float | None = None
    taken_at: datetime | None = None
    """The start of the exposure, with a time zone; None = no clock is trusted."""


def with_exif(jpeg: bytes, exif: Exif) -> bytes:
    """The JPEG with an EXIF segment right after its first marker. Raises ValueError if these bytes are no JPEG."""
    return _inserted(jpeg, *_tags(exif, size_of(jpeg)))


def _inserted(jpeg: bytes, picture: _Tags, details: _Tags) -> bytes:
    picture = {**picture, ExifTags.IFD.Exif: _long(0)}
    details_at = len(_TIFF) + len(_table(picture, 0))
    picture[ExifTags.IFD.Exif] = _long(details_at)
    segment = _EXIF + _TIFF + _table(picture, len(_TIFF)) + _table(details, details_at)
    return b"".join((_MARKERS, (len(segment) + 2).to_bytes(2, "big"), segment, jpeg[2:]))


def _table(tags: _Tags, starts_at: int) -> bytes:
    """TIFF's table: its entries by tag, then the values of more than 4 bytes, each at an even place."""
    entries, values = b"", b""
    values_at = starts_at + 2 + len(tags) * _ENTRY.size + 4
    for tag, (kind, value) in sorted(tags.items()):
        held = value
        if len(value) > 4:
            held = (values_at + len(values)).to_bytes(4, "big")
            values += value + bytes(len(value) % 2)
        entries += _ENTRY.pack(tag, kind, len(value) // _TYPE_BYTES[kind], held)
    return len(tags).to_bytes(2, "big") + entries + bytes(4) + values


def _tables(photo: bytes) -> tuple[_Tags, _Tags]:
    """The tables of a photo by `with_exif`. Raises ValueError for another."""
    if not photo.startswith(_EXIF + _TIFF, len(_MARKERS) + 2):
        raise ValueError("there is no EXIF segment")
    tiff = photo[len(_MARKERS) + 2 + len(_EXIF) : len(_MARKERS) + int.from_bytes(photo[4:6], "big")]
    try:
        picture = _entries(tiff, len(_TIFF))
        _, details_at = picture.pop(ExifTags.IFD.Exif, (_LONG, b""))
        return picture, _entries(tiff, int.from_bytes(details_at, "big")) if details_at else {}
    except (struct.error, KeyError) as error:
        raise ValueError(f"its EXIF can't be read: {error!r}") from None


def _entries(tiff: bytes, starts_at: int) -> _Tags:
    found: _Tags = {}
    count = int.from_bytes(tiff[starts_at : starts_at + 2], "big")
    for number in range(count):
        at = starts_at + 2 + number * _ENTRY.size
        tag, kind, values, held = _ENTRY.unpack_from(tiff, at)
        length = values * _TYPE_BYTES[kind]
        value_at = at + 8 if length <= 4 else int.from_bytes(held, "big")
        found[tag] = kind, tiff[value_at : value_at + length]
    return found


def with_exif_of(photo: bytes, jpeg: bytes, unique_id: str) -> bytes:
    """The JPEG, made of a photo by `with_exif`, with that photo's EXIF but its own size and ImageUniqueID.

    Raises ValueError if these bytes are no JPEG.
    """
    if not photo.startswith(_MARKERS):
        return with_exif(jpeg, Exif(unique_id, ""))
    picture, details = _tables(photo)
    return _inserted(jpeg, picture, {**details, **_own_tags(unique_id, size_of(jpeg))})


def check_exif(photo: bytes, exif: Exif) -> None:
    """Read every tag back from a photo made by `with_exif`. Raises ExifNotWritten."""
    try:
        found = _tables(photo)
    except ValueError as error:
        raise ExifNotWritten(str(error)) from None
    for written, read in zip(_tags(exif, size_of(photo)), found, strict=True):
        lost = [ExifTags.TAGS[tag] for tag, value in written.items() if read.get(tag) != value]
        if lost:
            raise ExifNotWritten(f"not read back: {', '.join(lost)}")


def _tags(exif: Exif, size: tuple[int, int]) -> tuple[_Tags, _Tags]:
    """Tags of the first table, and of the table of details."""
    base = ExifTags.Base
    picture: _Tags = {}
    picture[base.Make] = _ascii("Raspberry Pi")
    if exif.camera_model:
        picture[base.Model] = _ascii(exif.camera_model)
    picture[base.Software] = _ascii(f"piboothup {__version__}")
    picture[base.Artist] = picture[base.ImageDescription] = _ascii(exif.booth)
    picture[base.Orientation] = _short(1)
    picture[base.XResolution] = picture[base.YResolution] = _rational(72, 1)
    picture[base.ResolutionUnit] = _short(2)  # per inch; 72 is the standard's value for an unknown resolution
    picture[base.YCbCrPositioning] = _short(1)  # centred, as JFIF has it
    details = _own_tags(exif.unique_id, size)
    details[base.ExifVersion] = _UNDEFINED, b"0232"
    details[base.ComponentsConfiguration] = _UNDEFINED, b"\1\2\3\0"  # Y, Cb, Cr
    details[base.FlashPixVersion] = _UNDEFINED, b"0100"
    details[base.ColorSpace] = _short(1)
    if exif.exposure_us is not None:
        details[base.ExposureTime] = _rational(exif.exposure_us, 1_000_000)
    if exif.gain is not None:
        details[base.ISOSpeedRatings] = _short(min(round(exif.gain * _ISO_AT_GAIN_1), 65535))
    if exif.focal_length_mm is not None:
        details[base.FocalLength] = _rational(round(exif.focal_length_mm * 100), 100)
    if exif.taken_at is not None:
        text = _ascii(exif.taken_at.strftime("%Y:%m:%d %H:%M:%S"))
        picture[base.DateTime] = details[base.DateTimeOriginal] = details[base.DateTimeDigitized] = text
        for tag in (base.OffsetTime, base.OffsetTimeOriginal, base.OffsetTimeDigitized):
            details[tag] = _ascii(_offset(exif.taken_at))
        for tag in (base.SubsecTime, base.SubsecTimeOriginal, base.SubsecTimeDigitized):
            details[tag] = _ascii(f"{exif.taken_at.microsecond // 1000:03d}")
    return picture, details


def _own_tags(unique_id: str, size: tuple[int, int]) -> _Tags:
    """The details in which a picture differs from any that is made of it."""
    base, (width, height) = ExifTags.Base, size
    return {
        base.ImageUniqueID: _ascii(unique_id),
        base.ExifImageWidth: _long(width),
        base.ExifImageHeight: _long(height),
    }


def _ascii(text: str) -> tuple[int, bytes]:
    """UTF-8, as readers take it today (EXIF 3.0 allows it), cut at a whole character."""
    kept = text.replace("\0", "").encode()[:LONGEST_TEXT_BYTES].decode(errors="ignore")
    return _ASCII, kept.encode() + b"\0"


def _short(number: int) -> tuple[int, bytes]:
    return _SHORT, number.to_bytes(2, "big")


def _long(number: int) -> tuple[int, bytes]:
    return _LONG, number.to_bytes(4, "big")


def _rational(numerator: int, denominator: int) -> tuple[int, bytes]:
    return _RATIONAL, numerator.to_bytes(4, "big") + denominator.to_bytes(4, "big")


def _offset(moment: datetime) -> str:
    """`+02:00`. Raises ValueError for a datetime without a zone."""
    offset = moment.strftime("%z")
    if not offset:
        raise ValueError("the moment of a photo needs a time zone")
    return f"{offset[:3]}:{offset[3:5]}"
