"""Long press: what it means that the button is down, by how long it is. Pure.

After a second a countdown is cancelled and a progress ring fills, so that nobody is photographed while leaning on the
button. Releasing it before the menu's time starts a fresh countdown, releasing it later opens the menu. A button that
is still down after 15 seconds is stuck and ignored.
"""

from __future__ import annotations

from enum import StrEnum

from piboothup.records import dataclass

SECOND_NS = 1_000_000_000
LONG_PRESS_NS = SECOND_NS
"""A press of this length is a long press: it cancels a countdown, nanoseconds."""
PROGRESS_STEP_NS = 100_000_000
"""Time between two pictures of the progress ring, nanoseconds."""
STUCK_AFTER_NS = 15 * SECOND_NS
"""A button down for this long is stuck, nanoseconds; the longest time that can be set for the menu is 3 s less."""


@dataclass(frozen=True)
class Press:
    """The button while it is down."""

    edge_ns: int
    wants_photo: bool = False
    """Whether a release before the menu's time starts a fresh countdown."""
    consumed: bool = False
    """The press has had its effect; its release has none."""

    def age_ns(self, at_ns: int) -> int:
        """How long the button has been down."""
        return at_ns - self.edge_ns


class ReleaseEffect(StrEnum):
    """Effect of a release at this moment."""

    NOTHING = "nothing"
    """None yet: keep holding."""
    PHOTO = "photo"
    MENU = "menu"
    CHOICE = "choice"
    """In the menu: the item is chosen when its frame is full."""


@dataclass(frozen=True)
class HoldProgress:
    """Progress of a long press."""

    share: float
    """0 to 1, in steps that a panel can show."""
    effect: ReleaseEffect


def progress_to_menu(press: Press, at_ns: int, hold_s: float) -> HoldProgress | None:
    """Progress towards the menu; None while the press may still be a short one."""
    age_ns = press.age_ns(at_ns)
    hold_ns = int(hold_s * SECOND_NS)
    if press.consumed or age_ns < LONG_PRESS_NS:
        return None
    if age_ns >= hold_ns:
        return HoldProgress(1.0, ReleaseEffect.MENU)
    return HoldProgress(
        _share(age_ns - LONG_PRESS_NS, hold_ns - LONG_PRESS_NS),
        ReleaseEffect.PHOTO if press.wants_photo else ReleaseEffect.NOTHING,
    )


def progress_in_menu(press: Press, at_ns: int, hold_s: float) -> HoldProgress | None:
    """Progress towards the choice of an item that wants `hold_s`; None when the press has had its effect."""
    if press.consumed:
        return None
    return HoldProgress(_share(press.age_ns(at_ns), int(hold_s * SECOND_NS)), ReleaseEffect.CHOICE)


def _share(age_ns: int, of_ns: int) -> float:
    steps = max(1, of_ns // PROGRESS_STEP_NS)
    return min(1.0, max(0, age_ns) // PROGRESS_STEP_NS / steps)
