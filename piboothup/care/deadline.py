"""A deadline for work that may wait for a disk or a device for ever."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

Made = TypeVar("Made")


class NoAnswer(Exception):
    """The work was abandoned: it goes on on a thread of its own, and what it brings is dropped."""


def in_time(make: Callable[[], Made], deadline_s: float) -> Made:
    """What `make` returns or raises; raises NoAnswer after the deadline."""
    made: list[Made] = []
    raised: list[Exception] = []

    def run() -> None:
        try:
            made.append(make())
        except Exception as error:  # noqa: BLE001  (raised again below)
            raised.append(error)

    thread = threading.Thread(target=run, name="check", daemon=True)
    thread.start()
    thread.join(deadline_s)
    if raised:
        raise raised[0]
    if not made:
        raise NoAnswer
    return made[0]
