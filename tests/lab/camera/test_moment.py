"""What a guest sees at zero and when the photo was taken: the whole service on the real camera stack."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from piboothup.booth.devices import Devices
from piboothup.booth.light import LightPattern
from piboothup.booth.picamera import PiCamera
from piboothup.booth.service import BoothService
from piboothup.booth.signals import Sound
from piboothup.booth.view import View
from piboothup.config import Capture, Config, EventPics, Light, SpoolTable
from piboothup.problems import Problem
from piboothup.runtime import send_hint
from piboothup.spool.clock import SystemClock
from piboothup.spool.listing import NEW
from piboothup.spool.store import Spool
from piboothup.status import BoothState
from tests.booth.box import PlayedGlass, PlayedLight
from tests.lab.camera.bench import PATIENCE_S
from tests.lab.camera.virtual import VirtualPicamera2

MS = 1_000_000
FRAME_NS = 250 * MS
"""Longer than a frame takes here (140 ms), on a machine with other work."""


class Party:
    """A booth with the real clock; when which state was drawn, when the flash was lit and what was heard."""

    def __init__(self, root: Path, countdown_s: int, flash: bool) -> None:
        self.clock, self.runtime = SystemClock(), root / "run"
        self.runtime.mkdir(mode=0o700)
        config = Config(
            eventpics=EventPics(link_id="abcd1234"),
            capture=Capture(countdown_s=countdown_s, review_s=0.5),
            light=Light(flash_pin=22 if flash else 0, flash_lead_s=1.5),
            spool=SpoolTable(directory=str(root / "spool"), min_free_mb=10),
        )
        self.spool = Spool(root / "spool", self.clock, "serial-1")
        self.glass, self.light = PlayedGlass(), PlayedLight()
        self.drawn: list[tuple[int, BoothState]] = []
        self.flashes: list[tuple[int, bool]] = []
        self.light.flash = self._flash  # type: ignore[method-assign]
        self.sounds: list[tuple[int, Sound]] = []
        self.problem: Problem | None = None
        camera = PiCamera(config.camera, VirtualPicamera2)
        self.service = BoothService(
            config, self.spool, self.clock, self.runtime, Devices(camera, self.glass, self.light, None, self)
        )
        self._note_what_is_drawn()
        self._thread = threading.Thread(target=self.service.run)
        self._thread.start()
        self.until(LightPattern.READY)

    def play(self, sound: Sound) -> None:
        """As the buzzer."""
        self.sounds.append((self.clock.boottime_ns(), sound))

    def close(self) -> None:
        """As the buzzer."""

    def _flash(self, on: bool) -> None:
        if [on] != [before for _, before in self.flashes[-1:]]:
            self.flashes.append((self.clock.boottime_ns(), on))

    def _note_what_is_drawn(self) -> None:
        panel = self.service._panel
        draw: Callable[[View], Image.Image] = panel._draw

        def note(view: View) -> Image.Image:
            image = draw(view)
            self.drawn.append((self.clock.boottime_ns(), view.state))
            return image

        panel._draw = note

    def until(self, wanted: LightPattern) -> None:
        """Waits for this pattern of the light."""
        end_s = time.monotonic() + PATIENCE_S
        while self.light.patterns.get(timeout=max(0.01, end_s - time.monotonic())) is not wanted:
            pass

    def press(self) -> tuple[int, int]:
        """A photo; when the press was, and the moment on the card."""
        pressed_ns = self.clock.boottime_ns()
        assert send_hint(self.runtime, "booth", "press")
        self.until(LightPattern.SAVED)
        (name,) = self.spool.names(NEW)
        return pressed_ns, name.boottime_ms * MS

    def heard(self, sound: Sound) -> int:
        """When a sound was last made."""
        return max(at_ns for at_ns, made in self.sounds if made is sound)

    def shown(self, state: BoothState) -> int:
        """When a state's picture was first ready for the glass."""
        return next(at_ns for at_ns, drawn in self.drawn if drawn is state)

    def stop(self) -> None:
        self.service.stop()
        self._thread.join(PATIENCE_S)


@pytest.fixture
def parties(tmp_path: Path) -> Iterator[Callable[[int, bool], Party]]:
    made: list[Party] = []

    def begin(countdown_s: int, flash: bool) -> Party:
        made.append(Party(tmp_path, countdown_s, flash))
        return made[-1]

    yield begin
    for one in made:
        one.stop()


@pytest.mark.parametrize("flash", [False, True])
def test_with_a_countdown_of_3_s_zero_on_the_panel_the_beeps_and_the_frame_lie_together(
    parties: Callable[[int, bool], Party], flash: bool
) -> None:
    party = parties(3, flash)
    pressed_ns, taken_ns = party.press()
    zero_ns = pressed_ns + 3_000 * MS
    assert abs(party.shown(BoothState.EXPOSING) - zero_ns) < 150 * MS
    assert -20 * MS <= taken_ns - zero_ns <= 150 * MS + FRAME_NS, "20 ms: the hint's way to the booth"
    assert abs(party.shown(BoothState.EXPOSING) - taken_ns) <= 150 * MS + FRAME_NS
    assert 0 <= party.heard(Sound.CLICK) - taken_ns <= 150 * MS + FRAME_NS
    assert abs(party.heard(Sound.TICK) - (zero_ns - 1_000 * MS)) < 150 * MS


def test_without_a_countdown_the_frame_follows_the_press(parties: Callable[[int, bool], Party]) -> None:
    pressed_ns, taken_ns = parties(0, False).press()
    assert -MS <= taken_ns - pressed_ns <= FRAME_NS + 20 * MS


def test_the_flash_leads_zero_and_lasts_through_the_frame(parties: Callable[[int, bool], Party]) -> None:
    party = parties(3, True)
    pressed_ns, taken_ns = party.press()
    (_, before), (lit_ns, lit), (dark_ns, dark) = party.flashes[:3]
    assert (before, lit, dark) == (False, True, False)
    assert abs(lit_ns - (pressed_ns + 1_500 * MS)) < 100 * MS
    assert lit_ns < taken_ns < dark_ns


def test_without_a_countdown_the_flash_is_lit_at_once_and_the_frame_is_exposed_under_it_within_0_8_s(
    parties: Callable[[int, bool], Party],
) -> None:
    party = parties(0, True)
    pressed_ns, taken_ns = party.press()
    (_, _), (lit_ns, _), (dark_ns, _) = party.flashes[:3]
    assert lit_ns - pressed_ns < 50 * MS
    assert 150 * MS < taken_ns - pressed_ns <= 820 * MS
    assert taken_ns < dark_ns
