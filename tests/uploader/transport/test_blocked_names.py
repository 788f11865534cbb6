"""F3: name servers that filter: they answer with an address at which nobody is, which is no lack of a network."""

from __future__ import annotations

import contextlib
import socket
from typing import Any

import pytest

from piboothup.config import Secret
from piboothup.uploader.outcomes import ApiCall, Outcome, decide
from piboothup.uploader.schedule.link_status import link_problem
from piboothup.uploader.transport.client import Transport
from piboothup.uploader.transport.errors import LinkError
from tests.support.clock import HandClock
from tests.support.limits import FAR
from tests.support.server import Liar, says
from tests.support.uploader import Desk

pytestmark = pytest.mark.slow

V4, V6 = socket.AF_INET, socket.AF_INET6
FILTERED: dict[str, dict[socket.AddressFamily, str]] = {
    "nowhere": {V4: "0.0.0.0"},
    "nowhere in both families": {V4: "0.0.0.0", V6: "::"},
    "nowhere in one, unknown in the other": {V6: "::"},
    "this machine": {V4: "127.0.0.1"},
    "this machine in both families": {V4: "127.0.0.1", V6: "::1"},
}


def answer(patch: pytest.MonkeyPatch, known: dict[socket.AddressFamily, str]) -> None:
    """Let every name have these addresses, which a test may change."""

    def look_up(host: str, port: int, family: socket.AddressFamily, kind: int) -> list[Any]:
        if family not in known:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(family, kind, 0, "", (known[family], port))]

    patch.setattr(socket, "getaddrinfo", look_up)


def outcome(port: int) -> Outcome:
    """What comes of a connection, once the name is looked up in both families."""
    with contextlib.closing(Transport(HandClock(), limits=FAR)) as made:
        while True:
            with pytest.raises(LinkError) as caught:
                made.exchange("GET", Secret(f"https://album.example:{port}/"), {}, deadline_s=60.0)
            if not made.guard.lookups._running:
                return caught.value.outcome


@pytest.mark.parametrize("known", FILTERED.values(), ids=FILTERED)
def test_f03_a_filtered_name_is_blocked_not_no_network(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, known: dict[socket.AddressFamily, str]
) -> None:
    """A host who reads "there is no network" would wait; another network is what helps."""
    answer(monkeypatch, known)
    port: int = desk._held_port.getsockname()[1]
    assert outcome(port) is Outcome.BLOCKED
    assert link_problem(decide(ApiCall.EVENTS, Outcome.BLOCKED), Outcome.BLOCKED)[1].code == "blocked"


def test_f03_one_family_filtered_the_other_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with Liar(says("200 OK")) as liar, contextlib.closing(Transport(HandClock(), plain_http=True)) as made:
        answer(monkeypatch, {V6: "::", V4: "127.0.0.1"})
        assert made.exchange("GET", Secret(f"{liar.url}/"), {}, deadline_s=60.0).status == 200


def test_f03_who_cannot_be_reached_elsewhere_is_no_network(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name of this machine's own, and one that is unknown, are filtered by nobody."""
    answer(monkeypatch, {})
    assert outcome(desk._held_port.getsockname()[1]) is Outcome.DNS
    answer(monkeypatch, {V4: "127.0.0.1"})
    url = Secret(f"http://localhost:{desk._held_port.getsockname()[1]}/")
    with contextlib.closing(Transport(HandClock(), plain_http=True, limits=FAR)) as made:
        with pytest.raises(LinkError) as caught:
            made.exchange("GET", url, {}, deadline_s=60.0)
    assert caught.value.outcome is Outcome.CONNECT
