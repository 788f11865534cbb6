"""Another disk under the spool while the uploader runs: nothing is sent, marked or timed by the last one's word."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from piboothup.spool.admin import assign
from piboothup.spool.capture_time.anchors import Anchor, Source
from piboothup.spool.contexts import Context, context_for
from piboothup.spool.event_titles import AlbumEvent
from piboothup.spool.listing import NEW, SENT
from piboothup.spool.names import PhotoName
from piboothup.spool.store import Spool
from piboothup.uploader.eventpics import Account
from piboothup.uploader.schedule.photo_queue import Unmarked
from piboothup.uploader.schedule.scheduler import UploadScheduler
from piboothup.uploader.session import ApiSession
from piboothup.uploader.trusted_time import TrustedTime
from piboothup.uploader.worker import Worker
from tests.support.photos import PARTY, files, jpeg, open_spool, take
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


class Parts(NamedTuple):
    """A worker and what it works with, without a service around them."""

    spool: Spool
    scheduler: UploadScheduler
    session: ApiSession
    worker: Worker


def parts(desk: Desk) -> Parts:
    """Parts of an uploader on the spool that lies there now."""
    spool = Spool(desk.booth.directory, desk.clock, "serial-1")
    spool.prepare()
    line = UploadScheduler(desk.clock, lambda: 0.5, 1, {}, paused=False, refused=False)
    session = ApiSession(desk.config, spool, desk.clock, TrustedTime(spool, desk.clock), line, connect)
    return Parts(spool, line, session, Worker(spool, desk.clock, line, session, 1))


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
    spool, _, _, worker = parts(desk)
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


def test_f11_nothing_is_marked_on_a_copy_of_the_disk(desk: Desk, tmp_path: Path) -> None:
    """It has the same photo, but its lock is not held."""
    late = desk.take()
    shutil.copytree(desk.booth.directory, tmp_path / "other")
    spool, _, _, worker = parts(desk)
    with spool.lock("uploader"):
        change_disk(desk, tmp_path)
        before = files(desk.booth.directory)
        assert not worker.mark_sent(late, PARTY)
        assert files(desk.booth.directory) == before


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


@pytest.mark.parametrize("instead", ["nothing", "another disk", "a disk without an id"])
def test_f11_sent_while_its_disk_was_away_is_not_sent_again(
    desk: Desk, tmp_path: Path, caplog: pytest.LogCaptureFixture, instead: str
) -> None:
    """The disk leaves while the photo is stored; the service starts anew without it, and again with it."""
    disk, away, other = desk.booth.directory, tmp_path / "away", tmp_path / "other"
    if instead == "nothing":
        other.mkdir()
    else:
        other_disk(desk, tmp_path)
    if instead == "a disk without an id":
        (other / ".layout").write_text("1\n")
    unmarked: Unmarked = {}
    real, is_there = desk.album.store, [True]

    def store(*given: Any) -> None:
        if is_there:
            is_there.clear()
            disk.rename(away)
            other.rename(disk)
        real(*given)

    def start_anew() -> None:
        uploader = desk.uploader
        assert uploader is not None
        uploader.wake()
        desk.until(lambda: uploader.needs_restart, "the uploader to notice the disk")
        assert desk.stop()
        desk.start(unmarked=unmarked)
        desk.pass_s(31.0)
        desk.pass_s(31.0)

    desk.start(unmarked=unmarked)
    uploader = desk.uploader
    assert uploader is not None
    seen = uploader._must_restart
    uploader._must_restart = lambda: False  # type: ignore[method-assign]  # else it may cut the answer
    desk.rest()
    desk.album.store = store  # type: ignore[method-assign, assignment]
    name = desk.take(hint=True)
    desk.until(lambda: name in unmarked, "the photo to be sent")
    uploader._must_restart = seen  # type: ignore[method-assign]
    start_anew()
    assert list(unmarked) == [name]
    disk.rename(other)
    away.rename(disk)
    start_anew()
    assert desk.lies_in(SENT, name)
    assert len(desk.uploads_of(name)) == 1
    assert not unmarked
    assert [record.msg[:18] for record in caplog.records].count("sent but not moved") == 1


@pytest.mark.parametrize("kind", ["no event", "assigned elsewhere"])
def test_f11_a_late_answer_assigns_no_photo_of_another_disk(desk: Desk, tmp_path: Path, kind: str) -> None:
    """A photo of the same number, or of the same context, lies on the disk that is there when the answer comes."""
    context = context_for("", "", "this boot, no event yet") if kind == "no event" else PARTY
    there = open_spool(tmp_path / "other", desk.clock)
    photos = [take(there, jpeg(900 + number), context) for number in range(2)]
    if kind != "no event":
        assign.assign(there, assign.propose(there, PARTY.id, "tomorrow1"))
    with there.lock("uploader"):
        pass
    late = desk.take(context)
    if kind == "no event":
        assign.take_along(desk.booth, "abcd1234", "a1")
    spool, _, _, worker = parts(desk)
    with spool.lock("uploader"):
        sent_to = spool.context_of(late)
        assert sent_to is not None
        change_disk(desk, tmp_path)
        before = files(desk.booth.directory)
        assert not worker.mark_sent(late, sent_to)
        assert files(desk.booth.directory) == before
    now = Spool(desk.booth.directory, desk.clock, "serial-1")
    expected = "" if kind == "no event" else "tomorrow1"
    assert [now.context_of(photo) == Context(context.id, expected) for photo in photos] == [True, True]


@pytest.mark.parametrize("answer", ["refused", "damaged", "account"])
@pytest.mark.parametrize("has_copy", [True, False])
def test_f11_no_late_answer_writes_onto_another_disk(desk: Desk, tmp_path: Path, answer: str, has_copy: bool) -> None:
    """Neither parked nor quarantined nor titles, though a copy of the photo should lie there."""
    there, _ = other_disk(desk, tmp_path)
    late = desk.take()
    if has_copy:
        there.path(late).write_bytes(desk.booth.path(late).read_bytes())
    spool, line, session, worker = parts(desk)
    with spool.lock("uploader"):
        spool.number_boot()
        line.reload([str(late)], {})
        change_disk(desk, tmp_path)
        before = files(desk.booth.directory)
        if answer == "refused":
            worker._park(late, "EventPics refuses it.")
        elif answer == "damaged":
            worker._quarantine(late)
        else:
            session._remember(Account((AlbumEvent("The Gala", "wxyz9876"),), None))
        assert files(desk.booth.directory) == before
        assert not line.snapshot().problems  # nothing is said of a photo that nobody has looked at
        assert line.snapshot().waiting.total() == 1


def test_f11_nothing_is_noted_of_a_sent_photo_that_is_gone(desk: Desk) -> None:
    """An operator moves it away while it is sent; when he lays it back, it is known as sent."""
    late = desk.take()
    spool, _, _, worker = parts(desk)
    with spool.lock("uploader"):
        aside = desk.booth.directory.with_name("aside.jpg")
        desk.booth.path(late).rename(aside)
        before = files(desk.booth.directory)
        sent_to = Context(PARTY.id, "former12")
        assert not worker.mark_sent(late, sent_to)
        assert files(desk.booth.directory) == before
        aside.rename(desk.booth.path(late))
        assert worker.mark_sent(late, sent_to)
        assert spool.context_of(late) == sent_to
    assert desk.lies_in(SENT, late)


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
