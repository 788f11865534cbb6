"""Names of files, which are UTF-8 on the disk whatever the locale of the program.

A title or a value of the config is text; a path is what Python makes of a name's bytes in the locale. Under UTF-8
both are the same string; under Latin-1 or C they are not, and a name with other letters could not be asked for.
"""

from __future__ import annotations

import os
from pathlib import Path


def native(name: str) -> str:
    """The text as Python wants it in a path, so that its bytes on the disk are UTF-8."""
    return os.fsdecode(name.encode("utf-8", "surrogateescape"))


def as_text(path: Path) -> str:
    """The text whose `native` is this path."""
    return os.fsencode(path).decode("utf-8", "surrogateescape")
