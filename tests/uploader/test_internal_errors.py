"""What the uploader makes of a mistake in its own program."""

from __future__ import annotations

import re

import pytest

from piboothup.spool.event_titles import AlbumEvent
from piboothup.spool.listing import NEW
from piboothup.spool.names import PhotoName
from piboothup.spool.store import Spool
from piboothup.uploader.outcomes import Outcome
from piboothup.uploader.schedule.scheduler import Probe, Send
from tests.support.simulated_night import Night
from tests.support.uploader import Desk


class Defect(Spool):
    """Raises what nobody expects, over one photo and when events are noted."""

    over: PhotoName | None = None
    over_events = False

    def taken_at_ms(self, name: PhotoName, *, record: bool = False) -> int | None:
        if name == self.over:
            raise KeyError("https://storage/?signature=secret")
        return super().taken_at_ms(name, record=record)

    def write_events(self, events: list[AlbumEvent]) -> None:
        if self.over_events:
            raise KeyError("Bearer secret")
        super().write_events(events)


def test_defect_over_photo_told_as_defect_blocks_none_parks_none(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    spool = Defect(desk.booth.directory, desk.clock, "serial-1")
    spool.over, good = desk.take(), desk.take()
    cursed = spool.over
    desk.start(spool)
    desk.until_sent(good)
    desk.until(lambda: desk.said()["problems"] == ["uploader_defect"], "the mistake to be told")
    desk.until(lambda: caplog.text.count("step failed") > 5, "more tries", step_s=10.0)
    desk.until(lambda: desk.said()["state"] == "idle", "the try to be over", step_s=0.0)
    assert desk.lies_in(NEW, cursed)
    assert re.search(
        r"error=KeyError at=(piboothup\.uploader\.worker:\d+>){3}tests\.uploader\.test_internal_errors:\d+\n",
        caplog.text,
    )
    assert "secret" not in caplog.text
    spool.over = None
    desk.until_sent(cursed, step_s=5.0)
    desk.until(lambda: desk.said()["problems"] == [], "nothing to be wrong")


def test_defect_over_eventpics_answer_told_as_defect_not_answer(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    spool = Defect(desk.booth.directory, desk.clock, "serial-1")
    spool.over_events = True
    name = desk.take()
    desk.start(spool)
    desk.until(lambda: desk.said()["problems"] == ["uploader_defect"], "the mistake to be told")
    desk.until(lambda: caplog.text.count("step failed") > 5, "more looks", step_s=5.0)
    assert desk.said()["problems"] == ["uploader_defect"]
    assert desk.said()["state"] == "offline"
    assert "secret" not in caplog.text
    spool.over_events = False
    desk.until_sent(name, step_s=1.0)
    desk.until(lambda: desk.said()["problems"] == [], "nothing to be wrong")


@pytest.mark.parametrize(("is_probe", "most"), [(True, 3600 / 10), (False, 3600 / 50)])
def test_defect_that_stays_is_met_repeatedly_but_not_often(is_probe: bool, most: float) -> None:
    night = Night(lambda _: Outcome.ACCEPTED)
    night.take()
    met = 0
    for _ in range(10_000):
        step = night.scheduler.next_step()
        if isinstance(step, Probe) and not is_probe:
            night.scheduler.on_probe_success(night.events)
        elif isinstance(step, Probe | Send):
            night.scheduler.on_defect(step, 60.0)
            met += 1
        elif night.clock.boottime_s < 3600:
            night.clock.pass_s(0.5)
    assert most / 2 < met <= most
    assert night.problems() == ["uploader_defect"]


def test_defect_reports_on_photos_end_at_retry_until_met_again() -> None:
    night = Night(lambda _: Outcome.ACCEPTED)
    name = night.take()
    night.scheduler.on_defect(Send(name), 60.0)
    assert night.problems() == ["uploader_defect"]
    night.scheduler.retry()
    assert night.problems() == []
