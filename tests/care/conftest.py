"""A box on which nothing is wrong, for each test to break."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.care.raspberry import Raspberry


@pytest.fixture(scope="session")
def libraries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with the libraries that only a Pi has; they can't be imported here, and need not be."""
    site = tmp_path_factory.mktemp("site")
    for name in ("picamera2", "lgpio"):
        (site / name).mkdir()
        (site / name / "__init__.py").write_text("raise AssertionError('imported')\n")
    return site


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, libraries: Path) -> Raspberry:
    """A box that has these libraries."""
    monkeypatch.setattr(sys, "path", [str(libraries), *sys.path])  # `syspath_prepend` has all paths read anew
    return Raspberry(tmp_path)
