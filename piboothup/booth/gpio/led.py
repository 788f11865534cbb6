"""Button LED, flash, and the light at the lens.

A pattern runs by itself, on gpiozero's background thread, until the next one is shown. No caller waits: the pins are
opened on a background thread. A pin that does not work stops no photo: it is logged once, kept as `problem`, and
reopened every 5 s; the other pins work on. Flash and the light at the lens are plainly on or off: no PWM, no thread.
"""

from __future__ import annotations

import itertools
import threading
from enum import StrEnum
from typing import Any

from piboothup.booth.gpio import pins
from piboothup.config import LightConfig
from piboothup.problems import Problem


class LightPattern(StrEnum):
    """A pattern of the button LED."""

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
    """Short flashes while a press is down that can't start a photo: one is under way, or none can be taken."""
    BUSY = "busy"
    """Flicker after the release of such a press: it was seen."""
    HELD = "held"
    """Steady while any other press is down that starts no photo."""
    TROUBLE = "trouble"
    """Long slow blinks: photos can't be taken."""


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
"""Time from dark to the peak, and back again, seconds."""
BREATH_STEPS_PER_S = 25
BREATH_PEAK = 0.6
"""Peak of breathing: less than full, so that the pattern after a press is seen at once."""
_STEADY = (LightPattern.EXPOSING, LightPattern.HELD)


class Light:
    """LED, flash and the light at the lens; this class itself stands for none. No call blocks or raises."""

    @property
    def problem(self) -> Problem | None:
        """Why one of them does not work; None while all do."""
        return None

    def show(self, pattern: LightPattern) -> None:
        """Begin this pattern."""

    def flash(self, on: bool) -> None:
        """Switch the flash fully on or off (no PWM: it would draw stripes in the photo)."""

    def lens(self, on: bool) -> None:
        """Switch the light at the lens on or off."""

    def close(self) -> None:
        """Switch off and release the pins."""


class GpioLight(Light):
    """LED, flash and the light at the lens on the config's pins. `pin_factory`: gpiozero's, for tests."""

    def __init__(self, table: LightConfig, pin_factory: Any = None) -> None:
        self._led = pins.PinDevice("led", "light_missing", table.led_pin, pins.maker("PWMLED", "LED"), pin_factory)
        self._flash = pins.PinDevice("flash", "light_missing", table.flash_pin, pins.maker("LED"), pin_factory)
        self._lens = pins.PinDevice("lens light", "light_missing", table.lens_pin, pins.maker("LED"), pin_factory)
        self._pins = [line for line in (self._led, self._flash, self._lens) if line.pin]
        self._active_pattern: tuple[Any, LightPattern] | None = None
        self._thread: threading.Thread | None = None
        self._failed = threading.Event()
        self._ended = threading.Event()

    @property
    def problem(self) -> Problem | None:
        """See `Light`."""
        return next((line.problem for line in self._pins if line.problem is not None), None)

    def show(self, pattern: LightPattern) -> None:
        """Begin this pattern; a pattern that is already shown just goes on."""
        self._keep_open()
        if not self._led.is_broken:
            wanted = (self._led.device, pattern)
            if wanted != self._active_pattern:
                self._active_pattern = wanted
                self._led.use(_begin, pattern)

    def flash(self, on: bool) -> None:
        """Switch the flash fully on or off, whatever the LED does."""
        self._switch(self._flash, on)

    def lens(self, on: bool) -> None:
        """See `Light`."""
        self._switch(self._lens, on)

    def open(self) -> bool:
        """Open the pins that are not open, each by itself; return whether all are. May take a while."""
        for line in self._pins:
            if line.is_broken:
                _release(line)
                line.attempt(line.open)
        return not self._is_broken()

    def close(self) -> None:
        """Switch off and release the pins."""
        self._ended.set()
        self._failed.set()
        if self._thread is not None:
            self._thread.join(1.0)
        for line in self._pins:
            _release(line)

    def _switch(self, line: pins.PinDevice, on: bool) -> None:
        self._keep_open()
        if not on or not line.is_broken:  # also a broken one is switched off
            line.use(_set_lamp, on)

    def _is_broken(self) -> bool:
        return any(line.is_broken for line in self._pins)

    def _keep_open(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="light", daemon=True)
            self._thread.start()
        elif self._is_broken():
            self._failed.set()

    def _run(self) -> None:
        """Open the pins, and again after a failure.

        `PinDevice.keep_running` does not fit: the pins are used by the callers' threads, not by this one.
        """
        while not self._ended.is_set():
            if self.open():
                self._failed.clear()
                self._failed.wait()
            self._ended.wait(pins.RETRY_S)


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


def _set_lamp(lamp: Any, on: bool) -> None:
    if bool(lamp.value) != on:
        lamp.on() if on else lamp.off()


def _release(line: pins.PinDevice) -> None:
    """Switch off before closing: a closed pin is an input, and the lamp's transistor might stay on."""
    line.use(_switch_off)
    line.close()


def _switch_off(device: Any) -> None:
    device.source = None
    device.off()


def breath() -> list[float]:
    """Brightness at each step of a breath, from dark to the peak and back."""
    steps = round(BREATH_S * BREATH_STEPS_PER_S)
    rise = [BREATH_PEAK * step / steps for step in range(steps)]
    return [*rise, BREATH_PEAK, *reversed(rise[1:])]
