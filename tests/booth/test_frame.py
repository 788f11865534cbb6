"""Small grey pictures for the panel."""

from __future__ import annotations

import numpy as np
import pytest

from piboothup.booth.frame import THUMBNAIL_SIZE, VIEWFINDER_SIZE, Viewfinder, shrunk


@pytest.mark.parametrize(
    ("width", "height", "size", "expected"),
    [
        (640, 480, VIEWFINDER_SIZE, (160, 120)),
        (640, 360, VIEWFINDER_SIZE, (160, 90)),
        (4056, 3040, THUMBNAIL_SIZE, (126, 95)),
        (96, 72, VIEWFINDER_SIZE, (96, 72)),
        (250, 72, VIEWFINDER_SIZE, (125, 36)),
    ],
)
def test_a_plane_is_shrunk_by_a_whole_number_and_keeps_its_shape(
    width: int, height: int, size: tuple[int, int], expected: tuple[int, int]
) -> None:
    assert shrunk(np.zeros((height, width), np.uint8), size).shape == expected[::-1]


def test_viewfinder_shrink_keeps_position_and_brightness() -> None:
    plane = np.full((480, 640), 50, np.uint8)
    plane[:240, :320] = 250
    small = shrunk(plane, VIEWFINDER_SIZE)
    assert (small[:60, :80] == 250).all()
    assert (small[60:] == 50).all()
    assert (small[:, 80:] == 50).all()


def test_viewfinder_pixel_is_cell_mean_fine_pattern_turns_grey() -> None:
    stripes = np.zeros((480, 640), np.uint8)
    stripes[:, ::4] = stripes[:, 1::4] = 200
    assert set(shrunk(stripes, VIEWFINDER_SIZE).ravel()) <= set(range(90, 111))


def test_it_is_a_copy_that_does_not_change_with_the_buffer() -> None:
    for plane in (np.zeros((48, 64), np.uint8), np.zeros((480, 640), np.uint8)):
        small = shrunk(plane, VIEWFINDER_SIZE)
        plane[:] = 255
        assert not small.any()


def test_two_are_equal_when_their_serial_numbers_are() -> None:
    black, white = np.zeros((2, 2), np.uint8), np.full((2, 2), 255, np.uint8)
    assert Viewfinder(1, black) == Viewfinder(1, white)
    assert Viewfinder(1, black) != Viewfinder(2, black)
