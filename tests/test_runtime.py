"""The runtime directory, hints, word to systemd, status files."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from piboothup import runtime, status
from piboothup.problems import codes, problem
from piboothup.runtime import HintSocket, RuntimeUnusable, send_hint
from piboothup.status import StatusFile
from tests.support.deadline import PATIENCE_S
from tests.support.mounts import MountNamespace, mounts
from tests.support.permissions import no_entry

__all__ = ["mounts"]

TAKES_THE_SOCKET_AND_IS_KILLED = """
import os, pathlib, sys
from piboothup.runtime import HintSocket
hints = HintSocket(pathlib.Path(sys.argv[1]), "booth")
os.kill(os.getpid(), 9)
"""


@pytest.fixture(autouse=True)
def desk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No /run/piboothup, as on a desk: these tests may run on a box, which has one."""
    monkeypatch.setattr(runtime, "SYSTEM_DIRECTORY", tmp_path / "no box")


def test_a_named_runtime_directory_is_used_and_made(tmp_path: Path) -> None:
    named = tmp_path / "a" / "b"
    environment = {"PIBOOTHUP_RUNTIME": str(named)}
    assert runtime.command_directory(environment) == named
    assert not named.exists()  # a command that root runs leaves nothing of root's in a service's way
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


@pytest.mark.parametrize("shut", ["", "booth.sock"])
def test_f08_a_folder_or_socket_of_others_is_a_sentence(shut: str) -> None:
    """In a folder that everybody may enter, unlike that of the test."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        with contextlib.closing(HintSocket(folder, "booth")), no_entry(folder / shut):
            with pytest.raises(PermissionError) as told:
                send_hint(folder, "booth", "press")
            assert str(told.value).startswith(f"You may not write to {folder}/booth.sock: run with sudo")
            if not shut:
                with pytest.raises(RuntimeUnusable, match=r"You may not enter .*: run with sudo"):
                    runtime.command_directory({"PIBOOTHUP_RUNTIME": name})


def test_f08_a_folder_in_one_of_others_is_a_sentence(tmp_path: Path) -> None:
    with no_entry(tmp_path), pytest.raises(RuntimeUnusable, match=r"Permission denied.*: set PIBOOTHUP_RUNTIME"):
        runtime.command_directory({"PIBOOTHUP_RUNTIME": str(tmp_path / "run")})


def test_a_hint_arrives_and_nobody_waits_for_one(tmp_path: Path) -> None:
    assert not send_hint(tmp_path, "booth", "press")
    hints = HintSocket(tmp_path, "booth")
    assert send_hint(tmp_path, "booth", "new", "photo.jpg")
    assert hints.receive(PATIENCE_S) == ["new", "photo.jpg"]
    assert hints.receive(0) == []
    hints.close()
    assert not hints.path.exists()


def test_c16_control_socket_is_for_its_user_and_group_alone(tmp_path: Path) -> None:
    with contextlib.closing(HintSocket(tmp_path, "booth")) as hints:
        assert hints.path.stat().st_mode & 0o777 == 0o660


def test_a_full_hint_socket_holds_nobody_up(tmp_path: Path) -> None:
    hints = HintSocket(tmp_path, "booth")
    heard = [send_hint(tmp_path, "booth", "press") for _ in range(5000)]
    assert heard[0]
    assert not heard[-1]
    hints.close()


def test_new_service_takes_socket_of_dead_one_and_keeps_it(tmp_path: Path) -> None:
    dead, alive = HintSocket(tmp_path, "booth"), HintSocket(tmp_path, "booth")
    dead.close()
    assert send_hint(tmp_path, "booth", "press")
    assert alive.receive(PATIENCE_S) == ["press"]
    alive.close()


def test_f08_vanished_socket_is_made_again_with_its_folder(tmp_path: Path) -> None:
    directory = tmp_path / "run"
    directory.mkdir()
    hints = HintSocket(directory, "booth")
    assert not hints.is_lost()
    shutil.rmtree(directory)
    assert hints.is_lost()
    with pytest.raises(FileNotFoundError):
        hints.renew()
    assert hints.fileno() >= 0
    runtime.make(directory)
    hints.renew()
    assert not hints.is_lost()
    assert send_hint(directory, "booth", "press")
    assert hints.receive(PATIENCE_S) == ["press"]
    hints.close()
    assert list(directory.iterdir()) == []


@pytest.mark.process
@pytest.mark.parametrize("length", [90, 107 - len("/.booth.sock.1234567"), 107, 200, 2000])
def test_a_socket_works_at_a_path_of_any_length(tmp_path: Path, length: int) -> None:
    directory = tmp_path
    while len(str(directory)) < length:
        directory /= "x" * min(200, max(1, length - len(str(directory)) - 1))
    directory.mkdir(parents=True, exist_ok=True)
    assert not send_hint(directory, "booth", "press")
    killed = [sys.executable, "-c", TAKES_THE_SOCKET_AND_IS_KILLED, str(directory)]
    assert subprocess.run(killed, timeout=PATIENCE_S, check=False).returncode == -signal.SIGKILL
    assert not send_hint(directory, "booth", "press")
    open_before = len(os.listdir("/proc/self/fd"))
    hints = HintSocket(directory, "booth")
    assert not hints.is_lost()
    assert send_hint(directory, "booth", "press")
    assert hints.receive(PATIENCE_S) == ["press"]
    hints.path.unlink()
    assert hints.is_lost()
    hints.renew()
    assert send_hint(directory, "booth", "press")
    hints.close()
    assert len(os.listdir("/proc/self/fd")) == open_before
    assert list(directory.iterdir()) == []
    assert not send_hint(directory / "gone", "booth", "press")


def test_f08_a_socket_that_was_closed_is_not_made_again(tmp_path: Path) -> None:
    hints = HintSocket(tmp_path, "booth")
    hints.close()
    assert hints.is_lost()
    hints.renew()
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(OSError, match="Bad file descriptor"):
        hints.receive(0)


def test_f08_a_socket_that_another_service_has_taken_is_not_lost(tmp_path: Path) -> None:
    hints, other = HintSocket(tmp_path, "booth"), HintSocket(tmp_path, "booth")
    assert not hints.is_lost()
    other.close()
    assert hints.is_lost()
    hints.close()


@pytest.mark.process
def test_f08_a_dead_services_socket_in_its_place_is_replaced(tmp_path: Path) -> None:
    hints = HintSocket(tmp_path, "booth")
    killed = [sys.executable, "-c", TAKES_THE_SOCKET_AND_IS_KILLED, str(tmp_path)]
    assert subprocess.run(killed, timeout=PATIENCE_S, check=False).returncode == -signal.SIGKILL
    assert hints.path.exists()
    assert not send_hint(tmp_path, "booth", "press")
    assert hints.is_lost()
    hints.renew()
    assert not hints.is_lost()
    assert send_hint(tmp_path, "booth", "press")
    assert hints.receive(PATIENCE_S) == ["press"]
    hints.path.unlink()
    hints.path.write_text("no socket at all")
    assert hints.is_lost()
    hints.close()


def without_room_for_files(directory: Path) -> None:
    """In the namespace, where `directory` is a tmpfs with room for a few files."""
    with contextlib.suppress(OSError):
        for number in range(100):
            (directory / str(number)).touch()
    hints = HintSocket(directory, "booth")
    assert hints.is_lost()
    assert hints.receive(0) == []
    with selectors.DefaultSelector() as selector:
        selector.register(hints, selectors.EVENT_READ)
        assert selector.select(0) == []
    with pytest.raises(OSError, match="No space left"):
        hints.renew()
    (directory / "0").unlink()
    hints.renew()
    assert not hints.is_lost()
    assert send_hint(directory, "booth", "press")
    assert hints.receive(PATIENCE_S) == ["press"]
    hints.close()


@pytest.mark.process
def test_f08_no_room_for_a_socket_it_comes_later(mounts: MountNamespace, tmp_path: Path) -> None:
    mounts.mount("tmpfs", tmp_path / "run", "nr_inodes=6")
    mounts.call(without_room_for_files, tmp_path / "run")


def without_room_for_the_folder(directory: Path) -> None:
    """In the namespace, where `directory` lies in a tmpfs with room for no file more."""
    said: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: said.append(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger("piboothup").addHandler(handler)
    (directory.parent / "fill").touch()
    assert runtime.service_directory({"PIBOOTHUP_RUNTIME": str(directory)}) == directory
    file, hints = StatusFile(directory, "booth"), HintSocket(directory, "booth")
    for _ in range(3):
        file.write({"state": "ready"})
        assert hints.is_lost()
        assert not send_hint(directory, "booth", "press")
    assert file.problem == problem("runtime_full", str(directory))
    assert said == [f"status not written reason={file.problem}"]
    with pytest.raises(RuntimeUnusable, match="File exists"):
        runtime.service_directory({"PIBOOTHUP_RUNTIME": str(directory.parent / "fill")})
    subprocess.run(["mount", "-o", "remount,nr_inodes=100", directory.parent], check=True)
    file.write({"state": "ready"})
    assert status.read(directory, "booth") is not None
    hints.renew()
    assert send_hint(directory, "booth", "press")
    assert hints.receive(PATIENCE_S) == ["press"]
    hints.close()


@pytest.mark.process
def test_f08_no_room_for_the_folder_itself_stops_no_service(mounts: MountNamespace, tmp_path: Path) -> None:
    mounts.mount("tmpfs", tmp_path / "run", "nr_inodes=2")
    mounts.call(without_room_for_the_folder, tmp_path / "run" / "piboothup")


def test_f08_a_socket_that_can_not_be_made_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "booth.sock").mkdir()
    with pytest.raises(RuntimeUnusable, match=r"booth\.sock can't be made \(Is a directory\)"):
        HintSocket(tmp_path, "booth")
    assert [path.name for path in tmp_path.iterdir()] == ["booth.sock"]


def test_f08_a_status_comes_back_with_its_folder_and_is_private(tmp_path: Path) -> None:
    file = StatusFile(tmp_path / "run", "booth")
    file.write({"state": "ready"})
    assert json.loads((tmp_path / "run" / "booth.json").read_text())["state"] == "ready"
    assert (tmp_path / "run").stat().st_mode & 0o777 == 0o700
    file.withdraw()
    file.withdraw()
    assert list((tmp_path / "run").iterdir()) == []


def test_f08_what_keeps_a_status_from_being_written_is_one_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    directory = tmp_path / "session" / "piboothup"
    file = StatusFile(directory, "booth")
    for _ in range(5):  # the session's folder itself is gone: nobody but the system makes it
        file.write({})
    assert [record.message.split("(")[0] for record in caplog.records] == [
        f"status not written reason={directory} can't be made "
    ]
    assert not any(record.exc_info for record in caplog.records)
    caplog.clear()
    (tmp_path / "session").mkdir()
    for _ in range(3):
        file.write({})
    assert [record.message for record in caplog.records] == [f"status written again directory={directory}"]
    caplog.clear()
    shutil.rmtree(tmp_path / "session")
    file.write({})
    assert len(caplog.records) == 1


def on_full_memory(directory: Path) -> None:
    """In the namespace, where `directory` is a small tmpfs."""
    said: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: said.append(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger("piboothup").addHandler(handler)
    file = StatusFile(directory, "booth")
    file.write({"state": "ready"})
    fill = (directory / "fill").open("wb", buffering=0)
    with contextlib.suppress(OSError):
        while fill.write(b"x" * 4096):
            pass
    fill.close()
    for _ in range(5):
        file.write({"state": "ready", "more": "x" * 20_000})
    assert file.problem is not None
    assert file.problem.code == "runtime_full"
    assert said == [f"status not written reason={file.problem}"]
    assert {path.name for path in directory.iterdir()} == {"fill", "booth.json"}
    (directory / "fill").unlink()
    file.write({"state": "ready"})
    assert file.problem is None


@pytest.mark.process
def test_f08_a_full_run_is_told_as_that_in_one_line(mounts: MountNamespace, tmp_path: Path) -> None:
    mounts.mount("tmpfs", tmp_path / "run", "size=64k")
    mounts.call(on_full_memory, tmp_path / "run")


def test_systemd_hears_of_readiness(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(PATIENCE_S)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        assert runtime.notify_systemd("READY=1")
        assert systemd.recv(100) == b"READY=1"
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "gone"))
    assert not runtime.notify_systemd("READY=1")
    monkeypatch.delenv("NOTIFY_SOCKET")
    assert runtime.notify_systemd("READY=1")


@pytest.mark.process
@pytest.mark.parametrize("word", ["hint", "systemd", "long hint"])
def test_f16_without_a_free_descriptor_no_message_is_sent(tmp_path: Path, word: str) -> None:
    deep = tmp_path / ("d" * 120)
    deep.mkdir()
    program = f"""
import os, pathlib, resource
from piboothup import runtime
resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))
if {word!r} == "systemd":
    os.environ["NOTIFY_SOCKET"] = "/nowhere"
    print(runtime.notify_systemd("READY=1"))
else:
    print(runtime.send_hint(pathlib.Path({str(deep if word == "long hint" else tmp_path)!r}), "booth", "press"))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("False\n", "")


def test_status_read_back_stale_or_broken_means_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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
