"""Which photo is next."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from piboothup.spool.contexts import Assignment, Context, ContextRecord
from piboothup.spool.names import PhotoName
from piboothup.uploader.schedule.photo_queue import ContextHold, PhotoQueue, directory_stamp, sorted_names

pytestmark = pytest.mark.slow

PARTY, NOWHERE = Context("0000aaaa", "abcd1234", "a1"), Context("n0000001")
WRITTEN = {context.id: ContextRecord(context) for context in (PARTY, NOWHERE)}
"""What is written about contexts."""


def photo(seq: int, context: str = PARTY.id, boot: int = 1) -> PhotoName:
    return PhotoName("ABCD", boot, seq, seq * 1000, context, f"{seq:016x}")


def line(*names: PhotoName) -> PhotoQueue:
    queue = PhotoQueue({})
    queue.reload(sorted_names(names), WRITTEN)
    return queue


def chosen(queue: PhotoQueue, now_ns: int = 0) -> list[int]:
    order = []
    while (name := queue.choose(now_ns)) is not None:
        order.append(name.seq)
        queue.discard(name)
    return order


def test_n33_newest_first_with_oldest_in_turn_never_starved() -> None:
    assert chosen(line(*(photo(seq) for seq in range(1, 8)))) == [7, 1, 6, 2, 5, 3, 4]


def test_n33_new_photos_all_evening_do_not_keep_backlog_waiting() -> None:
    queue = line(*(photo(seq) for seq in range(1, 51)))
    old = 0
    for seq in range(51, 151):
        queue.add(photo(seq), ContextRecord(PARTY))
        name = queue.choose(0)
        assert name is not None
        old += name.seq <= 50
        queue.discard(name)
    assert old == 50


def test_queue_order_is_by_press_past_4_digits_and_across_boots() -> None:
    late, early = photo(10_000), photo(9_999)
    next_boot = photo(1, boot=10_000)
    assert sorted_names([next_boot, late, early]) == [str(early), str(late), str(next_boot)]


def test_hint_repeated_or_after_listing_adds_nothing() -> None:
    queue = line(photo(1), photo(2))
    for seq in (2, 3, 3):
        queue.add(photo(seq), ContextRecord(PARTY))
    assert sorted(chosen(queue)) == [1, 2, 3]


def test_a_photo_on_its_way_is_not_chosen_again_by_a_new_listing() -> None:
    queue = line(photo(1))
    assert queue.choose(0) == photo(1)
    queue.reload(sorted_names([photo(1)]), WRITTEN)
    assert queue.choose(0) is None
    assert queue.waiting.total() == 1
    queue.discard(photo(1))
    assert queue.waiting.total() == 0


def test_photo_gone_before_listing_is_not_subtracted_twice() -> None:
    queue = line(photo(1), photo(2))
    taken = queue.choose(0)
    assert taken == photo(2)
    queue.reload(sorted_names([photo(1)]), WRITTEN)
    queue.discard(taken)
    assert queue.waiting.total() == 1


def test_postponed_photo_waits_its_time_across_new_listing() -> None:
    queue = line(photo(1), photo(2))
    first = queue.choose(0)
    assert first is not None
    queue.postpone(first, 100)
    queue.reload(sorted_names([photo(1), photo(2)]), WRITTEN)
    assert chosen(queue, 99) == [1]
    assert queue.next_due_ns() == 100
    assert chosen(queue, 100) == [2]


def test_n21_held_context_counted_not_chosen_until_freed_listed() -> None:
    names = [photo(1, NOWHERE.id), photo(2), photo(3, NOWHERE.id)]
    queue = line(*names)
    first = queue.choose(0)
    assert first == photo(3, NOWHERE.id)
    queue.hold(first, NOWHERE, ContextHold("no_event"))
    assert chosen(queue) == [2]
    assert queue.waiting[NOWHERE] == 2
    queue.release([NOWHERE])
    queue.reload(sorted_names([names[0], names[2]]), WRITTEN)
    assert sorted(chosen(queue)) == [1, 3]


@pytest.mark.parametrize("gone", ["the event they were assigned to", "their own event"])
def test_n21_part_assigned_context_holds_unknown_event_only(gone: str) -> None:
    elsewhere = Context(PARTY.id, "wxyz9876")
    written = {PARTY.id: ContextRecord(PARTY, (Assignment(elsewhere, frozenset({(1, 1), (1, 4)})),))}
    queue = PhotoQueue({})
    queue.reload(sorted_names(photo(seq) for seq in range(1, 5)), written)
    assert (queue.waiting[PARTY], queue.waiting[elsewhere]) == (2, 2)
    if gone == "their own event":
        queue.hold(photo(2), PARTY, ContextHold("event_gone"))
        assert sorted(chosen(queue)) == [1, 4]
    else:
        queue.hold(photo(1), elsewhere, ContextHold("event_gone"))
        assert sorted(chosen(queue)) == [2, 3]
    assert queue.sendable == 0


def test_n21_a_hold_is_over_once_its_photos_are_to_go_elsewhere() -> None:
    queue = line(photo(1))
    taken = queue.choose(0)
    assert taken is not None
    queue.hold(taken, PARTY, ContextHold("event_gone", 100))
    queue.reload(sorted_names([taken]), WRITTEN)
    assert chosen(queue) == []
    assigned = Assignment(Context(PARTY.id, "wxyz9876"), frozenset({taken.order}))
    queue.reload(sorted_names([taken]), {PARTY.id: ContextRecord(PARTY, (assigned,))})
    assert queue.held == {}
    assert chosen(queue) == [1]


def test_s04_sent_photo_stuck_in_new_not_counted_or_chosen_again() -> None:
    queue = line(photo(1), photo(2))
    arrived = queue.choose(0)
    assert arrived is not None
    queue.exclude(arrived, PARTY)
    assert not queue.busy
    queue.reload(sorted_names([photo(1), photo(2)]), WRITTEN)
    assert queue.waiting.total() == 1
    assert chosen(queue) == [1]
    queue.discard(arrived)  # it could be moved at last
    assert queue.waiting.total() == 0


def test_a_photo_given_back_is_at_its_own_end_again() -> None:
    queue = line(*(photo(seq) for seq in range(1, 6)))
    newest, oldest = queue.choose(0), queue.choose(0)
    assert newest is not None
    assert oldest is not None
    queue.put_back(oldest)
    queue.put_back(newest)
    assert chosen(queue) == [5, 1, 4, 2, 3]


def test_stamp_changes_when_photo_comes_or_goes_not_for_debris(tmp_path: Path) -> None:
    folder = tmp_path / "0001"
    folder.mkdir()
    (tmp_path / "0002.txt").write_text("debris")
    before = directory_stamp(tmp_path)
    assert directory_stamp(tmp_path) == before
    (tmp_path / "0002").mkdir()
    assert directory_stamp(tmp_path) != before


def test_s19_stamp_changes_when_photo_is_put_beside_folders(tmp_path: Path) -> None:
    os.utime(tmp_path, ns=(0, 0))
    before = directory_stamp(tmp_path)
    (tmp_path / "photo.jpg").touch()
    assert directory_stamp(tmp_path) != before


@pytest.mark.process
def test_s11_100000_waiting_photos_fit_in_60_mb_with_all_else() -> None:
    program = """
import sys
from piboothup.spool.names import PhotoName
from piboothup.spool.contexts import Context, ContextRecord
from piboothup.uploader.schedule.photo_queue import PhotoQueue, sorted_names
import piboothup.uploader.service
queue = PhotoQueue({})
for _ in range(3):
    names = (
        PhotoName("ABCD", 1 + seq // 5000, seq % 5000, seq, f"{seq % 9:08x}", f"{seq:016x}")
        for seq in range(100_000)
    )
    records = {f"{number:08x}": ContextRecord(Context(f"{number:08x}", "abcd1234")) for number in range(9)}
    queue.reload(sorted_names(names), records)
assert queue.choose(0) is not None
peak_kb = next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(peak_kb)
"""
    peak_kb = int(subprocess.run([sys.executable, "-c", program], check=True, capture_output=True).stdout)
    assert peak_kb < 60_000


def test_a_postponed_photo_of_a_held_event_comes_after_the_hold() -> None:
    """It is not back in the line meanwhile, nor lost: neither when its own time comes nor when the hold ends."""
    queue, name = PhotoQueue({}), photo(1)
    queue.reload([str(name), str(photo(2))], WRITTEN)
    assert {queue.choose(0), queue.choose(0)} == {name, photo(2)}
    queue.postpone(name, 10)
    queue.hold(photo(2), PARTY, ContextHold("server_trouble", until_ns=100))
    assert queue.choose(20) is None
    assert queue.next_due_ns() == 100
    assert queue.choose(99) is None
    queue.release([PARTY])
    assert queue.choose(99) is None
    assert queue.choose(100) == name
    assert queue.choose(1000) is None


def test_s04_a_hint_brings_back_no_photo_that_is_sent_already() -> None:
    queue = PhotoQueue({photo(1): PARTY})
    queue.add(photo(1), WRITTEN[PARTY.id])
    assert queue.choose(0) is None
    assert not queue.waiting
    queue.add(photo(2), WRITTEN[PARTY.id])
    assert queue.choose(0) == photo(2)


def test_a_postponed_photo_held_for_good_comes_when_listed_again() -> None:
    queue, name = PhotoQueue({}), photo(1)
    queue.reload([str(name)], WRITTEN)
    assert queue.choose(0) == name
    queue.postpone(name, 10)
    queue.hold(photo(2), PARTY, ContextHold("no_event"))
    assert queue.choose(20) is None
    assert queue.next_due_ns() is None
    queue.release([PARTY])
    queue.reload([str(name)], WRITTEN)
    assert queue.choose(20) == name
