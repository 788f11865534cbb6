"""Pictures: an SVG as PNG, and whether two pictures look the same."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

_LOUD = 48
"""A difference of a colour that the smoothing of edges does not make, of 255."""
_SHARE = 0.001
"""Share of the pixels that may differ so."""


def png_of(svg: str, colours: int = 64) -> bytes:
    """Draw an SVG in its own size."""
    import cairosvg  # noqa: PLC0415  (of the extra `hardware`)

    with Image.open(io.BytesIO(cairosvg.svg2png(bytestring=svg.encode()))) as drawn:
        return as_png(drawn.convert("RGB"), colours)


def as_png(picture: Image.Image, colours: int = 64) -> bytes:
    """A small PNG; `colours` 0: with all of its colours, as a photo wants."""
    into = io.BytesIO()
    if colours:
        picture = picture.quantize(colours, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    picture.save(into, "PNG", optimize=True)
    return into.getvalue()


def is_same_picture(first: bytes, second: bytes) -> bool:
    """Whether two pictures are of one size and look alike."""
    with Image.open(io.BytesIO(first)) as ours, Image.open(io.BytesIO(second)) as other:
        return looks_alike(ours, other)


def looks_alike(first: Image.Image, second: Image.Image) -> bool:
    """Whether hardly a pixel differs by more than what smoothing makes."""
    if first.size != second.size:
        return False
    pixels = [np.asarray(picture.convert("RGB"), np.int16) for picture in (first, second)]
    return bool((np.abs(pixels[0] - pixels[1]).max(axis=2) > _LOUD).mean() <= _SHARE)
