"""Storage monitor: opens the spool (lock, recovery, boot number), checks that it accepts photos, runs retention.

A disk that is mounted late, removed or replaced under the spool's path is noticed within a second, and its spool is
opened as at the start.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from piboothup.clock import Clock
from piboothup.config import GOOD_FILE, Config, good_copy
from piboothup.problems import Problem, problem
from piboothup.spool import choices, commit, durable, wipe_journal
from piboothup.spool.disk import choice_record, hidden_photos, known_spools
from piboothup.spool.layout_version import SpoolUnusable, read_id
from piboothup.spool.listing import COMMITTED, SENT
from piboothup.spool.recovery import recover
from piboothup.spool.retention import sweep
from piboothup.spool.store import AlreadyRunning, Spool

log = logging.getLogger(__name__)

_AGE_CHECK_INTERVAL_NS = 3_600_000_000_000
_WAITING_CHECK_INTERVAL_NS = 600_000_000_000
"""While photos wait, interval of the check whether they still do, ns: a record of each would wear the card."""

Followed = tuple[Config, Problem | None, Sequence[str] | None]
"""A config, its problem, and its names for the good copy."""
Follow = Callable[[], Followed | None]
"""Returns the config after each import of the card's file, else None."""


class StorageMonitor:
    """Opens and watches the booth's spool, on whatever disk lies under its path."""

    def __init__(
        self,
        config: Config,
        spool: Spool,
        clock: Clock,
        *,
        config_names: Sequence[str] | None,
        known_spools_file: Path | None = None,
    ) -> None:
        """`config_names`: settings in the config file; None = the last good config is not stored.

        `known_spools_file`: list of this box's spools with waiting photos.
        """
        self._config = config
        self._spool = spool
        self._clock = clock
        self._good_config, self._config_names = config, config_names
        """For the good copy: the config as it is in its files, of which this booth may run with less."""
        self._lock_stack = contextlib.ExitStack()
        self._locked = False
        self._next_age_check_ns = 0
        self.problem: Problem | None = None
        """Problem that stops photos from being saved; None when there is none."""
        self.opened = False
        self.times_opened = 0
        self._left_behind: set[str] = set()
        """Names of waiting photos that a mount covers or that left with a disk; not yet in this disk's list."""
        self._sent_there: set[str] = set()
        """Names of sent photos on disks that left: a list of hidden photos from before may still have them."""
        self._has_hidden_photos = self._is_hidden_list_written = False
        self._known_spools_file = known_spools_file
        self._recorded_waiting: bool | None = None
        """Whether photos wait on this spool, as recorded outside of it; None = not recorded yet."""
        self._next_waiting_check_ns = 0
        self._recorded_choice: tuple[int, ...] | None = None
        """Stamp of the choices whose spool was recorded last."""
        self._has_lost_settings = False
        """Whether the last good config, on a disk that was mounted late, has a setting that the config lacks."""

    def open(self, *, retry_later: bool) -> None:
        """Open the spool: the lock, the recovery, a number for this boot. Raises AlreadyRunning.

        Raises SpoolUnusable too, unless `retry_later`: then it becomes `self.problem`, as a full card does.
        """
        try:
            self._spool.prepare()
            if not self._locked:
                self._lock_stack.enter_context(self._spool.lock("booth"))
                self._locked = True
            self._resume_wipe()
            recover(self._spool, composes=self._config.photo.composes)
            self._with_room(self._drop_choices_of_another_box)
            self._with_room(self._void_older_choice)
            self._with_room(lambda: self._spool.start("booth"))
            self._spool.free_space.recheck_storage(allowed=self._config.spool.allow_memory)
        except SpoolUnusable as error:
            if not retry_later:
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
            self._record_choice()
            self._recorded_waiting = None
            self._record_waiting()
            self._record_hidden()

    def check(self) -> Problem | None:
        """Problem that stops photos from being saved now; a spool that is not open yet is opened."""
        if self._locked and self._notice_disk_change() and self._spool.directory.exists():
            self._release()
        if not self.opened:
            try:
                self.open(retry_later=True)
            except AlreadyRunning as error:  # a wipe, or another process that locked it while the folder was gone
                self._log_not_opened(error)
                self.problem = problem("spool_busy")
        if self.opened:
            self._spool.free_space.recheck_storage(allowed=self._config.spool.allow_memory)
            self.problem = commit.card_problem(self._spool)
            self._record_waiting()
            self._record_choice()
            self._end_warning_after_retry()
            if self.problem is not None and self.problem.code == "spool_unusable":
                self._release()
        return self.problem

    @property
    def notices(self) -> list[Problem]:
        """Problems of a card that still takes photos."""
        notices = [self._spool.free_space.warning] if self._spool.free_space.warning is not None else []
        notices += [problem("photos_hidden")] if self._has_hidden_photos else []
        return [*notices, problem("config_late")] if self._has_lost_settings else notices

    def run_retention(self) -> int:
        """Run retention once; return how many photos it deleted. Without old ones, ages are checked once an hour."""
        if not self.opened:
            return 0
        spool_config = self._config.spool
        now_ns = self._clock.boottime_ns()
        keep_days = spool_config.keep_sent_days if now_ns >= self._next_age_check_ns else 0
        deleted = sweep(self._spool, keep_days, spool_config.min_free_mb)
        if keep_days and not deleted:
            self._next_age_check_ns = now_ns + _AGE_CHECK_INTERVAL_NS
        return deleted

    def close(self) -> None:
        """Record whether photos wait, and release the lock."""
        if self.opened:
            self._next_waiting_check_ns = 0
            self._record_waiting()
        self._release()

    def _release(self) -> None:
        self._lock_stack.close()
        self._locked = self.opened = False

    def _notice_disk_change(self) -> bool:
        """Whether another disk is under the spool's path; then the previous disk's waiting photos are remembered."""
        location = self._spool.session.location
        if location is None or not self._spool.has_moved():
            return False
        left = self._spool.left_behind()
        self._sent_there |= location.names(SENT)
        self._spool.log_once(
            logging.WARNING, "spool moved directory=%s left_behind=%d", self._spool.directory, len(left)
        )
        self._left_behind = (self._left_behind | left) - self._sent_there
        return True

    def _record_hidden(self) -> None:
        """Write the list of hidden photos and other spools, without the names visible again or sent."""
        directory = self._spool.directory
        known = known_spools.read(self._known_spools_file) if self._known_spools_file is not None else ()
        others = {hidden_photos.SPOOL + other for other in known if other != read_id(directory)}
        hidden = hidden_photos.read(directory) | self._left_behind | others
        try:
            if hidden:
                visible = {str(name) for place in COMMITTED for name in self._spool.names(place)}
                done = {entry for entry in hidden - others if entry.startswith(hidden_photos.SPOOL)}
                hidden -= visible | done | self._sent_there
                hidden_photos.write(directory, hidden)
        except OSError as error:
            log.error("hidden photos not noted reason=%s", error.strerror or error)
            self._has_hidden_photos = bool(self._left_behind | others)
            self._is_hidden_list_written = False
        else:
            self._left_behind, self._sent_there = set(), set()
            self._has_hidden_photos = self._is_hidden_list_written = bool(hidden)

    def _record_waiting(self) -> None:
        """Record outside the spool whether photos wait in it, so that a start with another disk can warn of them."""
        file = self._known_spools_file
        now_ns = self._clock.boottime_ns()
        if file is None or (self._recorded_waiting and now_ns < self._next_waiting_check_ns):
            return
        try:
            if self._spool.has_moved():
                return
            waits = self._spool.has_waiting()
            self._next_waiting_check_ns = now_ns + _WAITING_CHECK_INTERVAL_NS
            if waits != self._recorded_waiting and (spool_id := read_id(self._spool.directory)):
                known = known_spools.read(file)
                known_spools.write(file, known | {spool_id} if waits else known - {spool_id})
        except OSError as error:
            log.error("waiting photos not noted reason=%s", error.strerror or error)
        else:
            self._recorded_waiting = waits

    def _drop_choices_of_another_box(self) -> None:
        """Drop what was chosen at another box, whose disk this is, or whose computer was replaced.

        If an event was chosen, none is in force until somebody names one: the config may be older than that. Raises
        OSError: until it is done no photo is taken, which would be for the other box's event.
        """
        directory = self._spool.directory
        if good_copy.read(directory).box in ("", self._spool.box):
            return
        self._spool.log_once(logging.WARNING, "choices dropped reason=they were made at another box")
        if choices.read(directory, self._good_config).link_id is None:
            choices.write(directory, self._good_config, choices.Choices())
        else:
            said = choices.Said.by(self._good_config).event
            choices.void_event(directory, said, everything=True)
        durable.remove(directory / GOOD_FILE)

    def _void_older_choice(self) -> None:
        """Put no event in force if one was chosen since on another disk, and the config has named none after that.

        Raises OSError, as above.
        """
        if (file := self._known_spools_file) is None:
            return
        record, said = choice_record.read(file.parent), choices.Said.by(self._good_config).event
        if record.spool not in ("", read_id(self._spool.directory)) and record.over == said:
            self._spool.log_once(logging.WARNING, "event unknown reason=it was chosen on another disk")
            choices.void_event(self._spool.directory, said, everything=False)

    def _record_choice(self) -> None:
        """Record outside the spool that an event was chosen in it, or that a wipe has ended all."""
        directory, stamp = self._spool.directory, choices.stamp(self._spool.directory)
        if self._known_spools_file is None or stamp == self._recorded_choice:
            return
        try:
            folder = self._known_spools_file.parent
            choice_record.note(folder, directory, read_id(directory), self._good_config)
        except OSError as error:
            log.error("choice not noted reason=%s", error.strerror or error)
        else:
            self._recorded_choice = stamp

    def _end_warning_after_retry(self) -> None:
        """End the warning of hidden photos after `queue retry`, which deletes their list."""
        if not self._is_hidden_list_written or (self._spool.directory / hidden_photos.FILE).exists():
            return
        self._has_hidden_photos = self._is_hidden_list_written = False
        if (file := self._known_spools_file) is not None:
            try:
                known_spools.write(file, known_spools.read(file) & {read_id(self._spool.directory)})
            except OSError as error:
                log.error("other spools not forgotten reason=%s", error.strerror or error)

    def _resume_wipe(self) -> None:
        """Complete a wipe that a power cut interrupted, before any photo is listed."""
        if wipe_journal.read(self._spool.directory) is None:
            return
        from piboothup.spool.admin.wipe import WipeError, resume_wipe  # noqa: PLC0415  (most starts have none)

        try:
            receipt = resume_wipe(self._spool)
        except WipeError as error:
            self._spool.log_once(logging.ERROR, "wipe not resumed reason=%s", error)
        else:
            if receipt is not None:
                log.warning("wipe resumed receipt=%s", receipt)

    def _log_not_opened(self, reason: object) -> None:
        self._spool.log_once(logging.ERROR, "spool not opened reason=%s", reason)

    def _with_room(self, write: Callable[[], None]) -> None:
        """Write to the card; where a full one refuses, once more with room from the oldest sent photos."""
        try:
            write()
        except OSError as error:
            if error.errno not in durable.FULL or not commit.make_room(self._spool, commit.ROOM_PHOTOS):
                raise
            write()

    def following(self, follow: Follow) -> Followed | None:
        """What `follow` returns, with the good copy brought up to it if it is for this spool."""
        if (found := follow()) is not None and found[0].spool.directory == self._config.spool.directory:
            self._good_config, _, self._config_names = found
            if self.opened:
                self._keep_good_config()
        return found

    def _keep_good_config(self) -> None:
        """Store the config as the last good one; drop choices that it has ended. A failure stops no photos."""
        if self._config_names is None:
            return
        path = self._spool.directory / GOOD_FILE
        # Compared again: when the config was read, the disk may not have been there.
        kept = good_copy.read(path.parent, self._spool.box)
        names = good_copy.plain(self._config_names)
        is_own = kept.exists and (kept.config, kept.names) == (good_copy.without_key(self._good_config), names)
        lost = "" if is_own else good_copy.lost_setting(self._config_names, kept)
        self._has_lost_settings = bool(lost)
        if lost:
            log.error("config not kept missing=%s reason=cut off", lost)
            return
        try:
            choices.settle(self._spool.directory, self._good_config, kept.config if kept.exists else None)
        except OSError as error:
            log.error("choices not settled reason=%s", error.strerror or error)
            if choices.stamp(self._spool.directory) is None:  # the copy would tell that they were lost
                return
        if is_own and kept.is_beside_choices and kept.box == self._spool.box:
            return
        try:
            text = good_copy.to_toml_text(self._good_config, self._config_names, self._spool.box)
            durable.update(path, text.encode())
        except (OSError, ValueError) as error:
            log.error("config not kept reason=%s", getattr(error, "strerror", None) or error)
