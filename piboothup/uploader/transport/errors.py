"""Errors of an exchange without an answer, made from those of requests, urllib3, ssl and the kernel.

Theirs carry URLs and headers. `LinkError` carries an outcome and nothing else, so that neither a key nor a signed URL
can get into a log line by way of an error.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from http.client import HTTPException
from typing import Final

import urllib3

from piboothup.uploader.outcomes import Outcome


class OutOfDate(ssl.SSLError):
    """A certificate is not valid at the time known to this program."""


class NotConnected(ConnectionError):
    """None of the server's addresses could be connected to in time."""


class NameBlocked(ConnectionError):
    """The network's name server gives an address at which nobody can be, as filters do for names they block."""


class UploaderError(Exception):
    """Call that was not answered as documented. Its text never holds a key or a URL."""

    outcome: Outcome
    status: int = 0
    """HTTP status of the answer; 0 = there was none."""
    retry_after_s: float | None = None
    was_sent: bool = False
    """The request's body had left to its last byte, whatever came back."""


class LinkError(UploaderError, ConnectionError):
    """No answer."""

    def __init__(self, outcome: Outcome, *, was_sent: bool = False) -> None:
        self.outcome, self.was_sent = outcome, was_sent
        super().__init__(outcome)


_OUTCOMES: Final[tuple[tuple[tuple[type[Exception], ...], Outcome], ...]] = (
    ((NameBlocked,), Outcome.BLOCKED),
    ((OutOfDate,), Outcome.TLS_DATE),
    ((ssl.SSLEOFError, ssl.SSLZeroReturnError), Outcome.RESET),
    ((ssl.SSLError, urllib3.exceptions.SSLError), Outcome.TLS),
    ((socket.gaierror,), Outcome.DNS),
    ((NotConnected,), Outcome.CONNECT),
    ((TimeoutError, urllib3.exceptions.TimeoutError), Outcome.TIMEOUT),
    ((ConnectionError, urllib3.exceptions.ProtocolError, HTTPException), Outcome.RESET),
    ((ValueError, urllib3.exceptions.HTTPError), Outcome.UNUSABLE),
)
"""Outcomes by exceptions; the first line with any of an exception's causes holds."""


def outcome_of(error: BaseException) -> Outcome:
    """The outcome of an exception of requests, urllib3, ssl or the kernel."""
    causes = list(_causes(error))
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            # X509_V_ERR_CERT_NOT_YET_VALID and X509_V_ERR_CERT_HAS_EXPIRED of OpenSSL
            return Outcome.TLS_DATE if cause.verify_code in (9, 10) else Outcome.TLS
        if _is_of_trusted_roots(cause):
            return Outcome.TLS_ROOTS
        if isinstance(cause, ssl.SSLError) and "_ALERT_" in (getattr(cause, "reason", None) or ""):
            return Outcome.RESET  # who answers gives the connection up (RFC 8446, 6.2)
    for kinds, outcome in _OUTCOMES:
        if any(isinstance(cause, kinds) for cause in causes):
            return outcome
    return Outcome.RESET


def _is_of_trusted_roots(cause: BaseException) -> bool:
    """Whether the file of trusted certificates is missing (by requests), or is none (by OpenSSL as it reads it)."""
    if isinstance(cause, ssl.SSLError):
        return getattr(cause, "library", None) in ("PEM", "X509")
    return type(cause) is OSError and "TLS CA certificate bundle" in str(cause)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The exception and its causes, wherever these libraries put them: args, cause, context."""
    seen: set[int] = set()
    pending: list[object] = [error]
    while pending:
        cause = pending.pop(0)
        if isinstance(cause, BaseException) and id(cause) not in seen:
            seen.add(id(cause))
            yield cause
            pending += [*cause.args, cause.__cause__, cause.__context__]
