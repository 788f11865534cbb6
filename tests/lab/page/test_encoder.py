"""The page's QR encoder: each version at both levels, against another encoder and two readers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import segno

from tests.lab.page import reader
from tests.lab.page.conftest import read_on_box

MODULE_PX, QUIET_ZONE = 4, 4
LETTERS = "PIBOOTHUP:K:0aZ;~ -_.é🌻"


def filling(capacity_bits: int, version: int, has_eci: bool) -> str:
    """A text that fills the code to its last byte; with `has_eci` it begins with letters that are not ASCII."""
    room = (capacity_bits - 4 - (8 if version < 10 else 16) - 12 * has_eci) // 8
    begin = "é🌻"[: 1 if room < 6 else 2] if has_eci else ""
    ascii_letters = LETTERS[:-2]
    count = room - len(begin.encode())
    return begin + "".join(ascii_letters[(7 * at + version) % len(ascii_letters)] for at in range(count))


def mask_of(rows: list[list[bool]]) -> int:
    """The mask, by the format bits beside the finder pattern."""
    return int("".join(str(int(dark)) for dark in rows[8][2:5]), 2) ^ 0b101


def picture(rows: list[list[bool]]) -> np.ndarray:
    """The code as a reader sees it, grey, with its quiet zone."""
    light = np.pad(np.where(np.array(rows), 0, 255).astype(np.uint8), QUIET_ZONE, constant_values=255)
    return light.repeat(MODULE_PX, 0).repeat(MODULE_PX, 1)


@pytest.mark.parametrize("level", ["L", "M"])
def test_u08_code_of_each_version_is_read_and_is_segnos(open_page: Callable[..., Any], level: str) -> None:
    tab = open_page().tab
    texts, codes = [], []
    for version in range(1, 41):
        has_eci = (version % 2 == 0) == (level == "L")
        texts.append(filling(8 * tab.evaluate("([v, l]) => capacity(v, l)", [version, level]), version, has_eci))
        rows = tab.evaluate("([t, v, l]) => qrCode(t, v, l)", [texts[-1], version, level])
        assert len(rows) == 17 + 4 * version
        made = segno.make_qr(
            texts[-1],
            version=version,
            error=level,
            mode="byte",
            mask=mask_of(rows),
            boost_error=False,
            encoding="utf-8" if has_eci else None,
            eci=has_eci,
        )
        assert [list(map(bool, row)) for row in made.matrix] == rows, f"version {version}"
        codes.append(picture(rows))
    newest, box = [reader.read(code) for code in codes], read_on_box(codes)
    print(f"\nlevel {level}, each version full, 40 with {len(texts[-1].encode())} bytes:")
    for name, found in (("newest", newest), ("2.3.0", box)):
        missed = [version for version, (text, read) in enumerate(zip(texts, found, strict=True), 1) if text != read]
        print(f"  zxing-cpp {name}: {40 - len(missed)} read, not: {missed or 'none'}")
    assert newest == texts
    assert box == texts


def test_u08_code_is_as_small_as_it_can_be(open_page: Callable[..., Any]) -> None:
    """And at level M where that makes it no larger."""
    tab = open_page().tab
    for count in (1, 14, 15, 17, 18, 106, 107, 160, 230, 231, 600):
        rows = tab.evaluate("(text) => qrCode(text)", "a" * count)
        smallest = segno.make_qr("a" * count, mode="byte", error="L", boost_error=False)
        assert len(rows) == len(smallest.matrix), count
        level_bits = int("".join(str(int(dark)) for dark in rows[8][:2]), 2) ^ 0b10
        fits_m = segno.make_qr("a" * count, mode="byte", error="M", boost_error=False).version == smallest.version
        assert level_bits == (0 if fits_m else 1), count


def test_u08_text_that_fits_no_code_makes_none(open_page: Callable[..., Any]) -> None:
    assert open_page().tab.evaluate("qrCode('a'.repeat(2953)) !== null && qrCode('a'.repeat(2954)) === null")
