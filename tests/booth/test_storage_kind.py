"""The disk under the spool: one that keeps nothing, comes late, goes or is another one; and what is told of it."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from piboothup.booth.gpio.led import LightPattern
from piboothup.config import Config, SpoolConfig
from piboothup.problems import problem
from piboothup.runtime import send_hint
from piboothup.spool import handover
from piboothup.spool.commit import NotSaved
from piboothup.spool.disk import hidden_photos
from piboothup.spool.listing import NEW
from piboothup.spool.names import PhotoName
from piboothup.spool.store import AlreadyRunning, Spool
from piboothup.status import BoothState
from tests.booth.test_storage import Bench
from tests.support.booth import Box
from tests.support.commands import command, environment, run_forked
from tests.support.deadline import PATIENCE_S, until
from tests.support.mounts import MountNamespace, disk, mounts
from tests.support.photos import jpeg, names_in_new, open_spool, take

pytestmark = pytest.mark.process

__all__ = ["disk", "mounts"]


def put_in_place(directory: Path, other: Path, aside: Path) -> None:
    """Where the spool was lies another folder now: to a service the same as a disk that was mounted there."""
    directory.rename(aside)
    other.mkdir(exist_ok=True)
    other.rename(directory)


# -- what the card makes of it -------------------------------------------------------------------------------------


def test_f11_another_disk_is_taken_over_and_what_is_left_told(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    with closing(bench.card()) as card:
        card.open(retry_later=False)
        names = {str(take(bench.spool, jpeg(number))) for number in range(2)}
        put_in_place(bench.spool.directory, tmp_path / "other", tmp_path / "aside")
        assert card.check() is None
        assert (card.times_opened, card.notices) == (2, [problem("photos_hidden")])
        assert hidden_photos.read(bench.spool.directory) == names
        assert take(bench.spool, jpeg(2)).seq == 1
        assert bench.good.exists()
    with closing(bench.card()) as again:  # told after the next start too
        again.open(retry_later=False)
        assert again.notices == [problem("photos_hidden")]
        for name in names:
            lies = PhotoName.parse(name)
            assert lies is not None
            Spool(tmp_path / "aside", bench.clock, "serial-1").path(lies).rename(bench.spool.path(lies))
    with closing(bench.card()) as healed:
        healed.open(retry_later=False)
        assert healed.notices == []
        assert not (bench.spool.directory / hidden_photos.FILE).exists()


def test_f11_a_disk_that_hides_nothing_is_no_news(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    with closing(bench.card()) as card:
        card.open(retry_later=False)
        handover.mark_sent(bench.spool, take(bench.spool, jpeg()))
        put_in_place(bench.spool.directory, tmp_path / "other", tmp_path / "aside")
        assert card.check() is None
        assert (card.times_opened, card.notices) == (2, [])


def test_f11_what_comes_back_is_no_longer_hidden(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    with closing(bench.card()) as card:
        card.open(retry_later=False)
        name = take(bench.spool, jpeg())
        put_in_place(bench.spool.directory, tmp_path / "other", tmp_path / "aside")
        card.check()
        put_in_place(bench.spool.directory, tmp_path / "aside", tmp_path / "other")
        assert card.check() is None
        assert card.notices == []
        assert names_in_new(bench.spool) == [name]
        assert take(bench.spool, jpeg(1)).seq == name.seq + 1


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("sent", [0, 1, 2])
def test_f11_photos_sent_since_are_no_longer_hidden(tmp_path: Path, sent: int, restart: bool) -> None:
    """The other disk comes, goes and comes again; meanwhile its list of what the first one held has grown old."""
    bench = Bench(tmp_path)
    card = bench.card()
    with contextlib.ExitStack() as stack:
        stack.enter_context(closing(card))
        card.open(retry_later=False)
        names = [take(bench.spool, jpeg(number)) for number in range(2)]
        put_in_place(bench.spool.directory, tmp_path / "other", tmp_path / "aside")
        card.check()
        assert card.notices == [problem("photos_hidden")]
        put_in_place(bench.spool.directory, tmp_path / "aside", tmp_path / "other")
        card.check()
        assert card.notices == []
        if restart:
            stack.close()
            card = stack.enter_context(closing(bench.card()))
            card.open(retry_later=False)
        for name in names[:sent]:
            handover.mark_sent(bench.spool, name)
        put_in_place(bench.spool.directory, tmp_path / "other", tmp_path / "aside")
        card.check()
        left = {str(name) for name in names[sent:]}
        assert hidden_photos.read(bench.spool.directory) == left
        assert card.notices == [problem("photos_hidden")] * bool(left)


def test_f11_a_file_in_place_of_the_spool_is_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench(tmp_path)
    with closing(bench.card()) as card:
        card.open(retry_later=False)
        name = take(bench.spool, jpeg())
        bench.spool.directory.rename(tmp_path / "aside")
        bench.spool.directory.write_text("no folder")
        for _ in range(3):
            told = card.check()
            assert told is not None and told.code == "spool_unusable"
        assert sum("spool moved" in line for line in caplog.messages) == 1
        assert sum("spool not opened" in line for line in caplog.messages) == 1
        bench.spool.directory.unlink()
        (tmp_path / "aside").rename(bench.spool.directory)
        assert card.check() is None
        assert names_in_new(bench.spool) == [name]
        assert card.notices == []


def test_f11_photos_before_it_is_noticed_are_not_mixed_up(tmp_path: Path) -> None:
    """Boot 1 of the disk that came is another boot than that of the disk that was there."""
    bench = Bench(tmp_path)
    other = open_spool(tmp_path / "other", bench.clock)
    with other.lock("booth"):
        pass
    with closing(bench.card()) as card:
        card.open(retry_later=False)
        put_in_place(bench.spool.directory, tmp_path / "other", tmp_path / "aside")
        with pytest.raises(NotSaved):
            take(bench.spool, jpeg())
        assert not list(bench.spool.names(NEW))
        card.check()
        take(bench.spool, jpeg())


def test_f11_a_lock_that_somebody_deleted_is_taken_again(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    with closing(bench.card()) as card:
        card.open(retry_later=False)
        (bench.spool.directory / ".booth.lock").unlink()
        assert card.check() is None
        with pytest.raises(AlreadyRunning, match="already running"):
            bench.card(spool=Spool(bench.spool.directory, bench.clock, "serial-1")).open(retry_later=False)


@pytest.mark.parametrize("junk", ["", "{}", "[1]", '{"photos": 7}', '{"photos": [1, null]}', "[" * 5000, "\udc80"])
def test_f11_junk_in_the_note_hides_nothing(tmp_path: Path, junk: str) -> None:
    (tmp_path / hidden_photos.FILE).write_bytes(junk.encode(errors="surrogateescape"))
    assert hidden_photos.read(tmp_path) == frozenset()
    for names in ({"a", "b"}, {"a"}, {"a"}):
        hidden_photos.write(tmp_path, names)
        assert hidden_photos.read(tmp_path) == names
    hidden_photos.write(tmp_path, set())
    hidden_photos.write(tmp_path, set())
    assert list(tmp_path.iterdir()) == []


def a_folder_goes_into_memory_while_it_runs(root: Path) -> None:
    """In the namespace."""
    bench = Bench(root)
    bench.config = dataclasses.replace(bench.config, spool=SpoolConfig(str(bench.spool.directory), min_free_mb=10))
    with closing(bench.card()) as card:
        card.open(retry_later=False)
        assert card.check() is None
        point = bench.spool.directory / "contexts"
        subprocess.run(["mount", "-t", "tmpfs", "test", point], check=True)
        assert card.check() == problem("spool_memory")
        subprocess.run(["umount", point], check=True)
        assert card.check() is None
        assert card.times_opened == 1


def test_f09_a_folder_that_goes_into_memory_is_seen_at_once(mounts: MountNamespace, disk: Path) -> None:
    mounts.call(a_folder_goes_into_memory_while_it_runs, disk)


# -- what a guest sees ---------------------------------------------------------------------------------------------


def test_f11_the_booth_goes_on_with_the_disk_that_came(box: Box, tmp_path: Path) -> None:
    box.start_ready()
    box.press()
    box.until_light(LightPattern.SAVED)
    box.clock.pass_s(1.0)
    put_in_place(box.spool.directory, tmp_path / "other", tmp_path / "aside")
    box.until_said(lambda said: "photos_hidden" in said.get("problems", []) and said["photos"] == 0)
    box.until_shown(notice=problem("photos_hidden"))
    box.press()
    box.until_light(LightPattern.SAVED)
    box.until_shown(state=BoothState.REVIEW, number=1, photos=1)
    assert box.photos() == 1
    assert len(list(Spool(tmp_path / "aside", box.clock, "serial-1").names(NEW))) == 1
    (boot,) = {name.boot for name in box.spool.names(NEW)}
    until(lambda: box.spool.read_boot(boot).anchors)  # the disk that came knows the time too


def test_f09_a_box_in_memory_is_a_fault_and_presses_only_nudge(box: Box) -> None:
    if not str(box.spool.directory).startswith("/dev/shm"):  # noqa: S108
        pytest.skip("SKIPPED: the folders of the tests lie on a disk here")
    box.config = dataclasses.replace(box.config, spool=SpoolConfig(str(box.spool.directory), min_free_mb=10))
    box.start()
    box.until_shown(state=BoothState.FAULT, problem=problem("spool_memory"))
    box.press()
    box.until_shown(state=BoothState.FAULT, problem=problem("spool_memory"), busy_hint=True)
    assert (box.photos(), box.camera.asked.empty()) == (0, True)


# -- the real commands on real mounts ------------------------------------------------------------------------------


class RealBooth:
    """The real command in a mount namespace, with devices that are simulated."""

    def __init__(self, mounts: MountNamespace, root: Path, more: str = "") -> None:
        self._mounts = mounts
        self.runtime = root / "run"
        self.config = root / "config.toml"
        self.spool = root / "mnt" / "spool"
        (root / "mnt").mkdir()
        self.config.write_text(
            'config_version = 1\n[eventpics]\nlink_id = "abcd1234"\n[capture]\ncountdown_s = 0\nreview_s = 0.2\n'
            f'[spool]\ndirectory = "{self.spool}"\nmin_free_mb = 10\n{more}[devices]\nsimulated = true\n'
        )

    @contextmanager
    def running(self, what: str = "booth") -> Iterator[None]:
        words = self._mounts.command(*command("--config", self.config, what))
        process = subprocess.Popen(words, env=environment(self.runtime), stderr=subprocess.DEVNULL)
        try:
            yield
        finally:
            process.terminate()
            assert process.wait(PATIENCE_S) == 0

    def status(self) -> dict[str, Any]:
        """`status --json`, asked in the namespace."""
        done = run_forked(self.runtime, "--config", self.config, "status", "--json", mounts_of=self._mounts.process)
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def until(self, happened: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
        """Asks for the status until it fits."""
        pause = threading.Event()
        for _ in range(int(PATIENCE_S / 0.5)):
            if happened(found := self.status()):
                return found
            pause.wait(0.1)
        raise AssertionError(found)

    def take(self) -> None:
        """Presses when it is ready, and waits until the photo is saved."""
        before = self.until(lambda said: said["booth"]["state"] == "ready")["booth"]["photos"]
        assert send_hint(self.runtime, "booth", "press")
        self.until(lambda said: said["booth"]["photos"] > before)


def codes(said: dict[str, Any]) -> list[str]:
    return [shown["code"] for shown in said["problems"]]


def test_f09_the_real_booth_on_an_overlay_in_memory(mounts: MountNamespace, disk: Path) -> None:
    booth = RealBooth(mounts, disk)
    mounts.mount("tmpfs", disk / "memory")
    mounts.overlay(disk / "mnt", disk / "lower", disk / "memory")
    assert codes(booth.status()) == []  # there is no spool yet
    with booth.running():
        said = booth.until(lambda said: said["booth"]["state"] == "fault")
        assert codes(said)[0] == "spool_memory"
        assert (said["spool"]["storage"], said["spool"]["allow_memory"]) == ("memory", False)
        assert run_forked(booth.runtime, "--config", booth.config, "press").returncode == 0
    assert codes(booth.status()) == ["spool_memory"]  # also when nothing runs
    assert not list((disk / "lower").rglob("*.jpg"))


def test_f11_the_real_booth_and_a_disk_that_comes_late_and_goes(mounts: MountNamespace, disk: Path) -> None:
    booth = RealBooth(mounts, disk, "allow_memory = true\n")
    with booth.running():
        booth.take()
        mounts.mount("tmpfs", disk / "mnt")
        booth.until(lambda said: "photos_hidden" in codes(said) and said["booth"]["photos"] == 0)
        booth.take()
    assert len(list((booth.spool / NEW).rglob("*.jpg"))) == 1, "from beneath one is seen"
    with booth.running():
        said = booth.until(lambda said: said["booth"]["state"] == "ready")
        assert (codes(said), said["spool"]["new"]) == (["photos_hidden"], 1)
    mounts.run("umount", disk / "mnt")
    with booth.running():
        said = booth.until(lambda said: said["booth"]["state"] == "ready")
        assert (codes(said), said["spool"]["new"]) == ([], 1)


def test_f09_the_config_allows_memory_only_when_it_says_so() -> None:
    assert Config().spool.allow_memory is False
