"""Checks of settings in drop-in files, of which the one with the last name counts: ours, and the watchdog's."""

from __future__ import annotations

import re
from pathlib import Path

from piboothup.care.facts import NOT_HERE, Facts, Finding, found, skipped

OURS = "90-piboothup.conf"
FAMILIES = ("systemd/journald.conf", "systemd/system.conf", "rpi/swap.conf")
"""Main files whose drop-ins are looked at."""
_FOLDERS = ("usr/lib", "run", "etc")
"""Where drop-ins lie; of two with the same name the later folder's counts."""
_SETTING = re.compile(r"^\s*(\w+)\s*=\s*(.*?)\s*$", re.MULTILINE)
_OFF = ("", "0", "off", "infinity")


def drop_ins(facts: Facts) -> Finding:
    """Our drop-ins against all others: which setting of ours another file overrides."""
    count = 0
    for family in FAMILIES:
        path = _files(facts, family).get(OURS)
        if path is None:
            continue
        count += 1
        for key, value in _SETTING.findall(facts.text(path)):
            winner, winning = effective(facts, family, key)
            if winning != value:
                return found("drop_in_lost", f"{key}={winning} in {winner}")
    if not count:
        return skipped("none of ours are installed")
    return Finding(f"all {count} in force")


def watchdog(facts: Facts) -> Finding:
    """Whether systemd feeds the hardware watchdog: by the kernel's word, else by systemd's files."""
    if not facts.is_pi:
        return skipped(NOT_HERE)
    state = facts.text("/sys/class/watchdog/watchdog0/state").strip()
    if state:
        return Finding("active") if state == "active" else found("watchdog_off")
    _, timeout = effective(facts, "systemd/system.conf", "RuntimeWatchdogSec")
    return found("watchdog_off") if timeout in _OFF else Finding(f"set to {timeout}")


def effective(facts: Facts, family: str, key: str) -> tuple[str, str]:
    """The file whose setting counts, and its value; both empty when none has it."""
    main = next((path for folder in ("etc", "usr/lib") if facts.exists(path := f"/{folder}/{family}")), "")
    drop_ins = _files(facts, family)
    last = ("", "")
    for path in (main, *(drop_ins[name] for name in sorted(drop_ins))):
        values = [value for name, value in _SETTING.findall(facts.text(path)) if name == key] if path else []
        last = (path, values[-1]) if values else last
    return last


def _files(facts: Facts, family: str) -> dict[str, str]:
    """Drop-ins of a main file by their names."""
    files: dict[str, str] = {}
    for folder in _FOLDERS:
        for path in facts.root.glob(f"{folder}/{family}.d/*.conf"):
            files[path.name] = f"/{Path(path).relative_to(facts.root)}"
    return files
