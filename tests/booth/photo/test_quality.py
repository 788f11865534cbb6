"""A test photo is judged by what a host can mend: no light, a film on the lens, a lens out of focus."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from PIL import Image, ImageFilter

from piboothup.booth.frame import Plane
from piboothup.booth.photo.quality import judge
from piboothup.simulator import scenes

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
    found = judge(sharp(size, seed))
    assert (found.dark, found.blurred, found.problems) == (False, False, ())
    assert 80 < found.brightness < 120


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("size", SIZES)
def test_a_lens_out_of_focus_is_seen_at_any_size_also_in_dim_light(size: tuple[int, int], seed: int) -> None:
    out_of_focus = blurred(sharp(size, seed), 0.008)
    for found in (judge(out_of_focus), judge(out_of_focus // 2)):
        assert found.blurred
        assert [one.code for one in found.problems] == ["photo_blurred"]


@pytest.mark.parametrize(("sigma_px", "is_blurred"), [(3.5, False), (4.5, True)])
def test_an_edge_that_is_spread_over_a_hundredth_of_the_width_is_the_limit(sigma_px: float, is_blurred: bool) -> None:
    stripes = np.repeat(np.tile(np.array([30, 230], np.uint8), 4), 128)
    plane = np.tile(stripes, (256, 1))
    assert judge(blurred(plane, sigma_px / plane.shape[1])).blurred is is_blurred


def test_the_noise_of_a_high_gain_makes_no_blurred_photo_sharp() -> None:
    noise = np.random.default_rng(3).normal(0, 5, (3040, 4056))
    out_of_focus = blurred(sharp(LARGE), 0.008)
    assert judge(np.clip(out_of_focus + noise, 0, 255).astype(np.uint8)).blurred


def test_sharpness_falls_with_every_step_out_of_focus() -> None:
    steps = [judge(blurred(sharp(SIZES[1]), share)).sharpness for share in (0.0005, 0.001, 0.002, 0.004, 0.008)]
    assert steps == sorted(steps, reverse=True)


def test_a_photo_three_stops_too_dark_is_dark_and_one_stop_is_a_party() -> None:
    plane = sharp(SIZES[1])
    assert not judge((plane * 0.7).astype(np.uint8)).dark
    found = judge((plane * 0.3).astype(np.uint8))
    assert found.dark
    assert [one.code for one in found.problems] == ["photo_dark"]


def test_of_a_wall_and_of_a_lens_under_its_cap_nobody_says_that_they_are_blurred() -> None:
    noise = np.random.default_rng(3).integers(0, 4, (480, 640), dtype=np.uint8)
    assert not judge(150 + noise).blurred
    cap = judge(noise)
    assert (cap.dark, cap.blurred, cap.sharpness) == (True, False, 0.0)
