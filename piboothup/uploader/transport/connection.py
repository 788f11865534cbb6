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
_LONGEST_HEAD_BYTES = 64 * 1024
"""Of an answer's status line and headers, with those of all interim answers before it."""
_MOST_HEADERS = 90
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

    def __init__(self, clock: Clock, stall_s: float, here: HasLocalAddress = has_local_address) -> None:
        """`stall_s`: the longest time in which a block being sent makes no way. `here`: see `dial.is_here`."""
        self.stall_s = stall_s
        self.here = here
        self.lookups = NameLookups()
        self.whole = False
        """The request's body was handed to the network to its last byte."""
        self.connected = False
        """A connection was made for this exchange, instead of taking a kept one."""
        self.target = Secret("")
        """What the request line asks for, byte for byte."""
        self.sent_ns = 0
        """Boot-time at which the request began to leave."""
        self.validity: Validity | None = None
        """The dates of the certificate of the server that hears the request; None without TLS."""
        self._clock = clock
        self._lock = threading.Lock()
        self._brake: socket.socket | None = None
        self._deadline_ns: int | None = None
        self._cut: LinkErrorKind | None = None
        self._stopped = False

    def begin(self, target: Secret, deadline_ns: int) -> bool:
        """Begins an exchange that may last until then (boot-time); False when there may be none any more."""
        with self._lock:
            if self._stopped:
                return False
            self.target = target
            self.whole = self.connected = False
            self.sent_ns = 0
            self.validity = None
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
        """The request begins to leave."""
        self.sent_ns = self._clock.boottime_ns()

    def cut_if_vain(self) -> None:
        """Ends the exchange if its deadline has passed, or if this machine has roamed away from its connection."""
        with self._lock:
            if self._deadline_ns is not None and self._clock.boottime_ns() >= self._deadline_ns:
                self._end_with(LinkErrorKind.TIMEOUT)
            elif self._brake is not None and not self.here(self._brake):
                self._end_with(LinkErrorKind.RESET)

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


class _Head:
    """What an answer is read from until its headers end: neither without end nor broken off."""

    def __init__(self, stream: io.BufferedIOBase) -> None:
        self._stream = stream
        self._left_bytes = _LONGEST_HEAD_BYTES
        self.left_headers = _LONGEST_HEAD_BYTES
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
                cast(_Head, self.fp).left_headers = _MOST_HEADERS
                return found
            while self.fp.readline(_LONGEST_HEAD_BYTES) not in (b"\r\n", b"\n"):
                pass

    def begin(self) -> None:
        stream, self.fp = self.fp, cast(Any, _Head(cast(Any, self.fp)))
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

    def __init__(self, *args: Any, watch: ExchangeGuard, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.blocksize = BLOCK_BYTES
        self._watch = watch

    def _new_conn(self) -> socket.socket:
        watch = self._watch
        timeout_s = cast(float, self.timeout)
        made = connect(self._dns_host, self.port, timeout_s, self.socket_options or (), watch.lookups, watch.hold)
        watch.connected = True
        try:
            self._watch.hold(made)
        except ConnectionAbortedError:
            made.close()
            raise
        return made

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> None:
        """Sends one request. When the peer hangs up in the middle urllib3 still looks for an answer, rightly.

        What is asked for is the watch's target, not `url`: that has been normalised, and no signature survives it.
        """
        if self.sock is not None and not self._watch.here(self.sock):
            self.close()
        if self.sock is None:
            self.connect()
        self._watch.hold(self.sock)
        self._watch.validity = self._validity()
        self.timeout = self._watch.stall_s
        self._watch.sending()
        try:
            super().request(method, self._watch.target.reveal(), *args, **kwargs)
        except (ConnectionResetError, ssl.SSLEOFError, ssl.SSLZeroReturnError):
            raise BrokenPipeError from None  # the one hang-up that every urllib3 knows
        self._watch.whole = True

    def _validity(self) -> Validity | None:
        """The dates of the server's certificate."""
        return None


class _TlsConnection(_Connection, HTTPSConnection):
    """The same over TLS."""

    def __init__(self, *args: Any, judge: CertificateCheck | None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._judge = judge

    def connect(self) -> None:
        """Connects and shakes hands; with a judge the dates are left to it."""
        super().connect()
        if self._judge is not None:
            self._judge(self._validity())

    def _validity(self) -> Validity:
        return Validity.of(cast(Any, self.sock).getpeercert() or {})


class _Pools(urllib3.PoolManager):
    def __init__(self, watch: ExchangeGuard, judge: CertificateCheck | None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._watch = watch
        self._judge = judge

    def _new_pool(self, scheme: str, *args: Any, **kwargs: Any) -> Any:
        pool = super()._new_pool(scheme, *args, **kwargs)
        kind: Any = partial(_TlsConnection, judge=self._judge) if scheme == "https" else _Connection
        pool.ConnectionCls = partial(kind, watch=self._watch)  # type: ignore[assignment]
        return pool


class GuardedAdapter(HTTPAdapter):
    """requests' adapter over these connections; it tries nothing again by itself."""

    def __init__(self, watch: ExchangeGuard, unheard_s: float, judge: CertificateCheck | None = None) -> None:
        """`unheard_s`: the longest time in which the peer's kernel acknowledges nothing.

        With a `judge` OpenSSL verifies everything about a certificate but its dates, and these go to the judge.
        """
        self._watch = watch
        self._unheard_ms = int(unheard_s * 1000)
        self._judge = judge
        super().__init__(pool_connections=4, pool_maxsize=1, max_retries=0)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **kwargs: Any) -> None:
        """Called by requests to make the pools."""
        options = [
            (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
            (socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES),
            (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, self._unheard_ms),
        ]
        # Not urllib3's own, which writes the session's keys to where the environment says.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self._judge is not None:
            context.verify_flags |= _NO_CHECK_TIME
        self.poolmanager = _Pools(
            self._watch,
            self._judge,
            num_pools=connections,
            maxsize=maxsize,
            block=block,
            socket_options=options,
            ssl_context=context,
            **kwargs,
        )
