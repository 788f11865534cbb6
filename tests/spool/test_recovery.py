"""Recovery at the start: parts in tmp/ are salvaged or set aside, half-replaced files go, foreign files stay."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from piboothup.spool import handover, retention
from piboothup.spool.admin import assign, export, inventory, wipe
from piboothup.spool.contexts import context_for
from piboothup.spool.listing import PROBE, QUARANTINE, TEST_PHOTO
from piboothup.spool.recovery import Recovered, recover
from tests.support.clock import HandClock
from tests.support.photos import PARTY, counts, jpeg, names_in_new, open_spool, take, try_photo

NO_EVENT = context_for("", "", "a boot without an event")
OURS = "ours"
"""Stands for this thread's number, which is another one in each process that runs tests."""
NOBODY = 2**22 + 1
"""No thread has this number: Linux goes to 2**22."""


def test_p04_a_whole_part_is_salvaged(tmp_path: Path) -> None:
    spool = open_spool(tmp_path, HandClock())
    name = take(spool, jpeg(1))
    os.rename(spool.path(name), tmp_path / "tmp" / f"{name}.part")
    os.rmdir(spool.path(name).parent)
    assert recover(spool) == Recovered(salvaged=1)
    assert names_in_new(spool) == [name]
    assert recover(spool) == Recovered()


def test_f16_a_part_is_salvaged_where_its_boot_is_a_file(tmp_path: Path) -> None:
    spool = open_spool(tmp_path, HandClock())
    name = take(spool, jpeg(1))
    os.rename(spool.path(name), tmp_path / "tmp" / f"{name}.part")
    os.rmdir(spool.path(name).parent)
    spool.path(name).parent.write_text("of somebody")
    assert recover(spool) == Recovered(salvaged=1)
    assert names_in_new(spool) == [name]


def test_p02_half_a_part_is_set_aside_and_the_next_photo_is_fine(tmp_path: Path) -> None:
    spool = open_spool(tmp_path, HandClock())
    name = take(spool, jpeg(1))
    os.rename(spool.path(name), tmp_path / "tmp" / f"{name}.part")
    with (tmp_path / "tmp" / f"{name}.part").open("r+b") as file:
        file.truncate(500)
    assert recover(spool) == Recovered(quarantined=1)
    assert counts(spool)[QUARANTINE] == 1
    assert spool.path(name, QUARANTINE).read_bytes() == jpeg(1)[:500]
    following = take(spool, jpeg(2))
    assert names_in_new(spool) == [following]


def test_a_part_without_a_byte_of_a_picture_is_dropped(tmp_path: Path) -> None:
    spool = open_spool(tmp_path, HandClock())
    (tmp_path / "tmp" / "7F3K-0001-0001_5_abcd1234_0123456789abcdef.jpg.part").write_bytes(b"\0" * 4096)
    (tmp_path / "tmp" / "7F3K-0001-0002_5_abcd1234_0123456789abcdef.jpg.part").write_bytes(b"")
    assert recover(spool) == Recovered(dropped=2)
    assert list((tmp_path / "tmp").iterdir()) == []


def test_p02_part_of_data_only_in_first_or_last_block_set_aside(tmp_path: Path) -> None:
    spool = open_spool(tmp_path, HandClock())
    block = 1024 * 1024
    for number, content in enumerate((b"\xff" + b"\0" * 2 * block, b"\0" * 2 * block + b"\xff")):
        part = f"7F3K-0001-000{number}_5_abcd1234_0123456789abcdef.jpg.part"
        (tmp_path / "tmp" / part).write_bytes(content)
    assert recover(spool) == Recovered(quarantined=2)


def test_a_part_of_a_photo_that_is_there_already_goes(tmp_path: Path) -> None:
    spool = open_spool(tmp_path, HandClock())
    names = [take(spool, jpeg(number)) for number in range(3)]
    handover.mark_sent(spool, names[1])
    handover.park(spool, names[2], "EventPics refuses it.")
    for number, name in enumerate(names):
        (tmp_path / "tmp" / f"{name}.part").write_bytes(jpeg(number))
    assert recover(spool) == Recovered()
    assert list((tmp_path / "tmp").iterdir()) == []
    assert names_in_new(spool) == names[:1]


def test_a_number_in_tmp_is_not_given_again(tmp_path: Path) -> None:
    clock = HandClock()
    spool = open_spool(tmp_path, clock)
    name = take(spool, jpeg(1))
    os.rename(spool.path(name), tmp_path / "tmp" / f"{name}.part")
    again = open_spool(tmp_path, clock)
    assert take(again, jpeg(2)).seq == 2


TEST_PHOTOS = (f"tmp/{TEST_PHOTO}", f"new/0001/{TEST_PHOTO}", f"new/0002/{TEST_PHOTO}")


@pytest.mark.parametrize("left", [b"", b"\0" * 4096, jpeg(1)[:500], jpeg(1)])
def test_f16_what_is_left_of_a_test_photo_is_no_photo(tmp_path: Path, left: bytes) -> None:
    spool = open_spool(tmp_path, HandClock())
    leave_test_photos(tmp_path, left)
    (tmp_path / "tmp" / PROBE).write_bytes(left)
    assert recover(spool) == Recovered()
    assert [path for path in tmp_path.rglob("*") if path.name in (TEST_PHOTO, PROBE)] == []
    assert sum(counts(spool).values()) == 0
    assert take(spool, jpeg(2)).seq == 1


def leave_test_photos(directory: Path, content: bytes = jpeg(1)) -> None:
    """What power cuts leave of them at the worst."""
    for name in TEST_PHOTOS:
        (directory / name).parent.mkdir(exist_ok=True)
        (directory / name).write_bytes(content)


def test_f16_nobody_takes_a_test_photo_for_a_photo(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """While it lies there, or after a cut, with its context's file and its boot's folder."""
    spool = open_spool(tmp_path, HandClock())
    spool.prepare()
    try_photo(spool, jpeg(1))
    try_photo(spool, jpeg(1), NO_EVENT)
    leave_test_photos(tmp_path)
    caplog.clear()
    assert (names_in_new(spool), spool.photos_of(PARTY), spool.has_waiting()) == ([], set(), False)
    assert (sum(counts(spool).values()), assign.without_event(spool)) == (0, [])
    assert retention.sweep(spool, 1, 10**9) == 0
    assert inventory.take_inventory(tmp_path) == inventory.Inventory()
    assert export.export(spool, tmp_path.with_name("stick"), "Booth").copied == 0
    (event,) = wipe.survey(spool, booth_runs=False)
    assert (event.event, event.taken) == (PARTY.link_id, 0)
    assert all((tmp_path / name).exists() for name in TEST_PHOTOS)
    assert [record.getMessage() for record in caplog.records] == []
    receipt = wipe.wipe(spool, wipe.plan([event], None))
    assert (receipt.taken, receipt.left, list((tmp_path / "contexts").glob("*.json"))) == (0, 0, [])
    assert open_spool(tmp_path, HandClock(boot_id="boot-b")).boot == 3


def test_f16_a_test_photo_behind_a_link_is_not_touched(tmp_path: Path) -> None:
    spool, elsewhere = open_spool(tmp_path / "spool", HandClock()), tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / TEST_PHOTO).write_bytes(b"somebody's")
    (spool.directory / "new" / "0007").symlink_to(elsewhere)
    recover(spool)
    assert (elsewhere / TEST_PHOTO).exists()


@pytest.mark.parametrize(
    ("name", "stays"),
    [
        (f"contexts/.n1ae286b.json.{NOBODY}", False),
        (f"contexts/.n1ae286b.json.{OURS}", False),
        (f"contexts/.n1ae286b.assigned.json.{NOBODY}", True),
        (f".events.json.{NOBODY}", False),
        (f".config.good.toml.{NOBODY}", False),
        (f"..layout.{NOBODY}", False),
        (f".events.json.{OURS}", True),
        (f"parked/.7F3K-0001-0001_5_abcd1234_0123456789abcdef.txt.{NOBODY}", False),
        (".somebodys.notes", True),
        (f".somebodys.jpg.{NOBODY}", True),
        (f"new/.events.json.{NOBODY}", True),
    ],
)
def test_p14_a_half_replaced_file_goes_at_the_next_start(tmp_path: Path, name: str, stays: bool) -> None:
    spool = open_spool(tmp_path, HandClock())
    photo = take(spool, jpeg(1))
    name = name.replace(OURS, str(os.getpid()))
    (tmp_path / name).write_bytes(b"half")
    recover(spool)
    assert (tmp_path / name).exists() is stays
    assert names_in_new(spool) == [photo]
