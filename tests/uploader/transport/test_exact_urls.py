"""F4: a signed URL is asked for byte for byte, in whatever legal form it comes, over real sockets."""

from __future__ import annotations

import contextlib
import json
import socket
from pathlib import Path

import pytest

from piboothup.config import Secret
from piboothup.simulator.faults import Fault
from piboothup.uploader.outcomes import Outcome
from piboothup.uploader.transport.client import Transport
from piboothup.uploader.transport.errors import LinkError
from piboothup.uploader.transport.messages import Request, redirect_target
from tests.support.ca import Authority
from tests.support.clock import HandClock
from tests.support.limits import FAR
from tests.support.server import Liar, Story, says
from tests.support.uploader import Desk

pytestmark = pytest.mark.slow

FORMS = [
    "/photos/a%7Eb.jpg?sig=%7e",
    "/photos/a~b.jpg?sig=~",
    "/photos/abcd%2fa1%2Fp.jpg?sig=%2f%2F",
    "/photos/./a/../p.jpg?sig=x",
    "/photos/%2e%2e/p.jpg",
    "/../p.jpg",
    "/photos/[booth]/p.jpg?f[0]=x&sig={y}|^`\\\"<>'",
    "/a+b%20c.jpg?sig=a+b%2Bc%20d/==",
    "/p.jpg;v=1;w=2?a;b;c=;",
    "/p.jpg?",
    "/p.jpg??a=?b?",
    "?sig=x",
    "",
    "/",
    "//photos///p.jpg//?x=//y",
    "/%E2%9c%93/%c3%a4.jpg?sig=%E2%9C%93",
    "/100%/p%zz.jpg?sig=%",
    "/p.jpg?u=https://elsewhere.example/?x=1&e=a@b:c",
    "/p.jpg?a=1&a=2&&=&b",
    "/p.jpg?x-id=PutObject&X-Amz-Signature=ABCdef0123#",
    "/:80/@user:word/p.jpg",
    "/" + "x" * 4000 + "?" + "y" * 4000,
]
REFERENCES = [
    (form, is_absolute)
    for form in FORMS
    for is_absolute in (True, False)
    if form and (is_absolute or not form.startswith("//"))  # that would name another server
]


def asked_for(form: str) -> str:
    """What stands in the request line: no fragment, and never nothing (RFC 9112, 3.2.1)."""
    form = form.partition("#")[0]
    return form if form.startswith("/") else f"/{form}"


def line_of(request: bytes) -> str:
    return request.partition(b"\r\n")[0].decode()


def hosts_of(request: bytes) -> list[str]:
    head = request.partition(b"\r\n\r\n")[0].decode().split("\r\n")
    return [line.partition(": ")[2] for line in head if line.lower().startswith("host:")]


@pytest.mark.parametrize("form", FORMS)
def test_f04_a_url_is_asked_for_as_it_is(transport: Transport, form: str) -> None:
    with Liar(says("200 OK")) as liar:
        transport.exchange("PUT", Secret(liar.url + form), {}, b"x", deadline_s=60.0)
        ((_, request),) = liar.requests
    assert line_of(request) == f"PUT {asked_for(form)} HTTP/1.1"
    assert hosts_of(request) == [f"127.0.0.1:{liar.port}"]


def sends_on(location: str, status: int) -> Story:
    """The first request is sent on there, whatever comes next is accepted."""

    def story(liar: Liar, connection: socket.socket) -> None:
        for head in (f"HTTP/1.1 {status} On\r\nLocation: {location}", "HTTP/1.1 200 OK"):
            liar.request(connection)
            connection.sendall(f"{head}\r\nContent-Length: 0\r\n\r\n".encode())

    return story


@pytest.mark.parametrize("status", [307, 308])
@pytest.mark.parametrize(("form", "is_absolute"), REFERENCES)
def test_f04_n27_so_is_where_it_is_sent_on_to(
    transport: Transport, form: str, status: int, is_absolute: bool
) -> None:
    with Liar(says("200 OK")) as liar:
        liar.story = sends_on((liar.url if is_absolute else "") + form, status)
        answer = transport.exchange("PUT", Secret(f"{liar.url}/here"), {}, b"x", deadline_s=60.0)
        lines = [line_of(request) for _, request in liar.requests]
    assert answer.status == 200
    assert lines == ["PUT /here HTTP/1.1", f"PUT {_resolved(form, is_absolute)} HTTP/1.1"]


def _resolved(form: str, is_absolute: bool) -> str:
    return f"/here{form}" if form.startswith("?") and not is_absolute else asked_for(form)


@pytest.mark.parametrize(
    ("url", "location", "found"),
    [
        ("https://h/a/b?x=1", "https://h/c%7e/../d?", "https://h/c%7e/../d?"),
        ("https://h/a/b?x=1", "HTTPS://H:443/c", "HTTPS://H:443/c"),
        ("https://h/a/b?x=1", "//h/c//d?e#f", "https://h/c//d?e#f"),
        ("https://h/a/b?x=1", "/c/./d?%7e", "https://h/c/./d?%7e"),
        ("https://h/a/b?x=1", "c%2f?q=/../%7e", "https://h/a/c%2f?q=/../%7e"),
        ("https://h/a/b?x=1", "../c?", "https://h/c?"),
        ("https://h/a/b?x=1", "?y=2", "https://h/a/b?y=2"),
        ("https://h?x=1", "/c", "https://h/c"),
        ("https://h/a", "http://h/c", None),
        ("https://h/a", "https://h:444/c", None),
        ("https://h/a", "https://other/c", None),
        ("https://h/a", "//other/c", None),
        ("https://h/a", "/\\other/c\u00fc", None),
        ("https://h/a", "/with blank", None),
        ("https://h/a", "javascript:alert(1)", None),
        ("https://h/a", "https://[", None),
    ],
)
def test_f04_n27_a_location_is_resolved_and_not_rewritten(url: str, location: str, found: str | None) -> None:
    assert redirect_target(Secret(url), location) == (None if found is None else Secret(found))


@pytest.mark.parametrize("form", ["/\u00fc", "/a b", "/a\tb", "/a\r\nX-Evil: 1", "/\x7f", "/\ud800"])
def test_f04_what_no_request_line_may_hold_is_not_asked_for(transport: Transport, form: str) -> None:
    with Liar(says("200 OK")) as liar, pytest.raises(LinkError) as caught:
        transport.exchange("PUT", Secret(liar.url + form), {}, b"x", deadline_s=60.0)
    assert caught.value.outcome is Outcome.UNUSABLE
    assert liar.heard == b""


def test_f04_neither_library_gets_to_see_what_is_signed() -> None:
    request = Request("PUT", Secret("https://Storage.example:8443/a?sig=canary#x"), {}, None)
    assert request.root == "https://Storage.example:8443/"
    assert request.target == Secret("/a?sig=canary")


@pytest.mark.parametrize("form", FORMS)
def test_f04_the_whole_way_of_a_photo_leaves_its_url_as_it_is(desk: Desk, form: str) -> None:
    with Liar(says("200 OK")) as storage:
        desk.album.add_fault(
            Fault(call="getuploadurl", status=200, body=json.dumps({"uploadUrl": storage.url + form}))
        )
        name = desk.take()
        desk.start()
        desk.until_sent(name)
        assert [line_of(request) for _, request in storage.requests] == [f"PUT {asked_for(form)} HTTP/1.1"]


@pytest.mark.parametrize(
    ("root", "host"),
    [
        ("https://127.0.0.1:{port}", "127.0.0.1:{port}"),
        ("https://localhost:{port}", "localhost:{port}"),
        ("https://LOCALHOST:{port}", "localhost:{port}"),
    ],
)
def test_f04_the_host_header_is_the_urls_server(tmp_path: Path, root: str, host: str) -> None:
    authority = Authority(tmp_path)
    certificate = authority.certificate(host="localhost" if "host" in root.lower() else "127.0.0.1")
    with Liar(says("200 OK"), tls=certificate) as liar:
        with contextlib.closing(Transport(HandClock(), limits=FAR, ca_file=authority.file)) as transport:
            url = Secret(root.format(port=liar.port) + "/a%7eb?")
            transport.exchange("PUT", url, {}, b"x", deadline_s=60.0)
        ((_, request),) = liar.requests
    assert line_of(request) == "PUT /a%7eb? HTTP/1.1"
    assert hosts_of(request)[0].lower() == host.format(port=liar.port)
