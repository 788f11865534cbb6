"""What a box needs, ticked off while it starts, and how long starting takes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from piboothup.booth.camera.thread import CameraThread
from piboothup.booth.devices import Devices
from piboothup.booth.flow.events import Tick
from piboothup.booth.flow.menu import MenuOptions
from piboothup.booth.flow.pages import Page, PageKind
from piboothup.booth.flow.save_health import SAME_REASON_LIMIT, SaveHealth
from piboothup.booth.flow.state import Booth, FlowSettings
from piboothup.booth.gpio.led import Light
from piboothup.booth.operations.active_settings import SettingsStore
from piboothup.booth.panel import idle, screens
from piboothup.booth.panel.base import PanelDevice
from piboothup.booth.panel.font import face
from piboothup.booth.panel.i18n import texts
from piboothup.booth.panel.thread import PanelThread
from piboothup.booth.photo.saver import Saver
from piboothup.booth.presenter import Presenter, checks, shows_viewfinder
from piboothup.booth.upload_status import UploadStatus
from piboothup.config import Config, EventPicsConfig, PanelConfig
from piboothup.power import Supply
from piboothup.problems import problem
from piboothup.spool.store import Spool
from piboothup.status import BoothState, UploaderState
from tests.booth.panel.test_menu_screens import shows
from tests.support.camera import FakeCamera
from tests.support.clock import HandClock

GOOD = {
    "booth": Booth(camera_ready=True),
    "light_problem": None,
    "supply": Supply(undervoltage=False),
    "upload_status": UploadStatus(UploaderState.IDLE),
    "has_event": True,
    "is_synchronised": True,
}


WELL = dict.fromkeys(texts("en").checks, True)
UNSAVED = SaveHealth(problem("unsaved_jpeg"), SAME_REASON_LIMIT, is_tested=True)
"""Photos are not saved."""


def test_everything_is_ticked_when_everything_is_well() -> None:
    assert checks(**GOOD) == WELL  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"booth": Booth()}, {"camera": None}),
        ({"booth": Booth(camera_problem=problem("no_camera"))}, {"camera": False}),
        ({"booth": Booth(camera_ready=True, storage_problem=problem("card_full"))}, {"card": False}),
        ({"booth": Booth(camera_ready=True, storage_stuck=problem("card_stuck"))}, {"card": False}),
        ({"booth": Booth(camera_ready=True, health=UNSAVED)}, {"card": False}),
        ({"light_problem": problem("light_missing")}, {"light": False}),
        ({"supply": Supply(undervoltage=True)}, {"supply": False}),
        ({"supply": Supply()}, {"supply": None}),
        ({"upload_status": UploadStatus(UploaderState.OFFLINE)}, {"wifi": False, "key": None}),
        ({"upload_status": UploadStatus(UploaderState.PORTAL)}, {"wifi": False, "key": None}),
        ({"upload_status": UploadStatus(UploaderState.STOPPED)}, {"wifi": None, "key": None}),
        # before the first answer nobody knows: it may take a minute
        ({"upload_status": UploadStatus(UploaderState.IDLE, is_untried=True)}, {"wifi": None, "key": None}),
        ({"upload_status": UploadStatus(UploaderState.PAUSED, is_untried=True)}, {"wifi": None, "key": None}),
        (
            {"is_synchronised": False, "upload_status": UploadStatus(UploaderState.IDLE, is_untried=True)},
            {"wifi": None, "key": None, "clock": None},
        ),
        ({"upload_status": UploadStatus(UploaderState.REFUSED, problems=("key_refused",))}, {"key": False}),
        # without a key nobody has tried the network
        ({"upload_status": UploadStatus(UploaderState.REFUSED, problems=("no_key",))}, {"wifi": None, "key": False}),
        (
            {"upload_status": UploadStatus(UploaderState.REFUSED, problems=("bad_config",))},
            {"wifi": None, "key": False},
        ),
        ({"upload_status": UploadStatus(UploaderState.OFFLINE, problems=("no_key",))}, {"wifi": False, "key": False}),
        ({"upload_status": UploadStatus(UploaderState.IDLE, problems=("event_gone",))}, {"event": False}),
        ({"upload_status": UploadStatus(UploaderState.IDLE, problems=("event_refused",))}, {"event": False}),
        (
            {"upload_status": UploadStatus(problems=("event_gone",), is_of_other_events=True)},
            {"wifi": None, "key": None},
        ),
        (
            {"upload_status": UploadStatus(UploaderState.PAUSED, problems=("paused", "event_gone"))},
            {"event": False, "key": None},
        ),
        ({"has_event": False}, {"event": False}),
        ({"is_synchronised": False}, {}),
        (
            {"is_synchronised": False, "upload_status": UploadStatus(UploaderState.OFFLINE)},
            {"wifi": False, "key": None, "clock": None},
        ),
    ],
)
def test_each_thing_that_is_missing_or_unknown_is_told(
    change: dict[str, object], expected: dict[str, object]
) -> None:
    assert checks(**{**GOOD, **change}) == {**WELL, **expected}  # type: ignore[arg-type]


def test_viewfinder_on_in_countdown_until_last_second_and_aiming() -> None:
    counting = Booth(state=BoothState.COUNTDOWN, zero_ns=5_000_000_000)
    assert [shows_viewfinder(counting, at_s * 1_000_000_000) for at_s in (0, 2, 3, 4, 5)] == [
        True,
        True,
        True,
        False,
        False,
    ]
    assert shows_viewfinder(Booth(state=BoothState.MENU, page=Page(PageKind.AIM)), 0)
    for other in (Booth(), Booth(state=BoothState.READY), Booth(state=BoothState.MENU, page=Page(PageKind.MENU))):
        assert not shows_viewfinder(other, 0)


EVENT = EventPicsConfig(link_id="abcd1234")
SETTINGS = FlowSettings()


def presenter(spool: Spool, clock: HandClock, config: Config) -> Presenter:
    """A presenter of real parts that were not started."""
    store = SettingsStore(config, spool.directory, clock, lambda _: None)
    devices = Devices(FakeCamera(clock), PanelDevice(), Light(), None)
    camera = CameraThread(devices.camera, clock, lambda _: None)
    panel = PanelThread(PanelDevice(), clock, spool.directory)
    saver = Saver(config, spool, store.active.context, spool.directory, lambda _: None)
    return Presenter(config, spool, clock, devices, camera, panel, saver, store)


def test_e5_the_status_page_tells_what_was_taken_back(spool: Spool) -> None:
    settings = replace(SETTINGS, options=MenuOptions(taken_back=2))
    on_page = Booth(state=BoothState.MENU, page=Page(PageKind.STATUS))
    view = presenter(spool, HandClock(), Config(eventpics=EVENT)).view(on_page, 0, settings)
    rows = [screens.draw(replace(view, line_turn=turn)) for turn in range(5)]
    assert [shows(row, "Not sent: 2", face("small")) for row in rows].count(True) == 1


def test_album_code_shown_whenever_asked_for_in_menu(spool: Spool) -> None:
    shown_by = presenter(spool, HandClock(), Config(eventpics=EVENT))
    in_menu = Booth(state=BoothState.MENU, page=Page(PageKind.ALBUM_CODE))
    assert shown_by.view(in_menu, 0, SETTINGS).album_link.endswith("/abcd1234")
    assert shown_by.view(Booth(state=BoothState.READY), 0, SETTINGS).album_link == ""


def shows_code_at_rest(config: Config, spool: Spool, ready: Booth) -> bool:
    """Whether the album's code has its turn once nobody has pressed for a while."""
    clock = HandClock()
    shown_by = presenter(spool, clock, replace(config, eventpics=EVENT))
    shown_by.on_event(Tick(), Booth(), clock.boottime_ns())
    shown_by.on_event(Tick(), Booth(state=BoothState.READY), clock.boottime_ns())
    clock.pass_s(idle.QR_AFTER_NS / 1e9)
    return shown_by.view(ready, clock.boottime_ns(), SETTINGS).album_link != ""


def test_b04_stuck_button_notice_blocks_idle_album_code(spool: Spool) -> None:
    ready = Booth(state=BoothState.READY)
    assert shows_code_at_rest(Config(), spool, ready)
    assert not shows_code_at_rest(Config(), spool, replace(ready, stuck=True))


@pytest.mark.parametrize("where", ["menu", "off"])
def test_album_code_not_shown_idle_if_config_places_it_elsewhere(spool: Spool, where: str) -> None:
    config = Config(panel=PanelConfig(album_code=where))
    assert not shows_code_at_rest(config, spool, Booth(state=BoothState.READY))


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    made = Spool(tmp_path / "spool", HandClock(), "serial-1")
    made.prepare()
    made.start("booth")
    return made


def test_start_bar_fills_in_last_start_time_then_waits_full(spool: Spool) -> None:
    clock = HandClock()
    spool.note_ready(4000)
    shown_by = presenter(spool, clock, Config())

    def filled() -> float:
        return shown_by.view(Booth(), clock.boottime_ns(), SETTINGS).progress

    assert filled() == 0.0
    shown_by.load_last_start()
    found = []
    for _ in range(6):
        clock.pass_s(1)
        found.append(filled())
    assert found == [0.25, 0.5, 0.75, 1.0, 1.0, 1.0]


def test_start_length_kept_for_next_boot_written_only_if_changed(tmp_path: Path) -> None:
    clock = HandClock()
    spool = Spool(tmp_path / "spool", clock, "serial-1")
    spool.prepare()
    spool.start("booth")
    assert spool.last_start_ms() is None
    spool.note_ready(4000)
    clock.power_on("boot-b")
    later = Spool(tmp_path / "spool", clock, "serial-1")
    later.prepare()
    later.start("booth")
    assert later.last_start_ms() == 4000
    (line,) = (tmp_path / "spool" / "boots").glob(f"{later.boot:04d}.jsonl")
    before = line.read_bytes()
    later.note_ready(4700)
    assert line.read_bytes() == before
    later.note_ready(5000)
    assert later.last_start_ms() == 5000


def test_a_start_is_noted_once_when_ready_is_reached(spool: Spool) -> None:
    clock = HandClock()
    shown_by = presenter(spool, clock, Config())
    shown_by.on_event(Tick(), Booth(), clock.boottime_ns())
    shown_by.refresh()
    assert spool.last_start_ms() is None
    clock.pass_s(3)
    shown_by.on_event(Tick(), Booth(state=BoothState.READY), clock.boottime_ns())
    clock.pass_s(9)
    shown_by.on_event(Tick(), Booth(state=BoothState.READY), clock.boottime_ns())
    shown_by.refresh()
    assert spool.last_start_ms() == 3000
