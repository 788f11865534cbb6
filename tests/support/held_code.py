"""Frames of a code that is held before the lens: drawn by segno, seen with tilt, blur, glare, noise, in the dark."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass

import numpy as np
import segno
from PIL import Image, ImageFilter

from piboothup.booth.frame import Plane

FRAME = (1352, 1014)
"""Width and height of what the booth reads of 12 megapixels, pixels."""


@dataclass(frozen=True)
class Held:
    """How a code is held."""

    share: float = 0.25
    """Width of the code, without its margin, as a share of the frame's."""
    turn_deg: float = 0.0
    lean: float = 0.0
    """Perspective: share by which the far edge is shorter."""
    blur_px: float = 0.8
    white: int = 225
    """Brightness of the screen's white."""
    black: int = 25
    glare: float = 0.0
    """Brightness added in a spot over a corner, share of full."""
    noise: float = 5.0
    room: int = 90
    shift_px: int = 0
    """How far to the right of the middle."""


def frame(text: str, held: Held | None = None, error: str = "l", size: tuple[int, int] = FRAME) -> Plane:
    """The grey picture, height x width."""
    held = held or Held()
    code = _drawn(text, error)
    side = code.width
    wanted = held.share * size[0] * side / (side - 8 * _DOT_PX)
    seen = Image.new("L", size, held.room)
    place = _corners(size, wanted, held)
    way = _perspective(place, [(0, 0), (side, 0), (side, side), (0, side)])
    inked = code.point(lambda dot: held.white if dot else held.black)
    if wanted < side:
        inked = inked.filter(ImageFilter.BoxBlur(side / wanted / 2 - 0.5))
    warped = inked.transform(size, Image.Transform.PERSPECTIVE, way, Image.Resampling.BICUBIC)
    mask = Image.new("L", code.size, 255).transform(size, Image.Transform.PERSPECTIVE, way)
    seen.paste(warped, mask=mask)
    grey = np.asarray(seen.filter(ImageFilter.GaussianBlur(held.blur_px)), np.float32)
    if held.glare:
        y, x = np.mgrid[0 : size[1], 0 : size[0]]
        spot = np.exp(-((x - place[1][0]) ** 2 + (y - place[1][1]) ** 2) / (2 * (wanted / 5) ** 2))
        grey = grey + 255 * held.glare * spot
    grain = np.random.default_rng(7).normal(0.0, held.noise, grey.shape)
    return np.asarray(np.clip(grey + grain, 0, 255), np.uint8)


_DOT_PX = 8


def _drawn(text: str, error: str) -> Image.Image:
    content = io.BytesIO()
    segno.make_qr(text, error=error, boost_error=False).save(content, kind="png", scale=_DOT_PX, border=4)
    content.seek(0)
    return Image.open(content).convert("L")


def _corners(size: tuple[int, int], wanted: float, held: Held) -> list[tuple[float, float]]:
    half, turn = wanted / 2, math.radians(held.turn_deg)
    inset = held.lean * half
    square = [(-half, -half + inset), (half, -half), (half, half), (-half, half - inset)]
    middle_x, middle_y = size[0] / 2 + held.shift_px, size[1] / 2
    return [
        (middle_x + x * math.cos(turn) - y * math.sin(turn), middle_y + x * math.sin(turn) + y * math.cos(turn))
        for x, y in square
    ]


def _perspective(place: list[tuple[float, float]], origin: list[tuple[int, int]]) -> list[float]:
    rows, right = [], []
    for (to_x, to_y), (x, y) in zip(place, origin, strict=True):
        rows += [[to_x, to_y, 1, 0, 0, 0, -x * to_x, -x * to_y], [0, 0, 0, to_x, to_y, 1, -y * to_x, -y * to_y]]
        right += [x, y]
    return [float(number) for number in np.linalg.solve(np.array(rows, float), np.array(right, float))]
