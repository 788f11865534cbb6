"""Local EventPics: the three calls over real HTTP on this machine, for development, the demos and the tests.

It listens on loopback only. It can be switched off and on while it runs, and `Fault`s make it refuse, stall, redirect
or hang up. This module reads requests, and sends, delays, cuts or replaces answers; `calls` decides their content.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import logging
import signal
import socket
import socketserver
import struct
import threading
from collections.abc import Iterable, Mapping
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from piboothup.clock import Clock, SystemClock
from piboothup.simulator.calls import EventPicsCalls
from piboothup.simulator.faults import Drop, Fault, SimulatorError, load_faults

log = logging.getLogger(__name__)

DEMO_KEY: Final = "desk-key-for-the-local-eventpics"
_MAX_JSON_BYTES: Final = 64 * 1024
_MAX_PHOTO_BYTES: Final = 64 * 1024 * 1024
_BLOCK_BYTES: Final = 64 * 1024


class LocalEventPics(EventPicsCalls):
    """HTTP server of the local EventPics."""

    def __init__(
        self,
        directory: Path,
        clock: Clock,
        port: int = 0,
        key: str = DEMO_KEY,
        faults: Iterable[Fault] = (),
    ) -> None:
        """Listen until closed; on a free port if `port` is 0. Raises OSError."""
        super().__init__(directory, clock, key, faults)
        self._held_port = hold_port(port)
        self.port: int = self._held_port.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._server: _Listener | None = None
        try:
            self.online = True
        except OSError:
            self._held_port.close()
            raise

    @property
    def online(self) -> bool:
        """Whether it can be reached; setting it to False closes the listener and every live connection."""
        return self._server is not None

    @online.setter
    def online(self, wanted: bool) -> None:
        if wanted and self._server is None:
            self._server = _Listener(self, self.port)
        elif not wanted and self._server is not None:
            server, self._server = self._server, None
            server.ended.set()
            self.end_stalls()
            server.end()

    def close(self) -> None:
        """Go offline for good."""
        self.online = False
        self._held_port.close()

    def __enter__(self) -> LocalEventPics:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def main(port: int, directory: Path, faults: Path | None = None) -> None:
    """Run the command `piboothup simulator` until SIGINT or SIGTERM. Raises SimulatorError."""
    rules = load_faults(faults) if faults is not None else []
    try:
        eventpics = LocalEventPics(directory, SystemClock(), port, faults=rules)
    except OSError as error:
        what, option = (error.filename, "--directory") if error.filename else (f"port {port}", "--port")
        raise SimulatorError(f"{what} can't be used ({error.strerror}): name another with {option}.") from None
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    with eventpics:
        print(f'api_url = "{eventpics.url}"  api_key = "{eventpics.key}"  link_id = "abcd1234"', flush=True)
        ended.wait()


def hold_port(port: int = 0, host: str = "127.0.0.1") -> socket.socket:
    """Socket that keeps a port from other processes, and refuses connections while nobody listens there.

    A free port if `port` is 0. Raises OSError when somebody has it.
    """
    held = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a listener that has it too may bind the port
        held.bind((host, port))
    except OSError:
        held.close()
        raise
    return held


class _Listener(ThreadingHTTPServer):
    """HTTP listener that can cut its connections."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 32

    def __init__(self, eventpics: EventPicsCalls, port: int) -> None:
        self.eventpics = eventpics
        self.ended = threading.Event()
        self._live: set[socket.socket] = set()
        self._live_lock = threading.Lock()
        super().__init__(("127.0.0.1", port), _Exchange)
        self._thread = threading.Thread(target=self.serve_forever, name="eventpics", daemon=True)
        self._thread.start()

    def server_bind(self) -> None:
        """Bind without http.server's look-up of this machine's name, which can take seconds."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "127.0.0.1", self.server_address[1]

    def process_request(self, request: Any, client_address: Any) -> None:
        """Remember the connection."""
        with self._live_lock:
            self._live.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Forget the connection."""
        with self._live_lock:
            self._live.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log a broken exchange at DEBUG: a client that hangs up is no error here."""
        log.debug("exchange ended early", exc_info=True)

    def hang_up(self) -> None:
        """Reset every live connection."""
        with self._live_lock:
            for connection in self._live:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def end(self) -> None:
        """Stop listening, then reset every live connection."""
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)  # refuses from now on, and wakes the listening thread
        self.shutdown()
        self.server_close()
        self.hang_up()
        self._thread.join()


class _Exchange(BaseHTTPRequestHandler):
    """Requests of one connection."""

    server: _Listener
    protocol_version = "HTTP/1.1"
    server_version = "LocalEventPics"
    sys_version = ""
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        """Answer geteventsandalbums."""
        if urlsplit(self.path).path != "/geteventsandalbums":
            self._answer(404, {"error": "no such call"})
        elif (fault := self._apply_fault("geteventsandalbums")) is not None:
            given = self.headers.get("X-API-Key") or self.headers.get("Authorization", "").removeprefix("Bearer ")
            if not hmac.compare_digest(given.encode(), self._eventpics.key.encode()):
                self._finish(fault, 401, {"error": "unknown API key"})
            else:
                self._finish(fault, 200, {"events": self._eventpics.events})

    def do_POST(self) -> None:
        """Answer getuploadurl."""
        if urlsplit(self.path).path != "/getuploadurl":
            self.close_connection = True
            self._answer(404, {"error": "no such call"})
        elif (fault := self._apply_fault("getuploadurl")) is not None:
            size = self._length(_MAX_JSON_BYTES)
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
        """Answer a PUT to an upload URL."""
        with self._eventpics.counted_upload():
            self._put()

    def _put(self) -> None:
        parts = urlsplit(self.path)
        token = parts.path.removeprefix("/upload/")
        signature = parse_qs(parts.query).get("signature", [""])[0]
        if (fault := self._apply_fault("put")) is None:
            return
        size = self._length(_MAX_PHOTO_BYTES)
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

    @property
    def _eventpics(self) -> EventPicsCalls:
        return self.server.eventpics

    def _apply_fault(self, call: str) -> Fault | None:
        """Apply a fault in place of the call and return None; else return the fault, for `_finish`."""
        fault = self._eventpics.fault_for(call)
        if fault.stall_s:
            self._eventpics.stall(fault.stall_s)
            if self.server.ended.is_set():
                self.close_connection = True
                return None
        if fault.drop in (Drop.START, Drop.BODY):
            if fault.drop == Drop.BODY:
                self.rfile.read(int(self.headers.get("Content-Length") or 0) // 2)
            self._reset()
            return None
        if fault.status or fault.redirect or fault.html:
            self._send_fault(fault)
            return None
        return fault

    def _finish(self, fault: Fault, status: int, content: Mapping[str, Any]) -> None:
        if fault.drop == Drop.ANSWER:
            self._reset()
        else:
            self._answer(status, content)

    def _send_fault(self, fault: Fault) -> None:
        with contextlib.suppress(ValueError):  # reads the body, so that the connection stays usable
            left = int(self.headers.get("Content-Length") or 0)
            while left > 0 and (block := self.rfile.read(min(left, _BLOCK_BYTES))):
                left -= len(block)
        status = fault.status or (302 if fault.redirect else 200)
        content = "<!DOCTYPE html><html><body>Please sign in.</body></html>" if fault.html else fault.body
        if not content and 400 <= status < 500:
            content = json.dumps({"error": "refused, as the faults file says"})
        headers = dict(fault.headers)
        headers.setdefault("Content-Type", "text/html" if fault.html else "application/json")
        if fault.redirect:
            headers["Location"] = fault.redirect
        self._send(status, content.encode(), headers)

    def _answer(self, status: int, content: Mapping[str, Any]) -> None:
        self._send(status, json.dumps(content).encode(), {"Content-Type": "application/json"})

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
        """Content-Length; None when it is missing or too large, after an error answer."""
        text = self.headers.get("Content-Length", "")
        if text.isdecimal() and int(text) <= most_bytes:
            return int(text)
        self.close_connection = True
        self._answer(413 if text.isdecimal() else 411, {"error": "Content-Length is missing or too large"})
        return None

    def _receive(self, part: Path, size: int) -> str | None:
        """Receive the body into `part`; return its SHA-256, or None when the client hung up before the end."""
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
        """Reset the connection in place of an orderly close."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        # http.server would shut it down in order first; a closed descriptor with no time to linger resets at once.
        self.connection.close()

    def date_time_string(self, timestamp: float | None = None) -> str:
        """Date header by the injected clock."""
        return formatdate(self._eventpics.clock.wall_ns() / 1e9 if timestamp is None else timestamp, usegmt=True)

    def log_message(self, format: str, *args: Any) -> None:
        """Log method and call only: http.server would print the whole URL, with its signature, on standard error."""
        call = urlsplit(getattr(self, "path", "")).path.split("/")[1:2]
        log.debug("exchange call=%s%s", self.command, "".join(f" /{part}" for part in call))
