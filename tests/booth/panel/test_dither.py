"""Grey pictures on a panel of one bit: the right way round, steady, and whatever their shape."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from piboothup.booth.frame import Plane
from piboothup.booth.panel import dither
from piboothup.simulator.gallery_views import portrait
from tests.support.pictures import same

SIZE = (85, 64)


def lit(picture: Image.Image, box: tuple[int, int, int, int]) -> float:
    """Which share of the pixels in `box` is lit."""
    cut = picture.convert("L").crop(box)
    return cut.histogram()[255] / (cut.width * cut.height)


def half_and_half() -> Plane:
    """Light at the left, dark at the right."""
    grey = np.zeros((120, 160), np.uint8)
    grey[:, :80] = 200
    return grey


def test_the_viewfinder_is_a_mirror_and_the_photo_is_not() -> None:
    mirrored, taken = dither.viewfinder(half_and_half(), SIZE), dither.thumbnail(half_and_half(), SIZE)
    assert lit(mirrored, (0, 0, 40, 64)) == 0 and lit(mirrored, (45, 0, 85, 64)) > 0.95
    assert lit(taken, (0, 0, 40, 64)) > 0.95 and lit(taken, (45, 0, 85, 64)) == 0


@pytest.mark.parametrize(
    ("rotation", "dark"),
    [(0, (0, 0, 40, 64)), (90, (0, 34, 85, 64)), (180, (45, 0, 85, 64)), (270, (0, 0, 85, 30))],
)
def test_the_viewfinder_is_turned_as_the_photos_are(rotation: int, dark: tuple[int, int, int, int]) -> None:
    assert lit(dither.viewfinder(half_and_half(), SIZE, rotation), dark) == 0


@pytest.mark.parametrize("shape", [(120, 160), (160, 120), (96, 128), (64, 85), (1, 1), (3, 500), (500, 3), (30, 40)])
def test_any_shape_of_picture_fills_the_place(shape: tuple[int, int]) -> None:
    grey = np.full(shape, 255, np.uint8)
    for picture in (dither.viewfinder(grey, SIZE), dither.thumbnail(grey, SIZE)):
        assert (picture.mode, picture.size) == ("1", SIZE)
        assert lit(picture, (0, 0, *SIZE)) == 1.0


def test_more_light_lights_more_pixels() -> None:
    for made in (dither.viewfinder, dither.thumbnail):
        shares = [lit(made(np.full((120, 160), grey, np.uint8), SIZE), (0, 0, *SIZE)) for grey in range(0, 256, 51)]
        assert shares == sorted(set(shares))
        assert shares[0] == 0.0 and shares[-1] == 1.0


def test_dither_low_contrast_stretched_dark_room_noise_is_not() -> None:
    faint = (portrait() // 4 + 90).astype(np.uint8)
    shares = [lit(dither.thumbnail(grey, SIZE), (0, 0, *SIZE)) for grey in (faint, portrait())]
    assert abs(shares[0] - shares[1]) < 0.1
    noise = np.random.default_rng(1).integers(0, 12, (120, 160)).astype(np.uint8)
    assert lit(dither.viewfinder(noise, SIZE), (0, 0, *SIZE)) < 0.1


def test_what_stands_still_in_the_room_stands_still_on_the_glass() -> None:
    moved = portrait()
    moved[100:, 140:] = 255  # in one corner only
    before, after = dither.viewfinder(portrait(), SIZE), dither.viewfinder(moved, SIZE)
    assert not same(before, after)
    assert same(before.crop((20, 0, 85, 50)), after.crop((20, 0, 85, 50)))
