"""Name look-ups by networks that the kernel does not prefer.

glibc asks every network's name servers by the way that the kernel prefers. Beside a cable that leads nowhere those of
the Wi-Fi are out of reach, unless they lie in its own net: many venues name public ones, as 8.8.8.8. And a dead
network's own name server says that there is no such name, or leads to itself.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import struct
import time
from concurrent.futures import Future, InvalidStateError
from ipaddress import ip_address
from pathlib import Path
from secrets import token_bytes
from typing import Any

from piboothup.uploader.transport.other_networks import other_devices

_TIMEOUT_S = 3.0
"""Time until a look-up by other networks is given up, seconds."""
_ASK_AGAIN_S = 1.0
"""Time until a question is repeated, seconds: UDP loses some."""
_PORT = 53
_MAX_ANSWER_BYTES = 4096
_KINDS = {socket.AF_INET: (1, 4), socket.AF_INET6: (28, 16)}
"""Type of a record with an address of this family (RFC 1035 and 3596), and the address's length."""
_FLAGS = 0x800F
"""Bits of the flags that are looked at: it is an answer, and the error's number."""
NOWHERE = ("0.0.0.0", "::")
"""What many filters answer in place of a blocked name's address. The kernel would take it for this machine."""

Address = tuple[socket.AddressFamily, Any]
Found = Future[list[Address]]


def resolve_by_others(found: Found, host: str, port: int, family: socket.AddressFamily) -> bool:
    """Look up by other networks; return whether an address was found. Another thread may have been faster."""
    listed = [address for address in look_up_by_others(host, family) if address not in NOWHERE]
    if not listed:
        return False
    rest = (port,) if family == socket.AF_INET else (port, 0, 0)
    with contextlib.suppress(InvalidStateError):
        found.set_result([(family, (address, *rest)) for address in listed])
    return True


def look_up_by_others(
    host: str,
    family: socket.AddressFamily,
    resolv_conf: Path = Path("/etc/resolv.conf"),
    timeout_s: float = _TIMEOUT_S,
) -> list[str]:
    """The host's addresses as a name server tells them by another network; none when there is none, or no answer."""
    try:
        question = _question(host, family)
    except ValueError:  # it is an address, or no host can be called that
        return []
    # An OSError: no descriptor is left.
    with contextlib.suppress(OSError), contextlib.ExitStack() as stack, selectors.DefaultSelector() as selector:
        for server in _servers(resolv_conf):
            for device in other_devices(server[0]):
                if (made := _connected(server, device)) is not None:
                    selector.register(stack.enter_context(made), selectors.EVENT_READ, token_bytes(2))
        until_s, again_s = time.monotonic() + timeout_s, 0.0
        while selector.get_map() and (now_s := time.monotonic()) < until_s:
            if now_s >= again_s:
                again_s = now_s + _ASK_AGAIN_S
                for key in selector.get_map().values():
                    with contextlib.suppress(OSError):
                        key.fileobj.send(key.data + question)  # type: ignore[union-attr]
            for key, _ in selector.select(min(until_s, again_s) - now_s):
                asked: socket.socket = key.fileobj  # type: ignore[assignment]
                with contextlib.suppress(OSError):
                    answer = asked.recv(_MAX_ANSWER_BYTES)
                    if found := _addresses(answer, key.data, question, family):
                        return found
                    if answer[:2] != key.data:
                        continue
                selector.unregister(asked)
    return []


def _servers(resolv_conf: Path) -> list[tuple[socket.AddressFamily, str]]:
    """Name servers, but no resolver on this machine, which asks by the networks' own."""
    found: list[tuple[socket.AddressFamily, str]] = []
    with contextlib.suppress(OSError):
        for line in resolv_conf.read_text(encoding="ascii", errors="replace").splitlines():
            words = line.split()
            if len(words) < 2 or words[0] != "nameserver":
                continue
            with contextlib.suppress(ValueError):
                server = ip_address(words[1])
                if not server.is_loopback:
                    found.append((socket.AF_INET if server.version == 4 else socket.AF_INET6, words[1]))
    return found


def _connected(server: tuple[socket.AddressFamily, str], device: str) -> socket.socket | None:
    """A socket that sends to this server by this device; None when there is no way."""
    family, address = server
    try:
        made = socket.socket(family, socket.SOCK_DGRAM)
    except OSError:
        return None
    try:
        made.setblocking(False)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode() + b"\0")
        made.connect(socket.getaddrinfo(address, _PORT, family, socket.SOCK_DGRAM, 0, socket.AI_NUMERICHOST)[0][4])
    except OSError:
        made.close()
        return None
    return made


def _question(host: str, family: socket.AddressFamily) -> bytes:
    """A question as in RFC 1035, 4.1, but for its number."""
    labels = host.rstrip(".").encode("idna").split(b".")
    if labels[-1].isdigit() or b":" in host.encode() or not all(0 < len(label) < 64 for label in labels):
        raise ValueError("no name")
    name = b"".join(bytes([len(label)]) + label for label in labels) + b"\0"
    return struct.pack(">5H", 0x0100, 1, 0, 0, 0) + name + struct.pack(">2H", _KINDS[family][0], 1)


def _addresses(answer: bytes, number: bytes, question: bytes, family: socket.AddressFamily) -> list[str]:
    """The addresses in an answer to this question; none in any other, or in one that can't be read."""
    kind, length = _KINDS[family]
    asked, found = question[10:], []
    try:
        flags, _, records = struct.unpack_from(">3H", answer, 2)
        at = 12 + len(asked)
        if answer[:2] != number or flags & _FLAGS != 0x8000 or answer[12:at].lower() != asked.lower():
            return []
        for _ in range(records):
            at = _after_name(answer, at)
            is_kind, _, _, size = struct.unpack_from(">2HIH", answer, at)
            at += 10
            if is_kind == kind and size == length:
                found.append(socket.inet_ntop(family, answer[at : at + size]))
            at += size
    except (IndexError, ValueError, struct.error):
        pass  # cut short: what was told before is good
    return found


def _after_name(answer: bytes, at: int) -> int:
    """Where the name that begins at `at` has ended."""
    while (length := answer[at]) != 0:
        if length >= 0xC0:  # goes on elsewhere (RFC 1035, 4.1.4)
            return at + 2
        at += 1 + length
    return at + 1
