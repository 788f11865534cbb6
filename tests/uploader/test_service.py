"""What the uploader promises, over real sockets to the local EventPics and with a real spool."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import json
import logging
import os
import shutil
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from piboothup.config import Secret, UploadConfig
from piboothup.simulator.faults import Drop, Fault
from piboothup.simulator.server import DEMO_KEY
from piboothup.spool import choices, durable, handover
from piboothup.spool.admin import assign
from piboothup.spool.choices import Choices
from piboothup.spool.contexts import Context, context_for
from piboothup.spool.listing import NEW, PARKED
from piboothup.spool.names import PhotoName
from piboothup.spool.store import AlreadyRunning, Spool
from piboothup.uploader import service
from piboothup.uploader.eventpics import EventPicsApi
from piboothup.uploader.service import Uploader
from piboothup.uploader.transport.connection import ExchangeGuard
from piboothup.uploader.worker import Worker
from tests.support.deadline import PATIENCE_S
from tests.support.photos import PARTY, jpeg
from tests.support.server import Liar, close_idle_connections, passes_on
from tests.support.uploader import Desk

pytestmark = pytest.mark.slow

DAY_S = 86_400.0
STOP_S = service._STOP_TIMEOUT_S
"""As it is outside of these tests, whose machine may be slow."""


def test_every_photo_arrives_once_with_its_bytes_name_and_time(desk: Desk) -> None:
    names = [desk.take(), desk.take(), desk.take()]
    desk.start()
    desk.until_sent(*names)
    for number, name in enumerate(names, start=1):
        assert desk.stored(name) == jpeg(number)
        (upload,) = desk.uploads_of(name)
        assert abs(upload["takenAt"] - desk.server_clock.wall_ns() / 1e6) <= 1000
    assert desk.waiting() == 0


def test_a_hint_brings_a_photo_to_the_album_while_no_time_passes(desk: Desk) -> None:
    desk.start()
    desk.until(lambda: desk.album.calls["geteventsandalbums"] > 0, "the first look")
    desk.until_sent(desk.take(hint=True))


def test_a_photo_of_which_the_hint_was_lost_is_found_within_30_s(desk: Desk) -> None:
    desk.start()
    desk.until_sent(desk.take(hint=True))
    name = desk.take()
    desk.pass_s(30.0)
    desk.until_sent(name)


def test_n13_answer_lost_after_whole_body_puts_again_on_same_url(desk: Desk) -> None:
    desk.album.add_fault(Fault(call="put", drop=Drop.ANSWER, times=3))
    name = desk.take()
    desk.start()
    desk.until_sent(name, step_s=0.5)
    assert desk.album.calls["getuploadurl"] == 1
    assert len(desk.uploads_of(name)) == 4
    assert len(list((desk.album.directory / "abcd1234" / "a1").iterdir())) == 1


def test_n15_a_url_that_has_grown_old_is_not_used_again(desk: Desk) -> None:
    desk.album.add_fault(Fault(call="put", drop=Drop.ANSWER, times=2))
    name = desk.take()
    desk.start()
    desk.until(lambda: desk.album.calls["put"] == 2, "two PUTs")
    desk.pass_s(241.0)
    desk.until_sent(name, step_s=0.5)
    assert desk.album.calls["getuploadurl"] == 2


def test_n15_url_age_counts_from_before_it_was_asked_for(desk: Desk) -> None:
    grant = desk.album.grant

    def slow_grant(asked: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        desk.pass_s(50.0, meanwhile=True)
        return grant(asked)

    desk.album.grant = slow_grant  # type: ignore[method-assign]
    desk.album.add_fault(Fault(call="put", status=503, times=1))
    name = desk.take()
    desk.start()
    desk.until(lambda: desk.album.calls["put"] == 1, "the first PUT")
    desk.pass_s(195.0)
    desk.until_sent(name, step_s=0.5)
    assert desk.album.calls["getuploadurl"] == 2


def test_n01_three_days_offline_keep_all_photos_then_send_them(desk: Desk) -> None:
    desk.album.online = False
    names = [desk.take() for _ in range(3)]
    desk.start()
    desk.until_state("offline")
    for _ in range(6):
        desk.pass_s(DAY_S / 2)
        names.append(desk.take(hint=True))
    assert desk.waiting() == 9
    assert desk.said()["problems"] == ["no_network"]
    taken_s = desk.server_clock.wall_s - DAY_S / 2
    desk.album.online = True
    desk.until_sent(*names, step_s=1.0)
    assert [len(desk.uploads_of(name)) for name in names] == [1] * 9
    off_ms = desk.uploads_of(names[-2])[0]["takenAt"] - taken_s * 1000
    assert abs(off_ms) <= 1000 + DAY_S / 2 * 1000 * 50e-6


def test_n32_kept_connection_closed_between_photos_is_unnoticed(desk: Desk) -> None:
    desk.start()
    desk.until_sent(desk.take(hint=True))
    close_idle_connections(desk.album)
    # Time stands still: a back-off after an error would last for ever.
    desk.until_sent(desk.take(hint=True))
    desk.rest()
    assert desk.said()["problems"] == []


def test_n04_portal_redirecting_a_put_gets_no_photo_marked_sent(desk: Desk) -> None:
    elsewhere = f"{desk.album.url}/geteventsandalbums"
    desk.album.add_fault(Fault(call="put", redirect=elsewhere))
    name = desk.take()
    desk.start()
    desk.until_state("portal")
    assert desk.lies_in(NEW, name)
    assert desk.said()["problems"] == ["portal"]
    desk.album.add_fault()
    desk.until_sent(name, step_s=1.0)


@pytest.mark.parametrize("call", ["geteventsandalbums", "getuploadurl", "put"])
@pytest.mark.parametrize("status", [200, 511])
def test_n05_n06_sign_in_page_as_answer_is_named_a_portal(desk: Desk, call: str, status: int) -> None:
    desk.album.add_fault(Fault(call=call, html=True, status=status))
    name = desk.take()
    desk.start()
    desk.until_state("portal")
    assert desk.lies_in(NEW, name)
    desk.album.add_fault()
    desk.until_sent(name, step_s=1.0)


def test_n20_refused_key_stops_uploads_until_fixed_no_restart(desk: Desk, tmp_path: Path) -> None:
    key_file = tmp_path / "key"
    key_file.write_text("a-key-of-yesterday\n")
    desk.configure(api_key=None, api_key_file=str(key_file))
    name = desk.take()
    desk.start()
    desk.until_state("refused")
    assert desk.said()["problems"] == ["key_refused"]
    assert desk.lies_in(NEW, name)
    key_file.write_text(DEMO_KEY)
    desk.pass_s(60.0)
    desk.until_sent(name)
    desk.until(lambda: desk.said()["state"] in ("idle", "uploading"), "the refusal to be over")


def test_n20_key_file_with_smart_quotes_named_until_fixed(desk: Desk, tmp_path: Path) -> None:
    key_file = tmp_path / "key"
    key_file.write_text(f"“{DEMO_KEY}”")
    desk.configure(api_key=None, api_key_file=str(key_file))
    name = desk.take()
    desk.start()
    desk.until_state("refused")
    assert desk.said()["problems"] == ["bad_config"]
    assert str(key_file) in desk.said()["reason"]
    assert DEMO_KEY not in desk.said()["reason"]
    key_file.write_text(DEMO_KEY)
    desk.pass_s(60.0)
    desk.until_sent(name)


@pytest.mark.parametrize("content", [None, "", "\n"], ids=["no file", "empty", "a line break"])
def test_a_key_file_without_a_key_is_named(desk: Desk, tmp_path: Path, content: str | None) -> None:
    """It may lie elsewhere: "put the key in the config" is said to who has put it into a file."""
    key_file = tmp_path / "kye"
    if content is not None:
        key_file.write_text(content)
    desk.configure(api_key=None, api_key_file=str(key_file))
    desk.start()
    desk.until_state("refused")
    assert desk.said()["reason"].startswith(f"There is no API key yet (nothing in {key_file}).")


def test_without_a_key_photos_wait_and_the_status_says_so(desk: Desk) -> None:
    desk.configure(api_key=None)
    name = desk.take()
    desk.start()
    desk.until_state("refused")
    assert desk.said()["problems"] == ["no_key"]
    assert desk.said()["reason"].startswith("There is no API key yet. ")
    assert desk.said()["waiting"] == 1
    assert desk.lies_in(NEW, name)


def test_a_config_that_cannot_be_used_sends_nothing_and_is_told(desk: Desk) -> None:
    desk.take()
    desk.start(refused="/etc/config.toml, line 3: this is not right. Mend it.")
    desk.until_state("refused")
    assert desk.said()["reason"] == "/etc/config.toml, line 3: this is not right. Mend it."
    desk.pass_s(120.0)
    desk.rest()
    assert desk.album.calls.total() == 0


def test_photos_without_event_wait_and_are_sent_once_assigned(desk: Desk) -> None:
    nobodys = context_for("", "", "an evening")
    held, free = desk.take(nobodys), desk.take()
    desk.start()
    desk.until_sent(free)
    desk.until(lambda: desk.said()["problems"] == ["no_event"], "the missing event to be told")
    assert desk.lies_in(NEW, held)
    assigned = desk.booth.directory / "contexts" / f"{nobodys.id}.assigned.json"
    assigned.write_text(json.dumps({"linkId": "abcd1234", "albumId": "a2"}))
    desk.pass_s(30.0)
    desk.until_sent(held)
    assert desk.stored(held, album_id="a2") == jpeg(1)
    desk.until(lambda: desk.said()["problems"] == [], "nothing to be wrong")


def test_n21_unknown_event_asked_hourly_or_once_seen_others_sent(
    desk: Desk,
) -> None:
    lost = context_for("gone0000", "", "")
    waits, flows = desk.take(lost), desk.take()
    desk.start()
    desk.until_sent(flows)
    desk.until(lambda: "event_gone" in desk.said()["problems"], "the unknown event to be told")
    assert desk.lies_in(NEW, waits)
    desk.pass_s(3500.0)
    desk.rest()
    assert desk.album.calls["getuploadurl"] == 2
    desk.pass_s(130.0)
    desk.rest()
    assert desk.album.calls["getuploadurl"] == 3
    desk.album.events.append({"title": "Found", "linkId": "gone0000", "albums": []})
    desk.pass_s(80.0)  # the next look shows it
    desk.until_sent(waits)


def test_n24_a_server_that_refuses_every_photo_gets_none_parked(desk: Desk) -> None:
    names = [desk.take() for _ in range(8)]
    desk.album.add_fault(Fault(call="getuploadurl", status=400))
    desk.start()
    desk.until_state("refused", step_s=1.0)
    assert desk.waiting() == 8
    desk.album.add_fault()
    desk.until_sent(*names, step_s=5.0)


@pytest.mark.parametrize("call", ["getuploadurl", "put"])
def test_n22_too_large_photo_parked_next_goes(desk: Desk, call: str) -> None:
    large = desk.take()
    desk.album.add_fault(Fault(call=call, status=413, times=2))
    desk.start()
    desk.until(lambda: desk.lies_in(PARKED, large), "the photo to be parked", step_s=1.0)
    assert "413" in desk.booth.path(large, PARKED).with_suffix(".txt").read_text()
    assert desk.booth.path(large, PARKED).read_bytes() == jpeg(1)
    desk.until_sent(desk.take(hint=True), step_s=1.0)


def test_n33_after_outage_newest_goes_first_and_oldest_in_turn(desk: Desk) -> None:
    desk.album.online = False
    desk.start()
    names = []
    for _ in range(6):
        names.append(desk.take(hint=True))
        desk.until_state("offline", step_s=1.0)
        desk.pass_s(600.0)
    desk.album.online = True
    desk.until_sent(*names, step_s=1.0)
    arrived = [upload["fileName"] for upload in desk.album.uploads()]
    assert arrived == [names[number].file_name for number in (5, 0, 4, 1, 3, 2)]


def test_n34_pause_mid_queue_current_photo_arrives_others_wait(desk: Desk) -> None:
    names = [desk.take() for _ in range(5)]
    desk.album.add_fault(Fault(call="put", stall_s=3600.0, times=1))
    desk.start()
    desk.until(lambda: desk.album.uploading == 1, "the first photo under way")
    choices.write(desk.booth.directory, desk.config, Choices(paused=True))
    desk.hint("choices")
    desk.until_state("paused")
    desk.album.add_fault()
    desk.until(lambda: desk.said()["sent"] == 1, "the first photo to arrive")
    desk.pass_s(600.0)
    desk.rest()
    assert desk.said()["state"] == "paused"
    assert desk.waiting() == 4
    assert desk.album.calls["put"] == 1
    desk.hint("retry")
    desk.until_sent(*names)


def test_n34_paused_sends_nothing_until_a_retry_ends_the_pause(desk: Desk) -> None:
    desk.config = type(desk.config)(
        eventpics=desk.config.eventpics, spool=desk.config.spool, upload=type(desk.config.upload)(1, True)
    )
    name = desk.take()
    desk.start()
    desk.until_state("paused")
    desk.pass_s(600.0)
    desk.rest()
    assert desk.album.calls.total() == 0
    desk.hint("retry")
    desk.until_sent(name)


def test_n34_pause_chosen_at_box_obeyed_in_seconds_no_restart(desk: Desk) -> None:
    desk.start()
    desk.until_sent(desk.take(hint=True))
    choices.write(desk.booth.directory, desk.config, Choices(paused=True))
    desk.until_state("paused", step_s=1.0)
    desk.rest()
    calls, name = desk.album.calls.total(), desk.take(hint=True)
    desk.pass_s(60.0)
    desk.rest()
    assert desk.album.calls.total() == calls
    choices.write(desk.booth.directory, desk.config, Choices(paused=False))
    desk.hint("choices")
    desk.until_sent(name)


def test_n34_a_pause_chosen_after_a_retry_is_obeyed(desk: Desk) -> None:
    """The config pauses uploads as well: what was chosen is no news, that it was chosen is."""
    desk.config = dataclasses.replace(desk.config, upload=UploadConfig(workers=1, paused=True))
    desk.start()
    desk.until_state("paused")
    desk.hint("retry")
    desk.until_sent(desk.take(hint=True))
    choices.write(desk.booth.directory, desk.config, Choices(paused=True))
    desk.hint("choices")
    desk.until_state("paused", step_s=1.0)


def test_f16_a_sent_folder_that_was_tidied_away_is_made_again(desk: Desk) -> None:
    desk.start()
    desk.until_sent(desk.take(hint=True))
    shutil.rmtree(desk.booth.directory / "sent")
    desk.until_sent(desk.take(hint=True))
    desk.until(lambda: desk.waiting() == 0, "no photo to wait")


def test_f12_a_pause_holds_while_its_file_cannot_be_read(desk: Desk) -> None:
    choices.write(desk.booth.directory, desk.config, Choices(paused=True))
    desk.start()
    desk.until_state("paused")
    name = desk.take(hint=True)
    (desk.booth.directory / choices.FILE).write_bytes(b"\0" * 200)
    desk.hint("choices")
    desk.pass_s(60.0)
    desk.rest()
    assert (desk.said()["state"], desk.album.calls.total()) == ("paused", 0)
    choices.write(desk.booth.directory, desk.config, Choices(paused=False))
    desk.hint("choices")
    desk.until_sent(name)


def test_a_retry_tries_at_once_what_had_been_put_off(desk: Desk) -> None:
    desk.album.online = False
    name = desk.take()
    desk.start()
    desk.until_state("offline")
    desk.album.online = True
    desk.hint("retry")
    desk.until_sent(name)


def test_a_retry_also_ends_holds_and_single_photos_waits(desk: Desk) -> None:
    held = desk.take(context_for("gone0000", "", ""))
    put_off = desk.take()
    desk.album.add_fault(Fault(call="put", status=403, times=1))
    desk.start()
    desk.until(lambda: "event_gone" in desk.said()["problems"] and not desk.album.uploading, "hold", step_s=0.1)
    desk.album.events.append({"title": "Found", "linkId": "gone0000", "albums": []})
    desk.rest()
    desk.hint("retry")
    desk.until_sent(held, put_off)


def test_s20_second_uploader_on_same_spool_refused_with_sentence(desk: Desk) -> None:
    desk.start()
    second = Uploader(desk.config, Spool(desk.booth.directory, desk.clock, "serial-1"), desk.clock, desk.runtime)
    with pytest.raises(AlreadyRunning, match="already running"):
        second.run()
    desk.until_sent(desk.take(hint=True))


def test_c01_event_change_photos_still_go_to_event_taken_for(desk: Desk) -> None:
    desk.album.online = False
    old = [desk.take() for _ in range(5)]
    albums = [{"albumId": "b1", "title": "B"}]
    desk.album.events.append({"title": "Tomorrow", "linkId": "tomorrow1", "albums": albums})
    desk.configure(link_id="tomorrow1", album_id="b1")
    new = desk.take(context_for("tomorrow1", "b1", ""))
    desk.start()
    desk.album.online = True
    desk.until_sent(*old, new, step_s=1.0)
    assert {upload["linkId"] for name in old for upload in desk.uploads_of(name)} == {"abcd1234"}
    assert desk.stored(new, "tomorrow1", "b1") == jpeg(6)


def test_c03_key_and_signed_url_in_no_debug_log_line_or_status(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    canary = "canary-key-0123456789"
    desk.album.key = canary
    desk.configure(api_key=Secret(canary))
    desk.album.add_fault(
        Fault(call="geteventsandalbums", drop=Drop.ANSWER, times=1),
        Fault(call="getuploadurl", drop=Drop.START, times=1),
        Fault(call="put", drop=Drop.BODY, times=1),
        Fault(call="put", drop=Drop.ANSWER, times=1),
        Fault(call="put", redirect="http://127.0.0.1:1/?signature=elsewhere", times=1),
        Fault(call="put", status=403, times=1),
        Fault(call="put", status=200, headers={"Broken header": "x", "Connection": "close"}, times=1),
    )
    name = desk.take()
    desk.start()
    desk.until_sent(name, step_s=1.0)
    desk.album.online = False
    desk.take(hint=True)
    desk.until_state("offline", step_s=5.0)
    told = caplog.text + json.dumps(desk.said())
    assert "sent photo=" in told
    for secret in (canary, "signature", "/upload/"):
        assert secret not in told


@pytest.mark.parametrize("call", ["geteventsandalbums", "getuploadurl", "put"])
def test_c08_stop_mid_call_ends_within_5_s_and_keeps_photo(
    desk: Desk, call: str, caplog: pytest.LogCaptureFixture
) -> None:
    desk.album.add_fault(Fault(call=call, stall_s=3600.0))
    name = desk.take()
    desk.start()
    desk.until(lambda: desk.album.calls[call] == 1, f"{call} under way")
    assert desk.stop()
    assert "left behind" not in caplog.text
    assert desk.lies_in(NEW, name)
    assert desk.said() == {}


@pytest.mark.parametrize("ends", ["asked to end", "config imported", "in time"])
def test_p09_a_photo_sent_when_the_service_ends_is_sent_once(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, ends: str
) -> None:
    """The storage answers after the stop has begun, or else never: that one is sent again."""
    monkeypatch.setattr(service, "_ANSWER_TIMEOUT_S", 0.0 if ends == "in time" else PATIENCE_S)
    is_over, news, answers = threading.Event(), list[bool](), ends != "in time"
    monkeypatch.setattr(Uploader, "_shut_down", _told(is_over, Uploader._shut_down))

    def holds_back(asked: bytes) -> None:
        if asked.startswith(b"PUT") and is_over.wait(PATIENCE_S) and not answers and len(desk.album.uploads()) == 1:
            raise ConnectionResetError

    desk.front = Liar(passes_on(desk.album.port, holds_back))
    desk.album.url = desk.front.url
    desk.configure(api_url=desk.front.url)
    name = desk.take()
    desk.start(has_new_config=lambda: bool(news))
    uploader = desk.uploader
    assert uploader is not None
    desk.until(lambda: desk.uploads_of(name) != [] and _guard(uploader).body_sent, "the photo to be in the album")
    if ends == "config imported":
        news.append(True)
        uploader.wake()
        desk.until(lambda: uploader.needs_restart, "the uploader to notice")
    assert desk.stop()
    assert desk.lies_in(NEW, name) is not answers
    desk.start()
    desk.until_sent(name)
    assert len(desk.uploads_of(name)) == (1 if answers else 2)


def _guard(uploader: Uploader) -> ExchangeGuard:
    return uploader._workers[0].session.api().transport.guard


def _told(event: threading.Event, shut_down: Callable[[Uploader], None]) -> Callable[[Uploader], None]:
    """`shut_down`, and the event that tells that it has stopped what is on the network."""

    def told(uploader: Uploader) -> None:
        stop = uploader._workers[-1].session.stop

        def stopped(**how: bool) -> bool:
            is_spared = stop(**how)
            event.set()
            return is_spared

        uploader._workers[-1].session.stop = stopped  # type: ignore[method-assign]
        shut_down(uploader)

    return told


def test_c08_a_worker_that_does_not_end_is_left_behind_after_3_s(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A worker that can't be cut, in a write to a dying card perhaps, is made up; time is the clock's."""
    waited_s: list[float] = []

    def stays(_: Worker, timeout_s: float) -> bool:
        waited_s.append(timeout_s)
        desk.clock.pass_s(timeout_s)
        return False

    monkeypatch.setattr(service, "_STOP_TIMEOUT_S", STOP_S)
    monkeypatch.setattr(Worker, "join", stays)
    desk.config = dataclasses.replace(desk.config, upload=UploadConfig(workers=2))
    desk.start()
    assert desk.stop()
    assert waited_s == [3.0, 0.0]
    assert caplog.text.count("worker left behind") == 2


def test_n10_a_stall_that_never_ends_is_given_up(desk: Desk) -> None:
    desk.album.add_fault(Fault(call="geteventsandalbums", stall_s=3600.0, times=1))
    name = desk.take()
    desk.start()
    desk.until(lambda: desk.album.calls["geteventsandalbums"] == 1, "the call under way")
    desk.pass_s(61.0, meanwhile=True)
    desk.until_sent(name, step_s=1.0)


def test_status_tells_what_waits_where_and_count_of_events_seen(desk: Desk) -> None:
    desk.start()
    desk.until_sent(desk.take(hint=True), desk.take(hint=True))
    desk.until(lambda: desk.said()["sent"] == 2, "both to be counted")
    waits = desk.take(context_for("", "", ""), hint=True)
    desk.until(lambda: desk.said()["waiting"] == 1, "the third to be counted")
    said = desk.said()
    assert said["events_seen"] == 1
    assert said["rate_bps"] > 0
    assert said["events"] == [
        {"link_id": "", "album_id": "", "title": "", "waiting": 1, "sent": 0},
        {"link_id": "abcd1234", "album_id": "a1", "title": "Summer Party", "waiting": 0, "sent": 2},
    ]
    assert [event.title for event in desk.booth.events()] == ["Summer Party"]
    assert desk.lies_in(NEW, waits)
    assert PARTY.link_id == "abcd1234"


def test_two_workers_bring_every_photo_once(desk: Desk) -> None:
    desk.config = type(desk.config)(
        eventpics=desk.config.eventpics, spool=desk.config.spool, upload=type(desk.config.upload)(2)
    )
    names = [desk.take() for _ in range(30)]
    desk.start()
    desk.until_sent(*names)
    assert [len(desk.uploads_of(name)) for name in names] == [1] * 30


def test_assign_during_upload_sends_to_new_album_by_no_old_url(desk: Desk) -> None:
    desk.album.add_fault(Fault(call="put", status=500, times=1))
    name = desk.take()
    desk.start()
    desk.until(lambda: desk.album.calls["put"] == 1, "the first try")
    assign.assign(desk.booth, assign.propose(desk.booth, "abcd1234", "abcd1234/a2"))
    desk.until_sent(name, step_s=0.5)
    assert desk.stored(name, album_id="a2") == jpeg(1)
    assert desk.stored(name) is None


def test_assign_photo_old_album_got_meanwhile_is_noted_there(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [desk.take(), desk.take()]
    real = EventPicsApi.put
    moved: list[int] = []

    def put(*given: Any, **_: Any) -> None:
        real(*given)
        if not moved:
            moved.append(assign.assign(desk.booth, assign.propose(desk.booth, "abcd1234", "abcd1234/a2")))

    monkeypatch.setattr(EventPicsApi, "put", put)
    desk.start()
    desk.until_sent(*names, step_s=0.5)
    assert moved == [2]
    albums = [[album for album in ("a1", "a2") if desk.stored(name, album_id=album)] for name in names]
    assert sorted(albums) == [["a1"], ["a2"]]
    noted = [desk.booth.context_of(name) for name in names]
    assert [[context.album_id] for context in noted if context is not None] == albums


def test_assign_suspended_midway_keeps_no_photo_from_being_sent(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """`queue assign` in a terminal under Ctrl-Z, while a photo that it takes elsewhere is on its way."""
    names, under_way = [desk.take() for _ in range(3)], contextlib.ExitStack()
    real = EventPicsApi.put

    def put(*given: Any, **_: Any) -> None:
        real(*given)
        if desk.album.calls["put"] == 1:
            assign.assign(desk.booth, assign.propose(desk.booth, "abcd1234", "abcd1234/a2"))
            under_way.enter_context(durable.lock(desk.booth.directory / ".assign.lock"))

    monkeypatch.setattr(EventPicsApi, "put", put)
    with under_way:
        desk.start()
        desk.until(lambda: desk.said().get("sent") == 3, "all to arrive", step_s=1.0)
        assert desk.waiting() == 1
    desk.until_sent(*names, step_s=5.0)
    assert sorted(upload["albumId"] for name in names for upload in desk.uploads_of(name)) == ["a1", "a2", "a2"]
    went = {name: desk.uploads_of(name)[0]["albumId"] for name in names}
    assert {name: context.album_id for name in names if (context := desk.booth.context_of(name))} == went


def test_hint_for_absent_photo_leaves_next_hint_working(desk: Desk) -> None:
    first = desk.take(hint=True)
    desk.start()
    desk.until_sent(first)
    desk.hint("new", str(first).replace("-0001-0001_", "-0001-9999_"))
    desk.until_sent(desk.take(hint=True))


def test_f08_a_runtime_folder_that_vanishes_is_made_again(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    desk.start()
    desk.rest()
    for number in range(2):
        desk.runtime.rename(desk.runtime.with_name(f"vanished-{number}"))  # whole: it meets no writer
        desk.pass_s(3.0)
        desk.until(lambda: bool(desk.said()), "its status")
        desk.rest()
        name = desk.take(hint=True)  # no time passes: only a hint can bring it
        desk.until_sent(name)
    assert not any(record.exc_info for record in caplog.records)


def test_s04_what_was_sent_is_known_to_the_next_run(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a card that is read-only, where no photo can be moved out of new/: an import starts the service anew."""
    unmarked: dict[PhotoName, Context] = {}
    real, is_read_only = handover.mark_sent, [True]

    def mark_sent(spool: Spool, name: PhotoName) -> None:
        if is_read_only:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        real(spool, name)

    monkeypatch.setattr(handover, "mark_sent", mark_sent)
    names = [desk.take() for _ in range(3)]
    desk.start(unmarked=unmarked)
    desk.until(lambda: desk.said()["sent"] == 3, "the photos to arrive", step_s=1.0)
    assert desk.stop()
    desk.start(unmarked=unmarked)
    desk.pass_s(40.0)
    desk.rest()
    is_read_only.clear()
    desk.until_sent(*names, step_s=10.0)
    assert [len(desk.uploads_of(name)) for name in names] == [1, 1, 1]


def test_u03_an_import_ends_the_uploader_s_run(desk: Desk) -> None:
    news: list[bool] = []
    desk.start(has_new_config=lambda: bool(news))
    uploader = desk.uploader
    assert uploader is not None
    desk.rest()
    assert not uploader.needs_restart
    news.append(True)
    uploader.wake()
    desk.until(lambda: uploader.needs_restart, "the uploader to notice")
