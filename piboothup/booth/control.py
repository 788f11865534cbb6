"""The control socket: `piboothup press` as a button without wires."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Mapping

from piboothup.booth.flow.events import Event, Pressed, Released, Tapped
from piboothup.clock import Clock
from piboothup.runtime import HintSocket

POLL_S = 1.0
"""How often the thread checks for its end and for its socket, seconds."""
_EVENTS: Mapping[str, Callable[[int], Event]] = {"press": Tapped, "down": Pressed, "up": Released}


def listen(hints: HintSocket, clock: Clock, post: Callable[[Event], None], ended: threading.Event) -> None:
    """Post an event for each word that comes over the socket, until `ended` is set or the socket is closed."""
    while not ended.is_set():
        try:
            words = hints.receive(POLL_S)
        except OSError:
            return  # closed: the service ends
        if not words and hints.is_lost():
            with contextlib.suppress(OSError):  # its folder can't be made for now, as the status says
                hints.renew()
        if words and words[0] in _EVENTS:
            post(_EVENTS[words[0]](clock.boottime_ns()))
