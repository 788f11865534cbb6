"""Ids of this box's spools with waiting photos, in a file outside any removable disk.

Lets the booth warn of photos on a disk that was mounted over or removed while it was off. The file is written when
the first photo waits on a spool and when the last is gone, never for each photo.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from piboothup.spool import durable

_MOST_BYTES = 100_000
_ID = re.compile(r"[0-9a-f]{16}")


def read(file: Path) -> frozenset[str]:
    """Ids of the spools; none when the file is missing or unreadable."""
    try:
        if file.stat().st_size > _MOST_BYTES:
            return frozenset()
        listed = json.loads(file.read_bytes())["spools"]
        return frozenset(each for each in listed if isinstance(each, str) and _ID.fullmatch(each))
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return frozenset()


def note(file: Path, spool_id: str, *, waiting: bool) -> None:
    """Record whether photos wait on this spool. Raises OSError."""
    noted = read(file)
    _write(file, noted | {spool_id} if waiting else noted - {spool_id}, noted)


def forget_others(file: Path, spool_id: str) -> None:
    """Remove all spools but this. Raises OSError."""
    noted = read(file)
    _write(file, noted & {spool_id}, noted)


def _write(file: Path, spools: frozenset[str], noted: frozenset[str]) -> None:
    if spools != noted and file.parent.is_dir():
        durable.replace(file, json.dumps({"spools": sorted(spools)}).encode())
