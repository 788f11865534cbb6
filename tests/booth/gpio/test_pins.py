"""lgpio's pipe lies in the runtime folder, whatever may not be written elsewhere; and what failed is tried anew.

Each attempt runs in a process of its own, as lgpio remembers its first one.
"""

from __future__ import annotations

import importlib.util
import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.deadline import PATIENCE_S
from tests.support.mounts import MountNamespace, mounts

__all__ = ["mounts"]

pytestmark = pytest.mark.process

ROOT = Path(__file__).parents[3]
PIPE = ".lgd-nfy0"

SCRIPT = """
import importlib.util, json, os, sys
from pathlib import Path

sys.path.insert(0, sys.argv[1])
if sys.argv[2] == "played":  # imported anew with each attempt, as lgpio is
    class Finder:
        def find_spec(self, name, path=None, target=None):
            if name == "lgpio":
                return importlib.util.spec_from_file_location(name, sys.argv[1] + "/tests/support/fake_lgpio.py")
    sys.meta_path.insert(0, Finder())

from piboothup.booth.gpio import pins

def attempt():
    said = ""
    try:
        pins.pin_factory()
    except Exception as error:  # this machine is no Pi; but lgpio was imported, or it was not
        said = str(error)
    print(json.dumps([said, os.getcwd(), [one.is_alive() for one in pins.notify_threads()]]))

attempt()
blocked = Path(os.environ["PIBOOTHUP_RUNTIME"], ".lgd-nfy0")
if blocked.is_dir():
    blocked.rmdir()
    attempt()
"""


def block(directory: Path) -> None:
    """Nobody can make lgpio's pipe in there, not even root."""
    (directory / PIPE).mkdir(parents=True)


class Attempts:
    """What a process told of its attempts, which begin in the folder `working`."""

    def __init__(self, root: Path, lgpio: str) -> None:
        self.lgpio = lgpio
        self.working, self.temporary, self.runtime = (root / name for name in ("working", "tmp", "run"))
        for path in (self.working, self.temporary, self.runtime):
            path.mkdir(mode=0o700)
        self.environment = {"TMPDIR": str(self.temporary), "PIBOOTHUP_RUNTIME": str(self.runtime)}

    def run(self, *before: str) -> list[Any]:
        """`before` are words before the command."""
        command = [*before, sys.executable, "-W", "error", "-c", SCRIPT, str(ROOT), self.lgpio]
        environment = {**os.environ, **self.environment}
        done = subprocess.run(
            command,
            cwd=self.working,
            env=environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    def is_imported(self, told: list[Any]) -> bool:
        """Whether lgpio calls back and the booth works where it did before."""
        return told[1:] == [str(self.working), [True]] and self.has_pipe()

    def has_pipe(self) -> bool:
        return stat.S_ISFIFO((self.runtime / PIPE).stat().st_mode)


@pytest.fixture(params=["real", "played"])
def attempts(request: pytest.FixtureRequest, tmp_path: Path) -> Attempts:
    """With lgpio itself, and with a stand-in for machines that lack it."""
    if request.param == "real" and importlib.util.find_spec("lgpio") is None:
        pytest.skip("lgpio is not installed: only its stand-in was tried")
    return Attempts(tmp_path, request.param)


@pytest.mark.parametrize("blocked", ["working", "temporary", "LG_WD", "none"])
def test_f19_lgpios_pipe_lies_in_the_runtime_folder(attempts: Attempts, blocked: str, tmp_path: Path) -> None:
    if blocked == "LG_WD":
        block(tmp_path / "elsewhere")
        attempts.environment["LG_WD"] = str(tmp_path / "elsewhere")
    elif blocked != "none":
        block(getattr(attempts, blocked))
    (told,) = attempts.run()
    assert attempts.is_imported(told), told


def test_f19_a_pipe_that_another_process_left_there_is_replaced(attempts: Attempts) -> None:
    os.mkfifo(attempts.runtime / PIPE, 0o400)
    before = (attempts.runtime / PIPE).stat().st_ino
    (told,) = attempts.run()
    assert attempts.is_imported(told), told
    assert (attempts.runtime / PIPE).stat().st_ino != before


@pytest.mark.parametrize("name", ["lgpio", "LGPIO"])
def test_f19_lgpio_that_was_asked_for_by_name_is_no_exception(attempts: Attempts, name: str) -> None:
    block(attempts.working)
    attempts.environment["GPIOZERO_PIN_FACTORY"] = name
    (told,) = attempts.run()
    assert attempts.is_imported(told), told


def test_f19_a_pipe_that_cant_be_made_is_tried_again(attempts: Attempts) -> None:
    block(attempts.runtime)
    first, second = attempts.run()
    assert PIPE[:8] in first[0] and first[1:] == [str(attempts.working), []]
    assert attempts.is_imported(second), second


@pytest.mark.parametrize("folder", ["there", "not there"])
def test_f08_f19_a_full_run_stops_no_button(mounts: MountNamespace, attempts: Attempts, folder: str) -> None:
    mounts.mount("tmpfs", attempts.runtime, f"nr_inodes={1 if folder == 'there' else 2}")
    if folder == "not there":
        mounts.run("touch", attempts.runtime / "fill")
        attempts.environment["PIBOOTHUP_RUNTIME"] = str(attempts.runtime / "piboothup")
    (told,) = attempts.run(*mounts.command())
    assert told[1:] == ["/", [True]], told  # where nsenter goes
    (pipe,) = attempts.temporary.glob(f"piboothup-*/{PIPE}")
    assert stat.S_IMODE(pipe.parent.stat().st_mode) == 0o700


def test_f19_a_relative_runtime_folder_is_the_same_for_all(attempts: Attempts) -> None:
    attempts.environment["PIBOOTHUP_RUNTIME"] = "../run"
    (told,) = attempts.run()
    assert attempts.is_imported(told), told
