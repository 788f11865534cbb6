"""The buzzer: a tick for each second of the countdown, a click at the frame, a low tone when a photo was not saved.

Sounds are played one after the other on a background thread, so that no caller waits. A buzzer that does not work
stops no photo: it is logged once, kept as `problem`, and reopened every 5 s.
"""

from __future__ import annotations

import logging
import queue
import threading
from enum import StrEnum
from typing import Any, Protocol

from piboothup.booth.gpio import pins
from piboothup.config import LightConfig
from piboothup.problems import Problem, problem

log = logging.getLogger(__name__)


class Sound(StrEnum):
    """A sound of the buzzer."""

    TICK = "tick"
    """A second of the countdown."""
    CLICK = "click"
    """The frame has been captured."""
    LOW = "low"
    """The photo was not saved."""


TONES: dict[Sound, tuple[int, float]] = {
    Sound.TICK: (1500, 0.06),
    Sound.CLICK: (2500, 0.03),
    Sound.LOW: (220, 0.6),
}
"""Frequency in hertz and duration in seconds; a buzzer with a fixed tone has only the duration."""
_QUEUE_LIMIT = 2
"""A sound is dropped when this many are waiting: it would be late."""


class Buzzer(Protocol):
    """A buzzer's driver. No call blocks or raises."""

    problem: Problem | None
    """Why the buzzer does not work; None while it does."""

    def play(self, sound: Sound) -> None:
        """Play this sound."""

    def close(self) -> None:
        """Stop the sound and release the pin."""


class NoBuzzer:
    """No buzzer."""

    problem: Problem | None = None

    def play(self, sound: Sound) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


class GpioBuzzer:
    """A buzzer on the table's pin. `pin_factory`: gpiozero's, for tests."""

    def __init__(self, table: LightConfig, pin_factory: Any = None) -> None:
        self._pin = table.buzzer_pin
        self._pin_factory = pin_factory
        self._sounds: queue.SimpleQueue[Sound | None] = queue.SimpleQueue()
        self._ended = threading.Event()
        self._device: Any = None
        self.problem: Problem | None = None
        """Why the buzzer does not work; None while it does."""
        self._thread = threading.Thread(target=self._run, name="buzzer", daemon=True)
        self._thread.start()

    def play(self, sound: Sound) -> None:
        """Play this sound after the one that is playing."""
        if self.problem is None and self._sounds.qsize() < _QUEUE_LIMIT:
            self._sounds.put(sound)

    def close(self) -> None:
        """Stop the sound and release the pin."""
        self._ended.set()
        self._sounds.put(None)
        self._thread.join(1.0)

    def _run(self) -> None:
        while not self._ended.is_set():
            try:
                self._run_once()
            except Exception as error:  # noqa: BLE001  (lgpio's errors and gpiozero's have no other base class)
                if self.problem is None:
                    log.warning("event=buzzer_missing reason=%r", str(error))
                self.problem = problem("buzzer_missing", str(error))
                self._close_device()
        self._close_device()

    def _run_once(self) -> None:
        """Play the next sound; while the buzzer does not work, try to open it."""
        try:
            sound = self._sounds.get(timeout=None if self.problem is None else pins.RETRY_S)
        except queue.Empty:
            sound = None
        if self._ended.is_set():
            return
        if self._device is None:
            self._device = self._open()
        if self.problem is not None:
            self.problem = None
            log.info("event=buzzer_open")
        elif sound is not None:  # not right after reopening: the sound would be late
            self._sound(sound)

    def _close_device(self) -> None:
        device, self._device = self._device, None
        if device is not None:
            try:
                pins.close(device)
            except Exception as error:  # noqa: BLE001  (it is opened anew all the same)
                log.info("event=buzzer_close_error reason=%r", str(error))

    def _sound(self, sound: Sound) -> None:
        if self._device is None:
            self._device = self._open()
        tone_hz, length_s = TONES[sound]
        if hasattr(self._device, "frequency"):
            self._device.frequency = tone_hz
            self._device.value = 0.5
        else:
            self._device.on()
        self._ended.wait(length_s)
        self._device.off()

    def _open(self) -> Any:
        from gpiozero import DigitalOutputDevice, PWMOutputDevice  # noqa: PLC0415
        from gpiozero.exc import PinPWMUnsupported  # noqa: PLC0415

        factory = self._pin_factory or pins.pin_factory()
        try:
            return PWMOutputDevice(self._pin, pin_factory=factory)
        except PinPWMUnsupported:
            return DigitalOutputDevice(self._pin, pin_factory=factory)
