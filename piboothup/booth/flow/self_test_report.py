"""Report of the self-test: the result of each step, and whether the box is ready to ship. Pure.

The order of the steps is the order in which they run and in which the first problem is named.
"""

from __future__ import annotations

from piboothup.health import Check
from piboothup.problems import Problem
from piboothup.records import dataclass, replace

SELF_TEST_STEPS = (
    *(Check.CAMERA, Check.LIGHT, Check.BUTTON, Check.CARD, Check.SUPPLY),
    *(Check.WIFI, Check.CLOCK, Check.KEY, Check.EVENT, Check.OTHERS),
)
"""The checks that the self-test tries; "Wi-Fi" covers the whole way to EventPics."""


@dataclass(frozen=True)
class SelfTestReport:
    """Results of the steps that are done."""

    results: tuple[Problem | None, ...] = ()
    """The problem of each step that is done; None = passed."""

    @property
    def step(self) -> Check | None:
        """The running step; None at the end."""
        return SELF_TEST_STEPS[len(self.results)] if len(self.results) < len(SELF_TEST_STEPS) else None

    @property
    def asks_for_press(self) -> bool:
        """Whether the running step wants the button pressed."""
        return self.step is Check.BUTTON

    @property
    def reason(self) -> Problem | None:
        """The first problem found."""
        return next((found for found in self.results if found is not None), None)

    def with_result(self, found: Problem | None) -> SelfTestReport:
        """The report with the next step done."""
        return replace(self, results=(*self.results, found))
