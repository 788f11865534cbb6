"""The booth's state machine: pure. An event comes in, a new state and a list of effects go out.

    starting -> ready -> countdown -> exposing -> saving -> review -> ready
                  ^                      |          |
                  +------- fault <-------+----------+

* A press in ready or review starts a photo; so does one in a fault that is only a notice ("not saved: press again").
* A press while a photo is under way is answered (`nudged`) and starts nothing.
* Whatever stops photos (no camera, a full card) is the state fault until it is cured; it heals by itself.

Times are nanoseconds of the boot-time clock. **Zero** is the end of the countdown, or the button's edge when there is
none. Nothing here waits, draws, reads a clock or touches a device: `service` does what the effects say.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from piboothup.booth.events import (
    CameraLost,
    CameraReady,
    Capture,
    CaptureFailed,
    CardChecked,
    Discard,
    Effect,
    Event,
    Exposed,
    Pressed,
    Save,
    Saved,
    SavingFailed,
    Stop,
    Tick,
)
from piboothup.problems import Problem, problem
from piboothup.status import BoothState

SECOND_NS = 1_000_000_000
NUDGE_NS = 800_000_000
"""How long the answer to a press while busy is shown."""
NOTICE_NS = 6 * SECOND_NS
"""How long "not saved" is shown when the next press can take a photo again."""
CAPTURE_TIMEOUT_S = 4.0
"""What the camera gets from zero to a frame."""
ANSWER_NS = int((CAPTURE_TIMEOUT_S + 2.0) * SECOND_NS)
"""After this long the machine stops waiting for an answer about a capture."""


@dataclass(frozen=True)
class Settings:
    """What the config says about the flow."""

    countdown_s: int = 5
    review_s: float = 2.5
    flash_lead_s: float | None = None
    """By how much the flash leads zero; None = there is no flash."""


@dataclass(frozen=True)
class Booth:
    """Everything the machine remembers."""

    state: BoothState = BoothState.STARTING
    camera_ready: bool = False
    camera_problem: Problem | None = None
    card_problem: Problem | None = None
    notice: Problem | None = None
    """Why the last press gave no photo, while the next one can."""
    zero_ns: int = 0
    lit_ns: int | None = None
    """When the flash goes on for the photo under way; None = there is no flash."""
    until_ns: int | None = None
    """When the present state ends by itself."""
    saved_ns: int = 0
    nudged_until_ns: int = 0
    number: int = 0
    """The number of the last photo in its event."""
    photos: int = 0
    """Photos committed since the service started."""

    @property
    def problem(self) -> Problem | None:
        """What stops photos, or why the last press gave none."""
        return self.card_problem or self.camera_problem or self.notice

    @property
    def takes_photos(self) -> bool:
        """Whether a press now would take a photo."""
        resting = self.state in (BoothState.READY, BoothState.REVIEW, BoothState.FAULT)
        return resting and self.camera_ready and self.card_problem is None

    def is_lit(self, now_ns: int) -> bool:
        """Whether the flash is on: from its lead before zero until the frame is exposed."""
        waiting = self.state in (BoothState.COUNTDOWN, BoothState.EXPOSING)
        return waiting and self.lit_ns is not None and now_ns >= self.lit_ns

    def deadline_ns(self, now_ns: int) -> int | None:
        """When the machine wants its next Tick; None = never by itself."""
        wanted = [self.until_ns] if self.until_ns is not None else []
        if self.state is BoothState.COUNTDOWN:
            wanted.append(self.zero_ns - (self.digit(now_ns) - 1) * SECOND_NS)
            if self.lit_ns is not None and self.lit_ns > now_ns:
                wanted.append(self.lit_ns)
        if self.nudged_until_ns > now_ns:
            wanted.append(self.nudged_until_ns)
        return min(wanted, default=None)

    def digit(self, now_ns: int) -> int:
        """The countdown's digit: whole seconds to zero, rounded up, never below 1."""
        return max(1, -((now_ns - self.zero_ns) // SECOND_NS))


def step(booth: Booth, event: Event, now_ns: int, settings: Settings) -> tuple[Booth, tuple[Effect, ...]]:
    """The next state after `event`, and what is to be done."""
    if booth.state is BoothState.STOPPING:
        return booth, (Discard(event.frame),) if isinstance(event, Exposed) else ()
    match event:
        case Pressed(edge_ns):
            return _pressed(booth, edge_ns, now_ns, settings)
        case CameraReady():
            return _rest_if_faulty(replace(booth, camera_ready=True, camera_problem=None)), ()
        case CameraLost(told):
            lost = replace(booth, camera_ready=False, camera_problem=told)
            interrupted = booth.state in (BoothState.COUNTDOWN, BoothState.EXPOSING)
            return _rest(lost) if interrupted else _rest_if_faulty(lost), ()
        case CardChecked(told):
            return _rest_if_faulty(replace(booth, card_problem=told)), ()
        case Exposed(frame):
            if booth.state is not BoothState.EXPOSING or frame.exposure_start_ns < booth.zero_ns:
                return booth, (Discard(frame),)  # nobody waits for it, or it is the late answer to an earlier press
            return replace(booth, state=BoothState.SAVING, until_ns=None), (Save(frame),)
        case CaptureFailed(told) if booth.state is BoothState.EXPOSING:
            return _notice(booth, told, now_ns), ()
        case SavingFailed(told) if booth.state is BoothState.SAVING:
            return _notice(booth, told, now_ns), ()
        case Saved(number):
            until_ns = now_ns + int(settings.review_s * SECOND_NS)
            taken = replace(booth, number=number, photos=booth.photos + 1, saved_ns=now_ns)
            return replace(taken, state=BoothState.REVIEW, until_ns=until_ns), ()
        case Tick():
            return _tick(booth, now_ns)
        case Stop():
            return replace(booth, state=BoothState.STOPPING, until_ns=None), ()
        case _:
            return booth, ()


def _pressed(booth: Booth, edge_ns: int, now_ns: int, settings: Settings) -> tuple[Booth, tuple[Effect, ...]]:
    began_before_saved = booth.state is BoothState.REVIEW and edge_ns < booth.saved_ns
    if not booth.takes_photos or began_before_saved:
        return replace(booth, nudged_until_ns=now_ns + NUDGE_NS), ()
    zero_ns = edge_ns + settings.countdown_s * SECOND_NS
    lead_s = settings.flash_lead_s
    lit_ns = None if lead_s is None else max(edge_ns, zero_ns - int(lead_s * SECOND_NS))
    started = replace(booth, notice=None, zero_ns=zero_ns, lit_ns=lit_ns, nudged_until_ns=0)
    if settings.countdown_s:
        return replace(started, state=BoothState.COUNTDOWN, until_ns=zero_ns), ()
    return _expose(started, now_ns)


def _expose(booth: Booth, now_ns: int) -> tuple[Booth, tuple[Effect, ...]]:
    exposing = replace(booth, state=BoothState.EXPOSING, until_ns=now_ns + ANSWER_NS)
    return exposing, (Capture(booth.zero_ns, booth.lit_ns),)


def _tick(booth: Booth, now_ns: int) -> tuple[Booth, tuple[Effect, ...]]:
    if booth.until_ns is None or now_ns < booth.until_ns:
        return booth, ()
    if booth.state is BoothState.COUNTDOWN:
        return _expose(booth, now_ns)
    if booth.state is BoothState.EXPOSING:
        return _notice(booth, problem("camera_stuck"), now_ns), ()
    return _rest(replace(booth, notice=None)), ()


def _notice(booth: Booth, told: Problem, now_ns: int) -> Booth:
    return replace(_rest(replace(booth, notice=told)), until_ns=now_ns + NOTICE_NS)


def _rest_if_faulty(booth: Booth) -> Booth:
    resting = booth.state in (BoothState.STARTING, BoothState.READY, BoothState.FAULT)
    return replace(_rest(booth), until_ns=booth.until_ns) if resting else booth


def _rest(booth: Booth) -> Booth:
    """Ready, or the fault that stands in the way; starting until the camera has said something."""
    if not booth.camera_ready and booth.camera_problem is None:
        return replace(booth, state=BoothState.STARTING, until_ns=None)
    state = BoothState.FAULT if booth.problem is not None else BoothState.READY
    return replace(booth, state=state, until_ns=None)
