"""Power supply and temperature as a Pi's firmware reports them; unknown on other machines."""

from __future__ import annotations

import contextlib
from pathlib import Path

from piboothup.problems import Problem, problem
from piboothup.records import dataclass

_THROTTLED = Path("/sys/devices/platform/soc/soc:firmware/get_throttled")
_TEMPERATURE = Path("/sys/class/thermal/thermal_zone0/temp")
UNDERVOLTAGE, THROTTLED, PAST_UNDERVOLTAGE, PAST_THROTTLED = 1, 1 << 2, 1 << 16, 1 << 18
"""Bits of the firmware's get_throttled: now, and at some time since power-on."""

HOT_C = 80.0
"""Temperature at which a Pi slows itself down, °C."""


@dataclass(frozen=True)
class Supply:
    """State of supply and temperature; a field is None where it is not known."""

    undervoltage: bool | None = None
    """Under-voltage now; past ones do not count."""
    throttled: bool | None = None
    temperature_c: float | None = None

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Problems with the supply and the temperature."""
        weak = (problem("undervoltage"),) if self.undervoltage else ()
        hot = (problem("hot"),) if self.temperature_c is not None and self.temperature_c >= HOT_C else ()
        return weak + hot


def read(root: Path = Path("/")) -> Supply:
    """Read the current state."""
    bits, temperature_c = read_bits(root), None
    with contextlib.suppress(OSError, ValueError):
        temperature_c = int(_beneath(root, _TEMPERATURE).read_text(encoding="ascii")) / 1000
    if bits is None:
        return Supply(temperature_c=temperature_c)
    return Supply(bool(bits & UNDERVOLTAGE), bool(bits & THROTTLED), temperature_c)


def read_bits(root: Path = Path("/")) -> int | None:
    """Read the firmware's get_throttled; None where there is none."""
    with contextlib.suppress(OSError, ValueError):
        return int(_beneath(root, _THROTTLED).read_text(encoding="ascii"), 16)
    return None


def _beneath(root: Path, path: Path) -> Path:
    return root / path.relative_to("/")
