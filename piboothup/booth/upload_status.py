"""The uploader's status for the panel: from its status file, or from the spool's folders when it does not run."""

from __future__ import annotations

from pathlib import Path

from piboothup import status
from piboothup.problems import Problem, problem
from piboothup.records import dataclass
from piboothup.spool.contexts import Context
from piboothup.spool.listing import HELD, NEW, PARKED
from piboothup.spool.store import Spool
from piboothup.status import UploaderReport, UploaderState


@dataclass(frozen=True)
class UploadStatus:
    """State of the upload."""

    state: UploaderState = UploaderState.STOPPED
    waiting: int = 0
    """Number of photos that the album is yet to get: the uploader's, and those still held by the booth."""
    parked: int = 0
    """Number of photos of this event that the album refuses."""
    event_title: str = ""
    problems: tuple[str, ...] = ()
    """Codes of the problems that hold photos back, the gravest first: those of all photos, then those of some."""
    is_of_other_events: bool = False
    """Photos of other events wait, and none of this one: what holds an event is not about this one."""
    is_untried: bool = False
    """EventPics was not reached yet, and nothing has failed: of network and key nothing is known."""

    @property
    def problem(self) -> Problem | None:
        """The gravest problem, unless `state` already expresses it."""
        code = self.problems[0] if self.problems else ""
        return problem(code) if code in (*_BEYOND_STATE, _NO_KEY_TO_USE, "stray_photos") else None


_MTIME_GRAIN_NS = 20_000_000
"""Resolution of folder times, nanoseconds (the kernel's tick): a second change within it leaves the same time."""
_SAID_BY_STATE = ("paused", "no_network", "portal", "key_refused")
_BEYOND_STATE = (
    *("no_key", "tls_refused", "no_roots", "blocked", "server_trouble", "storage_silent"),
    *("event_gone", "event_refused", "uploader_defect", "spool_locked"),
)
_NO_KEY_TO_USE = "bad_config"
"""As the uploader says it: what is there can't be a key, or can't be read. The booth reads none."""
_SHUT_OUT = frozenset(
    {
        *("spool_locked", "spool_unusable", "spool_missing", "spool_newer", "spool_memory", "spool_split"),
        *("card_readonly", "card_full"),
    }
)
"""Codes of what keeps the uploader alone from the photos: of how many it knows nothing then."""


class UploadStatusReader:
    """Reader of the uploader's status; counts a folder again only if it has changed."""

    def __init__(self, spool: Spool, runtime: Path, context: Context) -> None:
        self._spool = spool
        self._runtime = runtime
        self._context = context
        self._seen_ns: dict[str, tuple[int, ...]] = {}
        self._event_title = ""
        self._counted: dict[str, int] = {}

    def set_context(self, context: Context) -> bool:
        """Set the context whose title and counts are read; return whether it is another one."""
        is_another = context != self._context
        if is_another:
            self._context = context
            self._seen_ns = {}
        return is_another

    def read(self) -> UploadStatus:
        """The status now. Raises OSError."""
        found = status.read_uploader(self._runtime)
        report = found or UploaderReport()
        state, problems = report.state, self._problems(report)
        is_shut_out = state is UploaderState.REFUSED and not _SHUT_OUT.isdisjoint(report.problems)
        if is_shut_out and not problems:  # "refused" is said of the key
            state = UploaderState.STOPPED
        waiting = self._count(NEW) if found is None or is_shut_out else max(0, found.waiting)
        parked = self._count(PARKED, self._context.id)
        is_of_others = report.is_all_of_others(self._context.link_id)
        is_untried = found is not None and found.is_untried
        waiting += self._count(HELD)
        return UploadStatus(state, waiting, parked, self._title(), problems, is_of_others, is_untried)

    def _problems(self, report: UploaderReport) -> tuple[str, ...]:
        listed, more = report.problems, (_NO_KEY_TO_USE,) if report.state is UploaderState.REFUSED else ()
        known = tuple(code for code in listed if code in (*_SAID_BY_STATE, *_BEYOND_STATE, *more))
        has_strays = "no_event" in listed and report.state is UploaderState.IDLE and self._context.link_id
        return (*known, "stray_photos") if has_strays else known  # told when all others are sent

    def _title(self) -> str:
        if self._has_changed("events.json"):
            titles = {event.link_id: event.title for event in self._spool.events()}
            self._event_title = titles.get(self._context.link_id, "")
        return self._event_title

    def _count(self, place: str, context_id: str = "") -> int:
        if self._has_changed(place):
            names = self._spool.names(place)
            self._counted[place] = sum(1 for name in names if context_id in ("", name.context))
        return self._counted[place]

    def _has_changed(self, place: str) -> bool:
        now_ns = self._spool.clock.wall_ns()
        changed_ns = self._spool.listing.changed_ns(place)
        if self._seen_ns.get(place) == changed_ns:
            return False
        if all(abs(now_ns - each_ns) > _MTIME_GRAIN_NS for each_ns in changed_ns):
            self._seen_ns[place] = changed_ns
        return True
