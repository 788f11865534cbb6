"""Retention deletes sent photos only, by a clock that is believed, or for room."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from piboothup.spool import commit, handover, retention
from piboothup.spool.capture_time.anchors import Anchor, Source
from piboothup.spool.capture_time.boots import Boot
from piboothup.spool.listing import NEW, PARKED, SENT
from piboothup.spool.names import PhotoName
from piboothup.spool.retention import BATCH_PHOTOS, sweep
from piboothup.spool.store import Spool
from tests.spool.test_faults import Room
from tests.support.clock import HandClock
from tests.support.photos import PARTY, files, jpeg, names_in_new, open_spool, take

DAY_S = 86_400


def note(spool: Spool, clock: HandClock, *sources: Source) -> None:
    """The wall clock as it stands, with EventPics' word for it and NTP's, or with the word of these."""
    for source in sources or (Source.NTP, Source.DATE):
        spool.add_anchor(Anchor(source, int(clock.boottime_s * 1000), int(clock.wall_s * 1000), 600))


def believed(spool: Spool, clock: HandClock) -> None:
    note(spool, clock)
    clock.pass_s(3700)
    note(spool, clock)


def test_old_sent_photos_go_and_others_stay(tmp_path: Path) -> None:
    clock = HandClock()
    spool = open_spool(tmp_path, clock)
    note(spool, clock)
    old = [take(spool, jpeg(number)) for number in range(3)]
    clock.pass_s(31 * DAY_S)
    young = take(spool, jpeg(9))
    note(spool, clock)
    for name in (old[0], young):
        handover.mark_sent(spool, name)
    handover.park(spool, old[1], "EventPics refuses it.")
    assert sweep(spool, keep_days=30, min_free_mb=0) == 1
    assert list(spool.names(SENT)) == [young]
    assert list(spool.names(PARKED)) == [old[1]]
    assert names_in_new(spool) == [old[2]]
    assert len(spool.photos_of(PARTY)) == 4
    assert len(open_spool(tmp_path, clock).photos_of(PARTY)) == 4


def test_with_keep_days_0_sent_photos_stay_while_there_is_room(tmp_path: Path) -> None:
    clock = HandClock()
    spool = open_spool(tmp_path, clock)
    believed(spool, clock)
    handover.mark_sent(spool, take(spool, jpeg(1)))
    clock.pass_s(999 * DAY_S)
    assert sweep(spool, keep_days=0, min_free_mb=0) == 0


def test_t04_a_clock_ten_years_ahead_deletes_nothing(tmp_path: Path) -> None:
    clock = HandClock()
    spool = open_spool(tmp_path, clock)
    note(spool, clock)
    handover.mark_sent(spool, take(spool, jpeg(1)))
    clock.step_wall_s(3650 * DAY_S)
    assert sweep(spool, keep_days=30, min_free_mb=0) == 0
    believed(spool, clock)
    assert sweep(spool, keep_days=30, min_free_mb=0) == 0
    clock.power_on("boot-b")
    again = open_spool(tmp_path, clock)
    note(again, clock)
    assert sweep(again, keep_days=30, min_free_mb=0) == 0


@pytest.mark.parametrize("years", [0, 10])
def test_t04_retention_forgeable_ntp_alone_counts_no_days(tmp_path: Path, years: int) -> None:
    clock = HandClock()
    spool = open_spool(tmp_path, clock)
    note(spool, clock)
    handover.mark_sent(spool, take(spool, jpeg(1)))
    clock.pass_s(40 * DAY_S)
    clock.power_on("boot-b")
    clock.step_wall_s(years * 365 * DAY_S)
    again = open_spool(tmp_path, clock)
    for _ in range(30):
        note(again, clock, Source.NTP)
        clock.pass_s(3600)
    assert sweep(again, keep_days=30, min_free_mb=0) == 0
    note(again, clock, Source.DATE)
    assert sweep(again, keep_days=30, min_free_mb=0) == 1


@pytest.mark.parametrize("liar", [Source.NTP, Source.DATE])
def test_t04_retention_ntp_and_eventpics_differ_counts_no_days(tmp_path: Path, liar: Source) -> None:
    clock = HandClock()
    spool = open_spool(tmp_path, clock)
    handover.mark_sent(spool, take(spool, jpeg(1)))
    for _ in range(3):
        note(spool, clock, Source.NTP if liar is Source.DATE else Source.DATE)
        clock.step_wall_s(3650 * DAY_S)
        note(spool, clock, liar)
        clock.step_wall_s(-3650 * DAY_S)
        clock.pass_s(3000)
    assert sweep(spool, keep_days=1, min_free_mb=0) == 0


def test_t06_retention_ntp_blocked_counts_days_by_date_header(tmp_path: Path) -> None:
    clock = HandClock()
    spool = open_spool(tmp_path, clock)
    note(spool, clock, Source.DATE)
    handover.mark_sent(spool, take(spool, jpeg(1)))
    clock.pass_s(31 * DAY_S)
    note(spool, clock, Source.DATE)
    assert sweep(spool, keep_days=30, min_free_mb=0) == 1


def test_retention_clock_not_yet_believed_deletes_nothing(tmp_path: Path) -> None:
    clock = HandClock()
    spool = open_spool(tmp_path, clock)
    note(spool, clock)
    handover.mark_sent(spool, take(spool, jpeg(1)))
    clock.pass_s(40 * DAY_S)
    clock.power_on("boot-b")
    again = open_spool(tmp_path, clock)
    note(again, clock)
    clock.pass_s(60)
    note(again, clock)
    assert sweep(again, keep_days=30, min_free_mb=0) == 0
    clock.pass_s(3600)
    assert sweep(again, keep_days=30, min_free_mb=0) == 1


def test_a_sent_photo_of_unknown_time_stays_until_room_is_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = HandClock()
    lost = open_spool(tmp_path, clock)
    handover.mark_sent(lost, take(lost, jpeg(1)))
    clock.power_on("boot-b")
    spool = open_spool(tmp_path, clock)
    note(spool, clock)
    clock.pass_s(400 * DAY_S)
    note(spool, clock)
    assert sweep(spool, keep_days=30, min_free_mb=500) == 0
    monkeypatch.setattr(os, "statvfs", lambda _: Room(100, 5000))
    assert sweep(spool, keep_days=30, min_free_mb=500) == 1


@pytest.mark.parametrize("room", [Room(499, 5000), Room(5000, 10)])
def test_for_room_the_oldest_sent_go_first_and_a_batch_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: Room
) -> None:
    spool = open_spool(tmp_path, HandClock())
    names = [take(spool, jpeg(0)) for _ in range(BATCH_PHOTOS + 5)]
    waiting = take(spool, jpeg(1))
    for name in names:
        handover.mark_sent(spool, name)
    monkeypatch.setattr(os, "statvfs", lambda _: room)
    assert sweep(spool, keep_days=30, min_free_mb=500) == BATCH_PHOTOS
    assert sorted(spool.names(SENT), key=lambda name: name.order) == names[BATCH_PHOTOS:]
    assert sweep(spool, keep_days=30, min_free_mb=500) == 5
    assert sweep(spool, keep_days=30, min_free_mb=500) == 0
    assert list(spool.names(NEW)) == [waiting]
    assert len(spool.photos_of(PARTY)) == BATCH_PHOTOS + 6


@pytest.mark.parametrize("at", ["room", "names"])
def test_f11_retention_deletes_nothing_on_a_disk_that_came(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    """Neither for want of room on the disk that has left, nor does it note that disk's photos on the other."""
    here, there = (open_spool(tmp_path / name, HandClock()) for name in ("here", "there"))
    for number in range(5):
        handover.mark_sent(here, take(here, jpeg(number)))
    handover.mark_sent(there, take(there, jpeg(10)))
    before = files(there.directory)

    def change() -> None:
        here.directory.rename(tmp_path / "aside")
        there.directory.rename(here.directory)

    def statvfs(_: Path) -> Room:
        if at == "room":
            change()
        return Room(499, 5000)

    def names(place: str) -> Iterator[PhotoName]:
        yield from listed(place)
        if at == "names":
            change()

    listed = here.names
    monkeypatch.setattr(os, "statvfs", statvfs)
    monkeypatch.setattr(here, "names", names)
    with here.lock("booth"):
        assert sweep(here, keep_days=0, min_free_mb=500) == 0
    assert files(here.directory) == before


def test_p11_power_cut_mid_retention_keeps_new_and_counts_right(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = open_spool(tmp_path, HandClock())
    names = [take(spool, jpeg(number)) for number in range(6)]
    for name in names[:4]:
        handover.mark_sent(spool, name)

    class Cut(BaseException):
        pass

    deleted: list[object] = []
    real = os.unlink

    def unlink(path: object) -> None:
        if len(deleted) == 2:
            raise Cut
        deleted.append(path)
        real(str(path))

    with monkeypatch.context() as patch:
        patch.setattr(os, "unlink", unlink)
        with pytest.raises(Cut):
            commit.make_room(spool, 4)
    again = open_spool(tmp_path, HandClock(boot_id="boot-b"))
    assert names_in_new(again) == names[4:]
    assert len(again.photos_of(PARTY)) == 6
    assert len(list(again.names(SENT))) == 2


def test_retention_file_system_counting_no_files_is_not_crowded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = open_spool(tmp_path, HandClock())
    handover.mark_sent(spool, take(spool, jpeg(1)))
    countless = Room(5000, 0)
    countless.f_files = 0
    monkeypatch.setattr(os, "statvfs", lambda _: countless)
    assert sweep(spool, keep_days=30, min_free_mb=500) == 0


def test_retention_clocks_at_boot_and_battery_contradict_nobody() -> None:
    told = [Anchor(Source.DATE, at_ms, 1_750_000_000_000 + at_ms, 700) for at_ms in (10_000, 3_700_000)]
    woken = [Anchor(source, 5_000, 1_740_000_000_000, 0) for source in (Source.SAVED, Source.RTC)]
    assert retention.believed(Boot(1, anchors=(*woken, *told)), 3_700_000)
    assert not retention.believed(Boot(1, anchors=(*woken, *woken)), 3_700_000)


@pytest.mark.parametrize(("off_ms", "agree"), [(11_400, True), (11_401, False)])
def test_t04_clocks_agree_as_far_as_they_are_certain(off_ms: int, agree: bool) -> None:
    told = tuple(
        Anchor(Source.DATE, at_ms, 1_750_000_000_000 + at_ms + off_ms * number, 700)
        for number, at_ms in enumerate((10_000, 3_700_000))
    )
    assert retention.believed(Boot(1, anchors=told), 3_700_000) is agree


@pytest.mark.parametrize(
    ("moments", "is_believed"),
    [
        ([(10, 0), (3700, 0)], True),
        ([(10, 0)], False),
        ([(1000, 0), (3000, 0)], False),
        ([(10, 0), (1000, 3600), (3700, 0)], False),
        ([(10, 0), (3700, -60)], False),
    ],
    ids=["agrees for an hour", "seen once", "less than an hour", "stepped in between", "stepped at the end"],
)
def test_t04_retention_clock_believed_after_an_hour_of_agreement(
    moments: list[tuple[int, int]], is_believed: bool
) -> None:
    anchors = tuple(
        Anchor(Source.DATE, at_s * 1000, 1_750_000_000_000 + (at_s + off_s) * 1000, 700) for at_s, off_s in moments
    )
    assert retention.believed(Boot(1, anchors=anchors), 3_700_000) is is_believed
