"""The journal, as far as a support bundle may hold it: lines of our units, and a short list of the kernel's.

NetworkManager's lines, and what the kernel says of connections, hold names of networks: they are never asked for.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Any

UNITS = (
    *("piboothup-booth", "piboothup-uploader", "piboothup-requests", "piboothup-setup", "piboothup-spool"),
    *("piboothup-stick", "piboothup-stick-copy@*"),
)
_LINES = 3000
_KERNEL_LINES = 20_000
"""Lines of the kernel to look through: it says far more than is kept."""
_TIMEOUT_S = 60.0
_FIELDS = "MESSAGE,_SYSTEMD_UNIT,UNIT,_BOOT_ID,_TRANSPORT"
_KERNEL = re.compile(
    r".*(?:under-?voltage|voltage normalised)"
    r"|mmc\d|mmcblk\d|sdhci|bcm2835-sdhost"
    r"|EXT4-fs|JBD2|FAT-fs|F2FS-fs|Buffer I/O error|I/O error|blk_update_request|critical \w+ error"
    r"|Out of memory|oom[-_]|.*invoked oom-killer|Memory cgroup out of memory"
    r"|i2c|.*i2c[-_]bcm\d+"
    r"|brcmfmac(?: \S+)?: (?:brcmf_(?:fw|sdio|c|proto|chip|bus|fil)_|Direct firmware load)",
    re.IGNORECASE,
)
"""Supply, card, memory, panel's bus and the Wi-Fi's firmware; nothing of its connections."""


class JournalUnreadable(Exception):
    """The journal shows nothing; the text is a reason with a remedy."""


def services(redact: Callable[[str], str]) -> list[str]:
    """The newest lines of our units, and of systemd about them, the oldest first. Raises JournalUnreadable.

    `redact` is given each message without what the journal adds to it.
    """
    units = [word for unit in UNITS for word in ("--unit", unit)]
    found = _entries(*units, "--lines", str(_LINES))
    return _lines([entry for entry in found if any(fnmatchcase(_teller(entry), unit) for unit in UNITS)], redact)


def kernel(redact: Callable[[str], str]) -> list[str]:
    """The kernel's lines of `_KERNEL`, the oldest first. Raises JournalUnreadable."""
    found = _entries("_TRANSPORT=kernel", "--lines", str(_KERNEL_LINES))
    return _lines([entry for entry in found if _teller(entry) == "kernel" and _KERNEL.match(_message(entry))], redact)


def _entries(*words: str) -> list[dict[str, Any]]:
    program = shutil.which("journalctl")
    if program is None:
        raise JournalUnreadable("there is no journal on this computer.")
    command = [program, "--quiet", "--no-pager", "--output", "json", "--output-fields", _FIELDS, *words]
    try:
        done = subprocess.run(  # noqa: S603  (fixed words)
            command, capture_output=True, timeout=_TIMEOUT_S, check=False, stdin=subprocess.DEVNULL
        )
    except subprocess.TimeoutExpired:
        raise JournalUnreadable("the journal did not answer in time; try it again.") from None
    except OSError as error:
        raise JournalUnreadable(f"the journal can't be read ({error.strerror}); run it with sudo.") from None
    found = [entry for line in done.stdout.splitlines() if isinstance(entry := _parsed(line), dict)]
    if not found and os.geteuid() != 0:
        raise JournalUnreadable("the journal shows this user no such line; run it with sudo.")
    if not found:
        raise JournalUnreadable("the journal holds no such line.")
    return found


def _parsed(line: bytes) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _lines(entries: list[dict[str, Any]], redact: Callable[[str], str]) -> list[str]:
    """Each entry as: number of the boot (0 is the newest here), seconds since power-on, time, unit, message."""
    boots = list(dict.fromkeys(str(entry.get("_BOOT_ID")) for entry in entries))
    number = {boot: place - len(boots) + 1 for place, boot in enumerate(boots)}
    lines = []
    for entry in entries:
        boot = number[str(entry.get("_BOOT_ID"))]
        since_s, wall_s = _seconds(entry, "__MONOTONIC_TIMESTAMP"), _seconds(entry, "__REALTIME_TIMESTAMP")
        told = datetime.fromtimestamp(wall_s, UTC).strftime("%Y-%m-%d %H:%M:%S")
        message = redact(_message(entry)).replace("\n", "\n    ")
        lines.append(f"{boot:3d} {since_s:10.3f} {told} {_teller(entry)}: {message}")
    return lines


def _teller(entry: dict[str, Any]) -> str:
    """The unit that the entry is of or about; "kernel" for the kernel's."""
    if entry.get("_TRANSPORT") == "kernel":
        return "kernel"
    return str(entry.get("UNIT") or entry.get("_SYSTEMD_UNIT") or "").removesuffix(".service")


def _message(entry: dict[str, Any]) -> str:
    """The message; the journal gives one that is no text as its bytes."""
    found = entry.get("MESSAGE")
    if isinstance(found, list):
        found = bytes(byte for byte in found if isinstance(byte, int) and 0 <= byte < 256).decode(errors="replace")
    return str(found or "")


def _seconds(entry: dict[str, Any], key: str) -> float:
    """A time of the entry, which the journal tells in microseconds."""
    text = str(entry.get(key, ""))
    return int(text) / 1e6 if re.fullmatch(r"\d{1,16}", text) else 0.0
