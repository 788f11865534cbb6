"""F1: a head with a line that is no header, or not quite: what follows it still counts, above all the body's length.

Browsers read such answers; http.client takes the rest of the head for text, and waits for the connection's end.
"""

from __future__ import annotations

import io
import socket

import pytest

from piboothup.config import Secret
from piboothup.uploader.transport.client import Transport
from piboothup.uploader.transport.messages import server_ms
from tests.support.server import Liar, Story

BODY = b'{"events": []}'
LENGTH = b"Content-Length: 14\r\n"
HEADS = {
    "a line without a colon": b"garbage\r\n" + LENGTH,
    "a warning of php": b"PHP Warning:  no such file in a.php on line 3\r\n" + LENGTH,
    "a blank before the colon": b"X-Any : 1\r\n" + LENGTH,
    "the length with a blank": b"Content-Length : 14\r\n",
    "a name in utf-8": "Größe: 1\r\n".encode() + LENGTH,
    "a line that goes on no header": LENGTH + b"garbage\r\n 99\r\nX-Any: 1\r\n",
    "a line that goes on": b"X-Any: 1\r\n 2\r\n" + LENGTH,
    "a carriage return inside": b"X-Any: 1\r2\r\n" + LENGTH,
    "bare line ends": b"X-Any: 1\ngarbage\nContent-Length: 14\n",
    "one length said twice": b"Content-Length: 14, 14\r\n",
    "one length in two headers": LENGTH + LENGTH,
    "a line that goes on with nothing": b"X-Any: 1\r\n \t\r\n" + LENGTH,
    "chunks": b"garbage\r\nTransfer-Encoding: chunked\r\n",
    "chunks, and a blank after it": b"Transfer-Encoding: chunked \t\r\n",
    "chunks, and an empty header": b"X-Any:\r\nTransfer-Encoding:chunked \r\n",
}


def says_head(head: bytes) -> Story:
    """Answers each request with this head, and keeps the connection."""
    body = b"e\r\n%s\r\n0\r\n\r\n" % BODY if b"chunked" in head else BODY

    def story(liar: Liar, connection: socket.socket) -> None:
        while True:
            liar.request(connection)
            connection.sendall(b"HTTP/1.1 200 OK\r\nDate: x\r\n" + head + b"Retry-After: 7\r\n\r\n" + body)

    return story


@pytest.mark.parametrize("head", HEADS.values(), ids=HEADS)
def test_f01_an_odd_line_costs_no_header_after_it(
    transport: Transport, photo: io.BufferedReader, head: bytes
) -> None:
    with Liar(says_head(head)) as liar:
        for method, body in (("GET", None), ("PUT", photo), ("GET", None)):
            answer = transport.exchange(method, Secret(liar.url), {}, body, deadline_s=60.0)
            assert (answer.status, answer.body, answer.complete) == (200, BODY, True)
            assert (answer.date, answer.retry_after) == ("x", "7")
        assert liar.connections == 1


def test_f01_lengths_that_differ_are_no_length(transport: Transport) -> None:
    with Liar(says_head(b"Content-Length: 14, 15\r\n")) as liar:
        answer = transport.exchange("GET", Secret(liar.url), {}, deadline_s=60.0)
        assert (answer.status, answer.body) == (200, b"")


def test_f01_of_a_header_that_came_twice_the_first_counts(transport: Transport) -> None:
    """As where an application sends a Date, and the server before it another."""
    first, last = "Tue, 01 Dec 2026 00:10:19 GMT", "Tue, 01 Dec 2026 00:10:20 GMT"
    twice = [("Content-Type", "text/html", "text/plain"), ("Location", "/a", "/b"), ("Date", first, last)]
    twice.append(("Retry-After", "3", "4"))
    head = "".join(f"{name}: {one}\r\n{name}: {other}\r\n" for name, one, other in twice)
    said = f"HTTP/1.1 200 OK\r\n{head}Content-Length: 0\r\n\r\n".encode()

    def story(liar: Liar, connection: socket.socket) -> None:
        liar.request(connection)
        connection.sendall(said)

    with Liar(story) as liar:
        answer = transport.exchange("GET", Secret(liar.url), {}, deadline_s=60.0)
    assert (answer.content_type, answer.location, answer.date) == ("text/html", "/a", first)
    assert answer.retry_after == "3"
    assert server_ms(answer.date) == 1_796_083_819_000
