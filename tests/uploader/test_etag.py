"""What a storage says of the bytes it got: over real sockets, the PUT alone."""

from __future__ import annotations

import hashlib
import io
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from piboothup.config import Secret
from piboothup.uploader.api import ApiError, EventPicsApi
from piboothup.uploader.verdict import Came
from tests.clocks import HandClock
from tests.uploader.liar import Liar, Story

PHOTO = b"x" * 200_000
MD5 = hashlib.md5(PHOTO, usedforsecurity=False).hexdigest()
OTHER = hashlib.md5(b"other", usedforsecurity=False).hexdigest()


@pytest.fixture
def photo(tmp_path: Path) -> Iterator[io.BufferedReader]:
    (tmp_path / "photo.jpg").write_bytes(PHOTO)
    with (tmp_path / "photo.jpg").open("rb") as file:
        yield file


def tells(*etags: str, then: str = "200 OK") -> Story:
    """Each PUT is told the next of these ETags, then always the last; after the first the status is `then`."""

    def story(liar: Liar, connection: socket.socket) -> None:
        while True:
            liar.request(connection)
            etag = etags[min(len(liar.requests), len(etags)) - 1]
            status = then if len(liar.requests) > 1 else "200 OK"
            header = f"ETag: {etag}\r\n" if etag else ""
            connection.sendall(f"HTTP/1.1 {status}\r\n{header}Content-Length: 0\r\n\r\n".encode())

    return story


def api(liar: Liar) -> EventPicsApi:
    return EventPicsApi(liar.url, Secret("key"), HandClock())


def put(made: EventPicsApi, liar: Liar, photo: io.BufferedReader) -> int:
    """PUTs the photo; how many requests have been made by now, each with all its bytes."""
    photo.seek(0)
    made.put(Secret(f"{liar.url}/upload"), photo, len(PHOTO))
    assert all(whole.endswith(b"\r\n\r\n" + PHOTO) for _, whole in liar.requests)
    return len(liar.requests)


@pytest.mark.parametrize(
    "etag",
    ["", f'"{MD5}"', f'"{MD5.upper()}"', MD5, f'"{OTHER}-3"', f'W/"{OTHER}"', '"0x8DC7E2A8E5A1F3C"', '"v1"', '""'],
)
def test_n29_n31_an_etag_that_is_no_other_md5_counts_and_so_does_none(photo: io.BufferedReader, etag: str) -> None:
    with Liar(tells(etag)) as liar:
        assert put(api(liar), liar, photo) == 1


def test_n30_an_etag_of_other_bytes_is_met_with_one_more_put(photo: io.BufferedReader) -> None:
    with Liar(tells(f'"{OTHER}"', f'"{MD5}"', f'"{OTHER}"', f'"{MD5}"')) as liar:
        made = api(liar)
        assert put(made, liar, photo) == 2
        assert put(made, liar, photo) == 4  # its ETags are MD5s after all, so the next is taken as seriously


def test_n30_when_it_stays_another_the_photo_is_taken_for_sent_and_that_is_logged(
    photo: io.BufferedReader, caplog: pytest.LogCaptureFixture
) -> None:
    with Liar(tells(f'"{OTHER}"')) as liar:
        made = api(liar)
        assert put(made, liar, photo) == 2
        assert "etag is another md5 and stays so" in caplog.text
        assert put(made, liar, photo) == 3  # this storage's ETags are known by now not to be MD5s


@pytest.mark.parametrize("refusal", ["403 Forbidden", "409 Conflict"])
def test_n30_a_storage_that_takes_no_second_copy_has_the_first(photo: io.BufferedReader, refusal: str) -> None:
    """A URL that is good for one PUT, or has expired when the second is made."""
    with Liar(tells(f'"{OTHER}"', then=refusal)) as liar:
        assert put(api(liar), liar, photo) == 2


def test_n30_when_the_second_put_fails_the_photo_is_not_sent(photo: io.BufferedReader) -> None:
    with Liar(tells(f'"{OTHER}"', then="503 Busy")) as liar, pytest.raises(ApiError) as caught:
        put(api(liar), liar, photo)
    assert caught.value.came is Came.SERVER_ERROR
