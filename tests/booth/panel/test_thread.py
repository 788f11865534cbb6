"""The panel's thread: what it sends, what it writes, and that nothing on the bus ever holds up the booth."""

from __future__ import annotations

import os
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from piboothup.booth.frame import Viewfinder
from piboothup.booth.panel import screens
from piboothup.booth.panel.base import PanelDevice
from piboothup.booth.panel.layout import PHOTO_SIZE, blank
from piboothup.booth.panel.oled import OledPanel
from piboothup.booth.panel.thread import RETRY_NS, PanelThread
from piboothup.booth.panel.view import View
from piboothup.config import PanelConfig
from piboothup.problems import problem
from piboothup.simulator.appliance import wait_until
from piboothup.simulator.gallery_views import portrait
from piboothup.status import BoothState, UploaderState
from tests.support.clock import HandClock
from tests.support.deadline import PATIENCE_S
from tests.support.panel import EmulatedOled
from tests.support.permissions import no_entry

READY = View(state=BoothState.READY, name="Booth 1", photos=3)
SAVED = View(state=BoothState.REVIEW, number=4)


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def glass() -> EmulatedOled:
    return EmulatedOled()


@pytest.fixture
def panel(glass: EmulatedOled, clock: HandClock, tmp_path: Path) -> PanelThread:
    return PanelThread(OledPanel(PanelConfig(), bus=glass), clock, tmp_path)


def shown(panel: PanelThread, view: View) -> bytes:
    panel.show(view)
    panel.run_once()
    return screens.draw(view).tobytes()


def test_what_is_shown_is_on_the_glass_and_in_the_picture_file(
    panel: PanelThread, glass: EmulatedOled, tmp_path: Path
) -> None:
    drawn = shown(panel, READY)
    assert glass.glass().tobytes() == drawn
    with Image.open(tmp_path / "panel.pbm") as written:
        assert (written.mode, written.size, written.tobytes()) == ("1", (128, 64), drawn)


def test_picture_file_replaced_whole_leaves_no_other_file(panel: PanelThread, tmp_path: Path) -> None:
    for view in (READY, SAVED):
        shown(panel, view)
        assert [path.name for path in tmp_path.iterdir()] == ["panel.pbm"]
        assert (tmp_path / "panel.pbm").read_bytes().startswith(b"P4\n128 64\n")


def test_a_picture_that_did_not_change_costs_nothing_on_the_bus(panel: PanelThread, glass: EmulatedOled) -> None:
    shown(panel, READY)
    before = glass.transfers
    shown(panel, View(state=BoothState.READY, name="Booth 1", photos=3))
    shown(panel, READY)
    for _ in range(10):
        panel.run_once()
    assert glass.transfers == before


def test_panel_view_looking_the_same_sends_nothing_on_bus(
    glass: EmulatedOled, clock: HandClock, tmp_path: Path
) -> None:
    panel = PanelThread(OledPanel(PanelConfig(), bus=glass), clock, tmp_path, lambda view: screens.draw(READY))
    shown(panel, READY)
    before = glass.transfers
    shown(panel, SAVED)
    assert glass.transfers == before


def test_a_picture_file_that_says_the_same_is_not_written_again(panel: PanelThread, tmp_path: Path) -> None:
    shown(panel, SAVED)
    shown(panel, READY)
    (tmp_path / "panel.pbm").unlink()
    shown(panel, replace(READY, problem=None, number=7))
    assert list(tmp_path.iterdir()) == []


def test_f08_picture_file_vanished_or_without_room_comes_back(
    panel: PanelThread, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shown(panel, READY)
    (tmp_path / "panel.pbm").unlink()
    panel.run_once()
    before = (tmp_path / "panel.pbm").read_bytes()
    (tmp_path / "panel.pbm").unlink()
    (tmp_path / "panel.pbm").mkdir()  # nothing can be put in its place
    shown(panel, SAVED)
    for _ in range(5):
        panel.run_once()
    assert [record.levelname for record in caplog.records if "unwritten" in record.message] == ["WARNING"]
    (tmp_path / "panel.pbm").rmdir()
    (tmp_path / "panel.pbm").write_bytes(before)  # there, but the old one
    panel.run_once()
    assert (tmp_path / "panel.pbm").read_bytes() != before
    assert [path.name for path in tmp_path.iterdir()] == ["panel.pbm"]


def test_f08_runtime_folder_not_entered_panel_goes_on(
    panel: PanelThread, glass: EmulatedOled, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shown(panel, READY)
    with no_entry(tmp_path):
        for _ in range(3):
            panel.run_once()
        drawn = shown(panel, SAVED)
        assert glass.glass().tobytes() == drawn
    panel.run_once()
    assert [record.levelname for record in caplog.records if "unwritten" in record.message] == ["WARNING"]
    assert (tmp_path / "panel.pbm").read_bytes().endswith(screens.draw(SAVED).tobytes("raw", "1;I"))


def test_f06_picture_file_that_hangs_the_glass_goes_on(
    panel: PanelThread, glass: EmulatedOled, tmp_path: Path
) -> None:
    """A fifo that nobody reads stands for a file system that hangs."""
    os.mkfifo(tmp_path / f".panel.pbm.{os.getpid()}")
    panel.start()
    for view in (READY, SAVED, READY):
        panel.show(view)
        wanted = screens.draw(view).tobytes()
        wait_until(lambda: glass.glass().tobytes() == wanted, "the picture", PATIENCE_S)  # noqa: B023
    panel.stop(PATIENCE_S)
    assert not panel._thread.is_alive()
    os.close(os.open(tmp_path / f".panel.pbm.{os.getpid()}", os.O_RDWR))  # lets its writer end


def test_f06_running_panel_keeps_its_picture_file(panel: PanelThread, tmp_path: Path) -> None:
    panel.start()
    for view in (READY, SAVED):
        panel.show(view)
        wanted = screens.draw(view).tobytes("raw", "1;I")
        path = tmp_path / "panel.pbm"
        wait_until(lambda: path.exists() and path.read_bytes().endswith(wanted), "the file", PATIENCE_S)  # noqa: B023
    panel.stop(PATIENCE_S)


@pytest.fixture
def drawn() -> list[View]:
    """The views that `drawing` has drawn."""
    return []


@pytest.fixture
def drawing(drawn: list[View], glass: EmulatedOled, clock: HandClock, tmp_path: Path) -> PanelThread:
    def draw(view: View) -> Image.Image:
        drawn.append(view)
        return screens.draw(view)

    return PanelThread(OledPanel(PanelConfig(), bus=glass), clock, tmp_path, draw)


def test_only_the_newest_of_several_views_is_sent(drawing: PanelThread, drawn: list[View]) -> None:
    for photos in range(50):
        drawing.show(View(photos=photos))
    drawing.run_once()
    assert [view.photos for view in drawn] == [49]


def test_what_is_told_again_is_not_drawn_again(drawing: PanelThread, drawn: list[View]) -> None:
    seen = posing(1)
    for _ in range(3):
        drawing.set_viewfinder(seen)
        drawing.show(replace(COUNTDOWN))
        drawing.run_once()
    assert len(drawn) == 1


def test_d01_no_panel_file_still_written_panel_on_when_plugged(
    panel: PanelThread, glass: EmulatedOled, clock: HandClock, tmp_path: Path
) -> None:
    glass.plugged_in = False
    drawn = shown(panel, READY)
    assert panel.problem is not None and panel.problem.code == "panel_missing"
    assert (tmp_path / "panel.pbm").exists()
    glass.plugged_in = True
    clock.pass_s(RETRY_NS / 1e9)
    panel.run_once()
    assert panel.problem is None
    assert glass.glass().tobytes() == drawn


def test_d02_unplugged_mid_frame_and_back_redrawn_within_5_s(
    panel: PanelThread, glass: EmulatedOled, clock: HandClock
) -> None:
    shown(panel, READY)
    glass.fail_after = 5
    drawn = shown(panel, SAVED)
    assert panel.problem is not None
    clock.pass_s(60)
    panel.run_once()
    assert panel.problem is not None
    glass.fail_after, glass.plugged_in = None, True
    for _ in range(5):
        clock.pass_s(1)
        panel.run_once()
    assert panel.problem is None
    assert glass.glass().tobytes() == drawn


class HangingPanel(PanelDevice):
    """A bus that swallows a picture and does not come back until it is let go."""

    def __init__(self) -> None:
        self.hangs = threading.Event()
        self.let_go = threading.Event()

    def show(self, image: Image.Image) -> None:
        self.hangs.set()
        self.let_go.wait(PATIENCE_S)


def test_d03_bus_hang_show_returns_at_once_heartbeat_lasts_30_s(clock: HandClock, tmp_path: Path) -> None:
    device = HangingPanel()
    panel = PanelThread(device, clock, tmp_path)
    panel.start()
    panel.show(READY)
    assert device.hangs.wait(PATIENCE_S)
    began_ns = clock.boottime_ns()
    clock.pass_s(30)
    panel.show(SAVED)  # would never return if it waited for the bus
    assert panel.heartbeat.last_ns() == clock.boottime_ns()
    clock.pass_s(40)
    assert panel.heartbeat.last_ns() == began_ns
    device.let_go.set()
    panel.stop(PATIENCE_S)


def test_the_last_view_is_shown_before_the_thread_ends(glass: EmulatedOled, clock: HandClock, tmp_path: Path) -> None:
    panel = PanelThread(OledPanel(PanelConfig(), bus=glass), clock, tmp_path)
    panel.start()
    farewell = View(state=BoothState.STOPPING)
    panel.show(farewell)
    panel.stop(PATIENCE_S)
    assert glass.glass().tobytes() == screens.draw(farewell).tobytes()


def test_a_screen_that_cannot_be_drawn_does_not_end_the_panel(
    glass: EmulatedOled, clock: HandClock, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def draw(view: View) -> Image.Image:
        if view.number:
            raise ZeroDivisionError
        return screens.draw(view)

    panel = PanelThread(OledPanel(PanelConfig(), bus=glass), clock, tmp_path, draw)
    shown(panel, SAVED)
    for number in range(2, 30):  # a viewfinder has ten pictures a second
        shown(panel, replace(SAVED, number=number))
    assert caplog.text.count("panel draw error") == 1
    assert shown(panel, READY) == glass.glass().tobytes()
    shown(panel, SAVED)
    assert caplog.text.count("panel draw error") == 2


def test_panel_draws_without_runtime_directory(glass: EmulatedOled, clock: HandClock, tmp_path: Path) -> None:
    panel = PanelThread(OledPanel(PanelConfig(), bus=glass), clock, tmp_path / "gone")
    assert shown(panel, READY) == glass.glass().tobytes()
    assert panel.problem is None


class BrokenLibrary(PanelDevice):
    """What an import of a missing luma does."""

    def open(self) -> None:
        raise ImportError("No module named 'luma'")


def test_a_missing_library_is_a_missing_panel_and_no_crash(
    clock: HandClock, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    panel = PanelThread(BrokenLibrary(), clock, tmp_path)
    shown(panel, READY)
    assert panel.problem is not None and "luma" in str(panel.problem)
    assert [record.exc_info for record in caplog.records] == [None]


def posing(serial: int) -> Viewfinder:
    """A viewfinder picture unlike that of any other serial."""
    return Viewfinder(serial, np.roll(portrait(), 9 * serial, axis=1))


COUNTDOWN = View(state=BoothState.COUNTDOWN, countdown=3)


def test_viewfinder_on_panel_while_countdown_runs(panel: PanelThread, glass: EmulatedOled) -> None:
    shown(panel, COUNTDOWN)
    for serial in (1, 2, 3):
        panel.set_viewfinder(posing(serial))
        panel.run_once()
        assert glass.glass().tobytes() == screens.draw(replace(COUNTDOWN, viewfinder=posing(serial))).tobytes()
    panel.set_viewfinder(None)
    panel.run_once()
    assert glass.glass().tobytes() == screens.draw(COUNTDOWN).tobytes()


def is_figure_first(columns: list[int]) -> bool:
    """Whether of these bytes on the wire those beside the photo's place come before those at it."""
    beside = [x >= PHOTO_SIZE[0] for x in columns]
    return beside[0] and beside == sorted(beside, reverse=True)


@pytest.mark.parametrize("driver", ["ssd1306", "sh1106"])
@pytest.mark.parametrize("sees", [False, True])
def test_countdown_each_figure_sent_before_viewfinder(
    clock: HandClock, tmp_path: Path, driver: str, sees: bool
) -> None:
    glass = EmulatedOled(132 if driver == "sh1106" else 128)
    panel = PanelThread(OledPanel(PanelConfig(driver=driver), bus=glass), clock, tmp_path)
    shown(panel, READY)
    for serial, countdown in enumerate((3, 2)):
        glass.columns.clear()
        if sees:
            panel.set_viewfinder(posing(serial))
        panel.show(replace(COUNTDOWN, countdown=countdown))
        panel.run_once()
        assert is_figure_first(glass.columns)
        seen = replace(COUNTDOWN, countdown=countdown, viewfinder=posing(serial) if sees else None)
        assert glass.glass().tobytes() == screens.draw(seen).tobytes()


def test_first_figure_after_night_sent_before_viewfinder(
    panel: PanelThread, glass: EmulatedOled, clock: HandClock
) -> None:
    shown(panel, READY)
    minutes(panel, clock, 130)
    glass.columns.clear()
    shown(panel, COUNTDOWN)
    assert is_figure_first(glass.columns[1024:])  # the first 1024 clear the glass


def test_viewfinder_of_last_countdown_never_shown_in_next(panel: PanelThread, glass: EmulatedOled) -> None:
    shown(panel, COUNTDOWN)
    panel.set_viewfinder(posing(1))
    panel.run_once()
    panel.set_viewfinder(None)
    shown(panel, READY)
    shown(panel, COUNTDOWN)
    assert glass.glass().tobytes() == screens.draw(COUNTDOWN).tobytes()


def minutes(panel: PanelThread, clock: HandClock, count: int) -> None:
    """Lets `count` minutes pass, in turns of the thread."""
    for _ in range(count):
        clock.pass_s(60)
        panel.run_once()


def test_d05_night_without_press_panel_moves_dims_sleeps(
    panel: PanelThread, glass: EmulatedOled, clock: HandClock
) -> None:
    drawn = shown(panel, READY)
    bright = glass.contrast
    seen = []
    for _ in range(9):
        minutes(panel, clock, 1)
        seen.append(glass.glass().tobytes())
    assert len(set(seen)) == 9 and seen[-1] == drawn
    assert glass.contrast == bright
    minutes(panel, clock, 2)
    assert glass.contrast < bright // 4 and glass.lit
    minutes(panel, clock, 110)
    assert not glass.lit
    asleep = glass.transfers
    minutes(panel, clock, 300)
    assert glass.transfers == asleep


@pytest.mark.parametrize("woken_by", [COUNTDOWN, View(state=BoothState.FAULT, problem=problem("card_full"))])
def test_d05_panel_wakes_bright_on_press_or_trouble_not_uploads(
    panel: PanelThread, glass: EmulatedOled, clock: HandClock, woken_by: View
) -> None:
    shown(panel, READY)
    bright = glass.contrast
    minutes(panel, clock, 130)
    assert not glass.lit
    shown(panel, replace(READY, waiting=7, upload_state=UploaderState.OFFLINE))
    assert not glass.lit
    drawn = shown(panel, woken_by)
    assert glass.lit and glass.contrast == bright
    if woken_by is COUNTDOWN:
        assert glass.glass().tobytes() == drawn


def test_d05_panel_unplugged_while_asleep_still_wakes(
    panel: PanelThread, glass: EmulatedOled, clock: HandClock
) -> None:
    shown(panel, READY)
    minutes(panel, clock, 130)
    glass.lose_power()
    drawn = shown(panel, COUNTDOWN)
    assert glass.glass().tobytes() == drawn


def test_d02_unplugged_at_contrast_change_gets_picture_back(
    panel: PanelThread, glass: EmulatedOled, clock: HandClock
) -> None:
    clock.pass_s(30)
    shown(panel, READY)
    minutes(panel, clock, 9)
    clock.pass_s(30)
    panel.run_once()
    before = glass.glass().tobytes()
    glass.plugged_in = False
    clock.pass_s(31)  # it is time to dim, and not yet to move
    panel.run_once()
    assert panel.problem is not None
    glass.plugged_in = True
    glass.lose_power()
    clock.pass_s(3)
    panel.run_once()
    assert glass.glass().tobytes() == before


def test_d01_wrong_address_photos_go_on_sentence_names_address(clock: HandClock, tmp_path: Path) -> None:
    panel = PanelThread(OledPanel(PanelConfig(), bus=EmulatedOled(address=0x3D)), clock, tmp_path)
    shown(panel, READY)
    assert panel.problem is not None
    assert "0x3C" in str(panel.problem) and panel.problem.remedy


def test_d06_the_last_picture_says_safe_to_unplug_and_stays(
    panel: PanelThread, glass: EmulatedOled, clock: HandClock
) -> None:
    shown(panel, READY)
    drawn = shown(panel, View(state=BoothState.STOPPING, ended=True))
    panel.stop()
    assert glass.lit
    assert glass.glass().tobytes() == drawn


@pytest.mark.parametrize(
    ("view", "takes_turns"),
    [
        (View(), False),
        (View(upload_state=UploaderState.UPLOADING), False),
        (View(upload_state=UploaderState.PORTAL), True),
        (View(has_event=False), False),
        (View(photos=1234, parked=12), True),
        (View(photos=123_456), True),
        (View(notice=problem("bad_config")), False),
    ],
)
def test_bottom_line_alternates_only_if_too_long(view: View, takes_turns: bool, tmp_path: Path) -> None:
    drawn: list[int] = []

    def draw(view: View) -> Image.Image:
        drawn.append(view.line_turn)
        return blank()

    panel = PanelThread(PanelDevice(), HandClock(), tmp_path, draw)
    for turn in range(7, 11):
        panel.show(replace(view, line_turn=turn))
        panel.run_once()
    assert drawn == ([7, 8, 9, 10] if takes_turns else [0])
