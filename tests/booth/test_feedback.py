"""What light and buzzer say: every press is answered, trouble only when photos can't be taken, each sound in time."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from unittest.mock import Mock

import pytest
from gpiozero import LED
from gpiozero.pins.mock import MockFactory, MockPin, MockPWMPin

from piboothup.booth.feedback import is_tried, pattern, sound
from piboothup.booth.flow.events import CaptureFailed, CheckSaid, Exposed, Saved, SavingFailed, Tick
from piboothup.booth.flow.long_press import SECOND_NS
from piboothup.booth.flow.machine import NUDGE_NS
from piboothup.booth.flow.menu import Kind, Offer, Page
from piboothup.booth.flow.self_test_report import Report
from piboothup.booth.gpio import pins
from piboothup.booth.gpio.buzzer import TONES, GpioBuzzer, NoBuzzer, Sound
from piboothup.booth.gpio.led import BLINKS, LightPattern
from piboothup.config import Light
from piboothup.problems import problem
from piboothup.status import BoothState
from tests.support.deadline import PATIENCE_S, until
from tests.support.machine import FULL, NO_CAMERA, READY, Play, frame

BUZZER_PIN = 24


class Heard(Play):
    """Keeps the light's patterns and the buzzer's sounds, as the loop makes them of each turn."""

    def __init__(self, countdown_s: int = 3) -> None:
        super().__init__(countdown_s)
        self.before_ns = self.now_ns
        self.seen: list[LightPattern] = []
        self.sounds: list[tuple[Sound, float]] = []
        self.began_ns = self.now_ns

    def says(self, *events: Any) -> BoothState:
        for event in events:
            before = self.booth
            super().says(event)
            shown = pattern(self.booth, self.now_ns)
            self.seen += [shown] if self.seen[-1:] != [shown] else []
            if (heard := sound(before, self.before_ns, self.booth, self.now_ns)) is not None:
                self.sounds.append((heard, (self.now_ns - self.began_ns) / SECOND_NS))
            self.before_ns = self.now_ns
        return self.booth.state


def test_a_photo_in_light_breathing_a_blink_a_second_fast_steady_and_two_blinks() -> None:
    play = Heard()
    play.says(READY)
    play.press()
    play.waits_s(3)
    play.says(Exposed(frame(), play.booth.zero_ns), Saved(1))
    play.waits_s(3)
    assert play.seen == [
        LightPattern.READY,
        LightPattern.COUNTDOWN,
        LightPattern.HURRY,
        LightPattern.EXPOSING,
        LightPattern.SAVED,
        LightPattern.READY,
    ]


def test_the_buzzer_ticks_once_a_second_from_the_press_to_the_last_one_and_clicks_at_the_frame() -> None:
    play = Heard()
    play.says(READY)
    play.press()
    for _ in range(14):  # turns in between are no ticks
        play.waits_s(0.2)
        play.says(Tick())
    play.waits_s(0.2)
    play.says(Exposed(frame(), play.booth.zero_ns), Saved(1))
    assert play.sounds == [(Sound.TICK, 0.0), (Sound.TICK, 1.0), (Sound.TICK, 2.0), (Sound.CLICK, 3.0)]


@pytest.mark.parametrize(
    "fails", [CaptureFailed(problem("camera_stuck"), Play().now_ns), SavingFailed(problem("not_saved"))]
)
def test_a_photo_that_was_not_saved_sounds_low_and_the_light_says_press_again(fails: Any) -> None:
    play = Heard(0)
    play.says(READY)
    play.press()
    if isinstance(fails, SavingFailed):
        play.says(Exposed(frame(), play.booth.zero_ns))
    play.says(fails)
    assert play.sounds[-1][0] is Sound.LOW
    assert play.booth.state is BoothState.FAULT
    assert pattern(play.booth, play.now_ns) is LightPattern.READY


@pytest.mark.parametrize("answer", [Saved(1), SavingFailed(problem("not_saved"))])
def test_a_card_that_hangs_sounds_low_once_and_the_light_says_trouble_until_it_answers(answer: Any) -> None:
    play = Heard(0)
    play.says(READY)
    play.press()
    play.says(Exposed(frame(), play.booth.zero_ns))
    play.waits_s(60)
    assert pattern(play.booth, play.now_ns) is LightPattern.TROUBLE
    play.press()
    assert pattern(play.booth, play.now_ns) is LightPattern.BUSY
    play.says(answer)
    play.waits_s(6)
    assert [one for one, _ in play.sounds] == [Sound.CLICK, Sound.LOW]
    assert play.seen[-1] is LightPattern.READY


@pytest.mark.parametrize("trouble", [NO_CAMERA, FULL])
def test_trouble_is_lit_only_when_no_photo_can_be_taken(trouble: Any) -> None:
    play = Play(0)
    play.says(READY)
    assert pattern(play.booth, play.now_ns) is LightPattern.READY
    play.says(trouble)
    assert pattern(play.booth, play.now_ns) is LightPattern.TROUBLE


def test_b03_every_press_changes_the_light_also_one_right_after_another() -> None:
    play = Play(0)
    play.says(NO_CAMERA)
    assert pattern(play.booth, play.now_ns) is LightPattern.TROUBLE
    for _ in range(3):
        before = pattern(play.booth, play.now_ns)
        play.goes_down()
        assert pattern(play.booth, play.now_ns) is LightPattern.REFUSED is not before
        play.now_ns += 50_000_000
        play.lets_go()
        assert pattern(play.booth, play.now_ns) is LightPattern.BUSY
        play.now_ns += 50_000_000
    play.waits_s(NUDGE_NS / SECOND_NS)
    assert pattern(play.booth, play.now_ns) is LightPattern.TROUBLE


def test_b03_the_light_answers_a_press_within_50_ms_whether_it_was_lit_dark_or_blinking() -> None:
    for answer in (LightPattern.REFUSED, LightPattern.BUSY):
        lit_s, dark_s, _ = BLINKS[answer]
        assert 0 < lit_s < 0.05 and dark_s > 0  # both within the 50 ms: one of them is a change, whatever came before
    assert BLINKS[LightPattern.REFUSED][0] / sum(BLINKS[LightPattern.REFUSED][:2]) < 0.25  # mostly dark, and so
    assert BLINKS[LightPattern.BUSY][0] / sum(BLINKS[LightPattern.BUSY][:2]) > 0.35  # told from the flicker


@pytest.mark.parametrize("state", [BoothState.EXPOSING, BoothState.SAVING])
def test_b03_a_press_while_the_light_stands_still_changes_it_at_once(state: BoothState) -> None:
    play = Play(3)
    play.says(READY)
    play.press()
    play.waits_s(3)
    if state is BoothState.SAVING:
        play.says(Exposed(frame(), play.booth.zero_ns))
    assert play.booth.state is state
    assert pattern(play.booth, play.now_ns) is LightPattern.EXPOSING
    play.goes_down()
    assert pattern(play.booth, play.now_ns) is LightPattern.REFUSED


def test_under_the_flash_the_button_is_steady_until_the_frame_is_taken() -> None:
    play = Heard()
    play.settings = replace(play.settings, flash_lead_s=1.5)
    play.says(READY)
    play.press()
    play.waits_s(2)
    play.press()
    play.waits_s(1)
    assert play.booth.is_lit(play.now_ns)
    assert play.seen[1:] == [LightPattern.COUNTDOWN, LightPattern.EXPOSING]


def test_a_countdown_that_starts_afresh_ticks_at_once_though_the_figure_is_the_same() -> None:
    play = Heard()
    play.says(READY)
    play.goes_down()
    play.now_ns += 1_500_000_000  # the loop hears of it late, so that no turn shows it taken back
    assert play.lets_go() is BoothState.COUNTDOWN
    assert play.sounds == [(Sound.TICK, 0.0), (Sound.TICK, 1.5)]


def test_the_ready_check_lights_the_light_and_sounds_the_buzzer_once() -> None:
    play = Heard()
    play.settings = replace(play.settings, offer=Offer(door_closes_ns=None))
    play.says(READY)
    play.booth = replace(play.booth, state=BoothState.MENU, page=Page(Kind.READY_CHECK, report=Report()))
    for found in ((), (None,), (None,), (None, None)):
        play.says(CheckSaid(Report(found)))
        assert is_tried(play.booth) is (len(found) == 1)
        assert (pattern(play.booth, play.now_ns) is LightPattern.EXPOSING) is (len(found) == 1)
    assert [heard for heard, _ in play.sounds] == [Sound.LOW]


# -- the buzzer's pin ----------------------------------------------------------------------------------------------


@pytest.fixture
def factory() -> Iterator[MockFactory]:
    made = MockFactory(pin_class=MockPWMPin)
    yield made
    made.reset()


class Listening:
    """Waits for what the mock pin is set to."""

    def __init__(self, pin: Any) -> None:
        self.values: queue.SimpleQueue[float] = queue.SimpleQueue()
        change = pin._change_state

        def note(value: float) -> bool:
            changed: bool = change(value)
            if changed:
                self.values.put(value)
            return changed

        pin._change_state = note

    def next(self) -> float:
        return self.values.get(timeout=PATIENCE_S)


def close(buzzer: GpioBuzzer) -> None:
    """Closes it and waits for the end of its thread, which gives the pin back."""
    buzzer.close()
    buzzer._thread.join(PATIENCE_S)


class Lengths(threading.Event):
    """In place of the buzzer's `_ended`: how long a sound lasts, and what the pin does meanwhile. Nobody waits."""

    def __init__(self, pin: Any) -> None:
        super().__init__()
        self._pin = pin
        self.lasted: queue.SimpleQueue[tuple[float, float, int | None]] = queue.SimpleQueue()

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        self.lasted.put((timeout, self._pin.state, self._pin.frequency))
        return self.is_set()

    def next(self) -> tuple[float, float, int | None]:
        return self.lasted.get(timeout=PATIENCE_S)


@pytest.mark.parametrize(
    ("sound", "length_s", "tone_hz"),
    [(Sound.TICK, 0.06, 1500), (Sound.CLICK, 0.03, 2500), (Sound.LOW, 0.6, 220)],
)
@pytest.mark.parametrize("pin_class", [MockPin, MockPWMPin])
def test_a_sound_is_a_tone_of_its_own_length_and_then_silence(
    factory: MockFactory, pin_class: type[MockPin], sound: Sound, length_s: float, tone_hz: int
) -> None:
    factory.pin_class = pin_class
    pin = factory.pin(BUZZER_PIN)
    heard, lengths = Listening(pin), Lengths(pin)
    buzzer = GpioBuzzer(Light(buzzer_pin=BUZZER_PIN), factory)
    buzzer._ended = lengths
    sounds = 0.5 if pin_class is MockPWMPin else 1  # the buzzer without tones has its own
    for _ in range(2):
        buzzer.play(sound)
        assert lengths.next() == (length_s, sounds, tone_hz if pin_class is MockPWMPin else None)
        assert (heard.next(), heard.next()) == (sounds, 0)
    close(buzzer)
    assert heard.values.empty() and lengths.lasted.empty()


def test_a_sound_lasts_as_long_as_it_says(factory: MockFactory) -> None:
    pin = factory.pin(BUZZER_PIN)
    heard = Listening(pin)
    buzzer = GpioBuzzer(Light(buzzer_pin=BUZZER_PIN), factory)
    buzzer.play(Sound.TICK)
    assert (heard.next(), heard.next()) == (0.5, 0.0)
    assert pin.states[-1].timestamp > 0.055  # since it went on; how much longer is this machine's affair
    close(buzzer)


@pytest.mark.parametrize("pin_class", [MockPin, MockPWMPin])
def test_closing_ends_a_sound_and_switches_the_pin_off(factory: MockFactory, pin_class: type[MockPin]) -> None:
    factory.pin_class = pin_class
    pin = factory.pin(BUZZER_PIN)
    heard = Listening(pin)
    driven_to, set_state = [], pin._set_state

    def note(value: float) -> None:
        set_state(value)
        driven_to.append(value)

    pin._set_state = note
    buzzer = GpioBuzzer(Light(buzzer_pin=BUZZER_PIN), factory)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(TONES, Sound.LOW, (220, PATIENCE_S))
        buzzer.play(Sound.LOW)
        assert heard.next() > 0
        close(buzzer)
    assert (driven_to[-1], pin.state, pin.function) == (0, 0, "input")
    LED(BUZZER_PIN, pin_factory=factory).close()


def test_a_pin_without_tones_is_switched_for_a_buzzer_that_has_one_of_its_own(factory: MockFactory) -> None:
    factory.pin_class = MockPin
    heard = Listening(factory.pin(BUZZER_PIN))
    buzzer = GpioBuzzer(Light(buzzer_pin=BUZZER_PIN), factory)
    buzzer.play(Sound.CLICK)
    assert (heard.next(), heard.next()) == (1, 0)
    close(buzzer)


def test_sounds_that_would_be_late_are_not_heard_and_no_call_waits(factory: MockFactory) -> None:
    pin = factory.pin(BUZZER_PIN)
    holding, heard = threading.Event(), Listening(pin)
    change = pin._change_state

    def hold(value: float) -> bool:
        changed: bool = change(value)
        if value:
            holding.wait()
        return changed

    pin._change_state = hold
    buzzer = GpioBuzzer(Light(buzzer_pin=BUZZER_PIN), factory)
    buzzer.play(Sound.TICK)
    assert heard.next() == 0.5
    for _ in range(50):
        buzzer.play(Sound.CLICK)
    assert buzzer._sounds.qsize() == 2
    holding.set()
    close(buzzer)


def test_b07_a_buzzer_line_that_is_missing_is_told_once_and_every_call_returns(
    factory: MockFactory, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pins, "RETRY_S", 0.01)
    taken = LED(BUZZER_PIN, pin_factory=factory)
    buzzer = GpioBuzzer(Light(buzzer_pin=BUZZER_PIN), factory)
    opened: queue.SimpleQueue[None] = queue.SimpleQueue()
    open_device = buzzer._opened

    def note() -> Any:
        opened.put(None)
        return open_device()

    monkeypatch.setattr(buzzer, "_opened", note)
    buzzer.play(Sound.TICK)
    for _ in range(5):
        opened.get(timeout=PATIENCE_S)
        for each in Sound:
            buzzer.play(each)
    close(buzzer)
    assert buzzer.problem is not None and buzzer.problem.code == "buzzer_missing"
    assert len(caplog.records) == 1
    taken.close()


@pytest.mark.parametrize("fails", ["opening", "sounding"])
def test_f19_a_buzzer_that_failed_is_heard_once_it_works(
    factory: MockFactory, monkeypatch: pytest.MonkeyPatch, fails: str
) -> None:
    monkeypatch.setattr(pins, "RETRY_S", 0.01)
    pin, taken = factory.pin(BUZZER_PIN), None
    heard = Listening(pin)
    buzzer = GpioBuzzer(Light(buzzer_pin=BUZZER_PIN), factory)
    if fails == "opening":
        taken = LED(BUZZER_PIN, pin_factory=factory)
        buzzer.play(Sound.TICK)
        until(lambda: buzzer.problem is not None)
        taken.close()
    else:
        buzzer.play(Sound.TICK)
        assert (heard.next(), heard.next()) == (0.5, 0.0)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(pin, "_set_frequency", Mock(side_effect=OSError("the wire is off")))
            buzzer.play(Sound.TICK)
            until(lambda: buzzer.problem is not None)
    until(lambda: buzzer.problem is None)
    buzzer.play(Sound.LOW)
    assert heard.next() == 0.5
    close(buzzer)


def test_no_buzzer_takes_every_call() -> None:
    buzzer = NoBuzzer()
    buzzer.play(Sound.TICK)
    buzzer.close()
    assert buzzer.problem is None
