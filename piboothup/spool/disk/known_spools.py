"""The spools of this box on which photos wait, by their ids: a file outside any disk that may be changed.

So photos are told of that a disk covered, or that left with one, while no service ran. The file is written when
photos begin to wait on a spool and when none does any more, never for each photo.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from piboothup.spool import durable

_MOST_BYTES = 100_000
_ID = re.compile(r"[0-9a-f]{16}")


def read(file: Path) -> frozenset[str]:
    """The ids; none when nothing readable is noted."""
    try:
        if file.stat().st_size > _MOST_BYTES:
            return frozenset()
        listed = json.loads(file.read_bytes())["spools"]
        return frozenset(each for each in listed if isinstance(each, str) and _ID.fullmatch(each))
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return frozenset()


def note(file: Path, spool_id: str, *, waiting: bool) -> None:
    """Photos wait on this spool, or none does. Raises OSError."""
    noted = read(file)
    _write(file, noted | {spool_id} if waiting else noted - {spool_id}, noted)


def forget_others(file: Path, spool_id: str) -> None:
    """Nobody needs to be told of other spools any more. Raises OSError."""
    noted = read(file)
    _write(file, noted & {spool_id}, noted)


def _write(file: Path, spools: frozenset[str], noted: frozenset[str]) -> None:
    if spools != noted and file.parent.is_dir():
        durable.replace(file, json.dumps({"spools": sorted(spools)}).encode())
