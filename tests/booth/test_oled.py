"""The OLED driver: real luma classes, against controllers that turn the bytes back into a picture."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from PIL import Image

from piboothup.booth.oled import OledPanel, packed
from piboothup.config import Panel
from tests.booth.emulated_oled import EmulatedOled

DRIVERS = ("ssd1306", "ssd1309", "ssd1315", "sh1106")


def noise(seed: int = 1) -> Image.Image:
    return Image.frombytes("1", (128, 64), random.Random(seed).randbytes(1024))


def opened(driver: str = "ssd1306", rotate: int = 0) -> tuple[OledPanel, EmulatedOled]:
    glass = EmulatedOled(132 if driver == "sh1106" else 128)
    panel = OledPanel(Panel(driver=driver, rotate=rotate), bus=glass)
    panel.open()
    return panel, glass


@pytest.mark.parametrize("driver", DRIVERS)
def test_every_pixel_arrives_on_the_glass_of_every_controller(driver: str) -> None:
    panel, glass = opened(driver)
    picture = noise()
    panel.show(picture)
    assert glass.lit
    assert glass.glass().tobytes() == picture.tobytes()


@pytest.mark.parametrize("driver", DRIVERS)
def test_a_panel_that_was_just_opened_is_black(driver: str) -> None:
    _, glass = opened(driver)
    assert glass.glass().getbbox() is None


@pytest.mark.parametrize("driver", DRIVERS)
def test_a_panel_mounted_upside_down_shows_the_picture_the_right_way_up(driver: str) -> None:
    panel, glass = opened(driver, rotate=180)
    panel.show(noise())
    assert glass.glass().transpose(Image.Transpose.ROTATE_180).tobytes() == noise().tobytes()


def test_the_lowest_bit_of_a_byte_is_the_top_row_of_its_page() -> None:
    picture = Image.new("1", (128, 64))
    picture.putpixel((3, 0), 1)
    picture.putpixel((127, 63), 1)
    content = packed(picture)
    assert content[3] == 0b0000_0001
    assert content[7 * 128 + 127] == 0b1000_0000
    assert sum(content) == 0b0000_0001 + 0b1000_0000


def test_contrast_and_sleep_reach_the_controller_and_keep_the_picture() -> None:
    panel, glass = opened()
    panel.show(noise())
    panel.contrast(7)
    panel.light_up(False)
    assert (glass.contrast, glass.lit) == (7, False)
    panel.light_up(True)
    assert glass.lit
    assert glass.glass().tobytes() == noise().tobytes()


def test_d06_the_last_picture_stays_on_the_glass_when_the_panel_is_closed_and_the_program_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    at_exit: list[Callable[[], None]] = []
    monkeypatch.setattr("atexit.register", at_exit.append)
    panel, glass = opened()
    panel.show(noise())
    panel.close()
    for hook in at_exit:  # luma's own, which would clear the glass
        hook()
    assert len(at_exit) == 1
    assert glass.lit
    assert glass.glass().tobytes() == noise().tobytes()


def test_d01_a_panel_that_is_not_there_is_an_os_error_that_names_its_address() -> None:
    glass = EmulatedOled(address=0x3D)
    with pytest.raises(OSError, match="0x3C"):
        OledPanel(Panel(), bus=glass).open()


def test_d01_looking_for_a_missing_panel_makes_no_device_that_luma_would_keep_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kept: list[object] = []
    monkeypatch.setattr("atexit.register", kept.append)
    panel = OledPanel(Panel(), bus=EmulatedOled(address=0x3D))
    for _ in range(3):
        with pytest.raises(OSError):
            panel.open()
    assert kept == []


def test_d02_pulled_out_in_mid_frame_is_an_os_error_and_opening_again_shows_the_picture() -> None:
    panel, glass = opened("sh1106")
    glass.fail_after = 20
    with pytest.raises(OSError):
        panel.show(noise())
    with pytest.raises(OSError):
        panel.open()
    glass.fail_after, glass.plugged_in = None, True
    panel.open()
    panel.show(noise(2))
    assert glass.glass().tobytes() == noise(2).tobytes()


def test_a_panel_that_is_not_open_says_so_instead_of_crashing() -> None:
    with pytest.raises(OSError, match="not open"):
        OledPanel(Panel(), bus=EmulatedOled()).show(noise())
