"""Feedback: light pattern and sound for each state. Pure.

Every press changes the light at once: while a press that takes no photo is held the light is steady; where it was
steady before, it flashes. With the flash on it stays steady, for the photo's sake, and the panel answers instead.
Trouble is signalled only when photos can't be taken.
"""

from __future__ import annotations

from piboothup.booth.flow.state import Booth
from piboothup.booth.gpio.buzzer import Sound
from piboothup.booth.gpio.led import LightPattern
from piboothup.health import Check
from piboothup.status import BoothState

_PATTERNS = {
    BoothState.STARTING: LightPattern.OFF,
    BoothState.READY: LightPattern.READY,
    BoothState.COUNTDOWN: LightPattern.COUNTDOWN,
    BoothState.EXPOSING: LightPattern.EXPOSING,
    BoothState.SAVING: LightPattern.EXPOSING,
    BoothState.REVIEW: LightPattern.SAVED,
    BoothState.MENU: LightPattern.OFF,
    BoothState.SETUP: LightPattern.TROUBLE,
    BoothState.FAULT: LightPattern.TROUBLE,
    BoothState.STOPPING: LightPattern.OFF,
}
_STATES_WITHOUT_PHOTO = (BoothState.STARTING, BoothState.READY, BoothState.FAULT, BoothState.MENU, BoothState.SETUP)
"""A press that is still down in these states starts no photo: it would have changed the state."""


def pattern(booth: Booth, now_ns: int) -> LightPattern:
    """Pattern of the light for this state."""
    if booth.is_flash_on(now_ns):
        return LightPattern.EXPOSING
    is_busy = booth.busy_hint_until_ns > now_ns
    is_down = booth.press is not None and not booth.stuck
    if is_down and is_busy:
        return LightPattern.REFUSED
    if is_down and (booth.state in _STATES_WITHOUT_PHOTO or booth.holds_photo):
        return LightPattern.HELD
    if booth.page is not None and booth.page.report is not None and booth.page.report.asks_for_press:
        return LightPattern.HURRY
    if is_busy:
        return LightPattern.BUSY
    if booth.state in (BoothState.FAULT, BoothState.SETUP) and booth.takes_photos:
        return LightPattern.READY
    last_second = booth.state is BoothState.COUNTDOWN and booth.digit(now_ns) == 1
    return LightPattern.HURRY if last_second else _PATTERNS[booth.state]


def sound(before: Booth, before_ns: int, after: Booth, now_ns: int) -> Sound | None:
    """Sound for the change from one turn of the loop to the next; None = silence."""
    if before.state is BoothState.EXPOSING and after.state in (BoothState.SAVING, BoothState.COUNTDOWN):
        return Sound.CLICK
    if after.state is BoothState.COUNTDOWN:
        begins = before.state is not BoothState.COUNTDOWN or before.zero_ns != after.zero_ns
        return Sound.TICK if begins or after.digit(now_ns) != before.digit(before_ns) else None
    if is_under_test(after) and not is_under_test(before):
        return Sound.LOW
    failed = before.state in (BoothState.EXPOSING, BoothState.SAVING) and after.state is BoothState.FAULT
    return Sound.LOW if failed else None


def is_under_test(booth: Booth) -> bool:
    """Whether the self-test tries light and buzzer now, also a buzzer that is switched off."""
    return booth.page is not None and booth.page.report is not None and booth.page.report.step is Check.LIGHT
