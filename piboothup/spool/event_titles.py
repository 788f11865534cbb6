"""Events that the uploader last saw with the key: titles for the panel, the menu and export; albums to preselect."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Iterable
from pathlib import Path

from piboothup.records import dataclass
from piboothup.spool import durable
from piboothup.text import one_line, read_bytes

FILE = "events.json"
_SHORTEST_WORD = 3


@dataclass(frozen=True)
class Album:
    """An album of an event."""

    id: str
    title: str


@dataclass(frozen=True)
class AlbumEvent:
    """An event that the API key can see."""

    title: str
    link_id: str
    albums: tuple[Album, ...] = ()


BOOTH_WORDS = (
    *("photobooth", "fotobooth", "photobox", "fotobox", "fotoautomat", "fotokabine", "fotobude"),
    *("photomaton", "fotomaton", "cabinephoto", "cabinedephoto", "cabinafoto", "cabinadefoto", "fotohokje"),
)
"""A photo booth in English, German, French, Spanish, Italian and Dutch, as renters write it, its words put together.

Sources: fotobox-minden.de (Photobooth, Fotoautomat, Fotokabine), bg-photographes-mariage.be (photomaton),
newtopiamagazine.net (cabine photo), bodas.net (fotomatón), alpmagazine.it (cabina fotografica); the rest from speech.
"""


def booth_album(albums: Iterable[Album], name: str, box: str) -> Album | None:
    """The album that is meant for this box: its title has the box's letters, its name, or means a photo booth.

    Letters and name as whole words: "Booth 1" is not "Booth 10". None where several fit.
    """
    titles = [(album, _words(album.title)) for album in albums]
    own = [words for words in (_words(box), _words(name)) if len("".join(words)) > _SHORTEST_WORD]
    tests: list[Callable[[list[str]], bool]] = []
    for words in own:
        tests += [lambda title, words=words: title == words, lambda title, words=words: _has(title, words)]  # type: ignore[misc]
    tests.append(lambda title: any(word in "".join(title) for word in BOOTH_WORDS))
    for fits in tests:
        if found := [album for album, title in titles if fits(title)]:
            return found[0] if len(found) == 1 else None
    return None


def _words(text: str) -> list[str]:
    """The words and numbers of a text, small and without accents."""
    plain = "".join(
        mark for mark in unicodedata.normalize("NFKD", text).casefold() if not unicodedata.combining(mark)
    )
    return re.findall(r"[^\W_]+", plain)


def _has(title: list[str], words: list[str]) -> bool:
    """Whether the words stand in the title, one after the other."""
    return any(title[start : start + len(words)] == words for start in range(len(title)))


def write(directory: Path, events: list[AlbumEvent]) -> None:
    """Replace events.json if its content would change. Raises OSError."""
    shown = [
        {
            "title": event.title,
            "linkId": event.link_id,
            "albums": [{"id": album.id, "title": album.title} for album in event.albums],
        }
        for event in events
    ]
    durable.update(directory / FILE, json.dumps({"events": shown}, ensure_ascii=False, indent=1).encode())


def read(directory: Path) -> list[AlbumEvent]:
    """The events last seen; none when there is no file or it is damaged."""
    try:
        listed = json.loads(read_bytes(directory / FILE))["events"]
        return [
            AlbumEvent(
                one_line(str(event["title"])),
                str(event["linkId"]),
                tuple(Album(str(album["id"]), one_line(str(album["title"]))) for album in event["albums"]),
            )
            for event in listed
        ]
    except (OSError, ValueError, RecursionError, TypeError, KeyError):
        return []
