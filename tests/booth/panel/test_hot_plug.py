"""A panel that comes and goes: it is asked for every 2 s all night, the log hears of it once, and no press meets a
dark one."""

from __future__ import annotations

import errno
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from piboothup.booth.frame import Viewfinder
from piboothup.booth.panel import screens
from piboothup.booth.panel.base import PanelDevice
from piboothup.booth.panel.layout import PHOTO_SIZE
from piboothup.booth.panel.oled import OledPanel
from piboothup.booth.panel.thread import RETRY_NS, PanelThread
from piboothup.booth.panel.view import View
from piboothup.config import PanelConfig
from piboothup.simulator.gallery_views import portrait
from piboothup.status import BoothState
from tests.support.clock import HandClock
from tests.support.panel import EmulatedOled

READY = View(state=BoothState.READY, name="Booth 1", photos=3)
COUNTDOWN = View(state=BoothState.COUNTDOWN, countdown=3)


class Loose(PanelDevice):
    """A panel on a bad wire: which of its calls fail is said by the test. The real part fails in all or in none."""

    def __init__(self, clock: HandClock, *failing: str) -> None:
        self.failing = failing
        self.error: Exception = OSError(errno.EIO, "Input/output error")
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
            raise self.error


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def panel_with(clock: HandClock, tmp_path: Path) -> Callable[..., tuple[PanelThread, Loose]]:
    def made(*failing: str) -> tuple[PanelThread, Loose]:
        device = Loose(clock, *failing)
        panel = PanelThread(device, clock, tmp_path)
        panel.show(READY)
        panel.run_once()
        return panel, device

    return made


Made = Callable[..., tuple[PanelThread, Loose]]


def turns(panel: PanelThread, clock: HandClock, seconds: int) -> list[bool]:
    """Lets so much time pass, in turns of half a second: whether the panel worked after each."""
    worked = []
    for _ in range(2 * seconds):
        clock.pass_s(0.5)
        panel.run_once()
        worked.append(panel.problem is None)
    return worked


@pytest.mark.parametrize("failing", [("open",), ("show",), ("contrast",), ("show", "close")])
def test_d02_panel_failing_all_night_logged_once_always_missing(
    panel_with: Made, clock: HandClock, caplog: pytest.LogCaptureFixture, failing: tuple[str, ...]
) -> None:
    caplog.set_level(logging.INFO)
    panel, _ = panel_with(*failing)
    first = [record.getMessage().split("=")[0].rpartition(" ")[0] for record in caplog.records]
    assert first == ["panel close error"] * ("close" in failing) + ["device missing"]
    assert not any(turns(panel, clock, 600))
    assert len(caplog.records) == len(first)


def test_d02_panel_showing_again_is_present_next_loss_is_logged(
    panel_with: Made, clock: HandClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    panel, device = panel_with("show")
    turns(panel, clock, 10)
    device.failing = ()
    assert all(turns(panel, clock, 10)[4:])
    device.failing = ("show",)
    panel.show(View(state=BoothState.REVIEW, number=4))
    panel.run_once()
    assert panel.problem is not None
    said = [record.getMessage().split("=")[0].rpartition(" ")[0] for record in caplog.records]
    assert said == ["device missing", "device works", "device missing"]


@pytest.mark.parametrize("failing", ["open", "show"])
def test_d02_missing_panel_retried_every_2_s_not_every_turn(panel_with: Made, clock: HandClock, failing: str) -> None:
    panel, device = panel_with(failing)
    turns(panel, clock, 10)
    began_ns = device.opened_ns[0]
    assert device.opened_ns == [began_ns + count * RETRY_NS for count in range(6)]


@pytest.mark.parametrize("error", [OSError(errno.EIO, "Input/output error"), RuntimeError(), TypeError()], ids=repr)
def test_panel_reopened_whatever_its_close_raises(panel_with: Made, clock: HandClock, error: Exception) -> None:
    panel, device = panel_with()
    device.failing, device.error = ("show", "close"), error
    panel.show(COUNTDOWN)
    panel.run_once()
    assert panel.problem is not None
    device.failing = ()
    assert turns(panel, clock, 2)[-1]


def telling(driver: str) -> EmulatedOled:
    """Says whether it is on."""
    return EmulatedOled(132 if driver == "sh1106" else 128)


def unreadable(driver: str) -> EmulatedOled:
    """Can't be asked."""
    glass = telling(driver)
    glass.can_be_read = False
    return glass


def always_on(driver: str) -> EmulatedOled:
    """Says that it is on, whatever it is."""
    glass = telling(driver)
    glass.always_says = 0x00
    return glass


def always_off(driver: str) -> EmulatedOled:
    """Says that it is off, whatever it is."""
    glass = telling(driver)
    glass.always_says = 0x40
    return glass


Module = Callable[[str], EmulatedOled]
every_module = pytest.mark.parametrize("module", [telling, unreadable, always_on, always_off])
not_telling = pytest.mark.parametrize("module", [unreadable, always_on, always_off])


@pytest.fixture(params=["ssd1306", "sh1106"])
def wired(
    request: pytest.FixtureRequest, module: Module, clock: HandClock, tmp_path: Path
) -> tuple[PanelThread, EmulatedOled]:
    """A panel that has shown ready for half a minute, and its glass."""
    glass = module(request.param)
    panel = PanelThread(OledPanel(PanelConfig(driver=request.param), bus=glass), clock, tmp_path)
    shows(panel, glass, READY)
    turns(panel, clock, 30)
    return panel, glass


Wired = tuple[PanelThread, EmulatedOled]


def shows(panel: PanelThread, glass: EmulatedOled, view: View) -> bool:
    """Whether the view, from now on to be shown, is on the glass at once, and in full light."""
    panel.show(view)
    panel.run_once()
    return glass.glass().tobytes() == screens.draw(view).tobytes() and glass.contrast == 0xCF


@every_module
def test_d02_replugged_between_pictures_shows_any_next_picture(wired: Wired, clock: HandClock) -> None:
    panel, glass = wired
    for view in (
        replace(READY, photos=4),
        COUNTDOWN,
        replace(COUNTDOWN, countdown=2),
        View(state=BoothState.REVIEW, number=4),
        replace(READY, album_link="https://app.eventpics.net/Ab3dEf7hIj9k"),
    ):
        clock.pass_s(2)
        glass.lose_power()
        assert glass.glass().getbbox() is None
        assert shows(panel, glass, view)
        assert panel.problem is None


@every_module
def test_d02_replugged_while_static_redrawn_in_1_min_as_bright(wired: Wired, clock: HandClock) -> None:
    panel, glass = wired
    for dim in (False, True):
        if dim:
            turns(panel, clock, 600)
        before = glass.contrast
        glass.lose_power()
        turns(panel, clock, 61)
        assert panel.problem is None
        assert glass.glass().getbbox() is not None
        assert glass.contrast == before


@every_module
def test_while_a_picture_stands_nothing_goes_over_the_bus(wired: Wired, clock: HandClock) -> None:
    panel, glass = wired
    before = glass.transfers
    turns(panel, clock, 29)
    assert glass.transfers == before
    panel.show(replace(READY))
    panel.run_once()
    assert glass.transfers == before


@every_module
def test_making_sure_does_not_make_the_figure_late(wired: Wired, clock: HandClock) -> None:
    panel, glass = wired
    panel.set_viewfinder(Viewfinder(1, portrait()))
    glass.columns.clear()
    panel.show(COUNTDOWN)
    panel.run_once()
    of_figure = next(at for at, x in enumerate(glass.columns) if x < PHOTO_SIZE[0])
    assert len(set(glass.columns[:of_figure])) > 20
    assert glass.glass().tobytes() == screens.draw(replace(COUNTDOWN, viewfinder=Viewfinder(1, portrait()))).tobytes()


def test_a_panel_that_was_just_started_up_is_not_made_sure_of(clock: HandClock, tmp_path: Path) -> None:
    clock.pass_s(100)
    plain, glass = unreadable("ssd1306"), unreadable("ssd1306")
    device = OledPanel(PanelConfig(), bus=plain)
    device.open()
    device.show(screens.draw(READY))
    device.contrast(0xCF)
    assert shows(PanelThread(OledPanel(PanelConfig(), bus=glass), clock, tmp_path), glass, READY)
    assert glass.transfers == plain.transfers


@pytest.mark.parametrize("module", [telling])
def test_panel_check_of_readable_module_resends_no_picture_byte(wired: Wired, clock: HandClock) -> None:
    panel, glass = wired
    shows(panel, glass, COUNTDOWN)
    before = glass.data_bytes
    shows(panel, glass, replace(COUNTDOWN, countdown=2))
    at_once, before = glass.data_bytes - before, glass.data_bytes
    clock.pass_s(1)
    shows(panel, glass, COUNTDOWN)
    assert glass.data_bytes - before == at_once


@not_telling
def test_panel_unreadable_module_full_picture_each_s_never_dark(wired: Wired, clock: HandClock) -> None:
    panel, glass = wired
    shows(panel, glass, COUNTDOWN)
    before, glass.went_dark = glass.data_bytes, 0
    for tenth in range(1, 31):
        clock.pass_s(0.1)
        panel.show(replace(COUNTDOWN, countdown=3 - tenth % 2))
        panel.run_once()
    assert 3 * 1024 < glass.data_bytes - before < 3 * 1024 + 30 * 8 * 43
    assert glass.went_dark == 0
