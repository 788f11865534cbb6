"""The things with wires, as the service is given them."""

from __future__ import annotations

from dataclasses import dataclass, field

from piboothup.booth.camera.base import Camera
from piboothup.booth.gpio.button import Button
from piboothup.booth.gpio.buzzer import Buzzer, NoBuzzer
from piboothup.booth.gpio.led import Light
from piboothup.booth.panel.thread import PanelDevice
from piboothup.problems import Problem


@dataclass(frozen=True)
class Devices:
    """One of each."""

    camera: Camera
    panel: PanelDevice
    light: Light
    button: Button | None
    """None: the control socket is the only button."""
    buzzer: Buzzer = field(default_factory=NoBuzzer)

    @property
    def button_problem(self) -> Problem | None:
        """Why nobody listens to the button; None while it works, and without one."""
        return None if self.button is None else self.button.problem

    @property
    def signal_problem(self) -> Problem | None:
        """Why light or buzzer do nothing; None while they work."""
        return self.light.problem or self.buzzer.problem
