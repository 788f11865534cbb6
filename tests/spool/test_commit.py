"""Commits on a real file system: photos, test photos, and the card that takes none."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from piboothup.problems import problem
from piboothup.spool import commit, contexts, durable, handover
from piboothup.spool.capture_time import boots
from piboothup.spool.commit import NotSaved
from piboothup.spool.listing import TEST_PHOTO
from piboothup.spool.recovery import Recovered, recover
from piboothup.spool.store import Spool
from tests.support.clock import HandClock
from tests.support.deadline import PATIENCE_S
from tests.support.mounts import MountNamespace, disk, mounts, needs_images
from tests.support.photos import PARTY, is_intact, jpeg, names_in_new, open_spool, take, try_photo

__all__ = ["disk", "mounts"]


def test_a_committed_photo_lies_whole_under_its_name(tmp_path: Path) -> None:
    spool = open_spool(tmp_path, HandClock(boottime_s=123.456))
    name = take(spool, jpeg(1))
    assert str(name).startswith(f"{spool.box}-0001-0001_123456_{PARTY.id}_")
    assert spool.path(name).read_bytes() == jpeg(1)
    assert spool.path(name) == tmp_path / "new" / "0001" / str(name)
    assert names_in_new(spool) == [name]
    assert list((tmp_path / "tmp").iterdir()) == []


def test_commit_runs_its_steps_in_durable_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = open_spool(tmp_path, HandClock())
    take(spool, jpeg(1))
    calls: list[str] = []
    places: dict[int, str] = {}

    def noted(call: str) -> None:
        real = getattr(os, call)

        def recorded(*arguments: Any, **more: object) -> object:
            result = real(*arguments, **more)
            if call == "open" and arguments[1] & os.O_NONBLOCK:  # the context's file is read
                return result
            if call == "open":
                places[result] = str(arguments[0])
            where = places.get(arguments[0], arguments[0]) if isinstance(arguments[0], int) else arguments[0]
            calls.append(f"{call} {Path(str(where)).relative_to(tmp_path).parts[0]}")
            return result

        monkeypatch.setattr(os, call, recorded)

    for call in ("open", "posix_fallocate", "write", "fsync", "close", "rename"):
        noted(call)
    take(spool, jpeg(2))
    assert calls == [
        "open tmp",
        "posix_fallocate tmp",
        "write tmp",
        "fsync tmp",
        "close tmp",
        "rename tmp",
        "open new",
        "fsync new",
        "close new",
    ]


def test_s12_the_same_picture_twice_is_two_photos(tmp_path: Path) -> None:
    spool = open_spool(tmp_path, HandClock())
    first, second = take(spool, jpeg(1)), take(spool, jpeg(1))
    assert first != second
    assert first.file_name != second.file_name
    assert [spool.path(name).read_bytes() for name in names_in_new(spool)] == [jpeg(1), jpeg(1)]


def test_f16_a_test_photo_takes_each_step_of_a_first_photo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spools = [open_spool(tmp_path / name, HandClock()) for name in ("a", "b")]
    calls: list[str] = []

    def noted(call: str) -> None:
        real = getattr(os, call)

        def recorded(path: Any, *more: Any, **named: Any) -> Any:
            where = "" if isinstance(path, int) else Path(path).parent.relative_to(tmp_path).as_posix()[1:]
            calls.append(f"{call} {where}".strip())
            return real(path, *more, **named)

        monkeypatch.setattr(os, call, recorded)

    for call in ("open", "mkdir", "posix_fallocate", "write", "fsync", "rename"):
        noted(call)
    try_photo(spools[0], jpeg(1))
    of_test = list(calls)
    calls.clear()
    take(spools[1], jpeg(1))
    assert of_test == calls
    assert of_test.count("fsync") == 6, (
        "the context's bytes and name, the boot's two folders, the photo's bytes and name"
    )


@pytest.mark.parametrize("folder", ["tmp", "contexts", "new"])
def test_a_folder_that_somebody_tidied_away_is_made_again(tmp_path: Path, folder: str) -> None:
    spool = open_spool(tmp_path, HandClock())
    first = take(spool, jpeg(1))
    handover.mark_sent(spool, first)
    shutil.rmtree(tmp_path / folder)
    name = take(spool, jpeg(2))
    assert names_in_new(spool) == [name]
    assert is_intact(spool, name)
    context = spool.context_of(name)
    assert context is not None
    assert context.link_id == PARTY.link_id


@pytest.mark.parametrize("content", [b"", b"\0" * 90, b"{}"])
def test_a_damaged_event_of_a_running_booth_is_written_anew(tmp_path: Path, content: bytes) -> None:
    spool = open_spool(tmp_path, HandClock())
    names = [take(spool, jpeg(1))]
    contexts.path_of(tmp_path / "contexts", PARTY.id).write_bytes(content)
    assert spool.context_of(names[0]) is None
    names.append(take(spool, jpeg(2)))
    assert [spool.context_of(name) for name in names] == [PARTY, PARTY]


@pytest.mark.parametrize("folder", ["tmp", "contexts", "new", "new/0001"])
def test_f16_a_file_in_the_place_of_a_folder_is_renamed(tmp_path: Path, folder: str) -> None:
    spool = open_spool(tmp_path, HandClock())
    take(spool, jpeg(1))
    shutil.rmtree(tmp_path / folder)
    (tmp_path / folder).write_text("of somebody")
    assert commit.card_problem(spool) is None
    name = take(spool, jpeg(2))
    assert is_intact(spool, name)
    assert [path.read_text() for path in tmp_path.glob(f"{folder}.file-*")] == ["of somebody"]


def test_a_photo_whose_folder_cannot_be_made_is_not_called_saved(tmp_path: Path) -> None:
    spool = open_spool(tmp_path, HandClock())
    os.rmdir(tmp_path / "tmp")
    (tmp_path / "tmp").symlink_to("in the way")
    with pytest.raises(NotSaved) as told:
        take(spool, jpeg(1))
    assert told.value.problem.code == "not_saved"
    assert names_in_new(spool) == []


def test_a_spool_that_is_gone_is_named(tmp_path: Path) -> None:
    spool = open_spool(tmp_path / "spool", HandClock())
    shutil.rmtree(tmp_path / "spool")
    told = commit.card_problem(spool)
    assert told is not None
    assert told.code == "spool_unusable"


@pytest.mark.parametrize("writes", ["a photo", "a test photo", "a first photo ahead"])
def test_f11_a_spool_that_leaves_meanwhile_is_not_begun_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, writes: str
) -> None:
    """Where its disk was, folders without a layout would be taken for another spool, and no fault be shown."""
    spool = open_spool(tmp_path / "spool", HandClock())

    def leaves_after(real: Callable[..., None]) -> Callable[..., None]:
        def call(*given: Any) -> None:
            real(*given)
            if spool.directory.exists():
                spool.directory.rename(tmp_path / "away")

        return call

    if writes == "a first photo ahead":
        monkeypatch.setattr(commit, "_write_context", leaves_after(commit._write_context))
    else:
        monkeypatch.setattr(spool, "refuse_another_disk", leaves_after(spool.refuse_another_disk))
    with pytest.raises((OSError, NotSaved)):
        match writes:
            case "a photo":
                take(spool, jpeg(1))
            case "a test photo":
                try_photo(spool, jpeg(1))
            case _:
                commit.prepare(spool, PARTY)
    assert not spool.directory.exists()


def test_trying_the_card_leaves_nothing_on_it(tmp_path: Path) -> None:
    spool = open_spool(tmp_path, HandClock())
    assert commit.try_card(spool, PARTY) is None
    assert list((tmp_path / "tmp").iterdir()) == list((tmp_path / "new" / "0001").iterdir()) == []


def test_f16_a_card_that_gave_no_number_is_tried_with_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = Spool(tmp_path, HandClock(), "serial-1")
    with monkeypatch.context() as patched:
        patched.setattr(boots, "register", Mock(side_effect=OSError(errno.EROFS, "Read-only file system")))
        spool.prepare()
        assert (spool.boot, commit.try_card(spool, PARTY)) == (0, problem("card_readonly"))
    assert (commit.try_card(spool, PARTY), spool.boot) == (None, 1)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["0001"]


def test_f16_two_test_photos_at_once_take_turns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The saver's and that of the menu's self-test: they have one name."""
    spool = open_spool(tmp_path, HandClock())
    other = threading.Thread(target=commit.try_card, args=(spool, PARTY))
    written: list[Path] = []
    real = durable.write_new

    def write_new(path: Path, content: bytes, mode: int = durable.FILE_MODE) -> None:
        real(path, content, mode)
        if path.name == TEST_PHOTO:
            written.append(path)
            if len(written) == 1:
                other.start()
                other.join(0.2)  # a chance to go wrong

    monkeypatch.setattr(durable, "write_new", write_new)
    try_photo(spool, jpeg(1))
    other.join(PATIENCE_S)
    assert len(written) == 2, "none had to be written again"
    assert [path for path in tmp_path.rglob(TEST_PHOTO) if path.exists()] == []


# -- the rename fails ----------------------------------------------------------------------------------------------


def after_the_write(monkeypatch: pytest.MonkeyPatch, happens: Callable[[], object]) -> None:
    """Let something happen once when the photo's bytes are in tmp/."""
    real, left = durable.write_new, [happens]

    def write_new(path: Path, content: bytes, mode: int = durable.FILE_MODE) -> None:
        real(path, content, mode)
        if left and path.parent.name == "tmp":
            left.pop()()

    monkeypatch.setattr(durable, "write_new", write_new)


@pytest.mark.parametrize("save", [take, try_photo])
@pytest.mark.parametrize("folder", ["new", "new/0001", "tmp", "contexts"])
def test_f16_a_folder_that_vanishes_in_mid_write_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str, save: Callable[[Spool, bytes], object]
) -> None:
    spool = open_spool(tmp_path, HandClock())
    handover.mark_sent(spool, take(spool, jpeg(1)))
    after_the_write(monkeypatch, lambda: shutil.rmtree(tmp_path / folder))
    saved = save(spool, jpeg(2))
    assert names_in_new(spool) == ([saved] if save is take else [])
    assert list((tmp_path / "tmp").iterdir()) == []


def on_a_folder_that_refuses_the_rename(root: Path) -> None:
    """In the namespace: each is read-only, then writable again; the next start finds no photo."""
    image = root / "disk"
    image.write_bytes(b"")
    os.truncate(image, 64 << 20)
    run = partial(subprocess.run, check=True)
    run(["mkfs.ext4", "-q", "-F", image])
    (root / "mnt").mkdir()
    run(["mount", "-o", "loop", image, root / "mnt"])
    for number, folder in enumerate(("new", "new/0001", "+i new/0001")):
        flag, _, place = folder.rpartition(" ")
        spool = open_spool(root / "mnt" / str(number), HandClock())
        first = take(spool, jpeg(1))
        path = spool.directory / place
        if flag:
            lock, unlock = [["chattr", "+i", path]], [["chattr", "-i", path]]
        else:
            lock = [["mount", "--bind", path, path], ["mount", "-o", "remount,ro,bind", path]]
            unlock = [["umount", path]]
        for words in lock:
            run(words)
        for save in (take, try_photo):
            with pytest.raises(NotSaved):
                save(spool, jpeg(2))
            assert list((spool.directory / "tmp").iterdir()) == [], folder
        for words in unlock:
            run(words)
        assert recover(spool) == Recovered()
        assert names_in_new(spool) == [first]
        take(spool, jpeg(3))
    run(["umount", root / "mnt"])


@needs_images
@pytest.mark.process
def test_f16_told_not_saved_it_is_no_photo_after_the_next_start(mounts: MountNamespace, disk: Path) -> None:
    mounts.call(on_a_folder_that_refuses_the_rename, disk)


def test_f16_a_photo_whose_name_was_not_synced_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was renamed; a power cut may undo that or not, and nobody deletes it."""
    spool = open_spool(tmp_path, HandClock())
    first = take(spool, jpeg(1))
    with monkeypatch.context() as patched:
        patched.setattr(durable, "sync_directory", Mock(side_effect=durable.DirectoryNotSynced(errno.EIO, "I/O")))
        with pytest.raises(NotSaved):
            take(spool, jpeg(2))
    assert [name.seq for name in names_in_new(spool)] == [first.seq, first.seq + 1]


# -- the card confirms what it does not keep -----------------------------------------------------------------------


def on_a_card_that_forgets(root: Path, kind: str, kept_bytes: int) -> None:
    """In the namespace: of what is written this card keeps the first bytes alone. `kept_bytes`: -1 = all."""
    image, run = root / "disk", partial(subprocess.run, check=True)
    image.write_bytes(b"")
    os.truncate(image, 48 << 20)
    run([f"mkfs.{kind}", "-q", "-F", image])
    (root / "mnt").mkdir()
    run(["mount", "-o", "loop", image, root / "mnt"])
    spool = open_spool(root / "mnt" / "spool", HandClock())
    first = take(spool, jpeg(1))
    os.sync()
    before, sync = image.read_bytes(), os.fsync

    def fsync(descriptor: int) -> None:
        sync(descriptor)
        if kept_bytes >= 0:
            with image.open("r+b") as card:
                card.seek(kept_bytes)
                card.write(before[kept_bytes:])

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(os, "fsync", fsync)
        if kept_bytes < 0:
            try_photo(spool, jpeg(2))
            assert commit.try_card(spool, PARTY) is None
        else:
            with pytest.raises(NotSaved) as refused:
                try_photo(spool, jpeg(2))
            assert refused.value.reason.code == "unsaved_card"
            told = commit.try_card(spool, PARTY)
            assert told is not None
            assert told.code == "unsaved_card"
    assert names_in_new(spool) == [first]
    assert not [*spool.directory.rglob(TEST_PHOTO)]
    run(["umount", root / "mnt"])


@needs_images
@pytest.mark.process
@pytest.mark.parametrize(
    ("kind", "kept_bytes"),
    [
        pytest.param("ext4", 0, id="worn-out"),
        pytest.param("ext2", 0, id="worn-out-without-journal"),
        pytest.param("ext4", 1 << 20, id="forged"),
        pytest.param("ext4", -1, id="sound"),
        pytest.param("ext2", -1, id="sound-without-journal"),
    ],
)
def test_f09_a_card_that_keeps_nothing_fails_the_test_photo(
    mounts: MountNamespace, disk: Path, kind: str, kept_bytes: int
) -> None:
    mounts.call(lambda root: on_a_card_that_forgets(root, kind, kept_bytes), disk)
