"""The hello: its bytes are luma's, it comes before every heavy import, and no start waits for it.

The bus is played by the emulated controllers: an I2C adapter that the kernel emulates needs a module that is not
everywhere. The bytes are compared with those of the real luma.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from piboothup import config
from piboothup.booth.panel import hello
from piboothup.booth.panel.hello import Hello, Place
from piboothup.booth.panel.oled import OledPanel, packed
from piboothup.config import PanelConfig
from tests.support.deadline import PATIENCE_S
from tests.support.panel import EmulatedOled

DRIVERS = ("ssd1306", "ssd1309", "ssd1315", "sh1106")
with Image.open(Path(hello.__file__).with_name("hello.pbm")) as _opened:
    PICTURE = _opened.copy()
BLACK = Image.new("1", (128, 64))
HEAVY = {"PIL", "numpy", "luma", "picamera2", "libcamera", "gpiozero", "lgpio", "simplejpeg", "smbus2", "segno"}
SLOW = {"argparse", "dataclasses", "inspect", "json", "logging", "pathlib", "socket"}
"""Modules of the standard library that take a while."""


class Wire(EmulatedOled):
    """Emulated controller that records the transfers, and what was to be seen after each."""

    def __init__(self, driver: str, address: int = 0x3C) -> None:
        super().__init__(132 if driver == "sh1106" else 128, address)
        self.log: list[tuple[int, bytes]] = []
        self.seen: list[bytes] = []

    def _transfer(self, address: int, register: int, content: list[int]) -> None:
        super()._transfer(address, register, content)
        if register == 0x40 and self.log[-1][0] == 0x40:  # luma sends pieces of 32 bytes over a bus of a test
            self.log[-1] = (register, self.log[-1][1] + bytes(content))
        else:
            self.log.append((register, bytes(content)))
        self.seen.append(self.glass().tobytes())

    def commands(self) -> list[bytes]:
        return [content for register, content in self.log if register == 0x00]

    def data(self) -> bytes:
        return b"".join(content for register, content in self.log if register == 0x40)


class WireBus:
    """The wire as `hello` sees the kernel's bus."""

    def __init__(self, glass: Wire, address: int) -> None:
        self._glass, self._address = glass, address

    def write(self, content: bytes) -> None:
        self._glass._transfer(self._address, content[0], list(content[1:]))

    def read_byte(self) -> int:
        return self._glass.read_byte(self._address)

    def close(self) -> None:
        self._glass.close()


def said(glass: Wire, driver: str = "ssd1306", rotate: int = 0, address: int = 0x3C) -> Hello:
    """A hello that has ended."""
    found = Hello((driver, 1, address, rotate), lambda _number, at: WireBus(glass, at))
    found.start()
    assert found.wait(PATIENCE_S)
    return found


@pytest.mark.parametrize("driver", DRIVERS)
def test_hello_sends_what_luma_sends_with_a_picture(driver: str) -> None:
    ours, theirs = Wire(driver), Wire(driver)
    assert said(ours, driver).is_shown
    OledPanel(PanelConfig(driver=driver), bus=theirs).open()
    assert ours.commands() == theirs.commands()
    assert [register for register, _ in ours.log] == [register for register, _ in theirs.log]
    assert theirs.data() == bytes(1024)
    assert ours.data() == packed(PICTURE)


@pytest.mark.parametrize("rotate", [0, 180])
@pytest.mark.parametrize("driver", DRIVERS)
def test_a_cold_panel_shows_the_hello_and_no_snow(driver: str, rotate: int) -> None:
    glass = Wire(driver)
    said(glass, driver, rotate)
    wanted = PICTURE.transpose(Image.Transpose.ROTATE_180) if rotate else PICTURE
    assert glass.seen[-1] == wanted.tobytes()
    assert set(glass.seen[:-1]) == {BLACK.tobytes()}


@pytest.mark.parametrize("rotate", [0, 180])
@pytest.mark.parametrize("driver", DRIVERS)
def test_the_driver_takes_over_without_a_flash(driver: str, rotate: int) -> None:
    glass = Wire(driver)
    begun = said(glass, driver, rotate)
    shown, dark = glass.seen[-1], glass.went_dark
    glass.seen.clear()
    panel = OledPanel(PanelConfig(driver=driver, rotate=rotate), bus=glass, hello=begun)
    panel.open()
    assert set(glass.seen) == {shown}
    panel.show(BLACK)
    assert glass.glass().tobytes() == BLACK.tobytes()
    assert glass.lit
    assert glass.went_dark == dark


@pytest.mark.parametrize("can_be_read", [True, False])
def test_after_a_hello_the_driver_checks_as_after_its_own(can_be_read: bool) -> None:
    glass = Wire("ssd1306")
    glass.can_be_read = can_be_read
    panel = OledPanel(PanelConfig(), bus=glass, hello=said(glass))
    panel.open()
    panel.show(PICTURE)
    glass.lose_power()
    panel.check()
    panel.show(PICTURE)
    assert glass.glass().tobytes() == PICTURE.tobytes()


@pytest.mark.parametrize(
    "table", [PanelConfig(driver="sh1106"), PanelConfig(address=0x3D), PanelConfig(rotate=180)], ids=str
)
def test_a_hello_elsewhere_is_no_start_of_this_panel(table: PanelConfig) -> None:
    begun = said(Wire("ssd1306"))
    glass = Wire(table.driver, table.address)
    panel = OledPanel(table, bus=glass, hello=begun)
    panel.open()
    assert set(glass.seen) == {BLACK.tobytes()}
    assert (glass.lit, glass.went_dark) == (True, 2)


@pytest.mark.parametrize(
    "break_", [lambda glass: setattr(glass, "plugged_in", False), lambda glass: setattr(glass, "fail_after", 4)]
)
def test_a13_a_panel_that_does_not_answer_gets_no_hello(
    break_: Callable[[Wire], None], caplog: pytest.LogCaptureFixture
) -> None:
    glass = Wire("ssd1306")
    break_(glass)
    begun = said(glass)
    assert not begun.is_shown
    glass.plugged_in, glass.fail_after = True, None
    panel = OledPanel(PanelConfig(), bus=glass, hello=begun)
    panel.open()
    assert glass.glass().tobytes() == BLACK.tobytes()
    assert "panel without hello reason='[Errno 121] Remote I/O error'" in caplog.text
    caplog.clear()
    panel.open()
    assert "hello" not in caplog.text


def test_a13_an_address_that_nobody_has_gets_no_hello() -> None:
    glass = Wire("ssd1306")
    assert "Remote I/O" in said(glass, address=0x3D).hindrance
    assert glass.log == []


@pytest.mark.skipif(os.path.exists("/dev/i2c-19"), reason="this machine has an I2C bus number 19")
def test_a13_a_bus_that_is_not_there_gets_no_hello() -> None:
    begun = Hello(("ssd1306", 19, 0x3C, 0))
    begun.start()
    assert begun.wait(PATIENCE_S)
    assert "/dev/i2c-19" in begun.hindrance


def test_a13_a_file_that_is_no_bus_gets_no_hello(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "i2c-1").touch()
    real = os.open
    monkeypatch.setattr(os, "open", lambda path, flags: real(str(path).replace("/dev", str(tmp_path)), flags))
    before = len(os.listdir("/proc/self/fd"))
    begun = Hello(("ssd1306", 1, 0x3C, 0))
    begun._run()
    assert "ioctl" in begun.hindrance
    assert len(os.listdir("/proc/self/fd")) == before


def test_a13_a_stuck_bus_delays_no_start(monkeypatch: pytest.MonkeyPatch) -> None:
    goes_on, glass = threading.Event(), Wire("ssd1306")

    def stuck(_number: int, address: int) -> WireBus:
        goes_on.wait(PATIENCE_S)
        return WireBus(glass, address)

    monkeypatch.setattr("piboothup.booth.panel.oled._HELLO_S", 0.01)
    begun = Hello(("ssd1306", 1, 0x3C, 0), stuck)
    begun.start()
    panel = OledPanel(PanelConfig(), bus=glass, hello=begun)
    for _ in range(2):
        with pytest.raises(OSError, match="stuck"):
            panel.open()
    assert glass.log == []
    goes_on.set()
    assert begun.wait(PATIENCE_S)
    panel.open()
    assert glass.seen[-1] == PICTURE.tobytes()


SAID = "import sys; from piboothup.__main__ import main; main(); from piboothup.booth.panel import hello"
PLAYED = "import sys, types; sys.modules['piboothup.cli'] = types.SimpleNamespace(main=lambda: 0)"
"""What comes after the hello is left out."""


def begun_by(*words: str, shown: str = "hello.begun and hello.begun.place", **environment: str) -> str:
    """What the command says of its hello; a bus that no Pi has keeps it from a real panel."""
    code = f"{PLAYED}\n{SAID}\nprint({shown})"
    arguments = [sys.executable, "-c", code, *words]
    given = {**os.environ, "NOTIFY_SOCKET": "/nowhere", **environment}
    return subprocess.run(arguments, env=given, check=True, capture_output=True, text=True).stdout.strip()


@pytest.mark.process
def test_before_the_hello_nothing_heavy_is_imported(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text("[panel]\ni2c_port = 20\n")
    shown = "hello.begun.wait(60), hello.begun.hindrance[:9], {name.split('.')[0] for name in sys.modules}"
    found = ast.literal_eval(begun_by("--config", str(file), "booth", shown=f"({shown})"))
    assert found[:2] == (True, "[Errno 2]")
    assert found[2] & (HEAVY | SLOW) == set()


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("[panel]\ni2c_port = 20\n", ("ssd1306", 20, 0x3C, 0)),
        (
            '\ufeff[panel]\ndriver = "sh1106"\ni2c_port = 20\naddress = 0x3D\nrotate = 180\n',
            ("sh1106", 20, 0x3D, 180),
        ),
        ("[panel]\ni2c_port = 20\n[camera]\nnumber = 1\n", ("ssd1306", 20, 0x3C, 0)),
        ('[panel]\ndriver = "none"\n', None),
        ('[panel]\ndriver = "simulated"\n', None),
        ("[panel]\ni2c_port = 20\n[devices]\nsimulated = true\n", None),
        ('[panel]\ni2c_port = "20"\n', None),
        ("[panel]\ni2c_port = true\n", None),
        ("[panel]\nrotate = 90\n", None),
        ("panel = 3\n", None),
        ("devices = 3\n", None),
        ("[panel\n", None),
        ("\0", None),
        (None, None),
    ],
)
def test_the_hello_goes_where_the_config_says(
    text: str | None, place: Place | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "config.toml"
    if text is not None:
        file.write_text(text, encoding="utf-8")
        if place is not None:
            whole = tmp_path / "whole.toml"  # the usual spool may have a good copy, of another panel
            whole.write_text(f'{text}[spool]\ndirectory = "{tmp_path}"\n', encoding="utf-8")
            table = config.load_effective(whole).config.panel
            assert place == (table.driver, table.i2c_port, table.address, table.rotate)
    monkeypatch.setattr(hello, "begun", None)
    hello.begin(["--config", str(file), "booth"], {"NOTIFY_SOCKET": "/nowhere"})
    assert (hello.begun and hello.begun.place) == place


def test_f12_the_hello_waits_for_no_config_that_is_a_pipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "config.toml")
    monkeypatch.setattr(hello, "begun", None)
    hello.begin(["--config", str(tmp_path / "config.toml"), "booth"], {"NOTIFY_SOCKET": "/nowhere"})
    assert hello.begun is None


@pytest.mark.process
def test_only_a_booth_of_systemd_says_hello(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text("[panel]\ni2c_port = 20\n")
    assert begun_by("booth", PIBOOTHUP_CONFIG=str(file)) == "('ssd1306', 20, 60, 0)"
    assert begun_by(f"--config={file}", "booth") == "('ssd1306', 20, 60, 0)"
    assert begun_by("uploader", PIBOOTHUP_CONFIG=str(file)) == "None"
    assert begun_by("booth", PIBOOTHUP_CONFIG=str(file), NOTIFY_SOCKET="") == "None"


@pytest.mark.parametrize("given", [[], ["--config", "a"], ["--config=b"], ["--config", "a", "--config=b"]])
@pytest.mark.parametrize("environment", [{}, {"PIBOOTHUP_CONFIG": "c"}, {"PIBOOTHUP_CONFIG": ""}])
def test_the_hello_reads_the_file_that_the_booth_reads(given: list[str], environment: dict[str, str]) -> None:
    named = given[-1].rpartition("=")[2] if given else None
    assert hello._config_file([*given, "booth"], environment) == str(config.find(named, environment))
