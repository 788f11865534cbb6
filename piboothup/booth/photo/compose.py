"""Framed photos: the frame's PNG laid over a copy of a photo, at print size.

The photo is decoded at an eighth, two eighths ... of its size, which libjpeg-turbo does on the way: the largest that
is at most `LONGEST_PX` long. Frame and photo meet band by band, in the photo's own memory; the frame is scaled once
and kept packed, band by band too. So a photo takes at most 27 MB beside its file, and half a second
(tests/benchmarks/frame.py).

Pillow and simplejpeg are imported with this module: only who has a frame needs it.
"""

from __future__ import annotations

import io
import math
import struct
import zlib
from collections.abc import Callable

import numpy as np
import simplejpeg
from PIL import Image

from piboothup.booth.frame import Plane
from piboothup.booth.photo.frame_file import FrameFile, FrameUnusable
from piboothup.booth.photo.jpeg import EncodeError, is_complete, size_of
from piboothup.records import dataclass

LONGEST_PX = 3000
"""Longest side of a framed photo, pixels: 25 cm at 300 dots per inch."""
_BAND_ROWS = 64
_EIGHTHS = 8
_LANCZOS_RADIUS = 3
_MUCH = 1 / 3
"""Share of a photo whose loss should not come as a surprise."""
_BROKEN = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    IndexError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)
"""What Pillow raises for one damage or another."""


@dataclass(frozen=True)
class Fit:
    """How a frame is fitted to photos; `str()` says it in a sentence."""

    photo: tuple[int, int]
    """Width and height of the photo at print size, pixels."""
    frame: tuple[int, int]
    size: tuple[int, int]
    """Width and height of the framed photo: the frame's shape, as large as the photo gives it."""

    @property
    def cut(self) -> float:
        """Share of the photo that is cut off."""
        return 1 - math.prod(self.size) / math.prod(self.photo)

    @property
    def start(self) -> tuple[int, int]:
        """Left and top of the part of the photo that stays: its middle."""
        return (self.photo[0] - self.size[0]) // 2, (self.photo[1] - self.size[1]) // 2

    def __str__(self) -> str:
        width, height = self.size
        is_cut_in_height = self.photo[1] - height > self.photo[0] - width
        cut = "nothing of the photo is cut off"
        if round(100 * self.cut):
            sides = "top and bottom" if is_cut_in_height else "left and right"
            cut = f"{100 * self.cut:.0f} % of the photo is cut off at {sides}, as the frame has another shape"
        enlarged = width / self.frame[0]
        soft = (
            f" The frame is enlarged {enlarged:.1f} times: {width}x{height} pixels would be sharp."
            if enlarged > 1.5
            else ""
        )
        turned = " Is it meant for a camera that is turned ([camera] rotation)?" if self.cut > _MUCH else ""
        return f"Framed photos have {width}x{height} pixels; {cut}.{turned}{soft}"


def fit(photo: tuple[int, int], frame: tuple[int, int]) -> Fit:
    """Fit a frame to photos of this full size: the photo is cut, about its middle, to the frame's shape.

    The whole frame is always seen: it has names at its edges.
    """
    width, height = printed = print_size(photo)
    if width * frame[1] > height * frame[0]:
        width = max(1, round(height * frame[0] / frame[1]))
    else:
        height = max(1, round(width * frame[1] / frame[0]))
    return Fit(printed, frame, (width, height))


def print_size(photo: tuple[int, int]) -> tuple[int, int]:
    """Size of a photo in its framed copy: as many eighths of its own as are at most `LONGEST_PX` long."""
    eighths = next((n for n in range(_EIGHTHS, 1, -1) if -(-max(photo) * n // _EIGHTHS) <= LONGEST_PX), 1)
    return -(-photo[0] * eighths // _EIGHTHS), -(-photo[1] * eighths // _EIGHTHS)


@dataclass(frozen=True)
class PreparedFrame:
    """A frame scaled for photos of one size, packed."""

    fit: Fit
    bands: tuple[tuple[int, int, bytes], ...]
    """First row, number of rows, packed RGBA pixels of each band that shows something."""


def prepare(file: FrameFile, photo: tuple[int, int], pause: Callable[[], None] = lambda: None) -> PreparedFrame:
    """Decode the frame and scale it for photos of this full size. Raises FrameUnusable, MemoryError.

    `pause`: as for `compose`.
    """
    fitted = fit(photo, file.size)
    width, height = fitted.size
    scale = file.size[1] / height
    margin = math.ceil(_LANCZOS_RADIUS * max(1.0, scale))
    bands, least = [], 255
    try:
        with Image.open(io.BytesIO(file.content), formats=("PNG",)) as picture:
            if picture.size != file.size:
                raise FrameUnusable("frame_broken")
            picture.load()
            for top in range(0, height, _BAND_ROWS):
                pause()
                end = min(top + _BAND_ROWS, height)
                first = max(0, math.floor(top * scale) - margin)
                last = min(file.size[1], math.ceil(end * scale) + margin)
                strip = picture.crop((0, first, file.size[0], last)).convert("RGBA")
                box = (0, top * scale - first, file.size[0], min(end * scale - first, last - first))
                band = strip.resize((width, end - top), Image.Resampling.LANCZOS, box)
                alpha = np.asarray(band.getchannel("A"))
                least = min(least, int(alpha.min()))
                if alpha.any():
                    bands.append((top, end - top, zlib.compress(band.tobytes(), 1)))
    except _BROKEN:
        raise FrameUnusable("frame_broken") from None
    if least == 255:
        raise FrameUnusable("frame_opaque")
    return PreparedFrame(fitted, tuple(bands))


def compose(photo: bytes, frame: PreparedFrame, quality: int, pause: Callable[[], None] = lambda: None) -> bytes:
    """The photo's JPEG with the frame over it, without EXIF. Raises EncodeError, MemoryError.

    `pause`: called between two steps, none of which takes long; it may wait, or raise to give up.
    """
    width, height = frame.fit.photo
    pause()
    try:
        pixels: Plane = simplejpeg.decode_jpeg(photo, "RGB", min_width=width, min_height=height)
        if pixels.shape[:2] != (height, width):
            raise ValueError(f"the photo has {pixels.shape[1]}x{pixels.shape[0]} pixels")
        pixels = _cut(pixels, frame.fit)
        for top, rows, packed in frame.bands:
            pause()
            _lay_over(pixels[top : top + rows], zlib.decompress(packed))
        pause()
        jpeg: bytes = simplejpeg.encode_jpeg(pixels, quality, "RGB", "420")
    except (ValueError, RuntimeError) as error:
        raise EncodeError(str(error) or type(error).__name__) from error
    if not is_complete(jpeg, frame.fit.size):
        raise EncodeError(f"the encoder gave {len(jpeg)} bytes that are no whole picture")
    return jpeg


def photo_size(photo: bytes) -> tuple[int, int]:
    """Width and height of a photo. Raises EncodeError."""
    try:
        return size_of(photo)
    except ValueError as error:
        raise EncodeError(str(error)) from error


def _cut(pixels: Plane, fitted: Fit) -> Plane:
    """The part of the pixels that stays, row by row side by side in the same memory."""
    (left, top), (width, height) = fitted.start, fitted.size
    kept = pixels[top : top + height, left : left + width]
    if width == pixels.shape[1]:
        return kept
    together = pixels.reshape(-1)[: height * width * 3].reshape(height, width, 3)
    for first in range(0, height, _BAND_ROWS):  # each row moves to the front, so none is overwritten unread
        rows = slice(first, first + _BAND_ROWS)
        together[rows] = kept[rows].copy()
    return together


def _lay_over(pixels: Plane, rgba: bytes) -> None:
    """Lay a band of the frame over the photo's pixels."""
    height, width, _ = pixels.shape
    band = Image.fromarray(pixels)
    overlay = Image.frombytes("RGBA", (width, height), rgba)
    band.paste(overlay, mask=overlay)
    pixels[:] = np.asarray(band)
