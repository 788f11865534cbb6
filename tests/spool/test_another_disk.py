"""A spool whose path leads to another disk: after `prepare` it knows that disk's photos as a new process would."""

from __future__ import annotations

from pathlib import Path

import pytest

from piboothup.spool import contexts, durable
from piboothup.spool.capture_time.anchors import Anchor, Source
from piboothup.spool.listing import CONTEXTS, HELD, NEW, SENT
from piboothup.spool.names import PhotoName
from piboothup.spool.store import Spool
from tests.support.clock import HandClock
from tests.support.photos import PARTY, jpeg, open_spool, take

NOON_MS = 1_750_000_000_000


def power_on(directory: Path, clock: HandClock, boot_id: str) -> Spool:
    clock.power_on(boot_id)
    return open_spool(directory, clock)


def swap(one: Path, other: Path) -> None:
    """The paths change places: to a service the same as a disk that was mounted over the first."""
    aside = one.with_name("aside")
    one.rename(aside)
    other.rename(one)
    aside.rename(other)


def an_evening(directory: Path, clock: HandClock, minutes: int) -> list[PhotoName]:
    """Photos of a boot that lasted so long and never learnt the time, between two that did."""
    before = power_on(directory, clock, "a")
    before.add_anchor(Anchor(Source.NTP, clock.boottime_ns() // 1_000_000, NOON_MS, 5))
    names = [take(before, jpeg(0))]
    unknown = power_on(directory, clock, "b")
    names.append(take(unknown, jpeg(1)))
    clock.pass_s(60.0 * minutes)
    names.append(take(unknown, jpeg(2)))
    after = power_on(directory, clock, "c")
    after.add_anchor(Anchor(Source.NTP, clock.boottime_ns() // 1_000_000, NOON_MS + 3_600_000, 5))
    names.append(take(after, jpeg(3)))
    return names


def test_f11_times_on_another_disk_are_by_its_own_boots(tmp_path: Path) -> None:
    """A boot's number means another boot there."""
    here, there, clock = tmp_path / "here", tmp_path / "there", HandClock()
    short, long = an_evening(here, clock, 1), an_evening(there, clock, 30)
    clock.power_on("d")
    moved = open_spool(here, clock)
    expected = [
        [open_spool(place, clock).taken_at_ms(name) for name in names]
        for place, names in ((here, short), (there, long))
    ]
    assert None not in expected[0] + expected[1]
    assert expected[0] != expected[1]
    for names, times in (short, expected[0]), (long, expected[1]), (short, expected[0]):
        assert [moved.taken_at_ms(name) for name in names] == times
        swap(here, there)
        moved.prepare()


@pytest.mark.parametrize("left", [b"", bytes(64), b'{"linkId": "abcd1'])
def test_f11_a_context_torn_on_another_disk_is_written_anew(tmp_path: Path, left: bytes) -> None:
    """What was made durable on the disk that was there says nothing about this one, which lost power just then."""
    here, there, clock = tmp_path / "here", tmp_path / "there", HandClock()
    spool = open_spool(here, clock)
    take(spool, jpeg(1))
    take(open_spool(there, clock), jpeg(2))
    contexts.path_of(there / CONTEXTS, PARTY.id).write_bytes(left)
    swap(here, there)
    spool.prepare()
    spool.start("booth")
    assert spool.context_of(take(spool, jpeg(3))) == PARTY


def test_f11_folders_of_another_disk_are_made_durable_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that is there may be in the page cache alone: whoever made it was killed before its sync."""
    here, there, clock = tmp_path / "here", tmp_path / "there", HandClock()
    spool = open_spool(here, clock)
    take(spool, jpeg(1))
    take(open_spool(there, clock), jpeg(2))
    swap(here, there)
    spool.prepare()
    spool.start("booth")
    synced: list[Path] = []
    real = durable.sync_directory

    def sync(path: Path) -> None:
        real(path)
        synced.append(path)

    monkeypatch.setattr(durable, "sync_directory", sync)
    name = take(spool, jpeg(3))
    assert synced == [here / CONTEXTS, here / NEW, here / SENT, spool.path(name).parent]
    synced.clear()
    name = take(spool, jpeg(4))
    assert synced == [spool.path(name).parent], "once is enough"


def test_f11_e3_photos_on_another_disk_are_this_start_s(tmp_path: Path) -> None:
    """The booth was restarted; on the disk that comes then it begins with number 1, in a boot of that number too."""
    here, there, clock = tmp_path / "here", tmp_path / "there", HandClock()
    earlier = open_spool(here, clock)
    before = [take(earlier, jpeg(number), PARTY, HELD) for number in range(3)]
    spool = open_spool(here, clock)
    own = take(spool, jpeg(4), PARTY, HELD)
    there.mkdir()
    swap(here, there)
    spool.prepare()
    spool.start("booth")
    name = take(spool, jpeg(5), PARTY, HELD)
    assert (name.order in {photo.order for photo in before}, spool.is_of_earlier_start(name)) == (True, False)
    swap(here, there)
    spool.prepare()
    assert [spool.is_of_earlier_start(photo) for photo in (*before, own)] == [True] * 3 + [False]
