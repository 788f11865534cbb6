"""The devices that the service is given."""

from __future__ import annotations

from piboothup.booth.camera.base import Camera
from piboothup.booth.gpio.button import GpioButton
from piboothup.booth.gpio.buzzer import Buzzer
from piboothup.booth.gpio.led import Light
from piboothup.booth.panel.base import PanelDevice
from piboothup.problems import Problem
from piboothup.records import dataclass, field


@dataclass(frozen=True)
class Devices:
    """One device of each kind."""

    camera: Camera
    panel: PanelDevice
    light: Light
    button: GpioButton | None
    """None = presses come over the control socket only."""
    buzzer: Buzzer = field(default_factory=Buzzer)

    @property
    def button_problem(self) -> Problem | None:
        """Why the button can't be read; None while it works, and without a button."""
        return None if self.button is None else self.button.problem

    @property
    def signal_problem(self) -> Problem | None:
        """Why light or buzzer do not work; None while they do."""
        return self.light.problem or self.buzzer.problem
