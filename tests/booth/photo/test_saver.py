"""The saver: what "saved" means, what a photo says of itself, and what becomes of frames."""

from __future__ import annotations

import dataclasses
import errno
import gc
import queue
import sys
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import ExifTags, Image

from piboothup.booth.flow.events import Event, MoveHeld, Saved, SavingFailed, Withdrawn
from piboothup.booth.frame import Frame
from piboothup.booth.photo import saver as module
from piboothup.booth.photo.saver import Saver
from piboothup.config import CameraConfig, Config, PhotoConfig
from piboothup.problems import problem
from piboothup.runtime import HintSocket
from piboothup.spool import commit, durable, handover
from piboothup.spool.capture_time.anchors import Anchor, Source
from piboothup.spool.contexts import Context, context_for
from piboothup.spool.listing import HELD, NEW, WITHDRAWN
from piboothup.spool.names import PhotoName
from piboothup.spool.store import Spool
from tests.support.camera import grey_frame
from tests.support.clock import HandClock
from tests.support.deadline import PATIENCE_S
from tests.support.photos import PARTY, identity_in, is_intact, jpeg, names_in_new, open_spool, take

GALA = context_for("wxyz9876", "", "")
S = 1_000_000_000


class Bench:
    """A saver on a spool, and what it posts."""

    def __init__(self, root: Path) -> None:
        self.clock = HandClock()
        self.spool = open_spool(root / "spool", self.clock)
        self.config = Config(name="Booth 7", timezone="Europe/Berlin")
        self.runtime = root
        self.told: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self.on_disk: list[int] = []
        """How many photos the card held when "saved" was posted."""
        self.saver: Saver | None = None

    def start(self) -> Saver:
        self.saver = Saver(self.config, self.spool, PARTY, self.runtime, self._post)
        self.saver.start()
        return self.saver

    def _post(self, event: Event) -> None:
        if isinstance(event, Saved):
            self.on_disk.append(len(self.photos()))
        self.told.put(event)

    def save(self, frame: Frame) -> Event:
        """Hand the frame over; the saver's answer. The saver then waits for the next."""
        assert (self.saver or self.start()) is self.saver
        assert self.saver is not None
        self.saver.save(frame)
        del frame
        came = self.told.get(timeout=PATIENCE_S)
        self.settle()
        return came

    def settle(self) -> None:
        """Wait until the saver has done what it was given."""
        settled = threading.Event()
        assert self.saver is not None
        self.saver._jobs.put(settled.set)
        assert settled.wait(PATIENCE_S)

    def photos(self) -> list[PhotoName]:
        return names_in_new(Spool(self.spool.directory, self.clock, "serial-1"))

    def exif(self) -> tuple[Image.Exif, dict[int, object]]:
        """What the only photo says of itself."""
        (name,) = self.photos()
        with Image.open(self.spool.path(name)) as photo:
            found = photo.getexif()
        return found, found.get_ifd(ExifTags.IFD.Exif)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    if made.saver is not None:
        assert made.saver.stop(PATIENCE_S)


def test_saved_said_only_when_photo_in_spool_under_its_hash(bench: Bench) -> None:
    assert bench.save(grey_frame(7 * S)) == Saved(1)
    assert bench.save(grey_frame(8 * S)) == Saved(2)
    assert bench.on_disk == [1, 2]
    assert [name.boottime_ms for name in bench.photos()] == [7000, 8000]
    assert all(is_intact(bench.spool, name) for name in bench.photos())
    assert {name.context for name in bench.photos()} == {PARTY.id}


def test_photo_time_in_zone_of_box_when_a_clock_is_trusted(bench: Bench) -> None:
    # Boot-time 100 s is 15 June 2025, 15:06:40 UTC; the exposure began 2.25 s earlier.
    bench.spool.add_anchor(Anchor(Source.NTP, 100_000, 1_750_000_000_000, 5))
    bench.save(grey_frame(97_750_000_000))
    plain, details = bench.exif()
    assert details[ExifTags.Base.DateTimeOriginal] == "2025:06:15 17:06:37"
    assert details[ExifTags.Base.OffsetTimeOriginal] == "+02:00"
    assert details[ExifTags.Base.SubsecTimeOriginal] == "750"
    assert plain[ExifTags.Base.DateTime] == "2025:06:15 17:06:37"


def test_a_photo_tells_no_moment_while_no_clock_is_trusted(bench: Bench) -> None:
    bench.save(grey_frame(97 * S))
    plain, details = bench.exif()
    assert ExifTags.Base.DateTimeOriginal not in details
    assert ExifTags.Base.DateTime not in plain


def test_a_photo_tells_who_took_it_with_what_and_which_one_it_is(bench: Bench) -> None:
    bench.save(grey_frame(97 * S))
    plain, details = bench.exif()
    assert plain[ExifTags.Base.Artist] == "Booth 7"
    assert plain[ExifTags.Base.Model] == "imx477"
    assert details[ExifTags.Base.ExposureTime] == pytest.approx(0.01)
    assert details[ExifTags.Base.ISOSpeedRatings] == 200
    (name,) = bench.photos()
    identity = identity_in(str(details[ExifTags.Base.ImageUniqueID]))
    assert identity is not None
    assert PhotoName.of(identity, bench.spool.path(name).read_bytes()) == name


def test_quality_and_rotation_are_the_configs(bench: Bench) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (48, 64), dtype=np.uint8)
    sizes = []
    for seconds, table in ((1, CameraConfig(jpeg_quality=95, rotation=90)), (2, CameraConfig(jpeg_quality=50))):
        bench.config = dataclasses.replace(bench.config, camera=table)
        bench.start()
        bench.save(dataclasses.replace(grey_frame(seconds * S), y=noise))
        assert bench.saver is not None
        assert bench.saver.stop(PATIENCE_S)
        path = bench.spool.path(bench.photos()[-1])
        with Image.open(path) as photo:
            sizes.append((photo.size, path.stat().st_size))
    bench.saver = None
    assert [size for size, _ in sizes] == [(48, 64), (64, 48)]
    assert sizes[0][1] > 1.5 * sizes[1][1]


@pytest.mark.parametrize(("rotation", "bright"), [(0, (0, 0)), (90, (0, -1)), (180, (-1, -1)), (270, (-1, 0))])
def test_saved_comes_with_small_grey_copy_turned_like_photo(
    bench: Bench, rotation: int, bright: tuple[int, int]
) -> None:
    bench.config = dataclasses.replace(bench.config, camera=CameraConfig(rotation=rotation))
    y = np.full((480, 640), 20, np.uint8)
    y[:240, :320] = 220
    came = bench.save(dataclasses.replace(grey_frame(S, size=(640, 480)), y=y))
    assert isinstance(came, Saved)
    assert came.thumbnail is not None
    assert came.thumbnail.shape == ((96, 128) if rotation % 180 == 0 else (128, 96))
    assert [came.thumbnail[top, left] for top in (0, -1) for left in (0, -1)] == [
        220 if (top, left) == bright else 20 for top in (0, -1) for left in (0, -1)
    ]


def test_the_uploader_is_told_of_each_photo(bench: Bench, tmp_path: Path) -> None:
    hints = HintSocket(tmp_path, "uploader")
    bench.save(grey_frame(S))
    assert hints.receive(PATIENCE_S) == ["new", str(bench.photos()[0])]
    hints.close()


def test_an_uploader_that_is_another_users_holds_up_no_photo(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_words: object) -> bool:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(module, "send_hint", refuse)
    assert [bench.save(grey_frame(number * S)) for number in (1, 2)] == [Saved(1), Saved(2)]


# -- frames --------------------------------------------------------------------------------------------------------


def test_frame_returned_to_camera_once_before_card_is_touched(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    real = commit.commit

    def note(spool: Spool, name: PhotoName, context: Context, content: bytes, *place: str) -> None:
        seen.append("commit")
        real(spool, name, context, content, *place)

    monkeypatch.setattr(commit, "commit", note)
    bench.save(grey_frame(S, lambda: seen.append("release")))
    assert seen == ["release", "commit"]


def broken_frame(release: list[str]) -> Frame:
    """One that no encoder takes: its planes do not belong together."""
    return dataclasses.replace(grey_frame(S, lambda: release.append("release")), u=np.zeros((3, 3), np.uint8))


def test_s17_unencodable_frame_returned_reported_leaves_nothing(bench: Bench) -> None:
    released: list[str] = []
    came = bench.save(broken_frame(released))
    assert isinstance(came, SavingFailed)
    assert came.problem.code == "encode_failed"
    assert released == ["release"]
    assert bench.photos() == []
    assert bench.save(grey_frame(2 * S)) == Saved(1)


@pytest.mark.parametrize("part", ["exif", "jpeg"])
def test_f16_a_part_that_cannot_be_loaded_keeps_no_frame(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    """Else the test photos of this fault take every buffer, and the camera is blamed."""
    released: list[str] = []
    with monkeypatch.context() as patched:
        patched.setitem(sys.modules, f"piboothup.booth.photo.{part}", None)
        came = bench.save(grey_frame(S, lambda: released.append("release")))
    assert came == SavingFailed(problem("not_saved"), problem("unsaved_defect", "ModuleNotFoundError"))
    assert released == ["release"]
    assert bench.save(grey_frame(2 * S)) == Saved(1)


@pytest.mark.parametrize("goes_well", [True, False])
def test_no_frame_is_kept_alive_until_the_next_one(bench: Bench, goes_well: bool) -> None:
    frame = grey_frame(S) if goes_well else broken_frame([])
    seen = weakref.ref(frame)
    bench.start().save(frame)
    del frame
    came = bench.told.get(timeout=PATIENCE_S)
    gc.collect()
    assert isinstance(came, Saved if goes_well else SavingFailed)
    assert seen() is None


# -- what goes wrong -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("number", "code"), [(errno.ENOSPC, "card_full"), (errno.EROFS, "card_readonly")])
def test_s01_s04_photo_refused_by_card_is_not_called_saved(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, number: int, code: str
) -> None:
    bench.start()

    def refuse(*_: object) -> None:
        raise OSError(number, "refused")

    with monkeypatch.context() as patched:
        patched.setattr(durable, "write_new", refuse)
        assert bench.save(grey_frame(S)) == SavingFailed(problem(code), problem(code))
    assert bench.photos() == []
    assert bench.save(grey_frame(2 * S)) == Saved(1)
    assert [name.seq for name in bench.photos()] == [2]


def test_unexpected_error_reported_next_photo_taken(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr("piboothup.booth.photo.exif.with_exif", lambda *_: 1 // 0)
        assert bench.save(grey_frame(S)) == SavingFailed(
            problem("not_saved"), problem("unsaved_exif", "ZeroDivisionError")
        )
    assert "saver failed" in caplog.text
    assert bench.save(grey_frame(2 * S)) == Saved(1)


# -- counting ------------------------------------------------------------------------------------------------------


def test_photo_count_includes_earlier_of_event_own_only_once(bench: Bench) -> None:
    for number in range(3):
        take(bench.spool, jpeg(number))
    take(bench.spool, jpeg(9), GALA)
    saver = bench.start()
    assert bench.save(grey_frame(S)) == Saved(1)  # not counted yet: that may take a while
    saver.count_held()
    assert saver.taken == 4
    assert bench.save(grey_frame(2 * S)) == Saved(5)


@pytest.mark.parametrize("goes_well", [True, False])
def test_a_photo_saved_while_others_are_counted_counts_once(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, goes_well: bool
) -> None:
    """It lies on the card already, and the saver has not gone on from there."""
    take(bench.spool, jpeg(1))
    saver = bench.start()

    def commit_then_count(*given: Any) -> None:
        if goes_well:
            real(*given)
        saver.count_held()
        if not goes_well:
            raise commit.NotSaved(problem("card_full"))

    real = commit.commit
    with monkeypatch.context() as patched:
        patched.setattr(commit, "commit", commit_then_count)
        bench.save(grey_frame(S))
    assert saver.taken == (2 if goes_well else 1)
    assert bench.save(grey_frame(2 * S)) == Saved(3 if goes_well else 2)


# -- the end -------------------------------------------------------------------------------------------------------


def test_the_end_waits_for_the_photos_in_hand(bench: Bench) -> None:
    saver = bench.start()
    for seconds in (1, 2, 3):
        saver.save(grey_frame(seconds * S))
    assert saver.stop(PATIENCE_S)
    assert sum(1 for _ in bench.spool.names(NEW)) == 3


def test_the_end_tells_when_the_photo_in_hand_is_not_saved(bench: Bench) -> None:
    releasing, may_release = threading.Event(), threading.Event()

    def hang() -> None:
        releasing.set()
        may_release.wait()

    saver = bench.start()
    saver.save(grey_frame(S, hang))
    assert releasing.wait(PATIENCE_S)
    assert not saver.stop(0)
    may_release.set()


def test_s15_hung_card_counts_as_alive_for_2_min_no_longer(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    entered, held, real = threading.Event(), threading.Event(), commit.commit

    def hang(spool: Spool, name: PhotoName, context: Context, photo: bytes, *place: str) -> None:
        entered.set()
        assert held.wait(PATIENCE_S)
        real(spool, name, context, photo, *place)

    monkeypatch.setattr(commit, "commit", hang)
    saver = bench.start()
    saver.save(grey_frame(7 * S))
    assert entered.wait(PATIENCE_S)
    began_ns = bench.clock.boottime_ns()
    bench.clock.pass_s(119)
    assert saver.heartbeat.last_ns() == bench.clock.boottime_ns()
    bench.clock.pass_s(2)
    assert saver.heartbeat.last_ns() == began_ns
    held.set()
    assert bench.told.get(timeout=PATIENCE_S) == Saved(1)


def test_e3_a_photo_that_stays_held_is_tried_again(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.config = dataclasses.replace(bench.config, photo=PhotoConfig(take_back_s=6))
    came = bench.save(grey_frame(7 * S))
    assert isinstance(came, Saved) and came.held is not None
    real, failing = durable.move, [True]

    def move(source: Path, target: Path) -> None:
        if failing[0] and HELD in source.parts:
            raise OSError(errno.EIO, "Input/output error")
        real(source, target)

    monkeypatch.setattr(durable, "move", move)
    assert bench.saver is not None
    bench.saver.move_held(MoveHeld(came.held, WITHDRAWN))
    told = bench.told.get(timeout=PATIENCE_S)
    assert told == Withdrawn(problem("not_taken_back", "Input/output error"))
    assert list(bench.spool.names(HELD)) == [came.held]
    failing[0] = False
    assert isinstance(bench.save(grey_frame(8 * S)), Saved)
    assert bench.saver.stop(PATIENCE_S)
    assert list(bench.spool.names(WITHDRAWN)) == [came.held]
    assert bench.told.empty()  # its guest has gone


@pytest.mark.parametrize("place", [NEW, WITHDRAWN])
def test_e3_a_held_photo_s_disk_comes_back(bench: Bench, tmp_path: Path, place: str) -> None:
    """No photo is taken after it: it is moved all the same."""
    bench.config = dataclasses.replace(bench.config, photo=PhotoConfig(take_back_s=6))
    directory, away = bench.spool.directory, tmp_path / "away"
    with bench.spool.lock("booth"):
        bench.spool.start("booth")
        came = bench.save(grey_frame(7 * S))
        assert isinstance(came, Saved) and came.held is not None and bench.saver is not None
        directory.rename(away)
        for _ in range(2):
            bench.saver.move_held(MoveHeld(came.held, place))
        bench.saver.keep_house()
        assert bench.saver.stop(PATIENCE_S)
        assert list(bench.saver._unmoved.items()) == [(came.held, place)]
        assert not directory.exists()  # nothing was made in place of the disk
        away.rename(directory)
        bench.saver._thread = threading.Thread(target=bench.saver._run)
        bench.saver._thread.start()
        bench.saver.keep_house()  # too early
        assert bench.saver._jobs.empty()
        bench.clock.pass_s(11)
        bench.saver.keep_house()
        assert bench.saver.stop(PATIENCE_S)
        assert (bench.saver._unmoved, list(bench.spool.names(place))) == ({}, [came.held])


def test_e3_the_count_goes_on_after_a_photo_is_taken_back(bench: Bench) -> None:
    """Also for a frame that was handed over before; and for one of before the service started."""
    bench.config = dataclasses.replace(bench.config, photo=PhotoConfig(take_back_s=6))
    earlier = [take(bench.spool, jpeg(number), PARTY, HELD) for number in range(3)]
    saver = bench.start()
    saver.count_held()
    came = bench.save(grey_frame(7 * S))
    assert isinstance(came, Saved) and came.held is not None and came.number == 4
    saver.move_held(MoveHeld(came.held, WITHDRAWN))
    saver.save(grey_frame(8 * S))
    assert bench.told.get(timeout=PATIENCE_S) == Withdrawn(None)
    answer = bench.told.get(timeout=PATIENCE_S)
    assert isinstance(answer, Saved) and answer.number == 4
    saver.move_held(MoveHeld(earlier[0], WITHDRAWN))
    assert saver.stop(PATIENCE_S)
    assert saver.taken == 3 == len(bench.spool.photos_of(PARTY))


def test_e3_e5_a_restored_photo_is_counted_again(bench: Bench) -> None:
    """Beside the booth it goes from withdrawn/ to new/ at once; also one of an earlier start."""
    bench.config = dataclasses.replace(bench.config, photo=PhotoConfig(take_back_s=6))
    earlier = take(bench.spool, jpeg(1), PARTY, HELD)
    handover.move_held(bench.spool, earlier, WITHDRAWN)
    bench.spool = open_spool(bench.spool.directory, bench.clock)
    came = bench.save(grey_frame(7 * S))
    assert isinstance(came, Saved) and came.held is not None and bench.saver is not None
    bench.saver.move_held(MoveHeld(came.held, WITHDRAWN))
    assert bench.told.get(timeout=PATIENCE_S) == Withdrawn(None)
    for name, taken in (earlier, 1), (came.held, 2):
        for _ in range(2):
            bench.clock.pass_s(11)
            bench.saver.keep_house()
        assert bench.saver.taken == taken - 1
        handover.restore(bench.spool, name)
        bench.clock.pass_s(11)
        bench.saver.keep_house()
        bench.saver.keep_house()
        assert bench.saver.taken == taken == len(bench.spool.photos_of(PARTY))
    assert bench.saver.stop(PATIENCE_S)


def test_e3_a_photo_restored_after_its_frame_went_is_released(bench: Bench) -> None:
    """It had a frame in an earlier start, and no composer is there any more. Once: the card's own backlog is left."""
    (bench.spool.directory.parent / "frame.png").write_bytes(b"")
    commit.note_composition(bench.spool, "0123456789abcdef", originals=True)
    identity = bench.spool.next_identity(5, PARTY, has_copy=True)
    name = PhotoName.of(identity, jpeg(1))
    commit.commit(bench.spool, name, PARTY, jpeg(1), HELD)
    handover.move_held(bench.spool, name, WITHDRAWN)
    bench.spool = open_spool(bench.spool.directory, bench.clock)
    saver = bench.start()
    saver.keep_house()
    handover.restore(bench.spool, name)
    assert list(bench.spool.names(HELD)) == [name]
    for _ in range(2):
        bench.clock.pass_s(11)
        saver.keep_house()
    assert saver.stop(PATIENCE_S)
    assert bench.photos() == [name]


def test_e3_a_photo_restored_before_the_first_look_is_released(bench: Bench) -> None:
    """Housekeeping comes late on a busy box: what was taken back since the start was in held/ for nobody then."""
    (bench.spool.directory.parent / "frame.png").write_bytes(b"")
    bench.config = dataclasses.replace(bench.config, photo=PhotoConfig(take_back_s=6))
    commit.note_composition(bench.spool, "0123456789abcdef", originals=True)
    came = bench.save(grey_frame(7 * S))
    assert isinstance(came, Saved) and came.held is not None and bench.saver is not None
    bench.saver.move_held(MoveHeld(came.held, WITHDRAWN))
    assert bench.told.get(timeout=PATIENCE_S) == Withdrawn(None)
    durable.move(bench.spool.path(came.held, WITHDRAWN), bench.spool.path(came.held, HELD))
    bench.saver.keep_house()
    assert bench.saver.stop(PATIENCE_S)
    assert bench.photos() == [came.held]


@pytest.mark.parametrize("place", [NEW, WITHDRAWN])
def test_e3_a_held_photo_that_is_gone_is_tried_once(bench: Bench, place: str) -> None:
    bench.config = dataclasses.replace(bench.config, photo=PhotoConfig(take_back_s=6))
    came = bench.save(grey_frame(7 * S))
    assert isinstance(came, Saved) and came.held is not None
    bench.spool.path(came.held, HELD).unlink()
    assert bench.saver is not None
    bench.saver.move_held(MoveHeld(came.held, place))
    if place == WITHDRAWN:
        assert isinstance(bench.told.get(timeout=PATIENCE_S), Withdrawn)
    assert isinstance(bench.save(grey_frame(8 * S)), Saved)
    assert bench.saver._unmoved == {}
