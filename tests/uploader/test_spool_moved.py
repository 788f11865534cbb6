"""Another disk under the spool while the uploader runs: nothing is sent, marked or timed by the last one's word."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from piboothup.spool.capture_time.anchors import Anchor, Source
from piboothup.spool.listing import NEW, SENT
from piboothup.spool.names import PhotoName
from piboothup.spool.store import Spool
from piboothup.uploader.schedule.scheduler import UploadScheduler
from piboothup.uploader.session import ApiSession
from piboothup.uploader.trusted_time import TrustedTime
from piboothup.uploader.worker import Worker
from tests.support.photos import PARTY, jpeg, open_spool, take
from tests.support.uploader import Desk, connect


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.end()


def change_disk(desk: Desk, root: Path) -> None:
    """Another folder lies at the spool's path, as after a mount; the old one is `aside`."""
    desk.booth.directory.rename(root / "aside")
    (root / "other").rename(desk.booth.directory)


def other_disk(desk: Desk, root: Path) -> tuple[Spool, PhotoName]:
    """A disk of another day, its lock taken before, with a photo on it."""
    spool = open_spool(root / "other", desk.clock)
    spool.add_anchor(Anchor(Source.NTP, desk.clock.boottime_ns() // 1_000_000, 1_800_000_000_000, 5))
    photo = take(spool, jpeg(900))
    with spool.lock("uploader"):
        return spool, photo


def test_f11_the_uploader_starts_anew_on_the_disk_that_came(desk: Desk, tmp_path: Path) -> None:
    _, photo = other_disk(desk, tmp_path)
    desk.start()
    uploader = desk.uploader
    assert uploader is not None
    change_disk(desk, tmp_path)
    desk.clock.pass_s(3.0)
    uploader.wake()
    desk.until(lambda: uploader.needs_restart, "the uploader to notice")
    assert desk.stop()
    assert desk.lies_in(NEW, photo)
    desk.start()
    desk.until_sent(photo)
    assert desk.stored(photo) == jpeg(900)


def test_f11_a_photo_on_its_way_is_not_marked_on_another_disk(desk: Desk, tmp_path: Path) -> None:
    """The disk is changed while the photo is sent: before it can be marked, and before the service notices."""
    other_disk(desk, tmp_path)
    late = desk.take()
    spool = Spool(desk.booth.directory, desk.clock, "serial-1")
    spool.prepare()
    line = UploadScheduler(desk.clock, lambda: 0.5, 1, {}, paused=False, refused=False)
    session = ApiSession(desk.config, spool, desk.clock, TrustedTime(spool, desk.clock), line, connect)
    worker = Worker(spool, desk.clock, line, session, 1)
    with spool.lock("uploader"):
        change_disk(desk, tmp_path)
        assert not worker.mark_sent(late, PARTY)
        with pytest.raises(OSError, match="another disk"):
            spool.add_anchor(Anchor(Source.DATE, 1000, 1_800_000_000_777, 500))
        with pytest.raises(OSError, match="another disk"):
            spool.taken_at_ms(late, record=True)
    old = Spool(tmp_path / "aside", desk.clock, "serial-1")
    assert (list(old.names(NEW)), list(old.names(SENT))) == ([late], [])
    boots = (desk.booth.directory / "boots").glob("*.jsonl")
    assert not any("1800000000777" in boot.read_text() for boot in boots)


def test_f11_nothing_is_asked_for_a_photo_of_another_disk(desk: Desk, tmp_path: Path) -> None:
    """A photo of the same boot number, of which the memory of the disk before tells another time."""
    other_disk(desk, tmp_path)
    spool = Spool(desk.booth.directory, desk.clock, "serial-1")
    spool.prepare()
    asked: list[object] = []
    grant = desk.album.grant

    def noted(what: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        asked.append(what)
        return grant(what)

    desk.album.grant = noted  # type: ignore[method-assign, assignment]
    desk.start(spool)
    uploader = desk.uploader
    assert uploader is not None
    seen = uploader._must_restart
    uploader._must_restart = lambda: False  # type: ignore[method-assign]  # the main thread is late
    desk.rest()  # else it may be looking already
    change_disk(desk, tmp_path)
    photo = next(iter(desk.booth.names(NEW)))
    desk.hint("new", str(photo))
    desk.rest()
    assert asked == []
    assert desk.lies_in(NEW, photo)
    uploader._must_restart = seen  # type: ignore[method-assign]
    uploader.wake()
    desk.until(lambda: uploader.needs_restart, "the uploader to notice")


@pytest.mark.process
def test_f11_the_real_command_goes_on_with_the_disk_that_came(desk: Desk, tmp_path: Path) -> None:
    _, photo = other_disk(desk, tmp_path)
    name = desk.take()
    process = desk.start_command()
    desk.until_sent(name)
    change_disk(desk, tmp_path)
    desk.hint("new", str(photo))
    desk.until_sent(photo)
    assert process.poll() is None
    process.terminate()
    assert process.wait() == 0
    assert desk.stored(photo) == jpeg(900)


def test_f11_a_disk_that_is_the_same_is_left_alone(desk: Desk) -> None:
    name = desk.take()
    desk.start()
    uploader = desk.uploader
    desk.until_sent(name)
    for _ in range(5):
        desk.pass_s(30.0)
    assert uploader is desk.uploader
    assert uploader is not None
    assert not uploader.needs_restart
