"""urllib3's connections, with time-outs of our own and under a watch that other threads can end them by.

urllib3's connect time-out is also its send time-out, and nothing in it can be cut from outside. This is all that is
taken apart of it; how a connection is made stands in `dial`, what an exchange is in `transport`.
"""

from __future__ import annotations

import io
import os
import socket
import ssl
import threading
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from http.client import HTTPException, HTTPResponse
from typing import Any, cast

import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection

from piboothup.clock import Clock
from piboothup.config import Secret
from piboothup.uploader.transport.certificate_dates import Validity
from piboothup.uploader.transport.errors import LinkErrorKind
from piboothup.uploader.transport.happy_eyeballs import HasLocalAddress, NameLookups, connect, has_local_address
from piboothup.uploader.transport.messages import BLOCK_BYTES

_SEND_BUFFER_BYTES = 128 * 1024
"""A larger one hides a slow link until the read time-out ends an upload that was going well."""
_MAX_HEAD_BYTES = 64 * 1024
"""Of an answer's status line and headers, with those of all interim answers before it."""
_MAX_HEADERS = 90
"""Of an answer; http.client takes no more than 100."""
_NO_CHECK_TIME = 0x200000
"""X509_V_FLAG_NO_CHECK_TIME of OpenSSL, which Python's ssl has no name for."""

CertificateCheck = Callable[[Validity], None]
"""Judges a server's certificate by its dates, before a request leaves; raises OutOfDate."""


class ExchangeGuard:
    """The exchange under way, as far as other threads may know of it and end it.

    It holds a duplicate of the connection's descriptor: shutting that down ends every wait on the connection, in a
    name look-up and a TLS handshake too, without touching an object that the sending thread is using.
    """

    def __init__(self, clock: Clock, stall_s: float, is_local: HasLocalAddress = has_local_address) -> None:
        """`stall_s`: the longest time in which a block being sent makes no way. `here`: see `dial.is_here`."""
        self.stall_s = stall_s
        self.is_local = is_local
        self.lookups = NameLookups()
        self.body_sent = False
        """The request's body was handed to the network to its last byte."""
        self.is_new_connection = False
        """A connection was made for this exchange, instead of taking a kept one."""
        self.target = Secret("")
        """What the request line asks for, byte for byte."""
        self.sent_ns = 0
        """Boot-time at which the request began to leave."""
        self.validity: Validity | None = None
        """The dates of the certificate of the server that hears the request; None without TLS."""
        self._clock = clock
        self._lock = threading.Lock()
        self._handle: socket.socket | None = None
        self._deadline_ns: int | None = None
        self._cut: LinkErrorKind | None = None
        self._stopped = False

    def begin(self, target: Secret, deadline_ns: int) -> bool:
        """Begins an exchange that may last until then (boot-time); False when there may be none any more."""
        with self._lock:
            if self._stopped:
                return False
            self.target = target
            self.body_sent = self.is_new_connection = False
            self.sent_ns = 0
            self.validity = None
            self._deadline_ns = deadline_ns
            self._cut = None
            return True

    def end(self) -> LinkErrorKind | None:
        """Ends the exchange; why it was cut, if it was."""
        with self._lock:
            self._deadline_ns = None
            self._close_handle()
            return self._cut

    def attach(self, connection: socket.socket) -> None:
        """Takes the connection into its keeping. Raises ConnectionAbortedError when the exchange was cut."""
        with self._lock:
            self._close_handle()
            if self._cut is not None:
                raise ConnectionAbortedError
            self._handle = socket.socket(fileno=os.dup(connection.fileno()))

    def record_sending(self) -> None:
        """The request begins to leave."""
        self.sent_ns = self._clock.boottime_ns()

    def cut_if_overdue(self) -> None:
        """Ends the exchange if its deadline has passed, or if this machine has roamed away from its connection."""
        with self._lock:
            if self._deadline_ns is not None and self._clock.boottime_ns() >= self._deadline_ns:
                self._cut_off(LinkErrorKind.TIMEOUT)
            elif self._handle is not None and not self.is_local(self._handle):
                self._cut_off(LinkErrorKind.RESET)

    def overdue_s(self) -> float:
        """For how long the exchange has been past its deadline; 0 when it is not, or there is none."""
        with self._lock:
            if self._deadline_ns is None:
                return 0.0
            return max(0.0, (self._clock.boottime_ns() - self._deadline_ns) / 1e9)

    def stop(self) -> None:
        """Ends the exchange and refuses every further one."""
        with self._lock:
            self._stopped = True
            self._cut_off(LinkErrorKind.STOPPED)

    def _cut_off(self, kind: LinkErrorKind) -> None:
        self._cut = self._cut or kind
        if self._handle is not None:
            try:
                self._handle.shutdown(socket.SHUT_RDWR)
            except OSError:
                return  # it has ended by itself

    def _close_handle(self) -> None:
        if self._handle is not None:
            self._handle.close()
            self._handle = None


class _HeadReader:
    """What an answer is read from until its headers end: neither without end nor broken off."""

    def __init__(self, stream: io.BufferedIOBase) -> None:
        self._stream = stream
        self._left_bytes = _MAX_HEAD_BYTES
        self.left_headers = _MAX_HEAD_BYTES
        """More than these are passed over: http.client would refuse the whole answer for them."""

    def readline(self, limit: int = -1) -> bytes:
        line = self._line(limit)
        self.left_headers -= 1
        while self.left_headers < 0 and line not in (b"\r\n", b"\n"):
            line = self._line(limit)
        return line

    def _line(self, limit: int) -> bytes:
        line = self._stream.readline(limit)
        self._left_bytes -= len(line)
        if self._left_bytes < 0:
            raise HTTPException("the headers have no end")
        if not line.endswith(b"\n"):  # http.client would take a connection that breaks here for their end
            raise HTTPException("the headers break off")
        return line

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class _Response(HTTPResponse):
    """http.client's, which would read 100 headers of 64 KiB each, several times over in memory.

    It would also take every interim answer but 100 for the answer. Any 1xx is passed over (RFC 9110, 15.2), and each
    counts as part of the answer's head, so there is an end to them. 101 is none: nobody asked to switch protocols.
    """

    def _read_status(self) -> tuple[str, int, str]:
        while True:
            found: tuple[str, int, str] = super()._read_status()  # type: ignore[misc]
            if not 100 <= found[1] < 200 or found[1] == HTTPStatus.SWITCHING_PROTOCOLS:
                cast(_HeadReader, self.fp).left_headers = _MAX_HEADERS
                return found
            while self.fp.readline(_MAX_HEAD_BYTES) not in (b"\r\n", b"\n"):
                pass

    def begin(self) -> None:
        stream, self.fp = self.fp, cast(Any, _HeadReader(cast(Any, self.fp)))
        super().begin()
        if self.fp is not None:
            self.fp = stream
        lengths = ",".join(self.headers.get_all("Content-Length", [])).split(",")
        if len({length.strip() for length in lengths}) > 1:
            # Where the body ends can't be told, and urllib3 would refuse the whole answer: its head still counts.
            del self.headers["Content-Length"]
            self.length, self.will_close = None if self.chunked else 0, True


class _Connection(HTTPConnection):
    """urllib3's connection, with our time-outs and under our watch."""

    response_class = _Response

    def __init__(self, *args: Any, guard: ExchangeGuard, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.blocksize = BLOCK_BYTES
        self._guard = guard

    def _new_conn(self) -> socket.socket:
        guard = self._guard
        timeout_s = cast(float, self.timeout)
        made = connect(self._dns_host, self.port, timeout_s, self.socket_options or (), guard.lookups, guard.attach)
        guard.is_new_connection = True
        try:
            self._guard.attach(made)
        except ConnectionAbortedError:
            made.close()
            raise
        return made

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> None:
        """Sends one request. When the peer hangs up in the middle urllib3 still looks for an answer, rightly.

        What is asked for is the watch's target, not `url`: that has been normalised, and no signature survives it.
        """
        if self.sock is not None and not self._guard.is_local(self.sock):
            self.close()
        if self.sock is None:
            self.connect()
        self._guard.attach(self.sock)
        self._guard.validity = self._validity()
        self.timeout = self._guard.stall_s
        self._guard.record_sending()
        try:
            super().request(method, self._guard.target.reveal(), *args, **kwargs)
        except (ConnectionResetError, ssl.SSLEOFError, ssl.SSLZeroReturnError):
            raise BrokenPipeError from None  # the one hang-up that every urllib3 knows
        self._guard.body_sent = True

    def _validity(self) -> Validity | None:
        """The dates of the server's certificate."""
        return None


class _TlsConnection(_Connection, HTTPSConnection):
    """The same over TLS."""

    def __init__(self, *args: Any, check_dates: CertificateCheck | None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._check_dates = check_dates

    def connect(self) -> None:
        """Connects and shakes hands; with a judge the dates are left to it."""
        super().connect()
        if self._check_dates is not None:
            self._check_dates(self._validity())

    def _validity(self) -> Validity:
        return Validity.of(cast(Any, self.sock).getpeercert() or {})


class _Pools(urllib3.PoolManager):
    def __init__(self, guard: ExchangeGuard, check_dates: CertificateCheck | None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._guard = guard
        self._check_dates = check_dates

    def _new_pool(self, scheme: str, *args: Any, **kwargs: Any) -> Any:
        pool = super()._new_pool(scheme, *args, **kwargs)
        kind: Any = partial(_TlsConnection, check_dates=self._check_dates) if scheme == "https" else _Connection
        pool.ConnectionCls = partial(kind, guard=self._guard)  # type: ignore[assignment]
        return pool


class GuardedAdapter(HTTPAdapter):
    """requests' adapter over these connections; it tries nothing again by itself."""

    def __init__(
        self, guard: ExchangeGuard, unacknowledged_s: float, check_dates: CertificateCheck | None = None
    ) -> None:
        """`unacknowledged_s`: the longest time in which the peer's kernel acknowledges nothing.

        With `check_dates` OpenSSL verifies everything about a certificate but its dates; those are left to it.
        """
        self._guard = guard
        self._unacknowledged_ms = int(unacknowledged_s * 1000)
        self._check_dates = check_dates
        super().__init__(pool_connections=4, pool_maxsize=1, max_retries=0)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **kwargs: Any) -> None:
        """Called by requests to make the pools."""
        options = [
            (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
            (socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES),
            (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, self._unacknowledged_ms),
        ]
        # Not urllib3's own, which writes the session's keys to where the environment says.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self._check_dates is not None:
            context.verify_flags |= _NO_CHECK_TIME
        self.poolmanager = _Pools(
            self._guard,
            self._check_dates,
            num_pools=connections,
            maxsize=maxsize,
            block=block,
            socket_options=options,
            ssl_context=context,
            **kwargs,
        )
