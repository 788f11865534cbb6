"""What people, PCs and dying cards do to a spool: a sentence, and no photo lost."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from piboothup.spool import durable, handover, layout_version
from piboothup.spool.admin import inventory
from piboothup.spool.capture_time import boots
from piboothup.spool.capture_time.anchors import Anchor, Source
from piboothup.spool.commit import NotSaved
from piboothup.spool.contexts import context_for
from piboothup.spool.layout_version import SpoolUnusable
from piboothup.spool.listing import HELD, NEW, PARKED, QUARANTINE, SENT, TMP
from piboothup.spool.recovery import Recovered, recover
from piboothup.spool.store import Spool
from tests.support.clock import HandClock
from tests.support.photos import PARTY, is_intact, jpeg, names_in_new, open_spool, take


def test_a_file_system_without_owners_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # FAT answers a change of mode with EPERM; this kernel may have no FAT to mount, so the answer is made here.
    def chmod(*_: object) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "chmod", chmod)
    with pytest.raises(SpoolUnusable, match="FAT"):
        Spool(tmp_path / "spool", HandClock(), "serial").prepare()


@pytest.mark.parametrize(
    "name",
    [
        "photo.jpg",
        "7F3K-0001-0001_5_abcd1234_0123456789abcdef.jpg.jpg",
        "7F3K-0001-0001_5_abcd1234_0123456789abc.jpg",
        "7F3K-0001-0001_5_abcd1234_0123456789abcdef\n.jpg",
        "7F3K-0001-0001_5_abcd1234_0123456789abcdef.JPG",
        "\x1b[31mred.jpg",
        "-rf",
    ],
)
def test_a_name_made_by_hand_is_ignored_and_told_on_one_line(
    tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    spool = open_spool(tmp_path, HandClock())
    photo = take(spool, jpeg(1))
    (tmp_path / NEW / photo.folder / name).write_bytes(jpeg(2))
    (tmp_path / NEW / name).write_bytes(jpeg(3))
    assert names_in_new(spool) == [photo]
    told = [record.getMessage() for record in caplog.records if "ignored" in record.getMessage()]
    assert len(told) == 2
    assert all(line.isprintable() for line in told)


def test_photo_in_two_folders_is_one_photo_right_bytes_win(tmp_path: Path) -> None:
    spool = open_spool(tmp_path, HandClock())
    photo = take(spool, jpeg(1))
    (tmp_path / NEW / str(photo)).write_bytes(b"not its bytes")
    other = tmp_path / NEW / "0099"
    other.mkdir()
    (other / str(photo)).write_bytes(b"nor these")
    assert names_in_new(spool) == [photo]
    assert is_intact(spool, photo)
    assert (tmp_path / NEW / str(photo)).read_bytes() == b"not its bytes"


def test_part_of_photo_already_sent_is_not_sent_again(tmp_path: Path) -> None:
    spool = open_spool(tmp_path, HandClock())
    photo = take(spool, jpeg(1))
    handover.mark_sent(spool, photo)
    (tmp_path / TMP / f"{photo}.part").write_bytes(jpeg(1))
    assert recover(spool) == Recovered()
    assert names_in_new(spool) == []
    assert spool.path(photo, SENT).read_bytes() == jpeg(1)


@pytest.mark.parametrize(
    ("boottime_ms", "wall_ms", "is_in_use"),
    [(10**14, 1_800_000_000_000, False), (7 * 10**13, 4_000_000_000_000, True), (0, -(10**14), True)],
)
def test_f16_a_damaged_anchor_leads_beyond_no_calendar(
    tmp_path: Path, boottime_ms: int, wall_ms: int, is_in_use: bool
) -> None:
    spool = open_spool(tmp_path, HandClock())
    name = take(spool, jpeg(1))
    anchor = Anchor(Source.NTP, boottime_ms, wall_ms, 0)
    boots.add_anchor(tmp_path / "boots", spool.boot, anchor, in_use=is_in_use)
    for found_ms in (spool.now_trusted_ms(5_000), spool.taken_at_ms(name)):
        assert datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=found_ms or 0)


@pytest.mark.parametrize("damage", [b"", b"\0" * 300, b'{"boot": 1', b"\xff\xfe junk \n" * 20, None])
def test_damaged_boots_file_loses_times_but_no_photo_or_number(tmp_path: Path, damage: bytes | None) -> None:
    spool = open_spool(tmp_path, HandClock())
    photos = [take(spool, jpeg(number)) for number in range(3)]
    spool.add_anchor(Anchor(Source.NTP, 100_000, 1_750_000_000_000, 5))
    file = tmp_path / "boots" / "0001.jsonl"
    if damage is None:
        file.unlink()
        file.mkdir()
    else:
        file.write_bytes(damage)
    again = open_spool(tmp_path, HandClock())
    assert names_in_new(again) == photos
    assert again.taken_at_ms(photos[0]) is None
    fresh = take(again, jpeg(9))
    assert fresh.order not in {photo.order for photo in photos}
    assert fresh.boot == 2


@pytest.mark.parametrize("damage", [b"", b"\0" * 100, b'{"linkId": "abcd', b'{"linkId": "evil", "albumId": ""}'])
def test_damaged_context_waits_repaired_by_next_photo_of_event(tmp_path: Path, damage: bytes) -> None:
    spool = open_spool(tmp_path, HandClock())
    photo = take(spool, jpeg(1))
    (tmp_path / "contexts" / f"{PARTY.id}.json").write_bytes(damage)
    assert spool.context_of(photo) is None
    again = open_spool(tmp_path, HandClock(boot_id="boot-b"))
    take(again, jpeg(2))
    context = again.context_of(photo)
    assert context is not None
    assert context.link_id == "abcd1234"


def test_a_context_without_event_cannot_be_forged_into_one(tmp_path: Path) -> None:
    spool = open_spool(tmp_path, HandClock())
    none = context_for("", "", "boot-a")
    photo = take(spool, jpeg(1), none)
    (tmp_path / "contexts" / f"{none.id}.json").write_bytes(b'{"linkId": "evil", "albumId": ""}')
    assert spool.context_of(photo) is None


def test_a_full_card_at_the_start_lets_what_is_on_it_be_uploaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo = take(open_spool(tmp_path, HandClock()), jpeg(1))

    def full(*_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    uploader = Spool(tmp_path, HandClock(boot_id="boot-b"), "serial-1")
    uploader.prepare()
    assert uploader.boot == 0
    assert is_intact(uploader, photo)
    handover.mark_sent(uploader, photo)
    assert list(uploader.names(SENT)) == [photo]
    monkeypatch.undo()
    uploader.add_anchor(Anchor(Source.DATE, 5, 1_750_000_000_000, 600))
    assert uploader.boot == 2


@pytest.mark.parametrize(
    "make",
    [
        lambda spool: (spool / "new" / "7F3K-999999-0001_1_0a0b0c0d_0123456789abcdef.jpg").write_bytes(b"?"),
        lambda spool: (spool / "new" / "999999").mkdir(),
        lambda spool: (spool / "new" / "٩٩٩").mkdir(),
        lambda spool: (spool / "boots" / "999999.jsonl").touch(),
    ],
    ids=["a photo", "a folder", "a folder in other digits", "a boot's file"],
)
def test_handmade_boot_number_gives_no_unfindable_photo_names(tmp_path: Path, make: Callable[[Path], object]) -> None:
    take(open_spool(tmp_path / "spool", HandClock()), jpeg(0))
    make(tmp_path / "spool")
    clock = HandClock(boot_id="boot-b")
    booth = open_spool(tmp_path / "spool", clock)
    photo = take(booth, jpeg(1))
    uploader = Spool(tmp_path / "spool", clock, "serial-1")
    uploader.prepare()
    assert uploader.boot == booth.boot == 2
    assert photo in names_in_new(uploader)


def test_damaged_photo_number_gives_no_unfindable_photo_names(tmp_path: Path) -> None:
    clock = HandClock()
    spool = open_spool(tmp_path / "spool", clock)
    boots.add_start(spool.directory / "boots", 1, "booth", 1, 10_000_000)
    photo = take(open_spool(tmp_path / "spool", clock), jpeg(1))
    assert photo.seq < 10
    assert names_in_new(spool) == [photo]


def test_photo_with_unreadable_name_is_not_called_saved(tmp_path: Path) -> None:
    spool = open_spool(tmp_path / "spool", HandClock())
    spool.session.boot = 1_000_000
    with pytest.raises(NotSaved, match="no name"):
        take(spool, jpeg(1))
    assert not list((tmp_path / "spool").rglob("*.jpg"))


@pytest.mark.parametrize(
    "line",
    [
        '{"source": "ntp", "boottime_ms": 1e999, "wall_ms": 1750000000000, "uncertainty_ms": 1}',
        f'{{"source": "ntp", "boottime_ms": {10**400}, "wall_ms": 1750000000000, "uncertainty_ms": 1}}',
        f'{{"source": "ntp", "boottime_ms": 1, "wall_ms": 1750000000000, "uncertainty_ms": {10**400}}}',
        '{"source": ["ntp"], "boottime_ms": 1, "wall_ms": 1750000000000, "uncertainty_ms": 1}',
        '{"start": "booth", "boottime_ms": 1e30, "next_seq": -1e999}',
        f'{{"retired": {{"13d59a2f": [{10**400}]}}}}',
        "[" * 100_000,
    ],
    ids=["infinite", "huge boot-time", "huge uncertainty", "a list", "a wild start", "a wild number", "deep"],
)
def test_a_wild_line_in_a_boots_file_is_skipped(tmp_path: Path, line: str) -> None:
    clock = HandClock()
    spool = open_spool(tmp_path / "spool", clock)
    photo = take(spool, jpeg(1))
    with (spool.directory / "boots" / "0001.jsonl").open("a") as file:
        file.write(f"{line}\n")
    again = open_spool(tmp_path / "spool", clock)
    assert again.taken_at_ms(photo, record=True) is None
    assert take(again, jpeg(2)).seq == photo.seq + 1


def test_a_part_that_is_not_ours_is_neither_read_nor_moved(tmp_path: Path) -> None:
    spool = open_spool(tmp_path / "spool", HandClock())
    part = spool.directory / "tmp" / "film.part"
    with part.open("wb") as file:
        file.truncate(1 << 40)  # nobody could hold it in memory
    assert recover(spool) == Recovered()
    assert part.stat().st_size == 1 << 40


def test_a_folder_that_is_a_link_is_not_looked_into_by_a_wipe(tmp_path: Path) -> None:
    spool = open_spool(tmp_path / "spool", HandClock())
    photo = take(spool, jpeg(1))
    elsewhere = tmp_path / "elsewhere"
    (spool.directory / "parked").rename(elsewhere)
    (elsewhere / str(photo)).write_bytes(jpeg(1))
    (spool.directory / "parked").symlink_to(elsewhere)
    found = inventory.take_inventory(spool.directory)
    assert [item.path for item in found.items] == [spool.path(photo)]
    assert spool.directory / "parked" in found.foreign


def test_damaged_parked_copy_does_not_replace_whole_photo(tmp_path: Path) -> None:
    spool = open_spool(tmp_path / "spool", HandClock())
    photo = take(spool, jpeg(1))
    spool.path(photo, PARKED).write_bytes(b"\xff\xd8damaged\xff\xd9")
    assert handover.retry_parked(spool) == 0
    assert is_intact(spool, photo)


def test_a_whole_part_mends_a_photo_that_was_damaged_since(tmp_path: Path) -> None:
    spool = open_spool(tmp_path / "spool", HandClock())
    photo = take(spool, jpeg(1))
    (spool.directory / TMP / f"{photo}.part").write_bytes(jpeg(1))
    spool.path(photo).write_bytes(b"bits that rotted")
    assert recover(spool) == Recovered(salvaged=1)
    assert is_intact(spool, photo)


def test_half_a_part_does_not_replace_what_was_set_aside_before(tmp_path: Path) -> None:
    spool = open_spool(tmp_path / "spool", HandClock())
    photo = take(spool, jpeg(1))
    spool.path(photo).write_bytes(jpeg(1)[:-9] + b"a bit off")
    handover.quarantine(spool, photo)
    (spool.directory / TMP / f"{photo}.part").write_bytes(b"\xff\xd8half")
    assert recover(spool) == Recovered(dropped=1)
    assert spool.path(photo, QUARANTINE).read_bytes() == jpeg(1)[:-9] + b"a bit off"


@pytest.mark.parametrize("text", ["3\n", "3.1\n", "v3\n", "12"])
def test_c05_a_card_of_a_newer_layout_is_not_touched(tmp_path: Path, text: str) -> None:
    (tmp_path / ".layout").write_text(text)
    (tmp_path / "new").mkdir(mode=0o700)
    with pytest.raises(SpoolUnusable, match="newer piboothup: update") as caught:
        Spool(tmp_path, HandClock(), "serial-1").prepare()
    assert caught.value.problem.code == "spool_newer"
    assert sorted(path.name for path in tmp_path.iterdir()) == [".layout", "new"]
    assert (tmp_path / "new").stat().st_mode & 0o7777 == 0o700


@pytest.mark.parametrize(
    ("text", "held", "version"),
    [("", False, 1), ("\0\0", False, 1), ("1\n", False, 1), ("2 fed", False, 2), ("\0", True, 2)],
)
def test_a_layout_file_without_an_id_is_written_anew(tmp_path: Path, text: str, held: bool, version: int) -> None:
    """An old program's, or damaged: with the version of the folders that are there, once."""
    if held:
        take(open_spool(tmp_path, HandClock()), jpeg(2), PARTY, HELD)
    (tmp_path / ".layout").write_text(text)
    take(open_spool(tmp_path, HandClock()), jpeg(1))
    written = (tmp_path / ".layout").read_text()
    assert re.fullmatch(rf"{version} [0-9a-f]{{16}}\n", written)
    open_spool(tmp_path, HandClock())
    assert (tmp_path / ".layout").read_text() == written


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EIO])
def test_a_card_that_refuses_an_id_is_used_without(
    tmp_path: Path, number: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    open_spool(tmp_path, HandClock())
    (tmp_path / ".layout").write_text("1\n")
    real = durable.replace

    def refuse(path: Path, *given: Any, **how: Any) -> None:
        if path.name == ".layout":
            raise OSError(number, os.strerror(number))
        real(path, *given, **how)

    monkeypatch.setattr(durable, "replace", refuse)
    spool = open_spool(tmp_path, HandClock())
    name = take(spool, jpeg(1))
    assert (name.boot, (tmp_path / ".layout").read_text()) == (1, "1\n")
    assert f"spool id not written directory={tmp_path} reason={os.strerror(number)}" in caplog.messages
    assert not any("given an id" in message for message in caplog.messages)


def test_a_new_card_that_refuses_its_layout_is_not_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An older program would overlook what lies there, and no choice could be known of it."""
    real = durable.replace

    def refuse(path: Path, *given: Any, **how: Any) -> None:
        if path.name == ".layout":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(path, *given, **how)

    with monkeypatch.context() as patched:
        patched.setattr(durable, "replace", refuse)
        spool = Spool(tmp_path, HandClock(), "serial-1")
        spool.prepare()
        with pytest.raises(OSError, match="No space"):
            spool.start("booth")
    spool.start("booth")
    assert (tmp_path / ".layout").read_text().startswith("1 ")


@pytest.mark.parametrize("folder", ["spool", "disk/spool", "disk/box/spool"])
def test_p06_each_name_on_the_way_to_a_new_spool_is_synced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    synced: list[Path] = []
    real = durable.sync_directory

    def noted(path: Path) -> None:
        real(path)
        synced.append(path)

    monkeypatch.setattr(durable, "sync_directory", noted)
    layout_version.prepare(tmp_path / folder)
    assert {tmp_path / folder, *(tmp_path / folder).parents} & set(synced) == {
        path for path in (tmp_path / folder, *(tmp_path / folder).parents) if path.is_relative_to(tmp_path)
    }
    assert len(synced) == len(set(synced))
    layout_version.prepare(tmp_path / folder)
    assert len(set(synced)) == len(synced) - 1, "of a spool that is there its own folder alone"


@pytest.mark.parametrize("before", [None, "1\n", "\0"])
def test_an_id_of_the_other_service_meanwhile_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: str | None
) -> None:
    """Both start at the same time, and look at the same time."""
    file = tmp_path / ".layout"
    if before is not None:
        file.write_text(before)
    real = durable.lock

    def lock(path: Path, *, wait: bool = False) -> AbstractContextManager[int]:
        file.write_text("1 0123456789abcdef\n")
        return real(path, wait=wait)

    monkeypatch.setattr(durable, "lock", lock)
    layout_version.note(tmp_path)
    assert file.read_text() == "1 0123456789abcdef\n"


def test_a_card_asked_every_second_refuses_an_id_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """As a read-only one with an old program's layout, of which the clock is to be noted once a second."""
    open_spool(tmp_path, HandClock())
    (tmp_path / ".layout").write_text("1\n")
    (tmp_path / "boots/0001.jsonl").unlink()

    def refuse(path: Path, *_: Any, **__: Any) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))

    for name in ("replace", "write_new"):
        monkeypatch.setattr(durable, name, refuse)
    spool = Spool(tmp_path, HandClock(), "serial-1")
    spool.prepare()
    for moment_ms in range(5):
        with pytest.raises(OSError, match="Read-only"):
            spool.add_anchor(Anchor(Source.NTP, moment_ms, 1_800_000_000_000, 5))
    assert sum("spool id not written" in message for message in caplog.messages) == 1
