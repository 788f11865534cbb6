"""The systemd watchdog: fed for as long as every thread shows a sign of life."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

from piboothup.runtime import notify_systemd

log = logging.getLogger(__name__)

SILENT_NS = 20_000_000_000
"""A thread without a heartbeat for this long is stuck, nanoseconds."""


class Watchdog:
    """Feeder of systemd's watchdog; logs which thread is stuck.

    `heartbeats`: for each thread's name a function that gives the boot-time of its last sign of life.
    """

    def __init__(self, heartbeats: Mapping[str, Callable[[], int]]) -> None:
        self._heartbeats = heartbeats
        self._is_ready_sent = False
        self._silent: set[str] = set()
        """The stuck threads, as logged."""

    def report_ready(self) -> None:
        """Report to systemd that the service has started; repeated by `feed` until systemd has taken it."""
        self._is_ready_sent = self._is_ready_sent or notify_systemd("READY=1")

    def feed(self, now_ns: int) -> None:
        """Feed the watchdog unless a thread is stuck. Never waits."""
        self.report_ready()
        beats_ns = {name: heartbeat() for name, heartbeat in self._heartbeats.items()}
        silent = {name for name, beat_ns in beats_ns.items() if now_ns - beat_ns >= SILENT_NS}
        if not silent:
            notify_systemd("WATCHDOG=1")
        for name in silent - self._silent:
            log.error("thread silent name=%s seconds=%d", name, (now_ns - beats_ns[name]) // 1_000_000_000)
        for name in self._silent - silent:
            log.warning("thread answers again name=%s", name)
        self._silent = silent
