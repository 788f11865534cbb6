"""Photo frames, drawn, and files that are none."""

from __future__ import annotations

import functools
import io
import zlib

from PIL import Image, ImageDraw

LANDSCAPE, WIDE, UPRIGHT = (1800, 1350), (1800, 1200), (1200, 1800)
_GOLD, _ROSE = (201, 162, 75, 255), (196, 30, 92, 150)


@functools.cache
def frame(size: tuple[int, int] = LANDSCAPE, kind: str = "border") -> bytes:
    """A PNG: a `border` all around, a half transparent `banner` at the foot, or `corners` with soft edges."""
    picture = Image.new("RGBA", size, (0, 0, 0, 0))
    pen, (width, height) = ImageDraw.Draw(picture), size
    edge = max(2, min(size) // 15)
    if kind == "border":
        pen.rectangle((0, 0, width - 1, height - 1), outline=_GOLD, width=edge)
    elif kind == "banner":
        pen.rectangle((0, height * 4 // 5, width, height), fill=_ROSE)
        pen.text((width // 10, height * 17 // 20), "Anna & Ben", fill="white", font_size=height // 10)
    else:
        for left, top in ((0, 0), (width, 0), (0, height), (width, height)):
            for step in range(12):
                radius = edge * (4 - step / 4)
                box = (left - radius, top - radius, left + radius, top + radius)
                pen.ellipse(box, fill=(*_GOLD[:3], 20 * (step + 1)))
    return png(picture)


def png(picture: Image.Image, **options: object) -> bytes:
    """The picture as a PNG."""
    into = io.BytesIO()
    picture.save(into, "PNG", **options)
    return into.getvalue()


def made_of(*chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG of these chunks, whatever they say, each with its checksum."""
    parts = [b"\x89PNG\r\n\x1a\n"]
    for kind, content in (*chunks, (b"IEND", b"")):
        parts.append(len(content).to_bytes(4, "big") + kind + content + zlib.crc32(kind + content).to_bytes(4, "big"))
    return b"".join(parts)


def header(width: int, height: int, depth: int = 8, colour: int = 6) -> tuple[bytes, bytes]:
    """The chunk IHDR."""
    return b"IHDR", width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes((depth, colour, 0, 0, 0))


def pixels(width: int, height: int, content: bytes = b"\0\0\0\0") -> tuple[bytes, bytes]:
    """The chunk IDAT, of so many RGBA pixels."""
    return b"IDAT", zlib.compress((b"\0" + content * width) * height)


def in_format(form: str, mode: str = "RGB") -> bytes:
    """A picture that is no PNG."""
    into = io.BytesIO()
    Image.new(mode, (60, 40)).save(into, form)
    return into.getvalue()
