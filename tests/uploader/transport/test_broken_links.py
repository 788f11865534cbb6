"""Slow, stalling and breaking links: what must not end an upload, and what must.

`Limits` are wall time in the kernel's hands, so the one that is to end an exchange is made short here. Whoever takes
that one out waits for the others, which are set far beyond every test's patience, as they are where none may end it.
"""

from __future__ import annotations

import dataclasses
import io
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from piboothup.config import Secret
from piboothup.uploader.eventpics import _MIN_BYTES_PER_S
from piboothup.uploader.outcomes import Outcome
from piboothup.uploader.transport.client import Transport
from piboothup.uploader.transport.errors import LinkError
from piboothup.uploader.transport.messages import Answer, Body, Limits
from tests.support.ca import Authority
from tests.support.clock import HandClock
from tests.support.deadline import PATIENCE_S
from tests.support.limits import FAR, FAR_S, relax
from tests.support.server import Liar, Story, says

pytestmark = pytest.mark.slow

PHOTO_BYTES = 8 * 1024 * 1024


@pytest.fixture
def photo(tmp_path: Path) -> Iterator[io.BufferedReader]:
    path = tmp_path / "photo.jpg"
    path.write_bytes(b"x" * PHOTO_BYTES)
    with path.open("rb") as file:
        yield file


class Put:
    """A PUT of the photo in a thread of its own."""

    def __init__(self, limits: Limits, url: str, photo: io.BufferedReader, ca_file: str | None = None) -> None:
        self._came: Answer | Outcome | None = None
        self._transport = Transport(HandClock(), plain_http=True, limits=limits, ca_file=ca_file)
        self._thread = threading.Thread(target=self._run, args=(url, photo), daemon=True)
        self._thread.start()

    def _run(self, url: str, photo: io.BufferedReader) -> None:
        try:
            self._came = self._transport.exchange("PUT", Secret(url), {}, photo, deadline_s=60.0)
        except LinkError as error:
            self._came = error.outcome

    def answer(self) -> Answer:
        """What was answered."""
        outcome = self._wait()
        assert isinstance(outcome, Answer), outcome
        return outcome

    def trouble(self) -> Outcome:
        """Why nothing was."""
        outcome = self._wait()
        assert isinstance(outcome, Outcome), outcome
        return outcome

    def _wait(self) -> Answer | Outcome | None:
        self._thread.join(PATIENCE_S)
        if self._thread.is_alive():
            self._transport.guard.stop()
            self._thread.join(PATIENCE_S)
            raise AssertionError("nothing ended it")
        self._transport.close()
        return self._came


def deaf(liar: Liar, _: socket.socket) -> None:
    liar.ended.wait(FAR_S)


def silent(liar: Liar, connection: socket.socket) -> None:
    liar.request(connection)
    liar.ended.wait(FAR_S)


def test_n11_peer_stops_reading_upload_ends_by_stall_timeout(photo: io.BufferedReader) -> None:
    with Liar(deaf) as liar:
        assert Put(dataclasses.replace(FAR, stall_s=0.3), liar.url, photo).trouble() is Outcome.TIMEOUT


def test_n11_unheard_peer_upload_ends_by_kernel_timeout(
    photo: io.BufferedReader,
) -> None:
    with Liar(deaf) as liar:
        assert Put(dataclasses.replace(FAR, unacknowledged_s=0.3), liar.url, photo).trouble() is Outcome.TIMEOUT


def test_n10_peer_never_answers_upload_ends_by_read_timeout(photo: io.BufferedReader) -> None:
    with Liar(silent) as liar:
        assert Put(dataclasses.replace(FAR, read_s=0.3), liar.url, photo).trouble() is Outcome.TIMEOUT


def test_tls_handshake_stalled_ends_by_connect_timeout(photo: io.BufferedReader) -> None:
    greeted = threading.Event()

    def mute(liar: Liar, connection: socket.socket) -> None:
        connection.recv(1)
        greeted.set()
        liar.ended.wait(FAR_S)

    limits = dataclasses.replace(FAR, connect_s=0.3)
    with Liar(mute) as liar:
        while not greeted.is_set():  # a slow machine may not get so far in that time
            kind = Put(limits, liar.url.replace("http:", "https:"), photo).trouble()
            assert kind in (Outcome.TIMEOUT, Outcome.CONNECT, Outcome.DNS)


@pytest.mark.parametrize("over", ["http", "https"])
@pytest.mark.parametrize("taken_bytes", [4096, 64 * 1024])
def test_n09_slow_link_not_taken_for_dead_with_small_send_buffer(
    photo: io.BufferedReader, tmp_path: Path, over: str, taken_bytes: int
) -> None:
    """What the kernel was handed and the server has not read yet, the lowest rate brings there in time for an answer.

    A larger buffer would be emptied after the read time-out: the whole photo would have been sent in vain, each time.
    """
    most_bytes = int(Limits().read_s * _MIN_BYTES_PER_S)
    ahead_bytes: list[int] = []

    def slow(liar: Liar, connection: socket.socket) -> None:
        taken = 0
        while taken < PHOTO_BYTES:
            if taken >= len(ahead_bytes) * PHOTO_BYTES // 4:
                ahead_bytes.append(_comes_to_rest_at(photo, liar.ended) - taken)
            taken += len(connection.recv(taken_bytes))
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    authority = Authority(tmp_path)
    tls = authority.certificate() if over == "https" else None
    with Liar(slow, buffer_bytes=32 * 1024, tls=tls) as liar:
        assert Put(FAR, liar.url, photo, authority.file).answer().body_sent
    assert max(ahead_bytes) < most_bytes, ahead_bytes


def test_n10_stall_is_measured_over_a_short_block(photo: io.BufferedReader) -> None:
    """The time-out holds for a block as a whole (socket.sendall).

    6 kB/s behind a modem with a queue of 10 s do not always bring 64 KiB there in it: so two of six photos arrived,
    and with short blocks four of four.
    """
    lengths = {len(block) for block in Body(photo)}
    assert 7 * max(lengths) < _MIN_BYTES_PER_S * Limits().stall_s


def _comes_to_rest_at(file: io.BufferedReader, ended: threading.Event) -> int:
    """How far it was read when its reader can't go on. Taken for that too early it is less, never more."""
    read = -1
    while read != (read := os.lseek(file.fileno(), 0, os.SEEK_CUR)):
        ended.wait(0.1)
    return read


@pytest.mark.parametrize("over", ["http", "https"])
def test_n14_403_then_reset_while_sending_is_answer_not_break(
    photo: io.BufferedReader, tmp_path: Path, over: str
) -> None:
    def refuses(liar: Liar, connection: socket.socket) -> None:
        connection.recv(1000)
        connection.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\n{}")
        # What has arrived meanwhile is left unread: the kernel answers it with a reset.

    authority = Authority(tmp_path)
    with Liar(refuses, tls=authority.certificate() if over == "https" else None) as liar:
        answer = Put(FAR, liar.url, photo, authority.file).answer()
    assert (answer.status, answer.body_sent) == (403, False)


def test_n08_n14_break_mid_upload_without_answer_is_broken_link(
    photo: io.BufferedReader,
) -> None:
    def breaks(liar: Liar, connection: socket.socket) -> None:
        connection.recv(1000)

    with Liar(breaks) as liar:
        assert Put(FAR, liar.url, photo).trouble() is Outcome.RESET


def test_n07_n35_root_certificates_from_environment_not_trusted(
    photo: io.BufferedReader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority(tmp_path)
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.setenv(name, authority.file)
    with Liar(says("200 OK"), tls=authority.certificate()) as liar:
        assert Put(FAR, liar.url, photo).trouble() is Outcome.TLS
    assert liar.heard == b""


def test_n35_session_keys_not_written_where_environment_says(
    photo: io.BufferedReader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))
    authority = Authority(tmp_path)
    with Liar(says("200 OK"), tls=authority.certificate()) as liar:
        assert Put(FAR, liar.url, photo, authority.file).answer().body_sent
    assert not (tmp_path / "keys").exists()


def answers_once(liar: Liar, connection: socket.socket) -> None:
    liar.request(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    silent(liar, connection)


def hangs_up_later(liar: Liar, connection: socket.socket) -> None:
    liar.request(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    liar.request(connection)


@pytest.mark.parametrize("story", [answers_once, hangs_up_later])
@pytest.mark.parametrize("first", [0, 1])
def test_n17_one_dead_kept_connection_ends_the_others(story: Story, first: int) -> None:
    """A hotspot that has a new address outside cuts all connections, in silence: each would cost a time-out."""
    with Liar(story) as api, Liar(answers_once) as storage:
        urls = [Secret(f"{liar.url}/") for liar in ((api, storage), (storage, api))[first]]
        transport = Transport(HandClock(), plain_http=True, limits=FAR)
        for url in urls:
            assert transport.exchange("GET", url, {}, deadline_s=60.0).status == 200
        transport._limits = dataclasses.replace(FAR, read_s=0.3)
        if first or story is answers_once:
            with pytest.raises(LinkError):
                transport.exchange("GET", urls[0], {}, deadline_s=60.0)
            relax(transport)
        else:  # the server has said so, and a new one is made at once
            relax(transport)
            assert transport.exchange("GET", urls[0], {}, deadline_s=60.0).status == 200
        assert transport.exchange("GET", urls[1], {}, deadline_s=60.0).status == 200
        transport.close()
