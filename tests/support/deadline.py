"""Deadline of waits for events that must come.

Far beyond the slowness of any machine, however busy: such a wait asserts that the event comes, never how soon. A
shorter limit is used only where its expiry is the expected result.
"""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE_S = 300.0


def until(fits: Callable[[], object]) -> None:
    """Poll for a condition that nothing announces."""
    end_s = time.monotonic() + PATIENCE_S
    while not fits():
        assert time.monotonic() < end_s, "it does not come"
        time.sleep(0.005)
