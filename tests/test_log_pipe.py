"""Whoever reads a service's standard error stands still, and nothing else does: real pipes, terminals and sockets."""

from __future__ import annotations

import contextlib
import fcntl
import functools
import os
import re
import select
import socket
import subprocess
import sys
import termios
import tty
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from piboothup import log_pipe
from piboothup.booth import service as booth_service
from piboothup.clock import SystemClock
from piboothup.commands import supervisor
from piboothup.simulator import appliance
from piboothup.simulator.appliance import Appliance
from piboothup.simulator.server import DEMO_KEY, LocalEventPics
from piboothup.spool.listing import SENT
from tests.support.commands import command, environment
from tests.support.deadline import PATIENCE_S
from tests.support.effort import covering, sample

pytestmark = pytest.mark.process

wait_until = functools.partial(appliance.wait_until, timeout_s=PATIENCE_S)


class Reader:
    """Whoever reads standard error; stands still until `comes_back`."""

    def __init__(self, ours: int, theirs: int, comes_back: Callable[[], object] = lambda: None) -> None:
        self.ours, self.theirs, self.comes_back = ours, theirs, comes_back
        self.read = b""

    def reads_until(self, pattern: str) -> re.Match[str]:
        """Reads on until it has seen this."""
        while not (found := re.search(pattern, self.text)):
            assert select.select([self.ours], [], [], PATIENCE_S)[0], f"never said: {pattern}"
            content = os.read(self.ours, 65_536)
            assert content, f"ended without: {pattern}, but with {self.text[-2000:]}"
            self.read += content
        return found

    def reads_to_the_end(self) -> str:
        """All that is left, once every writer has ended."""
        os.close(self.theirs)
        with contextlib.suppress(OSError):  # a terminal's way to say so
            while content := os.read(self.ours, 65_536):
                self.read += content
        return self.text

    @property
    def text(self) -> str:
        return self.read.decode("utf-8", "replace").replace("\r\n", "\n")


def fill(descriptor: int) -> None:
    """Writes until not one byte more has room."""
    os.set_blocking(descriptor, False)
    for size in (4096, 1):
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(descriptor, b"\n" * size)
    os.set_blocking(descriptor, True)


@contextlib.contextmanager
def full_pipe() -> Iterator[Reader]:
    """A pipe of 4 KiB that is full."""
    ours, theirs = os.pipe()
    fcntl.fcntl(theirs, fcntl.F_SETPIPE_SZ, 4096)
    fill(theirs)
    yield Reader(ours, theirs)
    os.close(ours)


@contextlib.contextmanager
def stopped_terminal() -> Iterator[Reader]:
    """A terminal on which somebody typed Ctrl-S; Ctrl-Q lets it go on."""
    ours, theirs = os.openpty()
    assert termios.tcgetattr(theirs)[tty.IFLAG] & termios.IXON
    os.write(ours, b"\x13")
    yield Reader(ours, theirs, lambda: os.write(ours, b"\x11"))
    os.close(ours)


@contextlib.contextmanager
def silent_journal() -> Iterator[Reader]:
    """A stream socket, as systemd gives one to a service, that nobody reads from."""
    journal, service = socket.socketpair()
    service.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    fill(service.fileno())
    yield Reader(journal.fileno(), service.detach())
    journal.close()


STANDING_STILL = [full_pipe, stopped_terminal, silent_journal]


def name_of(value: object) -> str:
    """A test's value in its name."""
    return getattr(value, "__name__", str(value))


@pytest.fixture(params=STANDING_STILL, ids=name_of)
def reader(request: pytest.FixtureRequest) -> Iterator[Reader]:
    """One that stands still; a test that starts the whole box chooses among them with `parametrize`."""
    with request.param() as found:
        yield found
        with contextlib.suppress(OSError):
            os.close(found.theirs)


@pytest.fixture
def album(tmp_path: Path) -> Iterator[LocalEventPics]:
    with LocalEventPics(tmp_path / "eventpics", SystemClock()) as server:
        yield server


@contextlib.contextmanager
def running(box: Appliance, reader: Reader, *words: str, **more: str) -> Iterator[subprocess.Popen[bytes]]:
    """A command of the box's that writes to `reader`; killed if the test leaves it running."""
    process = subprocess.Popen(
        command("--config", box.config, *words),
        env=environment(box.runtime, **more),
        stdin=subprocess.DEVNULL,
        stdout=reader.theirs,
        stderr=reader.theirs,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, 9)
        process.wait()


# -- the whole box ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "reader", sample(STANDING_STILL[1:] + STANDING_STILL[:1], lambda _: "any"), indirect=True, ids=name_of
)
def test_f06_log_reader_stands_still_photos_reach_the_album(
    reader: Reader, tmp_path: Path, album: LocalEventPics
) -> None:
    box = Appliance(tmp_path / "box", album.url, DEMO_KEY, review_s=0.1)
    with running(box, reader, "run", PIBOOTHUP_LOG="DEBUG") as process:
        panel = box.runtime / "panel.pbm"
        wait_until(panel.exists, "the panel, which loads after the first ready")
        before = panel.read_bytes()
        for _ in range(4):
            box.take(PATIENCE_S)
        wait_until(lambda: panel.read_bytes() != before, "the panel to show that there are photos")
        wait_until(lambda: len(box.photos(SENT)) == 4, "the photos to be in the album")
        reader.comes_back()
        reader.reads_until(r"saved photo=\S+")  # what had room was kept
        process.terminate()
        assert process.wait(PATIENCE_S) == 0


@pytest.mark.parametrize("reader", sample(STANDING_STILL[::-1], lambda _: "any"), indirect=True, ids=name_of)
def test_f06_log_reader_stands_still_watchdog_is_fed(reader: Reader, tmp_path: Path, album: LocalEventPics) -> None:
    box = Appliance(tmp_path / "box", album.url, DEMO_KEY, review_s=0.1)
    for service in ("booth", "uploader"):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
            systemd.bind(str(tmp_path / service))
            systemd.settimeout(PATIENCE_S)
            with running(box, reader, service, NOTIFY_SOCKET=systemd.getsockname()) as process:
                assert systemd.recv(100) == b"READY=1"
                for _ in range(3):
                    assert systemd.recv(100) == b"WATCHDOG=1"
                process.terminate()
                assert process.wait(PATIENCE_S) == 0


@pytest.mark.parametrize(
    ("word", "reader"), covering(["booth", "uploader", "run"], STANDING_STILL), indirect=["reader"], ids=name_of
)
def test_f06_log_reader_stands_still_sigterm_ends_it(
    word: str, reader: Reader, tmp_path: Path, album: LocalEventPics
) -> None:
    box = Appliance(tmp_path / "box", album.url, DEMO_KEY, review_s=0.1)
    with running(box, reader, word) as process:
        wait_until(lambda: box.booth().state != "stopped" or box.uploader().state != "stopped", "the service to run")
        process.terminate()
        assert process.wait(PATIENCE_S) == 0
    assert box.booth().state == "stopped"
    assert box.uploader().state == "stopped"


def test_f06_the_last_lines_fit_into_the_5_s_of_a_stop() -> None:
    assert booth_service._STOP_NS / 1e9 + log_pipe.FLUSH_S < 5.0
    assert supervisor._STOP_S + log_pipe.FLUSH_S < 5.0


def test_f06_standard_error_is_closed_photos_are_taken(tmp_path: Path, album: LocalEventPics) -> None:
    box = Appliance(tmp_path / "box", album.url, DEMO_KEY, review_s=0.1)
    words = ["sh", "-c", 'exec "$@" 0>&- 1>&- 2>&-', "sh", *command("--config", box.config, "booth")]
    process = subprocess.Popen(words, env=environment(box.runtime))
    try:
        box.take(PATIENCE_S)
        (photo,) = box.photos()
        assert box.spool.path(photo).read_bytes().endswith(b"\xff\xd9")  # no word of anybody in it
        process.terminate()
        assert process.wait(PATIENCE_S) == 0
    finally:
        process.kill()
        process.wait()


def test_f06_systemd_hears_nothing_photos_are_taken(tmp_path: Path, album: LocalEventPics) -> None:
    box = Appliance(tmp_path / "box", album.url, DEMO_KEY, review_s=0.1)
    for service in ("booth", "uploader"):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd, full_pipe() as reader:
            systemd.bind(str(tmp_path / service))
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other, contextlib.suppress(BlockingIOError):
                other.setblocking(False)
                while True:
                    other.sendto(b"of other services", systemd.getsockname())
            systemd.settimeout(PATIENCE_S)
            with running(box, reader, service, NOTIFY_SOCKET=systemd.getsockname()):
                if service == "booth":
                    box.take(PATIENCE_S)
                else:
                    wait_until(lambda: box.uploader().state != "stopped", "the uploader to say how it is")
                heard = iter(lambda: systemd.recv(100), b"READY=1")
                assert b"of other services" in {*heard}


def test_f06_status_file_that_hangs_watchdog_is_fed(tmp_path: Path, album: LocalEventPics) -> None:
    """A fifo that nobody reads stands for a file system that hangs: whoever opens it to write waits for ever."""
    for service in ("booth", "uploader"):
        box = Appliance(tmp_path / service[0], album.url, DEMO_KEY, review_s=0.1)  # a socket's path is short
        hang = f'mkfifo "{box.runtime}/.{service}.json.$$"; exec "$@"'
        words = ["sh", "-c", hang, "sh", *command("--config", box.config, service)]
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd, box.log.open("ab") as log:
            systemd.bind(str(tmp_path / f"{service}.notify"))
            systemd.settimeout(PATIENCE_S)
            env = environment(box.runtime, NOTIFY_SOCKET=systemd.getsockname())
            process = subprocess.Popen(words, env=env, stdin=log, stdout=log, stderr=log)
            try:
                assert systemd.recv(100) == b"READY=1"
                assert systemd.recv(100) == b"WATCHDOG=1"
                wait_until(lambda: service == "uploader" or (box.press() and bool(box.photos())), "a photo")  # noqa: B023
                process.terminate()
                assert process.wait(PATIENCE_S) == 0
            finally:
                process.kill()
                process.wait()


# -- the pipe alone -----------------------------------------------------------------------------------------------

BEGIN = """
import ctypes, logging, os, sys, threading, warnings
from piboothup.log_pipe import LogPipe
pipe = LogPipe()
logging.basicConfig(level="INFO", format="%(message)s", stream=sys.stderr)
log = logging.getLogger()
told = os.fdopen(int(sys.argv[1]), "w")
"""
"""A process whose log is a pipe; what it tells the test goes another way."""


@contextlib.contextmanager
def program(
    reader: Reader, body: str, begin: str = BEGIN
) -> Iterator[tuple[subprocess.Popen[bytes], Callable[[], str]]]:
    """Runs `body` with its log on `reader`; the process, and what it tells the test next."""
    ours, theirs = os.pipe()
    with open(ours, encoding="ascii") as told:
        process = subprocess.Popen(
            [sys.executable, "-c", begin + body, str(theirs)],
            stdin=subprocess.PIPE,
            stdout=reader.theirs,
            stderr=reader.theirs,
            pass_fds=[theirs],
        )
        os.close(theirs)
        try:
            yield process, told.readline
        finally:
            process.kill()
            process.communicate()


def test_f06_lines_beyond_the_queue_are_dropped_and_counted(reader: Reader) -> None:
    body = """
for number in range(5000):
    log.info("line %d %s", number, "." * 80)
print("logged", file=told, flush=True)
sys.stdin.read()
"""
    with program(reader, body) as (process, told):
        assert told() == "logged\n"
        reader.comes_back()
        dropped = int(reader.reads_until(r"WARNING piboothup.log_pipe log lines dropped=(\d+)\n")[1])
        process.communicate(timeout=PATIENCE_S)
    kept = [int(number) for number in re.findall(r"^line (\d+) \.{80}$", reader.text, re.MULTILINE)]
    assert kept == sorted(kept)
    assert kept[0] == 0
    assert len(kept) + dropped == 5000
    assert len(kept) > 500
    assert reader.text.count("dropped=") == 1
    assert reader.text.index(f"line {kept[-1]} ") < reader.text.index("dropped=")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("print('a word', flush=True)", "a word"),
        ("sys.stdout.write('half a line')", "half a line"),
        ("log.info('line %s', 'x' * 9000)", r"x{4000,}\.\.\.$"),
        ("log.info('\\n'.join(f'row {n}' for n in range(2000)))", "row 1999$"),
        ("raise RuntimeError('of the main thread')", "Traceback .*\n(.*\n)+RuntimeError: of the main thread"),
        (
            "threading.Thread(target=lambda: 1 / 0, name='worker').start()",
            "Exception in thread worker:\nTraceback .*\n(.*\n)+ZeroDivisionError",
        ),
        ("warnings.warn('of old age')", "UserWarning: of old age"),
        ("ctypes.CDLL(None).write(2, b'native\\n', 7)", "^native$"),
        ("ctypes.CDLL(None).write(1, b'native\\n', 7)", "^native$"),
        ("ctypes.CDLL(None).abort()", "Fatal Python error: Aborted"),
        ("ctypes.string_at(0)", "Fatal Python error: Segmentation fault"),
    ],
)
@pytest.mark.parametrize("stands_still", [False, True], ids=["free", "blocked"])
def test_f06_every_word_passes_and_none_waits(body: str, said: str, stands_still: bool) -> None:
    ours, theirs = os.pipe()
    reader = Reader(ours, theirs)
    if stands_still:
        fcntl.fcntl(theirs, fcntl.F_SETPIPE_SZ, 4096)
        fill(theirs)
    with program(reader, f"print('begun', file=told, flush=True)\n{body}\n") as (process, told):
        assert told() == "begun\n"
        assert process.stdin is not None
        process.wait(PATIENCE_S)
    text = reader.reads_to_the_end()
    os.close(ours)
    assert bool(re.search(said, text, re.MULTILINE)) is not stands_still


def test_f06_drops_told_to_nobody_are_counted_again() -> None:
    """A reader that is gone when the count is told: a file stands for one that comes back."""
    ours, theirs = os.pipe()
    os.close(ours)
    body = """
pipe.count(b"a\\nb\\n")
pipe._tell_dropped()
print(pipe._dropped, file=told, flush=True)
"""
    with program(Reader(-1, theirs), body) as (_, told):
        assert told() == "2\n"
    os.close(theirs)


def test_f06_signals_are_for_the_main_thread_alone(reader: Reader) -> None:
    body = """
thread = f"/proc/self/task/{pipe._thread.native_id}/status"
blocked = next(int(line.split()[1], 16) for line in open(thread) if line.startswith("SigBlk"))
import signal
print({int(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP) if not blocked >> (number - 1) & 1},
      signal.pthread_sigmask(signal.SIG_BLOCK, []), file=told, flush=True)
"""
    with program(reader, body) as (_, told):
        assert told() == "set() set()\n"


@pytest.mark.parametrize("crash", ["ctypes.string_at(0)", "ctypes.CDLL(None).abort()"], ids=["segv", "abort"])
def test_f06_crash_in_c_log_reader_stands_still_it_ends(crash: str, reader: Reader) -> None:
    with program(reader, f"print('begun', file=told, flush=True)\n{crash}\n") as (process, told):
        assert told() == "begun\n"
        assert process.wait(PATIENCE_S) < 0
    assert os.get_blocking(reader.theirs)  # whoever shares it finds it as it was


def test_f06_crash_in_c_has_its_own_way_to_the_journal(tmp_path: Path) -> None:
    """A listening socket stands for journald: the service's own stream is full, the second takes the dump."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as journal, contextlib.ExitStack() as streams:
        journal.bind(str(tmp_path / "stdout"))
        journal.listen()
        journal.settimeout(PATIENCE_S)
        service = streams.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
        service.connect(journal.getsockname())
        streams.enter_context(journal.accept()[0])
        fill(service.fileno())
        begin = BEGIN.replace(
            "pipe =",
            f"from piboothup import log_pipe; log_pipe._JOURNAL = {journal.getsockname()!r}\npipe =",
        )
        with program(Reader(-1, service.fileno()), "ctypes.string_at(0)", begin) as (process, _):
            dump = streams.enter_context(journal.accept()[0])
            assert process.wait(PATIENCE_S) < 0
        dump.settimeout(PATIENCE_S)
        said = b"".join(iter(lambda: dump.recv(65_536), b"")).decode()
    assert said.startswith("piboothup\n\n3\n0\n0\n0\n0\n")
    assert "Fatal Python error: Segmentation fault" in said


def test_f06_reader_that_is_gone_and_reader_that_never_blocks() -> None:
    """The terminal was closed; and somebody who shares it made it non-blocking."""
    body = """
for number in range(3):
    log.info("line %d", number)
print("logged", file=told, flush=True)
sys.stdin.read()
log.info("the end")
"""
    ours, theirs = os.pipe()
    os.close(ours)
    with program(Reader(-1, theirs), body) as (process, told):
        assert told() == "logged\n"
        process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 0
    os.close(theirs)
    with full_pipe() as reader:
        os.set_blocking(reader.theirs, False)
        with program(reader, body) as (process, told):
            assert told() == "logged\n"
            reader.reads_until("line 2\n")
            process.communicate(timeout=PATIENCE_S)
        assert reader.reads_to_the_end().endswith("line 0\nline 1\nline 2\nthe end\n")
