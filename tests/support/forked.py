"""Runner of functions in a forked copy of this process.

It is a process of its own, with standard streams, environment, working directory and mounts of its own, and needs no
imports, which cost most of the time of a short command. What depends on a fresh interpreter (locale, closed streams,
libraries, the end of threads) needs one: `tests.support.commands.run`.
"""

from __future__ import annotations

import atexit
import ctypes
import logging
import os
import select
import signal
import subprocess
import sys
import tempfile
import traceback
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, NoReturn

from tests.support.deadline import PATIENCE_S

_LIBC = ctypes.CDLL(None, use_errno=True)
_CLONE_NEWNS = 0x00020000


def call(
    function: Callable[[], object],
    *,
    environment: Mapping[str, str] | None = None,
    typed: str = "",
    mounts_of: int | None = None,
) -> subprocess.CompletedProcess[str]:
    """Call the function in a copy of this process; in the mount namespace of a process, then in its root folder.

    The exit status is the one that a Python program with this as its last line would have.
    """
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        given.write(typed.encode())
        given.seek(0)
        with warnings.catch_warnings():
            # Of other threads, which the copy lacks: pytest-xdist's and simulated servers' share no lock with it.
            warnings.simplefilter("ignore", DeprecationWarning)
            process = os.fork()
        if process == 0:
            _in_copy(function, (given, output, errors), environment, mounts_of)
        status = _end_of(process)
        output.seek(0)
        errors.seek(0)
        texts = output.read().decode(), errors.read().decode()
    return subprocess.CompletedProcess(function.__qualname__, status, *texts)


def _end_of(process: int) -> int:
    """Wait for the end of the process; return its exit status as `subprocess` does."""
    descriptor = os.pidfd_open(process)
    try:
        ended, _, _ = select.select([descriptor], [], [], PATIENCE_S)
    finally:
        os.close(descriptor)
    if not ended:
        os.kill(process, signal.SIGKILL)
    _, status = os.waitpid(process, 0)
    assert ended, f"it does not end within {PATIENCE_S} s"
    return os.waitstatus_to_exitcode(status)


def _in_copy(
    function: Callable[[], object],
    files: tuple[IO[bytes], IO[bytes], IO[bytes]],
    environment: Mapping[str, str] | None,
    mounts_of: int | None,
) -> NoReturn:
    """Become the other process, call the function, and end without pytest's own end."""
    status = 1
    try:
        for number, file in enumerate(files):
            os.dup2(file.fileno(), number)
        sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
        sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
        sys.stderr = os.fdopen(2, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False)
        logging.root.handlers.clear()  # pytest's
        atexit._clear()  # pytest's too
        sys.modules.pop("piboothup.__main__", None)  # a test may have imported it: runpy would warn
        if environment is not None:
            os.environ.clear()
            os.environ.update(environment)
        if mounts_of is not None:
            _enter_mounts_of(mounts_of)
        status = _status_of(function)
        atexit._run_exitfuncs()
        sys.stdout.flush()
    except BaseException:  # noqa: BLE001  (of whatever kind: it must not come back into pytest)
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


def _status_of(function: Callable[[], object]) -> int:
    try:
        function()
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
            return 1
        return end.code or 0
    return 0


def _enter_mounts_of(process: int) -> None:
    namespace = os.open(Path("/proc", str(process), "ns", "mnt"), os.O_RDONLY | os.O_CLOEXEC)
    if _LIBC.setns(namespace, _CLONE_NEWNS) != 0:
        raise OSError(ctypes.get_errno(), "setns")
    os.close(namespace)
    os.chdir("/")
