"""What holds for every test: the canary listens, marks are true, temporary folders lie in memory, and the labs are
named that a plain run leaves out."""

from __future__ import annotations

import gc
import os
import sys
import tempfile
from pathlib import Path

import pytest

pytest_plugins = ["tests.support.canary", "tests.support.marks"]

MEMORY = "/dev/shm"  # noqa: S108  (pytest and tempfile make folders of their own in it)
NEEDED_BYTES = 1024**3


def pytest_configure(config: pytest.Config) -> None:
    """What holds for this process and all that it starts."""
    patch = pytest.MonkeyPatch()
    config.add_cleanup(patch.undo)
    _keep_what_is_compiled(patch)
    _put_temporary_folders_into_memory(patch)


def _keep_what_is_compiled(patch: pytest.MonkeyPatch) -> None:
    """Python keeps it beside the source, as ever: hundreds of commands would compile the same modules anew, and each
    worker of pytest-xdist the tests, wherever the environment forbids it."""
    patch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    patch.setattr(sys, "dont_write_bytecode", False)


def _put_temporary_folders_into_memory(patch: pytest.MonkeyPatch) -> None:
    """Puts temporary folders into memory where there is room: these tests sync thousands of files, and a disk that is
    busy with something else lets each of them wait. What a real disk keeps is the crash lab's subject."""
    if not os.path.ismount(MEMORY) or not os.access(MEMORY, os.W_OK):
        return
    found = os.statvfs(MEMORY)
    if found.f_flag & os.ST_NOEXEC or found.f_bavail * found.f_frsize < NEEDED_BYTES:
        return
    patch.setenv("PYTEST_DEBUG_TEMPROOT", MEMORY)
    patch.setenv("TMPDIR", MEMORY)
    patch.setattr(tempfile, "tempdir", MEMORY)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """`-n auto`: two for each core, as many tests wait for processes of theirs."""
    return 2 * len(os.sched_getaffinity(0))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Those that start processes come first: they wait, while those that only think share the cores."""
    items.sort(key=lambda item: item.get_closest_marker("process") is None)


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
