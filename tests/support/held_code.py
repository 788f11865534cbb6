"""Frames of a code that is held before the lens: drawn by segno, seen with tilt, blur, glare, noise, in the dark."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import segno
from PIL import Image, ImageFilter

from piboothup.booth.frame import Plane
from tests.support.perspective import Point, coefficients, turned

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


BOOTH_CODE = (
    f"PIBOOTHUP:K:{'a1B2' * 12};E:Ab3dEf7hIj9k;A:album-1;S:Barn and more;T:WPA;P:sunflower 1234 and more;"
    "N:Booth 1;C:DE;L:de;Z:Europe/Berlin;;"
)
"""One of 171 bytes: key, event, network and all the rest."""
LONGEST_CODE = (
    f"PIBOOTHUP:K:{'a1B2' * 16};E:Ab3dEf7hIj9kLm0nOp2q4;A:album-1-of-the-evening;S:The guests' network in the barn;"
    "T:WPA;P:sunflower 1234 and a long passphrase;N:A booth between both barns;C:DE;L:de;"
    "Z:America/Argentina/ComodRivadavia;;"
)
"""One of 280 bytes: each part as long as people make it."""
WAYS = {
    "straight": Held(),
    "turned 5": Held(turn_deg=5),
    "turned 20": Held(turn_deg=20),
    "turned 45": Held(turn_deg=45),
    "turned 90": Held(turn_deg=90),
    "upside down": Held(turn_deg=180),
    "tilted": Held(lean=0.12),
    "tilted far": Held(lean=0.25),
    "glare": Held(glare=0.4),
    "dark room": Held(white=75, black=12, room=12, noise=4),
    "too bright": Held(white=255, black=70, room=40),
    "out of focus": Held(blur_px=2.0),
    "aside": Held(shift_px=350),
}
"""Ways of holding a code that is read at a fifth of the frame's width."""


def frame(text: str, held: Held | None = None, error: str = "l", size: tuple[int, int] = FRAME) -> Plane:
    """The grey picture, height x width, of a code that is held before the lens."""
    held = held or Held()
    code = _drawn(text, error)
    return before_lens(code, held.share * size[0] * code.width / (code.width - 8 * _DOT_PX), held, size)


def before_lens(shown: Image.Image, wanted: float, held: Held, size: tuple[int, int] = FRAME) -> Plane:
    """The grey picture, height x width, of what is shown on a screen that is `wanted` pixels wide in it."""
    place = _corners(size, wanted, wanted * shown.height / shown.width, held)
    left, top, right, low = _surroundings(place, held.blur_px, size)
    near = (right - left, low - top)
    here = [(x - left, y - top) for x, y in place]
    way = coefficients(here, [(0, 0), (shown.width, 0), shown.size, (0, shown.height)])
    inked = shown.point([round(held.black + (held.white - held.black) * level / 255) for level in range(256)])
    if wanted < shown.width:
        inked = inked.filter(ImageFilter.BoxBlur(shown.width / wanted / 2 - 0.5))
    warped = inked.transform(near, Image.Transform.PERSPECTIVE, way, Image.Resampling.BICUBIC)
    mask = Image.new("L", shown.size, 255).transform(near, Image.Transform.PERSPECTIVE, way)
    seen = Image.new("L", near, held.room)
    seen.paste(warped, mask=mask)
    grey = held.noise * _grain(size) + held.room
    blurred = np.asarray(seen.filter(ImageFilter.GaussianBlur(held.blur_px)), np.float32)
    grey[top:low, left:right] += blurred - held.room
    if held.glare:
        (x, y), wide = place[1], 2 * (wanted / 5) ** 2
        across = np.exp(-((np.arange(size[0], dtype=np.float32) - x) ** 2) / wide)
        down = np.exp(-((np.arange(size[1], dtype=np.float32) - y) ** 2) / wide)
        grey += 255 * held.glare * down[:, None] * across
    return np.asarray(np.clip(grey, 0, 255, out=grey), np.uint8)


def _surroundings(place: list[Point], blur_px: float, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of the part of the frame that does not show the room alone."""
    spread = 4 * blur_px + 4
    (left, right), (top, low) = ((min(axis) - spread, max(axis) + spread) for axis in zip(*place, strict=True))
    return max(0, int(left)), max(0, int(top)), min(size[0], int(right) + 1), min(size[1], int(low) + 1)


_DOT_PX = 8


@functools.cache
def _grain(size: tuple[int, int]) -> npt.NDArray[np.float32]:
    """Noise of a standard deviation of 1."""
    return np.random.default_rng(7).standard_normal(size[::-1], np.float32)


@functools.cache
def _drawn(text: str, error: str) -> Image.Image:
    dots = np.array([*segno.make_qr(text, error=error, boost_error=False).matrix_iter(border=4)], np.uint8)
    return Image.fromarray(np.where(dots, 0, 255).astype(np.uint8).repeat(_DOT_PX, 0).repeat(_DOT_PX, 1))


def _corners(size: tuple[int, int], wide: float, high: float, held: Held) -> list[Point]:
    across, down, inset = wide / 2, high / 2, held.lean * high / 2
    corners = [(-across, -down + inset), (across, -down), (across, down), (-across, down - inset)]
    return turned(corners, held.turn_deg, (size[0] / 2 + held.shift_px, size[1] / 2))
