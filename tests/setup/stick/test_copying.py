"""A real stick is copied to: file systems on real devices, mounted by root, written by the booth's user."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable
from datetime import UTC
from pathlib import Path

import pytest

from piboothup.records import replace
from piboothup.setup.stick import copying
from piboothup.spool.admin import export_target, stick_copy
from piboothup.spool.admin.stick_copy import FOLDER, KEY_FILE, CopyFolder, CopyJob, CopyState
from piboothup.spool.store import Spool
from tests.support.clock import HandClock
from tests.support.deadline import PATIENCE_S
from tests.support.photos import jpeg, open_spool, take
from tests.support.stick import KINDS, Stick, disk, mounts, stick
from tests.support.users import BOOTH, GROUP

__all__ = ["disk", "mounts", "stick"]

pytestmark = pytest.mark.process

EVENT = "abcd1234"
"""Title of an event that is known by its id alone."""
JOB = CopyJob(5, "sda1.7", "1A2B-3C4D", "abcd1234", needs_secret=False)
SIZE = (640, 480)


class Copier:
    """A box with photos of an event, which copies to the stick as its unit does."""

    def __init__(self, stick: Stick, photos: int) -> None:
        self.stick = stick
        self.runtime = stick.box / "run"
        self.folder = CopyFolder(self.runtime)
        self.folder.path.mkdir(parents=True)
        self.spool = stick.box / "spool"
        spool = open_spool(self.spool, HandClock())
        for number in range(photos):
            take(spool, jpeg(number, SIZE))
        for path in (stick.box, *stick.box.rglob("*")):
            os.chown(path, BOOTH, GROUP)
        for path in (*stick.box.parents, stick.box):
            if path.is_relative_to("/var/tmp") and path != Path("/var/tmp"):  # noqa: S108
                path.chmod(0o755)

    def copy(self, job: CopyJob = JOB, before: Callable[[Stick], None] = lambda stick: None) -> CopyState:
        """Copy in a namespace, after `before`; the state that was told, which is known only from the file."""
        folder, spool = self.folder, self.spool

        def work(target: Path) -> CopyState:
            opened = Spool(spool, HandClock())
            return stick_copy.run(opened, job, target, folder, "Booth 1", UTC, os.getpid())

        def tell(state: CopyState) -> None:
            assert os.getresuid() == (BOOTH, BOOTH, BOOTH)
            assert not os.path.ismount(self.stick.point)
            report = folder.report() or stick_copy.CopyReport(job.asked_ns)
            folder.tell(replace(report, state=state))

        def in_namespace(stick: Stick) -> None:
            before(stick)
            device = stick.link.resolve(strict=False)
            copying.copy(device.name, stick.point, (BOOTH, GROUP), work, tell, device.parent)

        self.stick.call(in_namespace)
        report = self.folder.report()
        assert report is not None
        self.done = report.done
        return report.state

    def copies(self) -> list[bytes]:
        """What the stick has after it was put into a computer."""
        copy = self.stick.image.with_name("copies")
        shutil.rmtree(copy, ignore_errors=True)

        def take_off(point: Path) -> None:
            shutil.copytree(point / FOLDER, copy)

        self.stick.fill(take_off)
        return [path.read_bytes() for path in copy.rglob("*.jpg")]


def photos(count: int) -> list[bytes]:
    return sorted(jpeg(number, SIZE) for number in range(count))


@pytest.mark.parametrize("kind", KINDS)
def test_e4_a_stick_of_each_kind_gets_the_photos(stick: Stick, kind: str) -> None:
    copier = Copier(stick.make(kind), 5)
    assert copier.copy() is CopyState.DONE
    assert sorted(copier.copies()) == photos(5)
    assert copier.copy() is CopyState.DONE
    assert len(copier.copies()) == 5


def test_e4_only_root_mounts_and_the_booths_user_copies(stick: Stick) -> None:
    copier = Copier(stick.make("ext4"), 1)
    assert copier.copy() is CopyState.DONE
    owners: list[tuple[int, int]] = []

    def look(point: Path) -> None:
        owners.extend({(path.stat().st_uid, path.stat().st_gid) for path in (point / FOLDER).rglob("*")})
        assert owners == [(BOOTH, GROUP)]
        assert (point / FOLDER / KEY_FILE).is_file()
        assert all(path.stat().st_mode & 0o004 for path in (point / FOLDER).rglob("*.jpg"))

    stick.fill(look)


def test_e4_a_full_stick_is_told_and_goes_on_when_there_is_room(stick: Stick) -> None:
    copier = Copier(stick.make("ext4", size_mb=8), 12)

    def fill(point: Path) -> None:
        room = os.statvfs(point)
        with (point / "film.mkv").open("wb") as film:
            film.write(b"\xff" * (room.f_bavail * room.f_frsize - 5 * len(jpeg(0, SIZE))))

    stick.fill(fill)
    assert copier.copy() is CopyState.FULL
    assert 0 < copier.done < 12
    assert len(copier.copies()) == copier.done
    stick.fill(lambda point: (point / "film.mkv").unlink())
    assert copier.copy() is CopyState.DONE
    assert sorted(copier.copies()) == photos(12)


def test_e4_a_read_only_stick_is_told(stick: Stick) -> None:
    copier = Copier(stick.make("ext4"), 1)
    stick.plug_in("--read-only")
    assert copier.copy() is CopyState.READ_ONLY


def test_e4_a_stick_that_was_never_formatted_is_told(stick: Stick) -> None:
    copier = Copier(stick.make("ext4"), 1)
    stick.pull()
    stick.image.write_bytes(os.urandom(1 << 20))
    stick.plug_in()
    assert copier.copy() is CopyState.UNREADABLE


@pytest.mark.parametrize("leaves_a_device", [False, True])
def test_e4_a_stick_that_is_gone_is_told(stick: Stick, leaves_a_device: bool) -> None:
    """Its device is never given back before: another test would get it."""
    copier = Copier(stick.make("ext4"), 1)
    if leaves_a_device:
        stick.empty()
    else:
        stick.link.unlink()
        stick.link.symlink_to("/dev/loop-of-no-stick")
    assert copier.copy() is CopyState.PULLED


def test_e4_a_disk_in_use_is_left_alone(stick: Stick) -> None:
    copier = Copier(stick.make("ext4"), 1)
    before = stick.image.read_bytes()
    with stick.link.resolve().open("rb"):
        descriptor = os.open(stick.link.resolve(), os.O_RDONLY | os.O_EXCL)
        try:
            assert copier.copy() is CopyState.FAILED
        finally:
            os.close(descriptor)
    assert stick.image.read_bytes() == before


def test_e4_a_stick_that_is_mounted_is_left_alone(stick: Stick) -> None:
    """The kernel would mount it a second time."""
    copier = Copier(stick.make("ext4"), 1)
    elsewhere = stick.box / "media"

    def mount(stick: Stick) -> None:
        elsewhere.mkdir()
        subprocess.run(["mount", "-o", "ro", stick.link.resolve(), elsewhere], check=True)

    assert copier.copy(before=mount) is CopyState.FAILED
    assert not copier.folder.knows(JOB.uuid, JOB.link_id)


@pytest.mark.parametrize("after", [0, 1, 3, 4])
def test_e4_a_stick_pulled_while_it_is_copied_to_goes_on(
    stick: Stick, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    """The image is cut short under it, so that the device fails like one that is pulled: by root, at a word."""
    copier = Copier(stick.make("ext4"), 5)
    real, left = export_target._write, iter(range(after))
    (wanted, want), (done, tell) = os.pipe(), os.pipe()
    pulled: list[Path] = []

    def write(path: Path, content: bytes, taken_ms: int | None) -> None:
        if next(left, None) is None and not pulled:
            pulled.append(path)
            os.write(want, b"!")
            os.read(done, 1)
        real(path, content, taken_ms)

    def pull() -> None:
        os.read(wanted, 1)
        stick.empty()
        os.write(tell, b"!")

    whole = stick.image.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(export_target, "_write", write)
        patch.setattr(export_target, "_AT_A_TIME_BYTES", 1)
        puller = threading.Thread(target=pull)
        puller.start()
        assert copier.copy() is CopyState.PULLED
        puller.join(PATIENCE_S)
    for descriptor in (wanted, want, done, tell):
        os.close(descriptor)
    stick.pull()
    stick.image.write_bytes(whole)  # nothing of it was kept: as bad as it can be
    stick.plug_in()
    assert copier.copy() is CopyState.DONE
    assert sorted(copier.copies()) == photos(5)


# -- bad sticks ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("trap", ["file", "link", "pipe"])
def test_e4_something_else_in_the_folders_place_leads_nowhere(stick: Stick, trap: str) -> None:
    copier = Copier(stick.make("ext4"), 1)

    def lay(point: Path) -> None:
        match trap:
            case "file":
                (point / FOLDER).write_text("mine")
            case "link":
                (point / FOLDER).symlink_to("/var/lib")
            case "pipe":
                os.mkfifo(point / FOLDER)

    stick.fill(lay)
    assert copier.copy() is CopyState.FAILED
    assert not (Path("/var/lib") / EVENT).exists()


def test_e4_a_link_in_the_events_place_is_not_followed(stick: Stick, tmp_path: Path) -> None:
    copier = Copier(stick.make("ext4"), 1)

    def lay(point: Path) -> None:
        (point / FOLDER).mkdir()
        (point / FOLDER / EVENT).symlink_to(tmp_path)
        (point / FOLDER / KEY_FILE).symlink_to(tmp_path / "key")

    stick.fill(lay)
    assert copier.copy() is CopyState.FAILED
    assert list(tmp_path.iterdir()) == []


def test_e4_a_stick_full_of_files_with_odd_names_takes_them(stick: Stick) -> None:
    copier = Copier(stick.make("ext4", size_mb=64), 3)

    def lay(point: Path) -> None:
        for number in range(2000):
            (point / f"\x1b[2J\n\u202e {number}").touch()
        event = point / FOLDER / EVENT
        event.mkdir(parents=True)
        os.chown(point / FOLDER, BOOTH, GROUP)
        os.chown(event, BOOTH, GROUP)
        for number in range(2000):
            (event / f"\x07\udcff{number}.jpg").touch()

    stick.fill(lay)
    assert copier.copy() is CopyState.DONE
    assert len([content for content in copier.copies() if content]) == 3


def test_e4_a_work_that_dies_is_told(stick: Stick) -> None:
    owner = (os.geteuid(), os.getegid())
    assert copying.as_user(owner, lambda: os.kill(os.getpid(), signal.SIGKILL)) is CopyState.FAILED  # type: ignore[arg-type, return-value]
    assert copying.as_user(owner, lambda: 1 / 0) is CopyState.FAILED  # type: ignore[arg-type, return-value]
    assert copying.as_user(owner, lambda: CopyState.FULL) is CopyState.FULL
