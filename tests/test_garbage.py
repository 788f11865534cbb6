"""What pytest keeps stays out of garbage collection, whatever the booth freezes and unfreezes."""

from __future__ import annotations

import gc

import pytest

pytestmark = pytest.mark.slow


def test_what_exists_before_the_first_test_stays_frozen() -> None:
    before = gc.get_freeze_count()
    gc.unfreeze()  # as the camera's driver does whenever it opens the camera again
    assert 10_000 < before - 1_000 < gc.get_freeze_count()


def test_what_a_test_freezes_is_unfrozen() -> None:
    kept = [[number] for number in range(100)]
    gc.freeze()
    gc.unfreeze()
    assert {*map(id, kept)} <= {*map(id, gc.get_objects())}
