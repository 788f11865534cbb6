"""Status of both services: their states, and the files in which they report.

A service replaces `<runtime>/<service>.json` atomically whenever something changes and at least every `REFRESH_S`. A
file older than `STALE_S` on the boot-time clock, or of a dead process, means: stopped. The runtime directory is a
tmpfs, so nothing is synced.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

from piboothup import runtime
from piboothup.problems import Problem, problem
from piboothup.runtime import RuntimeUnusable

log = logging.getLogger(__name__)

REFRESH_S = 3.0
STALE_S = 10.0
FAREWELL_S = 0.2
"""Timeout of the last write at the end of a service, seconds."""


class BoothState(StrEnum):
    """States of the booth, as a guest would name them."""

    STARTING = "starting"
    READY = "ready"
    COUNTDOWN = "countdown"
    EXPOSING = "exposing"
    SAVING = "saving"
    REVIEW = "review"
    MENU = "menu"
    FAULT = "fault"
    STOPPING = "stopping"


class UploaderState(StrEnum):
    """States of the uploader. Offline is a state like any other, not an error."""

    IDLE = "idle"
    UPLOADING = "uploading"
    OFFLINE = "offline"
    PORTAL = "portal"
    PAUSED = "paused"
    REFUSED = "refused"
    STOPPED = "stopped"


def write(directory: Path, service: str, report: Mapping[str, Any]) -> None:
    """Replace `<directory>/<service>.json` with `report`, stamped with pid and boot-time. Raises OSError."""
    stamped = {"pid": os.getpid(), "boottime_s": round(time.clock_gettime(time.CLOCK_BOOTTIME), 3), **report}
    replace(directory / f"{service}.json", json.dumps(stamped, ensure_ascii=False).encode())


class StatusFile:
    """Status file of a running service. A failure to write it is logged once until it can be written again."""

    def __init__(self, directory: Path, service: str) -> None:
        self._directory = directory
        self._service = service
        self._hindrance = ""
        self.problem: Problem | None = None
        """What a person should do about it; None too when nobody can do anything."""

    def write(self, report: Mapping[str, Any]) -> None:
        """Replace the file; make its directory again if it is gone. Raises nothing."""
        try:
            try:
                write(self._directory, self._service, report)
            except FileNotFoundError:
                runtime.make(self._directory)
                write(self._directory, self._service, report)
        except RuntimeUnusable as error:
            self._tell(str(error))
        except OSError as error:
            is_full = error.errno in runtime.FULL
            told = problem("runtime_full", str(self._directory)) if is_full else None
            self._tell(str(told or error.strerror or error), told)
        else:
            if self._hindrance:
                log.info("status written again directory=%s", self._directory)
            self._hindrance, self.problem = "", None

    def withdraw(self) -> None:
        """Delete the file: the service ends."""
        with contextlib.suppress(OSError):
            withdraw(self._directory / f"{self._service}.json")

    def _tell(self, hindrance: str, told: Problem | None = None) -> None:
        if hindrance != self._hindrance:
            log.error("status not written reason=%s", hindrance)
        self._hindrance, self.problem = hindrance, told


class WriterThread:
    """Thread that writes runtime files, so that no other waits for a file system that hangs."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._task: Callable[[], None] | None = None
        self._is_stopping = False
        self._thread = threading.Thread(target=self._run, name="runtime files", daemon=True)

    def start(self) -> None:
        """Start; until then `do` runs at once."""
        self._thread.start()

    def do(self, task: Callable[[], None]) -> None:
        """Run this on the thread; it replaces what the thread has not begun yet."""
        if self._thread.ident is None:
            task()
            return
        with self._changed:
            self._task = task
            self._changed.notify()

    def stop(self) -> None:
        """Wait for the newest write, at most `FAREWELL_S`."""
        with self._changed:
            self._is_stopping = True
            self._changed.notify()
        if self._thread.ident is not None:
            self._thread.join(FAREWELL_S)

    def _run(self) -> None:
        while True:
            with self._changed:
                while self._task is None and not self._is_stopping:
                    self._changed.wait()
                task, self._task = self._task, None
            if task is None:
                return
            try:
                task()
            except Exception:  # the top of the thread: the next one may go better
                log.exception("runtime file not written")


def replace(path: Path, content: bytes) -> None:
    """Replace the runtime file `path` atomically for readers.

    Raises OSError; then nothing of the new content is left.
    """
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o640)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        fresh.replace(path)
    except OSError:
        fresh.unlink(missing_ok=True)
        raise


def withdraw(path: Path) -> None:
    """Delete a runtime file; one that is gone already is fine. Raises OSError."""
    path.unlink(missing_ok=True)


def read(directory: Path, service: str) -> dict[str, Any] | None:
    """The service's last report; None when it is stopped (no file, a stale one, junk, a dead process)."""
    try:
        report = json.loads((directory / f"{service}.json").read_bytes())
        age_s = time.clock_gettime(time.CLOCK_BOOTTIME) - float(report["boottime_s"])
        alive = Path(f"/proc/{int(report['pid'])}").exists()
    except (OSError, ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return None
    return report if alive and -1.0 <= age_s < STALE_S else None
