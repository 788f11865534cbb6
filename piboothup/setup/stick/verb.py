"""Verbs `stick`: have its unit take the file of the stick, and return the result; and `copy`: have it copied to.

The units may mount, which this process may not: it stays as narrow as it is. A copy may take hours, which nobody
waits for: its unit is started, and reports to the booth.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from piboothup.root_requests import KEEPS_NOTHING, StickResult
from piboothup.setup import power
from piboothup.setup.errors import KeepsNothing, Refused
from piboothup.text import read_bytes

UNIT = "piboothup-stick.service"
COPY_UNIT = "piboothup-stick-copy@{disk}.service"
RUNTIME = Path("/run/piboothup-stick")
"""Folder of the unit's alone."""
RESULT = "result"
TIMEOUT_S = 35.0
"""Longer than the unit's own timeouts together, shorter than the booth waits."""


def take_stick(values: Mapping[str, object]) -> str:
    """Take the file; return the `StickResult`. Raises Refused, OSError, SubprocessError."""
    if values:
        raise Refused("stick takes no values")
    power.systemctl("start", UNIT, timeout_s=TIMEOUT_S)
    try:
        if (result := read_bytes(RUNTIME / RESULT).decode()) == KEEPS_NOTHING:
            raise KeepsNothing
        return StickResult(result)
    except ValueError:
        raise Refused("the unit gave no result") from None


def copy_to_stick(values: Mapping[str, object]) -> None:
    """Start the unit that copies to the stick of this name. Raises Refused, OSError, SubprocessError."""
    from piboothup.setup.stick import copying  # noqa: PLC0415  (with the spool, which no other verb needs)

    if set(values) != {"disk"} or not copying.is_name(disk := values["disk"]):
        raise Refused("copy takes the name of a stick that is plugged in and not used")
    power.systemctl("start", "--no-block", COPY_UNIT.format(disk=disk), timeout_s=TIMEOUT_S)
