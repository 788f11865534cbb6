"""F2: what proves that the storage has a photo, and that nothing which does is asked for twice: over real sockets."""

from __future__ import annotations

import contextlib
import io
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from piboothup.config import Secret
from piboothup.simulator.faults import Fault
from piboothup.spool.listing import NEW
from piboothup.uploader.eventpics import ApiError, EventPicsApi
from piboothup.uploader.outcomes import Outcome
from piboothup.uploader.transport.client import Transport
from piboothup.uploader.transport.errors import LinkError
from tests.support.ca import Authority
from tests.support.clock import HandClock
from tests.support.limits import FAR
from tests.support.server import Liar, Story, says
from tests.support.uploader import Desk

pytestmark = pytest.mark.slow

PHOTO = b"x" * 200_000


@pytest.fixture
def photo(tmp_path: Path) -> Iterator[io.BufferedReader]:
    (tmp_path / "photo.jpg").write_bytes(PHOTO)
    with (tmp_path / "photo.jpg").open("rb") as file:
        yield file


def put(authority: Authority, url: str, photo: io.BufferedReader, clock: HandClock | None = None) -> None:
    clock = clock or HandClock()
    with contextlib.closing(Transport(clock, limits=FAR, ca_file=authority.file)) as transport:
        EventPicsApi(url, Secret("key"), clock, transport=transport).put(Secret(f"{url}/put"), photo, len(PHOTO))


def ends(head: str, body: bytes = b"") -> Story:
    """Takes the request whole, says this and hangs up."""

    def story(liar: Liar, connection: socket.socket) -> None:
        liar.request(connection)
        connection.sendall(head.replace("\n", "\r\n").encode() + b"\r\n\r\n" + body)

    return story


HTML = "Content-Type: text/html; charset=ISO-8859-1"
PROOFS = {
    **{f"{status}": says(f"{status} Any") for status in (200, 201, 202, 203, 204, 205, 206, 207, 226)},
    "another md5 as etag": says("200 OK", b"", f'ETag: "{"0" * 32}"'),
    "no etag": says("200 OK"),
    "a weak etag": says("200 OK", b"", 'ETag: W/"x"'),
    "amazon's xml": says("200 OK", b'<?xml version="1.0"?><PostResponse><Key>a</Key></PostResponse>'),
    "xml without errors": says("200 OK", b"<Response><Errors/><Key>a</Key></Response>"),
    "json of success": says("200 OK", b'{"Key": "a", "error": null, "errors": [], "success": true}'),
    "created, whatever it says": says("201 Created", b'{"error": "thumbnail later"}'),
    "an empty page": says("200 OK", b"", "Content-Type: text/html"),
    "json called a page": says("200 OK", b'{"ok": true}', "Content-Type: text/html"),
    "no length and no close": ends("HTTP/1.1 201 Created\nETag: x"),
    "less than announced": ends("HTTP/1.1 200 OK\nContent-Length: 100", b"{"),
    "half a chunk": ends("HTTP/1.1 202 Accepted\nTransfer-Encoding: chunked", b"5\r\nab"),
    "no chunk at all": ends("HTTP/1.1 200 OK\nTransfer-Encoding: chunked", b"junk"),
    "bad gzip": ends("HTTP/1.1 200 OK\nContent-Encoding: gzip\nContent-Length: 4", b"\x1f\x8b.."),
    "apache's page": says("201 Created", b"<!DOCTYPE HTML><html><title>201 Created</title></html>", HTML),
    "php's ok": says("200 OK", b"ok", HTML),
    "a list called a page": says("202 Accepted", b'["ok"]', HTML),
    "the head of a page": ends("HTTP/1.1 204 Done\nContent-Type: text/html\nContent-Length: 900"),
    "two lengths": ends("HTTP/1.1 200 OK\nContent-Length: 0\nContent-Length: 2", b"ok"),
    "two lengths in a header": ends("HTTP/1.1 200 OK\nContent-Length: 0, 2", b"ok"),
    "two lengths and chunks": ends(
        "HTTP/1.1 200 OK\nContent-Length: 0\nContent-Length: 2\nTransfer-Encoding: chunked", b"0\r\n\r\n"
    ),
    "a length that is none": ends("HTTP/1.1 200 OK\nContent-Length: abc"),
    "120 headers": ends("HTTP/1.1 200 OK\n" + "X: y\n" * 120 + "Content-Length: 0"),
    "headers after hints": ends("HTTP/1.1 103 Hints\n" + "Link: a\n" * 150 + "\nHTTP/1.1 200 OK\n" + "X: y\n" * 85),
    "more than is read": says("200 OK", b"x" * (FAR.answer_bytes + 1)),
}


@pytest.mark.parametrize("proof", PROOFS.values(), ids=PROOFS)
def test_f02_a_2xx_after_the_whole_photo_counts_however_it_ends(
    photo: io.BufferedReader, tmp_path: Path, proof: Story
) -> None:
    authority = Authority(tmp_path)
    with Liar(proof, tls=authority.certificate()) as liar:
        put(authority, liar.url, photo)
        assert len(liar.requests) == 1
        assert liar.requests[0][1].endswith(b"\r\n\r\n" + PHOTO)


def test_f02_a_2xx_whose_body_never_ends_counts_at_the_deadline(photo: io.BufferedReader, tmp_path: Path) -> None:
    authority, clock = Authority(tmp_path), HandClock()
    transport = Transport(clock, limits=FAR, ca_file=authority.file)

    def trickles(liar: Liar, connection: socket.socket) -> None:
        liar.request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nx")
        while not liar.ended.is_set():
            clock.pass_s(10.0)
            transport.guard.enforce()
            connection.sendall(b"x")

    with Liar(trickles, tls=authority.certificate()) as liar, contextlib.closing(transport):
        api = EventPicsApi(liar.url, Secret("key"), clock, transport=transport)
        api.put(Secret(f"{liar.url}/put"), photo, len(PHOTO))
        assert len(liar.requests) == 1


NO_PROOFS = {
    "a redirect": says("302 Found", b"", "Location: /login"),
    "not modified": says("304 Same"),
    "amazon's error": says("200 OK", b'<?xml version="1.0"?>\n<Error><Code>InternalError</Code></Error>'),
    "an error called xml": says("202 Accepted", b"<Error ><Code>SlowDown</Code></Error>", "Content-Type: text/xml"),
    "json's error": says("200 OK", b'{"error": "file type not allowed"}', "Content-Type: application/json"),
    "an error inside": says("206 Part", b'\xef\xbb\xbf{"error": {"code": 507, "message": "quota"}}'),
    "errors": says("200 OK", b'{"errors": [{"message": "quota"}]}'),
    "no success": says("200 OK", b'{"success": false, "message": "quota"}'),
}
MITIGATED = {
    "aws, challenge": says("202 Accepted", b"", "x-amzn-waf-action: challenge", HTML),
    "aws, captcha": says("405 Not Allowed", b"", "X-Amzn-Waf-Action: captcha"),
    "aws, another status": says("200 OK", b"", "x-amzn-waf-action: challenge"),
    "cloudflare": says("403 Forbidden", b"", "cf-mitigated: challenge"),
    "cloudflare, another status": says("201 Created", b"{}", "CF-Mitigated: block"),
}


@pytest.mark.parametrize("answer", NO_PROOFS.values(), ids=NO_PROOFS)
def test_f02_what_is_no_2xx_is_no_proof(photo: io.BufferedReader, tmp_path: Path, answer: Story) -> None:
    authority = Authority(tmp_path)
    with Liar(answer, tls=authority.certificate()) as liar, pytest.raises(ApiError) as caught:
        put(authority, liar.url, photo)
    assert caught.value.outcome is Outcome.UNEXPECTED


@pytest.mark.parametrize("answer", MITIGATED.values(), ids=MITIGATED)
def test_f02_a_firewalls_challenge_is_no_proof(photo: io.BufferedReader, tmp_path: Path, answer: Story) -> None:
    authority = Authority(tmp_path)
    with Liar(answer, tls=authority.certificate()) as liar, pytest.raises(ApiError) as caught:
        put(authority, liar.url, photo)
    assert caught.value.outcome is Outcome.BLOCKED


def test_f02_a_2xx_whose_head_breaks_off_is_no_proof(photo: io.BufferedReader, tmp_path: Path) -> None:
    def breaks_off(liar: Liar, connection: socket.socket) -> None:
        liar.request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Len")

    authority = Authority(tmp_path)
    with Liar(breaks_off, tls=authority.certificate()) as liar, pytest.raises(LinkError):
        put(authority, liar.url, photo)


def test_f02_a_2xx_before_the_whole_photo_was_sent_is_no_proof(tmp_path: Path) -> None:
    def hasty(_: Liar, connection: socket.socket) -> None:
        connection.recv(1000)
        connection.sendall(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")

    authority = Authority(tmp_path)
    large = tmp_path / "large.jpg"
    large.write_bytes(b"x" * 8_000_000)
    with large.open("rb") as file, Liar(hasty, tls=authority.certificate()) as liar:
        with pytest.raises((ApiError, LinkError)) as caught:
            put(authority, liar.url, file)
    assert not isinstance(caught.value, ApiError) or caught.value.outcome is Outcome.PARTIAL


@pytest.mark.parametrize("status", [202, 203, 206])
def test_f02_an_evening_of_odd_2xx_sends_each_photo_once(desk: Desk, status: int) -> None:
    """The storage keeps nothing here: what counts is that nothing is sent again."""
    desk.album.add_fault(Fault(call="put", status=status))
    names = [desk.take() for _ in range(3)]
    desk.start()
    desk.until_sent(*names)
    desk.pass_s(700.0)
    desk.rest()
    assert desk.album.calls["put"] == 3
    assert not any(desk.lies_in(NEW, name) for name in names)


@pytest.mark.parametrize("status", [202, 203, 206])
def test_f02_an_answer_to_a_call_is_read_whichever_2xx_it_has(desk: Desk, status: int) -> None:
    listed = '{"events": [{"title": "T", "linkId": "abcd1234", "albums": []}]}'
    desk.album.add_fault(Fault(call="geteventsandalbums", status=status, body=listed))
    name = desk.take()
    desk.start()
    desk.until_sent(name)
