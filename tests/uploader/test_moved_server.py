"""F3: a server that is given up while its name has another address: its kept connection must not hold all photos."""

from __future__ import annotations

import json
import socket
from typing import Any

import pytest

from piboothup.simulator.faults import Fault
from tests.support.server import Liar, Story, says
from tests.support.uploader import Desk

pytestmark = pytest.mark.slow

HTML = "Content-Type: text/html"
GIVEN_UP: dict[str, Story] = {
    "switched off": says("503 Service Unavailable", b"<html>Maintenance</html>", HTML),
    "gone from its host": says("404 Not Found", b'{"message": "Application not found"}'),
    "not for this name": says("421 Misdirected Request"),
    "moved": says("301 Moved Permanently", b"", "Location: https://new.invalid/"),
    "a page": says("200 OK", b"<html>We have moved</html>", HTML),
    "json of another": says("200 OK", b'{"status": "ok"}'),
    "a list of another": says("200 OK", b'{"events": "moved"}'),
}


@pytest.mark.parametrize("story", GIVEN_UP.values(), ids=GIVEN_UP)
def test_f03_a_name_that_leads_elsewhere_is_asked_anew(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, story: Story
) -> None:
    """Each try would keep the connection alive, and nobody would ask for the name again until a restart."""
    with Liar(story) as old:
        _lead(monkeypatch, ports := [old.port])
        desk.configure(api_url=f"http://localhost:{old.port}")
        photo = desk.take()
        desk.start()
        desk.until(lambda: len(old.requests) >= 2, "the old server to be asked twice", step_s=5.0)
        ports[0] = desk.album.port
        desk.until_sent(photo, step_s=5.0)


@pytest.mark.parametrize("story", list(GIVEN_UP.values())[:4], ids=list(GIVEN_UP)[:4])
def test_f03_a_storage_that_leads_elsewhere_is_asked_anew(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, story: Story
) -> None:
    with Liar(story) as old, Liar(says("201 Created")) as new:
        _lead(monkeypatch, ports := [old.port])
        told = json.dumps({"uploadUrl": f"http://localhost:{old.port}/put"})
        desk.album.add_fault(Fault(call="getuploadurl", status=200, body=told, times=0))
        photo = desk.take()
        desk.start()
        desk.until(lambda: len(old.requests) >= 2, "the old storage to be asked twice", step_s=5.0)
        ports[0] = new.port
        desk.until_sent(photo, step_s=5.0)


def _lead(patch: pytest.MonkeyPatch, ports: list[int]) -> None:
    """Let the name localhost lead to this port."""
    look_up = socket.getaddrinfo

    def found(host: Any, port: Any, *more: Any) -> Any:
        return look_up(*(("127.0.0.1", ports[0]) if host == "localhost" else (host, port)), *more)

    patch.setattr(socket, "getaddrinfo", found)
