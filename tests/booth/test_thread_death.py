"""A thread that dies of an exception: the service ends as a whole, to be started again."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from gpiozero.threads import GPIOThread

from piboothup.booth.panel.thread import PanelThread
from piboothup.booth.photo.saver import Saver
from piboothup.commands.services import stopped_from_outside
from piboothup.runtime import HintSocket
from piboothup.simulator.appliance import wait_until
from tests.support.booth import Box
from tests.support.deadline import PATIENCE_S


@pytest.mark.parametrize(
    ("owner", "step", "act"),
    [
        (PanelThread, "run_once", lambda _box: None),
        (Saver, "_attempt", lambda box: box.press()),
        (HintSocket, "is_lost", lambda _box: None),
    ],
)
def test_f08_a_thread_that_dies_ends_the_service(
    box: Box, owner: type, step: str, act: Callable[[Box], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    died: list[threading.ExceptHookArgs] = []
    monkeypatch.setattr(threading, "excepthook", died.append)
    stopped, dies, real = threading.Event(), threading.Event(), getattr(owner, step)

    def stop() -> None:
        stopped.set()
        assert box._service is not None
        box._service.stop()

    def break_down(*given: Any) -> Any:
        if dies.is_set():
            raise RuntimeError("as no code foresees")
        return real(*given)

    monkeypatch.setattr(owner, step, break_down)
    with stopped_from_outside(stop):
        box.start_ready()
        dies.set()
        act(box)
        assert stopped.wait(PATIENCE_S)
        assert box._thread is not None
        box._thread.join(PATIENCE_S)
        assert not box._thread.is_alive()
    assert threading.excepthook == died.append
    assert [str(death.exc_value) for death in died] == ["as no code foresees"]


def test_f08_a_thread_that_ends_well_ends_no_service() -> None:
    stops: list[str] = []
    with stopped_from_outside(lambda: stops.append("stop")):
        thread = threading.Thread(target=lambda: None)
        thread.start()
        wait_until(lambda: not thread.is_alive(), "its end", PATIENCE_S)
    assert stops == []


@pytest.mark.parametrize("kind", [GPIOThread, threading.Thread])
def test_f08_a_librarys_helper_that_dies_ends_no_service(
    kind: type[threading.Thread], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A light that can't be written stops no photos; a camera that stalls is reopened."""
    died: list[threading.ExceptHookArgs] = []
    monkeypatch.setattr(threading, "excepthook", died.append)
    stops: list[str] = []

    def fail() -> None:
        raise OSError

    with stopped_from_outside(lambda: stops.append("stop")):
        thread = kind(target=fail)
        thread.start()
        thread.join(PATIENCE_S)
        assert len(died) == 1
        assert stops == []
        named = threading.Thread(target=fail, name="panel")
        named.start()
        named.join(PATIENCE_S)
    assert stops == ["stop"]
