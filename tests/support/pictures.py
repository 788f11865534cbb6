"""Comparison of pictures."""

from __future__ import annotations

from PIL import Image, ImageChops


def same(picture: Image.Image, other: Image.Image) -> bool:
    """Whether all pixels are equal."""
    return (
        picture.size == other.size
        and ImageChops.difference(picture.convert("L"), other.convert("L")).getbbox() is None
    )
