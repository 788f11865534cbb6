"""The runtime directory, hints, word to systemd, status files."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path

import pytest

from piboothup import runtime, status
from piboothup.problems import codes, problem
from piboothup.runtime import HintSocket, RuntimeUnusable, send_hint
from tests.patience import PATIENCE_S


@pytest.fixture(autouse=True)
def desk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No /run/piboothup, as on a desk: these tests may run on a box, which has one."""
    monkeypatch.setattr(runtime, "SYSTEM_DIRECTORY", tmp_path / "no box")


def test_a_named_runtime_directory_is_used_and_made(tmp_path: Path) -> None:
    named = tmp_path / "a" / "b"
    environment = {"PIBOOTHUP_RUNTIME": str(named)}
    assert runtime.service_directory(environment) == named
    assert runtime.command_directory(environment) == named
    assert named.is_dir()


def test_a_folder_of_the_session_is_made_for_the_user_alone(tmp_path: Path) -> None:
    found = runtime.service_directory({"XDG_RUNTIME_DIR": str(tmp_path)})
    assert found == tmp_path / "piboothup"
    assert found.stat().st_mode & 0o777 == 0o700


def test_a_folder_that_others_may_enter_is_refused(tmp_path: Path) -> None:
    (tmp_path / "piboothup").mkdir(mode=0o777)
    (tmp_path / "piboothup").chmod(0o777)
    with pytest.raises(RuntimeUnusable, match="remove it"):
        runtime.service_directory({"XDG_RUNTIME_DIR": str(tmp_path)})


def test_a_hint_arrives_and_nobody_waits_for_one(tmp_path: Path) -> None:
    assert not send_hint(tmp_path, "booth", "press")
    hints = HintSocket(tmp_path, "booth")
    assert send_hint(tmp_path, "booth", "new", "photo.jpg")
    assert hints.receive(PATIENCE_S) == ["new", "photo.jpg"]
    assert hints.receive(0) == []
    assert hints.path.stat().st_mode & 0o777 == 0o660
    hints.close()
    assert not hints.path.exists()


def test_a_full_hint_socket_holds_nobody_up(tmp_path: Path) -> None:
    hints = HintSocket(tmp_path, "booth")
    heard = [send_hint(tmp_path, "booth", "press") for _ in range(5000)]
    assert heard[0]
    assert not heard[-1]
    hints.close()


def test_a_new_service_takes_the_socket_of_a_dead_one_and_keeps_it(tmp_path: Path) -> None:
    dead, alive = HintSocket(tmp_path, "booth"), HintSocket(tmp_path, "booth")
    dead.close()
    assert send_hint(tmp_path, "booth", "press")
    assert alive.receive(PATIENCE_S) == ["press"]
    alive.close()


def test_systemd_hears_of_readiness(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(PATIENCE_S)
        runtime.notify_systemd("READY=1", "STATUS=x", environment={"NOTIFY_SOCKET": str(tmp_path / "notify")})
        assert systemd.recv(100) == b"READY=1\nSTATUS=x"
    runtime.notify_systemd("READY=1", environment={})
    runtime.notify_systemd("READY=1", environment={"NOTIFY_SOCKET": str(tmp_path / "gone")})


def test_a_status_is_read_back_and_a_stale_or_broken_one_means_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old_s = time.clock_gettime(time.CLOCK_BOOTTIME) - status.STALE_S
    status.write(tmp_path, "booth", {"state": "ready", "boottime_s": old_s})
    assert status.read(tmp_path, "booth") is None
    monkeypatch.setattr(status, "STALE_S", 3600.0)  # fresh, however slow this machine is
    status.write(tmp_path, "booth", {"state": status.BoothState.READY})
    report = status.read(tmp_path, "booth")
    assert report is not None
    assert (report["state"], report["pid"]) == ("ready", os.getpid())
    status.write(tmp_path, "booth", {"state": "ready", "pid": 2**22 + 1})
    assert status.read(tmp_path, "booth") is None
    for junk in ('"state": "ready"', '"pid": 1e999}', '"pid": 1, "x": ' + "[" * 100_000):
        now_s = time.clock_gettime(time.CLOCK_BOOTTIME)
        (tmp_path / "booth.json").write_text(f'{{"boottime_s": {now_s}, {junk}')
        assert status.read(tmp_path, "booth") is None
    assert status.read(tmp_path, "uploader") is None


@pytest.mark.parametrize("code", codes())
def test_every_problem_is_a_sentence_with_a_remedy(code: str) -> None:
    told = problem(code, "a detail")
    assert told.sentence.endswith(".")
    assert told.remedy.endswith(".")
    assert str(told).startswith(told.sentence[:-1] + " (a detail). ")
