"""The booth's hold on the card: taking the spool over, asking whether it takes photos, retention.

The card is whatever disk lies under the spool's path: one that comes late, goes or is changed is noticed within a
second, and taken over as at the start.

On a box a card that can't be used is a fault on the panel and is tried again until it can; at a desk it is the end of
the command, with a sentence.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Sequence
from pathlib import Path

from piboothup.clock import Clock
from piboothup.config import GOOD_FILE, Config, good_copy
from piboothup.problems import Problem, problem
from piboothup.spool import choices, durable
from piboothup.spool.admin.wipe import WipeError, resume_wipe
from piboothup.spool.disk import hidden_photos, known_spools
from piboothup.spool.layout_version import SpoolUnusable, read_id
from piboothup.spool.listing import NEW, PARKED, QUARANTINE, SENT
from piboothup.spool.recovery import recover
from piboothup.spool.retention import sweep
from piboothup.spool.store import ROOM_PHOTOS, AlreadyRunning, Spool

log = logging.getLogger(__name__)

_AGE_EVERY_NS = 3_600_000_000_000
_WAITING_EVERY_NS = 600_000_000_000
"""How often it is looked whether photos still wait: a note for each that comes and goes would wear the card."""


class StorageMonitor:
    """The spool, as the one booth on it has it."""

    def __init__(
        self,
        config: Config,
        spool: Spool,
        clock: Clock,
        *,
        config_names: Sequence[str] | None,
        known_spools_file: Path | None = None,
    ) -> None:
        """`config_names` are the settings that the config's file names; None = no good copy is made.

        `known_spools_file` says on which spools of this box photos wait.
        """
        self._config = config
        self._spool = spool
        self._clock = clock
        self._config_names = config_names
        self._held = contextlib.ExitStack()
        self._locked = False
        self._age_ns = 0
        self.problem: Problem | None = None
        """Why no photo can be saved; None while one can."""
        self.opened = False
        self.times_opened = 0
        self._left_behind: set[str] = set()
        """Photos that wait where a disk covered them or went with it; not yet noted on the one that is there now."""
        self._are_hidden = self._is_hidden_noted = False
        self._known_spools_file = known_spools_file
        self._waits: bool | None = None
        """Whether photos wait on this spool, as it is noted outside of it; None = nothing was noted yet."""
        self._waiting_ns = 0
        self._lacks_settings = False
        """Whether the config lacks a setting of the good copy, whose disk came after the config was read."""

    def open(self, *, patient: bool) -> None:
        """Takes the spool over: the lock, the recovery, a number for this boot. Raises AlreadyRunning.

        Raises SpoolUnusable too, unless `patient`: then that is a problem like a full card.
        """
        try:
            self._spool.prepare()
            if not self._locked:
                self._held.enter_context(self._spool.lock("booth"))
                self._locked = True
            self._resume_wipe()
            recover(self._spool)
            self._start()
            self._spool.look_for_memory(allowed=self._config.spool.allow_memory)
        except SpoolUnusable as error:
            if not patient:
                raise
            self._log_not_opened(error)
            self.problem = error.problem
        except OSError as error:
            self._log_not_opened(error.strerror or error)
            self.problem = problem(
                "card_full" if error.errno in durable.FULL else "card_readonly", error.strerror or ""
            )
        else:
            self.problem, self.opened = self._spool.card_problem(), True
            self.times_opened += 1
            self._keep_good_config()
            self._waits = None
            self._note_waiting()
            self._note_hidden()

    def check(self) -> Problem | None:
        """What stops photos from being saved now; a spool that was not open yet is tried again."""
        if self._locked and self._has_moved() and self._spool.directory.is_dir():
            self._let_go()
        if not self.opened:
            try:
                self.open(patient=True)
            except AlreadyRunning as error:  # a wipe, or whoever came while the folder was gone
                self._log_not_opened(error)
                self.problem = problem("spool_busy")
        if self.opened:
            self._spool.look_for_memory(allowed=self._config.spool.allow_memory)
            self.problem = self._spool.card_problem()
            self._note_waiting()
            self._heed_retry()
            if self.problem is not None and self.problem.code == "spool_unusable":
                self._let_go()
        return self.problem

    @property
    def notices(self) -> list[Problem]:
        """What should be known of the card though it takes photos."""
        told = [self._spool.storage_warning] if self._spool.storage_warning is not None else []
        told += [problem("photos_hidden")] if self._are_hidden else []
        return [*told, problem("config_late")] if self._lacks_settings else told

    def retire(self) -> int:
        """One round of retention; how many sent photos it deleted. Ages are looked at once an hour."""
        if not self.opened:
            return 0
        table, now_ns = self._config.spool, self._clock.boottime_ns()
        keep_days = table.keep_sent_days if now_ns >= self._age_ns else 0
        deleted = sweep(self._spool, keep_days, table.min_free_mb)
        if keep_days and not deleted:
            self._age_ns = now_ns + _AGE_EVERY_NS
        return deleted

    def close(self) -> None:
        """Lets go of the lock."""
        if self.opened:
            self._waiting_ns = 0
            self._note_waiting()
        self._let_go()

    def _let_go(self) -> None:
        self._held.close()
        self._locked = self.opened = False

    def _has_moved(self) -> bool:
        """Whether another disk lies under the spool's path; what waits on the one before is remembered."""
        try:
            if not self._spool.has_moved():
                return False
        except OSError:  # a disk that answers nothing: the card's problem
            return False
        left = self._spool.left_behind()
        log.warning("spool moved directory=%s left_behind=%d", self._spool.directory, len(left))
        self._left_behind |= left
        return True

    def _note_hidden(self) -> None:
        """Photos that wait out of sight are noted, those that are in sight again no more."""
        directory = self._spool.directory
        noted_spools = known_spools.read(self._known_spools_file) if self._known_spools_file is not None else ()
        others = {hidden_photos.SPOOL + other for other in noted_spools if other != read_id(directory)}
        try:
            if self._left_behind | others:
                hidden_photos.note(directory, self._left_behind | others)
            if hidden := hidden_photos.read(directory):
                places = (NEW, SENT, PARKED, QUARANTINE)
                found = {str(name) for place in places for name in self._spool.names(place)}
                over = {each for each in hidden - others if each.startswith(hidden_photos.SPOOL)}
                hidden_photos.settle(directory, found | over)
        except OSError as error:
            log.error("hidden photos not noted reason=%s", error.strerror or error)
            self._are_hidden, self._is_hidden_noted = bool(self._left_behind | others), False
        else:
            self._left_behind = set()
            self._are_hidden = self._is_hidden_noted = bool(hidden_photos.read(directory))

    def _note_waiting(self) -> None:
        """Notes outside the spool whether photos wait in it, for the day when another one lies here."""
        file, now_ns = self._known_spools_file, self._clock.boottime_ns()
        if file is None or (self._waits and now_ns < self._waiting_ns):
            return
        try:
            if self._spool.has_moved():
                return
            waits = self._spool.has_waiting()
            self._waiting_ns = now_ns + _WAITING_EVERY_NS
            if waits != self._waits and (spool_id := read_id(self._spool.directory)):
                known_spools.note(file, spool_id, waiting=waits)
        except OSError as error:
            log.error("waiting photos not noted reason=%s", error.strerror or error)
        else:
            self._waits = waits

    def _heed_retry(self) -> None:
        """`queue retry` says that nobody needs to be told of hidden photos any more."""
        if not self._is_hidden_noted or (self._spool.directory / hidden_photos.FILE).exists():
            return
        self._are_hidden = self._is_hidden_noted = False
        if self._known_spools_file is not None:
            try:
                known_spools.forget_others(self._known_spools_file, read_id(self._spool.directory))
            except OSError as error:
                log.error("other spools not forgotten reason=%s", error.strerror or error)

    def _resume_wipe(self) -> None:
        """A wipe that a power cut broke off is brought to its end before anything is shown."""
        try:
            receipt = resume_wipe(self._spool)
        except WipeError as error:
            self._spool.log_once(logging.ERROR, "wipe not resumed reason=%s", error)
        else:
            if receipt is not None:
                log.warning("wipe resumed receipt=%s", receipt)

    def _log_not_opened(self, reason: object) -> None:
        self._spool.log_once(logging.ERROR, "spool not opened reason=%s", reason)

    def _start(self) -> None:
        try:
            self._spool.start("booth")
        except OSError as error:
            if error.errno not in durable.FULL or not self._spool.make_room(ROOM_PHOTOS):
                raise
            self._spool.start("booth")

    def _keep_good_config(self) -> None:
        """Keeps the config, and forgets what was chosen over another. Either may fail; that stops no photos."""
        if self._config_names is None:
            return
        path = self._spool.directory / GOOD_FILE
        # Compared again: when the config was read, the disk may not have been there.
        lost = good_copy.lost_setting(self._config_names, good_copy.read(path.parent, self._spool.box))
        self._lacks_settings = bool(lost)
        if lost:
            log.error("config not kept reason=cut_off missing=%s", lost)
            return
        try:
            choices.forget_others(self._spool.directory, self._config)
        except OSError as error:
            log.error("choices not forgotten reason=%s", error.strerror or error)
        try:
            text = good_copy.to_toml_text(self._config, self._config_names, self._spool.box)
            durable.update(path, text.encode())
        except OSError as error:
            log.error("config not kept reason=%s", error.strerror or error)
        except ValueError as error:
            log.error("config not kept reason=%s", error)
