"""Backoff, jitter and circuit breaker: pure rules; time and random numbers are given.

Full jitter (a random part of a doubling limit) keeps twenty booths that got their power back together from asking
together. A fixed wait (the server's Retry-After, an hour, a minute) is spread too, for the same reason.
Every time is on the boot-time clock: no step of the wall clock makes a URL old or a wait endless.
"""

from __future__ import annotations

from collections.abc import Callable

from piboothup.records import dataclass

SECOND_NS = 1_000_000_000
MAX_BACKOFF_S = 30.0
"""Longest backoff of the link, seconds."""
NETWORK_PROBE_S = 1.5
"""Longest time between two probes without a network, seconds: they reach no server, so they burden none."""
URL_FRESH_S = 240.0
"""Age up to which an upload URL is used, seconds. The vendor says about 300; a PUT has a minute to begin."""

RandomFn = Callable[[], float]
"""Random number from 0 up to 1, as of random.random."""


def full_jitter_s(failures: int, random_fn: RandomFn, cap_s: float = MAX_BACKOFF_S) -> float:
    """Wait after that many failures in a row, seconds: 0 to 1, 0 to 2, 0 to 4 … 0 to `cap_s`."""
    doublings = min(max(failures - 1, 0), 32)
    return min(cap_s, 2.0**doublings) * random_fn()


def jitter_s(wait_s: float, random_fn: RandomFn) -> float:
    """`wait_s` with +-25 % jitter."""
    return wait_s * (0.75 + 0.5 * random_fn())


def cooldown_s(cooldowns: int) -> float:
    """Wait of a refused photo or event, seconds: 1, 2, 4 … 10 minutes."""
    return float(min(600, 60 * 2 ** min(cooldowns - 1, 8)))


def network_probe_s(random_fn: RandomFn) -> float:
    """Time between two probes without a network, with jitter, seconds."""
    return NETWORK_PROBE_S * (0.5 + 0.5 * random_fn())


def is_fresh(asked_ns: int, now_ns: int) -> bool:
    """Whether an upload URL that was asked for at `asked_ns` may still be used."""
    return now_ns - asked_ns < URL_FRESH_S * SECOND_NS


@dataclass
class CircuitBreaker:
    """Circuit breaker of the link to EventPics, for all workers.

    Closed: photos are sent. Open: only `geteventsandalbums` is called, until it succeeds. In both states nothing is
    called before `not_before_ns`.
    """

    random: RandomFn
    closed: bool = False
    failures: int = 0
    """In a row, since a photo was sent."""
    not_before_ns: int = 0
    _closed_ns: int = 0
    _connected_ns: int = 0

    def close(self, now_ns: int) -> None:
        """Let photos be sent: EventPics answered."""
        if not self.closed:
            self.closed, self._closed_ns = True, now_ns

    def back_off(self, now_ns: int, at_least_s: float | None = None, cap_s: float = MAX_BACKOFF_S) -> None:
        """Let everything wait for a backoff and the server's Retry-After: a call failed, but there is a link."""
        self.failures += 1
        asked_s = (at_least_s or 0.0) * (1 + 0.25 * self.random())
        self._wait(now_ns, full_jitter_s(self.failures, self.random, cap_s=cap_s) + asked_s)

    def trip(self, now_ns: int, wait_s: float | None = None, cap_s: float = MAX_BACKOFF_S) -> None:
        """Let only a probe be made, after `wait_s` or a backoff: the link is gone, or refused."""
        if self.closed:
            self._connected_ns += now_ns - self._closed_ns
        self.closed = False
        self.failures += 1
        jittered_s = full_jitter_s(self.failures, self.random, cap_s=cap_s)
        self._wait(now_ns, jittered_s if wait_s is None else wait_s)

    def probe_now(self, now_ns: int) -> None:
        """End the wait."""
        self.failures = 0
        self.not_before_ns = now_ns

    def _wait(self, now_ns: int, wait_s: float) -> None:
        """Extend the wait; never shorten one that the server asked for."""
        self.not_before_ns = max(self.not_before_ns, now_ns + int(wait_s * SECOND_NS))

    def connected_s(self, now_ns: int) -> float:
        """Seconds for which the breaker was closed since the start, in all."""
        spell_ns = now_ns - self._closed_ns if self.closed else 0
        return (self._connected_ns + spell_ns) / SECOND_NS
