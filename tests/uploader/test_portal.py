"""Portals as they are met by whoever speaks nothing but verified TLS: they show themselves to plain http alone."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest

from piboothup.simulator.server import DEMO_KEY
from piboothup.spool.listing import NEW
from piboothup.uploader.answers import is_sign_in
from piboothup.uploader.outcomes import Outcome
from piboothup.uploader.transport.client import Transport
from piboothup.uploader.transport.errors import LinkError
from piboothup.uploader.transport.messages import Answer
from tests.support.ca import Authority, Connect, day_s, self_signed
from tests.support.clock import HandClock
from tests.support.deadline import PATIENCE_S
from tests.support.limits import FAR, FAR_S
from tests.support.server import Liar, Story, says
from tests.support.uploader import Desk

PAGE = says("200 OK", b"<html>Room number?</html>")
SENDS_ON = says("302 Found", b"", "Location: https://portal.hotel.example/login")


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def refuses(_: Liar, __: socket.socket) -> None:
    """Hangs up on whoever comes with TLS."""


@pytest.mark.parametrize("story", [PAGE, SENDS_ON, says("511 Network Authentication Required")])
@pytest.mark.parametrize("tls", ["its own certificate", "hangs up", "lets nobody connect"])
def test_n06_n07_portal_only_on_plain_http_named_gets_no_key(
    desk: Desk, authority: Authority, tmp_path: Path, story: Story, tls: str
) -> None:
    with Liar(PAGE, tls=self_signed(tmp_path)) if tls == "its own certificate" else Liar(refuses) as front:
        if tls == "lets nobody connect":
            front.refuse()
        desk.configure(api_url=f"https://127.0.0.1:{front.port}")
        with Liar(story) as portal:
            name = desk.take()
            desk.start(connect=Connect(authority, portal.port))
            desk.until_state("portal")
            assert desk.said()["reason"] == "This Wi-Fi wants a sign-in page. Use a phone's hotspot. Photos are kept."
            assert desk.lies_in(NEW, name)
        assert {whole.split(b"\r\n")[0] for _, whole in portal.requests} == {b"GET / HTTP/1.1"}
        assert DEMO_KEY.encode() not in portal.heard + front.heard
        assert b"piboothup" in portal.heard  # it may know what asks, not for whom


def test_n07_untrusted_server_is_portal_only_if_plain_http_says(
    desk: Desk, authority: Authority, tmp_path: Path
) -> None:
    with Liar(PAGE, tls=self_signed(tmp_path)) as front:
        desk.configure(api_url=front.url)
        own = says("301 Moved", b"", f"Location: {front.url}/")
        with Liar(own) as http:
            desk.take()
            desk.start(connect=Connect(authority, http.port))
            desk.until_state("offline")
            assert desk.said()["problems"] == ["tls_refused"]
            assert len(http.requests) == 1


def test_n06_portal_hears_only_the_probe_and_leads_nowhere() -> None:
    """Neither by a redirect nor by a cookie."""
    with Liar(PAGE) as elsewhere:
        onward = says("302 Found", b"", f"Location: {elsewhere.url}/login", "Set-Cookie: room=7")
        with Liar(onward) as portal:
            transport = Transport(HandClock(), limits=FAR, http_port=portal.port)
            answers = [transport.get_plain_http("127.0.0.1", FAR_S) for _ in range(2)]
            transport.close()
    assert [answer.status for answer in answers] == [302, 302]
    assert elsewhere.connections == 0
    for _, whole in portal.requests:
        first, *headers = whole.decode().strip().split("\r\n")
        assert first == "GET / HTTP/1.1"
        said = {header.partition(":")[0].lower() for header in headers}
        assert said == {"host", "user-agent", "accept-encoding", "cache-control", "connection"}


def test_n25_a_portals_page_without_an_end_is_read_to_a_limit() -> None:
    def endless(liar: Liar, connection: socket.socket) -> None:
        liar.request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n")
        while True:
            connection.sendall(bytes(65536))

    with Liar(endless) as portal:
        transport = Transport(HandClock(), limits=FAR, http_port=portal.port)
        answer = transport.get_plain_http("127.0.0.1", FAR_S)
        transport.close()
    assert len(answer.body) == FAR.answer_bytes
    assert is_sign_in(answer, "127.0.0.1")


@pytest.mark.parametrize("story", [PAGE, SENDS_ON, says("301 Moved", b"", "Location: /v2/geteventsandalbums")])
def test_n04_n05_trusted_portal_like_answer_is_server_trouble(desk: Desk, authority: Authority, story: Story) -> None:
    with Liar(story, tls=authority.certificate()) as front:
        desk.configure(api_url=front.url)
        desk.server_clock.wall_s = day_s(0)
        name = desk.take()
        desk.start(connect=Connect(authority))
        desk.until_state("offline")
        desk.until(lambda: desk.said()["problems"] == ["server_trouble"], "the trouble to be told", step_s=1.0)
        assert desk.lies_in(NEW, name)


def test_an_answering_server_is_never_asked_plainly(desk: Desk, authority: Authority) -> None:
    desk.put_behind_tls(authority.certificate())
    desk.server_clock.wall_s = day_s(0)
    with Liar(PAGE) as http:
        desk.start(connect=Connect(authority, http.port))
        desk.until_sent(desk.take(hint=True))
    assert http.connections == 0


@pytest.mark.parametrize(
    ("status", "location", "content_type", "portal"),
    [
        (302, "https://portal.hotel.example/login", "", True),
        (302, "http://api.example/login", "", True),
        (307, "/login", "", True),
        (302, "http://[", "", True),
        (301, "https://api.example/", "", False),
        (308, "https://API.example:443/any?x=1", "", False),
        (511, "", "", True),
        (200, "", "text/html", True),
        (403, "", "text/html", False),
        (204, "", "", False),
        (404, "", "", False),
    ],
)
def test_n06_plain_http_answer_is_from_portal_or_server_itself(
    status: int, location: str, content_type: str, portal: bool
) -> None:
    answer = Answer(status, content_type, b"", True, True, "", "", 0, 0, location)
    assert is_sign_in(answer, "api.example") is portal


def test_c08_a_portal_that_does_not_answer_holds_up_no_stop() -> None:
    asked = threading.Event()

    def silent(liar: Liar, connection: socket.socket) -> None:
        liar.request(connection)
        asked.set()
        liar.ended.wait(FAR_S)

    with Liar(silent) as portal:
        transport = Transport(HandClock(), limits=FAR, http_port=portal.port)
        caught: list[Outcome] = []

        def ask() -> None:
            try:
                transport.get_plain_http("127.0.0.1", 15.0)
            except LinkError as error:
                caught.append(error.outcome)

        thread = threading.Thread(target=ask)
        thread.start()
        assert asked.wait(PATIENCE_S)
        transport.guard.stop()
        thread.join(PATIENCE_S)
        transport.close()
    assert caught == [Outcome.STOPPED]
