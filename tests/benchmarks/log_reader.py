"""Reader of a log for the benchmarks: reads continuously, or stops before a full pipe of 4 KiB."""

from __future__ import annotations

import contextlib
import fcntl
import os
import threading


class LogReader:
    """Reading end of a standard error."""

    def __init__(self) -> None:
        self._ours, self.theirs = os.pipe()
        """`theirs` is the descriptor to be written to."""
        fcntl.fcntl(self.theirs, fcntl.F_SETPIPE_SZ, 4096)
        self._filling = os.open(f"/proc/self/fd/{self.theirs}", os.O_WRONLY | os.O_NONBLOCK)
        self._reads = threading.Event()
        threading.Thread(target=self._read, daemon=True).start()

    def goes_on(self) -> None:
        """Read all that comes."""
        self._reads.set()

    def stands_still(self) -> None:
        """Stop reading; the pipe has no room for another byte."""
        self._reads.clear()
        os.write(self._filling, b"\n")  # ends a read that is under way
        for size in (4096, 1):
            with contextlib.suppress(BlockingIOError):
                while True:
                    os.write(self._filling, b"\n" * size)

    def _read(self) -> None:
        while self._reads.wait():
            os.read(self._ours, 65_536)
