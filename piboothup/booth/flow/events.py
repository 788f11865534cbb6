"""What can happen to the booth, and what the booth wants done: the words in which its state machine is spoken to.

Values and nothing else. Times are nanoseconds of the boot-time clock.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from piboothup.booth.flow.actions import EventUsage, MenuAction
from piboothup.booth.flow.menu import Page
from piboothup.booth.flow.self_test_report import SelfTestReport
from piboothup.booth.frame import Frame, Plane
from piboothup.problems import Problem, problem

_DEFECT = problem("unsaved_defect")

# -- events: what can happen -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Pressed:
    """The button went down."""

    edge_ns: int


@dataclass(frozen=True)
class Released:
    """The button came up."""

    edge_ns: int


@dataclass(frozen=True)
class Tapped:
    """Pressed and let go at once, as over the control socket."""

    edge_ns: int


@dataclass(frozen=True)
class DownAtStart:
    """The button was down when the listening began: nobody saw it pressed, so it is no press."""

    at_ns: int


@dataclass(frozen=True)
class CameraReady:
    """The camera streams."""

    model: str
    size: tuple[int, int]


@dataclass(frozen=True)
class CameraLost:
    """The camera can't take photos; its thread keeps trying to open it."""

    problem: Problem


@dataclass(frozen=True)
class Exposed:
    """The frame that was asked for is here."""

    frame: Frame
    zero_ns: int
    """The zero that it was asked for with: an answer is told from that to an earlier question by it."""


@dataclass(frozen=True)
class CaptureFailed:
    """The frame that was asked for will not come."""

    problem: Problem
    zero_ns: int
    """The zero that it was asked for with."""


@dataclass(frozen=True)
class Saved:
    """The photo survives a pulled plug."""

    number: int
    """Its number in this event."""
    thumbnail: Plane | None = field(default=None, compare=False, repr=False)
    """A small grey copy of it, turned as the photo is; see `viewfinder`."""


@dataclass(frozen=True)
class SavingFailed:
    """The photo is not in the spool."""

    problem: Problem
    """What the guest is told: to press again."""
    reason: Problem = _DEFECT
    """What it is if it lasts. Equal for all photos that fail in the same way."""


@dataclass(frozen=True)
class SaveTested:
    """The test photo went the way of a photo."""

    reason: Problem | None
    """Why photos are not saved; None = they are."""


@dataclass(frozen=True)
class StorageChecked:
    """Whether the card has room for photos."""

    problem: Problem | None


@dataclass(frozen=True)
class PhotosCounted:
    """What the card holds of each event, for the menu."""

    usage: tuple[EventUsage, ...]


@dataclass(frozen=True)
class SelfTestProgress:
    """The ready check, as far as it is."""

    report: SelfTestReport


@dataclass(frozen=True)
class SharpnessMeasured:
    """How sharp the last test frame was while aiming, 0 to 1."""

    sharpness: float


@dataclass(frozen=True)
class ActionDone:
    """What came of a deed of the menu's."""

    action: MenuAction
    page: Page


@dataclass(frozen=True)
class Tick:
    """Time has passed; sent at `Booth.deadline_ns`."""


@dataclass(frozen=True)
class Stop:
    """The service is asked to end."""


Event = (
    Pressed
    | Released
    | Tapped
    | DownAtStart
    | CameraReady
    | CameraLost
    | Exposed
    | CaptureFailed
    | Saved
    | SavingFailed
    | SaveTested
    | StorageChecked
    | PhotosCounted
    | SelfTestProgress
    | SharpnessMeasured
    | ActionDone
    | Tick
    | Stop
)


# -- effects: what the service shall do ------------------------------------------------------------------------


@dataclass(frozen=True)
class Capture:
    """Take the first frame whose exposure begins at or after zero."""

    zero_ns: int
    flash_on_ns: int | None = None
    """Since when the flash is lit; None = there is none."""


@dataclass(frozen=True)
class Save:
    """Encode the frame and commit it."""

    frame: Frame


@dataclass(frozen=True)
class TrySaving:
    """Encode the frame and write it as a photo is written, then delete it."""

    frame: Frame


@dataclass(frozen=True)
class Discard:
    """Give the frame's buffer back: nobody waits for it any more."""

    frame: Frame


@dataclass(frozen=True)
class SelfTestFrame:
    """The ready check's test frame, or why there is none; it is thrown away."""

    frame: Frame | Problem
    zero_ns: int
    """The moment that it was asked for with."""


@dataclass(frozen=True)
class SelfTestPressed:
    """The press that the ready check asked for."""


Effect = Capture | Save | TrySaving | Discard | SelfTestFrame | SelfTestPressed | MenuAction
