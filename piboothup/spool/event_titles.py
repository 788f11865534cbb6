"""Events that the uploader last saw with the key: titles for the panel, the menu and export.

Only a cache for display: it decides nothing about where a photo goes.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable
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


_BOOTH_WORDS = (
    *("photobooth", "fotobooth", "photobox", "fotobox", "fotoautomat", "fotokabine", "fotobude"),
    *("photomaton", "fotomaton", "cabinephoto", "cabinedephoto", "cabinafoto", "cabinadefoto", "fotohokje"),
)
"""A photo booth in English, German, French, Spanish, Italian and Dutch, as renters write it and as `_bare` has it.

Sources: fotobox-minden.de (Photobooth, Fotoautomat, Fotokabine), bg-photographes-mariage.be (photomaton),
newtopiamagazine.net (cabine photo), bodas.net (fotomatón), alpmagazine.it (cabina fotografica); the rest from speech.
"""


def booth_album(albums: Iterable[Album], name: str, box: str) -> Album | None:
    """The album that is meant for this box: its title has the box's letters, its name, or means a photo booth."""
    titles = [(album, _bare(album.title)) for album in albums]
    own = [word for word in (box.casefold(), _bare(name)) if len(word) > _SHORTEST_WORD]
    for words in (*([word] for word in own), _BOOTH_WORDS):
        found = [album for album, title in titles if any(word in title for word in words)]
        if found:
            return found[0]
    return None


def _bare(text: str) -> str:
    """The letters and digits of a text, small and without accents."""
    return "".join(mark for mark in unicodedata.normalize("NFKD", text).casefold() if mark.isalnum())


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
