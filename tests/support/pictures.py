"""Whether two pictures are the same."""

from __future__ import annotations

from PIL import Image, ImageChops


def same(one: Image.Image, other: Image.Image) -> bool:
    """Pixel by pixel."""
    return one.size == other.size and ImageChops.difference(one.convert("L"), other.convert("L")).getbbox() is None
