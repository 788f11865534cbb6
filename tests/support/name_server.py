"""Name server that answers each question with one IPv4 address, as that of a network that wants a sign-in does."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading

A = 1
"""Type of a question for an IPv4 address (RFC 1035, 3.2.2)."""


class NameServer:
    """Server on `where`; `asked` collects the names."""

    def __init__(self, address: str, where: tuple[str, int] = ("127.0.0.1", 0)) -> None:
        self.asked: list[str] = []
        self.answer = self.records
        """Makes the whole answer of a question; for tests that lie."""
        self._address = socket.inet_aton(address)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(where)
        self.where: tuple[str, int] = self._socket.getsockname()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def __enter__(self) -> NameServer:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RD)  # not connected, and yet it ends the wait
        self._thread.join()
        self._socket.close()

    def records(self, question: bytes) -> bytes:
        """An alias, then its address, both by reference to the name that was asked for (RFC 1035, 4.1.4)."""
        end = question.index(0, 12) + 5
        (kind,) = struct.unpack_from("!H", question, end - 4)
        alias = b"\xc0\x0c" + struct.pack("!HHIH", 5, 1, 60, 8) + b"\5other\xc0\x0c"
        address = b"\5other\xc0\x0c" + struct.pack("!HHIH", A, 1, 60, 4) + self._address
        found = (alias, address) if kind == A else (alias,)
        return question[:2] + struct.pack("!HHHHH", 0x8180, 1, len(found), 0, 0) + question[12:end] + b"".join(found)

    def _serve(self) -> None:
        while True:
            question, client = self._socket.recvfrom(512)
            if not question:
                return
            labels, at = [], 12
            while length := question[at]:
                labels.append(question[at + 1 : at + 1 + length].decode())
                at += 1 + length
            self.asked.append(".".join(labels))
            self._socket.sendto(self.answer(question), client)
