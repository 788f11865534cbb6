"""How strips look: layout, caption, whatever the title and however many photos."""

from __future__ import annotations

import functools
import io
from datetime import UTC
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
import simplejpeg
from PIL import Image, ImageFont, features

from piboothup.booth.photo import caption as captions
from piboothup.booth.photo import strip
from piboothup.booth.photo.caption import Caption
from piboothup.booth.photo.compose import LONGEST_PX
from piboothup.booth.photo.jpeg import EncodeError
from piboothup.config import checks
from piboothup.simulator.scenes import party

GOLDEN = Path(__file__).with_name("strips")
TOLERANCE = 4.0
"""Mean difference of a golden picture, of 255: libraries scale and decode a little differently."""
LANDSCAPE, UPRIGHT = (1600, 1200), (1200, 1600)
TITLES = {
    "short": Caption("Anna & Ben", "28 November 2026"),
    "long": Caption("Summer Party of the Volunteer Fire Brigade of Old Newtown", "5. Juli 2026"),
}


@pytest.fixture
def own_font(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing but Pillow's own font is installed: it is the same everywhere."""
    monkeypatch.setattr(captions, "_FILES", ())


@functools.cache
def photo(number: int, size: tuple[int, int]) -> bytes:
    found = party(number, size)
    return bytes(simplejpeg.encode_jpeg_yuv_planes(found.y, found.u, found.v, 93))


def composed(photos: int, size: tuple[int, int], layout: str, caption: Caption = Caption()) -> Image.Image:  # noqa: B008
    reads = [functools.partial(photo, number, size) for number in range(1, photos + 1)]
    return Image.open(io.BytesIO(strip.compose(reads, layout, caption, 93))).convert("RGB")


@pytest.mark.parametrize("title", TITLES)
@pytest.mark.parametrize("layout", ["2x2", "1x4"])
@pytest.mark.parametrize("size", [LANDSCAPE, UPRIGHT], ids=["landscape", "upright"])
@pytest.mark.usefixtures("own_font")
def test_e2_a_strip_looks_as_it_did(size: tuple[int, int], layout: str, title: str) -> None:
    found = composed(4, size, layout, TITLES[title])
    found.thumbnail((200, 200))
    path = GOLDEN / f"{layout}-{'upright' if size == UPRIGHT else 'landscape'}-{title}.png"
    with Image.open(path) as golden:
        assert golden.size == found.size
        difference = np.abs(np.asarray(golden.convert("RGB"), np.int16) - np.asarray(found, np.int16))
    assert difference.mean() < TOLERANCE


@pytest.mark.parametrize("caption", [Caption(), *TITLES.values(), Caption("", "5. Juli 2026"), Caption("Anna")])
@pytest.mark.parametrize("layout", ["2x2", "1x4"])
@pytest.mark.parametrize(
    "size", [(4056, 3040), (3040, 4056), (4608, 2592), (9152, 6944), (640, 480), (64, 48), (1, 1)]
)
def test_e2_photos_lie_whole_on_the_paper_and_apart(size: tuple[int, int], layout: str, caption: Caption) -> None:
    for photos in (2, 3, 4):
        found = strip.sheet(size, photos, layout, caption)
        (width, height), (wide, high) = found.size, found.cell
        assert max(found.size) <= LONGEST_PX + 4
        assert width * height <= 1.01 * strip.MOST_PIXELS + 64
        assert (wide <= size[0], high <= size[1]) == (True, True)
        assert len(found.corners) == photos
        covered = np.zeros((height, width), np.uint8)
        for left, top in found.corners:
            assert left >= found.margin
            covered[top : top + high, left : left + wide] += 1
        assert covered.max() == 1
        assert int(covered.sum()) == photos * wide * high
        text_px = captions.height(caption, found.title_px, found.date_px)
        foot = max(top for _, top in found.corners) + high
        assert foot <= found.caption_top <= height - text_px
        for (left, top), (right, same) in zip(found.corners, mirrored(found), strict=True):
            assert (top, abs(width - right - wide - left) <= 1) == (same, True)


def mirrored(found: strip.Sheet) -> list[tuple[int, int]]:
    """Corners of the photos, those of each row from the right."""
    rows: dict[int, list[tuple[int, int]]] = {}
    for left, top in found.corners:
        rows.setdefault(top, []).insert(0, (left, top))
    return [corner for row in rows.values() for corner in row]


@pytest.mark.parametrize(
    ("size", "layout", "photos", "columns"),
    [
        (LANDSCAPE, "2x2", 4, 2),
        (LANDSCAPE, "2x2", 3, 2),
        (LANDSCAPE, "2x2", 2, 1),
        (LANDSCAPE, "1x4", 4, 1),
        (LANDSCAPE, "1x4", 3, 1),
        (UPRIGHT, "2x2", 4, 2),
        (UPRIGHT, "2x2", 2, 2),
        (UPRIGHT, "1x4", 4, 4),
    ],
)
def test_e2_a_strip_is_fitted_to_its_photos(size: tuple[int, int], layout: str, photos: int, columns: int) -> None:
    found = strip.sheet(size, photos, layout, Caption())
    tops = [top for _, top in found.corners]
    assert tops.count(tops[0]) == columns
    if photos == 3 and columns == 2:  # the third is in the middle
        assert abs(2 * found.corners[2][0] + found.cell[0] - found.size[0]) <= 1


def test_e2_photos_are_in_their_order_and_untouched() -> None:
    found, plan = composed(4, LANDSCAPE, "2x2"), strip.sheet(LANDSCAPE, 4, "2x2", Caption())
    for number, (left, top) in enumerate(plan.corners, start=1):
        with Image.open(io.BytesIO(photo(number, LANDSCAPE))) as whole:
            wanted = np.asarray(whole.convert("RGB").resize(plan.cell, Image.Resampling.LANCZOS), np.int16)
        shown = np.asarray(found.crop((left, top, left + plan.cell[0], top + plan.cell[1])), np.int16)
        assert np.abs(shown - wanted).mean() < 4


def test_e2_a_photo_of_another_shape_is_shown_whole() -> None:
    reads = [functools.partial(photo, 1, LANDSCAPE), functools.partial(photo, 2, UPRIGHT)]
    jpeg = strip.compose(reads, "2x2", Caption(), 93)
    plan = strip.sheet(LANDSCAPE, 2, "2x2", Caption())
    left, top = plan.corners[1]
    with Image.open(io.BytesIO(jpeg)) as found:
        beside = np.asarray(found.crop((left, top, left + 40, top + plan.cell[1])))
    assert beside.min() > 240


@pytest.mark.parametrize("content", [b"", b"no picture", photo(1, (64, 48))[:400]])
def test_e2_a_photo_that_cannot_be_decoded_makes_no_strip(content: bytes) -> None:
    with pytest.raises(EncodeError):
        strip.compose([lambda: photo(1, LANDSCAPE), lambda: content], "2x2", Caption(), 93)


def test_e2_between_two_steps_a_strip_waits() -> None:
    waits: list[None] = []
    reads = [functools.partial(photo, number, LANDSCAPE) for number in (1, 2)]
    strip.compose(reads, "2x2", Caption(), 93, lambda: waits.append(None))
    assert len(waits) >= 5


# -- the caption -----------------------------------------------------------------------------------------------------

HOSTILE = [
    "",
    " ",
    "\x1b[31mred\x07\0",
    "\u202eevil\u2066",
    "\U0001f600" * 200,
    "\U0001f468\u200d\U0001f469\u200d\U0001f467" * 70,
    "a" * 5000,
    "e\u0301" * 300,
    "e" + "\u0301" * 400,
    "\u05d7\u05ea\u05d5\u05e0\u05d4 \u05e9\u05dc \u05d3\u05e0\u05d4",
    "\u0632\u0641\u0627\u0641 & Ben",
    "\u5a5a\u793c 2026",
    "\ud800",
    "\ufffd\uffff\U0010ffff",
    "one\ntwo\u2028three",
]


@pytest.mark.parametrize("number", range(len(HOSTILE)))
@pytest.mark.parametrize("files", [captions._FILES, ()], ids=["all fonts", "own font"])
def test_e2_any_title_is_bounded_and_stays_on_the_paper(
    monkeypatch: pytest.MonkeyPatch, files: tuple[str, ...], number: int
) -> None:
    monkeypatch.setattr(captions, "_FILES", files)
    found = composed(4, (320, 240), "1x4", Caption(HOSTILE[number], "1 May 2026"))
    plan = strip.sheet((320, 240), 4, "1x4", Caption(captions.shown_title(HOSTILE[number]), "1 May 2026"))
    assert found.size == plan.size
    edge = np.asarray(found.crop((0, plan.caption_top, plan.margin // 2, plan.size[1])))
    assert edge.min() > 235


@pytest.mark.parametrize(
    ("title", "shown"),
    [
        ("Anna & Ben", "Anna & Ben"),
        ("  Anna\n&\tBen ", "Anna & Ben"),
        ("\x1b[31mAnna\x07", "[31mAnna"),
        ("\U0001f468\U0001f3fd", ""),
        ("\u5a5a\u793c 2026", ""),
        ("Hochzeit \u5a5a\u793c", "Hochzeit"),
        ("M\xfcller & Gro\xdf", "Muller & Gro"),
        ("", ""),
    ],
)
@pytest.mark.usefixtures("own_font")
def test_e2_a_letter_that_no_font_has_drops_out(title: str, shown: str) -> None:
    assert captions.shown_title(title) == shown


def test_e2_without_shaping_no_title_stands_back_to_front(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "check", lambda _feature: False)
    captions._has_glyph.cache_clear()
    assert captions.shown_title("\u05d7\u05ea\u05d5\u05e0\u05d4 \u05e9\u05dc \u05d3\u05e0\u05d4") == ""
    captions._has_glyph.cache_clear()


@pytest.mark.usefixtures("own_font")
def test_e2_a_long_title_is_set_smaller_then_cut() -> None:
    sizes = []
    for title in ("Anna", "Anna & Benjamin Miller", "Anna & Benjamin " * 12):
        text, font = captions.fitted(title.strip(), 40, 400)
        assert font.getlength(text) <= 400
        assert isinstance(font, ImageFont.FreeTypeFont)
        sizes.append((font.size, text.endswith("\u2026")))
    assert [is_cut for _, is_cut in sizes] == [False, False, True]
    assert sizes[0][0] == 40 > sizes[1][0] > sizes[2][0] == 24
    assert captions.fitted("Anna", 40, 1)[0] == "\u2026"


def test_e2_the_date_is_in_words_and_left_out_if_unknown() -> None:
    midnight = 1_798_671_600_000  # 2026-12-31T00:00+01:00
    assert captions.date_of(midnight, ZoneInfo("Europe/Berlin"), "de") == "31. Dezember 2026"
    assert captions.date_of(midnight, UTC, "en") == "30 December 2026"
    assert captions.date_of(midnight, UTC, "xx") == "30 December 2026"
    assert captions.date_of(None, UTC, "en") == ""
    assert {language: len(months) for language, months in captions.MONTHS.items()} == dict.fromkeys(
        checks.LANGUAGES, 12
    )
