"""The booth: one loop around the state machine, and the threads that do what it says.

    button, control socket, camera, saver, housekeeping  --events-->  loop  --effects-->  camera, saver, panel, light

The loop itself waits for no card, no socket and no bus: whatever hangs there, a press is answered. Each thread owns
one thing: the camera's the camera, the saver's the card, the panel's the I2C bus.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from piboothup.booth import feedback, presenter
from piboothup.booth import threads as precedence
from piboothup.booth.camera.thread import CameraThread
from piboothup.booth.clock_anchors import AnchorRecorder
from piboothup.booth.devices import Devices
from piboothup.booth.flow.events import (
    Capture,
    Discard,
    DownAtStart,
    Effect,
    Event,
    Pressed,
    Released,
    Save,
    SelfTestFrame,
    SelfTestPressed,
    Stop,
    StorageChecked,
    Tapped,
    Tick,
    TrySaving,
)
from piboothup.booth.flow.machine import CAPTURE_TIMEOUT_S, step
from piboothup.booth.flow.state import Booth, Settings
from piboothup.booth.operations.action_runner import ActionRunner
from piboothup.booth.operations.active_settings import ActiveSettings, SettingsStore
from piboothup.booth.operations.menu_options import MenuOptionsReader
from piboothup.booth.operations.self_test import SelfTest
from piboothup.booth.panel.thread import PanelThread
from piboothup.booth.panel.view import View
from piboothup.booth.photo.saver import Saver
from piboothup.booth.presenter import Presenter, StartProgress
from piboothup.booth.storage import StorageMonitor
from piboothup.booth.threads import STORAGE_TIMEOUT_NS, Heartbeat, RealTime
from piboothup.booth.upload_status import UploadStatusReader
from piboothup.clock import Clock
from piboothup.config import Config
from piboothup.problems import Problem
from piboothup.runtime import HintSocket, notify_systemd, under_systemd
from piboothup.spool.store import Spool
from piboothup.status import BoothState, StatusFile

log = logging.getLogger(__name__)

_HOUSEKEEPING_S = 1.0
_STATUS_S = 1.0
_TURN_S = 5.0
"""The loop turns at least so often, whoever is silent: it feeds the watchdog."""
_STARTING_TURN_S = 0.2
"""While the starting bar grows."""
_RETENTION_S = 30.0
_SILENT_NS = 20_000_000_000
"""A thread that gave no sign of life for so long is stuck: the watchdog is no longer fed."""
_STOP_NS = 4_000_000_000
"""What all threads together get to end."""

_BUTTON: Mapping[str, Callable[[int], Event]] = {"press": Tapped, "down": Pressed, "up": Released}
"""What the control socket may say."""


def settings(config: Config) -> Settings:
    """What the config says about the flow."""
    flash_lead_s = config.light.flash_lead_s if config.light.flash_pin else None
    return Settings(config.capture.countdown_s, config.capture.review_s, flash_lead_s, config.button.hold_s)


class BoothService:
    """The service `piboothup booth`."""

    def __init__(
        self,
        config: Config,
        spool: Spool,
        clock: Clock,
        runtime: Path,
        devices: Devices,
        notice: Problem | None = None,
        config_names: Sequence[str] | None = (),
        known_spools_file: Path | None = None,
    ) -> None:
        """`notice` is told on the panel's bottom line: something that does not stop photos.

        `config_names` are the settings that the config's file names; None = no good copy is made (`config.Usable`).
        `known_spools_file` says on which spools of this box photos wait.
        """
        self._config = config
        self._spool = spool
        self._clock = clock
        self._runtime = runtime
        self._status = StatusFile(runtime, "booth")
        self._devices = devices
        self._settings = settings(config)
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._booth = Booth()
        self._settings_store = SettingsStore(config, spool.directory, clock, self._apply_settings)
        context = self._settings_store.active.context
        self._camera = CameraThread(devices.camera, clock, self._events.put, self._on_viewfinder, self._restart)
        self._panel = PanelThread(devices.panel, clock, runtime)
        self._saver = Saver(config, spool, context, runtime, self._events.put)
        keep_config = config_names is not None
        self._storage = StorageMonitor(
            config,
            spool,
            clock,
            keep_config=keep_config,
            config_names=config_names or (),
            known_spools_file=known_spools_file,
        )
        self._anchor_recorder = AnchorRecorder(spool, clock)
        self._disks_seen = 0
        self._upload_status_reader = UploadStatusReader(spool, runtime, context)
        self._start_progress = StartProgress(config, spool, clock)
        self._presenter = Presenter(
            config, spool, devices, self._panel, self._saver, self._settings_store, self._start_progress, notice
        )
        self._menu_options = MenuOptionsReader(config, spool, clock, self._settings_store)
        self._self_test = SelfTest(
            spool,
            clock,
            runtime,
            self._settings_store,
            self._camera.capture,
            devices,
            lambda: self._booth.health.fault,
            self._events.put,
        )
        self._action_runner = ActionRunner(
            spool, runtime, self._settings_store, self._self_test, self._saver.recount, self._events.put
        )
        self._housekeeping_heartbeat = Heartbeat(clock)
        self._silent: set[str] = set()
        """The threads that are stuck, as was logged."""
        self._realtime = RealTime()
        self._state_changed = threading.Event()
        self._ended = threading.Event()
        self._is_ready_told = False

    def stop(self) -> None:
        """Asks the service to end; may be called from a signal handler. It ends within 5 s."""
        self._events.put(Stop())

    def _restart(self) -> None:
        """systemd starts a service that ended again: the last rung of the camera's ladder."""
        if under_systemd():
            self.stop()

    def run(self) -> None:
        """Runs until stopped. Raises AlreadyRunning, SpoolUnusable (not under systemd), RuntimeUnusable.

        Under systemd a spool that can't be used is a fault on the panel, tried again until it can.
        """
        with contextlib.closing(self._storage):
            self._storage.open(patient=under_systemd())
            self._settings_store.refresh()
            self._events.put(StorageChecked(self._storage.problem))
            self._start_progress.load_last_start()
            with contextlib.closing(HintSocket(self._runtime, "booth")) as hints, self._threads(hints):
                self._is_ready_told = notify_systemd("READY=1")
                self._loop()

    @contextlib.contextmanager
    def _threads(self, hints: HintSocket) -> Iterator[None]:
        duties = {
            "housekeeping": self._keep_house_running,
            "status": self._write_status,
            "retention": self._run_retention,
            "control": lambda: self._listen(hints),
        }
        self._panel.start()
        self._panel.show(self._view(self._clock.boottime_ns()))
        self._saver.start()
        self._action_runner.start()
        self._camera.start()
        threads = [threading.Thread(target=duty, name=name, daemon=True) for name, duty in duties.items()]
        for thread in threads:
            thread.start()
        self._realtime.add(threading.current_thread())
        self._start_button()
        try:
            yield
        finally:
            self._end(threads)

    def _end(self, threads: list[threading.Thread]) -> None:
        """Ends every thread within one deadline; the photo in hand first, and only then "photos are safe"."""
        deadline_ns = self._clock.boottime_ns() + _STOP_NS

        def left_s() -> float:
            return max(0.0, (deadline_ns - self._clock.boottime_ns()) / 1e9)

        self._ended.set()
        self._state_changed.set()
        farewell = self._view(self._clock.boottime_ns())
        if photos_are_safe := self._saver.stop(left_s()):
            self._panel.show(farewell)
        if self._devices.button is not None:
            self._devices.button.stop()
        self._camera.stop(left_s())
        if photos_are_safe:
            self._panel.show(replace(farewell, ended=True))
        self._panel.stop(left_s())
        self._action_runner.stop(left_s())
        self._devices.light.close()
        self._devices.buzzer.close()
        for thread in threads:
            thread.join(left_s())

    def _start_button(self) -> None:
        button = self._devices.button
        if button is None:
            return

        def opened(is_down: bool) -> None:
            self._realtime.add(*button.threads())
            if is_down:
                self._events.put(DownAtStart(self._clock.boottime_ns()))

        button.start(
            lambda edge_ns: self._events.put(Pressed(edge_ns)),
            lambda edge_ns: self._events.put(Released(edge_ns)),
            opened,
        )

    # -- the loop ----------------------------------------------------------------------------------------------

    def _loop(self) -> None:
        before_ns = self._clock.boottime_ns()
        while self._booth.state is not BoothState.STOPPING:
            now_ns = self._clock.boottime_ns()
            deadline_ns = self._booth.deadline_ns(now_ns)
            longest_s = _STARTING_TURN_S if self._booth.state is BoothState.STARTING else _TURN_S
            wait_s = longest_s if deadline_ns is None else min(longest_s, max(0.0, (deadline_ns - now_ns) / 1e9))
            try:
                event: Event = self._events.get(timeout=wait_s)
            except queue.Empty:
                event = Tick()
            if isinstance(event, Tick) and not self._events.empty():
                continue  # what has happened comes before what follows from time alone
            now_ns = self._clock.boottime_ns()
            before = self._booth
            self._booth, effects = step(before, event, now_ns, self._settings)
            self._devices.light.flash(self._booth.is_flash_on(now_ns))
            if self._booth.state is not BoothState.EXPOSING:
                aims = self._booth.state is BoothState.COUNTDOWN
                self._camera.prepare(self._booth.zero_ns if aims else None, self._booth.flash_on_ns)
            self._self_test.set_page(self._booth.page.kind if self._booth.page is not None else None)
            self._run_effects(effects)
            self._start_progress.on_event(event, self._booth, now_ns)
            self._set_viewfinder_on(presenter.shows_viewfinder(self._booth, now_ns))
            del event, effects  # a frame in them is 18 MB that nobody needs any more
            if self._booth.state is not BoothState.STOPPING:
                self._panel.show(self._view(now_ns))
                self._devices.light.show(feedback.pattern(self._booth, now_ns))
            heard = feedback.sound(before, before_ns, self._booth, now_ns)
            if heard is not None and (self._settings_store.active.sound or feedback.is_under_test(self._booth)):
                self._devices.buzzer.play(heard)
            before_ns = now_ns
            if self._booth.state is not before.state:
                log.info("state=%s before=%s", self._booth.state, before.state)
                self._state_changed.set()
                if self._booth.state is BoothState.READY:
                    self._realtime.begin()
            self._feed_watchdog(now_ns)

    def _run_effects(self, effects: tuple[Effect, ...]) -> None:
        for effect in effects:
            match effect:
                case Capture(zero_ns, lit_ns):
                    self._camera.capture(zero_ns, CAPTURE_TIMEOUT_S, lit_ns)
                case Save(frame):
                    self._saver.save(frame)
                case TrySaving(frame):
                    self._saver.try_saving(frame)
                case Discard(frame):
                    frame.release()
                case SelfTestFrame():
                    self._self_test.on_test_frame(effect)
                case SelfTestPressed():
                    self._self_test.on_test_press()
                case deed:
                    self._action_runner.submit(deed)

    def _set_viewfinder_on(self, on: bool) -> None:
        """Whether the panel shows what the camera sees."""
        self._camera.set_viewfinder_on(on)
        if not on:
            self._panel.set_viewfinder(None)

    def _on_viewfinder(self) -> None:
        """The camera's thread has a new picture."""
        self._panel.set_viewfinder(self._camera.viewfinder)

    def _view(self, now_ns: int) -> View:
        return self._presenter.view(self._booth, now_ns, self._settings)

    def _feed_watchdog(self, now_ns: int) -> None:
        signs = {
            "camera": self._camera.heartbeat(),
            "panel": self._panel.heartbeat(),
            "saver": self._saver.heartbeat(),
            "housekeeping": self._housekeeping_heartbeat.last_ns(),
        }
        if self._devices.button is not None:
            signs["button"] = self._devices.button.heartbeat()
        self._is_ready_told = self._is_ready_told or notify_systemd("READY=1")
        silent = {name for name, sign_ns in signs.items() if now_ns - sign_ns >= _SILENT_NS}
        if not silent:
            notify_systemd("WATCHDOG=1")
        for name in silent - self._silent:
            log.error("thread silent name=%s seconds=%d", name, (now_ns - signs[name]) // 1_000_000_000)
        for name in self._silent - silent:
            log.warning("thread answers again name=%s", name)
        self._silent = silent

    def _apply_settings(self, active: ActiveSettings) -> None:
        """Another event, album or language holds from now on."""
        self._saver.set_context(active.context)
        if self._upload_status_reader.set_context(
            active.context
        ):  # until it has looked, nothing is told of the other event
            self._presenter.upload_status = replace(self._presenter.upload_status, event_title="", parked=0)

    # -- the other threads -------------------------------------------------------------------------------------

    def _listen(self, hints: HintSocket) -> None:
        """The control socket: a button without wires."""
        while not self._ended.is_set():
            try:
                words = hints.receive(_HOUSEKEEPING_S)
            except OSError:
                return  # closed: the service ends
            if not words and hints.is_lost():
                with contextlib.suppress(OSError):  # as the status says: its folder can't be made for now
                    hints.renew()
            now_ns = self._clock.boottime_ns()
            if words and words[0] in _BUTTON:
                self._events.put(_BUTTON[words[0]](now_ns))

    def _keep_house_running(self) -> None:
        """Once a second: the card, the clock, and what the uploader says."""
        while not self._ended.is_set():
            self._housekeeping_heartbeat.beat(STORAGE_TIMEOUT_NS)
            try:
                checked = StorageChecked(self._storage.check())
                self._presenter.card_notices = self._storage.notices
                self._follow_disk()
                self._settings_store.refresh()
                self._events.put(checked)
                self._saver.count_held()
                if self._storage.opened:
                    self._anchor_recorder.record(self._saver.taken)
                    self._start_progress.update()
                self._presenter.upload_status = self._upload_status_reader.read()
                self._settings = replace(self._settings, options=self._menu_options.read())
            except OSError as error:
                log.error("housekeeping reason=%s", error.strerror or error)
            except Exception:  # the top of the thread: whatever lies in the spool, the next round may go better
                log.exception("housekeeping failed")
            self._events.put(Tick())
            self._ended.wait(_HOUSEKEEPING_S)

    def _follow_disk(self) -> None:
        """What was counted and noted on the disk before says nothing of the one that was taken over since."""
        if self._disks_seen not in (0, self._storage.times_opened):
            self._saver.recount()
            self._anchor_recorder = AnchorRecorder(self._spool, self._clock)
        self._disks_seen = self._storage.times_opened

    def _write_status(self) -> None:
        """Our own status, at once when the state changes: on a thread that no card can hold up."""
        while not self._ended.is_set():
            try:
                self._status.write(self._presenter.status(self._booth))
                self._presenter.runtime_problem = self._status.problem
            except Exception:  # the top of the thread: the status goes on
                log.exception("status not written")
            self._state_changed.wait(_STATUS_S)
            self._state_changed.clear()
        self._status.withdraw()

    def _run_retention(self) -> None:
        """Retention, after all else that the booth does."""
        precedence.set_background()
        while not self._ended.wait(_RETENTION_S):
            try:
                while self._storage.retire() and not self._ended.is_set():
                    pass
            except Exception:  # the top of the thread: the next round may go better
                log.exception("retention failed")
