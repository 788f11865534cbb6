"""Record of the newest import of the file on the card: which file it was, and what was wrong with it.

Root's helper writes it last: its stamp tells both services that root's settings or the key are new, and after a power
cut before that the import is done again.
"""

from __future__ import annotations

import json
from pathlib import Path

from piboothup.records import dataclass
from piboothup.status import Report

FILE = "imported.json"
"""Name of the file beside the config file."""


@dataclass(frozen=True)
class ImportRecord(Report):
    """The file that was imported."""

    sha256: str = ""
    """Of its bytes as the import left them; "" = it is to be imported again."""
    box: str = ""
    """Id of the box that imported it: a card that was cloned, or moved, is imported anew."""
    mistakes: int = 0

    def to_bytes(self) -> bytes:
        """Content of the record's file."""
        return json.dumps(self.to_json()).encode() + b"\n"


def read(folder: Path) -> ImportRecord:
    """The record in the config's folder; an empty one when there is none that can be read."""
    try:
        return ImportRecord.from_json(json.loads((folder / FILE).read_bytes()))
    except (OSError, ValueError, RecursionError):
        return ImportRecord()


def stamp(folder: Path) -> tuple[int, int] | None:
    """Value that changes with each import."""
    try:
        found = (folder / FILE).stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns
