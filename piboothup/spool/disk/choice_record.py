"""Record of the spool in which an event was chosen last at this box, in a file outside any removable disk.

The choice itself is in that spool (see `spool.choices`). While its disk is away, or another one is in its place, the
config's event may be of former guests, and so may one that was chosen there before.
"""

from __future__ import annotations

import json
from pathlib import Path

from piboothup.config import Config
from piboothup.records import dataclass
from piboothup.spool import choices, durable
from piboothup.status import Report
from piboothup.text import read_bytes

FILE = "choice.spool.json"


@dataclass(frozen=True)
class ChoiceRecord(Report):
    """Where the event was chosen."""

    spool: str = ""
    """Id of the spool; "" when nothing was chosen."""
    over: str = ""
    """What the config said for the event (see `choices.Said`)."""


def read(folder: Path) -> ChoiceRecord:
    """The record in this folder; an empty one when there is none that can be read."""
    try:
        return ChoiceRecord.from_json(json.loads(read_bytes(folder / FILE)))
    except (OSError, ValueError, RecursionError):
        return ChoiceRecord()


def note(folder: Path, directory: Path, spool: str, config: Config) -> None:
    """Record that an event was chosen in this spool, or that a wipe has ended all. Raises OSError.

    `directory`, `spool`: its path and id.
    """
    chosen, record = choices.read(directory, config), ChoiceRecord(spool, choices.Said.by(config).event)
    is_older = not chosen.link_id and read(folder).over == record.over  # ended by the record that is there
    if chosen.link_id is not None and chosen is not choices.UNKNOWN and record.spool and not is_older:
        write(folder, record)


def write(folder: Path, record: ChoiceRecord) -> None:
    """Replace the record, if it has changed; nothing where the folder is missing. Raises OSError."""
    if record != read(folder) and folder.is_dir():
        durable.replace(folder / FILE, json.dumps(record.to_json()).encode())
