"""Log of a service: standard output and error through a pipe, so that a slow reader never blocks the service.

A reader may stop reading: a full pipe, a terminal after Ctrl-S, journald stopped, a log file on a card that hangs. So
both descriptors are a pipe of our own with non-blocking writes, and one thread relays its content; it alone waits for
the reader. The pipe is the bounded queue: overflow is dropped and counted, and the count is logged once the reader is
back. It carries all output of the process: log lines, `print`, warnings, tracebacks, and what C++ libraries write to
the descriptors. (After an overflow libcamera is silent until the next start: std::cerr never recovers from a failed
write. Its lines are not counted.)

At exit the last lines are written if the reader takes them within `FLUSH_S`. faulthandler writes to a second,
non-blocking descriptor of the log target, because the relay thread ends in a crash; what a library wrote just before
may be lost. Without such a descriptor (a socket other than the journal's, where non-blocking would apply to all that
share it) there is no dump.
"""

from __future__ import annotations

import atexit
import contextlib
import faulthandler
import fcntl
import io
import os
import select
import signal
import socket
import sys
import threading
from collections.abc import Iterator

FLUSH_S = 0.5
"""Timeout of the last lines at exit, seconds."""
_STDOUT, _STDERR = 1, 2
_SIGNALS = range(1, 32)
"""Those with a name: the others, which nobody sends, would be looked up in vain, one by one."""
_CHUNK_BYTES = 65_536
_CUT = b"...\n"
_JOURNAL = "/run/systemd/journal/stdout"
_JOURNAL_HEADER = b"piboothup\n\n3\n0\n0\n0\n0\n"
"""Header of sd_journal_stream_fd(3): name, unit, priority (error); lines have no priority of their own."""


class LogPipe:
    """Redirection of standard output and error through the pipe; one per process."""

    def __init__(self) -> None:
        """Redirect both. Raises OSError when this process may open no more descriptors."""
        self.reader = fcntl.fcntl(_STDERR, fcntl.F_DUPFD_CLOEXEC, _STDERR + 1)
        """The former standard error: for child processes, which have a pipe of their own."""
        self._source, sink = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(sink, False)
        self._point_at(sink)
        os.close(sink)
        self._dropped = 0
        self._counting = threading.Lock()
        self._thread = threading.Thread(target=self._relay, name="log", daemon=True)
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)  # they are for the main thread
        self._thread.start()
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        encoding = sys.stderr.encoding
        sys.stdout = sys.stderr = io.TextIOWrapper(
            _Lines(self), encoding=encoding, errors="backslashreplace", line_buffering=True
        )
        if (unblocked := _unblocked(self.reader)) is not None:
            faulthandler.enable(unblocked)
        atexit.register(self.close)

    def count(self, content: bytes | memoryview) -> None:
        """Count the lines of `content` as dropped."""
        with self._counting:
            self._dropped += max(1, bytes(content).count(b"\n"))

    def close(self) -> None:
        """Write what is left, within `FLUSH_S`; a reader that took it is written to directly from then on."""
        sys.stderr.flush()
        nowhere = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
        self._point_at(nowhere)  # nobody can write to the pipe any more: its reader comes to an end
        self._thread.join(FLUSH_S)
        if not self._thread.is_alive():
            self._point_at(self.reader)

    @staticmethod
    def _point_at(descriptor: int) -> None:
        for standard in (_STDOUT, _STDERR):
            os.dup2(descriptor, standard)

    # -- the thread --------------------------------------------------------------------------------------------

    def _relay(self) -> None:
        while content := os.read(self._source, _CHUNK_BYTES):
            if left := self._pass_on(content):
                self.count(left)
            if self._dropped and not select.select([self._source], [], [], 0)[0]:
                self._tell_dropped()  # after the lines that came before the gap
        if self._dropped:
            self._tell_dropped()

    def _tell_dropped(self) -> None:
        count = self._dropped
        if not self._pass_on(f"WARNING {__name__} log lines dropped={count}\n".encode()):
            with self._counting:
                self._dropped -= count

    def _pass_on(self, content: bytes) -> memoryview:
        """Wait until the reader has taken all of `content`; return what is left when it is gone or full."""
        left = memoryview(content)
        while left:
            try:
                left = left[os.write(self.reader, left) :]
            except BlockingIOError:  # somebody who shares it made it so
                select.select([], [self.reader], [])
            except OSError:
                break
        return left


class _Lines(io.RawIOBase):
    """Standard error for Python: lines enter the pipe whole or not at all."""

    def __init__(self, pipe: LogPipe) -> None:
        self._pipe = pipe

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return _STDERR

    def write(self, content: bytes) -> int:  # type: ignore[override]
        for piece in _pieces(bytes(content)):
            try:
                os.write(_STDERR, piece)
            except OSError:
                self._pipe.count(piece)
        return len(content)


def _pieces(content: bytes) -> Iterator[bytes]:
    """Split `content` into parts that a pipe takes whole or not at all (pipe(7)): too long a line is cut."""
    if len(content) <= select.PIPE_BUF:
        yield content
        return
    for line in content.splitlines(keepends=True):
        yield line if len(line) <= select.PIPE_BUF else line[: select.PIPE_BUF - len(_CUT)] + _CUT


def _unblocked(descriptor: int) -> int | None:
    """Reopen the same file, pipe, terminal or journal non-blocking; None = not possible."""
    with contextlib.suppress(OSError):
        flags = os.O_WRONLY | os.O_APPEND | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
        return os.open(f"/proc/self/fd/{descriptor}", flags)
    with contextlib.suppress(OSError), socket.socket(fileno=os.dup(descriptor)) as found:
        if found.getpeername() == _JOURNAL:
            return _journal_stream()
    return None


def _journal_stream() -> int:
    """Open a second, non-blocking stream into the journal, leaving standard error's as it is. Raises OSError."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stream:
        stream.setblocking(False)
        stream.connect(_JOURNAL)
        stream.sendall(_JOURNAL_HEADER)
        return stream.detach()
