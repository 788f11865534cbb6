"""The desk that these tests work at."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.uploader.desk import Desk


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """Everything there, the uploader not started."""
    made = Desk(tmp_path)
    yield made
    made.end()
