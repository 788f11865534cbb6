"""The words in which both services say how they are, and the files they say it in.

A service replaces `<runtime>/<service>.json` atomically whenever something changes and at least every
`REFRESH_S`; a file older than `STALE_S` on the boot-time clock, or of a dead process, means: stopped. The runtime
directory is a tmpfs, so nothing is synced.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

REFRESH_S = 3.0
STALE_S = 10.0


class BoothState(StrEnum):
    """What the booth is doing, as a guest would say it."""

    STARTING = "starting"
    READY = "ready"
    COUNTDOWN = "countdown"
    EXPOSING = "exposing"
    SAVING = "saving"
    REVIEW = "review"
    MENU = "menu"
    SETUP = "setup"
    FAULT = "fault"
    STOPPING = "stopping"


class UploaderState(StrEnum):
    """What the uploader is doing. Offline is a state like any other, not an error."""

    IDLE = "idle"
    UPLOADING = "uploading"
    OFFLINE = "offline"
    PORTAL = "portal"
    PAUSED = "paused"
    REFUSED = "refused"
    STOPPED = "stopped"


def write(directory: Path, service: str, report: Mapping[str, Any]) -> None:
    """Replaces `<directory>/<service>.json` with `report`, stamped with pid and boot-time. Raises OSError."""
    stamped = {"pid": os.getpid(), "boottime_s": round(time.clock_gettime(time.CLOCK_BOOTTIME), 3), **report}
    replace(directory / f"{service}.json", json.dumps(stamped, ensure_ascii=False).encode())


def replace(path: Path, content: bytes) -> None:
    """Puts `content` in the runtime file `path` so that a reader sees the old or the new, never a half."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o640)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    fresh.replace(path)


def withdraw(path: Path) -> None:
    """Takes a runtime file away again; one that is gone is gone. Raises OSError."""
    path.unlink(missing_ok=True)


def read(directory: Path, service: str) -> dict[str, Any] | None:
    """What the service last said, or None when it is stopped (no file, a stale one, junk, a dead process)."""
    try:
        report = json.loads((directory / f"{service}.json").read_bytes())
        age_s = time.clock_gettime(time.CLOCK_BOOTTIME) - float(report["boottime_s"])
        alive = Path(f"/proc/{int(report['pid'])}").exists()
    except (OSError, ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return None
    return report if alive and -1.0 <= age_s < STALE_S else None
