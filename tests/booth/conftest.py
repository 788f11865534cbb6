"""Fixtures: the box that most of these tests use, a systemd, and a switch for hanging parts."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from piboothup import status
from piboothup.booth import control, device_start, service
from tests.support.booth import Box
from tests.support.systemd import Systemd


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Box]:
    """Box whose service is not started yet; stopped with the test."""
    monkeypatch.setattr(service, "_HOUSEKEEPING_S", 0.05)  # nobody waits a second for each round
    monkeypatch.setattr(control, "POLL_S", 0.05)
    monkeypatch.setattr(device_start, "HEAD_START_S", 0.05)  # nor ten of them beside a camera that hangs
    monkeypatch.setattr(service, "_STATUS_S", 0.05)
    monkeypatch.setattr(
        status, "STALE_S", 3600.0
    )  # what a test has the uploader say holds, however slow this machine is
    made = Box(tmp_path)
    yield made
    made.stop()


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Systemd]:
    """systemd's end of the notify socket, for every service started from now on."""
    made = Systemd(tmp_path / "notify")
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    yield made
    made.close()


@pytest.fixture
def held() -> Iterator[threading.Event]:
    """Event that hanging parts wait for; set at the end, so that no thread outlives its test."""
    event = threading.Event()
    yield event
    event.set()
