"""What systemd hears of the uploader: that it lives, and nothing any more once a worker can't be brought back."""

from __future__ import annotations

import queue
import socket
from pathlib import Path

import pytest

from piboothup.clock import Clock
from piboothup.config import Secret
from piboothup.simulator.server import DEMO_KEY
from piboothup.uploader.eventpics import EventPicsApi
from piboothup.uploader.outcomes import Outcome
from piboothup.uploader.schedule.scheduler import UploadScheduler
from piboothup.uploader.service import Uploader
from piboothup.uploader.session import ApiSession
from piboothup.uploader.transport.certificate_dates import NowMs
from piboothup.uploader.transport.client import Transport
from piboothup.uploader.transport.errors import LinkError
from piboothup.uploader.trusted_time import TrustedTime
from tests.support import uploader as usual
from tests.support.deadline import PATIENCE_S
from tests.support.limits import FAR
from tests.support.uploader import Desk


class Deaf(Transport):
    """A fake for what no real part can be made to do: a call that hangs in the kernel, deaf to being cut."""

    for_s = 0.0

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock, plain_http=True, limits=FAR)
        self.guard.overdue_s = lambda: Deaf.for_s  # type: ignore[method-assign]


def connect(url: str, key: Secret, clock: Clock, now_ms: NowMs) -> EventPicsApi:
    return EventPicsApi(url, key, clock, now_ms, Deaf(clock))


class Systemd:
    """The other end of $NOTIFY_SOCKET."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.settimeout(PATIENCE_S)

    def hears(self) -> bytes:
        return self._socket.recv(100)

    def has_heard(self) -> list[bytes]:
        """What has come and was not heard yet."""
        self._socket.setblocking(False)
        said = []
        try:
            while True:
                said.append(self._socket.recv(100))
        except BlockingIOError:
            self._socket.settimeout(PATIENCE_S)
        return said

    def close(self) -> None:
        self._socket.close()


def test_c08_worker_connecting_while_service_ends_makes_no_call(desk: Desk) -> None:
    scheduler = UploadScheduler(desk.clock, lambda: 0.5, 1, {}, paused=False, refused=False)
    scheduler.key, scheduler.stopping = Secret(DEMO_KEY), True
    trusted = TrustedTime(desk.booth, desk.clock)
    session = ApiSession(desk.config, desk.booth, desk.clock, trusted, scheduler, usual.connect)
    with pytest.raises(LinkError) as caught:
        session.api().events()
    assert caught.value.outcome is Outcome.STOPPED
    assert desk.album.calls.total() == 0


def test_c07_worker_beyond_recovery_stops_watchdog_signal(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    systemd = Systemd(tmp_path / "notify")
    turned: queue.SimpleQueue[None] = queue.SimpleQueue()
    keep_up = Uploader._run_due_tasks

    def noted(uploader: Uploader) -> None:
        keep_up(uploader)
        turned.put(None)

    monkeypatch.setattr(Uploader, "_run_due_tasks", noted)

    def turns(times: int) -> None:
        while not turned.empty():
            turned.get_nowait()
        for _ in range(times):
            desk.stir()
            turned.get(timeout=PATIENCE_S)

    desk.start(connect=connect)
    assert systemd.hears() == b"READY=1"
    assert systemd.hears() == b"WATCHDOG=1"
    desk.until_sent(desk.take(hint=True))
    systemd.has_heard()
    Deaf.for_s = 119.0
    desk.stir()
    assert systemd.hears() == b"WATCHDOG=1"
    for episode in (1, 2):
        Deaf.for_s = 120.0
        turns(2)
        systemd.has_heard()
        turns(3)
        assert systemd.has_heard() == []
        assert caplog.text.count("worker stuck") == episode
        Deaf.for_s = 0.0
        desk.stir()
        assert systemd.hears() == b"WATCHDOG=1"
    desk.stop()
    systemd.close()
