"""Driver of the state machine alone: a guest, an operator and time."""

from __future__ import annotations

import numpy as np

from piboothup.booth.flow.actions import CountPhotos, EventUsage
from piboothup.booth.flow.events import (
    ActionDone,
    CameraLost,
    CameraReady,
    Capture,
    Effect,
    Event,
    Pressed,
    Released,
    StorageChecked,
    Tick,
)
from piboothup.booth.flow.long_press import SECOND_NS
from piboothup.booth.flow.machine import step
from piboothup.booth.flow.menu import MenuOptions, wipe_page
from piboothup.booth.flow.save_health import SaveHealth
from piboothup.booth.flow.state import Booth, FlowSettings
from piboothup.booth.frame import Frame
from piboothup.problems import problem
from piboothup.status import BoothState

READY = CameraReady()
NO_CAMERA = CameraLost(problem("no_camera"))
FULL = StorageChecked(problem("card_full"))
ROOM = StorageChecked(None)
WELL = SaveHealth(is_tested=True)
"""Result of the start's test photo, saved; `test_save_health` tests what comes before it."""


def frame(exposure_start_ns: int = 1_000_000 * SECOND_NS) -> Frame:
    plane = np.zeros((2, 2), np.uint8)
    return Frame(plane, plane, plane, exposure_start_ns, release=lambda: None)


def counted(usages: tuple[EventUsage, ...]) -> ActionDone:
    """Answer to the count of the photos on the card."""
    return ActionDone(CountPhotos(), wipe_page(usages))


class StateMachineDriver:
    """Driver that feeds the machine and records its effects."""

    def __init__(
        self, countdown_s: int = 0, review_s: float = 2.5, hold_s: float = 5.0, offer: MenuOptions | None = None
    ) -> None:
        self.booth, self.now_ns, self.effects = Booth(health=WELL), 1_000 * SECOND_NS, list[Effect]()
        self.settings = FlowSettings(countdown_s, review_s, hold_s=hold_s, options=offer or MenuOptions())

    def says(self, *events: Event) -> BoothState:
        for event in events:
            self.booth, effects = step(self.booth, event, self.now_ns, self.settings)
            self.effects += effects
        return self.booth.state

    def press(self) -> BoothState:
        return self.says(Pressed(self.now_ns), Released(self.now_ns))

    def goes_down(self) -> BoothState:
        return self.says(Pressed(self.now_ns))

    def lets_go(self) -> BoothState:
        return self.says(Released(self.now_ns))

    def holds_s(self, seconds: float) -> BoothState:
        """Press, hold for so long and release."""
        self.goes_down()
        self.waits_s(seconds)
        return self.lets_go()

    def waits_s(self, seconds: float) -> BoothState:
        """Let time pass; the machine gets its ticks when it asked for them."""
        end_ns = self.now_ns + int(seconds * SECOND_NS)
        while (deadline_ns := self.booth.deadline_ns(self.now_ns)) is not None and deadline_ns <= end_ns:
            self.now_ns = max(deadline_ns, self.now_ns + 1)
            self.says(Tick())
        self.now_ns = max(end_ns, self.now_ns)
        return self.says(Tick())

    def captures(self) -> list[int]:
        return [effect.zero_ns for effect in self.effects if isinstance(effect, Capture)]
