"""From a name to a connection at a venue: look-ups that hang, families that lead nowhere, networks that are left.

What getaddrinfo says is given here, since no real resolver can be made to hang; the connections are real.
"""

from __future__ import annotations

import contextlib
import dataclasses
import socket
import struct
import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from piboothup.config import Secret
from piboothup.spool.listing import NEW
from piboothup.uploader.outcomes import Outcome
from piboothup.uploader.transport import happy_eyeballs
from piboothup.uploader.transport.client import Transport
from piboothup.uploader.transport.errors import LinkError
from piboothup.uploader.transport.happy_eyeballs import has_local_address
from piboothup.uploader.transport.messages import Limits
from piboothup.uploader.transport.name_servers import Address
from tests.support.clock import HandClock
from tests.support.deadline import PATIENCE_S
from tests.support.limits import FAR, FAR_S
from tests.support.server import Liar, says
from tests.support.uploader import Desk

pytestmark = pytest.mark.slow

V4, V6 = socket.AF_INET, socket.AF_INET6
SHORT = dataclasses.replace(FAR, connect_s=0.2)
"""Where nothing is to be connected to."""


class Names:
    """What names stand for, by family: an address, nothing (unknown), or a look-up that hangs until `answer`."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.known: dict[socket.AddressFamily, str] = {V4: "127.0.0.1"}
        self.hanging: set[socket.AddressFamily] = set()
        self.asked: list[str] = []
        self.answer = threading.Event()
        patch.setattr(socket, "getaddrinfo", self._look_up)

    def all_asked(self, times: int) -> None:
        """It was asked so often and no oftener; waits until every look-up has begun."""
        pause = threading.Event()
        while len(self.asked) < times:
            pause.wait(0.001)
        assert len(self.asked) == times

    def _look_up(self, host: str, port: int, family: socket.AddressFamily, kind: int) -> list[Any]:
        self.asked.append(host)
        if family in self.hanging:
            assert self.answer.wait(FAR_S)
        if family not in self.known:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(family, kind, 0, "", (self.known[family], port))]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Iterator[Names]:
    made = Names(monkeypatch)
    yield made
    made.answer.set()
    for thread in threading.enumerate():  # a late one would ask the next test's names
        if thread.name == "look-up":
            thread.join(PATIENCE_S)


class Caller:
    """GETs a URL, by the transport, in a thread; what came of it."""

    def __init__(self, transport: Transport, url: str) -> None:
        self._came: int | Outcome | None = None
        self._transport, self._url = transport, url
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._came = self._transport.exchange("GET", Secret(self._url), {}, deadline_s=60.0).status
        except LinkError as error:
            self._came = error.outcome

    def outcome(self) -> int | Outcome | None:
        """The status or the kind of trouble; None when nothing comes."""
        self._thread.join(PATIENCE_S)
        return self._came


@contextlib.contextmanager
def transport(limits: Limits, **more: Any) -> Iterator[Transport]:
    made = Transport(HandClock(), plain_http=True, limits=limits, **more)
    with contextlib.closing(made):
        yield made


@contextlib.contextmanager
def black_hole(host: str, port: int = 0) -> Iterator[int]:
    """An address at which the kernel drops every attempt to connect: nobody accepts, and the queue is full."""
    family = V6 if ":" in host else V4
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket(family))
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(0)
        filler = stack.enter_context(socket.socket(family))
        filler.connect(listener.getsockname())
        pause = threading.Event()
        while not _is_full(listener):
            pause.wait(0.001)
        yield listener.getsockname()[1]


def _is_full(listener: socket.socket) -> bool:
    """Whether no more connections can wait to be accepted: tcpi_unacked and tcpi_sacked of the kernel's tcp.h."""
    waiting, most = struct.unpack_from("=II", listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104), 24)
    return int(waiting) > int(most)


def test_n03_dead_ipv6_does_not_keep_ipv4_waiting(names: Names) -> None:
    names.known[V6] = "::1"
    with Liar(says("200 OK")) as liar, black_hole("::1", liar.port), transport(FAR) as made:
        assert Caller(made, f"http://localhost:{liar.port}/").outcome() == 200


def test_n03_refused_family_or_hung_lookup_of_it_costs_nothing(names: Names, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(happy_eyeballs, "_ATTEMPT_DELAY_S", FAR_S)  # nobody waits for it
    monkeypatch.setattr(happy_eyeballs, "_RETRY_ALL_AFTER_S", FAR_S)
    names.known[V6] = "::1"
    with Liar(says("200 OK")) as liar, transport(FAR) as made:
        assert Caller(made, f"http://localhost:{liar.port}/").outcome() == 200
    names.hanging = {V6}
    with Liar(says("200 OK")) as liar, transport(FAR) as made:
        assert Caller(made, f"http://localhost:{liar.port}/").outcome() == 200


@pytest.mark.parametrize("first", ["dead", "dead, then lost", "refused", "without a route"])
def test_n03_a_late_lookup_joins_the_attempts_under_way(
    names: Names, monkeypatch: pytest.MonkeyPatch, first: str
) -> None:
    """The first family's attempts are under way, or have failed, when the other's address becomes known."""
    monkeypatch.setattr(happy_eyeballs, "_RETRY_ALL_AFTER_S", 0.01 if first == "dead, then lost" else FAR_S)
    names.known[V6], names.hanging = "::1", {V4}
    begin, tried = happy_eyeballs._start_connecting, threading.Event()
    lost = {"without a route": [V6], "dead, then lost": [V4]}.get(first, [])

    def noted(address: Address, options: Any, device: str) -> socket.socket | None:
        tried.set()
        if address[0] not in lost:
            return begin(address, options, device)
        lost.remove(address[0])
        return None

    monkeypatch.setattr(happy_eyeballs, "_start_connecting", noted)
    with contextlib.ExitStack() as stack:
        liar = stack.enter_context(Liar(says("200 OK")))
        if first.startswith("dead"):
            stack.enter_context(black_hole("::1", liar.port))
        made = stack.enter_context(transport(FAR))
        caller = Caller(made, f"http://localhost:{liar.port}/")
        assert tried.wait(PATIENCE_S)
        names.answer.set()
        assert caller.outcome() == 200
        names.all_asked(2)


@pytest.mark.parametrize(("wait_s", "late"), [(0.01, "hangs"), (FAR_S, "is unknown")])
def test_n03_a_late_lookup_is_not_waited_for_in_vain(
    names: Names, monkeypatch: pytest.MonkeyPatch, wait_s: float, late: str
) -> None:
    monkeypatch.setattr(happy_eyeballs, "_RETRY_ALL_AFTER_S", wait_s)
    names.known, names.hanging = {V6: "::1"}, {V4}
    begin = happy_eyeballs._start_connecting

    def noted(address: Address, options: Any, device: str) -> socket.socket | None:
        if late == "is unknown":
            names.answer.set()
        return begin(address, options, device)

    monkeypatch.setattr(happy_eyeballs, "_start_connecting", noted)
    with Liar(says("200 OK")) as liar, transport(FAR) as made:
        assert Caller(made, f"http://localhost:{liar.port}/").outcome() is Outcome.CONNECT


@pytest.mark.parametrize("is_avoided", [False, True])
def test_n03_the_other_family_is_waited_for_by_what_is_known(
    names: Names, monkeypatch: pytest.MonkeyPatch, is_avoided: bool
) -> None:
    """An address that connects and gives no answer is worth no hurry."""
    names.known[V6], names.hanging = "::1", {V4}
    lookups, waits_s = happy_eyeballs.NameLookups(), list[float]()
    wait = happy_eyeballs._wait_for_wake

    def noted(woken: socket.socket, until_s: float) -> bool:
        waits_s.append(until_s - time.monotonic())
        if waits_s[-1] < 2 * happy_eyeballs._LATE_LOOKUP_S:
            names.answer.set()
            return wait(woken, time.monotonic() + PATIENCE_S)
        return wait(woken, until_s)

    monkeypatch.setattr(happy_eyeballs, "_wait_for_wake", noted)
    lookups.connected = ("::1", 9)
    if is_avoided:
        lookups.put_last()
    with contextlib.ExitStack() as stack:
        wake, woken = (stack.enter_context(contextlib.closing(end)) for end in socket.socketpair())
        found = lookups.addresses("localhost", 9, time.monotonic() + PATIENCE_S, wake, woken)
    assert found[0][1] == (("127.0.0.1", 9) if is_avoided else ("::1", 9)) and len(found) == 2
    assert (waits_s[-1] > happy_eyeballs._RESOLUTION_DELAY_S) == is_avoided


def test_n03_a_server_on_ipv6_alone_is_reached(names: Names) -> None:
    names.known = {V6: "::1"}
    with Liar(says("200 OK"), host="::1") as liar, transport(FAR) as made:
        assert Caller(made, f"http://localhost:{liar.port}/").outcome() == 200


def test_addresses_that_all_lead_nowhere_are_given_up(names: Names) -> None:
    names.known[V6] = "::1"
    with black_hole("127.0.0.1") as port, black_hole("::1", port), transport(SHORT) as made:
        while (outcome := Caller(made, f"http://localhost:{port}/").outcome()) is Outcome.DNS:
            continue  # on a slow machine the late look-up serves the next try
        assert outcome is Outcome.CONNECT


def test_n17_address_losing_first_attempts_is_tried_in_parallel(
    names: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel alone asks again after 1, 3 and 7 s, and by the way that it took first."""
    monkeypatch.setattr(happy_eyeballs, "_RETRY_ALL_AFTER_S", 0.01)
    begin, begun = happy_eyeballs._start_connecting, 0
    with Liar(says("200 OK")) as liar, black_hole("127.0.0.1") as hole, transport(FAR) as made:

        def lost_at_first(address: Address, options: Any, device: str) -> socket.socket | None:
            nonlocal begun
            begun += 1
            return begin((V4, ("127.0.0.1", hole if begun <= 3 else liar.port)), options, device)

        monkeypatch.setattr(happy_eyeballs, "_start_connecting", lost_at_first)
        assert Caller(made, f"http://localhost:{liar.port}/").outcome() == 200
    assert begun >= 4


def test_n02_hung_lookup_given_up_late_answer_serves_next_one(names: Names, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("piboothup.uploader.transport.client._SIGN_IN_CONNECT_S", 0.2)
    names.hanging = {V4, V6}
    with Liar(says("200 OK")) as liar, transport(SHORT) as made:
        for _ in range(3):
            assert Caller(made, f"http://localhost:{liar.port}/").outcome() is Outcome.DNS
        names.all_asked(2)  # one for each family, not for each try
    with Liar(says("200 OK")) as liar, transport(FAR, http_port=liar.port) as made:
        with pytest.raises(LinkError) as caught:
            made.get_plain_http("localhost", 60.0)
        assert caught.value.outcome is Outcome.DNS
        names.answer.set()
        assert Caller(made, f"http://localhost:{liar.port}/").outcome() == 200
        names.all_asked(2 + 2)


def test_n02_a_lookup_that_hangs_for_good_is_begun_anew(names: Names, monkeypatch: pytest.MonkeyPatch) -> None:
    """As glibc's does, whose name server has accepted a connection and then says nothing."""
    monkeypatch.setattr(happy_eyeballs, "_NEW_LOOKUP_S", 0.0)
    names.hanging = {V4, V6}
    with Liar(says("200 OK")) as liar, transport(SHORT) as made:
        assert Caller(made, f"http://localhost:{liar.port}/").outcome() is Outcome.DNS
        names.all_asked(2)
        names.hanging = set()
        made._limits = FAR
        assert Caller(made, f"http://localhost:{liar.port}/").outcome() == 200
        names.all_asked(4)


def test_n02_hanging_lookups_are_begun_ever_less_often(names: Names, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each keeps its thread: of a day there are some 150."""
    names.hanging = {V4}
    clock = HandClock()
    monkeypatch.setattr(happy_eyeballs, "time", SimpleNamespace(monotonic=lambda: clock.boottime_ns() / 1e9))
    lookups = happy_eyeballs.NameLookups()
    begun: dict[object, int] = {}
    for second in range(3000):
        begun.setdefault(lookups._look_up("localhost", 9, V4), second)
        clock.pass_s(1.0)
    assert list(begun.values()) == [0, 60, 180, 420, 900, 1500, 2100, 2700]


def test_n02_a_name_that_is_unknown_is_asked_for_again_each_time(names: Names) -> None:
    names.known = {}
    with transport(FAR) as made:
        for tries in (1, 2):
            assert Caller(made, "http://localhost:9/").outcome() is Outcome.DNS
            names.all_asked(2 * tries)


def test_n02_impossible_name_is_an_error_like_any_other() -> None:
    with transport(FAR) as made:
        assert Caller(made, f"https://{'x' * 70}.example/").outcome() in (Outcome.DNS, Outcome.UNUSABLE)


@pytest.mark.parametrize("where", ["look-up", "connecting"])
def test_c08_a_stop_and_a_deadline_cut_what_is_not_connected_yet(names: Names, where: str) -> None:
    if where == "look-up":
        names.hanging = {V4, V6}
    clock = HandClock()
    with black_hole("127.0.0.1") as port:
        for end, kind in (("deadline", Outcome.TIMEOUT), ("stop", Outcome.STOPPED)):
            made = Transport(clock, plain_http=True, limits=FAR)
            caller = Caller(made, f"http://localhost:{port}/")
            while made.guard.overdue_s() == 0.0:
                clock.pass_s(61.0)
            if end == "stop":
                made.guard.stop()
            else:
                made.guard.enforce()
            assert caller.outcome() is kind
            made.close()


def test_n02_hung_lookup_delays_neither_status_nor_stop(
    desk: Desk, names: Names, caplog: pytest.LogCaptureFixture
) -> None:
    names.hanging = {V4, V6}
    desk.configure(api_url=f"http://localhost:{desk.album.port}")
    name = desk.take()
    desk.start()
    desk.until(lambda: len(names.asked) == 2, "the look-ups under way")
    desk.take(hint=True)
    desk.until(lambda: desk.said()["waiting"] == 2, "the new photo to be counted")
    assert desk.stop()
    assert "left behind" not in caplog.text
    assert desk.lies_in(NEW, name)


def test_n17_address_no_longer_of_this_machine_is_recognised() -> None:
    class Roamed(socket.socket):
        """Its address (RFC 5737) is no machine's."""

        def getsockname(self) -> tuple[str, int]:
            return "192.0.2.1", 5

    with Roamed() as roamed, socket.socket(V6) as first, socket.socket() as another:
        assert not has_local_address(roamed)
        first.bind(("::1", 0))
        another.bind(("127.0.0.1", 0))
        assert has_local_address(first)
        assert has_local_address(another)


def test_n17_exchange_after_roaming_cut_connection_not_reused() -> None:
    roamed: list[str] = []
    asked = threading.Event()

    def silent_once(liar: Liar, connection: socket.socket) -> None:
        while True:
            liar.request(connection)
            asked.set()
            if len(liar.requests) == 2:
                liar.ended.wait(FAR_S)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    def here(connection: socket.socket) -> bool:
        return str(connection.getsockname()) not in roamed

    with Liar(silent_once) as liar, transport(FAR, is_local=here) as made:
        assert Caller(made, liar.url).outcome() == 200
        asked.clear()
        caller = Caller(made, liar.url)  # by the kept connection, into silence
        assert asked.wait(PATIENCE_S)
        made.guard.enforce()
        assert liar.connections == 1
        roamed.append(str(("127.0.0.1", liar.requests[0][0])))
        made.guard.enforce()
        assert caller.outcome() == 200  # by a fresh one
        roamed.append(str(("127.0.0.1", liar.requests[-1][0])))
        assert Caller(made, liar.url).outcome() == 200
        assert liar.connections == 3
