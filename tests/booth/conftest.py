"""The box that most of these tests play with, and what it may hang on or speak to."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from piboothup import status
from piboothup.booth import control, service
from tests.support.booth import Box
from tests.support.systemd import Systemd


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Box]:
    """A box whose service is not started yet, and is ended with the test."""
    monkeypatch.setattr(service, "_HOUSEKEEPING_S", 0.05)  # nobody waits a second for each round
    monkeypatch.setattr(control, "POLL_S", 0.05)
    monkeypatch.setattr(service, "_STATUS_S", 0.05)
    monkeypatch.setattr(
        status, "STALE_S", 3600.0
    )  # what a test has the uploader say holds, however slow this machine is
    made = Box(tmp_path)
    yield made
    made.stop()


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Systemd]:
    """It listens to every service that is started from now on."""
    made = Systemd(tmp_path / "notify")
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    yield made
    made.close()


@pytest.fixture
def held() -> Iterator[threading.Event]:
    """What a hanging part waits for; let go at the end, so that no thread outlives its test."""
    event = threading.Event()
    yield event
    event.set()
