"""Listener on the control socket, through which `piboothup press` stands in for the button."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Mapping

from piboothup.booth.flow.events import Event, Pressed, Released, Tapped
from piboothup.booth.flow.long_press import STUCK_AFTER_NS
from piboothup.clock import Clock
from piboothup.runtime import HintSocket

POLL_S = 1.0
"""How often the thread checks for its end and for its socket, seconds."""
_EVENTS: Mapping[str, Callable[[int], Event]] = {"press": Tapped, "down": Pressed, "up": Released}


def listen(hints: HintSocket, clock: Clock, post: Callable[[Event], None], ended: threading.Event) -> None:
    """Post an event for each word that comes over the socket, until `ended` is set or the socket is closed.

    A "down" without an "up" (its sender was killed, or the "up" was lost) is released when a button counts as stuck;
    such a release starts nothing.
    """
    down_ns: int | None = None
    while not ended.is_set():
        try:
            words = hints.receive(POLL_S)
        except OSError:
            return  # closed: the service ends
        if not words and hints.is_lost():
            with contextlib.suppress(OSError):  # its folder can't be made now: tried again after `POLL_S`
                hints.renew()
        now_ns = clock.boottime_ns()
        if words and words[0] in _EVENTS:
            post(_EVENTS[words[0]](now_ns))
            if words[0] != "press":
                down_ns = now_ns if words[0] == "down" else None
        if down_ns is not None and now_ns - down_ns >= STUCK_AFTER_NS:
            post(Released(now_ns))
            down_ns = None
