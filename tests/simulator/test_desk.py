"""The live demo's keys, typed into a real terminal."""

from __future__ import annotations

import contextlib
import os
import select
import sys
import termios
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from piboothup.clock import SystemClock
from piboothup.runtime import HintSocket
from piboothup.simulator import desk
from piboothup.simulator.appliance import Appliance
from piboothup.simulator.server import DEMO_KEY, LocalEventPics
from tests.support.deadline import PATIENCE_S

pytestmark = pytest.mark.process


class Unstarted(Appliance):
    """A box whose two processes are not started: what its button is told comes out of the control socket."""

    has_power = True

    @property
    def powered(self) -> bool:
        return self.has_power

    def power_on(self) -> None:
        self.has_power = True

    def pull_plug(self) -> None:
        self.has_power = False

    def press(self, word: str = "press") -> bool:
        return self.has_power and super().press(word)


class Terminal:
    """A person at the other end of a pseudo-terminal."""

    def __init__(self, master: int) -> None:
        self._master = master
        self._seen = b""

    def types(self, key: str, until: str) -> None:
        """Types a key and looks until the screen says so."""
        self._seen = b""
        os.write(self._master, key.encode())
        self.looks_until(until)

    def looks_until(self, said: str) -> None:
        while said.encode() not in self._seen:
            assert select.select([self._master], [], [], PATIENCE_S)[0], f"never said: {said}"
            self._seen += os.read(self._master, 65536)


@contextlib.contextmanager
def terminal_of(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The person's end; the other is standard input and output."""
    master, slave = os.openpty()
    with (
        open(slave) as keys,
        open(slave, "w", closefd=False, encoding="utf-8") as screen,
        monkeypatch.context() as here,
    ):
        here.setenv("COLUMNS", "120")
        here.setenv("LINES", "40")
        here.setattr("sys.stdin", keys)
        here.setattr("sys.stdout", screen)
        yield master
    os.close(master)


def test_each_key_of_the_live_demo_does_what_the_foot_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    told: list[object] = []
    with (
        LocalEventPics(tmp_path / "album", SystemClock()) as album,
        terminal_of(monkeypatch) as pty,
        ThreadPoolExecutor(1) as chair,
    ):
        box = Unstarted(tmp_path / "box", album.url, DEMO_KEY)

        def sits_down(terminal: Terminal) -> None:
            with contextlib.closing(HintSocket(box.runtime, "booth")) as button:
                try:
                    plays(terminal, button)
                finally:
                    os.write(pty, b"q")

        def plays(terminal: Terminal, button: HintSocket) -> None:
            terminal.looks_until("space press · h hold · n network · p plug · q quit")
            terminal.types(" ", until="pressed")
            terminal.types("h", until="holding: h lets go")
            terminal.types("h", until="let go")
            told.extend(button.receive(PATIENCE_S)[0] for _ in range(3))
            terminal.types("n", until="network off")
            told.append(album.online)
            terminal.types("n", until="network on")
            told.append(album.online)
            terminal.types("p", until="plug pulled")
            told.append(box.powered)
            terminal.types("h", until="no power")
            terminal.types("p", until="power on")
            told.append(box.powered)

        before = termios.tcgetattr(pty)
        person = chair.submit(sits_down, Terminal(pty))
        with desk._raw_terminal() as screen:
            desk._LiveDemo(box, album, screen).run(lambda: False)
        person.result()
        assert termios.tcgetattr(pty) == before
    assert told == ["press", "down", "up", False, True, False, True]


def test_a_stopped_terminal_holds_up_neither_keys_nor_end(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Ctrl-S: what could not be drawn meanwhile is drawn when the terminal goes on."""
    with LocalEventPics(tmp_path / "album", SystemClock()) as album, terminal_of(monkeypatch) as pty:
        box = Unstarted(tmp_path / "box", album.url, DEMO_KEY)
        turns: list[bool] = []

        def ends_after_the_key() -> bool:
            turns.append(album.online)
            if turns == [True]:
                termios.tcflow(sys.stdin, termios.TCOOFF)
                os.write(pty, b"n")
            return turns[-3:] == [False] * 3

        with desk._raw_terminal() as screen:
            live = desk._LiveDemo(box, album, screen)
            live.run(ends_after_the_key)
            assert select.select([pty], [], [], 0)[0] == []
            termios.tcflow(sys.stdin, termios.TCOON)
            live.run(iter([False, False, True]).__next__)
            Terminal(pty).looks_until("network off")
