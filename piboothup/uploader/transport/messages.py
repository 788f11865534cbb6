"""HTTP messages: a request and its body, redirects, an answer, its certificate's dates, decompression, limits."""

from __future__ import annotations

import os
import re
import ssl
import zlib
from collections.abc import Iterator, Mapping
from email.utils import parsedate_to_datetime
from typing import BinaryIO, Final
from urllib.parse import urljoin, urlsplit

from piboothup.config import Secret
from piboothup.records import dataclass, field
from piboothup.uploader.transport.errors import OutOfDate

BLOCK_BYTES: Final = 16 * 1024
"""Bytes of a body that are sent, or of an answer that are read, at a time. One that is sent has `Limits.stall_s`."""
MAX_RETRY_AFTER_S: Final = 3600.0
"""Longest Retry-After that is obeyed, seconds."""
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_GZIP_MAGIC = b"\x1f\x8b"
_GZIP_WBITS = 31
_ZLIB_WBITS = 15
_RAW_WBITS = -15
"""zlib's names for RFC 1952, RFC 1950 and RFC 1951. "deflate" means the second and is often the third."""
_MAX_MEMBERS = 100
"""Most members of a gzip file (RFC 1952, 2.2). Each costs a copy of what follows it."""


@dataclass(frozen=True)
class Request:
    """An HTTP request."""

    method: str
    url: Secret
    headers: Mapping[str, str] = field(repr=False)
    body: bytes | Body | None = field(repr=False)
    connect_s: float | None = None
    """Connect time-out in place of that of `Limits`, seconds."""

    @property
    def root(self) -> str:
        """The server's own address: all of the URL that the libraries get to see."""
        parts = urlsplit(self.url.reveal())
        return f"{parts.scheme}://{parts.netloc}/"

    @property
    def target(self) -> Secret:
        """What the request line asks for: path and query as they stand in the URL, byte for byte (RFC 9112, 3.2.1).

        A signature covers them as they are: neither escapes nor dot segments nor an empty query may change.
        """
        url = self.url.reveal()
        rest = url.partition("//")[2].partition("#")[0]
        found = rest[len(urlsplit(url).netloc) :]
        return Secret(found if found.startswith("/") else f"/{found}")


class Body:
    """A file as a request's body, from its position to its end, each time anew.

    `read_error` tells a failed read from a failed network.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._start = file.tell()
        self.read_error: OSError | None = None

    def __len__(self) -> int:
        return os.fstat(self._file.fileno()).st_size - self._start

    def __iter__(self) -> Iterator[bytes]:
        try:
            self._file.seek(self._start)
            while block := self._file.read(BLOCK_BYTES):
                yield block
        except OSError as error:
            self.read_error = error
            raise


def is_plain(url: str) -> bool:
    """Whether a URL can be put into a request line as it is: printable ASCII without a blank."""
    return url.isascii() and url.isprintable() and " " not in url


def redirect_target(url: Secret, location: str) -> Secret | None:
    """The target of a redirect with this Location; None when there is none, or that is not the same server.

    The same server is the same scheme, name and port: so never from https to http, nor to any other listener.
    """
    if not location:
        return None
    try:
        found = _joined(url.reveal(), location)
        same = _server(found) == _server(url.reveal())
    except ValueError:
        return None
    return Secret(found) if same and is_plain(found) else None


def _joined(url: str, location: str) -> str:
    """The reference resolved (RFC 3986, 5.2), its bytes left as they are: urljoin would tidy up paths and queries."""
    if _SCHEME.match(location):
        return location
    scheme = url.partition("//")[0]
    if location.startswith("//"):
        return scheme + location
    if location.startswith("/"):
        return f"{scheme}//{urlsplit(url).netloc}{location}"
    path, mark, query = location.partition("?")
    return urljoin(url.partition("?")[0], path) + mark + query


def _server(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"https": 443, "http": 80}.get(parts.scheme)


def retry_after_s(text: str, date: str) -> float | None:
    """Seconds that a Retry-After header asks for, at most an hour; None when it asks for nothing that makes sense.

    A date counts from the server's own Date header, so that a wrong clock on either side does not matter
    (RFC 9110, 10.2.3).
    """
    text = text.strip()
    if text.isascii() and text.isdecimal():
        return min(float(text[:9]), MAX_RETRY_AFTER_S)
    until, now = server_ms(text), server_ms(date)
    if until is None or now is None:
        return None
    return min(max(0.0, (until - now) / 1000), MAX_RETRY_AFTER_S)


def server_ms(date: str) -> int | None:
    """Unix milliseconds of an HTTP date (RFC 9110, 5.6.7); None when it is none."""
    try:
        found = parsedate_to_datetime(date)
        return int(found.timestamp() * 1000) if found.tzinfo is not None else None
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def decompress(content: bytes, encoding: str, limit_bytes: int) -> tuple[bytes, bool]:
    """At most `limit_bytes` of the decompressed body, and whether that is all of it.

    No compression is asked for. A proxy may compress or decompress an answer and leave its headers as they were, so
    gzip shows by its first bytes; `encoding` is the answer's Content-Encoding. Any other body stays as it is.
    """
    if content.startswith(_GZIP_MAGIC):
        return _inflate(content, _GZIP_WBITS, limit_bytes) or (content, False)
    is_plain = content.lstrip()[:1] in (b"", b"{", b"<")
    if encoding.strip().lower() == "deflate" and not is_plain:
        found = _inflate(content, _ZLIB_WBITS, limit_bytes) or _inflate(content, _RAW_WBITS, limit_bytes)
        return found or (content, True)
    return content, True


def _inflate(content: bytes, wbits: int, limit_bytes: int) -> tuple[bytes, bool] | None:
    """The body decompressed in this way; None when it is in another."""
    found = bytearray()
    for _ in range(_MAX_MEMBERS):
        unpacker = zlib.decompressobj(wbits)
        try:
            found += unpacker.decompress(content, limit_bytes + 1 - len(found))
        except zlib.error:
            return (bytes(found), False) if found else None
        if len(found) > limit_bytes:
            return bytes(found[:limit_bytes]), False
        content = unpacker.unused_data
        if not unpacker.eof or not content:
            return bytes(found), unpacker.eof
    return bytes(found), False


@dataclass(frozen=True)
class Validity:
    """First and last moment at which a certificate is valid, Unix milliseconds (RFC 5280, 4.1.2.5)."""

    from_ms: int
    until_ms: int

    @classmethod
    def of(cls, certificate: Mapping[str, object]) -> Validity:
        """The dates in a result of SSLSocket.getpeercert. Raises OutOfDate when it has none."""
        try:
            begins_s, ends_s = (ssl.cert_time_to_seconds(str(certificate[key])) for key in ("notBefore", "notAfter"))
        except (KeyError, ValueError):
            raise OutOfDate from None
        return cls(begins_s * 1000, ends_s * 1000 + 999)

    def covers(self, unix_ms: int) -> bool:
        """Whether the certificate is valid at that time."""
        return self.from_ms <= unix_ms <= self.until_ms


@dataclass(frozen=True)
class Limits:
    """Time-outs and sizes of an exchange."""

    connect_s: float = 10.0
    """Time-out of the name look-up and all the server's addresses together, and of each step of the TLS handshake."""
    stall_s: float = 30.0
    """Longest time in which nothing of a block of 16 KiB can be sent."""
    unacknowledged_s: float = 40.0
    """Longest time for which the peer's kernel leaves sent bytes unacknowledged, or its window shut
    (TCP_USER_TIMEOUT, RFC 5482).
    """
    read_s: float = 45.0
    """Longest silence while an answer is due; the send buffer may still be draining in it."""
    answer_bytes: int = 1024 * 1024


@dataclass(frozen=True)
class Answer:
    """An HTTP answer, whatever its status."""

    status: int
    content_type: str
    body: bytes = field(repr=False)
    """Decompressed; at most `Limits.answer_bytes`."""
    complete: bool
    """The answer ended as announced and within the limit. Only an answer to a stored PUT may lack its end."""
    body_sent: bool
    """The request's body was handed to the network to its last byte."""
    date: str
    retry_after: str
    sent_ns: int
    """Boot-time at which the request began to leave."""
    answered_ns: int
    """Boot-time at which the answer's headers were there."""
    location: str = field(default="", repr=False)
    validity: Validity | None = None
    """The dates of the certificate of the server that answered; None without TLS."""
    was_sent_before: bool = False
    """An attempt before had sent the whole body too: it was not answered, so the request was repeated."""
    mitigated: bool = False
    """A firewall in front of the server says that it answered in its place (AWS's or Cloudflare's header)."""
