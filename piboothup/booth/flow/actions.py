"""Menu actions as values: the menu returns one, `operations/action_runner.py` carries it out. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from piboothup.records import dataclass

if TYPE_CHECKING:  # loaded once a code is read
    from piboothup.config.codes import BoothCode, WifiNetwork


@dataclass(frozen=True)
class EventUsage:
    """Number of photos that the card holds of one event, as counted for the menu's wipe page.

    The action runner keeps the counted photos under `key`; only these are wiped.
    """

    key: str
    """Another one with every count."""
    event: str
    """The event's linkId, or the id of a context without an event."""
    title: str
    taken: int
    unsent: int
    """How many of the taken photos are in no album yet."""
    has_event: bool = True


class MenuAction:
    """Base of all actions."""


@dataclass(frozen=True)
class ChooseEvent(MenuAction):
    """Assign photos to this event and album from now on; with `take_along` also those taken without an event."""

    link_id: str
    album_id: str
    take_along: bool = False


@dataclass(frozen=True)
class ChooseLanguage(MenuAction):
    """Set the panel's language."""

    language: str


@dataclass(frozen=True)
class SetSound(MenuAction):
    """Switch the buzzer on or off."""

    on: bool


@dataclass(frozen=True)
class SetPaused(MenuAction):
    """Pause or resume uploads."""

    paused: bool


@dataclass(frozen=True)
class Retry(MenuAction):
    """Put parked photos back into the queue, end a pause and upload now."""


@dataclass(frozen=True)
class StartSelfTest(MenuAction):
    """Run the self-test."""


@dataclass(frozen=True)
class StartAiming(MenuAction):
    """Measure the sharpness of test frames until the page is left."""


@dataclass(frozen=True)
class StartReadingCode(MenuAction):
    """Read codes held before the lens until the page is left."""


@dataclass(frozen=True)
class UseCode(MenuAction):
    """Do what a code says; with `take_along` photos taken without an event go to the code's event too."""

    code: WifiNetwork | BoothCode
    take_along: bool = False
    knows_country: bool = True
    """False: neither the code nor the box has one for the network, and it was asked for in vain."""


@dataclass(frozen=True)
class TakeStick(MenuAction):
    """Do what the file on the stick says."""


@dataclass(frozen=True)
class CopyPhotos(MenuAction):
    """Copy the photos of one event to the stick of this name."""

    disk: str
    key: str
    """Of the stick, another one each time that it is plugged in."""
    uuid: str
    """Id of its file system."""
    link_id: str
    """The event; "" for photos without one."""
    needs_secret: bool
    """Whether the stick must bear this box's secret: the operator's time is over, or nobody is asked."""


@dataclass(frozen=True)
class CopyProgress:
    """A copy to a stick that is under way or has ended."""

    key: str
    """Of the stick."""
    state: str
    """A `CopyState`."""
    done: int
    total: int
    left_s: int | None
    """Time left, seconds; None = not known yet."""
    link_id: str
    title: str


@dataclass(frozen=True)
class StickOffer:
    """A stick that photos may be copied to."""

    action: CopyPhotos
    photos: int
    title: str
    """Title of the event; "" for one that is not known, or none."""
    resumes: bool
    """A copy to it broke off: it goes on without a question."""


@dataclass(frozen=True)
class CountPhotos(MenuAction):
    """Count the photos of each event on the card."""


@dataclass(frozen=True)
class WipeEvent(MenuAction):
    """Delete the photos that were counted for `usage`, and no other."""

    usage: EventUsage


@dataclass(frozen=True)
class ForgetNetworks(MenuAction):
    """Forget the networks that codes gave."""


@dataclass(frozen=True)
class SwitchOff(MenuAction):
    """Shut the computer down."""
