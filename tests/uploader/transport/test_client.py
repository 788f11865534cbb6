"""HTTP on the networks of venues; each test is a trap of requests or urllib3 as they come."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import io
import logging
import random
import socket
import ssl
import struct
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import requests

from piboothup.booth.panel.i18n import texts
from piboothup.config import LANGUAGES, Secret
from piboothup.spool.names import PhotoName
from piboothup.uploader.outcomes import ApiCall, Outcome, decide
from piboothup.uploader.schedule.attempts import AttemptHistory, UploadUrl
from piboothup.uploader.schedule.link_status import link_problem
from piboothup.uploader.transport import tls
from piboothup.uploader.transport.client import Transport
from piboothup.uploader.transport.errors import LinkError
from piboothup.uploader.transport.messages import Answer, Request
from tests.support.ca import Authority, self_signed
from tests.support.clock import HandClock
from tests.support.deadline import PATIENCE_S, until
from tests.support.limits import FAR, FAR_S
from tests.support.photos import PARTY
from tests.support.server import Liar, says

pytestmark = pytest.mark.slow

NARROW = dataclasses.replace(FAR, answer_bytes=1024)
SIGNED = "/upload/token?signature=canary-signature"
PHOTO_BYTES = 8 * 1024 * 1024


@pytest.fixture
def transport() -> Iterator[Transport]:
    made = Transport(HandClock(), plain_http=True, limits=NARROW)
    yield made
    made.close()


@pytest.fixture
def photo(tmp_path: Path) -> Iterator[io.BufferedReader]:
    path = tmp_path / "photo.jpg"
    path.write_bytes(b"x" * PHOTO_BYTES)
    with path.open("rb") as file:
        yield file


def get(transport: Transport, url: str, **headers: str) -> Answer:
    return transport.exchange("GET", Secret(url), headers, deadline_s=60.0)


def put(transport: Transport, url: str, file: io.BufferedReader) -> Answer:
    return transport.exchange("PUT", Secret(url), {"Content-Type": "image/jpeg"}, file, deadline_s=60.0)


def trouble(transport: Transport, url: str) -> LinkError:
    with pytest.raises(LinkError) as caught:
        get(transport, url, Authorization="Bearer canary-key")
    return caught.value


def test_n04_a_redirect_is_an_answer_and_nothing_is_followed(transport: Transport) -> None:
    with Liar(says("302 Found", b"", "Location: /login")) as liar:
        answer = get(transport, liar.url + "/photo", Authorization="Bearer canary-key")
    assert answer.status == 302
    assert liar.heard.count(b"HTTP/1.1") == 1


@pytest.mark.parametrize("status", ["200 OK", "302 Found"])
def test_n25_endless_answer_read_to_limit_and_no_further(transport: Transport, status: str) -> None:
    def endless(liar: Liar, connection: socket.socket) -> None:
        liar.request(connection)
        connection.sendall(f"HTTP/1.1 {status}\r\nContent-Length: 1000000000\r\nLocation: /x\r\n\r\n".encode())
        while not liar.ended.is_set():
            connection.sendall(b"x" * 65536)

    with Liar(endless) as liar:
        answer = get(transport, liar.url)
    assert len(answer.body) == NARROW.answer_bytes
    assert not answer.complete


@pytest.mark.parametrize(("lines", "length", "is_taken"), [(90, 500, True), (90, 5_000, False), (2, 40_000, False)])
def test_n25_headers_without_end_are_no_answer(transport: Transport, lines: int, length: int, is_taken: bool) -> None:
    many = "\r\n".join(f"X-{number}: {'x' * length}" for number in range(lines))
    with Liar(says("200 OK", b"", many)) as liar:
        if is_taken:
            assert get(transport, liar.url).status == 200
        else:
            assert trouble(transport, liar.url).outcome is Outcome.RESET


ODD_HEADERS = (
    *("Content-Type: text/plain; charset", "Content-Type: ;charset=", "Content-Type: =;;;\t", "Content-Type:"),
    *(
        "Set-Cookie: =; expires; domain",
        "Set-Cookie: a=b; expires=Tue, 99-Foo-0000",
        "Content-Type: \xe9; charset=\xe9",
    ),
)


@pytest.mark.parametrize("header", ODD_HEADERS)
def test_f02_f05_an_odd_header_costs_no_photo(transport: Transport, photo: io.BufferedReader, header: str) -> None:
    """requests 2.31 and 2.32, which Debian 13 has, fail at the first of them."""
    with Liar(says("200 OK", b"", header)) as liar:
        answer = put(transport, liar.url + SIGNED, photo)
        assert (answer.status, answer.body_sent, answer.complete) == (200, True, True)
        assert get(transport, liar.url).status == 200


@pytest.mark.parametrize("name", ["get_encoding_from_headers", "extract_cookies_to_jar"])
def test_f05_requests_does_not_interpret_headers(
    transport: Transport, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    def fails(*_: object) -> None:
        raise AttributeError("as of an odd header, in some version")

    monkeypatch.setattr(requests.adapters, name, fails)
    with Liar(says("200 OK", b"{}", "Content-Type: text/plain; charset")) as liar:
        answer = get(transport, liar.url)
    assert (answer.status, answer.content_type, answer.body) == (200, "text/plain; charset", b"{}")


def test_n35_proxy_variables_and_netrc_are_not_obeyed(
    transport: Transport, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login guest password canary-password\n")
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with Liar(says("200 OK")) as liar:
        assert get(transport, liar.url).status == 200
    assert b"Authorization" not in liar.heard


def test_put_carries_requested_headers_and_no_others(transport: Transport, photo: io.BufferedReader) -> None:
    with Liar(says("200 OK", b"", "ETag: W/no-md5")) as liar:
        answer = put(transport, liar.url + SIGNED, photo)
    head = liar.heard.partition(b"\r\n\r\n")[0].decode().split("\r\n")
    assert head[0] == f"PUT {SIGNED} HTTP/1.1"
    names = sorted(line.partition(":")[0].lower() for line in head[1:])
    assert names == ["accept-encoding", "content-length", "content-type", "host", "user-agent"]
    assert answer.body_sent
    assert liar.heard.endswith(b"x" * PHOTO_BYTES)


def test_n10_stall_longer_than_connect_timeout_is_not_given_up(photo: io.BufferedReader) -> None:
    def slow(liar: Liar, connection: socket.socket) -> None:
        liar.ended.wait(0.5)
        liar.request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    transport = Transport(HandClock(), plain_http=True, limits=dataclasses.replace(FAR, connect_s=0.2))
    with Liar(slow) as liar, contextlib.closing(transport):
        while True:
            try:
                assert put(transport, liar.url + SIGNED, photo).body_sent
                return
            except LinkError as error:  # before the connection was made: this machine may be slow itself
                assert error.outcome in (Outcome.DNS, Outcome.CONNECT)
                assert photo.tell() == 0


def test_answer_200_before_whole_body_sent_is_no_proof(transport: Transport, photo: io.BufferedReader) -> None:
    def hasty(liar: Liar, connection: socket.socket) -> None:
        connection.recv(100)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    with Liar(hasty) as liar:
        try:
            assert not put(transport, liar.url + SIGNED, photo).body_sent
        except LinkError as error:
            assert error.outcome is Outcome.RESET  # the reset overtook the answer: no proof either


def test_n12_an_answer_that_trickles_is_cut_at_its_deadline(transport: Transport) -> None:
    started = threading.Event()

    def trickle(liar: Liar, connection: socket.socket) -> None:
        liar.request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nX-Endless: ")
        started.set()
        while not liar.ended.wait(0.01):
            connection.sendall(b"x")

    clock = HandClock()
    transport = Transport(clock, plain_http=True, limits=FAR)
    with Liar(trickle) as liar:
        caught = InAThread(transport, liar)
        assert started.wait(PATIENCE_S)
        transport.guard.enforce()
        assert caught.running()
        clock.pass_s(61.0)
        assert transport.guard.overdue_s() == 1.0
        transport.guard.enforce()
        assert caught.kind() is Outcome.TIMEOUT
    transport.close()


@pytest.mark.parametrize("cut", ["HTTP/1.1 200 OK\r\nContent-Ty", "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"])
def test_an_answer_that_breaks_off_in_its_headers_is_no_proof(
    transport: Transport, photo: io.BufferedReader, cut: str
) -> None:
    def breaks_off(liar: Liar, connection: socket.socket) -> None:
        liar.request(connection)
        connection.sendall(cut.encode())

    with Liar(breaks_off) as liar, pytest.raises(LinkError) as caught:
        put(transport, liar.url + SIGNED, photo)
    assert caught.value.outcome is Outcome.RESET


def test_c08_a_stop_cuts_the_exchange_and_refuses_the_next(transport: Transport) -> None:
    asked = threading.Event()

    def silent(liar: Liar, connection: socket.socket) -> None:
        liar.request(connection)
        asked.set()
        liar.ended.wait(FAR_S)

    with Liar(silent) as liar:
        caught = InAThread(transport, liar)
        assert asked.wait(PATIENCE_S)
        transport.guard.stop()
        assert caught.kind() is Outcome.STOPPED
        assert trouble(transport, liar.url).outcome is Outcome.STOPPED


@pytest.mark.parametrize(
    ("method", "body", "is_spared"),
    [("PUT", b"photo", True), ("PUT", b"p" * PHOTO_BYTES, False), ("POST", b"photo", False), ("GET", None, False)],
    ids=["photo sent", "photo on its way", "URL asked for", "probe"],
)
def test_p09_a_stop_spares_a_photo_that_was_sent_and_no_more(
    transport: Transport, method: str, body: bytes | None, is_spared: bool
) -> None:
    asked, may_answer = threading.Event(), threading.Event()
    is_long = body is not None and len(body) == PHOTO_BYTES

    def slow(liar: Liar, connection: socket.socket) -> None:
        connection.recv(1) if is_long else liar.request(connection)
        asked.set()
        may_answer.wait(PATIENCE_S)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    found: list[object] = []

    def exchange() -> None:
        try:
            found.append(transport.exchange(method, Secret(liar.url), {}, body, deadline_s=FAR_S).status)
        except LinkError as error:
            found.append(error.outcome)

    with Liar(slow) as liar:
        thread = threading.Thread(target=exchange)
        thread.start()
        assert asked.wait(PATIENCE_S)
        until(lambda: transport.guard.body_sent or is_long)
        assert transport.guard.stop(spares_sent=True) is is_spared
        may_answer.set()
        thread.join(PATIENCE_S)
        assert found == [200 if is_spared else Outcome.STOPPED]
        assert trouble(transport, liar.url).outcome is Outcome.STOPPED
    assert not transport.guard.stop(spares_sent=True), "nothing is under way"


def test_c08_a_stop_cuts_a_tls_handshake_too() -> None:
    connected = threading.Event()

    def mute(liar: Liar, connection: socket.socket) -> None:
        connection.recv(10)
        connected.set()
        liar.ended.wait(FAR_S)

    transport = Transport(HandClock(), limits=FAR)
    with Liar(mute) as liar:
        caught = InAThread(transport, liar, liar.url.replace("http://", "https://"))
        assert connected.wait(PATIENCE_S)
        transport.guard.stop()
        assert caught.kind() is Outcome.STOPPED
    transport.close()


def test_n32_connection_closed_since_last_use_replaced_unseen(transport: Transport) -> None:
    def once(liar: Liar, connection: socket.socket) -> None:
        liar.request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        connection.recv(1)  # the next request has begun when it hangs up

    with Liar(once) as liar:
        assert get(transport, liar.url).status == 200
        assert get(transport, liar.url).status == 200
    assert liar.connections == 2


def test_n32_half_sent_photo_on_broken_connection_resent_whole(transport: Transport, tmp_path: Path) -> None:
    def breaks_off(liar: Liar, connection: socket.socket) -> None:
        liar.request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        liar.story = says("200 OK")
        for _ in range(3):
            connection.recv(65536)
        # What has arrived meanwhile is left unread: the kernel answers it with a reset.

    photo = random.Random(1).randbytes(PHOTO_BYTES)
    (tmp_path / "photo.jpg").write_bytes(photo)
    with Liar(breaks_off) as liar, (tmp_path / "photo.jpg").open("rb") as file:
        assert get(transport, liar.url).status == 200
        answer = put(transport, liar.url + SIGNED, file)
        _, whole = liar.requests[-1]
    assert liar.connections == 2
    assert answer.body_sent
    assert whole.partition(b"\r\n\r\n")[2] == photo


def test_a_connection_is_kept_for_the_next_exchange(transport: Transport) -> None:
    with Liar(says("200 OK", b"{}")) as liar:
        for _ in range(3):
            assert get(transport, liar.url).complete
    assert liar.connections == 1


def test_a_fresh_connection_that_breaks_is_an_error_at_once(transport: Transport) -> None:
    def hang_up(liar: Liar, connection: socket.socket) -> None:
        liar.request(connection)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    with Liar(hang_up) as liar:
        assert trouble(transport, liar.url).outcome is Outcome.RESET
    assert liar.connections == 1


def test_n07_self_signed_server_refused_before_key_is_sent(tmp_path: Path) -> None:
    transport = Transport(HandClock(), plain_http=True, limits=FAR)
    with Liar(says("200 OK"), tls=self_signed(tmp_path)) as liar:
        assert trouble(transport, liar.url).outcome is Outcome.TLS
    transport.close()
    assert liar.heard == b""


_DAMAGED = "-----BEGIN CERTIFICATE-----\nAAA\n-----END CERTIFICATE-----\n"


@pytest.mark.parametrize("roots", [None, "", "no certificate", _DAMAGED], ids=["missing", "empty", "text", "damaged"])
def test_n07_a_box_without_trusted_roots_is_told_as_that(tmp_path: Path, roots: str | None) -> None:
    """Not as a bad network: another one would not help."""
    file = tmp_path / "roots.pem"
    if roots is not None:
        file.write_text(roots)
    transport = Transport(HandClock(), limits=FAR, ca_file=str(file))
    with Liar(says("200 OK"), tls=Authority(tmp_path).certificate()) as liar:
        outcome = trouble(transport, liar.url).outcome
    transport.close()
    assert outcome is Outcome.TLS_ROOTS
    assert liar.heard == b""
    _, told = link_problem(decide(ApiCall.EVENTS, outcome), outcome)
    assert (told.code, "ca-certificates" in told.remedy) == ("no_roots", True)
    for language in LANGUAGES:
        shown = texts(language)
        assert "ca-certificates" in shown.notices["no_roots"] and "ca-certificates" in shown.menu.reasons["no_roots"]


def test_verified_tls_is_spoken_where_the_certificate_is_trusted(photo: io.BufferedReader, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    transport = Transport(HandClock(), limits=FAR, ca_file=authority.file)
    with Liar(says("201 Created"), tls=authority.certificate()) as liar:
        answer = put(transport, liar.url + SIGNED, photo)
    with Liar(says("200 OK"), tls=authority.certificate(), host="127.0.0.2") as another:
        assert trouble(transport, another.url).outcome is Outcome.TLS
    transport.close()
    assert (answer.status, answer.body_sent) == (201, True)
    assert another.heard == b""


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1:DeprecationWarning")
@pytest.mark.parametrize(("newest", "is_spoken"), [(ssl.TLSVersion.TLSv1_2, True), (ssl.TLSVersion.TLSv1_1, False)])
def test_n07_breakable_tls_never_spoken_even_if_openssl_would(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, newest: ssl.TLSVersion, is_spoken: bool
) -> None:
    def lax(protocol: int) -> ssl.SSLContext:
        """As OpenSSL is where its configuration allows everything."""
        context = ssl.SSLContext(protocol)
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.set_ciphers("ALL:@SECLEVEL=0")
        return context

    monkeypatch.setattr(tls, "ssl", SimpleNamespace(**{**vars(ssl), "SSLContext": lax}))
    authority = Authority(tmp_path)
    certificate = authority.certificate()
    certificate.set_ciphers("ALL:@SECLEVEL=0")
    certificate.minimum_version, certificate.maximum_version = ssl.TLSVersion.TLSv1, newest
    transport = Transport(HandClock(), limits=FAR, ca_file=authority.file)
    with Liar(says("200 OK"), tls=certificate) as liar, contextlib.closing(transport):
        if is_spoken:
            assert get(transport, liar.url).status == 200
        else:
            assert trouble(transport, liar.url).outcome is Outcome.RESET
            assert liar.heard == b""


def test_n02_unresolvable_name_and_refused_connection_told_apart(
    transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Liar(says("200 OK")) as liar:
        liar.refuse()
        assert trouble(transport, liar.url).outcome is Outcome.CONNECT

    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    assert trouble(transport, "https://api.eventpics.example").outcome is Outcome.DNS


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/",
        "ftp://127.0.0.1/",
        "file:///etc/passwd",
        "https://user:word@example.com/",
        "https:///nowhere",
        "https://[::1",
        "https://example.com:99999/",
        "",
    ],
)
def test_n26_what_is_not_https_is_not_even_asked(transport: Transport, url: str) -> None:
    assert not transport.allows(url)
    assert trouble(transport, url).outcome is Outcome.UNUSABLE


def test_plain_http_only_for_this_machine_and_where_asked_for(transport: Transport) -> None:
    assert transport.allows("http://127.0.0.1:8000/")
    assert transport.allows("http://localhost/")
    assert not Transport(HandClock()).allows("http://127.0.0.1:8000/")


@pytest.mark.parametrize("key", ["two\nlines", "\u201csmart\u201d", "end\r\nX-Evil: 1"])
def test_key_unfit_for_header_is_error_that_does_not_show_it(transport: Transport, key: str) -> None:
    with Liar(says("200 OK")) as liar, pytest.raises(LinkError) as caught:
        get(transport, liar.url, Authorization=f"Bearer {key}")
    assert caught.value.outcome is Outcome.UNUSABLE
    assert liar.heard == b""


def test_c03_error_and_its_cause_carry_nothing_of_request(
    transport: Transport, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("urllib3").setLevel(logging.DEBUG)

    def broken(liar: Liar, connection: socket.socket) -> None:
        liar.request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nNo colon here\r\n bad\r\nContent-Length: 2\r\n\r\n{}")

    with Liar(broken) as liar:
        assert get(transport, liar.url + SIGNED).body == b"{}"
    errors = [trouble(transport, liar.url + SIGNED), trouble(transport, "https://localhost:1" + SIGNED)]
    for error in errors:
        assert error.__cause__ is None
        assert error.__context__ is None
        assert "canary" not in f"{error!r} {error} {error.args}"
    assert "canary" not in caplog.text


def test_c03_what_holds_a_key_or_a_signed_url_does_not_show_it() -> None:
    url, key = Secret("https://storage.example/?signature=canary"), "canary-key"
    asked = Request("POST", url, {"Authorization": f"Bearer {key}"}, f'{{"apiKey": "{key}"}}'.encode())
    told = f'{{"uploadUrl": "{url.reveal()}"}}'.encode()
    answer = Answer(200, "", told, True, True, "", "", sent_ns=0, answered_ns=0, location=url.reveal())
    tries = AttemptHistory(Counter())
    tries.photo(PhotoName("ABCD", 1, 1, 1, PARTY.id, "0123456789abcdef")).url = UploadUrl(url, PARTY, asked_ns=0)
    for holder in (asked, answer, vars(tries), url):
        assert "canary" not in f"{holder!r} {holder}"


def test_s06_unreadable_card_while_sending_not_blamed_on_network(transport: Transport, tmp_path: Path) -> None:
    class BadSector(io.BufferedReader):
        """EIO in the middle of the photo."""

        def read(self, size: int | None = -1, /) -> bytes:
            if self.tell() > PHOTO_BYTES // 2:
                raise OSError(errno.EIO, "Input/output error")
            return super().read(size)

    (tmp_path / "photo.jpg").write_bytes(b"x" * PHOTO_BYTES)
    with (
        Liar(says("200 OK")) as liar,
        BadSector(io.FileIO(tmp_path / "photo.jpg")) as photo,
        pytest.raises(OSError, match="Input/output") as caught,
    ):
        put(transport, liar.url + SIGNED, photo)
    assert not isinstance(caught.value, LinkError)


class InAThread:
    """A GET in a thread of its own, and how it failed."""

    def __init__(self, transport: Transport, liar: Liar, url: str = "") -> None:
        self._caught: LinkError | None = None
        self._thread = threading.Thread(target=self._run, args=(transport, url or liar.url), daemon=True)
        self._thread.start()

    def _run(self, transport: Transport, url: str) -> None:
        self._caught = trouble(transport, url)

    def running(self) -> bool:
        """Whether it has not failed yet."""
        return self._thread.is_alive()

    def kind(self) -> Outcome | None:
        """How it failed; waits for it."""
        self._thread.join(PATIENCE_S)
        return self._caught.outcome if self._caught else None
