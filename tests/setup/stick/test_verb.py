"""Verb `stick` and its unit's command: nothing of the booth's goes in, one of a few words comes out."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from piboothup import root_requests
from piboothup.cli import main
from piboothup.commands import setup
from piboothup.root_requests import Answer, Outcome, Request, StickResult
from piboothup.setup import power, request_reader
from piboothup.setup.boot_answer import ANSWER
from piboothup.setup.errors import KeepsNothing, Refused
from piboothup.setup.stick import verb
from piboothup.spool.disk import usb_sticks
from piboothup.spool.disk.usb_sticks import UsbStick
from tests.setup.stick.test_file import holding
from tests.setup.test_boot_import import KEY, PASSWORD, Card, card, programs
from tests.setup.test_request_reader import Helper, helper
from tests.support.kept_box import KeptBox
from tests.support.stick import Stick, disk, mounts, stick
from tests.support.users import BOOTH, user

__all__ = ["card", "disk", "helper", "mounts", "programs", "stick"]

pytestmark = pytest.mark.process


class Systemctl:
    """A program in the place of systemctl, which leaves what the unit would."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls, self.result = folder / "calls", folder / verb.RESULT
        self._program = folder / "systemctl"
        monkeypatch.setattr(power, "SYSTEMCTL", str(self._program))
        monkeypatch.setattr(verb, "RUNTIME", folder)
        self.does(f"printf {StickResult.TAKEN} >{self.result}")

    def does(self, script: str) -> None:
        self._program.write_text(f'#!/bin/sh\necho "$@" >>{self.calls}\n{script}\n')
        self._program.chmod(0o755)


@pytest.fixture
def systemctl(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Systemctl:
    return Systemctl(tmp_path_factory.mktemp("systemctl"), monkeypatch)


@pytest.mark.parametrize("result", StickResult)
def test_u03_the_verb_starts_the_unit_and_returns_its_result(systemctl: Systemctl, result: StickResult) -> None:
    systemctl.does(f"printf {result} >{systemctl.result}")
    assert verb.take_stick({}) is result
    assert systemctl.calls.read_text() == "start piboothup-stick.service\n"


def test_a08_the_verb_takes_no_values(systemctl: Systemctl) -> None:
    with pytest.raises(Refused):
        verb.take_stick({"disk": "/dev/mmcblk0p2"})
    assert not systemctl.calls.exists()


def test_u03_a_unit_that_fails_is_no_result(systemctl: Systemctl) -> None:
    """The last one's is still there."""
    systemctl.result.write_text(StickResult.TAKEN)
    systemctl.does("exit 1")
    with pytest.raises(subprocess.CalledProcessError):
        verb.take_stick({})
    systemctl.does(f"echo nonsense >{systemctl.result}")
    with pytest.raises(Refused):
        verb.take_stick({})


def test_u03_a_stick_that_hangs_is_answered(
    systemctl: Systemctl, helper: Helper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verb, "TIMEOUT_S", 0.2)
    systemctl.does("exec sleep 1000")
    asked_ns = helper.clock.boottime_ns()
    with user(BOOTH):
        root_requests.put(Path(), "stick", Request(asked_ns, {}))
    request_reader.serve(Path(), BOOTH, helper.clock)
    with user(BOOTH):
        assert root_requests.answer(Path(), "stick", asked_ns) == Answer(asked_ns, Outcome.FAILED)


def test_u03_the_command_takes_the_stick_and_leaves_the_result(
    stick: Stick, card: Card, programs: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(verb, "RUNTIME", stick.box)
    monkeypatch.setattr(setup, "STICK", stick.link)
    stick.make("ext4").fill(holding())

    def take(stick: Stick) -> None:
        assert main(["setup", "stick"]) == 0
        assert main(["setup", "stick"]) == 0  # once more

    stick.call(take)
    assert (stick.box / verb.RESULT).read_text() == StickResult.TAKEN
    assert card.box.key_file.read_text() == f"{KEY}\n"
    assert "Network: 192.168.1.7 (wlan0)" in (stick.read(ANSWER) or b"").decode()
    assert programs.read_text().splitlines()[:2] == ["iw reg set AT", "nmcli connection reload"]
    told = "".join(capfd.readouterr()) + (stick.read(ANSWER) or b"").decode()
    assert KEY not in told and PASSWORD not in told


def test_u03_a_stick_is_not_taken_into_memory(
    stick: Stick, card: Card, programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the next power-on the event that was in force before would be so again, and nobody would know."""
    monkeypatch.setattr(verb, "RUNTIME", stick.box)
    monkeypatch.setattr(setup, "STICK", stick.link)
    monkeypatch.setattr(KeptBox, "forgets", True)
    stick.make("ext4").fill(holding())
    stick.call(lambda stick: None if main(["setup", "stick"]) == 0 else pytest.fail("it failed"))
    assert not card.settings.exists() and not card.box.key_file.exists() and not programs.exists()
    with pytest.raises(KeepsNothing):
        _result_of(stick, monkeypatch)


def _result_of(stick: Stick, monkeypatch: pytest.MonkeyPatch) -> object:
    """What the verb makes of the result that the unit left."""
    monkeypatch.setattr(power, "systemctl", lambda *words, timeout_s: None)
    return verb.take_stick({})


def test_u03_the_answer_says_why_a_stick_is_refused(systemctl: Systemctl, helper: Helper) -> None:
    systemctl.does(f"printf {root_requests.KEEPS_NOTHING} >{systemctl.result}")
    asked_ns = helper.clock.boottime_ns()
    with user(BOOTH):
        root_requests.put(Path(), "stick", Request(asked_ns, {}))
    request_reader.serve(Path(), BOOTH, helper.clock)
    with user(BOOTH):
        answer = root_requests.answer(Path(), "stick", asked_ns)
    assert answer == Answer(asked_ns, Outcome.REFUSED, root_requests.KEEPS_NOTHING)


def test_u03_only_root_may_take_a_stick(card: Card, programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert main(["setup", "stick"]) == 1
    assert not programs.exists()


# -- copying to one --------------------------------------------------------------------------------------------------


@pytest.fixture
def sticks(monkeypatch: pytest.MonkeyPatch) -> list[UsbStick]:
    found = [UsbStick("sda1", "sda1.7")]
    monkeypatch.setattr(usb_sticks, "plugged_in", lambda: found)
    return found


def test_e4_the_verb_starts_the_unit_of_this_stick(systemctl: Systemctl, sticks: list[UsbStick]) -> None:
    verb.copy_to_stick({"disk": "sda1"})
    assert systemctl.calls.read_text() == "start --no-block piboothup-stick-copy@sda1.service\n"


@pytest.mark.parametrize(
    "values",
    [
        *({}, {"disk": "sdb1"}, {"disk": "mmcblk0p2"}, {"disk": "../sda1"}, {"disk": "sda1 "}, {"disk": ["sda1"]}),
        *({"disk": None}, {"disk": "sda1", "more": 1}, {"disk": "sda1.service --now"}, {"disk": "x" * 5000}),
    ],
)
def test_a08_no_other_disk_is_copied_to(
    systemctl: Systemctl, sticks: list[UsbStick], values: dict[str, object]
) -> None:
    with pytest.raises(Refused):
        verb.copy_to_stick(values)
    assert not systemctl.calls.exists()


def test_e4_the_units_command_refuses_what_is_no_stick(
    sticks: list[UsbStick], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(setup, "_begin", lambda work: None)
    sticks.clear()
    assert main(["setup", "stick-copy", "sda1"]) == 1
    assert "sda1 is no stick that is plugged in and not used." in capsys.readouterr().err
