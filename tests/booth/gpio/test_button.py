"""The button: recorded and made-up bounce and spikes through the pure debounce, and gpiozero's real classes on mock
pins."""

from __future__ import annotations

import queue
import random
import threading
from collections.abc import Callable, Iterator
from itertools import pairwise, product
from typing import Any
from unittest.mock import Mock

import pytest
from gpiozero import LED
from gpiozero.pins.mock import MockFactory, MockPin

from piboothup.booth.gpio import button, pins
from piboothup.booth.gpio.button import PRESS_DEBOUNCE_NS, RELEASE_DEBOUNCE_NS, Debounce, Edge, GpioButton, edge_ns
from piboothup.clock import Clock, SystemClock
from piboothup.config import ButtonConfig
from tests.support.bounce_traces import PRESSES, RELEASES, WORN_PRESS
from tests.support.clock import HandClock
from tests.support.deadline import PATIENCE_S
from tests.support.machine import READY, StateMachineDriver

MS = 1_000_000
T0 = 100_000 * MS


def told(edges_ms: list[tuple[float, bool]], until_ms: float, down: bool = False) -> list[tuple[bool, float]]:
    """What the debounce tells of these edges, each asked for as soon as it is due."""
    debounce = Debounce(down)
    heard: list[Edge | None] = []
    for at_ms, level in [*edges_ms, (until_ms, None)]:
        at_ns = T0 + int(at_ms * MS)
        due_ns = debounce.due_ns()
        if due_ns is not None and due_ns <= at_ns:
            heard.append(debounce.poll(due_ns))
        if level is not None:
            debounce.level(level, at_ns)
    return [(down, (at_ns - T0) / MS) for down, at_ns in (edge for edge in heard if edge is not None)]


def bounce(start_ms: float, level: bool, length_ms: float, seed: int) -> list[tuple[float, bool]]:
    """A made-up contact that goes to `level` and flutters for some milliseconds before it stays there."""
    chance = random.Random(seed)
    edges, at_ms, now = [(start_ms, level)], start_ms, level
    while (at_ms := at_ms + chance.choice((0.05, 0.2, 0.4, 1.2, 3.0, 6.0)) * chance.random()) < start_ms + length_ms:
        now = not now
        edges.append((at_ms, now))
    if now is not level:
        edges.append((start_ms + length_ms, level))
    return edges


def recorded(start_ms: float, level: bool, trace_us: tuple[int, ...]) -> list[tuple[float, bool]]:
    """The edges of a recorded contact that goes to `level`."""
    return [(start_ms + at_us / 1000, level is (number % 2 == 0)) for number, at_us in enumerate(trace_us)]


@pytest.mark.parametrize(("press", "release"), [*product(PRESSES, RELEASES)])
def test_b01_recorded_press_and_release_give_one_of_each(press: str, release: str) -> None:
    edges = recorded(0, True, PRESSES[press]) + recorded(300, False, RELEASES[release])
    (went_down, down_ms), (came_up, up_ms) = told(edges, 1000)
    assert (went_down, came_up) == (True, False)
    assert 0 <= round(1000 * down_ms) <= PRESSES[press][-1]
    assert 0 <= round(1000 * (up_ms - 300)) <= RELEASES[release][-1]


@pytest.mark.parametrize("countdown_s", [0, 1, 5])
def test_b03_worn_contact_opening_mid_press_takes_one_photo(countdown_s: int) -> None:
    heard = told(recorded(0, True, WORN_PRESS) + recorded(200, False, (0,)), 1000)
    assert [down for down, _ in heard] == [True, False, True, False]
    play = StateMachineDriver(countdown_s)
    play.says(READY)
    start_ns = play.now_ns
    for down, at_ms in heard:
        play.waits_s((start_ns + at_ms * MS - play.now_ns) / 1e9)
        (play.goes_down if down else play.lets_go)()
    play.waits_s(countdown_s)
    assert len(play.captures()) == 1


def test_b01_20_ms_bounce_at_both_ends_is_one_press_one_release() -> None:
    for seed in range(200):
        edges = bounce(0, True, 20, seed) + bounce(300, False, 20, seed + 1000)
        heard = told(edges, 1000)
        assert [down for down, _ in heard] == [True, False], seed
        assert 0 <= heard[0][1] <= 20, seed
        assert 300 <= heard[1][1] <= 320, seed


def test_b02_spikes_under_1_ms_on_long_wire_are_no_press() -> None:
    edges = []
    for number in range(100):
        edges += [(number * 1.7, True), (number * 1.7 + 0.95, False)]
    assert told(edges, 1000) == []


@pytest.mark.parametrize(("every_us", "burst_us"), [(200, 15_000), (10, 750)])
def test_b02_motor_bursts_on_wire_are_no_press(every_us: int, burst_us: int) -> None:
    """The rhythm of the standard for such bursts, IEC 61000-4-4: 5 or 100 kHz, for so long, every 300 ms. How long a
    spike of it pulls the pin down is made up: nine tenths of the time."""
    spikes = [burst * 300_000 + at_us for burst in range(10) for at_us in range(0, burst_us, every_us)]
    edges = [edge for at_us in spikes for edge in ((at_us / 1e3, True), ((at_us + 0.9 * every_us) / 1e3, False))]
    assert told(edges, 4000) == []


def test_b02_spikes_upwards_do_not_end_a_press() -> None:
    edges = [(0.0, True)]
    for number in range(1, 100):
        edges += [(number * 10.0, False), (number * 10.0 + 0.9, True)]
    assert told(edges, 2000) == [(True, 0.0)]


def test_clean_press_reported_within_2_ms_with_edge_time() -> None:
    debounce = Debounce(down=False)
    debounce.level(True, T0)
    assert debounce.due_ns() == T0 + PRESS_DEBOUNCE_NS <= T0 + 2 * MS
    assert debounce.poll(T0 + PRESS_DEBOUNCE_NS - 1) is None
    assert debounce.poll(T0 + PRESS_DEBOUNCE_NS) == (True, T0)
    assert debounce.poll(T0 + 10 * MS) is None


def test_b05_twenty_presses_in_five_seconds_are_twenty_presses() -> None:
    edges: list[tuple[float, bool]] = []
    for number in range(20):
        edges += bounce(number * 250, True, 8, number) + bounce(number * 250 + 90, False, 8, number + 500)
    heard = told(edges, 6000)
    assert [down for down, _ in heard] == [True, False] * 20
    assert all(later > earlier for (_, earlier), (_, later) in pairwise(heard))


def test_b04_button_down_at_start_is_no_press_until_released() -> None:
    assert told([], 20_000, down=True) == []
    assert told([(100, False), (500, True)], 1000, down=True) == [(False, 100), (True, 500)]


def test_edge_time_from_kernel_used_if_plausible_else_now() -> None:
    now_ns = 5000 * 1_000_000_000
    assert edge_ns(4999.998, now_ns) == 4_999_998_000_000
    assert edge_ns(1_750_000_000.0, now_ns) == now_ns  # a kernel before 5.7: Unix time
    assert edge_ns(0.5, now_ns) == now_ns  # a factory that counts from its own start
    assert edge_ns(5000.5, now_ns) == now_ns


@pytest.fixture
def factory() -> Iterator[MockFactory]:
    made = MockFactory()
    yield made
    made.reset()


class Heard:
    """A button that is opened, and what it called back, in order."""

    def __init__(self, factory: Any, clock: Clock | None = None, is_open: bool = True) -> None:
        self.calls: queue.SimpleQueue[tuple[str, int]] = queue.SimpleQueue()
        self.opened: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self.factory = factory
        self.button = GpioButton(ButtonConfig(), clock or SystemClock(), factory)
        self.button.start(
            lambda at: self.calls.put(("pressed", at)),
            lambda at: self.calls.put(("released", at)),
            self.opened.put,
        )
        if is_open:
            self.was_down = self.opened.get(timeout=PATIENCE_S)

    @property
    def pin(self) -> MockPin:
        return self.factory.pin(17)

    def next(self) -> tuple[str, int]:
        return self.calls.get(timeout=PATIENCE_S)

    def stop(self) -> None:
        """Stops and waits for the end of the thread, which gives the pin back."""
        self.button.stop()
        assert self.button._thread is not None
        self.button._thread.join(PATIENCE_S)


def test_gpiozero_pin_pulled_up_press_and_release_get_edge_times(
    factory: MockFactory,
) -> None:
    heard = Heard(factory)
    assert heard.pin.pull == "up"
    before_ns = SystemClock().boottime_ns()
    heard.pin.drive_low()
    after_ns = SystemClock().boottime_ns()
    what, at_ns = heard.next()
    assert what == "pressed"
    assert before_ns - MS <= at_ns <= after_ns
    assert heard.button.is_down()
    heard.pin.drive_high()
    assert heard.next()[0] == "released"
    heard.stop()


def test_b02_a_spike_on_a_real_pin_object_is_no_press(factory: MockFactory) -> None:
    clock = HandClock(boottime_s=1e9)  # far from what the mock pins count, so that an edge is now
    heard = Heard(factory, clock)
    heard.pin.drive_low()
    clock.pass_s(0.001)
    heard.pin.drive_high()
    clock.pass_s(0.01)
    heard.pin.drive_low()
    began_ns = clock.boottime_ns()
    clock.pass_s(0.01)
    assert heard.next() == ("pressed", began_ns)
    assert heard.calls.empty()
    heard.stop()


def test_b04_held_while_the_box_starts_it_is_down_but_no_press(factory: MockFactory) -> None:
    class HeldPin(MockPin):  # type: ignore[misc]
        def _set_pull(self, value: str) -> None:
            super()._set_pull(value)
            self.drive_low()

    factory.pin_class = HeldPin
    heard = Heard(factory)
    assert heard.was_down
    heard.pin.drive_high()
    assert heard.next()[0] == "released"
    heard.stop()


def test_an_edge_that_was_never_reported_is_made_up_for(
    factory: MockFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(button, "RECHECK_S", 0.02)
    heard = Heard(factory)
    heard.pin._state = False  # the level changes, no edge comes
    assert heard.next()[0] == "pressed"
    heard.stop()


def test_after_stop_the_pin_is_free_for_somebody_else(factory: MockFactory) -> None:
    heard = Heard(factory)
    heard.stop()
    Heard(factory).stop()


def test_b05_press_and_release_arriving_together_both_reported(factory: MockFactory) -> None:
    clock = HandClock(boottime_s=1e9)
    heard = Heard(factory, clock)
    began_ns = clock.boottime_ns()
    with heard.button._changed:  # the thread comes to look only afterwards
        heard.pin.drive_low()
        clock.pass_s(0.05)
        heard.pin.drive_high()
        clock.pass_s(0.05)
    assert heard.next() == ("pressed", began_ns)
    assert heard.next() == ("released", began_ns + 50 * MS)
    heard.stop()


class Pins:
    """In place of `pins.factory`: the factory, or what is raised instead; counts how often it was asked for."""

    def __init__(self, factory: MockFactory) -> None:
        self.factory = factory
        self.trouble: Exception | None = None
        self.asked: queue.SimpleQueue[None] = queue.SimpleQueue()

    def __call__(self) -> MockFactory:
        self.asked.put(None)
        if self.trouble is not None:
            raise self.trouble
        return self.factory

    def asked_again(self) -> None:
        """Waits for an attempt that began after this call, and so for the end of the one before it."""
        while not self.asked.empty():
            self.asked.get_nowait()
        for _ in range(2):
            self.asked.get(timeout=PATIENCE_S)


@pytest.fixture
def played_pins(factory: MockFactory, monkeypatch: pytest.MonkeyPatch) -> Pins:
    """What the button opens without a factory of its own; it is tried again at once."""
    made = Pins(factory)
    monkeypatch.setattr(pins, "pin_factory", made)
    monkeypatch.setattr(pins, "RETRY_S", 0.01)
    return made


def taken(played: Pins) -> Callable[[], None]:
    other = LED(ButtonConfig().pin, pin_factory=played.factory)
    return other.close  # type: ignore[no-any-return]


def deaf(played: Pins) -> Callable[[], None]:
    class DeafPin(MockPin):  # type: ignore[misc]
        is_deaf = True

        def _set_edges(self, value: str) -> None:
            if value == "both" and self.is_deaf:
                raise OSError("no interrupt is left")
            super()._set_edges(value)

    played.factory.pin_class = DeafPin

    def heal() -> None:
        DeafPin.is_deaf = False

    return heal


def no_chip(played: Pins) -> Callable[[], None]:
    played.trouble = OSError("can not open gpiochip")

    def heal() -> None:
        played.trouble = None

    return heal


@pytest.mark.parametrize(("breaks", "why"), [(taken, "in use"), (deaf, "no interrupt"), (no_chip, "gpiochip")])
def test_f19_a_button_that_cant_be_opened_works_once_it_can(
    played_pins: Pins, caplog: pytest.LogCaptureFixture, breaks: Callable[[Pins], Callable[[], None]], why: str
) -> None:
    heal, clock = breaks(played_pins), HandClock(boottime_s=1e9)
    heard = Heard(None, clock, is_open=False)
    for _ in range(3):
        played_pins.asked_again()
    assert heard.button.problem is not None and heard.button.problem.code == "button_missing"
    assert "17" in str(heard.button.problem) and why in str(heard.button.problem)
    assert len(caplog.records) == 1
    clock.pass_s(1000)
    assert heard.button.heartbeat.last_ns() == clock.boottime_ns()  # nobody waits for one that is not open
    heal()
    assert heard.opened.get(timeout=PATIENCE_S) is False
    pin = played_pins.factory.pin(17)
    pin.drive_low()
    clock.pass_s(0.01)
    assert heard.next()[0] == "pressed"
    pin.drive_high()
    clock.pass_s(0.1)
    assert heard.next()[0] == "released"
    assert heard.button.problem is None
    clock.pass_s(1000)
    heard.stop()


def test_f19_a_button_that_fails_while_it_is_down_is_let_go(played_pins: Pins) -> None:
    heard = Heard(None, HandClock(boottime_s=1e9))
    clock = heard.button._clock
    assert isinstance(clock, HandClock)
    pin = played_pins.factory.pin(17)
    pin.drive_low()
    clock.pass_s(0.01)
    assert heard.next()[0] == "pressed"
    played_pins.trouble = OSError("can not open gpiochip")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(button, "RECHECK_S", 0.01)
        patch.setattr(MockPin, "_get_state", Mock(side_effect=OSError("read failed")))
        with heard.button._changed:
            heard.button._changed.notify()  # it looks
        played_pins.asked_again()
    assert heard.button.problem is not None
    clock.pass_s(1000)
    assert heard.button.heartbeat.last_ns() == clock.boottime_ns()
    played_pins.trouble = None
    assert heard.opened.get(timeout=PATIENCE_S) is True  # so that nobody takes what follows for a photo
    assert heard.next()[0] == "released"
    heard.stop()


def test_f19_nobody_waits_while_the_pin_is_being_opened(played_pins: Pins, held: threading.Event) -> None:
    clock = HandClock()
    entered = threading.Event()

    def hang() -> MockFactory:
        entered.set()
        held.wait()
        return played_pins.factory

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pins, "pin_factory", hang)
        heard = Heard(None, clock, is_open=False)
        assert entered.wait(PATIENCE_S)
    clock.pass_s(1000)
    assert (heard.button.problem, heard.button.heartbeat.last_ns()) == (None, clock.boottime_ns())
    held.set()
    heard.opened.get(timeout=PATIENCE_S)
    heard.stop()


def test_f19_a_button_that_is_open_and_silent_is_counted(factory: MockFactory) -> None:
    clock = HandClock(boottime_s=1e9)
    heard = Heard(factory, clock)
    pin = heard.pin
    pin.drive_low()
    clock.pass_s(0.01)
    heard.next()
    with heard.button._changed:  # its thread can't turn
        before_ns = clock.boottime_ns()
        clock.pass_s(30)
        assert heard.button.heartbeat.last_ns() <= before_ns
    heard.stop()


def test_f19_a_button_is_tried_again_every_5_s() -> None:
    assert pins.RETRY_S == 5.0


def test_release_takes_longer_than_any_gap_in_20_ms_of_bounce() -> None:
    assert RELEASE_DEBOUNCE_NS > 20 * MS
