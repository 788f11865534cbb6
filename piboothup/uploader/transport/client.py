"""HTTP client for bad networks: one exchange at a time, over verified TLS, within a total deadline.

requests and urllib3 do not fit as they are. What is used of them and what is not:

- The adapter is used without `Session.send`, which obeys .netrc and proxy variables, keeps cookies and reads the
  whole body of a redirect before it returns it. A 302 to a login page is an answer; only a 307 or 308 that stays
  with the same server is followed, with the same method and the whole body.
- There is no total deadline in them. `ExchangeGuard.enforce`, called by another thread, cuts what is overdue.
  `connection`, `happy_eyeballs` and `certificate_dates` say what is wrong with their other time-outs and checks.
- Both normalise a URL, which breaks its signature: path and query go out byte for byte and are shown to neither.
- Answers are read and decompressed up to a limit; a body is a file that is sent block by block; nothing is retried
  but what never left: on a kept-alive connection that turns out to be dead, or one that was cut off in its greeting.
- Their exceptions and log lines carry keys and signed URLs. Neither leaves this module: callers see `LinkError`.
"""

from __future__ import annotations

import contextlib
import logging
import re
from collections.abc import Mapping
from http.client import HTTPException
from typing import BinaryIO, Final
from urllib.parse import urlsplit

import requests
import urllib3

from piboothup import __version__, records
from piboothup.clock import Clock
from piboothup.config import Secret, is_loopback
from piboothup.uploader.outcomes import Outcome
from piboothup.uploader.transport.certificate_dates import CertificateClock, NowMs
from piboothup.uploader.transport.connection import CertificateCheck, ExchangeGuard, GuardedAdapter
from piboothup.uploader.transport.errors import LinkError, outcome_of
from piboothup.uploader.transport.happy_eyeballs import HasLocalAddress, has_local_address
from piboothup.uploader.transport.messages import (
    BLOCK_BYTES,
    Answer,
    Body,
    Limits,
    Request,
    decompress,
    is_plain,
    redirect_target,
)

_LIBRARY_ERRORS: Final = (
    *(requests.RequestException, urllib3.exceptions.HTTPError),
    *(HTTPException, OSError, ValueError),
)
_NO_ANSWER: Final = (Outcome.TIMEOUT, Outcome.RESET)
_ANOTHERS_ANSWER: Final = (Outcome.TLS, Outcome.BLOCKED)
"""Failures for which this network, or its name server, may be to blame and not the server."""
_MAX_REDIRECTS: Final = 3
_PLAIN_SERVER: Final = re.compile(r"[A-Za-z0-9._:\[\]-]+")
"""Name or address, and port. Parsers disagree about anything else there, as a backslash or user info."""
_SIGN_IN_CONNECT_S: Final = 3.0
"""Connect time-out of `get_plain_http`, seconds: a portal is as near as the access point."""
_MITIGATION_HEADERS: Final = ("x-amzn-waf-action", "cf-mitigated")
"""Headers of a firewall's own answer. AWS's challenge is an empty 202, which to a PUT looks like success."""
_ASK_ONCE: Final = {"Cache-Control": "no-cache", "Connection": "close"}
"""Headers of a request that is made on a connection of its own."""


class Transport:
    """HTTP client of one thread. Keeps its connections alive between exchanges."""

    def __init__(
        self,
        clock: Clock,
        *,
        plain_http: bool = False,
        limits: Limits = Limits(),
        ca_file: str | None = None,
        now_ms: NowMs = lambda: None,
        is_local: HasLocalAddress = has_local_address,
        http_port: int = 80,
    ) -> None:
        """`plain_http` allows http to loopback. `http_port`: that of `get_plain_http`.

        `ca_file`: trusted roots in place of the system's, for a CA of the tests' own.
        """
        _silence_libraries()
        self._clock = clock
        self._plain_http = plain_http
        self._http_port = http_port
        self._limits = limits
        self._verify: bool | str = ca_file or True
        self.guard = ExchangeGuard(clock, limits.stall_s, is_local)
        """For another thread, which enforces deadlines every few seconds and stops the client."""
        self._clock_trust = CertificateClock(clock, now_ms)
        self._adapter = GuardedAdapter(self.guard, limits.unacknowledged_s)
        self._known_time_adapter = GuardedAdapter(self.guard, limits.unacknowledged_s, self._clock_trust.check)

    def allows(self, url: str) -> bool:
        """Whether a request to `url` may be made: https, or http to this machine with `plain_http`."""
        try:
            parts = urlsplit(url)
            host, _ = parts.hostname or "", parts.port
        except ValueError:
            return False
        if not host or not _PLAIN_SERVER.fullmatch(parts.netloc) or not is_plain(url):
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
        """Make one request and read its answer. Raises LinkError; OSError when the body itself can't be read.

        A file is sent from its position to its end. 307 and 308 are followed as far as they stay with the server.
        """
        if not self.allows(url.reveal()):
            raise LinkError(Outcome.UNUSABLE)
        if self.guard.lookups.is_return_due:
            self.close()
        request = Request(method, url, headers, body if body is None or isinstance(body, bytes) else Body(body))
        deadline_ns = self._deadline_ns(deadline_s)
        answer = self._send_with_trusted_time(request, deadline_ns)
        for _ in range(_MAX_REDIRECTS):
            # RFC 9110, 15.4.8 and 15.4.9: the method and the body stay as they are.
            if answer.status not in (307, 308) or (redirect := redirect_target(request.url, answer.location)) is None:
                break
            request = records.replace(request, url=redirect)
            answer = self._send_with_trusted_time(request, deadline_ns)
        return answer

    def get_date(self, url: str, deadline_s: float) -> Answer:
        """GET the root of `url`'s server, whatever the dates of its certificate.

        For the Date header of the answer; neither key nor photo is sent. Raises LinkError.
        """
        request = Request("GET", Secret(f"https://{urlsplit(url).netloc}/"), _ASK_ONCE, None)
        return self._send_apart(request, deadline_s, lambda _: None)

    def get_plain_http(self, host: str, deadline_s: float) -> Answer:
        """GET the root of `host` by plain http, to see who answers; neither key nor photo is sent.

        Over TLS a portal can't answer in a server's place, so it shows only this way. Raises LinkError.
        """
        root = Secret(f"http://{f'[{host}]' if ':' in host else host}:{self._http_port}/")
        return self._send_apart(Request("GET", root, _ASK_ONCE, None, _SIGN_IN_CONNECT_S), deadline_s)

    def leave_server(self) -> None:
        """Make the next connection anew, and to another address if the name has one."""
        self.guard.lookups.put_last()
        self.close()

    def close(self) -> None:
        """Close the kept connections."""
        self._adapter.close()
        self._known_time_adapter.close()
        self.guard.lookups.forget_networks()

    def _deadline_ns(self, deadline_s: float) -> int:
        return self._clock.boottime_ns() + int(deadline_s * 1e9)

    def _send_with_trusted_time(self, request: Request, deadline_ns: int) -> Answer:
        try:
            return self._send_on_live_connection(request, deadline_ns)
        except LinkError as error:
            # It was the handshake that failed: no byte of the request has left yet.
            if error.outcome is not Outcome.TLS_DATE or not self._clock_trust.switch_to_known_time():
                raise
        return self._send_on_live_connection(request, deadline_ns)

    def _send_on_live_connection(self, request: Request, deadline_ns: int) -> Answer:
        is_wrong = self._clock_trust.wrong_ns is not None and not self._clock_trust.trusts_system_clock()
        adapter = self._known_time_adapter if is_wrong else self._adapter
        try:
            return self._send_once(adapter, request, deadline_ns)
        except LinkError as error:
            if error.outcome is not Outcome.RESET or (self.guard.is_new_connection and not self.guard.is_in_greeting):
                raise
            was_sent = error.was_sent
        # The server has closed the kept connection since the last exchange, or a firewall reads no long greeting.
        try:
            return records.replace(self._send_once(adapter, request, deadline_ns), was_sent_before=was_sent)
        except LinkError as error:
            error.was_sent |= was_sent
            raise

    def _send_apart(self, request: Request, deadline_s: float, check_dates: CertificateCheck | None = None) -> Answer:
        """Send a request on a connection of its own, which is closed again.

        That it is not answered says nothing of long packets: both are short.
        """
        with contextlib.closing(GuardedAdapter(self.guard, self._limits.unacknowledged_s, check_dates)) as adapter:
            return self._send_once(adapter, request, self._deadline_ns(deadline_s), is_apart=True)

    def _send_once(
        self, adapter: GuardedAdapter, request: Request, deadline_ns: int, *, is_apart: bool = False
    ) -> Answer:
        guard = self.guard
        if not guard.begin(request.target, deadline_ns, carries_photo=request.method == "PUT"):
            raise LinkError(Outcome.STOPPED)
        answer: Answer | None = None
        failure: Outcome | None = None
        try:
            answer, failure = self._send_and_read(adapter, request)
        except _LIBRARY_ERRORS as error:
            failure = outcome_of(error)
        finally:
            failure = guard.end() or failure
        if answer is not None and (failure is None or _is_stored(request, answer)):
            if answer.status < 200 or not (answer.complete and answer.body_sent):
                adapter.close()  # the rest of this answer would be taken for the next one
            return answer
        adapter.close()  # what cut this one, as a hotspot's new address does, has cut the kept ones too, in silence
        if failure is not Outcome.STOPPED:
            guard.lookups.put_last()
        is_silent = guard.is_new_connection and failure in _NO_ANSWER and not is_apart
        if failure in _ANOTHERS_ANSWER or (is_silent and guard.is_in_greeting and guard.has_small_packets):
            guard.lookups.leave_network()
        if is_silent:
            guard.change_packets()
        # Raised here, not where it was caught: it would keep the library's exception as its context, with the URL.
        if isinstance(request.body, Body) and request.body.read_error is not None:
            raise request.body.read_error.with_traceback(None)
        raise LinkError(failure or Outcome.RESET, was_sent=request.method == "PUT" and guard.body_sent)

    def _send_and_read(self, adapter: GuardedAdapter, request: Request) -> tuple[Answer, Outcome | None]:
        """The answer, and why its body could not be read to its end, if so."""
        headers = {"User-Agent": f"piboothup/{__version__}", **request.headers}
        response = adapter.send(
            requests.Request(request.method, request.root, headers=headers, data=request.body).prepare(),
            stream=True,
            timeout=(request.connect_s or self._limits.connect_s, self._limits.read_s),
            verify=self._verify,
        )
        answered_ns = self._clock.boottime_ns()
        try:
            content, is_all, failure = self._read(response)
        finally:
            response.close()
        limit = self._limits.answer_bytes
        body, is_unpacked = decompress(content, response.headers.get("Content-Encoding", ""), limit)
        answer = Answer(
            response.status_code,
            response.headers.get("Content-Type", ""),
            body,
            is_all and is_unpacked,
            self.guard.body_sent,
            response.headers.get("Date", ""),
            response.headers.get("Retry-After", ""),
            self.guard.sent_ns,
            answered_ns,
            response.headers.get("Location", ""),
            self.guard.validity,
            mitigated=any(response.headers.get(name) for name in _MITIGATION_HEADERS),
        )
        return answer, failure

    def _read(self, response: requests.Response) -> tuple[bytes, bool, Outcome | None]:
        """The body as received, whether it is whole, and why not, if reading failed."""
        content = bytearray()
        try:
            while len(content) <= self._limits.answer_bytes:
                block = response.raw.read(BLOCK_BYTES, decode_content=False)
                if not block:
                    return bytes(content), True, None
                content += block
        except _LIBRARY_ERRORS as error:
            return bytes(content), False, outcome_of(error)
        return bytes(content[: self._limits.answer_bytes]), False, None


def _is_stored(request: Request, answer: Answer) -> bool:
    """Whether the answer's head is proof enough: a 2xx to a PUT that was sent to its end (RFC 9110, 9.3.4).

    A broken body does not matter then; to send the photo again would use up the volume of a metered link.
    """
    return request.method == "PUT" and answer.body_sent and 200 <= answer.status < 300


def _silence_libraries() -> None:
    """Disable the libraries' loggers, whose lines hold whole URLs, at DEBUG and in some warnings.

    Each logger is disabled on its own, so that a level or handler set on a parent changes nothing.
    """
    for name in list(logging.root.manager.loggerDict):
        if name.partition(".")[0] in ("urllib3", "requests"):
            logging.getLogger(name).disabled = True
