"""Photos that no service can see: in a folder that a disk was mounted over, or on a disk that was removed.

Their names are stored in the current spool so that the warning survives a restart. For changes while the booth was
off only the spool's id is known (see `known_spools`). Without root nobody can look under a mount: the entries are
removed when the photos turn up in this spool, when they are sent on a disk that leaves later, or by the operator's
`queue retry`.
"""

from __future__ import annotations

import json
from collections.abc import Set
from pathlib import Path

from piboothup.spool import durable
from piboothup.text import read_bytes

FILE = "hidden.json"
SPOOL = "spool "
"""Prefix of the id of a spool whose photos are not known by name."""
_LARGEST_BYTES = 64 * 1024 * 1024


def read(directory: Path) -> frozenset[str]:
    """Names of the photos."""
    return read_list(directory / FILE, "photos")


def read_list(file: Path, key: str) -> frozenset[str]:
    """The texts in a list of a JSON file; none when it is missing, unreadable or absurdly large."""
    try:
        if file.lstat().st_size > _LARGEST_BYTES:
            return frozenset()
        return frozenset(text for text in json.loads(read_bytes(file))[key] if isinstance(text, str))
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return frozenset()


def write(directory: Path, names: Set[str]) -> None:
    """Replace the names, if they have changed; without any there is no file. Raises OSError."""
    path = directory / FILE
    if names:
        durable.update(path, json.dumps({"photos": sorted(names)}).encode())
    elif path.exists():
        durable.remove(path)
        durable.sync_directory(directory)
