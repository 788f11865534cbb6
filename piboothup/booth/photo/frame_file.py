"""The photo frame's file: a PNG with transparency, judged before any of its pixels is decoded.

Each kind of file that can't be used has a sentence of its own: photos go on without a frame then.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from piboothup.booth.errors import BoothError
from piboothup.problems import problem
from piboothup.records import dataclass
from piboothup.spool.names import digest_of
from piboothup.text import NotAFile, read_bytes

MOST_BYTES = 20_000_000
MOST_PIXELS = 13_000_000
"""As many as a camera of 12 MP has: decoded they take 52 MB."""
LONGEST_SIDE = 10_000
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_KINDS = {
    b"\xff\xd8\xff": "JPEG",
    b"GIF8": "GIF",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"8BPS": "Photoshop",
    b"%PDF": "PDF",
}
_PALETTE, _WITH_ALPHA = 3, (4, 6)
"""Colour types (PNG specification, section 11.2.1)."""


class FrameUnusable(BoothError):
    """The frame can't be used, or not now."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(problem(code, detail))


@dataclass(frozen=True)
class FrameFile:
    """A frame that looks usable, as it lies in its file."""

    content: bytes
    size: tuple[int, int]
    """Width and height in pixels."""

    @property
    def digest(self) -> str:
        """Hash by which a later start recognises the frame."""
        return digest_of(self.content)


def read(path: Path) -> FrameFile:
    """Read and judge the frame. Raises FrameUnusable."""
    try:
        is_large = path.stat().st_size > MOST_BYTES
        content = b"" if is_large else read_bytes(path)
    except NotAFile:
        raise FrameUnusable("frame_missing", "it is no file") from None
    except OSError as error:
        raise FrameUnusable("frame_missing", error.strerror or "") from None
    if is_large:
        raise FrameUnusable("frame_large", f"over {MOST_BYTES // 1_000_000} MB")
    return judged(content)


def judged(content: bytes) -> FrameFile:
    """Judge a frame by its first chunks. Raises FrameUnusable."""
    if not content.startswith(_SIGNATURE):
        kind = next((kind for start, kind in _KINDS.items() if content.startswith(start)), "")
        raise FrameUnusable("frame_format", kind)
    chunks = dict(_chunks(content))
    header = chunks.get(b"IHDR", b"")
    if len(header) != 13 or b"IDAT" not in chunks:
        raise FrameUnusable("frame_broken")
    width, height = (int.from_bytes(header[at : at + 4], "big") for at in (0, 4))
    depth, colour = header[8], header[9]
    if not width or not height:
        raise FrameUnusable("frame_broken", f"{width}x{height} pixels")
    if width * height > MOST_PIXELS or max(width, height) > LONGEST_SIDE:
        raise FrameUnusable("frame_large", f"{width}x{height} pixels")
    if b"acTL" in chunks:
        raise FrameUnusable("frame_animated")
    if depth == 16:
        raise FrameUnusable("frame_depth")
    if colour not in _WITH_ALPHA and b"tRNS" not in chunks:
        raise FrameUnusable("frame_opaque")
    return FrameFile(content, (width, height))


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Type and data of each chunk up to the first with pixels (PNG specification, section 5.3)."""
    at = len(_SIGNATURE)
    while at + 8 <= len(content):
        length, kind = int.from_bytes(content[at : at + 4], "big"), content[at + 4 : at + 8]
        yield kind, content[at + 8 : at + 8 + min(length, 1024)]
        if kind == b"IDAT":
            return
        at += length + 12
