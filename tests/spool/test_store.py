"""The spool on a real file system."""

from __future__ import annotations

import logging
import os
import shutil
import stat
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from piboothup.spool import handover
from piboothup.spool.admin.inventory import take_inventory
from piboothup.spool.capture_time.anchors import Anchor, Source
from piboothup.spool.commit import NotSaved
from piboothup.spool.contexts import context_for
from piboothup.spool.layout_version import SpoolUnusable
from piboothup.spool.listing import NEW, PARKED, QUARANTINE, SENT
from piboothup.spool.names import PhotoName
from piboothup.spool.store import AlreadyRunning, Spool
from tests.support.clock import HandClock
from tests.support.permissions import no_entry
from tests.support.photos import PARTY, is_intact, jpeg, names_in_new, open_spool, take


def test_file_and_folder_modes_as_in_contract_whatever_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        spool = open_spool(tmp_path / "spool", HandClock())
        name = take(spool, jpeg(1))
    finally:
        os.umask(before)
    for folder in ("tmp", "new", "sent", "parked", "quarantine", "contexts", "boots", "new/0001"):
        assert stat.S_IMODE((tmp_path / "spool" / folder).stat().st_mode) == 0o2770, folder
    assert stat.S_IMODE(spool.path(name).stat().st_mode) == 0o640
    assert stat.S_IMODE((tmp_path / "spool" / "contexts" / f"{PARTY.id}.json").stat().st_mode) == 0o640


def test_s16_a_computers_debris_is_ignored_and_named_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    spool = open_spool(tmp_path, HandClock())
    name = take(spool, jpeg(1))
    folder = spool.path(name).parent
    for debris in ("Thumbs.db", ".DS_Store", f"._{name}", "desktop.ini"):
        (folder / debris).write_bytes(b"x")
    (tmp_path / "new" / "System Volume Information").mkdir()
    with caplog.at_level(logging.WARNING):
        assert names_in_new(spool) == [name]
        assert names_in_new(spool) == [name]
    assert sum("Thumbs.db" in record.getMessage() for record in caplog.records) == 1


def test_s13_a_link_in_the_spool_is_not_followed(tmp_path: Path) -> None:
    spool = open_spool(tmp_path / "spool", HandClock())
    name = take(spool, jpeg(1))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    os.rename(spool.path(name), elsewhere / str(name))
    spool.path(name).symlink_to(elsewhere / str(name))
    (tmp_path / "spool" / "new" / "0009").symlink_to(elsewhere)
    assert names_in_new(spool) == []


def test_s19_photo_moved_by_hand_from_parked_to_new_waits_again(tmp_path: Path) -> None:
    spool = open_spool(tmp_path, HandClock())
    name = take(spool, jpeg(1))
    handover.park(spool, name, "EventPics says: too large.")
    assert names_in_new(spool) == []
    os.rename(spool.path(name, PARKED), tmp_path / "new" / str(name))
    assert names_in_new(spool) == [name]
    assert spool.path(name).read_bytes() == jpeg(1)


def test_s19_photo_whose_folder_is_shut_ends_no_listing() -> None:
    """In a folder that everybody may enter, unlike that of the test."""
    with tempfile.TemporaryDirectory() as name:
        spool = open_spool(Path(name), HandClock())
        photo = take(spool, jpeg(1))
        os.rename(spool.path(photo), Path(name, "new", str(photo)))
        for folder in (Path(name), Path(name, "new")):
            folder.chmod(0o755)
        with no_entry(spool.path(photo).parent):
            assert names_in_new(spool) == []
        assert names_in_new(spool) == [photo]


def test_s21_a_cloned_card_mixes_up_no_names_between_boxes(tmp_path: Path) -> None:
    clones = [
        open_spool(tmp_path / str(number), HandClock(boot_id=f"kernel-{number}"), f"serial-{number}")
        for number in range(12)
    ]
    names = [take(clone, jpeg(1)) for clone in clones]
    assert len({name.file_name for name in names}) == 12
    assert len({str(name) for name in names}) == 12
    assert len({name.context for name in names}) == 1


def test_s21_clones_without_an_event_share_no_context() -> None:
    contexts = {context_for("", "", f"kernel-boot-{number}").id for number in range(12)}
    assert len(contexts) == 12
    assert all(context.startswith("n") for context in contexts)


def test_both_services_find_same_boot_number_next_boot_differs(tmp_path: Path) -> None:
    clock = HandClock()
    booth, uploader = (Spool(tmp_path, clock, "serial") for _ in range(2))
    booth.prepare()
    uploader.prepare()
    assert (booth.boot, uploader.boot) == (1, 1)
    clock.power_on("boot-b")
    again = Spool(tmp_path, clock, "serial")
    again.prepare()
    assert again.boot == 2


def test_services_that_start_together_agree_on_the_boots_number(tmp_path: Path) -> None:
    for attempt in range(20):
        clock = HandClock(boot_id=f"boot-{attempt}")
        spools = [Spool(tmp_path, clock, "serial") for _ in range(4)]
        threads = [threading.Thread(target=spool.prepare) for spool in spools]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert {spool.boot for spool in spools} == {attempt + 1}


def test_no_photo_number_comes_twice_in_a_boot(tmp_path: Path) -> None:
    clock = HandClock()
    first = take(open_spool(tmp_path, clock), jpeg(1))
    restarted = open_spool(tmp_path, clock)
    second = take(restarted, jpeg(2))
    assert (first.seq, second.seq) == (1, 2)
    os.remove(restarted.path(second))
    assert take(open_spool(tmp_path, clock), jpeg(3)).seq == 2  # never acknowledged to anybody but this test
    restarted = open_spool(tmp_path, clock)
    handover.mark_sent(restarted, names_in_new(restarted)[0])
    for name in names_in_new(restarted):
        handover.mark_sent(restarted, name)
    for sent in (tmp_path / "sent" / "0001").iterdir():
        sent.unlink()
    assert take(open_spool(tmp_path, clock), jpeg(4)).seq == 3


def test_no_photo_number_comes_twice_if_a_new_start_fails(tmp_path: Path) -> None:
    spool = open_spool(tmp_path, HandClock())
    first = take(spool, jpeg(1))
    spool.prepare()  # and the disk gave an error for what follows
    with pytest.raises(NotSaved):
        take(spool, jpeg(2))
    spool.start("booth")
    assert take(spool, jpeg(2)).order > first.order
    assert len(names_in_new(spool)) == 2


def test_a_lost_boots_folder_repeats_no_boot_number(tmp_path: Path) -> None:
    take(open_spool(tmp_path, HandClock(boot_id="one")), jpeg(1))
    take(open_spool(tmp_path, HandClock(boot_id="two")), jpeg(2))
    for file in (tmp_path / "boots").iterdir():
        file.unlink()
    assert open_spool(tmp_path, HandClock(boot_id="three")).boot == 3


def test_a_torn_line_in_a_boots_file_is_skipped(tmp_path: Path) -> None:
    spool = open_spool(tmp_path, HandClock())
    with (tmp_path / "boots" / "0001.jsonl").open("ab") as file:
        file.write(b'{"source": "ntp", "boottime_ms": 1, "wal\0\0\0')
    anchor = Anchor(Source.NTP, 100_000, 1_750_000_000_000, 5)
    spool.add_anchor(anchor)
    assert spool.read_boot(1).anchors == (anchor,)


def test_two_instances_of_a_service_do_not_share_a_spool(tmp_path: Path) -> None:
    spool = open_spool(tmp_path, HandClock())
    other = Spool(tmp_path, HandClock(), "serial-1")
    with spool.lock("booth"), other.lock("uploader"):
        with pytest.raises(AlreadyRunning, match="stop that one first"), other.lock("booth"):
            pass
    with other.lock("booth"):
        pass


@pytest.mark.parametrize("kind", ["file", "link to a file", "link to nothing", "loop"])
def test_a_spool_that_is_no_folder_is_told_in_a_sentence(tmp_path: Path, kind: str) -> None:
    place, real = tmp_path / "spool", tmp_path / "real"
    if kind == "file":
        place.write_text("a file")
    elif kind == "loop":
        place.symlink_to(place)
    else:
        place.symlink_to(real)
    if kind == "link to a file":
        real.write_text("a file")
    with pytest.raises(SpoolUnusable, match="config"):
        Spool(place, HandClock(), "serial").prepare()


def test_a_photo_keeps_the_event_it_was_taken_for(tmp_path: Path) -> None:
    spool = open_spool(tmp_path, HandClock())
    name = take(spool, jpeg(1), context_for("abcd1234", "", ""))
    other = take(spool, jpeg(2), context_for("wxyz9876", "a2", ""))
    first, second = spool.context_of(name), spool.context_of(other)
    assert first is not None
    assert second is not None
    assert (first.link_id, first.album_id) == ("abcd1234", "")
    assert (second.link_id, second.album_id) == ("wxyz9876", "a2")


@pytest.mark.parametrize(
    "content", [b"", b"\0" * 50, b'{"linkId": "other", "albumId": "a1"}', b"[]", b'{"linkId": 5}']
)
def test_a_damaged_context_lets_its_photos_wait(tmp_path: Path, content: bytes) -> None:
    spool = open_spool(tmp_path, HandClock())
    name = take(spool, jpeg(1))
    (tmp_path / "contexts" / f"{PARTY.id}.json").write_bytes(content)
    assert spool.context_of(name) is None


def test_t01_photo_taken_before_clock_known_gets_true_time(tmp_path: Path) -> None:
    clock = HandClock(boottime_s=50.0, wall_s=1_600_000_000.0)
    spool = open_spool(tmp_path, clock)
    name = take(spool, jpeg(1))
    assert spool.taken_at_ms(name) is None
    clock.pass_s(600)
    clock.step_wall_s(150_000_000)
    spool.add_anchor(Anchor(Source.NTP, int(clock.boottime_s * 1000), int(clock.wall_s * 1000), 3))
    assert spool.taken_at_ms(name) == 1_750_000_000_000


@pytest.mark.parametrize("meanwhile", ["parked", "retired", "quarantined"])
def test_t02_photo_leaving_queue_takes_no_time_from_its_boot(tmp_path: Path, meanwhile: str) -> None:
    clock = HandClock()

    def power_on(boot_id: str) -> Spool:
        now_s = clock.wall_s + 60
        clock.power_on(boot_id, now_s)
        return open_spool(tmp_path / "spool", clock)

    spool = power_on("boot-1")
    spool.add_anchor(Anchor(Source.NTP, clock.boottime_ns() // 1_000_000, clock.wall_ns() // 1_000_000, 5))
    take(spool, jpeg(0))
    spool = power_on("boot-2")
    clock.pass_s(36_000)
    early = take(spool, jpeg(1))
    spool = power_on("boot-3")
    clock.pass_s(60)
    late = take(spool, jpeg(2))
    spool = power_on("boot-4")
    spool.add_anchor(Anchor(Source.NTP, clock.boottime_ns() // 1_000_000, clock.wall_ns() // 1_000_000, 5))
    told_early_ms = spool.taken_at_ms(early)
    match meanwhile:
        case "parked":
            handover.park(spool, early, "EventPics refuses it.")
        case "retired":
            handover.mark_sent(spool, early)
            handover.retire(spool, [early])
        case "quarantined":
            handover.quarantine(spool, early)
    again = Spool(tmp_path / "spool", clock, "serial-1")
    again.prepare()
    assert again.taken_at_ms(early) == told_early_ms
    told_late_ms = again.taken_at_ms(late)
    assert told_early_ms is not None and told_late_ms is not None and told_early_ms < told_late_ms


def test_time_offsets_used_noted_once_and_only_for_upload(tmp_path: Path) -> None:
    clock = HandClock()
    spool = open_spool(tmp_path, clock)
    name = take(spool, jpeg(1))
    assert spool.taken_at_ms(name, record=True) is None
    assert spool.now_trusted_ms(100_000) is None
    spool.add_anchor(Anchor(Source.DATE, 100_000, 1_750_000_000_000, 600))
    file = tmp_path / "boots" / "0001.jsonl"
    before = file.read_bytes()
    assert spool.taken_at_ms(name) == spool.now_trusted_ms(100_000) == 1_750_000_000_000
    assert file.read_bytes() == before
    assert spool.taken_at_ms(name, record=True) == 1_750_000_000_000
    noted = file.read_bytes()
    assert [knot.boottime_ms for knot in spool.read_boot(1).in_use] == [0, 3_600_000]
    spool.add_anchor(Anchor(Source.NTP, 4_000_000, 1_750_003_901_500, 5))
    assert spool.taken_at_ms(name, record=True) == 1_750_000_000_000
    assert file.read_bytes().startswith(noted)
    assert file.read_bytes().count(b"in_use") == 2


def test_s19_photo_put_in_new_by_hand_gets_boot_folder_made(tmp_path: Path) -> None:
    spool = open_spool(tmp_path, HandClock())
    photo = take(spool, jpeg(1))
    os.rename(spool.path(photo), tmp_path / NEW / str(photo))
    spool.path(photo).parent.rmdir()
    assert names_in_new(spool) == [photo]
    assert is_intact(spool, photo)


@pytest.mark.parametrize(
    ("place", "leave"),
    [
        (SENT, handover.mark_sent),
        (PARKED, lambda spool, name: handover.park(spool, name, "It is refused.")),
        (QUARANTINE, handover.quarantine),
    ],
)
def test_f16_a_photo_leaves_for_a_folder_that_is_made_again(
    tmp_path: Path, place: str, leave: Callable[[Spool, PhotoName], None]
) -> None:
    spool = open_spool(tmp_path / "spool", HandClock())
    for number in range(2):
        name = take(spool, jpeg(number))
        shutil.rmtree(spool.directory / place)
        if number:
            (spool.directory / place).write_text("of somebody")
        leave(spool, name)
        assert list(spool.names(place)) == [name]
    assert [path.read_text() for path in spool.directory.glob(f"{place}.file-*")] == ["of somebody"]


def test_f16_a_photo_leaves_for_a_boot_that_is_a_file(tmp_path: Path) -> None:
    spool = open_spool(tmp_path, HandClock())
    name = take(spool, jpeg())
    (tmp_path / SENT / name.folder).rmdir()
    (tmp_path / SENT / name.folder).write_text("of somebody")
    handover.mark_sent(spool, name)
    assert list(spool.names(SENT)) == [name]
    assert [path.read_text() for path in tmp_path.glob(f"{SENT}/{name.folder}.file-*")] == ["of somebody"]


def test_f16_a_start_with_a_file_in_the_place_of_a_folder(tmp_path: Path) -> None:
    spool = open_spool(tmp_path / "spool", HandClock())
    name = take(spool, jpeg())
    for place in ("sent", "boots"):
        shutil.rmtree(spool.directory / place)
        (spool.directory / place).write_text(place)
    other = open_spool(spool.directory, HandClock())
    assert list(other.names(NEW)) == [name]
    assert sorted(path.read_text() for path in spool.directory.glob("*.file-*")) == ["boots", "sent"]
    assert [path.read_text() for path in take_inventory(spool.directory).foreign] == ["sent"]  # told at a wipe
