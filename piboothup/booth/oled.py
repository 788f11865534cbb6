"""The OLED on the I2C bus: luma.oled's device classes with our own packing of the bits.

luma knows each controller's start-up and addressing; its `display` packs 8192 bits in a Python loop and asks Pillow
for `getdata`, which goes away with Pillow 14. Here Pillow packs them (0.04 ms against 0.30 ms), and the bytes go
through luma's own `command` and `data`. Whatever fails is an OSError, as the panel thread expects. luma and smbus2
are imported only when the panel is opened.
"""

from __future__ import annotations

import errno
from typing import Any

from PIL import Image

from piboothup.config import Panel as PanelTable

WIDTH, HEIGHT = 128, 64
PAGES = HEIGHT // 8
_NOP = 0xE3
_COLUMN_RANGE, _PAGE_RANGE, _PAGE = 0x21, 0x22, 0xB0
_SH1106_FIRST_COLUMN = (0x02, 0x10)
"""Its memory is 132 columns wide; the glass shows 2 to 129."""


def packed(image: Image.Image) -> bytes:
    """The picture as these controllers store it: pages of 8 rows, a byte per column, its lowest bit the top row."""
    columns = image.transpose(Image.Transpose.TRANSPOSE).tobytes("raw", "1;R")
    return b"".join(columns[page::PAGES] for page in range(PAGES))


class OledPanel:
    """A `PanelDevice` for ssd1306, ssd1309, ssd1315 and sh1106. `bus`: an smbus, for tests."""

    def __init__(self, table: PanelTable, bus: Any = None) -> None:
        self._table = table
        self._bus = bus
        self._serial: Any = None
        self._device: Any = None

    def open(self) -> None:
        """Find the panel and start it up, black. Raises OSError.

        It is asked for with a command that does nothing before luma makes its device: luma keeps every device it has
        ever begun to make until the program ends (131 kB each), and a missing panel is looked for all night.
        """
        from luma.core.error import Error  # noqa: PLC0415
        from luma.core.interface.serial import i2c  # noqa: PLC0415
        from luma.oled import device  # noqa: PLC0415

        self.close()
        made = _with_our_packing(getattr(device, self._table.driver), self._table.driver == "sh1106")
        try:
            self._serial = i2c(bus=self._bus, port=self._table.i2c_port, address=self._table.address)
            self._serial.command(_NOP)
            self._device = made(self._serial, width=WIDTH, height=HEIGHT)
        except Error as error:
            self.close()
            raise OSError(errno.ENODEV, str(error)) from error
        except OSError:
            self.close()
            raise
        self._device.persist = True  # the last picture stays when the program ends

    def show(self, image: Image.Image) -> None:
        """Send one whole picture, 128x64, mode "1": 1 KiB, 23 ms at 400 kHz. Raises OSError."""
        self._do("display", image.transpose(Image.Transpose.ROTATE_180) if self._table.rotate == 180 else image)

    def contrast(self, level: int) -> None:
        """How bright, 0 to 255. Raises OSError."""
        self._do("contrast", level)

    def light_up(self, on: bool) -> None:
        """The glass on or asleep; the picture stays in its memory. Raises OSError."""
        self._do("show" if on else "hide")

    def close(self) -> None:
        """Give the bus back; the picture stays on the glass."""
        serial, self._serial, self._device = self._serial, None, None
        if serial is not None:
            serial.cleanup()

    def _do(self, what: str, *arguments: Any) -> None:
        from luma.core.error import Error  # noqa: PLC0415

        if self._device is None:
            raise OSError(errno.ENODEV, "the panel is not open")
        try:
            getattr(self._device, what)(*arguments)
        except Error as error:
            raise OSError(errno.EIO, str(error)) from error


def _with_our_packing(controller: type[Any], pages_one_by_one: bool) -> type[Any]:
    """luma's class for a controller, with `display` (which its start-up uses too) replaced."""

    def display(self: Any, image: Image.Image) -> None:
        content = packed(image)
        if pages_one_by_one:
            for page in range(PAGES):
                self.command(_PAGE + page, *_SH1106_FIRST_COLUMN)
                self.data(content[page * WIDTH : (page + 1) * WIDTH])
        else:
            self.command(_COLUMN_RANGE, 0, WIDTH - 1, _PAGE_RANGE, 0, PAGES - 1)
            self.data(content)

    return type(controller.__name__, (controller,), {"display": display})
