"""`piboothup doctor`: each part of the box in a line, with what helps. It only looks."""

from __future__ import annotations

import argparse
import json
from dataclasses import replace

from piboothup import config, status
from piboothup.care import doctor
from piboothup.care.facts import Facts
from piboothup.commands.common import config_problem
from piboothup.config import EffectiveConfig
from piboothup.problems import Problem
from piboothup.runtime import RuntimeUnusable, command_directory
from piboothup.spool.names import box_id, hardware_serial


def run(given: argparse.Namespace) -> int:
    """Print the checks; exit status by the gravest."""
    lines = doctor.examine(gather(given.config))
    print(json.dumps(doctor.to_json(lines), indent=2) if given.json else doctor.format_lines(lines))
    return doctor.exit_status(lines)


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
