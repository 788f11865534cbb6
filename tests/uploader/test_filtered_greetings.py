"""F3: filters that cut off the TLS greeting, by the name in it: that is no lack of a network."""

from __future__ import annotations

import contextlib
import socket
import struct
from pathlib import Path

import pytest

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


FILTERS: dict[str, Story] = {"reset": resets, "closed": hangs_up, "closed at once": hangs_up_unheard}


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
        assert front.connections == 3
        front.tls, front.story = authority.certificate(), brings_to(desk.album.port)
        before_s = desk.clock.boottime_s
        desk.until_sent(name, step_s=1.0)
        assert desk.clock.boottime_s - before_s <= 60.0


def test_f03_a_greeting_cut_off_twice_is_a_bad_link(desk: Desk, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    with Liar(resets) as front:
        desk.album.url = f"https://127.0.0.1:{front.port}"
        desk.configure(api_url=desk.album.url)
        desk.server_clock.wall_s = day_s(0)
        name = desk.take()
        desk.start(connect=Connect(authority, NOBODY))
        desk.until(lambda: front.connections == 2, "two tries", step_s=0.5)
        desk.rest()
        assert desk.said()["problems"] == ["no_network"]
        front.tls, front.story = authority.certificate(), brings_to(desk.album.port)
        desk.until_sent(name, step_s=1.0)
        assert desk.said()["problems"] == []
