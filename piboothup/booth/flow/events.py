"""Events and effects of the booth's state machine, as values.

Times are nanoseconds of the boot-time clock.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from piboothup.booth.flow.actions import MenuAction
from piboothup.booth.flow.pages import Page
from piboothup.booth.flow.self_test_report import SelfTestReport
from piboothup.booth.frame import Frame, Plane
from piboothup.problems import Problem
from piboothup.records import dataclass, field
from piboothup.spool.names import PhotoName

if TYPE_CHECKING:  # loaded once a code is read
    from piboothup.config.codes import Code, Fault

# -- events ----------------------------------------------------------------------------------------------------


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
    """A press and its release at once, as over the control socket."""

    edge_ns: int


@dataclass(frozen=True)
class DownAtStart:
    """The button was down when it was opened: without an edge it is no press."""

    at_ns: int


@dataclass(frozen=True)
class CameraReady:
    """The camera streams."""


@dataclass(frozen=True)
class CameraLost:
    """The camera can't take photos; its thread goes on trying to open it."""

    problem: Problem


@dataclass(frozen=True)
class Exposed:
    """The requested frame."""

    frame: Frame
    zero_ns: int
    """Zero of the request: distinguishes this answer from that to an earlier request."""


@dataclass(frozen=True)
class CaptureFailed:
    """The requested frame will not come."""

    problem: Problem
    zero_ns: int


@dataclass(frozen=True)
class Saved:
    """The photo is committed: it survives a power cut."""

    number: int
    """The photo's number in its event."""
    thumbnail: Plane | None = field(default=None, compare=False, repr=False)
    """Small grey copy, rotated like the photo."""
    held: PhotoName | None = None
    """The photo, when its guest may take it back."""


@dataclass(frozen=True)
class Withdrawn:
    """The photo that a guest took back lies where it is never sent, or could not be moved."""

    problem: Problem | None = None


@dataclass(frozen=True)
class SavingFailed:
    """The photo could not be committed."""

    problem: Problem
    """Problem for the guest: press again."""
    reason: Problem
    """The fault to report if saving keeps failing; equal for all photos that fail in the same way."""


@dataclass(frozen=True)
class ButtonTried:
    """The button's pin is open, or can't be opened for now."""


@dataclass(frozen=True)
class SaveTested:
    """The test photo has been saved and deleted, or has failed."""

    reason: Problem | None
    """Why photos can't be saved; None = they can."""


@dataclass(frozen=True)
class StorageChecked:
    """Result of the regular check of the card: whether it can take photos."""

    problem: Problem | None


@dataclass(frozen=True)
class SelfTestProgress:
    """Results of the self-test so far."""

    report: SelfTestReport


@dataclass(frozen=True)
class SharpnessMeasured:
    """Sharpness of the last test frame while aiming, 0 to 1."""

    sharpness: float


class ScanHint(StrEnum):
    """What to tell who holds a code before the lens."""

    SHOW = "show"
    CLOSER = "closer"
    BRIGHTER = "brighter"
    STILL = "still"


@dataclass(frozen=True)
class CodeHinted:
    """No code was read in the last frame."""

    hint: ScanHint


@dataclass(frozen=True)
class CodeRead:
    """A code was read; a `Fault` for one of a known kind that can't be used."""

    code: Code | Fault


@dataclass(frozen=True)
class ActionDone:
    """Result of a menu action."""

    action: MenuAction
    page: Page


@dataclass(frozen=True)
class Tick:
    """Time has passed: comes at `Booth.deadline_ns` at the latest."""


@dataclass(frozen=True)
class Stop:
    """The service is asked to end."""


ButtonEvent = Pressed | Released | Tapped | DownAtStart
CameraEvent = CameraReady | CameraLost | Exposed | CaptureFailed
StorageEvent = StorageChecked | SavingFailed | SaveTested | Saved | Withdrawn
MenuEvent = SharpnessMeasured | SelfTestProgress | CodeHinted | CodeRead | ActionDone
"""What the menu waits for."""
Event = ButtonEvent | ButtonTried | CameraEvent | StorageEvent | MenuEvent | Tick | Stop


# -- effects ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Capture:
    """Capture the first frame whose exposure begins at or after zero."""

    zero_ns: int
    flash_on_ns: int | None = None
    """Since when the flash is on; None = no flash."""


@dataclass(frozen=True)
class Save:
    """Encode the frame and commit it."""

    frame: Frame


@dataclass(frozen=True)
class MoveHeld:
    """Move a held photo on the card: to the uploader, or to where it is never sent."""

    name: PhotoName
    place: str


@dataclass(frozen=True)
class TrySaving:
    """Encode the frame and write it as a photo is written, then delete it."""

    frame: Frame


@dataclass(frozen=True)
class Discard:
    """Release the frame's buffer: nobody waits for it any more."""

    frame: Frame


@dataclass(frozen=True)
class SelfTestPressed:
    """Tell the self-test that the button was pressed."""


Effect = Capture | Save | MoveHeld | TrySaving | Discard | SelfTestPressed | MenuAction
