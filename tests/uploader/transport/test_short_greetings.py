"""F3: firewalls that can't read a TLS greeting of two packets: one that fits into a packet follows.

OpenSSL 3.5 has the long one. Elsewhere these firewalls look at the number of its keys, so that they refuse the same
greetings with every version.
"""

from __future__ import annotations

import contextlib
import dataclasses
import socket
import ssl
import struct
import threading
from pathlib import Path

import pytest

from piboothup.config import Secret
from piboothup.uploader.outcomes import Outcome
from piboothup.uploader.transport.client import Transport
from piboothup.uploader.transport.errors import LinkError
from piboothup.uploader.transport.messages import Answer
from tests.support.ca import Authority, Connect, day_s
from tests.support.clock import HandClock
from tests.support.deadline import PATIENCE_S
from tests.support.limits import FAR, relax
from tests.support.server import Liar, Story, brings_to, says
from tests.support.uploader import Desk

pytestmark = pytest.mark.slow

SUPPORTED_GROUPS = 10
"""Number of the extension that lists the kinds of keys (RFC 8446, 4.2)."""
ONE_PACKET_BYTES = 1024
DECODE_ERROR, HANDSHAKE_FAILURE, INTERNAL_ERROR = 50, 40, 80


def greeting(connection: socket.socket) -> bytes:
    """A client's first TLS record, left in the connection for who shakes hands."""
    length = 5
    while True:
        seen = connection.recv(length, socket.MSG_PEEK | socket.MSG_WAITALL)
        if len(seen) < length:
            return b""  # it was given up
        if length > 5:
            return seen
        length += int.from_bytes(seen[3:5])


def key_kinds(hello: bytes) -> int:
    """Number of kinds of keys in a greeting (RFC 8446, 4.1.2)."""
    at = 5 + 4 + 2 + 32
    for size in (1, 2, 1):  # session, ciphers, compressions
        at += size + int.from_bytes(hello[at : at + size])
    at += 2
    while at < len(hello):
        kind, length = int.from_bytes(hello[at : at + 2]), int.from_bytes(hello[at + 2 : at + 4])
        if kind == SUPPORTED_GROUPS:
            return (length - 2) // 2
        at += 4 + length
    raise AssertionError("no kinds of keys in the greeting")


def drops(liar: Liar, connection: socket.socket) -> None:
    liar.ended.wait(PATIENCE_S)


def resets(_: Liar, connection: socket.socket) -> None:
    greeting(connection)  # a connection that is reset earlier was none
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def hangs_up(_: Liar, connection: socket.socket) -> None:
    connection.recv(65536)  # else it would be a reset


def alerts(number: int) -> Story:
    def story(_: Liar, connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(bytes([21, 3, 3, 0, 2, 2, number]))  # RFC 8446, 5.1 and 6: fatal

    return story


FIREWALLS: dict[str, Story] = {
    "resets": resets,
    "hangs up": hangs_up,
    "alert, decode error": alerts(DECODE_ERROR),
    "alert, handshake failure": alerts(HANDSHAKE_FAILURE),
    "alert, internal error": alerts(INTERNAL_ERROR),
}


class Firewall:
    """Lets short greetings through to `story` over TLS; does `refuses` to long ones."""

    def __init__(self, tls: ssl.SSLContext, refuses: Story, story: Story) -> None:
        self._tls, self._refuses, self._story = tls, refuses, story
        self.refused = threading.Event()
        self.passed: list[bytes] = []

    def __call__(self, liar: Liar, connection: socket.socket) -> None:
        if not (hello := greeting(connection)):
            return
        if key_kinds(hello) > 1:
            self.refused.set()
            self._refuses(liar, connection)
            return
        self.passed.append(hello)
        with self._tls.wrap_socket(connection, server_side=True) as greeted:
            self._story(liar, greeted)


def get(made: Transport, liar: Liar) -> Answer:
    return made.exchange("GET", Secret(f"https://127.0.0.1:{liar.port}"), {}, deadline_s=60.0)


def fails(made: Transport, liar: Liar) -> Outcome:
    with pytest.raises(LinkError) as caught:
        get(made, liar)
    return caught.value.outcome


@pytest.mark.parametrize("refuses", FIREWALLS.values(), ids=FIREWALLS)
def test_f03_a_long_greeting_is_followed_by_a_short_one(tmp_path: Path, refuses: Story) -> None:
    """At once, as a command asks but once; from then on it stays with what works."""
    authority = Authority(tmp_path)
    firewall = Firewall(authority.certificate(), refuses, says("200 OK"))
    with (
        Liar(firewall) as liar,
        contextlib.closing(Transport(HandClock(), limits=FAR, ca_file=authority.file)) as made,
    ):
        for _ in range(3):
            assert get(made, liar).status == 200
            made.close()
        assert firewall.refused.is_set()
        assert liar.connections == 4
        assert all(len(hello) <= ONE_PACKET_BYTES for hello in firewall.passed)


@pytest.mark.parametrize("refuses", FIREWALLS.values(), ids=FIREWALLS)
def test_f03_who_refuses_each_greeting_is_asked_twice(tmp_path: Path, refuses: Story) -> None:
    with (
        Liar(refuses) as liar,
        contextlib.closing(Transport(HandClock(), limits=FAR, ca_file=Authority(tmp_path).file)) as made,
    ):
        assert fails(made, liar) is Outcome.RESET
        assert liar.connections == 2


def test_f03_a_long_greeting_that_is_dropped_is_followed(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    firewall = Firewall(authority.certificate(), drops, says("200 OK"))
    limits = dataclasses.replace(FAR, connect_s=0.5)
    with (
        Liar(firewall) as liar,
        contextlib.closing(Transport(HandClock(), limits=limits, ca_file=authority.file)) as made,
    ):
        while not firewall.refused.is_set():  # a slow machine may not be connected in that time
            fails(made, liar)
        relax(made)
        assert get(made, liar).status == 200


def test_f03_without_a_firewall_the_greeting_is_the_long_one(tmp_path: Path) -> None:
    """Also once a short one has failed, as on the next network."""
    authority, seen = Authority(tmp_path), list[int]()
    tls = authority.certificate()

    def story(liar: Liar, connection: socket.socket) -> None:
        seen.append(key_kinds(greeting(connection)))
        if seen[-1] == 1:
            resets(liar, connection)
            return
        with tls.wrap_socket(connection, server_side=True) as greeted:
            says("200 OK")(liar, greeted)

    with (
        Liar(story) as liar,
        contextlib.closing(Transport(HandClock(), limits=FAR, ca_file=authority.file)) as made,
    ):
        assert get(made, liar).status == 200
        made.close()
        made.guard.change_packets()
        assert get(made, liar).status == 200
    assert min(seen[0], seen[2]) > 1
    assert seen[1:2] == [1]


@pytest.mark.parametrize(
    ("vouched", "until_day", "outcome"),
    [("own", 90, None), ("own", -1, Outcome.TLS_DATE), ("other", 90, Outcome.TLS)],
)
def test_f03_a_short_greeting_trusts_whom_the_long_one_does(
    tmp_path: Path, vouched: str, until_day: int, outcome: Outcome | None
) -> None:
    authorities = {}
    for name in ("own", "other"):
        (tmp_path / name).mkdir()
        authorities[name] = Authority(tmp_path / name)
    with (
        Liar(says("200 OK"), tls=authorities[vouched].certificate(-90, until_day)) as liar,
        contextlib.closing(Transport(HandClock(), limits=FAR, ca_file=authorities["own"].file)) as made,
    ):
        for is_short in (False, True):
            assert made.guard.has_small_packets == is_short  # what the server shows changes nothing
            if outcome is None:
                assert get(made, liar).status == 200
            else:
                assert fails(made, liar) is outcome
            made.close()
            made.guard.change_packets()


@pytest.mark.parametrize("refuses", FIREWALLS.values(), ids=FIREWALLS)
def test_f03_photos_pass_a_firewall_of_short_greetings(desk: Desk, tmp_path: Path, refuses: Story) -> None:
    """From the first probe to the album, where nothing was ever sent before."""
    authority = Authority(tmp_path)
    firewall = Firewall(authority.certificate(), refuses, brings_to(desk.album.port))
    with Liar(firewall) as front:
        desk.album.url = f"https://127.0.0.1:{front.port}"
        desk.configure(api_url=desk.album.url)
        desk.server_clock.wall_s = day_s(0)
        names = [desk.take() for _ in range(3)]
        desk.start(connect=Connect(authority))
        before_s = desk.clock.boottime_s
        for name in names:
            desk.until_sent(name, step_s=1.0)
        assert desk.clock.boottime_s - before_s <= 120.0
        assert firewall.refused.is_set()
