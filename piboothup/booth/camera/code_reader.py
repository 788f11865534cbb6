"""Reader of QR codes held before the lens, and what to tell who holds one that is not read.

zxing-cpp (2.3 or newer) is imported when the first frame is read, so that a booth outside of set-up never loads it.
A frame is searched at half its size first, which is quicker and finds large codes that the library misses else.
"""

from __future__ import annotations

import importlib.util
from typing import Any, Final

from piboothup.booth.flow.events import ScanHint
from piboothup.booth.frame import Plane, shrunk
from piboothup.config.secret import Secret
from piboothup.records import dataclass

READ_SIZE: Final = (1536, 1536)
"""Greatest width and height of what is read, pixels: a sensor's frame by a whole factor has 1014 to 1536."""
_BUSY_SHARE: Final = 0.3
"""Greatest share of a processor that reading takes."""
_SHORTEST_PAUSE_S: Final = 0.25
_NEAR_WIDTH: Final = 0.2
"""Width of a code that is read well, as a share of the frame's."""
_DARK: Final = 70
"""The white of a code below this is too dark, of 255."""
_MOVING: Final = 6.0
"""Mean difference of two frames above this is a movement, of 255."""
_SMALL: Final = (160, 160)
_CELL_PX: Final = 8
_CONTRAST: Final = 60
"""Difference of dark and light within a cell of a code, of 255."""


@dataclass(frozen=True)
class Look:
    """What a frame looks like in which no code was read."""

    light: int
    """Brightness of its brightest five-hundredth, which a small screen fills, 0 to 255."""
    movement: float
    """Mean difference from the frame before, 0 to 255."""
    width: float
    """Width of what may be a code, as a share of the frame's; 0 = there is none."""


def hint(look: Look) -> ScanHint:
    """What would help, the surest first."""
    if look.light < _DARK:
        return ScanHint.BRIGHTER
    if look.movement > _MOVING:
        return ScanHint.STILL
    if 0.0 < look.width < _NEAR_WIDTH:
        return ScanHint.CLOSER
    return ScanHint.STILL if look.width else ScanHint.SHOW


def pause_s(read_for_s: float) -> float:
    """Pause after a frame whose reading took so long, seconds."""
    return max(_SHORTEST_PAUSE_S, read_for_s * (1.0 / _BUSY_SHARE - 1.0))


def is_installed() -> bool:
    """Whether the library is there; it is not loaded."""
    return importlib.util.find_spec("zxingcpp") is not None


class CodeReader:
    """Reads frame after frame. Raises ImportError when it is made where the library can't be loaded."""

    def __init__(self) -> None:
        import zxingcpp  # noqa: PLC0415

        self._library: Any = zxingcpp
        self._formats = zxingcpp.barcode_formats_from_str("QRCode")
        self._before: Plane | None = None

    def read(self, grey: Plane) -> Secret | ScanHint:
        """The text of a code in the picture (see `READ_SIZE`), or what would help to read one."""
        half = shrunk(grey, (grey.shape[1] // 2, grey.shape[0] // 2)) if min(grey.shape) > 2 * _CELL_PX else grey
        width = 0.0
        for picture in (half, grey):
            for found in self._library.read_barcodes(
                picture, formats=self._formats, text_mode=self._library.TextMode.Plain, return_errors=True
            ):
                if found.valid:
                    return Secret(_text(found))
                across = found.position.top_right.x - found.position.top_left.x
                down = found.position.top_right.y - found.position.top_left.y
                width = max(width, float(across**2 + down**2) ** 0.5 / picture.shape[1])
        return hint(self._look(half, width))

    def _look(self, picture: Plane, width: float) -> Look:
        import numpy as np  # noqa: PLC0415

        small = shrunk(picture, _SMALL)
        before, self._before = self._before, small
        if before is None or before.shape != small.shape:
            before = small
        movement = float(np.abs(small.astype(np.int16) - before).mean())
        return Look(int(np.percentile(small, 99.8)), movement, width or code_width(picture))


def _text(found: Any) -> str:
    """Text of a code: UTF-8 where its bytes are that, whatever the library takes them for."""
    try:
        return bytes(found.bytes).decode()
    except UnicodeDecodeError:
        return str(found.text)


def code_width(picture: Plane) -> float:
    """Width of a square of dark and light dots in the picture, as a share of its width; 0 = there is none."""
    import numpy as np  # noqa: PLC0415

    rows, columns = picture.shape[0] // _CELL_PX, picture.shape[1] // _CELL_PX
    cells = picture[: rows * _CELL_PX, : columns * _CELL_PX].reshape(rows, _CELL_PX, columns, _CELL_PX)
    contrast = cells.max(axis=(1, 3)).astype(np.int16) - cells.min(axis=(1, 3))
    busy = contrast > _CONTRAST
    across, down = _longest_run(busy.any(axis=0)), _longest_run(busy.any(axis=1))
    area = busy[down[0] : down[1], across[0] : across[1]]
    wide, high = across[1] - across[0], down[1] - down[0]
    is_square = min(wide, high) >= 3 and 0.6 < wide / high < 1.6 and area.mean() > 0.7
    return wide / columns if is_square else 0.0


def _longest_run(marks: Any) -> tuple[int, int]:
    """First and end of the longest run of marks."""
    best, begun = (0, 0), None
    for at, mark in enumerate([*marks.tolist(), False]):
        if mark:
            begun = at if begun is None else begun
        elif begun is not None:
            best, begun = max(best, (begun, at), key=lambda run: run[1] - run[0]), None
    return best
