"""HTTP for a venue: one exchange at a time, out over verified TLS, never longer than it was given.

requests and urllib3 as they come are wrong here, so this is what is taken from them and what is not:

- The adapter is used without `Session.send`, which obeys .netrc and proxy variables, keeps cookies and reads the
  whole body of a redirect before it returns it. Nothing is followed: a 302 to a login page is an answer.
- urllib3's connect time-out is also its send time-out. `_Connection` gives sending a stall time-out of its own.
- There is no total deadline in them. `Transport.enforce`, called by another thread, cuts what is overdue.
- Answers are read up to a limit; a body is a file that is sent block by block; nothing is tried again behind our
  back, but for a kept-alive connection that turns out to be dead.
- Their exceptions and log lines carry keys and signed URLs. Neither leaves this file: callers see `LinkError`,
  whose text is one of a dozen constants.
"""

from __future__ import annotations

import logging
import os
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from http.client import HTTPException
from typing import Any, BinaryIO, cast
from urllib.parse import urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection

from piboothup import __version__
from piboothup.config import Secret, is_loopback
from piboothup.spool.clock import Clock

_SEND_BUFFER_BYTES = 128 * 1024
"""A larger one hides a slow link until the read time-out ends an upload that was going well."""
_BLOCK_BYTES = 64 * 1024
_PROVES_PEER_GONE_MS = 40_000


class LinkErrorKind(StrEnum):
    """Why no answer came."""

    DNS = "dns"
    CONNECT = "connect"
    TIMEOUT = "timeout"
    RESET = "reset"
    TLS = "tls"
    TLS_DATE = "tls_date"
    """The certificate is of another time, or this box's clock is."""
    UNUSABLE = "unusable"
    """The request can't be made at all: a URL or header that is none."""
    STOPPED = "stopped"
    """This service is ending."""


_SENTENCES = {
    LinkErrorKind.DNS: "the server's name can't be resolved",
    LinkErrorKind.CONNECT: "no connection to the server",
    LinkErrorKind.TIMEOUT: "the connection stalled",
    LinkErrorKind.RESET: "the connection broke",
    LinkErrorKind.TLS: "the server's certificate can't be trusted",
    LinkErrorKind.TLS_DATE: "the server's certificate is not valid at this box's time",
    LinkErrorKind.UNUSABLE: "the request can't be made",
    LinkErrorKind.STOPPED: "the service is ending",
}


class LinkError(ConnectionError):
    """No answer came. Its text is a constant: neither key nor URL can be in it."""

    def __init__(self, kind: LinkErrorKind) -> None:
        self.kind = kind
        super().__init__(_SENTENCES[kind])


@dataclass(frozen=True)
class Limits:
    """How long and how large things may be."""

    connect_s: float = 10.0
    stall_s: float = 30.0
    """Longest time in which a block of 64 KiB makes no way."""
    read_s: float = 45.0
    """Longest silence while an answer is due; the send buffer may still be draining in it."""
    answer_bytes: int = 1024 * 1024


@dataclass(frozen=True)
class Answer:
    """What came back, whatever it means."""

    status: int
    content_type: str
    body: bytes = field(repr=False)
    """At most `Limits.answer_bytes`."""
    complete: bool
    """The answer ended as announced and within the limit."""
    whole: bool
    """The request's body was handed to the network to its last byte."""
    date: str
    retry_after: str
    sent_ns: int
    """Boot-time at which the request began to leave."""
    answered_ns: int
    """Boot-time at which the answer's headers were there."""


class Transport:
    """One thread's way to the network. Keeps its connections alive between exchanges."""

    def __init__(
        self, clock: Clock, *, plain_http: bool = False, limits: Limits = Limits(), ca_file: str | None = None
    ) -> None:
        """`plain_http` allows http to loopback. `ca_file` replaces the trusted roots: for a CA of the tests' own."""
        _silence_libraries()
        self._clock = clock
        self._plain_http = plain_http
        self._limits = limits
        self._verify: bool | str = ca_file or True
        self._watch = _Watch(limits.stall_s)
        self._adapter = _Adapter(self._watch)

    def allows(self, url: str) -> bool:
        """Whether a request to `url` may be made: https, or http to this machine where that was asked for."""
        try:
            parts = urlsplit(url)
            host, _ = parts.hostname or "", parts.port
        except ValueError:
            return False
        if parts.username or parts.password or not host:
            return False
        return parts.scheme == "https" or (parts.scheme == "http" and self._plain_http and is_loopback(host))

    def exchange(
        self,
        method: str,
        url: Secret,
        headers: Mapping[str, str],
        body: bytes | BinaryIO | None = None,
        *,
        deadline_s: float,
    ) -> Answer:
        """Makes one request and reads its answer. Raises LinkError; OSError when the body itself can't be read.

        A file is sent from its position to its end.
        """
        sending = body if body is None or isinstance(body, bytes) else _Body(body)
        try:
            return self._once(method, url, headers, sending, deadline_s)
        except LinkError as error:
            if error.kind is not LinkErrorKind.RESET or self._watch.connected:
                raise
        # The server had closed the connection since the last exchange: that is no trouble, a fresh one is made.
        if isinstance(sending, _Body):
            sending.rewind()
        return self._once(method, url, headers, sending, deadline_s)

    def enforce(self) -> None:
        """Cuts the exchange under way if its deadline has passed. For another thread, every few seconds."""
        self._watch.cut_if_overdue(self._clock.boottime_ns())

    def overdue_s(self) -> float:
        """For how long the exchange under way has been past its deadline; 0 when it is not."""
        return self._watch.overdue_s(self._clock.boottime_ns())

    def stop(self) -> None:
        """Cuts the exchange under way and refuses every further one. For another thread."""
        self._watch.stop()

    def close(self) -> None:
        """Closes the kept connections."""
        self._adapter.close()

    def _once(
        self, method: str, url: Secret, headers: Mapping[str, str], body: bytes | _Body | None, deadline_s: float
    ) -> Answer:
        if not self.allows(url.reveal()):
            raise LinkError(LinkErrorKind.UNUSABLE)
        watch = self._watch
        if not watch.begin(self._clock.boottime_ns() + int(deadline_s * 1e9)):
            raise LinkError(LinkErrorKind.STOPPED)
        answer: Answer | None = None
        trouble = LinkErrorKind.RESET
        try:
            answer = self._send_and_read(method, url, headers, body)
        except (requests.RequestException, urllib3.exceptions.HTTPError, HTTPException, OSError, ValueError) as error:
            trouble = _kind_of(error)
        finally:
            cut = watch.end()
        if answer is not None and cut is None:
            return answer
        # Raised here, not where it was caught: the library's exception would hang on to it with its URL.
        if isinstance(body, _Body) and body.trouble is not None:
            raise OSError(body.trouble.errno, body.trouble.strerror)
        raise LinkError(cut or trouble)

    def _send_and_read(
        self, method: str, url: Secret, headers: Mapping[str, str], body: bytes | _Body | None
    ) -> Answer:
        request = requests.Request(
            method, url.reveal(), headers={"User-Agent": f"piboothup/{__version__}", **headers}, data=body
        ).prepare()
        self._watch.clock = self._clock
        response = self._adapter.send(
            request,
            stream=True,
            timeout=(self._limits.connect_s, self._limits.read_s),
            verify=self._verify,
        )
        answered_ns = self._clock.boottime_ns()
        try:
            content, complete = self._read(response)
        finally:
            response.close()
        return Answer(
            response.status_code,
            response.headers.get("Content-Type", ""),
            content,
            complete,
            self._watch.whole,
            response.headers.get("Date", ""),
            response.headers.get("Retry-After", ""),
            self._watch.sent_ns,
            answered_ns,
        )

    def _read(self, response: requests.Response) -> tuple[bytes, bool]:
        """The body as it came (no decompression), and whether that is all of it.

        http.client takes a connection that breaks in the middle of the headers for their end. So an answer of
        HTTP/1.1 that says neither how long it is nor that it ends with the connection is not believed to be whole.
        """
        content = bytearray()
        while len(content) <= self._limits.answer_bytes:
            block = response.raw.read(_BLOCK_BYTES, decode_content=False)
            if not block:
                return bytes(content), _says_where_it_ends(response)
            content += block
        return bytes(content[: self._limits.answer_bytes]), False


class _Watch:
    """The exchange under way, as far as other threads may know of it and end it.

    It holds a duplicate of the connection's descriptor: shutting that down ends every wait on the connection, in a
    TLS handshake too, without touching an object that the sending thread is using.
    """

    def __init__(self, stall_s: float) -> None:
        self.stall_s = stall_s
        self.clock: Clock | None = None
        self.whole = False
        self.connected = False
        self.sent_ns = 0
        self._lock = threading.Lock()
        self._brake: socket.socket | None = None
        self._deadline_ns: int | None = None
        self._cut: LinkErrorKind | None = None
        self._stopped = False

    def begin(self, deadline_ns: int) -> bool:
        """Begins an exchange; False when there may be none any more."""
        with self._lock:
            if self._stopped:
                return False
            self.whole = self.connected = False
            self.sent_ns = 0
            self._deadline_ns = deadline_ns
            self._cut = None
            return True

    def end(self) -> LinkErrorKind | None:
        """Ends the exchange; why it was cut, if it was."""
        with self._lock:
            self._deadline_ns = None
            self._release()
            return self._cut

    def hold(self, connection: socket.socket) -> None:
        """Takes the connection into its keeping. Raises ConnectionAbortedError when the exchange was cut."""
        with self._lock:
            self._release()
            if self._cut is not None:
                raise ConnectionAbortedError
            self._brake = socket.socket(fileno=os.dup(connection.fileno()))

    def sending(self) -> None:
        if self.clock is not None:
            self.sent_ns = self.clock.boottime_ns()

    def cut_if_overdue(self, now_ns: int) -> None:
        with self._lock:
            if self._deadline_ns is not None and now_ns >= self._deadline_ns:
                self._end_with(LinkErrorKind.TIMEOUT)

    def overdue_s(self, now_ns: int) -> float:
        with self._lock:
            return 0.0 if self._deadline_ns is None else max(0.0, (now_ns - self._deadline_ns) / 1e9)

    def stop(self) -> None:
        with self._lock:
            self._stopped = True
            self._end_with(LinkErrorKind.STOPPED)

    def _end_with(self, kind: LinkErrorKind) -> None:
        self._cut = self._cut or kind
        if self._brake is not None:
            try:
                self._brake.shutdown(socket.SHUT_RDWR)
            except OSError:
                return  # it has ended by itself

    def _release(self) -> None:
        if self._brake is not None:
            self._brake.close()
            self._brake = None


class _Body:
    """A file as a request's body; remembers when it was the card that failed, not the network."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._start = file.tell()
        self.trouble: OSError | None = None

    def __len__(self) -> int:
        return os.fstat(self._file.fileno()).st_size - self._start

    def __iter__(self) -> Iterator[bytes]:
        while block := self.read(_BLOCK_BYTES):
            yield block

    def read(self, size: int = -1) -> bytes:
        try:
            return self._file.read(size)
        except OSError as error:
            self.trouble = error
            raise

    def rewind(self) -> None:
        self._file.seek(self._start)


class _Connection(HTTPConnection):
    """urllib3's connection, with our time-outs and under our watch."""

    def __init__(self, *args: Any, watch: _Watch, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.blocksize = _BLOCK_BYTES
        self._watch = watch

    def _new_conn(self) -> socket.socket:
        made = super()._new_conn()
        self._watch.connected = True
        try:
            self._watch.hold(made)
        except ConnectionAbortedError:
            made.close()
            raise
        return made

    def request(self, *args: Any, **kwargs: Any) -> None:
        if self.sock is None:
            self.connect()
        self._watch.hold(self.sock)
        self.timeout = self._watch.stall_s
        self._watch.sending()
        super().request(*args, **kwargs)
        # Not reached when the peer hung up in the middle: urllib3 then still looks for an answer, rightly.
        self._watch.whole = True


class _TlsConnection(_Connection, HTTPSConnection):
    """The same over TLS."""


class _Pools(urllib3.PoolManager):
    def __init__(self, watch: _Watch, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._watch = watch

    def _new_pool(self, scheme: str, *args: Any, **kwargs: Any) -> Any:
        pool = super()._new_pool(scheme, *args, **kwargs)
        kind = _TlsConnection if scheme == "https" else _Connection
        pool.ConnectionCls = cast(Any, partial(kind, watch=self._watch))
        return pool


class _Adapter(HTTPAdapter):
    def __init__(self, watch: _Watch) -> None:
        self._watch = watch
        super().__init__(pool_connections=4, pool_maxsize=1, max_retries=0)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **kwargs: Any) -> None:
        options = [
            (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
            (socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES),
            (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _PROVES_PEER_GONE_MS),
        ]
        self.poolmanager = _Pools(
            self._watch, num_pools=connections, maxsize=maxsize, block=block, socket_options=options, **kwargs
        )


def _says_where_it_ends(response: requests.Response) -> bool:
    """RFC 9112, 6.3 and 9.6."""
    headers = response.headers
    framed = "Content-Length" in headers or "Transfer-Encoding" in headers or response.status_code in (204, 304)
    return framed or "close" in headers.get("Connection", "").lower() or response.raw.version == 10


def _kind_of(error: BaseException) -> LinkErrorKind:
    """What kind of trouble an exception of requests, urllib3, ssl or the kernel stands for."""
    causes = list(_causes(error))

    def any_is(*kinds: type[BaseException]) -> bool:
        return any(isinstance(one, kinds) for one in causes)

    for one in causes:
        if isinstance(one, ssl.SSLCertVerificationError):
            # X509_V_ERR_CERT_NOT_YET_VALID and X509_V_ERR_CERT_HAS_EXPIRED of OpenSSL
            return LinkErrorKind.TLS_DATE if one.verify_code in (9, 10) else LinkErrorKind.TLS
    if any_is(ssl.SSLEOFError, ssl.SSLZeroReturnError):
        return LinkErrorKind.RESET
    if any_is(ssl.SSLError, urllib3.exceptions.SSLError):
        return LinkErrorKind.TLS
    if any_is(socket.gaierror):
        return LinkErrorKind.DNS
    if any_is(urllib3.exceptions.ConnectTimeoutError):  # NewConnectionError is one
        return LinkErrorKind.CONNECT
    if any_is(TimeoutError, urllib3.exceptions.TimeoutError):
        return LinkErrorKind.TIMEOUT
    if any_is(ConnectionError, urllib3.exceptions.ProtocolError, HTTPException):
        return LinkErrorKind.RESET
    return LinkErrorKind.UNUSABLE if any_is(ValueError, urllib3.exceptions.HTTPError) else LinkErrorKind.RESET


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The exception and everything it was made from, as these libraries hang it up: args, reason, context."""
    seen: set[int] = set()
    pending: list[object] = [error]
    while pending:
        one = pending.pop(0)
        if isinstance(one, BaseException) and id(one) not in seen:
            seen.add(id(one))
            yield one
            pending += [*one.args, getattr(one, "reason", None), one.__cause__, one.__context__]


def _silence_libraries() -> None:
    """Their log lines hold whole URLs, at DEBUG and in some warnings; what matters is in our own lines.

    Each logger is switched off by itself: a level or a handler that somebody sets on them changes nothing.
    """
    for name in list(logging.root.manager.loggerDict):
        if name.partition(".")[0] in ("urllib3", "requests"):
            logging.getLogger(name).disabled = True
