"""Photos that wait where no service looks: in a folder that a disk has covered since, or on a disk that is gone.

The booth that saw it happen notes their names in the spool that it goes on with, so that they are told of also after
the next start; of what happened while it did not run it knows the spool alone (see `known_spools`). Nobody can look
under a mount without root: the note ends when the photos turn up in this spool, or by the operator's `queue retry`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from piboothup.spool import durable

FILE = "hidden.json"
SPOOL = "spool "
"""Before the id of a spool whose photos have no names here."""
_LARGEST_BYTES = 64 * 1024 * 1024


def note(directory: Path, names: Iterable[str]) -> None:
    """Adds these photos. Raises OSError."""
    content = json.dumps({"photos": sorted(read(directory) | set(names))})
    durable.replace(directory / FILE, content.encode())


def read(directory: Path) -> frozenset[str]:
    """The names of the photos; none when nothing readable is noted."""
    path = directory / FILE
    try:
        if not path.lstat().st_size <= _LARGEST_BYTES:
            return frozenset()
        noted = json.loads(path.read_bytes())["photos"]
        return frozenset(one for one in noted if isinstance(one, str))
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return frozenset()


def settle(directory: Path, found: Iterable[str]) -> None:
    """These photos are here now: they are hidden no more. Raises OSError."""
    noted = read(directory)
    if left := noted - set(found):
        if left != noted:
            durable.replace(directory / FILE, json.dumps({"photos": sorted(left)}).encode())
    else:
        forget(directory)


def forget(directory: Path) -> None:
    """Nothing is hidden any more. Raises OSError."""
    if (directory / FILE).exists():
        durable.remove(directory / FILE)
        durable.sync_directory(directory)
