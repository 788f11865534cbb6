"""Monitor of the card under the spool: takes the spool over, checks that it accepts photos, runs retention.

The card is the disk under the spool's path: a disk that is mounted late, removed or replaced is noticed within a
second, and taken over as at the start.

On a box an unusable card is a fault on the panel and is retried; at a desk it ends the command with a sentence.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Sequence
from pathlib import Path

from piboothup.clock import Clock
from piboothup.config import GOOD_FILE, Config, good_copy
from piboothup.problems import Problem, problem
from piboothup.spool import choices, commit, durable
from piboothup.spool.admin.wipe import WipeError, resume_wipe
from piboothup.spool.disk import hidden_photos, known_spools
from piboothup.spool.layout_version import SpoolUnusable, read_id
from piboothup.spool.listing import NEW, PARKED, QUARANTINE, SENT
from piboothup.spool.recovery import recover
from piboothup.spool.retention import sweep
from piboothup.spool.store import AlreadyRunning, Spool

log = logging.getLogger(__name__)

_AGE_EVERY_NS = 3_600_000_000_000
_WAITING_EVERY_NS = 600_000_000_000
"""Interval at which waiting photos are counted, ns: recording each arrival and departure would wear the card."""


class StorageMonitor:
    """State of the spool and its card, for the booth."""

    def __init__(
        self,
        config: Config,
        spool: Spool,
        clock: Clock,
        *,
        config_names: Sequence[str] | None,
        known_spools_file: Path | None = None,
    ) -> None:
        """`config_names`: settings in the config file; None = no good copy is made.

        `known_spools_file`: list of this box's spools with waiting photos.
        """
        self._config = config
        self._spool = spool
        self._clock = clock
        self._config_names = config_names
        self._held = contextlib.ExitStack()
        self._locked = False
        self._age_ns = 0
        self.problem: Problem | None = None
        """Problem that stops photos from being saved; None when there is none."""
        self.opened = False
        self.times_opened = 0
        self._left_behind: set[str] = set()
        """Waiting photos that a mount covers or that left with a disk, not yet stored on the current disk."""
        self._are_hidden = self._is_hidden_noted = False
        self._known_spools_file = known_spools_file
        self._waits: bool | None = None
        """Whether photos wait on this spool, as recorded outside of it; None = not recorded yet."""
        self._waiting_ns = 0
        self._lacks_settings = False
        """Whether the config lacks a setting of the good copy, on a disk mounted after the config was read."""

    def open(self, *, patient: bool) -> None:
        """Take the spool over: the lock, the recovery, a number for this boot. Raises AlreadyRunning.

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
            self._spool.free_space.recheck_storage(allowed=self._config.spool.allow_memory)
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
            self.problem = commit.card_problem(self._spool)
            self.opened = True
            self.times_opened += 1
            self._keep_good_config()
            self._waits = None
            self._note_waiting()
            self._note_hidden()

    def check(self) -> Problem | None:
        """Problem that stops photos from being saved now; a spool that is not open yet is opened."""
        if self._locked and self._has_moved() and self._spool.directory.is_dir():
            self._release()
        if not self.opened:
            try:
                self.open(patient=True)
            except AlreadyRunning as error:  # a wipe, or another process that locked it while the folder was gone
                self._log_not_opened(error)
                self.problem = problem("spool_busy")
        if self.opened:
            self._spool.free_space.recheck_storage(allowed=self._config.spool.allow_memory)
            self.problem = commit.card_problem(self._spool)
            self._note_waiting()
            self._follow_retry()
            if self.problem is not None and self.problem.code == "spool_unusable":
                self._release()
        return self.problem

    @property
    def notices(self) -> list[Problem]:
        """Problems of a card that still takes photos."""
        notices = [self._spool.free_space.warning] if self._spool.free_space.warning is not None else []
        notices += [problem("photos_hidden")] if self._are_hidden else []
        return [*notices, problem("config_late")] if self._lacks_settings else notices

    def retire(self) -> int:
        """Run retention once; the number of deleted photos. Ages are checked at most once an hour."""
        if not self.opened:
            return 0
        table = self._config.spool
        now_ns = self._clock.boottime_ns()
        keep_days = table.keep_sent_days if now_ns >= self._age_ns else 0
        deleted = sweep(self._spool, keep_days, table.min_free_mb)
        if keep_days and not deleted:
            self._age_ns = now_ns + _AGE_EVERY_NS
        return deleted

    def close(self) -> None:
        """Release the lock."""
        if self.opened:
            self._waiting_ns = 0
            self._note_waiting()
        self._release()

    def _release(self) -> None:
        self._held.close()
        self._locked = self.opened = False

    def _has_moved(self) -> bool:
        """Whether another disk is under the spool's path; waiting photos of the previous disk are remembered."""
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
        """Store which photos are hidden; those that are visible again are removed."""
        directory = self._spool.directory
        noted_spools = known_spools.read(self._known_spools_file) if self._known_spools_file is not None else ()
        others = {hidden_photos.SPOOL + other for other in noted_spools if other != read_id(directory)}
        try:
            if self._left_behind | others:
                hidden_photos.add(directory, self._left_behind | others)
            if hidden := hidden_photos.read(directory):
                places = (NEW, SENT, PARKED, QUARANTINE)
                found = {str(name) for place in places for name in self._spool.names(place)}
                over = {each for each in hidden - others if each.startswith(hidden_photos.SPOOL)}
                hidden_photos.discard(directory, found | over)
        except OSError as error:
            log.error("hidden photos not noted reason=%s", error.strerror or error)
            self._are_hidden = bool(self._left_behind | others)
            self._is_hidden_noted = False
        else:
            self._left_behind = set()
            self._are_hidden = self._is_hidden_noted = bool(hidden_photos.read(directory))

    def _note_waiting(self) -> None:
        """Record outside the spool whether photos wait in it, for a start with another disk."""
        file = self._known_spools_file
        now_ns = self._clock.boottime_ns()
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

    def _follow_retry(self) -> None:
        """End the warning of hidden photos after `queue retry`."""
        if not self._is_hidden_noted or (self._spool.directory / hidden_photos.FILE).exists():
            return
        self._are_hidden = self._is_hidden_noted = False
        if self._known_spools_file is not None:
            try:
                known_spools.forget_others(self._known_spools_file, read_id(self._spool.directory))
            except OSError as error:
                log.error("other spools not forgotten reason=%s", error.strerror or error)

    def _resume_wipe(self) -> None:
        """Complete a wipe that a power cut interrupted, before anything is shown."""
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
            if error.errno not in durable.FULL or not commit.make_room(self._spool, commit.ROOM_PHOTOS):
                raise
            self._spool.start("booth")

    def _keep_good_config(self) -> None:
        """Store the good copy, and drop choices made over another config. A failure of either stops no photos."""
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
