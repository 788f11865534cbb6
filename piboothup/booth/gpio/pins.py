"""GPIO pins: gpiozero's pin factory on lgpio, shared by button, light and buzzer; imported on first use."""

from __future__ import annotations

import contextlib
import errno
import functools
import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

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


def close(device: Any) -> None:
    """Close a gpiozero device; its pin can be reopened even if this fails. Raises what the device raises."""
    try:
        device.close()
    except Exception:
        device.pin_factory.release_all(device)  # else the pin stays reserved while the device exists
        raise


def notify_threads() -> list[threading.Thread]:
    """Callback thread of lgpio, which handles every edge; none until lgpio is imported.

    lgpio's other two threads are C threads: they poll some thousand times a second, whatever happens.
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
    """Whether lgpio's pipe can be made there, which replaces this one: presses must count in a full /run too."""
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
    attempt of a process, and opens the pipe there by its bare name. Anywhere else another user's pipe may lie.
    """
    before = os.open(".", os.O_PATH | os.O_DIRECTORY)
    try:
        os.chdir(directory)
        yield
    finally:
        with contextlib.suppress(OSError):  # a folder that may no longer be entered
            os.fchdir(before)
        os.close(before)
