"""Captions of strips: an event's title and a date, in a font that a package brings.

Fonts are DejaVu's (fonts-dejavu-core, which the Debian package wants); where they are not installed Pillow's own is
taken, which has ASCII alone. A letter that no font has loses its accent, or drops out; where most drop out there is
no title. A long title is set smaller, then cut with an ellipsis.

Pillow is imported with this module: only who has strips needs it.
"""

from __future__ import annotations

import functools
import unicodedata
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont, features

from piboothup.records import dataclass
from piboothup.text import one_line

_FOLDER = Path("/usr/share/fonts/truetype/dejavu")
_FILES = ("DejaVuSerif.ttf", "DejaVuSans.ttf")
"""The second has Hebrew, Arabic and some emoji too."""
_LONGEST = 200
"""Characters of a title that are looked at."""
_LEAST_SCALE = 0.6
"""How much smaller than usual a long title is set before it is cut."""
_ELLIPSIS = "…"
_TITLE_COLOUR, _DATE_COLOUR = (38, 38, 38), (112, 112, 112)
_RIGHT_TO_LEFT = ("R", "AL")
_EPOCH = datetime.fromtimestamp(0, UTC)
MONTHS = {
    "en": (
        *("January", "February", "March", "April", "May", "June"),
        *("July", "August", "September", "October", "November", "December"),
    ),
    "de": (
        *("Januar", "Februar", "März", "April", "Mai", "Juni"),
        *("Juli", "August", "September", "Oktober", "November", "Dezember"),
    ),
}
"""By language; an unknown one has the English ones."""
_DATES = {"en": "{day} {month} {year}", "de": "{day}. {month} {year}"}

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


@dataclass(frozen=True)
class Caption:
    """What stands below the photos of a strip; "" = nothing."""

    title: str = ""
    date: str = ""


def date_of(unix_ms: int | None, zone: tzinfo, language: str) -> str:
    """The day of this moment in words; "" if it is unknown."""
    if unix_ms is None:
        return ""
    day = (_EPOCH + timedelta(milliseconds=unix_ms)).astimezone(zone)
    known = language if language in MONTHS else "en"
    return _DATES[known].format(day=day.day, month=MONTHS[known][day.month - 1], year=day.year)


def height(caption: Caption, title_px: float, date_px: float) -> int:
    """Height of the caption, pixels, with type of these sizes."""
    lines = [size for text, size in ((caption.title, title_px), (caption.date, date_px)) if text]
    return round(sum(lines) + (len(lines) - 1) * 0.6 * date_px) if lines else 0


def draw(paper: Image.Image, caption: Caption, title_px: float, date_px: float, width: int) -> None:
    """Draw the caption at the top of this paper, centred; no line is wider than `width`."""
    pencil, middle, top = ImageDraw.Draw(paper), paper.width / 2, 0
    lines = ((caption.title, title_px, _TITLE_COLOUR), (caption.date, date_px, _DATE_COLOUR))
    for text, size, colour in ((text, size, colour) for text, size, colour in lines if text):
        shown, font = fitted(text, size, width)
        pencil.text((middle, top + size * 0.85), shown, colour, font, anchor="ms")
        top += round(size + 0.6 * date_px)


def fitted(text: str, size: float, width: int) -> tuple[str, Font]:
    """The text as wide as `width` allows, and its font: set smaller if it is longer, then cut."""
    font = _font(text, size)
    long = _width(text, font)
    if long > width:
        size *= max(_LEAST_SCALE, width / long)
        font = _font(text, size)
    if _width(text, font) <= width:
        return text, font
    fits, cut = 0, len(text)
    while cut - fits > 1:
        middle = (fits + cut) // 2
        short = _width(text[:middle].rstrip() + _ELLIPSIS, font) <= width
        fits, cut = (middle, cut) if short else (fits, middle)
    return text[:fits].rstrip() + _ELLIPSIS, font


def shown_title(title: str) -> str:
    """The title with the characters that a font has; "" where that is nothing, or little of it."""
    text = one_line(unicodedata.normalize("NFC", one_line(title)[:_LONGEST]))
    found = max((_with_glyphs(text, face) for face in _faces()), key=len)
    letters, left = (sum(map(str.isalpha, each)) for each in (text, found))
    return found if 2 * left >= letters else ""


def _with_glyphs(text: str, face: str) -> str:
    """The text as this font can show it."""
    kept = []
    for character in text:
        plain = unicodedata.normalize("NFKD", character)[0]
        kept.append(next((each for each in (character, plain) if _has_glyph(each, face)), ""))
    return one_line("".join(kept))


@functools.lru_cache(maxsize=1024)
def _has_glyph(character: str, face: str) -> bool:
    if unicodedata.bidirectional(character) in _RIGHT_TO_LEFT and not features.check("raqm"):
        return False  # it would be set from left to right, its letters unjoined
    font = _load(face, 20)
    mask, missing = font.getmask(character), font.getmask("\U0010ffff")
    return character == " " or (bool(mask.size[0]) and (mask.size, bytes(mask)) != (missing.size, bytes(missing)))


def _font(text: str, size: float) -> Font:
    """The first font that has each of these characters."""
    faces = _faces()
    face = next((face for face in faces if _with_glyphs(text, face) == text), faces[-1])
    return _load(face, max(1.0, size))


def _faces() -> list[str]:
    """The fonts that can be loaded; "" is Pillow's own."""
    return [face for face in (str(_FOLDER / name) for name in _FILES) if _is_usable(face)] or [""]


@functools.lru_cache(maxsize=8)
def _is_usable(face: str) -> bool:
    try:
        _load(face, 20)
    except (OSError, ValueError):
        return False
    return True


@functools.lru_cache(maxsize=8)
def _load(face: str, size: float) -> Font:
    return ImageFont.truetype(face, size) if face else ImageFont.load_default(size)


def _width(text: str, font: Font) -> float:
    return font.getlength(text)
