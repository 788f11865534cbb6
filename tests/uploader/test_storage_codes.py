"""F3: what a storage's own code in a 400 or 409 is about: the connection or the URL, and then no photo is parked.

And F2: some storages take one upload for a URL and refuse the second, when it was only the answer that was lost.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from functools import partial
from typing import Any

import pytest

from piboothup.spool.listing import NEW, PARKED, SENT
from tests.support.server import Liar, says
from tests.support.uploader import Desk

OF_THE_CONNECTION = {
    "s3, stalled": ("400 Bad Request", "RequestTimeout"),
    "s3, cut short": ("400 Bad Request", "IncompleteBody"),
    "s3, twice at once": ("409 Conflict", "OperationAborted"),
    "s3, a rival": ("409 Conflict", "ConditionalRequestConflict"),
    "s3, a token too old": ("400 Bad Request", "TokenRefreshRequired"),
    "gcs, a url too old": ("400 Bad Request", "ExpiredToken"),
}


def refusal(code: str) -> bytes:
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>x</Message></Error>'.encode()


@pytest.mark.slow
@pytest.mark.parametrize(("status", "code"), OF_THE_CONNECTION.values(), ids=OF_THE_CONNECTION)
def test_f03_a_stalled_photo_is_tried_on_and_never_parked(desk: Desk, status: str, code: str) -> None:
    """S3's RequestTimeout also comes when the last bytes are stuck in the send buffer: to us the body is sent."""
    grant = desk.album.grant
    with Liar(says(status, refusal(code), "Content-Type: application/xml")) as storage:

        def weak(asked: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
            return (
                (200, {"uploadUrl": f"{storage.url}/put"})
                if asked.get("fileName") == late.file_name
                else grant(asked)
            )

        def is_tried(times: int) -> bool:
            return len(storage.requests) >= times

        desk.album.grant = weak  # type: ignore[method-assign]
        late = desk.take()
        desk.start()
        for tries in (1, 2, 3):
            desk.until(partial(is_tried, tries), "the photo to be tried again", step_s=5.0)
            desk.until_sent(desk.take(hint=True), step_s=5.0)
        desk.pass_s(30.0)
        assert desk.lies_in(NEW, late)
        assert not desk.lies_in(PARKED, late)
        desk.album.grant = grant  # type: ignore[method-assign]
        desk.until_sent(late, step_s=5.0)
    assert desk.lies_in(SENT, late)


def _json(**said: str) -> bytes:
    return json.dumps(said).encode()


THERE_ALREADY = {
    "supabase": (
        "400 Bad Request",
        _json(statusCode="409", error="Duplicate", message="The resource already exists"),
    ),
    "vercel": ("400 Bad Request", _json(error="This blob already exists, use allowOverwrite: true")),
    "azure": ("409 Conflict", refusal("BlobAlreadyExists")),
    "azure, create only": ("403 Forbidden", refusal("UnauthorizedBlobOverwrite")),
    "gcs, create only": (
        "403 Forbidden",
        b"<?xml version='1.0' encoding='UTF-8'?><Error><Code>AccessDenied</Code><Message>Access denied.</Message>"
        b"<Details>booth@p.iam.gserviceaccount.com does not have storage.objects.delete access to the Google Cloud "
        b"Storage object.</Details></Error>",
    ),
}


class OneUpload(Liar):
    """Storage whose URLs are for one upload each; its upload number `lost` gets a 504 of a proxy, or no answer."""

    def __init__(self, status: str, body: bytes, lost: int, *, answers: bool) -> None:
        self.stored: list[bytes] = []
        self._refusal, self._lost, self._answers = (status, body), lost, answers
        super().__init__(self._take)

    def _take(self, _: Liar, connection: socket.socket) -> None:
        while True:
            path = self.request(connection).split(b" ")[1]
            if path in self.stored:
                status, body = self._refusal
                head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
                connection.sendall(head.encode() + body)
                continue
            self.stored.append(path)
            is_lost = len(self.stored) == self._lost
            if is_lost and not self._answers:
                return
            told = b"504 Gateway Timeout" if is_lost else b"200 OK"
            connection.sendall(b"HTTP/1.1 " + told + b"\r\nContent-Length: 0\r\n\r\n")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("lost", "answers"), [(1, False), (2, False), (1, True)], ids=["on a new connection", "on a kept one", "a 504"]
)
@pytest.mark.parametrize(("status", "body"), THERE_ALREADY.values(), ids=THERE_ALREADY)
def test_f02_where_it_is_there_already_a_photo_is_sent(
    desk: Desk, status: str, body: bytes, lost: int, answers: bool
) -> None:
    storage = OneUpload(status, body, lost, answers=answers)
    with storage:
        _send_to(desk, storage)
        names = [desk.take() for _ in range(3)]
        desk.start()
        desk.until_sent(*names, step_s=5.0)
        assert len(storage.stored) == len(names), "none is there twice"
        assert len(storage.requests) == len(names) + 1


@pytest.mark.slow
@pytest.mark.parametrize(("status", "body"), THERE_ALREADY.values(), ids=THERE_ALREADY)
def test_f02_what_was_never_sent_there_is_not_taken_for_sent(desk: Desk, status: str, body: bytes) -> None:
    with Liar(says(status, body, "Content-Type: application/json")) as storage:
        _send_to(desk, storage)
        name = desk.take()
        desk.start()
        desk.until(lambda: len(storage.requests) == 2, "it to be tried on another URL", step_s=5.0)
        desk.until(lambda: desk.lies_in(PARKED, name), "the only photo to be parked", step_s=5.0)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("status", "body"),
    [
        ("409 Conflict", _json(error="Photo already exists")),
        ("409 Conflict", _json(message="An upload of this resource already exists and is not complete")),
        ("422 Unprocessable", _json(message="The resource already exists")),
        ("409 Conflict", refusal("Conflict")),
    ],
)
def test_f02_other_words_for_what_is_there_are_no_proof(desk: Desk, status: str, body: bytes) -> None:
    """It may be a record of a photo of which the bytes were lost."""
    storage = OneUpload(status, body, 1, answers=True)
    with storage:
        _send_to(desk, storage)
        name = desk.take()
        desk.start()
        desk.until(lambda: len(storage.stored) == 2, "it to be sent to another URL", step_s=5.0)
        desk.until_sent(name, step_s=5.0)


def _send_to(desk: Desk, storage: Liar) -> None:
    """Have each photo sent to a URL of its own there, another each time that one is asked for."""
    asked_for: list[object] = []

    def grant(asked: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        asked_for.append(asked.get("fileName"))
        return 200, {"uploadUrl": f"{storage.url}/sign/{len(asked_for)}?token=x"}

    desk.album.grant = grant  # type: ignore[method-assign]
