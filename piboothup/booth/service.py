"""The booth's service: one loop around the state machine, and the threads around the loop.

    button, control socket, camera, saver, housekeeping  --events-->  loop
    loop  --effects-->  camera, saver, actions;  --state-->  presenter: panel, light, buzzer

The loop waits for no card, no socket and no bus, so that a press is answered whatever hangs there. Each thread owns
one device: the camera's thread the camera, the saver's the card, the panel's the I2C bus.

The start is in the order of what a guest waits for: the spool; the camera, whose libraries take longest, by itself;
and after it button, light and panel (`device_start`).
"""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from piboothup.booth import control
from piboothup.booth.camera.thread import CameraThread
from piboothup.booth.clock_anchors import AnchorRecorder
from piboothup.booth.device_start import DeviceStart
from piboothup.booth.devices import Devices
from piboothup.booth.flow.events import (
    Capture,
    Discard,
    Effect,
    Event,
    MoveHeld,
    Save,
    SelfTestPressed,
    Stop,
    StorageChecked,
    Tick,
    TrySaving,
)
from piboothup.booth.flow.machine import step
from piboothup.booth.flow.state import Booth, FlowSettings
from piboothup.booth.operations.action_thread import ActionThread, runner_class
from piboothup.booth.operations.active_settings import ActiveSettings, SettingsStore
from piboothup.booth.operations.frame_requests import FrameRequests
from piboothup.booth.operations.menu_options import MenuOptionsReader
from piboothup.booth.panel.thread import PanelThread
from piboothup.booth.photo.saver import Saver
from piboothup.booth.presenter import Presenter
from piboothup.booth.storage import Follow, StorageMonitor
from piboothup.booth.threads import STORAGE_TIMEOUT_NS, Heartbeat, RealTime, resume_garbage_collection, set_background
from piboothup.booth.upload_status import UploadStatusReader
from piboothup.booth.watchdog import Watchdog
from piboothup.clock import Clock
from piboothup.config import Config
from piboothup.problems import Problem
from piboothup.records import replace
from piboothup.runtime import HintSocket, under_systemd
from piboothup.spool.store import Spool
from piboothup.status import BoothState, StatusFile

log = logging.getLogger(__name__)

_HOUSEKEEPING_S = _STATUS_S = 1.0
_TURN_S = 5.0
"""Longest sleep of the loop, seconds: it feeds the watchdog."""
_STARTING_TURN_S = 0.5
"""Longest sleep of the loop while the starting screen's progress bar grows, seconds."""
_RETENTION_S = 30.0
_STOP_NS, _FAREWELL_S = 4_000_000_000, 1.0
"""Time for all threads together to end, nanoseconds; seconds of it that stay for the panel's last picture."""


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
        config_names: Sequence[str] | None = None,
        known_spools_file: Path | None = None,
        load_libraries: Callable[[], None] = lambda: None,
        follow: Follow = lambda: None,
    ) -> None:
        """`notice`: a problem of the config for the panel's bottom line.

        `config_names`: the settings that the config file names; None = no good copy is made (see `EffectiveConfig`).
        `known_spools_file`: list of this box's spools on which photos wait. `load_libraries`: imports what drawing
        and saving need; what it raises ends the service.
        """
        self._spool = spool
        self._clock = clock
        self._runtime = runtime
        self._status = StatusFile(runtime, "booth")
        self._devices = devices
        self._settings = FlowSettings.from_config(config)
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._booth = Booth(awaits_button=devices.button is not None)
        self._settings_store = store = SettingsStore(
            config, spool.directory, clock, self._apply_settings, notice, lambda: self._storage.following(follow)
        )
        context = store.active.context
        post = self._events.put
        self._panel = PanelThread(devices.panel, clock, runtime)
        self._camera = CameraThread(devices.camera, clock, post, self._panel.set_viewfinder, self._restart)
        self._saver = Saver(config, spool, context, runtime, post)
        self._storage = StorageMonitor(
            config, spool, clock, config_names=config_names, known_spools_file=known_spools_file
        )
        self._anchor_recorder = AnchorRecorder(spool, clock)
        self._disks_seen = 0
        self._upload_status_reader = UploadStatusReader(spool, runtime, context)
        self._presenter = Presenter(config, spool, clock, devices, self._camera, self._panel, self._saver, store)
        self._menu_options = MenuOptionsReader(config, spool, clock, store, runtime)
        self._realtime = RealTime()
        self._device_start = DeviceStart(
            clock, self._camera, self._panel, devices.button, self._realtime, load_libraries, post, self._saver
        )
        self._frames = FrameRequests(clock, self._camera.capture)
        parts = config, spool, runtime, store, self._frames, devices, lambda: self._booth.health.fault
        self._actions = ActionThread(lambda ended: runner_class()(*parts, self._saver.recount, post, ended), post)
        self._housekeeping_heartbeat = Heartbeat(clock)
        self._ended, self._state_changed, self._house_due = (threading.Event() for _ in range(3))
        heartbeats = {
            "camera": self._camera.heartbeat.last_ns,
            "panel": self._panel.heartbeat.last_ns,
            "saver": self._saver.heartbeat.last_ns,
            "housekeeping": self._housekeeping_heartbeat.last_ns,
        }
        if devices.button is not None:
            heartbeats["button"] = devices.button.heartbeat.last_ns
        self._watchdog = Watchdog(heartbeats)

    def stop(self) -> None:
        """Ask the service to end, which takes up to 5 s; may be called from a signal handler."""
        self._events.put(Stop())

    def _restart(self) -> None:
        """End the service, for systemd to start it again: the last remedy for a camera."""
        if under_systemd():
            self.stop()

    def run(self) -> None:
        """Run until stopped. Raises AlreadyRunning, SpoolUnusable (not under systemd), RuntimeUnusable.

        It raises too what `load_libraries` raises.
        Under systemd a spool that can't be used is a fault on the panel, tried again until it can.
        """
        with contextlib.closing(self._storage):
            self._storage.open(retry_later=under_systemd())
            self._settings_store.refresh()
            self._events.put(StorageChecked(self._storage.problem))
            self._presenter.load_last_start()
            with contextlib.closing(HintSocket(self._runtime, "booth")) as hints, self._threads(hints):
                self._watchdog.report_ready()
                self._camera.start()
                self._loop()
        if self._device_start.failure is not None:
            raise self._device_start.failure

    @contextlib.contextmanager
    def _threads(self, hints: HintSocket) -> Iterator[None]:
        duties = {
            "housekeeping": self._keep_house_running,
            "status": self._write_status,
            "retention": self._run_retention,
            "control": lambda: control.listen(hints, self._clock, self._events.put, self._ended),
        }
        self._panel.show(self._presenter.view(self._booth, self._clock.boottime_ns(), self._settings))
        self._saver.start()
        self._actions.start()
        self._device_start.start()
        threads = [threading.Thread(target=duty, name=name, daemon=True) for name, duty in duties.items()]
        for thread in threads:
            thread.start()
        self._realtime.add(threading.current_thread())
        try:
            yield
        finally:
            self._end(threads)

    def _end(self, threads: list[threading.Thread]) -> None:
        """End every thread within one deadline: first the saver, so that "photos are safe" is true when shown."""
        deadline_ns = self._clock.boottime_ns() + _STOP_NS

        def left_s(kept_s: float = 0.0) -> float:
            return max(0.0, (deadline_ns - self._clock.boottime_ns()) / 1e9 - kept_s)

        for event in (self._ended, self._state_changed, self._house_due):
            event.set()
        farewell = self._presenter.view(self._booth, self._clock.boottime_ns(), self._settings)
        if photos_are_safe := self._saver.stop(left_s()):
            self._panel.show(farewell)
        self._device_start.stop(left_s(_FAREWELL_S))
        if self._devices.button is not None:
            self._devices.button.stop()
        self._camera.stop(left_s(_FAREWELL_S))
        if photos_are_safe:
            self._panel.show(replace(farewell, ended=True))
        self._panel.stop(left_s())
        self._actions.stop(left_s())
        self._devices.light.close()
        self._devices.buzzer.close()
        for thread in threads:
            thread.join(left_s())

    # -- the loop ----------------------------------------------------------------------------------------------

    def _loop(self) -> None:
        while self._booth.state is not BoothState.STOPPING:
            event = self._next_event()
            now_ns = self._clock.boottime_ns()
            before, failures = self._booth.state, self._booth.health.failures
            self._booth, effects = step(self._booth, event, now_ns, self._settings)
            self._prepare(now_ns)
            self._run_effects(effects)
            self._presenter.on_event(event, self._booth, now_ns)
            del event, effects  # a frame in them is 18 MB that nobody needs any more
            self._presenter.show(self._booth, now_ns, self._settings, light=self._device_start.is_light_allowed)
            if self._booth.health.failures > failures:
                self._house_due.set()  # the card may be the reason
            if self._booth.state is not before:
                self._state_changed.set()
                if self._booth.state is BoothState.READY:
                    self._realtime.begin()
                if before is BoothState.STARTING:
                    resume_garbage_collection()
            self._watchdog.feed(now_ns)

    def _prepare(self, now_ns: int) -> None:
        """Set what must hold before the effects run: the lamps, the coming photo, the page of the self-test."""
        booth = self._booth
        if self._device_start.is_light_allowed:
            self._devices.light.flash(booth.is_flash_on(now_ns))
            self._devices.light.lens(booth.is_lens_lit(now_ns))
        if booth.state is not BoothState.EXPOSING:
            is_countdown = booth.state is BoothState.COUNTDOWN
            self._camera.prepare(booth.zero_ns if is_countdown else None, booth.flash_on_ns)
        self._saver.set_quiet(booth.is_quiet)
        self._frames.set_page(booth.page.kind if booth.page is not None else None)

    def _next_event(self) -> Event:
        """The oldest event; a Tick only when none is queued."""
        while True:
            now_ns = self._clock.boottime_ns()
            deadline_ns = self._booth.deadline_ns(now_ns)
            longest_s = _STARTING_TURN_S if self._booth.state is BoothState.STARTING else _TURN_S
            due_s = longest_s if deadline_ns is None else max(0.0, (deadline_ns - now_ns) / 1e9)
            try:
                event: Event = self._events.get(timeout=min(longest_s, due_s))
            except queue.Empty:
                event = Tick()
            if not isinstance(event, Tick) or self._events.empty():
                return event

    def _run_effects(self, effects: tuple[Effect, ...]) -> None:
        for effect in effects:
            match effect:
                case Capture(zero_ns, flash_on_ns):
                    self._camera.capture(zero_ns, flash_on_ns)
                case Save(frame):
                    self._saver.save(frame)
                case MoveHeld():
                    self._saver.move_held(effect)
                case TrySaving(frame):
                    self._saver.try_saving(frame)
                case Discard(frame):
                    frame.release()
                case SelfTestPressed():
                    self._actions.on_test_press()
                case action:
                    self._actions.submit(action)

    def _apply_settings(self, active: ActiveSettings) -> None:
        """Apply another event, album, name, language or time zone."""
        self._saver.set_labels(active.config.name, active.config.timezone, active.config.language)
        self._saver.set_context(active.context)
        if self._upload_status_reader.set_context(active.context):  # title and count were those of the other event
            self._presenter.upload_status = replace(self._presenter.upload_status, event_title="", parked=0)

    # -- the other threads -------------------------------------------------------------------------------------

    def _keep_house_running(self) -> None:
        """Check the card, the clock and the uploader's status once a second.

        The loop is woken last: earlier, it would have to wait for the GIL after each of this thread's system calls.
        """
        while not self._ended.is_set():
            self._housekeeping_heartbeat.beat(STORAGE_TIMEOUT_NS)
            try:
                found = self._storage.check()
                self._presenter.card_notices = self._storage.notices
                self._follow_disk()
                self._settings_store.refresh()
                if found != self._booth.storage_problem:
                    self._events.put(StorageChecked(found))
                self._saver.keep_house()
                if self._storage.opened:
                    self._anchor_recorder.record(self._saver.taken)
                    self._presenter.refresh()
                self._presenter.upload_status = self._upload_status_reader.read()
                if self._booth.state is not BoothState.STARTING:  # it has libraries of its own
                    self._settings = replace(self._settings, options=self._menu_options.read())
            except OSError as error:
                log.error("housekeeping failed reason=%s", error.strerror or error)
            except Exception:  # the top of the thread: whatever lies in the spool, the next round may go better
                log.exception("housekeeping failed")
            self._events.put(Tick())
            self._house_due.wait(_HOUSEKEEPING_S)
            self._house_due.clear()

    def _follow_disk(self) -> None:
        """Count photos and record anchors anew when the spool lies on another disk than before."""
        if self._disks_seen not in (0, self._storage.times_opened):
            self._saver.recount()
            self._anchor_recorder = AnchorRecorder(self._spool, self._clock)
        self._disks_seen = self._storage.times_opened

    def _write_status(self) -> None:
        """Write the booth's status every second and with each change of state, whatever the card does."""
        while not self._ended.is_set():
            booth = self._booth
            try:
                self._status.write(self._presenter.status(booth).to_json())
                self._presenter.runtime_problem = self._status.problem
            except Exception:  # the top of the thread: the status goes on
                log.exception("status not written")
            if booth.state is not BoothState.STARTING and not self._actions.is_loading:
                self._device_start.start_panel()  # not before "ready" is told: what draws takes half a second to load
                self._actions.load()
                self._house_due.set()
            self._state_changed.wait(_STATUS_S)
            self._state_changed.clear()
        self._status.withdraw()

    def _run_retention(self) -> None:
        """Delete sent photos when space is short, at background priority."""
        set_background()
        while not self._ended.wait(_RETENTION_S):
            try:
                while self._storage.run_retention() and not self._ended.is_set():
                    pass
            except Exception:  # the top of the thread: the next round may go better
                log.exception("retention failed")
