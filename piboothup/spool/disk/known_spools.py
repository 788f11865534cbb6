"""Ids of this box's spools with waiting photos, in a file outside any removable disk.

Lets the booth warn of photos on a disk that was removed, or hidden by another mount, while the booth was off. The
file is written when the first photo waits on a spool and when the last is gone, never for each photo.
"""

from __future__ import annotations

import json
import re
from collections.abc import Set
from pathlib import Path

from piboothup.spool import durable
from piboothup.spool.disk.hidden_photos import read_list


def read(file: Path) -> frozenset[str]:
    """Ids of the spools; empty when the file is missing or unreadable."""
    return frozenset(each for each in read_list(file, "spools") if re.fullmatch(r"[0-9a-f]{16}", each))


def write(file: Path, spools: Set[str]) -> None:
    """Replace the ids, if they have changed; nothing where the file's folder is missing. Raises OSError."""
    if spools != read(file) and file.parent.is_dir():
        durable.replace(file, json.dumps({"spools": sorted(spools)}).encode())
