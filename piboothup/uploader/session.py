"""Session of one worker with EventPics: the current key, probes, and the diagnosis of a refusal.

A probe reports its result to the scheduler. It also records the events' titles, and the time by the server's Date
header.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from piboothup.clock import Clock
from piboothup.config import Config, ConfigError, Secret
from piboothup.problems import problem
from piboothup.records import dataclass
from piboothup.spool.capture_time.anchors import Anchor
from piboothup.spool.contexts import Context
from piboothup.spool.store import Spool
from piboothup.uploader.eventpics import Account, EventPicsApi
from piboothup.uploader.outcomes import MAYBE_SIGN_IN, ApiCall, Outcome, forbidden_outcome
from piboothup.uploader.schedule.scheduler import UploadScheduler
from piboothup.uploader.transport.certificate_dates import NowMs
from piboothup.uploader.transport.errors import LinkError, UploaderError
from piboothup.uploader.trusted_time import TrustedTime

log = logging.getLogger(__name__)

Connect = Callable[[str, Secret, Clock, NowMs], EventPicsApi]

_ANCHOR_INTERVAL_MS = 900_000
"""Interval of recorded clock anchors that say nothing new, milliseconds."""
_SIGN_IN_CHECK_INTERVAL_NS = 30_000_000_000
"""Shortest time between two requests over plain http that were answered, nanoseconds."""
_HANG_UPS_OF_FILTER = 3
"""Times in a row that the TLS greeting is cut off until a filter is blamed: a bad link does so once or twice."""


@dataclass
class ApiSession:
    """Used by the worker's thread; `stop` and `enforce_deadline` by the main thread."""

    _config: Config
    _spool: Spool
    _clock: Clock
    _time: TrustedTime
    _scheduler: UploadScheduler
    _connect: Connect
    _api: EventPicsApi | None = None
    _key: Secret | None = None
    _sign_in_check_due_ns: int = 0
    _hang_ups: int = 0
    """Times in a row that the TLS greeting of a probe was cut off."""
    _photos_at_anchor: int = 0

    def stop(self, *, spares_sent: bool = False) -> bool:
        """Cut what is on the network; return whether a sent photo was spared. The scheduler must be stopping."""
        return (api := self._api) is not None and api.transport.guard.stop(spares_sent=spares_sent)

    def enforce_deadline(self) -> float:
        """Cut an overdue exchange; return the seconds for which it is overdue."""
        if (api := self._api) is None:
            return 0.0
        api.transport.guard.enforce()
        return api.transport.guard.overdue_s()

    def close(self) -> None:
        """Close the connections."""
        if self._api is not None:
            self._api.transport.close()

    def api(self) -> EventPicsApi:
        """EventPics with the key of the last probe. Raises LinkError before the first."""
        key = self._scheduler.key
        if self._api is None or self._key != key:
            if key is None:
                raise LinkError(Outcome.UNUSABLE)
            self.close()
            url = self._config.eventpics.api_url
            self._api, self._key = self._connect(url, key, self._clock, self._time.now_ms), key
            if self._scheduler.stopping:
                self._api.transport.guard.stop()
        return self._api

    def probe(self) -> None:
        """Check whether EventPics answers and accepts the key, and report it to the scheduler."""
        try:
            key = self._config.read_key()
        except ConfigError as error:
            self._scheduler.on_no_key(problem("bad_config", str(error)))
            return
        if key is None:
            self._scheduler.on_no_key(problem("no_key", self._config.no_key_detail))
            return
        self._scheduler.take_key(key)
        try:
            account = self._fetch_account()
        except UploaderError as error:
            is_cut_off = error.outcome is Outcome.RESET and self.api().transport.guard.is_in_greeting
            self._hang_ups = self._hang_ups + 1 if is_cut_off else 0
            outcome = self._check_for_sign_in(error.outcome)
            if outcome is Outcome.RESET and self._hang_ups >= _HANG_UPS_OF_FILTER:
                outcome = Outcome.BLOCKED
            log.debug("probe outcome=%s", outcome)
            self._scheduler.on_probe_failure(outcome, error.retry_after_s)
        else:
            self._hang_ups = 0
            self._remember(account)
            self._scheduler.on_probe_success(account.events)

    def diagnose_refusal(self, context: Context) -> tuple[ApiCall, Outcome, float | None]:
        """Find out whether a FORBIDDEN to `getuploadurl` means the key or the event.

        Returns the call that failed, its outcome, and the server's Retry-After in seconds.
        """
        try:
            account = self._fetch_account()
        except UploaderError as error:
            return ApiCall.EVENTS, self._check_for_sign_in(error.outcome), error.retry_after_s
        self._remember(account)
        outcome = forbidden_outcome(context.link_id, account.events)
        log.info("refused link_id=%s outcome=%s", context.link_id, outcome)
        return ApiCall.UPLOAD_URL, outcome, None

    def _check_for_sign_in(self, outcome: Outcome) -> Outcome:
        """SIGN_IN if the network has a sign-in page, else `outcome`.

        A server that answers plain http without one is asked at most every 30 s.
        """
        now_ns = self._clock.boottime_ns()
        if outcome not in MAYBE_SIGN_IN or now_ns < self._sign_in_check_due_ns:
            return outcome
        try:
            is_behind = self.api().is_behind_sign_in()
        except LinkError:
            return outcome
        if is_behind:
            return Outcome.SIGN_IN
        self._sign_in_check_due_ns = now_ns + _SIGN_IN_CHECK_INTERVAL_NS
        return outcome

    def _fetch_account(self) -> Account:
        """The events of the key. A box that booted with a wrong time learns the right one first."""
        api, accepted = self.api(), self._scheduler.key_accepted
        try:
            return api.events(key_accepted=accepted)
        except LinkError as error:
            if error.outcome is not Outcome.TLS_DATE or self._time.has_anchor():
                raise
            if not self._time.learn(api.server_time()):
                raise
        return api.events(key_accepted=accepted)

    def _remember(self, account: Account) -> None:
        """Record titles and time; if the card can't be written, photos are sent nevertheless."""
        known = self._scheduler.snapshot()
        photos = known.waiting.total() + known.sent.total()
        try:
            self._spool.refuse_another_disk(self._spool.session)
            if known.events != account.events:
                self._spool.write_events(list(account.events))
            if account.anchor is not None and self._is_new_anchor(account.anchor, photos):
                self._spool.add_anchor(account.anchor)
                self._photos_at_anchor = photos
        except OSError as error:
            log.warning("account not noted reason=%s", error.strerror)

    def _is_new_anchor(self, fresh: Anchor, photos: int) -> bool:
        """Whether none noted is as good: as certain, in agreement and, with photos since, of the last 15 minutes."""
        return not any(
            anchor.source is fresh.source
            and (photos == self._photos_at_anchor or fresh.boottime_ms - anchor.boottime_ms < _ANCHOR_INTERVAL_MS)
            and anchor.uncertainty_ms <= 2 * fresh.uncertainty_ms
            and abs(anchor.offset_ms - fresh.offset_ms) <= anchor.uncertainty_ms + fresh.uncertainty_ms
            for anchor in self._spool.read_boot(self._spool.boot).anchors
        )
