"""What holds for every test: the canary listens, temporary folders lie in memory, and the labs are named that a plain
run leaves out."""

from __future__ import annotations

import gc
import os
import tempfile
from pathlib import Path

import pytest

pytest_plugins = ["tests.support.canary"]

MEMORY = "/dev/shm"  # noqa: S108  (pytest and tempfile make folders of their own in it)
NEEDED_BYTES = 1024**3


def pytest_configure(config: pytest.Config) -> None:
    """Puts temporary folders into memory where there is room: these tests sync thousands of files, and a disk that is
    busy with something else lets each of them wait. What a real disk keeps is the crash lab's subject."""
    if not os.path.ismount(MEMORY) or not os.access(MEMORY, os.W_OK):
        return
    found = os.statvfs(MEMORY)
    if found.f_flag & os.ST_NOEXEC or found.f_bavail * found.f_frsize < NEEDED_BYTES:
        return
    patch = pytest.MonkeyPatch()
    config.add_cleanup(patch.undo)
    patch.setenv("PYTEST_DEBUG_TEMPROOT", MEMORY)
    patch.setenv("TMPDIR", MEMORY)
    patch.setattr(tempfile, "tempdir", MEMORY)


def pytest_collection_finish() -> None:
    """What is there before the first test stays: no search for garbage has to walk through it again."""
    gc.collect()
    gc.freeze()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Says what else there is to run."""
    labs = sorted(path.parent.name for path in Path(__file__).parent.glob("lab/*/run"))
    told = ", ".join(f"tests/lab/{name}/run" for name in labs)
    terminalreporter.write_line(
        f"SKIPPED here, as they bring tools and servers of others: {told} (.ci/run runs them)"
    )
