"""urllib3's connections with other time-outs, and a guard by which other threads can cut an exchange.

urllib3's connect time-out is also its send time-out, and nothing in it can be cut from outside. All overrides of
requests, urllib3 and http.client are here; `happy_eyeballs` makes the connection, `client` the exchange.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import socket
import ssl
import threading
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from http.client import HTTPException, HTTPResponse
from typing import Any, cast

import urllib3
from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from urllib3.connection import HTTPConnection, HTTPSConnection

from piboothup.clock import Clock
from piboothup.config import Secret
from piboothup.uploader.outcomes import Outcome
from piboothup.uploader.transport.happy_eyeballs import HasLocalAddress, NameLookups, connect, has_local_address
from piboothup.uploader.transport.messages import Validity
from piboothup.uploader.transport.tls import TlsSettings

_SEND_BUFFER_BYTES = 128 * 1024
"""Send buffer: a larger one hides a slow link until the read time-out ends a good upload."""
_UNSENT_BYTES = 32 * 1024
"""Most bytes that wait in it before the sender does. Without this limit a link at the lowest rate that `eventpics`
allows would still be emptying the whole buffer when the read time-out ends, after each photo.
"""
_MAX_HEAD_BYTES = 64 * 1024
"""Most bytes of an answer's status line and headers, with those of all interim answers before it."""
_MAX_HEADERS = 90
"""Headers of an answer that are read; http.client takes no more than 100."""
_FIELD = re.compile(rb"([!-9;-~]*)[ \t]*:|[ \t]")
"""Begin of a header, or of a line that goes on with the one before (RFC 9112, 5.1 and 5.2)."""
_SMALL_SEGMENT_BYTES = 1024
"""Segments that every tunnel lets through; Linux begins with them too where it looks for a size (tcp_base_mss)."""
CertificateCheck = Callable[[Validity], None]
"""Checks the dates of a server's certificate before a request leaves; raises OutOfDate."""


class ExchangeGuard:
    """The exchange under way, as other threads may see and cut it.

    Keeps a duplicate of the connection's descriptor: shutting that down ends every wait on the connection, in a name
    look-up and a TLS handshake too, without touching an object that the sending thread uses.
    """

    def __init__(self, clock: Clock, stall_s: float, is_local: HasLocalAddress = has_local_address) -> None:
        self.clock = clock
        self.stall_s = stall_s
        self.is_local = is_local
        self.lookups = NameLookups()
        # As in `Answer`:
        self.body_sent = False
        self.sent_ns = 0
        self.validity: Validity | None = None
        self.is_new_connection = False
        """A new connection was made for this exchange; no kept one was used."""
        self.has_small_packets = False
        """New connections carry small packets only, in both directions, and their TLS greeting is a single one."""
        self.target = Secret("")
        """What the request line asks for, byte for byte."""
        self._lock = threading.Lock()
        self._handle: socket.socket | None = None
        self._deadline_ns: int | None = None
        self._cut: Outcome | None = None
        self._carries_photo = self._stopped = False

    @property
    def is_in_greeting(self) -> bool:
        """Whether a connection was made for this exchange, and no byte of its request has left: TLS is not ready."""
        return self.is_new_connection and not self.sent_ns

    def begin(self, target: Secret, deadline_ns: int, *, carries_photo: bool = False) -> bool:
        """Begin an exchange that may last until then (boot-time); return False after `stop`."""
        with self._lock:
            if self._stopped:
                return False
            self.target, self._carries_photo = target, carries_photo
            self.body_sent = self.is_new_connection = False
            self.sent_ns = 0
            self.validity = None
            self.lookups.connected = None
            self._deadline_ns = deadline_ns
            self._cut = None
            return True

    def end(self) -> Outcome | None:
        """End the exchange; return why it was cut, if it was."""
        with self._lock:
            self._deadline_ns = None
            self._close_handle()
            return self._cut

    def attach(self, connection: socket.socket) -> None:
        """Keep a handle of the connection. Raises ConnectionAbortedError when the exchange was cut."""
        with self._lock:
            self._close_handle()
            if self._cut is not None:
                raise ConnectionAbortedError
            self._handle = socket.socket(fileno=os.dup(connection.fileno()))

    def enforce(self) -> None:
        """Cut the exchange if its deadline has passed, or if its local address is gone since this machine roamed."""
        with self._lock:
            if self._deadline_ns is not None and self.clock.boottime_ns() >= self._deadline_ns:
                self._cut_off(Outcome.TIMEOUT)
            elif self._handle is not None and not self.is_local(self._handle):
                self._cut_off(Outcome.RESET)

    def change_packets(self) -> None:
        """Let new connections carry packets of the other size, as one gave no answer.

        A tunnel that takes no full packets should say so, and many do not: a connection is made, and nothing long
        gets through. Windows and macOS notice that by themselves, Linux does not (tcp_mtu_probing is off). `tls` says
        why a greeting is long.
        """
        self.has_small_packets = not self.has_small_packets

    def overdue_s(self) -> float:
        """Seconds for which the exchange is past its deadline; 0 when it is not, or there is none."""
        with self._lock:
            if self._deadline_ns is None:
                return 0.0
            return max(0.0, (self.clock.boottime_ns() - self._deadline_ns) / 1e9)

    def stop(self, *, spares_sent: bool = False) -> bool:
        """Refuse every further exchange, and cut the one under way; return whether it was spared.

        `spares_sent`: spare one that has sent a whole photo. The album may have it, and it would be sent again.
        """
        with self._lock:
            self._stopped = True
            is_sent = self._deadline_ns is not None and self._carries_photo and self.body_sent
            if not (is_spared := spares_sent and is_sent):
                self._cut_off(Outcome.STOPPED)
            return is_spared

    def _cut_off(self, kind: Outcome) -> None:
        self._cut = self._cut or kind
        if self._handle is not None:
            with contextlib.suppress(OSError):  # already closed
                self._handle.shutdown(socket.SHUT_RDWR)

    def _close_handle(self) -> None:
        if self._handle is not None:
            self._handle.close()
            self._handle = None


class _HeadReader:
    """Stream of an answer's headers, with a limit; raises HTTPException if they break off."""

    def __init__(self, stream: io.BufferedIOBase) -> None:
        self._stream = stream
        self._left_bytes = _MAX_HEAD_BYTES
        self.left_headers: int | None = None
        """Headers that are yet to be read, after the status line; further ones are skipped, for which http.client
        would refuse the whole answer.
        """

    def readline(self, limit: int = -1) -> bytes:
        line, is_skipping = self._line(limit), False
        while self.left_headers is not None and line not in (b"\r\n", b"\n"):
            found = _FIELD.match(line) if self.left_headers > 0 else None
            if found is not None and (found[1] is not None or not is_skipping):
                self.left_headers -= 1
                return _tidied(line, found)
            line, is_skipping = self._line(limit), True
        return line

    def _line(self, limit: int) -> bytes:
        line = self._stream.readline(limit)
        self._left_bytes -= len(line)
        if self._left_bytes < 0:
            raise HTTPException("the headers have no end")
        if not line.endswith(b"\n"):  # http.client would take a break here for the end of the headers
            raise HTTPException("the headers break off")
        return line

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _tidied(line: bytes, field: re.Match[bytes]) -> bytes:
    """A header as http.client reads it: at any other it takes all that follow, the body's length too, for text."""
    name, rest = line[: field.end(1)], line[field.end() - 1 :]
    tidied = line.rstrip(b"\r\n") if field[1] is None else (name + rest).rstrip()
    return tidied.replace(b"\r", b" ") + b"\r\n"


class _Response(HTTPResponse):
    """http.client's response with a limited head, and without interim answers.

    http.client would read 100 headers of 64 KiB each, and take every interim answer but 100 for the answer. Any 1xx
    is skipped (RFC 9110, 15.2) and counts as part of the answer's head, so their number is limited. 101 is not
    skipped: no switch of protocols was asked for.
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
        lengths = {each.strip() for each in ",".join(self.headers.get_all("Content-Length", [])).split(",")}
        if len(lengths) > 1:
            # The end of the body is unknown, and urllib3 would refuse the whole answer: its head still counts.
            del self.headers["Content-Length"]
            self.length, self.will_close = None if self.chunked else 0, True
        elif self.length is None and not self.chunked and re.fullmatch("[0-9]{1,18}", length := lengths.pop()):
            # One length said several times in a line (RFC 9110, 8.6): http.client would wait for the end.
            self.length, self.will_close = int(length), self._check_close()  # type: ignore[attr-defined]


class _Connection(HTTPConnection):
    """urllib3's connection with our time-outs and guard."""

    response_class = _Response
    validity: Validity | None = None

    def __init__(
        self,
        *args: Any,
        guard: ExchangeGuard,
        check_dates: CertificateCheck | None,
        tls: TlsSettings,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self._guard = guard
        self._check_dates = check_dates
        self._tls = tls

    def _new_conn(self) -> socket.socket:
        guard = self._guard
        timeout_s, options = cast(float, self.timeout), [*(self.socket_options or ())]
        if guard.has_small_packets:
            options.append((socket.IPPROTO_TCP, socket.TCP_MAXSEG, _SMALL_SEGMENT_BYTES))
        made = connect(self._dns_host, self.port, timeout_s, options, guard.lookups, guard.attach)
        guard.is_new_connection = True
        try:
            self._guard.attach(made)
        except ConnectionAbortedError:
            made.close()
            raise
        return made

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> None:
        """Send one request. If the peer hangs up meanwhile, urllib3 rightly reads the answer all the same.

        Asks for the guard's target, not for `url`, which was normalised, so that its signature is broken.
        """
        if self.sock is not None and not self._guard.is_local(self.sock):
            self.close()
        if self.sock is None:
            self.connect()
        self._guard.attach(self.sock)
        self._guard.validity = self.validity
        self.timeout = self._guard.stall_s
        self._guard.sent_ns = self._guard.clock.boottime_ns()
        try:
            super().request(method, self._guard.target.reveal(), *args, **kwargs)
        except (ConnectionResetError, ssl.SSLEOFError, ssl.SSLZeroReturnError):
            raise BrokenPipeError from None  # the only hang-up that every version of urllib3 handles
        self._guard.body_sent = True


class _TlsConnection(_Connection, HTTPSConnection):
    """urllib3's TLS connection with our time-outs and guard."""

    def connect(self) -> None:
        """Connect and shake hands; then `check_dates` checks the dates, if given."""
        self.ssl_context = self._tls.short if self._guard.has_small_packets else self._tls.usual
        super().connect()
        self.validity = Validity.of(cast(Any, self.sock).getpeercert() or {})
        if self._check_dates is not None:
            self._check_dates(self.validity)


class _Pools(urllib3.PoolManager):
    def __init__(self, guard: ExchangeGuard, check_dates: CertificateCheck | None, **kwargs: Any) -> None:
        tls = TlsSettings(checks_dates=check_dates is None)
        super().__init__(ssl_context=tls.usual, **kwargs)
        self._given = {"guard": guard, "check_dates": check_dates, "tls": tls}

    def _new_pool(self, scheme: str, *args: Any, **kwargs: Any) -> Any:
        pool = super()._new_pool(scheme, *args, **kwargs)
        kind: Any = _TlsConnection if scheme == "https" else _Connection
        pool.ConnectionCls = partial(kind, **self._given)  # type: ignore[assignment]
        return pool


class GuardedAdapter(HTTPAdapter):
    """requests' adapter over these connections, without retries."""

    def __init__(
        self, guard: ExchangeGuard, unacknowledged_s: float, check_dates: CertificateCheck | None = None
    ) -> None:
        """`unacknowledged_s`: longest time in which the peer's kernel acknowledges nothing.

        With `check_dates` OpenSSL verifies everything about a certificate but its dates; those are left to it.
        """
        super().__init__(max_retries=0)
        options = [
            (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
            (socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES),
            (socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _UNSENT_BYTES),
            (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(unacknowledged_s * 1000)),
        ]
        self.poolmanager = _Pools(guard, check_dates, num_pools=4, maxsize=1, socket_options=options)

    def build_response(self, req: PreparedRequest, resp: urllib3.BaseHTTPResponse) -> Response:
        """The response as it was received: requests would look for a charset and for cookies in its headers.

        Of "text/plain; charset" requests 2.31 and 2.32 make an AttributeError, when the photo has been stored. Of a
        header that came twice, as a server's and its proxy's Date, the first counts: both joined would be no date.
        """
        response = Response()
        response.status_code = resp.status
        response.headers = CaseInsensitiveDict({name: resp.headers.getlist(name)[0] for name in resp.headers})
        response.raw = resp
        return response
