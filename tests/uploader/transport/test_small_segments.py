"""Networks on which full packets get lost without a word, as behind many tunnels: small ones carry everything.

Here a server takes part in it: what comes on a connection with large segments gets nowhere. `tests/lab/venue` loses
them in the kernel.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from piboothup.config import Secret
from piboothup.uploader.transport.client import Transport
from piboothup.uploader.transport.errors import LinkError
from piboothup.uploader.transport.messages import Answer
from tests.support.ca import Authority
from tests.support.clock import HandClock
from tests.support.limits import FAR, relax
from tests.support.server import Liar, Story, says

pytestmark = pytest.mark.slow

IMPATIENT = dataclasses.replace(FAR, read_s=0.2, stall_s=0.2)
"""Where no answer is to come."""
FITS_BYTES = 1220
"""Payload of the smallest full packet of IPv6 (RFC 8200, 5): 1280 bytes with its headers."""
PHOTO_BYTES = 1024 * 1024
LONG = b"x" * 100_000


def is_small(connection: socket.socket) -> bool:
    """Whether packets on this connection are small, in both directions."""
    return connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG) <= FITS_BYTES


def takes_no_photo(liar: Liar, connection: socket.socket) -> None:
    liar.ended.wait()


def breaks_off_its_answer(liar: Liar, connection: socket.socket) -> None:
    liar.request(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    liar.ended.wait()


def takes_and_hangs_up(liar: Liar, connection: socket.socket) -> None:
    liar.request(connection)


def with_small_ones(small: Story, large: Story) -> Story:
    """Story that goes on one way on connections with small packets, another way on those with large ones."""

    def story(liar: Liar, connection: socket.socket) -> None:
        (small if is_small(connection) else large)(liar, connection)

    return story


@pytest.fixture
def photo(tmp_path: Path) -> Iterator[io.BufferedReader]:
    (tmp_path / "photo.jpg").write_bytes(b"x" * PHOTO_BYTES)
    with (tmp_path / "photo.jpg").open("rb") as file:
        yield file


def get(made: Transport, url: str) -> Answer:
    return made.exchange("GET", Secret(url), {}, deadline_s=60.0)


def put(made: Transport, url: str, photo: io.BufferedReader) -> Answer:
    photo.seek(0)
    return made.exchange("PUT", Secret(url), {}, photo, deadline_s=60.0)


def fails(exchange: Callable[..., Answer], *given: object) -> None:
    with pytest.raises(LinkError):
        exchange(*given)


LOST: dict[str, Story] = {
    "of the photo": takes_no_photo,
    "and the network cuts the connection": takes_and_hangs_up,
}


@pytest.mark.parametrize("large", LOST.values(), ids=LOST)
def test_n36_full_packets_that_get_lost_are_followed_by_small(photo: io.BufferedReader, large: Story) -> None:
    with (
        Liar(with_small_ones(says("201 Created"), large), buffer_bytes=8192) as liar,
        contextlib.closing(Transport(HandClock(), plain_http=True, limits=IMPATIENT)) as made,
    ):
        fails(put, made, liar.url, photo)
        relax(made)
        for _ in range(3):
            assert (put(made, liar.url, photo).status, made.guard.has_small_packets) == (201, True)
            made.close()
        assert liar.connections == 4


def test_n36_long_answer_in_full_packets_gets_lost() -> None:
    with (
        Liar(with_small_ones(says("200 OK", LONG), breaks_off_its_answer)) as liar,
        contextlib.closing(Transport(HandClock(), plain_http=True, limits=IMPATIENT)) as made,
    ):
        fails(get, made, liar.url)
        relax(made)
        assert get(made, liar.url).body == LONG


def test_n36_tls_greeting_in_full_packets_gets_lost(tmp_path: Path) -> None:
    """A server's certificates take several full packets; all the calls are lost, not only photos."""
    authority, limits = Authority(tmp_path), dataclasses.replace(FAR, connect_s=0.5)
    tls = authority.certificate(host="127.0.0.1")
    heard = threading.Event()

    def loses(liar: Liar, connection: socket.socket) -> None:
        heard.set()
        liar.ended.wait()

    def greets(liar: Liar, connection: socket.socket) -> None:
        with tls.wrap_socket(connection, server_side=True) as greeted:
            says("200 OK")(liar, greeted)

    with (
        Liar(with_small_ones(greets, loses)) as liar,
        contextlib.closing(Transport(HandClock(), limits=limits, ca_file=authority.file)) as made,
    ):
        while not heard.is_set():  # a slow machine may not be connected in that time
            fails(get, made, f"https://127.0.0.1:{liar.port}")
        relax(made)
        assert get(made, f"https://127.0.0.1:{liar.port}").status == 200


def test_n36_next_network_without_tunnel_has_large_packets() -> None:
    """What failed with small packets is tried with large ones; what an answer refuses changes nothing."""
    with (
        Liar(with_small_ones(takes_and_hangs_up, says("503 Service Unavailable"))) as liar,
        contextlib.closing(Transport(HandClock(), plain_http=True, limits=FAR)) as made,
    ):
        assert (get(made, liar.url).status, made.guard.has_small_packets) == (503, False)
        made.close()
        made.guard.change_packets()
        fails(get, made, liar.url)
        assert (get(made, liar.url).status, made.guard.has_small_packets) == (503, False)


def test_n36_silence_of_plain_http_changes_nothing() -> None:
    """Only asked to see a sign-in page; many networks let none of it through, and it is short."""
    with (
        Liar(takes_and_hangs_up) as liar,
        contextlib.closing(Transport(HandClock(), limits=FAR, http_port=liar.port)) as made,
    ):
        made.guard.change_packets()
        fails(made.get_plain_http, "127.0.0.1", 60.0)
        assert made.guard.has_small_packets


def test_n36_server_that_nobody_vouches_for_changes_nothing(tmp_path: Path) -> None:
    """Its certificates came through, in full packets."""
    for name in ("own", "other"):
        (tmp_path / name).mkdir()
    own, other = (Authority(tmp_path / name) for name in ("own", "other"))
    with (
        Liar(says("200 OK"), tls=other.certificate()) as liar,
        contextlib.closing(Transport(HandClock(), limits=FAR, ca_file=own.file)) as made,
    ):
        fails(get, made, liar.url)
        assert not made.guard.has_small_packets


def test_n36_server_that_is_not_there_changes_nothing() -> None:
    with Liar(says("200 OK")) as liar, contextlib.closing(Transport(HandClock(), plain_http=True)) as made:
        made.guard.change_packets()
        liar.refuse()
        made._limits = dataclasses.replace(FAR, connect_s=0.2)
        fails(get, made, liar.url)
        assert made.guard.has_small_packets
