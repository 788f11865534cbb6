"""`piboothup setup requests`, which the unit starts: who may, what it says, and what it loads."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from piboothup import root_requests
from piboothup.cli import main
from piboothup.clock import SystemClock
from piboothup.commands import setup
from piboothup.commands.arguments import command_parser
from piboothup.root_requests import Answer, Outcome, Request, WifiResult
from piboothup.setup import code_import, power
from piboothup.setup.import_steps import Box
from piboothup.setup.radio import Radio
from tests.support.deadline import PATIENCE_S
from tests.support.users import BOOTH, GROUP, IS_ROOT, make_runtime, needs_users, user


@pytest.fixture
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A box's folders, and its booth's user; this user is taken for root."""
    make_runtime(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(setup, "SYSTEM_DIRECTORY", tmp_path)
    if not IS_ROOT:
        monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(pwd, "getpwnam", lambda name: SimpleNamespace(pw_uid=BOOTH, pw_name=name))
    return tmp_path


def told(capsys: pytest.CaptureFixture[str]) -> str:
    (line,) = capsys.readouterr().err.splitlines()
    return line


@needs_users
@pytest.mark.process
def test_a06_the_command_powers_off_at_the_booths_request(runtime: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`true` stands in for systemctl."""
    monkeypatch.setattr(power, "SYSTEMCTL", "/bin/true")
    asked_ns = SystemClock().boottime_ns()
    with user(BOOTH):
        root_requests.put(Path(), "power-off", Request(asked_ns, {}))
    assert main(["setup", "requests"]) == 0
    assert root_requests.answer(runtime, "power-off", asked_ns) == Answer(asked_ns, Outcome.DONE)


@needs_users
def test_u08_the_command_takes_a_code_for_the_uploader(runtime: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is done with it is `test_code_import`'s: the box's own folders are not touched here."""
    taken: list[tuple[Mapping[str, object], Box]] = []

    def take(values: Mapping[str, object], box: Box, _radio: Radio) -> WifiResult:
        taken.append((values, box))
        return WifiResult.UNSEEN

    monkeypatch.setitem(cast(dict[str, object], code_import.VERBS), "settings", take)
    monkeypatch.setattr(pwd, "getpwnam", lambda name: SimpleNamespace(pw_uid=BOOTH, pw_gid=GROUP, pw_name=name))
    asked_ns = SystemClock().boottime_ns()
    with user(BOOTH):
        root_requests.put(Path(), "settings", Request(asked_ns, {"code": "WIFI:S:Barn;;"}))
    assert main(["setup", "requests"]) == 0
    ((values, box),) = taken
    assert (values, box.boot, box.key_owner) == ({"code": "WIFI:S:Barn;;"}, setup.BOOT, (BOOTH, GROUP))
    assert root_requests.answer(runtime, "settings", asked_ns) == Answer(asked_ns, Outcome.DONE, WifiResult.UNSEEN)


def test_a08_only_root_may_serve_requests(
    runtime: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: BOOTH)
    assert main(["setup", "requests"]) == 1
    assert "Only root" in told(capsys)


def test_requests_without_the_folders_says_what_makes_them(runtime: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (runtime / root_requests.REQUESTS).rmdir()
    assert main(["setup", "requests"]) == 1
    assert "systemd-tmpfiles --create" in told(capsys)


def test_requests_without_the_users_says_what_makes_them(
    runtime: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def unknown(name: str) -> None:
        raise KeyError(name)

    monkeypatch.setattr(pwd, "getpwnam", unknown)
    assert main(["setup", "requests"]) == 1
    assert "systemd-sysusers" in told(capsys)


def test_help_lists_no_command_that_only_units_start() -> None:
    assert "requests" not in command_parser().format_help()


@pytest.mark.process
def test_a07_the_helper_loads_no_service_device_or_network() -> None:
    program = "import sys, piboothup.commands.setup; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=PATIENCE_S
    )
    loaded = {name for name in done.stdout.split() if name.startswith("piboothup.")}
    assert {"piboothup.setup.request_reader"} < loaded
    assert not {name.split(".")[1] for name in loaded} & {"booth", "uploader", "spool", "simulator", "care", "config"}
    assert not {"numpy", "PIL", "urllib3", "requests", "ssl", "socketserver"} & set(done.stdout.split())
