"""Base of the booth's errors: each has the problem to tell a person."""

from __future__ import annotations

from piboothup.problems import Problem


class BoothError(Exception):
    """Failure of a part of the booth; `problem` says what and what helps."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem
