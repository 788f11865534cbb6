"""Presses over the control socket: none lasts for good, whoever sent it is killed or not."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from piboothup.booth import control
from piboothup.booth.flow.events import Event, Pressed, Released, Tapped
from piboothup.booth.gpio.led import LightPattern
from piboothup.runtime import HintSocket, send_hint
from piboothup.simulator.appliance import wait_until
from piboothup.status import BoothState
from tests.support.booth import Box
from tests.support.clock import HandClock
from tests.support.commands import command, environment
from tests.support.deadline import PATIENCE_S


class Listener:
    """The booth's thread on a real socket, with a clock by hand."""

    def __init__(self, runtime: Path) -> None:
        self.runtime, self.clock, self.posted = runtime, HandClock(), list[Event]()
        self._hints, self._ended = HintSocket(runtime, "booth"), threading.Event()
        work = (self._hints, self.clock, self.posted.append, self._ended)
        self._thread = threading.Thread(target=control.listen, args=work)
        self._thread.start()

    def close(self) -> None:
        self._ended.set()
        self._thread.join()
        self._hints.close()

    def says(self, *words: str) -> None:
        for word in words:
            before = len(self.posted)
            assert send_hint(self.runtime, "booth", word)
            wait_until(lambda: len(self.posted) > before, word, PATIENCE_S)  # noqa: B023

    def kinds(self) -> list[type[Event]]:
        return [type(event) for event in self.posted]


@pytest.fixture
def listener(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Listener]:
    monkeypatch.setattr(control, "POLL_S", 0.02)  # nobody waits a second for each look
    with contextlib.closing(Listener(tmp_path)) as found:
        yield found


@pytest.mark.parametrize("words", [["down"], ["down", "press"], ["up", "down", "down"]])
def test_b04_remote_hold_without_release_is_let_go(listener: Listener, words: list[str]) -> None:
    listener.says(*words)
    said = listener.kinds()
    listener.clock.pass_s(14.9)
    listener.says("press")
    assert listener.kinds() == [*said, Tapped]
    listener.clock.pass_s(0.1)
    wait_until(lambda: len(listener.posted) > len(said) + 1, "its release", PATIENCE_S)
    listener.clock.pass_s(60.0)
    listener.says("press")
    assert listener.kinds() == [*said, Tapped, Released, Tapped]


def test_b04_remote_hold_with_its_release_has_no_second(listener: Listener) -> None:
    listener.says("down", "up")
    listener.clock.pass_s(60.0)
    listener.says("press")
    assert listener.kinds() == [Pressed, Released, Tapped]


def is_let_go(box: Box) -> bool:
    assert box._service is not None
    booth = box._service._booth
    return booth.press is None and booth.state is BoothState.READY


@pytest.mark.process
def test_b04_hold_command_killed_next_press_takes_a_photo(box: Box) -> None:
    box.start_ready()
    held = subprocess.Popen(command("press", "--hold", "60"), env=environment(box.runtime))
    box.until_light(LightPattern.SAVED)
    held.send_signal(signal.SIGKILL)
    held.wait()
    box.clock.pass_s(15.0)
    wait_until(lambda: is_let_go(box), "the release", PATIENCE_S)
    box.press()
    wait_until(lambda: box.photos() == 2, "its photo", PATIENCE_S)
