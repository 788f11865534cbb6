"""Simulated phone photo of the panel: dots with dark gaps, bloom, tilt, blur, noise, and the light of a room."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import zxingcpp
from PIL import Image, ImageFilter

from tests.support.perspective import coefficients, turned


@dataclass(frozen=True)
class Shot:
    """Conditions of a photo."""

    dot_px: float = 6.0
    """Pixels of the phone per dot of the panel: nearer is more."""
    lit_share: float = 0.8
    """Lit share of a dot's pitch; the rest is the dark gap."""
    bloom: float = 0.0
    """Radius to which light spills over its neighbours, dots."""
    blur: float = 0.0
    """Blur of the focus, dots; the lens and the sensor's filter always blur by 0.6 of the phone's pixels."""
    tilt_deg: float = 0.0
    """Tilt of the phone about its line of sight, degrees."""
    lean: float = 0.0
    """Perspective: share by which the far edge is shorter."""
    haze: float = 0.05
    """Room light on the dark panel, share of a lit dot."""
    noise: float = 0.02
    bezel: float = 0.0
    """Brightness of the surroundings of the dots, from black glass to a white box that begins at the very edge."""


_FINE = 8
"""Samples along a dot before the lens."""


def taken(panel: Image.Image, shot: Shot) -> Image.Image:
    """Render the photo, mode "L"; the panel with its bezel in the middle."""
    bezel = Image.new("L", (panel.width + 32, panel.height + 32))
    bezel.paste(panel.convert("L"), (16, 16))
    size = (bezel.width * _FINE, bezel.height * _FINE)
    dots = np.asarray(bezel.resize(size, Image.Resampling.NEAREST), np.float32) / 255
    gap = round(_FINE * (1 - shot.lit_share))
    rows = np.arange(size[1]) % _FINE >= gap
    columns = np.arange(size[0]) % _FINE >= gap
    lit = np.full(dots.shape, shot.bezel, np.float32)
    glass = np.s_[16 * _FINE : -16 * _FINE, 16 * _FINE : -16 * _FINE]
    lit[glass] = (dots * rows[:, None] * columns[None, :])[glass]
    light = Image.fromarray((lit * 255).astype(np.uint8))
    if shot.bloom:
        spilt = np.asarray(light.filter(ImageFilter.GaussianBlur(shot.bloom * _FINE)), np.float32)
        light = Image.fromarray(np.clip(np.asarray(light, np.float32) + 0.9 * spilt, 0, 255).astype(np.uint8))
    seen = _from_the_side(light, shot)
    seen = seen.filter(ImageFilter.GaussianBlur(max(shot.blur, 0.6 / shot.dot_px) * _FINE))
    seen = seen.resize(
        (round(seen.width * shot.dot_px / _FINE), round(seen.height * shot.dot_px / _FINE)), Image.Resampling.BOX
    )
    grey = np.asarray(seen, np.float32) / 255
    grain = np.random.default_rng(7).normal(0.0, shot.noise, grey.shape)
    return Image.fromarray((np.clip(shot.haze + (1 - shot.haze) * grey + grain, 0, 1) * 255).astype(np.uint8))


def _from_the_side(light: Image.Image, shot: Shot) -> Image.Image:
    if not shot.lean and not shot.tilt_deg:
        return light
    width, height = light.size
    right, low = width / 2, height / 2
    inset = shot.lean * low
    leant = [(-right, -low + inset), (-right, low - inset), (right, low), (right, -low)]
    origin = [(0, 0), (0, height), (width, height), (width, 0)]
    way = coefficients(turned(leant, shot.tilt_deg, (right, low)), origin)
    return light.transform(light.size, Image.Transform.PERSPECTIVE, way, Image.Resampling.BILINEAR)


def read(picture: Image.Image) -> str:
    """Text that a phone's reader finds; "" when it sees no code.

    It looks for QR codes only, and in the picture at half its size too, as phones do: zxing-cpp 2.3 (Debian 13's)
    misses a large straight code, which 3.x finds.
    """
    for size in (picture, picture.reduce(2)):
        found = zxingcpp.read_barcodes(np.asarray(size), formats=zxingcpp.barcode_formats_from_str("QRCode"))
        if found:
            return found[0].text
    return ""
