"""A panel that comes and goes: it is asked for every 2 s all night, and the log hears of it once."""

from __future__ import annotations

import errno
import logging
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from piboothup.booth.panel import RETRY_NS, NoPanel, PanelThread
from piboothup.booth.view import View
from piboothup.status import BoothState
from tests.clocks import HandClock

READY = View(state=BoothState.READY, name="Booth 1", photos=3)


class Loose(NoPanel):
    """A panel on a bad wire: which of its calls fail is said by the test. The real part fails in all or in none."""

    def __init__(self, clock: HandClock, *failing: str) -> None:
        self.failing = failing
        self.opened_ns: list[int] = []
        self._clock = clock

    def open(self) -> None:
        self.opened_ns.append(self._clock.boottime_ns())
        self._call("open")

    def show(self, image: Image.Image) -> None:
        self._call("show")

    def contrast(self, level: int) -> None:
        self._call("contrast")

    def close(self) -> None:
        self._call("close")

    def _call(self, name: str) -> None:
        if name in self.failing:
            raise OSError(errno.EIO, "Input/output error")


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def panel_with(clock: HandClock, tmp_path: Path) -> Callable[..., tuple[PanelThread, Loose]]:
    def made(*failing: str) -> tuple[PanelThread, Loose]:
        device = Loose(clock, *failing)
        panel = PanelThread(device, clock, tmp_path)
        panel.show(READY)
        panel.turn()
        return panel, device

    return made


Made = Callable[..., tuple[PanelThread, Loose]]


def turns(panel: PanelThread, clock: HandClock, seconds: int) -> list[bool]:
    """Lets so much time pass, in turns of half a second: whether the panel worked after each."""
    worked = []
    for _ in range(2 * seconds):
        clock.pass_s(0.5)
        panel.turn()
        worked.append(panel.working)
    return worked


@pytest.mark.parametrize("failing", [("open",), ("show",), ("contrast",), ("show", "close")])
def test_d02_a_panel_that_fails_all_night_is_in_the_log_once_and_missing_all_the_time(
    panel_with: Made, clock: HandClock, caplog: pytest.LogCaptureFixture, failing: tuple[str, ...]
) -> None:
    caplog.set_level(logging.INFO)
    panel, _ = panel_with(*failing)
    first = [record.getMessage().split()[0] for record in caplog.records]
    assert first == ["event=panel_close_error"] * ("close" in failing) + ["event=panel_lost"]
    assert not any(turns(panel, clock, 600))
    assert len(caplog.records) == len(first)


def test_d02_a_panel_that_shows_a_picture_again_is_there_and_the_next_loss_is_news(
    panel_with: Made, clock: HandClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    panel, device = panel_with("show")
    turns(panel, clock, 10)
    device.failing = ()
    assert turns(panel, clock, 2)[-1]
    device.failing = ("show",)
    panel.show(View(state=BoothState.REVIEW, number=4))
    panel.turn()
    assert not panel.working
    said = [record.getMessage().split()[0] for record in caplog.records]
    assert said == ["event=panel_lost", "event=panel_open", "event=panel_lost"]


@pytest.mark.parametrize("failing", ["open", "show"])
def test_d02_a_missing_panel_is_asked_for_every_2_s_and_not_at_every_turn(
    panel_with: Made, clock: HandClock, failing: str
) -> None:
    panel, device = panel_with(failing)
    turns(panel, clock, 10)
    began_ns = device.opened_ns[0]
    assert device.opened_ns == [began_ns + count * RETRY_NS for count in range(6)]
