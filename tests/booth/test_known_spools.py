"""Disks that are changed while no booth runs: what waits on those that are out of sight is told all the same."""

from __future__ import annotations

import json
import subprocess
from argparse import Namespace
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from piboothup import config
from piboothup.booth.storage import StorageMonitor
from piboothup.commands import services
from piboothup.config import Config, SpoolConfig
from piboothup.problems import problem
from piboothup.spool import durable, handover
from piboothup.spool.disk import hidden_photos, known_spools
from piboothup.spool.layout_version import read_id
from piboothup.spool.listing import NEW
from piboothup.spool.store import Spool
from tests.support.clock import HandClock
from tests.support.mounts import MountNamespace, disk, mounts
from tests.support.photos import jpeg, take

__all__ = ["disk", "mounts"]

HIDDEN = [problem("photos_hidden")]


class Bench:
    """A spool's path under which disks are changed, and the file beside it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.clock = HandClock()
        self.directory = root / "spool"
        self.file = root / "box" / "spools.waiting.json"
        self.file.parent.mkdir(exist_ok=True)
        self.spool = Spool(self.directory, self.clock, "serial-1")

    @contextmanager
    def evening(self, photos: int = 0) -> Iterator[StorageMonitor]:
        """A booth that is switched on, takes photos, and is switched off."""
        table = SpoolConfig(str(self.directory), allow_memory=True, min_free_mb=10)
        self.spool = Spool(self.directory, self.clock, "serial-1")
        made = StorageMonitor(
            Config(spool=table), self.spool, self.clock, config_names=None, known_spools_file=self.file
        )
        with closing(made) as monitor:
            monitor.open(retry_later=False)
            for number in range(photos):
                take(self.spool, jpeg(number))
            monitor.check()
            yield monitor

    def change_disk(self, old: str, new: str) -> None:
        """Off with one disk, on with another; a new one if need be."""
        self.directory.rename(self.root / old)
        (self.root / new).mkdir(exist_ok=True)
        (self.root / new).rename(self.directory)

    def send_all(self) -> None:
        for name in list(self.spool.names(NEW)):
            handover.mark_sent(self.spool, name)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_f11_photos_of_an_evening_without_the_disk_are_told(bench: Bench) -> None:
    with bench.evening(photos=2) as monitor:
        assert monitor.notices == []
    bench.change_disk("disk", "card")
    with bench.evening(photos=2) as monitor:
        assert monitor.notices == HIDDEN
    bench.change_disk("card", "disk")
    with bench.evening(photos=1) as monitor:
        assert monitor.notices == HIDDEN
        bench.send_all()
    bench.change_disk("disk", "card")
    with bench.evening() as monitor:
        assert monitor.notices == []
        assert not (bench.directory / hidden_photos.FILE).exists()


def test_f11_an_evening_without_photos_hides_nothing(bench: Bench) -> None:
    with bench.evening(photos=1):
        pass
    bench.change_disk("disk", "card")
    with bench.evening() as monitor:
        assert monitor.notices == HIDDEN
    bench.change_disk("card", "disk")
    with bench.evening() as monitor:
        assert monitor.notices == []


def test_f11_the_plug_is_pulled_before_a_disk_is_changed(bench: Bench) -> None:
    """Nothing was closed: what was noted when the first photo began to wait is all there is."""
    with bench.evening(photos=1):
        noted = bench.file.read_bytes()
    bench.file.write_bytes(noted)
    bench.change_disk("disk", "card")
    with bench.evening() as monitor:
        assert monitor.notices == HIDDEN


def test_f11_parked_photos_wait_as_well(bench: Bench) -> None:
    with bench.evening(photos=1):
        handover.park(bench.spool, next(iter(bench.spool.names(NEW))), "It is refused.")
    bench.change_disk("disk", "card")
    with bench.evening() as monitor:
        assert monitor.notices == HIDDEN


def test_f11_no_note_is_written_for_each_photo(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[bytes] = []
    replace = durable.replace

    def counted(path: Path, content: bytes, mode: int | None = durable.FILE_MODE) -> None:
        if path == bench.file:
            written.append(content)
        replace(path, content, mode)

    monkeypatch.setattr(durable, "replace", counted)
    with bench.evening() as monitor:
        for number in range(20):
            take(bench.spool, jpeg(number))
            monitor.check()
            bench.send_all()
            monitor.check()
        assert len(written) == 1
        bench.clock.pass_s(601)
        monitor.check()
        assert json.loads(written[-1]) == {"spools": []}
    assert len(written) == 2


def test_f11_a_retry_ends_what_is_told_of_other_disks(bench: Bench) -> None:
    with bench.evening(photos=1):
        pass
    bench.change_disk("disk", "card")
    with bench.evening(photos=1) as monitor:
        hidden_photos.write(bench.directory, set())
        monitor.check()
        assert monitor.notices == []
        assert known_spools.read(bench.file) == {read_id(bench.directory)}
    with bench.evening() as monitor:
        assert monitor.notices == []


def test_f11_a_note_that_the_card_refuses_is_told_until_it_can(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    with bench.evening(photos=1):
        pass
    bench.change_disk("disk", "card")
    with monkeypatch.context() as patched:
        patched.setattr(hidden_photos, "write", _refuse)
        with bench.evening() as monitor:
            for _ in range(3):
                monitor.check()
                assert monitor.notices == HIDDEN
    assert known_spools.read(bench.file)
    with bench.evening() as monitor:
        assert monitor.notices == HIDDEN


def _refuse(*_: object) -> None:
    raise PermissionError


def test_f11_what_a_disk_noted_as_hidden_goes_along(bench: Bench) -> None:
    """Three disks while it runs: the third is told of the first one's photos too."""
    with bench.evening(photos=1) as monitor:
        bench.file.unlink()
        bench.change_disk("first", "second")
        monitor.check()
        bench.change_disk("second", "third")
        monitor.check()
        (name,) = Spool(bench.root / "first", bench.clock, "serial-1").names(NEW)
        assert str(name) in hidden_photos.read(bench.directory)
        assert monitor.notices == HIDDEN


@pytest.mark.parametrize("junk", ["", "{}", "[1]", '{"spools": 7}', '{"spools": [1, "x", "../a"]}', "[" * 5000])
def test_f11_junk_in_the_file_beside_hides_nothing(bench: Bench, junk: str) -> None:
    bench.file.write_text(junk)
    with bench.evening(photos=1) as monitor:
        assert monitor.notices == []
    assert known_spools.read(bench.file) == {read_id(bench.directory)}


def test_f11_a_box_without_its_folder_needs_no_file(bench: Bench) -> None:
    bench.file.parent.rmdir()
    with bench.evening(photos=1) as monitor:
        assert (monitor.problem, monitor.notices) == (None, [])


@pytest.mark.parametrize("is_box", [True, False])
def test_f11_the_file_is_kept_by_the_box_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_box: bool) -> None:
    """A desk's own config leaves /var/lib alone."""
    file = tmp_path / "config.toml"
    file.write_text(f'config_version = 1\n[spool]\ndirectory = "{tmp_path}/spool"\n[devices]\nsimulated = true\n')
    monkeypatch.setattr("piboothup.config.file.DEFAULT_DIRECTORY", tmp_path)
    monkeypatch.setattr("piboothup.config.DEFAULT_PATH", file if is_box else tmp_path / "none")
    given: list[object] = []

    class Noted:
        def __init__(self, *what: object) -> None:
            given.append(what[7])

        def stop(self) -> None:
            """Nothing runs."""

        run = stop

    monkeypatch.setattr("piboothup.booth.service.BoothService", Noted)
    monkeypatch.setattr(services, "_begin", lambda: None)
    monkeypatch.setattr(services, "service_directory", lambda: tmp_path)
    assert services.booth(Namespace(config=str(file))) == 0
    assert given == [config.known_spools_file() if is_box else None]


@pytest.mark.process
def test_f11_three_evenings_on_real_mounts(mounts: MountNamespace, disk: Path) -> None:
    mounts.call(three_evenings, disk)


def three_evenings(root: Path) -> None:
    """In the namespace, with a disk that comes and goes."""
    for folder in ("mnt", "stick"):
        (root / folder).mkdir()
    bench = Bench(root)
    bench.directory = root / "mnt" / "spool"
    told = []
    for has_disk in (True, False, True):
        if has_disk:
            subprocess.run(["mount", "--bind", root / "stick", root / "mnt"], check=True)
        with bench.evening(photos=2) as monitor:
            told.append(monitor.notices)
        if has_disk:
            subprocess.run(["umount", root / "mnt"], check=True)
    assert told == [[], HIDDEN, HIDDEN]
