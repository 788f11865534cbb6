"""Fixtures of the uploader's tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from piboothup import status
from piboothup.uploader import service
from piboothup.uploader.transport import client
from tests.support.deadline import PATIENCE_S
from tests.support.limits import FAR_S
from tests.support.uploader import Desk


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lengthen the real-time limits: on a slow machine no thread is stuck, no portal unreachable, no status stale.

    A stop waits for no answer, unless that is what is tested.
    """
    monkeypatch.setattr(status, "STALE_S", FAR_S)
    monkeypatch.setattr(service, "_STOP_TIMEOUT_S", PATIENCE_S / 2)
    monkeypatch.setattr(service, "_ANSWER_TIMEOUT_S", 0.0)
    monkeypatch.setattr(client, "_SIGN_IN_CONNECT_S", FAR_S)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """Spool, EventPics and clocks; the uploader is not started."""
    made = Desk(tmp_path)
    yield made
    made.end()
