"""The presenter: shows the booth's state on panel, light and buzzer, and reports it to other programs.

Called by the loop and by housekeeping; it waits for nothing.
"""

from __future__ import annotations

import logging

from piboothup import __version__, power
from piboothup.booth import feedback
from piboothup.booth.camera.thread import CameraThread
from piboothup.booth.devices import Devices
from piboothup.booth.flow.events import Event, Saved
from piboothup.booth.flow.pages import PageKind
from piboothup.booth.flow.state import SERIES_TURN_NS, Booth, FlowSettings
from piboothup.booth.frame import Plane
from piboothup.booth.operations.active_settings import SettingsStore
from piboothup.booth.panel import idle
from piboothup.booth.panel.thread import PanelThread
from piboothup.booth.panel.view import View, album_address
from piboothup.booth.photo.saver import Saver
from piboothup.booth.upload_status import UploadStatus
from piboothup.clock import Clock
from piboothup.config import Config
from piboothup.power import Supply
from piboothup.problems import Problem, problem
from piboothup.spool.store import Spool
from piboothup.status import BoothReport, BoothState, UploaderState

log = logging.getLogger(__name__)


class Presenter:
    """Shows and reports the state, with what the other parts last reported."""

    def __init__(
        self,
        config: Config,
        spool: Spool,
        clock: Clock,
        devices: Devices,
        camera: CameraThread,
        panel: PanelThread,
        saver: Saver,
        settings_store: SettingsStore,
    ) -> None:
        self._config = config
        self._spool = spool
        self._clock = clock
        self._devices = devices
        self._camera = camera
        self._panel = panel
        self._saver = saver
        self._settings_store = settings_store
        self.card_notices: list[Problem] = []
        """Problems of the card that do not stop photos, as last checked."""
        self.runtime_problem: Problem | None = None
        """Why the status file can't be written."""
        self.upload_status = UploadStatus()
        """The uploader's status, as last read."""
        self._supply = Supply()
        self._is_synchronised = False
        self._thumbnails: list[Plane | None] = []
        """Of the last photo, or of all shots of its series."""
        self._started_ns = self._busy_ns = clock.boottime_ns()
        self._expected_start_ms: int | None = None
        self._start_ms: int | None = None
        self._is_start_recorded = False
        self._shown = Booth()
        self._shown_ns = 0

    def load_last_start(self) -> None:
        """Read how long the last start took, for the progress bar."""
        self._expected_start_ms = self._spool.last_start_ms()

    def refresh(self) -> None:
        """Read supply and clock, and record once how long this start took. Raises OSError."""
        self._supply = power.read()
        self._is_synchronised = self._clock.ntp_uncertainty_ms() is not None
        if self._start_ms is not None and not self._is_start_recorded:
            self._is_start_recorded = True
            self._spool.note_ready(self._start_ms)

    def on_event(self, event: Event, booth: Booth, now_ns: int) -> None:
        """Record an event and the state after it."""
        if isinstance(event, Saved):
            is_next = booth.series is not None and booth.series.saved > 1
            self._thumbnails = [*(self._thumbnails if is_next else ()), event.thumbnail]
        if booth.state is not BoothState.READY:
            self._busy_ns = now_ns
        elif self._start_ms is None:
            self._start_ms = (now_ns - self._started_ns) // 1_000_000

    def show(self, booth: Booth, now_ns: int, settings: FlowSettings, *, light: bool = True) -> None:
        """Show the state: viewfinder, panel, buzzer and, if its library may be loaded, light."""
        is_viewfinder_on = shows_viewfinder(booth, now_ns)
        self._camera.set_viewfinder_on(is_viewfinder_on, near=reads_codes(booth))
        if not is_viewfinder_on:
            self._panel.set_viewfinder(None)
        if booth.state is not BoothState.STOPPING:
            self._panel.show(self.view(booth, now_ns, settings))
            if light:
                self._devices.light.show(feedback.pattern(booth, now_ns))
        sound = feedback.sound(self._shown, self._shown_ns, booth, now_ns)
        if sound is not None and (self._settings_store.active.sound or feedback.is_under_test(booth)):
            self._devices.buzzer.play(sound)
        if booth.state is not self._shown.state:
            log.info("booth state=%s before=%s", booth.state, self._shown.state)
        self._shown, self._shown_ns = booth, now_ns

    def view(self, booth: Booth, now_ns: int, settings: FlowSettings) -> View:
        """The view of this state."""
        active = self._settings_store.active
        upload_status = self.upload_status
        link_id = active.context.link_id
        shown = _photo_shown(booth, now_ns)
        shot = 0 if booth.series is None else shown + 1
        expected_ns = (self._expected_start_ms or 0) * 1_000_000
        light_problem = self._devices.light.problem
        shown_before = (self._devices.camera.notice, self._unused_setting()) if booth.photos else ()
        return View(
            state=booth.state,
            name=active.config.name,
            box=self._spool.box,
            event_title=upload_status.event_title,
            photos=self._saver.taken,
            number=booth.number,
            shot=shot,
            shots=0 if booth.series is None else booth.series.shots,
            countdown=booth.digit(now_ns) if booth.state is BoothState.COUNTDOWN else 0,
            problem=booth.problem,
            notice=next((notice for notice in self.notices(booth) if notice not in shown_before), None),
            upload_state=upload_status.state,
            waiting=upload_status.waiting,
            parked=upload_status.parked,
            taken_back=settings.options.taken_back,
            has_event=bool(link_id),
            language=active.config.language,
            busy_hint=booth.busy_hint_until_ns > now_ns,
            lens=self._config.panel.lens,
            has_autofocus=self._devices.camera.has_autofocus,
            page=booth.page,
            offers_take_back=booth.offers_take_back,
            shows_not_sent=booth.shows_not_sent,
            hold_progress=booth.hold_progress(now_ns, settings),
            rotation=self._config.camera.rotation,
            thumbnail=self._thumbnails[min(shown, len(self._thumbnails) - 1)] if self._thumbnails else None,
            progress=min(1.0, (now_ns - self._started_ns) / expected_ns) if expected_ns else 0.0,
            checks=checks(booth, light_problem, self._supply, upload_status, bool(link_id), self._is_synchronised),
            album_link=self._album_link(booth, now_ns, link_id),
            line_turn=now_ns // idle.LINE_TURN_NS,
        )

    def _album_link(self, booth: Booth, now_ns: int, link_id: str) -> str:
        """The album's link while its code is shown: in the menu, or in turn with the ready screen."""
        is_open_in_menu = booth.page is not None and booth.page.kind is PageKind.ALBUM_CODE
        is_idle = booth.state is BoothState.READY and not booth.stuck  # the notice of a stuck button stays readable
        takes_turns = is_idle and self._config.panel.album_code == "idle"
        is_shown = is_open_in_menu or (takes_turns and idle.shows_qr(now_ns - self._busy_ns))
        return album_address(self._config.eventpics.album_url, link_id) if is_shown else ""

    def notices(self, booth: Booth) -> list[Problem]:
        """Problems that do not stop photos, the gravest first."""
        devices = (
            self._devices.button_problem,
            self._devices.camera.notice,
            self._devices.signal_problem,
            self._panel.problem,
            self.runtime_problem,
            self._saver.notice,
        )
        stuck = problem("button_stuck") if booth.stuck else None
        unused = self._unused_setting()
        config = None if unused is not None else self._settings_store.config_problem, self._settings_store.problem
        others = *self._supply.problems, *devices, self.upload_status.problem, unused
        found = stuck, *self.card_notices, *config, *others
        return [notice for notice in found if notice is not None]

    def _unused_setting(self) -> Problem | None:
        """Shown last, and only until the first photo: only who sets up the box can mend it."""
        found = self._settings_store.config_problem
        return found if found is not None and found.code == "unused_setting" else None

    def status(self, booth: Booth) -> BoothReport:
        """The booth's report for other programs."""
        problems = [*([booth.problem] if booth.problem is not None else []), *self.notices(booth)]
        return BoothReport(
            version=__version__,
            name=self._settings_store.active.config.name,
            box=self._spool.box,
            boot=self._spool.boot,
            state=booth.state,
            camera="ready" if booth.camera_ready else "lost",
            panel="ready" if self._panel.problem is None else "missing",
            button="missing" if self._devices.button_problem is not None else "ready",
            photos=self._saver.taken,
            context=self._settings_store.active.context.id,
            problems=tuple(problem.code for problem in problems),
        )


def _photo_shown(booth: Booth, now_ns: int) -> int:
    """Index of the shot that is under way or, in turn with the others, shown; 0 without a series."""
    series = booth.series
    if series is None:
        return 0
    if booth.state is not BoothState.REVIEW:
        return min(series.exposed, series.shots - 1)
    return (now_ns - booth.saved_ns) // SERIES_TURN_NS % max(1, series.saved)


_ONLINE = (UploaderState.IDLE, UploaderState.UPLOADING)


def shows_viewfinder(booth: Booth, now_ns: int) -> bool:
    """Whether the panel shows the viewfinder: while something is held to the lens, and in the countdown.

    In the countdown until its last second.
    """
    is_aiming = booth.page is not None and booth.page.kind is PageKind.AIM
    return is_aiming or reads_codes(booth) or (booth.state is BoothState.COUNTDOWN and booth.digit(now_ns) > 1)


def reads_codes(booth: Booth) -> bool:
    """Whether a code is to be held before the lens."""
    return booth.page is not None and booth.page.kind is PageKind.READ_CODE


def checks(
    booth: Booth,
    light_problem: Problem | None,
    supply: Supply,
    upload_status: UploadStatus,
    has_event: bool,
    is_synchronised: bool,
) -> dict[str, bool | None]:
    """The parts that a box needs, ticked or crossed. `is_synchronised`: NTP disciplines the clock."""
    online = upload_status.state in _ONLINE and not upload_status.is_untried
    lacks_key = not {"no_key", "bad_config"}.isdisjoint(upload_status.problems)
    is_refused = upload_status.state is UploaderState.REFUSED or lacks_key
    unreachable = upload_status.state in (UploaderState.OFFLINE, UploaderState.PORTAL)
    is_unknown = lacks_key or upload_status.is_untried or upload_status.state is UploaderState.STOPPED
    return {
        "camera": True if booth.camera_ready else None if booth.camera_problem is None else False,
        "card": booth.storage_problem is None and booth.storage_stuck is None and booth.health.fault is None,
        "light": light_problem is None,
        "supply": None if supply.undervoltage is None else not supply.undervoltage,
        "wifi": False if unreachable else None if is_unknown else True,
        "clock": True if is_synchronised or online else None,  # online, the album's server tells the time
        "key": False if is_refused else True if online else None,
        "event": has_event
        and (upload_status.is_of_other_events or {"event_gone", "event_refused"}.isdisjoint(upload_status.problems)),
    }
