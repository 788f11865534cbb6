"""Wi-Fi as the status has it, and another try at networks that NetworkManager has given up.

When a network breaks off in mid-handshake, as a router that is starting or a weak one does, NetworkManager takes the
password for wrong (1.52: need_new_wpa_psk in nm-device-wifi.c): it asks for another, finds no secret agent on a box,
and does not try that network again until one registers (secret_agent_registered in nm-policy.c). Any user may do so,
and for a moment is enough.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from piboothup.clock import Clock
from piboothup.uploader import wifi
from piboothup.uploader.schedule.backoff import SECOND_NS
from piboothup.uploader.wifi import Wifi

if TYPE_CHECKING:
    import subprocess

log = logging.getLogger(__name__)

_RETRY_NS = 60 * SECOND_NS
"""Time without a network after which all are tried again, nanoseconds; each interval is twice the one before."""
_LONGEST_NS = 300 * SECOND_NS
"""Limit of the interval, nanoseconds: NetworkManager notes each try in the journal, which lies on the card."""
_MANAGER = "org.freedesktop.NetworkManager"
REGISTER = (
    *("/usr/bin/busctl", "--timeout=20", "--auto-start=no", "call", _MANAGER),
    *("/org/freedesktop/NetworkManager/AgentManager", f"{_MANAGER}.AgentManager", "Register", "s", "piboothup"),
)
"""Registers a secret agent, which is gone when the command ends."""


class WifiMonitor:
    """Reads the Wi-Fi; while it is connected to no network, has NetworkManager try all that it knows again.

    Beside a cable or a modem too, as it may lead nowhere.
    """

    def __init__(self, clock: Clock, read: Callable[[], Wifi] = wifi.read, command: Sequence[str] = REGISTER) -> None:
        self._clock = clock
        self._read = read
        self._command = command
        self._due_ns: int | None = None
        """Boot-time of the next try; None while none is needed."""
        self._interval_ns = _RETRY_NS
        self._running: subprocess.Popen[bytes] | None = None
        self._last_failure: str | None = ""
        """Why the last command failed; None when it did not; empty before the first."""

    def read(self) -> Wifi:
        """The Wi-Fi now. Starts a command at most, and waits for none."""
        self._take_result()
        seen, now_ns = self._read(), self._clock.boottime_ns()
        if seen.problem is not None and seen.problem.code == "wifi_no_address":  # it is being joined, perhaps in vain
            return seen
        if not seen.is_missing:
            self._due_ns, self._interval_ns = None, _RETRY_NS
        elif self._due_ns is None:
            self._due_ns = now_ns + self._interval_ns
        elif now_ns >= self._due_ns:
            self._interval_ns = min(2 * self._interval_ns, _LONGEST_NS)
            self._due_ns = now_ns + self._interval_ns
            self._retry()
        return seen

    def _retry(self) -> None:
        import subprocess  # noqa: PLC0415  (most evenings need none)

        if self._running is not None:  # nobody answers it
            self._running.kill()
            return
        try:
            self._running = subprocess.Popen(  # noqa: S603  (fixed words)
                self._command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
        except OSError as error:
            self._note(error.strerror)

    def _take_result(self) -> None:
        if self._running is not None and (status := self._running.poll()) is not None:
            self._running = None
            self._note(f"busctl ended with {status}" if status else None)

    def _note(self, failure: str | None) -> None:
        """Log a result that is another than the last: a box may stand without Wi-Fi all evening."""
        if failure == self._last_failure:
            return
        self._last_failure = failure
        if failure is None:
            log.info("networks tried again")
        else:
            log.warning("networks not tried again reason=%s", failure)
