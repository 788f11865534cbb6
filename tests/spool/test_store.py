"""The spool on a real file system."""

from __future__ import annotations

import errno
import logging
import os
import shutil
import stat
import threading
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from piboothup.problems import problem
from piboothup.spool import commit, durable, handover
from piboothup.spool.capture_time import boots
from piboothup.spool.capture_time.anchors import Anchor, Source
from piboothup.spool.commit import NotSaved
from piboothup.spool.contexts import context_for
from piboothup.spool.layout_version import SpoolUnusable
from piboothup.spool.listing import NEW, PARKED, QUARANTINE, SENT, TEST_PHOTO
from piboothup.spool.photo_file import Damaged
from piboothup.spool.store import AlreadyRunning, Spool
from tests.support.clock import HandClock
from tests.support.deadline import PATIENCE_S
from tests.support.photos import PARTY, counts, is_intact, jpeg, open_spool, take, try_photo


def test_a_committed_photo_lies_whole_under_its_name(tmp_path: Path) -> None:
    spool = open_spool(tmp_path, HandClock(boottime_s=123.456))
    name = take(spool, jpeg(1))
    assert str(name).startswith(f"{spool.box}-0001-0001_123456_{PARTY.id}_")
    assert spool.path(name).read_bytes() == jpeg(1)
    assert spool.path(name) == tmp_path / "new" / "0001" / str(name)
    assert spool.waiting() == [name]
    assert list((tmp_path / "tmp").iterdir()) == []


def test_commit_runs_its_steps_in_durable_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = open_spool(tmp_path, HandClock())
    take(spool, jpeg(1))
    calls: list[str] = []
    places: dict[int, str] = {}

    def noted(call: str) -> None:
        real = getattr(os, call)

        def recorded(*arguments: object, **more: object) -> object:
            result = real(*arguments, **more)
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


def test_s12_the_same_picture_twice_is_two_photos(tmp_path: Path) -> None:
    spool = open_spool(tmp_path, HandClock())
    first, second = take(spool, jpeg(1)), take(spool, jpeg(1))
    assert first != second
    assert first.file_name != second.file_name
    assert [spool.path(name).read_bytes() for name in spool.waiting()] == [jpeg(1), jpeg(1)]


def test_s16_a_computers_debris_is_ignored_and_named_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    spool = open_spool(tmp_path, HandClock())
    name = take(spool, jpeg(1))
    folder = spool.path(name).parent
    for debris in ("Thumbs.db", ".DS_Store", f"._{name}", "desktop.ini"):
        (folder / debris).write_bytes(b"x")
    (tmp_path / "new" / "System Volume Information").mkdir()
    with caplog.at_level(logging.WARNING):
        assert spool.waiting() == [name]
        assert spool.waiting() == [name]
    assert sum("Thumbs.db" in record.getMessage() for record in caplog.records) == 1


def test_s13_a_link_in_the_spool_is_not_followed(tmp_path: Path) -> None:
    spool = open_spool(tmp_path / "spool", HandClock())
    name = take(spool, jpeg(1))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    os.rename(spool.path(name), elsewhere / str(name))
    spool.path(name).symlink_to(elsewhere / str(name))
    (tmp_path / "spool" / "new" / "0009").symlink_to(elsewhere)
    assert spool.waiting() == []


def test_s19_photo_moved_by_hand_from_parked_to_new_waits_again(tmp_path: Path) -> None:
    spool = open_spool(tmp_path, HandClock())
    name = take(spool, jpeg(1))
    handover.park(spool, name, "EventPics says: too large.")
    assert spool.waiting() == []
    os.rename(spool.path(name, PARKED), tmp_path / "new" / str(name))
    assert spool.waiting() == [name]
    assert spool.path(name).read_bytes() == jpeg(1)


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
    assert of_test.count("fsync") == 5, "the context's bytes and name, the boot's folder, the photo's bytes and name"


def test_photo_moves_to_sent_parked_quarantine_under_same_name(tmp_path: Path) -> None:
    spool = open_spool(tmp_path, HandClock())
    sent, parked, damaged = (take(spool, jpeg(number)) for number in range(3))
    handover.mark_sent(spool, sent)
    handover.park(spool, parked, "EventPics refuses it.")
    handover.quarantine(spool, damaged)
    assert counts(spool) == {NEW: 0, SENT: 1, PARKED: 1, QUARANTINE: 1}
    assert spool.path(parked, PARKED).with_suffix(".txt").read_text() == "EventPics refuses it.\n"
    assert handover.retry_parked(spool) == 1
    assert spool.waiting() == [parked]
    assert [path.name for path in (tmp_path / "parked").iterdir()] == []


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
    handover.mark_sent(restarted, restarted.waiting()[0])
    for name in restarted.waiting():
        handover.mark_sent(restarted, name)
    for sent in (tmp_path / "sent" / "0001").iterdir():
        sent.unlink()
    assert take(open_spool(tmp_path, clock), jpeg(4)).seq == 3


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


@pytest.mark.parametrize("folder", ["tmp", "contexts", "new"])
def test_a_folder_that_somebody_tidied_away_is_made_again(tmp_path: Path, folder: str) -> None:
    spool = open_spool(tmp_path, HandClock())
    first = take(spool, jpeg(1))
    handover.mark_sent(spool, first)
    shutil.rmtree(tmp_path / folder)
    name = take(spool, jpeg(2))
    assert spool.waiting() == [name]
    assert is_intact(spool, name)
    context = spool.context_of(name)
    assert context is not None
    assert context.link_id == PARTY.link_id


def test_a_photo_whose_folder_cannot_be_made_is_not_called_saved(tmp_path: Path) -> None:
    spool = open_spool(tmp_path, HandClock())
    os.rmdir(tmp_path / "tmp")
    (tmp_path / "tmp").write_text("in the way")
    with pytest.raises(NotSaved) as told:
        take(spool, jpeg(1))
    assert told.value.problem.code == "not_saved"
    assert spool.waiting() == []


def test_a_spool_that_is_gone_is_named(tmp_path: Path) -> None:
    spool = open_spool(tmp_path / "spool", HandClock())
    shutil.rmtree(tmp_path / "spool")
    told = commit.card_problem(spool)
    assert told is not None
    assert told.code == "spool_unusable"


def test_s07_a_changed_byte_is_noticed(tmp_path: Path) -> None:
    spool = open_spool(tmp_path, HandClock())
    name = take(spool, jpeg(1))
    assert is_intact(spool, name)
    content = bytearray(jpeg(1))
    content[len(content) // 2] ^= 1
    spool.path(name).write_bytes(content)
    assert not is_intact(spool, name)


@pytest.mark.parametrize("block_bytes", [7, 1000, 1 << 20, -1])
def test_s07_photo_last_bytes_given_only_if_all_match_its_name(tmp_path: Path, block_bytes: int) -> None:
    spool = open_spool(tmp_path, HandClock())
    name = take(spool, jpeg(1))
    with handover.open_photo(spool, name) as file:
        for _ in range(2):  # from its start, once more
            file.seek(0)
            assert b"".join(iter(lambda: file.read(block_bytes), b"")) == jpeg(1)
    for damaged in (b"", jpeg(1)[:-1], jpeg(1)[:-1] + b"?", b"?" + jpeg(1)[1:], jpeg(1) + b"?"):
        spool.path(name).write_bytes(damaged)
        given = bytearray()
        with handover.open_photo(spool, name) as file, pytest.raises(Damaged):
            while True:
                given += file.read(block_bytes)
        assert len(given) < max(1, len(damaged))


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
    assert [one.boottime_ms for one in spool.read_boot(1).in_use] == [0, 3_600_000]
    spool.add_anchor(Anchor(Source.NTP, 4_000_000, 1_750_003_901_500, 5))
    assert spool.taken_at_ms(name, record=True) == 1_750_000_000_000
    assert file.read_bytes().startswith(noted)
    assert file.read_bytes().count(b"in_use") == 2


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


def test_s19_photo_put_in_new_by_hand_gets_boot_folder_made(tmp_path: Path) -> None:
    spool = open_spool(tmp_path, HandClock())
    photo = take(spool, jpeg(1))
    os.rename(spool.path(photo), tmp_path / NEW / str(photo))
    spool.path(photo).parent.rmdir()
    assert spool.waiting() == [photo]
    assert is_intact(spool, photo)
