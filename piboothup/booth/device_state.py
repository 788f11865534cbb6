"""Problem of a device: set and logged once when the device fails, cleared when it works again."""

from __future__ import annotations

import logging

from piboothup.problems import Problem, problem

log = logging.getLogger(__name__)


class DeviceState:
    """Whether a device works. `code`: the problem of a device that does not."""

    def __init__(self, name: str, code: str) -> None:
        self._name = name
        self._code = code
        self.problem: Problem | None = None
        """Why the device does not work; None while it does, and until the first attempt to open it has failed."""

    def fail(self, reason: str, traceback_of: Exception | None = None) -> None:
        """Set the problem. `traceback_of`: an error that nobody expects, logged with its traceback."""
        if self.problem is None:
            log.error("device missing device=%s reason=%r", self._name, reason, exc_info=traceback_of)
        self.problem = problem(self._code, reason)

    def mark_working(self) -> None:
        """Clear the problem."""
        if self.problem is not None:
            self.problem = None
            log.info("device works device=%s", self._name)
