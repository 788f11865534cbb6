"""Why photos of a party come out dark or blurred: the simulator's party, spoilt as a camera would spoil it."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageFilter

from hardware.make.drawings.svg import FAINT, Drawing
from piboothup.simulator import scenes

_SIZE = (360, 270)
_SEED = 3


def sheet() -> str:
    """Six photos with what went wrong and what helps, as SVG."""
    on = Drawing(1180, 780, "Why photos are dark or blurred")
    on.text(30, 46, "Why photos are dark or blurred", 28, weight="bold")
    on.text(
        30, 74, "One party of the simulator, spoilt in five ways. A lamp helps more than any setting.", 15, fill=FAINT
    )
    for number, (title, helps, spoil) in enumerate(_PHOTOS):
        x, y = 30 + number % 3 * 380, 96 + number // 3 * 340
        into = io.BytesIO()
        spoil(_party()).save(into, "PNG")
        on.image(x, y, *_SIZE, f"data:image/png;base64,{base64.b64encode(into.getvalue()).decode()}")
        on.text(x, y + _SIZE[1] + 22, title, 16, weight="bold")
        on.lines(x, y + _SIZE[1] + 40, helps, 13)
    return on.text_of()


def _party() -> Image.Image:
    drawn = scenes.party(_SEED, (2 * _SIZE[0], 2 * _SIZE[1]))
    size = (drawn.y.shape[1], drawn.y.shape[0])
    planes = [Image.fromarray(np.asarray(plane)).resize(size) for plane in (drawn.y, drawn.u, drawn.v)]
    bright = Image.merge("YCbCr", planes).convert("RGB").resize(_SIZE, Image.Resampling.BOX)
    return bright.point(lambda level: min(255, int(level * 1.02 + 6)))


def _dark(photo: Image.Image) -> Image.Image:
    return photo.point(lambda level: int(level * 0.24))


def _grainy(photo: Image.Image) -> Image.Image:
    noise = np.random.default_rng(_SEED).normal(0, 34, (_SIZE[1], _SIZE[0], 3))
    return Image.fromarray((np.asarray(photo, float) * 0.85 + noise).clip(0, 255).astype(np.uint8))


def _smeared(photo: Image.Image) -> Image.Image:
    shifted = np.array([np.roll(np.asarray(photo, float), step, axis=1) for step in range(-11, 12)])
    return Image.fromarray(shifted.mean(axis=0).clip(0, 255).astype(np.uint8))


def _unfocused(photo: Image.Image) -> Image.Image:
    return photo.filter(ImageFilter.GaussianBlur(5))


def _backlit(photo: Image.Image) -> Image.Image:
    """A window behind the guests' heads: its glare, and faces for which no light is left."""
    y, x = np.mgrid[0 : _SIZE[1], 0 : _SIZE[0]]
    far = np.hypot((x / _SIZE[0] - 0.5) * 1.6, (y / _SIZE[1] - 0.28) * 1.5)
    glare = np.clip(1.15 - 1.9 * far, 0, 1)[..., None] ** 1.3
    dark = np.asarray(photo, float) * 0.34
    mixed = 255 - (255 - dark) * (1 - 0.92 * glare)
    return Image.fromarray(mixed.clip(0, 255).astype(np.uint8))


_PHOTOS: tuple[tuple[str, tuple[str, ...], Callable[[Image.Image], Image.Image]], ...] = (
    ("As it should be", ("Light from the front, guests at 1 to 2 m.",), lambda photo: photo),
    ("Dark", ("A lamp beside or above the box, towards the guests;", "or the flash."), _dark),
    ("Grain", ("Too little light, amplified. A lamp; then lower", "max_gain in [camera]."), _grainy),
    ("Smeared", ("Guests or box moved. A lamp; a firm stand; then", "lower max_exposure_ms in [camera]."), _smeared),
    (
        "Blurred everywhere",
        ("A film or a thumb on the lens, or the wrong distance:", "Set up, Aim in the menu; focus_m in [camera]."),
        _unfocused,
    ),
    (
        "Dark faces, bright middle",
        ("A window or a lamp behind the guests: turn the box", "so that the light is behind it."),
        _backlit,
    ),
)
