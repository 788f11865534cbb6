"""What a choice in the menu may have done, as values: the menu names a deed, `errands` does it."""

from __future__ import annotations

from dataclasses import dataclass, field

from piboothup.spool.admin.wipe import EventPhotos


@dataclass(frozen=True)
class EventUsage:
    """An event's photos on the card, as they were counted: what a page shows of them is what goes."""

    photos: EventPhotos = field(repr=False)
    taken: int
    unsent: int
    """Of these, so many are in no album yet; both counted once, for they may be many."""


@dataclass(frozen=True)
class ChooseEvent:
    """Photos are for this event and album from now on; `take_along`: those taken without an event too."""

    link_id: str
    album_id: str
    take_along: bool = False


@dataclass(frozen=True)
class ChooseLanguage:
    """The panel speaks this language."""

    language: str


@dataclass(frozen=True)
class SetSound:
    """The buzzer is heard, or not."""

    on: bool


@dataclass(frozen=True)
class SetPaused:
    """Nothing is sent, or all is."""

    paused: bool


@dataclass(frozen=True)
class Retry:
    """Parked photos back, any pause ended, try now."""


@dataclass(frozen=True)
class StartSelfTest:
    """Look whether the box is ready to ship."""


@dataclass(frozen=True)
class StartAiming:
    """Take one test frame after the other, to say how sharp they are."""


@dataclass(frozen=True)
class CountPhotos:
    """Count what the card holds of each event."""


@dataclass(frozen=True)
class WipeEvent:
    """Delete these photos and no other."""

    usage: EventUsage


@dataclass(frozen=True)
class SwitchOff:
    """Shut the computer down."""


MenuAction = (
    ChooseEvent
    | ChooseLanguage
    | SetSound
    | SetPaused
    | Retry
    | StartSelfTest
    | StartAiming
    | CountPhotos
    | WipeEvent
    | SwitchOff
)
