"""A copy to a stick: progress, secret, what is told. A folder is the stick; real ones are in setup/stick."""

from __future__ import annotations

import errno
import os
from datetime import UTC
from pathlib import Path

import pytest

from piboothup import status
from piboothup.records import replace
from piboothup.spool.admin import export_target, stick_copy
from piboothup.spool.admin.stick_copy import KEY_FILE, CopyFolder, CopyJob, CopyReport, CopyState, left_s
from piboothup.spool.contexts import context_for
from piboothup.spool.event_titles import AlbumEvent
from piboothup.spool.listing import HELD
from piboothup.spool.store import Spool
from tests.support.clock import HandClock
from tests.support.photos import PARTY, jpeg, open_spool, take

JOB = CopyJob(5, "sda1.7", "1A2B-3C4D", "abcd1234", needs_secret=False)
LATER = replace(JOB, asked_ns=6, needs_secret=True)


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    made = open_spool(tmp_path / "spool", HandClock())
    made.write_events([AlbumEvent("Anna & Ben", "abcd1234")])
    return made


@pytest.fixture
def folder(tmp_path: Path) -> CopyFolder:
    made = CopyFolder(tmp_path)
    made.path.mkdir()
    return made


@pytest.fixture
def stick(tmp_path: Path) -> Path:
    made = tmp_path / "on the stick"
    made.mkdir()
    return made


def copy(spool: Spool, stick: Path, folder: CopyFolder, job: CopyJob = JOB) -> CopyState:
    return stick_copy.run(spool, job, stick, folder, "Booth 1", UTC, os.getpid())


def copies(stick: Path) -> list[bytes]:
    return sorted(path.read_bytes() for path in stick.glob("*/*.jpg"))


def test_e4_the_photos_of_the_event_are_copied_and_told(spool: Spool, stick: Path, folder: CopyFolder) -> None:
    for number in range(3):
        take(spool, jpeg(number))
    take(spool, jpeg(9), context_for("wxyz9876", "", ""))
    assert copy(spool, stick, folder) is CopyState.DONE
    assert copies(stick) == sorted(jpeg(number) for number in range(3))
    assert {path.name for path in stick.iterdir()} == {"Anna & Ben", KEY_FILE}
    copying = CopyReport(5, "sda1.7", "1A2B-3C4D", "abcd1234", CopyState.COPYING, 3, 3, None, os.getpid())
    assert folder.report() == copying  # the rest is told when it is unmounted


def test_e4_a_second_time_copies_only_what_is_new(spool: Spool, stick: Path, folder: CopyFolder) -> None:
    take(spool, jpeg(1))
    copy(spool, stick, folder)
    (copied,) = stick.glob("*/*.jpg")
    before = copied.stat().st_ino
    take(spool, jpeg(2))
    assert copy(spool, stick, folder) is CopyState.DONE
    assert copied.stat().st_ino == before
    report = folder.report()
    assert report is not None
    assert (report.done, report.total) == (2, 2)


def test_e4_a_photo_that_is_held_is_not_counted_as_copied(spool: Spool, stick: Path, folder: CopyFolder) -> None:
    take(spool, jpeg(1))
    held = take(spool, jpeg(2), PARTY, HELD)
    with spool.lock("booth"):
        copy(spool, stick, folder)
    report = folder.report()
    assert report is not None
    assert (report.done, report.total, spool.path(held, HELD).exists()) == (1, 2, True)


def test_e4_a_copy_that_broke_off_goes_on(
    spool: Spool, stick: Path, folder: CopyFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        take(spool, jpeg(number))
    monkeypatch.setattr(export_target, "_AT_A_TIME_BYTES", 1)
    for reason, state in (
        (errno.ENOSPC, CopyState.FULL),
        (errno.EROFS, CopyState.READ_ONLY),
        (errno.EIO, CopyState.PULLED),
        (errno.ENOMEM, CopyState.FAILED),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(export_target, "_write", _failing(reason, after=1))
            assert copy(spool, stick, folder) is state
        report = folder.report()
        assert report is not None
        assert (report.done, report.total) == (len(copies(stick)), 5)
    assert copy(spool, stick, folder) is CopyState.DONE
    assert copies(stick) == sorted(jpeg(number) for number in range(5))


def _failing(reason: int, after: int) -> object:
    real, left = export_target._write, iter(range(after))

    def write(path: Path, content: bytes, taken_ms: int | None) -> None:
        if next(left, None) is None:
            raise OSError(reason, os.strerror(reason))
        real(path, content, taken_ms)

    return write


def test_e4_a_damaged_photo_is_told(spool: Spool, stick: Path, folder: CopyFolder) -> None:
    name = take(spool, jpeg(1))
    take(spool, jpeg(2))
    spool.path(name).write_bytes(b"\xff\xd8 rubbish")
    assert copy(spool, stick, folder) is CopyState.DAMAGED
    report = folder.report()
    assert report is not None
    assert (report.done, report.total) == (1, 2)


# -- whose stick it is -----------------------------------------------------------------------------------------------


def test_e4_later_only_a_stick_with_the_boxs_secret_is_copied_to(
    spool: Spool, stick: Path, folder: CopyFolder, tmp_path: Path
) -> None:
    take(spool, jpeg(1))
    assert copy(spool, stick, folder, LATER) is CopyState.NOT_OURS
    assert list(stick.iterdir()) == []
    assert not folder.knows(JOB.uuid, JOB.link_id)
    assert copy(spool, stick, folder) is CopyState.DONE
    assert folder.knows(JOB.uuid, JOB.link_id)
    take(spool, jpeg(2))
    assert copy(spool, stick, folder, LATER) is CopyState.DONE
    assert copies(stick) == sorted([jpeg(1), jpeg(2)])


@pytest.mark.parametrize("wrong", ["other", "none", "empty", "long", "link", "event", "uuid"])
def test_e4_another_secret_event_or_stick_gets_nothing(
    spool: Spool, stick: Path, folder: CopyFolder, tmp_path: Path, wrong: str
) -> None:
    take(spool, jpeg(1))
    take(spool, jpeg(2), context_for("wxyz9876", "", ""))
    copy(spool, stick, folder)
    key, job = stick / KEY_FILE, LATER
    secret = key.read_bytes()
    before = copies(stick)
    match wrong:
        case "other":
            key.write_bytes(secret[::-1])
        case "none":
            key.unlink()
        case "empty":
            key.write_bytes(b"")
        case "long":
            key.write_bytes(secret + b"0")
        case "link":
            key.rename(tmp_path / "elsewhere")
            key.symlink_to(tmp_path / "elsewhere")
        case "event":
            job = replace(LATER, link_id="wxyz9876")
        case "uuid":
            job = replace(LATER, uuid="FFFF-FFFF")
    take(spool, jpeg(3))
    assert copy(spool, stick, folder, job) is CopyState.NOT_OURS
    assert copies(stick) == before


def test_e4_the_secret_is_kept_as_a_digest_in_memory_alone(spool: Spool, stick: Path, folder: CopyFolder) -> None:
    take(spool, jpeg(1))
    copy(spool, stick, folder)
    secret = (stick / KEY_FILE).read_bytes()
    assert len(secret) == 64
    kept = [path for path in (*folder.path.rglob("*"), *spool.directory.rglob("*")) if path.is_file()]
    assert not any(secret in path.read_bytes() for path in kept)
    for path in folder.path.iterdir():  # as after power-off
        path.unlink()
    assert copy(spool, stick, folder, LATER) is CopyState.NOT_OURS


@pytest.mark.parametrize("junk", ["", "[", "[]", "[" * 5000, '{"1A2B-3C4D": 3}', '{"1A2B-3C4D": ["a"]}', "null"])
def test_e4_junk_in_the_folder_is_no_secret_job_or_report(
    spool: Spool, stick: Path, folder: CopyFolder, junk: str
) -> None:
    for name in ("secrets", "job", "copy"):
        (folder.path / name).write_text(junk)
    assert folder.job().asked_ns == -1
    assert (folder.report() or CopyReport()).asked_ns == -1
    assert copy(spool, stick, folder, LATER) is CopyState.NOT_OURS
    assert copy(spool, stick, folder) is CopyState.DONE


# -- pace ------------------------------------------------------------------------------------------------------------


def test_e4_the_time_left_follows_the_pace_so_far() -> None:
    assert left_s(0, 143, 60_000_000_000) is None
    assert left_s(1, 143, 2_999_999_999) is None
    assert left_s(43, 143, 43_000_000_000) == 100
    assert left_s(1, 3, 3_000_000_001) == 7
    assert left_s(143, 143, 60_000_000_000) == 0


def test_e4_it_waits_while_a_photo_is_under_way(
    spool: Spool, stick: Path, folder: CopyFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        take(spool, jpeg(number))
    real, seen = stick_copy._is_photo_under_way, []

    def is_under_way(runtime: Path) -> bool:
        seen.append(len(list(stick.glob("*/*.part*"))))
        if len(seen) == 3:
            status.write(runtime, "booth", {"state": "ready"})
        return real(runtime)

    monkeypatch.setattr(stick_copy, "_is_photo_under_way", is_under_way)
    status.write(folder.runtime, "booth", {"state": "exposing"})
    assert copy(spool, stick, folder) is CopyState.DONE
    assert seen == [1, 1, 1, 2, 3]  # copies that were begun


def test_e4_a_booth_that_stands_still_does_not_hold_it_up(
    spool: Spool, stick: Path, folder: CopyFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    take(spool, jpeg(1))
    monkeypatch.setattr(stick_copy, "_LONGEST_PAUSE_S", 0.2)
    status.write(folder.runtime, "booth", {"state": "saving"})
    assert copy(spool, stick, folder) is CopyState.DONE
