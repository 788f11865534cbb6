"""Cards: in each language, in the panel's own words, within the page, and the album's code is read back."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import zxingcpp

from hardware.make.drawings import cards
from hardware.make.tables import FOLDER, TableError
from piboothup.booth.flow import menu
from piboothup.booth.flow.menu import MenuOptions
from piboothup.booth.panel.i18n import texts
from piboothup.booth.panel.i18n.page import page_words
from piboothup.config import LANGUAGES
from tests.support.page_words import PAGE

SVG = "{http://www.w3.org/2000/svg}"
each_language = pytest.mark.parametrize("language", LANGUAGES)


def words_of(card: str) -> list[str]:
    return [text.text or "" for text in ElementTree.fromstring(card).iter(f"{SVG}text")]  # noqa: S314  (our own)


@each_language
def test_the_operators_card_has_all_menu_items_lines_and_faults(language: str) -> None:
    says, words = texts(language), words_of(cards.operator(language))
    offer = MenuOptions(None, has_code=True, languages=("en",), has_buzzer=True, set_up_url="https://example.com/")
    for item in menu.main_page(offer, 0).items:
        assert says.menu.items[item.text_key] in words
    flowing = " ".join(words)
    for code, line in says.notices.items():
        assert code in flowing
        assert line.rstrip(":") in flowing
    for code, fault in says.faults.items():
        assert re.search(rf"\b{code}\b", flowing)
        assert fault.headline in words
        assert fault.remedy in flowing


@each_language
def test_each_line_of_the_operators_card_has_a_remedy(language: str) -> None:
    remedies = cards._words(language)["remedies"]
    rows = list(cards._lines(texts(language), remedies))
    assert len(rows) > 20
    assert [code for code, _, remedy in rows if not remedy.strip()] == []
    assert remedies.keys() <= texts(language).notices.keys()


@each_language
def test_the_lids_card_and_the_set_up_pages_say_the_same(language: str) -> None:
    """Both are of one catalogue: no word of the card is another's, and the page shows each of them."""
    names = [*re.findall(r'data-w="((?:lid|light)_\w+)"', PAGE.read_text(encoding="utf-8"))]
    shown = [page_words(language)[name] for name in names]
    assert len(shown) == 13
    card = words_of(cards.lid(language))
    assert sorted(" ".join(card).split()) == sorted([*" ".join(shown).split(), "1", "2", "3"])


def test_the_light_is_drawn_alike_on_card_and_page() -> None:
    (found,) = re.findall(r'id="lights">(.*?)</script>', PAGE.read_text(encoding="utf-8"))
    rounded = {name: [[round(x, 3) for x in bar] for bar in bars] for name, bars in cards.LIGHTS.items()}
    assert json.loads(found) == rounded


@each_language
def test_the_lids_card_says_what_the_panel_says(language: str) -> None:
    says, words = texts(language), " ".join(words_of(cards.lid(language)))
    assert says.saved in words
    assert says.your_photos in words


@each_language
@pytest.mark.parametrize("card", [cards.lid, cards.operator], ids=["lid", "operator"])
def test_all_words_stand_within_the_page(card: object, language: str) -> None:
    """By the mean width of DejaVu Sans: 0.53 of its size, bold 0.61."""
    assert callable(card)
    page = ElementTree.fromstring(card(language))  # noqa: S314  (our own)
    _, _, width, height = (float(side) for side in (page.get("viewBox") or "").split())
    assert (width, height) in ((105, 148), (210, 297))
    for text in page.iter(f"{SVG}text"):
        x, y, size = (float(text.get(key) or 0) for key in ("x", "y", "font-size"))
        long = len(text.text or "") * size * (0.61 if text.get("font-weight") else 0.53)
        left = {"middle": x - long / 2, "end": x - long}.get(text.get("text-anchor") or "", x)
        assert left > 3, text.text
        assert left + long < width - 3, text.text
        assert size < y < height - 3, text.text
        assert size >= 2, "still to be read"


@pytest.mark.parametrize("link", ["https://eventpics.net/e/abcd1234", "https://eventpics.net/e/" + "x" * 60])
def test_the_albums_code_on_the_lid_is_read_back(link: str) -> None:
    page = ElementTree.fromstring(cards.lid("de", link))  # noqa: S314  (our own)
    picture = np.full((1480, 1050), 255, np.uint8)
    for dot in page.iter(f"{SVG}rect"):
        if dot.get("fill") == "#000000":
            x, y, width, height = (round(10 * float(dot.get(key) or 0)) for key in ("x", "y", "width", "height"))
            picture[y : y + height, x : x + width] = 0
    (code,) = zxingcpp.read_barcodes(picture)
    assert code.text == link


def test_a_language_without_words_is_told() -> None:
    with pytest.raises(TableError, match=r"cards.toml has no words for the language fr"):
        cards.operator("fr")


@pytest.mark.process
def test_the_command_makes_a_lids_card_for_an_album(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hardware.make", "--album", "https://eventpics.net/e/abcd1234", "card.svg"]
    file = tmp_path / "card.svg"
    subprocess.run([*command[:-1], str(file)], check=True, cwd=FOLDER.parent)
    assert file.read_text(encoding="utf-8") == cards.lid("en", "https://eventpics.net/e/abcd1234")


@pytest.mark.process
def test_a_pdf_that_says_something_else_is_seen() -> None:
    pytest.importorskip("cairosvg", reason="PDFs are NOT compared: pip install -e '.[hardware]'")
    pytest.importorskip("pypdfium2", reason="PDFs are NOT compared: pip install -e '.[hardware]'")
    first, other = (cards.pdf_of(cards.lid(language)) for language in ("en", "de"))
    assert cards.is_same_page(first, first)
    assert not cards.is_same_page(first, other)
    assert io.BytesIO(first).read(5) == b"%PDF-"
