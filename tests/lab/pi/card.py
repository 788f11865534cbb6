"""The card of the virtual Pi: an NBD disk with a volatile write cache, as an SD card has.

What is written stays pending until a flush. At SIGTERM all of it is kept. A power cut keeps a random part of the
pending blocks, and some of these in part: at SIGUSR1 at once, after SIGUSR2 as soon as `blocks` are pending, which is
in the middle of a write. At its end it prints what it did. Started by `Card`, as a process of its own.
"""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any, NoReturn

BLOCK_BYTES = 4096
SECTOR_BYTES = 512
KEPT = 0.5
"""Probability that a pending block outlives a cut."""
TORN = 0.1
"""Probability that of such a block only the first sectors do."""

_READ, _WRITE, _DISCONNECT, _FLUSH, _WRITE_ZEROES = 0, 1, 2, 3, 6
_FORCED = 1
_FEATURES = 1 | 4 | 8 | 32 | 64
"""Flags, flush, forced writes, trim, zeroes."""
_EXPORT_NAME, _ABORT, _INFO, _GO = 1, 2, 6, 7


class Disk:
    """An image and the blocks that are not in it yet."""

    def __init__(self, image: Path) -> None:
        self.file = os.open(image, os.O_RDWR)
        self.size_bytes = os.fstat(self.file).st_size
        self.pending: dict[int, bytes] = {}
        self.flushes = 0

    def read(self, start: int, count: int) -> bytes:
        first, last = start // BLOCK_BYTES, (start + count - 1) // BLOCK_BYTES
        if self.pending.keys().isdisjoint(range(first, last + 1)):
            return os.pread(self.file, count, start)
        blocks = b"".join(self._block(number) for number in range(first, last + 1))
        return blocks[start - first * BLOCK_BYTES :][:count]

    def write(self, start: int, content: bytes) -> None:
        at = 0
        while at < len(content):
            number, skipped = divmod(start + at, BLOCK_BYTES)
            part = content[at : at + BLOCK_BYTES - skipped]
            if len(part) < BLOCK_BYTES:
                old = self._block(number)
                self.pending[number] = old[:skipped] + part + old[skipped + len(part) :]
            else:
                self.pending[number] = part
            at += len(part)

    def flush(self) -> None:
        for number, block in self.pending.items():
            os.pwrite(self.file, block, number * BLOCK_BYTES)
        self.pending.clear()
        self.flushes += 1

    def cut(self, choose: random.Random) -> dict[str, int]:
        """Lose the power. Returns how many blocks were pending, and what became of them."""
        kept = torn = 0
        for number, block in sorted(self.pending.items()):
            if choose.random() >= KEPT:
                continue
            if choose.random() < TORN:
                torn += 1
                block = block[: choose.randrange(1, BLOCK_BYTES // SECTOR_BYTES) * SECTOR_BYTES]  # noqa: PLW2901
            else:
                kept += 1
            os.pwrite(self.file, block, number * BLOCK_BYTES)
        return {"pending": len(self.pending), "kept": kept, "torn": torn}

    def _block(self, number: int) -> bytes:
        return self.pending.get(number) or os.pread(self.file, BLOCK_BYTES, number * BLOCK_BYTES)


class Server:
    """NBD on a Unix socket, for one client at a time."""

    def __init__(self, disk: Disk, seed: int, blocks: int) -> None:
        self._disk, self._choose, self._blocks = disk, random.Random(seed), blocks
        self._cuts_when_full = False
        signal.signal(signal.SIGTERM, self._end)
        signal.signal(signal.SIGUSR1, self._cut)
        signal.signal(signal.SIGUSR2, self._arm)

    def serve(self, path: str) -> NoReturn:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(path)
        listener.listen()
        print("ready", flush=True)
        while True:
            client, _ = listener.accept()
            try:
                if self._greet(client):
                    self._work(client)
            except (EOFError, ConnectionError):
                pass
            client.close()

    def _end(self, *_: object) -> NoReturn:
        self._disk.flush()
        self._say_and_end({"flushes": self._disk.flushes})

    def _cut(self, *_: object) -> NoReturn:
        self._say_and_end({"flushes": self._disk.flushes, **self._disk.cut(self._choose)})

    def _arm(self, *_: object) -> None:
        self._cuts_when_full = True

    def _say_and_end(self, said: dict[str, int]) -> NoReturn:
        print(json.dumps(said), flush=True)
        os._exit(0)

    def _greet(self, client: socket.socket) -> bool:
        size = self._disk.size_bytes
        client.sendall(b"NBDMAGIC" + b"IHAVEOPT" + struct.pack(">H", 3))
        _receive(client, 4)
        while True:
            _, option, count = struct.unpack(">8sII", _receive(client, 16))
            _receive(client, count)

            def answer(kind: int, content: bytes = b"", option: int = option) -> None:
                head = struct.pack(">QIII", 0x3E889045565A9, option, kind, len(content))
                client.sendall(head + content)

            if option == _EXPORT_NAME:
                client.sendall(struct.pack(">QH", size, _FEATURES))
                return True
            if option == _ABORT:
                answer(1)
                return False
            if option in (_INFO, _GO):
                answer(3, struct.pack(">HQH", 0, size, _FEATURES))
                answer(1)
                if option == _GO:
                    return True
            else:
                answer(0x80000001)

    def _work(self, client: socket.socket) -> None:
        while True:
            _, flags, kind, handle, start, count = struct.unpack(">IHHQQI", _receive(client, 28))
            content = b""
            if kind == _READ:
                content = self._disk.read(start, count)
            elif kind == _WRITE:
                self._disk.write(start, _receive(client, count))
            elif kind == _WRITE_ZEROES:
                self._disk.write(start, bytes(count))
            elif kind == _FLUSH:
                self._disk.flush()
            elif kind == _DISCONNECT:
                return
            if self._cuts_when_full and len(self._disk.pending) >= self._blocks:
                self._cut()
            if flags & _FORCED and kind in (_WRITE, _WRITE_ZEROES):
                self._disk.flush()
            client.sendall(struct.pack(">IIQ", 0x67446698, 0, handle) + content)


def _receive(client: socket.socket, count: int) -> bytes:
    content = bytearray(count)
    rest = memoryview(content)
    while rest:
        received = client.recv_into(rest)
        if not received:
            raise EOFError
        rest = rest[received:]
    return bytes(content)


class Card:
    """The card as the lab handles it."""

    def __init__(self, image: Path, address: Path, seed: int = 0, blocks: int = 0) -> None:
        self.image, self.address = image, address
        address.unlink(missing_ok=True)
        command = [sys.executable, "-m", __name__, str(image), str(address), str(seed), str(blocks)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self._said: dict[str, Any] | None = None
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    @property
    def is_cut(self) -> bool:
        return self._process.poll() is not None

    def end(self, number: signal.Signals = signal.SIGTERM) -> dict[str, Any]:
        """End it, if it has not ended. Returns what it did."""
        if self._said is None:
            if not self.is_cut:
                self.send(number)
            self._said = dict(json.loads(self._process.communicate()[0]))
        return self._said


if __name__ == "__main__":
    Server(Disk(Path(sys.argv[1])), int(sys.argv[3]), int(sys.argv[4])).serve(sys.argv[2])
