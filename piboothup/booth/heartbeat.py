"""A thread's signs of life, for the watchdog: when it last turned, and for how long it may be silent since.

A camera, a bus or a card may take its time and come back by itself, and a thread that waits for work has nothing to
say: neither is stuck. A thread that dies at its work is silent from then on. Beats on its own thread, is asked on
others; neither ever waits.
"""

from __future__ import annotations

from piboothup.spool.clock import Clock

FOR_EVER_NS = 1 << 62
"""While there is no work."""
CARD_LIMIT_NS = 120_000_000_000
"""A card that hangs for half a minute comes back by itself, and the panel asks for patience; after two minutes a new
process may fare better."""


class Heartbeat:
    """Of one thread."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.beat()

    def beat(self, silent_ns: int = 0) -> None:
        """A sign of life; the thread counts as alive for so long from now on, whatever it waits for."""
        self._sign = self._clock.boottime_ns(), silent_ns

    def last_ns(self) -> int:
        """Boot-time of the last sign of life: now, while it may be silent."""
        (beat_ns, silent_ns), now_ns = self._sign, self._clock.boottime_ns()
        return now_ns if now_ns - beat_ns < silent_ns else beat_ns
