"""How long a test waits for what must come, before it calls it missing.

Far beyond the slowness of any machine, however busy: such a wait promises that something comes, never how soon. A
shorter limit has its place only where its end is what the test wants.
"""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE_S = 300.0


def until(fits: Callable[[], object]) -> None:
    """Waits for what nothing announces."""
    end_s = time.monotonic() + PATIENCE_S
    while not fits():
        assert time.monotonic() < end_s, "it does not come"
        time.sleep(0.005)
