"""What the state machine remembers, and what follows from it at a moment: who takes photos, what is lit, what is due.

Pure: `machine` alone makes a new one of an old one. Times are nanoseconds of the boot-time clock.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from piboothup.booth.flow import long_press
from piboothup.booth.flow.long_press import LONG_PRESS_NS, PROGRESS_STEP_NS, SECOND_NS, HoldProgress, Press
from piboothup.booth.flow.menu import MenuOptions, Page, PageKind
from piboothup.booth.flow.save_health import SaveHealth
from piboothup.booth.flow.self_test_report import SelfTestStep
from piboothup.problems import Problem
from piboothup.status import BoothState

IDLE_STATES = (BoothState.STARTING, BoothState.READY, BoothState.REVIEW, BoothState.FAULT)
"""The states in which no photo is under way and no menu open."""


@dataclass(frozen=True)
class FlowSettings:
    """What the config says about the flow, and what the menu can offer."""

    countdown_s: int = 5
    review_s: float = 2.5
    flash_lead_s: float | None = None
    """By how much the flash leads zero; None = there is no flash."""
    hold_s: float = 5.0
    options: MenuOptions = field(default_factory=MenuOptions)


@dataclass(frozen=True)
class Booth:
    """Everything the machine remembers."""

    state: BoothState = BoothState.STARTING
    camera_ready: bool = False
    camera_problem: Problem | None = None
    storage_problem: Problem | None = None
    storage_stuck: Problem | None = None
    """The card has not answered for long: the photo in hand is neither saved nor lost."""
    health: SaveHealth = field(default_factory=SaveHealth)
    """Whether photos get saved."""
    notice: Problem | None = None
    """Why the last press gave no photo, while the next one can."""
    zero_ns: int = 0
    flash_on_ns: int | None = None
    """When the flash goes on for the photo under way; None = there is no flash."""
    until_ns: int | None = None
    """When the present state ends by itself."""
    saved_ns: int = 0
    busy_hint_until_ns: int = 0
    number: int = 0
    """The number of the last photo in its event."""
    photos: int = 0
    """Photos committed since the service started."""
    press: Press | None = None
    """The button is down."""
    stuck: bool = False
    """It is down for so long that nobody holds it."""
    page: Page | None = None
    """Of the menu, in that state."""

    @property
    def problem(self) -> Problem | None:
        """What stops photos, or why the last press gave none."""
        return self.storage_stuck or self.storage_problem or self.camera_problem or self.health.fault or self.notice

    @property
    def takes_photos(self) -> bool:
        """Whether a press now would take a photo."""
        resting = self.state in (BoothState.READY, BoothState.REVIEW, BoothState.FAULT)
        return resting and self.can_expose and self.health.is_tested and self.health.fault is None

    @property
    def can_expose(self) -> bool:
        """Whether there is a camera, and a card that takes what comes of it."""
        return self.camera_ready and self.storage_problem is None and self.storage_stuck is None

    @property
    def tests_saving(self) -> bool:
        """Whether a test photo can be taken: somebody in the menu has the camera for himself."""
        return self.can_expose and self.state in (BoothState.STARTING, BoothState.FAULT)

    def is_flash_on(self, now_ns: int) -> bool:
        """Whether the flash is on: from its lead before zero until the frame is exposed, and to be looked at."""
        if self.page is not None and self.page.report is not None:
            return self.page.report.step is SelfTestStep.LIGHT
        waiting = self.state in (BoothState.COUNTDOWN, BoothState.EXPOSING)
        return waiting and self.flash_on_ns is not None and now_ns >= self.flash_on_ns

    def deadline_ns(self, now_ns: int) -> int | None:
        """When the machine wants its next Tick; None = never by itself."""
        wanted = [] if self.press is None or self.stuck else [self._hold_deadline_ns(self.press, now_ns)]
        if self.until_ns is not None and not self.awaits_release(now_ns):
            wanted.append(self.until_ns)
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
        """When the press that goes on will mean something else, or the ring look different."""
        age_ns = press.age_ns(now_ns)
        if press.consumed or self.state in (BoothState.EXPOSING, BoothState.SAVING):
            return press.edge_ns + long_press.STUCK_AFTER_NS
        if age_ns < LONG_PRESS_NS and self.state is not BoothState.MENU:
            return press.edge_ns + LONG_PRESS_NS
        return press.edge_ns + (age_ns // PROGRESS_STEP_NS + 1) * PROGRESS_STEP_NS

    @property
    def wants_test_frame(self) -> bool:
        """Whether a frame that comes is a test frame."""
        return self.page is not None and self.page.kind in (PageKind.SELF_TEST, PageKind.AIM)

    def awaits_release(self, now_ns: int) -> bool:
        """The countdown is over, but somebody has the hand on the button."""
        return self.state is BoothState.COUNTDOWN and self.press is not None and now_ns >= self.zero_ns

    def digit(self, now_ns: int) -> int:
        """The countdown's digit: whole seconds to zero, rounded up, never below 1."""
        return max(1, -((now_ns - self.zero_ns) // SECOND_NS))

    def hold_progress(self, now_ns: int, settings: FlowSettings) -> HoldProgress | None:
        """What fills while the button is held; None while nothing does."""
        if self.press is None:
            return None
        if self.page is not None:
            item = self.page.item
            return long_press.progress_in_menu(self.press, now_ns, item.hold_s) if item is not None else None
        shows = self.state in IDLE_STATES and self.state is not BoothState.REVIEW
        return long_press.progress_to_menu(self.press, now_ns, settings.hold_s) if shows else None
