"""What the panel learns of the uploader: from its status while it runs, from the folders when it does not."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from piboothup import status
from piboothup.booth.upload_status import UploadStatus, UploadStatusReader
from piboothup.problems import codes, problem
from piboothup.spool import commit, handover
from piboothup.spool.contexts import Context, context_for
from piboothup.spool.event_titles import AlbumEvent
from piboothup.spool.listing import HELD, NEW
from piboothup.spool.names import PhotoName
from piboothup.spool.store import Spool
from piboothup.status import UploaderState
from tests.support.clock import HandClock
from tests.support.photos import PARTY, jpeg, open_spool, take

GALA = context_for("wxyz9876", "", "")


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return open_spool(tmp_path / "spool", HandClock())


@pytest.fixture
def reader(spool: Spool, tmp_path: Path) -> UploadStatusReader:
    return UploadStatusReader(spool, tmp_path, PARTY)


def test_uplink_counts_waiting_itself_if_uploader_never_ran(reader: UploadStatusReader, spool: Spool) -> None:
    assert reader.read() == UploadStatus(UploaderState.STOPPED)
    for number in range(2):
        take(spool, jpeg(number))
        assert reader.read().waiting == number + 1


def test_a_spool_that_is_not_there_is_an_empty_one(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "none", HandClock(), "serial-1")
    assert UploadStatusReader(spool, tmp_path, PARTY).read() == UploadStatus(UploaderState.STOPPED)


@pytest.mark.parametrize("state", UploaderState)
def test_the_uploaders_own_word_goes_before_the_folders(
    reader: UploadStatusReader, spool: Spool, tmp_path: Path, state: UploaderState
) -> None:
    take(spool, jpeg())
    status.write(tmp_path, "uploader", {"state": state, "waiting": 12, "events_seen": 0})
    assert reader.read() == UploadStatus(state, waiting=12)


@pytest.mark.parametrize("state", UploaderState)
def test_what_eventpics_has_not_answered_yet_is_unknown(
    reader: UploadStatusReader, tmp_path: Path, state: UploaderState
) -> None:
    """The first question may hang for a minute, where a network drops what it does not like."""
    status.write(tmp_path, "uploader", {"state": state, "events_seen": None})
    assert reader.read().is_untried == (state in (UploaderState.IDLE, UploaderState.PAUSED))


def test_only_this_events_parked_photos_count(reader: UploadStatusReader, spool: Spool) -> None:
    for number, context in enumerate((PARTY, PARTY, GALA)):
        handover.park(spool, take(spool, jpeg(number), context), "The server refuses it.")
    assert reader.read().parked == 2
    handover.retry_parked(spool)
    assert reader.read().parked == 0


def test_the_title_is_this_events(reader: UploadStatusReader, spool: Spool) -> None:
    assert reader.read().event_title == ""
    spool.write_events([AlbumEvent("The Gala", "wxyz9876"), AlbumEvent("Anna & Ben", "abcd1234")])
    assert reader.read().event_title == "Anna & Ben"


def test_two_changes_within_a_tick_of_the_kernel_are_both_seen(tmp_path: Path) -> None:
    clock = HandClock()
    spool = open_spool(tmp_path / "spool", clock)
    reader = UploadStatusReader(spool, tmp_path, PARTY)
    for number in range(2):
        name = take(spool, jpeg(number))
        spool.write_events([AlbumEvent(f"Title {number}", "abcd1234")])
        tick_ns = 1_750_000_000_000_000_000
        for path in (spool.path(name).parent, spool.directory / "new", spool.directory / "events.json"):
            os.utime(path, ns=(tick_ns, tick_ns))
        clock.wall_s = tick_ns / 1e9 + 0.003
        assert (reader.read().waiting, reader.read().event_title) == (number + 1, f"Title {number}")


@pytest.mark.parametrize("folder", ["held", "held/0001", "new", "events.json"])
def test_t03_after_the_clock_went_back_changes_are_seen(
    reader: UploadStatusReader, spool: Spool, folder: str
) -> None:
    def hold(number: int) -> PhotoName:
        name = PhotoName.of(spool.next_identity(1_000, PARTY), jpeg(number))
        commit.commit(spool, name, PARTY, jpeg(number), HELD)
        return name

    names = [hold(1)]
    take(spool, jpeg(2))
    spool.write_events([])
    path = spool.directory / folder
    ahead_ns = path.stat().st_mtime_ns + 7_200 * 10**9  # it was made by a clock in local time
    os.utime(path, ns=(ahead_ns, ahead_ns))
    assert reader.read().waiting == 2
    names += [hold(3), hold(4)]
    take(spool, jpeg(5))
    spool.write_events([AlbumEvent("Anna & Ben", "abcd1234")])
    assert (reader.read().waiting, reader.read().event_title) == (5, "Anna & Ben")
    for name in names:
        handover.move_held(spool, name, NEW)
        handover.mark_sent(spool, name)
    assert reader.read().waiting == 2


def test_what_has_not_changed_is_not_listed_again(
    reader: UploadStatusReader, spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    take(spool, jpeg())
    first = reader.read()
    monkeypatch.setattr(spool, "names", lambda _place: pytest.fail("listed again"))
    monkeypatch.setattr(spool, "events", lambda: pytest.fail("read again"))
    assert reader.read() == first


@pytest.mark.parametrize(
    "code",
    [
        "no_key",
        "event_gone",
        "event_refused",
        "tls_refused",
        "no_roots",
        "spool_locked",
        "blocked",
        "server_trouble",
        "storage_silent",
        "uploader_defect",
    ],
)
def test_what_the_state_does_not_say_is_told_by_its_problem(
    reader: UploadStatusReader, tmp_path: Path, code: str
) -> None:
    status.write(
        tmp_path, "uploader", {"state": "offline", "problems": ["wifi_weak", "no_event", code, "no_network"]}
    )
    assert reader.read().problem == problem(code)


@pytest.mark.parametrize(
    ("state", "context", "listed", "told"),
    [
        ("idle", PARTY, ["no_event"], "stray_photos"),
        ("idle", PARTY, ["no_event", "event_gone"], "event_gone"),
        ("uploading", PARTY, ["no_event"], None),
        ("idle", context_for("", "", "before"), ["no_event"], None),
    ],
)
def test_photos_before_event_choice_reported_when_others_sent(
    spool: Spool, tmp_path: Path, state: str, context: Context, listed: list[str], told: str | None
) -> None:
    status.write(tmp_path, "uploader", {"state": state, "problems": listed})
    found = UploadStatusReader(spool, tmp_path, context).read().problem
    assert (found.code if found is not None else None) == told


@pytest.mark.parametrize("gravest", ["no_network", "portal", "key_refused", "paused"])
def test_uplink_problem_told_by_state_not_repeated_no_lesser(
    reader: UploadStatusReader, tmp_path: Path, gravest: str
) -> None:
    told = ["bad_config", "wifi_weak", gravest, "event_gone", "uploader_defect"]
    assert set(told) <= set(codes())
    status.write(tmp_path, "uploader", {"state": "offline", "problems": told})
    assert reader.read().problem is None
    assert reader.read().problems == (gravest, "event_gone", "uploader_defect")


@pytest.mark.parametrize(
    "junk",
    [
        {"state": "dancing"},
        {"state": []},
        {"waiting": "many"},
        {"waiting": -1},
        {"waiting": None},
        {"problems": "no_key"},
        {"problems": [None, {}, "no such code"]},
    ],
)
def test_junk_in_the_uploaders_status_is_nothing_said(
    reader: UploadStatusReader, tmp_path: Path, junk: dict[str, Any]
) -> None:
    status.write(tmp_path, "uploader", junk)
    assert reader.read() == UploadStatus(UploaderState.STOPPED)
