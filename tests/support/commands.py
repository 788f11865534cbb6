"""Runner of the real commands."""

from __future__ import annotations

import argparse
import functools
import importlib
import os
import runpy
import subprocess
import sys
from pathlib import Path

from piboothup import cli  # noqa: F401  (imported once, not in each of the forked commands)
from piboothup.commands.arguments import command_parser
from tests.support import forked
from tests.support.deadline import PATIENCE_S


def environment(runtime: Path, **more: str) -> dict[str, str]:
    """Environment of this process, with a runtime directory of the test's own."""
    runtime.mkdir(mode=0o700, parents=True, exist_ok=True)
    kept = {key: value for key, value in os.environ.items() if key not in ("PIBOOTHUP_CONFIG", "NOTIFY_SOCKET")}
    return {**kept, "PIBOOTHUP_RUNTIME": str(runtime), **more}


def command(*words: str | Path) -> list[str]:
    """Command line of `piboothup WORDS` in this environment."""
    return [sys.executable, "-m", "piboothup", *map(str, words)]


_AS_THE_BOX = """
import sys
from pathlib import Path
from piboothup import config
from piboothup.config import file
config.DEFAULT_PATH = file.DEFAULT_PATH = Path(sys.argv[2])
from piboothup.cli import main
sys.exit(main())
"""


def box_command(config: Path, *words: str) -> list[str]:
    """Command line of `piboothup WORDS` for which this config is the box's, with root's files beside it."""
    return [sys.executable, "-c", _AS_THE_BOX, "--config", str(config), *words]


def run(runtime: Path, *words: str | Path, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end in a fresh interpreter."""
    return subprocess.run(
        command(*words),
        env=environment(runtime, **more),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        stdin=subprocess.DEVNULL,
        check=False,
    )


def run_forked(
    runtime: Path, *words: str | Path, typed: str = "", mounts_of: int | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end in a forked copy of this process, with these lines as its standard input."""
    for word in words:
        if target := _modules().get(str(word)):
            importlib.import_module(target)  # once, not in each of the copies

    def main() -> None:
        sys.argv = ["piboothup", *map(str, words)]
        runpy.run_module("piboothup", run_name="__main__", alter_sys=True)

    return forked.call(main, environment=environment(runtime), typed=typed, mounts_of=mounts_of)


def targets(parser: argparse.ArgumentParser | None = None) -> dict[str, str]:
    """Function of each command and subcommand by its name."""
    found: dict[str, str] = {}
    for action in (parser or command_parser())._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, subparser in action.choices.items():
                inner = {f"{name} {below}": target for below, target in targets(subparser).items()}
                found |= {name: subparser.get_default("function"), **inner}
    return found


@functools.cache
def _modules() -> dict[str, str]:
    """Module of each command by its first word."""
    found = {name.partition(" ")[0]: target.partition(".")[0] for name, target in targets().items() if target}
    return {name: f"piboothup.commands.{module}" for name, module in found.items()}
