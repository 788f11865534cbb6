"""What the panel has to show, as one value.

The loop makes a `View` whenever something changes; `screens.draw` makes a picture of it. Equal views give equal
pictures, so that an unchanged view needs no drawing. Must not hold a device, a clock or a file.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from piboothup.booth.flow.long_press import HoldProgress
from piboothup.booth.flow.menu import Page
from piboothup.booth.frame import Plane, Viewfinder
from piboothup.problems import Problem
from piboothup.status import BoothState, UploaderState


@dataclass(frozen=True)
class Checks:
    """What a box needs, each True = good, False = not, None = nobody knows yet."""

    camera: bool | None = None
    card: bool | None = None
    light: bool | None = None
    supply: bool | None = None
    wifi: bool | None = None
    clock: bool | None = None
    key: bool | None = None
    event: bool | None = None


@dataclass(frozen=True)
class View:
    """Everything a screen may say. The defaults are those of a box that has just been plugged in."""

    state: BoothState = BoothState.STARTING
    name: str = "Booth 1"
    box: str = ""
    """The box id: four characters."""
    event_title: str = ""
    photos: int = 0
    """Taken in this event, whether sent or not."""
    number: int = 0
    """The photo just saved: its number in this event."""
    countdown: int = 0
    """Whole seconds left."""
    problem: Problem | None = None
    """What stops photos: it has the whole screen."""
    notice: Problem | None = None
    """What does not stop photos and yet should be known (a config mistake, a weak supply): it has the bottom line."""
    upload_state: UploaderState = UploaderState.IDLE
    waiting: int = 0
    """Photos that are not in the album yet."""
    parked: int = 0
    """Photos that the album refuses for good."""
    has_event: bool = True
    language: str = "en"
    busy_hint: bool = False
    """A press was answered with "not now" a moment ago."""
    progress: float = 0.0
    """How far starting is, 0 to 1; 0 = nobody knows."""
    lens: str = "above"
    """Where the lens is, seen from the panel: above, below, left, right."""
    hold_progress: HoldProgress | None = None
    """What fills while the button is held."""
    page: Page | None = None
    """The menu's, in that state."""
    rotation: int = 0
    """Degrees clockwise by which the camera's pictures are turned."""
    checks: Checks = Checks()
    viewfinder: Viewfinder | None = None
    """What the camera sees, while somebody looks; put in by the panel's thread."""
    thumbnail: Plane | None = field(default=None, compare=False, repr=False)
    """The photo just saved, small and grey, turned as it is; belongs to `number`."""
    album_link: str = ""
    """It is the turn of the album's QR code, which is of this link; or it was asked for in the menu."""
    line_turn: int = 0
    """Which part of a bottom line that is too long for one row has its turn."""
    ended: bool = False
    """While stopping: all is done, the plug may be pulled."""
