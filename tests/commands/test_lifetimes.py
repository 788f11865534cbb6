"""The terminal of `demo` or `run` is closed, or the command killed: nothing of it lives on. Real terminals."""

from __future__ import annotations

import contextlib
import functools
import os
import select
import signal
import subprocess
import sys
import tempfile
import termios
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from piboothup import process, status
from piboothup.runtime import HintSocket
from piboothup.simulator import appliance
from piboothup.simulator.appliance import Appliance
from tests.support.clock import HandClock
from tests.support.commands import command, environment
from tests.support.deadline import PATIENCE_S
from tests.support.effort import sample
from tests.support.photos import open_spool

pytestmark = pytest.mark.process

wait_until = functools.partial(appliance.wait_until, timeout_s=PATIENCE_S)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder with a name that is short enough for a socket in a folder of a folder of it."""
    with tempfile.TemporaryDirectory(prefix="f07-", ignore_cleanup_errors=True) as name:
        yield Path(name)


class Session:
    """A terminal and what runs in it: everything that was started there bears the folder's name."""

    def __init__(self, folder: Path, words: list[str], shell: bool, stopped: bool = False) -> None:
        """`words` is run as the leader of the terminal's session, or by a shell that is. `stopped`: by Ctrl-S."""
        self.folder = folder
        self.master, slave = os.openpty()
        self.before = termios.tcgetattr(slave)
        self.shown = b""
        if stopped:
            os.write(self.master, b"\x13")
        if shell:
            words = ["sh", "-c", '"$@"; true', "sh", *words]
        self.process = subprocess.Popen(
            ["setsid", "--ctty", *words],
            env=environment(folder / "run", TMPDIR=str(folder), TERM="xterm"),
            stdin=slave,
            stdout=slave,
            stderr=slave,
            close_fds=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509  (a shell's background)
        )
        os.close(slave)
        self._closed = threading.Event()
        self._screen = threading.Thread(target=self._look)
        self._screen.start()

    def _look(self) -> None:
        """A terminal shows what it is given, or programs wait for it."""
        while not self._closed.is_set():
            if select.select([self.master], [], [], 0.05)[0]:
                try:
                    self.shown += os.read(self.master, 65_536)
                except OSError:  # nobody has it open any more
                    return

    def close(self) -> None:
        """The window is closed."""
        if not self._closed.is_set():
            self._closed.set()
            self._screen.join()
            os.close(self.master)

    def pids(self, word: str = "") -> list[int]:
        """The processes of this session and of those that it started: all, or those that run this command."""
        found = []
        for path in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                is_ours = os.fsencode(self.folder) in (path / "environ").read_bytes()  # empty once it has ended
                arguments = (path / "cmdline").read_bytes().split(b"\0")
                is_named = not word or (b"piboothup" in arguments[2:4] and arguments[-2] == word.encode())
                if is_ours and is_named:
                    found.append(int(path.name))
        return found

    @property
    def is_up(self) -> bool:
        """Whether both services run."""
        runtimes = [self.folder / "run", *self.folder.glob("piboothup-demo-*/box/run")]
        states = [(status.read(path, "booth") or {}).get("state") for path in runtimes]
        return "ready" in states and any(status.read(path, "uploader") for path in runtimes)

    def end(self) -> None:
        """Whatever the test leaves."""
        self.close()
        for pid in self.pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()


@contextlib.contextmanager
def session(folder: Path, *words: str, shell: bool = False, stopped: bool = False) -> Iterator[Session]:
    """A terminal in which this command of piboothup's has got going."""
    if words == ("run",):
        words = ("--config", str(Appliance(folder / "box", "http://127.0.0.1:9", "key").config), *words)
    found = Session(folder, command(*words), shell, stopped)
    try:
        wait_until(lambda: found.is_up, "both services")
        yield found
    finally:
        found.end()


def kill_all_of_the_session(found: Session) -> None:
    for pid in found.pids():
        with contextlib.suppress(ProcessLookupError):
            if os.getsid(pid) == found.process.pid:
                os.kill(pid, signal.SIGKILL)


def send(number: signal.Signals) -> Callable[[Session, str], object]:
    def sent(found: Session, word: str) -> None:
        (pid,) = [pid for pid in found.pids(word) if os.getsid(pid) == found.process.pid]
        os.kill(pid, number)

    return sent


ENDS: dict[str, Callable[[Session, str], object]] = {
    "closed": lambda found, _word: found.close(),
    "sigkill": send(signal.SIGKILL),
    "sighup": send(signal.SIGHUP),
    "sigterm": send(signal.SIGTERM),
    "ctrl-c": lambda found, _word: os.write(found.master, b"\x03"),
    "session killed": lambda found, _word: kill_all_of_the_session(found),
}


@pytest.mark.parametrize(
    ("end", "word", "shell"),
    sample(
        [
            ("closed", "demo", False),
            ("closed", "run", True),
            ("sigkill", "run", False),
            ("ctrl-c", "demo", True),
            ("session killed", "run", True),
            *((end, "run", False) for end in ("sighup", "sigterm")),  # the demo's are below
            ("closed", "run", False),
            ("closed", "demo", True),
            ("sigkill", "demo", False),
            ("ctrl-c", "run", True),
            ("session killed", "demo", True),
        ],
        lambda case: case[0],
    ),
)
def test_f07_terminal_or_command_ends_nothing_lives_on(end: str, word: str, shell: bool, folder: Path) -> None:
    with session(folder, word, shell=shell) as found:
        assert found.pids("booth")
        assert found.pids("uploader")
        ENDS[end](found, word)
        wait_until(lambda: not found.pids(), "everything to be gone")


@pytest.mark.parametrize("end", sample(["sigterm", "q", "sighup", "ctrl-c"], lambda end: end == "q"))
def test_f07_demo_ends_the_terminal_is_as_before(end: str, folder: Path) -> None:
    with session(folder, "demo") as found:
        assert termios.tcgetattr(found.master) != found.before
        assert b"\x1b[?1049h" in found.shown
        if end == "q":
            os.write(found.master, b"q")
        else:
            ENDS[end](found, "demo")
        found.process.wait(PATIENCE_S)
        wait_until(lambda: found.shown.endswith(b"\x1b[?25h\x1b[?1049l"), "the screen to be back")
        assert termios.tcgetattr(found.master) == found.before
        assert not list(folder.glob("piboothup-demo-*"))
        wait_until(lambda: not found.pids(), "everything to be gone")
        expected = {"sighup": -signal.SIGHUP, "sigterm": -signal.SIGTERM, "ctrl-c": 130, "q": 0}
        assert found.process.returncode == expected[end]


def test_f07_demo_on_a_stopped_terminal_ends(folder: Path) -> None:
    with session(folder, "demo") as found:
        os.write(found.master, b"\x13")  # Ctrl-S
        send(signal.SIGTERM)(found, "demo")
        wait_until(lambda: not found.pids(), "everything to be gone")
        assert termios.tcgetattr(found.master) == found.before


def test_f07_demo_begun_on_a_stopped_terminal_ends(folder: Path) -> None:
    with session(folder, "demo", stopped=True) as found:
        send(signal.SIGTERM)(found, "demo")
        wait_until(lambda: not found.pids(), "everything to be gone")
        assert termios.tcgetattr(found.master) == found.before


def test_f07_nohup_a_hangup_is_ignored(folder: Path) -> None:
    box = Appliance(folder / "box", "http://127.0.0.1:9", "key", review_s=0.1)
    words = ["nohup", *command("--config", box.config, "run")]
    with box.log.open("ab") as log:
        process = subprocess.Popen(
            words, env=environment(box.runtime), stdin=log, stdout=log, stderr=log, start_new_session=True
        )
    try:
        wait_until(lambda: box.booth().state != "stopped" and box.uploader().state != "stopped", "both services")
        pids = [(status.read(box.runtime, service) or {})["pid"] for service in ("booth", "uploader")]
        for pid in (*pids, process.pid):
            os.kill(pid, signal.SIGHUP)
        box.take(PATIENCE_S)
        process.terminate()
        assert process.wait(PATIENCE_S) == 0
        assert "died" not in box.log.read_text()
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.mark.parametrize("word", ["booth", "uploader", "run"])
def test_f07_parent_gone_before_the_child_looks_it_ends(word: str, folder: Path) -> None:
    box = Appliance(folder / "box", "http://127.0.0.1:9", "key")
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    result = subprocess.run(
        command("--config", box.config, word),
        env=environment(box.runtime, PIBOOTHUP_PARENT=str(ended.pid)),
        timeout=PATIENCE_S,
        check=False,
    )
    assert result.returncode == 0
    assert not box.spool.directory.exists()


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM, signal.SIGINT])
def test_f07_held_button_is_let_go_when_its_terminal_closes(number: signal.Signals, folder: Path) -> None:
    runtime = folder / "run"
    env = environment(runtime)
    with contextlib.closing(HintSocket(runtime, "booth")) as booth:
        press = subprocess.Popen(
            command("press", "--hold", "60"),
            env=env,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
        )
        try:
            assert booth.receive(PATIENCE_S) == ["down"]
            press.send_signal(number)
            assert booth.receive(PATIENCE_S) == ["up"]
            assert press.wait(PATIENCE_S) == (130 if number is signal.SIGINT else -number)
        finally:
            press.kill()
            press.wait()


@pytest.mark.parametrize("name", ["piboothup/__init__.py", "json.py", "requests.py"])
def test_a09_children_run_nothing_of_the_folder_they_stand_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """As in the folder of the photos. The services end at once, as others hold the locks."""
    spool = open_spool(tmp_path / "spool", HandClock())
    (tmp_path / "config.toml").write_text(f'[spool]\ndirectory = "{spool.directory}"\nallow_memory = true\n')
    stands_in = tmp_path / "there"
    for file in {name, name.replace("__init__", "__main__")}:
        (stands_in / file).parent.mkdir(parents=True, exist_ok=True)
        (stands_in / file).write_text(f"from pathlib import Path\nPath({str(tmp_path)!r}, 'ran').touch()\n")
    monkeypatch.chdir(stands_in)
    safely, *words = command("--config", tmp_path / "config.toml", "run")
    with spool.lock("booth"), spool.lock("uploader"):
        done = subprocess.run(
            [safely, "-P", *words],
            env=environment(tmp_path / "run"),
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
    assert "is already running on the spool" in done.stdout + done.stderr
    assert not (tmp_path / "ran").exists()


def test_a09_one_command_line_starts_all_children() -> None:
    """The demo's too, which takes seconds to try."""
    package = Path(process.__file__).parent
    assert [path.name for path in package.rglob("*.py") if "sys.executable" in path.read_text()] == ["process.py"]
    assert "-P" in process.command()
