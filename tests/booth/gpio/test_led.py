"""The light: gpiozero's real classes on mock pins, and nothing that could ever stop a photo."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any
from unittest.mock import Mock

import pytest
from gpiozero import LED
from gpiozero.pins.mock import MockFactory, MockPin, MockPWMPin

from piboothup.booth.gpio import pins
from piboothup.booth.gpio.led import (
    BLINKS,
    BREATH_PEAK,
    BREATH_S,
    BREATH_STEPS_PER_S,
    GpioLight,
    Light,
    LightPattern,
    breath,
)
from piboothup.config import LightConfig
from tests.support.deadline import PATIENCE_S, until

LED_PIN, FLASH_PIN, LENS_PIN = 27, 22, 25


@pytest.fixture
def factory() -> Iterator[MockFactory]:
    made = MockFactory(pin_class=MockPWMPin)
    yield made
    made.reset()


@pytest.fixture
def light(factory: MockFactory) -> Iterator[GpioLight]:
    made = GpioLight(LightConfig(led_pin=LED_PIN, flash_pin=FLASH_PIN), factory)
    made.open()
    yield made
    made.close()


def led(light: GpioLight) -> Any:
    """gpiozero's device behind the button's light."""
    assert light._led is not None
    return light._led.device


def blinking(light: GpioLight) -> Any:
    """gpiozero's background thread, if it is at work."""
    return led(light)._blink_thread or led(light)._source_thread


@pytest.mark.parametrize(
    "pattern",
    [LightPattern.READY, LightPattern.COUNTDOWN, LightPattern.HURRY, LightPattern.REFUSED, LightPattern.TROUBLE],
)
def test_a_moving_pattern_runs_by_itself_in_the_background(light: GpioLight, pattern: LightPattern) -> None:
    light.show(pattern)
    assert light.problem is None
    assert blinking(light).is_alive()


def test_steady_and_off_need_nothing_in_the_background(light: GpioLight, factory: MockFactory) -> None:
    light.show(LightPattern.EXPOSING)
    assert (factory.pin(LED_PIN).state, blinking(light)) == (1, None)
    light.show(LightPattern.OFF)
    assert (factory.pin(LED_PIN).state, blinking(light)) == (0, None)


@pytest.mark.slow
def test_saved_is_two_blinks_and_then_dark(light: GpioLight, factory: MockFactory) -> None:
    light.show(LightPattern.SAVED)
    blinking(light).join(PATIENCE_S)
    assert [state.state for state in factory.pin(LED_PIN).states if state.state] == [1.0, 1.0]
    assert factory.pin(LED_PIN).state == 0


def test_a_pattern_that_is_shown_again_goes_on_undisturbed(light: GpioLight) -> None:
    light.show(LightPattern.READY)
    breath = blinking(light)
    light.show(LightPattern.READY)
    assert blinking(light) is breath
    light.show(LightPattern.TROUBLE)
    assert blinking(light) is not breath


def test_b03_light_after_press_brighter_at_once_than_breathing(light: GpioLight, factory: MockFactory) -> None:
    assert max(breath()) == BREATH_PEAK < 0.7
    assert min(BLINKS[pattern][0] for pattern in (LightPattern.COUNTDOWN, LightPattern.HURRY)) >= 0.08  # lit first
    for steady in (LightPattern.EXPOSING, LightPattern.HELD):
        light.show(LightPattern.READY)
        light.show(steady)
        assert (factory.pin(LED_PIN).state, blinking(light)) == (1, None)


def test_a_breath_rises_from_dark_and_falls_again_without_a_jump() -> None:
    steps = breath()
    assert len(steps) == round(2 * BREATH_S * BREATH_STEPS_PER_S)
    assert max(abs(a - b) for a, b in pairwise([*steps, steps[0]])) <= BREATH_PEAK / len(steps) * 2.1
    assert min(steps) == 0.0


def test_flash_fully_lit_until_told_off_whatever_button_shows(light: GpioLight, factory: MockFactory) -> None:
    for on in (True, False):
        light.flash(on)
        for pattern in LightPattern:
            light.show(pattern)
            assert factory.pin(FLASH_PIN).state == on
    assert factory.pin(FLASH_PIN).frequency is None  # no PWM


def test_b07_no_light_line_calls_return_problem_reported_once(
    factory: MockFactory, caplog: pytest.LogCaptureFixture
) -> None:
    taken = LED(LED_PIN, pin_factory=factory)
    light = GpioLight(LightConfig(led_pin=LED_PIN), factory)
    assert not light.open()
    for pattern in LightPattern:
        light.show(pattern)
        light.flash(True)
    light.close()
    assert light.problem is not None and light.problem.code == "light_missing"
    assert len(caplog.records) == 1
    taken.close()


def test_b07_no_pins_at_a_desk_every_call_returns() -> None:
    class NoPins:
        def __getattr__(self, name: str) -> Any:
            raise OSError("no gpiochip")

    light = GpioLight(LightConfig(), NoPins())
    light.open()
    light.show(LightPattern.READY)
    light.close()
    assert light.problem is not None


def test_b07_a_flash_line_of_0_is_no_flash(factory: MockFactory) -> None:
    light = GpioLight(LightConfig(led_pin=LED_PIN, flash_pin=0), factory)
    light.flash(True)
    light.show(LightPattern.EXPOSING)
    assert light.problem is None
    light.close()


def test_on_pins_without_pwm_ready_is_a_steady_light(factory: MockFactory) -> None:
    factory.pin_class = MockPin
    light = GpioLight(LightConfig(led_pin=LED_PIN), factory)
    light.open()
    light.show(LightPattern.READY)
    assert factory.pin(LED_PIN).state == 1
    assert light.problem is None
    light.close()


def driven(pin: MockPin) -> Callable[[], float]:
    """What the pin was last driven to as an output."""
    driven_to, set_state = [0.0], pin._set_state

    def note(value: float) -> None:
        set_state(value)
        driven_to.append(value)

    pin._set_state = note
    return lambda: driven_to[-1]


@pytest.mark.parametrize("pin_class", [MockPin, MockPWMPin])
@pytest.mark.parametrize("pattern", list(LightPattern))
def test_closing_switches_everything_off_and_frees_the_pins(
    factory: MockFactory, pattern: LightPattern, pin_class: type[MockPin]
) -> None:
    factory.pin_class = pin_class
    light = GpioLight(LightConfig(led_pin=LED_PIN, flash_pin=FLASH_PIN), factory)
    lines = [factory.pin(LED_PIN), factory.pin(FLASH_PIN)]
    last = [driven(pin) for pin in lines]
    light.open()
    light.flash(True)
    light.show(pattern)
    until(lambda: pattern is LightPattern.OFF or any(state.state for state in lines[0].states[1:]))
    assert lines[1].state == 1
    background = blinking(light)
    light.close()
    assert [pin() for pin in last] == [0, 0]  # not only an input, which a lamp's transistor does not care about
    assert [(pin.function, pin.state) for pin in lines] == [("input", 0), ("input", 0)]
    assert background is None or not background.is_alive()
    LED(LED_PIN, pin_factory=factory).close()
    LED(FLASH_PIN, pin_factory=factory).close()


def test_closing_stops_what_moves_before_it_switches_off(light: GpioLight, factory: MockFactory) -> None:
    light.show(LightPattern.READY)
    device, pin = led(light), factory.pin(LED_PIN)
    last, breathes, off = driven(pin), blinking(light), device.off

    def off_and_a_breath_later() -> None:
        off()
        until(lambda: not breathes.is_alive() or last() > 0)

    device.off = off_and_a_breath_later
    light.close()
    assert (last(), pin.state) == (0, 0)


def test_close_frees_pin_of_light_that_cant_be_switched_off(
    light: GpioLight, factory: MockFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    light.flash(True)
    monkeypatch.setattr(led(light), "off", Mock(side_effect=OSError("the wire is off")))
    light.close()
    assert factory.pin(FLASH_PIN).state == 0
    LED(LED_PIN, pin_factory=factory).close()


def test_no_light_takes_every_call() -> None:
    light = Light()
    light.show(LightPattern.READY)
    light.flash(True)
    light.close()


def test_b07_lamp_goes_dark_after_button_light_failed(
    light: GpioLight, factory: MockFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    light.flash(True)
    monkeypatch.setattr(led(light), "on", Mock(side_effect=OSError("the wire is off")))
    light.show(LightPattern.EXPOSING)
    assert light.problem is not None
    assert factory.pin(FLASH_PIN).state == 1
    light.flash(False)
    assert factory.pin(FLASH_PIN).state == 0


@pytest.mark.parametrize(("taken_pin", "works_pin"), [(LED_PIN, FLASH_PIN), (FLASH_PIN, LED_PIN)])
def test_b07_without_the_one_line_the_other_works(factory: MockFactory, taken_pin: int, works_pin: int) -> None:
    taken = LED(taken_pin, pin_factory=factory)
    light = GpioLight(LightConfig(led_pin=LED_PIN, flash_pin=FLASH_PIN), factory)
    light.open()
    light.show(LightPattern.EXPOSING)
    light.flash(True)
    assert light.problem is not None
    assert factory.pin(works_pin).state == 1
    light.show(LightPattern.OFF)
    light.flash(False)
    assert factory.pin(works_pin).state == 0
    light.close()
    taken.close()


def test_b07_flash_goes_on_after_button_light_failed(
    light: GpioLight, factory: MockFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    light.show(LightPattern.OFF)
    monkeypatch.setattr(led(light), "on", Mock(side_effect=OSError("the wire is off")))
    light.show(LightPattern.EXPOSING)
    assert light.problem is not None
    light.flash(True)
    assert factory.pin(FLASH_PIN).state == 1


@pytest.mark.parametrize("taken_pin", [LED_PIN, FLASH_PIN])
def test_f19_a_line_that_cant_be_opened_works_once_it_can(
    factory: MockFactory, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, taken_pin: int
) -> None:
    caplog.set_level(logging.WARNING)
    monkeypatch.setattr(pins, "RETRY_S", 0.01)
    taken = LED(taken_pin, pin_factory=factory)
    light = GpioLight(LightConfig(led_pin=LED_PIN, flash_pin=FLASH_PIN), factory)

    def turn() -> bool:  # as the loop does, for as long as it likes
        light.flash(True)
        light.show(LightPattern.EXPOSING)
        return light.problem is not None

    until(turn)
    assert light.problem is not None and light.problem.code == "light_missing"
    for _ in range(100):
        turn()
    taken.close()
    until(lambda: not turn())
    assert (factory.pin(LED_PIN).state, factory.pin(FLASH_PIN).state) == (1, 1)
    assert len(caplog.records) == 1
    light.close()


@pytest.mark.parametrize("step", ["on", "off"])
def test_f19_a_light_that_fails_in_use_is_opened_anew(
    light: GpioLight, factory: MockFactory, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    monkeypatch.setattr(pins, "RETRY_S", 0.01)
    light.show(LightPattern.OFF if step == "on" else LightPattern.EXPOSING)
    monkeypatch.setattr(led(light), step, Mock(side_effect=OSError("the wire is off")))
    light.show(LightPattern.HELD if step == "on" else LightPattern.OFF)
    assert light.problem is not None

    def works() -> bool:
        light.show(LightPattern.HELD)
        return light.problem is None

    until(works)
    assert factory.pin(LED_PIN).state == 1


@pytest.mark.slow
def test_f19_no_call_waits_while_the_pins_are_being_opened(
    monkeypatch: pytest.MonkeyPatch, held: threading.Event, factory: MockFactory
) -> None:
    entered = threading.Event()

    def hang() -> MockFactory:
        entered.set()
        held.wait()
        return factory

    monkeypatch.setattr(pins, "pin_factory", hang)
    light = GpioLight(LightConfig(led_pin=LED_PIN, flash_pin=FLASH_PIN))
    for pattern in LightPattern:
        light.show(pattern)
        light.flash(True)
    assert entered.wait(PATIENCE_S)
    assert light.problem is None
    held.set()
    light.close()


def test_f19_a_light_is_at_rest_once_it_is_open(light: GpioLight, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pins, "RETRY_S", 0.0)
    opened: queue.SimpleQueue[None] = queue.SimpleQueue()
    open_lines = light.open

    def note() -> bool:
        opened.put(None)
        return open_lines()

    monkeypatch.setattr(light, "open", note)
    light.show(LightPattern.READY)
    opened.get(timeout=PATIENCE_S)
    light.close()  # waits for the thread's end
    assert opened.empty()


@pytest.fixture
def lens_light(factory: MockFactory) -> Iterator[GpioLight]:
    made = GpioLight(LightConfig(led_pin=LED_PIN, flash_pin=FLASH_PIN, lens_pin=LENS_PIN), factory)
    made.open()
    yield made
    made.close()


def test_e6_lens_light_lit_until_told_off_whatever_others_show(lens_light: GpioLight, factory: MockFactory) -> None:
    for on in (True, False):
        lens_light.lens(on)
        for pattern in LightPattern:
            lens_light.show(pattern)
            lens_light.flash(not on)
            assert factory.pin(LENS_PIN).state == on
    assert factory.pin(LENS_PIN).frequency is None  # no PWM, whose thread of lgpio wakes 616 times a second
    assert lens_light._lens.device._blink_thread is None


def test_e6_a_lens_pin_of_0_is_no_light_at_the_lens(light: GpioLight, factory: MockFactory) -> None:
    light.lens(True)
    assert light.problem is None
    assert [number for number, pin in factory.pins.items() if pin.state] == []


def test_e6_a_taken_lens_pin_is_told_and_the_others_work(
    factory: MockFactory, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pins, "RETRY_S", 0.01)
    taken = LED(LENS_PIN, pin_factory=factory)
    light = GpioLight(LightConfig(led_pin=LED_PIN, flash_pin=FLASH_PIN, lens_pin=LENS_PIN), factory)
    assert not light.open()
    for _ in range(100):
        light.lens(True)
        light.flash(True)
        light.show(LightPattern.EXPOSING)
    assert light.problem is not None and light.problem.code == "light_missing"
    assert (factory.pin(LED_PIN).state, factory.pin(FLASH_PIN).state) == (1, 1)
    assert len(caplog.records) == 1
    taken.close()

    def is_lit() -> bool:
        light.lens(True)
        return bool(factory.pin(LENS_PIN).state) and light.problem is None

    until(is_lit)
    light.close()


def test_e6_closing_switches_the_lens_light_off(lens_light: GpioLight, factory: MockFactory) -> None:
    pin = factory.pin(LENS_PIN)
    last = driven(pin)
    lens_light.lens(True)
    assert last() == 1
    lens_light.close()
    assert (last(), pin.function, pin.state) == (0, "input", 0)
    LED(LENS_PIN, pin_factory=factory).close()


def test_e6_a_light_at_a_desk_takes_the_lens_too() -> None:
    light = Light()
    light.lens(True)
    light.lens(False)
