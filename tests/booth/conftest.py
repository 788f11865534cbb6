"""The box that most of these tests play with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from piboothup import status
from piboothup.booth import service
from tests.booth.box import Box


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Box]:
    """A box whose service is not started yet, and is ended with the test."""
    monkeypatch.setattr(service, "_HOUSEKEEPING_S", 0.05)  # nobody waits a second for each round
    monkeypatch.setattr(
        status, "STALE_S", 3600.0
    )  # what a test has the uploader say holds, however slow this machine is
    made = Box(tmp_path)
    yield made
    made.stop()
