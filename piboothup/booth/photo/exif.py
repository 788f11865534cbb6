"""EXIF: a segment inserted into a finished JPEG, without touching its pixels.

The segment stands right after the first marker, as EXIF 2.32 section 4.5.4 wants it, and has all that section 4.6.8
wants of a compressed picture. The time is written only when the caller trusts a clock: a wrong time is worse than
none, as albums sort by it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from PIL import ExifTags, Image
from PIL.TiffImagePlugin import IFDRational

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
_Tags = dict[int, Any]


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


def _inserted(jpeg: bytes, plain: _Tags, details: _Tags) -> bytes:
    picture = Image.Exif()
    picture.update(plain)
    picture.get_ifd(ExifTags.IFD.Exif).update(details)
    segment = picture.tobytes().replace(_entry(1), _entry(7))
    return b"".join((_MARKERS, (len(segment) + 2).to_bytes(2, "big"), segment, jpeg[2:]))


def with_exif_of(photo: bytes, jpeg: bytes, unique_id: str) -> bytes:
    """The JPEG, made of a photo by `with_exif`, with that photo's EXIF but its own size and ImageUniqueID.

    Raises ValueError if these bytes are no JPEG.
    """
    if not photo.startswith(_MARKERS):
        return with_exif(jpeg, Exif(unique_id, ""))
    found = Image.Exif()
    found.load(photo[6 : 4 + int.from_bytes(photo[4:6], "big")])
    size, base = size_of(jpeg), ExifTags.Base
    plain = {tag: _as_written(value) for tag, value in found.items() if tag != ExifTags.IFD.Exif}
    details = {tag: _as_written(value) for tag, value in found.get_ifd(ExifTags.IFD.Exif).items()}
    details[base.ImageUniqueID] = unique_id
    details[base.ExifImageWidth], details[base.ExifImageHeight] = size
    return _inserted(jpeg, plain, details)


def _as_written(value: Any) -> Any:
    """A value as it was before Pillow read it, which takes the UTF-8 of a text for Latin-1."""
    return value.encode("latin-1") if isinstance(value, str) and not value.isascii() else value


def check_exif(photo: bytes, exif: Exif) -> None:
    """Read every tag back from a photo made by `with_exif`. Raises ExifNotWritten.

    Pillow before 11.1 silently left out the whole table of details.
    """
    if not photo.startswith(_MARKERS):
        raise ExifNotWritten("there is no EXIF segment")
    size = size_of(photo)
    found = Image.Exif()
    found.load(photo[6 : 4 + int.from_bytes(photo[4:6], "big")])
    for written, read in zip(_tags(exif, size), (found, found.get_ifd(ExifTags.IFD.Exif)), strict=True):
        lost = [ExifTags.TAGS[tag] for tag, value in written.items() if not _is_same(value, read.get(tag))]
        if lost:
            raise ExifNotWritten(f"not read back: {', '.join(lost)}")


def _is_same(written: object, read: object) -> bool:
    if isinstance(written, bytes) and isinstance(read, str):
        read = read.encode("latin-1")
    return written == read


def _tags(exif: Exif, size: tuple[int, int]) -> tuple[_Tags, _Tags]:
    """Tags of the first table, and of the table of details."""
    base = ExifTags.Base
    picture: _Tags = {}
    picture[base.Make] = "Raspberry Pi"
    if exif.camera_model:
        picture[base.Model] = _text(exif.camera_model)
    picture[base.Software] = f"piboothup {__version__}"
    picture[base.Artist] = picture[base.ImageDescription] = _text(exif.booth)
    picture[base.Orientation] = 1
    picture[base.XResolution] = picture[base.YResolution] = IFDRational(72)
    picture[base.ResolutionUnit] = 2  # per inch; 72 is the standard's value for an unknown resolution
    picture[base.YCbCrPositioning] = 1  # centred, as JFIF has it
    details: _Tags = {}
    details[base.ExifVersion] = b"0232"
    details[base.ImageUniqueID] = exif.unique_id
    details[base.ComponentsConfiguration] = _Y_CB_CR
    details[base.FlashPixVersion] = b"0100"
    details[base.ColorSpace] = 1
    details[base.ExifImageWidth], details[base.ExifImageHeight] = size
    if exif.exposure_us is not None:
        details[base.ExposureTime] = IFDRational(exif.exposure_us, 1_000_000)
    if exif.gain is not None:
        details[base.ISOSpeedRatings] = min(round(exif.gain * _ISO_AT_GAIN_1), 65535)
    if exif.focal_length_mm is not None:
        details[base.FocalLength] = IFDRational(round(exif.focal_length_mm * 100), 100)
    if exif.taken_at is not None:
        text = exif.taken_at.strftime("%Y:%m:%d %H:%M:%S")
        picture[base.DateTime] = details[base.DateTimeOriginal] = details[base.DateTimeDigitized] = text
        for tag in (base.OffsetTime, base.OffsetTimeOriginal, base.OffsetTimeDigitized):
            details[tag] = _offset(exif.taken_at)
        for tag in (base.SubsecTime, base.SubsecTimeOriginal, base.SubsecTimeDigitized):
            details[tag] = f"{exif.taken_at.microsecond // 1000:03d}"
    return picture, details


def _entry(kind: int) -> bytes:
    """ComponentsConfiguration in TIFF, as a value of this type; Pillow makes 1 of it, and the standard wants 7."""
    return bytes((0x91, 0x01, 0, kind, 0, 0, 0, len(_Y_CB_CR))) + _Y_CB_CR


def _text(text: str) -> bytes:
    """UTF-8, as readers take it today (EXIF 3.0 allows it), cut at a whole character."""
    return text.replace("\0", "").encode()[:LONGEST_TEXT_BYTES].decode(errors="ignore").encode()


def _offset(moment: datetime) -> str:
    """`+02:00`. Raises ValueError for a datetime without a zone."""
    offset = moment.strftime("%z")
    if not offset:
        raise ValueError("the moment of a photo needs a time zone")
    return f"{offset[:3]}:{offset[3:5]}"
