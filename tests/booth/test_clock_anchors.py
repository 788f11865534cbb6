"""The booth's clock anchors: which moments are worth a line on the card, and which are not."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from piboothup.booth.clock_anchors import ANCHOR_EVERY_MS, STEP_MS, AnchorRecorder
from piboothup.spool import durable
from piboothup.spool.capture_time.anchors import CEILING_MS, FLOOR_MS, Anchor, Source
from piboothup.spool.store import Spool
from tests.support.clock import HandClock
from tests.support.photos import open_spool


@pytest.fixture
def clock() -> HandClock:
    return HandClock(boottime_s=20.0)


@pytest.fixture
def spool(tmp_path: Path, clock: HandClock) -> Spool:
    return open_spool(tmp_path / "spool", clock)


@pytest.fixture
def timekeeping(spool: Spool, clock: HandClock) -> AnchorRecorder:
    return AnchorRecorder(spool, clock)


def anchors(spool: Spool) -> list[Anchor]:
    return list(spool.read_boot(spool.boot).anchors)


def test_t01_disciplined_clock_recorded_with_uncertainty(
    timekeeping: AnchorRecorder, spool: Spool, clock: HandClock
) -> None:
    clock.uncertainty_ms = 7
    timekeeping.record(0)
    assert anchors(spool) == [Anchor(Source.NTP, 20_000, 1_750_000_000_000, 7)]


def test_while_nothing_happens_nothing_is_written(
    timekeeping: AnchorRecorder, spool: Spool, clock: HandClock
) -> None:
    clock.uncertainty_ms = 7
    for _ in range(50):
        timekeeping.record(3)
        clock.pass_s(ANCHOR_EVERY_MS / 1000)
        clock.step_wall_s(0.009)  # drift
    assert len(anchors(spool)) == 1


def test_anchor_every_10_min_while_photos_are_taken(
    timekeeping: AnchorRecorder, spool: Spool, clock: HandClock
) -> None:
    clock.uncertainty_ms = 7
    for second in range(1801):
        timekeeping.record(second)
        clock.pass_s(1.0)
    assert [anchor.boottime_ms for anchor in anchors(spool)] == [20_000, 620_000, 1_220_000, 1_820_000]


@pytest.mark.parametrize(("step_ms", "number"), [(STEP_MS, 2), (-STEP_MS, 2), (STEP_MS - 1, 1)])
def test_a_step_of_the_disciplined_clock_is_written_down_at_once(
    timekeeping: AnchorRecorder, spool: Spool, clock: HandClock, step_ms: int, number: int
) -> None:
    clock.uncertainty_ms = 7
    timekeeping.record(0)
    clock.pass_s(1.0)
    clock.wall_s = round(clock.wall_s * 1000 + step_ms) / 1000
    timekeeping.record(0)
    assert len(anchors(spool)) == number


def test_boot_clocks_recorded_once_before_ntp_is_there(
    timekeeping: AnchorRecorder, spool: Spool, clock: HandClock
) -> None:
    clock.battery_clock_ms = 1_760_000_000_000
    for _ in range(5):
        timekeeping.record(0)
        clock.pass_s(900.0)
    assert anchors(spool) == [
        Anchor(Source.SAVED, 20_000, 1_750_000_000_000, 0),
        Anchor(Source.RTC, 20_000, 1_760_000_000_500, 1_500),
    ]
    clock.uncertainty_ms = 7
    timekeeping.record(0)
    assert anchors(spool)[-1].source is Source.NTP


def test_an_undisciplined_clock_is_never_called_ntp(timekeeping: AnchorRecorder, spool: Spool) -> None:
    timekeeping.record(5)
    assert {anchor.source for anchor in anchors(spool)} == {Source.SAVED}


@pytest.mark.parametrize("battery_ms", [0, FLOOR_MS - 1001, CEILING_MS])
def test_t07_a_battery_clock_that_cannot_be_right_is_ignored(
    timekeeping: AnchorRecorder, spool: Spool, clock: HandClock, battery_ms: int
) -> None:
    clock.wall_s, clock.battery_clock_ms = 0.0, battery_ms
    timekeeping.record(0)
    assert anchors(spool) == []


@pytest.mark.parametrize("disciplined", [True, False])
def test_s04_anchor_refused_by_card_reported_once_written_later(
    timekeeping: AnchorRecorder,
    spool: Spool,
    clock: HandClock,
    disciplined: bool,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock.uncertainty_ms = 7 if disciplined else None

    def refuse(_path: Path, _line: str) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    with monkeypatch.context() as patched:
        patched.setattr(durable, "append_line", refuse)
        for _ in range(3):
            timekeeping.record(0)
    assert [record.getMessage() for record in caplog.records] == ["anchor not written reason=Read-only file system"]
    timekeeping.record(0)
    assert [anchor.source for anchor in anchors(spool)] == [Source.NTP if disciplined else Source.SAVED]
