"""When photos were taken, as the album hears it, whatever the clocks of the box do meanwhile."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from piboothup.simulator.faults import Drop, Fault
from piboothup.spool.capture_time.anchors import CEILING_MS, Source
from piboothup.spool.listing import NEW
from piboothup.spool.names import PhotoName
from piboothup.spool.store import Spool
from tests.support.photos import open_spool
from tests.support.uploader import Desk

DAY_S = 86_400.0


class Considered(Spool):
    """Counts how often it was asked when a photo was taken."""

    times = 0

    def taken_at_ms(self, name: PhotoName, *, record: bool = False) -> int | None:
        found = super().taken_at_ms(name, record=record)
        self.times += 1
        return found


def taken_at_s(desk: Desk, name: PhotoName) -> float:
    """What the album was told, in Unix seconds."""
    (upload,) = desk.uploads_of(name)
    return float(upload["takenAt"]) / 1000


def test_t01_boot_in_1970_album_gets_true_time_from_date_header(desk: Desk) -> None:
    desk.clock.wall_s = 12.0
    first_s = desk.server_clock.wall_s
    first = desk.take()
    desk.pass_s(600.0)
    second = desk.take()
    desk.start()
    desk.until_sent(first, second)
    assert abs(taken_at_s(desk, first) - first_s) <= 1
    assert abs(taken_at_s(desk, second) - first_s - 600.0) <= 1
    (anchor,) = desk.booth.read_boot(1).anchors
    assert anchor.source is Source.DATE
    assert anchor.uncertainty_ms <= 502


@pytest.mark.parametrize("left", ["nothing", "a file", "a link to nowhere"])
def test_t09_a_lost_boots_folder_holds_up_no_photo(desk: Desk, left: str) -> None:
    first = desk.take()
    boots = desk.booth.directory / "boots"
    desk.start()
    desk.until_sent(first)
    shutil.rmtree(boots)
    if left == "a file":
        boots.write_bytes(b"")
    elif left != "nothing":
        boots.symlink_to("/nowhere")
    second = desk.take(hint=True)
    desk.pass_s(120.0)
    desk.until_sent(first, second)


@pytest.mark.parametrize("lost", ["boots", "boots/0001.jsonl", "boots/.lock"])
def test_t09_a_lost_boots_file_is_made_again_with_its_time(desk: Desk, lost: str) -> None:
    desk.start()
    desk.until_sent(desk.take(hint=True))
    path = desk.booth.directory / lost
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    desk.until(lambda: bool(desk.booth.read_boot(1).anchors), "an anchor", step_s=10.0)
    name = desk.take(hint=True)
    desk.until_sent(name)
    assert desk.booth.taken_at_ms(name) is not None
    assert desk.booth.read_boot(1).in_use


def test_offset_of_sent_photo_is_noted_for_all_sent_later(desk: Desk) -> None:
    desk.start()
    desk.until_sent(desk.take(hint=True))
    boot = desk.booth.read_boot(1)
    assert {anchor.offset_ms for anchor in boot.in_use} == {anchor.offset_ms for anchor in boot.anchors} != set()


@pytest.mark.parametrize(("photo_every_min", "anchors"), [(0, {1}), (3, {3, 4}), (30, {2, 3}), (100, {1, 2})])
def test_check_notes_an_anchor_every_15_min_with_photos(desk: Desk, photo_every_min: int, anchors: set[int]) -> None:
    desk.start()
    for minute in range(40):
        if photo_every_min and minute % photo_every_min == 0:
            desk.until_sent(desk.take(hint=True))
        desk.pass_s(60.0)
    desk.rest()
    assert desk.album.calls["geteventsandalbums"] > 20
    assert len(desk.booth.read_boot(1).anchors) in anchors


@pytest.mark.parametrize("step_s", [-2 * 365 * DAY_S, 10 * 365 * DAY_S])
def test_t03_wall_clock_step_mid_queue_changes_no_time_or_order(desk: Desk, step_s: float) -> None:
    true_s = desk.server_clock.wall_s
    names = []
    for _ in range(3):
        names.append(desk.take())
        desk.pass_s(60.0)
    desk.start()
    desk.until_sent(*names)
    desk.clock.step_wall_s(step_s)
    for _ in range(3):
        names.append(desk.take(hint=True))
        desk.until_sent(names[-1])
        desk.pass_s(60.0)
    told_s = [taken_at_s(desk, name) for name in names]
    assert told_s == pytest.approx([true_s + 60.0 * number for number in range(6)], abs=1)


@pytest.mark.parametrize("step_s", [-2 * 365 * DAY_S, 10 * 365 * DAY_S])
@pytest.mark.parametrize(("passed_s", "asked"), [(230.0, 1), (241.0, 2)])
def test_t03_upload_url_age_by_boot_time_for_any_wall_clock(
    desk: Desk, step_s: float, passed_s: float, asked: int
) -> None:
    desk.album.add_fault(Fault(call="put", drop=Drop.ANSWER, times=2))
    name = desk.take()
    desk.start()
    desk.until(lambda: desk.album.calls["put"] == 2, "two PUTs")
    desk.rest()
    desk.clock.step_wall_s(step_s)
    desk.pass_s(passed_s)
    desk.until_sent(name, step_s=0.5)
    assert desk.album.calls["getuploadurl"] == asked


@pytest.mark.parametrize("unbelievable_s", [0.0, 1_600_000_000.0, CEILING_MS / 1000])
def test_t08_t09_no_credible_date_waits_1_min_then_no_takenat(desk: Desk, unbelievable_s: float) -> None:
    desk.server_clock.wall_s = unbelievable_s
    spool = Considered(desk.booth.directory, desk.clock, "serial-1")
    desk.start(spool)
    desk.until(lambda: desk.said()["events_seen"] == 1, "the first look")
    desk.pass_s(3.0)
    name = desk.take(hint=True)
    for times in range(1, 13):
        desk.until(lambda times=times: spool.times == times, f"look {times} at the clock")  # type: ignore[misc]
        assert desk.album.calls["getuploadurl"] == 0
        desk.pass_s(5.0 if times < 12 else 2.0)
    desk.until_sent(name)  # 3 + 11 * 5 + 2 = 60 s
    assert desk.uploads_of(name)[0]["takenAt"] is None
    assert desk.booth.read_boot(1).anchors == ()


def test_t09_photo_of_this_boot_waits_for_time_of_ended_boot_not(desk: Desk) -> None:
    over = desk.take()
    desk.clock.power_on("boot-b")
    desk.booth = open_spool(desk.booth.directory, desk.clock)
    fresh = desk.take()
    true_s, desk.server_clock.wall_s = desk.server_clock.wall_s, 0.0
    desk.start()
    desk.until_sent(over)  # the newest comes first: so by now it was considered
    desk.until(lambda: desk.said().get("sent") == 1, "it to be counted")
    assert desk.lies_in(NEW, fresh)
    desk.server_clock.wall_s = true_s
    desk.hint("retry")
    desk.until_sent(fresh)
    assert desk.uploads_of(over)[0]["takenAt"] is None
    assert abs(taken_at_s(desk, fresh) - true_s) <= 1


@pytest.fixture
def zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """The zone of this process may be set; it is put back."""
    with monkeypatch.context() as patch:
        yield patch
    time.tzset()


@pytest.mark.parametrize("summer", [datetime(2026, 3, 29, 1, tzinfo=UTC), datetime(2026, 10, 25, 1, tzinfo=UTC)])
def test_t10_daylight_saving_and_zone_change_leave_utc_alone(
    desk: Desk, zone: pytest.MonkeyPatch, summer: datetime
) -> None:
    """Photos a minute apart, over the hour in which Berlin's clocks change, and a box that is carried to New York."""
    start_s = summer.timestamp() - 120.0
    desk.clock.wall_s = desk.server_clock.wall_s = start_s
    zone.setenv("TZ", "Europe/Berlin")
    time.tzset()
    desk.start()
    names = []
    for number in range(6):
        if number == 4:
            zone.setenv("TZ", "America/New_York")
            time.tzset()
        names.append(desk.take(hint=True))
        desk.until_sent(names[-1])
        desk.pass_s(60.0)
    told_s = [taken_at_s(desk, name) for name in names]
    assert told_s == pytest.approx([start_s + 60.0 * number for number in range(6)], abs=1)
