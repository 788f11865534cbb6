"""Networks beside the one that the kernel prefers: for a cable or a modem that is plugged in and leads nowhere.

The kernel sends all by the default route with the smallest metric (NetworkManager's: 100 by cable, 600 by Wi-Fi), be
it dead. A socket may be bound to another network's device, which needs no right (since Linux 5.7).
"""

from __future__ import annotations

import socket
from pathlib import Path

_UP, _REJECT = 0x1, 0x200
"""RTF_UP and RTF_REJECT of linux/route.h and linux/ipv6_route.h."""


def other_devices(family: socket.AddressFamily, folder: Path = Path("/proc/net")) -> list[str]:
    """Devices with a default route of this family that the kernel does not prefer, in the order of their metrics."""
    of_family = _ipv4_default if family == socket.AF_INET else _ipv6_default
    name = "route" if family == socket.AF_INET else "ipv6_route"
    try:
        lines = (folder / name).read_text(encoding="ascii", errors="replace").splitlines()
        found = sorted(filter(None, (of_family(line.split()) for line in lines)))
    except (OSError, ValueError, IndexError):
        return []
    preferred, *others = dict.fromkeys(device for _, device in found) or [""]
    return [device for device in others if device != preferred]


def _ipv4_default(words: list[str]) -> tuple[int, str] | None:
    """Metric and device of a line of /proc/net/route, if it is a default route; its first line has the names."""
    if len(words) < 8 or words[1] != words[7] or set(words[1]) != {"0"}:
        return None
    flags = int(words[3], 16)
    return (int(words[6]), words[0]) if flags & _UP and not flags & _REJECT else None


def _ipv6_default(words: list[str]) -> tuple[int, str] | None:
    """The same of a line of /proc/net/ipv6_route, which has numbers to the base of 16 alone."""
    if len(words) < 10 or set(words[0]) != {"0"} or int(words[1], 16):
        return None
    flags = int(words[8], 16)
    return (int(words[5], 16), words[9]) if flags & _UP and not flags & _REJECT else None
