"""What is removed from a support bundle's texts, and what is left."""

from __future__ import annotations

import json
import random
import resource
from pathlib import Path
from urllib.parse import quote

import pytest

from piboothup.care.bundle import private_words
from piboothup.care.bundle.redaction import REMOVED, Redactor
from piboothup.config import GOOD_FILE
from tests.support import forked


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


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("joined b8:27:eb:12:34:56 at 10:04", f"joined {REMOVED} at 10:04"),
        ("joined B8-27-EB-12-34-56 twice", f"joined {REMOVED} twice"),
        ("boot 6f1d0c2a-9b7e-4835-a1b2-c3d4e5f60718 began", f"boot {REMOVED} began"),
        ("sent with Bearer amsel-5 to it", f"sent with {REMOVED} to it"),
        ("read //server.example/share/x now", f"read {REMOVED} now"),
        ("call https://a.example/b?c=d, then", f"call {REMOVED} then"),
        ("as wlan.hotel.example: no", f"as {REMOVED}: no"),
        ("from 2001:db8::1 and 10.0.0.7:443", f"from {REMOVED} and {REMOVED}:443"),
        ("in /home/anna/party and /mnt/ANNA", f"in /home/{REMOVED} and /mnt/{REMOVED}"),
        ("key sk_live_4eC39HqLyjWDarjtT1zdp7dc sent", f"key {REMOVED} sent"),
        ("to anna.maier+box@mail.example, soon", f"to {REMOVED}, soon"),
    ],
)
def test_a10_forms_of_private_words_are_removed(text: str, left: str) -> None:
    redactor = Redactor([])
    assert redactor.text(text) == left
    assert redactor.foreign(text) == left


def test_a10_random_bytes_break_no_redaction() -> None:
    numbers = random.Random(7)
    redactor = Redactor(["Anna", "\\E[(", "\0", "\ud800"])
    for _ in range(200):
        text = "".join(chr(numbers.choice((numbers.randrange(128), numbers.randrange(0xD800)))) for _ in range(80))
        assert "Anna" not in redactor.foreign(f"{text} Anna {text}")


@pytest.mark.parametrize("blank", [" ", "\t", "\n", "\r\n"])
@pytest.mark.parametrize("text", ['{}link_id = "efgh5678"', 'link_id{}= "efgh5678"', 'link_id ={}"efgh5678"\n{}x'])
def test_a10_blanks_by_the_hundred_thousand_are_read(tmp_path: Path, text: str, blank: str) -> None:
    """In time that grows with the square of their number a damaged file would hold up the bundle for minutes."""
    (tmp_path / GOOD_FILE).write_text(text.replace("{}", blank * 250_000), newline="")

    def collect() -> None:
        resource.setrlimit(resource.RLIMIT_CPU, (60, 60))
        assert "efgh5678" in private_words.of_spool(tmp_path)

    assert forked.call(collect).returncode == 0
