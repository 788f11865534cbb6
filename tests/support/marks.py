"""Pytest plugin that fails each test that starts a process without the mark `process`, and marks as `slow` each one
that starts a whole service.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

SERVICES = {"tests/booth/": "box", "tests/uploader/": "desk"}
"""Fixture that is a whole service with its threads, by folder."""


class Starts:
    """Number of started processes."""

    def __init__(self) -> None:
        self._count = 0

    def watch(self, patch: pytest.MonkeyPatch) -> None:
        """Start counting."""
        start = subprocess.Popen.__init__

        def counted(process: subprocess.Popen[Any], *given: Any, **named: Any) -> None:
            self._count += 1
            start(process, *given, **named)

        patch.setattr(subprocess.Popen, "__init__", counted)

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Mark what starts a service."""
        for item in items:
            fixtures = getattr(item, "fixturenames", ())
            if any(item.nodeid.startswith(folder) and fixture in fixtures for folder, fixture in SERVICES.items()):
                item.add_marker(pytest.mark.slow)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Iterator[None]:
        """Run the test and check the count."""
        before = self._count
        yield
        is_lab = item.nodeid.startswith("tests/lab/")  # they are left out anyway
        if self._count > before and not is_lab and item.get_closest_marker("process") is None:
            pytest.fail("it starts a process and is not marked so: @pytest.mark.process", pytrace=False)


def pytest_configure(config: pytest.Config) -> None:
    """Register the plugin; called by pytest at its start."""
    starts, patch = Starts(), pytest.MonkeyPatch()
    config.add_cleanup(patch.undo)
    starts.watch(patch)
    config.pluginmanager.register(starts, "process-starts")
