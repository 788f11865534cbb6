"""Layout of the screens: places of title, caption and bottom line, and functions that draw there. Pure.

Every screen uses the same places, so that nothing seems to jump when the screen changes. Any text is drawn, shortened
if need be.
"""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image, ImageDraw

from piboothup.booth.panel.font import Face, face

WIDTH_PX = 128
HEIGHT_PX = 64
MARGIN_PX = 2
"""Margin at the sides: room for the picture to shift, and for a case that hides the display's edge."""
TEXT_PX = WIDTH_PX - 2 * MARGIN_PX
TITLE_Y = 3
CAPTION_Y = 49
BOTTOM_Y = 54
LINE_PX = 10
"""Height of a line in the small face."""
GAP_PX = 4
PHOTO_SIZE = (85, 64)
"""Size of photo and viewfinder: the left two thirds, in the shape of the sensor."""
SIDE_X = PHOTO_SIZE[0] + 1
SIDE_PX = WIDTH_PX - SIDE_X
"""Width of the column beside the photo."""
_STRIP_Y = 52


def blank() -> Image.Image:
    """A picture of the panel with all dots dark."""
    return Image.new("1", (WIDTH_PX, HEIGHT_PX))


def centred(image: Image.Image, y: int, text: str, lettering: Face, x: int = 0, width_px: int = WIDTH_PX) -> None:
    """Draw `text` centred between `x` and `x + width_px`, the top of its capitals at `y`."""
    lettering.draw(image, x + (width_px - lettering.width_px(text)) // 2, y, text)


def stacked(image: Image.Image, y: int, lines: Sequence[str], lettering: Face, x: int, width_px: int) -> int:
    """Draw `lines` centred, one below the other; return the y below the last."""
    for line in lines:
        centred(image, y, line, lettering, x, width_px)
        y += lettering.cap_px + GAP_PX
    return y


def placed(image: Image.Image, sign: Image.Image, y: int, x: int = 0, width_px: int = WIDTH_PX) -> None:
    """Draw the icon `sign` centred between `x` and `x + width_px`, its top at `y`."""
    image.paste(255, (x + (width_px - sign.width) // 2, y), sign)


def bar(image: Image.Image, y: int, filled: float, x: int = 14, width_px: int = WIDTH_PX - 28) -> None:
    """Draw a progress bar, seven dots high, filled from 0 to 1."""
    pen = ImageDraw.Draw(image)
    pen.rectangle((x, y, x + width_px - 1, y + 6), outline=255)
    if filled_px := round((width_px - 4) * min(1.0, max(0.0, filled))):
        pen.rectangle((x + 2, y + 2, x + 1 + filled_px, y + 4), fill=255)


def trouble(image: Image.Image, headline: str, lines: Sequence[str], code: str, name: str, box: str) -> None:
    """Draw a problem: headline, at most three lines, and a lit strip to be read out on the phone."""
    small, mid = face("small"), face("mid")
    lettering = mid if mid.width_px(headline) <= TEXT_PX else small
    lettering.draw(image, MARGIN_PX, TITLE_Y, lettering.shortened(headline, TEXT_PX))
    for number, line in enumerate(lines[:3]):
        small.draw(image, MARGIN_PX, 20 + number * (LINE_PX + 1), line)
    ImageDraw.Draw(image).rectangle((0, _STRIP_Y, WIDTH_PX - 1, HEIGHT_PX - 1), fill=255)
    end = small.draw(image, MARGIN_PX, _STRIP_Y + 2, small.shortened(code, TEXT_PX), lit=False)
    room_px = WIDTH_PX - MARGIN_PX - (end - small.gap_px) - GAP_PX
    shown = next((text for text in (f"{name} {box}", name, box) if small.width_px(text) <= room_px), "")
    small.draw(image, WIDTH_PX - MARGIN_PX - small.width_px(shown), _STRIP_Y + 2, shown, lit=False)


def rows(text: str, sign: Image.Image) -> list[str]:
    """Rows of the bottom line with room for `sign`: one, or several that are shown in turn."""
    small = face("small")
    if small.width_px(text) <= _beside_px(sign):
        return [text]
    return small.balanced(text, _beside_px(sign)) or [""]


def bottom(image: Image.Image, text: str, signs: Sequence[Image.Image], turn: int) -> None:
    """Draw row number `turn` of the bottom line, after the first of `signs` that fits."""
    small = face("small")
    parts = rows(text, signs[-1])
    width_px = max(map(small.width_px, parts))
    sign = next((sign for sign in signs if width_px <= _beside_px(sign)), signs[-1])
    row = parts[turn % len(parts)]
    x = (WIDTH_PX - sign.width - GAP_PX - small.width_px(row)) // 2
    image.paste(255, (x, BOTTOM_Y + small.cap_px - sign.height), sign)
    small.draw(image, x + sign.width + GAP_PX, BOTTOM_Y, row)


def _beside_px(sign: Image.Image) -> int:
    """Width for a text after `sign`."""
    return TEXT_PX - sign.width - GAP_PX


def shifted(picture: Image.Image, by: tuple[int, int]) -> Image.Image:
    """`picture` shifted; what leaves the display is cut off."""
    if by == (0, 0):
        return picture
    moved = blank()
    moved.paste(picture, by)
    return moved
