"""A test photo is judged by what a host can mend: no light, a film on the lens, a lens out of focus."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from PIL import Image, ImageFilter

from piboothup.booth.frame import Plane
from piboothup.booth.photo.quality import assess
from piboothup.simulator import scenes

pytestmark = pytest.mark.slow

LARGE = (4056, 3040)
SIZES = [(640, 480), (1640, 1232), LARGE]


@functools.cache
def sharp(size: tuple[int, int], seed: int = 0) -> Plane:
    """A party."""
    return scenes.party(seed, size).y


def blurred(plane: Plane, share_of_width: float) -> Plane:
    """As a lens out of focus has it: blurred by this share of the width (a Gaussian's sigma)."""
    return np.asarray(Image.fromarray(plane).filter(ImageFilter.GaussianBlur(share_of_width * plane.shape[1])))


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("size", SIZES)
def test_a_sharp_party_is_neither_dark_nor_blurred(size: tuple[int, int], seed: int) -> None:
    found = assess(sharp(size, seed))
    assert (found.dark, found.blurred, found.problems) == (False, False, ())
    assert 80 < found.brightness < 120


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("size", SIZES)
def test_lens_out_of_focus_seen_at_any_size_and_in_dim_light(size: tuple[int, int], seed: int) -> None:
    out_of_focus = blurred(sharp(size, seed), 0.008)
    for found in (assess(out_of_focus), assess(out_of_focus // 2)):
        assert found.blurred
        assert [problem.code for problem in found.problems] == ["photo_blurred"]


@pytest.mark.parametrize(("sigma_px", "is_blurred"), [(3.5, False), (4.5, True)])
def test_blur_limit_is_edge_spread_over_hundredth_of_width(sigma_px: float, is_blurred: bool) -> None:
    stripes = np.repeat(np.tile(np.array([30, 230], np.uint8), 4), 128)
    plane = np.tile(stripes, (256, 1))
    assert assess(blurred(plane, sigma_px / plane.shape[1])).blurred is is_blurred


def test_the_noise_of_a_high_gain_makes_no_blurred_photo_sharp() -> None:
    noise = 5 * np.random.default_rng(3).standard_normal((3040, 4056), np.float32)
    out_of_focus = blurred(sharp(LARGE), 0.008)
    assert assess(np.clip(out_of_focus + noise, 0, 255).astype(np.uint8)).blurred


def test_sharpness_falls_with_every_step_out_of_focus() -> None:
    steps = [assess(blurred(sharp(SIZES[1]), share)).sharpness for share in (0.0005, 0.001, 0.002, 0.004, 0.008)]
    assert steps == sorted(steps, reverse=True)


def test_photo_three_stops_under_is_dark_one_stop_under_is_not() -> None:
    plane = sharp(SIZES[1])
    assert not assess((plane * 0.7).astype(np.uint8)).dark
    found = assess((plane * 0.3).astype(np.uint8))
    assert found.dark
    assert [problem.code for problem in found.problems] == ["photo_dark"]


def test_blur_not_claimed_for_blank_wall_or_capped_lens() -> None:
    noise = np.random.default_rng(3).integers(0, 4, (480, 640), dtype=np.uint8)
    assert not assess(150 + noise).blurred
    cap = assess(noise)
    assert (cap.dark, cap.blurred, cap.sharpness) == (True, False, 0.0)
