"""A box on which nothing is wrong, for each test to break."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.care.raspberry import Raspberry


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Raspberry:
    """A box; the libraries that only a Pi has can't be imported here, and need not be."""
    site = tmp_path / "site"
    for name in ("picamera2", "lgpio"):
        (site / name).mkdir(parents=True)
        (site / name / "__init__.py").write_text("raise AssertionError('imported')\n")
    monkeypatch.syspath_prepend(str(site))
    return Raspberry(tmp_path)
