"""Strips of series: what becomes of strip and photos, whatever goes wrong, and after a restart."""

from __future__ import annotations

import io
import json
import random
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest
from PIL import ExifTags, Image

from piboothup.booth import photo
from piboothup.booth.gpio.led import LightPattern
from piboothup.booth.photo import strip
from piboothup.booth.photo.caption import Caption
from piboothup.config import Config, PhotoConfig
from piboothup.spool import commit, contexts, durable, handover, recovery
from piboothup.spool.admin import assign, counts, wipe
from piboothup.spool.capture_time import boots
from piboothup.spool.capture_time.anchors import Anchor, Source
from piboothup.spool.contexts import Context, context_for
from piboothup.spool.event_titles import AlbumEvent
from piboothup.spool.listing import BOOTS, FOLDERS_OF_2, HELD, KEPT, NEW, SENT, TMP, WITHDRAWN
from piboothup.spool.names import PhotoName
from piboothup.spool.store import Spool
from piboothup.status import BoothState
from tests.support.booth import Box, pass_until
from tests.support.clock import HandClock
from tests.support.composing import ComposerBench, fail_to_decode, fill_card, give_no_memory
from tests.support.deadline import until
from tests.support.effort import AT_LENGTH
from tests.support.frames import frame
from tests.support.photos import PARTY, is_intact, jpeg, names_in_new, open_spool, take

GALA = context_for("gala1234", "", "")
FRAME = frame((64, 48))
PLACES = (NEW, HELD, KEPT, WITHDRAWN)


class Bench(ComposerBench):
    """A composer of strips."""

    def __init__(self, root: Path) -> None:
        self.photo = PhotoConfig(shots=4, strip="2x2")
        super().__init__(root)

    def config(self) -> Config:
        return Config(photo=self.photo, timezone="Europe/Berlin")

    def with_frame(self, *, originals: bool = True) -> None:
        path = self.root / "frame.png"
        path.write_bytes(FRAME)
        self.photo = replace(self.photo, frame=str(path), originals=originals)
        self.start()

    def press(self, photos: int = 4, *, ends: bool = True, context: Context = PARTY) -> list[PhotoName]:
        """A press that takes so many photos, saved as the saver does it."""
        names: list[PhotoName] = []
        for number in range(photos):
            self.clock.pass_s(3)
            composition = self.composer.begin(opens_series=not names)
            has_copy = composition is not None and bool(composition.frame)
            at_ms = self.clock.boottime_ns() // 1_000_000
            content = jpeg(number + 1)
            name = PhotoName.of(self.spool.next_identity(at_ms, context, has_copy=has_copy), content)
            commit.commit(self.spool, name, context, content, NEW if composition is None else HELD)
            names.append(name)
        if ends:
            self.composer.end_series()
        return names

    def hand_over(self, *names: PhotoName) -> None:
        """Nobody can take these back any more."""
        for name in names:
            self.composer.take(name)
        self.composer.make_series()

    def numbers(self) -> list[list[int]]:
        return [[name.seq for name in self.in_place(place)] for place in PLACES]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def note_captions(patch: pytest.MonkeyPatch) -> list[tuple[int, Caption]]:
    """How many photos each strip has from here on, and its caption."""
    noted: list[tuple[int, Caption]] = []
    real = strip.compose

    def compose(photos: Any, layout: str, caption: Caption, *rest: Any) -> bytes:
        noted.append((len(photos), caption))
        return real(photos, layout, caption, *rest)

    patch.setattr(strip, "compose", compose)
    return noted


@pytest.mark.parametrize("has_frame", [False, True])
@pytest.mark.parametrize("has_line", ["not", "whole", "until power-off"])
def test_e2_a_series_whose_note_is_not_confirmed_is_sent(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, has_line: str, has_frame: bool
) -> None:
    """The disk fails as the note is synced; guests may take these photos back, and originals are not sent."""
    bench.photo = replace(bench.photo, originals=False)
    bench.start()
    if has_frame:
        bench.with_frame(originals=False)
    record = boots.path_of(bench.spool.directory / BOOTS, bench.spool.boot)
    before = record.read_bytes()

    def append(path: Path, line: str) -> None:
        with path.open("ab") as file:
            file.write(b"" if has_line == "not" else f"\n{line}\n".encode())
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(durable, "append_line", append)
        names = bench.press(3)
        for name in bench.in_place(NEW):
            bench.spool.path(name, HELD).parent.mkdir(parents=True, exist_ok=True)
            bench.spool.path(name).rename(bench.spool.path(name, HELD))
    if has_line == "until power-off":
        record.write_bytes(before)
    assert [bench.spool.composition_of(name) for name in names] == [None] * 3
    later = bench.press(2)
    bench.hand_over(*later)
    all_photos = {*names, *later, *bench.in_place(NEW)}
    assert len({name.order for name in all_photos}) == len(all_photos)
    bench.power_on()
    bench.composer.make_up()
    assert bench.in_place(HELD) == []
    assert set(names) <= set(bench.in_place(NEW))
    assert set(bench.in_place(KEPT)) <= set(later)


def test_e2_a_strip_is_a_photo_of_its_own(bench: Bench) -> None:
    names = bench.press()
    assert bench.numbers() == [[], [2, 3, 4, 5], [], []]
    bench.hand_over(*names)
    made, *originals = bench.in_place(NEW)
    assert (originals, bench.in_place(HELD)) == (names, [])
    assert (made.boot, made.seq, made.boottime_ms, made.context) == (1, 1, names[0].boottime_ms, PARTY.id)
    assert is_intact(bench.spool, made)
    assert bench.spool.taken_at_ms(made) == bench.spool.taken_at_ms(names[0])
    with Image.open(io.BytesIO(bench.spool.path(made).read_bytes())) as picture:
        found = picture.getexif().get_ifd(ExifTags.IFD.Exif)
        assert found[ExifTags.Base.ImageUniqueID] == made.unique_id
        assert picture.size == (found[ExifTags.Base.ExifImageWidth], found[ExifTags.Base.ExifImageHeight])
    assert bench.composer.problem is None
    assert bench.press(1)[0].seq == 7


def test_e2_a_series_is_a_synced_line_before_its_first_photo(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    real_append, real_move = durable.append_line, durable.move

    def append_line(path: Path, line: str) -> None:
        real_append(path, line)
        told.append(line)

    def move(source: Path, target: Path) -> None:
        real_move(source, target)
        told.append(target.parent.parent.name)

    monkeypatch.setattr(durable, "append_line", append_line)
    monkeypatch.setattr(durable, "move", move)
    bench.press(2)
    assert json.loads(told[0]) == {"first": 1, "frame": "", "originals": True, "shots": 4}
    assert [each for each in told[1:] if each == HELD] == [HELD, HELD]


@pytest.mark.parametrize(
    ("photos", "strips"), [(1, 0), (2, 1), (3, 1), (4, 1)], ids=["one alone", "two", "three", "four"]
)
def test_e2_of_a_series_ended_early_the_strip_has_what_is_there(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, photos: int, strips: int
) -> None:
    noted = note_captions(monkeypatch)
    names = bench.press(photos)
    bench.hand_over(*names)
    assert [count for count, _ in noted] == [photos] * strips
    assert bench.numbers() == [[*([1] * strips), *(name.seq for name in names)], [], [], []]
    assert bench.composer.problem is None


@pytest.mark.parametrize("photos", [1, 3])
def test_e2_originals_are_kept_once_they_are_on_a_strip(bench: Bench, photos: int) -> None:
    bench.photo = replace(bench.photo, originals=False)
    bench.start()
    names = bench.press(photos)
    bench.hand_over(*names)
    alone = [[2], [], [], []]
    assert bench.numbers() == (alone if photos == 1 else [[1], [], [2, 3, 4], []])


def test_e2_a_series_waits_until_it_has_ended(bench: Bench) -> None:
    names = bench.press(2, ends=False)
    bench.hand_over(*names)
    assert bench.numbers() == [[], [2, 3], [], []]
    bench.composer.end_series()
    bench.composer.make_series()
    assert bench.numbers() == [[1, 2, 3], [], [], []]


def test_e2_each_series_has_its_own_strip(bench: Bench) -> None:
    first, second, third = bench.press(2), bench.press(4), bench.press(3)
    bench.hand_over(*second, *first, *third)
    made = [name for name in bench.in_place(NEW) if name not in (*first, *second, *third)]
    assert [handover.series_of(bench.spool, names[0]) for names in (first, second, third)] == [
        name.order for name in made
    ]
    assert len({name.seq for name in bench.in_place(NEW)}) == 12
    assert bench.spool.photos_of(PARTY) == {name.order for name in (*first, *second, *third)}


def test_e2_with_a_frame_copies_and_strip_are_made(bench: Bench) -> None:
    bench.with_frame(originals=False)
    names = bench.press(3)
    assert [name.seq for name in names] == [2, 4, 6]
    bench.hand_over(*names)
    assert bench.numbers() == [[1, 3, 5, 7], [], [2, 4, 6], []]
    assert bench.press(1)[0].seq == 11


def test_e2_a_photo_without_its_copy_is_sent_though_on_a_strip(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.with_frame(originals=False)
    names = bench.press(2)
    monkeypatch.setattr("piboothup.booth.photo.compose.compose", lambda *_given: 1 / 0)
    bench.hand_over(*names)
    assert bench.numbers() == [[1, 2, 4], [], [], []]
    assert bench.composer.problem is not None
    assert bench.composer.problem.code == "frame_failed"


# -- taken back ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("photos", "strips"), [(2, []), (3, [2]), (4, [3])])
def test_e2_e3_a_photo_taken_back_is_on_no_strip(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, photos: int, strips: list[int]
) -> None:
    noted = note_captions(monkeypatch)
    names = bench.press(photos)
    bench.hand_over(*names[1:])
    assert noted == []
    handover.move_held(bench.spool, names[0], WITHDRAWN)
    bench.composer.make_series()
    assert [count for count, _ in noted] == strips
    assert bench.in_place(WITHDRAWN) == [names[0]]
    assert bench.in_place(NEW)[len(strips) :] == names[1:]


def test_e2_e3_while_a_guest_may_take_back_there_is_no_strip(bench: Bench) -> None:
    names = bench.press(4)
    bench.hand_over(*names[:3])
    assert bench.in_place(NEW) == []
    bench.composer.retry()
    assert not bench.composer._names.empty()
    bench.hand_over(names[3])
    assert bench.numbers() == [[1, 2, 3, 4, 5], [], [], []]


@pytest.mark.parametrize("has_frame", [False, True])
def test_e2_e3_a_restored_photo_on_no_strip_is_sent(bench: Bench, has_frame: bool) -> None:
    """Originals are kept on the card; of this one only a copy with the frame would go in its place."""
    bench.photo = replace(bench.photo, originals=False)
    bench.start()
    if has_frame:
        bench.with_frame(originals=False)
    names = bench.press(3)
    handover.move_held(bench.spool, names[1], WITHDRAWN)
    bench.hand_over(names[0], names[2])
    handover.restore(bench.spool, names[1])
    assert names[1] in bench.in_place(HELD if has_frame else NEW)
    bench.hand_over(*bench.in_place(HELD))
    sent, kept = bench.numbers()[0], bench.in_place(KEPT)
    assert (names[1] in kept, (names[1].copy.seq if has_frame else names[1].seq) in sent) == (has_frame, True)


def test_e2_e3_a_photo_restored_as_its_strip_is_made_is_sent(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.photo = replace(bench.photo, originals=False)
    bench.start()
    names = bench.press(3)
    handover.move_held(bench.spool, names[1], WITHDRAWN)
    real = strip.compose

    def compose(*given: Any) -> bytes:
        handover.restore(bench.spool, names[1])
        return real(*given)

    monkeypatch.setattr(strip, "compose", compose)
    bench.hand_over(names[0], names[2])
    assert bench.in_place(HELD) == [names[1]]
    bench.hand_over(names[1])
    assert bench.numbers() == [[1, 3], [], [2, 4], []]


def test_e2_e3_a_restored_photo_goes_alone(bench: Bench) -> None:
    names = bench.press(3)
    handover.move_held(bench.spool, names[1], WITHDRAWN)
    bench.hand_over(names[0], names[2])
    handover.restore(bench.spool, names[1])
    bench.hand_over(names[1])
    assert bench.numbers() == [[1, 2, 3, 4], [], [], []]
    assert bench.spool.photos_of(PARTY) == {name.order for name in names}


# -- what goes wrong -------------------------------------------------------------------------------------------------


def damage_photo(bench: Bench, _patch: pytest.MonkeyPatch) -> None:
    path = bench.spool.path(bench.in_place(HELD)[1], HELD)
    path.write_bytes(path.read_bytes()[:-9] + bytes(9))


def break_library(_bench: Bench, patch: pytest.MonkeyPatch) -> None:
    patch.setitem(sys.modules, "piboothup.booth.photo.strip", None)
    patch.delattr(photo, "strip")


@pytest.mark.parametrize("fail", [give_no_memory, fail_to_decode, fill_card, damage_photo, break_library])
@pytest.mark.parametrize("originals", [True, False], ids=["sent", "kept"])
def test_e2_whatever_fails_the_series_goes_and_it_is_told(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, fail: Callable[[Bench, pytest.MonkeyPatch], None], originals: bool
) -> None:
    bench.photo = replace(bench.photo, originals=originals)
    bench.start()
    names = bench.press(3)
    with monkeypatch.context() as patched:
        fail(bench, patched)
        bench.hand_over(*names)
    assert bench.composer.problem is not None
    wants_memory = fail in (give_no_memory, fail_to_decode)
    assert bench.composer.problem.code == ("strip_memory" if wants_memory else "strip_failed")
    assert bench.numbers() == [[2, 3, 4], [], [], []]
    assert not list((bench.spool.directory / TMP).iterdir())
    bench.hand_over(*bench.press(2))
    assert bench.composer.problem is None
    assert len(bench.in_place(NEW)) == (6 if originals else 4)


def test_e2_a_series_that_cannot_be_noted_goes_as_single_photos(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = bench.press(2)
    with monkeypatch.context() as patched:
        patched.setattr(boots, "add_composition", lambda *_given: durable.sync_directory(Path("/none")))
        names = bench.press(4)
    assert bench.in_place(NEW) == names
    assert {handover.series_of(bench.spool, name) for name in names} == {None}
    bench.hand_over(*before)
    bench.hand_over(*bench.press(2))
    assert len({name.seq for name in bench.in_place(NEW)}) == len(bench.in_place(NEW)) == 3 + 4 + 3


def test_e2_photos_of_two_events_are_on_no_strip(bench: Bench) -> None:
    """The config may change between two shots."""
    bench.spool.make_folder(HELD, PhotoName("ABCD", 1, 1, 1, GALA.id, "0" * 16))
    names = bench.press(2, ends=False)
    bench.composer._open_series, key = None, bench.composer._open_series
    at_ms = bench.clock.boottime_ns() // 1_000_000
    other = PhotoName.of(bench.spool.next_identity(at_ms, GALA), jpeg(9))
    commit.commit(bench.spool, other, GALA, jpeg(9), HELD)
    assert handover.series_of(bench.spool, other) == key
    bench.hand_over(*names, other)
    assert bench.numbers() == [[2, 3, 4], [], [], []]


def test_e2_photos_given_another_event_are_on_no_strip(bench: Bench) -> None:
    names = bench.press(2)
    assign.assign(bench.spool, assign.propose(bench.spool, PARTY.id, "wxyz9876"))
    bench.hand_over(*names)
    assert bench.in_place(NEW) == names


# -- wipe and counts -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_sent", [True, False])
def test_e2_e5_a_strip_made_after_the_count_is_wiped_too(bench: Bench, is_sent: bool) -> None:
    names = bench.press(3)
    plan = wipe.plan(wipe.survey(bench.spool, booth_runs=True), PARTY.link_id)
    bench.hand_over(*names)
    if is_sent:
        handover.mark_sent(bench.spool, bench.in_place(NEW)[0])
    later = bench.press(2)
    receipt = wipe.wipe(bench.spool, plan, unsent=True, in_use=(PARTY.id,))
    assert receipt.taken == 3
    assert [bench.in_place(place) for place in (NEW, SENT, KEPT, HELD)] == [[], [], [], later]


def test_e2_no_strip_outlives_the_wipe_of_its_photos(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The wipe comes in the middle of composing."""
    names, real = bench.press(3), strip.compose

    def compose(*given: Any) -> bytes:
        found = real(*given)
        plan = wipe.plan(wipe.survey(bench.spool, booth_runs=True), PARTY.link_id)
        wipe.wipe(bench.spool, plan, unsent=True, in_use=(PARTY.id,))
        return found

    monkeypatch.setattr(strip, "compose", compose)
    bench.hand_over(*names)
    assert bench.numbers() == [[], [], [], []]
    assert not list((bench.spool.directory / TMP).iterdir())
    assert bench.composer.problem is None


def test_e2_e5_strips_are_counted_as_composed(bench: Bench) -> None:
    bench.hand_over(*bench.press(3))
    bench.hand_over(*bench.press(1))
    names = counts.list_names(bench.spool)
    known = counts.count(bench.spool, names, UTC, lambda _name: "party")
    assert counts.shown(known["party"].total) == {"taken": 5, "composed": 1, "sent": 0, "withdrawn": 0}


# -- restarts --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("originals", [True, False], ids=["sent", "kept"])
@pytest.mark.parametrize("again", [Bench.start, Bench.power_on], ids=["restart", "power cut"])
@pytest.mark.parametrize("photos", [1, 2, 4])
def test_e2_series_held_at_a_power_cut_get_their_strips(
    bench: Bench, again: Callable[[Bench], None], originals: bool, photos: int
) -> None:
    bench.photo = replace(bench.photo, originals=originals)
    bench.start()
    whole, cut_short = bench.press(3), bench.press(photos, ends=False)
    again(bench)
    later = bench.press(2)
    bench.composer.make_up()
    sent = {name.order for name in bench.in_place(NEW)}
    strips = {(1, 1), (1, 6)} if photos > 1 else {(1, 1)}
    alone = {name.order for name in cut_short} if photos == 1 else set()
    everything = strips | {name.order for name in (*whole, *cut_short)}
    assert sent == (everything if originals else strips | alone)
    assert bench.in_place(HELD) == later
    bench.composer.make_up()
    assert {name.order for name in bench.in_place(NEW)} == sent


def test_e2_a_strip_that_is_there_is_not_made_again(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    for place in (NEW, SENT, None):
        names = bench.press(2)
        with monkeypatch.context() as patched:
            patched.setattr(handover, "release_original", lambda _spool, _name, **_more: False)
            bench.hand_over(*names)
        (made,) = (name for name in bench.in_place(NEW) if name.order == handover.series_of(bench.spool, names[0]))
        if place != NEW:
            handover.mark_sent(bench.spool, made)
        if place is None:
            handover.retire(bench.spool, [made])
        bench.power_on()
        with monkeypatch.context() as patched:
            patched.setattr(bench.composer, "make", None)
            bench.composer.make_up()
        assert set(names) <= set(bench.in_place(NEW))
        assert bench.in_place(HELD) == []


@pytest.mark.parametrize("originals", [True, False])
def test_e2_strips_switched_off_let_a_held_series_go(bench: Bench, originals: bool) -> None:
    bench.photo = replace(bench.photo, originals=originals)
    bench.start()
    names = bench.press(3)
    spool = open_spool(bench.spool.directory, bench.clock)
    recovery.recover(spool)
    assert names_in_new(spool) == names
    assert take(spool, jpeg(8)).seq == 5


# -- whatever guests do ----------------------------------------------------------------------------------------------


def an_hour(bench: Bench, chance: random.Random) -> tuple[set[PhotoName], set[PhotoName]]:
    """Presses of one to four shots, taken back or not, and handed over in any order; the plug is pulled now and then.

    What was taken back is restored now and then. The photos, and those that are still taken back.
    """
    taken, taken_back = set[PhotoName](), set[PhotoName]()
    with_guests, restored = list[PhotoName](), list[PhotoName]()
    for _ in range(chance.randrange(4, 9)):
        names = bench.press(chance.randrange(1, 5), ends=chance.random() < 0.9)
        taken.update(names)
        with_guests += names
        chance.shuffle(with_guests)
        for name in with_guests[: chance.randrange(len(with_guests) + 1)]:
            with_guests.remove(name)
            if chance.random() < 0.2:
                handover.move_held(bench.spool, name, WITHDRAWN)
                taken_back.add(name)
            else:
                bench.hand_over(name)
        for name in sorted(taken_back, key=lambda name: name.order) if chance.random() < 0.2 else ():
            handover.restore(bench.spool, name)
            taken_back.remove(name)
            restored.append(name)
        if chance.random() < 0.5:
            bench.hand_over(*(name for name in restored if name in bench.in_place(HELD)))
        if chance.random() < 0.2:
            chance.choice((Bench.start, Bench.power_on))(bench)
            with_guests.clear()
            bench.composer.make_up()
    bench.power_on()
    bench.composer.make_up()
    return taken, taken_back


@pytest.mark.parametrize("originals", [True, False], ids=["sent", "kept"])
@pytest.mark.parametrize("number", range(40 if AT_LENGTH else 5))
def test_e2_e3_b9_random_guests_get_all_but_what_they_took_back(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, number: int, originals: bool
) -> None:
    on_strips: list[PhotoName] = []
    real = commit.commit_composed

    def commit_composed(spool: Spool, result: Any, names: Any, content: bytes) -> PhotoName:
        assert len(names) >= 2
        assert {handover.series_of(spool, name) for name in names} == {result.order}
        on_strips.extend(names)
        return real(spool, result, names, content)

    monkeypatch.setattr(commit, "commit_composed", commit_composed)
    bench.photo = replace(bench.photo, originals=originals)
    bench.start()
    taken, taken_back = an_hour(bench, random.Random(number))
    assert not taken_back & set(on_strips)
    assert len(on_strips) == len(set(on_strips))
    lie = {place: set(bench.in_place(place)) for place in PLACES}
    assert (lie[WITHDRAWN], lie[HELD]) == (taken_back, set())
    assert taken - taken_back == (lie[NEW] | lie[KEPT]) & taken
    assert lie[KEPT] == (set() if originals else set(on_strips))
    orders = [name.order for names in lie.values() for name in names]
    assert len(orders) == len(set(orders))
    assert all(is_intact(bench.spool, name) for name in lie[NEW])


# -- the caption -----------------------------------------------------------------------------------------------------


def test_e2_a_strip_has_the_events_title_and_its_day(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    noted = note_captions(monkeypatch)
    bench.hand_over(*bench.press(2))
    bench.spool.write_events([AlbumEvent("Gala", GALA.link_id), AlbumEvent("Anna & Ben", PARTY.link_id)])
    bench.clock.pass_s(3)
    now_ms = bench.clock.boottime_ns() // 1_000_000
    bench.spool.add_anchor(Anchor(Source.NTP, now_ms, 1_798_671_600_000, 5))
    bench.composer.language = "de"
    bench.hand_over(*bench.press(2))
    context = contexts.context_for("", "", "no event")
    bench.hand_over(*bench.press(2, context=context))
    captions = [caption for _, caption in noted]
    assert captions == [Caption(), Caption("Anna & Ben", "31. Dezember 2026"), Caption("", "31. Dezember 2026")]


# -- with strips off, and the whole service --------------------------------------------------------------------------


def test_e2_strips_need_series(tmp_path: Path) -> None:
    for config in (PhotoConfig(strip=True), PhotoConfig(shots=4), PhotoConfig(shots=1, strip="1x4")):
        assert (config.strip_layout, config.composes) == ("", False)
    assert PhotoConfig(shots=2, strip=True).strip_layout == "2x2"
    spool = open_spool(tmp_path, HandClock())
    take(spool, jpeg(1))
    assert not any((tmp_path / place).exists() for place in FOLDERS_OF_2)
    assert "first" not in (tmp_path / BOOTS / "0001.jsonl").read_text()


def with_strips(box: Box, **photo: Any) -> None:
    box.config = replace(box.config, photo=PhotoConfig(shots=2, gap_s=2, strip=True, **photo))


def take_series(box: Box) -> None:
    box.press()
    box.until_shown(state=BoothState.COUNTDOWN, countdown=2, shot=2, shots=2)
    box.clock.pass_s(2.0)
    box.until_light(LightPattern.SAVED)


def until_photos(box: Box, count: int) -> None:
    until(lambda: box.photos() >= count)


def test_e2_a_press_takes_its_series_and_the_strip_follows(box: Box) -> None:
    with_strips(box)
    box.start_ready()
    for presses in (1, 2):
        take_series(box)
        until_photos(box, 3 * presses)
        box.clock.pass_s(3.0)
        box.until_light(LightPattern.READY)
    assert [name.seq for name in names_in_new(box.spool)] == [1, 2, 3, 4, 5, 6]
    box.until_said(lambda said: said.get("photos") == 4)


def test_e2_e3_a_series_that_is_taken_back_gets_no_strip(box: Box) -> None:
    with_strips(box, take_back_s=5.0)
    box.start_ready()
    take_series(box)
    box.hold_s(1.5)
    until(lambda: len(list(box.spool.names(WITHDRAWN))) == 2)
    pass_until(box, lambda: box.turn() is LightPattern.READY)
    take_series(box)
    pass_until(box, lambda: box.photos() == 3)
    assert [name.seq for name in names_in_new(box.spool)] == [4, 5, 6]
    assert sorted(name.seq for name in box.spool.names(WITHDRAWN)) == [2, 3]
