"""Local EventPics: the three calls over real HTTP on this machine, for development, the demos and the tests.

It accepts what the vendor documents and stores each photo as `<directory>/<linkId>/<albumId or _>/<fileName>`, with
one line per accepted PUT in `uploads.jsonl`. It can be switched off and on while it runs, and `Fault`s make it
refuse, stall, redirect or hang up. It listens on loopback only and writes nowhere but under its directory. See
`listener` for the HTTP.
"""

from __future__ import annotations

import contextlib
import hmac
import json
import re
import secrets
import signal
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from piboothup.clock import Clock, SystemClock
from piboothup.simulator.faults import Fault, load_faults
from piboothup.simulator.listener import Grant, Listener

DEMO_KEY: Final = "desk-key-for-the-local-eventpics"
DEFAULT_EVENTS: Final[tuple[Mapping[str, Any], ...]] = (
    {
        "title": "Summer Party",
        "linkId": "abcd1234",
        "albums": [{"id": "a1", "title": "Photo booth"}, {"id": "a2", "title": "Backstage"}],
    },
)
_URL_VALID_NS: Final = 300 * 1_000_000_000


class CannotServe(ValueError):
    """Unusable port or directory; the text is a sentence."""


class LocalEventPics:
    """The server; `url` is the api_url for a config."""

    def __init__(
        self,
        directory: Path,
        clock: Clock,
        port: int = 0,
        key: str = DEMO_KEY,
        events: Iterable[Mapping[str, Any]] = DEFAULT_EVENTS,
        faults: Iterable[Fault] = (),
    ) -> None:
        """Listen until closed; on a free port if `port` is 0. Raises OSError."""
        self.directory = directory
        self.key = key
        self.events = list(events)
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
        self._server: Listener | None = Listener(self, port)
        self.port: int = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"

    @property
    def online(self) -> bool:
        """Whether it can be reached; setting it to False closes the listener and every live connection."""
        return self._server is not None

    @online.setter
    def online(self, wanted: bool) -> None:
        if wanted and self._server is None:
            self._server = Listener(self, self.port)
        elif not wanted and self._server is not None:
            server, self._server = self._server, None
            server.ended.set()
            self._faults_replaced.set()
            self._faults_replaced = threading.Event()
            server.end()

    def close(self) -> None:
        """Go offline for good."""
        self.online = False

    def __enter__(self) -> LocalEventPics:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def add_fault(self, *faults: Fault) -> None:
        """Replace the faults and end the delays of the old ones."""
        with self._lock:
            self._faults, self._applied = list(faults), Counter()
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

    # -- used by the listener ----------------------------------------------------------------------------------

    def fault_for(self, call: str) -> Fault:
        """Fault to apply to this call; a Fault without effect when no rule matches."""
        with self._lock:
            self.calls[call] += 1
            for number, fault in enumerate(self._faults):
                if fault.call in ("", call) and (fault.times == 0 or self._applied[number] < fault.times):
                    self._applied[number] += 1
                    return fault
        return Fault()

    def stall(self, seconds: float) -> bool:
        """Wait for so long, unless the faults change; False when the server went offline meanwhile."""
        with self._lock:
            replaced, server = self._faults_replaced, self._server
        replaced.wait(seconds)
        return server is not None and not server.ended.is_set()

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


def main(port: int, directory: Path, faults: Path | None = None) -> None:
    """Run the command `piboothup simulator` until SIGINT or SIGTERM. Raises BadFaults, CannotServe."""
    rules = load_faults(faults) if faults is not None else []
    try:
        eventpics = LocalEventPics(directory, SystemClock(), port, faults=rules)
    except OSError as error:
        what, option = (error.filename, "--directory") if error.filename else (f"port {port}", "--port")
        raise CannotServe(f"{what} can't be used ({error.strerror}): name another with {option}.") from None
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    with eventpics:
        print(f'api_url = "{eventpics.url}"  api_key = "{eventpics.key}"  link_id = "abcd1234"', flush=True)
        ended.wait()


def _file_name(text: str) -> str:
    """Argument as the name of a file or folder that stays in its folder."""
    return re.sub(r"[^A-Za-z0-9._-]", "_", text)[:200].lstrip(".") or "_"
