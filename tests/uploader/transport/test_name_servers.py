"""Name look-ups by other networks, with real name servers on loopback; `tests/lab/venue` has real networks."""

from __future__ import annotations

import errno
import selectors
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from piboothup.uploader.transport import happy_eyeballs, name_servers
from piboothup.uploader.transport.happy_eyeballs import NameLookups, _resolve
from piboothup.uploader.transport.name_servers import Found, look_up_by_others
from tests.support.deadline import PATIENCE_S
from tests.support.name_server import answer

V4, V6 = socket.AF_INET, socket.AF_INET6
NAMES = {"album.example": "9.9.9.9", "six.example": "2620:fe::9", "blocked.example": "0.0.0.0"}
Ask = Callable[[bytes], list[bytes]]


class Servers:
    """Name servers on loopback, taken for those of another network, whose device is loopback's."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._patch = monkeypatch
        self.sockets: list[socket.socket] = []
        self.questions: list[bytes] = []
        self.use([])

    def use(self, servers: list[Ask]) -> None:
        """Serve by these: what each answers to a question, in packets."""
        addresses = [f"127.0.5.{number}" for number, _ in enumerate(servers, 1)]
        port = 0
        for address, does in zip(addresses, servers, strict=True):
            made = socket.socket(V4, socket.SOCK_DGRAM)
            made.bind((address, port))
            port = made.getsockname()[1]
            self.sockets.append(made)
            threading.Thread(target=self._serve, args=(made, does), daemon=True).start()
        self._patch.setattr(name_servers, "_PORT", port)
        self._patch.setattr(name_servers, "_servers", lambda _: [(V4, address) for address in addresses])
        self._patch.setattr(name_servers, "other_devices", lambda _: ["lo"] if servers else [])

    def _serve(self, server: socket.socket, does: Ask) -> None:
        while True:
            try:
                question, guest = server.recvfrom(512)
                self.questions.append(question)
                for packet in does(question):
                    server.sendto(packet, guest)
            except OSError:  # closed
                return


@pytest.fixture
def servers(monkeypatch: pytest.MonkeyPatch) -> Iterator[Servers]:
    made = Servers(monkeypatch)
    yield made
    for each in made.sockets:
        each.close()


def knows(question: bytes) -> list[bytes]:
    return [answer(question, NAMES)]


def silent(_: bytes) -> list[bytes]:
    return []


def denies(question: bytes) -> list[bytes]:
    return [answer(question, {})]


def forged_first(question: bytes) -> list[bytes]:
    lie = answer(question, {"album.example": "6.6.6.6"})
    return [bytes([lie[0] ^ 1]) + lie[1:], answer(question, NAMES)]


def cut_short(question: bytes) -> list[bytes]:
    return [answer(question, NAMES)[:-6]]


def other_question(question: bytes) -> list[bytes]:
    return [answer(question, {"album.example": "6.6.6.6"}).replace(b"album", b"elbum")]


def refuses(question: bytes) -> list[bytes]:
    return [question[:2] + b"\x81\x85" + question[4:]]


@pytest.mark.parametrize(
    ("host", "family", "asked", "found"),
    [
        ("album.example", V4, [knows], ["9.9.9.9"]),
        ("album.example.", V4, [knows], ["9.9.9.9"]),
        ("six.example", V6, [knows], ["2620:fe::9"]),
        ("album.example", V6, [knows], []),
        ("album.example", V4, [silent, knows], ["9.9.9.9"]),
        ("album.example", V4, [denies, knows], ["9.9.9.9"]),
        ("album.example", V4, [refuses, silent, knows], ["9.9.9.9"]),
        ("album.example", V4, [forged_first], ["9.9.9.9"]),
        ("album.example", V4, [cut_short], []),
        ("album.example", V4, [other_question], []),
        ("album.example", V4, [lambda _: [b"", b"?"]], []),
        ("album.example", V4, [silent], []),
        ("album.example", V4, [], []),
        ("9.9.9.9", V6, [knows], []),
        ("2620:fe::9", V4, [knows], []),
        ("a..b", V4, [knows], []),
        ("a" * 64 + ".example", V4, [knows], []),
    ],
)
def test_n38_addresses_that_other_networks_tell(
    servers: Servers, host: str, family: socket.AddressFamily, asked: list[Ask], found: list[str]
) -> None:
    servers.use(asked)
    assert look_up_by_others(host, family, timeout_s=0.3 if not found else PATIENCE_S) == found


def test_n38_a_lost_question_is_repeated(servers: Servers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(name_servers, "_ASK_AGAIN_S", 0.02)
    servers.use([lambda question: knows(question) if len(servers.questions) > 2 else []])
    assert look_up_by_others("album.example", V4, timeout_s=PATIENCE_S) == ["9.9.9.9"]
    assert len(set(servers.questions)) == 1


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ("nameserver 10.9.9.1\nnameserver 8.8.8.8\n", [(V4, "10.9.9.1"), (V4, "8.8.8.8")]),
        ("# nameserver 1.1.1.1\nsearch example\nnameserver fe80::1%lo\n", [(V6, "fe80::1%lo")]),
        ("nameserver 127.0.0.53\noptions edns0\n", []),
        ("nameserver\nnameserver name\n", []),
        (None, []),
    ],
)
def test_n38_name_servers_are_those_of_resolv_conf(
    tmp_path: Path, lines: str | None, found: list[tuple[socket.AddressFamily, str]]
) -> None:
    file = tmp_path / "resolv.conf"
    if lines is not None:
        file.write_text(lines)
    assert name_servers._servers(file) == found


@pytest.mark.parametrize("error", [socket.EAI_AGAIN, socket.EAI_NONAME, socket.EAI_FAIL])
def test_n38_failed_look_up_is_made_by_other_networks(
    servers: Servers, monkeypatch: pytest.MonkeyPatch, error: int
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", _only_numbers(error))
    servers.use([knows])
    found = Found()
    _resolve(found, "album.example", 443, V4, by_others=False)
    assert found.result(0) == [(V4, ("9.9.9.9", 443))]
    servers.use([])
    failed = Found()
    _resolve(failed, "album.example", 443, V4, by_others=False)
    assert isinstance(failed.exception(0), socket.gaierror)


def test_n38_blocked_name_is_looked_up_by_other_networks(servers: Servers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", _only_numbers("0.0.0.0"))
    servers.use([knows])
    found, nowhere = Found(), Found()
    _resolve(found, "six.example", 443, V6, by_others=False)
    _resolve(nowhere, "blocked.example", 443, V4, by_others=False)
    assert found.result(0) == [(V6, ("2620:fe::9", 443, 0, 0))]
    assert nowhere.result(0) == []


@pytest.mark.parametrize(("by_others", "first"), [(True, "9.9.9.9"), (False, "6.6.6.6")])
def test_n38_left_network_is_believed_last(
    servers: Servers, monkeypatch: pytest.MonkeyPatch, by_others: bool, first: str
) -> None:
    """A portal that leads each name to itself; else others are not even asked, as their volume costs money."""
    monkeypatch.setattr(socket, "getaddrinfo", _only_numbers("6.6.6.6"))
    servers.use([knows])
    found = Found()
    _resolve(found, "album.example", 443, V4, by_others)
    assert found.result(0) == [(V4, (first, 443))]
    assert bool(servers.questions) == by_others


def test_n38_late_look_up_is_made_by_other_networks(servers: Servers, monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes first counts; the late answer of the other way is no error."""
    servers.use([knows])
    answers, only_numbers, real_thread = threading.Event(), _only_numbers("6.6.6.6"), threading.Thread
    begun: list[threading.Thread] = []

    def hangs(*words: Any) -> Any:
        if len(words) == 4:  # a name's
            assert answers.wait(PATIENCE_S)
        return only_numbers(*words)

    def noted(**words: Any) -> threading.Thread:
        begun.append(real_thread(**words))
        return begun[-1]

    monkeypatch.setattr(socket, "getaddrinfo", hangs)
    monkeypatch.setattr(happy_eyeballs, "_OTHER_NETWORKS_AFTER_S", 0.0)
    monkeypatch.setattr(threading, "Thread", noted)
    wake, woken = socket.socketpair()
    with wake, woken:
        until_s = time.monotonic() + PATIENCE_S
        listed = NameLookups().addresses("album.example", 443, until_s, wake, woken)
    assert listed == [(V4, ("9.9.9.9", 443))]
    answers.set()
    for thread in begun:
        thread.join(PATIENCE_S)
        assert not thread.is_alive()


def test_n38_without_a_free_descriptor_a_look_up_fails_and_ends(
    servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails() -> Any:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(socket, "getaddrinfo", _only_numbers(socket.EAI_AGAIN))
    monkeypatch.setattr(selectors, "DefaultSelector", fails)
    servers.use([knows])
    found = Found()
    _resolve(found, "album.example", 443, V4, by_others=False)
    assert isinstance(found.exception(0), socket.gaierror)


def _only_numbers(does: int | str) -> Any:
    """A getaddrinfo that knows numbers, and each name as `does`: an address, or the error that it raises."""
    real = socket.getaddrinfo

    def look_up(host: str, port: int, family: int, kind: int, *more: int) -> Any:
        if more:
            return real(host, port, family, kind, *more)
        if isinstance(does, int):
            raise socket.gaierror(does, "so it is")
        return [(socket.AddressFamily(family), kind, 0, "", (does, port))]

    return look_up
