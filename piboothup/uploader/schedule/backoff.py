"""When to try again, and how many photos at a time: pure rules, with time and chance given from outside.

Full jitter (a random part of a doubling limit) keeps twenty booths that got their power back together from asking
together. A wait that somebody fixed (the server's Retry-After, an hour, a minute) is spread too, for the same reason.
 Every time is on the boot-time clock: no step of the wall clock makes a URL old or a wait endless.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

SECOND_NS = 1_000_000_000
MAX_BACKOFF_S = 30.0
NETWORK_PROBE_S = 1.5
"""Longest time from one look for a network to the next. A look that reaches nobody is a burden to nobody."""
FAST_BPS = 4_000_000
"""From here on more than one photo at a time: the waiting of one is filled with the sending of another."""
SLOW_BPS = 2_000_000
"""Below it one at a time: two would halve each other, and the newest would arrive later."""
URL_FRESH_S = 240.0
"""The vendor says about 300 s; a PUT that starts within this has a minute to begin."""

RandomFn = Callable[[], float]
"""A number from 0 up to 1, as random.random gives it."""


def full_jitter_s(failures: int, random_fn: RandomFn, base_s: float = 1.0, cap_s: float = MAX_BACKOFF_S) -> float:
    """Seconds to wait after that many failures in a row: 0 to base, 0 to 2 base, … 0 to `cap_s`."""
    doublings = min(max(failures - 1, 0), 32)
    return float(min(cap_s, base_s * 2**doublings)) * random_fn()


def jitter_s(wait_s: float, random_fn: RandomFn) -> float:
    """The wait, a quarter less up to a quarter more."""
    return wait_s * (0.75 + 0.5 * random_fn())


def cooldown_s(cooldowns: int) -> float:
    """Seconds until something that was refused is shown again, rest by rest: 1, 2, 4 … 10 minutes."""
    return float(min(600, 60 * 2 ** min(cooldowns - 1, 8)))


def network_probe_s(random_fn: RandomFn) -> float:
    """Seconds from one look for a network, which reached nobody, to the next."""
    return NETWORK_PROBE_S * (0.5 + 0.5 * random_fn())


def parallel_uploads(rate_bps: float | None, before: int, max_parallel: int) -> int:
    """How many photos may be on their way together at this rate; None = not measured yet.

    Between slow and fast it stays as it was `before`, so that a link in the middle does not go to and fro.
    """
    if rate_bps is None or rate_bps < SLOW_BPS:
        return 1
    return max_parallel if rate_bps >= FAST_BPS else min(before, max_parallel)


def is_fresh(asked_ns: int, now_ns: int) -> bool:
    """Whether an upload URL that was asked for at `asked_ns` may still be used."""
    return now_ns - asked_ns < URL_FRESH_S * SECOND_NS


@dataclass
class CircuitBreaker:
    """The link to EventPics as one fuse for all workers.

    Closed: photos flow. Broken: only `geteventsandalbums` is tried, until it closes the circuit again. Either way
    nothing is tried before `not_before_ns`.
    """

    random: RandomFn
    closed: bool = False
    failures: int = 0
    not_before_ns: int = 0
    _closed_ns: int = 0
    _connected_ns: int = 0

    def close(self, now_ns: int) -> None:
        """EventPics answered: photos may flow."""
        if not self.closed:
            self.closed, self._closed_ns = True, now_ns

    def record_success(self) -> None:
        """A photo arrived: whatever failed before is over."""
        self.failures = 0

    def back_off(self, now_ns: int, at_least_s: float | None = None, cap_s: float = MAX_BACKOFF_S) -> None:
        """Something failed, but the link is there: everything waits a little, on top of what the server asks for."""
        self.failures += 1
        asked_s = (at_least_s or 0.0) * (1 + 0.25 * self.random())
        self._wait(now_ns, full_jitter_s(self.failures, self.random, cap_s=cap_s) + asked_s)

    def trip(self, now_ns: int, wait_s: float | None = None, cap_s: float = MAX_BACKOFF_S) -> None:
        """The link is gone or refused: nothing but a new look after `wait_s`, or after a jittered while."""
        if self.closed:
            self._connected_ns += now_ns - self._closed_ns
        self.closed = False
        self.failures += 1
        jittered_s = full_jitter_s(self.failures, self.random, cap_s=cap_s)
        self._wait(now_ns, jittered_s if wait_s is None else wait_s)

    def probe_now(self, now_ns: int) -> None:
        """Somebody asked: no waiting."""
        self.failures = 0
        self.not_before_ns = now_ns

    def _wait(self, now_ns: int, wait_s: float) -> None:
        """Nothing shortens a wait that the server asked for."""
        self.not_before_ns = max(self.not_before_ns, now_ns + int(wait_s * SECOND_NS))

    def connected_s(self, now_ns: int) -> float:
        """How long the circuit has been closed since the start, all spells together."""
        spell_ns = now_ns - self._closed_ns if self.closed else 0
        return (self._connected_ns + spell_ns) / SECOND_NS
