"""The hello: a picture on the panel before the imports that take seconds on a Pi (picamera2, numpy, PIL, luma).

The process of the booth owns the I2C bus from the first byte on; no other unit draws. The thread `hello` has the bus
until it ends. The thread `panel` waits for that when it opens the device (`booth/panel/oled.py:OledPanel.open`), and
takes over the lit display: no second start-up in the dark, no flash.

The bytes are those that luma sends, but for the picture in place of the black one: the whole memory is written before
the display is switched on, as after power-on it holds noise. Nothing here stops or delays the start: a panel that
does not answer gets no hello, and the driver logs why.

Only under systemd, which starts one booth: another that is started by hand would draw over the first one's picture.
"""

from __future__ import annotations

import fcntl
import itertools
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import tomli

_SET_ADDRESS = 0x0703
"""I2C_SLAVE of linux/i2c-dev.h."""
_COMMAND, _DATA = b"\x00", b"\x40"
_OFF, _ON, _CONTRAST = 0xAE, 0xAF, 0x81
_OFF_STATUS = 0x40
"""Bit of the status byte: the display is off."""
_SSD1306 = bytes.fromhex("AE D580 A83F D300 40 8D14 2000 A1 C8 DA12 D9F1 DB40 A4 A6")
_SH1106 = bytes.fromhex("AE 20 10 B0C8 00 10 40 A1 A6 A83F A4 D300 D5F0 D922 DA12 DB20 8D14")
_START_UP = {
    "ssd1306": (_SSD1306, 0xCF),
    "ssd1309": (_SSD1306, 0xCF),
    "ssd1315": (_SSD1306, 0xCF),
    "sh1106": (_SH1106, 0x7F),
}
"""What luma sends to each controller, and its first contrast."""
_BOX_CONFIG, _ROOT_SETTINGS = "/etc/piboothup/config.toml", "/etc/piboothup/settings.toml"
_PICTURE = "hello.pbm"
_LIT = bytes.maketrans(b"01", b"\1\0")

Place = tuple[str, int, int, int]
"""Controller, number of the bus, address on it, rotation."""


class Bus:
    """An address on an I2C bus of the kernel. Every call may raise OSError."""

    def __init__(self, number: int, address: int) -> None:
        self._descriptor = os.open(f"/dev/i2c-{number}", os.O_RDWR | os.O_CLOEXEC)
        try:
            fcntl.ioctl(self._descriptor, _SET_ADDRESS, address)
        except OSError:
            self.close()
            raise

    def write(self, content: bytes) -> None:
        """Send these bytes in one transfer."""
        os.write(self._descriptor, content)

    def read_byte(self) -> int:
        """Read the status byte."""
        return os.read(self._descriptor, 1)[0]

    def close(self) -> None:
        """Release the bus."""
        os.close(self._descriptor)


class Hello:
    """A hello on the panel at this place, sent by a thread of its own."""

    def __init__(self, place: Place, open_bus: Callable[[int, int], Any] = Bus) -> None:
        self.place = place
        self.is_shown = False
        self.reports_off = False
        """Whether the panel reported that it was off when it was, or can't be read."""
        self.hindrance = ""
        """Why it is not shown."""
        self.shown_s = 0.0
        """Boot-time at which the picture was lit, seconds."""
        self._open_bus = open_bus
        self._thread = threading.Thread(target=self._run, name="hello", daemon=True)

    def start(self) -> None:
        """Begin to send it; never waits."""
        self._thread.start()

    def wait(self, timeout_s: float) -> bool:
        """Wait until the bus is free again; return whether it is."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            self._send()
        except Exception as error:  # noqa: BLE001  (the top of the thread: whatever happens, the start goes on)
            self.hindrance = str(error) or type(error).__name__
        else:
            self.shown_s = time.clock_gettime(time.CLOCK_BOOTTIME)
            self.is_shown = True

    def _send(self) -> None:
        controller, number, address, rotation = self.place
        start_up, contrast = _START_UP[controller]
        picture = packed(_read_picture(), rotation)
        bus = self._open_bus(number, address)
        try:
            bus.write(_COMMAND + bytes((_OFF,)))
            self.reports_off = _seems_off(bus)
            bus.write(_COMMAND + start_up)
            bus.write(_COMMAND + bytes((_CONTRAST, contrast)))
            for command, content in _pages(controller, picture):
                bus.write(_COMMAND + command)
                bus.write(_DATA + content)
            bus.write(_COMMAND + bytes((_ON,)))
        finally:
            bus.close()


begun: Hello | None = None
"""The hello of this process."""


def begin(arguments: Sequence[str], environment: Mapping[str, str] = os.environ) -> None:
    """Begin to say hello if these are the arguments of a booth that systemd started. Neither waits nor raises."""
    global begun  # noqa: PLW0603  (a process has one)
    if not environment.get("NOTIFY_SOCKET"):
        return
    try:
        place = _place(_config_file(arguments, environment))
        if place is not None:
            begun = Hello(place)
            begun.start()
    except Exception:  # noqa: BLE001  (the config is read again, and then told)
        return


def _config_file(arguments: Sequence[str], environment: Mapping[str, str]) -> str:
    """Path of the config file, as `config.find` has it; that package is too slow to import here."""
    given = [value for option, value in itertools.pairwise(arguments) if option == "--config"]
    given += [each.removeprefix("--config=") for each in arguments if each.startswith("--config=")]
    return (given or [""])[-1] or environment.get("PIBOOTHUP_CONFIG") or _BOX_CONFIG


def _place(config_file: str) -> Place | None:
    """Where the panel is; None when the file can't say it for sure: then perhaps another config is used."""
    tables = _tables(config_file)
    table = tables.get("panel", {})
    place = (
        table.get("driver", "ssd1306"),
        table.get("i2c_port", 1),
        table.get("address", 0x3C),
        table.get("rotate", 0),
    )
    has_panel = place[0] in _START_UP and not tables.get("devices", {}).get("simulated", False)
    is_sure = all(type(value) is int for value in place[1:]) and place[3] in (0, 180)
    return place if has_panel and is_sure else None


def _tables(config_file: str) -> dict[str, Any]:
    """The file's tables; on a box with root's settings laid over them (see `config.root_settings`)."""
    tables = tomli.loads(_text(config_file))
    try:
        text = _text(_ROOT_SETTINGS) if config_file == _BOX_CONFIG else ""
    except FileNotFoundError:
        return tables
    if config_file == _BOX_CONFIG and not text.endswith("# complete\n"):
        raise ValueError("cut off")
    over = tomli.loads(text)
    return {name: {**tables.get(name, {}), **over.get(name, {})} for name in ("panel", "devices")}


def _text(path: str) -> str:
    if not os.path.isfile(path):  # noqa: PTH113  (pathlib is slow to import); a pipe would be waited for
        raise FileNotFoundError(path)
    with open(path, "rb") as file:  # noqa: PTH123
        return file.read().removeprefix(b"\xef\xbb\xbf").decode().replace("\r\n", "\n")


def _read_picture() -> bytes:
    """The picture's rows from the top, 16 bytes each; in this format a dark dot is 1."""
    with open(os.path.join(os.path.dirname(__file__), _PICTURE), "rb") as file:  # noqa: PTH120, PTH123
        return file.read()[-1024:]


def packed(rows: bytes, rotation: int) -> bytes:
    """The picture as these controllers store it (see `booth/panel/oled.py:packed`)."""
    dots = f"{int.from_bytes(rows):08192b}".encode().translate(_LIT)
    dots = dots[::-1] if rotation == 180 else dots
    lines = [int.from_bytes(dots[128 * line : 128 * (line + 1)]) for line in range(64)]
    return b"".join(
        sum(lines[8 * page + row] << row for row in range(8)).to_bytes(128)  # of each byte, one bit
        for page in range(8)
    )


def _pages(controller: str, picture: bytes) -> list[tuple[bytes, bytes]]:
    """The picture in pieces, each with the command that says where it goes: all at once, or page by page."""
    if controller != "sh1106":
        return [(bytes((0x21, 0, 127, 0x22, 0, 7)), picture)]
    return [(bytes((0xB0 + page, 0x02, 0x10)), picture[128 * page : 128 * page + 128]) for page in range(8)]


def _seems_off(bus: Any) -> bool:
    try:
        return bool(bus.read_byte() & _OFF_STATUS)
    except OSError:
        return True
