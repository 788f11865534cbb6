"""The booth's service as a guest reads it off the panel, from the first bar to the album's code."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from piboothup import power
from piboothup.booth.flow.pages import PageKind
from piboothup.booth.frame import Viewfinder
from piboothup.booth.gpio.led import LightPattern
from piboothup.config import CaptureConfig, PanelConfig
from piboothup.problems import problem
from piboothup.simulator.gallery_views import portrait
from piboothup.spool.event_titles import AlbumEvent
from piboothup.status import BoothState
from tests.support.booth import Box
from tests.support.panel import drawn_texts


def test_guest_sees_viewfinder_until_last_second_no_old_picture(box: Box) -> None:
    box.config = dataclasses.replace(box.config, capture=CaptureConfig(countdown_s=3))
    box.camera.seen = Viewfinder(1, portrait())
    box.start_ready()
    box.press()
    box.until_shown(state=BoothState.COUNTDOWN, countdown=3, viewfinder=Viewfinder(1, portrait()))
    box.clock.pass_s(1.5)
    box.camera.seen = None
    box.turn()
    box.until_shown(state=BoothState.COUNTDOWN, countdown=2, viewfinder=Viewfinder(1, portrait()))
    box.clock.pass_s(1.0)
    box.turn()
    box.until_shown(state=BoothState.COUNTDOWN, countdown=1)
    box.clock.pass_s(1.0)
    box.until_light(LightPattern.SAVED)
    box.clock.pass_s(3.0)
    box.until_light(LightPattern.READY)
    box.press()
    box.until_shown(state=BoothState.COUNTDOWN, countdown=3, photos=1)


def test_k04_camera_lack_on_panel_until_photo_always_in_status(box: Box) -> None:
    box.camera.notice = problem("camera_memory", "2028x1520")
    box.start_ready()
    box.until_shown(notice=box.camera.notice)
    box.press()
    box.until_light(LightPattern.SAVED)
    box.clock.pass_s(5)
    box.until_light(LightPattern.READY)
    box.until_shown(photos=1, waiting=1)
    box.until_said(lambda said: said["problems"] == ["camera_memory"])


def test_u08_the_set_up_page_is_in_the_menu_as_a_code(box: Box) -> None:
    address = "https://example.github.io/piboothup/"
    capture = CaptureConfig(countdown_s=1)
    box.config = dataclasses.replace(box.config, panel=PanelConfig(set_up_url=address), capture=capture)
    box.start_ready()
    box.open_menu()
    box.choose("set_up", "set_up_page")
    page = box.page
    assert page is not None
    assert (page.kind, page.title) == (PageKind.SET_UP_PAGE, address)
    box.until_shown(state=BoothState.MENU, page=page)
    box.clock.pass_s(120.0)  # as long as it takes to unlock a phone
    box.turn()
    assert box.page == page
    box.hold_s(0.1)
    box.until_page(lambda found: found is None)


def test_u08_without_an_address_no_set_up_page_is_offered(box: Box) -> None:
    box.config = dataclasses.replace(box.config, capture=CaptureConfig(countdown_s=1))
    box.start_ready()
    box.open_menu()
    box.choose("set_up")
    page = box.page
    assert page is not None
    assert "set_up_page" not in [item.text_key for item in page.items]


def test_album_code_alternates_with_ready_until_a_press(box: Box) -> None:
    box.start_ready()
    box.until_shown()
    box.clock.pass_s(21)
    code = {"album_link": "https://app.eventpics.net/abcd1234"}
    box.until_shown(**code)
    box.clock.pass_s(15)
    box.until_shown()
    box.clock.pass_s(15)
    box.until_shown(**code)
    box.press()
    box.until_light(LightPattern.SAVED)
    box.clock.pass_s(5)
    box.until_light(LightPattern.READY)
    box.until_shown(photos=1, waiting=1)


@pytest.mark.parametrize("where", ["menu", "off"])
def test_the_albums_code_can_be_kept_out_of_ready(box: Box, where: str) -> None:
    box.config = dataclasses.replace(box.config, panel=PanelConfig(driver="simulated", album_code=where))
    box.start_ready()
    box.until_shown()
    box.clock.pass_s(21)
    box.turn()
    box.turn()
    assert box.glass.shown.empty()


def test_c18_other_event_titles_never_drawn_while_guests_shoot(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = drawn_texts(monkeypatch)
    box.spool.prepare()
    box.spool.write_events([AlbumEvent("Anna & Ben", "abcd1234"), AlbumEvent("A secret wedding", "other567")])
    box.start_ready()
    box.until_shown(event_title="Anna & Ben")
    box.press()
    box.until_light(LightPattern.SAVED)
    box.clock.pass_s(1.0)
    box.until_shown(event_title="Anna & Ben", photos=1, waiting=1)
    box.clock.pass_s(21.0)
    box.until_shown(album_link="https://app.eventpics.net/abcd1234")
    box.stop()
    assert "Anna & Ben" in drawn
    assert not [text for text in drawn if "secret" in text.lower() or "other567" in text]


def test_p15_weak_supply_on_bottom_line_photos_go_on(
    box: Box, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    told = tmp_path / "get_throttled"
    told.write_text("50005\n")
    monkeypatch.setattr(power, "_THROTTLED", told)
    box.start_ready()
    box.until_shown(notice=problem("undervoltage"))
    box.press()
    box.until_light(LightPattern.SAVED)
    told.write_text("50000\n")
    box.clock.pass_s(1.0)
    box.until_light(LightPattern.READY)
    box.until_shown(photos=1, waiting=1)


def test_overheated_box_says_so_on_bottom_line_looks_ready(
    box: Box, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "temp").write_text("81250\n")
    monkeypatch.setattr(power, "_TEMPERATURE", tmp_path / "temp")
    box.start_ready()
    box.until_shown(notice=problem("hot"))


def test_the_bar_of_the_next_start_knows_how_long_this_one_took(box: Box) -> None:
    box.camera.fault = problem("no_camera")
    box.start()
    box.until_light(LightPattern.TROUBLE)
    box.camera.fault = None  # before time passes: the next attempt would be the last
    box.clock.pass_s(7)
    box.until_light(LightPattern.READY)
    box.until_said(lambda _: box.spool.last_start_ms())
    assert 7000 <= (box.spool.last_start_ms() or 0) < 60_000
