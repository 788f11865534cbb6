"""A booth whose photos are not saved, for real: the service as a process of its own, under limits of the system.

Its devices are simulated; the limits are those of `ulimit`, set from outside on the running process, as nobody can
set them on the process that runs the tests.
"""

from __future__ import annotations

import contextlib
import functools
import os
import resource
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from piboothup.problems import problem
from piboothup.simulator import appliance
from piboothup.simulator.appliance import Appliance
from piboothup.spool.listing import FOLDERS, TMP
from piboothup.status import BoothReport
from tests.support.commands import environment, run_forked
from tests.support.deadline import PATIENCE_S

pytestmark = pytest.mark.process

wait_until = functools.partial(appliance.wait_until, timeout_s=PATIENCE_S)
PHOTO_BYTES = 20_000
"""Less than any photo has, more than any other file of the booth."""
RETRY_S = 0.3
"""Instead of half a minute."""
_BOOTH = """
import sys
from piboothup import cli
from piboothup.booth.flow import save_health
save_health.RETRY_NS = {retry_ns}
sys.exit(cli.main(sys.argv[1:]))
"""


@pytest.fixture
def box(tmp_path: Path) -> Appliance:
    return Appliance(tmp_path / "box", "http://127.0.0.1:9", "key", review_s=0.1)


@contextlib.contextmanager
def running(box: Appliance, *limit: str, **more: str) -> Iterator[subprocess.Popen[bytes]]:
    """The booth; `limit`: words for the shell's `ulimit`; `more`: its environment."""
    command = [sys.executable, "-c", _BOOTH.format(retry_ns=int(RETRY_S * 1e9)), "--config", str(box.config), "booth"]
    if limit:
        command = ["/bin/sh", "-c", f'ulimit {" ".join(limit)} && exec "$0" "$@"', *command]
    out, log = os.pipe()  # a file would be under the limit too
    environ = environment(box.runtime, **more) | {"PYTHONDONTWRITEBYTECODE": "1"}  # else cut short by the limit
    process = subprocess.Popen(command, env=environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    os.close(log)
    with box.log.open("ab") as file:
        reader = subprocess.Popen(["/bin/cat"], stdin=out, stdout=file)
    os.close(out)
    try:
        yield process
    finally:
        process.terminate()
        assert process.wait(PATIENCE_S) == 0, "it ends as it is asked to"
        assert reader.wait(PATIENCE_S) == 0


def said(box: Appliance, state: str) -> list[str]:
    """Waits for this state; the problems then."""
    found: list[BoothReport] = []

    def comes() -> bool:
        found.append(box.booth())
        return found[-1].state == state

    wait_until(comes, f"the booth to be {state}")
    return list(found[-1].problems)


def fail_a_photo(box: Appliance, number: int, problem_code: str) -> None:
    """A guest presses, in vain for the `number`th time, and is told this."""
    assert box.press()
    wait_until(lambda: _log(box).count("state=fault before=saving") == number, "the photo not to be saved")
    wait_until(lambda: box.booth().problems == (problem_code,), "it to be told")


def _log(box: Appliance) -> str:
    return box.log.read_text(encoding="utf-8")


def files(box: Appliance) -> list[str]:
    """Whatever lies where photos lie."""
    folders = [box.spool.directory / name for name in FOLDERS if name not in ("boots", "contexts")]
    return [path.name for folder in folders for path in folder.rglob("*") if path.is_file()]


def lift(process: subprocess.Popen[bytes], what: int) -> None:
    resource.prlimit(process.pid, what, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def test_f16_a_limit_on_files_at_the_start_is_told_until_lifted(box: Appliance) -> None:
    with running(box, "-S", "-f", str(PHOTO_BYTES // 512)) as process:
        assert said(box, "fault") == ["unsaved_limit"]
        for _ in range(3):
            assert box.press()
        told = run_forked(box.runtime, "--config", box.config, "status").stdout
        assert problem("unsaved_limit").sentence in told and problem("unsaved_limit").remedy in told
        assert said(box, "fault") == ["unsaved_limit"]
        assert files(box) == []
        lift(process, resource.RLIMIT_FSIZE)
        assert said(box, "ready") == []
        assert box.booth().photos == 0
        box.take()
    assert len(box.photos()) == 1
    assert list((box.spool.directory / TMP).iterdir()) == []


@pytest.mark.parametrize(
    "error",
    [
        "ValueError('numpy.dtype size changed, may indicate binary incompatibility')",
        "ImportError('libturbojpeg.so.0: cannot open shared object file')",
        "OSError(5, 'Input/output error')",
    ],
)
def test_f16_an_encoder_not_importable_is_told_until_mended(box: Appliance, error: str) -> None:
    broken = box.root / "libraries" / "simplejpeg.py"
    broken.parent.mkdir()
    broken.write_text(f"raise {error}\n")
    with running(box, PYTHONPATH=str(broken.parent)):
        assert said(box, "fault") == ["unsaved_jpeg"]
        wait_until(lambda: error.split("'")[1] in box.log.read_text(), "the log to say why")
        broken.unlink()
        box.take(PATIENCE_S)
    assert len(box.photos()) == 1


def test_f16_no_free_descriptor_in_mid_event_ends_no_booth(box: Appliance) -> None:
    notify = box.root / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd, contextlib.ExitStack() as stack:
        systemd.bind(str(notify))
        systemd.settimeout(PATIENCE_S)
        process = stack.enter_context(running(box, NOTIFY_SOCKET=str(notify)))
        box.take(PATIENCE_S)
        said(box, "ready")
        taken = max(map(int, os.listdir(f"/proc/{process.pid}/fd"))) + 1
        before = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (taken, before[1]))
        assert box.press()
        wait_until(lambda: "state=fault before=" in box.log.read_text(), "the fault")
        assert process.poll() is None
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, before)
        wait_until(lambda: "state=ready before=fault" in box.log.read_text(), "its end")
        box.take(PATIENCE_S)
    assert len(box.photos()) == 2


def test_f16_file_size_limit_in_mid_event_fault_at_the_third(box: Appliance) -> None:
    with running(box) as process:
        box.take()
        said(box, "ready")
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (PHOTO_BYTES, resource.RLIM_INFINITY))
        for number, code in enumerate(("not_saved", "not_saved", "unsaved_limit"), 1):
            fail_a_photo(box, number, code)
        lift(process, resource.RLIMIT_FSIZE)
        assert said(box, "ready") == []
        box.take()
    assert len(box.photos()) == 2
