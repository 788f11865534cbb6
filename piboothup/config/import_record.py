"""Record of the newest import of the file on the card: which file it was, what was wrong with it, what is still due.

Root's helper writes it last: its stamp tells both services that root's settings or the key are new. Before it takes
a new file it writes one that owes all steps: after a power cut the import is done again. What the file says of event
and key counts once all the same: root's settings have a note of the file they are from.
"""

from __future__ import annotations

import json
from pathlib import Path

from piboothup.records import dataclass
from piboothup.status import Report
from piboothup.text import read_bytes

FILE = "imported.json"
"""Name of the file beside the config file."""


@dataclass(frozen=True)
class ImportRecord(Report):
    """The file that was imported."""

    sha256: str = ""
    """Of its bytes as the import left them, first; then of other files that might be meant."""
    box: str = ""
    """Id of the box that imported it."""
    mistakes: int = 0
    owed: tuple[str, ...] = ()
    """Steps of the import of that file that failed, to be done again at the next start; no other is."""
    said: str = ""
    """If its words are owed, or it could not be read: the moment (see `clock`) by which they were said.

    A choice after it stands.
    """
    later: tuple[str, ...] = ()
    """Settings that a code or stick has said since, by name: there those words say nothing."""

    def to_bytes(self) -> bytes:
        """Content of the record's file."""
        return json.dumps(self.to_json()).encode() + b"\n"


def read(folder: Path) -> ImportRecord:
    """The record in the config's folder; an empty one when there is none that can be read."""
    try:
        return ImportRecord.from_json(json.loads(read_bytes(folder / FILE)))
    except (OSError, ValueError, RecursionError):
        return ImportRecord()


class ImportWatch:
    """Tells whether there was an import since it was last noted. Made before the config is read."""

    def __init__(self, folder: Path | None) -> None:
        """`folder`: the config's; None for a config that no import changes."""
        self._folder = folder
        self._stamp: tuple[int, int] | None = None
        self._stamp = self._now()

    def has_news(self) -> bool:
        """Whether there was an import."""
        return self._now() != self._stamp

    def note(self) -> None:
        """Take what was imported so far as known: the config is read after this."""
        self._stamp = self._now()

    def _now(self) -> tuple[int, int] | None:
        try:
            found = (self._folder / FILE).stat() if self._folder is not None else None
        except FileNotFoundError:
            return None
        except OSError:  # a card that does not say is no import
            return self._stamp
        return (found.st_ino, found.st_mtime_ns) if found is not None else None
