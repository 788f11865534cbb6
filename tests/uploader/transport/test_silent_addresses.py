"""Addresses of a server that let themselves be connected to and carry nothing: the next connection is to another."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from piboothup.config import Secret
from piboothup.uploader.eventpics import ApiError, EventPicsApi
from piboothup.uploader.outcomes import Outcome
from piboothup.uploader.transport import happy_eyeballs
from piboothup.uploader.transport.client import Transport
from piboothup.uploader.transport.errors import LinkError
from tests.support.ca import Authority
from tests.support.clock import HandClock
from tests.support.limits import FAR, FAR_S, relax
from tests.support.server import Liar, Story, says

pytestmark = pytest.mark.slow

IMPATIENT = dataclasses.replace(FAR, read_s=0.2, stall_s=0.2)
"""Where no answer is to come."""
PHOTO_BYTES = 1024 * 1024


def says_nothing(liar: Liar, connection: socket.socket) -> None:
    liar.ended.wait()


def takes_and_says_nothing(liar: Liar, connection: socket.socket) -> None:
    liar.request(connection)
    liar.ended.wait()


def answers_once(liar: Liar, connection: socket.socket) -> None:
    liar.request(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    liar.ended.wait()


def hangs_up(liar: Liar, connection: socket.socket) -> None:
    liar.request(connection)


@pytest.fixture
def photo(tmp_path: Path) -> Iterator[io.BufferedReader]:
    (tmp_path / "photo.jpg").write_bytes(b"x" * PHOTO_BYTES)
    with (tmp_path / "photo.jpg").open("rb") as file:
        yield file


@pytest.fixture
def led(monkeypatch: pytest.MonkeyPatch) -> dict[socket.AddressFamily, tuple[str, int]]:
    """Where the name localhost leads to, by family; both are always found, and tried, in the same order.

    On a loaded machine the second would overtake the first, and win, once a delay is over.
    """
    monkeypatch.setattr(happy_eyeballs, "_ATTEMPT_DELAY_S", FAR_S)
    monkeypatch.setattr(happy_eyeballs, "_RESOLUTION_DELAY_S", FAR_S)
    found: dict[socket.AddressFamily, tuple[str, int]] = {}
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda host, port, family, kind: [(family, kind, 0, "", found[family])]
    )
    return found


SILENT: dict[str, Story] = {
    "nothing of a photo gets through": says_nothing,
    "no answer comes back": takes_and_says_nothing,
    "it hangs up": hangs_up,
}


@pytest.mark.parametrize("story", SILENT.values(), ids=SILENT)
def test_n03_a_family_that_connects_but_carries_nothing(
    led: dict[socket.AddressFamily, tuple[str, int]], photo: io.BufferedReader, story: Story
) -> None:
    """As IPv6 behind a tunnel that drops full packets without a word: a connection is made, but no photo sent."""
    with Liar(story, host="::1", buffer_bytes=8192) as silent, Liar(says("201 Created")) as good:
        led.update({socket.AF_INET6: ("::1", silent.port), socket.AF_INET: ("127.0.0.1", good.port)})
        with contextlib.closing(Transport(HandClock(), plain_http=True, limits=IMPATIENT)) as made:
            url = Secret(f"http://localhost:{good.port}/put")
            with pytest.raises(LinkError):
                made.exchange("PUT", url, {}, photo, deadline_s=60.0)
            relax(made)
            photo.seek(0)
            assert made.exchange("PUT", url, {}, photo, deadline_s=60.0).status == 201
            made.close()
            assert made.exchange("GET", url, {}, deadline_s=60.0).status == 201
    assert silent.connections == 1


def test_n03_a_family_on_which_tls_gets_no_answer(
    led: dict[socket.AddressFamily, tuple[str, int]], tmp_path: Path
) -> None:
    authority, limits = Authority(tmp_path), dataclasses.replace(FAR, connect_s=0.5)
    with (
        Liar(says_nothing, host="::1") as silent,
        Liar(says("200 OK"), tls=authority.certificate(host="localhost")) as good,
    ):
        led.update({socket.AF_INET6: ("::1", silent.port), socket.AF_INET: ("127.0.0.1", good.port)})
        with contextlib.closing(Transport(HandClock(), limits=limits, ca_file=authority.file)) as made:
            url = Secret(f"https://localhost:{good.port}/")
            outcome = None
            while outcome is not Outcome.TIMEOUT:
                with pytest.raises(LinkError) as caught:
                    made.exchange("GET", url, {}, deadline_s=60.0)
                outcome = caught.value.outcome
                assert outcome in (Outcome.TIMEOUT, Outcome.CONNECT, Outcome.DNS), "a slow machine may not get so far"
            relax(made)
            assert made.exchange("GET", url, {}, deadline_s=60.0).status == 200


REFUSALS: dict[str, Story] = {
    "out of order": says("503 Service Unavailable"),
    "blocked there": says("403 Forbidden", b"<!DOCTYPE html><html>Sorry, you have been blocked</html>"),
    "not for this name": says("421 Misdirected Request"),
}


@pytest.mark.parametrize("story", REFUSALS.values(), ids=REFUSALS)
def test_n03_f03_an_address_that_refuses_is_not_the_only_one(
    led: dict[socket.AddressFamily, tuple[str, int]], story: Story
) -> None:
    """Firewalls block by the sender's address: what IPv6 may not, IPv4 may, or the other way round."""
    with Liar(story, host="::1") as bad, Liar(says("200 OK", b'{"events": []}')) as good:
        led.update({socket.AF_INET6: ("::1", bad.port), socket.AF_INET: ("127.0.0.1", good.port)})
        with contextlib.closing(Transport(HandClock(), plain_http=True, limits=FAR)) as made:
            api = EventPicsApi(f"http://localhost:{good.port}", Secret("key"), HandClock(), transport=made)
            with pytest.raises(ApiError):
                api.events()
            assert api.events().events == ()


def test_n03_a_dead_kept_connection_says_nothing_of_its_address(
    led: dict[socket.AddressFamily, tuple[str, int]],
) -> None:
    """It was connected to long ago; nor does it say that packets are too long."""
    with Liar(answers_once, host="::1") as six, Liar(says("200 OK")) as four:
        led.update({socket.AF_INET6: ("::1", six.port), socket.AF_INET: ("127.0.0.1", four.port)})
        with contextlib.closing(Transport(HandClock(), plain_http=True, limits=FAR)) as made:
            url = Secret(f"http://localhost:{four.port}/")
            assert made.exchange("GET", url, {}, deadline_s=60.0).status == 200
            made._limits = IMPATIENT
            with pytest.raises(LinkError):
                made.exchange("GET", url, {}, deadline_s=60.0)
            relax(made)
            assert made.exchange("GET", url, {}, deadline_s=60.0).status == 200
            assert not made.guard.has_small_packets
    assert (six.connections, four.connections) == (2, 0)


def test_n03_the_newest_silent_addresses_alone_are_known() -> None:
    """A storage has others every few minutes: a summer's would fill the memory."""
    lookups = happy_eyeballs.NameLookups()
    for number in [*range(100), 90]:
        lookups.connected = (f"192.0.2.{number}", 443)
        lookups.put_last()
    known = [int(host.split(".")[-1]) for host, _ in lookups._avoided]
    assert known == [*(number for number in range(68, 100) if number != 90), 90]


def test_n03_of_two_silent_addresses_none_is_given_up(led: dict[socket.AddressFamily, tuple[str, int]]) -> None:
    """The one that failed longest ago is next: neither is left out for good."""
    with Liar(hangs_up, host="::1") as six, Liar(hangs_up) as four:
        led.update({socket.AF_INET6: ("::1", six.port), socket.AF_INET: ("127.0.0.1", four.port)})
        with contextlib.closing(Transport(HandClock(), plain_http=True, limits=FAR)) as made:
            for turn in range(6):
                with pytest.raises(LinkError):
                    made.exchange("GET", Secret(f"http://localhost:{four.port}/"), {}, deadline_s=60.0)
                assert (six.connections, four.connections) == (turn // 2 + 1, (turn + 1) // 2)
