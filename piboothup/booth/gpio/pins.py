"""GPIO pins: gpiozero's pin factory on lgpio, and devices on pins, which are opened again after a failure."""

from __future__ import annotations

import contextlib
import errno
import functools
import os
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from piboothup.booth.device_state import DeviceState
from piboothup.runtime import FULL, service_directory

RETRY_S = 5.0
"""Pause before a device that failed is reopened, seconds."""

_making = threading.Lock()


def pin_factory() -> Any:
    """Return the pin factory of gpiozero, made once. Raises whatever gpiozero and lgpio raise, and RuntimeUnusable.

    A failure is tried again with the next call: gpiozero's fall-backs, which would stay for good after one failure of
    lgpio, are only for a system without lgpio.
    """
    with _making:
        from gpiozero import Device  # noqa: PLC0415

        if Device.pin_factory is None:
            if os.environ.get("GPIOZERO_PIN_FACTORY", "lgpio").lower() == "lgpio":
                Device.pin_factory = _lgpio_factory()
            if Device.pin_factory is None:
                Device.ensure_pin_factory()
        return Device.pin_factory


class PinDevice(DeviceState):
    """A gpiozero device on a pin, made by `make` from the pin and a pin factory.

    Any exception is a failure: lgpio's errors and gpiozero's have no common base class.
    """

    def __init__(self, name: str, code: str, pin: int, make: Callable[[int, Any], Any], factory: Any = None) -> None:
        super().__init__(name, code)
        self.pin = pin
        """BCM number; 0 = no device."""
        self._make = make
        self._pin_factory = factory
        self.device: Any = None
        self.is_broken = True
        """Whether it is not open yet, or has failed since."""

    def keep_running(self, work: Callable[[], None], ended: threading.Event) -> None:
        """Run `work`, which opens and uses the device; close the device after it, and after a failure run it again.

        The pause before that is `RETRY_S`. `work` returns when `ended` is set.
        """
        while not ended.is_set() and not self.attempt(work):
            self.close()
            ended.wait(RETRY_S)
        self.close()

    def open(self) -> None:
        """Open the device. Raises what gpiozero and lgpio raise, and RuntimeUnusable."""
        self.device = self._make(self.pin, self._pin_factory or pin_factory())
        self.is_broken = False

    def attempt(self, step: Callable[..., None], *arguments: Any) -> bool:
        """Call `step`; return whether it succeeded. A failure marks the device as broken."""
        try:
            step(*arguments)
        except Exception as error:  # noqa: BLE001  (see the class)
            self.fail(f"pin {self.pin}, {error}")
            self.is_broken = True
            return False
        return True

    def use(self, step: Callable[..., None], *arguments: Any) -> None:
        """Call `step` with the device if it is open; success clears the device's problem."""
        device = self.device
        if device is not None and self.attempt(step, device, *arguments) and not self.is_broken:
            self.mark_working()

    def close(self) -> None:
        """Close the device; its pin can be reopened even if this fails."""
        device, self.device = self.device, None
        if device is not None and not self.attempt(device.close):
            # else the pin stays reserved for as long as the device exists
            self.attempt(device.pin_factory.release_all, device)


def maker(name: str, without_pwm: str = "", **options: Any) -> Callable[[int, Any], Any]:
    """Function that makes gpiozero's device `name`, or its device `without_pwm` if the pin has no PWM."""

    def make(pin: int, factory: Any) -> Any:
        import gpiozero  # noqa: PLC0415

        try:
            return getattr(gpiozero, name)(pin, pin_factory=factory, **options)
        except gpiozero.PinPWMUnsupported:
            return getattr(gpiozero, without_pwm)(pin, pin_factory=factory)

    return make


def notify_threads() -> list[threading.Thread]:
    """Callback thread of lgpio, which handles every edge; none until lgpio is imported.

    lgpio's other two threads are C threads: they poll some thousand times a second, with or without edges.
    """
    found = getattr(sys.modules.get("lgpio"), "_notify_thread", None)
    return [found] if isinstance(found, threading.Thread) else []


def _lgpio_factory() -> Any:
    """Pin factory on lgpio; None on a system without lgpio."""
    directory = service_directory().absolute()
    if not _has_room(directory):
        directory = _spare_directory()
    with _working_in(directory):
        os.environ["LG_WD"] = str(directory)
        try:
            import lgpio  # noqa: F401, PLC0415
        except ImportError:
            return None
    from gpiozero.pins.lgpio import LGPIOFactory  # noqa: PLC0415

    return LGPIOFactory()


def _has_room(directory: Path) -> bool:
    """Whether a pipe can be made there; it stays, and lgpio replaces it. Presses must count with a full /run too."""
    try:
        os.mkfifo(directory / ".lgd-nfy0")
    except OSError as error:
        return error.errno not in (*FULL, errno.ENOENT)
    return True


@functools.cache
def _spare_directory() -> Path:
    return Path(tempfile.mkdtemp(prefix="piboothup-"))


@contextlib.contextmanager
def _working_in(directory: Path) -> Iterator[None]:
    """Change to this directory, and back at the end.

    lgpio makes a pipe `.lgd-nfy0` in $LG_WD, makes that folder the working directory for good, but only at the first
    attempt of a process, and opens the pipe there by its bare name. In other folders another user's pipe may lie.
    """
    before = os.open(".", os.O_PATH | os.O_DIRECTORY)
    try:
        os.chdir(directory)
        yield
    finally:
        with contextlib.suppress(OSError):  # a folder that may no longer be entered
            os.fchdir(before)
        os.close(before)
