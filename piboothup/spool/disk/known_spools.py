"""Ids of this box's spools with waiting photos, in a file outside any removable disk.

Lets the booth warn of photos on a disk that was removed, or hidden by another mount, while the booth was off. The
file is written when the first photo waits on a spool and when the last is gone, never for each photo.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from piboothup.spool import durable

_MAX_BYTES = 100_000
_ID = re.compile(r"[0-9a-f]{16}")


def read(file: Path) -> frozenset[str]:
    """Ids of the spools; empty when the file is missing or unreadable."""
    try:
        if file.stat().st_size > _MAX_BYTES:
            return frozenset()
        listed = json.loads(file.read_bytes())["spools"]
        return frozenset(spool_id for spool_id in listed if isinstance(spool_id, str) and _ID.fullmatch(spool_id))
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return frozenset()


def record(file: Path, spool_id: str, *, waiting: bool) -> None:
    """Record whether photos wait on this spool; nothing where the file's folder is missing. Raises OSError."""
    recorded = read(file)
    _write_if_changed(file, recorded | {spool_id} if waiting else recorded - {spool_id}, recorded)


def keep_only(file: Path, spool_id: str) -> None:
    """Take all other ids out of the file. Raises OSError."""
    recorded = read(file)
    _write_if_changed(file, recorded & {spool_id}, recorded)


def _write_if_changed(file: Path, spools: frozenset[str], recorded: frozenset[str]) -> None:
    if spools != recorded and file.parent.is_dir():
        durable.replace(file, json.dumps({"spools": sorted(spools)}).encode())
