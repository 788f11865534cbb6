"""Another disk at the spool's path: no photo that was begun before is called saved on it, whatever lies there."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from piboothup.booth.storage import StorageMonitor
from piboothup.config import Config, SpoolConfig
from piboothup.problems import problem
from piboothup.spool import commit, durable, handover
from piboothup.spool.capture_time.anchors import Anchor, Source
from piboothup.spool.commit import NotSaved
from piboothup.spool.disk import hidden_photos
from piboothup.spool.names import PhotoName
from piboothup.spool.store import Spool
from tests.support.clock import HandClock
from tests.support.mounts import MountNamespace, disk, mounts
from tests.support.photos import PARTY, jpeg, names_in_new, open_spool, take

__all__ = ["disk", "mounts"]


def put_in_place(directory: Path, other: Path) -> None:
    """Where the spool was lies another folder now: to a service the same as a disk that was mounted there."""
    directory.rename(directory.with_name("aside"))
    other.rename(directory)


def photos(root: Path) -> list[Path]:
    return sorted(root.rglob("*.jpg"))


# -- the booth has taken the other disk over while a photo was encoded ---------------------------------------------


def a_new_disk(root: Path, clock: HandClock) -> None:
    """Its first boot and its first photo have the same numbers."""
    (root / "other").mkdir()


def a_disk_of_another_day(root: Path, clock: HandClock) -> None:
    """Boot 1, with an anchor, is one of two weeks ago."""
    for number in range(3):
        other = open_spool(root / "other", HandClock(boot_id=f"old-{number}"))
        other.add_anchor(Anchor(Source.NTP, 90_000, 1_750_000_000_000, 50))


def a_disk_of_this_boot(root: Path, clock: HandClock) -> None:
    """It was there before, with more photos than the one that came between."""
    other = open_spool(root / "other", clock)
    for number in range(3):
        take(other, jpeg(100 + number))


@pytest.mark.parametrize("prepare", [a_new_disk, a_disk_of_another_day, a_disk_of_this_boot])
def test_f11_a_photo_begun_on_another_disk_is_not_saved(
    tmp_path: Path, prepare: Callable[[Path, HandClock], None]
) -> None:
    clock = HandClock()
    prepare(tmp_path, clock)
    there = photos(tmp_path)
    spool = Spool(tmp_path / "spool", clock, "serial-1")
    config = Config(spool=SpoolConfig(str(spool.directory), allow_memory=True, min_free_mb=10))
    with closing(StorageMonitor(config, spool, clock, config_names=None)) as monitor:
        monitor.open(retry_later=False)
        begun = PhotoName.of(spool.next_identity(clock.boottime_ns() // 1_000_000, PARTY), jpeg())
        put_in_place(spool.directory, tmp_path / "other")
        assert monitor.check() is None
        with pytest.raises(NotSaved):
            commit.commit(spool, begun, PARTY, jpeg())
        assert len(photos(tmp_path)) == len(there)
        again = take(spool, jpeg(1))
        assert (again.boot, list(names_in_new(spool))[-1]) == (spool.boot, again)


def test_f11_a_photo_that_was_not_saved_may_be_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = open_spool(tmp_path, HandClock())
    name = PhotoName.of(spool.next_identity(1, PARTY), jpeg())
    with monkeypatch.context() as patched:
        patched.setattr(durable, "write_new", _refuse)
        with pytest.raises(NotSaved):
            commit.commit(spool, name, PARTY, jpeg())
    commit.commit(spool, name, PARTY, jpeg())
    assert names_in_new(spool) == [name]


def _refuse(*_: object) -> None:
    raise PermissionError


def test_f11_what_waits_where_a_disk_came_is_known(tmp_path: Path) -> None:
    """New photos, those that the album refuses and those that were hidden before; not what the album has."""
    spool = open_spool(tmp_path / "spool", HandClock())
    waits, refused, sent = (take(spool, jpeg(number)) for number in range(3))
    handover.park(spool, refused, "refused")
    handover.mark_sent(spool, sent)
    hidden_photos.add(spool.directory, ["from before"])
    (tmp_path / "other").mkdir()
    assert spool.left_behind() == set()
    with spool.lock("booth"):
        put_in_place(spool.directory, tmp_path / "other")
        assert spool.left_behind() == {str(waits), str(refused), "from before"}


def test_f11_photos_on_two_disks_that_left_are_all_noted(tmp_path: Path) -> None:
    """The second disk takes no note of those on the first, and leaves as well before it could."""
    clock = HandClock()
    spool = Spool(tmp_path / "spool", clock, "serial-1")
    config = Config(spool=SpoolConfig(str(spool.directory), allow_memory=True, min_free_mb=10))
    (tmp_path / "second" / hidden_photos.FILE / "in the way").mkdir(parents=True)
    (tmp_path / "third").mkdir()
    with closing(StorageMonitor(config, spool, clock, config_names=None)) as monitor:
        monitor.open(retry_later=False)
        names = {str(take(spool, jpeg()))}
        put_in_place(spool.directory, tmp_path / "second")
        assert (monitor.check(), monitor.notices) == (None, [problem("photos_hidden")])
        names.add(str(take(spool, jpeg(1))))
        (tmp_path / "aside").rename(tmp_path / "first")
        put_in_place(spool.directory, tmp_path / "third")
        assert (monitor.check(), monitor.notices) == (None, [problem("photos_hidden")])
    assert hidden_photos.read(spool.directory) == names


# -- nobody has noticed yet ----------------------------------------------------------------------------------------


def empty(other: Path) -> None:
    other.mkdir()


def with_folders_and_no_lock(other: Path) -> None:
    Spool(other, HandClock(), "serial-1").prepare()


def gone(other: Path) -> None:
    """A stick that was pulled: nothing lies beneath."""


@pytest.mark.parametrize("make", [empty, with_folders_and_no_lock, gone])
def test_f09_no_lock_is_no_proof_of_the_same_folder(tmp_path: Path, make: Callable[[Path], None]) -> None:
    spool = open_spool(tmp_path / "spool", HandClock())
    make(tmp_path / "other")
    with spool.lock("booth"):
        spool.directory.rename(tmp_path / "aside")
        if make is not gone:
            (tmp_path / "other").rename(spool.directory)
        assert spool.has_moved()
        with pytest.raises(NotSaved):
            take(spool, jpeg())
    assert photos(tmp_path) == []


def test_f09_a_disk_that_comes_while_a_photo_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bytes are in memory, or on a disk that has other boots: whatever became of them, they are not "saved"."""
    spool = open_spool(tmp_path / "spool", HandClock())
    take(open_spool(tmp_path / "other", HandClock()), jpeg(100))
    write = durable.write_new

    def write_late(path: Path, *what: Any) -> None:
        if path.suffix == ".part" and (tmp_path / "other").exists():
            put_in_place(spool.directory, tmp_path / "other")
        write(path, *what)

    monkeypatch.setattr(durable, "write_new", write_late)
    with spool.lock("booth"), pytest.raises(NotSaved):
        take(spool, jpeg())


@pytest.mark.process
def test_f09_memory_mounted_in_the_last_second(mounts: MountNamespace, disk: Path) -> None:
    mounts.call(covered_by_memory, disk)


def covered_by_memory(root: Path) -> None:
    """In the namespace."""
    point = root / "mnt"
    point.mkdir()
    spool = open_spool(point / "spool", HandClock())
    with spool.lock("booth"):
        take(spool, jpeg())
        subprocess.run(["mount", "-t", "tmpfs", "test", point], check=True)
        with pytest.raises(NotSaved):
            take(spool, jpeg(1))
        (point / "spool").mkdir()
        with pytest.raises(NotSaved):
            take(spool, jpeg(1))
        assert photos(point) == []
        subprocess.run(["umount", point], check=True)
        take(spool, jpeg(1))
    assert len(photos(point)) == 2
