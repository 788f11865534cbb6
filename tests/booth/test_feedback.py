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

from piboothup.booth.feedback import is_under_test, pattern, sound
from piboothup.booth.flow.events import CaptureFailed, Exposed, Saved, SavingFailed, SelfTestProgress, Tick
from piboothup.booth.flow.long_press import SECOND_NS
from piboothup.booth.flow.machine import BUSY_HINT_NS
from piboothup.booth.flow.menu import MenuOptions
from piboothup.booth.flow.pages import Page, PageKind
from piboothup.booth.flow.self_test_report import SelfTestReport
from piboothup.booth.gpio import pins
from piboothup.booth.gpio.buzzer import TONES, Buzzer, GpioBuzzer, Sound
from piboothup.booth.gpio.led import BLINKS, LightPattern
from piboothup.config import LightConfig
from piboothup.problems import problem
from piboothup.status import BoothState
from tests.support.deadline import PATIENCE_S, until
from tests.support.machine import FULL, NO_CAMERA, READY, StateMachineDriver, frame

BUZZER_PIN = 24


class Heard(StateMachineDriver):
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


def test_light_over_one_photo_goes_from_breathing_to_two_blinks() -> None:
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


def test_buzzer_ticks_each_second_from_press_clicks_at_frame() -> None:
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
    "fails",
    [
        CaptureFailed(problem("camera_stuck"), StateMachineDriver().now_ns),
        SavingFailed(problem("not_saved"), problem("unsaved_defect")),
    ],
)
def test_photo_not_saved_low_tone_light_says_press_again(fails: Any) -> None:
    play = Heard(0)
    play.says(READY)
    play.press()
    if isinstance(fails, SavingFailed):
        play.says(Exposed(frame(), play.booth.zero_ns))
    play.says(fails)
    assert play.sounds[-1][0] is Sound.LOW
    assert play.booth.state is BoothState.FAULT
    assert pattern(play.booth, play.now_ns) is LightPattern.READY


@pytest.mark.parametrize("answer", [Saved(1), SavingFailed(problem("not_saved"), problem("unsaved_defect"))])
def test_card_hang_low_tone_once_trouble_light_until_answer(answer: Any) -> None:
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
    assert [sound for sound, _ in play.sounds] == [Sound.CLICK, Sound.LOW]
    assert play.seen[-1] is LightPattern.READY


@pytest.mark.parametrize("trouble", [NO_CAMERA, FULL])
def test_trouble_is_lit_only_when_no_photo_can_be_taken(trouble: Any) -> None:
    play = StateMachineDriver(0)
    play.says(READY)
    assert pattern(play.booth, play.now_ns) is LightPattern.READY
    play.says(trouble)
    assert pattern(play.booth, play.now_ns) is LightPattern.TROUBLE


def test_b03_every_press_changes_light_even_right_after_another() -> None:
    play = StateMachineDriver(0)
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
    play.waits_s(BUSY_HINT_NS / SECOND_NS)
    assert pattern(play.booth, play.now_ns) is LightPattern.TROUBLE


def test_b03_light_answers_press_within_50_ms_in_any_light_state() -> None:
    for answer in (LightPattern.REFUSED, LightPattern.BUSY):
        lit_s, dark_s, _ = BLINKS[answer]
        assert 0 < lit_s < 0.05 and dark_s > 0  # both within the 50 ms: one of them is a change, whatever came before
    assert BLINKS[LightPattern.REFUSED][0] / sum(BLINKS[LightPattern.REFUSED][:2]) < 0.25  # mostly dark, and so
    assert BLINKS[LightPattern.BUSY][0] / sum(BLINKS[LightPattern.BUSY][:2]) > 0.35  # told from the flicker


@pytest.mark.parametrize("state", [BoothState.EXPOSING, BoothState.SAVING])
def test_b03_press_changes_static_light_at_once(state: BoothState) -> None:
    play = StateMachineDriver(3)
    play.says(READY)
    play.press()
    play.waits_s(3)
    if state is BoothState.SAVING:
        play.says(Exposed(frame(), play.booth.zero_ns))
    assert play.booth.state is state
    assert pattern(play.booth, play.now_ns) is LightPattern.EXPOSING
    play.goes_down()
    assert pattern(play.booth, play.now_ns) is LightPattern.REFUSED


def test_flash_button_light_steady_until_frame_taken() -> None:
    play = Heard()
    play.settings = replace(play.settings, flash_lead_s=1.5)
    play.says(READY)
    play.press()
    play.waits_s(2)
    play.press()
    play.waits_s(1)
    assert play.booth.is_flash_on(play.now_ns)
    assert play.seen[1:] == [LightPattern.COUNTDOWN, LightPattern.EXPOSING]


def test_countdown_restart_ticks_at_once_even_at_same_figure() -> None:
    play = Heard()
    play.says(READY)
    play.goes_down()
    play.now_ns += 1_500_000_000  # the loop hears of it late, so that no turn shows it taken back
    assert play.lets_go() is BoothState.COUNTDOWN
    assert play.sounds == [(Sound.TICK, 0.0), (Sound.TICK, 1.5)]


def test_self_test_lights_light_and_sounds_buzzer_once() -> None:
    play = Heard()
    play.settings = replace(play.settings, options=MenuOptions(operator_until_ns=None))
    play.says(READY)
    play.booth = replace(play.booth, state=BoothState.MENU, page=Page(PageKind.SELF_TEST, report=SelfTestReport()))
    for found in ((), (None,), (None,), (None, None)):
        play.says(SelfTestProgress(SelfTestReport(found)))
        assert is_under_test(play.booth) is (len(found) == 1)
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


@pytest.mark.parametrize(("sound", "length_s", "tone_hz"), [(Sound.TICK, 0.06, 1500), (Sound.LOW, 0.6, 220)])
@pytest.mark.parametrize("pin_class", [MockPin, MockPWMPin])
def test_a_sound_is_a_tone_of_its_own_length_and_then_silence(
    factory: MockFactory, pin_class: type[MockPin], sound: Sound, length_s: float, tone_hz: int
) -> None:
    factory.pin_class = pin_class
    pin = factory.pin(BUZZER_PIN)
    heard, lengths = Listening(pin), Lengths(pin)
    buzzer = GpioBuzzer(LightConfig(buzzer_pin=BUZZER_PIN), factory)
    buzzer._ended = lengths
    sounds = 0.5 if pin_class is MockPWMPin else 1  # the buzzer without tones has its own
    for _ in range(2):
        buzzer.play(sound)
        assert lengths.next() == (length_s, sounds, tone_hz if pin_class is MockPWMPin else None)
        assert (heard.next(), heard.next()) == (sounds, 0)
    close(buzzer)
    assert heard.values.empty() and lengths.lasted.empty()


@pytest.mark.parametrize("pin_class", [MockPin, MockPWMPin])
def test_e6_click_is_a_shutters_two_steps_with_a_gap(factory: MockFactory, pin_class: type[MockPin]) -> None:
    factory.pin_class = pin_class
    pin = factory.pin(BUZZER_PIN)
    heard, lengths = Listening(pin), Lengths(pin)
    buzzer = GpioBuzzer(LightConfig(buzzer_pin=BUZZER_PIN), factory)
    buzzer._ended = lengths
    has_tones = pin_class is MockPWMPin
    sounds = 0.5 if has_tones else 1
    for _ in range(2):
        buzzer.play(Sound.CLICK)
        steps = [lengths.next() for _ in range(3)]
        assert [(length_s, level) for length_s, level, _ in steps] == [(0.02, sounds), (0.04, 0), (0.03, sounds)]
        assert [steps[0][2], steps[2][2]] == ([2500, 1700] if has_tones else [None, None])
        assert [heard.next() for _ in range(4)] == [sounds, 0, sounds, 0]
    close(buzzer)
    assert heard.values.empty() and lengths.lasted.empty()


@pytest.mark.parametrize("pin_class", [MockPin, MockPWMPin])
def test_e6_a_click_that_is_cut_short_has_no_second_step(factory: MockFactory, pin_class: type[MockPin]) -> None:
    factory.pin_class = pin_class
    heard = Listening(factory.pin(BUZZER_PIN))
    buzzer = GpioBuzzer(LightConfig(buzzer_pin=BUZZER_PIN), factory)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(TONES, Sound.CLICK, ((2500, PATIENCE_S), (0, 0.04), (1700, 0.03)))
        buzzer.play(Sound.CLICK)
        assert heard.next() > 0
        close(buzzer)
    assert heard.next() == 0 and heard.values.empty()


def test_a_sound_lasts_as_long_as_it_says(factory: MockFactory) -> None:
    pin = factory.pin(BUZZER_PIN)
    heard = Listening(pin)
    buzzer = GpioBuzzer(LightConfig(buzzer_pin=BUZZER_PIN), factory)
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
    buzzer = GpioBuzzer(LightConfig(buzzer_pin=BUZZER_PIN), factory)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(TONES, Sound.LOW, ((220, PATIENCE_S),))
        buzzer.play(Sound.LOW)
        assert heard.next() > 0
        close(buzzer)
    assert (driven_to[-1], pin.state, pin.function) == (0, 0, "input")
    LED(BUZZER_PIN, pin_factory=factory).close()


def test_buzzer_with_own_tone_is_switched_on_pin_without_tones(factory: MockFactory) -> None:
    factory.pin_class = MockPin
    heard = Listening(factory.pin(BUZZER_PIN))
    buzzer = GpioBuzzer(LightConfig(buzzer_pin=BUZZER_PIN), factory)
    buzzer.play(Sound.TICK)
    assert (heard.next(), heard.next()) == (1, 0)
    close(buzzer)


def test_buzzer_late_sounds_dropped_no_call_waits(factory: MockFactory) -> None:
    pin = factory.pin(BUZZER_PIN)
    holding, heard = threading.Event(), Listening(pin)
    change = pin._change_state

    def hold(value: float) -> bool:
        changed: bool = change(value)
        if value:
            holding.wait()
        return changed

    pin._change_state = hold
    buzzer = GpioBuzzer(LightConfig(buzzer_pin=BUZZER_PIN), factory)
    buzzer.play(Sound.TICK)
    assert heard.next() == 0.5
    for _ in range(50):
        buzzer.play(Sound.CLICK)
    assert buzzer._sounds.qsize() == 2
    holding.set()
    close(buzzer)


def test_b07_missing_buzzer_line_reported_once_calls_return(
    factory: MockFactory, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pins, "RETRY_S", 0.01)
    taken = LED(BUZZER_PIN, pin_factory=factory)
    buzzer = GpioBuzzer(LightConfig(buzzer_pin=BUZZER_PIN), factory)
    opened: queue.SimpleQueue[None] = queue.SimpleQueue()
    open_device = buzzer._line.open

    def note() -> None:
        opened.put(None)
        open_device()

    monkeypatch.setattr(buzzer._line, "open", note)
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
    buzzer = GpioBuzzer(LightConfig(buzzer_pin=BUZZER_PIN), factory)
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
            patch.setattr(buzzer._line, "open", Mock(side_effect=OSError("the wire is off")))  # else healed unseen
            buzzer.play(Sound.TICK)
            until(lambda: buzzer.problem is not None)
    until(lambda: buzzer.problem is None)
    buzzer.play(Sound.LOW)
    assert heard.next() == 0.5
    close(buzzer)


def test_no_buzzer_takes_every_call() -> None:
    buzzer = Buzzer()
    buzzer.play(Sound.TICK)
    buzzer.close()
    assert buzzer.problem is None
