"""Booth in its own process whose threads get the real-time priority they ask for; prints the policy of each.

    python -m tests.support.realtime_booth DIRECTORY [late]

A line of JSON before the first "ready" and one after it; with `late` the button can be opened only after that. Or
`refused`, where the kernel gives no real-time priority. Button, light and buzzer are gpiozero's on mock pins. In
place of lgpio, which opens no chip on this machine, two threads are started as it starts them: at import a Python
thread that calls back, with the chip a C thread that switches pins and has the priority of the thread that opens it.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import types
from pathlib import Path
from typing import Any

from gpiozero.pins.mock import MockFactory, MockPWMPin

from piboothup.booth import device_start
from piboothup.booth.gpio import pins
from piboothup.booth.gpio.button import GpioButton
from piboothup.booth.gpio.buzzer import GpioBuzzer, Sound
from piboothup.booth.gpio.led import GpioLight
from piboothup.config import ButtonConfig, LightConfig
from tests.support.booth import Box, hang_on
from tests.support.deadline import PATIENCE_S, until


def may_be_realtime() -> bool:
    """Whether the kernel gives real-time priority, tried on a short-lived thread."""
    given: list[bool] = []

    def ask() -> None:
        try:
            os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
        except OSError:
            return
        given.append(True)

    asking = threading.Thread(target=ask)
    asking.start()
    asking.join()
    return bool(given)


class Pins:
    """Substitute for `pins.pin_factory`."""

    def __init__(self, has_button: bool) -> None:
        self.has_button = has_button
        self._made: MockFactory | None = None
        self._making = threading.Lock()

    def __call__(self) -> MockFactory:
        with self._making:
            if self._made is None:
                lgpio: Any = types.ModuleType("lgpio")
                lgpio._notify_thread = waits("lgpio calls back")
                sys.modules["lgpio"] = lgpio
                waits("lgpio switches pins")
                self._made = MockFactory(pin_class=MockPWMPin)
        if threading.current_thread().name == "button" and not self.has_button:
            raise OSError("the pin is busy")
        return self._made


def waits(name: str) -> threading.Thread:
    """Thread that waits for ever."""
    made = threading.Thread(target=threading.Event().wait, name=name, daemon=True)
    made.start()
    return made


def tell() -> None:
    """Print each thread's policy."""
    policies = [(thread.name, os.sched_getscheduler(thread.native_id or 0)) for thread in threading.enumerate()]
    print(json.dumps({"switch_s": sys.getswitchinterval(), "policies": policies}), flush=True)


def main(root: Path, is_late: bool) -> None:
    """Start, print, get ready, print."""
    played = Pins(has_button=not is_late)
    vars(pins).update(pin_factory=played, RETRY_S=0.01)
    vars(device_start)["HEAD_START_S"] = 0.01  # the camera hangs: nobody waits for it
    box, camera = Box(root), threading.Event()
    button, light = GpioButton(ButtonConfig(), box.clock), GpioLight(LightConfig(led_pin=27, flash_pin=22))
    vars(box).update(button=button, light=light, buzzer=GpioBuzzer(LightConfig(buzzer_pin=24)))
    vars(box.camera)["open"] = hang_on(camera)
    start = button.start

    def start_button(*heard: Any) -> None:
        vars(device_start)["HEAD_START_S"] = PATIENCE_S  # from here on: the panel comes once the booth is ready
        start(*heard)

    vars(button)["start"] = start_button

    def listens() -> bool:
        return button.problem is None and button.heartbeat._sign[1] == 0

    def shines() -> bool:
        return light._led is not None and light._led.device is not None

    def is_ready() -> bool:
        return box._service is not None and box._service._realtime._begun

    box.start()
    box.buzzer.play(Sound.TICK)
    until(lambda: shines() and (is_late or listens()))
    tell()
    camera.set()
    until(is_ready)
    until(lambda: any(thread.name == "panel" for thread in threading.enumerate()))
    if is_late:
        assert button.problem is not None
        played.has_button = True
        until(listens)
    assert box._service is not None
    with box._service._realtime._changing:  # whoever is being raised has been
        pass
    tell()
    box.stop()


if __name__ == "__main__":
    if may_be_realtime():
        main(Path(sys.argv[1]), "late" in sys.argv)
    else:
        print("refused")
