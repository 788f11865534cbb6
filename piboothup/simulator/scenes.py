"""Pictures of the simulated camera: a party drawn with Pillow, or any JPEG scaled to a frame.

A picture is three planes like a real camera's. Drawing takes tens of milliseconds, so it is done before the press;
`stamp` then writes the running number into it in less than a millisecond.
"""

from __future__ import annotations

import ctypes
import math
import random
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageOps

from piboothup.booth.frame import Plane
from piboothup.booth.panel.font import face
from piboothup.records import dataclass

_Colour = tuple[int, int, int]
_STAGE = (820, 616)
"""Size at which scenes are drawn, pixels; scaling them to the frame smooths the edges."""
_PALETTES = (
    ((38, 14, 62), (214, 84, 74), (255, 196, 92)),
    ((8, 34, 66), (24, 122, 134), (255, 170, 120)),
    ((52, 10, 40), (150, 32, 110), (130, 190, 255)),
    ((14, 40, 26), (70, 120, 62), (255, 222, 130)),
)
"""Colours of ceiling, floor and lights."""
_SKINS = ((246, 214, 188), (226, 178, 140), (190, 134, 96), (138, 90, 62), (94, 60, 42))
_HAIRS = ((40, 28, 22), (92, 58, 32), (196, 152, 82), (24, 22, 26), (140, 52, 34))
_CLOTHES = ((214, 62, 72), (46, 96, 168), (238, 184, 60), (58, 138, 96), (236, 232, 224), (128, 74, 156))
_NUMBER_DIGITS = 4


@dataclass(frozen=True, eq=False)
class Picture:
    """Full-range YUV 4:2:0 planes, as in a `Frame`."""

    y: Plane
    u: Plane
    v: Plane


def party(seed: int, size: tuple[int, int]) -> Picture:
    """Draw a scene of `size` (width, height; both even) from this seed."""
    chance = random.Random(seed)
    ceiling, floor, glow = _PALETTES[seed % len(_PALETTES)]
    stage = _backdrop(ceiling, floor)
    _bokeh(stage, chance, glow)
    pen = ImageDraw.Draw(stage)
    _fairy_lights(pen, chance, glow)
    guests = 4 + seed % 2
    looks = list(zip(*(chance.sample(choices, guests) for choices in (_SKINS, _HAIRS, _CLOTHES)), strict=True))
    for number in range(guests):
        middle = _STAGE[0] * (number + 0.5) / guests + chance.uniform(-18, 18)
        _guest(pen, chance, looks[number], middle, _STAGE[1] * chance.uniform(0.42, 0.54))
    _confetti(pen, chance)
    return _picture(stage, size)


def from_jpeg(path: Path, size: tuple[int, int]) -> Picture:
    """Crop and scale the JPEG to `size`. Raises OSError when it can't be decoded to its end."""
    try:
        with Image.open(path, formats=("JPEG",)) as stored:
            stored.draft("RGB", size)
            return _picture(ImageOps.fit(ImageOps.exif_transpose(stored).convert("RGB"), size), size)
    except (ValueError, SyntaxError, Image.DecompressionBombError) as error:  # what Pillow raises for some damages
        raise OSError(str(error)) from error


def stamp(picture: Picture, number: int) -> None:
    """Write the running number, large, into the lower left corner; changes nothing else."""
    digits = face("small")
    label = Image.new("1", (digits.width_px(_NUMBER_DIGITS * "0") + 2, digits.cap_px + 2))
    digits.draw(label, 1, 1, f"{number:0{_NUMBER_DIGITS}d}"[-_NUMBER_DIGITS:])
    dot = max(2, min(picture.y.shape) // 56 // 2 * 2)
    box = 24 + np.kron(np.asarray(label, np.uint8), np.full((dot, dot), 211, np.uint8))
    height, width = box.shape
    bottom = picture.y.shape[0] - dot
    picture.y[bottom - height : bottom, dot : dot + width] = box
    for plane in (picture.u, picture.v):
        plane[(bottom - height) // 2 : bottom // 2, dot // 2 : (dot + width) // 2] = 128


def give_back_memory() -> None:
    """Return freed memory to the system: after drawing or decoding the C library would keep 9 MB."""
    libc = ctypes.CDLL(None)
    if hasattr(libc, "malloc_trim"):
        libc.malloc_trim(0)


def _picture(image: Image.Image, size: tuple[int, int]) -> Picture:
    """Convert plane by plane: the image at full size in colour would be the largest thing in the whole booth."""
    y, u, v = image.convert("YCbCr").split()  # Pillow's YCbCr is JPEG's own: BT.601, full-range
    half = (size[0] // 2, size[1] // 2)
    smooth = Image.Resampling.BICUBIC
    return Picture(
        np.array(y.resize(size, smooth)), np.array(u.resize(half, smooth)), np.array(v.resize(half, smooth))
    )


def _backdrop(ceiling: _Colour, floor: _Colour) -> Image.Image:
    """Backdrop from dark at the top to warm at the bottom, with a bright middle."""
    down = Image.linear_gradient("L").resize(_STAGE)
    shine = Image.radial_gradient("L").resize(_STAGE)
    room = Image.composite(Image.new("RGB", _STAGE, floor), Image.new("RGB", _STAGE, ceiling), down)
    dark = Image.new("RGB", _STAGE, tuple(level // 3 for level in ceiling))
    return Image.composite(dark, room, shine.point(lambda value: value * 3 // 4))


def _bokeh(stage: Image.Image, chance: random.Random, glow: _Colour) -> None:
    discs = Image.new("L", _STAGE)
    pen = ImageDraw.Draw(discs)
    for _ in range(34):
        x, y, radius = chance.uniform(0, _STAGE[0]), chance.uniform(0, _STAGE[1] * 0.7), chance.uniform(10, 44)
        fill = chance.randint(50, 130)
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=fill, outline=min(fill + 40, 255), width=2)
    stage.paste(glow, mask=discs.filter(ImageFilter.BoxBlur(2)))


def _fairy_lights(pen: ImageDraw.ImageDraw, chance: random.Random, glow: _Colour) -> None:
    for sag, height in ((70, 24), (46, 70)):
        shift = chance.uniform(0, math.pi)
        for step in range(29):
            x = step * _STAGE[0] / 28
            y = height + sag * abs(math.sin(step / 28 * 2 * math.pi + shift))
            pen.ellipse((x - 9, y - 9, x + 9, y + 9), fill=tuple((level + 60) // 2 for level in glow))
            pen.ellipse((x - 5, y - 5, x + 5, y + 5), fill=(255, 248, 226))


def _guest(pen: ImageDraw.ImageDraw, chance: random.Random, look: tuple[_Colour, ...], x: float, y: float) -> None:
    """Guest; (x, y) is the middle of the face."""
    skin, hair, cloth = look
    size = chance.uniform(50, 60)
    bottom = _STAGE[1] + 40
    pen.rounded_rectangle((x - size * 1.5, y + size * 1.35, x + size * 1.5, bottom), radius=size, fill=cloth)
    arm = chance.choice((-1, 1))
    if chance.random() < 0.6:  # an arm in the air
        pen.line(
            (x + arm * size * 1.2, y + size * 2, x + arm * size * 1.7, y - size * 0.6),
            fill=cloth,
            width=int(size * 0.5),
        )
        hand_x, hand_y, palm = x + arm * size * 1.75, y - size * 0.9, size * 0.32
        pen.ellipse((hand_x - palm, hand_y - palm, hand_x + palm, hand_y + palm), fill=skin)
    pen.rectangle((x - size * 0.32, y + size * 0.8, x + size * 0.32, y + size * 1.55), fill=skin)
    if chance.random() < 0.5:  # long hair
        pen.rounded_rectangle((x - size, y - size * 0.8, x + size, y + size * 1.5), radius=size * 0.6, fill=hair)
    pen.ellipse((x - size * 0.95, y - size * 1.2, x + size * 0.95, y + size * 0.7), fill=hair)
    pen.ellipse((x - size * 0.82, y - size * 0.95, x + size * 0.82, y + size * 1.1), fill=skin)
    for side in (-1, 1):
        eye = x + side * size * 0.34
        pen.ellipse((eye - 5, y - 8, eye + 5, y + 6), fill=(34, 26, 28))
    pen.chord(
        (x - size * 0.42, y + size * 0.1, x + size * 0.42, y + size * 0.72),
        10,
        170,
        fill=(250, 250, 246),
        outline=(150, 60, 60),
        width=3,
    )
    if chance.random() < 0.7:  # a party hat
        tip_x, tip_y = x + chance.uniform(-14, 14), y - size * 2.4
        pen.polygon(
            ((x - size * 0.6, y - size * 0.85), (x + size * 0.6, y - size * 0.85), (tip_x, tip_y)),
            fill=chance.choice(_CLOTHES),
        )
        pen.ellipse((tip_x - 9, tip_y - 9, tip_x + 9, tip_y + 9), fill=(255, 244, 214))


def _confetti(pen: ImageDraw.ImageDraw, chance: random.Random) -> None:
    for _ in range(130):
        x, y, turn = chance.uniform(0, _STAGE[0]), chance.uniform(0, _STAGE[1]), chance.uniform(0, math.pi)
        along, across = (9 * math.cos(turn), 9 * math.sin(turn)), (-4 * math.sin(turn), 4 * math.cos(turn))
        corners = ((0, 0), along, (along[0] + across[0], along[1] + across[1]), across)
        pen.polygon([(x + dx, y + dy) for dx, dy in corners], fill=chance.choice(_CLOTHES))
