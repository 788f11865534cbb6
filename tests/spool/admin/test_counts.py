"""Photos per event and day: every folder, deleted ones, midnight in the box's zone, and times that nobody knows."""

from __future__ import annotations

import json
from collections import Counter
from datetime import date, datetime, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from piboothup.spool import commit, handover
from piboothup.spool.admin import counts
from piboothup.spool.admin.counts import EventCounts
from piboothup.spool.admin.inventory import Attribution
from piboothup.spool.admin.wipe import plan, survey, wipe
from piboothup.spool.capture_time import boots
from piboothup.spool.capture_time.anchors import Anchor, Source
from piboothup.spool.contexts import context_for
from piboothup.spool.listing import HELD, KEPT, NEW, PARKED, QUARANTINE, SENT, WITHDRAWN
from piboothup.spool.names import PhotoName
from piboothup.spool.store import Spool
from tests.support.clock import HandClock
from tests.support.photos import PARTY, jpeg, open_spool, take

BERLIN, UTC = ZoneInfo("Europe/Berlin"), ZoneInfo("UTC")
GALA = context_for("wxyz9876", "", "")
NOWHERE = context_for("", "", "boot-a")
MIDNIGHT_MS = 1_764_370_800_000
"""Begin of 29 November 2025 in Berlin."""
FRIDAY, SATURDAY, SUNDAY = date(2025, 11, 28), date(2025, 11, 29), date(2025, 11, 30)


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    """A spool whose clock shows a minute to midnight."""
    return at_a_minute_to_midnight(tmp_path / "spool", HandClock())


def at_a_minute_to_midnight(directory: Path, clock: HandClock) -> Spool:
    spool = open_spool(directory, clock)
    spool.add_anchor(Anchor(Source.NTP, clock.boottime_ns() // 1_000_000, MIDNIGHT_MS - 60_000, 5))
    return spool


def pass_s(spool: Spool, seconds: float) -> None:
    assert isinstance(spool.clock, HandClock)
    spool.clock.pass_s(seconds)


def counted(spool: Spool, zone: tzinfo = BERLIN) -> dict[str, EventCounts]:
    """As a command that has just started."""
    fresh = Spool(spool.directory, spool.clock, "serial-1")
    event_of = Attribution(spool.directory).event_of
    return counts.count(fresh, counts.list_names(fresh), zone, event_of)


def days(found: EventCounts) -> dict[date | None, dict[str, int]]:
    return {day: dict(+numbers) for day, numbers in found.days.items()}


def test_e5_each_folder_is_a_state_and_days_end_at_midnight(spool: Spool) -> None:
    friday = [take(spool, jpeg(number)) for number in range(4)]
    pass_s(spool, 59.999)
    friday.append(take(spool, jpeg(4)))
    pass_s(spool, 0.001)
    saturday = [take(spool, jpeg(10 + number)) for number in range(2)]
    held = [take(spool, jpeg(20 + number), PARTY, HELD) for number in range(3)]
    handover.mark_sent(spool, friday[0])
    handover.park(spool, friday[1], "no")
    handover.quarantine(spool, friday[2])
    handover.move_held(spool, held[0], WITHDRAWN)
    handover.move_held(spool, held[1], KEPT)
    handover.mark_sent(spool, saturday[0])
    found = counted(spool)["abcd1234"]
    assert days(found) == {
        FRIDAY: {"sent": 1, "parked": 1, "damaged": 1, "waiting": 2},
        SATURDAY: {"sent": 1, "waiting": 2, "withdrawn": 1, "kept": 1},
    }
    assert counts.shown(found.total) == {"taken": 8, "composed": 0, "sent": 2, "withdrawn": 1}
    assert (found.first_ms, found.last_ms) == (MIDNIGHT_MS - 60_000, MIDNIGHT_MS)
    assert days(counted(spool, UTC)["abcd1234"]).keys() == {FRIDAY}


def test_e2_e5_framed_copies_are_counted_among_those_taken(spool: Spool) -> None:
    commit.note_composition(spool, "0123456789abcdef", originals=False)
    for number in range(3):
        identity = spool.next_identity(spool.clock.boottime_ns() // 1_000_000, PARTY, has_copy=True)
        name = PhotoName.of(identity, jpeg(number))
        commit.commit(spool, name, PARTY, jpeg(number), HELD)
        if number < 2:
            copy = commit.commit_composed(spool, name.copy, (name,), jpeg(10 + number))
            handover.release_original(spool, name)
        if number == 0:
            handover.mark_sent(spool, copy)
        pass_s(spool, 31)
    found = counted(spool)["abcd1234"]
    assert days(found) == {
        FRIDAY: {"kept": 2, "sent": 1, "waiting": 1, "composed": 2},
        SATURDAY: {"waiting": 1},
    }
    assert counts.shown(found.total) == {"taken": 5, "composed": 2, "sent": 1, "withdrawn": 0}


def test_e5_events_are_apart_also_none_and_assigned_ones(spool: Spool) -> None:
    for number, context in enumerate((PARTY, GALA, GALA, NOWHERE)):
        take(spool, jpeg(number), context)
    found = {event: of_event.total["waiting"] for event, of_event in counted(spool).items()}
    assert found == {"abcd1234": 1, "wxyz9876": 2, NOWHERE.id: 1}


def test_e5_a_day_in_which_nothing_was_taken_has_no_line(spool: Spool) -> None:
    take(spool, jpeg(0))
    pass_s(spool, 48 * 3600)
    take(spool, jpeg(1))
    found = counted(spool)["abcd1234"]
    assert [day["day"] for day in found.to_json()] == ["2025-11-28", "2025-11-30"]


def test_e5_deleted_sent_photos_count_on_their_own_days(spool: Spool) -> None:
    names = [take(spool, jpeg(number)) for number in range(2)]
    pass_s(spool, 120)
    names += [take(spool, jpeg(10 + number)) for number in range(3)]
    for name in names:
        handover.mark_sent(spool, name)
    before = counted(spool)["abcd1234"]
    assert handover.retire(spool, names[:4]) == 4  # in one batch over midnight
    after = counted(spool)["abcd1234"]
    assert days(after) == days(before) == {FRIDAY: {"sent": 2}, SATURDAY: {"sent": 3}}
    assert (after.first_ms, after.last_ms) == (before.first_ms, before.last_ms)
    handover.retire(spool, names[4:])
    assert days(counted(spool)["abcd1234"]) == days(before)


def test_e5_deleted_photos_of_an_older_program_have_no_day(spool: Spool) -> None:
    names = [take(spool, jpeg(number)) for number in range(3)]
    for name in names:
        handover.mark_sent(spool, name)
    handover.retire(spool, names[:2])
    path = boots.path_of(spool.directory / "boots", spool.boot)
    *others, line = path.read_text().splitlines()
    old = {key: value for key, value in json.loads(line).items() if key != "taken_ms"}
    path.write_text("\n".join([*others, json.dumps(old), ""]))
    found = counted(spool)["abcd1234"]
    assert days(found) == {None: {"sent": 2}, FRIDAY: {"sent": 1}}
    assert found.to_json() == [
        {"day": "2025-11-28", "taken": 1, "composed": 0, "sent": 1, "withdrawn": 0},
        {"day": None, "taken": 2, "composed": 0, "sent": 2, "withdrawn": 0},
    ]


@pytest.mark.parametrize("times", ["[]", "3", '{"x": 1, "2": "late", "3": [], "-1": 4, "99999999": 5}', "null"])
def test_e5_times_that_make_no_sense_are_no_times(spool: Spool, times: str) -> None:
    take(spool, jpeg(0))
    path = boots.path_of(spool.directory / "boots", spool.boot)
    with path.open("a") as file:
        file.write(f'{{"retired": {{"{PARTY.id}": [2, 3]}}, "boottime_ms": 5, "taken_ms": {times}}}\n')
    assert days(counted(spool)["abcd1234"]) == {None: {"sent": 2}, FRIDAY: {"waiting": 1}}


def test_e5_a_photo_that_lies_in_two_folders_counts_once(spool: Spool) -> None:
    """A disk may show both names of a rename that a power cut left half done."""
    name = take(spool, jpeg(0))
    handover.mark_sent(spool, name)
    for place in (NEW, PARKED, QUARANTINE, WITHDRAWN):
        path = spool.path(name, place)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(jpeg(0))
    boots.add_retired(spool.directory / "boots", spool.boot, [name])  # and was about to be deleted
    assert days(counted(spool)["abcd1234"]) == {FRIDAY: {"sent": 1}}


@pytest.mark.parametrize(
    ("before", "after"),
    [(HELD, NEW), (HELD, WITHDRAWN), (HELD, KEPT), (NEW, SENT), (NEW, PARKED), (NEW, QUARANTINE), (WITHDRAWN, HELD)],
)
def test_e5_a_photo_that_moves_meanwhile_counts_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: str, after: str
) -> None:
    for turn in range(len(counts.STATES)):
        spool = open_spool(tmp_path / f"{turn}", HandClock())
        name = take(spool, jpeg(1), PARTY, before)
        spool.make_folder(after, name)
        read: list[str] = []

        def names(
            place: str, spool: Spool = spool, name: PhotoName = name, turn: int = turn, read: list[str] = read
        ) -> list[PhotoName]:
            if len(read) == turn:
                spool.path(name, before).rename(spool.path(name, after))
            read.append(place)
            return list(Spool.names(spool, place))

        with monkeypatch.context() as patch:
            patch.setattr(spool, "names", names)
            listed = counts.list_names(spool)
        assert sum(len(found) for found in listed.values()) == 1


def test_e5_a_boot_without_a_clock_is_counted_as_unknown(tmp_path: Path) -> None:
    clock = HandClock()
    spool = open_spool(tmp_path / "spool", clock)
    for number in range(3):
        take(spool, jpeg(number))
    clock.power_on("boot-b")
    spool = at_a_minute_to_midnight(tmp_path / "spool", clock)
    take(spool, jpeg(9))
    found = counted(spool)["abcd1234"]
    assert days(found) == {None: {"waiting": 3}, FRIDAY: {"waiting": 1}}
    assert (found.first_ms, found.last_ms) == (MIDNIGHT_MS - 60_000, MIDNIGHT_MS - 60_000)


def test_e5_withdrawn_and_damaged_photos_set_no_first_or_last(spool: Spool) -> None:
    damaged = take(spool, jpeg(0))
    pass_s(spool, 10)
    take(spool, jpeg(1))
    pass_s(spool, 10)
    held = take(spool, jpeg(2), PARTY, HELD)
    handover.quarantine(spool, damaged)
    handover.move_held(spool, held, WITHDRAWN)
    found = counted(spool)["abcd1234"]
    assert (found.first_ms, found.last_ms) == (MIDNIGHT_MS - 50_000, MIDNIGHT_MS - 50_000)


def test_e5_after_a_wipe_no_number_and_no_time_is_left(spool: Spool) -> None:
    names = [take(spool, jpeg(number)) for number in range(3)]
    gala = take(spool, jpeg(9), GALA)
    for name in (*names, gala):
        handover.mark_sent(spool, name)
    handover.retire(spool, [*names[:2], gala])
    wipe(spool, plan(survey(spool, booth_runs=False), "abcd1234"))
    found = counted(spool)
    assert found.keys() == {"wxyz9876"}
    assert days(found["wxyz9876"]) == {FRIDAY: {"sent": 1}}
    assert boots.retired_times(spool.directory / "boots", spool.boot).keys() == {gala.seq}


@pytest.mark.parametrize("times", [[], 3, "soon", None])
def test_e5_times_that_make_no_sense_hinder_no_wipe(spool: Spool, times: object) -> None:
    take(spool, jpeg(0))
    path = boots.path_of(spool.directory / "boots", spool.boot)
    with path.open("a") as file:
        file.write(json.dumps({"retired": {PARTY.id: [1, 2]}, "boottime_ms": 5, "taken_ms": times}) + "\n")
    wipe(spool, plan(survey(spool, booth_runs=False), "abcd1234"), unsent=True)
    assert PARTY.id not in path.read_text()
    assert counted(spool) == {}


def test_e5_ten_thousand_names_need_few_capture_times(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By count, not by time: each capture time costs a tenth of a millisecond here, and ten times that on a Pi."""
    spool = at_a_minute_to_midnight(tmp_path / "spool", HandClock())
    begin_ms = spool.clock.boottime_ns() // 1_000_000
    names = [
        PhotoName(spool.box, spool.boot, number + 1, begin_ms + number * 12_000, PARTY.id, "0" * 16)
        for number in range(10_000)
    ]
    asked = []
    solve = Spool.taken_at_ms

    def note(spool: Spool, name: PhotoName, *, record: bool = False) -> int | None:
        asked.append(name)
        return solve(spool, name, record=record)

    monkeypatch.setattr(Spool, "taken_at_ms", note)
    (found,) = counts.count(spool, {SENT: names}, BERLIN, lambda photo: "").values()
    assert counts.taken(found.total) == 10_000
    assert len(found.days) == 3
    assert len(asked) < 100


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    gaps_s=st.lists(st.integers(0, 40_000), min_size=1, max_size=30),
    places=st.lists(
        st.sampled_from([SENT, NEW, HELD, PARKED, KEPT, QUARANTINE, WITHDRAWN]), min_size=30, max_size=30
    ),
)
def test_e5_days_are_those_of_each_photo_by_itself(
    gaps_s: list[int], places: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    spool = at_a_minute_to_midnight(tmp_path_factory.mktemp("random") / "spool", HandClock())
    at_ms, names = spool.clock.boottime_ns() // 1_000_000, dict[str, list[PhotoName]]()
    expected: dict[date | None, Counter[str]] = {}
    for number, (gap_s, place) in enumerate(zip(gaps_s, places, strict=False)):
        at_ms += gap_s * 1000
        name = PhotoName(spool.box, spool.boot, number + 1, at_ms, PARTY.id, "0" * 16)
        names.setdefault(place, []).append(name)
        unix_ms = spool.taken_at_ms(name)
        assert unix_ms is not None
        day = datetime.fromtimestamp(unix_ms / 1000, BERLIN).date()
        expected.setdefault(day, Counter())[counts.STATES[place]] += 1
    (found,) = counts.count(spool, names, BERLIN, lambda photo: "").values()
    assert days(found) == {day: dict(numbers) for day, numbers in expected.items()}
