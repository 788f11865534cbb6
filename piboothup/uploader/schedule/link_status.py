"""The link to EventPics as the status shows it: its problem, its rate, and both as one value."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Collection, Iterator

from piboothup.problems import Problem, problem
from piboothup.records import dataclass, field
from piboothup.spool.contexts import Context
from piboothup.spool.event_titles import AlbumEvent
from piboothup.status import UploaderState
from piboothup.uploader.outcomes import Decision, Outcome
from piboothup.uploader.schedule.attempts import AttemptHistory
from piboothup.uploader.schedule.backoff import SECOND_NS
from piboothup.uploader.schedule.photo_queue import ContextHold

log = logging.getLogger(__name__)

_BY_DECISION = {
    Decision.PAUSE_ALL: (UploaderState.REFUSED, "key_refused"),
    Decision.PORTAL: (UploaderState.PORTAL, "portal"),
    Decision.BLOCKED: (UploaderState.OFFLINE, "blocked"),
}
_BY_OUTCOME = {
    **dict.fromkeys((Outcome.TLS, Outcome.TLS_DATE), "tls_refused"),
    Outcome.TLS_ROOTS: "no_roots",
    **dict.fromkeys((Outcome.DNS, Outcome.CONNECT, Outcome.TIMEOUT, Outcome.RESET), "no_network"),
}
_HOLD_REASONS = ("no_event", "event_gone", "event_refused", "server_trouble")

FAST_BPS = 4_000_000
"""Rate from which on several photos are sent at a time, bits per second: one is sent while another waits."""
SLOW_BPS = 2_000_000
"""Rate below which photos are sent one by one, bits per second: two would halve each other's."""
_DECAY = 0.7
"""Weight of the past in the measured rate, per photo."""


def link_problem(decision: Decision, outcome: Outcome) -> tuple[UploaderState, Problem]:
    """The state and the problem to show after this outcome."""
    state, code = _BY_DECISION.get(decision) or (UploaderState.OFFLINE, _BY_OUTCOME.get(outcome, "server_trouble"))
    return state, problem(code, describe(outcome) if code == "server_trouble" else "")


def describe(outcome: Outcome) -> str:
    """The outcome in words for a person."""
    return outcome.value.replace("_", " ")


@dataclass(frozen=True)
class StatusSnapshot:
    """The uploading at one moment, for the status."""

    state: UploaderState
    problems: tuple[Problem, ...]
    waiting: Counter[Context]
    sent: Counter[Context]
    events: tuple[AlbumEvent, ...] | None
    rate_bps: int | None
    eta_s: int | None
    last_success_ns: int | None


@dataclass
class LinkStatus:
    """What keeps photos from being sent, if anything."""

    paused: bool
    refused_config: bool
    storage_problem: Problem | None = None
    """Set when the spool lies in memory: it would forget at power-off what was sent, and all would be sent again."""
    damaged: int = 0
    """Photos quarantined since the start."""
    listing_incomplete: bool = False
    """Some folders of new/ could not be read."""
    _problem: tuple[UploaderState, Problem] | None = None
    _outlasts_probes: bool = False
    is_put_unanswered: bool = False
    """A PUT got no answer at all, and no photo was sent since: the network may let nothing through to the storage."""
    is_storage_silent: bool = False
    """And EventPics has answered a probe since."""

    @property
    def sends_nothing(self) -> bool:
        """Whether nothing may be sent or asked for, whatever the network is like."""
        return self.paused or self.refused_config or self.storage_problem is not None

    def set_problem(self, state: UploaderState, reason: Problem, *, outlasts_probes: bool = False) -> None:
        """Show a problem of the link or behind it. `outlasts_probes`: only a sent photo can show that it is over."""
        if self._problem != (state, reason):
            log.warning("link state=%s reason=%s", state, reason.code)
        self._problem, self._outlasts_probes = (state, reason), outlasts_probes

    def on_probe_success(self, *, photos_waiting: bool) -> None:
        """EventPics answered: clear the problem, unless only a photo can show it over and there is one to send."""
        self.is_storage_silent = self.is_put_unanswered
        if not (photos_waiting and self._outlasts_probes):
            self._clear_problem()

    def on_photo_sent(self) -> None:
        """A photo arrived: clear whatever was wrong with the link."""
        self.is_put_unanswered = self.is_storage_silent = False
        self._clear_problem()

    def _clear_problem(self) -> None:
        if self._problem is not None:
            log.info("link state=ok before=%s", self._problem[0])
            self._problem = None

    def state(self, busy: int, *, all_refused: bool = False) -> UploaderState:
        """The state to show. `busy`: photos on their way; `all_refused`: the server takes none at all."""
        if self.refused_config or self.storage_problem is not None:
            return UploaderState.REFUSED
        if self.paused:
            return UploaderState.PAUSED
        if self._problem is not None:
            return self._problem[0]
        if all_refused:
            return UploaderState.REFUSED
        return UploaderState.UPLOADING if busy else UploaderState.IDLE

    def problems(self, held: Collection[ContextHold], attempts: AttemptHistory) -> Iterator[Problem]:
        """The problems to show, the gravest first, none twice. `held`: the holds of events."""
        if self.refused_config:
            yield problem("bad_config")
        if self.storage_problem is not None:
            yield self.storage_problem
        if self.paused:
            yield problem("paused")
        found = {} if self._problem is None else {self._problem[1].code: self._problem[1]}
        for hold in sorted(held, key=lambda hold: _HOLD_REASONS.index(hold.reason)):
            found.setdefault(hold.reason, problem(hold.reason, hold.detail))
        if attempts.refused_again:
            found.setdefault("server_trouble", problem("server_trouble", "it refuses a photo"))
        if attempts.hit_defect:
            found.setdefault("uploader_defect", problem("uploader_defect"))
        yield from found.values()
        if self.damaged:
            yield problem("photo_damaged")
        if attempts.unreadable or self.listing_incomplete:
            yield problem("photo_unreadable")


def parallel_uploads(rate_bps: float | None, before: int, max_parallel: int) -> int:
    """Photos to send at a time at this rate; None = not measured yet.

    Hysteresis: between slow and fast it stays as it was `before`.
    """
    if rate_bps is None or rate_bps < SLOW_BPS:
        return 1
    return max_parallel if rate_bps >= FAST_BPS else min(before, max_parallel)


@dataclass
class TransferStats:
    """Photos sent since the start, the rate of the link, and how many photos are sent at a time."""

    max_parallel: int = 1
    parallel: int = 1
    sent: Counter[Context] = field(default_factory=Counter)
    last_success_ns: int | None = None
    _bytes: float = 0.0
    _photos: float = 0.0
    _busy_ns: float = 0.0

    def record_sent(self, context: Context, size_bytes: int, took_ns: int, now_ns: int) -> None:
        """Count a sent photo. `took_ns`: from its first call on, also while other photos were on their way."""
        self.sent[context] += 1
        since_ns = took_ns if self.last_success_ns is None else now_ns - self.last_success_ns
        self._bytes = _DECAY * self._bytes + size_bytes
        self._photos = _DECAY * self._photos + 1
        self._busy_ns = _DECAY * self._busy_ns + max(1, min(took_ns, since_ns))
        self.last_success_ns = now_ns
        self.parallel = parallel_uploads(self.rate_bps, self.parallel, self.max_parallel)

    def forget_rate(self) -> None:
        """Forget the rate: the link was lost, and the next may be another."""
        self._bytes = self._photos = self._busy_ns = 0.0
        self.parallel = 1

    @property
    def rate_bps(self) -> int | None:
        """Bits a second while photos were on their way, the last ones counting most; None when not measured yet."""
        return round(self._bytes * 8 * SECOND_NS / self._busy_ns) if self._busy_ns else None

    def eta_s(self, waiting: int) -> int | None:
        """Seconds until `waiting` photos are sent; None while unknown."""
        return round(waiting * self._busy_ns / self._photos / SECOND_NS) if self._photos and waiting else None
