"""What a box needs, ticked off while it starts, and how long starting takes."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import pytest

from piboothup.booth.flow.events import Tick
from piboothup.booth.flow.menu import Kind, Page
from piboothup.booth.flow.save_health import SAME_REASON_LIMIT, SaveHealth
from piboothup.booth.flow.state import Booth
from piboothup.booth.panel import idle
from piboothup.booth.panel.view import Checks, View
from piboothup.booth.presenter import Outlook, checks, has_finder
from piboothup.booth.upload_status import Uplink
from piboothup.config import Config, Panel
from piboothup.power import Supply
from piboothup.problems import problem
from piboothup.spool.store import Spool
from piboothup.status import BoothState, UploaderState
from tests.support.clock import HandClock

GOOD = {
    "booth": Booth(camera_ready=True),
    "light": None,
    "told": Supply(undervoltage=False),
    "uplink": Uplink(UploaderState.IDLE),
    "has_event": True,
    "is_synchronised": True,
}


UNSAVED = SaveHealth(problem("unsaved_jpeg"), SAME_REASON_LIMIT, is_tested=True)
"""Photos are not saved."""


def test_everything_is_ticked_when_everything_is_well() -> None:
    assert checks(**GOOD) == Checks(*(True for _ in fields(Checks)))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"booth": Booth()}, {"camera": None}),
        ({"booth": Booth(camera_problem=problem("no_camera"))}, {"camera": False}),
        ({"booth": Booth(camera_ready=True, card_problem=problem("card_full"))}, {"card": False}),
        ({"booth": Booth(camera_ready=True, card_stuck=problem("card_stuck"))}, {"card": False}),
        ({"booth": Booth(camera_ready=True, health=UNSAVED)}, {"card": False}),
        ({"light": problem("light_missing")}, {"light": False}),
        ({"told": Supply(undervoltage=True)}, {"supply": False}),
        ({"told": Supply()}, {"supply": None}),
        ({"uplink": Uplink(UploaderState.OFFLINE)}, {"wifi": False, "key": None}),
        ({"uplink": Uplink(UploaderState.PORTAL)}, {"wifi": False, "key": None}),
        ({"uplink": Uplink(UploaderState.STOPPED)}, {"wifi": None, "key": None}),
        ({"uplink": Uplink(UploaderState.REFUSED)}, {"key": False}),
        ({"uplink": Uplink(UploaderState.OFFLINE, problems=("no_key",))}, {"wifi": False, "key": False}),
        ({"uplink": Uplink(UploaderState.IDLE, problems=("event_gone",))}, {"event": False}),
        ({"uplink": Uplink(UploaderState.IDLE, problems=("event_refused",))}, {"event": False}),
        ({"uplink": Uplink(UploaderState.PAUSED, problems=("paused", "event_gone"))}, {"event": False, "key": None}),
        ({"has_event": False}, {"event": False}),
        ({"is_synchronised": False}, {}),
        (
            {"is_synchronised": False, "uplink": Uplink(UploaderState.OFFLINE)},
            {"wifi": False, "key": None, "clock": None},
        ),
    ],
)
def test_each_thing_that_is_missing_or_unknown_is_told(
    change: dict[str, object], expected: dict[str, object]
) -> None:
    well = Checks(*(True for _ in fields(Checks)))
    assert checks(**{**GOOD, **change}) == replace(well, **expected)  # type: ignore[arg-type]


def test_the_camera_is_looked_through_in_the_countdown_until_its_last_second_and_while_aiming() -> None:
    counting = Booth(state=BoothState.COUNTDOWN, zero_ns=5_000_000_000)
    assert [has_finder(counting, at_s * 1_000_000_000) for at_s in (0, 2, 3, 4, 5)] == [
        True,
        True,
        True,
        False,
        False,
    ]
    assert has_finder(Booth(state=BoothState.MENU, page=Page(Kind.AIM)), 0)
    for other in (Booth(), Booth(state=BoothState.READY), Booth(state=BoothState.MENU, page=Page(Kind.MENU))):
        assert not has_finder(other, 0)


def test_the_albums_code_is_shown_whenever_it_is_asked_for_in_the_menu(spool: Spool) -> None:
    outlook = Outlook(Config(), spool, HandClock())
    asking = Booth(state=BoothState.MENU, page=Page(Kind.ALBUM_CODE))
    assert outlook.completed(View(), asking, "abcd1234", Uplink(), None).album_link.endswith("/abcd1234")
    assert outlook.completed(View(), Booth(state=BoothState.READY), "abcd1234", Uplink(), None).album_link == ""


def shows_code_at_rest(config: Config, spool: Spool, ready: Booth) -> bool:
    """Whether the album's code has its turn once nobody has pressed for a while."""
    clock = HandClock()
    outlook = Outlook(config, spool, clock)
    outlook.note(Tick(), Booth(), clock.boottime_ns())
    outlook.note(Tick(), Booth(state=BoothState.READY), clock.boottime_ns())
    clock.pass_s(idle.CODE_AFTER_NS / 1e9)
    return outlook.completed(View(), ready, "abcd1234", Uplink(), None).album_link != ""


def test_b04_a_stuck_button_stays_on_the_bottom_line_when_it_would_be_the_albums_code_s_turn(spool: Spool) -> None:
    ready = Booth(state=BoothState.READY)
    assert shows_code_at_rest(Config(), spool, ready)
    assert not shows_code_at_rest(Config(), spool, replace(ready, stuck=True))


@pytest.mark.parametrize("where", ["menu", "off"])
def test_the_albums_code_has_no_turn_at_rest_where_the_config_wants_it_elsewhere(spool: Spool, where: str) -> None:
    config = Config(panel=Panel(album_code=where))
    assert not shows_code_at_rest(config, spool, Booth(state=BoothState.READY))


@pytest.mark.parametrize(
    ("view", "takes_turns"),
    [
        (View(), False),
        (View(uplink=UploaderState.UPLOADING), False),
        (View(uplink=UploaderState.PORTAL), True),
        (View(has_event=False), False),
        (View(photos=1234, parked=12), True),
        (View(photos=123_456), True),
        (View(notice=problem("bad_config")), False),
    ],
)
def test_only_a_bottom_line_that_is_too_long_takes_turns_and_all_else_stands_still(
    view: View, takes_turns: bool, spool: Spool
) -> None:
    clock = HandClock()
    outlook = Outlook(Config(), spool, clock)
    turns = []
    for _ in range(4):
        turns.append(outlook.completed(view, Booth(), "abcd1234", Uplink(), None).turn)
        clock.pass_s(idle.LINE_TURN_NS / 1e9)
    assert [turn - turns[0] for turn in turns] == ([0, 1, 2, 3] if takes_turns else [0, 0, 0, 0])


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    made = Spool(tmp_path / "spool", HandClock(), "serial-1")
    made.prepare()
    made.start("booth")
    return made


def test_the_bar_fills_in_the_time_that_the_last_start_took_and_waits_full(spool: Spool) -> None:
    clock = HandClock()
    spool.note_ready(4000)
    outlook = Outlook(Config(), spool, clock)

    def filled() -> float:
        return outlook.completed(View(), Booth(), "", Uplink(), None).progress

    assert filled() == 0.0
    outlook.prepare()
    found = []
    for _ in range(6):
        clock.pass_s(1)
        found.append(filled())
    assert found == [0.25, 0.5, 0.75, 1.0, 1.0, 1.0]


def test_the_length_of_a_start_is_kept_for_the_next_boot_and_written_only_when_it_is_news(tmp_path: Path) -> None:
    clock = HandClock()
    spool = Spool(tmp_path / "spool", clock, "serial-1")
    spool.prepare()
    spool.start("booth")
    assert spool.last_start_ms() is None
    spool.note_ready(4000)
    clock.power_on("boot-b")
    later = Spool(tmp_path / "spool", clock, "serial-1")
    later.prepare()
    later.start("booth")
    assert later.last_start_ms() == 4000
    (line,) = (tmp_path / "spool" / "boots").glob(f"{later.boot:04d}.jsonl")
    before = line.read_bytes()
    later.note_ready(4700)
    assert line.read_bytes() == before
    later.note_ready(5000)
    assert later.last_start_ms() == 5000


def test_a_start_is_noted_once_when_ready_is_reached(spool: Spool) -> None:
    clock = HandClock()
    outlook = Outlook(Config(), spool, clock)
    outlook.note(Tick(), Booth(), clock.boottime_ns())
    outlook.keep()
    assert spool.last_start_ms() is None
    clock.pass_s(3)
    outlook.note(Tick(), Booth(state=BoothState.READY), clock.boottime_ns())
    clock.pass_s(9)
    outlook.note(Tick(), Booth(state=BoothState.READY), clock.boottime_ns())
    outlook.keep()
    assert spool.last_start_ms() == 3000
