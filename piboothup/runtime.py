"""What a running service has beside the spool: its runtime directory, its hint socket, and word to systemd.

The runtime directory holds a datagram socket and a status file per service, on a tmpfs: nothing here touches the
card. A hint ("press", "new", "retry") is a nudge, never the only way to learn something: the sender does not wait,
a lost hint costs at most the receiver's own interval.
"""

from __future__ import annotations

import contextlib
import os
import socket
import stat
from collections.abc import Mapping
from pathlib import Path

SYSTEM_DIRECTORY = Path("/run/piboothup")
_LONGEST_HINT_BYTES = 512


class RuntimeUnusable(RuntimeError):
    """No runtime directory can be used; the text is a sentence with a remedy."""


def service_directory(environment: Mapping[str, str] = os.environ) -> Path:
    """The runtime directory of a service, made if need be.

    $PIBOOTHUP_RUNTIME, else /run/piboothup if it may be written, else $XDG_RUNTIME_DIR/piboothup, else
    /tmp/piboothup-<uid> (0700, its owner checked). Raises RuntimeUnusable.
    """
    if not environment.get("PIBOOTHUP_RUNTIME") and os.access(SYSTEM_DIRECTORY, os.W_OK | os.X_OK):
        return SYSTEM_DIRECTORY
    return _own_directory(environment)


def command_directory(environment: Mapping[str, str] = os.environ) -> Path:
    """The runtime directory that a command talks to: /run/piboothup if it exists, else as for a service.

    Raises RuntimeUnusable, also when this user may not enter it.
    """
    if environment.get("PIBOOTHUP_RUNTIME") or not SYSTEM_DIRECTORY.is_dir():
        return _own_directory(environment)
    if not os.access(SYSTEM_DIRECTORY, os.R_OK | os.X_OK):
        raise RuntimeUnusable(f"You may not enter {SYSTEM_DIRECTORY}: run with sudo, or join group piboothup.")
    return SYSTEM_DIRECTORY


def _own_directory(environment: Mapping[str, str]) -> Path:
    named, session = environment.get("PIBOOTHUP_RUNTIME"), environment.get("XDG_RUNTIME_DIR")
    if named:
        path = Path(named)
    elif session and Path(session).is_dir():
        path = Path(session) / "piboothup"
    else:
        path = Path(f"/tmp/piboothup-{os.getuid()}")  # noqa: S108  (owner and mode are checked below)
    try:
        path.mkdir(mode=0o700, parents=bool(named), exist_ok=True)
        found = path.lstat()
    except OSError as error:
        raise RuntimeUnusable(f"{path} can't be made ({error.strerror}): set PIBOOTHUP_RUNTIME.") from None
    shared = not named and stat.S_IMODE(found.st_mode) & 0o077
    if not stat.S_ISDIR(found.st_mode) or (not named and found.st_uid != os.getuid()) or shared:
        raise RuntimeUnusable(f"{path} is not a folder of yours alone: remove it, or set PIBOOTHUP_RUNTIME.")
    return path


class HintSocket:
    """The receiving end of a service's hints: a datagram socket `<name>.sock`, 0660."""

    def __init__(self, directory: Path, name: str) -> None:
        """Binds the socket, in place of one left by a dead service. Raises RuntimeUnusable."""
        self.path = directory / f"{name}.sock"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        fresh = directory / f".{name}.sock.{os.getpid()}"
        try:
            fresh.unlink(missing_ok=True)
            self._socket.bind(str(fresh))
            fresh.chmod(0o660)
            fresh.rename(self.path)
        except OSError as error:
            self._socket.close()
            raise RuntimeUnusable(f"The socket {self.path} can't be made ({error.strerror or error}).") from None
        self._inode = self.path.stat().st_ino

    def fileno(self) -> int:
        """For selectors."""
        return self._socket.fileno()

    def receive(self, timeout_s: float | None = None) -> list[str]:
        """The next hint as words (["press"], ["new", "<photo>"]); [] after `timeout_s` or for junk."""
        self._socket.settimeout(timeout_s)
        try:
            message = self._socket.recv(_LONGEST_HINT_BYTES)
        except (TimeoutError, BlockingIOError, InterruptedError):
            return []
        return message.decode("utf-8", "replace").split()

    def close(self) -> None:
        """Closes and removes the socket, unless another service has taken its place."""
        self._socket.close()
        with contextlib.suppress(OSError):
            if self.path.stat().st_ino == self._inode:
                self.path.unlink()


def send_hint(directory: Path, name: str, *words: str) -> bool:
    """Nudges the service `name`; False when nobody listens or its queue is full. Never waits.

    Raises PermissionError when this user may not write to the socket.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.setblocking(False)
        try:
            sender.sendto(" ".join(words).encode(), str(directory / f"{name}.sock"))
        except PermissionError:
            raise
        except OSError:
            return False
    return True


def under_systemd(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether systemd started this process and waits for its word."""
    return bool(environment.get("NOTIFY_SOCKET"))


def notify_systemd(*lines: str, environment: Mapping[str, str] = os.environ) -> None:
    """Tells systemd ("READY=1", "WATCHDOG=1", "STATUS=…"); does nothing when it is not systemd that started us.

    The protocol is sd_notify(3): one datagram of lines to $NOTIFY_SOCKET, "@" meaning the abstract namespace.
    """
    address = environment.get("NOTIFY_SOCKET", "")
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender, contextlib.suppress(OSError):
        sender.setblocking("READY=1" in lines)  # said once; any other word may be lost, the next one comes soon
        sender.sendto("\n".join(lines).encode(), "\0" + address[1:] if address[0] == "@" else address)
