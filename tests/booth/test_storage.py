"""The booth's hold on the card: taking it over, telling what is wrong with it, and retention."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import logging
import shutil
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest

from piboothup.booth.storage import StorageMonitor
from piboothup.config import GOOD_FILE, Config, EventPicsConfig, Secret, SpoolConfig, parse
from piboothup.problems import problem
from piboothup.spool import choices, commit, durable, handover
from piboothup.spool.capture_time import boots
from piboothup.spool.capture_time.anchors import Anchor, Source
from piboothup.spool.choices import Choices
from piboothup.spool.layout_version import SpoolUnusable
from piboothup.spool.listing import NEW, SENT
from piboothup.spool.store import AlreadyRunning, Spool
from tests.support.clock import HandClock
from tests.support.mounts import MountNamespace, mounts
from tests.support.permissions import no_entry
from tests.support.photos import counts, jpeg, names_in_new, open_spool, take

__all__ = ["mounts"]

DAY_S = 86_400
KEY = "key-that-nobody-may-see"


class Bench:
    """A card and the spool on it."""

    def __init__(self, root: Path) -> None:
        self.clock = HandClock()
        self.spool = Spool(root / "spool", self.clock, "serial-1")
        self.config = Config(
            name="Booth 7",
            eventpics=EventPicsConfig(api_key=Secret(KEY), link_id="abcd1234"),
            spool=SpoolConfig(str(self.spool.directory), allow_memory=True, min_free_mb=10, keep_sent_days=1),
        )
        self.good = self.spool.directory / GOOD_FILE

    def card(self, *, keep_config: bool = True, spool: Spool | None = None) -> StorageMonitor:
        names = ("name", "eventpics.link_id") if keep_config else None
        return StorageMonitor(self.config, spool or self.spool, self.clock, config_names=names)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.fixture
def card(bench: Bench) -> Iterator[StorageMonitor]:
    with contextlib.closing(bench.card()) as made:
        yield made


# -- taking it over ------------------------------------------------------------------------------------------------


def test_spool_open_has_boot_takes_photos_salvages_partial_write(bench: Bench, card: StorageMonitor) -> None:
    name = take(open_spool(bench.spool.directory, bench.clock), jpeg())
    bench.spool.path(name).rename(bench.spool.directory / "tmp" / f"{name}.part")
    card.open(retry_later=False)
    assert (card.opened, card.problem, card.check()) == (True, None, None)
    assert names_in_new(bench.spool) == [name]
    assert take(bench.spool, jpeg(1)).seq == 2


def test_s20_one_booth_has_the_card_until_it_lets_go_of_it(bench: Bench, card: StorageMonitor) -> None:
    card.open(retry_later=False)
    other = bench.card(spool=Spool(bench.spool.directory, bench.clock, "serial-1"))
    for patient in (False, True):
        with pytest.raises(AlreadyRunning):
            other.open(retry_later=patient)
    card.close()
    other.open(retry_later=False)
    assert other.opened
    other.close()


def test_c02_good_config_kept_without_key_written_only_on_change(bench: Bench, card: StorageMonitor) -> None:
    card.open(retry_later=False)
    assert KEY not in bench.good.read_text()
    kept, _ = parse(bench.good.read_text(), bench.good)
    assert (kept.name, kept.eventpics.link_id) == ("Booth 7", "abcd1234")
    card.close()
    before = bench.good.stat().st_ino
    card.open(retry_later=False)
    assert bench.good.stat().st_ino == before
    card.close()
    bench.config = dataclasses.replace(bench.config, name="Booth 8")
    with contextlib.closing(bench.card()) as renamed:
        renamed.open(retry_later=False)
    assert parse(bench.good.read_text(), bench.good)[0].name == "Booth 8"


def test_c02_substitute_for_broken_config_is_not_kept(bench: Bench) -> None:
    with contextlib.closing(bench.card(keep_config=False)) as card:
        card.open(retry_later=False)
    assert not bench.good.exists()


def test_config_unkeepable_card_still_opens_old_choices_dropped(bench: Bench, card: StorageMonitor) -> None:
    bench.good.mkdir(parents=True)
    choices.write(bench.spool.directory, Config(), Choices(link_id="wxyz0000"))
    card.open(retry_later=False)
    assert card.problem is None
    assert choices.read(bench.spool.directory, bench.config) == Choices()


def test_c02_unwritable_choices_do_not_stop_config_being_kept(
    bench: Bench, card: StorageMonitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.spool.directory.mkdir()
    choices.write(bench.spool.directory, Config(), Choices(link_id="wxyz0000"))
    update = durable.update

    def refuse(path: Path, content: bytes) -> None:
        if path.name == choices.FILE:
            raise OSError(errno.EIO, "Input/output error")
        update(path, content)

    monkeypatch.setattr(durable, "update", refuse)
    card.open(retry_later=False)
    assert card.problem is None
    assert parse(bench.good.read_text(), bench.good)[0].name == "Booth 7"


# -- what is wrong with it -----------------------------------------------------------------------------------------


def test_spool_unusable_ends_at_desk_is_problem_on_box_until_ok(bench: Bench, card: StorageMonitor) -> None:
    bench.spool.directory.write_text("a file where a folder should be")
    with pytest.raises(SpoolUnusable):
        card.open(retry_later=False)
    card.open(retry_later=True)
    assert (card.opened, card.problem) == (False, problem("spool_unusable", "Not a directory"))
    assert card.check() == problem("spool_unusable", "Not a directory")
    bench.spool.directory.unlink()
    assert card.check() is None
    assert card.opened


def test_s14_spool_folder_gone_reported_released_and_recreated(bench: Bench, card: StorageMonitor) -> None:
    card.open(retry_later=False)
    shutil.rmtree(bench.spool.directory)
    found = card.check()
    assert found is not None
    assert found.code == "spool_unusable"
    assert not card.opened
    assert card.check() is None
    take(bench.spool, jpeg())
    with pytest.raises(AlreadyRunning):
        bench.card(spool=Spool(bench.spool.directory, bench.clock, "serial-1")).open(retry_later=True)


def test_a_spool_that_a_wipe_holds_is_a_problem_until_it_lets_go(bench: Bench, card: StorageMonitor) -> None:
    card.open(retry_later=False)
    shutil.rmtree(bench.spool.directory)
    card.check()
    other = open_spool(bench.spool.directory, bench.clock)
    with other.lock("booth"):
        assert card.check() == problem("spool_busy")
    assert card.check() is None


@pytest.mark.parametrize("folder", [".", "tmp", "new", "contexts"])
def test_f16_a_spool_that_is_shut_is_told_until_it_is_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    tmp_path.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    bench = Bench(Path())  # a relative path: the folders above are shut too
    with contextlib.closing(bench.card()) as card:
        card.open(retry_later=False)
        with no_entry(bench.spool.directory / folder):
            assert [card.check() for _ in range(3)] == [problem("unsaved_card", "Permission denied")] * 3
        assert card.check() is None
        assert (card.opened, card.times_opened) == (True, 1)
        take(bench.spool, jpeg())


@pytest.mark.parametrize("folder", ["tmp", "new", "contexts"])
def test_f16_a_folder_that_is_gone_is_no_fault_of_the_card(bench: Bench, card: StorageMonitor, folder: str) -> None:
    card.open(retry_later=False)
    shutil.rmtree(bench.spool.directory / folder)
    assert card.check() is None
    take(bench.spool, jpeg())


def test_f16_a_file_for_a_folder_after_a_failed_write_is_renamed(bench: Bench, card: StorageMonitor) -> None:
    card.open(retry_later=False)
    bench.spool.free_space.why_not(
        OSError(errno.EIO, "Input/output error")
    )  # the card is tried by a write from now on
    shutil.rmtree(bench.spool.directory / "tmp")
    (bench.spool.directory / "tmp").write_text("of somebody")
    assert card.check() == problem("spool_unusable", "its folder is gone")
    assert card.check() is None
    take(bench.spool, jpeg())


def say_hindrances(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What was logged since it was asked last, without what a start that went well says."""
    said = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    caplog.clear()
    return [line for line in said if not line.startswith(("spool moved", "storage not looked at"))]


def test_f10_missing_disk_is_named_in_one_line_an_episode(
    bench: Bench, card: StorageMonitor, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    disk, link = tmp_path / "disk", bench.spool.directory
    link.symlink_to(disk)
    card.open(retry_later=True)
    for _ in range(5):
        assert card.check() == problem("spool_missing", str(disk))
    (line,) = say_hindrances(caplog)
    assert "plug in its disk" in line
    disk.mkdir()
    assert card.check() is None
    disk.rename(tmp_path / "unplugged")
    for _ in range(5):
        card.check()
    assert card.problem == problem("spool_missing", str(disk))
    assert say_hindrances(caplog) == [line]


@pytest.mark.parametrize(
    ("number", "code"), [(errno.EROFS, "card_readonly"), (errno.EIO, "card_readonly"), (errno.ENOSPC, "card_full")]
)
def test_f08_card_that_takes_no_folder_is_no_config_mistake(
    bench: Bench, card: StorageMonitor, monkeypatch: pytest.MonkeyPatch, number: int, code: str
) -> None:
    """The fault is played: no file system makes an EIO to order."""
    monkeypatch.setattr(durable, "make_directories", mock.Mock(side_effect=OSError(number, "refused")))
    assert card.check() == problem(code, "refused")


def test_f10_disk_behind_a_link_above_the_spool_is_named(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "disk")
    bench = Bench(tmp_path / "link")
    card = bench.card()
    card.open(retry_later=True)
    assert card.problem == problem("spool_missing", str(tmp_path / "disk"))


def test_f08_a_wipe_that_holds_the_spool_is_one_line(
    bench: Bench, card: StorageMonitor, caplog: pytest.LogCaptureFixture
) -> None:
    bench.spool.directory.mkdir()
    with open_spool(bench.spool.directory, bench.clock).lock("booth"):
        for _ in range(5):
            assert card.check() == problem("spool_busy")
    (line,) = say_hindrances(caplog)
    assert line.startswith("spool not opened reason=A booth is already running")


def on_read_only_disk(directory: Path) -> None:
    """In the namespace, where `directory` is a file system that takes nothing; leftovers lie in it."""
    said: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: said.append(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger("piboothup").addHandler(handler)
    card = Bench(directory).card()
    for _ in range(5):
        found = card.check()
        assert found is not None
        assert found.code == "card_readonly", found
    assert len(said) == len(set(said)), said
    assert {line.split(" ")[0] for line in said} == {"boot", "recovery", "leftover", "ignored", "spool"}, said


@pytest.mark.process
def test_f08_a_card_that_is_read_only_is_told_once(mounts: MountNamespace, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    spool = open_spool(disk / "spool", HandClock())
    name = take(spool, jpeg())
    with spool.lock("booth"):
        pass
    spool.path(name).rename(spool.directory / "tmp" / f"{name}.part")
    for leftover in (".probe", "strange.part", f"../contexts/.x.json.{2**22 + 1}"):
        (spool.directory / "tmp" / leftover).write_bytes(b"?")
    (spool.directory / "boots").rename(spool.directory / "old-boots")
    (spool.directory / "boots").mkdir()
    (spool.directory / "boots").chmod(durable.DIRECTORY_MODE)
    mounts.run("mount", "--bind", disk, disk)
    mounts.run("mount", "-o", "remount,ro,bind", disk)
    mounts.call(on_read_only_disk, disk)


@pytest.mark.parametrize(
    ("number", "code"), [(errno.ENOSPC, "card_full"), (errno.EDQUOT, "card_full"), (errno.EROFS, "card_readonly")]
)
def test_s01_s04_card_refusing_start_is_problem_until_it_accepts(
    bench: Bench, card: StorageMonitor, monkeypatch: pytest.MonkeyPatch, number: int, code: str
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, "refused")

    with monkeypatch.context() as patched:
        patched.setattr(boots, "add_start", refuse)
        for _ in range(2):
            card.open(retry_later=False)
            assert (card.opened, card.problem) == (False, problem(code, "refused"))
    assert card.check() is None
    assert card.opened


def test_s01_full_card_start_makes_room_from_sent_photos_only(
    bench: Bench, card: StorageMonitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    earlier = open_spool(bench.spool.directory, bench.clock)
    names = [take(earlier, jpeg(number)) for number in range(12)]
    for name in names[:10]:
        handover.mark_sent(earlier, name)
    add_start, tries = boots.add_start, []

    def refuse_once(*given: object) -> None:
        tries.append(1)
        if len(tries) == 1:
            raise OSError(errno.ENOSPC, "No space left on device")
        add_start(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(boots, "add_start", refuse_once)
    card.open(retry_later=False)
    assert card.opened
    assert sorted(bench.spool.names(SENT), key=lambda name: name.order) == names[8:10]
    assert names_in_new(bench.spool) == names[10:]


def test_what_the_spool_says_of_the_card_is_asked_each_time(
    bench: Bench, card: StorageMonitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    card.open(retry_later=False)
    with monkeypatch.context() as patched:
        patched.setattr(commit, "card_problem", lambda _spool: problem("card_full"))
        assert card.check() == card.problem == problem("card_full")
        assert card.opened
    assert card.check() is None


# -- retention -----------------------------------------------------------------------------------------------------


def sent(bench: Bench, card: StorageMonitor, photos: int) -> None:
    """A card whose clock has been believed since photos were taken and sent, an hour and more ago."""
    card.open(retry_later=False)
    for number in range(photos):
        handover.mark_sent(bench.spool, take(bench.spool, jpeg(number)))
    for _ in range(2):
        now_ms, wall_ms = bench.clock.boottime_ns() // 1_000_000, bench.clock.wall_ns() // 1_000_000
        bench.spool.add_anchor(Anchor(Source.DATE, now_ms, wall_ms, 5))
        bench.clock.pass_s(4_000.0)


def test_before_it_is_opened_nothing_is_retired(card: StorageMonitor) -> None:
    assert card.run_retention() == 0


def test_sent_photos_go_when_they_are_old_and_no_other(bench: Bench, card: StorageMonitor) -> None:
    sent(bench, card, photos=3)
    take(bench.spool, jpeg(9))
    assert card.run_retention() == 0
    bench.clock.pass_s(DAY_S)
    assert card.run_retention() == 3
    assert card.run_retention() == 0
    assert counts(bench.spool) == {NEW: 1, SENT: 0, "parked": 0, "quarantine": 0}


def test_ages_are_looked_at_once_an_hour(bench: Bench, card: StorageMonitor) -> None:
    sent(bench, card, photos=1)
    bench.clock.pass_s(DAY_S - 8_000 - 1_800)
    assert card.run_retention() == 0
    bench.clock.pass_s(1_801)
    assert card.run_retention() == 0
    bench.clock.pass_s(1_801)
    assert card.run_retention() == 1


def test_s01_room_is_made_at_any_time(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    table = dataclasses.replace(bench.config.spool, min_free_mb=1_000_000)
    bench.config = dataclasses.replace(bench.config, spool=dataclasses.replace(table, keep_sent_days=0))
    with contextlib.closing(bench.card()) as card:
        sent(bench, card, photos=2)
        take(bench.spool, jpeg(9))
        monkeypatch.setattr("os.statvfs", lambda _path: _Full())
        assert card.run_retention() == 2
        assert card.run_retention() == 0
    assert len(names_in_new(bench.spool)) == 1


class _Full:
    """What statvfs says of a card without room."""

    f_bavail, f_frsize, f_files, f_favail, f_flag = 0, 4096, 1000, 1000, 0
