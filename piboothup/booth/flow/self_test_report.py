"""The ready check's verdict: what was looked at, what was found, and whether the box may be shipped. Pure.

The order is that in which the steps are done and in which a first reason is named.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from piboothup.problems import Problem


class SelfTestStep(StrEnum):
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


SELF_TEST_STEPS = tuple(SelfTestStep)


@dataclass(frozen=True)
class SelfTestReport:
    """The check as far as it is."""

    results: tuple[Problem | None, ...] = ()
    """What is wrong with each step that is done; None = it is well."""

    @property
    def step(self) -> SelfTestStep | None:
        """What is being looked at; None at the end."""
        return SELF_TEST_STEPS[len(self.results)] if len(self.results) < len(SELF_TEST_STEPS) else None

    @property
    def asks_for_press(self) -> bool:
        """Whether somebody shall press the button."""
        return self.step is SelfTestStep.BUTTON

    @property
    def reason(self) -> Problem | None:
        """The first thing that is wrong."""
        return next((found for found in self.results if found is not None), None)

    def with_result(self, found: Problem | None) -> SelfTestReport:
        """The report with the next step done."""
        return replace(self, results=(*self.results, found))
