"""F1: any number of interim answers before the answer, in every kind of exchange, over real sockets."""

from __future__ import annotations

import contextlib
import io
import socket
from pathlib import Path

import pytest

from piboothup.config import Secret
from piboothup.uploader.answers import classify
from piboothup.uploader.outcomes import ApiCall, Outcome
from piboothup.uploader.transport.client import Transport
from piboothup.uploader.transport.errors import LinkError
from piboothup.uploader.transport.messages import Answer
from tests.support.ca import Authority, Connect, day_s
from tests.support.clock import HandClock
from tests.support.limits import FAR, FAR_S
from tests.support.photos import jpeg
from tests.support.server import Liar, Story, says
from tests.support.uploader import Desk

HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\nContent-Length: 9\r\n\r\n"
PROCESSING = b"HTTP/1.1 102 Processing\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
UNKNOWN = b"HTTP/1.1 199 Who Knows\nX-Any: bare line ends\n\n"
FINAL = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
INTERIM = {
    "103": HINTS,
    "102": PROCESSING,
    "100": CONTINUE,
    "unknown": UNKNOWN,
    "several": CONTINUE + HINTS + PROCESSING + HINTS + CONTINUE + UNKNOWN,
    "a hundred": PROCESSING * 100,
}


def first(interim: bytes, final: bytes = FINAL) -> Story:
    """Takes each request whole and says both."""

    def story(liar: Liar, connection: socket.socket) -> None:
        while True:
            liar.request(connection)
            connection.sendall(interim + final)

    return story


def put(transport: Transport, url: str, file: io.BufferedReader) -> Answer:
    return transport.exchange("PUT", Secret(url), {}, file, deadline_s=60.0)


@pytest.mark.parametrize("interim", INTERIM.values(), ids=INTERIM)
def test_f01_interim_answers_before_a_puts_are_passed_over(
    transport: Transport, photo: io.BufferedReader, interim: bytes
) -> None:
    with Liar(first(interim)) as liar:
        for _ in range(2):
            photo.seek(0)
            answer = put(transport, liar.url, photo)
            assert classify(ApiCall.PUT, answer) is Outcome.ACCEPTED
            assert (answer.status, answer.body) == (200, b"{}")
    assert len(liar.requests) == 2
    assert liar.connections == 1  # it stays usable: each request gets its own answer


def test_f01_interim_answers_that_come_while_the_photo_is_sent(
    transport: Transport, photo: io.BufferedReader
) -> None:
    def story(liar: Liar, connection: socket.socket) -> None:
        connection.sendall(CONTINUE + HINTS)
        liar.request(connection)
        connection.sendall(FINAL)

    with Liar(story) as liar:
        assert classify(ApiCall.PUT, put(transport, liar.url, photo)) is Outcome.ACCEPTED
        assert len(liar.requests) == 1


def test_f01_interim_answers_before_a_redirect_and_after_it(transport: Transport, photo: io.BufferedReader) -> None:
    def story(liar: Liar, connection: socket.socket) -> None:
        liar.request(connection)
        connection.sendall(HINTS + b"HTTP/1.1 307 On\r\nLocation: /there\r\nContent-Length: 0\r\n\r\n")
        liar.request(connection)
        connection.sendall(PROCESSING + FINAL)

    with Liar(story) as liar:
        assert put(transport, liar.url + "/here", photo).status == 200
        assert [whole.split(b" ")[1] for _, whole in liar.requests] == [b"/here", b"/there"]


def test_f01_interim_answers_before_a_sign_in_page(transport: Transport) -> None:
    del transport
    with Liar(first(HINTS, b"HTTP/1.1 511 Sign In\r\nContent-Length: 0\r\n\r\n")) as portal:
        with contextlib.closing(Transport(HandClock(), limits=FAR, http_port=portal.port)) as asking:
            assert asking.get_plain_http("127.0.0.1", FAR_S).status == 511


def test_f01_interim_answers_before_the_time_is_told(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    dated = b"HTTP/1.1 200 OK\r\nDate: Sun, 15 Jun 2025 15:06:40 GMT\r\nContent-Length: 0\r\n\r\n"
    with Liar(first(HINTS + PROCESSING, dated), tls=authority.certificate()) as liar:
        with contextlib.closing(Transport(HandClock(), limits=FAR, ca_file=authority.file)) as asking:
            assert asking.get_date(liar.url, FAR_S).date == "Sun, 15 Jun 2025 15:06:40 GMT"


def test_f01_an_evening_of_early_hints_sends_each_photo_once(desk: Desk, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    front = desk.put_behind_tls(authority.certificate())
    told = front.story

    class Hinting:
        """A connection on which each answer is preceded by what a content network says before it."""

        def __init__(self, connection: socket.socket) -> None:
            self._connection = connection

        def sendall(self, content: bytes) -> None:
            self._connection.sendall(PROCESSING + HINTS + content)

        def __getattr__(self, name: str) -> object:
            return getattr(self._connection, name)

    front.story = lambda liar, connection: told(liar, Hinting(connection))  # type: ignore[arg-type]
    desk.server_clock.wall_s = day_s(0)
    names = [desk.take() for _ in range(3)]
    desk.start(connect=Connect(authority))
    desk.until_sent(*names)
    assert [desk.stored(name) for name in names] == [jpeg(number) for number in (1, 2, 3)]
    assert desk.album.calls == {"geteventsandalbums": 1, "getuploadurl": 3, "put": 3}


def test_f01_101_is_refused_as_nobody_asked_to_switch(transport: Transport, photo: io.BufferedReader) -> None:
    switches = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n"
    with Liar(first(HINTS + switches, FINAL)) as liar:
        assert classify(ApiCall.PUT, put(transport, liar.url, photo)) is Outcome.UNEXPECTED
        liar.story = says("404 Not Found")
        photo.seek(0)
        assert put(transport, liar.url, photo).status == 404
    assert liar.connections == 2  # what comes after a 101 is no answer to anything


@pytest.mark.parametrize("interim", [PROCESSING, b"HTTP/1.1 103 Hints\r\nLink: " + b"x" * 9000 + b"\r\n\r\n"])
def test_f01_interim_answers_without_end_are_no_answer(transport: Transport, interim: bytes) -> None:
    def endless(liar: Liar, connection: socket.socket) -> None:
        liar.request(connection)
        while True:
            connection.sendall(interim)

    with Liar(endless) as liar, pytest.raises(LinkError) as caught:
        transport.exchange("GET", Secret(liar.url), {}, deadline_s=60.0)
    assert caught.value.outcome is Outcome.RESET


def test_f01_interim_answers_make_no_deadline_longer(photo: io.BufferedReader) -> None:
    clock = HandClock()
    sending = Transport(clock, plain_http=True, limits=FAR)

    def slow(liar: Liar, connection: socket.socket) -> None:
        liar.request(connection)
        while True:
            connection.sendall(PROCESSING)
            clock.pass_s(20.0)
            sending.guard.enforce()

    with Liar(slow) as liar, contextlib.closing(sending), pytest.raises(LinkError) as caught:
        put(sending, liar.url, photo)
    assert caught.value.outcome is Outcome.TIMEOUT


@pytest.mark.parametrize("cut", [b"HTTP/1.1 103 Early Hints\r\nLink: <", HINTS, HINTS + b"HTTP/1.1 200 OK\r\nDa"])
def test_f01_a_connection_that_breaks_after_a_hint_is_no_answer(
    transport: Transport, photo: io.BufferedReader, cut: bytes
) -> None:
    def story(liar: Liar, connection: socket.socket) -> None:
        liar.request(connection)
        connection.sendall(cut)

    with Liar(story) as liar, pytest.raises(LinkError) as caught:
        put(transport, liar.url, photo)
    assert caught.value.outcome is Outcome.RESET
