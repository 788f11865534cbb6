"""The limits that the uploader works with as it is made for a box: nearly every other test gives it others."""

from __future__ import annotations

import contextlib
import inspect
import random
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from piboothup.config import Config, Secret, SpoolConfig, UploadConfig
from piboothup.spool.store import Spool
from piboothup.uploader import service, worker
from piboothup.uploader.eventpics import EventPicsApi
from piboothup.uploader.schedule.backoff import URL_FRESH_S
from piboothup.uploader.service import Uploader
from piboothup.uploader.transport import client, connection
from piboothup.uploader.transport.connection import GuardedAdapter
from piboothup.uploader.transport.errors import LinkError, NotConnected
from piboothup.uploader.transport.happy_eyeballs import connect
from tests.support.clock import HandClock
from tests.support.server import Liar, says

PORTAL_CONNECT_S = client._SIGN_IN_CONNECT_S
STOP_S, ANSWER_S = service._STOP_TIMEOUT_S, service._ANSWER_TIMEOUT_S
"""As they are outside of these tests, whose machine may be slow."""


class Dialled:
    """What connections were asked for; none is made."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[tuple[str, int, float, list[tuple[int, int, int]]]] = []
        monkeypatch.setattr(connection, "connect", self._dial)

    def _dial(self, host: str, port: int, timeout_s: float, options: Any, *_: object) -> socket.socket:
        self.asked.append((host, port, timeout_s, list(options)))
        raise NotConnected


@pytest.fixture
def api() -> Iterator[EventPicsApi]:
    made = EventPicsApi("https://api.eventpics.example", Secret("key"), HandClock())
    with contextlib.closing(made.transport):
        yield made


def test_eventpics_is_asked_on_443_and_connected_within_10_s(
    api: EventPicsApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    dialled = Dialled(monkeypatch)
    with pytest.raises(LinkError):
        api.events()
    ((host, port, timeout_s, options),) = dialled.asked
    assert (host, port, timeout_s) == ("api.eventpics.example", 443, 10.0)
    assert (socket.SOL_SOCKET, socket.SO_SNDBUF, 128 * 1024) in options
    assert (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 40_000) in options
    assert not api.transport.allows("http://127.0.0.1/")


def test_a_portal_is_looked_for_on_80_within_3_s(api: EventPicsApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "_SIGN_IN_CONNECT_S", PORTAL_CONNECT_S)
    dialled = Dialled(monkeypatch)
    with pytest.raises(LinkError):
        api.is_behind_sign_in()
    assert dialled.asked[0][:3] == ("api.eventpics.example", 80, 3.0)


def test_the_time_is_asked_on_443(api: EventPicsApi, monkeypatch: pytest.MonkeyPatch) -> None:
    dialled = Dialled(monkeypatch)
    with pytest.raises(LinkError):
        api.server_time()
    assert dialled.asked[0][:3] == ("api.eventpics.example", 443, 10.0)


def test_the_systems_roots_judge_and_no_old_tls_is_spoken() -> None:
    made = client.Transport(HandClock())
    with contextlib.closing(made):
        context = made._adapter.poolmanager.connection_pool_kw["ssl_context"]
        assert made._verify is True
    assert isinstance(made._adapter, GuardedAdapter)
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2


def test_sending_may_stall_for_30_s_and_an_answer_take_45_s(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """On the very socket: the time-out while the request leaves, then the one while the answer is due."""
    seen: list[float | None] = []

    class Noted(socket.socket):
        def settimeout(self, value: float | None, /) -> None:
            seen.append(value)
            super().settimeout(value)

    def noting(*asked: Any) -> socket.socket:
        made = connect(*asked)
        return Noted(made.family, made.type, made.proto, fileno=made.detach())

    monkeypatch.setattr(connection, "connect", noting)
    with Liar(says("200 OK", b'{"events": []}')) as server:
        made = EventPicsApi(server.url, Secret("key"), HandClock())
        with contextlib.closing(made.transport):
            made.events()
            made.events()
    assert seen[-2:] == [30.0, 45.0]


def test_an_answer_is_read_up_to_a_mebibyte() -> None:
    with Liar(says("200 OK", b" " * (1024 * 1024 + 1))) as server:
        made = EventPicsApi(server.url, Secret("key"), HandClock())
        with contextlib.closing(made.transport):
            answer = made.transport.exchange("GET", Secret(server.url), {}, deadline_s=60.0)
    assert (len(answer.body), answer.complete) == (1024 * 1024, False)


def test_every_exchange_has_its_deadline(monkeypatch: pytest.MonkeyPatch, api: EventPicsApi) -> None:
    given: list[float] = []

    def note(*_: object, deadline_s: float, **__: object) -> None:
        given.append(deadline_s)
        raise NotConnected

    def note_last(_: str, deadline_s: float) -> None:
        note(deadline_s=deadline_s)

    monkeypatch.setattr(api.transport, "exchange", note)
    monkeypatch.setattr(api.transport, "get_plain_http", note_last)
    monkeypatch.setattr(api.transport, "get_date", note_last)
    with open("/dev/null", "rb") as file:
        calls = (
            api.events,
            api.is_behind_sign_in,
            api.server_time,
            lambda: api.put(Secret("https://s.example/"), file, 4_000_000),
        )
        for call in calls:
            with pytest.raises(NotConnected):
                call()
    assert given == [60.0, 15.0, 60.0, 120.0 + 1000.0]


def test_a_box_has_the_real_chance_network_and_patience(tmp_path: Path) -> None:
    defaults = {parameter.name: parameter.default for parameter in inspect.signature(Uploader).parameters.values()}
    assert (defaults["random_fn"], defaults["connect"]) == (random.random, EventPicsApi)
    assert Config().upload == UploadConfig(workers=2, paused=False)
    assert Config().eventpics.api_url == "https://api.eventpics.net"
    spool = Spool(tmp_path, HandClock(), "serial-1")
    spool.prepare()
    made = Uploader(Config(spool=SpoolConfig(directory=str(tmp_path))), spool, HandClock(), tmp_path)
    made._woken.close()
    made._wake.close()
    assert (STOP_S, ANSWER_S) == (3.0, 1.5)
    assert (service._STUCK_AFTER_S, service._LIST_INTERVAL_NS) == (120.0, 30_000_000_000)
    assert (worker._MAX_WAIT_FOR_TIME_S, URL_FRESH_S) == (60.0, 240.0)
