"""State of the booth: what the state machine remembers, and what follows from it at a given time.

Pure; only `machine` makes a new state. Times are nanoseconds of the boot-time clock.
"""

from __future__ import annotations

from piboothup.booth.flow import long_press
from piboothup.booth.flow.long_press import LONG_PRESS_NS, PROGRESS_STEP_NS, SECOND_NS, HoldProgress, Press
from piboothup.booth.flow.menu import MenuOptions
from piboothup.booth.flow.pages import Page
from piboothup.booth.flow.save_health import SaveHealth
from piboothup.config import Config
from piboothup.health import Check
from piboothup.problems import Problem
from piboothup.records import dataclass, field
from piboothup.spool.names import PhotoName
from piboothup.status import BoothState

LENS_LEAD_NS = SECOND_NS
"""Lead of the light at the lens before zero, nanoseconds: eyes are on the lens when the frame is exposed."""
SERIES_TURN_NS = SECOND_NS
"""How long each photo of a series is shown, in turn, nanoseconds."""
IDLE_STATES = (BoothState.STARTING, BoothState.READY, BoothState.REVIEW, BoothState.FAULT)
"""The states in which no photo is under way and no menu open."""


@dataclass(frozen=True)
class FlowSettings:
    """Settings of the flow from the config, and the menu's options."""

    countdown_s: int = 5
    review_s: float = 2.5
    flash_lead_s: float | None = None
    """Time from flash on to zero, seconds; None = no flash."""
    hold_s: float = 5.0
    shots: int = 1
    """Photos of one press."""
    gap_s: int = 3
    """Countdown from one exposure of a series to the next, seconds."""
    take_back_ns: int = 0
    """Time in which a guest may take a photo back, nanoseconds; 0 = photos are the uploader's at once."""
    options: MenuOptions = field(default_factory=MenuOptions)

    @classmethod
    def from_config(cls, config: Config) -> FlowSettings:
        """The settings as the config has them, before the menu's options are known."""
        return cls(
            countdown_s=config.capture.countdown_s,
            review_s=config.capture.review_s,
            flash_lead_s=config.light.flash_lead_s if config.light.flash_pin else None,
            hold_s=config.button.hold_s,
            shots=config.photo.shots,
            gap_s=config.photo.gap_s,
            take_back_ns=int(config.photo.take_back_s * SECOND_NS),
        )


@dataclass(frozen=True)
class Series:
    """The shots of one press."""

    shots: int
    """How many are to be taken."""
    begun_ns: int
    exposed: int = 0
    saved: int = 0

    @property
    def in_hand(self) -> int:
        """Frames that are not saved yet."""
        return self.exposed - self.saved

    @property
    def is_saved(self) -> bool:
        """Whether all shots are saved."""
        return self.saved >= self.shots

    @property
    def awaits_shot(self) -> bool:
        """Whether some are exposed and others are yet to be."""
        return 0 < self.exposed < self.shots


@dataclass(frozen=True)
class HeldPhoto:
    """A saved photo that is not the uploader's yet."""

    name: PhotoName
    until_ns: int
    begun_ns: int
    """Its series, or its zero: the photos of one press are taken back together."""


@dataclass(frozen=True)
class Booth:
    """Everything the machine remembers."""

    state: BoothState = BoothState.STARTING
    camera_ready: bool = False
    camera_problem: Problem | None = None
    storage_problem: Problem | None = None
    storage_stuck: Problem | None = None
    """Set while the card does not answer: a photo is neither saved nor lost."""
    health: SaveHealth = field(default_factory=SaveHealth)
    """Whether photos get saved."""
    notice: Problem | None = None
    """Why the last press gave no photo; the next press can."""
    zero_ns: int = 0
    """End of the countdown: the photo's exposure begins then or later."""
    flash_on_ns: int | None = None
    """When the flash goes on for the photo under way; None = no flash."""
    until_ns: int | None = None
    """When this state ends by itself; None = never."""
    saved_ns: int = 0
    busy_hint_until_ns: int = 0
    number: int = 0
    """Number of the last photo in its event."""
    photos: int = 0
    """Photos committed since the service started."""
    awaits_button: bool = False
    """The button's pin is not open yet: a press would not be seen."""
    series: Series | None = None
    """The shots of the press that is under way or shown; None for a single photo."""
    late: tuple[int, ...] = ()
    """Start of its series for each frame that is not saved yet though that series has ended."""
    held: tuple[HeldPhoto, ...] = ()
    """Photos that their guests may take back; the last is the one that is shown, unless `is_withdrawn`."""
    is_withdrawn: bool = False
    """The photo that is shown was taken back."""
    shows_not_sent: bool = False
    """And the card has confirmed it."""
    press: Press | None = None
    stuck: bool = False
    """The button has been down for too long to be held by anybody."""
    page: Page | None = None
    """The menu's page while the menu is open."""
    stick_seen: bool = False
    """It was asked about the stick that is plugged in."""
    copy_seen: str = ""
    """Key of the stick that it was asked about for photos."""
    set_up_seen: bool = False
    """Set-up has opened by itself."""

    @property
    def problem(self) -> Problem | None:
        """The problem that stops photos, or that made the last press fail."""
        storage = self.storage_stuck or self.storage_problem
        return storage or self.camera_problem or self.health.fault or self.notice

    @property
    def is_starting(self) -> bool:
        """Whether it is too early for READY: the camera has not streamed or failed, or a part is yet to be tried."""
        if not self.camera_ready and self.camera_problem is None:
            return True
        return (self.awaits_button or not self.health.is_tested) and self.problem is None

    @property
    def is_quiet(self) -> bool:
        """Whether no photo is under way and no menu open."""
        return self.state in (BoothState.READY, BoothState.REVIEW, BoothState.FAULT, BoothState.SETUP)

    @property
    def takes_photos(self) -> bool:
        """Whether a press would take a photo now."""
        return self.is_quiet and self.can_expose and self.health.is_tested and self.health.fault is None

    @property
    def offers_take_back(self) -> bool:
        """Whether the photo that is shown can be taken back."""
        return self.state is BoothState.REVIEW and bool(self.held) and not self.is_withdrawn

    @property
    def holds_photo(self) -> bool:
        """Whether a press is under way that either takes the photo back or, at its release, starts the next."""
        press = self.press
        is_meant = press is not None and not press.consumed and not self.stuck and press.edge_ns >= self.saved_ns
        return is_meant and self.offers_take_back

    @property
    def releasable(self) -> tuple[HeldPhoto, ...]:
        """The held photos whose time is running: not those of a series under way, nor those that a hold may keep."""
        if self.holds_photo:
            kept_ns: int | None = self.held[-1].begun_ns
        else:
            is_under_way = self.state in (BoothState.COUNTDOWN, BoothState.EXPOSING, BoothState.SAVING)
            kept_ns = self.series.begun_ns if self.series is not None and is_under_way else None
        return tuple(photo for photo in self.held if photo.begun_ns != kept_ns)

    @property
    def can_expose(self) -> bool:
        """Whether there are a camera and a card to take a photo with."""
        return self.camera_ready and self.storage_problem is None and self.storage_stuck is None

    @property
    def tests_saving(self) -> bool:
        """Whether a test photo can be taken now; not from the menu, which may use the camera itself."""
        return self.can_expose and self.state in (BoothState.STARTING, BoothState.FAULT)

    def is_flash_on(self, now_ns: int) -> bool:
        """Whether the flash is on: from its lead before zero until the frame is exposed, and during its self-test."""
        if self.page is not None and self.page.report is not None:
            return self.page.report.step is Check.LIGHT
        waiting = self.state in (BoothState.COUNTDOWN, BoothState.EXPOSING)
        return waiting and self.flash_on_ns is not None and now_ns >= self.flash_on_ns

    def is_lens_lit(self, now_ns: int) -> bool:
        """Whether the light at the lens is on: in the last second before zero until the frame is exposed.

        And during its self-test. In a countdown the machine's Tick for the digit 1 comes when it is due.
        """
        if self.page is not None and self.page.report is not None:
            return self.page.report.step is Check.LIGHT
        is_due = self.state is BoothState.COUNTDOWN and now_ns >= self.zero_ns - LENS_LEAD_NS
        return is_due or self.state is BoothState.EXPOSING

    def deadline_ns(self, now_ns: int) -> int | None:
        """When the machine needs its next Tick; None = not until another event."""
        wanted = [] if self.press is None or self.stuck else [self._hold_deadline_ns(self.press, now_ns)]
        if self.until_ns is not None and not self.awaits_release(now_ns):
            wanted.append(self.until_ns)
        wanted += [photo.until_ns for photo in self.releasable]
        if self.state is BoothState.REVIEW and self.series is not None and self.series.saved > 1:
            wanted.append(self.saved_ns + ((now_ns - self.saved_ns) // SERIES_TURN_NS + 1) * SERIES_TURN_NS)
        if self.state is BoothState.COUNTDOWN and now_ns < self.zero_ns:
            wanted.append(self.zero_ns - (self.digit(now_ns) - 1) * SECOND_NS)
            if self.flash_on_ns is not None and self.flash_on_ns > now_ns:
                wanted.append(self.flash_on_ns)
        if self.busy_hint_until_ns > now_ns:
            wanted.append(self.busy_hint_until_ns)
        if self.health.is_under_way or (self.health.wants_test and self.tests_saving):
            wanted.append(self.health.until_ns)
        return min(wanted, default=None)

    def _hold_deadline_ns(self, press: Press, now_ns: int) -> int:
        """When the meaning or the progress picture of a continuing press changes next."""
        age_ns = press.age_ns(now_ns)
        if press.consumed or self.state in (BoothState.EXPOSING, BoothState.SAVING):
            return press.edge_ns + long_press.STUCK_AFTER_NS
        if age_ns < LONG_PRESS_NS and self.page is None and not self.holds_photo:
            return press.edge_ns + LONG_PRESS_NS
        return press.edge_ns + (age_ns // PROGRESS_STEP_NS + 1) * PROGRESS_STEP_NS

    def awaits_release(self, now_ns: int) -> bool:
        """Whether the countdown, or the photo's time, is over while the button is still down."""
        is_counted = self.state is BoothState.COUNTDOWN and self.press is not None and now_ns >= self.zero_ns
        return is_counted or self.holds_photo

    def digit(self, now_ns: int) -> int:
        """The countdown's digit: whole seconds to zero, rounded up, never below 1."""
        return max(1, -((now_ns - self.zero_ns) // SECOND_NS))

    def hold_progress(self, now_ns: int, settings: FlowSettings) -> HoldProgress | None:
        """Progress of the long press; None without one."""
        if self.press is None:
            return None
        if self.page is not None:
            item = self.page.item
            return long_press.progress_in_menu(self.press, now_ns, item.hold_s) if item is not None else None
        if self.holds_photo:
            return long_press.progress_in_menu(self.press, now_ns, LONG_PRESS_NS / SECOND_NS)
        shows = self.state in IDLE_STATES and self.state is not BoothState.REVIEW
        return long_press.progress_to_menu(self.press, now_ns, settings.hold_s) if shows else None
