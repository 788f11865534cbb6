"""A pytest plugin that holds the mark `process` against what tests do: who starts one without the mark fails."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from typing import Any

import pytest


class Starts:
    """How many processes were started."""

    def __init__(self) -> None:
        self._count = 0

    def watch(self, patch: pytest.MonkeyPatch) -> None:
        """Counts from here on."""
        start = subprocess.Popen.__init__

        def counted(process: subprocess.Popen[Any], *given: Any, **named: Any) -> None:
            self._count += 1
            start(process, *given, **named)

        patch.setattr(subprocess.Popen, "__init__", counted)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Iterator[None]:
        """Runs the test."""
        before = self._count
        yield
        is_lab = item.nodeid.startswith("tests/lab/")  # they are left out anyway
        if self._count > before and not is_lab and item.get_closest_marker("process") is None:
            pytest.fail("it starts a process and is not marked so: @pytest.mark.process", pytrace=False)


def pytest_configure(config: pytest.Config) -> None:
    """Called by pytest at its start."""
    starts, patch = Starts(), pytest.MonkeyPatch()
    config.add_cleanup(patch.undo)
    starts.watch(patch)
    config.pluginmanager.register(starts, "process-starts")
