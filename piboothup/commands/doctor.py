"""`piboothup doctor`: each part of the box in a line, with what helps. It only looks, unless `--fix` is given."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace

from piboothup import config, status
from piboothup.care import doctor
from piboothup.care.facts import Facts
from piboothup.commands.common import CommandFails, config_problem
from piboothup.config import EffectiveConfig
from piboothup.problems import Problem
from piboothup.runtime import RuntimeUnusable, command_directory
from piboothup.spool.admin import lost_found
from piboothup.spool.names import box_id, hardware_serial
from piboothup.spool.store import Spool


def run(given: argparse.Namespace) -> int:
    """Print the checks; exit status by the gravest."""
    facts = gather(given.config)
    if given.fix:
        _give_back_photos(facts.spool)
    lines = doctor.examine(facts)
    print(json.dumps(doctor.to_json(lines), indent=2) if given.json else doctor.format_lines(lines))
    return doctor.exit_status(lines)


def _give_back_photos(spool: Spool) -> None:
    """Copy photos back from lost+found, and say so on standard error. Raises CommandFails."""
    try:
        photos = lost_found.find(spool)
    except OSError as error:
        raise CommandFails(f"lost+found can't be read ({error.strerror}): run with sudo.") from None
    try:
        count = lost_found.give_back(spool, photos)
    except OSError as error:
        raise CommandFails(f"Photos can't be copied back ({error.strerror}): `piboothup status` says why.") from None
    if count:
        print(f"piboothup: {count} photos were copied back; restart the booth to take them in.", file=sys.stderr)


def gather(named: str | None) -> Facts:
    """The facts of this computer, with the config file named on the command line."""
    path = config.find(named)
    used = config.load_effective(path, box_id(hardware_serial()))
    booth = uploader = None
    hides_reports = False
    try:
        runtime = command_directory()
        booth, uploader = status.read_booth(runtime), status.read_uploader(runtime)
    except RuntimeUnusable:
        hides_reports = True
    return Facts(
        config=used.config,
        config_problem=_config_problem(used),
        has_config=path.exists() or path != config.DEFAULT_PATH,
        booth=booth,
        uploader=uploader,
        hides_reports=hides_reports,
    )


def _config_problem(used: EffectiveConfig) -> Problem | None:
    """Problem of the config, with the first mistake in whole sentences."""
    found = config_problem(used)
    texts = [*(f"{error.what} {error.remedy}" for error in used.errors), *used.warnings]
    return found if found is None or not texts else replace(found, detail=_where(used) + texts[0].removesuffix("."))


def _where(used: EffectiveConfig) -> str:
    return f"line {used.errors[0].line}: " if used.errors and used.errors[0].line else ""
