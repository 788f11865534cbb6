"""All checks of the box in their order, and how they are told: one line each."""

from __future__ import annotations

import logging
import textwrap
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from piboothup import __version__
from piboothup.care import devices, drop_ins, install, network, pins, storage, system, wifi
from piboothup.care.deadline import NoAnswer, in_time
from piboothup.care.facts import Facts, Finding, State, found, skipped
from piboothup.health import REPORTED, Check
from piboothup.problems import problem
from piboothup.records import dataclass

log = logging.getLogger(__name__)

CHECKS: dict[Check, Callable[[Facts], Finding]] = {
    Check.SYSTEM: system.system,
    Check.LIBRARIES: system.libraries,
    Check.ACCOUNTS: install.accounts,
    Check.FILES: install.files,
    Check.LEFTOVERS: install.leftovers,
    Check.DROP_INS: drop_ins.drop_ins,
    Check.CONFIG: system.config,
    Check.SERVICES: system.services,
    Check.CAMERA: devices.camera,
    Check.BUS: devices.bus,
    Check.PANEL: devices.panel,
    Check.LIGHT: devices.light,
    Check.BUTTON: pins.button,
    Check.PINS: pins.pins,
    Check.CARD: storage.card,
    Check.SPACE: storage.space,
    Check.QUEUE: storage.queue,
    Check.LOST: storage.lost,
    Check.SUPPLY: devices.supply,
    Check.HEAT: devices.heat,
    Check.RADIO: wifi.radio,
    Check.WIFI: wifi.wifi,
    Check.NETWORK: network.network,
    Check.CLOCK: network.clock,
    Check.KEY: network.key,
    Check.EVENT: network.event,
    Check.OTHERS: storage.others,
    Check.WATCHDOG: drop_ins.watchdog,
    Check.FIRST_BOOT: system.first_boot,
}
_EXIT_STATUS = {State.SKIPPED: 0, State.OK: 0, State.WARNING: 3, State.FAULT: 1}
"""2 is an error in the command's use."""
_GRAVITY = list(State)
DEADLINE_S = 8.0
"""After this a check counts as unanswered, seconds."""
_CAMERA_S = 30.0
"""The same for the camera, whose test frame has a deadline of its own before."""
_NO_ANSWER = "no answer"
_ON_CARD = (Check.CARD, Check.SPACE, Check.QUEUE, Check.LOST, Check.EVENT, Check.OTHERS)
"""Checks that read the spool."""


@dataclass(frozen=True)
class Line:
    """A check and its finding."""

    check: Check
    finding: Finding

    @property
    def state(self) -> State:
        """The finding's state."""
        return self.finding.state


def examine(facts: Facts, deadline_s: float = DEADLINE_S) -> list[Line]:
    """Make every check, whatever the others find, and whatever does not answer."""
    lines: list[Line] = []
    for check in Check:
        is_card_silent = any(line.check in _ON_CARD and _is_late(line.finding) for line in lines)
        if is_card_silent and check in _ON_CARD:
            finding = skipped("the card does not answer")
        else:
            finding = _made_in_time(facts, check, deadline_s)
        lines.append(Line(check, _with_report(facts, check, finding)))
    return lines


def _made_in_time(facts: Facts, check: Check, deadline_s: float) -> Finding:
    """The finding; a check that waits for a disk or a device for too long is left alone."""
    try:
        return in_time(lambda: _made(facts, check), _CAMERA_S if check is Check.CAMERA else deadline_s)
    except NoAnswer:
        return found("not_checked", f"{check}: {_NO_ANSWER}")


def _is_late(finding: Finding) -> bool:
    return finding.problem is not None and finding.problem.detail.endswith(_NO_ANSWER)


def _made(facts: Facts, check: Check) -> Finding:
    try:
        return CHECKS[check](facts)
    except Exception as error:  # a defect, or a system that nobody has seen: the others are told
        log.debug("check failed check=%s", check, exc_info=True)
        return found("not_checked", f"{check}: {type(error).__name__}")


def _with_report(facts: Facts, check: Check, own: Finding) -> Finding:
    """The finding, or the problem that a running service reports of the same part if that is as grave."""
    reported = {code for report in (facts.booth, facts.uploader) if report is not None for code in report.problems}
    told = [Finding(problem=problem(code)) for code in REPORTED.get(check, ()) if code in reported]
    if not told or (own.problem is not None and own.problem.code in reported):
        return own
    gravest = max(told, key=lambda finding: _GRAVITY.index(finding.state))
    return gravest if _GRAVITY.index(gravest.state) >= _GRAVITY.index(own.state) else own


def exit_status(lines: Sequence[Line]) -> int:
    """0 = nothing is wrong, 3 = photos go on, 1 = they don't."""
    return _EXIT_STATUS[worst(lines)]


def worst(lines: Sequence[Line]) -> State:
    """The gravest state."""
    return max((line.state for line in lines), key=_GRAVITY.index, default=State.SKIPPED)


def format_lines(lines: Sequence[Line], width: int | None = None) -> str:
    """Format the checks for a person: a line each, those that were not made by their reasons, and a last line.

    `width`: columns of a terminal, in which long lines are wrapped; None = they are left whole.
    """
    made = [
        f"{line.state:<8} {line.check:<11} {_words(line.finding)}"
        for line in lines
        if line.state is not State.SKIPPED
    ]
    unmade: dict[str, list[str]] = {}
    for line in lines:
        if line.state is State.SKIPPED:
            unmade.setdefault(line.finding.note, []).append(line.check)
    left = [f"{State.SKIPPED:<8} {', '.join(checks)} ({reason})" for reason, checks in unmade.items()]
    hang = " " * 21
    return "\n".join(
        [
            *(_wrapped(line, width, hang) for line in made),
            *(_wrapped(line, width, hang[:9]) for line in left),
            _wrapped(_summary(lines), width, ""),
        ]
    )


def _wrapped(line: str, width: int | None, hang: str) -> str:
    if width is None or width < _NARROWEST:
        return line
    return "\n".join(textwrap.wrap(line, width, subsequent_indent=hang, break_on_hyphens=False))


def _summary(lines: Sequence[Line]) -> str:
    """The counts, and what is wrong by its names."""
    counts = Counter(line.state for line in lines)
    words = []
    for state, word in _COUNTED:
        wrong = [str(line.check) for line in lines if line.state is state and line.finding.problem is not None]
        if counts[state]:
            named = f"{'s' if len(wrong) > 1 else ''} ({', '.join(wrong)})" if wrong else ""
            words.append(f"{counts[state]} {word}{named}")
    return ", ".join(words)


_NARROWEST = 40
_COUNTED = ((State.FAULT, "fault"), (State.WARNING, "warning"), (State.OK, "ok"), (State.SKIPPED, "skipped"))


def _words(finding: Finding) -> str:
    return finding.note if finding.problem is None else f"{finding.problem} [{finding.problem.code}]"


def to_json(lines: Sequence[Line]) -> dict[str, Any]:
    """Data of `doctor --json`."""
    return {"version": __version__, "state": worst(lines), "checks": [_line_to_json(line) for line in lines]}


def _line_to_json(line: Line) -> dict[str, Any]:
    told = line.finding.problem
    return {
        "check": line.check,
        "state": line.state,
        "note": line.finding.note if told is None else told.detail,
        "code": None if told is None else told.code,
        "sentence": None if told is None else told.sentence,
        "remedy": None if told is None else told.remedy,
    }
