"""Proxy that emulates a slow, long or broken link between the uploader and a server on this machine.

All connections share the rate of each direction, as on one Wi-Fi. A connection costs a round trip before its first
byte, and nothing is read ahead of what the link carries, so that a sender feels its slowness at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import socket
import struct
import threading
import time
from collections.abc import Callable

from piboothup.simulator.server import hold_port
from tests.support.deadline import PATIENCE_S

_BLOCK_BYTES = 8192
_BUFFER_BYTES = 16 * 1024
_RESET = struct.pack("ii", 1, 0)


class _Lane:
    """One direction of the link, a token bucket."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._turn = asyncio.Lock()
        self._free_s = 0.0

    async def carry(self, size: int) -> None:
        """Return when so many bytes have left."""
        async with self._turn:
            if (rate := self._link.rate_bps) is None:
                return
            # A sleep that took too long is made up for: the rate holds on the average.
            self._free_s = max(self._free_s, time.monotonic() - 0.02) + size * 8 / rate
            await asyncio.sleep(self._free_s - time.monotonic())


class Link:
    """Link that listens on loopback and forwards to `port` and back."""

    def __init__(self, port: int, rate_bps: float | None = None, round_trip_s: float = 0.0) -> None:
        """`rate_bps`: of each direction; None = unlimited."""
        self.rate_bps = rate_bps
        self.round_trip_s = round_trip_s
        self.carried_bytes = 0
        """Bytes from the uploader to the server."""
        self._server_port = port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="link", daemon=True)
        self._thread.start()
        self._listener: socket.socket | None = None
        self._hole: tuple[socket.socket, socket.socket] | None = None
        self._live: set[socket.socket] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._there, self._back, self._moving = _Lane(self), _Lane(self), asyncio.Event()
        self._held_port = hold_port()
        self.port: int = self._held_port.getsockname()[1]
        self._call(self._open)
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Link:
        return self

    def __exit__(self, *_: object) -> None:
        self._call(self._end)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE_S)
        self._loop.close()
        self._held_port.close()

    def stall(self) -> None:
        """Stop all data; every connection stays open."""
        self._loop.call_soon_threadsafe(self._moving.clear)

    def go_on(self) -> None:
        """End a stall, a cut or a black hole."""
        self._call(self._open)

    def cut(self) -> None:
        """Reset every connection and refuse new ones."""
        self._call(self._close)

    def swallow(self) -> None:
        """Reset every connection and drop all attempts at new ones."""
        self._call(self._dig)

    # -- inside; in the link's own thread ----------------------------------------------------------------------

    def _call(self, doing: Callable[[], object]) -> None:
        async def run() -> None:
            found = doing()
            if asyncio.iscoroutine(found):
                await found

        asyncio.run_coroutine_threadsafe(run(), self._loop).result(PATIENCE_S)

    def _open(self) -> None:
        self._moving.set()
        if self._listener is None:
            listening, filler = self._hole or (self._bound(), None)
            self._hole = None
            listening.setblocking(False)
            listening.listen(100)
            self._listener = listening
            self._loop.add_reader(listening, self._accept, listening)
            if filler is not None:
                filler.close()

    def _bound(self) -> socket.socket:
        listening = socket.socket()
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
        listening.bind(("127.0.0.1", self.port))
        return listening

    def _dig(self) -> None:
        """Fill the queue of a listener that accepts nothing: the kernel drops every attempt to connect."""
        self._close()
        listening, filler = self._bound(), socket.socket()
        listening.listen(0)
        filler.connect(listening.getsockname())
        self._hole = listening, filler

    def _close(self) -> None:
        for end in self._hole or ():
            end.close()
        self._hole = None
        if self._listener is not None:
            self._loop.remove_reader(self._listener)
            self._listener.close()
            self._listener = None
        for end in self._live:
            with contextlib.suppress(OSError):  # closed already
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        for task in self._tasks:
            task.cancel()

    async def _end(self) -> None:
        self._close()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accept(self, listening: socket.socket) -> None:
        """Accept a connection. asyncio's own server forgets one, unclosed, that comes while it is being closed."""
        try:
            client, _ = listening.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        client.setblocking(False)
        self._live.add(client)
        task = self._loop.create_task(self._carry(client))
        self._tasks.add(task)
        task.add_done_callback(functools.partial(self._forget, client))

    def _forget(self, client: socket.socket, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._live.discard(client)
        client.close()

    async def _carry(self, client_socket: socket.socket) -> None:
        ends: list[asyncio.StreamWriter] = []
        try:
            client_reader, client = await asyncio.open_connection(sock=client_socket, limit=_BLOCK_BYTES)
            ends.append(client)
            await asyncio.sleep(self.round_trip_s)
            server_reader, server = await asyncio.open_connection("127.0.0.1", self._server_port, limit=_BLOCK_BYTES)
            ends.append(server)
            there = self._pump(client_reader, server, self._there, counted=True)
            await asyncio.gather(there, self._pump(server_reader, client, self._back))
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            for writer in ends:
                writer.transport.abort()

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, lane: _Lane, *, counted: bool = False
    ) -> None:
        under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        delivery = asyncio.create_task(self._deliver(under_way, writer))
        try:
            while block := await reader.read(_BLOCK_BYTES):
                await self._moving.wait()
                await lane.carry(len(block))
                self.carried_bytes += len(block) if counted else 0
                under_way.put_nowait((time.monotonic() + self.round_trip_s / 2, block))
            under_way.put_nowait((time.monotonic() + self.round_trip_s / 2, b""))
            await delivery
        finally:
            delivery.cancel()

    async def _deliver(self, under_way: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter) -> None:
        while True:
            due_s, block = await under_way.get()
            await asyncio.sleep(max(0.0, due_s - time.monotonic()))
            await self._moving.wait()
            if not block:
                with contextlib.suppress(OSError):
                    writer.write_eof()
                return
            writer.write(block)
            await writer.drain()
