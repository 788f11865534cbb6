"""Where the pins come from: gpiozero's factory, made ready for lgpio. Imports gpiozero only when called."""

from __future__ import annotations

import os
import tempfile
from typing import Any


def factory() -> Any:
    """gpiozero's own pin factory, shared by button and light. Raises whatever gpiozero and lgpio raise.

    lgpio makes its notification pipes in the working directory, which a service may not write; LG_WD moves them.
    """
    os.environ.setdefault("LG_WD", tempfile.gettempdir())
    from gpiozero import Device  # noqa: PLC0415

    if Device.pin_factory is None:
        Device.ensure_pin_factory()
    return Device.pin_factory
