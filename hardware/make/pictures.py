"""Pictures: an SVG as PNG with its words, and whether two pictures look and say the same."""

from __future__ import annotations

import hashlib
import html
import io
import re

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

_LOUD = 48
"""A difference of a colour that the smoothing of edges does not make, of 255."""
_SHARE = 0.001
"""Share of the pixels that may differ so: more than a digit of small print, so words are compared as such."""
_WORDS, _DRAWING = "Description", "Source"


def png_of(svg: str, colours: int = 64, *, is_exact: bool = False) -> bytes:
    """Draw an SVG in its own size; `is_exact`: it is the same on every machine, so any change of it counts."""
    import cairosvg  # noqa: PLC0415  (of the extra `hardware`)

    with Image.open(io.BytesIO(cairosvg.svg2png(bytestring=svg.encode()))) as drawn:
        digest = hashlib.sha256(svg.encode()).hexdigest() if is_exact else ""
        return as_png(drawn.convert("RGB"), colours, words_of(svg), digest)


def words_of(svg: str) -> str:
    """The words that an SVG draws, a line each."""
    drawn = re.findall(r"<text\b[^>]*>(.*?)</text>", svg, re.DOTALL)
    return "\n".join(html.unescape(re.sub(r"<[^>]+>", "", each)) for each in drawn)


def as_png(picture: Image.Image, colours: int = 64, words: str = "", digest: str = "") -> bytes:
    """A small PNG that carries its words, and its drawing's digest; `colours` 0: all of them, as a photo wants."""
    into, about = io.BytesIO(), PngInfo()
    if words:
        about.add_itxt(_WORDS, words, zip=True)
    if digest:
        about.add_text(_DRAWING, digest)
    if colours:
        picture = picture.quantize(colours, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    picture.save(into, "PNG", optimize=True, pnginfo=about)
    return into.getvalue()


def is_same_picture(first: bytes, second: bytes) -> bool:
    """Whether two pictures are of one size and drawing, have the same words and look alike."""
    with Image.open(io.BytesIO(first)) as ours, Image.open(io.BytesIO(second)) as other:
        told = [[picture.info.get(name) for name in (_WORDS, _DRAWING)] for picture in (ours, other)]
        return looks_alike(ours, other) and told[0] == told[1]


def looks_alike(first: Image.Image, second: Image.Image) -> bool:
    """Whether hardly a pixel differs by more than what smoothing makes."""
    if first.size != second.size:
        return False
    pixels = [np.asarray(picture.convert("RGB"), np.int16) for picture in (first, second)]
    return bool((np.abs(pixels[0] - pixels[1]).max(axis=2) > _LOUD).mean() <= _SHARE)
