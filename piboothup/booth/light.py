"""The light in the button and the flash: what a guest sees from across the room.

A pattern runs by itself, on gpiozero's background thread, until the next one is shown. Nothing here ever stops a
photo: what does not work is logged once, kept as `problem`, and from then on does nothing; the other works on.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable
from enum import StrEnum
from typing import Any, Protocol

from piboothup.booth import pins
from piboothup.config import Light as LightTable
from piboothup.problems import Problem, problem

log = logging.getLogger(__name__)


class LightPattern(StrEnum):
    """What the button's light says."""

    OFF = "off"
    READY = "ready"
    """Slow breathing: press me."""
    COUNTDOWN = "countdown"
    """One short blink a second."""
    HURRY = "hurry"
    """Fast: the last second."""
    EXPOSING = "exposing"
    """Steady, while the flash is lit and from zero until saved."""
    SAVED = "saved"
    """Two blinks."""
    REFUSED = "refused"
    """Short flashes while a press is down that comes while a photo is under way, or none can be taken."""
    BUSY = "busy"
    """Flicker: it was let go again, and your press was seen."""
    HELD = "held"
    """Steady for as long as any other press is down that starts no photo."""
    TROUBLE = "trouble"
    """Long slow blinks, only when photos can't be taken."""


BLINKS: dict[LightPattern, tuple[float, float, int | None]] = {
    LightPattern.COUNTDOWN: (0.15, 0.85, None),
    LightPattern.HURRY: (0.08, 0.08, None),
    LightPattern.SAVED: (0.15, 0.15, 2),
    LightPattern.REFUSED: (0.03, 0.12, None),
    LightPattern.BUSY: (0.04, 0.06, None),
    LightPattern.TROUBLE: (1.0, 1.0, None),
}
"""Seconds on, seconds off, how often (None = until the next pattern)."""
BREATH_S = 2.0
"""Up in this time, and down in it."""
BREATH_STEPS_PER_S = 25
BREATH_PEAK = 0.6
"""It never breathes in as far as a pattern that is on: whatever follows a press is seen at once."""
_STEADY = (LightPattern.EXPOSING, LightPattern.HELD)


class Light(Protocol):
    """What a light must do. No call blocks, none raises."""

    problem: Problem | None
    """Why it is dark; None while it works."""

    def show(self, pattern: LightPattern) -> None:
        """Begin this pattern."""

    def flash(self, on: bool) -> None:
        """The flash line, fully on or off (no PWM: it would draw stripes), until told otherwise."""

    def close(self) -> None:
        """Everything off, pins given back."""


class NoLight:
    """No light at all."""

    problem: Problem | None = None

    def show(self, pattern: LightPattern) -> None:
        """Nothing to see."""

    def flash(self, on: bool) -> None:
        """Nothing to see."""

    def close(self) -> None:
        """Nothing to give back."""


class GpioLight:
    """LEDs on the table's pins. `pin_factory`: gpiozero's, for tests."""

    def __init__(self, table: LightTable, pin_factory: Any = None) -> None:
        self._table = table
        self._pin_factory = pin_factory
        self._opened = False
        self._led: Any = None
        self._flash: Any = None
        self._broken: set[Any] = set()
        self._shown: LightPattern | None = None
        self.problem: Problem | None = None
        """Why one of them does nothing, or both; None while they work."""

    def show(self, pattern: LightPattern) -> None:
        """Begin this pattern; one that is already shown goes on undisturbed."""
        self._open()
        if self._led is not None and self._led not in self._broken and pattern is not self._shown:
            self._shown = pattern
            self._try(self._led, self._begin, pattern)

    def flash(self, on: bool) -> None:
        """The flash line, fully on or off; whatever the button's light does."""
        self._open()
        is_wanted = self._flash not in self._broken or not on  # what can still be switched off is
        if self._flash is not None and is_wanted:
            self._try(self._flash, self._set_flash, on)

    def close(self) -> None:
        """Everything off, pins given back."""
        for device in (self._led, self._flash):
            if device is not None:
                self._try(device, device.close)
        self._led = self._flash = None

    def _try(self, device: Any, step: Callable[..., Any], *arguments: Any) -> Any:
        """What `step` gives; None, and `device` is broken, when it fails."""
        try:
            return step(*arguments)
        except Exception as error:  # noqa: BLE001  (lgpio's errors and gpiozero's have no other base class)
            if self.problem is None:
                log.warning("event=light_missing reason=%r", str(error))
            self.problem = problem("light_missing", str(error))
            self._broken.add(device)
            return None

    def _open(self) -> None:
        """Each by itself: without the one, the other works."""
        if not self._opened:
            self._opened = True
            self._flash = self._try(None, self._open_flash)
            self._led = self._try(None, self._open_led)

    def _open_flash(self) -> Any:
        from gpiozero import LED  # noqa: PLC0415

        pin = self._table.flash_pin
        return LED(pin, pin_factory=self._pin_factory or pins.factory()) if pin else None

    def _open_led(self) -> Any:
        from gpiozero import LED, PWMLED  # noqa: PLC0415
        from gpiozero.exc import PinPWMUnsupported  # noqa: PLC0415

        pin, factory = self._table.led_pin, self._pin_factory or pins.factory()
        if not pin:
            return None
        try:
            return PWMLED(pin, pin_factory=factory)
        except PinPWMUnsupported:
            return LED(pin, pin_factory=factory)

    def _begin(self, pattern: LightPattern) -> None:
        led = self._led
        led.source = None
        if pattern is LightPattern.READY:
            if hasattr(led, "pulse"):
                led.off()
                led.source_delay = 1 / BREATH_STEPS_PER_S
                led.source = itertools.cycle(breath())
            else:
                led.on()
        elif pattern in BLINKS:
            on_s, off_s, times = BLINKS[pattern]
            led.blink(on_time=on_s, off_time=off_s, n=times)
        elif pattern in _STEADY:
            led.on()
        else:
            led.off()

    def _set_flash(self, on: bool) -> None:
        if bool(self._flash.value) != on:
            self._flash.on() if on else self._flash.off()


def breath() -> list[float]:
    """How bright the light is at each step of one breath, from dark up to its peak and back."""
    steps = round(BREATH_S * BREATH_STEPS_PER_S)
    rise = [BREATH_PEAK * step / steps for step in range(steps)]
    return [*rise, BREATH_PEAK, *reversed(rise[1:])]
