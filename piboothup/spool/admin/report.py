"""The report on an event's photos for the customer who gives the box back, without personal data. Pure.

It has numbers, days, the hours of the first and the last photo, and what is not in the album; no title, no link, no
name of a file, and no moment to the minute.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime, tzinfo
from typing import Any

from piboothup.spool.admin.counts import EventCounts, sorted_days, taken
from piboothup.text import Count

_WORDS: Mapping[str, Mapping[str, Any]] = {
    "en": {
        "title": "Photo booth {box}: the photos of this event",
        "columns": ("Day", "Taken", "In the album", "Taken back"),
        "unknown": "not known",
        "sum": "All",
        "none": "No photo was taken.",
        "hours": "The first photo was taken on {first}, the last on {last} ({zone}).",
        "no_hours": "When they were taken is not known: the box had no clock.",
        "all": "{taken:The photo is|All {taken} photos are} in the album.",
        "some": "{taken:The photo is not in the album:|{sent} of {taken} photos are in the album. These are not:}",
        "waiting": "{n} on the box, still to be sent",
        "parked": "{n} on the box, refused by the album",
        "kept": "{n} on the box, not meant for the album",
        "composed": "Copies with the frame are among them: {n}.",
        "damaged": "Damaged on the box, and in no album: {n}.",
        "withdrawn": "Taken back by guests, and in no album: {n}.",
    },
    "de": {
        "title": "Fotobox {box}: die Fotos dieser Feier",
        "columns": ("Tag", "Fotos", "Im Album", "Zurückgenommen"),
        "unknown": "unbekannt",
        "sum": "Alle",
        "none": "Es wurde kein Foto gemacht.",
        "hours": "Das erste Foto entstand am {first}, das letzte am {last} ({zone}).",
        "no_hours": "Wann sie entstanden, ist nicht bekannt: Die Box hatte keine Uhr.",
        "all": "{taken:Das Foto ist|Alle {taken} Fotos sind} im Album.",
        "some": "{taken:Das Foto ist nicht im Album:|{sent} von {taken} Fotos sind im Album. Nicht darin sind:}",
        "waiting": "{n} auf der Box, noch zu senden",
        "parked": "{n} auf der Box, vom Album abgelehnt",
        "kept": "{n} auf der Box, nicht für das Album bestimmt",
        "composed": "Kopien mit dem Rahmen sind darunter: {n}.",
        "damaged": "Auf der Box beschädigt und in keinem Album: {n}.",
        "withdrawn": "Von Gästen zurückgenommen und in keinem Album: {n}.",
    },
}
"""The texts by language; each language has all of them."""
_MISSING = ("waiting", "parked", "kept")


def lines(event: EventCounts, box: str, zone: tzinfo, language: str) -> Iterator[str]:
    """The page, line by line."""
    words = _WORDS[language]
    total = event.total
    yield words["title"].format(box=box)
    yield ""
    if not total.total():
        yield words["none"]
        return
    yield from _table(event, total, words)
    yield ""
    if taken(total):
        yield from _sentences(event, total, zone, words)
    yield from (words[state].format(n=total[state]) for state in ("composed", "damaged", "withdrawn") if total[state])


def _sentences(event: EventCounts, total: Counter[str], zone: tzinfo, words: Mapping[str, Any]) -> Iterator[str]:
    if event.first_ms is None or event.last_ms is None:
        yield words["no_hours"]
    else:
        first, last = _hour(event.first_ms, zone), _hour(event.last_ms, zone)
        yield words["hours"].format(first=first, last=last, zone=zone)
    if total["sent"] == taken(total):
        yield words["all"].format(taken=Count(taken(total)))
    else:
        yield words["some"].format(sent=total["sent"], taken=Count(taken(total)))
        yield from (f"  {words[state].format(n=total[state])}" for state in _MISSING if total[state])


def _table(event: EventCounts, total: Counter[str], words: Mapping[str, Any]) -> Iterator[str]:
    rows: list[tuple[str, ...]] = [words["columns"]]
    for day, found in sorted_days(event):
        rows.append((words["unknown"] if day is None else day.isoformat(), *_numbers(found)))
    rows.append((words["sum"], *_numbers(total)))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for first, *others in rows:
        yield "  ".join([first.ljust(widths[0]), *map(str.rjust, others, widths[1:])])


def _numbers(found: Counter[str]) -> tuple[str, str, str]:
    return str(taken(found)), str(found["sent"]), str(found["withdrawn"])


def _hour(unix_ms: int, zone: tzinfo) -> str:
    """Day and hour of a moment."""
    begin = datetime.fromtimestamp(unix_ms / 1000, zone)
    return f"{begin:%Y-%m-%d}, {begin:%H}:00-{(begin.hour + 1) % 24:02}:00"
