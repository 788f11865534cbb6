"""A local EventPics: the three calls over real HTTP on this machine, for a desk, the demo and the tests.

It takes what the vendor documents and stores each photo as `<directory>/<linkId>/<albumId or _>/<fileName>`, with
one line per accepted PUT in `uploads.jsonl`. It can be switched off and on while it runs, and `Fault`s make it
refuse, stall, redirect or hang up. It listens on loopback only and writes nowhere but under its directory.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import logging
import re
import secrets
import signal
import socket
import socketserver
import struct
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from piboothup.simulator.faults import Drop, Fault, load_faults
from piboothup.spool.clock import Clock, SystemClock

log = logging.getLogger(__name__)

DEMO_KEY: Final = "desk-key-for-the-local-eventpics"
DEFAULT_EVENTS: Final[tuple[Mapping[str, Any], ...]] = (
    {
        "title": "Summer Party",
        "linkId": "abcd1234",
        "albums": [{"id": "a1", "title": "Photo booth"}, {"id": "a2", "title": "Backstage"}],
    },
)
_URL_VALID_NS: Final = 300 * 1_000_000_000
_LONGEST_JSON_BYTES: Final = 64 * 1024
_LARGEST_PHOTO_BYTES: Final = 64 * 1024 * 1024
_BLOCK_BYTES: Final = 64 * 1024


Sign = Callable[[str], str]
"""Gives the upload URL of the object `<linkId>/<albumId or _>/<fileName>`."""


class CannotServe(ValueError):
    """The port or the directory can't be used; the text is a sentence."""


@dataclass
class _Rule:
    """A fault and how often it is still to be applied."""

    fault: Fault
    left: int


@dataclass(frozen=True)
class _Grant:
    """What an upload URL stands for."""

    signature: str
    link_id: str
    album_id: str
    file_name: str
    taken_at: float | None
    asked_ns: int


class LocalEventPics:
    """The server. `url` is what a config's api_url should be."""

    def __init__(
        self,
        directory: Path,
        clock: Clock,
        port: int = 0,
        key: str = DEMO_KEY,
        events: Iterable[Mapping[str, Any]] = DEFAULT_EVENTS,
        faults: Iterable[Fault] = (),
        sign: Sign | None = None,
    ) -> None:
        """Listens at once, until closed; on a free port if `port` is 0. Raises OSError.

        With `sign` photos are PUT to a storage elsewhere, and nothing of them is seen here.
        """
        self.directory = directory
        self.key = key
        self.events = list(events)
        self.clock = clock
        self.sign = sign
        self.calls: Counter[str] = Counter()
        """How often each call was made, faults included."""
        self.uploading = 0
        """How many PUTs are under way."""
        self._rules = [_Rule(fault, fault.times) for fault in faults]
        self._rules_replaced = threading.Event()
        self._grants: dict[str, _Grant] = {}
        self._lock = threading.Lock()
        directory.mkdir(parents=True, exist_ok=True)
        self._server: _Server | None = _Server(self, port)
        self.port: int = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"

    # -- for whoever runs it -----------------------------------------------------------------------------------

    @property
    def online(self) -> bool:
        """Whether it can be reached; setting it to False closes the listener and every live connection."""
        return self._server is not None

    @online.setter
    def online(self, wanted: bool) -> None:
        if wanted and self._server is None:
            self._server = _Server(self, self.port)
        elif not wanted and self._server is not None:
            server, self._server = self._server, None
            server.ended.set()
            self._rules_replaced.set()
            self._rules_replaced = threading.Event()
            server.end()

    def close(self) -> None:
        """Goes offline for good."""
        self.online = False

    def __enter__(self) -> LocalEventPics:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def misbehave(self, *faults: Fault) -> None:
        """Replaces the rules of misbehaviour and ends the stalls of the old ones; none = behave."""
        with self._lock:
            self._rules = [_Rule(fault, fault.times) for fault in faults]
            self._rules_replaced.set()
            self._rules_replaced = threading.Event()

    def stall_uploads(self, seconds: float) -> None:
        """Every PUT from now on is met with so many seconds of silence first; 0 = with none."""
        self.misbehave(*([Fault(call="put", stall_s=seconds)] if seconds else []))

    def close_idle_connections(self) -> None:
        """Hangs up on everybody, as servers do with kept-alive connections; goes on listening."""
        if self._server is not None:
            self._server.hang_up()

    def uploads(self) -> list[dict[str, Any]]:
        """The lines of uploads.jsonl, oldest first."""
        with self._lock:
            try:
                text = (self.directory / "uploads.jsonl").read_text(encoding="utf-8")
            except FileNotFoundError:
                return []
            return [json.loads(line) for line in text.splitlines()]

    def path_of(self, link_id: str, album_id: str, file_name: str) -> Path:
        """Where a photo is stored: always below the directory, whatever the three words are."""
        return self.directory / _plain(link_id) / (_plain(album_id) if album_id else "_") / _plain(file_name)

    # -- for its requests --------------------------------------------------------------------------------------

    def fault_for(self, call: str) -> Fault:
        """The rule to apply to this call; a Fault that does nothing when none fits."""
        with self._lock:
            self.calls[call] += 1
            for rule in self._rules:
                if rule.fault.call in ("", call) and (rule.fault.times == 0 or rule.left > 0):
                    rule.left -= 1
                    return rule.fault
        return Fault()

    def stall(self, seconds: float) -> bool:
        """Silence for so long, unless the rules change; False when the server went offline in it."""
        with self._lock:
            replaced, server = self._rules_replaced, self._server
        replaced.wait(seconds)
        return server is not None and not server.ended.is_set()

    @contextlib.contextmanager
    def counted_upload(self) -> Iterator[None]:
        """Counts a PUT as under way."""
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
        if self.sign is not None:
            path = self.path_of(link_id, album_id, file_name).relative_to(self.directory)
            return 200, {"uploadUrl": self.sign(path.as_posix())}
        token, signature = secrets.token_urlsafe(12), secrets.token_urlsafe(24)
        with self._lock:
            now_ns = self.clock.boottime_ns()
            for old in [one for one, grant in self._grants.items() if now_ns - grant.asked_ns > 2 * _URL_VALID_NS]:
                del self._grants[old]
            self._grants[token] = _Grant(signature, link_id, album_id, file_name, taken_at, now_ns)
        return 200, {"uploadUrl": f"{self.url}/upload/{token}?signature={signature}"}

    def granted(self, token: str, signature: str) -> _Grant | None:
        """What the upload URL allows, while it is valid."""
        with self._lock:
            grant = self._grants.get(token)
        if grant is None or not hmac.compare_digest(grant.signature.encode(), signature.encode()):
            return None
        return grant if self.clock.boottime_ns() - grant.asked_ns <= _URL_VALID_NS else None

    def part(self) -> Path:
        """A new file for a body that is arriving."""
        folder = self.directory / ".arriving"
        folder.mkdir(exist_ok=True)
        return folder / secrets.token_hex(8)

    def store(self, grant: _Grant, part: Path, sha256: str, size: int) -> None:
        """A whole body arrived. An object PUT twice is one object, but two lines."""
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


class _Server(ThreadingHTTPServer):
    """The listener, and the connections that it can cut."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 32

    def __init__(self, eventpics: LocalEventPics, port: int) -> None:
        self.eventpics = eventpics
        self.ended = threading.Event()
        self._live: set[socket.socket] = set()
        self._live_lock = threading.Lock()
        super().__init__(("127.0.0.1", port), _Exchange)
        self._thread = threading.Thread(target=self.serve_forever, name="eventpics", daemon=True)
        self._thread.start()

    def server_bind(self) -> None:
        """Without the look-up of this machine's name that http.server makes, which can take seconds."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "127.0.0.1", self.server_address[1]

    def process_request(self, request: Any, client_address: Any) -> None:
        """Remembers the connection."""
        with self._live_lock:
            self._live.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Forgets the connection."""
        with self._live_lock:
            self._live.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hung up is no error here."""
        log.debug("exchange ended early", exc_info=True)

    def hang_up(self) -> None:
        """Cuts every live connection."""
        with self._live_lock:
            for connection in self._live:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def end(self) -> None:
        """Stops listening, then cuts every live connection."""
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)  # refuses from now on, and wakes the listening thread
        self.shutdown()
        self.server_close()
        self.hang_up()
        self._thread.join()


class _Exchange(BaseHTTPRequestHandler):
    """One connection's requests."""

    server: _Server
    protocol_version = "HTTP/1.1"
    server_version = "LocalEventPics"
    sys_version = ""
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        """geteventsandalbums."""
        if urlsplit(self.path).path != "/geteventsandalbums":
            self._answer(404, {"error": "no such call"})
        elif (fault := self._begin("geteventsandalbums")) is not None:
            given = self.headers.get("X-API-Key") or self.headers.get("Authorization", "").removeprefix("Bearer ")
            if not hmac.compare_digest(given.encode(), self._eventpics.key.encode()):
                self._finish(fault, 401, {"error": "unknown API key"})
            else:
                self._finish(fault, 200, {"events": self._eventpics.events})

    def do_POST(self) -> None:
        """getuploadurl."""
        if urlsplit(self.path).path != "/getuploadurl":
            self.close_connection = True
            self._answer(404, {"error": "no such call"})
        elif (fault := self._begin("getuploadurl")) is not None:
            size = self._length(_LONGEST_JSON_BYTES)
            if size is None:
                return
            try:
                asked = json.loads(self.rfile.read(size))
            except (ValueError, RecursionError):
                asked = None
            if isinstance(asked, dict):
                self._finish(fault, *self._eventpics.grant(asked))
            else:
                self._finish(fault, 400, {"error": "the body is a JSON object"})

    def do_PUT(self) -> None:
        """An upload URL."""
        with self._eventpics.counted_upload():
            self._put()

    def _put(self) -> None:
        parts = urlsplit(self.path)
        token = parts.path.removeprefix("/upload/")
        signature = parse_qs(parts.query).get("signature", [""])[0]
        if (fault := self._begin("put")) is None:
            return
        size = self._length(_LARGEST_PHOTO_BYTES)
        grant = self._eventpics.granted(token, signature)
        if size is None:
            return
        if grant is None:
            self.close_connection = True
            self._finish(fault, 403, {"error": "the URL is wrong or has expired"})
            return
        part = self._eventpics.part()
        try:
            sha256 = self._receive(part, size)
            if sha256 is None:
                self.close_connection = True
                return
            self._eventpics.store(grant, part, sha256, size)
        finally:
            part.unlink(missing_ok=True)
        self._finish(fault, 200, {})

    # -- inside ------------------------------------------------------------------------------------------------

    @property
    def _eventpics(self) -> LocalEventPics:
        return self.server.eventpics

    def _begin(self, call: str) -> Fault | None:
        """The fault to apply at the end, or None when a fault has been applied instead of the call."""
        fault = self._eventpics.fault_for(call)
        if fault.stall_s and not self._eventpics.stall(fault.stall_s):
            self.close_connection = True
            return None
        if fault.drop in (Drop.START, Drop.BODY):
            if fault.drop == Drop.BODY:
                self.rfile.read(int(self.headers.get("Content-Length") or 0) // 2)
            self._reset()
            return None
        if fault.status or fault.redirect or fault.html:
            self._misanswer(fault)
            return None
        return fault

    def _finish(self, fault: Fault, status: int, shown: Mapping[str, Any]) -> None:
        if fault.drop == Drop.ANSWER:
            self._reset()
        else:
            self._answer(status, shown)

    def _misanswer(self, fault: Fault) -> None:
        with contextlib.suppress(ValueError):  # takes the body as if it were wanted: the connection stays usable
            left = int(self.headers.get("Content-Length") or 0)
            while left > 0 and (block := self.rfile.read(min(left, _BLOCK_BYTES))):
                left -= len(block)
        status = fault.status or (302 if fault.redirect else 200)
        content = "<!DOCTYPE html><html><body>Please sign in.</body></html>" if fault.html else fault.body
        headers = dict(fault.headers)
        headers.setdefault("Content-Type", "text/html" if fault.html else "application/json")
        if fault.redirect:
            headers["Location"] = fault.redirect
        self._send(status, content.encode(), headers)

    def _answer(self, status: int, shown: Mapping[str, Any]) -> None:
        self._send(status, json.dumps(shown).encode(), {"Content-Type": "application/json"})

    def _send(self, status: int, content: bytes, headers: Mapping[str, str]) -> None:
        bodiless = status in (204, 304)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if not bodiless:
            self.send_header("Content-Length", str(len(content)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if not bodiless:
            self.wfile.write(content)

    def _length(self, most_bytes: int) -> int | None:
        """Content-Length; None when it was answered that there is none or too much of it."""
        text = self.headers.get("Content-Length", "")
        if text.isdecimal() and int(text) <= most_bytes:
            return int(text)
        self.close_connection = True
        self._answer(413 if text.isdecimal() else 411, {"error": "Content-Length is missing or too large"})
        return None

    def _receive(self, part: Path, size: int) -> str | None:
        """Takes the body into `part`; its SHA-256, or None when the client hung up before the end."""
        digest = hashlib.sha256()
        left = size
        with part.open("wb") as file:
            while left:
                block = self.rfile.read(min(left, _BLOCK_BYTES))
                if not block:
                    return None
                digest.update(block)
                file.write(block)
                left -= len(block)
        return digest.hexdigest()

    def _reset(self) -> None:
        """Ends the connection with a reset instead of an orderly close."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        # http.server would shut it down in order first; a closed descriptor with no time to linger resets at once.
        self.connection.close()

    def date_time_string(self, timestamp: float | None = None) -> str:
        """The Date header, by the clock that was given."""
        return formatdate(self._eventpics.clock.wall_ns() / 1e9 if timestamp is None else timestamp, usegmt=True)

    def log_message(self, format: str, *args: Any) -> None:
        """http.server would print whole lines, with signatures, on standard error."""
        call = urlsplit(getattr(self, "path", "")).path.split("/")[1:2]
        log.debug("call=%s%s", self.command, "".join(f" /{one}" for one in call))


def main(port: int, directory: Path, faults: Path | None = None) -> None:
    """The command `piboothup simulator`: serves until SIGINT or SIGTERM. Raises BadFaults, CannotServe."""
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


def _plain(word: str) -> str:
    """The word as the name of one file or folder, in its folder."""
    return re.sub(r"[^A-Za-z0-9._-]", "_", word)[:200].lstrip(".") or "_"
