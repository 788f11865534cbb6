"""A press in any state is answered by light or panel in the very turn of the loop that hears of it.

The real service, its threads and its queue; the way from the edge to the answer is printed (run with -s), and the
benchmark `tests/benchmarks/button.py` measures it.
"""

from __future__ import annotations

import dataclasses
import queue
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from piboothup.booth import machine, service
from piboothup.booth.events import Event, Pressed
from piboothup.booth.light import LightPattern
from piboothup.booth.panel import PanelThread
from piboothup.booth.view import View
from piboothup.config import Capture
from piboothup.problems import problem
from piboothup.status import BoothState
from tests.booth.box import PATIENCE_S, Box


class Diary:
    """What the loop heard, and what it then let be seen, in order."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, box: Box) -> None:
        self.lines: list[tuple[str, Any, float]] = []
        self.turned: queue.SimpleQueue[None] = queue.SimpleQueue()
        step, show, light = machine.step, PanelThread.show, box.light.show

        def note_step(booth: Any, event: Event, *given: Any) -> Any:
            self._note("event", type(event))
            return step(booth, event, *given)

        def note_view(panel: PanelThread, view: View) -> None:
            self._note("view", view)
            show(panel, view)

        def note_light(pattern: LightPattern) -> None:
            self._note("light", pattern)
            light(pattern)
            self.turned.put(None)

        monkeypatch.setattr(service, "step", note_step)
        monkeypatch.setattr(PanelThread, "show", note_view)
        box.light.show = note_light  # type: ignore[method-assign]

    def _note(self, what: str, that: Any) -> None:
        self.lines.append((what, that, time.perf_counter()))

    def presses(self) -> int:
        """How many the loop has heard of."""
        return sum(line[:2] == ("event", Pressed) for line in self.lines)

    def answer(self) -> tuple[set[str], float]:
        """By what the last press was answered in its own turn, and when."""
        heard = max(n for n, line in enumerate(self.lines) if line[:2] == ("event", Pressed))
        before = {what: that for what, that, _ in self.lines[:heard]}
        turn: list[tuple[str, Any, float]] = []
        for line in self.lines[heard + 1 :]:
            if line[0] == "event":
                break
            turn.append(line)
        changed = {what: at for what, that, at in turn if that != before.get(what)}
        return set(changed), min(changed.values(), default=float("inf"))


def hang_on(held: threading.Event) -> Callable[[], None]:
    def hang() -> None:
        held.wait()

    return hang


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
    box.camera.on_capture = hang_on(held)
    counting_down(box, held)
    box.clock.pass_s(3.0)
    box.until_said(lambda said: said.get("state") == BoothState.EXPOSING)


def saving(box: Box, held: threading.Event) -> None:
    box.camera.on_release = hang_on(held)
    counting_down(box, held)
    box.clock.pass_s(3.0)
    box.until_said(lambda said: said.get("state") == BoothState.SAVING)


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
    box.choose("wipe")
    box.until_page(lambda page: page is not None and page.says == "card_empty")
    box.turn()


@pytest.fixture
def held() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


@pytest.mark.parametrize(
    "comes_to",
    [
        *(starting, ready, ready_for_long, at_night, counting_down, nudged, exposing, saving, saved),
        *(without_camera, in_the_menu, told_something),
    ],
)
def test_b03_a_press_in_any_state_is_answered_in_the_turn_that_hears_of_it(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    held: threading.Event,
    comes_to: Callable[[Box, threading.Event], None],
) -> None:
    monkeypatch.setattr(service, "_HOUSEKEEPING_S", 0.05)
    box = Box(tmp_path)
    box.config = dataclasses.replace(box.config, capture=Capture(countdown_s=3, review_s=2.5))
    try:
        diary = Diary(monkeypatch, box)
        comes_to(box, held)
        before, end_s, pressed_s = diary.presses(), time.monotonic() + PATIENCE_S, time.perf_counter()
        box.button.pressed(box.clock.boottime_ns())
        while diary.presses() == before or diary.answer()[0] == set():
            diary.turned.get(timeout=end_s - time.monotonic())
        by, at_s = diary.answer()
        print(f"{comes_to.__name__}: answered by {' and '.join(sorted(by))} after {1000 * (at_s - pressed_s):.2f} ms")
    finally:
        held.set()
        box.stop()
