"""EXIF: a segment inserted into a finished JPEG, without touching its pixels.

The segment stands right after the first marker, as EXIF 2.32 section 4.5.4 wants it, and has all that section 4.6.8
wants of a compressed picture. The time is written only when the caller trusts a clock: a wrong time is worse than
none, as albums sort by it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from datetime import datetime

from PIL.ExifTags import IFD, TAGS, Base

from piboothup import __version__
from piboothup.booth.errors import BoothError
from piboothup.booth.photo.jpeg import size_of
from piboothup.problems import problem
from piboothup.records import dataclass

LONGEST_TEXT_BYTES = 400
"""Limit per text, bytes; all of them stay far below the 65,533 bytes of a JPEG segment."""
_ISO_AT_GAIN_1 = 100
"""ISO of gain 1: picamera2's rule, near to what sensors have."""
_Y_CB_CR = b"\1\2\3\0"
_MARKERS = b"\xff\xd8\xff\xe1"
"""Markers of the picture's start and of the EXIF segment."""
_HEAD = b"Exif\0\0MM\0*\0\0\0\x08"
"""Begin of the segment: big-endian, the first table of tags at byte 8 from the sign of that on."""
_ASCII, _SHORT, _LONG, _RATIONAL, _UNDEFINED = 2, 3, 4, 5, 7
_SIZE_BYTES = {_ASCII: 1, _SHORT: 2, _LONG: 4, _RATIONAL: 8, _UNDEFINED: 1}
Tags = dict[int, tuple[int, bytes]]
"""Type and value of each tag, as in TIFF 6.0."""


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
    plain, details = _tags(exif, size_of(jpeg))
    plain[IFD.Exif] = _long(0)  # takes the place of the table's address
    at = 8 + len(_table(plain, 8))
    plain[IFD.Exif] = _long(at)
    segment = _HEAD + _table(plain, 8) + _table(details, at)
    return b"".join((_MARKERS, (len(segment) + 2).to_bytes(2, "big"), segment, jpeg[2:]))


def check_exif(photo: bytes, exif: Exif) -> None:
    """Read every tag back from a photo made by `with_exif`. Raises ExifNotWritten."""
    if not photo.startswith(_MARKERS) or not photo.startswith(_HEAD, 6):
        raise ExifNotWritten("there is no EXIF segment")
    tiff = photo[6 + _HEAD.index(b"MM") : 4 + int.from_bytes(photo[4:6], "big")]
    plain, details = _tags(exif, size_of(photo))
    found = dict(_read(tiff, 8))
    inner = dict(_read(tiff, int.from_bytes(found.pop(IFD.Exif, (_LONG, b""))[1], "big")))
    for written, read in ((plain, found), (details, inner)):
        lost = [TAGS[tag] for tag, value in written.items() if read.get(tag) != value]
        if lost:
            raise ExifNotWritten(f"not read back: {', '.join(lost)}")


def _table(tags: Tags, at: int) -> bytes:
    """A table of tags that begins `at` this byte, and behind it the values of more than four bytes."""
    entries, behind = [len(tags).to_bytes(2, "big")], b""
    end = at + 2 + 12 * len(tags) + 4
    for tag, (kind, value) in sorted(tags.items()):
        place = value.ljust(4, b"\0")
        if len(value) > 4:
            place = (end + len(behind)).to_bytes(4, "big")
            behind += value + bytes(len(value) % 2)  # a value begins at an even byte
        entries.append(struct.pack(">HHI4s", tag, kind, len(value) // _SIZE_BYTES[kind], place))
    return b"".join((*entries, bytes(4), behind))


def _read(tiff: bytes, at: int) -> Iterator[tuple[int, tuple[int, bytes]]]:
    """The tags of the table at this byte, as far as they are there."""
    count = min(int.from_bytes(tiff[at : at + 2], "big"), max(0, len(tiff) - at - 2) // 12)
    for tag, kind, values, place in struct.iter_unpack(">HHI4s", tiff[at + 2 : at + 2 + 12 * count]):
        size_bytes, start = values * _SIZE_BYTES.get(kind, 0), int.from_bytes(place, "big")
        yield tag, (kind, place[:size_bytes] if size_bytes <= 4 else tiff[start : start + size_bytes])


def _tags(exif: Exif, size: tuple[int, int]) -> tuple[Tags, Tags]:
    """Tags of the first table, and of the table of details."""
    picture: Tags = {}
    picture[Base.Make] = _text("Raspberry Pi")
    if exif.camera_model:
        picture[Base.Model] = _text(exif.camera_model)
    picture[Base.Software] = _text(f"piboothup {__version__}")
    picture[Base.Artist] = picture[Base.ImageDescription] = _text(exif.booth)
    picture[Base.Orientation] = _short(1)
    picture[Base.XResolution] = picture[Base.YResolution] = _rational(72, 1)
    picture[Base.ResolutionUnit] = _short(2)  # per inch; 72 is the standard's value for an unknown resolution
    picture[Base.YCbCrPositioning] = _short(1)  # centred, as JFIF has it
    details: Tags = {}
    details[Base.ExifVersion] = _UNDEFINED, b"0232"
    details[Base.ImageUniqueID] = _text(exif.unique_id)
    details[Base.ComponentsConfiguration] = _UNDEFINED, _Y_CB_CR
    details[Base.FlashPixVersion] = _UNDEFINED, b"0100"
    details[Base.ColorSpace] = _short(1)
    details[Base.ExifImageWidth], details[Base.ExifImageHeight] = map(_long, size)
    if exif.exposure_us is not None:
        details[Base.ExposureTime] = _rational(exif.exposure_us, 1_000_000)
    if exif.gain is not None:
        details[Base.ISOSpeedRatings] = _short(min(round(exif.gain * _ISO_AT_GAIN_1), 65535))
    if exif.focal_length_mm is not None:
        details[Base.FocalLength] = _rational(round(exif.focal_length_mm * 100), 100)
    if exif.taken_at is not None:
        text = _text(exif.taken_at.strftime("%Y:%m:%d %H:%M:%S"))
        picture[Base.DateTime] = details[Base.DateTimeOriginal] = details[Base.DateTimeDigitized] = text
        for tag in (Base.OffsetTime, Base.OffsetTimeOriginal, Base.OffsetTimeDigitized):
            details[tag] = _text(_offset(exif.taken_at))
        for tag in (Base.SubsecTime, Base.SubsecTimeOriginal, Base.SubsecTimeDigitized):
            details[tag] = _text(f"{exif.taken_at.microsecond // 1000:03d}")
    return picture, details


def _short(value: int) -> tuple[int, bytes]:
    return _SHORT, value.to_bytes(2, "big")


def _long(value: int) -> tuple[int, bytes]:
    return _LONG, value.to_bytes(4, "big")


def _rational(numerator: int, denominator: int) -> tuple[int, bytes]:
    return _RATIONAL, struct.pack(">II", numerator, denominator)


def _text(text: str) -> tuple[int, bytes]:
    """UTF-8, as readers take it today (EXIF 3.0 allows it), cut at a whole character."""
    return _ASCII, text.replace("\0", "").encode()[:LONGEST_TEXT_BYTES].decode(errors="ignore").encode() + b"\0"


def _offset(moment: datetime) -> str:
    """`+02:00`. Raises ValueError for a datetime without a zone."""
    offset = moment.strftime("%z")
    if not offset:
        raise ValueError("the moment of a photo needs a time zone")
    return f"{offset[:3]}:{offset[3:5]}"
