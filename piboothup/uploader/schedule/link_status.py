"""How the line to EventPics stands: what is wrong, how fast it goes, and both as one value for the status.

Not safe for threads by itself: its owner holds a lock.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from piboothup.problems import Problem, problem
from piboothup.spool.contexts import Context
from piboothup.spool.event_titles import Event
from piboothup.status import UploaderState
from piboothup.uploader.outcomes import Decision, Outcome
from piboothup.uploader.schedule.backoff import SECOND_NS, parallel_uploads
from piboothup.uploader.schedule.photo_queue import ContextHold

log = logging.getLogger(__name__)

_LINK_PROBLEMS = {
    Outcome.TLS: "tls_refused",
    Outcome.TLS_DATE: "tls_refused",
    Outcome.DNS: "no_network",
    Outcome.CONNECT: "no_network",
    Outcome.TIMEOUT: "no_network",
    Outcome.RESET: "no_network",
}
_HOLD_REASONS = ("no_event", "event_gone", "event_refused", "server_trouble")

_DECAY = 0.7
"""How much of the past counts, photo by photo."""


def link_problem(decision: Decision, outcome: Outcome) -> tuple[UploaderState, Problem]:
    """What keeps photos from flowing after this answer, or its absence: the state to show, and what to tell."""
    if decision is Decision.PAUSE_ALL:
        return UploaderState.REFUSED, problem("key_refused")
    if decision is Decision.PORTAL:
        return UploaderState.PORTAL, problem("portal")
    if decision is Decision.BLOCKED:
        return UploaderState.OFFLINE, problem("blocked")
    if (code := _LINK_PROBLEMS.get(outcome)) is not None:
        return UploaderState.OFFLINE, problem(code)
    return UploaderState.OFFLINE, problem("server_trouble", describe(outcome))


def describe(outcome: Outcome) -> str:
    """What came, in words that a person reads."""
    return outcome.value.replace("_", " ")


@dataclass(frozen=True)
class StatusSnapshot:
    """The line at one moment, for the status."""

    state: UploaderState
    problems: tuple[Problem, ...]
    waiting: Counter[Context]
    sent: Counter[Context]
    events: tuple[Event, ...] | None
    rate_bps: int | None
    eta_s: int | None
    last_success_ns: int | None


@dataclass
class LinkStatus:
    """What keeps photos from flowing, if anything."""

    paused: bool
    refused_config: bool
    storage_problem: Problem | None = None
    """Why the spool would forget at power-off what was sent, so that all would be sent again."""
    damaged: int = 0
    """So many photos were quarantined since the start."""
    listing_incomplete: bool = False
    """There are folders that the card does not give."""
    _problem: tuple[UploaderState, Problem] | None = None
    _outlasts_probes: bool = False

    @property
    def sends_nothing(self) -> bool:
        """Whether nothing may be sent or asked for, whatever the network is like."""
        return self.paused or self.refused_config or self.storage_problem is not None

    def set_problem(self, state: UploaderState, reason: Problem, *, outlasts_probes: bool = False) -> None:
        """Something is wrong with the link or behind it. `outlasts_looks`: only a photo can show that it is over."""
        if self._problem != (state, reason):
            log.warning("link state=%s reason=%s", state, reason.code)
        self._problem, self._outlasts_probes = (state, reason), outlasts_probes

    def clear_problem(self, *, photos_waiting: bool = False) -> None:
        """Whatever was wrong with the link is over; if `photos_flow`, but for what they will show to be over."""
        if self._problem is not None and not (photos_waiting and self._outlasts_probes):
            log.info("link state=ok before=%s", self._problem[0])
            self._problem = None

    def state(self, busy: int, *, all_refused: bool = False) -> UploaderState:
        """The state to show. `busy`: so many photos are on their way; `all_refused`: the server takes none at all."""
        if self.refused_config or self.storage_problem is not None:
            return UploaderState.REFUSED
        if self.paused:
            return UploaderState.PAUSED
        if self._problem is not None:
            return self._problem[0]
        if all_refused:
            return UploaderState.REFUSED
        return UploaderState.UPLOADING if busy else UploaderState.IDLE

    def problems(
        self, held: Collection[ContextHold], *, refused_again: bool, unreadable: bool, hit_defect: bool
    ) -> Iterator[Problem]:
        """What a person should know, the gravest first; nothing twice. `refused_again`: a photo was, and waits;
        `met_defect`: a photo waits because of a mistake of our own.
        """
        if self.refused_config:
            yield problem("bad_config")
        if self.storage_problem is not None:
            yield self.storage_problem
        if self.paused:
            yield problem("paused")
        found = {} if self._problem is None else {self._problem[1].code: self._problem[1]}
        for hold in sorted(held, key=lambda hold: _HOLD_REASONS.index(hold.reason)):
            found.setdefault(hold.reason, problem(hold.reason, hold.detail))
        if refused_again:
            found.setdefault("server_trouble", problem("server_trouble", "it refuses a photo"))
        if hit_defect:
            found.setdefault("uploader_defect", problem("uploader_defect"))
        yield from found.values()
        if self.damaged:
            yield problem("photo_damaged")
        if unreadable or self.listing_incomplete:
            yield problem("photo_unreadable")


@dataclass
class TransferStats:
    """What arrived since the start, and how fast the link is."""

    max_parallel: int = 1
    """Never more photos at a time."""
    parallel: int = 1
    sent: Counter[Context] = field(default_factory=Counter)
    """How many photos went where."""
    last_success_ns: int | None = None
    _bytes: float = 0.0
    _photos: float = 0.0
    _busy_ns: float = 0.0

    def record_sent(self, context: Context, size_bytes: int, took_ns: int, now_ns: int) -> None:
        """The album has one more. `took_ns`: from its first call on, other photos being on their way or not."""
        self.sent[context] += 1
        since_ns = took_ns if self.last_success_ns is None else now_ns - self.last_success_ns
        self._bytes = _DECAY * self._bytes + size_bytes
        self._photos = _DECAY * self._photos + 1
        self._busy_ns = _DECAY * self._busy_ns + max(1, min(took_ns, since_ns))
        self.last_success_ns = now_ns
        self.parallel = parallel_uploads(self.rate_bps, self.parallel, self.max_parallel)

    def forget_rate(self) -> None:
        """The link was lost: the next one may be another."""
        self._bytes = self._photos = self._busy_ns = 0.0
        self.parallel = 1

    @property
    def rate_bps(self) -> int | None:
        """Bits a second while photos were on their way, the last ones counting most; None when not measured yet."""
        return round(self._bytes * 8 * SECOND_NS / self._busy_ns) if self._busy_ns else None

    def eta_s(self, waiting: int) -> int | None:
        """How long so many photos will take."""
        return round(waiting * self._busy_ns / self._photos / SECOND_NS) if self._photos and waiting else None
