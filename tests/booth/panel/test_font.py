"""The panel's letters: every text can be drawn, and letters that people must tell apart differ."""

from __future__ import annotations

import re
import string
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from piboothup.booth.panel.font import FACES, Face, face, icon, largest, readable_title

pytestmark = pytest.mark.slow

NASTY = {
    "200 emoji": "\U0001f389" * 200,
    "200 letters": "W" * 200,
    "a family of four": "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466",
    "control characters": "a\x00b\x07\n\tc\x1b[2J\x7f",
    "accents on nothing": "\u0301\u0302x\u0303\u0304\u0305\u0306",
    "a pile of accents": "e" + "\u0301" * 60,
    "right to left": "\u202eשלום مرحبا\u202c",
    "half a surrogate pair": "\ud83d",
    "the longest ligature": "\ufdfa",
    "unassigned": "\U000e0fff\u0378",
    "nothing": "",
    "blanks": " \u00a0\u2003\u3000 ",
}


def drawn(text: str, lettering: Face) -> bytes:
    """The picture of `text` alone."""
    image = Image.new("1", (max(1, lettering.width_px(text)) + 8, 3 * lettering.cap_px))
    lettering.draw(image, 4, lettering.cap_px, text)
    return image.tobytes()


@pytest.mark.parametrize("text", NASTY.values(), ids=NASTY.keys())
@pytest.mark.parametrize("name", FACES)
def test_d04_no_text_is_too_strange_to_be_drawn(name: str, text: str) -> None:
    lettering = face(name)
    drawn(text, lettering)
    assert lettering.width_px(lettering.shortened(text, 120)) <= 120
    assert all(lettering.width_px(line) <= 120 for line in lettering.wrapped(text, 120))


@given(st.text(max_size=60), st.sampled_from(FACES))
def test_d04_text_width_matches_measured_width_for_any_text(text: str, name: str) -> None:
    lettering = face(name)
    end = lettering.draw(Image.new("1", (8, 8)), 0, 0, text)
    assert max(0, end - lettering.gap_px) == lettering.width_px(text)


@given(st.text(st.characters(categories=("L", "N", "P")), max_size=60), st.integers(30, 128))
def test_d04_a_shortened_title_fits_and_keeps_its_beginning(text: str, width_px: int) -> None:
    small = face("small")
    shortened = small.shortened(text, width_px)
    assert small.width_px(shortened) <= width_px
    kept = unicodedata.normalize("NFC", shortened).removesuffix("…")
    assert unicodedata.normalize("NFC", text).startswith(kept)


@pytest.mark.parametrize("block", [(0x00A1, 0x0180), (0x0180, 0x0250), (0x1E00, 0x1F00)])
def test_d04_all_of_latin_has_a_picture(block: tuple[int, int]) -> None:
    small = face("small")
    box = drawn("\ufffd", small)
    letters = [
        character
        for character in map(chr, range(*block))
        if re.match("LATIN (?!.*GLOTTAL).* WITH ", unicodedata.name(character, ""))
    ]
    assert letters
    assert [letter for letter in letters if drawn(letter, small) == box] == []


@pytest.mark.parametrize(
    "title",
    [
        "Björk & Ægir Øre Þor",
        "Zażółć gęślą jaźń",
        "Příliš žluťoučký kůň úpěl ďábľ",
        "Őrült tűz, İstanbul ğış, ȘȚșț",
        "Thưởng đệm của người Việt",
        "Γάμος Ελένη και Νίκος ϊϋόύώΐ",
        "Свадьба Анны и Ёлки, Щукин йэюїґ",
        "„Straße“ – 50 € … ♥",
    ],
)
def test_d04_titles_in_the_languages_of_europe_need_no_stand_in(title: str) -> None:
    assert face("small").covers(title)


def test_an_accent_adds_to_its_letter_and_leaves_it_in_place() -> None:
    small = face("small")
    plain, accented = Image.new("1", (8, 16)), Image.new("1", (8, 16))
    small.draw(plain, 0, 6, "e")
    small.draw(accented, 0, 6, "é")
    assert accented.crop((0, 8, 8, 16)).tobytes() == plain.crop((0, 8, 8, 16)).tobytes()
    assert accented.crop((0, 0, 8, 8)).getbbox() is not None
    assert plain.crop((0, 0, 8, 8)).getbbox() is None


@pytest.mark.parametrize(("letter", "dotless"), [("i", "ı"), ("j", "ȷ")])
def test_accent_above_replaces_the_dot_mark_below_keeps_it(letter: str, dotless: str) -> None:
    small = face("small")
    caron, dot_below = "\u030c", "\u0323"
    assert drawn(letter + caron, small) == drawn(dotless + caron, small)
    assert drawn(letter + dot_below, small) != drawn(dotless + dot_below, small)


@pytest.mark.parametrize("name", ["big", "large"])
@pytest.mark.parametrize("letter", ["A", "O", "U"])
def test_a_capital_keeps_its_whole_shape_under_its_dots(name: str, letter: str) -> None:
    lettering = face(name)
    plain, dotted = Image.new("1", (32, 64)), Image.new("1", (32, 64))
    lettering.draw(plain, 0, 20, letter)
    lettering.draw(dotted, 0, 20, f"{letter}\u0308")
    assert dotted.crop((0, 20, 32, 64)).tobytes() == plain.crop((0, 20, 32, 64)).tobytes()
    assert lettering.rise_px(f"{letter}\u0308") > 0 == lettering.rise_px(letter)


def test_composed_and_decomposed_accents_look_alike() -> None:
    small = face("small")
    for text in ("Äpfel", "ﬁancé", "Việt"):
        assert drawn(unicodedata.normalize("NFD", text), small) == drawn(unicodedata.normalize("NFC", text), small)


def test_what_is_invisible_takes_no_room() -> None:
    small = face("small")
    assert drawn("\u2764\ufe0f", small) == drawn("\u2764", small)
    assert drawn("a\u2060b\u00adc", small) == drawn("abc", small)


def test_a_character_without_picture_becomes_one_box() -> None:
    small = face("small")
    assert drawn("龍", small) == drawn("\ufffd", small)
    assert not small.covers("龍")


@pytest.mark.parametrize(
    "title",
    [
        *("结婚快乐", "حفل زفاف", "עברית", "งานแต่งงาน", "2026年の結婚式"),
        *("\u0301\u0302", " \u00a0", "", "\u200b", "\U0001f389" * 9),
    ],
)
def test_d04_mostly_undrawable_title_replaced_by_event_id(title: str) -> None:
    assert readable_title(title, "abcd1234") == "abcd1234"


@pytest.mark.parametrize("title", ["Anna \U0001f389\U0001f389", "Γάμος", "Łódź", "Việt Nam", "2026 结婚", "!", "①"])
def test_d04_a_title_of_which_half_can_be_read_stays(title: str) -> None:
    assert readable_title(title, "abcd1234") == title


@pytest.mark.parametrize("name", FACES)
def test_letters_and_figures_can_be_told_apart(name: str) -> None:
    lettering = face(name)
    characters = [
        character
        for character in string.ascii_letters + string.digits
        if lettering.covers(character) and (name == "small" or not character.islower()) and character != "O"
    ]
    pictures = {drawn(character, lettering) for character in characters}
    assert len(pictures) == len(characters) >= 10


def test_the_largest_face_is_taken_that_holds_the_text() -> None:
    assert largest("7", 128, 64) is face("figures")
    assert largest("PRESS", 124, 28) is face("big")
    assert largest("PRESS", 124, 24) is face("large")
    assert largest("Γιώργος", 124, 28) is face("small")


def test_lines_are_broken_evenly_and_at_pauses() -> None:
    small = face("small")
    assert small.balanced("Key wrong: 12 are kept", 124) == ["Key wrong:", "12 are kept"]
    assert small.balanced("Wi-Fi asks for login: use hotspot", 124) == ["Wi-Fi asks for login:", "use hotspot"]
    assert small.balanced("143 photos, 12 not in the album", 124) == ["143 photos,", "12 not in the album"]
    assert small.balanced("", 124) == []


def test_an_unknown_icon_is_a_mistake_and_not_a_blank() -> None:
    assert icon("camera").getbbox() is not None
    with pytest.raises(KeyError):
        icon("unicorn")
