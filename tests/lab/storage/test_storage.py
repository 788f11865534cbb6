"""Photos through the real uploader into real storage servers that verify their URLs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from piboothup.config import Secret
from piboothup.simulator.server import LocalEventPics
from piboothup.spool.contexts import context_for
from piboothup.spool.listing import NEW
from piboothup.uploader.transport.client import Transport
from tests.lab.storage.servers import S3, Azure, changed
from tests.lab.storage.sigv4_proxy import SigV4Proxy
from tests.support.clock import HandClock
from tests.support.limits import FAR
from tests.support.photos import jpeg, take
from tests.support.uploader import Desk

NAME = "abcd1234/a1/photo.jpg"
JPEG = {"Content-Type": "image/jpeg"}
BLOB = {**JPEG, "x-ms-blob-type": "BlockBlob"}
MD5 = {"Content-MD5": "1B2M2Y8AsgTpgAmY7PhCfg=="}


@dataclass(frozen=True)
class Storage:
    """Real storage as EventPics may use it."""

    url: Callable[[str, int], str]
    """Function that signs the URL of an object's name, valid for so many seconds."""
    stored: Callable[[str], bytes | None]


@pytest.fixture(params=["s3 version 2", "s3 version 4 behind the proxy", "azure"])
def storage(request: pytest.FixtureRequest) -> Storage:
    if request.param == "azure":
        azure: Azure = request.getfixturevalue("azure")
        return Storage(azure.url, azure.stored)
    s3: S3 = request.getfixturevalue("s3")
    if request.param == "s3 version 2":
        return Storage(lambda name, valid_s: s3.url(name, "s3", valid_s), s3.stored)
    proxy: SigV4Proxy = request.getfixturevalue("proxy")
    return Storage(lambda name, valid_s: s3.url(name, "s3v4", valid_s, proxy.port), s3.stored)


def put(url: str, headers: dict[str, str]) -> int:
    """Status of one PUT with exactly these headers, by the uploader's own transport."""
    transport = Transport(HandClock(), plain_http=True, limits=FAR)
    status = transport.exchange("PUT", Secret(url), headers, b"not a photo", deadline_s=60.0).status
    transport.close()
    return status


def put_elsewhere(desk: Desk, sign: Callable[[str], str]) -> None:
    """Have EventPics hand out the URL that `sign` makes of an object's name: its photos do not arrive there."""

    def grant(asked: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        status, answer = LocalEventPics.grant(desk.album, asked)
        if status == 200:
            path = desk.album.path_of(asked["linkId"], asked.get("albumId", ""), asked["fileName"])
            answer = {"uploadUrl": sign(path.relative_to(desk.album.directory).as_posix())}
        return status, answer

    desk.album.grant = grant  # type: ignore[method-assign]


# -- the whole uploader ----------------------------------------------------------------------------------------


def test_n28_n29_every_photo_arrives_intact_and_is_put_once(desk: Desk, storage: Storage) -> None:
    signed: list[str] = []

    def sign(name: str) -> str:
        signed.append(name)
        return storage.url(name, 300)

    put_elsewhere(desk, sign)
    contexts = [context_for("abcd1234", "a1", ""), context_for("abcd1234", "", "")]
    names = {desk.take(context): context for context in contexts * 5}
    desk.start()
    desk.until_sent(*names)
    for number, (name, context) in enumerate(names.items(), start=1):
        lies = storage.stored(f"abcd1234/{context.album_id or '_'}/{name.file_name}")
        assert lies == jpeg(number)
    assert len(signed) == len(set(signed)) == len(names)


def test_a_photo_of_many_blocks_arrives_byte_for_byte(desk: Desk, storage: Storage) -> None:
    put_elsewhere(desk, lambda name: storage.url(name, 300))
    content = jpeg(99, (1800, 1200))
    assert len(content) > 1_000_000
    name = take(desk.booth, content)
    desk.start()
    desk.until_sent(name)
    assert storage.stored(f"abcd1234/a1/{name.file_name}") == content


def test_n15_expired_url_replaced_and_photo_arrives(desk: Desk, storage: Storage) -> None:
    asked: list[str] = []

    def sign(name: str) -> str:
        asked.append(name)
        return storage.url(name, 300 if len(asked) > 1 else -60)

    put_elsewhere(desk, sign)
    name = desk.take()
    desk.start()
    desk.until(lambda: len(asked) == 1, "the first try")
    desk.rest()
    assert desk.said()["state"] == "idle"
    assert desk.lies_in(NEW, name)
    assert desk.said()["problems"] == []
    desk.until_sent(name, step_s=0.5)
    assert storage.stored(asked[0]) == jpeg(1)
    assert len(asked) == 2


def test_n14_wrongly_signed_url_loses_no_photo_marks_none_sent(desk: Desk, storage: Storage) -> None:
    def sign(name: str) -> str:
        url = storage.url(name, 300)
        return changed(url, "sig" if "sig=" in url else "X-Amz-Signature" if "X-Amz-S" in url else "Signature")

    put_elsewhere(desk, sign)
    name = desk.take()
    desk.start()
    desk.until(lambda: desk.album.calls["getuploadurl"] >= 4, "a few tries", step_s=1.0)
    assert desk.lies_in(NEW, name)
    put_elsewhere(desk, lambda name: storage.url(name, 300))
    desk.until_sent(name, step_s=1.0)


# -- the storage does refuse -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (JPEG, 200),
        ({"Content-Type": "image/png"}, 403),
        ({}, 403),
        ({**JPEG, "x-amz-acl": "public-read"}, 403),
        ({**JPEG, **MD5}, 403),
    ],
    ids=["as signed", "another type", "no type", "an unsigned x-amz header", "an unsigned Content-MD5"],
)
@pytest.mark.parametrize("version", ["s3", "s3v4"])
def test_s3_takes_the_headers_that_were_signed_and_no_others(
    s3: S3, proxy: SigV4Proxy, version: str, headers: dict[str, str], status: int
) -> None:
    port = proxy.port if version == "s3v4" else 0
    assert put(s3.url(NAME, version, port=port), headers) == status


def test_s3_refuses_a_changed_signature_and_an_expired_url(s3: S3, proxy: SigV4Proxy) -> None:
    assert put(changed(s3.url(NAME, "s3"), "Signature"), JPEG) == 403
    assert put(s3.url(NAME, "s3", -60), JPEG) == 403
    assert put(changed(s3.url(NAME, "s3v4", port=proxy.port), "X-Amz-Signature"), JPEG) == 403
    url = s3.url(NAME, "s3v4", port=proxy.port)
    assert put(url, JPEG) == 200
    proxy.now = lambda: datetime.now(UTC) + timedelta(seconds=301)
    assert put(url, JPEG) == 403
    assert proxy.refused == ["another signature", "expired"]


def test_s3_refuses_a_url_that_was_signed_for_another_photo(s3: S3, proxy: SigV4Proxy) -> None:
    for version, port in (("s3", 0), ("s3v4", proxy.port)):
        assert put(s3.url(NAME, version, port=port).replace("photo.jpg", "other.jpg"), JPEG) == 403


def test_azure_needs_own_header_refuses_bad_or_expired_signature(azure: Azure) -> None:
    assert put(azure.url(NAME), BLOB) == 201
    assert put(azure.url(NAME), JPEG) == 400
    assert put(azure.url(NAME, -60), BLOB) == 403
    assert put(changed(azure.url(NAME), "sig"), BLOB) == 403
    assert put(azure.url(NAME).replace("photo.jpg", "other.jpg"), BLOB) == 403
