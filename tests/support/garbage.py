"""Pytest plugin that leaves what exists before the first test out of garbage collection, for all of the tests.

The booth freezes and unfreezes what is its own: that would take in the hundred thousands of objects of pytest and of
the collected tests, and each later search for garbage would go through them.
"""

from __future__ import annotations

import gc

import pytest


class Garbage:
    """What is frozen: the objects before the first test, and those that a test has frozen since."""

    def __init__(self) -> None:
        self._freeze, self._unfreeze = gc.freeze, gc.unfreeze
        self._has_frozen_more = False

    def watch(self, patch: pytest.MonkeyPatch) -> None:
        """Disable garbage collection until the first test, and keep watch over what is unfrozen."""
        gc.disable()
        patch.setattr(gc, "freeze", self._freeze_more)
        patch.setattr(gc, "unfreeze", self._unfreeze_more)

    def _freeze_more(self) -> None:
        self._freeze()
        self._has_frozen_more = True

    def _unfreeze_more(self) -> None:
        if self._has_frozen_more:
            self._unfreeze()

    def pytest_collection_finish(self) -> None:
        """Freeze all objects, before the first test."""
        gc.collect()
        self._freeze()
        gc.enable()

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_teardown(self) -> None:
        """Freeze them again after a test that has frozen more, and maybe unfrozen all."""
        if self._has_frozen_more:
            self._unfreeze()
            gc.collect()
            self._freeze()
            self._has_frozen_more = False


def pytest_configure(config: pytest.Config) -> None:
    """Register the plugin; called by pytest at its start."""
    garbage, patch = Garbage(), pytest.MonkeyPatch()
    config.add_cleanup(patch.undo)
    garbage.watch(patch)
    config.pluginmanager.register(garbage, "garbage")
