"""EventPics' own name over TLS for the browser, before the local EventPics: with CORS headers, or without."""

from __future__ import annotations

import threading
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.support.ca import Authority

HOST = "api.eventpics.net"


class Front:
    """Server at `port` of this machine, which the browser takes for EventPics."""

    def __init__(self, folder: Path, behind: str) -> None:
        """`behind`: address of the local EventPics."""
        self.behind = behind
        self.allows_pages = True
        self.body: bytes | None = None
        """Answer in place of the local EventPics'."""
        self.heard: list[tuple[str, str, str]] = []
        """Method, path and Authorization of each request."""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        context = Authority(folder).certificate(host=HOST)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()

    def reset(self) -> None:
        """Forget what was heard; answer as EventPics does, to pages too."""
        self.heard, self.allows_pages, self.body = [], True, None


def _handler(front: Front) -> type[BaseHTTPRequestHandler]:
    class Exchange(BaseHTTPRequestHandler):
        def do_OPTIONS(self) -> None:
            self._answer(204, b"")

        def do_GET(self) -> None:
            if front.body is not None:
                self._answer(200, front.body)
                return
            wanted = {name: self.headers[name] for name in ("Authorization", "Accept") if name in self.headers}
            request = urllib.request.Request(front.behind + self.path, headers=wanted)  # noqa: S310
            try:
                with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310
                    self._answer(answer.status, answer.read())
            except urllib.error.HTTPError as error:
                with error:
                    self._answer(error.code, error.read())

        def _answer(self, status: int, body: bytes) -> None:
            front.heard.append((self.command, self.path, self.headers.get("Authorization", "")))
            self.send_response(status)
            if front.allows_pages:
                self.send_header("Access-Control-Allow-Origin", "*")
                self.send_header("Access-Control-Allow-Headers", "authorization")
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Exchange
