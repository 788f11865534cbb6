"""The desk that these tests work at."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from piboothup.uploader import service
from tests.uploader.desk import Desk


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread that this machine is slow to run is none that can't be cut."""
    monkeypatch.setattr(service, "_STOP_S", 60.0)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """Everything there, the uploader not started."""
    made = Desk(tmp_path)
    yield made
    made.end()
