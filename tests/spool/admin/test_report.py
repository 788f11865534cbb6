"""The page for the customer: what it says, in both languages, and what it does not."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date
from zoneinfo import ZoneInfo

import pytest

from piboothup.config import LANGUAGES
from piboothup.spool.admin import report
from piboothup.spool.admin.counts import EventCounts

BERLIN = ZoneInfo("Europe/Berlin")
FIRST_MS, LAST_MS = 1_764_349_440_000, 1_764_376_259_999  # 18:04 and 01:30:59 in Berlin


def event(**saturday: int) -> EventCounts:
    friday = Counter(sent=120, withdrawn=1)
    return EventCounts({date(2025, 11, 28): friday, date(2025, 11, 29): Counter(saturday)}, FIRST_MS, LAST_MS)


def page(found: EventCounts, language: str = "en") -> list[str]:
    return list(report.lines(found, "7F3K", BERLIN, language))


def test_e5_report_of_an_event_that_is_all_in_the_album() -> None:
    assert page(event(sent=23)) == [
        "Photo booth 7F3K: the photos of this event",
        "",
        "Day         Taken  In the album  Taken back",
        "2025-11-28    120           120           1",
        "2025-11-29     23            23           0",
        "All           143           143           1",
        "",
        "The first photo was taken on 2025-11-28, 18:00-19:00, the last on 2025-11-29, 01:00-02:00 (Europe/Berlin).",
        "All 143 photos are in the album.",
        "Taken back by guests, and in no album: 1.",
    ]


@pytest.mark.parametrize(
    ("language", "found", "sentence"),
    [
        ("en", Counter(sent=1), ["The photo is in the album."]),
        ("de", Counter(sent=1), ["Das Foto ist im Album."]),
        ("en", Counter(waiting=1), ["The photo is not in the album:", "  1 on the box, still to be sent"]),
        ("de", Counter(parked=1), ["Das Foto ist nicht im Album:", "  1 auf der Box, vom Album abgelehnt"]),
    ],
)
def test_e5_report_of_a_single_photo(language: str, found: Counter[str], sentence: list[str]) -> None:
    assert page(EventCounts({None: found}), language)[-len(sentence) :] == sentence


def test_e5_report_names_what_is_not_in_the_album() -> None:
    found = event(sent=20, waiting=2, parked=1, damaged=1, kept=4)
    found.days[None] = Counter(waiting=1)
    assert page(found)[5:] == [
        "not known       1             0           0",
        "All           148           140           1",
        "",
        "The first photo was taken on 2025-11-28, 18:00-19:00, the last on 2025-11-29, 01:00-02:00 (Europe/Berlin).",
        "140 of 148 photos are in the album. These are not:",
        "  3 on the box, still to be sent",
        "  1 on the box, refused by the album",
        "  4 on the box, not meant for the album",
        "Damaged on the box, and in no album: 1.",
        "Taken back by guests, and in no album: 1.",
    ]


@pytest.mark.parametrize(
    ("language", "said"),
    [("en", "Copies with the frame are among them: 11."), ("de", "Kopien mit dem Rahmen sind darunter: 11.")],
)
def test_e2_e5_report_says_how_many_copies_there_are(language: str, said: str) -> None:
    found = event(sent=22)
    assert said not in page(found, language)
    found.days[None] = Counter(composed=11)
    assert said in page(found, language)


def test_e5_report_in_german() -> None:
    assert page(event(sent=22, waiting=1), "de") == [
        "Fotobox 7F3K: die Fotos dieser Feier",
        "",
        "Tag         Fotos  Im Album  Zurückgenommen",
        "2025-11-28    120       120               1",
        "2025-11-29     23        22               0",
        "Alle          143       142               1",
        "",
        "Das erste Foto entstand am 2025-11-28, 18:00-19:00, das letzte am 2025-11-29, 01:00-02:00 (Europe/Berlin).",
        "142 von 143 Fotos sind im Album. Nicht darin sind:",
        "  1 auf der Box, noch zu senden",
        "Von Gästen zurückgenommen und in keinem Album: 1.",
    ]


def test_e5_report_of_photos_whose_time_nobody_knows() -> None:
    found = page(EventCounts({None: Counter(sent=2)}))
    assert found[3:] == [
        "not known      2             2           0",
        "All            2             2           0",
        "",
        "When they were taken is not known: the box had no clock.",
        "All 2 photos are in the album.",
    ]


@pytest.mark.parametrize("language", LANGUAGES)
def test_e5_report_of_nothing_but_a_photo_taken_back(language: str) -> None:
    found = page(EventCounts({date(2025, 11, 28): Counter(withdrawn=1)}), language)
    assert found[-1].endswith(": 1.")
    assert not any("album: 0" in line or "All 0" in line or "Alle 0" in line for line in found)
    assert page(EventCounts(), language)[2:] == [report._WORDS[language]["none"]]


def test_e5_every_language_has_every_text_of_the_report() -> None:
    assert set(report._WORDS) == set(LANGUAGES)
    assert {frozenset(words) for words in report._WORDS.values()} == {frozenset(report._WORDS["en"])}


def test_e5_the_last_hour_of_a_day_ends_at_midnight() -> None:
    found = EventCounts({date(2025, 11, 28): Counter(sent=1)}, 1_764_372_600_000, 1_764_372_600_000)
    (line,) = [line for line in report.lines(found, "7F3K", UTC, "en") if "first photo" in line]
    assert line == "The first photo was taken on 2025-11-28, 23:00-00:00, the last on 2025-11-28, 23:00-00:00 (UTC)."
