"""Folders that this process may not enter, for root too."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def no_entry(folder: Path) -> Iterator[None]:
    """Take away every right to the folder; root is nobody meanwhile, as it may enter any."""
    is_root = os.geteuid() == 0
    mode = folder.stat().st_mode & 0o7777
    folder.chmod(0)
    if is_root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)
        folder.chmod(mode)
