"""Memory that is free: what can be done later, or not at all, leaves enough for the next press."""

from __future__ import annotations

from pathlib import Path

from piboothup.text import read_bytes

MB = 1_000_000
_SPARE_BYTES = 40 * MB
"""Memory that stays for the next press."""
_MEMINFO = Path("/proc/meminfo")


def need_memory(wanted_bytes: int) -> None:
    """Raise MemoryError when memory is short."""
    available = available_bytes()
    if available is not None and available < wanted_bytes + _SPARE_BYTES:
        raise MemoryError(f"{available // MB} MB are free")


def available_bytes() -> int | None:
    """Memory that can be had without swapping (MemAvailable in proc(5)); None when the kernel does not say."""
    try:
        lines = read_bytes(_MEMINFO).decode("ascii", "replace").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, ValueError, IndexError, StopIteration):
        return None
