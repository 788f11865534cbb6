"""C9: every field of every answer, one lie after the other, told to the whole uploader over real sockets."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.utils import formatdate
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from piboothup.spool.listing import NEW, PARKED, SENT
from piboothup.spool.names import PhotoName
from piboothup.uploader import answers
from tests.support.effort import sample, some
from tests.support.server import Liar
from tests.support.uploader import Desk

pytestmark = pytest.mark.slow

CALLS = ["geteventsandalbums", "getuploadurl", "put"]
HEADERS = [
    *("Content-Length", "Content-Type", "Date", "Retry-After", "ETag", "Location", "Transfer-Encoding", "Connection"),
    *("Content-Encoding", "Set-Cookie", "WWW-Authenticate", "X-Any"),
]
FIELDS = ["events", "title", "linkId", "albums", "id", "albumId", "uploadUrl"]


@dataclass(frozen=True)
class Lie:
    """What is changed in a good answer."""

    call: str
    status: bytes = b""
    """In place of "200 OK"."""
    headers: list[tuple[str, bytes]] = field(default_factory=list)
    """In place of those of this name, or besides."""
    fields: dict[str, Any] = field(default_factory=dict)
    """In place of the JSON's fields of this name, wherever they stand."""
    body: bytes | None = field(default=None, repr=False)
    """In place of the JSON."""
    cut: int = 0
    """Only so many bytes of it all; 0 = all."""

    def told(self, good: Any) -> bytes:
        """The answer."""
        body = json.dumps(_with(good, self.fields)).encode() if self.body is None else self.body
        headers = {
            "Content-Length": b"%d" % len(body),
            "Content-Type": b"application/json",
            "Connection": b"close",
            **dict(self.headers),
        }
        lines = [b"HTTP/1.1 " + (self.status or b"200 OK")]
        lines += [name.encode() + b": " + value for name, value in headers.items()]
        whole = b"\r\n".join([*lines, b"", body])
        return whole[: self.cut] if self.cut else whole


def _with(good: Any, fields: dict[str, Any]) -> Any:
    if isinstance(good, dict):
        return {key: fields[key] if key in fields else _with(value, fields) for key, value in good.items()}
    return [_with(item, fields) for item in good] if isinstance(good, list) else good


class Lying:
    """An EventPics that tells a lie to one call, once, and is honest ever after."""

    def __init__(self, date: str) -> None:
        self.date = date.encode()
        self.lie: Lie | None = None
        self.honest: set[str] = set()
        """The names of the photos whose PUT was taken honestly."""
        self.server = Liar(self._story)

    def _story(self, liar: Liar, connection: socket.socket) -> None:
        while True:
            asked = liar.request(connection)
            path = asked.split(b" ", 2)[1].decode()
            call = path.split("/")[1]
            lie = self.lie
            if lie is not None and lie.call == call:
                self.lie = None
                connection.sendall(lie.told(self._good(call, asked)))
                return
            if call == "put":
                self.honest.add(path.split("/")[2])
            honest = Lie(call, headers=[("Connection", b"keep-alive"), ("Date", self.date)])
            connection.sendall(honest.told(self._good(call, asked)))

    def _good(self, call: str, asked: bytes) -> Any:
        if call == "geteventsandalbums":
            albums = [{"id": "a1", "title": "Booth"}, {"albumId": "a2", "title": "Stage"}]
            return {"events": [{"title": "Party", "linkId": "abcd1234", "albums": albums}]}
        if call == "getuploadurl":
            name = json.loads(asked.partition(b"\r\n\r\n")[2])["fileName"]
            return {"uploadUrl": f"{self.server.url}/put/{name}"}
        return {}


class Fuzzed:
    """A desk whose uploader works all through the test."""

    def __init__(self, folder: Path) -> None:
        self.desk = Desk(folder)
        self.eventpics = Lying(formatdate(self.desk.server_clock.wall_s, usegmt=True))
        self.desk.configure(api_url=self.eventpics.server.url)
        self.desk.start()

    def tell(self, lie: Lie) -> PhotoName:
        """A photo is taken and meets the lie; it must get to its album or be parked all the same."""
        desk = self.desk
        self.eventpics.lie = lie
        name = desk.take(hint=True)
        desk.until(lambda: self._is_over(name), f"the photo to get over the lie to {lie.call}")
        return name

    def _is_over(self, name: PhotoName) -> bool:
        if self.eventpics.lie is not None or self.desk.lies_in(NEW, name):
            self.desk.hint("retry")
            return False
        return True

    def end(self) -> None:
        self.desk.end()
        self.eventpics.server.__exit__()


@pytest.fixture
def fuzzed(tmp_path: Path) -> Iterator[Fuzzed]:
    made = Fuzzed(tmp_path)
    yield made
    made.end()


NASTY = [
    *(
        b"",
        b"-1",
        b"0",
        b"7",
        b"1e9",
        b"99999999999999999999",
        b"chunked",
        b"gzip",
        b"text/html",
        b"keep-alive",
        b"/",
    ),
    *(b"Thu, 01 Jan 1970 00:00:00 GMT", b"Fri, 31 Dec 9999 23:59:59 GMT", b'"' + b"0" * 32 + b'"', b"\xff\xfe"),
]
_header_text = st.one_of(
    st.sampled_from(NASTY), st.binary(max_size=20).map(lambda raw: raw.replace(b"\r", b"").replace(b"\n", b""))
)
_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.just("x" * 9_000),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=3),
    max_leaves=6,
)
_statuses = st.one_of(
    st.sampled_from([b"200 OK", b"201 Made", b"202 Later", b"204 None", b"206 Part"]),
    st.integers(100, 599).map(lambda number: b"%d Any" % number),
    st.integers(0, 99_999).map(lambda number: b"%d" % number),
    st.binary(max_size=8),
)
_headers = st.lists(st.tuples(st.sampled_from(HEADERS), _header_text), min_size=1, max_size=3)
_bodies = st.one_of(st.binary(max_size=40), st.sampled_from([b"[" * 60_000, b"<html>", b"7", b"null", b"[]", b"{}"]))
_calls = st.sampled_from(CALLS)
lies = st.one_of(
    st.builds(
        Lie, st.just("geteventsandalbums"), fields=st.fixed_dictionaries({}, optional=dict.fromkeys(FIELDS, _values))
    ),
    st.builds(Lie, st.just("getuploadurl"), fields=st.fixed_dictionaries({"uploadUrl": _values})),
    st.builds(Lie, _calls, status=_statuses),
    st.builds(Lie, _calls, headers=_headers),
    st.builds(Lie, _calls, body=_bodies),
    st.builds(Lie, _calls, cut=st.integers(1, 300)),
    st.builds(Lie, _calls, status=_statuses, headers=_headers, body=_bodies, cut=st.integers(0, 300)),
)


def met(fuzzed: Fuzzed, lie: Lie) -> None:
    """The lie is told; nothing is lost, nothing is sent without proof, nothing unforeseen happens."""
    name = fuzzed.tell(lie)
    if not fuzzed.desk.lies_in(SENT, name):
        assert fuzzed.desk.lies_in(PARKED, name)
        assert lie.status.startswith(b"4")
    elif name.file_name not in fuzzed.eventpics.honest:
        assert lie.call == "put"
        status = (lie.status or b"200").split()[0]
        assert len(status) == 3
        assert status.startswith(b"2")
        assert not (lie.body or b"").startswith(b"<html")


@given(lies)
@some(50)
@example(Lie("put", b"200 OK", body=b"<html>Please sign in</html>"))
@example(Lie("put", b"200 OK", cut=20))
@example(Lie("put", b"302 Found", [("Location", b"/put/x")]))
@example(Lie("geteventsandalbums", headers=[("Transfer-Encoding", b"chunked")]))
@example(Lie("getuploadurl", fields={"uploadUrl": "http://[::1"}))
@example(Lie("getuploadurl", fields={"uploadUrl": "https://127.1/"}))
def test_c09_lies_lose_no_photo_mark_none_sent_end_no_upload(
    fuzzed: Fuzzed, caplog: pytest.LogCaptureFixture, lie: Lie
) -> None:
    met(fuzzed, lie)
    assert "step failed" not in caplog.text


def meaning(status: int) -> tuple[object, ...]:
    """What the uploader tells apart."""
    groups = [known for known in vars(answers).values() if isinstance(known, frozenset)]
    return status // 100, answers._STATUSES.get(status), *(status in group for group in groups)


@pytest.mark.parametrize("call", CALLS)
def test_c09_every_status_that_there_is_is_met(fuzzed: Fuzzed, caplog: pytest.LogCaptureFixture, call: str) -> None:
    for status in sample(HTTPStatus, meaning):
        met(fuzzed, Lie(call, b"%d Any" % status))
    assert "step failed" not in caplog.text


@pytest.mark.parametrize("call", CALLS)
def test_c09_f02_an_endless_lie_is_cut_off_and_the_photo_arrives(fuzzed: Fuzzed, call: str) -> None:
    name = fuzzed.tell(Lie(call, headers=[("Content-Length", b"1000000000")], body=b"x" * 3_000_000))
    assert (name.file_name in fuzzed.eventpics.honest) is (call != "put")  # to a PUT its head has said all
