"""A press in any state is answered by light or panel in the very turn of the loop that hears of it.

The real service, its threads and its queue. How long the way from the edge to the answer takes is measured by
`tests/benchmarks/button.py`.
"""

from __future__ import annotations

import dataclasses
import queue
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from piboothup.booth import service
from piboothup.booth.flow import machine
from piboothup.booth.flow.events import Event, Pressed
from piboothup.booth.flow.pages import PageKind
from piboothup.booth.gpio.led import LightPattern
from piboothup.booth.panel import screens
from piboothup.booth.panel.layout import PHOTO_SIZE
from piboothup.booth.panel.oled import OledPanel
from piboothup.booth.panel.thread import PanelThread
from piboothup.booth.panel.view import View
from piboothup.config import CaptureConfig, PanelConfig
from piboothup.problems import problem
from piboothup.status import BoothState
from tests.support.booth import Box, hang_on
from tests.support.clock import HandClock
from tests.support.deadline import PATIENCE_S
from tests.support.panel import EmulatedOled

pytestmark = pytest.mark.slow


class Diary:
    """What the loop heard, and what it then let be seen, in order."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, box: Box) -> None:
        self.lines: list[tuple[str, Any]] = []
        self.turned: queue.SimpleQueue[None] = queue.SimpleQueue()
        step, show, light = machine.step, PanelThread.show, box.light.show

        def note_step(booth: Any, event: Event, *given: Any) -> Any:
            self.lines.append(("event", type(event)))
            return step(booth, event, *given)

        def note_view(panel: PanelThread, view: View) -> None:
            self.lines.append(("view", dataclasses.replace(view, line_turn=0)))  # time alone is no answer
            show(panel, view)

        def note_light(pattern: LightPattern) -> None:
            self.lines.append(("light", pattern))
            light(pattern)
            self.turned.put(None)

        monkeypatch.setattr(service, "step", note_step)
        monkeypatch.setattr(PanelThread, "show", note_view)
        box.light.show = note_light  # type: ignore[method-assign]

    def presses(self) -> int:
        """How many the loop has heard of."""
        return self.lines.count(("event", Pressed))

    def answer(self) -> set[str] | None:
        """By what the last press was answered in its own turn; None while that lasts (the light is its last word)."""
        heard = max(n for n, line in enumerate(self.lines) if line == ("event", Pressed))
        before, turn = dict(self.lines[:heard]), self.lines[heard + 1 :]
        if "light" not in dict(turn):
            return None
        ends = next((n for n, (what, _) in enumerate(turn) if what == "event"), len(turn))
        return {what for what, that in turn[:ends] if that != before.get(what)}


def starting(box: Box, _held: threading.Event) -> None:
    box.camera.frames = lambda: 0  # type: ignore[method-assign]
    box.start()
    box.until_light(LightPattern.OFF)


def ready(box: Box, _held: threading.Event) -> None:
    box.start_ready()


def ready_for_long(box: Box, _held: threading.Event) -> None:
    """The album's code is shown by now."""
    box.start_ready()
    box.clock.pass_s(25.0)
    box.turn()


def at_night(box: Box, _held: threading.Event) -> None:
    """The panel sleeps."""
    box.start_ready()
    box.clock.pass_s(6 * 3600.0)
    box.turn()


def counting_down(box: Box, _held: threading.Event) -> None:
    box.start_ready()
    box.press()
    box.until_light(LightPattern.COUNTDOWN)


def nudged(box: Box, held: threading.Event) -> None:
    """Somebody pressed a moment ago."""
    counting_down(box, held)
    box.press()
    box.until_light(LightPattern.BUSY)


def exposing(box: Box, held: threading.Event) -> None:
    counting_down(box, held)
    box.camera.on_capture = hang_on(held)
    box.clock.pass_s(3.0)
    box.until_said(lambda said: said.get("state") == BoothState.EXPOSING)


def saving(box: Box, held: threading.Event) -> None:
    counting_down(box, held)
    box.camera.on_release = hang_on(held)
    box.clock.pass_s(3.0)
    box.until_said(lambda said: said.get("state") == BoothState.SAVING)


def while_the_card_hangs(box: Box, held: threading.Event) -> None:
    saving(box, held)
    box.clock.pass_s(15.0)
    box.until_said(lambda said: said.get("state") == BoothState.FAULT)
    box.turn()


def saved(box: Box, held: threading.Event) -> None:
    counting_down(box, held)
    box.clock.pass_s(3.0)
    box.until_light(LightPattern.SAVED)


def without_camera(box: Box, _held: threading.Event) -> None:
    box.camera.fault = problem("no_camera")
    box.start()
    box.until_light(LightPattern.TROUBLE)


def in_the_menu(box: Box, _held: threading.Event) -> None:
    box.start_ready()
    box.open_menu()
    box.turn()


def told_something(box: Box, _held: threading.Event) -> None:
    """A page without items."""
    box.start_ready()
    box.open_menu()
    box.choose("photos", "wipe")
    box.until_page(lambda page: page is not None and page.text_key == "card_empty")
    box.turn()


def the_code_from_the_menu(box: Box, _held: threading.Event) -> None:
    box.start_ready()
    box.open_menu()
    box.choose("album_code")
    box.until_page(lambda page: page is not None and page.kind is PageKind.ALBUM_CODE)
    box.turn()


def asked_by_the_ready_check(box: Box, _held: threading.Event) -> None:
    box.start_ready()
    box.open_menu()
    box.choose("ready_check")
    box.until_page(lambda page: page is not None and page.report is not None and page.report.asks_for_press)
    box.turn()


def after_a_photo_that_failed(box: Box, held: threading.Event) -> None:
    """A fault that is only a notice: the press takes the next photo."""
    counting_down(box, held)
    box.camera.on_release = break_saving
    box.clock.pass_s(3.0)
    box.until_said(lambda said: said.get("state") == BoothState.FAULT)
    box.turn()


def without_a_card(box: Box, _held: threading.Event) -> None:
    box.start_ready()
    box.spool.directory.rename(box.spool.directory.with_name("away"))
    box.until_light(LightPattern.TROUBLE)
    box.turn()


def break_saving() -> None:
    raise MemoryError


@pytest.mark.parametrize(
    "comes_to",
    [
        *(starting, ready, ready_for_long, at_night, counting_down, nudged, exposing, saving, saved),
        *(without_camera, without_a_card, while_the_card_hangs, after_a_photo_that_failed),
        *(in_the_menu, told_something, the_code_from_the_menu, asked_by_the_ready_check),
    ],
)
def test_b03_press_in_any_state_answered_in_same_turn(
    box: Box,
    monkeypatch: pytest.MonkeyPatch,
    held: threading.Event,
    comes_to: Callable[[Box, threading.Event], None],
) -> None:
    box.config = dataclasses.replace(box.config, capture=CaptureConfig(countdown_s=3, review_s=2.5))
    try:
        diary = Diary(monkeypatch, box)
        comes_to(box, held)
        before = diary.presses()
        box.button.pressed(box.clock.boottime_ns())
        while diary.presses() == before or (answered_by := diary.answer()) is None:
            diary.turned.get(timeout=PATIENCE_S)
        assert answered_by
    finally:
        held.set()
        box.stop()


BUSY = View(countdown=2, problem=problem("no_camera"))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (View(state=BoothState.READY), View(state=BoothState.EXPOSING)),
        (View(state=BoothState.READY), View(state=BoothState.COUNTDOWN, countdown=3)),
        *(
            (dataclasses.replace(BUSY, state=state), dataclasses.replace(BUSY, state=state, busy_hint=True))
            for state in (BoothState.COUNTDOWN, BoothState.EXPOSING, BoothState.SAVING, BoothState.FAULT)
        ),
    ],
)
def test_b03_slow_bus_panel_side_area_drawn_first_after_press(tmp_path: Path, before: View, after: View) -> None:
    glass = EmulatedOled()
    panel = PanelThread(OledPanel(PanelConfig(), bus=glass), HandClock(), tmp_path)
    panel.show(before)
    panel.run_once()
    glass.columns.clear()
    panel.show(after)
    panel.run_once()
    beside = [x >= PHOTO_SIZE[0] for x in glass.columns]
    assert beside[0] and beside == sorted(beside, reverse=True)
    assert glass.glass().tobytes() == screens.draw(after).tobytes()
