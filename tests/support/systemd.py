"""systemd's end of $NOTIFY_SOCKET."""

from __future__ import annotations

import queue
import socket
import threading
from pathlib import Path

from tests.support.booth import Box
from tests.support.deadline import PATIENCE_S


class Systemd:
    """Receiver that always listens."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._words: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()

    def _listen(self) -> None:
        while (word := self._socket.recv(100)) != b"end":
            self._words.put(word)

    def hears(self) -> bytes:
        """Wait for the next message."""
        return self._words.get(timeout=PATIENCE_S)

    def heard(self) -> list[bytes]:
        """Messages since the last call."""
        self._socket.sendto(b"until here", self._socket.getsockname())
        return list(iter(self.hears, b"until here"))

    def close(self) -> None:
        self._socket.sendto(b"end", self._socket.getsockname())
        self._thread.join(PATIENCE_S)
        self._socket.close()


def settle(box: Box, systemd: Systemd) -> None:
    """Let turns of the loop in progress end, and drop their messages."""
    for _ in range(2):
        box.turn()
    systemd.heard()


def fed(box: Box, systemd: Systemd) -> bool:
    """Whether the running loop still feeds the watchdog."""
    settle(box, systemd)
    for _ in range(3):
        box.turn()
    return bool(systemd.heard())
