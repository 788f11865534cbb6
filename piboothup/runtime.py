"""Runtime directory of the services: hint sockets and status files on a tmpfs; sd_notify messages to systemd.

Nothing here touches the card. A hint ("press", "new", "retry") only wakes its receiver, which would find out later by
itself: the sender does not wait, a lost hint costs at most the receiver's own interval. A directory that vanishes
under a running service (at logout /run/user/UID goes, a cleaner empties /tmp) is recreated with its socket. A
directory that is full, or can't be made for lack of room, stops no service: socket and status follow when there is
room, and the status reports it.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import socket
import stat
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

log = logging.getLogger(__name__)

SYSTEM_DIRECTORY = Path("/run/piboothup")
FULL = (errno.ENOSPC, errno.EDQUOT)
"""Errors of a directory without room, for bytes or for one more file."""
_LONGEST_HINT_BYTES = 512
_LONGEST_ADDRESS_BYTES = 107
"""Limit of a socket's path in Linux's sockaddr_un, bytes."""


class RuntimeUnusable(RuntimeError):
    """Failure to find a runtime directory; the text is a sentence with a remedy."""


def service_directory(environment: Mapping[str, str] = os.environ) -> Path:
    """Runtime directory of a service, made if need be.

    $PIBOOTHUP_RUNTIME, else /run/piboothup if it may be written, else $XDG_RUNTIME_DIR/piboothup, else
    /tmp/piboothup-<uid> (0700, its owner checked). Raises RuntimeUnusable.
    """
    if not environment.get("PIBOOTHUP_RUNTIME") and os.access(SYSTEM_DIRECTORY, os.W_OK | os.X_OK):
        return SYSTEM_DIRECTORY
    path = _own_directory(environment)
    with contextlib.suppress(OSError):  # no room: `piboothup status` reports it
        make(path, environment)
    return path


def command_directory(environment: Mapping[str, str] = os.environ) -> Path:
    """Runtime directory that a command uses: /run/piboothup if it exists, else as for a service.

    It is not made: a service that starts later may belong to another user. Raises RuntimeUnusable, also when this
    user may not enter it.
    """
    if environment.get("PIBOOTHUP_RUNTIME") or not SYSTEM_DIRECTORY.is_dir():
        path = _own_directory(environment)
        _check(path, environment)
        remedy = "run with sudo, or as the user of the services"
    else:
        path, remedy = SYSTEM_DIRECTORY, "run with sudo, or join group piboothup"
    if path.exists() and not os.access(path, os.R_OK | os.X_OK, effective_ids=True):
        raise RuntimeUnusable(f"You may not enter {path}: {remedy}.")
    return path


def make(path: Path, environment: Mapping[str, str] = os.environ) -> None:
    """Make a service's runtime directory, if need be. Raises RuntimeUnusable; OSError where there is no room."""
    try:
        mode = 0o770 if path == SYSTEM_DIRECTORY else 0o700
        path.mkdir(mode=mode, parents=_is_named(path, environment), exist_ok=True)
    except OSError as error:
        if error.errno in FULL:
            raise
        raise RuntimeUnusable(f"{path} can't be made ({error.strerror}): set PIBOOTHUP_RUNTIME.") from None
    _check(path, environment)


def _own_directory(environment: Mapping[str, str]) -> Path:
    named, session = environment.get("PIBOOTHUP_RUNTIME"), environment.get("XDG_RUNTIME_DIR")
    if named:
        return Path(named)
    if session and Path(session).is_dir():
        return Path(session) / "piboothup"
    return Path(f"/tmp/piboothup-{os.getuid()}")  # noqa: S108  (owner and mode are checked)


def _is_named(path: Path, environment: Mapping[str, str]) -> bool:
    return path == Path(environment.get("PIBOOTHUP_RUNTIME") or SYSTEM_DIRECTORY)


def _check(path: Path, environment: Mapping[str, str]) -> None:
    """Raise RuntimeUnusable if the path is no folder, or not this user's alone though it should be."""
    try:
        found = path.lstat() if not _is_named(path, environment) else path.stat()
    except FileNotFoundError:
        return
    except OSError as error:
        raise RuntimeUnusable(f"{path} can't be used ({error.strerror}): set PIBOOTHUP_RUNTIME.") from None
    is_private = found.st_uid == os.getuid() and not stat.S_IMODE(found.st_mode) & 0o077
    if not stat.S_ISDIR(found.st_mode) or not (is_private or _is_named(path, environment)):
        raise RuntimeUnusable(f"{path} is not a folder of yours alone: remove it, or set PIBOOTHUP_RUNTIME.")


class HintSocket:
    """Receiving end of a service's hints: a datagram socket `<name>.sock`, mode 0660."""

    def __init__(self, directory: Path, name: str) -> None:
        """Bind the socket, in place of one left by a dead service. Raises RuntimeUnusable.

        Where there is no room for it or its directory, it receives nothing and is lost, until it can be renewed.
        """
        self.path = directory / f"{name}.sock"
        self._closed = False
        self._changing = threading.Lock()
        try:
            self._socket, self._place = self._bound()
        except OSError as error:
            if error.errno not in (*FULL, errno.ENOENT):
                raise RuntimeUnusable(f"The socket {self.path} can't be made ({error.strerror or error}).") from None
            self._socket, self._place = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM), None

    def _bound(self) -> tuple[socket.socket, tuple[int, int] | None]:
        """Socket bound to its path, and the device and inode of that. Raises OSError."""
        fresh = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        made = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            fresh.unlink(missing_ok=True)
            with _address(fresh) as address:
                made.bind(address)
            fresh.chmod(0o660)
            place = _place(fresh)
            fresh.rename(self.path)
        except OSError:
            made.close()
            with contextlib.suppress(OSError):
                fresh.unlink()
            raise
        return made, place

    def is_lost(self) -> bool:
        """Whether hints sent to its path are lost: it is missing, or the socket of a dead service."""
        try:
            return _place(self.path) != self._place and not _is_heard(self.path)
        except FileNotFoundError:
            return True
        except OSError:
            return False

    def renew(self) -> None:
        """Bind anew, with another descriptor. Raises OSError, as while its folder is gone, and then changes nothing.

        Does nothing after `close`: another thread may see the socket lost before it learns of the end.
        """
        with self._changing:
            if self._closed:
                return
            before = self._socket
            self._socket, self._place = self._bound()
            before.close()
        log.warning("socket made again path=%s", self.path)

    def fileno(self) -> int:
        """Descriptor, for selectors."""
        return self._socket.fileno()

    def receive(self, timeout_s: float | None = None) -> list[str]:
        """Receive the next hint as words (["press"], ["new", "<photo>"]); [] after `timeout_s` or for junk."""
        self._socket.settimeout(timeout_s)
        try:
            message = self._socket.recv(_LONGEST_HINT_BYTES)
        except (TimeoutError, BlockingIOError, InterruptedError):
            return []
        return message.decode("utf-8", "replace").split()

    def close(self) -> None:
        """Close and remove the socket, unless another service has taken its place."""
        with self._changing, contextlib.suppress(OSError):
            self._closed = True
            self._socket.close()
            if _place(self.path) == self._place:
                self.path.unlink()


@contextlib.contextmanager
def _address(path: Path) -> Iterator[str]:
    """Address of the socket `path`; a path that is too long is reached through its directory's descriptor."""
    if len(os.fsencode(path)) <= _LONGEST_ADDRESS_BYTES:
        yield str(path)
        return
    directory = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{directory}/{path.name}"
    finally:
        os.close(directory)


def _place(path: Path) -> tuple[int, int]:
    found = path.lstat()
    return found.st_dev, found.st_ino


def _is_heard(path: Path) -> bool:
    """Whether a service listens at the socket `path`; True also when that is unknown. Sends nothing."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as asking:
        asking.setblocking(False)
        try:
            with _address(path) as address:
                asking.connect(address)
        except ConnectionRefusedError:
            return False
        except OSError as error:
            return error.errno != errno.ENOENT
    return True


def send_hint(directory: Path, name: str, *words: str) -> bool:
    """Send a hint to the service `name`; False when no service listens or its queue is full. Never waits.

    False too when no descriptor is free. Raises PermissionError with a sentence when this user may not write to it.
    """
    path = directory / f"{name}.sock"
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender, _address(path) as address:
            sender.setblocking(False)
            sender.sendto(" ".join(words).encode(), address)
    except PermissionError:
        raise PermissionError(f"You may not write to {path}: run with sudo, or as the services' user.") from None
    except OSError:
        return False
    return True


def under_systemd() -> bool:
    """Whether systemd started this process and waits for its messages."""
    return bool(os.environ.get("NOTIFY_SOCKET"))


def notify_systemd(message: str) -> bool:
    """Send "READY=1" or "WATCHDOG=1" to systemd without waiting; False when it did not take it.

    The protocol is sd_notify(3): a datagram to $NOTIFY_SOCKET, "@" meaning the abstract namespace. True too when
    systemd did not start this process.
    """
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return True
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.setblocking(False)
            sender.sendto(message.encode(), "\0" + address[1:] if address[0] == "@" else address)
    except OSError:
        return False
    return True
