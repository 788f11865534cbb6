"""Server that speaks raw bytes, so that it can do what no correct server does."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable

from piboothup.simulator.server import LocalEventPics, hold_port
from tests.support.deadline import PATIENCE_S

Story = Callable[["Liar", socket.socket], None]


class Liar:
    """Server that runs `story` for every connection, each in its own thread; `heard` collects the received bytes."""

    def __init__(
        self, story: Story, *, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1", buffer_bytes: int = 0
    ) -> None:
        """`buffer_bytes`: receive buffer of the kernel before the server reads; 0 = the default."""
        self.heard = b""
        self.requests: list[tuple[int, bytes]] = []
        """Complete requests, each with the number of its connection."""
        self.connections = 0
        self.ended = threading.Event()
        self.story = story
        """Behaviour from the next connection on."""
        self.tls = tls
        """TLS context from the next connection on."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._held_port = hold_port(host=host)
        self._listener = socket.create_server(self._held_port.getsockname()[:2], family=family)
        if buffer_bytes:
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer_bytes)
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http{'s' if tls else ''}://{host}:{self.port}"
        self._live: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._listen, daemon=True)]
        self._threads[0].start()

    def __enter__(self) -> Liar:
        return self

    def __exit__(self, *_: object) -> None:
        self.refuse()
        self._held_port.close()
        for connection in self._live:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()
        for thread in self._threads:
            thread.join(PATIENCE_S)

    def refuse(self) -> None:
        """Refuse connections from now on; nobody else gets the port."""
        self.ended.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._threads[0].join(PATIENCE_S)  # else it may take one more connection, which nobody would close

    def request(self, connection: socket.socket) -> bytes:
        """Read one request with its body, by its Content-Length."""
        whole = _message(lambda: self._more(connection))
        self.requests.append((connection.getpeername()[1], whole))
        return whole

    def _more(self, connection: socket.socket) -> bytes:
        block = _some(connection)
        self.heard += block
        return block

    def _listen(self) -> None:
        while not self.ended.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            brake = connection.dup()
            self._live.append(brake)
            thread = threading.Thread(target=self._tell, args=(connection, brake), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _tell(self, connection: socket.socket, brake: socket.socket) -> None:
        connection.settimeout(PATIENCE_S)
        # Else the kernel may keep a small answer back, and throw it away when the connection is reset.
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            stack.callback(brake.close)
            stack.callback(connection.close)
            if self.tls is not None:
                connection = self.tls.wrap_socket(connection, server_side=True)
                stack.callback(connection.close)
            self.story(self, connection)


def says(status: str, body: bytes = b"", *headers: str) -> Story:
    """Story that reads each request whole and answers it so."""
    head = "\r\n".join([f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]).encode()

    def story(liar: Liar, connection: socket.socket) -> None:
        while True:
            liar.request(connection)
            connection.sendall(head + body)

    return story


def brings_to(port: int) -> Story:
    """Story that forwards each request to a server on this machine, and its answer back."""
    return passes_on(port, lambda asked: None)


def passes_on(port: int, before_answer: Callable[[bytes], object]) -> Story:
    """As `brings_to`; `before_answer` gets the request before the answer is passed on."""

    def story(liar: Liar, connection: socket.socket) -> None:
        with socket.create_connection(("127.0.0.1", port)) as server:
            while True:
                asked = liar.request(connection)
                server.sendall(asked)
                answer = _message(lambda: _some(server))
                before_answer(asked)
                connection.sendall(answer)

    return story


def _message(more: Callable[[], bytes]) -> bytes:
    """Read a request or an answer with a Content-Length."""
    said = b""
    while b"\r\n\r\n" not in said:
        said += more()
    head, _, body = said.partition(b"\r\n\r\n")
    length = next((int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0)
    while len(body) < length:
        body += more()
    return head + b"\r\n\r\n" + body


def _some(connection: socket.socket) -> bytes:
    block = connection.recv(65536)
    if not block:
        raise ConnectionResetError
    return block


def close_idle_connections(album: LocalEventPics) -> None:
    """Reset all connections, as servers do with kept-alive ones; the album goes on listening."""
    assert album._server is not None
    album._server.hang_up()
