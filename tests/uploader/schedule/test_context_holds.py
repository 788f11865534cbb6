"""Events that EventPics takes no photo for: theirs wait in new/, all others flow, and it is told why."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from piboothup.simulator.faults import Fault
from piboothup.simulator.server import DEMO_KEY
from piboothup.spool.admin import assign
from piboothup.spool.contexts import context_for
from piboothup.spool.listing import NEW
from tests.support.photos import jpeg
from tests.support.uploader import Desk

pytestmark = pytest.mark.slow

GALA = context_for("gala5678", "", "")


class Doorkeeper:
    """Makes the album answer `getuploadurl` for one event with a status, whatever the key is."""

    def __init__(self, desk: Desk, link_id: str, status: int) -> None:
        self.open = False
        self.asked = 0
        grant = desk.album.grant

        def kept(asked: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
            if asked.get("linkId") != link_id or self.open:
                return grant(asked)
            self.asked += 1
            return status, {"error": "not with this key"}

        desk.album.grant = kept  # type: ignore[method-assign]


@pytest.mark.parametrize("status", [401, 403])
def test_n20_n21_event_of_another_key_waits_1_h_others_are_sent(desk: Desk, status: int) -> None:
    door = Doorkeeper(desk, GALA.link_id, status)
    theirs = [desk.take(GALA) for _ in range(20)]
    desk.start()
    desk.until_sent(*(desk.take(hint=True) for _ in range(3)))  # while no time passes
    desk.until(lambda: desk.said()["sent"] == 3, "all three to be counted")
    assert desk.said()["problems"] == ["event_refused"]
    desk.until_state("idle")
    assert door.asked == 1
    desk.pass_s(2600.0)
    desk.until_sent(desk.take(hint=True))
    assert door.asked == 1
    desk.album.events.append({"title": "Gala", "linkId": GALA.link_id, "albums": []})
    door.open = True
    desk.pass_s(1000.0)
    desk.until_sent(*theirs, step_s=1.0)
    desk.until(lambda: desk.said()["problems"] == [], "nothing to be wrong")


def test_n20_n33_listed_closed_event_asked_ever_less_others_sent(
    desk: Desk,
) -> None:
    desk.album.events.append({"title": "Gala", "linkId": GALA.link_id, "albums": []})
    door = Doorkeeper(desk, GALA.link_id, 403)
    theirs = [desk.take(GALA) for _ in range(20)]
    desk.start()
    desk.until_sent(*(desk.take(hint=True) for _ in range(3)))
    desk.until(lambda: desk.said()["problems"] == ["event_refused"], "the refusal to be told")
    for _ in range(60):
        desk.pass_s(60.0)
        desk.until_sent(desk.take(hint=True))
    assert 3 <= door.asked <= 12
    assert all(desk.lies_in(NEW, name) for name in theirs)
    door.open = True
    desk.until_sent(*theirs, step_s=5.0)


def test_n20_a_key_that_turns_bad_between_two_calls_pauses_all(desk: Desk, tmp_path: Path) -> None:
    key_file = tmp_path / "key"
    key_file.write_text(DEMO_KEY)
    desk.configure(api_key=None, api_key_file=str(key_file))
    desk.start()
    desk.until_sent(desk.take(hint=True))
    desk.album.key = "the-key-of-tomorrow"
    waits = [desk.take(hint=True), desk.take(GALA, hint=True)]
    desk.until_state("refused")
    assert desk.said()["problems"] == ["key_refused"]
    assert all(desk.lies_in(NEW, name) for name in waits)
    key_file.write_text("the-key-of-tomorrow")
    desk.album.events.append({"title": "Gala", "linkId": GALA.link_id, "albums": []})
    desk.until_sent(*waits, step_s=5.0)


def test_n20_new_key_ends_holds_caused_by_old_key(desk: Desk, tmp_path: Path) -> None:
    key_file = tmp_path / "key"
    key_file.write_text(DEMO_KEY)
    desk.configure(api_key=None, api_key_file=str(key_file))
    door = Doorkeeper(desk, GALA.link_id, 403)
    name = desk.take(GALA)
    desk.start()
    desk.until(lambda: desk.said()["problems"] == ["event_refused"], "the refusal to be told")
    desk.album.key = "the-key-of-both"
    desk.album.events.append({"title": "Gala", "linkId": GALA.link_id, "albums": []})
    door.open = True
    key_file.write_text("the-key-of-both")
    desk.pass_s(80.0)  # the next look
    desk.until_sent(name)


def test_n20_server_trouble_on_question_about_key_blames_nothing(desk: Desk) -> None:
    name = desk.take()
    desk.start()
    desk.until_sent(name)
    refuses = Fault(call="getuploadurl", status=403, times=1)
    desk.album.add_fault(refuses, Fault(call="geteventsandalbums", status=503))
    name = desk.take(hint=True)
    desk.until(lambda: desk.said()["problems"] == ["server_trouble"], "the trouble to be told")
    assert desk.lies_in(NEW, name)
    desk.album.add_fault()
    desk.until_sent(name, step_s=1.0)


def test_n21_part_assigned_context_known_event_sent_rest_held(
    desk: Desk,
) -> None:
    first = [desk.take() for _ in range(2)]
    assign.assign(desk.booth, assign.propose(desk.booth, "abcd1234", "gone0000"))
    later = [desk.take() for _ in range(2)]
    desk.start()
    desk.until_sent(*later)
    desk.until(lambda: desk.said()["problems"] == ["event_gone"], "the unknown event to be told")
    desk.until_sent(desk.take(hint=True))
    calls = desk.album.calls["getuploadurl"]
    desk.pass_s(1800.0)
    desk.until_sent(desk.take(hint=True))
    assert desk.album.calls["getuploadurl"] == calls + 1
    desk.until(lambda: desk.said()["waiting"] == 2, "the others to be counted as sent")
    assert [event["waiting"] for event in desk.said()["events"] if event["link_id"] == "gone0000"] == [2]
    desk.album.events.append({"title": "Found", "linkId": "gone0000", "albums": []})
    desk.pass_s(2800.0)
    desk.until_sent(*first, step_s=1.0)
    assert [desk.stored(name, "gone0000", "_") for name in first] == [jpeg(1), jpeg(2)]


def test_n21_photos_assigned_off_unknown_event_sent_within_30_s(desk: Desk) -> None:
    lost = context_for("gone0000", "", "")
    names = [desk.take(lost) for _ in range(2)]
    desk.start()
    desk.until(lambda: desk.said()["problems"] == ["event_gone"], "the unknown event to be told")
    assign.assign(desk.booth, assign.propose(desk.booth, "gone0000", "abcd1234/a2"))
    desk.pass_s(30.0)
    desk.until_sent(*names)
    desk.until(lambda: desk.said()["problems"] == [], "nothing to be wrong")
    assert json.dumps(desk.said()).count("gone0000") == 0
