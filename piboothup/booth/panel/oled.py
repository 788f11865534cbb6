"""OLED driver: luma.oled's device classes on the I2C bus, with our own packing of bits and partial updates.

luma knows each controller's start-up and addressing; its `display` packs 8192 bits in a Python loop, asks Pillow for
`getdata`, which goes away with Pillow 14, and sends whole pictures. Here Pillow packs them (0.01 ms against 0.33),
and the bytes of the smallest rectangle that holds the change go through luma's own `command` and `data`: a figure of
the countdown is a third of a picture on a bus that needs 23 ms for one (93 at its default speed). Whatever fails is
an OSError, as the panel thread expects. luma, smbus2, numpy and Pillow are imported only when the panel is opened.
"""

from __future__ import annotations

import errno
import logging
from typing import TYPE_CHECKING, Any, TypeAlias

from piboothup.booth.panel.base import PanelDevice
from piboothup.booth.panel.hello import Hello
from piboothup.config import PanelConfig

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

log = logging.getLogger(__name__)

WIDTH, HEIGHT = 128, 64
PAGES = HEIGHT // 8
_SLEEP = 0xAE
_COLUMN_RANGE, _PAGE_RANGE, _PAGE = 0x21, 0x22, 0xB0
_LOW_COLUMN, _HIGH_COLUMN = 0x00, 0x10
_SH1106_FIRST_COLUMN = 2
"""First visible column: its memory is 132 columns wide, the display shows 2 to 129."""
_OFF = 0x40
"""Bit of the status byte: the display is off."""

_HELLO_S = 3.0
"""How long the bus may take for the hello, seconds; it takes 25 ms, on a slow bus 95."""

_Pages: TypeAlias = "NDArray[np.uint8]"
"""A picture as bytes: pages x columns."""


def packed(image: Image.Image) -> bytes:
    """The picture as these controllers store it: pages of 8 rows, a byte per column, its lowest bit the top row."""
    from PIL import Image  # noqa: PLC0415

    columns = image.transpose(Image.Transpose.TRANSPOSE).tobytes("raw", "1;R")
    return b"".join(columns[page::PAGES] for page in range(PAGES))


class OledPanel(PanelDevice):
    """The driver for ssd1306, ssd1309, ssd1315 and sh1106. `bus`: an smbus, for tests. `hello`: what was begun."""

    def __init__(self, table: PanelConfig, bus: Any = None, hello: Hello | None = None) -> None:
        self._table = table
        self._bus = bus
        self._hello = hello
        self._serial: Any = None
        self._device: Any = None
        self._device_pages: _Pages | None = None
        """The picture in the controller's memory; None = unknown."""
        self._level = 0x7F
        """The wanted contrast; at first the controller's default."""
        self._reports_off = False
        """Whether it reported that it was off when it was: some modules always report that they are on."""

    def open(self) -> None:
        """Find the panel and start it up, black; or, the first time, with the hello on it. Raises OSError.

        It is sent to sleep first, as start-up does, before luma makes its device: luma keeps every device that it
        began to make until the program ends (131 kB each), and a missing panel is retried all night. After a failure
        `close` releases the bus.
        """
        import numpy as np  # noqa: PLC0415
        from luma.core.error import Error  # noqa: PLC0415
        from luma.core.interface.serial import i2c  # noqa: PLC0415
        from luma.oled import device  # noqa: PLC0415

        self.close()
        lit = self._lit_by_hello()
        made = _with_our_packing(getattr(device, self._table.driver, device.ssd1306), is_lit=lit is not None)
        try:
            self._serial = i2c(bus=self._bus, port=self._table.i2c_port, address=self._table.address)
            if lit is None:
                self._serial.command(_SLEEP)
            self._reports_off = self._seems_off() if lit is None else lit.reports_off
            self._device = made(self._serial, width=WIDTH, height=HEIGHT)
        except Error as error:
            raise OSError(errno.ENODEV, str(error)) from error
        self._device.persist = True  # the last picture stays when the program ends
        if lit is None:
            self._device_pages = np.zeros((PAGES, WIDTH), np.uint8)  # luma has just cleared it

    def _lit_by_hello(self) -> Hello | None:
        """The hello if it is on this panel now. Raises OSError while it has the bus."""
        hello = self._hello
        if hello is None:
            return None
        if not hello.wait(_HELLO_S):
            raise OSError(errno.EBUSY, "the bus has been stuck since the first byte")
        self._hello = None
        if hello.is_shown:
            log.info("panel hello boottime_s=%.3f", hello.shown_s)
        else:
            log.warning("panel without hello reason=%r", hello.hindrance)
        table = self._table
        is_here = hello.place == (table.driver, table.i2c_port, table.address, table.rotate)
        return hello if hello.is_shown and is_here else None

    def show(self, image: Image.Image) -> None:
        """Send the changed part of the picture (128x64, mode "1"; 1 KiB in all). Raises OSError."""
        import numpy as np  # noqa: PLC0415
        from PIL import Image  # noqa: PLC0415

        content = packed(image.transpose(Image.Transpose.ROTATE_180) if self._table.rotate == 180 else image)
        pages = np.frombuffer(content, np.uint8).reshape(PAGES, WIDTH)
        changed = np.ones_like(pages, np.bool_) if self._device_pages is None else pages != self._device_pages
        if not changed.any():
            return
        self._device_pages = None  # unknown until all of it is sent
        self._do("send", pages, changed)
        self._device_pages = pages

    def check(self) -> None:
        """Start the panel up again if it was unplugged and put back meanwhile. Raises OSError when it is gone.

        Such a panel is dark and raised no error, but its status (two bytes on the bus) says that it is off. A panel
        that does not report is started up each time, with the whole picture after it: 25 ms at 400 kHz. If it was on,
        nothing is seen of that, as start-up is sent without its "off", after which it would take 100 ms to light up
        (SSD1306 data sheet, tAF).
        """
        if not self._reports_off or self._seems_off():
            self._device_pages = None
            self._do("start_again")
            self._do("contrast", self._level)

    def contrast(self, level: int) -> None:
        """Set the contrast, 0 to 255. Raises OSError."""
        self._level = level
        self._do("contrast", level)

    def set_display_on(self, on: bool) -> None:
        """Switch the display on or to sleep; the picture stays in its memory. Raises OSError."""
        self._do("show" if on else "hide")

    def close(self) -> None:
        """Release the bus; the picture stays on the display."""
        serial, self._serial, self._device = self._serial, None, None
        self._device_pages, self._reports_off = None, False
        if serial is not None:
            serial.cleanup()

    def _seems_off(self) -> bool:
        """Whether the status byte says that the display is off, or can't be read (by the module or by luma)."""
        try:
            answer: int = self._serial._bus.read_byte(self._table.address)
        except (OSError, AttributeError):
            return True
        return bool(answer & _OFF)

    def _do(self, what: str, *arguments: Any) -> None:
        from luma.core.error import Error  # noqa: PLC0415

        if self._device is None:
            raise OSError(errno.ENODEV, "the panel is not open")
        try:
            getattr(self._device, what)(*arguments)
        except Error as error:
            raise OSError(errno.EIO, str(error)) from error


def _with_our_packing(controller: type[Any], *, is_lit: bool = False) -> type[Any]:
    """Subclass of luma's controller with our `display`, which start-up uses too, and two more methods.

    `send`: a part of the picture. `start_again`: luma's start-up commands without going dark. `is_lit`: start-up does
    not go dark either, and keeps the picture.
    """
    import numpy as np  # noqa: PLC0415

    pages_one_by_one = controller.__name__ == "sh1106"

    def command(self: Any, *words: int) -> None:
        is_first = not self.start_up
        self.start_up = self.start_up or words
        controller.command(self, *(words[1:] if is_first and is_lit and words[0] == _SLEEP else words))

    def clear(self: Any) -> None:
        if not is_lit:
            controller.clear(self)

    def start_again(self: Any) -> None:
        self.command(*(word for at, word in enumerate(self.start_up) if at or word != _SLEEP))
        self.show()

    def send(self: Any, pages: _Pages, changed: NDArray[np.bool_]) -> None:
        rows = np.flatnonzero(changed.any(axis=1))
        columns = np.flatnonzero(changed.any(axis=0))
        left, right = int(columns[0]), int(columns[-1])
        if pages_one_by_one:
            low = (left + _SH1106_FIRST_COLUMN) & 0x0F
            high = (left + _SH1106_FIRST_COLUMN) >> 4
            for page in rows:
                self.command(_PAGE + int(page), _LOW_COLUMN + low, _HIGH_COLUMN + high)
                self.data(pages[page, left : right + 1].tobytes())
        else:
            top, bottom = int(rows[0]), int(rows[-1])
            self.command(_COLUMN_RANGE, left, right, _PAGE_RANGE, top, bottom)
            self.data(pages[top : bottom + 1, left : right + 1].tobytes())

    def display(self: Any, image: Image.Image) -> None:
        pages = np.frombuffer(packed(image), np.uint8).reshape(PAGES, WIDTH)
        send(self, pages, np.ones_like(pages, np.bool_))

    methods = (command, clear, start_again, display, send)
    ours = {"start_up": (), **{method.__name__: method for method in methods}}
    return type(controller.__name__, (controller,), ours)
