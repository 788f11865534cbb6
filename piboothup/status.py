"""Status of both services: their states, and the files in which they report.

A service replaces `<runtime>/<service>.json` atomically whenever something changes and at least every `REFRESH_S`. A
file older than `STALE_S` on the boot-time clock, or of a dead process, means: stopped. The runtime directory is a
tmpfs, so nothing is synced.
"""

from __future__ import annotations

import contextlib
import functools
import json
import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, Self, cast, get_args, get_origin, get_type_hints

from piboothup import runtime
from piboothup.problems import Problem, problem
from piboothup.process import is_alive
from piboothup.records import dataclass
from piboothup.runtime import RuntimeUnusable
from piboothup.text import read_bytes

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
    SETUP = "setup"
    """A code is awaited before the lens, or it is asked about a stick; a press takes a photo."""
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


@dataclass(frozen=True)
class Report:
    """Base of what lies in a status file; a default stands for a value that is missing or of another type."""

    @classmethod
    def from_json(cls, found: Any) -> Self:
        """The report in this JSON value, whatever else that holds."""
        given = found if isinstance(found, dict) else {}
        types = _field_types(cast(type, cls))
        return cls(**{key: value for key in types.keys() & given for value in _parse(given[key], types[key])})

    def to_json(self) -> dict[str, Any]:
        """All values, by their keys in the file."""
        return {key: _plain(value) for key, value in vars(self).items()}


def _plain(value: Any) -> Any:
    """The value with reports as dictionaries."""
    if isinstance(value, Report):
        return value.to_json()
    return tuple(map(_plain, value)) if isinstance(value, tuple) else value


@dataclass(frozen=True)
class BoothReport(Report):
    """The booth's report."""

    version: str = ""
    name: str = ""
    box: str = ""
    boot: int | None = None
    state: str = "stopped"
    """A BoothState while it runs."""
    camera: str = "stopped"
    panel: str = "stopped"
    button: str = "stopped"
    photos: int = 0
    context: str = ""
    """Id of the context of its photos."""
    problems: tuple[str, ...] = ()
    """Codes, the gravest first."""


@dataclass(frozen=True)
class EventReport(Report):
    """Photos of an event and album."""

    link_id: str = ""
    album_id: str = ""
    title: str = ""
    waiting: int = 0
    sent: int = 0
    """Since the uploader's start."""


@dataclass(frozen=True)
class WifiReport(Report):
    """The Wi-Fi and its problem."""

    ssid: str | None = None
    signal: int | None = None
    reason: str | None = None
    code: str | None = None


@dataclass(frozen=True)
class UploaderReport(Report):
    """The uploader's report."""

    version: str = ""
    state: UploaderState = UploaderState.STOPPED
    reason: str = ""
    problems: tuple[str, ...] = ()
    """Codes, the gravest first."""
    waiting: int = 0
    sent: int = 0
    """Since the uploader's start."""
    rate_bps: int | None = None
    eta_s: int | None = None
    last_success_s: float | None = None
    """Boot-time of the last sent photo."""
    events_seen: int | None = None
    """Events that the key sees; None = not asked yet."""
    events: tuple[EventReport, ...] = ()
    wifi: WifiReport = WifiReport()

    @property
    def is_untried(self) -> bool:
        """Whether EventPics has neither answered yet since the start nor failed to: network and key are unknown."""
        return self.events_seen is None and self.state in (UploaderState.IDLE, UploaderState.PAUSED)

    def is_all_of_others(self, link_id: str) -> bool:
        """Whether photos wait, and none of them for this event: what holds events is about others then."""
        waiting = {event.link_id for event in self.events if event.waiting}
        return bool(waiting) and link_id not in waiting


_field_types = functools.cache(get_type_hints)


def _parse(found: Any, kind: Any) -> list[Any]:
    """The JSON value as one of this type, as the only item; [] when it is none."""
    if get_origin(kind) is tuple:
        entries = found if isinstance(found, list) else []
        return [tuple(value for entry in entries for value in _parse(entry, get_args(kind)[0]))]
    if isinstance(kind, type) and issubclass(kind, Report):
        return [kind.from_json(found)]
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return [member for member in kind if member == found]
    return [found] if isinstance(found, kind) else []


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
        report = json.loads(read_bytes(directory / f"{service}.json"))
        age_s = time.clock_gettime(time.CLOCK_BOOTTIME) - float(report["boottime_s"])
        alive = is_alive(int(report["pid"]))
    except (OSError, ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return None
    return report if alive and -1.0 <= age_s < STALE_S else None


def read_booth(directory: Path) -> BoothReport | None:
    """The booth's last report; None when it is stopped."""
    found = read(directory, "booth")
    return None if found is None else BoothReport.from_json(found)


def read_uploader(directory: Path) -> UploaderReport | None:
    """The uploader's last report; None when it is stopped."""
    found = read(directory, "uploader")
    return None if found is None else UploaderReport.from_json(found)
