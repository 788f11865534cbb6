"""The booth: one loop around the state machine, and the threads that do what it says.

    button, control socket, camera, saver, housekeeping  --events-->  loop  --effects-->  camera, saver, panel, light

The loop never touches a device, the card or a socket: whatever hangs there, a press is answered. Each thread owns one
thing: the camera's the camera, the saver's the card, the panel's the I2C bus.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import queue
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from piboothup import __version__, status
from piboothup.booth.button import Button, ButtonFault
from piboothup.booth.camera import Camera, CameraThread
from piboothup.booth.light import Light, LightPattern
from piboothup.booth.machine import (
    CAPTURE_TIMEOUT_S,
    Booth,
    Capture,
    CardChecked,
    Discard,
    Effect,
    Event,
    Pressed,
    Released,
    Save,
    Settings,
    Stop,
    Tick,
    step,
)
from piboothup.booth.panel import PanelDevice, PanelThread
from piboothup.booth.saver import Saver
from piboothup.booth.view import View
from piboothup.config import GOOD_FILE, Config, as_toml
from piboothup.problems import Problem, problem
from piboothup.runtime import HintSocket, notify_systemd, under_systemd
from piboothup.spool import durable
from piboothup.spool.anchors import Anchor, Source
from piboothup.spool.clock import Clock
from piboothup.spool.contexts import Context, context_for
from piboothup.spool.recovery import recover
from piboothup.spool.retention import sweep
from piboothup.spool.store import NEW, PARKED, ROOM_PHOTOS, Spool, SpoolUnusable
from piboothup.status import BoothState, UploaderState

log = logging.getLogger(__name__)

_HOUSEKEEPING_S = 1.0
_RETENTION_S = 30.0
_RTC_UNCERTAINTY_MS = 1_500
_SILENT_NS = 20_000_000_000
"""A thread that gave no sign of life for so long is stuck: the watchdog is no longer fed."""
_ANCHOR_EVERY_MS = 600_000
_STEP_MS = 500
_STOP_S = 4.0

_PATTERNS = {
    BoothState.STARTING: LightPattern.OFF,
    BoothState.READY: LightPattern.READY,
    BoothState.COUNTDOWN: LightPattern.COUNTDOWN,
    BoothState.EXPOSING: LightPattern.EXPOSING,
    BoothState.SAVING: LightPattern.EXPOSING,
    BoothState.REVIEW: LightPattern.SAVED,
    BoothState.FAULT: LightPattern.TROUBLE,
    BoothState.STOPPING: LightPattern.OFF,
}


@dataclass(frozen=True)
class Uplink:
    """What the panel has to know of the uploader; its own words when it is not running."""

    state: UploaderState = UploaderState.STOPPED
    waiting: int = 0
    parked: int = 0
    event_title: str = ""


@dataclass(frozen=True)
class Devices:
    """The four things with wires."""

    camera: Camera
    panel: PanelDevice
    light: Light
    button: Button | None
    """None: the control socket is the only button."""


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
    ) -> None:
        """`notice` is told on the panel's bottom line: something that does not stop photos."""
        self._config = config
        self._spool = spool
        self._clock = clock
        self._runtime = runtime
        self._devices = devices
        self._config_problem = notice
        self._button_problem: Problem | None = None
        self._settings = Settings(config.capture.countdown_s, config.capture.review_s)
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._booth = Booth()
        self._context = _context(config, clock)
        self._camera = CameraThread(devices.camera, clock, self._events.put)
        self._panel = PanelThread(devices.panel, clock, runtime)
        self._saver = Saver(config, spool, self._context, runtime, self._events.put)
        self._held = contextlib.ExitStack()
        self._locked = False
        self._spool_problem: Problem | None = None
        self._uplink = Uplink()
        self._stirred = threading.Event()
        self._ended = threading.Event()
        self._title_read = (-1, "")
        self._counted: dict[str, tuple[int, int]] = {}
        self._anchor: Anchor | None = None
        self._anchored_photos = 0

    def stop(self) -> None:
        """Asks the service to end; may be called from a signal handler. It ends within 5 s."""
        self._events.put(Stop())

    def run(self) -> None:
        """Runs until stopped. Raises AlreadyRunning, SpoolUnusable (not under systemd), RuntimeUnusable.

        Under systemd a spool that can't be used is a fault on the panel, tried again until it can.
        """
        with self._held:
            self._open_spool(patient=under_systemd())
            with contextlib.closing(HintSocket(self._runtime, "booth")) as hints, self._threads(hints):
                notify_systemd("READY=1")
                self._loop()

    def _open_spool(self, *, patient: bool) -> None:
        """Takes the spool over: lock, recovery, a number for this boot. On a full or failing card: later, again."""
        try:
            self._spool.prepare()
            if not self._locked:
                self._held.enter_context(self._spool.lock("booth"))
                self._locked = True
            recover(self._spool)
            try:
                self._spool.start("booth")
            except OSError as error:
                if error.errno not in (errno.ENOSPC, errno.EDQUOT) or not self._spool.make_room(ROOM_PHOTOS):
                    raise
                self._spool.start("booth")
            self._note_waking()
            self._keep_good_config()
        except SpoolUnusable as error:
            if not patient:
                raise
            self._spool_problem = problem("spool_unusable", str(error.__cause__ or "")[:60])
        except OSError as error:
            log.error("spool not opened reason=%s", error.strerror or error)
            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            self._spool_problem = problem("card_full" if full else "card_readonly", error.strerror or "")
        else:
            self._spool_problem = None
        self._events.put(CardChecked(self._spool_problem))

    def _keep_good_config(self) -> None:
        """Keeps a config that could be used for the day when the file can't be (without the key)."""
        path, content = self._spool.directory / GOOD_FILE, as_toml(self._config).encode()
        try:
            if self._config_problem is None and not (path.is_file() and path.read_bytes() == content):
                durable.replace(path, content)
        except OSError as error:  # no reason to stop photos
            log.error("config not kept reason=%s", error.strerror or error)

    @contextlib.contextmanager
    def _threads(self, hints: HintSocket) -> Iterator[None]:
        control = threading.Thread(target=self._listen, args=(hints,), name="control", daemon=True)
        housekeeping = threading.Thread(target=self._keep_house, name="housekeeping", daemon=True)
        retention = threading.Thread(target=self._retire, name="retention", daemon=True)
        self._panel.start()
        self._panel.show(self._view(self._clock.boottime_ns()))
        self._saver.start()
        self._camera.start()
        self._start_button()
        control.start()
        housekeeping.start()
        retention.start()
        try:
            yield
        finally:
            self._ended.set()
            self._stirred.set()
            self._saver.stop(_STOP_S)
            if self._devices.button is not None:
                self._devices.button.stop()
            self._camera.stop()
            self._panel.stop()
            self._devices.light.close()
            housekeeping.join(_HOUSEKEEPING_S)

    def _start_button(self) -> None:
        if self._devices.button is None:
            return
        try:
            self._devices.button.start(
                lambda edge_ns: self._events.put(Pressed(edge_ns)),
                lambda edge_ns: self._events.put(Released(edge_ns)),
            )
        except ButtonFault as error:
            log.error("button failed reason=%s", error)
            self._button_problem = error.problem

    # -- the loop ----------------------------------------------------------------------------------------------

    def _loop(self) -> None:
        while self._booth.state is not BoothState.STOPPING:
            now_ns = self._clock.boottime_ns()
            deadline_ns = self._booth.deadline_ns(now_ns)
            wait_s = None if deadline_ns is None else max(0.0, (deadline_ns - now_ns) / 1e9)
            try:
                event: Event = self._events.get(timeout=wait_s)
            except queue.Empty:
                event = Tick()
            now_ns = self._clock.boottime_ns()
            before = self._booth
            self._booth, effects = step(before, event, now_ns, self._settings)
            for effect in effects:
                self._do(effect)
            del event, effects  # a frame in them is 18 MB that nobody needs any more
            self._panel.show(self._view(now_ns))
            self._devices.light.show(self._pattern(now_ns))
            if self._booth.state is not before.state:
                log.info("state=%s before=%s", self._booth.state, before.state)
                self._stirred.set()
            self._feed_watchdog(now_ns)

    def _do(self, effect: Effect) -> None:
        match effect:
            case Capture(zero_ns):
                self._camera.capture(zero_ns, CAPTURE_TIMEOUT_S)
            case Save(frame):
                self._saver.save(frame)
            case Discard(frame):
                frame.release()

    def _view(self, now_ns: int) -> View:
        booth = self._booth
        return View(
            state=booth.state,
            name=self._config.name,
            box=self._spool.box,
            event_title=self._uplink.event_title,
            photos=self._saver.taken,
            number=booth.number,
            countdown=booth.digit(now_ns) if booth.state is BoothState.COUNTDOWN else 0,
            problem=booth.problem,
            notice=self._notices()[0] if self._notices() else None,
            uplink=self._uplink.state,
            waiting=self._uplink.waiting,
            parked=self._uplink.parked,
            has_event=bool(self._context.link_id),
            language=self._config.language,
            nudged=booth.nudged_until_ns > now_ns,
            lens=self._config.panel.lens,
        )

    def _notices(self) -> list[Problem]:
        """What does not stop photos and yet should be known, the gravest first."""
        found = self._config_problem, self._button_problem, self._devices.light.problem, self._panel.problem
        return [one for one in found if one is not None]

    def _pattern(self, now_ns: int) -> LightPattern:
        if self._booth.nudged_until_ns > now_ns:
            return LightPattern.BUSY
        last_second = self._booth.state is BoothState.COUNTDOWN and self._booth.digit(now_ns) == 1
        return LightPattern.HURRY if last_second else _PATTERNS[self._booth.state]

    def _feed_watchdog(self, now_ns: int) -> None:
        signs = [self._camera.heartbeat(), self._panel.heartbeat()]
        if self._devices.button is not None and self._button_problem is None:
            signs.append(self._devices.button.heartbeat())
        quiet_ns = now_ns - min(signs)
        if quiet_ns < _SILENT_NS:
            notify_systemd("WATCHDOG=1")
        else:
            log.error("thread silent seconds=%d", quiet_ns // 1_000_000_000)

    # -- the other threads -------------------------------------------------------------------------------------

    def _listen(self, hints: HintSocket) -> None:
        """The control socket: a button without wires."""
        while not self._ended.is_set():
            try:
                words = hints.receive(_HOUSEKEEPING_S)
            except OSError:
                return  # closed: the service ends
            now_ns = self._clock.boottime_ns()
            if words[:1] in (["press"], ["down"]):
                self._events.put(Pressed(now_ns))
            if words[:1] in (["press"], ["up"]):
                self._events.put(Released(now_ns))

    def _keep_house(self) -> None:
        """Once a second: the card, the clock, what the uploader says, and our own status."""
        self._saver.count_held()
        while not self._ended.is_set():
            try:
                if self._spool_problem is not None:
                    self._open_spool(patient=True)
                if self._spool_problem is None:
                    self._events.put(CardChecked(self._spool.card_problem()))
                    self._note_anchor()
                self._uplink = self._read_uplink()
                self._write_status()
            except OSError as error:
                log.error("housekeeping reason=%s", error.strerror or error)
            except Exception:  # the top of the thread: whatever lies in the runtime directory, the status goes on
                log.exception("housekeeping failed")
            self._events.put(Tick())
            self._stirred.wait(_HOUSEKEEPING_S)
            self._stirred.clear()
        with contextlib.suppress(OSError):
            (self._runtime / "booth.json").unlink()

    def _retire(self) -> None:
        """Retention, at the lowest priority that Linux has for a thread."""
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 19)
        table = self._config.spool
        hour_ns, age_ns = 3_600 * 1_000_000_000, 0
        while not self._ended.wait(_RETENTION_S):
            now_ns = self._clock.boottime_ns()
            keep_days = table.keep_sent_days if now_ns >= age_ns else 0
            if self._spool_problem is None and not sweep(self._spool, keep_days, table.min_free_mb) and keep_days:
                age_ns = now_ns + hour_ns

    def _note_waking(self) -> None:
        """What the clocks said when we woke up: a battery's word, and a lower bound."""
        now_ms = self._clock.boottime_ns() // 1_000_000
        if self._clock.ntp_uncertainty_ms() is not None:
            return
        rtc_ms, wall_ms = self._clock.rtc_ms(), self._clock.wall_ns() // 1_000_000
        found = [Anchor(Source.SAVED, now_ms, wall_ms, 0)]
        if rtc_ms is not None:
            found.append(Anchor(Source.RTC, now_ms, rtc_ms + 500, _RTC_UNCERTAINTY_MS))
        for anchor in found:
            if anchor.is_sane:
                self._spool.add_anchor(anchor)

    def _note_anchor(self) -> None:
        """Writes an NTP anchor when there is news: none yet, the clock was stepped, or photos since the last."""
        uncertainty_ms = self._clock.ntp_uncertainty_ms()
        if uncertainty_ms is None:
            return
        now_ms, wall_ms = self._clock.boottime_ns() // 1_000_000, self._clock.wall_ns() // 1_000_000
        fresh, last, taken = Anchor(Source.NTP, now_ms, wall_ms, uncertainty_ms), self._anchor, self._saver.taken
        if last is not None and abs(fresh.offset_ms - last.offset_ms) < _STEP_MS:
            young = now_ms - last.boottime_ms < _ANCHOR_EVERY_MS
            if young or taken == self._anchored_photos:
                return
        self._spool.add_anchor(fresh)
        self._anchor, self._anchored_photos = fresh, taken

    def _read_uplink(self) -> Uplink:
        report = status.read(self._runtime, "uploader")
        state = UploaderState.STOPPED if report is None else _uploader_state(report)
        waiting = self._count(NEW) if report is None else int(report.get("waiting", 0))
        return Uplink(state, waiting, self._count(PARKED, self._context.id), self._title())

    def _title(self) -> str:
        """The event's title; read again only when the uploader has written it anew."""
        written_ns = self._spool.changed_ns("events.json")
        if written_ns != self._title_read[0]:
            titles = {one.link_id: one.title for one in self._spool.events()}
            self._title_read = written_ns, titles.get(self._context.link_id, "")
        return self._title_read[1]

    def _count(self, place: str, context_id: str = "") -> int:
        """The photos in `place`; counted again only when a name has come or gone."""
        changed_ns = self._spool.changed_ns(place)
        if self._counted.get(place, (0, 0))[0] != changed_ns:
            names = self._spool.names(place)
            self._counted[place] = changed_ns, sum(1 for one in names if context_id in ("", one.context))
        return self._counted[place][1]

    def _write_status(self) -> None:
        booth = self._booth
        problems = [*([booth.problem] if booth.problem is not None else []), *self._notices()]
        report: dict[str, Any] = {
            "version": __version__,
            "name": self._config.name,
            "box": self._spool.box,
            "boot": self._spool.boot,
            "state": booth.state,
            "camera": "ready" if booth.camera_ready else "lost",
            "panel": "ready" if self._panel.working else "missing",
            "button": "missing" if self._button_problem is not None else "ready",
            "photos": self._saver.taken,
            "context": self._context.id,
            "problems": [one.code for one in problems],
        }
        status.write(self._runtime, "booth", report)


def _context(config: Config, clock: Clock) -> Context:
    chosen = config.eventpics
    return context_for(chosen.link_id, chosen.album_id, f"{clock.boot_id()} {config!r}")


def _uploader_state(report: Mapping[str, Any]) -> UploaderState:
    try:
        return UploaderState(report.get("state", ""))
    except ValueError:
        return UploaderState.STOPPED
