"""The desk that these tests work at."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from piboothup.uploader import service, transport
from tests.uploader.desk import Desk
from tests.uploader.patience import FAR_S, PATIENCE_S


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread that this machine is slow to run is none that can't be cut, and a portal no server far away."""
    monkeypatch.setattr(service, "_STOP_S", PATIENCE_S / 2)
    monkeypatch.setattr(transport, "_PORTAL_CONNECT_S", FAR_S)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """Everything there, the uploader not started."""
    made = Desk(tmp_path)
    yield made
    made.end()
