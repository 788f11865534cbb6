"""Gallery: the panel's screens as pictures, for the README, the tests and reviews.

A picture is the same on every machine. Not used by the running booth.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

from piboothup.booth.panel.font import face
from piboothup.booth.panel.layout import HEIGHT_PX, WIDTH_PX
from piboothup.booth.panel.screens import draw
from piboothup.config import LANGUAGES
from piboothup.simulator.gallery_views import SELECTION, examples

COLUMNS, SHEET_COLUMNS = 3, 6
"""Columns of the README's picture, and of the sheet with every screen."""
_PITCH_PX = 4
"""Pitch of the panel's dots with the dark line between, pixels."""
_EDGE_PX = 24
_LIT = (196, 228, 255)
_GLOW = (48, 96, 178)
_GLASS = (5, 8, 16)
_DESK = (24, 27, 34)
_DOT = np.pad(np.full((_PITCH_PX - 1, _PITCH_PX - 1), 255, np.uint8), (0, 1))
"""Brightness of a lit dot, with the dark line right of it and below."""


def gallery(language: str) -> dict[str, Image.Image]:
    """Render every example of a view as the panel draws it: 128x64, mode "1"."""
    return {name: draw(view) for name, view in examples(language).items()}


def enlarged(screen: Image.Image) -> Image.Image:
    """Enlarge `screen` as a blue-white panel behind glass: dots with gaps, and a little glow. Mode "RGB"."""
    dots = Image.fromarray(np.kron(np.asarray(screen, np.uint8), _DOT))
    panel = Image.new("RGB", (dots.width + 2 * _EDGE_PX, dots.height + 2 * _EDGE_PX), _GLASS)
    glow = Image.new("L", panel.size)
    glow.paste(screen.convert("L").resize(dots.size, Image.Resampling.NEAREST), (_EDGE_PX, _EDGE_PX))
    panel.paste(_GLOW, (0, 0), glow.filter(ImageFilter.BoxBlur(2)))
    panel.paste(_LIT, (_EDGE_PX, _EDGE_PX), dots)
    return panel


def contact_sheet(images: Mapping[str, Image.Image], columns: int = COLUMNS) -> Image.Image:
    """Enlarge all `images` on one sheet, each with its name below. Mode "RGB"."""
    small = face("small")
    cell = (WIDTH_PX * _PITCH_PX + 2 * _EDGE_PX, HEIGHT_PX * _PITCH_PX + 2 * _EDGE_PX)
    label_px = 40
    rows = -(-len(images) // columns)
    gap_px = 24
    width_px = columns * (cell[0] + gap_px) + gap_px
    sheet = Image.new("RGB", (width_px, rows * (cell[1] + label_px + gap_px) + gap_px), _DESK)
    for number, (name, image) in enumerate(images.items()):
        x = gap_px + number % columns * (cell[0] + gap_px)
        y = gap_px + number // columns * (cell[1] + label_px + gap_px)
        sheet.paste(enlarged(image), (x, y))
        label = Image.new("1", (small.width_px(name), 12))
        small.draw(label, 0, 2, name)
        label = label.resize((label.width * 2, label.height * 2), Image.Resampling.NEAREST)
        sheet.paste((150, 158, 172), (x + (cell[0] - label.width) // 2, y + cell[1] + 8), label)
    return sheet


def write_gallery(directory: Path) -> list[Path]:
    """Write every screen in every language, enlarged, a sheet of all per language, and the README's picture.

    Returns the files written; raises OSError.
    """
    directory.mkdir(parents=True, exist_ok=True)
    written = []
    for name, picture in _pictures():
        path = directory / f"{name}.png"
        picture.save(path)
        written.append(path)
    return written


def readme_picture() -> Image.Image:
    """Render the README's picture: a selection of screens."""
    images = gallery("en")
    return _few_colours(contact_sheet({name: images[name] for name in SELECTION}))


def _few_colours(picture: Image.Image) -> Image.Image:
    return picture.quantize(32, Image.Quantize.FASTOCTREE)


def _pictures() -> Iterator[tuple[str, Image.Image]]:
    """Render the pictures one by one: all of them would take 60 MB."""
    yield "panel", readme_picture()
    for language in LANGUAGES:
        images = gallery(language)
        yield f"{language}-contact-sheet", _few_colours(contact_sheet(images, SHEET_COLUMNS))
        for name, image in images.items():
            yield f"{language}-{name}", _few_colours(enlarged(image))
