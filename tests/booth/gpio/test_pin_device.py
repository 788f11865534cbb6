"""The retries that button, light and buzzer share: gpiozero's real devices on mock pins."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from typing import Any
from unittest.mock import Mock

import pytest
from gpiozero import LED
from gpiozero.pins.mock import MockFactory

from piboothup.booth.gpio.pins import RETRY_S, PinDevice

PIN = 5


@pytest.fixture
def factory() -> Iterator[MockFactory]:
    made = MockFactory()
    yield made
    made.reset()


class Pauses(threading.Event):
    """In place of the event that ends a device: records the pauses before a restart; nobody waits."""

    def __init__(self) -> None:
        super().__init__()
        self.lasted_s: list[float | None] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.lasted_s.append(timeout)
        if len(self.lasted_s) == 10:  # no test needs that many
            self.set()
        return self.is_set()


def make(pin: int, factory: Any) -> LED:
    return LED(pin, pin_factory=factory)


def test_f19_failed_work_restarted_after_pause_logged_once(
    factory: MockFactory, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    line, ended, opened = PinDevice("lamp", "light_missing", PIN, make, factory), Pauses(), []

    def work() -> None:
        line.open()
        opened.append(line.device)
        if len(opened) < 4:
            raise ValueError("the wire is off")
        line.mark_working()

    line.keep_running(work, ended)
    assert ended.lasted_s == [RETRY_S] * 3
    assert [device.closed for device in opened] == [True] * 4
    assert line.device is None and line.problem is None
    assert [record.getMessage().split(" reason")[0] for record in caplog.records] == [
        "device missing device=lamp",
        "device works device=lamp",
    ]


def test_f19_device_is_not_started_once_it_shall_end(factory: MockFactory) -> None:
    line, ended = PinDevice("lamp", "light_missing", PIN, make, factory), Pauses()

    ended.set()
    work = Mock()
    line.keep_running(work, ended)
    assert not work.called


def test_f19_pin_is_free_although_its_device_cant_be_closed(factory: MockFactory) -> None:
    line = PinDevice("lamp", "light_missing", PIN, make, factory)
    line.open()
    broken = line.device
    broken.close = Mock(side_effect=OSError("the wire is off"))
    line.close()
    assert line.is_broken and line.problem is not None
    line.open()  # else the pin would be taken
    line.use(LED.on)
    assert factory.pin(PIN).state == 1 and line.problem is None
    line.close()
    del broken.close  # else it fails again when it is collected


def test_f19_device_that_failed_is_missing_until_reopened(factory: MockFactory) -> None:
    line = PinDevice("lamp", "light_missing", PIN, make, factory)
    line.open()
    line.use(Mock(side_effect=OSError("the wire is off")))
    line.use(LED.off)  # also a broken lamp is switched off
    assert line.is_broken and line.problem is not None
    assert line.problem.detail == f"pin {PIN}, the wire is off"
    line.close()
    line.open()
    assert line.problem is not None
    line.use(LED.on)
    assert line.problem is None
    line.close()
