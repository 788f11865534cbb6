"""Every call to the kernel fails once: no acknowledged photo is lost, and the next try works."""

from __future__ import annotations

import dataclasses
import errno
import os
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import pytest

from piboothup.spool import commit, durable, handover
from piboothup.spool.capture_time import boots
from piboothup.spool.capture_time.anchors import Anchor, Source
from piboothup.spool.commit import NotSaved
from piboothup.spool.contexts import Context, context_for
from piboothup.spool.layout_version import SpoolUnusable
from piboothup.spool.listing import NEW, PARKED, QUARANTINE, SENT, TMP
from piboothup.spool.names import PhotoName, digest_of
from piboothup.spool.recovery import recover
from piboothup.spool.store import Spool
from tests.support.clock import HandClock
from tests.support.deadline import PATIENCE_S
from tests.support.effort import covering
from tests.support.photos import PARTY, is_intact, jpeg, names_in_new, open_spool, take

CALLS = ("open", "fchmod", "posix_fallocate", "write", "fsync", "close", "rename", "unlink", "mkdir", "chmod")
ERRORS = (errno.ENOSPC, errno.EIO, errno.EROFS, errno.EDQUOT, errno.EMFILE)
MOST_CALLS = 60


class Fault:
    """The n-th call of a kind fails, or writes only a part."""

    def __init__(self, number: int, code: int | None) -> None:
        self.number, self.code, self.count, self.struck = number, code, 0, ""

    def strikes(self, call: str) -> bool:
        self.count += 1
        if self.count - 1 != self.number:
            return False
        self.struck = call
        return True


@contextmanager
def failing(fault: Fault, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """While it holds, the calls of `os` on which the spool rests count, and one fails."""

    def wrapped(call: str, real: Callable[..., object]) -> Callable[..., object]:
        def counted(*arguments: object, **more: object) -> object:
            if call != "write" and fault.code is None:
                return real(*arguments, **more)
            if not fault.strikes(call):
                return real(*arguments, **more)
            if fault.code is None:
                descriptor, content = arguments
                assert isinstance(content, bytes | memoryview)
                return real(descriptor, bytes(content)[: max(1, len(content) // 3)])
            if call == "close":  # the descriptor is gone all the same (close(2))
                real(*arguments, **more)
            raise OSError(fault.code, os.strerror(fault.code))

        return counted

    with monkeypatch.context() as patch:
        for call in CALLS:
            patch.setattr(os, call, wrapped(call, getattr(os, call)))
        yield


def everything(spool: Spool) -> dict[PhotoName, str]:
    """Where each photo lies; one in two places is a failure, but for parts in tmp/."""
    found: dict[PhotoName, str] = {}
    for place in (NEW, SENT, PARKED, QUARANTINE):
        for name in spool.names(place):
            assert name not in found, f"{name} lies in {found[name]} and in {place}"
            found[name] = place
            assert place == QUARANTINE or digest_of(spool.path(name, place).read_bytes()) == name.digest
    return found


Work = Callable[[Spool, list[PhotoName]], object]
WORK: dict[str, Work] = {
    "commit": lambda spool, _: take(spool, jpeg(50)),
    "commit for a new event": lambda spool, _: take(spool, jpeg(51), context=_other()),
    "mark_sent": lambda spool, names: handover.mark_sent(spool, names[0]),
    "park": lambda spool, names: handover.park(spool, names[0], "EventPics refuses it."),
    "quarantine": lambda spool, names: handover.quarantine(spool, names[0]),
    "retry_parked": lambda spool, _: handover.retry_parked(spool),
    "add_anchor": lambda spool, _: spool.add_anchor(Anchor(Source.NTP, 1, 1_750_000_000_000, 1)),
    "restart": lambda spool, _: _restart(spool),
    "next boot": lambda spool, _: _next_boot(spool),
    "retention": lambda spool, _: commit.make_room(spool, 1),
}


def _other() -> Context:
    return context_for("other999", "", "")


def _restart(spool: Spool) -> None:
    again = Spool(spool.directory, spool.clock, "serial-1")
    again.prepare()
    recover(again)
    again.start("booth")


def _next_boot(spool: Spool) -> None:
    assert isinstance(spool.clock, HandClock)
    spool.clock.power_on("boot-b")
    _restart(spool)


@pytest.mark.slow
@pytest.mark.parametrize(("work", "code"), covering(WORK, [*ERRORS, None]))
def test_s02_s03_s05_each_call_failing_once_loses_no_saved_photo(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, work: str, code: int | None
) -> None:
    for number in range(MOST_CALLS):
        directory = tmp_path / str(number)
        spool = open_spool(directory, HandClock())
        names = [take(spool, jpeg(one)) for one in range(4)]
        handover.mark_sent(spool, names[2])
        handover.park(spool, names[3], "EventPics refuses it.")
        half = dataclasses.replace(names[0], seq=9)
        (directory / TMP / f"{half}.part").write_bytes(jpeg(0)[:300])
        acknowledged = set(names)
        fault = Fault(number, code)
        with failing(fault, monkeypatch):
            try:
                done = WORK[work](spool, names)
            except (OSError, NotSaved, SpoolUnusable):
                done = None
        if not fault.struck:
            assert number > 0 or code is None, f"{work} made no call at all"
            break
        if isinstance(done, PhotoName):
            acknowledged.add(done)
        again = open_spool(directory, HandClock(boot_id="boot-c"))
        recover(again)
        there = everything(again)
        retired = {name for name in acknowledged if name.order in again.retired(name.context)}
        if work == "retention":
            retired.add(names[2])  # the album has it: it may go uncounted when the count cannot be written
        assert acknowledged - retired <= set(there), f"{work}: {fault.struck} with {code} lost a photo"
        fresh = take(again, jpeg(60))
        assert fresh.order not in {name.order for name in there}
        assert again.path(fresh).read_bytes() == jpeg(60)
    else:
        pytest.fail(f"{work} makes more than {MOST_CALLS} calls")


def test_s02_a_short_write_is_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = open_spool(tmp_path, HandClock())
    take(spool, jpeg(1))
    with failing(Fault(0, None), monkeypatch):
        name = take(spool, jpeg(2))
    assert spool.path(name).read_bytes() == jpeg(2)


def test_s05_failed_fsync_retried_in_new_file_once_or_not_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = open_spool(tmp_path, HandClock())
    take(spool, jpeg(1))
    real, failures, inodes = os.fsync, [2], list[int]()

    def fsync(descriptor: int) -> None:
        inodes.append(os.fstat(descriptor).st_ino)
        if failures[0]:
            failures[0] -= 1
            raise OSError(errno.EIO, "I/O error")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(NotSaved):
        take(spool, jpeg(2))
    assert list((tmp_path / TMP).iterdir()) == []
    failures[0] = 1
    inodes.clear()
    created: list[str] = []
    real_open = os.open

    def noted_open(path: object, flags: int, *more: int) -> int:
        if flags & os.O_CREAT:
            created.append(str(path))
        return real_open(str(path), flags, *more)

    monkeypatch.setattr(os, "open", noted_open)
    name = take(spool, jpeg(3))
    assert spool.path(name).read_bytes() == jpeg(3)
    assert len([one for one in created if one.endswith(".part")]) == 2


def test_s01_full_card_drops_oldest_sent_photos_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = open_spool(tmp_path, HandClock())
    names = [take(spool, jpeg(number)) for number in range(12)]
    for name in names[1:11]:
        handover.mark_sent(spool, name)
    real, full = os.posix_fallocate, [True]

    def fallocate(descriptor: int, offset: int, size: int) -> None:
        if full[0]:
            full[0] = False
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(descriptor, offset, size)

    monkeypatch.setattr(os, "posix_fallocate", fallocate)
    saved = take(spool, jpeg(20))
    assert spool.path(saved).read_bytes() == jpeg(20)
    assert sorted(spool.names(SENT), key=lambda one: one.order) == names[9:11]
    assert set(names_in_new(spool)) == {names[0], names[11], saved}
    context = spool.context_of(saved)
    assert context is not None
    assert len(spool.photos_of(context)) == 13


def test_s01_full_card_with_none_sent_reported_nothing_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = open_spool(tmp_path, HandClock())
    names = {take(spool, jpeg(number)) for number in range(3)}

    def full(*_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(NotSaved) as told:
        take(spool, jpeg(20))
    assert told.value.problem.code == "card_full"
    assert set(names_in_new(spool)) == names


class Room:
    """What statvfs says; `flag` 1 is a read-only mount."""

    def __init__(self, free_mb: int, inodes: int, flag: int = 0) -> None:
        self.f_frsize, self.f_bavail, self.f_files, self.f_favail = 1_000_000, free_mb, 10_000, inodes
        self.f_flag = flag


def test_s01_s03_s04_card_full_crowded_read_only_told_recovers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = open_spool(tmp_path, HandClock())
    sent = take(spool, jpeg(1))
    cases = [
        (Room(1000, 5000), None),
        (Room(10, 5000), "card_full"),
        (Room(1000, 3), "card_crowded"),
        (Room(1000, 5000, os.ST_RDONLY), "card_readonly"),
        (Room(1000, 5000), None),
    ]
    for room, code in cases:
        monkeypatch.setattr(os, "statvfs", lambda _, room=room: room)
        told = commit.card_problem(spool)
        assert (told.code if told else None) == code
    handover.mark_sent(spool, sent)
    monkeypatch.setattr(os, "statvfs", lambda _: Room(10, 5000))
    assert commit.card_problem(spool) is None, "a sent photo can make room"


def test_s04_card_refusing_writes_probed_until_it_takes_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = open_spool(tmp_path, HandClock())
    take(spool, jpeg(1))
    with monkeypatch.context() as patch:
        real = os.open

        def refuses(path: object, flags: int, *more: int) -> int:
            if flags & os.O_CREAT:
                raise OSError(errno.EROFS, os.strerror(errno.EROFS))
            return real(str(path), flags, *more)

        patch.setattr(os, "open", refuses)
        with pytest.raises(NotSaved) as told:
            take(spool, jpeg(2))
        assert told.value.problem.code == "card_readonly"
        found = commit.card_problem(spool)
        assert found is not None
        assert found.code == "card_readonly"
        assert len(names_in_new(spool)) == 1
    assert commit.card_problem(spool) is None
    assert list((tmp_path / TMP).iterdir()) == []


def test_s09_a_folder_that_cannot_be_read_holds_up_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = open_spool(tmp_path, HandClock())
    name = take(spool, jpeg(1))
    (tmp_path / NEW / "0009").mkdir()
    real = os.scandir

    def scandir(path: object) -> object:
        if str(path).endswith("0009"):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return real(str(path))

    monkeypatch.setattr(os, "scandir", scandir)
    again = open_spool(tmp_path, HandClock(boot_id="boot-b"))
    assert names_in_new(again) == [name]
    assert again.boot == 10


def test_s14_a_new_card_is_a_new_spool(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        spool = open_spool(tmp_path / "card", HandClock())
    assert "new spool" in caplog.text
    assert names_in_new(spool) == []


def test_s18_sent_photos_deleted_by_hand_are_not_sent_again(tmp_path: Path) -> None:
    spool = open_spool(tmp_path, HandClock())
    name = take(spool, jpeg(1))
    handover.mark_sent(spool, name)
    spool.path(name, SENT).unlink()
    os.rmdir(tmp_path / SENT / name.folder)
    again = open_spool(tmp_path, HandClock())
    recover(again)
    assert names_in_new(again) == []


@pytest.mark.parametrize(
    ("content", "usable"), [("1\n", True), ("2\n", True), ("3\n", False), ("", True), ("x", True), ("\0" * 4, True)]
)
def test_c05_a_newer_layout_is_left_alone(tmp_path: Path, content: str, usable: bool) -> None:
    spool = open_spool(tmp_path, HandClock())
    name = take(spool, jpeg(1))
    (tmp_path / ".layout").write_text(content)
    again = Spool(tmp_path, HandClock(boot_id="boot-b"), "serial-1")
    if usable:
        again.prepare()
    else:
        with pytest.raises(SpoolUnusable, match="newer"):
            again.prepare()
        assert not (tmp_path / "boots" / "0002.jsonl").exists()
    assert spool.path(name).read_bytes() == jpeg(1)


@pytest.mark.parametrize("what", ["a new event", "a new boot", "the same event"])
def test_s01_room_is_made_whichever_file_meets_the_full_card(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    clock = HandClock()
    spool = open_spool(tmp_path / "spool", clock)
    for number in range(10):
        handover.mark_sent(spool, take(spool, jpeg(number)))
    if what == "a new boot":
        spool = open_spool(tmp_path / "spool", HandClock(boot_id="boot-b"))
    real = os.open

    def full_until_room_is_made(path: object, flags: int, mode: int = 0o777, **more: int) -> int:
        if flags & os.O_CREAT and len(list(spool.names(SENT))) > 5:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(path, flags, mode, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "open", full_until_room_is_made)
    context = context_for("other123", "", "") if what == "a new event" else PARTY
    photo = take(spool, jpeg(20), context)
    assert names_in_new(spool) == [photo]


def test_a_folders_failed_sync_is_not_asked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = open_spool(tmp_path / "spool", HandClock())
    take(spool, jpeg(0))
    real = os.fsync
    failed: list[int] = []

    def fsync(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode) and not failed:
            failed.append(descriptor)
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(NotSaved):
        take(spool, jpeg(1))
    assert len(failed) == 1


def test_s03_card_without_inodes_named_so_when_photo_meets_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = open_spool(tmp_path / "spool", HandClock())
    room = os.statvfs(tmp_path)
    without_inodes = os.statvfs_result([*room[:5], 1000, 0, 0, *room[8:]])
    monkeypatch.setattr(os, "statvfs", lambda _: without_inodes)
    monkeypatch.setattr(durable, "write_new", mock.Mock(side_effect=OSError(errno.ENOSPC, "No space left")))
    with pytest.raises(NotSaved) as told:
        take(spool, jpeg(1))
    assert told.value.problem.code == "card_crowded"


@pytest.mark.parametrize("number", [errno.EOPNOTSUPP, errno.EINVAL])
def test_file_system_without_reservation_still_takes_photos(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setattr(os, "posix_fallocate", mock.Mock(side_effect=OSError(number, os.strerror(number))))
    spool = open_spool(tmp_path / "spool", HandClock())
    assert is_intact(spool, take(spool, jpeg(1)))


def test_a_line_waits_for_a_wipe_that_writes_the_boots_file_anew(tmp_path: Path) -> None:
    spool = open_spool(tmp_path / "spool", HandClock())
    directory, begun, done = spool.directory / "boots", threading.Event(), threading.Event()

    def add() -> None:
        begun.set()
        boots.add_anchor(directory, 1, Anchor(Source.NTP, 1, 1_750_000_000_000, 5))
        done.set()

    thread = threading.Thread(target=add)
    with durable.lock(directory / boots.LOCK):
        thread.start()
        assert begun.wait(PATIENCE_S)
        assert not done.wait(0.2)
        durable.replace(boots.path_of(directory, 1), b'{"boot": 1, "boot_id": "boot-a", "box": ""}\n')
    thread.join(PATIENCE_S)
    assert len(boots.read(directory, 1).anchors) == 1
