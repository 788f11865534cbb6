"""The capture-time solver: the rules one by one, and random histories."""

from __future__ import annotations

import gc
import random
import weakref
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest

from piboothup.spool.capture_time import taken_at
from piboothup.spool.capture_time.anchors import Anchor, Source
from piboothup.spool.capture_time.boots import Boot
from piboothup.spool.capture_time.taken_at import KNOT_MS, SPREAD_WITHIN_MS, Estimate, is_known, knots, solve
from tests.support.effort import AT_LENGTH

pytestmark = pytest.mark.slow

START_MS = 1_750_000_000_000
HISTORIES = 20_000 if AT_LENGTH else 2_000


def anchor(at_s: float, off_s: float = 0.0, source: Source = Source.NTP, uncertainty_ms: int = 5) -> Anchor:
    """An anchor of a boot that began at START_MS, `off_s` beside the truth."""
    return Anchor(source, int(at_s * 1000), START_MS + int((at_s + off_s) * 1000), uncertainty_ms)


def boot(*anchors: Anchor, number: int = 1, last_s: float = 0.0, in_use: tuple[Anchor, ...] = ()) -> Boot:
    return Boot(number, anchors=anchors, in_use=in_use, last_boottime_ms=int(last_s * 1000))


def at(found: Boot, boottime_s: float) -> float | None:
    """Seconds after START_MS that the solver gives; None when unknown."""
    estimate = solve({found.number: found}, found.number, int(boottime_s * 1000))
    return None if estimate is None else (estimate.unix_ms - START_MS) / 1000


def test_t01_anchor_after_press_counts_like_one_before() -> None:
    assert at(boot(anchor(5000)), 10) == pytest.approx(10)
    assert at(boot(anchor(10)), 5000) == pytest.approx(5000)


def test_between_two_anchors_a_drifting_clock_cancels_out() -> None:
    drifting = boot(anchor(0), anchor(40_000, off_s=2.0))
    assert at(drifting, 20_000) == pytest.approx(20_001, abs=0.01)
    assert at(drifting, 50_000) == pytest.approx(50_002, abs=0.01)


def test_t06_ntp_is_believed_before_date_and_date_before_rtc() -> None:
    ntp, date, rtc = anchor(50), anchor(60, 1.5, Source.DATE, 600), anchor(5, 40.0, Source.RTC, 1000)
    assert at(boot(rtc), 100) == pytest.approx(140)
    assert at(boot(rtc, date), 100) == pytest.approx(101.5)
    assert at(boot(rtc, date, ntp), 100) == pytest.approx(100)
    assert at(boot(ntp, anchor(40_000, 1.5, Source.DATE, 600)), 40_000) == pytest.approx(40_000)


@pytest.mark.parametrize("wall_s", [0, 86_400, 1_600_000_000, 4_200_000_000])
def test_t07_t08_clock_below_floor_or_in_next_century_ignored(wall_s: int) -> None:
    for source in (Source.RTC, Source.DATE, Source.NTP):
        assert at(boot(Anchor(source, 5_000, wall_s * 1000, 5)), 100) is None


def test_a_saved_clock_is_no_time_of_its_own() -> None:
    assert at(boot(anchor(5, source=Source.SAVED)), 100) is None


def test_t03_clock_stepped_back_keeps_photo_order() -> None:
    stepped = boot(anchor(10), anchor(7000), anchor(14_000, off_s=-10_000_000), anchor(21_000))
    times = [at(stepped, second) for second in range(0, 30_000, 1000)]
    assert all(time is not None for time in times)
    assert times == sorted(times, key=lambda ms: ms or 0.0)
    assert times[20] == pytest.approx(20_000)


WEEKS_S = 14 * 86_400
ALIKE = [anchor(at_s) for at_s in range(0, WEEKS_S, 600)]
WEEKS: dict[str, list[Anchor]] = {
    "alike": ALIKE,
    "clock set wrong once": [*ALIKE[:300], anchor(180_000, off_s=3600), *ALIKE[301:]],
    "clock set right after a week": [
        anchor(at_s, off_s=3600 * (at_s < WEEKS_S / 4)) for at_s in range(0, WEEKS_S, 600)
    ],
    "less and less certain": [anchor(at_s, uncertainty_ms=5 + at_s % 7200) for at_s in range(0, WEEKS_S, 600)],
}


@pytest.mark.parametrize("anchors", WEEKS.values(), ids=WEEKS)
def test_t01_weeks_without_a_restart_cost_a_photo_little(
    anchors: list[Anchor], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A box that is left on: each photo waits for its time. To compare all its anchors with all took many seconds."""
    comparisons = 0

    def counted(value: float) -> float:
        nonlocal comparisons
        comparisons += 1
        return abs(value)

    monkeypatch.setattr(taken_at, "abs", counted, raising=False)
    assert at(boot(*anchors), WEEKS_S) == pytest.approx(WEEKS_S, abs=0.01)
    assert comparisons < len(anchors) ** 2 / 2


GROWN: dict[str, Callable[[int], Boot]] = {
    "anchors": lambda lines: boot(*[anchor(at_s) for at_s in range(lines)]),
    "offsets in use": lambda lines: boot(anchor(0), in_use=tuple(anchor(at_s) for at_s in range(lines))),
    "photos deleted": lambda lines: replace(boot(anchor(0)), retired=frozenset(("c", seq) for seq in range(lines))),
}


@pytest.mark.parametrize("grown", GROWN.values(), ids=GROWN)
def test_t01_weeks_without_a_restart_keep_memory(grown: Callable[[int], Boot]) -> None:
    """Each line in the boot's file makes another boot, with anchors of its own. Of former ones two are kept."""
    known: weakref.WeakSet[Anchor] = weakref.WeakSet()
    for lines in range(1, 101):
        found = grown(lines)
        known.add(found.anchors[0])
        assert at(found, 60) == pytest.approx(60)
    del found
    gc.collect()
    assert len(known) <= 2


def test_t01_anchors_are_compared_once_however_many_boots(monkeypatch: pytest.MonkeyPatch) -> None:
    """A box with an RTC that is never online: each of its boots is asked about for each photo of any of them."""
    day_s = 86_400
    clocked = {
        number: boot(anchor(0, day_s * number, Source.RTC), number=number, last_s=3600.0) for number in range(1, 301)
    }
    made: Counter[int] = Counter()
    new_curve = taken_at._new_curve

    def counted(of: Boot) -> tuple[Anchor, ...]:
        made[of.number] += 1
        return new_curve(of)

    monkeypatch.setattr(taken_at, "_new_curve", counted)
    for at_s in range(3):
        clocked[300] = replace(clocked[300], last_boottime_ms=3_600_000 + at_s)  # it is running
        found = solve(clocked, 150, at_s * 1000)
        assert found is not None and found.unix_ms == START_MS + (150 * day_s + at_s) * 1000
    assert made == dict.fromkeys(clocked, 1)


def test_t01_boot_of_weeks_is_known_again_without_a_look_at_it(monkeypatch: pytest.MonkeyPatch) -> None:
    found = boot(*ALIKE)
    assert at(found, 10) == pytest.approx(10)
    with monkeypatch.context() as patched:
        patched.setattr(Anchor, "__eq__", None)
        patched.setattr(Anchor, "__hash__", None)
        assert at(replace(found, retired=frozenset({("c", 1)})), 20) == pytest.approx(20)
    assert at(replace(found, anchors=tuple(anchor(at_s, 60) for at_s in range(0, WEEKS_S, 600))), 10) == 70
    assert at(boot(*ALIKE), 10) == pytest.approx(10)


def test_t01_weeks_without_a_restart_keep_what_is_in_use() -> None:
    """One anchor agrees with what uploads have used, thousands do not."""
    used = anchor(0)
    later = [anchor(at_s, off_s=3600) for at_s in range(600, WEEKS_S, 600)]
    assert at(boot(used, *later, in_use=(used,)), 60) == pytest.approx(60)


def test_offset_in_use_kept_until_better_source_differs_over_2_s() -> None:
    dated = boot(anchor(100, 0.4, Source.DATE, 550))
    used = knots({1: dated}, 1, 100_000)
    assert len(used) == 2
    near = replace(
        dated, in_use=used, anchors=(*dated.anchors, anchor(200, -0.3), anchor(300, 9.0, Source.DATE, 600))
    )
    assert at(near, 150) == pytest.approx(150.4)
    told = (anchor(8000, 9.0, Source.DATE, 600), anchor(9000, 9.0, Source.DATE, 600))
    as_good = replace(dated, in_use=used, anchors=(*dated.anchors, *told))
    assert at(as_good, 1800) == pytest.approx(1800.4)
    far = replace(dated, in_use=used, anchors=(*dated.anchors, anchor(200, -5.0)))
    assert at(far, 150) == pytest.approx(145)


def test_t02_boot_without_time_lies_in_order_between_neighbours() -> None:
    before, after = boot(anchor(100), number=1, last_s=1000), boot(anchor(100, 7200), number=4, last_s=200)
    second, third = boot(number=2, last_s=600), boot(number=3, last_s=900)
    boots = {boot.number: boot for boot in (before, second, third, after)}
    moments = [solve(boots, 1, 1_000_000), solve(boots, 2, 1_000), solve(boots, 2, 600_000), solve(boots, 3, 900_000)]
    moments.append(solve(boots, 4, 0))
    times = [(moment.unix_ms - START_MS) / 1000 for moment in moments if moment is not None]
    assert len(times) == 5
    assert times == sorted(times)
    assert times[1] == pytest.approx(1000 + (7200 - 1000 - 1500) / 3 + 1, abs=0.01)
    bounded = moments[1]
    assert bounded is not None
    assert bounded.source is Source.BETWEEN
    assert bounded.low_ms <= START_MS + 1_001_000
    assert bounded.high_ms >= START_MS + (7200 - 1500 + 1) * 1000


def test_t09_time_open_on_a_side_or_too_wide_is_left_out() -> None:
    before, lost = boot(anchor(100), number=1, last_s=1000), boot(number=2, last_s=600)
    assert solve({1: before, 2: lost}, 2, 1_000) is None
    day_s = SPREAD_WITHIN_MS / 1000
    for away_s, known in ((day_s + 1600, True), (day_s + 1602, False)):
        after = boot(anchor(0, away_s), number=3)
        assert (solve({1: before, 2: lost, 3: after}, 2, 1_000) is not None) is known
    assert solve({2: lost, 3: boot(anchor(0, 5000), number=3)}, 2, 1_000) is None
    assert solve({1: boot(last_s=10), 2: lost, 3: boot(number=3, last_s=10)}, 2, 1_000) is None


def test_clock_at_boot_is_lower_bound_unless_contradicted() -> None:
    before, after = boot(anchor(100), number=1, last_s=1000), boot(anchor(0, 9000), number=3)
    woken = boot(anchor(0, 8000, Source.SAVED), number=2, last_s=100)
    found = solve({1: before, 2: woken, 3: after}, 2, 0)
    assert found is not None
    assert found.unix_ms == START_MS + (8000 + (9000 - 8100) // 2) * 1000
    mistaken = boot(anchor(0, 20_000_000, Source.SAVED), number=2, last_s=100)
    found = solve({1: before, 2: mistaken, 3: after}, 2, 0)
    assert found is not None
    assert found.unix_ms == START_MS + (1000 + (9000 - 1100) // 2) * 1000


def test_t04_wall_clock_10_years_ahead_no_effect_without_anchor() -> None:
    known = boot(anchor(100), anchor(8000, off_s=315_360_000), anchor(15_000))
    assert at(known, 9000) == pytest.approx(9000)


def test_of_two_anchors_within_a_minute_one_counts() -> None:
    assert at(boot(anchor(100), anchor(130, 0.5)), 100) == pytest.approx(100.5)
    assert at(boot(anchor(100, 0.5), anchor(130, uncertainty_ms=50)), 130) == pytest.approx(130.5)


def test_anchor_less_certain_than_other_plus_drift_ignored() -> None:
    sure, vague = anchor(100, 0.0, Source.DATE, 510), anchor(1000, 0.5, Source.DATE, 750)
    assert at(boot(sure, vague), 1000) == pytest.approx(1000, abs=0.001)


def test_anchors_agree_as_far_as_they_are_certain() -> None:
    early, late = anchor(100, 0.0, Source.DATE, 510), anchor(7300, 11.0, Source.DATE, 600)
    assert at(boot(early, late), 100) == pytest.approx(100.15, abs=0.01)
    assert at(boot(early, anchor(7300, 12.0, Source.DATE, 600)), 100) == pytest.approx(112)


def test_estimate_is_as_wide_as_its_anchor_and_drift_since() -> None:
    found = solve({1: boot(anchor(5000))}, 1, 8_000_000)
    assert found is not None
    off_ms = 5 + 50e-6 * (3_000_000 + KNOT_MS)
    assert (found.unix_ms - found.low_ms, found.high_ms - found.unix_ms) == (off_ms, off_ms)


def test_boot_between_others_bounded_by_their_minimum_durations() -> None:
    before, after = boot(anchor(100), number=1, last_s=1000), boot(anchor(100, 7200), number=4, last_s=200)
    boots = {1: before, 2: boot(number=2, last_s=600), 3: boot(number=3, last_s=900), 4: after}
    found = solve(boots, 3, 0)
    assert found is not None
    assert found.low_ms - START_MS == 1_000_000 - (5 + 225) + 599_970
    assert found.high_ms - START_MS == 7_200_000 + (5 + 180) - 899_955
    (used,) = knots(boots, 3, 0)
    assert used.uncertainty_ms == max(found.high_ms - found.unix_ms, found.unix_ms - found.low_ms)
    later = solve(boots, 3, 800_000)
    assert later is not None
    assert (later.low_ms - found.low_ms, later.high_ms - found.high_ms) == (799_960, 800_000)


def test_estimate_used_by_upload_kept_whatever_neighbours_say() -> None:
    before, lost, after = boot(anchor(100), last_s=1000), boot(number=2, last_s=600), boot(anchor(0, 7200), number=3)
    boots = {1: before, 2: lost, 3: after}
    first, used = solve(boots, 2, 60_000), knots(boots, 2, 60_000)
    assert first is not None
    assert [anchor.source for anchor in used] == [Source.BETWEEN]
    boots |= {1: replace(before, last_boottime_ms=3_000_000), 2: replace(lost, in_use=used, last_boottime_ms=900_000)}
    for known in (boots, {2: boots[2]}):
        found = solve(known, 2, 60_000)
        assert found is not None
        assert found.unix_ms == first.unix_ms
        assert knots(known, 2, 60_000) == used


def test_t07_battery_clock_after_estimate_was_used_is_too_late() -> None:
    before, lost, after = boot(anchor(100), last_s=1000), boot(number=2, last_s=600), boot(anchor(0, 7200), number=3)
    boots = {1: before, 2: lost, 3: after}
    first, used = solve(boots, 2, 60_000), knots(boots, 2, 60_000)
    boots[2] = replace(lost, in_use=used, anchors=(anchor(70, 1500, Source.RTC, 1500),))
    found = solve(boots, 2, 60_000)
    assert first is not None
    assert found is not None
    assert (found.unix_ms, found.source) == (first.unix_ms, Source.BETWEEN)


def test_hour_with_contradicting_ends_is_not_interpolated() -> None:
    wrong = (anchor(0, 60), anchor(3600, 60))  # in use before most of the anchors said otherwise
    known = boot(anchor(5000), anchor(6000), in_use=wrong)
    assert at(known, 3599) == pytest.approx(3659)
    assert at(known, 5400) == pytest.approx(5460)
    assert at(known, 7300) == pytest.approx(7300)


@pytest.mark.parametrize("off_s", [7200, -10_800])
def test_t07_battery_clock_contradicting_neighbours_not_believed(off_s: int) -> None:
    before, after = boot(anchor(10), number=1, last_s=600), boot(anchor(10, 3600), number=3, last_s=300)
    false = boot(anchor(5, 1200 + off_s, Source.RTC), number=2, last_s=1200)
    boots = {1: before, 2: false, 3: after}
    moments = [solve(boots, 1, 600_000), solve(boots, 2, 1_000), solve(boots, 2, 1_200_000), solve(boots, 3, 0)]
    times = [found.unix_ms for found in moments if found is not None]
    assert len(times) == 4
    assert times == sorted(times)


@pytest.mark.parametrize("is_estimated", [False, True])
def test_t07_battery_not_believed_with_too_little_time_after_it(
    is_estimated: bool,
) -> None:
    start = Anchor(Source.BETWEEN, 0, START_MS + 3_600_000, 500)
    after = boot(number=4, in_use=(start,)) if is_estimated else boot(anchor(10, 3600), number=4)
    boots = {
        1: boot(anchor(10), number=1, last_s=600),
        2: boot(anchor(5, 1200, Source.RTC), number=2, last_s=1200),
        4: after,
    }
    for last_s, source in ((1100, Source.RTC), (1300, Source.BETWEEN)):
        found = solve(boots | {3: boot(number=3, last_s=last_s)}, 2, 60_000)
        assert found is not None
        assert found.source is source


def test_t07_battery_not_believed_with_too_little_time_before_it() -> None:
    boots = {
        1: boot(anchor(10), number=1, last_s=600),
        3: boot(anchor(5, 1200, Source.RTC), number=3, last_s=300),
        4: boot(anchor(10, 3600), number=4),
    }
    for last_s, source in ((500, Source.RTC), (700, Source.BETWEEN)):
        found = solve(boots | {2: boot(number=2, last_s=last_s)}, 3, 60_000)
        assert found is not None
        assert found.source is source


def test_t07_battery_alone_gives_no_time_until_upload_used_it() -> None:
    battery = boot(anchor(5, 40.0, Source.RTC, 1000))
    assert not is_known(battery)
    assert not is_known(boot())
    assert is_known(boot(anchor(5, 40.0, Source.DATE, 1000)))
    assert is_known(replace(battery, in_use=knots({1: battery}, 1, 5_000)))


def test_t07_a_battery_that_contradicts_nobody_is_believed() -> None:
    before, after = boot(anchor(10), number=1, last_s=600), boot(anchor(10, 3600), number=3, last_s=300)
    good = boot(anchor(5, 1200, Source.RTC), number=2, last_s=1200)
    found = solve({1: before, 2: good, 3: after}, 2, 60_000)
    assert found is not None
    assert found.unix_ms == START_MS + 1_260_000
    assert found.source is Source.RTC


# -- random histories ------------------------------------------------------------------------------------------


@dataclass
class _Photo:
    boot: int
    boottime_ms: int
    true_ms: float
    sent_ms: int | None = None
    uploaded: bool = False


@dataclass
class _World:
    """A box's life: true times, and what it learned of them."""

    chance: random.Random
    boots: dict[int, Boot] = field(default_factory=dict)
    photos: list[_Photo] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)
    false_batteries: set[int] = field(default_factory=set)

    def live(self) -> None:
        now_ms = float(START_MS)
        for number in range(1, self.chance.randint(1, 7) + 1):
            now_ms += self.chance.choice([4, 30, 600, 40_000, 200_000]) * 1000 * (0.5 + self.chance.random())
            now_ms = self._boot(number, now_ms)

    def _boot(self, number: int, start_ms: float) -> float:
        drift = self.chance.uniform(-50e-6, 50e-6)
        length_ms = self.chance.choice([60, 3_000, 20_000, 250_000]) * 1000 * (0.2 + self.chance.random())
        self.boots[number] = Boot(number, anchors=(self._saved(start_ms),) if self.chance.random() < 0.5 else ())
        if self.chance.random() < 0.2:
            off_ms = self.chance.choice([0, 0, 7_200_000, -10_800_000])  # a battery that keeps local time
            self._learn(number, 5_000, start_ms + 5_000 * (1 + drift) + off_ms, Source.RTC)
            if off_ms:
                self.false_batteries.add(number)
        moments = sorted(self.chance.uniform(6_000, 6_000 + length_ms) for _ in range(self.chance.randint(0, 9)))
        knows = self.chance.random() < 0.6
        for boottime_ms in moments:
            true_ms = start_ms + boottime_ms * (1 + drift)
            what = self.chance.random()
            if what < 0.6:
                self.photos.append(_Photo(number, int(boottime_ms), true_ms))
            self._reach(number, int(boottime_ms))
            if what > 0.8 and knows:
                self._learn(number, boottime_ms, true_ms, self.chance.choice([Source.NTP, Source.DATE, Source.DATE]))
                if is_known(self.boots[number]) and self.chance.random() < 0.8:
                    self._upload(true_ms)  # whoever can upload has just seen the server's clock
        return start_ms + (6_000 + length_ms) * (1 + drift)

    def _saved(self, start_ms: float) -> Anchor:
        behind_ms = self.chance.choice([1, 3_000, 10_000_000, -3_600_000, -86_400_000 * 400])  # it was stepped
        return Anchor(Source.SAVED, 0, int(start_ms - behind_ms), 0)

    def _reach(self, number: int, boottime_ms: int) -> None:
        known = self.boots[number]
        self.boots[number] = replace(known, last_boottime_ms=max(known.last_boottime_ms, boottime_ms))

    def _learn(self, number: int, boottime_ms: float, true_ms: float, source: Source) -> None:
        half_ms = {Source.NTP: 30, Source.DATE: self.chance.randint(510, 750), Source.RTC: 800}[source]
        wall_ms = true_ms + self.chance.uniform(-half_ms, half_ms)
        if self.chance.random() < 0.05:
            wall_ms = self.chance.choice([0.0, 9e12])  # a clock that makes no sense at all
        found = Anchor(source, int(boottime_ms), int(wall_ms), half_ms + 1)
        known = self.boots[number]
        self.boots[number] = replace(known, anchors=(*known.anchors, found))

    def _upload(self, now_ms: float) -> None:
        waiting = [taken for taken in self.photos if not taken.uploaded and taken.true_ms <= now_ms]
        self.chance.shuffle(waiting)
        for photo in waiting[: self.chance.randint(1, 4)]:
            estimate = solve(self.boots, photo.boot, photo.boottime_ms)
            self._check(photo, estimate)
            photo.uploaded = True
            if estimate is not None:
                photo.sent_ms = estimate.unix_ms
                known = self.boots[photo.boot]
                used = {knot.boottime_ms: knot for knot in known.in_use}
                used |= {knot.boottime_ms: knot for knot in knots(self.boots, photo.boot, photo.boottime_ms)}
                self.boots[photo.boot] = replace(known, in_use=tuple(used.values()))

    def _check(self, photo: _Photo, estimate: Estimate | None) -> None:
        if estimate is None:
            self.kinds["unknown"] += 1
            return
        assert estimate.low_ms - 1 <= estimate.unix_ms <= estimate.high_ms + 1
        if estimate.source is Source.BETWEEN:
            self.kinds["bounded"] += 1
            if not self.false_batteries:  # one that contradicts nobody can't be told from a good one
                assert estimate.low_ms - 2 <= photo.true_ms <= estimate.high_ms + 2
            return
        if estimate.source is Source.RTC and photo.boot in self.false_batteries:
            self.kinds["by a battery that was wrong, between its neighbours"] += 1
            return
        self.kinds["exact"] += 1
        sane = [near for near in self.boots[photo.boot].anchors if near.is_sane and near.source is not Source.SAVED]
        away_ms = min(abs(near.boottime_ms - photo.boottime_ms) for near in sane)
        best = min(near.source.rank for near in sane)
        nearest_ms = min(abs(near.boottime_ms - photo.boottime_ms) for near in sane if near.source.rank == best)
        off_ms = abs(estimate.unix_ms - photo.true_ms)
        assert off_ms <= 1000 + 50e-6 * max(away_ms, nearest_ms), (off_ms, away_ms, nearest_ms)


def test_t02_on_random_histories_no_bound_and_no_order_is_broken(capsys: pytest.CaptureFixture[str]) -> None:
    kinds: Counter[str] = Counter()
    for seed in range(HISTORIES):
        world = _World(random.Random(seed))
        world.live()
        sent = [photo.sent_ms for photo in world.photos if photo.sent_ms is not None]
        assert sent == sorted(sent), f"order broken in history {seed}"
        kinds += world.kinds
    total = kinds.total()
    shares = ", ".join(f"{kind} {count / total:.1%}" for kind, count in sorted(kinds.items()))
    with capsys.disabled():
        print(f"\n  capture times: {HISTORIES} histories, {total} uploads: {shares}")
    assert kinds["bounded"] > HISTORIES / 20
    assert kinds["exact"] > HISTORIES / 2


def test_knots_of_neighbouring_moments_are_shared() -> None:
    known = boot(anchor(10), anchor(9000, 0.3))
    early, late = knots({1: known}, 1, 5_000), knots({1: known}, 1, KNOT_MS + 5)
    assert early[1] == late[0]
