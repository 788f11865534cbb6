"""N27: a 307 or 308 is followed with the whole body, and only to the very server that sent it."""

from __future__ import annotations

import io
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from piboothup.config import Secret
from piboothup.simulator.faults import Fault
from piboothup.uploader.answers import classify
from piboothup.uploader.outcomes import ApiCall, Outcome
from piboothup.uploader.transport.client import Transport
from piboothup.uploader.transport.errors import LinkError
from piboothup.uploader.transport.messages import Answer
from tests.support.ca import Authority
from tests.support.clock import HandClock
from tests.support.limits import FAR
from tests.support.photos import jpeg
from tests.support.server import Liar, Story, says
from tests.support.uploader import Desk

PHOTO = b"x" * 300_000


@pytest.fixture
def photo(tmp_path: Path) -> Iterator[io.BufferedReader]:
    path = tmp_path / "photo.jpg"
    path.write_bytes(PHOTO)
    with path.open("rb") as file:
        yield file


def put(transport: Transport, url: str, photo: io.BufferedReader) -> Answer:
    return transport.exchange("PUT", Secret(url), {"Content-Type": "image/jpeg"}, photo, deadline_s=60.0)


def sends_on(status: str, where: Callable[[Liar], str]) -> Story:
    """The first request is sent on to another place, whatever comes there is accepted."""

    def story(liar: Liar, connection: socket.socket) -> None:
        while True:
            liar.request(connection)
            head = "200 OK" if len(liar.requests) > 1 else f"{status}\r\nLocation: {where(liar)}"
            connection.sendall(f"HTTP/1.1 {head}\r\nContent-Length: 0\r\n\r\n".encode())

    return story


@pytest.mark.parametrize("status", ["307 Temporary Redirect", "308 Permanent Redirect"])
@pytest.mark.parametrize("where", ["/there?signature=s", "{url}/there?signature=s", "//{host}/there?signature=s"])
def test_n27_photo_sent_whole_to_where_same_server_redirects(
    transport: Transport, photo: io.BufferedReader, status: str, where: str
) -> None:
    def there(liar: Liar) -> str:
        return where.format(url=liar.url, host=f"127.0.0.1:{liar.port}")

    with Liar(sends_on(status, there)) as liar:
        answer = put(transport, liar.url + "/here?signature=s", photo)
    assert classify(ApiCall.PUT, answer) is Outcome.ACCEPTED
    assert liar.connections == 1
    (_, first), (_, second) = liar.requests
    assert first.startswith(b"PUT /here?signature=s HTTP/1.1\r\n")
    assert second.startswith(b"PUT /there?signature=s HTTP/1.1\r\n")
    for whole in (first, second):
        assert b"content-type: image/jpeg" in whole.lower()
        assert whole.endswith(b"\r\n\r\n" + PHOTO)


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "300 Choices", "304 Same"])
def test_n04_n27_other_redirects_not_followed_even_same_server(
    transport: Transport, photo: io.BufferedReader, status: str
) -> None:
    with Liar(sends_on(status, lambda liar: "/there")) as liar:
        assert classify(ApiCall.PUT, put(transport, liar.url + "/here", photo)) is Outcome.REDIRECT
    assert len(liar.requests) == 1


@pytest.mark.parametrize(
    "where", ["http://127.0.0.2:{port}/", "http://127.0.0.1:1/", "http://[", "ftp://127.0.0.1/", ""]
)
def test_n27_nothing_is_sent_on_to_another_host_or_port(
    transport: Transport, photo: io.BufferedReader, where: str
) -> None:
    with Liar(sends_on("307 Away", lambda liar: where.format(port=liar.port))) as liar:
        assert classify(ApiCall.PUT, put(transport, liar.url + "/here", photo)) is Outcome.REDIRECT
    assert len(liar.requests) == 1


@pytest.mark.parametrize("port", ["its own", "another"])
def test_n27_no_photo_is_sent_on_from_https_to_http(photo: io.BufferedReader, tmp_path: Path, port: str) -> None:
    authority = Authority(tmp_path)
    transport = Transport(HandClock(), plain_http=True, limits=FAR, ca_file=authority.file)
    with Liar(says("200 OK")) as plain:

        def down(liar: Liar) -> str:
            return f"http://127.0.0.1:{liar.port if port == 'its own' else plain.port}/there"

        with Liar(sends_on("308 Down", down), tls=authority.certificate()) as liar:
            assert classify(ApiCall.PUT, put(transport, liar.url + "/here", photo)) is Outcome.UNEXPECTED
    transport.close()
    assert plain.requests == []


def test_n27_a_server_that_sends_on_for_ever_is_left(transport: Transport, photo: io.BufferedReader) -> None:
    with Liar(says("307 Again", b"", "Location: /again")) as liar:
        assert classify(ApiCall.PUT, put(transport, liar.url + "/here", photo)) is Outcome.REDIRECT
    assert 2 <= len(liar.requests) <= 5


def test_n27_the_deadline_is_one_for_all_that_it_is_sent_on_to(photo: io.BufferedReader) -> None:
    clock = HandClock()
    transport = Transport(clock, plain_http=True, limits=FAR)

    def takes_its_time(liar: Liar, connection: socket.socket) -> None:
        while True:
            liar.request(connection)
            clock.pass_s(40.0)
            transport.guard.enforce()
            connection.sendall(b"HTTP/1.1 307 Again\r\nLocation: /again\r\nContent-Length: 0\r\n\r\n")

    with Liar(takes_its_time) as liar, pytest.raises(LinkError) as caught:
        put(transport, liar.url + "/here", photo)
    transport.close()
    assert caught.value.outcome is Outcome.TIMEOUT
    assert len(liar.requests) == 2


@pytest.mark.parametrize("call", ["geteventsandalbums", "getuploadurl"])
def test_n27_eventpics_calls_redirected_with_key_and_body(desk: Desk, call: str) -> None:
    desk.album.add_fault(Fault(call=call, status=307, redirect=f"/{call}", times=1))
    name = desk.take()
    desk.start()
    desk.until_sent(name)
    assert desk.album.calls[call] == 2
    assert desk.stored(name) == jpeg(1)
    assert desk.said()["problems"] == []
