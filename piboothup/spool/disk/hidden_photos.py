"""Photos that no service can see: in a folder that a disk was mounted over, or on a disk that was removed.

Their names are stored in the current spool so that the warning survives a restart. For changes while the booth was
off only the spool's id is known (see `known_spools`). Without root nobody can look under a mount: the entries are
removed when the photos turn up in this spool, when they are sent on a disk that leaves later, or by the operator's
`queue retry`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from piboothup.spool import durable

FILE = "hidden.json"
SPOOL = "spool "
"""Prefix of the id of a spool whose photos are not known by name."""
_LARGEST_BYTES = 64 * 1024 * 1024


def add(directory: Path, names: Iterable[str]) -> None:
    """Add these photos. Raises OSError."""
    content = json.dumps({"photos": sorted(read(directory) | set(names))})
    durable.replace(directory / FILE, content.encode())


def read(directory: Path) -> frozenset[str]:
    """Names of the photos; none when the file is missing or unreadable."""
    path = directory / FILE
    try:
        if not path.lstat().st_size <= _LARGEST_BYTES:
            return frozenset()
        noted = json.loads(path.read_bytes())["photos"]
        return frozenset(one for one in noted if isinstance(one, str))
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return frozenset()


def discard(directory: Path, found: Iterable[str]) -> None:
    """Remove these photos, which are visible again or sent. Raises OSError."""
    noted = read(directory)
    if left := noted - set(found):
        if left != noted:
            durable.replace(directory / FILE, json.dumps({"photos": sorted(left)}).encode())
    else:
        forget(directory)


def forget(directory: Path) -> None:
    """Remove all entries. Raises OSError."""
    if (directory / FILE).exists():
        durable.remove(directory / FILE)
        durable.sync_directory(directory)
