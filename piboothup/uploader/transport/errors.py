"""Errors of an exchange without an answer, made from those of requests, urllib3, ssl and the kernel.

Theirs carry URLs and headers. `LinkError` carries an outcome and nothing else, so that neither a key nor a signed URL
can get into a log line by way of an error.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from http.client import HTTPException

import urllib3

from piboothup.uploader.outcomes import Outcome


class OutOfDate(ssl.SSLError):
    """A certificate is not valid at the time known to this program."""


class NotConnected(ConnectionError):
    """None of the server's addresses could be connected to in time."""


class UploaderError(Exception):
    """Call that was not answered as documented. Its text never holds a key or a URL."""

    outcome: Outcome
    status: int = 0
    """HTTP status of the answer; 0 = there was none."""
    retry_after_s: float | None = None


class LinkError(UploaderError, ConnectionError):
    """No answer."""

    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome
        super().__init__(outcome)


def outcome_of(error: BaseException) -> Outcome:
    """The outcome of an exception of requests, urllib3, ssl or the kernel."""
    causes = list(_causes(error))

    def any_is(*kinds: type[BaseException]) -> bool:
        return any(isinstance(cause, kinds) for cause in causes)

    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            # X509_V_ERR_CERT_NOT_YET_VALID and X509_V_ERR_CERT_HAS_EXPIRED of OpenSSL
            return Outcome.TLS_DATE if cause.verify_code in (9, 10) else Outcome.TLS
    if any_is(OutOfDate):
        return Outcome.TLS_DATE
    if any_is(ssl.SSLEOFError, ssl.SSLZeroReturnError):
        return Outcome.RESET
    if any_is(ssl.SSLError, urllib3.exceptions.SSLError):
        return Outcome.TLS
    if any_is(socket.gaierror):
        return Outcome.DNS
    if any_is(NotConnected):
        return Outcome.CONNECT
    if any_is(TimeoutError, urllib3.exceptions.TimeoutError):
        return Outcome.TIMEOUT
    if any_is(ConnectionError, urllib3.exceptions.ProtocolError, HTTPException):
        return Outcome.RESET
    return Outcome.UNUSABLE if any_is(ValueError, urllib3.exceptions.HTTPError) else Outcome.RESET


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The exception and its causes, wherever these libraries put them: args, reason, cause, context."""
    seen: set[int] = set()
    pending: list[object] = [error]
    while pending:
        cause = pending.pop(0)
        if isinstance(cause, BaseException) and id(cause) not in seen:
            seen.add(id(cause))
            yield cause
            pending += [*cause.args, getattr(cause, "reason", None), cause.__cause__, cause.__context__]
