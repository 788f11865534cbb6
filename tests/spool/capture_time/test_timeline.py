"""Capture times of photos that left their box's card, and of cards that left their box."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest

from piboothup.spool.capture_time import boots
from piboothup.spool.capture_time.anchors import Anchor, Source
from piboothup.spool.capture_time.boots import Composition
from piboothup.spool.names import PhotoName
from piboothup.spool.store import Spool
from tests.support.clock import HandClock
from tests.support.photos import jpeg, open_spool, take

EVENING_MS, MORNING_MS = 1_763_668_800_000, 1_764_316_800_000


def box_at(directory: Path, serial: str, wall_ms: int) -> tuple[Spool, PhotoName]:
    """A box in a boot of its own, whose clock is right at once, and a photo that it takes at `wall_ms`."""
    spool = open_spool(directory, HandClock(boot_id=f"kernel-{wall_ms}"), serial)
    return spool, photo_at(spool, wall_ms)


def photo_at(spool: Spool, wall_ms: int, *, anchored: bool = True) -> PhotoName:
    if anchored:
        spool.add_anchor(Anchor(Source.NTP, now_ms(spool), wall_ms, 5))
    return take(spool, jpeg(spool.session.last_seq))


def now_ms(spool: Spool) -> int:
    return spool.clock.boottime_ns() // 1_000_000


def carry(name: PhotoName, origin: Spool, into: Spool) -> None:
    """Copy a waiting photo by hand to another box's card."""
    into.path(name).parent.mkdir(exist_ok=True)
    shutil.copy(origin.path(name), into.path(name))


def test_t09_a_photo_carried_here_takes_no_anchor_of_this_box(tmp_path: Path) -> None:
    theirs, carried = box_at(tmp_path / "a", "serial-a", EVENING_MS)
    ours, own = box_at(tmp_path / "b", "serial-b", MORNING_MS)
    carry(carried, theirs, ours)
    assert carried.boot == own.boot
    assert ours.taken_at_ms(carried, record=True) is None
    assert ours.taken_at_ms(own, record=True) == MORNING_MS
    assert ours.read_boot(own.boot).box == own.box


def test_t09_a_carried_photo_of_a_boot_unknown_here_has_no_time(tmp_path: Path) -> None:
    """Its boot's number lies between two of this box's, which are hours apart."""
    theirs = open_spool(tmp_path / "a", HandClock(), "serial-a")
    theirs.session.boot = 7
    carried = photo_at(theirs, EVENING_MS, anchored=False)
    before, _ = box_at(tmp_path / "b", "serial-b", MORNING_MS)
    carry(carried, theirs, before)
    after, own = box_at(tmp_path / "b", "serial-b", MORNING_MS + 7_200_000)
    assert own.boot == 8
    assert after.taken_at_ms(carried, record=True) is None


def test_t02_a_carried_photo_moves_no_time_of_this_box(tmp_path: Path) -> None:
    """A boot without a clock lies between its neighbours; what another box's boot reached is no bound of it."""

    def middle(at: Path) -> tuple[Spool, PhotoName]:
        box_at(at, "serial-b", MORNING_MS)
        unclocked = open_spool(at, HandClock(boot_id="kernel-without-clock"), "serial-b")
        return unclocked, photo_at(unclocked, 0, anchored=False)

    theirs = open_spool(tmp_path / "a", HandClock(boottime_s=5_000), "serial-a")
    theirs.session.boot = 2
    late = photo_at(theirs, 0, anchored=False)
    alone, expected = middle(tmp_path / "alone")
    with_carried, own = middle(tmp_path / "b")
    carry(late, theirs, with_carried)
    assert (own.boot, late.boot) == (2, 2)
    times = []
    for spool, name in ((alone, expected), (with_carried, own)):
        last, _ = box_at(spool.directory, "serial-b", MORNING_MS + 7_200_000)
        times.append(last.taken_at_ms(name))
    assert times[0] is not None
    assert times[0] == times[1]


def test_t01_photos_of_a_card_moved_into_another_box_keep_time(tmp_path: Path) -> None:
    _, first = box_at(tmp_path, "serial-a", EVENING_MS)
    moved, second = box_at(tmp_path, "serial-b", MORNING_MS)
    assert first.box != second.box
    assert [moved.taken_at_ms(name, record=True) for name in (first, second)] == [EVENING_MS, MORNING_MS]


def test_t02_a_boot_between_two_boxes_of_a_moved_card_keeps_time(tmp_path: Path) -> None:
    box_at(tmp_path, "serial-a", EVENING_MS)
    unclocked = open_spool(tmp_path, HandClock(boot_id="kernel-without-clock"), "serial-a")
    name = photo_at(unclocked, 0, anchored=False)
    moved, _ = box_at(tmp_path, "serial-b", EVENING_MS + 7_200_000)
    boots.path_of(tmp_path / "boots", name.boot).unlink()
    found = moved.taken_at_ms(name, record=True)
    assert found is not None
    assert EVENING_MS < found < EVENING_MS + 7_200_000


@pytest.mark.parametrize("line", ['{"boot": 1, "boot_id": "kernel"}', '{"boot": 1, "boot_i', ""])
def test_t01_a_boot_whose_box_is_not_recorded_keeps_its_time(tmp_path: Path, line: str) -> None:
    spool, name = box_at(tmp_path, "serial-a", EVENING_MS)
    path = boots.path_of(spool.directory / "boots", name.boot)
    path.write_text("\n".join([line, *path.read_text().splitlines()[1:]]) + "\n")
    assert spool.read_boot(name.boot).box == ""
    assert spool.taken_at_ms(name, record=True) == EVENING_MS


def composed_by_rule(lines: list[Composition], seq: int) -> tuple[Composition | None, bool]:
    """What is composed of photo `seq`, and whether it is composed itself: the latest line up to it holds."""
    found = next((line for line in reversed(lines) if line.first <= seq), None)
    if found is None or not found.covers(seq):
        return None, False
    return (found, False) if found.is_photo(seq) else (None, True)


@pytest.mark.parametrize("seed", range(20))
def test_what_is_composed_holds_from_its_first_photo_on(tmp_path: Path, seed: int) -> None:
    """Starts of the booth and records whose photos were never taken come in any order."""
    draw = random.Random(seed)
    (tmp_path / "boots").mkdir()
    boots.path_of(tmp_path / "boots", 1).touch()
    lines: list[Composition] = []
    for _ in range(40):
        first = draw.randrange(1, 120)
        if draw.random() < 0.3 and lines:
            boots.add_start(tmp_path / "boots", 1, "booth", 0, first)
            lines.append(Composition(first, ""))
        else:
            lines.append(Composition(first, draw.choice(["", "ab"]), shots=draw.choice([0, 2, 4])))
            boots.add_composition(tmp_path / "boots", 1, lines[-1])
    found = boots.read(tmp_path / "boots", 1)
    for seq in range(130):
        assert (found.composition_of(seq), found.is_composed(seq)) == composed_by_rule(lines, seq)
