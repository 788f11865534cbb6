"""Another disk at the spool's path: no photo that was begun before is called saved on it, whatever lies there."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from contextlib import ExitStack, closing
from itertools import product
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
from piboothup.spool.layout_version import SpoolUnusable
from piboothup.spool.listing import TEST_PHOTO
from piboothup.spool.names import PhotoName
from piboothup.spool.store import Spool
from tests.support.clock import HandClock
from tests.support.effort import covering
from tests.support.mounts import MountNamespace, disk, mounts, needs_images
from tests.support.photos import PARTY, jpeg, names_in_new, open_spool, take, try_photo

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
    hidden_photos.write(spool.directory, {"from before"})
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
        spool.start("booth")
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
    with spool.lock("booth"):
        spool.start("booth")
        with pytest.raises(NotSaved):
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
        spool.start("booth")
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


# -- the booth takes the other disk over while a photo is written ----------------------------------------------------


def during(monkeypatch: pytest.MonkeyPatch, step: str, happens: Callable[[], None]) -> None:
    """Let something happen once, before or after the photo's bytes are written, or before or after its rename."""
    when, call = step.split()
    real, left = getattr(durable, call), [happens]

    def called(path: Path, *more: Any) -> None:
        mine = path.name.endswith(".jpg.part") or path.name == TEST_PHOTO
        if mine and when == "before" and left:
            left.pop()()
        real(path, *more)
        if mine and when == "after" and left:
            left.pop()()

    monkeypatch.setattr(durable, call, called)


def newer_layout(point: Path) -> None:
    """A disk that `prepare` refuses: the booth has no other session then."""
    Spool(point, HandClock(boot_id="other"), "serial-1").prepare()
    (point / ".layout").write_text("3 0123456789abcdef\n")


def of_other_evenings(point: Path) -> None:
    for number in range(3):
        open_spool(point, HandClock(boot_id=f"old-{number}"))


def empty_disk(point: Path) -> None:
    """Boot 1 as on the disk that was there."""


IN_MID_COMMIT = ("before write_new", "after write_new", "before move", "after move")


def mounted_in_mid_commit(root: Path) -> None:
    """In the namespace: ext4 and memory come over the spool at each step, each by housekeeping taken over at once."""
    steps = product((newer_layout, of_other_evenings, empty_disk), IN_MID_COMMIT)
    for number, (kind, (fill, step), save) in enumerate(covering(("ext4", "tmpfs"), steps, (take, try_photo))):
        point, image = root / f"spool{number}", root / f"disk{number}"
        point.mkdir()
        if kind == "ext4":  # each time another file: the kernel may not have let go of the last one's loop device
            image.write_bytes(b"")
            os.truncate(image, 64 << 20)
            subprocess.run(["mkfs.ext4", "-q", "-F", image], check=True)
        case = f"{kind} {fill.__name__} {step} {save.__name__}"
        refused_in_mid_commit(point, image, kind, fill, step, save, case)
        image.unlink(missing_ok=True)


def refused_in_mid_commit(
    point: Path,
    image: Path,
    kind: str,
    fill: Callable[[Path], None],
    step: str,
    save: Callable[[Spool, bytes], object],
    case: str,
) -> None:
    clock = HandClock()
    spool = Spool(point, clock, "serial-1")
    config = Config(spool=SpoolConfig(str(point), allow_memory=True, min_free_mb=0))
    monitor = StorageMonitor(config, spool, clock, config_names=None)
    monitor.open(retry_later=False)
    take(spool, jpeg())

    def come() -> None:
        words = ["-o", "loop", image] if kind == "ext4" else ["-t", "tmpfs", "test"]
        subprocess.run(["mount", *words, point], check=True)
        fill(point)
        told = monitor.check()
        assert (told is not None) == (fill is newer_layout), (case, told)

    with pytest.MonkeyPatch.context() as patched, pytest.raises(NotSaved):
        during(patched, step, come)
        save(spool, jpeg(1))
        raise AssertionError(case)
    assert photos(point) == [], case
    assert list(point.rglob(TEST_PHOTO)) == [], case
    if fill is not newer_layout:
        assert take(spool, jpeg(2)).seq == 1, case
    monitor.close()
    subprocess.run(["umount", point], check=True)


@needs_images
@pytest.mark.process
def test_f11_a_disk_taken_over_in_mid_commit_is_not_saved(mounts: MountNamespace, disk: Path) -> None:
    mounts.call(mounted_in_mid_commit, disk)


def test_f11_a_lock_released_in_mid_commit_is_not_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a lock another service may have the spool."""
    spool = open_spool(tmp_path, HandClock())
    with ExitStack() as held:
        held.enter_context(spool.lock("booth"))
        spool.start("booth")
        during(monkeypatch, "after move", held.close)
        with pytest.raises(NotSaved):
            take(spool, jpeg())
    with pytest.raises(NotSaved):
        take(spool, jpeg(1))
    assert photos(tmp_path) == []


# -- the start on a disk -------------------------------------------------------------------------------------------


def comes_before_the_lock(root: Path) -> None:
    """In the namespace: a disk with other evenings comes after `prepare`, before the lock."""
    clock = HandClock(boot_id="tonight")
    image = root / "disk"
    image.write_bytes(b"")
    os.truncate(image, 64 << 20)
    subprocess.run(["mkfs.ext4", "-q", "-F", image], check=True)
    for service in ("booth", "uploader", "newer"):
        (root / service).mkdir()
        point = root / service
        spool = Spool(point, clock, "serial-1")
        spool.prepare()
        assert spool.boot == 1
        subprocess.run(["mount", "-o", "loop", image, point], check=True)
        if service == "newer":
            newer_layout(point)
            with pytest.raises(SpoolUnusable), spool.lock("booth"):
                raise AssertionError
        else:
            of_other_evenings(point)
            with spool.lock(service):
                if service == "booth":
                    spool.start(service)
                boot = spool.boot
                assert boot > 3
                spool.add_anchor(Anchor(Source.NTP, 90_000, 1_750_000_000_000, 50))
            assert [found for found in range(1, 9) if spool.read_boot(found).anchors][-1] == boot
            assert spool.read_boot(boot).boot_id == "tonight"
        subprocess.run(["umount", point], check=True)


@needs_images
@pytest.mark.process
def test_f11_a_disk_before_the_lock_numbers_its_own_boot(mounts: MountNamespace, disk: Path) -> None:
    mounts.call(comes_before_the_lock, disk)


@pytest.mark.parametrize(
    "write",
    [
        lambda spool: spool.start("booth"),
        lambda spool: spool.note_ready(7_000),
        lambda spool: spool.add_anchor(Anchor(Source.NTP, 90_000, 1_750_000_000_000, 50)),
    ],
    ids=["start", "ready", "anchor"],
)
def test_f11_nothing_is_noted_of_a_boot_of_another_disk(tmp_path: Path, write: Callable[[Spool], None]) -> None:
    """The disk comes after the lock, and its boot of the same number is one of another evening."""
    of_other_evenings(tmp_path / "other")
    spool = open_spool(tmp_path / "spool", HandClock(boot_id="tonight"))
    with spool.lock("booth"):
        put_in_place(spool.directory, tmp_path / "other")
        noted = {path: path.read_bytes() for path in (spool.directory / "boots").glob("*.jsonl")}
        with pytest.raises(OSError, match="another disk"):
            write(spool)
        assert {path: path.read_bytes() for path in noted} == noted


@pytest.mark.parametrize("step", ["prepare", "lock", "start"])
def test_f11_a_photo_begun_in_mid_takeover_repeats_no_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """The disk of this boot comes back; its photos are counted last."""
    clock = HandClock()
    a_disk_of_this_boot(tmp_path, clock)
    spool = Spool(tmp_path / "spool", clock, "serial-1")
    config = Config(spool=SpoolConfig(str(spool.directory), allow_memory=True, min_free_mb=10))
    begun: list[PhotoName] = []
    real = getattr(Spool, step)

    def early(spool: Spool, *more: Any) -> Any:
        begun.append(PhotoName.of(spool.next_identity(1, PARTY), jpeg(7)))
        with pytest.raises(NotSaved):
            commit.commit(spool, begun[0], PARTY, jpeg(7))
        return real(spool, *more)

    with closing(StorageMonitor(config, spool, clock, config_names=None)) as monitor:
        monitor.open(retry_later=False)
        take(spool, jpeg())
        put_in_place(spool.directory, tmp_path / "other")
        with monkeypatch.context() as patched:
            patched.setattr(Spool, step, early)
            assert monitor.check() is None
        with pytest.raises(NotSaved):
            commit.commit(spool, begun[0], PARTY, jpeg(7))
        take(spool, jpeg(8))
        assert [name.seq for name in names_in_new(spool)] == [1, 2, 3, 4]
