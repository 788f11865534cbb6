"""Framed copies of saved photos: what becomes of copy and original, whatever goes wrong, and after a restart."""

from __future__ import annotations

import contextlib
import io
import os
import queue
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import ExifTags, Image

from piboothup.booth import photo
from piboothup.booth.flow.events import MoveHeld, Saved
from piboothup.booth.gpio.led import LightPattern
from piboothup.booth.photo import compose
from piboothup.booth.photo.composer import Composer
from piboothup.booth.photo.frame_file import FrameUnusable
from piboothup.booth.photo.saver import Saver
from piboothup.config import Config, PhotoConfig
from piboothup.problems import problem
from piboothup.runtime import HintSocket
from piboothup.spool import commit, durable, handover, recovery
from piboothup.spool.admin import assign, wipe
from piboothup.spool.capture_time import boots
from piboothup.spool.listing import BOOTS, FOLDERS_OF_2, HELD, KEPT, NEW, PARKED, QUARANTINE, SENT, TMP, WITHDRAWN
from piboothup.spool.names import PhotoName
from piboothup.spool.store import Spool
from piboothup.status import BoothState
from tests.support.booth import Box, pass_until
from tests.support.camera import grey_frame
from tests.support.clock import HandClock
from tests.support.composing import ComposerBench, fail_to_decode, fill_card, give_no_memory
from tests.support.deadline import PATIENCE_S, until
from tests.support.frames import frame, png
from tests.support.photos import PARTY, is_intact, jpeg, names_in_new, open_spool, take

S = 1_000_000_000
FRAME, OTHER = frame((64, 48)), frame((64, 48), "banner")


class Bench(ComposerBench):
    """A composer of framed copies; and what it tells the uploader."""

    def __init__(self, root: Path) -> None:
        self.frame = root / "frame.png"
        self.frame.write_bytes(FRAME)
        self.originals = True
        super().__init__(root)

    def config(self) -> Config:
        return Config(photo=PhotoConfig(str(self.frame), self.originals))

    def press(self, number: int = 0) -> PhotoName:
        """A photo is saved as the saver does it."""
        self.clock.pass_s(5)
        composition = self.composer.begin()
        at_ms = self.clock.boottime_ns() // 1_000_000
        identity = self.spool.next_identity(at_ms, PARTY, has_copy=composition is not None)
        name = PhotoName.of(identity, jpeg(number))
        commit.commit(self.spool, name, PARTY, jpeg(number), HELD if composition is not None else NEW)
        return name

    def numbers(self, place: str) -> list[int]:
        return [name.seq for name in self.in_place(place)]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def picture_of(bench: Bench, name: PhotoName, place: str = NEW) -> Image.Image:
    return Image.open(io.BytesIO(bench.spool.path(name, place).read_bytes()))


def test_e2_a_copy_is_a_photo_of_its_own(bench: Bench) -> None:
    original = bench.press(1)
    assert bench.numbers(HELD) == [1]
    bench.composer.make(original)
    assert bench.in_place(HELD) == []
    first, copy = bench.in_place(NEW)
    assert first == original
    assert (copy.boot, copy.seq, copy.boottime_ms, copy.context) == (1, 2, original.boottime_ms, PARTY.id)
    assert copy.file_name != original.file_name
    assert is_intact(bench.spool, copy)
    assert bench.spool.taken_at_ms(copy) == bench.spool.taken_at_ms(original)
    with picture_of(bench, copy) as picture:
        unique_id = picture.getexif().get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.ImageUniqueID]
        assert unique_id == copy.unique_id == original.copy.unique_id
        red, _, blue = picture.convert("RGB").getpixel((1, 1))  # type: ignore[misc]
        assert (red > 170, blue < 110) == (True, True)
    assert bench.composer.problem is None
    assert bench.press(2).seq == 3


def test_e2_originals_are_kept_if_they_are_not_to_be_sent(bench: Bench) -> None:
    bench.originals = False
    bench.start()
    bench.composer.make(bench.press(1))
    assert (bench.numbers(NEW), bench.numbers(KEPT), bench.numbers(HELD)) == ([2], [1], [])


def test_e2_copies_are_made_not_taken(bench: Bench) -> None:
    for number in range(3):
        bench.composer.make(bench.press(number))
    assert len(bench.in_place(NEW)) == 6
    assert bench.spool.photos_of(PARTY) == {(1, 1), (1, 3), (1, 5)}


def test_e2_a_copy_of_a_photo_wiped_meanwhile_is_not_stored(bench: Bench) -> None:
    name = bench.press()
    durable.remove(bench.spool.path(name, HELD))
    with pytest.raises(FileNotFoundError):
        commit.commit_composed(bench.spool, name.copy, [name], jpeg(9))
    assert not bench.in_place(NEW)


# -- what goes wrong -------------------------------------------------------------------------------------------------


def damage_photo(bench: Bench, _patch: pytest.MonkeyPatch) -> None:
    (name,) = bench.in_place(HELD)
    path = bench.spool.path(name, HELD)
    path.write_bytes(path.read_bytes()[:-9] + bytes(9))


def replace_frame(bench: Bench, _patch: pytest.MonkeyPatch) -> None:
    bench.frame.write_bytes(OTHER)


def damage_frame(_bench: Bench, patch: pytest.MonkeyPatch) -> None:
    """Its first chunks are good, its pixels are not: that shows when it is decoded."""

    def prepare(*_given: object) -> None:
        raise FrameUnusable("frame_broken")

    patch.setattr(compose, "prepare", prepare)


def remove_frame(bench: Bench, _patch: pytest.MonkeyPatch) -> None:
    bench.frame.unlink()


FAILURES: dict[Callable[[Bench, pytest.MonkeyPatch], None], tuple[str, bool]] = {
    give_no_memory: ("frame_memory", True),
    fail_to_decode: ("frame_memory", True),
    fill_card: ("frame_failed", True),
    damage_photo: ("frame_failed", True),
    replace_frame: ("frame_missing", False),
    damage_frame: ("frame_broken", False),
    remove_frame: ("frame_missing", False),
}
"""The problem that is told, and whether the frame stays in force."""


@pytest.mark.parametrize("fail", FAILURES)
@pytest.mark.parametrize("originals", [True, False], ids=["sent", "kept"])
def test_e2_whatever_fails_the_original_goes_and_it_is_told(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, fail: Callable[[Bench, pytest.MonkeyPatch], None], originals: bool
) -> None:
    bench.originals = originals
    bench.start()
    original = bench.press(1)
    with monkeypatch.context() as patched:
        fail(bench, patched)
        bench.composer.make(original)
    code, stays = FAILURES[fail]
    assert bench.composer.problem is not None
    assert bench.composer.problem.code == code
    assert (bench.in_place(NEW), bench.in_place(HELD), bench.in_place(KEPT)) == ([original], [], [])
    assert not list((bench.spool.directory / TMP).iterdir())
    following = bench.press(2)
    assert (following in bench.in_place(HELD)) == stays
    if stays:
        bench.composer.make(following)
        assert bench.composer.problem is None
        assert bench.numbers(KEPT if not originals else NEW)[-1] == (3 if not originals else 4)


@pytest.mark.parametrize("content", [b"", png(Image.new("RGB", (60, 40))), None], ids=["empty", "opaque", "none"])
def test_e2_with_a_bad_frame_photos_go_as_without(bench: Bench, content: bytes | None) -> None:
    bench.frame.unlink()
    if content is not None:
        bench.frame.write_bytes(content)
    bench.start()
    bench.press(1)
    assert bench.composer.problem is not None
    assert bench.composer.problem.code in ("frame_format", "frame_opaque", "frame_missing")
    assert bench.numbers(NEW) == [1]
    assert not any((bench.spool.directory / place).exists() for place in FOLDERS_OF_2)
    assert bench.press(2).seq == 2


def test_e2_a_frame_that_cannot_be_noted_holds_no_photo(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def append_line(path: Path, _line: str) -> None:
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(durable, "append_line", append_line)
    bench.composer.make(bench.press(1))
    assert (bench.numbers(NEW), bench.numbers(HELD)) == ([1], [])


@pytest.mark.parametrize("moment", ["before", "while it is made"])
def test_e2_a_photo_wiped_meanwhile_gets_no_copy(bench: Bench, monkeypatch: pytest.MonkeyPatch, moment: str) -> None:
    original, real = bench.press(1), compose.compose

    def wipe() -> None:
        with contextlib.suppress(FileNotFoundError):
            durable.remove(bench.spool.path(original, HELD))

    def wiped_meanwhile(*given: Any) -> bytes:
        wipe()
        return real(*given)

    monkeypatch.setattr(compose, "compose", wiped_meanwhile)
    if moment == "before":
        wipe()
    bench.composer.make(original)
    assert [bench.in_place(place) for place in (NEW, HELD, KEPT)] == [[], [], []]
    assert bench.composer.problem is None


@pytest.mark.parametrize("is_sent", [True, False])
def test_e2_e5_a_copy_made_after_the_count_is_wiped_too(bench: Bench, is_sent: bool) -> None:
    name, other = bench.press(1), bench.press(2)
    bench.composer.make(other)
    plan = wipe.plan(wipe.survey(bench.spool, booth_runs=True), PARTY.link_id)
    assert (plan.unsent, len(plan.events[0].items)) == (3, 3)
    bench.composer.make(name)
    if is_sent:
        handover.mark_sent(bench.spool, bench.in_place(NEW)[1])
    later = bench.press(3)
    receipt = wipe.wipe(bench.spool, plan, unsent=True, in_use=(PARTY.id,))
    assert (receipt.taken, receipt.left) == (3, 1)
    assert [bench.in_place(place) for place in (NEW, SENT, KEPT, HELD)] == [[], [], [], [later]]


def test_e2_a_photo_given_another_event_goes_without(bench: Bench) -> None:
    """The copy is not among the photos that were given: it would go to the event that the photo has left."""
    original = bench.press(1)
    assign.assign(bench.spool, assign.propose(bench.spool, PARTY.id, "wxyz9876"))
    bench.composer.make(original)
    found = bench.in_place(NEW)
    assert original in found
    events = {context.link_id for name in found if (context := bench.spool.context_of(name)) is not None}
    assert events == {"wxyz9876"}


# -- restarts --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("originals", [True, False], ids=["sent", "kept"])
@pytest.mark.parametrize("again", [Bench.start, Bench.power_on], ids=["restart", "power cut"])
def test_e2_what_is_held_is_made_up_for(bench: Bench, again: Callable[[Bench], None], originals: bool) -> None:
    bench.originals = originals
    bench.start()
    held = [bench.press(number) for number in range(3)]
    again(bench)
    later = bench.press(4)
    bench.composer.make_up()
    copies = [name for name in bench.in_place(NEW) if name not in held]
    assert [name.order for name in copies] == [(name.boot, name.seq + 1) for name in held]
    assert [name.boottime_ms for name in copies] == [name.boottime_ms for name in held]
    assert bench.in_place(HELD) == [later]
    assert later.seq == (7 if later.boot == 1 else 1)
    assert (bench.in_place(KEPT) == held) != originals
    bench.composer.make_up()
    assert len(bench.in_place(NEW)) == (6 if originals else 3)


def test_e2_a_copy_that_is_there_is_not_made_again(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    for place in (NEW, SENT, PARKED, None):
        original = bench.press(1)
        with monkeypatch.context() as patched:
            patched.setattr(handover, "release_original", lambda _spool, _name, **_more: False)
            bench.composer.make(original)
        (copy,) = (name for name in bench.in_place(NEW) if name.order == original.copy.order)
        if place == PARKED:
            handover.park(bench.spool, copy, "why")
        elif place != NEW:
            handover.mark_sent(bench.spool, copy)
        if place is None:
            handover.retire(bench.spool, [copy])
        bench.power_on()
        with monkeypatch.context() as patched:
            patched.setattr(bench.composer, "make", None)
            bench.composer.make_up()
        assert original in bench.in_place(NEW)
        assert bench.in_place(HELD) == []


@pytest.mark.parametrize("content", [OTHER, b"", None], ids=["another frame", "a broken one", "none"])
@pytest.mark.parametrize("originals", [True, False], ids=["sent", "kept"])
def test_e2_another_frame_is_not_laid_over_earlier_photos(
    bench: Bench, content: bytes | None, originals: bool
) -> None:
    bench.originals = originals
    bench.start()
    held = [bench.press(number) for number in range(2)]
    if content is not None:
        bench.frame.write_bytes(content)
        bench.power_on()
        bench.composer.make_up()
    else:
        recovery.recover(open_spool(bench.spool.directory, bench.clock))
    assert bench.in_place(NEW) == held
    assert bench.in_place(HELD) == []


def test_e2_without_a_frame_again_numbers_go_on_singly(bench: Bench) -> None:
    assert bench.press(1).seq == 1
    spool = open_spool(bench.spool.directory, bench.clock)
    first, second = take(spool, jpeg(2)), take(spool, jpeg(3), PARTY, HELD)
    assert (first.seq, second.seq) == (3, 4)
    assert [spool.composition_of(name) is None for name in (first, second)] == [True, True]
    bench.start()
    bench.composer.make_up()
    assert bench.numbers(NEW) == [1, 2, 3, 4]
    assert bench.press(4).seq == 5


@pytest.mark.parametrize("noted", [True, False])
def test_e2_a_frame_that_goes_while_photos_are_taken(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, noted: bool
) -> None:
    """Each photo counts as one, also where the card does not take the note; the copy of none is another's photo."""
    bench.originals = False
    bench.start()
    names = [bench.press(1)]
    bench.composer.make(names[0])
    bench.frame.write_bytes(OTHER)
    bench.composer.frame._prepared = None
    names.append(bench.press(2))
    bench.composer.make(names[1])
    if not noted:
        monkeypatch.setattr(boots, "add_composition", lambda *_given: os.close(-1))
    names += [bench.press(number) for number in (3, 4, 5)]
    assert bench.spool.photos_of(PARTY) == {name.order for name in names}
    assert len({name.seq for name in names}) == 5
    held = [name for name in names[2:] if bench.spool.path(name, HELD).exists()]
    assert len(held) == (0 if noted else 3)
    bench.power_on()
    bench.composer.make_up()
    assert bench.in_place(HELD) == []
    assert set(names[1:]) <= set(bench.in_place(NEW))


@pytest.mark.parametrize("has_line", ["not", "whole", "torn", "until power-off"])
@pytest.mark.parametrize("goes", [False, True])
@pytest.mark.parametrize("is_made", [False, True])
def test_e2_a_note_that_is_not_confirmed_costs_no_photo(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, has_line: str, goes: bool, is_made: bool
) -> None:
    """The disk fails as the note is synced: nobody knows which of the two counts after a power cut."""
    bench.originals = False
    bench.start()
    names = [bench.press(1)] if goes else []
    if goes:
        bench.composer.frame.refuse(FrameUnusable("frame_missing"))
    record = boots.path_of(bench.spool.directory / BOOTS, bench.spool.boot)
    before = record.read_bytes()

    def append(path: Path, line: str) -> None:
        with path.open("ab") as file:
            file.write({"not": b"", "torn": b"\n" + line.encode()[:9]}.get(has_line, f"\n{line}\n".encode()))
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(durable, "append_line", append)
        names.append(bench.press(2))
    held, fresh = (bench.spool.path(names[-1], place) for place in (HELD, NEW))
    if not held.exists():  # its guest may take it back
        held.parent.mkdir(parents=True, exist_ok=True)
        fresh.rename(held)
    names.append(bench.press(3))
    if has_line == "until power-off":
        record.write_bytes(before)
    if is_made:
        bench.composer.make(names[-2])
    bench.power_on()
    bench.composer.make_up()
    assert bench.in_place(HELD) == []
    in_album = [name.order for name in bench.in_place(NEW)]
    there = [*in_album, *(name.order for name in bench.in_place(KEPT))]
    assert len(set(there)) == len(there)
    assert all(name.order in in_album or name.copy.order in in_album for name in names)
    assert bench.spool.photos_of(PARTY) >= {name.order for name in names}


@pytest.mark.parametrize("is_copied", [True, False])
def test_e2_a_photo_that_stays_held_is_tried_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, is_copied: bool
) -> None:
    """Its copy is made once, and an original that is not to be sent is kept."""
    bench.originals = False
    bench.start()
    name, failing, real = bench.press(1), [True], durable.move

    def move(source: Path, target: Path) -> None:
        if failing[0] and (HELD in source.parts or not is_copied):
            raise OSError(5, "Input/output error")
        real(source, target)

    monkeypatch.setattr(durable, "move", move)
    bench.composer.make(name)
    assert bench.in_place(HELD) == [name]
    assert bench.numbers(NEW) == ([2] if is_copied else [])
    for copy in bench.in_place(NEW):
        failing[0] = False
        handover.mark_sent(bench.spool, copy)
    failing[0] = False
    bench.composer.make_up()
    bench.composer.retry()
    assert not bench.composer._names.empty()
    bench.composer.try_unmoved()
    places = (HELD, NEW, KEPT, SENT)
    assert [bench.numbers(place) for place in places] == ([[], [], [1], [2]] if is_copied else [[], [1], [], []])


def test_e2_held_photos_of_a_disk_that_comes_late_are_seen_to(bench: Bench) -> None:
    bench.press(1)
    bench.clock.power_on("b")
    spool = Spool(bench.spool.directory, bench.clock, "serial-1")
    composer = Composer(Config(photo=PhotoConfig(str(bench.frame))), spool, bench.root)
    composer.make_up()
    composer.retry()
    assert composer._names.empty()
    spool.prepare()
    spool.start("booth")
    composer.set_quiet(True)
    composer.start()
    composer.retry()
    until(lambda: bench.in_place(HELD) == [])
    composer.stop(PATIENCE_S)
    assert bench.numbers(NEW) == [1, 2]


def test_e2_held_photos_that_could_not_be_listed_go_later(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.press(1)
    bench.clock.power_on("b")
    bench.start()

    def release_held(*_given: object, **_more: object) -> tuple[int, list[list[PhotoName]]]:
        raise MemoryError

    with monkeypatch.context() as patched:
        patched.setattr(handover, "release_held", release_held)
        bench.composer._do(bench.composer.make_up)
    assert len(bench.in_place(HELD)) == 1
    bench.composer.retry()
    assert not bench.composer._names.empty()
    bench.composer._do(bench.composer.make_up)
    assert (bench.in_place(HELD), bench.numbers(NEW)) == ([], [1, 2])


def test_e2_e3_a_held_photo_after_the_frame_went_is_sent(bench: Bench) -> None:
    bench.originals = False
    bench.start()
    bench.composer.make(bench.press(1))
    bench.composer.frame.refuse(FrameUnusable("frame_missing"))
    assert not bench.composer.begin()
    held, later = take(bench.spool, jpeg(2), PARTY, HELD), take(bench.spool, jpeg(3))  # its guest may take it back
    bench.power_on()
    bench.composer.make_up()
    assert {held, later} <= set(bench.in_place(NEW))


def test_e2_a_torn_copy_is_dropped_and_made_again(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    original = bench.press(1)

    def write_half(path: Path, content: bytes, _mode: int = 0) -> None:
        if path.name.endswith(".part"):
            path.write_bytes(content[: len(content) // 2])
            raise KeyboardInterrupt  # the plug is pulled
        real(path, content)

    real = durable.write_new
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(durable, "write_new", write_half)
        bench.composer.make(original)
    assert len(list((bench.spool.directory / TMP).iterdir())) == 1
    bench.power_on()
    bench.composer.make_up()
    assert bench.in_place(QUARANTINE) == []
    assert [name.order for name in bench.in_place(NEW)] == [(1, 1), (1, 2)]


# -- the thread ------------------------------------------------------------------------------------------------------


class Gate:
    """Stands for the event on which the thread waits while a photo is under way, to tell that it waits."""

    def __init__(self) -> None:
        self.waits: queue.SimpleQueue[None] = queue.SimpleQueue()
        self.opened: queue.SimpleQueue[None] = queue.SimpleQueue()
        self.is_open = False

    def is_set(self) -> bool:
        return self.is_open

    def set(self) -> None:
        self.is_open = True
        self.opened.put(None)

    def clear(self) -> None:
        self.is_open = False

    def wait(self) -> None:
        self.waits.put(None)
        while not self.is_open:
            self.opened.get(timeout=PATIENCE_S)


def test_e2_composing_waits_while_a_photo_is_under_way(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = Gate()
    monkeypatch.setattr(bench.composer, "_is_quiet", gate)
    original = bench.press(1)
    with contextlib.closing(HintSocket(bench.root, "uploader")) as hints:
        bench.composer.start()
        bench.composer.add(original)
        gate.waits.get(timeout=PATIENCE_S)
        assert bench.in_place(NEW) == []
        bench.composer.set_quiet(True)
        told = [hints.receive(PATIENCE_S), hints.receive(PATIENCE_S)]
    assert [["new", str(name)] for name in reversed(bench.in_place(NEW))] == told
    assert gate.waits.qsize() > 3
    bench.composer.stop(PATIENCE_S)


def test_e2_a_library_that_is_broken_stops_no_photo(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "piboothup.booth.photo.compose", None)
    monkeypatch.delattr(photo, "compose")
    original = bench.press(1)
    with contextlib.closing(HintSocket(bench.root, "uploader")) as hints:
        bench.composer.start()
        bench.composer.add(original)
        assert hints.receive(PATIENCE_S) == ["new", str(original)]
    assert bench.composer.problem is not None
    assert bench.composer.problem.code == "frame_failed"
    assert bench.in_place(NEW) == [original]
    bench.composer.stop(PATIENCE_S)


def test_e2_a_stop_leaves_what_is_not_made_for_the_next_start(bench: Bench) -> None:
    bench.composer.set_quiet(False)
    original = bench.press(1)
    bench.composer.start()
    bench.composer.add(original)
    bench.composer.stop(PATIENCE_S)
    assert not bench.composer._thread.is_alive()
    assert bench.in_place(HELD) == [original]


@pytest.mark.parametrize("take_back_s", [0.0, 3.0])
def test_e2_a_photo_whose_frame_is_not_noted_is_sent(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, take_back_s: float
) -> None:
    """It must not lie in held/ until the next start."""
    monkeypatch.setattr(boots, "add_composition", lambda *_given: os.close(-1))
    told = queue.SimpleQueue[object]()
    config = Config(photo=PhotoConfig(str(bench.frame), take_back_s=take_back_s))
    saver = Saver(config, bench.spool, PARTY, bench.root, told.put)
    saver.start()
    saver.set_quiet(True)
    saver.save(grey_frame(7 * S))
    saved = told.get(timeout=PATIENCE_S)
    assert isinstance(saved, Saved)
    if saved.held is not None:
        saver.move_held(MoveHeld(saved.held, NEW))
    until(lambda: bench.numbers(NEW) == [1])
    assert saver.stop(PATIENCE_S)


def test_e2_without_a_frame_nothing_of_it_is_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"piboothup.booth.photo.{name}" for name in ("composer", "compose", "frame_file")]
    for name in names:
        monkeypatch.delitem(sys.modules, name, raising=False)
    spool, told = open_spool(tmp_path / "spool", HandClock()), queue.SimpleQueue[object]()
    saver = Saver(Config(), spool, PARTY, tmp_path, told.put)
    saver.start()
    saver.save(grey_frame(7 * S))
    assert told.get(timeout=PATIENCE_S) == Saved(1)
    assert saver.stop(PATIENCE_S)
    assert not any(name in sys.modules for name in names)
    assert not any((spool.directory / place).exists() for place in FOLDERS_OF_2)
    assert (spool.directory / ".layout").read_text().startswith("1 ")
    assert "frame" not in (spool.directory / "boots/0001.jsonl").read_text()


# -- the whole service -----------------------------------------------------------------------------------------------


def with_frame(box: Box, content: bytes, take_back_s: float = 0.0) -> None:
    path = box.spool.directory.with_name("frame.png")
    path.write_bytes(content)
    box.config = replace(box.config, photo=PhotoConfig(str(path), take_back_s=take_back_s))


def until_photos(box: Box, count: int) -> None:
    until(lambda: box.photos() >= count)


def test_e2_a_press_is_saved_as_ever_and_framed_afterwards(box: Box) -> None:
    with_frame(box, FRAME)
    box.start_ready()
    box.press()
    box.until_light(LightPattern.SAVED)
    until_photos(box, 2)
    box.press()
    box.until_light(LightPattern.SAVED)
    until_photos(box, 4)
    assert [name.seq for name in names_in_new(box.spool)] == [1, 2, 3, 4]
    box.until_said(lambda said: said.get("photos") == 2)


def test_e2_a_photo_that_is_taken_back_gets_no_copy(box: Box) -> None:
    with_frame(box, FRAME, take_back_s=5.0)
    box.start_ready()
    box.press()
    box.until_light(LightPattern.SAVED)
    box.hold_s(1.5)
    until(lambda: list(box.spool.names(WITHDRAWN)))
    box.press()
    pass_until(box, lambda: box.photos() == 2)
    assert [name.seq for name in names_in_new(box.spool)] == [3, 4]
    assert [name.seq for name in box.spool.names(WITHDRAWN)] == [1]


@pytest.mark.parametrize("originals", [True, False])
def test_e3_a_restored_photo_gets_its_copy_beside_the_booth(box: Box, originals: bool) -> None:
    """The operator restores it while the booth runs, which has looked at held/ before."""
    with_frame(box, FRAME, take_back_s=5.0)
    box.config = replace(box.config, photo=replace(box.config.photo, originals=originals))
    box.start_ready()
    box.press()
    box.until_light(LightPattern.SAVED)
    box.hold_s(1.5)
    until(lambda: list(box.spool.names(WITHDRAWN)))
    [withdrawn] = box.spool.names(WITHDRAWN)
    operator = Spool(box.spool.directory, box.clock, "serial-1")
    handover.restore(operator, withdrawn)
    follows = NEW if originals else KEPT
    pass_until(box, lambda: box.photos() and withdrawn in set(box.spool.names(follows)))
    assert [name.seq for name in names_in_new(box.spool)] == ([1, 2] if originals else [2])
    assert not list(box.spool.names(HELD))
    box.until_said(lambda said: said.get("photos") == 1)


def test_e3_a_photo_restored_without_a_booth_gets_its_copy(bench: Bench) -> None:
    original = bench.press(1)
    handover.move_held(bench.spool, original, WITHDRAWN)
    handover.restore(bench.spool, original)
    assert bench.in_place(HELD) == [original]
    bench.power_on()
    bench.composer.make_up()
    assert (bench.in_place(HELD), bench.numbers(NEW)) == ([], [1, 2])


def test_e2_a_bad_frame_is_told_on_the_panel_and_stops_no_photo(box: Box) -> None:
    with_frame(box, b"no frame")
    box.start_ready()
    box.until_said(lambda said: "frame_format" in said.get("problems", ()))
    box.until_shown(notice=problem("frame_format"), state=BoothState.READY)
    box.press()
    box.until_light(LightPattern.SAVED)
    assert box.photos() == 1
