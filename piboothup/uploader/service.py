"""The uploader's main thread, around the scheduler and its workers.

It takes hints, lists new/ when something changed in it, cuts overdue exchanges, writes the status and feeds the
watchdog. It makes no call to the network itself, so no network can delay any of that.
"""

from __future__ import annotations

import contextlib
import logging
import random
import select
import selectors
import socket
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

from piboothup import __version__, status
from piboothup.clock import Clock
from piboothup.config import Config
from piboothup.problems import problem
from piboothup.runtime import HintSocket, notify_systemd, under_systemd
from piboothup.spool import choices, contexts
from piboothup.spool.contexts import ContextRecord
from piboothup.spool.layout_version import SpoolUnusable
from piboothup.spool.listing import CONTEXTS, NEW
from piboothup.spool.names import PhotoName
from piboothup.spool.store import Spool
from piboothup.status import EventReport, StatusFile, UploaderReport, WifiReport, WriterThread
from piboothup.uploader import wifi
from piboothup.uploader.eventpics import EventPicsApi
from piboothup.uploader.schedule.backoff import SECOND_NS, RandomFn
from piboothup.uploader.schedule.link_status import StatusSnapshot
from piboothup.uploader.schedule.photo_queue import UNREADABLE, Unmarked, context_ids, directory_stamp, sorted_names
from piboothup.uploader.schedule.scheduler import UploadScheduler
from piboothup.uploader.session import ApiSession, Connect
from piboothup.uploader.trusted_time import TrustedTime
from piboothup.uploader.wifi import Wifi
from piboothup.uploader.wifi_monitor import WifiMonitor
from piboothup.uploader.worker import Worker

log = logging.getLogger(__name__)

_LIST_INTERVAL_NS = 30 * SECOND_NS
"""Interval of looking for changes in new/, nanoseconds."""
_FULL_LIST_INTERVAL_NS = 600 * SECOND_NS
"""Interval of listing new/ without a change of its folder time, whose resolution may hide one, nanoseconds."""
_STOP_TIMEOUT_S = 3.0
"""Time given to the workers to end, seconds."""
_ANSWER_TIMEOUT_S = 1.5
"""Part of that time in which a sent photo may still be confirmed, so that it is not sent again, seconds."""
_STUCK_AFTER_S = 120.0
"""Time past its deadline after which an exchange shows a stuck worker, and the watchdog is not fed, seconds."""


class Uploader:
    """The service `piboothup uploader`."""

    def __init__(
        self,
        config: Config,
        spool: Spool,
        clock: Clock,
        runtime: Path,
        refused: str = "",
        *,
        random_fn: RandomFn = random.random,  # noqa: TID251  (the default; tests pass their own)
        connect: Connect = EventPicsApi,
        read_wifi: Callable[[], Wifi] | None = None,
        has_new_config: Callable[[], bool] = lambda: False,
        unmarked: Unmarked | None = None,
    ) -> None:
        """`refused`: why nothing is sent until the next start, if the config can't be used.

        `has_new_config`: whether the file on the card was imported since the config was read. `read_wifi`: by default
        a `WifiMonitor`'s, but under systemd alone. `unmarked`: sent photos that could not be moved out of new/;
        kept for the next service in this process.
        """
        self._config = config
        self._spool = spool
        self._clock = clock
        self._runtime = runtime
        self._status = StatusFile(runtime, "uploader")
        self._status_writer = WriterThread()
        self._applied: tuple[object, bool] = None, config.upload.paused
        """Stamp of the choices that were applied last, and whether they pause."""
        sending = {"paused": config.upload.paused, "refused": bool(refused)}
        self._scheduler = UploadScheduler(
            clock, random_fn, config.upload.workers, {} if unmarked is None else unmarked, **sending
        )
        self._refused = refused
        parts = config, spool, clock, TrustedTime(spool, clock), self._scheduler, connect
        self._workers = [
            Worker(spool, clock, self._scheduler, ApiSession(*parts), number + 1)
            for number in range(config.upload.workers)
        ]
        self._woken, self._wake = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        for end in (self._woken, self._wake):
            end.setblocking(False)
        self._directory_stamp: frozenset[tuple[str, int]] = frozenset()
        self._list_due_ns = self._full_list_due_ns = self._status_due_ns = 0
        self._written: StatusSnapshot | None = None
        self._is_ready_sent = False
        self._is_worker_stuck = False
        """A worker is stuck, and that was logged."""
        self.needs_restart = False
        """The service ended because the spool lies on another disk, or the config or the key is new."""
        self._has_new_config = has_new_config
        self._read_wifi = read_wifi or (WifiMonitor(clock).read if under_systemd() else wifi.read)
        self._wifi = Wifi()

    def stop(self) -> None:
        """Ask the service to end; may be called from a signal handler. It ends within 5 s, in mid-PUT too."""
        self._scheduler.stopping = True
        self.wake()

    def wake(self) -> None:
        """Wake the main thread and the workers; may be called from any thread or signal handler."""
        with contextlib.suppress(OSError):  # full: already awake; closed: has ended
            self._wake.send(b"!")

    def run(self) -> None:
        """Run until stopped, or until `needs_restart` is set.

        Raises AlreadyRunning, RuntimeUnusable, OSError when it can't start; SpoolUnusable too, but under systemd.
        """
        with contextlib.closing(self._woken), contextlib.closing(self._wake), contextlib.ExitStack() as lock:
            if self._prepare(lock):
                self._run()

    def _prepare(self, lock: contextlib.ExitStack) -> bool:
        """Prepare and lock the spool. On a box a failure is shown and tried again, as a disk may come late.

        Returns False when the service is stopped meanwhile.
        """
        while not self._scheduler.stopping:
            try:
                self._spool.prepare()
                lock.enter_context(self._spool.lock("uploader"))
            except (SpoolUnusable, OSError) as error:  # OSError: it left meanwhile, or takes no lock
                if not under_systemd():
                    raise
                self._spool.log_once(logging.ERROR, "spool not opened reason=%s", error)
                self._scheduler.set_storage_problem(
                    problem("spool_unusable", error.strerror or "") if isinstance(error, OSError) else error.problem
                )
            else:
                return True
            self._write_status(self._scheduler.snapshot())
            self._is_ready_sent = self._is_ready_sent or notify_systemd("READY=1")
            notify_systemd("WATCHDOG=1")
            select.select([self._woken], [], [], status.REFRESH_S)
            self._drain()
        self._status.withdraw()
        return False

    def _run(self) -> None:
        with (
            contextlib.closing(HintSocket(self._runtime, "uploader")) as hints,
            selectors.DefaultSelector() as selector,
        ):
            selector.register(hints, selectors.EVENT_READ)
            selector.register(self._woken, selectors.EVENT_READ)
            self._scheduler.on_change = self.wake
            self._apply_choices()
            self._check_storage()
            self._is_ready_sent = self._is_ready_sent or notify_systemd("READY=1")
            self._status_writer.start()
            for worker in self._workers:
                worker.thread.start()
            try:
                while not (self._scheduler.stopping or self._must_restart()):
                    self._run_due_tasks()
                    self._renew_lost_socket(hints, selector)
                    due_ns = min(self._list_due_ns, self._status_due_ns)
                    ready = selector.select(max(0.0, (due_ns - self._clock.boottime_ns()) / SECOND_NS))
                    if any(key.fileobj is self._woken for key, _ in ready):
                        self._drain()
                    if any(key.fileobj is hints for key, _ in ready):
                        self._take_hints(hints)
            finally:
                self._shut_down()

    def _must_restart(self) -> bool:
        if self._spool.has_moved():
            log.warning("spool moved directory=%s", self._spool.directory)
            self.needs_restart = True
        elif self._has_new_config():
            log.warning("config imported")
            self.needs_restart = True
        return self.needs_restart

    def _take_hints(self, hints: HintSocket) -> None:
        while words := hints.receive(0.0):
            match words:
                case ["new", text] if (name := PhotoName.parse(text)) and self._spool.is_waiting(name):
                    self._scheduler.add(name, self._entry(name.context))
                case ["retry"]:
                    self._scheduler.retry()
                case ["choices"]:
                    self._apply_choices()
                case _:
                    log.debug("hint ignored")

    def _renew_lost_socket(self, hints: HintSocket, selector: selectors.BaseSelector) -> None:
        """Make the hint socket again if it vanished with its folder, as soon as that is back."""
        if not hints.is_lost():
            return
        selector.unregister(hints)
        with contextlib.suppress(OSError):  # its folder can't be made for now, as the status shows
            hints.renew()
        selector.register(hints, selectors.EVENT_READ)

    def _drain(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while self._woken.recv(16):
                pass
        self._scheduler.wake()

    def _run_due_tasks(self) -> None:
        now_ns = self._clock.boottime_ns()
        if self._scheduler.take_listing_request():
            self._list_due_ns = self._full_list_due_ns = now_ns
        if now_ns >= self._list_due_ns:
            self._list_due_ns = now_ns + _LIST_INTERVAL_NS
            self._scheduler.end_holds()
            if self._scheduler.take_listing_request():
                self._full_list_due_ns = now_ns
            self._retry_marking()
            self._list_photos(now_ns)
        if now_ns >= self._status_due_ns:
            self._apply_choices()
            self._check_storage()
        view = self._scheduler.snapshot()
        if view != self._written or now_ns >= self._status_due_ns:
            if now_ns >= self._status_due_ns:
                self._wifi = self._read_wifi()
                self._status_due_ns = now_ns + int(status.REFRESH_S * SECOND_NS)
            self._written = view
            self._write_status(view)
        stuck_s = max((worker.enforce_deadline() for worker in self._workers), default=0.0)
        was_stuck, self._is_worker_stuck = self._is_worker_stuck, stuck_s >= _STUCK_AFTER_S
        self._is_ready_sent = self._is_ready_sent or notify_systemd("READY=1")
        if not self._is_worker_stuck:
            notify_systemd("WATCHDOG=1")
        if self._is_worker_stuck and not was_stuck:
            log.error("worker stuck seconds=%.0f", stuck_s)

    def _apply_choices(self) -> None:
        """Pause or resume as chosen at the box; a `retry` in between counts until the next choice."""
        stamp = choices.stamp(self._spool.directory)
        chosen = choices.read(self._spool.directory, self._config)
        found = stamp, chosen.over(self._config).upload.paused
        if found != self._applied and chosen is not choices.UNKNOWN:
            self._applied = found
            self._scheduler.pause(found[1])

    def _check_storage(self) -> None:
        """Send nothing from a spool in memory: sent/ would be gone at power-off, and all photos be sent again."""
        self._spool.free_space.recheck_storage(allowed=self._config.spool.allow_memory)
        self._scheduler.set_storage_problem(self._spool.free_space.unsound)

    def _list_photos(self, now_ns: int) -> None:
        try:
            found = directory_stamp(self._spool.directory / NEW, self._spool.directory / CONTEXTS)
            self._scheduler.set_listing_complete(complete=UNREADABLE not in dict(found).values())
            if found == self._directory_stamp and now_ns < self._full_list_due_ns:
                return
            listed = sorted_names(self._spool.names(NEW))
            self._scheduler.reload(
                listed, {context_id: self._entry(context_id) for context_id in context_ids(listed)}
            )
        except OSError as error:
            log.error("photos not listed reason=%s", error.strerror)
            self._scheduler.set_listing_complete(complete=False)
            return
        self._directory_stamp, self._full_list_due_ns = found, now_ns + _FULL_LIST_INTERVAL_NS

    def _entry(self, context_id: str) -> ContextRecord:
        return contexts.read_record(self._spool.directory / CONTEXTS, context_id)

    def _retry_marking(self) -> None:
        """Move sent photos out of new/ that could not be moved before; of those of another disk none lies here."""
        for name, context in self._scheduler.unmarked():
            if self._spool.is_waiting(name) and self._workers[0].mark_sent(name, context):
                self._scheduler.forget_photo(name)

    def _shut_down(self) -> None:
        self._scheduler.stopping = True
        self._scheduler.wake()
        begun_ns = self._clock.boottime_ns()

        def left_s(of_s: float) -> float:
            return max(0.0, of_s - (self._clock.boottime_ns() - begun_ns) / SECOND_NS)

        spared = [worker for worker in self._workers if worker.session.stop(spares_sent=True)]
        for worker in spared:
            worker.join(left_s(_ANSWER_TIMEOUT_S))
            worker.session.stop()
        for worker in self._workers:
            if not worker.join(left_s(_STOP_TIMEOUT_S)):
                log.warning("worker left behind")  # in a name look-up or a connect; its photo is in new/
        self._status_writer.do(self._status.withdraw)
        self._status_writer.stop()

    def _write_status(self, view: StatusSnapshot) -> None:
        problems, wifi_problem = [*view.problems], self._wifi.problem
        if wifi_problem is not None and problems and problems[0].code in ("no_network", "storage_silent"):
            problems.insert(0, wifi_problem)  # names the cause, and has the better remedy
        reason, code = (None, None) if wifi_problem is None else (str(wifi_problem), wifi_problem.code)
        report = UploaderReport(
            version=__version__,
            state=view.state,
            reason=self._refused or (str(problems[0]) if problems else ""),
            problems=tuple(problem.code for problem in problems),
            waiting=view.waiting.total(),
            sent=view.sent.total(),
            rate_bps=view.rate_bps,
            eta_s=view.eta_s,
            last_success_s=None if view.last_success_ns is None else round(view.last_success_ns / SECOND_NS, 3),
            events_seen=None if view.events is None else len(view.events),
            events=tuple(self._events(view)),
            wifi=WifiReport(self._wifi.ssid, self._wifi.signal, reason, code),
        )
        self._status_writer.do(lambda: self._status.write(report.to_json()))

    def _events(self, view: StatusSnapshot) -> Iterator[EventReport]:
        """Per event and album: photos waiting, and photos sent since the start."""
        titles = {event.link_id: event.title for event in view.events or ()}
        counts: defaultdict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
        for index, counted in enumerate((view.waiting, view.sent)):
            for context, number in counted.items():
                counts[context.link_id, context.album_id][index] += number
        for (link_id, album_id), (waiting, sent) in sorted(counts.items()):
            yield EventReport(link_id, album_id, titles.get(link_id, ""), waiting, sent)
