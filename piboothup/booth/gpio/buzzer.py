"""The buzzer: a tick for each second of the countdown, a shutter's click at the frame, a low tone for "not saved".

Sounds are played one after the other on a background thread, so that no caller waits. A buzzer that does not work
stops no photo: it is logged once, kept as `problem`, and reopened every 5 s.
"""

from __future__ import annotations

import queue
import threading
from enum import StrEnum
from typing import Any

from piboothup.booth.gpio import pins
from piboothup.config import LightConfig
from piboothup.problems import Problem


class Sound(StrEnum):
    """A sound of the buzzer."""

    TICK = "tick"
    """A second of the countdown."""
    CLICK = "click"
    """The frame has been captured: a shutter that opens and closes."""
    LOW = "low"
    """The photo was not saved."""


TONES: dict[Sound, tuple[tuple[int, float], ...]] = {
    Sound.TICK: ((1500, 0.06),),
    Sound.CLICK: ((2500, 0.02), (0, 0.04), (1700, 0.03)),
    Sound.LOW: ((220, 0.6),),
}
"""Frequency in hertz (0 = silence) and duration in seconds, step by step; a buzzer of one tone has only these."""
_QUEUE_LIMIT = 2
"""A sound is dropped when this many are waiting: it would be late."""


class Buzzer:
    """A buzzer; this class itself stands for none. No call blocks or raises."""

    @property
    def problem(self) -> Problem | None:
        """Why the buzzer does not work; None while it does."""
        return None

    def play(self, sound: Sound) -> None:
        """Play this sound."""

    def close(self) -> None:
        """Stop the sound and release the pin."""


class GpioBuzzer(Buzzer):
    """A buzzer on the table's pin. `pin_factory`: gpiozero's, for tests."""

    def __init__(self, table: LightConfig, pin_factory: Any = None) -> None:
        make = pins.maker("PWMOutputDevice", "DigitalOutputDevice")
        self._line = pins.PinDevice("buzzer", "buzzer_missing", table.buzzer_pin, make, pin_factory)
        self._sounds: queue.SimpleQueue[Sound | None] = queue.SimpleQueue()
        self._ended = threading.Event()
        work = (self._play_sounds, self._ended)
        self._thread = threading.Thread(target=self._line.keep_running, args=work, name="buzzer", daemon=True)
        self._thread.start()

    @property
    def problem(self) -> Problem | None:
        """See `Buzzer`."""
        return self._line.problem

    def play(self, sound: Sound) -> None:
        """Play this sound after the one that is playing."""
        if self.problem is None and self._sounds.qsize() < _QUEUE_LIMIT:
            self._sounds.put(sound)

    def close(self) -> None:
        """Stop the sound and release the pin."""
        self._ended.set()
        self._sounds.put(None)
        self._thread.join(1.0)

    def _play_sounds(self) -> None:
        """Play sounds until closed. The buzzer is opened with the first one; after a failure, at once."""
        if self.problem is not None:
            self._line.open()
            while not self._sounds.empty():  # they would be late
                self._sounds.get_nowait()
            self._line.mark_working()
        while not self._ended.is_set():
            sound = self._sounds.get()
            if sound is not None:
                self._play_now(sound)

    def _play_now(self, sound: Sound) -> None:
        if self._line.device is None:
            self._line.open()
        device = self._line.device
        for tone_hz, length_s in TONES[sound]:
            if not tone_hz:
                device.off()
            elif hasattr(device, "frequency"):
                device.frequency = tone_hz
                device.value = 0.5
            else:
                device.on()
            if self._ended.wait(length_s):
                break
        device.off()
