"""What people called their event, as one line: on the panel, in folders, in status lines."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from piboothup.booth.panel.font import FACES, face
from piboothup.commands import status
from piboothup.config import Config, SpoolConfig
from piboothup.spool import event_titles
from piboothup.spool.event_titles import Album, AlbumEvent
from piboothup.text import Count, one_line
from piboothup.uploader import eventpics
from tests.support.clock import HandClock
from tests.support.photos import open_spool, take

BLANKS = (
    *("\u00a0", "\n", "\t", "\r\n", "\v", "\x85", "\u1680", "\u2003", "\u2009", "\u202f", "\u205f", "\u3000"),
    *("\u2028", "\u2029", "\u200b", "\ufeff", "\u180e", "\u2800", "\u3164", " \u200b ", "\u200c \u200d"),
)


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0 go"), (1, "1 goes"), (2, "2 go"), (21, "21 go"), (1001, "1001 go")]
)
def test_a_count_chooses_the_word_that_follows_it(number: int, text: str) -> None:
    assert f"{Count(number)} {Count(number):goes|go}" == text
    assert "{n} {n:goes|go}".format(n=Count(number)) == text


def test_a_count_takes_other_formats_as_a_number_does() -> None:
    assert f"{Count(7):04d} {Count(7):>3}" == "0007   7"


@pytest.mark.parametrize("blank", BLANKS)
def test_f20_any_blank_is_one_blank(blank: str) -> None:
    assert one_line(f"{blank}Anna{blank}&{blank}{blank}Ben{blank}") == "Anna & Ben"


@pytest.mark.parametrize("blank", BLANKS)
def test_f20_the_panel_draws_one_blank_for_any(blank: str) -> None:
    for name in FACES:
        assert face(name).width_px(f"8{blank}9") == face(name).width_px("8 9")
        assert face(name).covers(f"8{blank}9") == face(name).covers("8 9")


@pytest.mark.parametrize("blank", BLANKS)
def test_f20_titles_of_eventpics_keep_their_blanks(blank: str, tmp_path: Path) -> None:
    assert eventpics._title(f"Anna{blank}&{blank}Ben") == "Anna & Ben"
    event_titles.write(tmp_path, [AlbumEvent(f"Anna{blank}&", "abcd1234", (Album("a1", f"Our{blank}Album"),))])
    (found,) = event_titles.read(tmp_path)
    assert (found.title, found.albums[0].title) == ("Anna &", "Our Album")


@pytest.mark.parametrize("blank", BLANKS)
def test_f20_a_status_line_stays_one_line(blank: str, tmp_path: Path) -> None:
    clock = HandClock()
    spool = open_spool(tmp_path / "spool", clock)
    spool.write_events([AlbumEvent(f"Anna{blank}& Ben", "abcd1234")])
    take(spool, b"a photo")
    config = Config(spool=SpoolConfig(directory=str(spool.directory)))
    told = status.format_report(status.assemble(config, spool, clock, tmp_path))
    assert "event     Anna & Ben: 1 taken" in told.split("\n")[4]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("👩\u200d👩\u200d👧 Müller", "👩\u200d👩\u200d👧 Müller"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("A\x1b[2Jnna\u202e\u2060\x00\x7f", "A[2Jnna"),
        ("\u200d", ""),
        ("x" * 100_000, "x" * 100_000),
    ],
)
def test_f20_words_stay_and_what_a_terminal_obeys_goes(text: str, line: str) -> None:
    assert one_line(text) == line


@given(st.text())
def test_f20_one_line_is_one_line_of_visible_text(text: str) -> None:
    line = one_line(text)
    assert one_line(line) == line == line.strip()
    assert line == " ".join(line.split())
    assert not {unicodedata.category(char) for char in line} & {"Cc", "Cs", "Zl", "Zp"}
