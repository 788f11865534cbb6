"""Idle panel (screensaver): while nobody presses it shows the album's QR code in turn, shifts, dims and sleeps. Pure.

Against burn-in: a lit dot of an OLED loses light with every hour, so that a picture that never moves stays visible
for ever. Times are nanoseconds of the boot-time clock.
"""

from __future__ import annotations

from enum import IntEnum

from piboothup.booth.flow.long_press import SECOND_NS
from piboothup.booth.panel.view import View
from piboothup.records import replace
from piboothup.status import BoothState

DIM_AFTER_NS = 600 * SECOND_NS
"""Time without activity after which the panel is dimmed, nanoseconds."""
SLEEP_AFTER_NS = 7200 * SECOND_NS
"""Time without activity after which the panel is switched off, nanoseconds."""
SHIFT_EVERY_NS = 60 * SECOND_NS
QR_AFTER_NS = 20 * SECOND_NS
"""Time without a press after which the QR code is first shown, nanoseconds."""
QR_TURN_NS = 15 * SECOND_NS
"""Time for which QR code and ready screen are each shown in turn, nanoseconds."""
LINE_TURN_NS = 3 * SECOND_NS
"""Time for which each part of a long bottom line is shown, nanoseconds."""
_SHIFT_PATH = ((0, 0), (1, 0), (1, 1), (0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1))
"""Shifts around the middle by one dot: drawings keep two dots from the edge."""
_LASTING_STATES = (BoothState.READY, BoothState.FAULT, BoothState.STARTING)
"""States that may last for hours."""


class Brightness(IntEnum):
    """Brightness of the panel, as the controller's contrast."""

    AWAKE = 0xCF
    DIM = 0x08
    ASLEEP = 0x00


def brightness(idle_ns: int) -> Brightness:
    """Brightness after `idle_ns` without activity."""
    if idle_ns >= SLEEP_AFTER_NS:
        return Brightness.ASLEEP
    return Brightness.DIM if idle_ns >= DIM_AFTER_NS else Brightness.AWAKE


def is_activity(before: View | None, view: View) -> bool:
    """Whether the change of view wakes the panel: a press or a problem, but not an upload or the album code."""
    return before is None or _activity(before) != _activity(view)


def _activity(view: View) -> View:
    quiet = View()
    return replace(
        view,
        upload_state=quiet.upload_state,
        waiting=quiet.waiting,
        parked=quiet.parked,
        photos=quiet.photos,
        event_title=quiet.event_title,
        checks=quiet.checks,
        progress=quiet.progress,
        viewfinder=quiet.viewfinder,
        album_link=quiet.album_link,
        line_turn=quiet.line_turn,
    )


def shift(state: BoothState, now_ns: int) -> tuple[int, int]:
    """Shift of the picture now: dots to the right and down."""
    return _SHIFT_PATH[now_ns // SHIFT_EVERY_NS % len(_SHIFT_PATH)] if state in _LASTING_STATES else (0, 0)


def shows_qr(ready_ns: int) -> bool:
    """Whether the QR code is shown after `ready_ns` in ready without a press."""
    return ready_ns >= QR_AFTER_NS and (ready_ns - QR_AFTER_NS) // QR_TURN_NS % 2 == 0
