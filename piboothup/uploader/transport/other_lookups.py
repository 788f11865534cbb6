"""Name look-ups by the networks that the kernel does not prefer (RFC 1035).

glibc asks the name servers in their order, by the network that the kernel prefers. While that one wants a sign-in or
has no signal, its server may answer each name with its own address, and what it answers is final. TLS tells who is
reached in the end, so an answer needs no more proof here.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

from piboothup.config import is_loopback
from piboothup.uploader.transport.other_networks import other_devices

_PATIENCE_S = 2.0
"""How long one server may take, seconds."""
_PORT = 53
_QUERY = b"\1\0\0\1\0\0\0\0\0\0"
"""Header of a query after its number: one question, recursion desired (4.1.1)."""
_TYPES = {socket.AF_INET: 1, socket.AF_INET6: 28}
"""A (RFC 1035, 3.2.2) and AAAA (RFC 3596, 2.1)."""
_LENGTHS = {socket.AF_INET: 4, socket.AF_INET6: 16}


def addresses_by_others(
    host: str, family: socket.AddressFamily, config: Path = Path("/etc/resolv.conf")
) -> list[str]:
    """Addresses of this family that the name servers of other networks know; empty when they don't answer."""
    if is_loopback(host) or any(_is_address(host, each) for each in _TYPES):
        return []
    for server_family, server in reversed([*_servers(config)]):  # those of the preferred network stand first
        for device in other_devices(server_family):
            with contextlib.suppress(OSError, UnicodeError):
                if found := ask(host, family, (server, _PORT), device):
                    return found
    return []


def _is_address(host: str, family: socket.AddressFamily) -> bool:
    with contextlib.suppress(OSError):
        return bool(socket.inet_pton(family, host.strip("[]")))
    return False


def ask(host: str, family: socket.AddressFamily, server: tuple[str, int], device: str) -> list[str]:
    """What this server answers by this device. Raises OSError; UnicodeError when no host can be called that."""
    number = os.urandom(2)
    labels = host.rstrip(".").encode("idna").split(b".")
    name = b"".join(bytes([len(label)]) + label for label in labels) + b"\0"
    with socket.socket(socket.AF_INET6 if ":" in server[0] else socket.AF_INET, socket.SOCK_DGRAM) as asked:
        asked.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode() + b"\0")
        asked.settimeout(_PATIENCE_S)
        asked.connect(server)
        asked.send(number + _QUERY + name + struct.pack("!HH", _TYPES[family], 1))
        answer = asked.recv(4096)
    try:
        return [*_addresses(answer, family)] if answer[:2] == number else []
    except (IndexError, struct.error):
        return []


def _addresses(answer: bytes, family: socket.AddressFamily) -> Iterator[str]:
    """Addresses in the answer's records (4.1.3). Raises IndexError or struct.error where it is cut."""
    questions, records = struct.unpack_from("!HH", answer, 4)
    at = 12
    for _ in range(questions):
        at = _after_name(answer, at) + 4
    for _ in range(records):
        at = _after_name(answer, at)
        kind, _, _, length = struct.unpack_from("!HHIH", answer, at)
        at += 10
        if kind == _TYPES[family] and length == _LENGTHS[family] and at + length <= len(answer):
            yield socket.inet_ntop(family, answer[at : at + length])
        at += length


def _after_name(answer: bytes, at: int) -> int:
    while length := answer[at]:
        if length >= 0xC0:  # the rest of the name stands elsewhere (4.1.4)
            return at + 2
        at += 1 + length
    return at + 1


def _servers(config: Path) -> Iterator[tuple[socket.AddressFamily, str]]:
    """Name servers of resolv.conf, with their family."""
    with contextlib.suppress(OSError):
        for line in config.read_text(encoding="utf-8", errors="replace").splitlines():
            words = line.split()
            if words[:1] == ["nameserver"] and len(words) > 1:
                yield (socket.AF_INET6 if ":" in words[1] else socket.AF_INET), words[1]
