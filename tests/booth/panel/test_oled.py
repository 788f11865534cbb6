"""The OLED driver: real luma classes, against controllers that turn the bytes back into a picture."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from PIL import Image

from piboothup.booth.panel.oled import OledPanel, packed
from piboothup.config import PanelConfig
from tests.support.panel import EmulatedOled

pytestmark = pytest.mark.slow

DRIVERS = ("ssd1306", "ssd1309", "ssd1315", "sh1106")


def noise(seed: int = 1) -> Image.Image:
    return Image.frombytes("1", (128, 64), random.Random(seed).randbytes(1024))


def opened(driver: str = "ssd1306", rotate: int = 0, can_be_read: bool = True) -> tuple[OledPanel, EmulatedOled]:
    glass = EmulatedOled(132 if driver == "sh1106" else 128)
    glass.can_be_read = can_be_read
    panel = OledPanel(PanelConfig(driver=driver, rotate=rotate), bus=glass)
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
def test_oled_upside_down_mount_shows_picture_upright(driver: str) -> None:
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


def test_oled_contrast_and_sleep_reach_controller_keep_picture() -> None:
    panel, glass = opened()
    panel.show(noise())
    panel.contrast(7)
    panel.set_display_on(False)
    assert (glass.contrast, glass.lit) == (7, False)
    panel.set_display_on(True)
    assert glass.lit
    assert glass.glass().tobytes() == noise().tobytes()


def test_d06_last_picture_stays_after_panel_closed_program_ended(
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


def test_d01_missing_panel_is_os_error_naming_address() -> None:
    glass = EmulatedOled(address=0x3D)
    with pytest.raises(OSError, match="0x3C"):
        OledPanel(PanelConfig(), bus=glass).open()


def test_d01_missing_panel_search_keeps_no_luma_device(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kept: list[object] = []
    monkeypatch.setattr("atexit.register", kept.append)
    panel = OledPanel(PanelConfig(), bus=EmulatedOled(address=0x3D))
    for _ in range(3):
        with pytest.raises(OSError):
            panel.open()
    assert kept == []


def test_d02_unplug_mid_frame_is_os_error_reopen_shows_picture() -> None:
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


def test_oled_bus_released_even_when_open_fails(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Bus(EmulatedOled):
        def __init__(self, port: int) -> None:
            super().__init__()
            self.fail_after = fail_after
            taken.append(self)

        def close(self) -> None:
            taken.remove(self)

    taken: list[Bus] = []
    monkeypatch.setattr("smbus2.SMBus", Bus)
    panel = OledPanel(PanelConfig())
    for fail_after in (None, 0, 2, None):
        if fail_after is None:
            panel.open()
        else:
            with pytest.raises(OSError):
                panel.open()
        assert len(taken) == 1
    panel.close()
    assert taken == []


def test_a_panel_that_is_not_open_says_so_instead_of_crashing() -> None:
    with pytest.raises(OSError, match="not open"):
        OledPanel(PanelConfig(), bus=EmulatedOled()).show(noise())


@pytest.mark.parametrize("driver", DRIVERS)
def test_any_change_arrives_whole_though_only_it_is_sent(driver: str) -> None:
    panel, glass = opened(driver)
    chance = random.Random(5)
    picture = noise()
    for _ in range(40):
        left, top = chance.randrange(128), chance.randrange(64)
        patch = noise(chance.randrange(99)).crop((0, 0, chance.randint(1, 128 - left), chance.randint(1, 64 - top)))
        picture.paste(patch, (left, top))
        panel.show(picture)
        assert glass.glass().tobytes() == picture.tobytes()


@pytest.mark.parametrize(("driver", "bytes_"), [(driver, 3 * 21) for driver in DRIVERS])
def test_only_the_rectangle_that_changed_is_sent(driver: str, bytes_: int) -> None:
    panel, glass = opened(driver)
    panel.show(Image.new("1", (128, 64)))
    before = glass.data_bytes
    changed = Image.new("1", (128, 64))
    changed.paste(255, (100, 17, 121, 40))  # 21 columns, in pages 2 to 4
    panel.show(changed)
    assert glass.data_bytes - before == bytes_
    panel.show(changed.copy())
    assert glass.data_bytes - before == bytes_


def test_the_exact_bytes_of_a_change_on_the_wire() -> None:
    class Wire(EmulatedOled):
        def __init__(self, columns: int) -> None:
            super().__init__(columns)
            self.log: list[tuple[int, bytes]] = []

        def write_i2c_block_data(self, address: int, register: int, content: list[int]) -> None:
            self.log.append((register, bytes(content)))
            super().write_i2c_block_data(address, register, content)

    picture = Image.new("1", (128, 64))
    picture.paste(255, (20, 8, 22, 11))
    wires = {"ssd1306": Wire(128), "sh1106": Wire(132)}
    for driver, wire in wires.items():
        panel = OledPanel(PanelConfig(driver=driver), bus=wire)
        panel.open()
        panel.show(Image.new("1", (128, 64)))
        wire.log.clear()
        panel.show(picture)
    assert wires["ssd1306"].log == [(0x00, bytes([0x21, 20, 21, 0x22, 1, 1])), (0x40, b"\x07\x07")]
    assert wires["sh1106"].log == [(0x00, bytes([0xB1, 0x06, 0x11])), (0x40, b"\x07\x07")]


@pytest.mark.parametrize("driver", DRIVERS)
def test_through_the_bus_as_luma_drives_a_real_one(driver: str, monkeypatch: pytest.MonkeyPatch) -> None:
    glass = EmulatedOled(132 if driver == "sh1106" else 128)
    monkeypatch.setattr("smbus2.SMBus", lambda port: glass)
    panel = OledPanel(PanelConfig(driver=driver))
    panel.open()
    panel.show(noise())
    assert glass.glass().tobytes() == noise().tobytes()
    panel.close()


@pytest.mark.parametrize("driver", DRIVERS)
def test_d02_replug_between_pictures_next_seen_at_same_contrast(driver: str) -> None:
    panel, glass = opened(driver)
    panel.contrast(7)
    panel.show(noise())
    before = glass.transfers
    panel.check()
    assert glass.transfers - before == 1  # the status
    glass.lose_power()
    assert glass.glass().getbbox() is None
    panel.check()
    panel.show(noise())
    assert glass.glass().tobytes() == noise().tobytes()
    assert glass.contrast == 7


@pytest.mark.parametrize("can_be_read", [True, False])
def test_d02_making_sure_of_a_panel_that_is_gone_is_an_os_error(can_be_read: bool) -> None:
    panel, glass = opened(can_be_read=can_be_read)
    panel.show(noise())
    glass.plugged_in = False
    with pytest.raises(OSError):
        panel.check()


def test_oled_checks_all_night_keep_no_luma_device(monkeypatch: pytest.MonkeyPatch) -> None:
    panel, _ = opened(can_be_read=False)
    kept: list[object] = []
    monkeypatch.setattr("atexit.register", kept.append)
    for _ in range(3):
        panel.check()
        panel.show(noise())
    assert kept == []


def test_oled_after_failed_picture_next_sent_whole_even_if_same() -> None:
    panel, glass = opened("sh1106")
    panel.show(noise())
    glass.fail_after = 6
    with pytest.raises(OSError):
        panel.show(noise(2))
    glass.fail_after, glass.plugged_in = None, True
    before = glass.data_bytes
    panel.show(noise())
    assert glass.data_bytes - before == 1024
    assert glass.glass().tobytes() == noise().tobytes()
