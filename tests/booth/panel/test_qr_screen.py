"""The album's QR code: what is in it, how large it is, and that a phone reads it off the panel."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from piboothup.booth.flow.pages import Page, PageKind
from piboothup.booth.panel.font import face
from piboothup.booth.panel.i18n import texts
from piboothup.booth.panel.layout import shifted
from piboothup.booth.panel.qr_screen import MODULE_PX, QUIET_ZONE_PX, SIDE_PX, qr_code, segments
from piboothup.booth.panel.screens import draw
from piboothup.booth.panel.view import View, album_address
from piboothup.config import LANGUAGES, PanelConfig
from piboothup.status import BoothState, UploaderState
from tests.support.effort import covering
from tests.support.pictures import same
from tests.support.qr_photo import Shot, read, taken

USUAL = "https://app.eventpics.net/Ab3dEf7hIj9k"
LONG = "https://app.eventpics.net/" + 4 * "Ab3dEf7h"
SHOWN = View(state=BoothState.READY, album_link=USUAL, photos=12)

HANDS = {
    "straight, near": Shot(dot_px=7.0, bloom=0.4),
    "straight, far": Shot(dot_px=3.0, bloom=0.4),
    "tilted": Shot(bloom=0.4, blur=0.2, tilt_deg=12.0),
    "upside down": Shot(bloom=0.4, blur=0.2, tilt_deg=180.0),
    "from the side": Shot(bloom=0.4, blur=0.3, lean=0.2),
    "out of focus": Shot(bloom=0.4, blur=0.8),
    "strong bloom": Shot(bloom=0.8, blur=0.2),
    "wide gaps": Shot(lit_share=0.65, bloom=0.4, blur=0.3),
    "a bright room": Shot(bloom=0.4, blur=0.3, haze=0.45),
    "a dark and noisy camera": Shot(bloom=0.4, blur=0.3, noise=0.08),
    "all of it, a little": Shot(dot_px=4.5, bloom=0.5, blur=0.4, tilt_deg=7.0, lean=0.15, haze=0.2, noise=0.04),
}


def opened(address: str) -> str:
    """What a browser makes of scheme and host."""
    scheme, _, rest = address.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme.lower()}://{host.lower()}{slash}{path}"


@pytest.mark.slow
@pytest.mark.parametrize("hand", HANDS.values(), ids=HANDS.keys())
def test_a_phone_reads_the_usual_link_off_the_panel(hand: Shot) -> None:
    assert opened(read(taken(draw(SHOWN), hand))) == USUAL


@pytest.mark.slow
@pytest.mark.parametrize(("bezel", "by"), [(0.0, (1, 1)), (0.2, (-1, -1)), (0.5, (1, -1)), (1.0, (-1, 1))])
def test_album_code_scans_in_any_bezel_shade_and_picture_shift(bezel: float, by: tuple[int, int]) -> None:
    moved = shifted(draw(SHOWN), by)
    assert opened(read(taken(moved, Shot(bloom=0.4, blur=0.3, tilt_deg=5.0, bezel=bezel)))) == USUAL


@pytest.mark.slow
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("nudged", [False, True])
def test_the_words_beside_the_code_do_not_disturb_it(language: str, nudged: bool) -> None:
    for uplink in (UploaderState.IDLE, UploaderState.OFFLINE):
        view = replace(SHOWN, language=language, upload_state=uplink, busy_hint=nudged)
        assert opened(read(taken(draw(view), Shot(bloom=0.4, blur=0.2)))) == USUAL


def set_up_page(address: str, language: str) -> Image.Image:
    page = Page(PageKind.SET_UP_PAGE, title=address)
    return draw(View(state=BoothState.MENU, page=page, language=language))


@pytest.mark.slow
@pytest.mark.parametrize(("held", "language"), covering(HANDS, LANGUAGES))
def test_u08_a_phone_reads_the_set_up_page_off_the_panel(held: str, language: str) -> None:
    address = "https://example.github.io/piboothup/"
    assert opened(read(taken(set_up_page(address, language), HANDS[held]))) == address


@pytest.mark.parametrize("host", ["a.io", "a-renter-of-photo-booths.github.io"])
def test_u08_the_longest_address_of_a_page_has_a_code(host: str) -> None:
    address = f"https://{host}/".ljust(53, "b")
    assert PanelConfig.__dataclass_fields__["set_up_url"].metadata["check"](address) == address
    hand = Shot(dot_px=4.5, bloom=0.4, blur=0.3)
    assert opened(read(taken(set_up_page(address, "de"), hand))) == address


def test_a_longer_link_is_read_too_by_a_quiet_hand() -> None:
    assert opened(read(taken(draw(replace(SHOWN, album_link=LONG)), Shot(dot_px=4.5, bloom=0.4, blur=0.3)))) == LONG


def test_album_code_38_letter_link_has_25_modules_of_2_px() -> None:
    assert len(USUAL) == 38
    drawn = qr_code(USUAL)
    assert drawn is not None and drawn.size == (25 * MODULE_PX, 25 * MODULE_PX)
    beside_px, above_px = 4 * MODULE_PX, 7  # the standard's four modules, and what the glass is high
    right, below = beside_px + drawn.width, above_px + drawn.height
    paper = draw(SHOWN).convert("L").crop((0, 0, right + beside_px, 64))
    assert same(paper.crop((beside_px, above_px, right, below)).convert("1"), drawn)
    for edge in (
        (0, 0, paper.width, above_px),
        (0, below, paper.width, 64),
        (0, 0, beside_px, 64),
        (right, 0, paper.width, 64),
    ):
        assert paper.crop(edge).getextrema() == (255, 255)


def test_album_code_host_and_scheme_uppercase_path_unchanged() -> None:
    assert segments(USUAL) == ["HTTPS://APP.EVENTPICS.NET/A", "b3dEf7hIj9k"]
    assert segments("https://app.eventpics.net/1234") == ["HTTPS://APP.EVENTPICS.NET/1234"]
    assert segments("https://App.example/e/X") == ["HTTPS://APP.EXAMPLE/", "e/X"]
    assert segments("https://me@example.com/a") == ["https://me@example.com/a"]
    assert segments("") == []


@pytest.mark.slow
@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=40))
def test_the_pieces_put_together_open_the_same_page(path: str) -> None:
    address = f"https://app.eventpics.net/{path}"
    assert opened("".join(segments(address))) == address


def test_an_event_without_a_link_has_no_code() -> None:
    assert album_address("https://app.eventpics.net/{link_id}", "abcd1234") == "https://app.eventpics.net/abcd1234"
    assert album_address("https://app.eventpics.net/{link_id}?a={b}", "x") == "https://app.eventpics.net/x?a={b}"
    assert album_address("https://app.eventpics.net/{link_id}", "") == ""


@pytest.mark.parametrize("address", ["https://a.example/" + 60 * "a", "https://münchen.example/ä", 4000 * "x"])
def test_a_link_that_fits_no_readable_code_is_shown_as_text(address: str) -> None:
    assert qr_code(address) is None
    picture = draw(replace(SHOWN, album_link=address))
    assert picture.crop((0, 20, 128, 64)).getbbox() is not None
    assert not same(picture, draw(replace(SHOWN, album_link=address.replace("t", "l").replace("x", "y"))))


def test_album_code_missing_link_says_photos_come_later() -> None:
    def beside(uplink: UploaderState) -> Image.Image:
        return draw(replace(SHOWN, upload_state=uplink)).crop((QUIET_ZONE_PX, 0, 128, 64))

    online = beside(UploaderState.IDLE)
    assert same(beside(UploaderState.UPLOADING), online)
    for state in set(UploaderState) - {UploaderState.IDLE, UploaderState.UPLOADING}:
        assert not same(beside(state), online)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("uplink", [UploaderState.IDLE, UploaderState.OFFLINE])
def test_the_words_keep_two_dots_from_the_paper(language: str, uplink: UploaderState) -> None:
    shown = draw(replace(SHOWN, language=language, upload_state=uplink))
    assert shown.crop((QUIET_ZONE_PX, 0, QUIET_ZONE_PX + 2, 64)).getbbox() is None


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_words_fit_beside_the_code(language: str) -> None:
    said, room_px = texts(language), SIDE_PX
    mid, small = face("mid").tightened(), face("small")
    titles = f"{said.your_photos} {said.menu.pages[PageKind.SET_UP]}".split()
    assert all(mid.width_px(word) <= room_px and mid.covers(word) for word in titles)
    for hint in (said.scan, said.photos_later):
        lines = small.wrapped(hint, room_px)
        assert len(lines) <= 2 and " ".join(lines) == hint


@pytest.mark.parametrize("address", ["https://a.io/B", USUAL, LONG])
def test_every_code_has_level_l_also_one_with_room_for_more(address: str) -> None:
    drawn = qr_code(address)
    assert drawn is not None
    level = [drawn.getpixel((column * MODULE_PX, 8 * MODULE_PX)) for column in (0, 1)]  # ISO/IEC 18004, 7.9.1
    assert level == [0, 0]
