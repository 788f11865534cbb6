"""What a Pi's firmware says of its power supply and its heat. Elsewhere nobody knows, and nothing is said."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path

from piboothup.problems import Problem, problem

_THROTTLED = Path("/sys/devices/platform/soc/soc:firmware/get_throttled")
_TEMPERATURE = Path("/sys/class/thermal/thermal_zone0/temp")


HOT_C = 80.0
"""From here on a Pi slows itself down."""


@dataclass(frozen=True)
class Supply:
    """Each None where it is not known."""

    undervoltage: bool | None = None
    """Now, not ever."""
    throttled: bool | None = None
    temperature_c: float | None = None

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What should be known of it."""
        weak = (problem("undervoltage"),) if self.undervoltage else ()
        hot = (problem("hot"),) if self.temperature_c is not None and self.temperature_c >= HOT_C else ()
        return weak + hot


def read() -> Supply:
    """As it is now. Bits of the firmware's get_throttled: 0 = under-voltage now, 2 = throttled now."""
    bits = temperature_c = None
    with contextlib.suppress(OSError, ValueError):
        bits = int(_THROTTLED.read_text(encoding="ascii"), 16)
    with contextlib.suppress(OSError, ValueError):
        temperature_c = int(_TEMPERATURE.read_text(encoding="ascii")) / 1000
    if bits is None:
        return Supply(temperature_c=temperature_c)
    return Supply(bool(bits & 1), bool(bits & 4), temperature_c)
