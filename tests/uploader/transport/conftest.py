"""Transport and photo of these tests."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from pathlib import Path

import pytest

from piboothup.uploader.transport.client import Transport
from tests.support.clock import HandClock
from tests.support.limits import FAR


@pytest.fixture
def transport() -> Iterator[Transport]:
    with contextlib.closing(Transport(HandClock(), plain_http=True, limits=FAR)) as made:
        yield made


@pytest.fixture
def photo(tmp_path: Path) -> Iterator[io.BufferedReader]:
    (tmp_path / "photo.jpg").write_bytes(b"x" * 300_000)
    with (tmp_path / "photo.jpg").open("rb") as file:
        yield file
