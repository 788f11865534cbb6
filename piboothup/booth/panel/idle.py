"""What the panel does while nobody presses: it turns to the album's code, moves, dims and sleeps. Pure.

A lit dot of an OLED loses light with every hour, so that what always stands at one place stays readable in it for
ever. Must not know the device; times are nanoseconds of the boot-time clock.
"""

from __future__ import annotations

from dataclasses import replace
from enum import IntEnum

from PIL import Image

from piboothup.booth.panel.layout import blank
from piboothup.booth.panel.view import View
from piboothup.status import BoothState

_SECOND_NS = 1_000_000_000
DIM_AFTER_NS = 600 * _SECOND_NS
SLEEP_AFTER_NS = 7200 * _SECOND_NS
SHIFT_EVERY_NS = 60 * _SECOND_NS
QR_AFTER_NS = 20 * _SECOND_NS
QR_TURN_NS = 15 * _SECOND_NS
LINE_TURN_NS = 3 * _SECOND_NS
_SHIFT_PATH = ((0, 0), (1, 0), (1, 1), (0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1))
"""Round the middle, a dot at a time: what is drawn keeps two dots from the edge."""
_LASTING_STATES = (BoothState.READY, BoothState.FAULT, BoothState.STARTING)
"""The states that may last for hours."""


class Brightness(IntEnum):
    """How much light the panel gives, by its contrast."""

    AWAKE = 0xCF
    DIM = 0x08
    ASLEEP = 0x00


def brightness(idle_ns: int) -> Brightness:
    """After nothing has stirred for so long."""
    if idle_ns >= SLEEP_AFTER_NS:
        return Brightness.ASLEEP
    return Brightness.DIM if idle_ns >= DIM_AFTER_NS else Brightness.AWAKE


def is_activity(before: View | None, view: View) -> bool:
    """Whether the change is one that wakes the panel: a press, or trouble. Photos that travel and turns of the album
    code are none."""
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
    """By how many dots, to the right and down, the picture is moved now."""
    return _SHIFT_PATH[now_ns // SHIFT_EVERY_NS % len(_SHIFT_PATH)] if state in _LASTING_STATES else (0, 0)


def shifted(picture: Image.Image, by: tuple[int, int]) -> Image.Image:
    """`picture` moved; what leaves the glass is gone."""
    if by == (0, 0):
        return picture
    moved = blank()
    moved.paste(picture, by)
    return moved


def shows_qr(ready_ns: int) -> bool:
    """Whether it is the album code's turn, after so long in ready without a press."""
    return ready_ns >= QR_AFTER_NS and (ready_ns - QR_AFTER_NS) // QR_TURN_NS % 2 == 0


def bottom_line_turn(now_ns: int) -> int:
    """Which part of a long bottom line has its turn."""
    return now_ns // LINE_TURN_NS
