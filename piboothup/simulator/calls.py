"""Calls of the local EventPics, and what they keep: events, upload URLs, photos, faults. `server` has the HTTP.

It accepts what the vendor documents and stores each photo as `<directory>/<linkId>/<albumId or _>/<fileName>`, with
one line per accepted PUT in `uploads.jsonl`. It writes nowhere but under its directory.
"""

from __future__ import annotations

import contextlib
import hmac
import json
import re
import secrets
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from piboothup.clock import Clock
from piboothup.records import dataclass
from piboothup.simulator.faults import Fault

_URL_VALID_NS: Final = 300 * 1_000_000_000


@dataclass(frozen=True)
class Grant:
    """Upload that a URL allows."""

    signature: str
    link_id: str
    album_id: str
    file_name: str
    taken_at: float | None
    asked_ns: int


class EventPicsCalls:
    """Answers to EventPics' three calls. Threads may share it."""

    url: str
    """The api_url for a config."""

    def __init__(self, directory: Path, clock: Clock, key: str, faults: Iterable[Fault]) -> None:
        self.directory = directory
        self.key = key
        albums = [{"id": "a1", "title": "Photo booth"}, {"id": "a2", "title": "Backstage"}]
        self.events: list[dict[str, Any]] = [{"title": "Summer Party", "linkId": "abcd1234", "albums": albums}]
        self.clock = clock
        self.calls: Counter[str] = Counter()
        """Calls so far, by name, with those that met a fault."""
        self.uploading = 0
        """PUTs under way."""
        self._faults = list(faults)
        self._applied: Counter[int] = Counter()
        """How often each of the faults was applied."""
        self._faults_replaced = threading.Event()
        self._grants: dict[str, Grant] = {}
        self._lock = threading.Lock()
        directory.mkdir(parents=True, exist_ok=True)

    def add_fault(self, *faults: Fault) -> None:
        """Replace the faults and end the delays of the old ones."""
        with self._lock:
            self._faults, self._applied = list(faults), Counter()
            self.end_stalls()

    def end_stalls(self) -> None:
        """End the delays under way."""
        self._faults_replaced.set()
        self._faults_replaced = threading.Event()

    def stall_uploads(self, seconds: float) -> None:
        """Delay each further PUT by so many seconds; 0 = not at all."""
        self.add_fault(*([Fault(call="put", stall_s=seconds)] if seconds else []))

    def uploads(self) -> list[dict[str, Any]]:
        """Lines of uploads.jsonl, oldest first."""
        with self._lock:
            try:
                text = (self.directory / "uploads.jsonl").read_text(encoding="utf-8")
            except FileNotFoundError:
                return []
            return [json.loads(line) for line in text.splitlines()]

    def path_of(self, link_id: str, album_id: str, file_name: str) -> Path:
        """Path of a stored photo: always below the directory, whatever the three arguments are."""
        album = _file_name(album_id) if album_id else "_"
        return self.directory / _file_name(link_id) / album / _file_name(file_name)

    def fault_for(self, call: str) -> Fault:
        """Fault to apply to this call; a Fault without effect when no rule matches."""
        with self._lock:
            self.calls[call] += 1
            for number, fault in enumerate(self._faults):
                if fault.call in ("", call) and (fault.times == 0 or self._applied[number] < fault.times):
                    self._applied[number] += 1
                    return fault
        return Fault()

    def stall(self, seconds: float) -> None:
        """Wait for so long, unless the faults change."""
        self._faults_replaced.wait(seconds)

    @contextlib.contextmanager
    def counted_upload(self) -> Iterator[None]:
        """Count a PUT as in progress."""
        with self._lock:
            self.uploading += 1
        try:
            yield
        finally:
            with self._lock:
                self.uploading -= 1

    def grant(self, asked: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        """Status and JSON for getuploadurl."""
        key, link_id, file_name = asked.get("apiKey"), asked.get("linkId"), asked.get("fileName")
        album_id, taken_at = asked.get("albumId", ""), asked.get("takenAt")
        if not isinstance(key, str) or not hmac.compare_digest(key.encode(), self.key.encode()):
            return 401, {"error": "unknown apiKey"}
        if not isinstance(link_id, str) or not isinstance(file_name, str) or not file_name:
            return 400, {"error": "linkId and fileName are required strings"}
        if not isinstance(album_id, str):
            return 400, {"error": "albumId is a string"}
        if taken_at is not None and (isinstance(taken_at, bool) or not isinstance(taken_at, int | float)):
            return 400, {"error": "takenAt is a number of milliseconds"}
        if not self._knows(link_id, album_id):
            return 404, {"error": "no such event or album"}
        token, signature = secrets.token_urlsafe(12), secrets.token_urlsafe(24)
        with self._lock:
            now_ns = self.clock.boottime_ns()
            self._grants[token] = Grant(signature, link_id, album_id, file_name, taken_at, now_ns)
        return 200, {"uploadUrl": f"{self.url}/upload/{token}?signature={signature}"}

    def granted(self, token: str, signature: str) -> Grant | None:
        """Upload that the URL allows; None when it is not valid."""
        with self._lock:
            grant = self._grants.get(token)
        if grant is None or not hmac.compare_digest(grant.signature.encode(), signature.encode()):
            return None
        return grant if self.clock.boottime_ns() - grant.asked_ns <= _URL_VALID_NS else None

    def part(self) -> Path:
        """New file for a body that is arriving."""
        folder = self.directory / ".arriving"
        folder.mkdir(exist_ok=True)
        return folder / secrets.token_hex(8)

    def store(self, grant: Grant, part: Path, sha256: str, size: int) -> None:
        """Store a complete body. An object PUT twice is one object, but two lines."""
        path = self.path_of(grant.link_id, grant.album_id, grant.file_name)
        line = {
            "fileName": grant.file_name,
            "linkId": grant.link_id,
            "albumId": grant.album_id,
            "takenAt": grant.taken_at,
            "receivedAt": self.clock.wall_ns() // 1_000_000,
            "sha256": sha256,
            "size": size,
        }
        with self._lock:
            path.parent.mkdir(parents=True, exist_ok=True)
            part.replace(path)
            with (self.directory / "uploads.jsonl").open("a", encoding="utf-8") as file:
                file.write(json.dumps(line, ensure_ascii=False) + "\n")

    def _knows(self, link_id: str, album_id: str) -> bool:
        for event in self.events:
            if event.get("linkId") == link_id:
                albums = [album.get("id", album.get("albumId")) for album in event.get("albums", ())]
                return not album_id or album_id in albums
        return False


def _file_name(text: str) -> str:
    """Argument as the name of a file or folder that stays in its folder."""
    return re.sub(r"[^A-Za-z0-9._-]", "_", text)[:200].lstrip(".") or "_"
