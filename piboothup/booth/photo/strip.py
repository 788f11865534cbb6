"""Strips: the photos of a series on one sheet of white paper, with a caption, at print size.

2x2 is a sheet of two rows, the third of three photos in the middle; 1x4 is one line, a column of landscape photos or
a row of upright ones, as two photos are in either. The paper has the shape that the photos give it, so nothing of
them is cut off. Each is decoded at an eighth, two eighths ... of its size, the smallest that is large enough, and one
after the other: a strip takes at most 30 MB beside a photo's file (tests/benchmarks/frame.py).

Pillow and simplejpeg are imported with this module: only who has strips needs it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import simplejpeg
from PIL import Image

from piboothup.booth.frame import Plane
from piboothup.booth.photo import caption as captions
from piboothup.booth.photo.caption import Caption
from piboothup.booth.photo.compose import LONGEST_PX
from piboothup.booth.photo.jpeg import EncodeError, is_complete, size_of
from piboothup.records import dataclass, replace

MOST_PIXELS = 4_000_000
_MARGIN, _GAP, _TITLE, _DATE = 0.085, 0.045, 0.12, 0.062
"""Paper around the photos and between them, size of title and date, by the root of a photo's area."""
_PAPER = 255


@dataclass(frozen=True)
class Sheet:
    """Sizes of a strip, pixels."""

    size: tuple[int, int]
    cell: tuple[int, int]
    corners: tuple[tuple[int, int], ...]
    """Left and top of each photo."""
    caption_top: int
    title_px: float
    date_px: float
    margin: int


def sheet(photo: tuple[int, int], photos: int, layout: str, caption: Caption) -> Sheet:
    """Lay out so many photos of this full size."""
    columns = 2
    if layout == "1x4" or photos == 2:
        columns = photos if photo[1] > photo[0] else 1
    rows = math.ceil(photos / columns)
    wide, high = (side / math.sqrt(math.prod(photo)) for side in photo)
    text = captions.height(caption, 1000 * _TITLE, 1000 * _DATE) / 1000
    foot = 1.6 * _MARGIN + text if text else _MARGIN
    width = columns * wide + (columns - 1) * _GAP + 2 * _MARGIN
    height = _MARGIN + rows * high + (rows - 1) * _GAP + foot
    unit = min(LONGEST_PX / max(width, height), math.sqrt(MOST_PIXELS / (width * height)))
    unit = min(unit, math.sqrt(math.prod(photo)))  # no photo is enlarged
    cell = max(1, round(wide * unit)), max(1, round(high * unit))
    margin, gap = round(_MARGIN * unit), round(_GAP * unit)
    size = columns * cell[0] + (columns - 1) * gap + 2 * margin, max(1, round(height * unit))
    corners = []
    for number in range(photos):
        row, column = divmod(number, columns)
        in_row = min(columns, photos - row * columns)
        left = (size[0] - in_row * cell[0] - (in_row - 1) * gap) // 2
        corners.append((left + column * (cell[0] + gap), margin + row * (cell[1] + gap)))
    foot_top = margin + rows * cell[1] + (rows - 1) * gap
    top = foot_top + (size[1] - foot_top - round(text * unit)) // 2
    return Sheet(size, cell, tuple(corners), top, _TITLE * unit, _DATE * unit, margin)


def compose(
    photos: Sequence[Callable[[], bytes]],
    layout: str,
    caption: Caption,
    quality: int,
    pause: Callable[[], None] = lambda: None,
) -> bytes:
    """The strip's JPEG, without EXIF; each photo is read when it is its turn. Raises EncodeError, MemoryError.

    `pause`: as for `compose.compose`.
    """
    caption = replace(caption, title=captions.shown_title(caption.title))
    plan: Sheet | None = None
    try:
        for number, read in enumerate(photos):
            pause()
            photo = read()
            if plan is None:
                plan = sheet(size_of(photo), len(photos), layout, caption)
                paper: Plane = np.full((plan.size[1], plan.size[0], 3), _PAPER, np.uint8)
            _lay(paper, photo, plan.corners[number], plan.cell, pause)
            del photo
        if plan is None:
            raise ValueError("a strip of no photos")
        foot = Image.fromarray(paper[plan.caption_top :])
        captions.draw(foot, caption, plan.title_px, plan.date_px, plan.size[0] - 2 * plan.margin)
        paper[plan.caption_top :] = np.asarray(foot)
        pause()
        jpeg: bytes = simplejpeg.encode_jpeg(paper, quality, "RGB", "420")
    except (ValueError, RuntimeError) as error:
        raise EncodeError(str(error) or type(error).__name__) from error
    if not is_complete(jpeg, plan.size):
        raise EncodeError(f"the encoder gave {len(jpeg)} bytes that are no whole picture")
    return jpeg


def _lay(
    paper: Plane, photo: bytes, corner: tuple[int, int], cell: tuple[int, int], pause: Callable[[], None]
) -> None:
    """Lay a photo into its cell, whole, in its middle if it has another shape."""
    size = size_of(photo)
    scale = min(cell[0] / size[0], cell[1] / size[1])
    width, height = (max(1, min(round(side * scale), most)) for side, most in zip(size, cell, strict=True))
    pixels = simplejpeg.decode_jpeg(photo, "RGB", min_width=width, min_height=height)
    pause()
    laid = Image.fromarray(pixels).resize((width, height), Image.Resampling.LANCZOS)
    left, top = corner[0] + (cell[0] - width) // 2, corner[1] + (cell[1] - height) // 2
    paper[top : top + height, left : left + width] = np.asarray(laid)
