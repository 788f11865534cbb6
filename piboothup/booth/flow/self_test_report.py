"""The ready check's verdict: what was looked at, what was found, and whether the box may be shipped. Pure.

The order is that in which the steps are done and in which a first reason is named.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from piboothup.problems import Problem


class Step(StrEnum):
    """What is looked at."""

    CAMERA = "camera"
    LIGHT = "light"
    BUTTON = "button"
    CARD = "card"
    SUPPLY = "supply"
    WIFI = "wifi"
    CLOCK = "clock"
    KEY = "key"
    EVENT = "event"
    OTHERS = "others"
    """Photos of other events on the card."""


STEPS = tuple(Step)


@dataclass(frozen=True)
class Report:
    """The check as far as it is."""

    found: tuple[Problem | None, ...] = ()
    """What is wrong with each step that is done; None = it is well."""

    @property
    def step(self) -> Step | None:
        """What is being looked at; None at the end."""
        return STEPS[len(self.found)] if len(self.found) < len(STEPS) else None

    @property
    def asks(self) -> bool:
        """Whether somebody shall press the button."""
        return self.step is Step.BUTTON

    @property
    def reason(self) -> Problem | None:
        """The first thing that is wrong."""
        return next((one for one in self.found if one is not None), None)

    def then(self, found: Problem | None) -> Report:
        """The report with the next step done."""
        return replace(self, found=(*self.found, found))
