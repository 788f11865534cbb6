"""From the press to "saved": oneself, the figure, the arrow, the photo."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from piboothup.booth.frame import Viewfinder
from piboothup.booth.panel import dither
from piboothup.booth.panel.i18n import texts
from piboothup.booth.panel.layout import PHOTO_SIZE, SIDE_X
from piboothup.booth.panel.screens import draw
from piboothup.booth.panel.view import View
from piboothup.simulator.gallery_views import portrait
from piboothup.status import BoothState, UploaderState
from tests.support.pictures import same

POSING = View(state=BoothState.COUNTDOWN, countdown=3, viewfinder=Viewfinder(1, portrait()))
SAVED = View(state=BoothState.REVIEW, number=143, thumbnail=portrait())
PHOTO, SIDE = (0, 0, *PHOTO_SIZE), (PHOTO_SIZE[0], 0, 128, 64)


def test_countdown_guest_at_left_figure_on_black_at_right() -> None:
    with_me, without = draw(POSING), draw(replace(POSING, viewfinder=None))
    assert same(with_me.crop(PHOTO), dither.viewfinder(portrait(), PHOTO_SIZE))
    assert same(with_me.crop(SIDE), without.crop(SIDE))


def test_countdown_figure_stays_when_first_camera_picture_comes() -> None:
    assert not same(draw(POSING), draw(replace(POSING, viewfinder=None)))
    for countdown in (2, 5, 9, 10):
        posing = replace(POSING, countdown=countdown)
        assert same(draw(posing).crop(SIDE), draw(replace(posing, viewfinder=None)).crop(SIDE))


def test_the_viewfinder_is_turned_as_the_camera_is_mounted() -> None:
    turned = draw(replace(POSING, rotation=180)).crop(PHOTO)
    assert same(turned, dither.viewfinder(np.rot90(portrait(), 2), PHOTO_SIZE))


@pytest.mark.parametrize("lens", ["above", "below", "left", "right"])
def test_countdown_last_second_shows_arrow_until_photo_taken(lens: str) -> None:
    last = draw(replace(POSING, countdown=1, lens=lens))
    assert same(last, draw(View(state=BoothState.EXPOSING, lens=lens)))


def test_saved_screen_shows_photo_as_taken_with_number() -> None:
    assert same(draw(SAVED).crop(PHOTO), dither.thumbnail(portrait(), PHOTO_SIZE))
    numbers = (1, 143, 144, 1234, 12_345, 123_456, 10**12)
    pictures = {draw(replace(SAVED, number=number)).crop(SIDE).tobytes() for number in numbers}
    assert len(pictures) == len(numbers)


def test_nothing_about_sending_stands_next_to_the_photo() -> None:
    for uplink in UploaderState:
        assert same(draw(replace(SAVED, upload_state=uplink, waiting=99, parked=9, has_event=False)), draw(SAVED))


def test_saved_word_in_each_language_fits_beside_photo() -> None:
    from piboothup.booth.panel.font import face
    from piboothup.config import LANGUAGES

    for language in LANGUAGES:
        assert face("small").width_px(texts(language).saved.upper()) <= 128 - SIDE_X - 2
    assert not same(draw(SAVED).crop(SIDE), draw(replace(SAVED, language="de")).crop(SIDE))
