"""The light in the button and the flash: what a guest sees from across the room.

A pattern runs by itself, on gpiozero's background thread, until the next one is shown. Nothing here ever stops a
photo or keeps its caller waiting: the pins are opened on a thread of their own. What does not work is logged once,
kept as `problem`, and opened again every 5 s; the other works on.
"""

from __future__ import annotations

import itertools
import logging
import threading
from collections.abc import Callable
from enum import StrEnum
from typing import Any, Protocol

from piboothup.booth.gpio import pins
from piboothup.config import LightConfig
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

    @property
    def problem(self) -> Problem | None:
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


class _Pin:
    """One device on a pin, and why it does not work."""

    def __init__(self, name: str, make: Callable[[], Any]) -> None:
        self._name = name
        self._make = make
        self.device: Any = None
        self.is_broken = True
        """Not opened yet, or it failed since."""
        self.problem: Problem | None = None

    def open(self) -> None:
        """Make the device if it is not there, anew if it failed."""
        if self.is_broken:
            self.close()
            try:
                self.device = self._make()
                self.is_broken = False
            except Exception as error:  # noqa: BLE001  (lgpio's errors and gpiozero's have no other base class)
                self._fail(error)

    def use(self, step: Callable[..., None], *arguments: Any) -> None:
        """Does `step` with the device, if there is one; it is broken when that fails."""
        device = self.device
        if device is None:
            return
        try:
            step(device, *arguments)
        except Exception as error:  # noqa: BLE001  (as above)
            self._fail(error)
        else:
            if self.problem is not None and not self.is_broken:
                self.problem = None
                log.info("event=light_works line=%s", self._name)

    def close(self) -> None:
        """Off, and the pin given back."""
        device, self.device = self.device, None
        if device is not None:
            for step in (_switch_off, pins.close):
                try:
                    step(device)
                except Exception as error:  # noqa: BLE001  (as above)
                    self._fail(error)

    def _fail(self, error: Exception) -> None:
        if self.problem is None:
            log.warning("event=light_missing line=%s reason=%r", self._name, str(error))
        self.problem = problem("light_missing", str(error))
        self.is_broken = True


class GpioLight:
    """LEDs on the table's pins. `pin_factory`: gpiozero's, for tests."""

    def __init__(self, table: LightConfig, pin_factory: Any = None) -> None:
        self._table = table
        self._pin_factory = pin_factory
        self._led = _Pin("led", self._make_led) if table.led_pin else None
        self._flash = _Pin("flash", self._make_flash) if table.flash_pin else None
        self._pins = [line for line in (self._led, self._flash) if line is not None]
        self._shown: tuple[Any, LightPattern] | None = None
        self._thread: threading.Thread | None = None
        self._failed = threading.Event()
        self._ended = threading.Event()

    @property
    def problem(self) -> Problem | None:
        """Why one of them does nothing, or both; None while they work."""
        return next((line.problem for line in self._pins if line.problem is not None), None)

    def show(self, pattern: LightPattern) -> None:
        """Begin this pattern; one that is already shown goes on undisturbed."""
        self._keep_open()
        if self._led is not None and not self._led.is_broken:
            wanted = (self._led.device, pattern)
            if wanted != self._shown:
                self._shown = wanted
                self._led.use(self._begin, pattern)

    def flash(self, on: bool) -> None:
        """The flash line, fully on or off; whatever the button's light does."""
        self._keep_open()
        if self._flash is not None and (not on or not self._flash.is_broken):  # what can still be switched off is
            self._flash.use(self._set_flash, on)

    def open(self) -> bool:
        """Open what is not, each by itself: without the one, the other works. Whether all is; may take a while."""
        for line in self._pins:
            line.open()
        return not self._is_broken()

    def close(self) -> None:
        """Everything off, pins given back."""
        self._ended.set()
        self._failed.set()
        if self._thread is not None:
            self._thread.join(1.0)
        for line in self._pins:
            line.close()

    def _is_broken(self) -> bool:
        return any(line.is_broken for line in self._pins)

    def _keep_open(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="light", daemon=True)
            self._thread.start()
        elif self._is_broken():
            self._failed.set()

    def _run(self) -> None:
        while not self._ended.is_set():
            if self.open():
                self._failed.clear()
                self._failed.wait()
            self._ended.wait(pins.RETRY_S)

    def _make_flash(self) -> Any:
        from gpiozero import LED  # noqa: PLC0415

        return LED(self._table.flash_pin, pin_factory=self._pin_factory or pins.pin_factory())

    def _make_led(self) -> Any:
        from gpiozero import LED, PWMLED  # noqa: PLC0415
        from gpiozero.exc import PinPWMUnsupported  # noqa: PLC0415

        pin, factory = self._table.led_pin, self._pin_factory or pins.pin_factory()
        try:
            return PWMLED(pin, pin_factory=factory)
        except PinPWMUnsupported:
            return LED(pin, pin_factory=factory)

    @staticmethod
    def _begin(led: Any, pattern: LightPattern) -> None:
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

    @staticmethod
    def _set_flash(lamp: Any, on: bool) -> None:
        if bool(lamp.value) != on:
            lamp.on() if on else lamp.off()


def _switch_off(device: Any) -> None:
    """Before it is closed: a closed pin is an input, and a lamp's transistor may stay on for as long as it likes."""
    device.source = None
    device.off()


def breath() -> list[float]:
    """How bright the light is at each step of one breath, from dark up to its peak and back."""
    steps = round(BREATH_S * BREATH_STEPS_PER_S)
    rise = [BREATH_PEAK * step / steps for step in range(steps)]
    return [*rise, BREATH_PEAK, *reversed(rise[1:])]
