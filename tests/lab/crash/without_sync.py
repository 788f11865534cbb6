"""`python -m tests.lab.crash.without_sync ...` runs `piboothup ...` without the sync of files.

It proves that the crash lab can fail.
"""

from __future__ import annotations

import os
import stat
import sys
from types import SimpleNamespace

from piboothup import cli
from piboothup.spool import durable


def _of_folders_only(descriptor: int) -> None:
    if stat.S_ISDIR(os.fstat(descriptor).st_mode):
        os.fsync(descriptor)


if __name__ == "__main__":
    vars(durable)["os"] = SimpleNamespace(**{**vars(os), "fsync": _of_folders_only})
    sys.exit(cli.main())
