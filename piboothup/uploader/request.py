"""What is sent: a request, its body if that is a file, and where a server may send both on to."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import BinaryIO, Final
from urllib.parse import urljoin, urlsplit

from piboothup.config import Secret

BLOCK_BYTES: Final = 64 * 1024
"""How much of a body is sent, or of an answer read, at a time."""


@dataclass(frozen=True)
class Request:
    """What is to be sent."""

    method: str
    url: Secret
    headers: Mapping[str, str] = field(repr=False)
    body: bytes | Body | None = field(repr=False)
    connect_s: float | None = None
    """In place of the limits'."""

    def rewind(self) -> None:
        """The body is to be sent once more, from its start."""
        if isinstance(self.body, Body):
            self.body.rewind()


class Body:
    """A file as a request's body; remembers when it was the card that failed, not the network."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._start = file.tell()
        self._digest = hashlib.md5(usedforsecurity=False)
        self.trouble: OSError | None = None

    def __len__(self) -> int:
        return os.fstat(self._file.fileno()).st_size - self._start

    def __iter__(self) -> Iterator[bytes]:
        while block := self.read(BLOCK_BYTES):
            yield block

    def read(self, size: int = -1) -> bytes:
        try:
            block = self._file.read(size)
        except OSError as error:
            self.trouble = error
            raise
        self._digest.update(block)
        return block

    def md5(self) -> str:
        """Of all that was read since the start."""
        return self._digest.hexdigest()

    def rewind(self) -> None:
        self._file.seek(self._start)
        self._digest = hashlib.md5(usedforsecurity=False)


def onward(url: Secret, location: str) -> Secret | None:
    """Where an answer with this Location sends the request on to; None when that is not the same server.

    The same server is the same scheme, name and port: so never from https to http, nor to any other listener.
    """
    try:
        found = urljoin(url.reveal(), location)
        same = _server(found) == _server(url.reveal())
    except ValueError:
        return None
    return Secret(found) if same and found.isascii() and found.isprintable() and " " not in found else None


def _server(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"https": 443, "http": 80}.get(parts.scheme)
