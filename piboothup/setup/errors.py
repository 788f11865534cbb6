"""Errors of root's helper."""

from __future__ import annotations

from piboothup.root_requests import KEEPS_NOTHING


class Refused(Exception):
    """Refusal of a request, with the reason for the log."""

    detail = ""
    """For the answer."""


class KeepsNothing(Refused):
    """What a code or stick says would be gone at power-off, and what it took the place of in force again."""

    detail = KEEPS_NOTHING

    def __init__(self) -> None:
        super().__init__("the system keeps nothing at power-off: an overlay file system lies over it")
