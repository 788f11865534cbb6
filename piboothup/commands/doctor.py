"""`piboothup doctor`: each part of the box in a line, with what helps.

It only looks, unless `--fix` is given, and sends nothing, unless `--online` is.
"""

from __future__ import annotations

import argparse
import grp
import json
import os
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

from piboothup import config, status
from piboothup.care import doctor, repairs
from piboothup.care.deadline import NoAnswer, in_time
from piboothup.care.facts import Facts, Finding, found
from piboothup.commands.common import CommandFails, config_problem, place_of
from piboothup.config import Config, ConfigError, EffectiveConfig
from piboothup.problems import Problem, codes, problem
from piboothup.process import child_environment, command
from piboothup.records import replace
from piboothup.runtime import RuntimeUnusable, command_directory
from piboothup.spool.names import box_id, hardware_serial
from piboothup.text import one_line

CAMERA_S = 20.0
"""After this a test frame counts as missing, seconds: a Zero takes half of it, mostly to load the libraries."""


def run(given: argparse.Namespace) -> int:
    """Print the checks; exit status by the gravest."""
    facts = gather(given.config)
    if given.fix:
        mend(facts)
    if given.online:
        facts = _ask_eventpics(facts)
    lines = doctor.examine(facts)
    if given.json:
        print(json.dumps(doctor.to_json(lines), indent=2))
    else:
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
        print(doctor.format_lines(lines, width))
    return doctor.exit_status(lines)


def mend(facts: Facts) -> None:
    """Do what can safely be mended, and say so on standard error before. Raises CommandFails."""
    wanted = repairs.repairs(facts)
    while True:
        try:
            repair = next(wanted, None)
        except OSError as error:
            raise CommandFails(f"A folder can't be read ({error.strerror}): run with sudo.") from None
        except NoAnswer:  # the checks say so too
            print("piboothup: lost+found is left alone: the card does not answer", file=sys.stderr)
            return
        if repair is None:
            return
        print(f"piboothup: to {repair.name}", file=sys.stderr)
        try:
            repair.do()
        except (OSError, subprocess.SubprocessError) as error:
            said = getattr(error, "stderr", None) or getattr(error, "strerror", None) or error
            reason = one_line(said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said))
            raise CommandFails(f"That failed ({reason}): run with sudo.") from None
        if repair.then:
            print(f"piboothup: {repair.then}", file=sys.stderr)


def _ask_eventpics(facts: Facts) -> Facts:
    try:
        from piboothup.commands import online
    except ImportError as error:  # the line on libraries names it
        print(f"piboothup: EventPics can't be asked: {one_line(str(error))}", file=sys.stderr)
        return facts
    answered, detail = online.ask(facts.config, facts.clock)
    return replace(facts, answered=answered, answer_detail=detail)


def gather(named: str | None, deadline_s: float = doctor.DEADLINE_S) -> Facts:
    """The facts of this computer, with the config file named on the command line."""
    path = config.find(named)
    try:
        used = in_time(lambda: config.load_effective(path, box_id(hardware_serial())), deadline_s)
        effective, mistake = used.config, _config_problem(used)
    except NoAnswer:  # of the card, on which the last good config lies
        effective, mistake = _config_alone(path), problem("not_checked", "config: no answer")
    booth = uploader = None
    hides_reports = False
    try:
        runtime = command_directory()
        booth, uploader = status.read_booth(runtime), status.read_uploader(runtime)
    except RuntimeUnusable:
        hides_reports = True
    return Facts(
        config=effective,
        config_problem=mistake,
        has_config=path.exists() or path != config.DEFAULT_PATH,
        booth=booth,
        uploader=uploader,
        hides_reports=hides_reports,
        try_camera=partial(try_camera, named),
        user_groups=None if os.geteuid() == 0 else frozenset(_groups()),
    )


def _config_alone(path: Path) -> Config:
    """The config by its file alone; the defaults when that is no good."""
    try:
        return config.parse(path.read_text(encoding="utf-8-sig"), path)[0]
    except (OSError, ValueError, ConfigError):
        return Config()


def _groups() -> list[str]:
    return [group.gr_name for group in grp.getgrall() if group.gr_gid in {os.getegid(), *os.getgroups()}]


def try_camera(named: str | None, deadline_s: float = CAMERA_S) -> Finding:
    """Take a test frame in a process of its own: whatever the libraries do there, doctor goes on."""
    words = command(*(["--config", named] if named else []), "camera", "--json")
    try:
        done = subprocess.run(  # noqa: S603
            words,
            capture_output=True,
            env=child_environment(),
            timeout=deadline_s,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        report = json.loads(done.stdout)
        told = [(entry["code"], entry["detail"]) for entry in report["problems"] if entry["code"] in codes()]
    except subprocess.TimeoutExpired:
        return found("not_checked", f"camera: no picture within {deadline_s:.0f} s")
    except (ValueError, TypeError, KeyError):
        return found("not_checked", f"camera: its test ended with {done.returncode}")
    return found(*told[0]) if told else Finding(f"{report['photo']}")


def _config_problem(used: EffectiveConfig) -> Problem | None:
    """Problem of the config, with the first mistake in whole sentences."""
    found = config_problem(used)
    texts = [*(f"{error.what} {error.remedy}" for error in used.errors), *used.warnings]
    return found if found is None or not texts else replace(found, detail=_where(used) + texts[0].removesuffix("."))


def _where(used: EffectiveConfig) -> str:
    return f"{place_of(used.errors[0])}: " if used.errors and used.errors[0].line else ""
