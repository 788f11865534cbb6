"""What happens to cards: read-only, bad sectors, flipped bits, a hundred thousand photos, what people lay in them."""

from __future__ import annotations

import contextlib
import errno
import io
import logging
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from piboothup.simulator.faults import Fault
from piboothup.spool import durable, handover
from piboothup.spool.admin import assign
from piboothup.spool.capture_time.anchors import Anchor, Source
from piboothup.spool.listing import NEW, PARKED, QUARANTINE, SENT
from piboothup.spool.names import PhotoName, digest_of
from piboothup.spool.photo_file import VerifyingReader
from piboothup.spool.store import Spool
from tests.support.faulty_card import BadSector, ReadOnlyCard
from tests.support.photos import PARTY, jpeg, open_spool
from tests.support.uploader import Desk

pytestmark = pytest.mark.slow

MANY = 100_000


def spool_of(desk: Desk) -> Spool:
    return Spool(desk.booth.directory, desk.clock, "serial-1")


# -- S4: read-only ---------------------------------------------------------------------------------------------


def test_s04_read_only_card_photos_sent_once_moved_when_writable(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    names = [desk.take() for _ in range(5)]
    true_ms = desk.server_clock.wall_ns() // 1_000_000
    desk.booth.add_anchor(Anchor(Source.NTP, desk.clock.boottime_ns() // 1_000_000, true_ms, 5))
    with desk.booth.lock("uploader"):  # an earlier run left the lock's file behind
        pass
    card = ReadOnlyCard(desk.booth.directory, monkeypatch)
    desk.start(spool_of(desk))
    desk.until(lambda: desk.said().get("sent") == 5, "all to arrive", step_s=0.1)
    desk.hint("retry")
    for _ in range(25):  # several listings, forced ones too
        desk.pass_s(31.0)
        desk.until_state("idle", step_s=0.5)  # a look at EventPics that time ran away from is made again
    assert desk.waiting() == 5
    desk.until(lambda: desk.said().get("waiting") == 0, "none to be waiting for the album")
    assert card.refusals >= 5
    assert "offset not noted reason=Read-only file system" in caplog.text
    card.read_only = False
    desk.until_sent(*names, step_s=5.0)
    desk.until(lambda: desk.said().get("waiting") == 0, "nothing to be waiting")
    assert [len(desk.uploads_of(name)) for name in names] == [1] * 5
    assert [desk.uploads_of(name)[0]["takenAt"] for name in names] == [true_ms] * 5


@pytest.mark.parametrize("call", ["getuploadurl", "put"])
def test_s04_refused_photo_that_stays_in_new_is_not_sent_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    name = desk.take()
    desk.album.add_fault(Fault(call=call, status=413, times=1000))
    with desk.booth.lock("uploader"):
        pass
    card = ReadOnlyCard(desk.booth.directory, monkeypatch)
    desk.start(spool_of(desk))
    desk.until(lambda: desk.album.calls[call] == 2, "the second refusal", step_s=1.0)
    for _ in range(60):
        desk.pass_s(61.0)
    assert desk.album.calls[call] == 2
    assert desk.lies_in(NEW, name)
    card.read_only = False
    desk.until(lambda: desk.lies_in(PARKED, name), "the photo to be parked", step_s=5.0)
    assert "413" in desk.booth.path(name, PARKED).with_suffix(".txt").read_text()
    assert desk.album.calls[call] == 2


@pytest.mark.parametrize("then", ["assigned", "retry"])
def test_s04_refused_photo_that_stays_in_new_can_be_saved(desk: Desk, then: str) -> None:
    """It was refused for another event, and not by an operator; the folder is a link to nowhere."""
    name = desk.take()
    desk.album.add_fault(Fault(call="getuploadurl", status=413, times=2))
    desk.start()
    parked = desk.booth.directory / PARKED
    parked.rmdir()
    parked.symlink_to("/nowhere")
    desk.until(lambda: desk.album.calls["getuploadurl"] == 2, "the second refusal", step_s=1.0)
    desk.pass_s(61.0)
    assert desk.lies_in(NEW, name)
    if then == "retry":
        desk.hint("retry")
    else:
        assign.assign(desk.booth, assign.propose(desk.booth, "abcd1234", "abcd1234/a2"))
    desk.until_sent(name, step_s=1.0)
    assert desk.stored(name, "abcd1234", "a2" if then == "assigned" else "a1") == jpeg(1)


def test_s04_start_on_read_only_card_sends_its_photos(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    name = desk.take()
    with desk.booth.lock("uploader"):
        pass
    desk.clock.power_on("boot-b")
    ReadOnlyCard(desk.booth.directory, monkeypatch)
    desk.start(spool_of(desk))
    desk.until(lambda: desk.said().get("sent") == 1, "the photo to arrive", step_s=0.1)
    assert desk.stored(name) == jpeg(1)


def test_s04_sent_photo_not_moved_and_not_locatable_is_sent_once(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    class Mute(Spool):
        """Once a photo is sent, the card answers for it with an error that is not "no such file"."""

        is_broken = True
        is_mute = False

        def path(self, name: PhotoName, place: str = NEW) -> Path:
            found = super().path(name, place)
            return Path("/proc/self/mem", found.name) if self.is_mute else found

    name, spool, real = desk.take(), Mute(desk.booth.directory, desk.clock, "serial-1"), handover.mark_sent

    def mark_sent(given: Spool, name: PhotoName) -> None:
        spool.is_mute = spool.is_broken
        real(given, name)

    monkeypatch.setattr(handover, "mark_sent", mark_sent)
    desk.start(spool)
    desk.until(lambda: desk.said().get("sent") == 1, "the photo to arrive")
    for _ in range(4):
        desk.pass_s(31.0)
        spool.is_mute = False  # it is read again by the time the next step looks
    spool.is_broken = False
    desk.until_sent(name, step_s=5.0)
    assert len(desk.uploads_of(name)) == 1


def test_s09_unavailable_boot_folder_reported_others_still_sent(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that needs cleaning (EUCLEAN) can't be had without a broken file system: its answers are made."""
    name, bad = desk.take(), desk.booth.directory / NEW / "0002"
    bad.mkdir()

    def broken(call: Callable[..., Any]) -> Callable[..., Any]:
        def guarded(path: Any, *more: Any, **named: Any) -> Any:
            if Path(path) == bad:
                raise OSError(errno.EUCLEAN, os.strerror(errno.EUCLEAN))
            return call(path, *more, **named)

        return guarded

    with monkeypatch.context() as patch:
        for call in ("stat", "scandir"):
            patch.setattr(os, call, broken(getattr(os, call)))
        desk.start(spool_of(desk))
        desk.until_sent(name)
        desk.until(lambda: desk.said()["problems"] == ["photo_unreadable"], "the folder to be told")
    desk.pass_s(31.0)
    desk.until(lambda: desk.said()["problems"] == [], "it to be over")


def test_s09_new_unlistable_while_running_is_told_and_heals(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """As above the answers are made. What is hinted at is sent all the same, and the rest as soon as it is listed."""
    desk.start(spool_of(desk))
    desk.until_sent(desk.take(hint=True))
    new = desk.booth.directory / NEW

    def broken(call: Callable[..., Any]) -> Callable[..., Any]:
        def guarded(path: Any = ".", *more: Any, **named: Any) -> Any:
            if not isinstance(path, int) and Path(path) == new:
                raise OSError(errno.EUCLEAN, os.strerror(errno.EUCLEAN))
            return call(path, *more, **named)

        return guarded

    unseen = desk.take()
    with monkeypatch.context() as patch:
        for call in ("scandir", "listdir"):
            patch.setattr(os, call, broken(getattr(os, call)))
        for _ in range(3):
            desk.pass_s(31.0)
        desk.until(lambda: desk.said()["problems"] == ["photo_unreadable"], "the folder to be told")
        desk.until_sent(desk.take(hint=True))
        assert desk.lies_in(NEW, unseen)
    desk.pass_s(31.0)
    desk.until_sent(unseen)
    desk.until(lambda: desk.said()["problems"] == [], "it to be over")


# -- S6: bad sectors -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("boot", ["same boot", "next boot"])
def test_s06_unreadable_photo_does_not_hold_up_others(desk: Desk, boot: str) -> None:
    """While it is being sent, or while it is verified before."""
    spool = BadSector(desk.booth.directory, desk.clock, "serial-1")
    others = [desk.take(), desk.take()]
    bad = spool.bad = desk.take()
    if boot == "next boot":
        desk.clock.power_on("boot-b")
    desk.start(spool)
    desk.until_sent(*others)
    desk.until(lambda: desk.said().get("problems") == ["photo_unreadable"], "the bad photo to be told")
    assert desk.lies_in(NEW, bad)
    desk.until(lambda: desk.said().get("waiting") == 1, "it alone to be waiting")
    reads = spool.bad_reads
    desk.until_sent(desk.take(hint=True), desk.take(hint=True))
    assert spool.bad_reads == reads  # a dying card is not hammered
    assert desk.uploads_of(bad) == []
    spool.bad = None
    desk.until_sent(bad, step_s=60.0)
    desk.until(lambda: desk.said().get("problems") == [], "nothing to be wrong")


# -- S7, S8: bytes that have changed ---------------------------------------------------------------------------


def flipped(content: bytes) -> bytes:
    """One bit is another."""
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 0x10]) + content[middle + 1 :]


@pytest.mark.parametrize(
    "damaged",
    [
        flipped(jpeg(1)),
        bytes(len(jpeg(1))),
        jpeg(1)[: len(jpeg(1)) // 2] + bytes(len(jpeg(1)) - len(jpeg(1)) // 2),
        jpeg(1)[:-1],
        jpeg(1) + b"\0",
        jpeg(2),
        b"",
    ],
    ids=["a bit flipped", "all zeros", "half zeros", "cut short", "grown", "another photo", "empty"],
)
@pytest.mark.parametrize("boot", ["same boot", "next boot"])
def test_s07_s08_bytes_not_matching_name_quarantined_never_sent(desk: Desk, damaged: bytes, boot: str) -> None:
    name, good = desk.take(), desk.take()
    desk.booth.path(name).write_bytes(damaged)
    if boot == "next boot":
        desk.clock.power_on("boot-b")
    desk.start()
    desk.until_sent(good)
    desk.until(lambda: desk.lies_in(QUARANTINE, name), "the damaged photo in quarantine/")
    desk.until(lambda: desk.said().get("problems") == ["photo_damaged"], "it to be told")
    assert desk.booth.path(name, QUARANTINE).read_bytes() == damaged
    assert desk.album.calls["getuploadurl"] == (2 if boot == "same boot" else 1)
    assert desk.uploads_of(name) == []


def test_s07_bit_flip_after_check_lets_no_whole_photo_leave(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    name, verify = desk.take(), VerifyingReader.verify

    def rot(file: VerifyingReader, is_stopped: Callable[[], bool]) -> None:
        verify(file, is_stopped)
        desk.booth.path(name).write_bytes(flipped(jpeg(1)))

    monkeypatch.setattr(VerifyingReader, "verify", rot)
    desk.clock.power_on("boot-b")
    desk.start()
    desk.until(lambda: desk.lies_in(QUARANTINE, name), "it in quarantine/", step_s=10.0)
    desk.until(lambda: desk.album.calls["put"] == 1, "the server to count the PUT that was broken off")
    assert desk.uploads_of(name) == []


class CountingFile(io.FileIO):
    """Counts the bytes that are read of it."""

    def __init__(self, path: Path, reads_bytes: list[int]) -> None:
        super().__init__(path)
        self.reads_bytes = reads_bytes

    def readinto(self, into: Any, /) -> int:
        self.reads_bytes.append(super().readinto(into) or 0)
        return self.reads_bytes[-1]


@pytest.mark.parametrize(("boot", "first", "retry"), [("same boot", 1, 1), ("next boot", 2, 1)])
def test_s07_photo_of_this_boot_is_read_once_on_its_way(
    desk: Desk, boot: str, first: int, retry: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An older one is verified before its URL is asked for, once; a further try reads it once more."""

    def open_photo(spool: Spool, name: PhotoName) -> VerifyingReader:
        return VerifyingReader(io.BufferedReader(CountingFile(spool.path(name), reads_bytes)), name)

    monkeypatch.setattr(handover, "open_photo", open_photo)
    reads_bytes: list[int] = []
    name = desk.take()
    if boot == "next boot":
        desk.clock.power_on("boot-b")
    desk.album.add_fault(Fault(call="put", status=500, times=1))
    desk.start()
    desk.until(lambda: desk.album.calls["put"] == 1, "the first try")
    desk.rest()
    assert sum(reads_bytes) == first * len(jpeg(1))
    desk.until_sent(name, step_s=10.0)
    assert sum(reads_bytes) == (first + retry) * len(jpeg(1))
    assert desk.stored(name) == jpeg(1)


# -- S11: a hundred thousand photos ----------------------------------------------------------------------------


@pytest.fixture
def roomy() -> Iterator[Desk]:
    """A desk in memory where there is one: a hundred thousand files take a disk many seconds."""
    memory = "/dev/shm"  # noqa: S108  (a fresh folder is made in it)
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as root:
        desk = Desk(Path(root))
        yield desk
        desk.end()


@pytest.mark.process
def test_s11_100000_waiting_newest_sent_first_memory_stays_small(roomy: Desk) -> None:
    desk = roomy
    for boot in range(1, 51):
        folder = desk.booth.directory / NEW / f"{boot:04d}"
        folder.mkdir(exist_ok=True)
        for seq in range(1, MANY // 50 + 1):
            name = PhotoName(desk.booth.box, boot, seq, seq, PARTY.id, f"{boot:08x}{seq:08x}")
            os.close(os.open(folder / str(name), os.O_CREAT | os.O_WRONLY))
    desk.clock.power_on("boot-b")
    desk.booth = open_spool(desk.booth.directory, desk.clock)
    newest = desk.take()
    desk.album.stall_uploads(3600.0)
    service = desk.start_command()
    try:
        desk.until(lambda: desk.album.uploading == 1, "the first upload")
        # Not one of the others was opened, asked for or moved before it.
        desk.until(lambda: desk.said().get("waiting") == MANY + 1, "all to be counted")
        assert desk.album.calls["getuploadurl"] == 1
        status = Path(f"/proc/{service.pid}/status").read_text()
        assert int(status.partition("VmHWM:")[2].split()[0]) < 60_000
        desk.album.stall_uploads(0.0)
        desk.until_sent(newest)
    finally:
        service.kill()
        service.wait()


# -- S13, S16, S18, S19: what people do in the folders ---------------------------------------------------------


def test_s13_things_named_like_photos_told_once_not_followed(
    desk: Desk, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "piboothup.uploader.service")
    good = desk.take()
    folder = desk.booth.path(good).parent
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()

    def name_of(seq: int, boot: int = good.boot) -> PhotoName:
        """The name that a photo with these very bytes would have: its hash is right."""
        return PhotoName(good.box, boot, seq, 1, good.context, digest_of(jpeg(9)))

    (elsewhere / "photo.jpg").write_bytes(jpeg(9))
    (elsewhere / str(name_of(7, 2))).write_bytes(jpeg(9))
    link, directory, pipe = name_of(4), name_of(5), name_of(6)
    (folder / str(link)).symlink_to(elsewhere / "photo.jpg")
    (folder / str(directory)).mkdir()
    os.mkfifo(folder / str(pipe))
    (folder.parent / "0002").symlink_to(elsewhere)
    (folder.parent / "my photos").mkdir()
    (folder / "holiday.jpg").write_bytes(jpeg(9))
    before = sorted(os.listdir(folder))
    desk.start()
    desk.until_sent(good)
    for name in (link, directory, pipe):  # and when they come as a hint
        desk.hint("new", str(name))
    desk.until(lambda: caplog.text.count("hint ignored") == 3, "the hints to be looked at")
    last = desk.take()
    desk.until_sent(last, step_s=1.0)
    desk.until(lambda: desk.said().get("waiting") == 0, "nothing to be waiting")
    assert {upload["fileName"] for upload in desk.album.uploads()} == {good.file_name, last.file_name}
    assert sorted(os.listdir(folder)) == [name for name in before if name != str(good)]
    assert sorted(os.listdir(elsewhere)) == sorted(["photo.jpg", str(name_of(7, 2))])
    told = re.findall(r"ignored path='([^']+)'", caplog.text)
    assert len(told) == len(set(told))
    for path in (folder / str(link), folder / str(directory), folder / str(pipe), folder / "holiday.jpg"):
        assert str(path) in told


def test_s16_what_a_pc_leaves_behind_is_neither_sent_nor_moved(desk: Desk) -> None:
    name = desk.take()
    folder = desk.booth.path(name).parent
    debris = [folder / path for path in ("Thumbs.db", ".DS_Store", f"._{name}", "desktop.ini", f"{name}.part")]
    for path in debris:
        path.write_bytes(b"debris")
    desk.start()
    desk.until_sent(name)
    assert all(path.exists() for path in debris)
    assert len(desk.album.uploads()) == 1
    desk.until(lambda: desk.said().get("waiting") == 0, "nothing to be waiting")


def test_s18_deleting_sent_by_hand_sends_nothing_again(desk: Desk) -> None:
    name = desk.take()
    desk.start()
    desk.until_sent(name)
    desk.booth.path(name, SENT).unlink()
    desk.pass_s(700.0)
    desk.until_sent(desk.take(hint=True), step_s=1.0)
    shutil.rmtree(desk.booth.path(name, SENT).parent)
    desk.until_sent(desk.take(hint=True), step_s=1.0)
    assert desk.stop()
    desk.start()
    desk.until_sent(desk.take(hint=True))
    assert len(desk.uploads_of(name)) == 1


def test_s18_deleting_the_whole_folder_sent_sends_nothing_twice(desk: Desk) -> None:
    desk.start()
    desk.until_sent(desk.take(hint=True))
    shutil.rmtree(desk.booth.directory / SENT)
    names = [desk.take(hint=True), desk.take(hint=True)]
    desk.until(lambda: desk.said().get("sent") == 3, "both to arrive")
    for _ in range(25):
        desk.pass_s(31.0)
        desk.until_state("idle", step_s=1.0)
    desk.booth.prepare()
    desk.until_sent(*names, step_s=5.0)
    assert [len(desk.uploads_of(name)) for name in names] == [1, 1]


def test_f16_a_file_in_the_place_of_sent_sends_nothing_twice(desk: Desk) -> None:
    desk.start()
    desk.until_sent(desk.take(hint=True))
    shutil.rmtree(desk.booth.directory / SENT)
    (desk.booth.directory / SENT).write_text("of somebody")
    names = [desk.take(hint=True), desk.take(hint=True)]
    desk.until(lambda: desk.said().get("sent") == 3, "both to arrive")
    desk.until_sent(*names, step_s=5.0)
    assert desk.stop()
    desk.start()
    desk.until_sent(last := desk.take(hint=True), step_s=5.0)
    assert [len(desk.uploads_of(name)) for name in (*names, last)] == [1, 1, 1]


@pytest.mark.parametrize("file", ["{id}.json", "{id}.assigned.json"])
def test_s06_an_event_that_the_card_does_not_give_is_told(desk: Desk, file: str) -> None:
    """It is no photo without an event. What the kernel can't read at its first byte gives a true EIO."""
    name = desk.take()
    path = desk.booth.directory / "contexts" / file.format(id=name.context)
    content = path.read_bytes() if path.exists() else None
    path.unlink(missing_ok=True)
    path.symlink_to("/proc/self/mem")
    desk.start()
    desk.until(lambda: desk.said().get("problems") == ["photo_unreadable"], "it to be told")
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    desk.pass_s(31.0)
    desk.until_sent(name)
    desk.until(lambda: desk.said().get("problems") == [], "it to be over")


def test_f16_an_uploader_that_cannot_have_its_lock_says_so(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))
    name, lock = desk.take(), desk.booth.directory / ".uploader.lock"
    lock.symlink_to("elsewhere")
    desk.start()
    desk.until(lambda: desk.said().get("problems") == ["spool_unusable"], "it to be told")
    lock.unlink()
    desk.stir()
    desk.until_sent(name)
    desk.until(lambda: desk.said().get("problems") == [], "it to be over")


@pytest.mark.parametrize("number", [errno.ENOENT, errno.EIO, errno.ENOSPC])
def test_f11_a_disk_that_leaves_as_it_is_opened_ends_no_uploader(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """It is there when its folders are made, and gone when it is locked; or it takes no new file."""
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))
    name, lock = desk.take(), durable.lock

    @contextlib.contextmanager
    def refuse(path: Path, *, wait: bool = False) -> Iterator[int]:
        if path.name == ".uploader.lock":
            raise OSError(number, os.strerror(number), str(path))
        with lock(path, wait=wait) as descriptor:
            yield descriptor

    with monkeypatch.context() as patched:
        patched.setattr(durable, "lock", refuse)
        desk.start()
        desk.until(lambda: desk.said().get("problems") == ["spool_unusable"], "it to be told")
    desk.stir()
    desk.until_sent(name)
    desk.until(lambda: desk.said().get("problems") == [], "it to be over")


@pytest.mark.parametrize("into", ["new/", "new/<boot>/"])
def test_s19_a_parked_photo_moved_back_to_new_by_hand_is_sent(desk: Desk, into: str) -> None:
    bad = desk.take()
    desk.album.add_fault(Fault(call="getuploadurl", status=400, times=2))
    desk.start()
    desk.until(lambda: desk.lies_in(PARKED, bad), "the photo to be parked", step_s=1.0)
    desk.until(lambda: desk.said().get("waiting") == 0, "it to be counted")
    target = desk.booth.directory / NEW / str(bad) if into == "new/" else desk.booth.path(bad, NEW)
    desk.booth.path(bad, PARKED).rename(target)
    desk.pass_s(31.0)
    desk.until_sent(bad)
    assert desk.stored(bad) == jpeg(1)


def test_s19_photo_brought_back_gets_two_attempts_again(desk: Desk) -> None:
    bad = desk.take()
    desk.album.add_fault(Fault(call="getuploadurl", status=400, times=3))
    desk.start()
    desk.until(lambda: desk.lies_in(PARKED, bad), "the photo to be parked", step_s=1.0)
    desk.until(lambda: desk.said().get("waiting") == 0, "it to be counted")
    desk.booth.path(bad, PARKED).rename(desk.booth.path(bad, NEW))
    desk.until_sent(bad, step_s=1.0)


def test_s19_queue_retry_brings_a_parked_photo_back(desk: Desk) -> None:
    name = desk.take()
    handover.park(desk.booth, name, "for a test")
    desk.start()
    desk.until_sent(desk.take(hint=True))
    assert handover.retry_parked(desk.booth) == 1
    desk.pass_s(30.0)
    desk.until_sent(name)
