"""What holding the button means, by how long it is down. Pure.

Nobody holds a button by mistake for as long as an operator does, and nobody can be photographed while leaning on it:
after a second a countdown is taken back and a ring fills; letting go before the menu's time starts a fresh countdown,
letting go after it opens the menu; a button that is still down much later is stuck, and means nothing any more.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

SECOND_NS = 1_000_000_000
LONG_PRESS_NS = SECOND_NS
"""Down for so long is a hold: it takes a countdown back, and it chooses in the menu."""
PROGRESS_STEP_NS = 100_000_000
"""Between two pictures of the ring that fills."""
STUCK_AFTER_NS = 15 * SECOND_NS
"""Down for so long is no hold any more; the menu's time comes 3 s before at the latest."""


@dataclass(frozen=True)
class Press:
    """The button is down."""

    edge_ns: int
    wants_photo: bool = False
    """Letting go before the menu's time starts a fresh countdown."""
    consumed: bool = False
    """It has done what it was for, and does nothing more."""

    def age_ns(self, at_ns: int) -> int:
        """How long the button is down."""
        return at_ns - self.edge_ns


class ReleaseEffect(StrEnum):
    """What comes of letting go now."""

    NOTHING = "nothing"
    """Not yet anything: hold on."""
    PHOTO = "photo"
    MENU = "menu"
    CHOICE = "choice"
    """In the menu: the item is chosen when the ring is full."""


@dataclass(frozen=True)
class HoldProgress:
    """What fills while the button is held."""

    share: float
    """0 to 1, in steps that a panel can show."""
    effect: ReleaseEffect


def progress_to_menu(press: Press, at_ns: int, hold_s: float) -> HoldProgress | None:
    """The ring outside the menu; None while the press may still be a short one."""
    age_ns, hold_ns = press.age_ns(at_ns), int(hold_s * SECOND_NS)
    if press.consumed or age_ns < LONG_PRESS_NS:
        return None
    if age_ns >= hold_ns:
        return HoldProgress(1.0, ReleaseEffect.MENU)
    return HoldProgress(
        _share(age_ns - LONG_PRESS_NS, hold_ns - LONG_PRESS_NS),
        ReleaseEffect.PHOTO if press.wants_photo else ReleaseEffect.NOTHING,
    )


def progress_in_menu(press: Press, at_ns: int, hold_s: float) -> HoldProgress | None:
    """The ring around an item that wants so long a hold; None when the press has had its effect."""
    return (
        None
        if press.consumed
        else HoldProgress(_share(press.age_ns(at_ns), int(hold_s * SECOND_NS)), ReleaseEffect.CHOICE)
    )


def _share(age_ns: int, of_ns: int) -> float:
    steps = max(1, of_ns // PROGRESS_STEP_NS)
    return min(1.0, max(0, age_ns) // PROGRESS_STEP_NS / steps)
