"""JPEG encoder: a frame becomes a complete JPEG, or EncodeError is raised.

The planes go to libjpeg-turbo as they are: simplejpeg copies nothing, even if rows have padding (12 MP on the
development machine: 29 ms; Pillow, which must convert to RGB first, 56 ms). Only NV12's interleaved chroma is
separated first (1.3 ms a plane). simplejpeg 1.9 encodes without Python's lock: a thread counting beside it kept 98 %
of its speed. Rotating 12 MP costs 7 ms for 180 degrees and 24 ms for 90 and 270.

simplejpeg is imported inside functions, first for the test photo before "ready": if that fails, the booth runs on and
shows that photos are not saved.
"""

from __future__ import annotations

import numpy as np

from piboothup.booth.errors import BoothError
from piboothup.booth.frame import Frame, Plane
from piboothup.problems import problem

_SOI = b"\xff\xd8"
_EOI = b"\xff\xd9"
_TILE = 256
"""Side of a tile in a quarter turn, pixels."""


class EncodeError(BoothError):
    """The frame could not be encoded as a complete JPEG."""

    def __init__(self, detail: str) -> None:
        super().__init__(problem("encode_failed", detail))


def encode(frame: Frame, quality: int, rotation: int = 0) -> bytes:
    """Encode the frame, rotated clockwise by `rotation` (0, 90, 180, 270) degrees.

    Does not release the frame. Raises EncodeError.
    """
    try:
        import simplejpeg  # noqa: PLC0415
    except Exception as error:  # whatever a half updated package fails with
        raise EncodeError(f"simplejpeg can't be used: {str(error) or type(error).__name__}") from error
    planes = (rotated(plane, rotation) for plane in (frame.y, frame.u, frame.v))
    # libjpeg-turbo needs the pixels of a row side by side
    y, u, v = (plane if plane.strides[1] == 1 else np.ascontiguousarray(plane) for plane in planes)
    try:
        jpeg: bytes = simplejpeg.encode_jpeg_yuv_planes(y, u, v, quality)
    except (ValueError, RuntimeError, MemoryError) as error:
        raise EncodeError(str(error) or type(error).__name__) from error
    if not is_complete(jpeg, (y.shape[1], y.shape[0])):
        raise EncodeError(f"the encoder gave {len(jpeg)} bytes that are no whole picture")
    return jpeg


def is_complete(jpeg: bytes, size: tuple[int, int]) -> bool:
    """Whether the bytes run from a JPEG's first marker to its last and have this width and height in the header."""
    if not (jpeg.startswith(_SOI) and jpeg.endswith(_EOI)):
        return False
    try:
        return size_of(jpeg) == size
    except ValueError:
        return False


def size_of(jpeg: bytes) -> tuple[int, int]:
    """Width and height in the JPEG's header, pixels. Raises ValueError if these bytes are no JPEG."""
    import simplejpeg  # noqa: PLC0415

    height, width, _, _ = simplejpeg.decode_jpeg_header(jpeg)
    return width, height


def rotated(plane: Plane, rotation: int) -> Plane:
    """Rotate the plane clockwise; return the plane itself for 0 degrees.

    A quarter turn goes tile by tile: a row of the source is a column of the result, and numpy's own copy misses the
    cache at every pixel (69 ms for 12 MP; in tiles of 256 x 256: 17 ms).
    """
    if rotation == 0:
        return plane
    if rotation == 180:
        return np.ascontiguousarray(plane[::-1, ::-1])
    source = plane[::-1].T if rotation == 90 else plane[:, ::-1].T
    result = np.empty(source.shape, np.uint8)
    for top in range(0, source.shape[0], _TILE):
        for left in range(0, source.shape[1], _TILE):
            tile = (slice(top, top + _TILE), slice(left, left + _TILE))
            result[tile] = source[tile]
    return result
