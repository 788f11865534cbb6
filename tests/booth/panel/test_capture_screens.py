"""From the press to "saved": oneself, the figure, the arrow, the photo."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from piboothup.booth.frame import Viewfinder
from piboothup.booth.panel import dither
from piboothup.booth.panel.i18n import words
from piboothup.booth.panel.layout import PHOTO_SIZE, SIDE_X
from piboothup.booth.panel.screens import draw
from piboothup.booth.panel.view import View
from piboothup.simulator.gallery_views import portrait
from piboothup.status import BoothState, UploaderState
from tests.support.pictures import same

POSING = View(state=BoothState.COUNTDOWN, countdown=3, viewfinder=Viewfinder(1, portrait()))
SAVED = View(state=BoothState.REVIEW, number=143, thumbnail=portrait())
PHOTO, SIDE = (0, 0, *PHOTO_SIZE), (PHOTO_SIZE[0], 0, 128, 64)


def test_one_sees_oneself_at_the_left_and_the_figure_on_solid_black_at_the_right() -> None:
    with_me, without = draw(POSING), draw(replace(POSING, viewfinder=None))
    assert same(with_me.crop(PHOTO), dither.finder(portrait(), PHOTO_SIZE))
    assert same(with_me.crop(SIDE), without.crop(SIDE))


def test_the_figure_stays_where_it_is_when_the_first_picture_of_the_camera_comes() -> None:
    assert not same(draw(POSING), draw(replace(POSING, viewfinder=None)))
    for countdown in (2, 5, 9, 10):
        posing = replace(POSING, countdown=countdown)
        assert same(draw(posing).crop(SIDE), draw(replace(posing, viewfinder=None)).crop(SIDE))


def test_the_viewfinder_is_turned_as_the_camera_is_mounted() -> None:
    turned = draw(replace(POSING, rotation=180)).crop(PHOTO)
    assert same(turned, dither.finder(np.rot90(portrait(), 2), PHOTO_SIZE))


@pytest.mark.parametrize("lens", ["above", "below", "left", "right"])
def test_in_the_last_second_viewfinder_and_figure_give_way_to_the_arrow_until_the_photo_is_taken(lens: str) -> None:
    last = draw(replace(POSING, countdown=1, lens=lens))
    assert same(last, draw(View(state=BoothState.EXPOSING, lens=lens)))


def test_the_photo_itself_is_shown_as_it_was_taken_with_its_number() -> None:
    assert same(draw(SAVED).crop(PHOTO), dither.photo(portrait(), PHOTO_SIZE))
    numbers = (1, 143, 144, 1234, 12_345, 123_456, 10**12)
    pictures = {draw(replace(SAVED, number=number)).crop(SIDE).tobytes() for number in numbers}
    assert len(pictures) == len(numbers)


def test_nothing_about_sending_stands_next_to_the_photo() -> None:
    for uplink in UploaderState:
        assert same(draw(replace(SAVED, uplink=uplink, waiting=99, parked=9, has_event=False)), draw(SAVED))


def test_each_language_says_saved_beside_the_photo_in_words_of_its_own_that_fit() -> None:
    from piboothup.booth.panel.font import face
    from piboothup.config import LANGUAGES

    for language in LANGUAGES:
        assert face("small").width_px(words(language).saved.upper()) <= 128 - SIDE_X - 2
    assert not same(draw(SAVED).crop(SIDE), draw(replace(SAVED, language="de")).crop(SIDE))
