"""Events that the uploader last saw with the key: titles for the panel, the menu and export.

Only a cache for display: it decides nothing about where a photo goes.
"""

from __future__ import annotations

import json
from pathlib import Path

from piboothup.records import dataclass
from piboothup.spool import durable
from piboothup.text import one_line, read_bytes

FILE = "events.json"


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
