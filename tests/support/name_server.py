"""A small name server, for real look-ups."""

from __future__ import annotations

import socket
import struct
from collections.abc import Mapping

_ANSWERED, _NO_SUCH_NAME = 0x8180, 0x8183


def answer(question: bytes, names: Mapping[str, str]) -> bytes:
    """The answer to a question for IPv4 or IPv6 addresses: those of `names`, reached by an alias, or an error."""
    at, labels = 12, []
    while question[at]:
        labels.append(question[at + 1 : at + 1 + question[at]].decode())
        at += 1 + question[at]
    asked = question[12 : at + 5]
    kind = int.from_bytes(question[at + 1 : at + 3], "big")
    address = names.get(".".join(labels))
    family = socket.AF_INET6 if address is not None and ":" in address else socket.AF_INET
    records = []
    if address is not None and kind == (28 if family == socket.AF_INET6 else 1):
        bytes_of = socket.inet_pton(family, address)
        alias = b"\x05alias\xc0\x0c"
        records.append(b"\xc0\x0c" + struct.pack(">2HIH", 5, 1, 60, len(alias)) + alias)
        target = struct.pack(">H", 0xC000 + 12 + len(asked) + 12)
        records.append(target + struct.pack(">2HIH", kind, 1, 60, len(bytes_of)) + bytes_of)
    flags = _NO_SUCH_NAME if address is None else _ANSWERED
    return question[:2] + struct.pack(">5H", flags, 1, len(records), 0, 0) + asked + b"".join(records)


def serve_names(server: socket.socket, names: Mapping[str, str]) -> None:
    """Answer until the socket is closed."""
    while True:
        try:
            question, guest = server.recvfrom(512)
            server.sendto(answer(question, names), guest)
        except OSError:  # closed
            return
