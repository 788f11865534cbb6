"""A night without a press: the picture moves, dims and sleeps, and the album's code takes its turns."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from piboothup.booth.frame import Viewfinder
from piboothup.booth.panel import idle, layout
from piboothup.booth.panel.font import face
from piboothup.booth.panel.idle import Brightness
from piboothup.booth.panel.screens import draw
from piboothup.booth.panel.view import View
from piboothup.problems import problem
from piboothup.simulator.gallery_views import examples, portrait
from piboothup.status import BoothState, UploaderState
from tests.support.pictures import same

READY = View(state=BoothState.READY, event_title="Anna & Ben", box="K7QX", photos=143)
SECOND_NS = 1_000_000_000


def test_d05_the_panel_dims_and_then_sleeps_when_nothing_stirs() -> None:
    hours = [idle.brightness(minutes * 60 * SECOND_NS) for minutes in (0, 9, 11, 60, 119, 121, 600)]
    assert hours == [
        Brightness.AWAKE,
        Brightness.AWAKE,
        Brightness.DIM,
        Brightness.DIM,
        Brightness.DIM,
        Brightness.ASLEEP,
        Brightness.ASLEEP,
    ]


@pytest.mark.parametrize(
    "change",
    [
        {"state": BoothState.COUNTDOWN, "countdown": 5},
        {"state": BoothState.FAULT, "problem": problem("no_camera")},
        {"problem": problem("card_full")},
        {"notice": problem("undervoltage")},
        {"busy_hint": True},
        {"language": "de"},
    ],
)
def test_d05_a_press_and_trouble_stir(change: dict[str, object]) -> None:
    assert idle.is_activity(READY, replace(READY, **change))  # type: ignore[arg-type]
    assert idle.is_activity(None, READY)


@pytest.mark.parametrize(
    "change",
    [
        {"upload_state": UploaderState.OFFLINE, "waiting": 12},
        {"photos": 144, "parked": 1},
        {"event_title": "Anna and Ben"},
        {"checks": {"wifi": False}},
        {"album_link": "https://app.eventpics.net/abcd1234"},
        {"line_turn": 7},
        {"viewfinder": Viewfinder(2, portrait())},
    ],
)
def test_d05_photos_that_travel_do_not_wake_the_panel_at_night(change: dict[str, object]) -> None:
    assert not idle.is_activity(READY, replace(READY, **change))  # type: ignore[arg-type]


@pytest.mark.parametrize("state", [BoothState.READY, BoothState.FAULT, BoothState.STARTING])
def test_d05_static_picture_moves_one_dot_a_minute_round_place(state: BoothState) -> None:
    places = [idle.shift(state, minute * 60 * SECOND_NS) for minute in range(18)]
    assert places[0] == (0, 0)
    assert places[:9] == places[9:]
    assert {(x, y) for x in (-1, 0, 1) for y in (-1, 0, 1)} == set(places)
    steps = [max(abs(a - c), abs(b - d)) for (a, b), (c, d) in itertools.pairwise(places)]
    assert set(steps) == {1}


@pytest.mark.parametrize("state", [BoothState.COUNTDOWN, BoothState.EXPOSING, BoothState.REVIEW, BoothState.MENU])
def test_d05_what_moves_anyway_is_left_in_its_place(state: BoothState) -> None:
    assert idle.shift(state, 61 * SECOND_NS) == (0, 0)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in examples("en") if name.startswith("ready")])
def test_d05_no_letter_of_ready_leaves_the_glass_while_it_moves(name: str) -> None:
    picture = draw(examples("en")[name])
    lit = picture.convert("L").histogram()[255]
    for minute in range(9):
        moved = layout.shifted(picture, idle.shift(BoothState.READY, minute * idle.SHIFT_EVERY_NS))
        assert moved.convert("L").histogram()[255] == lit
    assert same(layout.shifted(picture, (0, 0)), picture)
    assert face("small").cap_px == 7


def test_album_code_alternates_with_ready_after_20_s_idle() -> None:
    turns = [idle.shows_qr(second * SECOND_NS) for second in range(0, 80)]
    assert turns == 20 * [False] + 15 * [True] + 15 * [False] + 15 * [True] + 15 * [False]
