"""The photos of one event, copied to a stick as the booth's user: the job, its progress, and whose stick it is.

Root's unit mounts the stick and runs this; the booth leaves the job and shows the progress. Both lie in a folder in
memory that is the booth's user's alone. It copies in the background and waits while a photo is under way.

A stick that was copied to within the operator's time bears a secret, which holds for this event and until power-off:
with it the stick may come again later. A stick without it, or another event's, gets nothing then.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import secrets
import threading
from datetime import tzinfo
from enum import StrEnum
from pathlib import Path
from typing import Any

from piboothup import status
from piboothup.clock import Clock
from piboothup.records import dataclass, replace
from piboothup.spool import durable
from piboothup.spool.admin import export, export_target
from piboothup.spool.admin.export import Exported
from piboothup.spool.admin.export_target import ExportError
from piboothup.spool.store import Spool
from piboothup.status import BoothState, Report
from piboothup.text import open_file, read_bytes

log = logging.getLogger(__name__)

FOLDER = "Photo booth"
"""Folder of the copies on a stick."""
RUNTIME = "stick"
"""Folder of job, progress and secrets in the runtime directory; the booth's user's alone."""
KEY_FILE = ".piboothup-key"
_JOB, _PROGRESS, _SECRETS = "job", "copy", "secrets"
_TELL_EVERY_NS = 500_000_000
_LONGEST_PAUSE_S = 30.0
"""Longest wait for a photo that is under way."""
_LOOK_S = 0.1
_SHORTEST_NS = 3_000_000_000
"""Time after which the time left is known well enough to be told."""
_SECRET_BYTES = 64
_UNDER_WAY = (BoothState.COUNTDOWN, BoothState.EXPOSING, BoothState.SAVING)


class CopyState(StrEnum):
    """States of a copy."""

    COPYING = "copying"
    DONE = "done"
    DAMAGED = "damaged"
    """Done, but some photos had changed on the card, or could not be read."""
    FULL = "full"
    READ_ONLY = "read_only"
    PULLED = "pulled"
    UNREADABLE = "unreadable"
    """No file system that is known, or a broken one."""
    BROKEN = "broken"
    """It does not read back what was written, or fails."""
    NOT_OURS = "not_ours"
    """It has not the secret that it needs by now."""
    FAILED = "failed"


IS_DONE = (CopyState.DONE, CopyState.DAMAGED)


@dataclass(frozen=True)
class CopyJob(Report):
    """What is to be copied."""

    asked_ns: int = -1
    """Boot-time: distinguishes jobs."""
    key: str = ""
    """Of the stick, as it is plugged in."""
    uuid: str = ""
    link_id: str = ""
    needs_secret: bool = True


@dataclass(frozen=True)
class CopyReport(Report):
    """Progress of a job."""

    asked_ns: int = -1
    key: str = ""
    uuid: str = ""
    link_id: str = ""
    state: CopyState = CopyState.COPYING
    done: int = 0
    """Photos that are on the stick; while it copies the last few may not be confirmed."""
    total: int = 0
    left_s: int | None = None
    """Time left, seconds; None = not known yet."""
    pid: int = 0


@dataclass
class CopyFolder:
    """The folder in memory."""

    runtime: Path

    @property
    def path(self) -> Path:
        """Where it lies."""
        return self.runtime / RUNTIME

    def job(self) -> CopyJob:
        """The newest job; an empty one when there is none."""
        return CopyJob.from_json(self._read(_JOB))

    def put_job(self, job: CopyJob) -> None:
        """Leave a job. Raises OSError."""
        self._write(_JOB, job.to_json())

    def report(self) -> CopyReport | None:
        """The newest report; None when there is none."""
        found = self._read(_PROGRESS)
        return None if found is None else CopyReport.from_json(found)

    def tell(self, report: CopyReport) -> None:
        """Leave a report. Raises OSError."""
        self._write(_PROGRESS, report.to_json())

    def forget_report(self) -> None:
        """Remove the report. Raises OSError."""
        status.withdraw(self.path / _PROGRESS)

    def knows(self, uuid: str, link_id: str) -> bool:
        """Whether a stick with this id should bear a secret for this event."""
        return bool(uuid) and self._secret(uuid)[1] == link_id

    def is_right(self, secret: bytes, job: CopyJob) -> bool:
        """Whether the secret is that of the job's stick and event."""
        digest = str(self._secret(job.uuid)[0])
        return self.knows(job.uuid, job.link_id) and hmac.compare_digest(_digest(secret), digest)

    def remember(self, secret: bytes, job: CopyJob) -> None:
        """Keep a secret's digest until power-off. Raises OSError."""
        known = self._read(_SECRETS)
        self._write(
            _SECRETS, {**(known if isinstance(known, dict) else {}), job.uuid: [_digest(secret), job.link_id]}
        )

    def _secret(self, uuid: str) -> tuple[object, object]:
        """Digest and event of the stick's secret."""
        match self._read(_SECRETS):
            case {**known} if isinstance(pair := known.get(uuid), list) and len(pair) == 2:
                return pair[0], pair[1]
        return "", None

    def _read(self, name: str) -> Any:
        try:
            return json.loads(read_bytes(self.path / name))
        except (OSError, ValueError, RecursionError):
            return None

    def _write(self, name: str, value: object) -> None:
        status.replace(self.path / name, json.dumps(value).encode())


def left_s(done: int, total: int, elapsed_ns: int) -> int | None:
    """Time left, seconds, at the pace so far; None while that is too short."""
    if done <= 0 or elapsed_ns < _SHORTEST_NS:
        return None
    return -(-elapsed_ns * max(0, total - done) // (done * 1_000_000_000))


def run(
    spool: Spool, job: CopyJob, target: Path, folder: CopyFolder, booth_name: str, zone: tzinfo, pid: int = 0
) -> CopyState:
    """Copy the job's photos to the folder on its stick, and report; the state in which it ended.

    The report says COPYING to the last: what is shown as done has been unmounted. `pid`: of the process in charge.
    """
    copy = _Copy(spool, job, target, folder, pid)
    if not copy.is_allowed():
        return CopyState.NOT_OURS
    try:
        return copy.run(booth_name, zone)
    except ExportError as error:
        log.error("copy broken off reason=%s", error)
        return _state_of(error.number)
    except OSError as error:
        log.error("copy broken off reason=%s", error.strerror or error)
        return _state_of(error.errno)


def _state_of(number: int | None) -> CopyState:
    if number in durable.FULL:
        return CopyState.FULL
    if number in export_target.READ_ONLY:
        return CopyState.READ_ONLY
    if number in export_target.GONE:
        return CopyState.PULLED
    return CopyState.BROKEN if number == export_target.WRONG else CopyState.FAILED


class _Copy:
    """A copy that is under way."""

    def __init__(self, spool: Spool, job: CopyJob, target: Path, folder: CopyFolder, pid: int) -> None:
        self._spool = spool
        self._clock: Clock = spool.clock
        self._job = job
        self._target = target
        self._folder = folder
        self._report = CopyReport(job.asked_ns, job.key, job.uuid, job.link_id, pid=pid)
        self._begun_ns = self._told_ns = 0
        self._paused_ns = 0

    def is_allowed(self) -> bool:
        """Whether the stick has the secret that it needs."""
        if not self._job.needs_secret:
            return True
        try:
            with open_file(self._target / KEY_FILE) as file:
                return self._folder.is_right(file.read(_SECRET_BYTES + 1), self._job)
        except OSError:
            return False

    def run(self, booth_name: str, zone: tzinfo) -> CopyState:
        """Give the stick a secret if it may have one, and copy. Raises ExportError, OSError."""
        exported = Exported()
        self._report = replace(self._report, total=export.count(self._spool, self._job.link_id))
        self._tell()
        self._begun_ns = self._clock.boottime_ns()
        if self._job.uuid and not self._job.needs_secret:
            secret = secrets.token_hex(_SECRET_BYTES // 2).encode()
            durable.replace(self._target / KEY_FILE, secret, None)
            self._folder.remember(secret, self._job)
        try:
            export.export(
                self._spool,
                self._target,
                booth_name,
                zone,
                self._progress,
                link_id=self._job.link_id,
                done=exported,
            )
        finally:
            copied = exported.copied + exported.already_there
            self._report = replace(self._report, done=copied, left_s=None)
            self._tell()
        # Some may have been deleted meanwhile to make room: the album has them.
        self._report = replace(self._report, total=copied + len(exported.damaged) + exported.held)
        self._tell()
        return CopyState.DAMAGED if exported.damaged else CopyState.DONE

    def _progress(self, done: int, total: int) -> None:
        now_ns = self._clock.boottime_ns()
        if now_ns - self._told_ns >= _TELL_EVERY_NS:
            left = left_s(done, total, now_ns - self._begun_ns - self._paused_ns)
            self._report = replace(self._report, done=done, total=total, left_s=left)
            self._tell()
            self._told_ns = now_ns
        self._wait_for_photo()
        self._paused_ns += self._clock.boottime_ns() - now_ns

    def _wait_for_photo(self) -> None:
        """Wait while a photo is under way."""
        turns = iter(range(int(_LONGEST_PAUSE_S / _LOOK_S)))
        while _is_photo_under_way(self._folder.runtime) and next(turns, None) is not None:
            threading.Event().wait(_LOOK_S)

    def _tell(self) -> None:
        self._folder.tell(self._report)


def _is_photo_under_way(runtime: Path) -> bool:
    booth = status.read_booth(runtime)
    return booth is not None and booth.state in _UNDER_WAY


def _digest(secret: bytes) -> str:
    return hashlib.sha256(secret).hexdigest()
