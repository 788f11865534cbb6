"""F3: what a storage's own code in a 400 or 409 is about: the connection or the URL, and then no photo is parked."""

from __future__ import annotations

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
