"""View model of the panel: everything that a screen shows, as one value.

The loop makes a `View` whenever something changes; `screens.draw` makes a picture of it. Equal views give equal
pictures, so that an unchanged view needs no drawing. It holds no device, clock or file.
"""

from __future__ import annotations

from collections.abc import Mapping

from piboothup.booth.flow.long_press import HoldProgress
from piboothup.booth.flow.pages import Page
from piboothup.booth.frame import Plane, Viewfinder
from piboothup.problems import Problem
from piboothup.records import dataclass, field
from piboothup.status import BoothState, UploaderState


@dataclass(frozen=True)
class View:
    """Everything that a screen may show. The defaults are those of a box that has just been plugged in."""

    state: BoothState = BoothState.STARTING
    name: str = "Booth 1"
    box: str = ""
    """The box id: four characters."""
    event_title: str = ""
    photos: int = 0
    """Taken in this event, whether sent or not."""
    number: int = 0
    """Number of the last photo in this event."""
    countdown: int = 0
    """Whole seconds to zero."""
    problem: Problem | None = None
    """Problem that stops photos: it has the whole screen."""
    notice: Problem | None = None
    """Problem that does not stop photos, such as a mistake in the config: it has the bottom line."""
    upload_state: UploaderState = UploaderState.IDLE
    waiting: int = 0
    """Photos that are not in the album yet."""
    parked: int = 0
    """Photos that the album refuses for good."""
    taken_back: int = 0
    """Photos of this event that their guests took back, as far as an operator is told."""
    has_event: bool = True
    language: str = "en"
    busy_hint: bool = False
    """A press a moment ago could not start a photo: the picture is inverted."""
    progress: float = 0.0
    """Progress of the start, 0 to 1; 0 = unknown."""
    lens: str = "above"
    """Position of the lens, seen from the panel: above, below, left, right."""
    has_autofocus: bool = True
    """Whether a code near the lens can be sharp."""
    shot: int = 0
    """Number of the shot in its series that is under way or shown; 0 = a single photo."""
    shots: int = 0
    """Shots of the series."""
    offers_take_back: bool = False
    """The photo that is shown can be taken back."""
    shows_not_sent: bool = False
    """The photo that is shown was taken back."""
    hold_progress: HoldProgress | None = None
    page: Page | None = None
    rotation: int = 0
    """Clockwise rotation of the camera's pictures, degrees."""
    checks: Mapping[str, bool | None] = field(default_factory=dict)
    """The parts that a box needs: True = good, False = bad, None or missing = not known yet."""
    viewfinder: Viewfinder | None = None
    """The live picture while it is shown; set by the panel's thread."""
    thumbnail: Plane | None = field(default=None, compare=False, repr=False)
    """Small grey copy of the last photo, rotated like it; belongs to `number`."""
    album_link: str = ""
    """Link of the album's QR code while the code is shown; "" = it is not."""
    line_turn: int = 0
    """Counts up while the bottom line is shown; selects the part of a line that is too long for one row."""
    ended: bool = False
    """While stopping: everything has ended, the plug may be pulled."""


def album_address(album_url: str, link_id: str) -> str:
    """Link for the guests' phones; "" without an event."""
    return album_url.replace("{link_id}", link_id) if link_id else ""
