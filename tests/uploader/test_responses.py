"""What the whole uploader makes of what a server says to a photo: over real sockets, with a real spool."""

from __future__ import annotations

import gzip
import json
import random
import socket
import zlib
from collections.abc import Mapping
from typing import Any

import pytest

from piboothup.problems import problem
from piboothup.simulator import server
from piboothup.simulator.faults import Drop, Fault
from piboothup.spool.listing import NEW, PARKED
from tests.support.photos import jpeg, take
from tests.support.server import Liar, says
from tests.support.uploader import Desk

pytestmark = pytest.mark.slow


def test_each_time_online_starts_by_asking_for_events_and_albums(desk: Desk) -> None:
    asked: list[str] = []
    remember = desk.album.fault_for

    def fault_for(call: str) -> Fault:
        asked.append(call)
        return remember(call)

    desk.album.fault_for = fault_for  # type: ignore[method-assign]
    desk.start()
    desk.until_sent(desk.take(hint=True))
    desk.album.online = False
    name = desk.take(hint=True)
    desk.until_state("offline")
    desk.album.online = True
    desk.until_sent(name, step_s=1.0)
    opened = ["geteventsandalbums", "getuploadurl", "put"]
    assert asked == opened * 2


def test_n08_portal_appearing_mid_upload_keeps_photo_for_later(desk: Desk) -> None:
    desk.album.add_fault(Fault(call="put", drop=Drop.BODY, times=2), Fault(html=True))
    name = desk.take()
    desk.start()
    desk.until_state("portal", step_s=1.0)
    assert desk.lies_in(NEW, name)
    assert desk.uploads_of(name) == []
    assert desk.said()["reason"] == "This Wi-Fi wants a sign-in page. Use a phone's hotspot. Photos are kept."
    desk.album.add_fault()
    desk.until_sent(name, step_s=1.0)
    assert desk.stored(name) == jpeg(1)


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_n14_n15_put_refused_for_url_gets_new_url_stays_online(desk: Desk, status: int) -> None:
    desk.album.add_fault(Fault(call="put", status=status, times=1))
    name = desk.take()
    desk.start()
    desk.until(lambda: desk.album.calls["put"] == 1, "the refusal")
    desk.rest()
    desk.until_state("idle")
    assert desk.said()["problems"] == []
    desk.until_sent(name, step_s=0.5)
    assert desk.album.calls["getuploadurl"] == 2


def test_n16_url_expiring_during_put_ok_if_storage_accepts(desk: Desk) -> None:
    desk.album.add_fault(Fault(call="put", status=503, headers={"Retry-After": "200"}, times=1))
    store = desk.album.store

    def slow_store(*stored: Any) -> None:
        desk.pass_s(100.0, meanwhile=True)
        store(*stored)

    desk.album.store = slow_store  # type: ignore[method-assign,assignment]
    name = desk.take()
    desk.start()
    desk.until(lambda: desk.album.calls["put"] == 1, "the first PUT")
    desk.pass_s(230.0)
    desk.until_sent(name)  # 330 s after its URL was given out for 300 s
    assert desk.album.calls["getuploadurl"] == 1
    assert len(desk.uploads_of(name)) == 1


@pytest.mark.parametrize("call", ["geteventsandalbums", "getuploadurl", "put"])
@pytest.mark.parametrize("status", [429, 503])
def test_n18_retry_after_asks_nothing_for_any_photo_until_over(desk: Desk, call: str, status: int) -> None:
    desk.album.add_fault(Fault(call=call, status=status, headers={"Retry-After": "100"}, times=1))
    names = [desk.take(), desk.take()]
    desk.start()
    desk.until(lambda: desk.album.calls[call] == 1, "the busy answer")
    desk.rest()
    before = desk.album.calls.total()
    desk.pass_s(99.0)
    desk.rest()
    assert desk.album.calls.total() == before
    desk.pass_s(30.0)
    desk.until_sent(*names)


@pytest.mark.parametrize(("status", "seconds"), [(503, "3600"), (429, "600"), (403, "120")])
def test_n18_a_long_wait_for_the_storage_is_told_at_once(desk: Desk, status: int, seconds: str) -> None:
    desk.album.add_fault(Fault(call="put", status=status, headers={"Retry-After": seconds}, times=1))
    names = [desk.take(), desk.take()]
    desk.start()
    desk.until(lambda: desk.said()["problems"] == ["server_trouble"], "the wait to be told")
    assert desk.said()["state"] == "offline"
    desk.pass_s(float(seconds) / 2)
    desk.rest()
    assert desk.said()["problems"] == ["server_trouble"]
    desk.pass_s(float(seconds))
    desk.until_sent(*names, step_s=1.0)
    desk.until(lambda: desk.said()["problems"] == [], "the trouble to be over")


def test_f05_an_event_with_an_odd_title_stops_no_photo(desk: Desk) -> None:
    """Nor do the trimmings of a server that writes its JSON by hand."""
    seen = '{"title": "P", "linkId": "abcd1234", "albums": [{"id": "a1", "title": "A"}]}'
    odd = '{"events": [{"title": "Another\tparty", "linkId": "zzzz0000"}, ' + seen + "]}\0"
    desk.album.add_fault(Fault(call="geteventsandalbums", status=200, body=odd))
    name = desk.take()
    desk.start()
    desk.until_sent(name)
    desk.rest()
    assert desk.said()["events_seen"] == 2


def test_n18_n20_retry_after_on_question_about_key_is_obeyed(desk: Desk) -> None:
    desk.start()
    desk.until_sent(desk.take(hint=True))
    desk.album.add_fault(
        Fault(call="getuploadurl", status=403, times=1),
        Fault(call="geteventsandalbums", status=503, headers={"Retry-After": "100"}, times=1),
    )
    before = desk.album.calls.total()
    name = desk.take(hint=True)
    desk.until(lambda: desk.album.calls.total() == before + 2, "both answers")
    desk.rest()
    desk.pass_s(99.0)
    desk.rest()
    assert desk.album.calls.total() == before + 2
    desk.pass_s(30.0)
    desk.until_sent(name)


def test_n10_put_stalled_forever_is_retried_stays_online(desk: Desk) -> None:
    desk.album.add_fault(Fault(call="put", stall_s=3600.0, times=1))
    name = desk.take()
    desk.start()
    desk.until(lambda: desk.album.calls["put"] == 1, "the PUT under way")
    desk.pass_s(125.0, meanwhile=True)
    desk.rest()
    assert desk.said()["problems"] == []
    desk.until_sent(name, step_s=0.5)


@pytest.mark.parametrize("call", ["geteventsandalbums", "getuploadurl"])
@pytest.mark.parametrize("status", [401, 403])
def test_n20_a_key_that_is_refused_pauses_all_and_parks_nothing(desk: Desk, call: str, status: int) -> None:
    """Be it a key that EventPics does not know, or one that it knows and lets add nothing."""
    desk.album.add_fault(Fault(call=call, status=status))
    names = [desk.take() for _ in range(4)]
    desk.start()
    desk.until_state("refused")
    for _ in range(5):
        desk.pass_s(61.0)
        desk.until_state("refused")
    assert desk.said()["problems"] == ["key_refused" if call == "geteventsandalbums" else "event_refused"]
    assert desk.waiting() == 4
    desk.album.add_fault()
    desk.until_sent(*names, step_s=5.0)


@pytest.mark.parametrize("call", ["getuploadurl", "put"])
def test_n22_a_photo_that_is_too_large_parks_and_the_next_goes(desk: Desk, call: str) -> None:
    large = desk.take()
    desk.album.add_fault(Fault(call=call, status=413, times=2))
    desk.start()
    desk.until(lambda: desk.lies_in(PARKED, large), "the photo to be parked", step_s=1.0)
    assert "413" in desk.booth.path(large, PARKED).with_suffix(".txt").read_text()
    assert desk.booth.path(large, PARKED).read_bytes() == jpeg(1)
    desk.until_sent(desk.take(hint=True), step_s=1.0)


@pytest.mark.parametrize("call", ["getuploadurl", "put"])
def test_n23_photo_refused_twice_parked_with_reason_others_sent(desk: Desk, call: str) -> None:
    bad, good = desk.take(), desk.take()
    with Liar(says("400 Bad Request")) as storage:
        desk.refuse(bad, call, storage)
        desk.start()
        desk.until(lambda: desk.album.calls["getuploadurl"] == 2 and not desk.album.uploading, "a first try of both")
        desk.until_sent(good)
        desk.until_sent(desk.take(hint=True), step_s=1.0)
        desk.until(lambda: desk.lies_in(PARKED, bad), "the photo to be parked", step_s=1.0)
        assert len(storage.requests) == (2 if call == "put" else 0)
    assert desk.album.calls["getuploadurl"] == 4
    assert "400" in desk.booth.path(bad, PARKED).with_suffix(".txt").read_text()
    assert desk.booth.path(bad, PARKED).read_bytes() == jpeg(1)
    desk.until_sent(desk.take(hint=True), step_s=1.0)


def test_n23_only_photo_of_event_refused_twice_parked_next_goes(desk: Desk) -> None:
    bad = desk.take()
    desk.album.add_fault(Fault(call="put", status=400, times=2))
    desk.start()
    desk.until(lambda: desk.lies_in(PARKED, bad), "the photo to be parked", step_s=1.0)
    desk.until_sent(desk.take(hint=True), step_s=1.0)


def test_n23_photos_refused_while_none_arrives_reported_stay_put(desk: Desk) -> None:
    bad = [desk.take(), desk.take()]
    desk.album.add_fault(Fault(call="put", status=400))
    desk.start()
    desk.until(lambda: desk.said()["problems"] == ["server_trouble"], "the refusal to be told", step_s=1.0)
    assert desk.said()["reason"].startswith("EventPics answers with an error (it refuses a photo).")
    assert all(desk.lies_in(NEW, name) for name in bad)


def test_n23_photo_refused_twice_before_whole_body_is_parked(desk: Desk) -> None:
    def refuses(_: Liar, connection: socket.socket) -> None:
        connection.recv(1000)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\n{}")
        # What has arrived meanwhile is left unread: the kernel answers it with a reset.

    large = take(desk.booth, random.Random(1).randbytes(4_000_000))
    with Liar(refuses) as storage:
        desk.refuse(large, "put", storage)
        desk.start()
        desk.until(lambda: storage.connections > 0, "the first refusal")
        desk.until_sent(desk.take(hint=True), step_s=0.5)
        desk.until(lambda: desk.lies_in(PARKED, large), "the photo to be parked", step_s=0.5)
        assert storage.connections == 2
    assert "400" in desk.booth.path(large, PARKED).with_suffix(".txt").read_text()


def test_n24_a_storage_that_refuses_every_photo_gets_none_parked(desk: Desk) -> None:
    names = [desk.take() for _ in range(8)]
    desk.album.add_fault(Fault(call="put", status=400))
    desk.start()
    desk.until_state("refused", step_s=1.0)
    assert desk.waiting() == 8
    desk.album.add_fault()
    desk.until_sent(*names, step_s=5.0)


@pytest.mark.parametrize(
    "told",
    ["http://example.com/u", "file:///etc/passwd", "https://10.0.0.1/u", "https://user:word@example.com/u", "", None],
)
def test_n26_upload_url_leading_astray_not_followed_photo_waits(desk: Desk, told: object) -> None:
    desk.album.add_fault(Fault(call="getuploadurl", status=200, body=json.dumps({"uploadUrl": told}), times=3))
    name = desk.take()
    desk.start()
    desk.until(lambda: desk.album.calls["getuploadurl"] == 3, "three bad URLs", step_s=1.0)
    assert desk.lies_in(NEW, name)
    assert desk.uploads_of(name) == []
    desk.until_sent(name, step_s=1.0)


def test_storage_unreachable_reported_not_as_missing_network(desk: Desk) -> None:
    desk.lose_storage(times=1)
    name = desk.take()
    desk.start()
    desk.until(lambda: desk.said()["problems"] == ["storage_silent"], "the storage to be told", step_s=0.5)
    assert desk.said()["state"] == "offline"
    assert desk.said()["reason"] == str(problem("storage_silent"))
    looks = desk.album.calls["geteventsandalbums"]
    desk.until(lambda: desk.album.calls["geteventsandalbums"] > looks + 2, "more looks", step_s=0.5)
    desk.rest()
    assert desk.said()["problems"] == ["storage_silent"]
    desk.until_sent(name, step_s=5.0)  # by a new URL, when the old one has grown old
    desk.until(lambda: desk.said()["problems"] == [], "nothing to be wrong")


@pytest.mark.parametrize("status", [200, 201, 204])
def test_n28_n31_the_whole_uploader_takes_these_for_proof(desk: Desk, status: int) -> None:
    desk.album.add_fault(Fault(call="put", status=status, times=1))
    name = desk.take()
    desk.start()
    desk.until_sent(name)
    assert desk.album.calls["put"] == 1


def _packed(encoding: str, content: bytes) -> bytes:
    return gzip.compress(content) if encoding == "gzip" else zlib.compress(content)


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_f05_an_eventpics_that_packs_all_it_says_is_understood(desk: Desk, encoding: str) -> None:
    """As a proxy does that ignores Accept-Encoding: over real sockets, and under text/html."""
    send = server._Exchange._send

    def packing(exchange: Any, status: int, content: bytes, headers: Mapping[str, str]) -> None:
        headers = {**headers, "Content-Type": "text/html", "Content-Encoding": encoding}
        send(exchange, status, _packed(encoding, content), headers)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(server._Exchange, "_send", packing)
        name = desk.take()
        desk.start()
        desk.until_sent(name)
        desk.album.add_fault(Fault(status=401, body='{"error": "invalid API key"}'))
        desk.pass_s(80.0)
        desk.until_state("refused")
        assert desk.said()["problems"] == ["key_refused"]


def test_f05_n25_a_bomb_in_place_of_an_answer_is_an_odd_answer(desk: Desk) -> None:
    bomb = gzip.compress(bytes(64 * 1024 * 1024))
    with Liar(says("200 OK", bomb, "Content-Encoding: gzip")) as server:
        desk.configure(api_url=server.url)
        desk.take()
        desk.start()
        desk.until(lambda: desk.said()["problems"] == ["server_trouble"], "the trouble to be told")
        assert desk.said()["reason"] == str(problem("server_trouble", "partial"))


def test_f05_n25_an_account_of_3_mb_stops_no_photo(desk: Desk) -> None:
    albums = [{"id": f"a{number}", "title": "Photo booth"} for number in range(20)]
    listed = [{"title": "A party", "linkId": f"abcd{number:04}", "albums": albums} for number in range(3000)]
    desk.album.add_fault(Fault(call="geteventsandalbums", status=200, body=json.dumps({"events": listed})))
    name = desk.take()
    desk.start()
    desk.until_sent(name)
    desk.until(lambda: desk.said()["events_seen"] is not None, "the status after the probe")
    assert desk.said()["problems"] == []
    assert 500 < desk.said()["events_seen"] <= 1000
