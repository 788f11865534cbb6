"""F3: filters that cut off the TLS greeting, by the name in it: that is no lack of a network."""

from __future__ import annotations

import contextlib
import socket
import struct
from pathlib import Path

import pytest

from piboothup.uploader.outcomes import Outcome
from piboothup.uploader.schedule.scheduler import UploadScheduler
from piboothup.uploader.session import ApiSession
from piboothup.uploader.trusted_time import TrustedTime
from tests.support.ca import Authority, Connect, day_s
from tests.support.server import Liar, Story, brings_to, says
from tests.support.uploader import Desk

pytestmark = pytest.mark.slow

NOBODY = 9
"""Port at which nobody listens: the filter lets no plain http through either."""


def resets(_: Liar, connection: socket.socket) -> None:
    connection.recv(4096)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def hangs_up(_: Liar, connection: socket.socket) -> None:
    connection.recv(4096)


def hangs_up_unheard(_: Liar, __: socket.socket) -> None:
    pass


def refuses(_: Liar, connection: socket.socket) -> None:
    connection.recv(4096)
    connection.sendall(b"\x15\x03\x03\x00\x02\x02\x28")  # the alert "handshake failure" (RFC 8446, 6)


FILTERS: dict[str, Story] = {
    "reset": resets,
    "closed": hangs_up,
    "closed at once": hangs_up_unheard,
    "refused": refuses,
}


@pytest.mark.parametrize("story", FILTERS.values(), ids=FILTERS)
@pytest.mark.parametrize("plain_http", ["is dropped", "is the server's"])
def test_f03_a_greeting_cut_off_again_and_again_is_blocked(
    desk: Desk, tmp_path: Path, story: Story, plain_http: str
) -> None:
    """A host who reads "there is no network" would wait, and nothing would ever go; then photos flow as before."""
    authority = Authority(tmp_path)
    with contextlib.ExitStack() as stack:
        front = stack.enter_context(Liar(story))
        desk.album.url = f"https://127.0.0.1:{front.port}"
        desk.configure(api_url=desk.album.url)
        desk.server_clock.wall_s = day_s(0)
        own = says("301 Moved", b"", f"Location: https://127.0.0.1:{front.port}/")
        port = NOBODY if plain_http == "is dropped" else stack.enter_context(Liar(own)).port
        name = desk.take()
        desk.start(connect=Connect(authority, port))
        desk.until(lambda: desk.said().get("problems") == ["blocked"], "the filter to be blamed", step_s=1.0)
        assert "Use another network" in desk.said()["reason"]
        assert front.connections == 6  # three tries, each with a long and a short greeting
        front.tls, front.story = authority.certificate(), brings_to(desk.album.port)
        before_s = desk.clock.boottime_s
        desk.until_sent(name, step_s=1.0)
        assert desk.clock.boottime_s - before_s <= 60.0


def hangs_up_on_the_request(liar: Liar, connection: socket.socket) -> None:
    liar.request(connection)


CUT_OFF, CUT_LATER, ANSWERED, REFUSED = (
    resets,
    hangs_up_on_the_request,
    says("200 OK", b'{"events": []}', "Connection: close"),
    says("503 Service Unavailable"),
)
NO_FILTERS: dict[str, list[Story]] = {
    "an answer between": [CUT_OFF, CUT_OFF, ANSWERED, CUT_OFF, CUT_OFF],
    "another failure between": [CUT_OFF, CUT_OFF, REFUSED, CUT_OFF, CUT_OFF],
    "a request cut off between": [CUT_OFF, CUT_OFF, CUT_LATER, CUT_OFF, CUT_OFF],
    "requests cut off": [CUT_LATER] * 5,
}


@pytest.mark.parametrize("stories", NO_FILTERS.values(), ids=NO_FILTERS)
def test_f03_three_in_a_row_alone_are_a_filter(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stories: list[Story]
) -> None:
    authority, told = Authority(tmp_path), list[Outcome]()
    with Liar(stories[0]) as front:
        desk.configure(api_url=f"https://127.0.0.1:{front.port}")
        scheduler = UploadScheduler(desk.clock, lambda: 0.5, 1, {}, paused=False, refused=False)
        monkeypatch.setattr(scheduler, "on_probe_failure", lambda outcome, _retry_after_s: told.append(outcome))
        trusted = TrustedTime(desk.booth, desk.clock)
        connect = Connect(authority, NOBODY)
        session = ApiSession(desk.config, desk.booth, desk.clock, trusted, scheduler, connect)
        desk.clock.wall_s = day_s(0)
        for story in stories:
            front.tls, front.story = None if story is CUT_OFF else authority.certificate(), story
            session.probe()
        session.close()
    assert told == [
        Outcome.SERVER_ERROR if story is REFUSED else Outcome.RESET for story in stories if story is not ANSWERED
    ]


def test_f03_a_greeting_cut_off_twice_is_a_bad_link(desk: Desk, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    with Liar(resets) as front:
        desk.album.url = f"https://127.0.0.1:{front.port}"
        desk.configure(api_url=desk.album.url)
        desk.server_clock.wall_s = day_s(0)
        name = desk.take()
        desk.start(connect=Connect(authority, NOBODY))
        desk.until(lambda: front.connections == 4, "two tries", step_s=0.5)
        desk.rest()
        assert desk.said()["problems"] == ["no_network"]
        front.tls, front.story = authority.certificate(), brings_to(desk.album.port)
        desk.until_sent(name, step_s=1.0)
        desk.rest()
        assert desk.said()["problems"] == []
