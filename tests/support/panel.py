"""Emulated OLED controller on an I2C bus: turns the received bytes back into the picture.

SSD1306 (and its relatives) and SH1106 as their data sheets describe the commands that luma sends; anything else is an
error, so that a changed start-up does not pass unseen. After power-on it is off, its memory holds noise, and a
picture without the start-up commands is upside down.
"""

from __future__ import annotations

import errno
import random
from collections.abc import Iterable
from typing import Protocol

import pytest
from PIL import Image

from piboothup.booth.panel.font import Face

_ARGUMENTS = {
    0x20: 1, 0x21: 2, 0x22: 2, 0x81: 1, 0x8D: 1, 0xA8: 1, 0xD3: 1, 0xD5: 1, 0xD9: 1, 0xDA: 1, 0xDB: 1,
}  # fmt: skip
_WITHOUT_EFFECT_HERE = {0xA4, 0xA6, 0xE3}


class Message(Protocol):
    """Counterpart of smbus2's i2c_msg: an address, and the bytes written to it."""

    @property
    def addr(self) -> int: ...

    def __iter__(self) -> Iterable[int]: ...


class EmulatedOled:
    """Fake smbus; `columns` is 128 for an SSD1306 and 132 for an SH1106."""

    def __init__(self, columns: int = 128, address: int = 0x3C) -> None:
        self.address = address
        self.plugged_in = True
        self.can_be_read = True
        """False for modules with a unidirectional data line."""
        self.always_says: int | None = None
        """Status byte of a module that answers reads but does not report its state."""
        self.transfers = 0
        self.went_dark = 0
        """Number of commands that turned the display off."""
        self.data_bytes = 0
        """Bytes of pictures, without commands."""
        self.columns: list[int] = []
        """Column of each of these bytes, from the left edge of the picture."""
        self.fail_after: int | None = None
        """Number of further transfers until it is unplugged."""
        self._columns = columns
        self.lose_power()

    def lose_power(self) -> None:
        """Unplug the panel and plug it in again between two transfers."""
        self.lit = self._column_remap = self._scan_down = False
        self._pumped = self._columns == 132  # an SH1106 makes its voltage unasked
        self.contrast = 0x7F
        self._memory = bytearray(random.Random(3).randbytes(8 * self._columns))
        self._mode = 0b10
        self._column_range = (0, self._columns - 1)
        self._page_range = (0, 7)
        self._column = self._page = 0

    def write_i2c_block_data(self, address: int, register: int, content: list[int]) -> None:
        """Receive one transfer: register 0x00 = commands, 0x40 = data; at most 32 bytes."""
        assert len(content) <= 32
        self._transfer(address, register, content)

    def i2c_rdwr(self, message: Message) -> None:
        """Receive one transfer of any length, as smbus2 does."""
        register, *content = list(message)  # type: ignore[call-overload]
        self._transfer(message.addr, register, content)

    def read_byte(self, address: int) -> int:
        """Status byte: bit 6 = the display is off."""
        self._answer(address)
        self.transfers += 1
        if not self.can_be_read:
            raise OSError(errno.EREMOTEIO, "Remote I/O error")
        if self.always_says is not None:
            return self.always_says
        return 0x00 if self.lit else 0x40

    def close(self) -> None:
        """Close the bus."""

    def _transfer(self, address: int, register: int, content: list[int]) -> None:
        if self.fail_after is not None:
            self.fail_after -= 1
            self.plugged_in = self.fail_after >= 0
        self._answer(address)
        self.transfers += 1
        if register == 0x40:
            self.data_bytes += len(content)
            for byte in content:
                self._store(byte)
        else:
            self._obey(list(content))

    def _answer(self, address: int) -> None:
        if not self.plugged_in or address != self.address:
            raise OSError(errno.EREMOTEIO, "Remote I/O error")

    def glass(self) -> Image.Image:
        """Picture of the 128x64 pixels: empty while it is off or its charge pump is."""
        picture = Image.new("1", (128, 64))
        if not (self.lit and self.plugged_in and self._pumped):
            return picture
        first = (self._columns - 128) // 2
        for page in range(8):  # a byte is eight pixels of a column, the lowest bit above
            start = page * self._columns + first
            rows = Image.frombytes("1", (8, 128), bytes(self._memory[start : start + 128]))
            picture.paste(rows.transpose(Image.Transpose.ROTATE_90), (0, 8 * page))
        if not self._column_remap:
            picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        if not self._scan_down:
            picture = picture.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
        return picture

    def _obey(self, content: list[int]) -> None:
        while content:
            command = content.pop(0)
            arguments = [content.pop(0) for _ in range(_ARGUMENTS.get(command, 0))]
            match command:
                case 0x20:
                    self._mode = arguments[0]
                case 0x21:
                    self._column_range = (arguments[0], arguments[1])
                    self._column = arguments[0]
                case 0x22:
                    self._page_range = (arguments[0], arguments[1])
                    self._page = arguments[0]
                case 0x81:
                    self.contrast = arguments[0]
                case 0x8D:
                    self._pumped = arguments[0] == 0x14
                case 0xA1:
                    self._column_remap = True
                case 0xC8:
                    self._scan_down = True
                case 0xAE | 0xAF:
                    self.lit = command == 0xAF
                    self.went_dark += not self.lit
                case _ if 0xB0 <= command <= 0xB7:
                    self._page = command - 0xB0
                case _ if command <= 0x0F:
                    self._column = self._column & 0xF0 | command
                case _ if command <= 0x1F:
                    self._column = self._column & 0x0F | (command & 0x0F) << 4
                case _ if command in _ARGUMENTS or command in _WITHOUT_EFFECT_HERE or 0x40 <= command <= 0x7F:
                    pass
                case _:
                    raise AssertionError(f"command {command:#04x} is in no data sheet used here")

    def _store(self, byte: int) -> None:
        self._memory[self._page * self._columns + self._column] = byte
        self.columns.append(self._column - (self._columns - 128) // 2)
        if self._columns == 132 or self._mode == 0b10:
            self._column = min(self._column + 1, self._columns - 1)  # it stays in its page
            return
        assert self._mode == 0, "the picture is sent in horizontal mode"
        self._column += 1
        if self._column > self._column_range[1]:
            self._column = self._column_range[0]
            self._page = self._page_range[0] if self._page == self._page_range[1] else self._page + 1


def drawn_texts(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Each text that is drawn from now on."""
    drawn: set[str] = set()
    draw = Face.draw

    def recorded(face: Face, image: Image.Image, x: int, y: int, text: str, lit: bool = True) -> int:
        drawn.add(text)
        return draw(face, image, x, y, text, lit)

    monkeypatch.setattr(Face, "draw", recorded)
    return drawn
