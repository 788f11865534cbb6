"""Configuration of all tests: plugins, temporary folders in memory, order, and the list of excluded labs."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from pathlib import Path

import pytest

pytest_plugins = ["tests.support.canary", "tests.support.garbage", "tests.support.marks"]

MEMORY = "/dev/shm"  # noqa: S108  (pytest and tempfile make folders of their own in it)
NEEDED_BYTES = 1024**3


def pytest_configure(config: pytest.Config) -> None:
    """Configure this process and its children."""
    patch = pytest.MonkeyPatch()
    config.add_cleanup(patch.undo)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # under nohup(1) the commands would outlive their terminals, rightly
    _keep_what_is_compiled(patch)
    _put_temporary_folders_into_memory(patch)


def _keep_what_is_compiled(patch: pytest.MonkeyPatch) -> None:
    """Keep compiled modules beside their source, even where the environment forbids it.

    Else hundreds of commands would compile the same modules anew, and each worker of pytest-xdist the tests.
    """
    patch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    patch.setattr(sys, "dont_write_bytecode", False)


def _put_temporary_folders_into_memory(patch: pytest.MonkeyPatch) -> None:
    """Put temporary folders into memory where there is room.

    These tests sync thousands of files, and a busy disk delays each. The crash lab tests what a real disk keeps.
    """
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
    """Workers of `-n auto`: two per core, as many tests wait for processes and threads. Each costs a collection."""
    return 2 * len(os.sched_getaffinity(0))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let each worker begin with tests that start processes, the slow ones first: they wait while others compute.

    pytest-xdist's `worksteal` gives each worker one block of the list.
    """
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    waiting = [item for item in items if item.get_closest_marker("process")]
    waiting.sort(key=lambda item: item.get_closest_marker("slow") is None)
    computing = [item for item in items if not item.get_closest_marker("process")]
    total, items[:] = len(items), []
    for worker in range(workers):
        begin = waiting[worker::workers]
        count = total * (worker + 1) // workers - len(items) - len(begin)
        items += begin + computing[:count]
        del computing[:count]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the labs that can be run besides."""
    labs = sorted(path.parent.name for path in Path(__file__).parent.glob("lab/*/run"))
    paths = ", ".join(f"tests/lab/{name}/run" for name in labs)
    terminalreporter.write_line(
        f"SKIPPED here, as they bring tools and servers of others: {paths} (.ci/run runs them)"
    )
