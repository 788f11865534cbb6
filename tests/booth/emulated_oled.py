"""An OLED controller on an I2C bus: turns the bytes it is sent back into the picture on its glass.

SSD1306 and SH1106 as their data sheets describe the commands that luma sends; anything else is an error, so that a
changed start-up does not pass unseen.
"""

from __future__ import annotations

import errno

from PIL import Image

_ARGUMENTS = {
    0x20: 1, 0x21: 2, 0x22: 2, 0x81: 1, 0x8D: 1, 0xA8: 1, 0xD3: 1, 0xD5: 1, 0xD9: 1, 0xDA: 1, 0xDB: 1,
}  # fmt: skip
_WITHOUT_EFFECT_HERE = {0xA1, 0xC8, 0xA4, 0xA6, 0xE3}


class EmulatedOled:
    """Stands in for an smbus; `columns` is 128 for an SSD1306 and 132 for an SH1106."""

    def __init__(self, columns: int = 128, address: int = 0x3C) -> None:
        self.address = address
        self.plugged_in = True
        self.lit = False
        self.contrast = 0
        self.transfers = 0
        self.fail_after: int | None = None
        """Pulled out after so many more transfers."""
        self._columns = columns
        self._memory = bytearray(8 * columns)
        self._mode = 0b10
        self._column_range = (0, columns - 1)
        self._page_range = (0, 7)
        self._column = self._page = 0

    def write_i2c_block_data(self, address: int, register: int, content: list[int]) -> None:
        """One transfer: register 0x00 = commands, 0x40 = data; at most 32 bytes."""
        assert len(content) <= 32
        if self.fail_after is not None:
            self.fail_after -= 1
            self.plugged_in = self.fail_after >= 0
        if not self.plugged_in or address != self.address:
            raise OSError(errno.EREMOTEIO, "Remote I/O error")
        self.transfers += 1
        if register == 0x40:
            for byte in content:
                self._store(byte)
        else:
            self._obey(list(content))

    def glass(self) -> Image.Image:
        """What the 128x64 pixels show."""
        picture = Image.new("1", (128, 64))
        first = (self._columns - 128) // 2
        for page in range(8):
            for x in range(128):
                byte = self._memory[page * self._columns + first + x]
                for bit in range(8):
                    picture.putpixel((x, 8 * page + bit), 255 if byte >> bit & 1 else 0)
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
                case 0xAE | 0xAF:
                    self.lit = command == 0xAF
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
        if self._columns == 132:
            self._column = min(self._column + 1, 131)  # an SH1106 stays in its page
            return
        assert self._mode == 0, "the picture is sent in horizontal mode"
        self._column += 1
        if self._column > self._column_range[1]:
            self._column = self._column_range[0]
            self._page = self._page_range[0] if self._page == self._page_range[1] else self._page + 1
