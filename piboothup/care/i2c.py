"""A byte of a device on an I2C bus, asked of the kernel without any library."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

_SET_ADDRESS = 0x0703
"""I2C_SLAVE of linux/i2c-dev.h; refused for an address that a kernel driver holds."""


def read_byte(bus: Path, address: int) -> int | None:
    """Read a byte; None when nothing answers at this address. Raises PermissionError."""
    try:
        descriptor = os.open(bus, os.O_RDWR | os.O_CLOEXEC)
        try:
            fcntl.ioctl(descriptor, _SET_ADDRESS, address)
            return next(iter(os.read(descriptor, 1)), None)
        finally:
            os.close(descriptor)
    except PermissionError:
        raise
    except OSError:  # nobody acknowledged the address
        return None
