"""Verb `power-off`: shut the computer down as `systemctl poweroff` does, with a farewell of the services."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping

from piboothup.setup.errors import Refused

SYSTEMCTL = "/usr/bin/systemctl"
_TIMEOUT_S = 20.0


def power_off(values: Mapping[str, object]) -> None:
    """Start the shutdown without waiting for its end. Raises Refused, OSError, SubprocessError."""
    if values:
        raise Refused("power-off takes no values")
    systemctl("--no-block", "poweroff", timeout_s=_TIMEOUT_S)


def systemctl(*words: str, timeout_s: float) -> None:
    """Run systemctl with words of which none is the booth's. Raises OSError, SubprocessError."""
    subprocess.run(  # noqa: S603
        [SYSTEMCTL, *words], stdin=subprocess.DEVNULL, capture_output=True, check=True, timeout=timeout_s
    )
