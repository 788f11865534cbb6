"""Cards to print, in each language of the panel: one for the lid (A6), one for the operator (A4).

What the panel says is taken from its catalogue, and what the lid's card says from that of the set-up page, which
prints it too: so all say the same. Lengths are mm.
"""

from __future__ import annotations

import io
import textwrap
import tomllib
from collections.abc import Iterator
from typing import Any

import segno

from hardware.make.drawings.svg import FAINT, INK, Drawing
from hardware.make.tables import FOLDER, TableError
from piboothup.booth.panel.i18n import Texts, texts
from piboothup.booth.panel.i18n.page import page_words

_RED, _PALE = "#d62828", "#f3f6f9"
_QUIET_MODULES = 4
_Row = tuple[str, str, str]
_COLUMNS = (12.0, 72.0, 124.0)
_STEP = 3.25
"""Height of a line of the operator's card; less when there are more problems than fit."""
_LAST, _HEAD_HEIGHT = 280.0, 11.0
"""Where the tables end, and what the head of one takes with the space before it."""
_ITEMS = (
    ("back", ()),
    ("album_code", ()),
    ("status", ()),
    ("events", ()),
    ("ready_check", ()),
    ("photos", ("retry", "pause", "wipe")),
    ("set_up", ("set_up_page", "read_code", "aim", "languages", "sound_off")),
    ("switch_off", ()),
)
"""Items of the menu, and those of the groups among them."""


def lid(language: str, album: str = "") -> str:
    """The lid's card; `album` is the guests' link, whose code is drawn; without it there is a place for the code."""
    words = page_words(language)
    on = Drawing(105, 148, words["lid_title"], "mm")
    on.text(8, 16, words["lid_title"], 9.2, weight="bold")
    on.circle(84, 36, 13, fill="#3a434d")
    on.circle(84, 36, 11, fill=_RED)
    y = 29.0
    for number in (1, 2, 3):
        on.circle(11, y - 1.4, 3, fill=INK)
        on.text(11, y + 0.1, str(number), 4, anchor="middle", weight="bold", fill="#ffffff")
        for row in textwrap.wrap(words[f"lid_step_{number}"], 27):
            on.text(17, y, row, 4)
            y += 5.2
        y += 2.6
    y = max(y + 1, 60)
    on.text(8, y, words["light_title"], 5, weight="bold")
    for name, pattern in LIGHTS.items():
        y += 6.6
        _light(on, 8, y, pattern)
        on.text(36, y, words[name], 3.8)
    side = 38.0
    left, top = 58.0, 105.0
    if album:
        _code(on, album, left, top, side)
    else:
        on.rect(
            left, top, side, side, fill="#ffffff", stroke=FAINT, **{"stroke-width": 0.4, "stroke-dasharray": "2 1.4"}
        )
        on.text(left + side / 2, top + side / 2 + 1, words["lid_album_place"], 3.2, anchor="middle", fill=FAINT)
    y = 116.0
    for row in textwrap.wrap(words["lid_album_title"], 12):
        on.text(8, y, row, 6.4, weight="bold")
        y += 8
    for row in textwrap.wrap(words["lid_album"], 22):
        on.text(8, y, row, 3.8)
        y += 5
    on.rect(1, 1, 103, 146, rx=3, fill="none", stroke="#c3ccd5", **{"stroke-width": 0.3})
    return on.text_of()


def operator(language: str) -> str:
    """The operator's card: the menu, the bottom lines, and the faults by their codes."""
    says, words = texts(language), _words(language)
    on = Drawing(210, 297, words["operator_title"], "mm")
    on.text(12, 18, words["operator_title"], 8, weight="bold")
    on.text(198, 18, "piboothup", 5, anchor="end", fill=FAINT)
    y = _head(on, 28, words["menu_title"])
    y = _rows(on, 12, y, textwrap.wrap(words["menu_how"], 110))
    x = 12.0
    column_y = y + 2.0
    for item, group in _ITEMS:
        on.rect(x, column_y - 2.9, 0.8, 3.6 + 3.7 * len(group), fill=_RED)
        on.text(x + 2.0, column_y, says.menu.items[item], 3.0, weight="bold")
        for number, inner in enumerate(group, start=1):
            on.text(x + 2.0, column_y + 3.7 * number, says.menu.items[inner], 2.9)
        x += 7 + 1.95 * max(len(says.menu.items[each]) for each in (item, *group))
    tables = (
        (words["lines_title"], list(_lines(says, words["remedies"]))),
        (words["faults_title"], list(_faults(says))),
    )
    head = (words["code"], words["says"], words["helps"])
    y = column_y + 3.7 * max(len(group) for _, group in _ITEMS) + 7
    height = sum(_height(row) for _, rows in tables for row in (head, *rows))
    step = min(_STEP, (_LAST - y - len(tables) * _HEAD_HEIGHT) / height)
    for title, rows in tables:
        y = _table(on, _head(on, y, title), head, rows, step) + 4
    _rows(on, 12, y + 2, [words["plug"], words["doctor"]])
    return on.text_of()


def pdf_of(svg: str) -> bytes:
    """A card as PDF, in its own size."""
    import cairosvg  # noqa: PLC0415  (of the extra `hardware`)

    return bytes(cairosvg.svg2pdf(bytestring=svg.encode()))


def is_same_page(first: bytes, second: bytes) -> bool:
    """Whether two PDFs of one page have the same words and look alike, at 100 dots an inch."""
    import pypdfium2  # noqa: PLC0415

    from hardware.make.pictures import looks_alike  # noqa: PLC0415

    pages = [pypdfium2.PdfDocument(io.BytesIO(each)) for each in (first, second)]
    drawn = [page[0].render(scale=100 / 72).to_pil() for page in pages]
    words = [page[0].get_textpage().get_text_range() for page in pages]
    return len(pages[0]) == len(pages[1]) and words[0] == words[1] and looks_alike(drawn[0], drawn[1])


LIGHTS: dict[str, tuple[tuple[float, float, float], ...]] = {
    "light_ready": tuple((number * 1.2, 1.2, 0.15 + 0.85 * (1 - abs(number % 10 - 5) / 5)) for number in range(20)),
    "light_counts": tuple((number * 4.0, 2.0, 1.0) for number in range(6)),
    "light_saved": ((0, 3.0, 1.0), (5.0, 3.0, 1.0)),
    "light_busy": tuple((number * 1.6, 0.8, 1.0) for number in range(15)),
    "light_trouble": ((0, 9.0, 1.0), (14.0, 9.0, 1.0)),
}
"""How the light shines along 24 mm: where it begins, how long it lasts, how bright it is."""


def _light(on: Drawing, x: float, y: float, pattern: tuple[tuple[float, float, float], ...]) -> None:
    on.rect(x, y - 3.6, 24.5, 4.4, rx=0.8, fill="#2b323b")
    for begin, length, bright in pattern:
        on.rect(
            x + 0.25 + begin,
            y - 3.0,
            min(length, 24 - begin),
            3.2,
            fill="#ffd23f",
            **{"fill-opacity": f"{bright:.2f}"},
        )


def _code(on: Drawing, link: str, x: float, y: float, side: float) -> None:
    rows = [[bool(dark) for dark in row] for row in segno.make_qr(link, error="m").matrix_iter(border=_QUIET_MODULES)]
    dot = side / len(rows)
    for down, row in enumerate(rows):
        for across, dark in enumerate(row):
            if dark:
                on.rect(x + across * dot, y + down * dot, dot + 0.02, dot + 0.02, fill="#000000")


def _lines(says: Texts, remedies: dict[str, str]) -> Iterator[_Row]:
    """A line's remedy is the panel's, else the card's of the first of its codes."""
    merged: dict[tuple[str, str], list[str]] = {}
    for code, line in says.notices.items():
        remedy = says.menu.reasons.get(code, "").replace(" {detail}.", "").replace("{detail}", "…")
        merged.setdefault((line.rstrip(":"), remedy), []).append(code)
    for (line, remedy), codes in merged.items():
        yield ", ".join(codes), line, remedy or remedies[codes[0]]


def _faults(says: Texts) -> Iterator[_Row]:
    merged: dict[tuple[str, str], list[str]] = {}
    for code, fault in says.faults.items():
        merged.setdefault((fault.headline, fault.remedy), []).append(code)
    for (headline, remedy), codes in merged.items():
        yield ", ".join(codes), headline, remedy


def _head(on: Drawing, y: float, words: str) -> float:
    on.rect(12, y - 4.6, 186, 6.4, fill=INK)
    on.text(14, y, words, 3.9, weight="bold", fill="#ffffff")
    return y + 6.2


def _rows(on: Drawing, x: float, y: float, rows: list[str]) -> float:
    for row in rows:
        on.text(x, y, row, 3.1)
        y += 4.4
    return y


def _table(on: Drawing, y: float, head: _Row, rows: list[_Row], step: float) -> float:
    """Draw the rows, each line `step` high; returns where the next line would stand."""
    size = step * 0.815
    for x, words in zip(_COLUMNS, head, strict=True):
        on.text(x, y, words, size, fill=FAINT)
    y += step
    for number, row in enumerate(rows):
        if number % 2 == 0:
            on.rect(11, y - 0.77 * step, 188, _height(row) * step, fill=_PALE)
        for x, lines, weight in zip(_COLUMNS, _cells(row), ("", "bold", ""), strict=True):
            for down, line in enumerate(lines):
                on.text(x, y + down * step, line, size, weight=weight)
        y += _height(row) * step
    return y


def _cells(row: _Row) -> list[list[str]]:
    return [textwrap.wrap(words, width) or [""] for words, width in zip(row, (36, 28, 50), strict=True)]


def _height(row: _Row) -> int:
    """Lines that a row of a table takes."""
    return max(map(len, _cells(row)))


def _words(language: str) -> dict[str, Any]:
    """The operator's words with the panel's in them. Raises TableError for a language that cards.toml lacks."""
    table = tomllib.loads((FOLDER / "cards.toml").read_text(encoding="utf-8"))
    if language not in table:
        raise TableError(f"cards.toml has no words for the language {language}.")
    saved = texts(language).saved
    own = {key: words.format(saved=saved) for key, words in table[language].items()}
    return {"remedies": table["remedies"][language], **own}
