"""What is removed from a support bundle's texts, and what is left."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest

from piboothup.care.bundle.redaction import REMOVED, Redactor


@pytest.mark.parametrize("word", ["Zwölf & Söhne", "ab_cd-12", 'it\'s "so"', "婚礼", "100 %", "x+y z", "a\\b"])
def test_a10_a_private_word_is_found_however_it_is_written(word: str) -> None:
    redactor = Redactor([word])
    for written in (word, word.upper(), json.dumps(word), repr(word), ascii(word), quote(word), f"({word})"):
        assert redactor.text(f"it says {written} here").count(REMOVED) == 1, written


@pytest.mark.parametrize("word", ["", " ", "a1", "12", "1234"])
def test_a10_what_is_too_short_for_a_secret_stays(word: str) -> None:
    assert Redactor([word]).text("a1 12 1234 photos") == "a1 12 1234 photos"


@pytest.mark.parametrize(
    "text",
    [
        "12 wait, the oldest for 25 hours; 3.1 GB, 500 files free at 10:04:33",
        "Python 3.13.5, Debian GNU/Linux 13 (trixie), kernel 6.12.47+rpt-rpi-v8 aarch64",
        "piboothup 0.1.0+git20261129093000.abcdefab, libcamera0.5 0.5.2+rpt20251016-1~bpo13",
        "Run `sudo systemctl restart piboothup-booth piboothup-uploader`; see /boot/firmware/config.txt.",
        "piboothup-booth.service: Main process exited, code=killed, status=9/KILL",
        "urllib3.exceptions.ReadTimeoutError, libcamera::Camera, 0x3c",
    ],
)
def test_a10_what_helps_is_left_as_it_is(text: str) -> None:
    assert Redactor(["Anna"]).text(text) == text
