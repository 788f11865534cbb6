"""Screen with an address as a QR code for phones: the album's link, or the set-up page. Pure.

The code is lit paper with dark modules of 2 pixels, as phones know it. Its quiet zone has the 4 modules of the
standard (ISO/IEC 18004) at the sides; above and below the 64 rows of the glass leave 3.5, and no way to draw it more.
Host and scheme, which are the same in either case, are written in capitals as a segment of their own that
needs 5.5 bits a letter; so the usual link of 38 letters fits version 2, level L (25 modules), which phones read best.
A link that is too long for a readable code is shown as text.
"""

from __future__ import annotations

import functools
import re
from typing import Any

from PIL import Image, ImageDraw

from piboothup.booth.panel.font import face
from piboothup.booth.panel.i18n import Texts
from piboothup.booth.panel.layout import (
    GAP_PX,
    HEIGHT_PX,
    LINE_PX,
    MARGIN_PX,
    TEXT_PX,
    TITLE_Y,
    WIDTH_PX,
    centred,
    stacked,
)
from piboothup.booth.panel.view import View
from piboothup.status import UploaderState

MODULE_PX = 2
QUIET_ZONE_PX = (25 + 2 * 4) * MODULE_PX
"""Width of the lit paper: version 2 with its quiet zone. Version 3 has 2 modules left, and 1.5 above and below."""
SIDE_X = QUIET_ZONE_PX + 2
"""The words stand beside the paper without touching it."""
SIDE_PX = WIDTH_PX - SIDE_X - 1
LARGEST_VERSION = 3
_ALPHANUMERIC = re.compile(r"[0-9A-Z $%*+\-./:]*")
_SCHEME_AND_HOST = re.compile(r"https?://[^/?#@]*(?=[/?#]|$)", re.IGNORECASE)


def segments(address: str) -> list[str]:
    """`address` split into the segments that make the shortest QR code; joined they open the same page."""
    found = _SCHEME_AND_HOST.match(address)
    host = found[0] if found else ""
    written = host.upper() + address[len(host) :]
    short = _ALPHANUMERIC.match(written)
    split = short.end() if short else 0
    return [piece for piece in (written[:split], written[split:]) if piece]


@functools.lru_cache(maxsize=4)
def qr_code(address: str) -> Image.Image | None:
    """The QR code for `address`, mode "1", dark modules on lit paper without a quiet zone; None = none fits."""
    import segno  # noqa: PLC0415  (25 ms that a box without an event need not pay)

    if not address or not address.isascii():
        return None
    pieces: Any = segments(address)  # segno writes each in its shortest mode; its types know of one alone
    try:
        made = segno.make(pieces, error="l", boost_error=False, micro=False)
    except ValueError:
        return None
    if int(made.version) > LARGEST_VERSION:
        return None
    size = len(made.matrix)
    modules = bytes(0 if dark else 255 for row in made.matrix for dark in row)
    picture = Image.frombytes("L", (size, size), modules).convert("1")
    return picture.resize((size * MODULE_PX, size * MODULE_PX), Image.Resampling.NEAREST)


def draw(image: Image.Image, view: View, words: Texts) -> None:
    """Draw the album's code, and "your photos" beside it."""
    is_online = view.upload_state in (UploaderState.IDLE, UploaderState.UPLOADING)
    draw_address(image, view.album_link, words.your_photos, words.scan if is_online else words.photos_later)


def draw_address(image: Image.Image, address: str, title: str, hint: str) -> None:
    """Draw the QR code of `address`, and the title and a hint beside it."""
    drawn = qr_code(address)
    if drawn is None:
        _as_text(image, address, title)
        return
    ImageDraw.Draw(image).rectangle((0, 0, QUIET_ZONE_PX - 1, HEIGHT_PX - 1), fill=255)
    image.paste(drawn, ((QUIET_ZONE_PX - drawn.width) // 2, (HEIGHT_PX - drawn.height) // 2))
    mid, small = face("mid").tightened(), face("small")
    headline = mid.wrapped(title, SIDE_PX)
    hints = small.wrapped(hint, SIDE_PX)
    height_px = len(headline) * (mid.cap_px + GAP_PX) + len(hints) * (small.cap_px + GAP_PX)
    y = stacked(image, (HEIGHT_PX - height_px) // 2, headline, mid, SIDE_X, SIDE_PX)
    stacked(image, y + GAP_PX, hints, small, SIDE_X, SIDE_PX)


def _as_text(image: Image.Image, address: str, title: str) -> None:
    """Draw the address as text, to be typed; broken where a line is full, as it has no blanks."""
    centred(image, TITLE_Y, title, face("mid"))
    small = face("small")
    lines: list[str] = [""]
    for letter in address:
        if small.width_px(lines[-1] + letter) > TEXT_PX:
            lines.append("")
        lines[-1] += letter
    for number, line in enumerate(lines[:4]):
        small.draw(image, MARGIN_PX, TITLE_Y + 19 + number * (LINE_PX + 1), line)
