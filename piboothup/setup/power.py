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
    subprocess.run(  # noqa: S603  (nothing in it is the booth's)
        [SYSTEMCTL, "--no-block", "poweroff"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=True,
        timeout=_TIMEOUT_S,
    )
