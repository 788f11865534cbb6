"""Viewfinder of a countdown on the real camera stack: every frame of it is shown."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.camera.harness import FULL
from tests.lab.camera.viewfinder_harness import ViewfinderHarness

ENOUGH_FRAMES = 10
"""Lower limit of a countdown's frames: usually 45, on a busy machine a few."""


@pytest.fixture
def finder(tmp_path: Path) -> Iterator[ViewfinderHarness]:
    made = ViewfinderHarness(tmp_path, FULL, patient=True)
    yield made
    made.stop()


def test_every_frame_of_a_countdown_has_itself_drawn(finder: ViewfinderHarness) -> None:
    frames = 0
    for _ in range(5):
        seen = finder.count_down()
        assert (seen.lost, seen.excused) == (0, 0)
        frames += seen.frames
        if frames >= ENOUGH_FRAMES:
            return
    pytest.fail(f"{frames} frames were drawn in five countdowns")
