"""The set-up page as a file: its words, its addresses, its tables. tests/lab/page opens it in a browser."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from segno import consts

from piboothup.booth.panel.i18n.page import page_words
from piboothup.config import LANGUAGES, EventPicsConfig
from piboothup.config.codes import LONGEST_BYTES
from piboothup.spool.event_titles import BOOTH_WORDS
from tests.support.page_words import BLOCK, PAGE, catalogue

TEXT = PAGE.read_text(encoding="utf-8")
CODE = BLOCK.sub("", TEXT)


def test_u08_page_has_the_words_of_the_catalogue() -> None:
    assert BLOCK.findall(TEXT) == [catalogue()], "run `python -m tests.support.page_words`"
    assert set(json.loads(catalogue())) == set(LANGUAGES)


def test_u08_page_uses_each_word_and_no_other() -> None:
    attributes = re.findall(r'data-(?:w|for)="(\w+)"', CODE)
    said = re.findall(r'(?:words\.|say\("|own\("|push\(\["\w+", ")([a-z]\w+)', CODE)
    chosen = re.findall(r'words\[key \? "(\w+)" : "(\w+)"\]', CODE) + re.findall(
        r'say\(\w+ \? "(\w+)" : "(\w+)"', CODE
    )
    used = {*attributes, *said, *(word for pair in chosen for word in pair), "language_name"}
    assert used == set(page_words("en"))


@pytest.mark.parametrize("language", LANGUAGES)
def test_u08_page_words_have_the_same_values_in_each_language(language: str) -> None:
    names = [re.findall(r"\{\w+\}", text) for text in page_words("en").values()]
    assert [re.findall(r"\{\w+\}", text) for text in page_words(language).values()] == names
    assert "{set_up}" not in catalogue()


def test_u08_page_is_one_small_file_that_asks_eventpics_alone() -> None:
    assert len(TEXT.encode()) < 60_000
    assert not re.search(r"""<(?:script|img|iframe|link)[^>]*\s(?:src|href)=["'](?!data:,)""", CODE)
    assert not re.search(
        r"@import|url\(|XMLHttpRequest|sendBeacon|WebSocket|localStorage|sessionStorage|cookie", CODE
    )
    assert CODE.count("fetch(") == 1
    api, album = EventPicsConfig().api_url, EventPicsConfig().album_url.removesuffix("/{link_id}")
    assert set(re.findall(r"https?://[a-z.]+", CODE)) == {api, album}
    assert CODE.count(album) == 1, "in the guests' code, which the page itself never opens"
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', CODE)
    assert policy is not None
    assert "default-src 'none'" in policy[1]
    assert f"connect-src {api};" in policy[1]


def test_u08_page_takes_no_code_that_is_too_long_to_be_read() -> None:
    found = re.search(r"const MOST_BYTES = (\d+);", CODE)
    assert found is not None
    assert int(found[1]) == LONGEST_BYTES
    assert CODE.count("> MOST_BYTES") == 1


def test_u08_page_knows_each_country() -> None:
    table = Path("/usr/share/zoneinfo/iso3166.tab")
    if not table.exists():
        pytest.skip("SKIPPED: this system has no list of countries (apt install tzdata)")
    codes = re.findall(r"^([A-Z]{2})\t", table.read_text(encoding="utf-8"), re.MULTILINE)
    found = re.search(r'const COUNTRIES = "([A-Z ]*)"', CODE)
    assert found is not None
    assert found[1].split() == sorted(codes)


def test_u12_page_knows_the_words_for_a_photo_booth() -> None:
    found = re.search(r'const BOOTH_WORDS = "([a-z ]*)"', CODE)
    assert found is not None
    assert tuple(found[1].split()) == BOOTH_WORDS


@pytest.mark.parametrize(("level", "number"), [("L", consts.ERROR_LEVEL_L), ("M", consts.ERROR_LEVEL_M)])
def test_u08_page_has_the_tables_of_the_standard(level: str, number: int) -> None:
    """Compared with those of segno."""
    found = re.search(rf"{level}: {{\s*bits: (\d),\s*per: \[([\d, ]*)\],\s*blocks: \[([\d, ]*)\]", CODE)
    assert found is not None
    per, blocks = ([int(value) for value in found[group].split(",")] for group in (2, 3))
    ours = list(zip(per, blocks, strict=True))
    table: Any = consts.ECC
    infos = [table[version][number] for version in range(1, 41)]
    assert ours == [(info[0].num_total - info[0].num_data, sum(part.num_blocks for part in info)) for info in infos]
