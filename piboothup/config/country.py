"""The country whose rules the radio keeps to: where a Pi keeps it for its next start, and whether one is set."""

from __future__ import annotations

import re
from pathlib import Path

KERNEL_LINE = Path("boot/firmware/cmdline.txt")
"""The kernel's line for the next start, below the root; no other computer has it."""
_OPTION = re.compile(r"\s*\bcfg80211\.ieee80211_regdom=(\S*)")
_NONE = ("", "00")
"""00 are the rules that hold everywhere."""


def of_line(kernel_line: str) -> str:
    """Country on the kernel's line; "" when there is none."""
    found = _OPTION.search(kernel_line.partition("\n")[0])
    return found[1] if found else ""


def with_country(kernel_line: str, country: str) -> str:
    """The kernel's line with this country, as raspi-config writes it; the firmware reads no further line."""
    line, _, rest = kernel_line.partition("\n")
    return f"{_OPTION.sub('', line).strip()} cfg80211.ieee80211_regdom={country}\n{rest}"


def is_set(root: Path = Path("/")) -> bool:
    """Whether one is set: on the kernel's line, that of the next start too, in its module, or by netplan."""
    lines = (root / "proc/cmdline", root / KERNEL_LINE)
    in_module = _text(root / "sys/module/cfg80211/parameters/ieee80211_regdom").strip()
    known = [*(of_line(_text(path)) for path in lines), in_module]
    is_netplans = (root / "run/systemd/system/netplan-regdom.service").exists()
    return is_netplans or any(country not in _NONE for country in known)


def is_missing(root: Path = Path("/")) -> bool:
    """Whether none is set on a computer that keeps it on the kernel's line."""
    return bool(_text(root / KERNEL_LINE).strip()) and not is_set(root)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
