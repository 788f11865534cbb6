"""Networks that NetworkManager has given up are tried again. That it joins them then is seen in the Pi lab."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from piboothup.config import Config
from piboothup.problems import problem
from piboothup.uploader import wifi
from piboothup.uploader.service import Uploader
from piboothup.uploader.wifi import Wifi
from piboothup.uploader.wifi_monitor import REGISTER, WifiMonitor
from tests.support.clock import HandClock
from tests.support.deadline import until
from tests.support.photos import open_spool

MISSING = Wifi(problem=problem("wifi_missing"), is_missing=True)
BESIDE_A_CABLE = Wifi(is_missing=True)
JOINED = Wifi("Barn", 80)
LOOK_S = 3.0
"""Interval at which a service reads the Wi-Fi."""


class Box:
    """A monitor, the Wi-Fi that it sees, and a script in the place of busctl, as no NetworkManager runs here."""

    def __init__(self, folder: Path) -> None:
        self.clock = HandClock()
        self.seen = MISSING
        self._calls = folder / "calls"
        self._program = folder / "busctl"
        self.say("exit 0")
        self.monitor = WifiMonitor(self.clock, lambda: self.seen, (str(self._program), "call"))

    def say(self, script: str) -> None:
        self._program.write_text(f'#!/bin/sh\necho "$$ $*" >>{self._calls}\n{script}\n')
        self._program.chmod(0o700)

    def calls(self) -> list[str]:
        return self._calls.read_text().splitlines() if self._calls.exists() else []

    def look_for(self, seconds: float) -> int:
        """Look as a service does, each command ending between two looks. Returns the number of calls."""
        before = len(self.calls())
        for _ in range(round(seconds / LOOK_S)):
            self.clock.pass_s(LOOK_S)
            assert self.monitor.read() is self.seen
            self.end()
        return len(self.calls()) - before

    def end(self) -> None:
        """Wait until a command that was started has ended, and leave taking its status to the monitor."""
        if running := self.monitor._running:
            os.waitid(os.P_PID, running.pid, os.WEXITED | os.WNOWAIT)


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    made = Box(tmp_path)
    yield made
    if made.monitor._running is not None:
        made.monitor._running.kill()
        made.monitor._running.wait()


@pytest.mark.process
def test_n37_without_a_network_all_are_tried_again(box: Box) -> None:
    """After 1 minute, 2, 4, and from then on every 5."""
    assert box.look_for(LOOK_S) == 0  # seen for the first time
    assert [box.look_for(each * 60) for each in (1, 1, 1, 4, 5, 5, 4, 1)] == [1, 0, 1, 1, 1, 1, 0, 1]
    assert {call.partition(" ")[2] for call in box.calls()} == {"call"}


@pytest.mark.process
def test_n38_beside_a_cable_networks_are_tried_again_too(box: Box) -> None:
    """The cable, or a modem that is always plugged in, may lead nowhere."""
    box.seen = BESIDE_A_CABLE
    assert box.look_for(LOOK_S + 60) == 1


@pytest.mark.process
def test_n37_a_network_in_between_begins_the_tries_anew(box: Box) -> None:
    assert box.look_for(LOOK_S + 20 * 60) == 5
    box.seen = JOINED
    assert box.look_for(LOOK_S) == 0
    box.seen = MISSING
    assert box.look_for(LOOK_S) == 0
    assert [box.look_for(60) for _ in range(3)] == [1, 0, 1]


@pytest.mark.process
@pytest.mark.parametrize(
    "other",
    [
        JOINED,
        Wifi(),
        Wifi(problem=problem("wifi_off")),
        Wifi("Barn", 12, problem("wifi_weak", "Barn, 12 %")),
    ],
    ids=["joined", "cable or no Wi-Fi", "switched off", "weak"],
)
def test_n37_networks_are_not_tried_again_without_need(box: Box, other: Wifi) -> None:
    box.seen = other
    assert box.look_for(3600) == 0
    box.seen = MISSING
    assert box.look_for(30) == 0
    box.seen = other
    assert box.look_for(LOOK_S) == 0
    box.seen = MISSING  # the minute begins anew
    assert box.look_for(60) == 0
    assert box.look_for(LOOK_S) == 1


@pytest.mark.process
def test_n37_a_network_that_is_joined_in_vain_is_tried_less(box: Box) -> None:
    """As with a wrong password: for a moment of each try the network is seen, but gives no address."""
    calls = []
    for _ in range(60):
        box.seen = MISSING
        calls.append(box.look_for(57))
        box.seen = Wifi("Barn", 80, problem("wifi_no_address", "Barn"))
        assert box.look_for(LOOK_S) == 0
    assert sum(calls) == 13  # in an hour: after 1 minute, 2, 4, and every 5
    assert box.look_for(600) == 0


@pytest.mark.process
def test_n37_a_try_that_hangs_is_ended_and_delays_no_look(box: Box) -> None:
    """The monitor waits for no command: this test would end at its deadline."""
    box.say("exec sleep infinity")
    for _ in range(22):
        box.clock.pass_s(LOOK_S)
        box.monitor.read()
    until(box.calls)
    hung = int(box.calls()[0].split()[0])
    for _ in range(40):
        box.clock.pass_s(LOOK_S)
        box.monitor.read()
    box.end()  # it was killed
    box.say("exit 0")
    assert box.look_for(240) == 1
    with pytest.raises(ProcessLookupError):
        os.kill(hung, 0)  # nor a zombie


@pytest.mark.process
def test_n37_without_networkmanager_it_is_told_once(box: Box, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    box.say("exit 1")
    assert box.look_for(600) > 2
    assert caplog.messages == ["networks not tried again reason=busctl ended with 1"]
    box.say("exit 0")
    box.look_for(600)
    assert caplog.messages[1:] == ["networks tried again"]


@pytest.mark.process
def test_n37_without_busctl_it_is_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    clock = HandClock()
    monitor = WifiMonitor(clock, lambda: MISSING, (str(tmp_path / "none"),))
    for _ in range(200):
        clock.pass_s(LOOK_S)
        assert monitor.read() is MISSING
    assert caplog.messages == ["networks not tried again reason=No such file or directory"]


def test_n37_only_a_box_asks_its_networkmanager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not the demo on a person's laptop."""

    def reads() -> object:
        made = Uploader(Config(), open_spool(tmp_path / "spool", HandClock()), HandClock(), tmp_path)
        made._woken.close()
        made._wake.close()
        return made._read_wifi

    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    assert reads() is wifi.read
    monkeypatch.setenv("NOTIFY_SOCKET", "/nobody")
    monitor = getattr(reads(), "__self__", None)
    assert isinstance(monitor, WifiMonitor)
    assert (monitor._command, monitor._read) == (REGISTER, wifi.read)


def test_n37_what_is_called_belongs_to_each_systemd() -> None:
    program = Path(REGISTER[0])
    if not program.exists():
        pytest.skip("no systemd here")
    assert program.stat().st_mode & stat.S_IXOTH
