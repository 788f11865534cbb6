"""Checks of the way to EventPics, and of what the box learns over it: the clock, the key, the event.

Nothing is sent: what EventPics answers stands in the uploader's report, or in that of `doctor --online`, which has
asked it. No finding names an event.
"""

from __future__ import annotations

import os
from pathlib import Path

from piboothup.care.facts import NEEDS_GROUP, NOT_HERE, Facts, Finding, found, skipped
from piboothup.config import ConfigError
from piboothup.health import event_problem, key_problem, network_problem
from piboothup.problems import Problem
from piboothup.records import replace
from piboothup.status import UploaderReport
from piboothup.text import text_to_path

_NOT_ASKED = "not asked: --online"


def network(facts: Facts) -> Finding:
    """The way to EventPics: look-up, certificates, sign-in pages and silence."""
    report = _report(facts)
    if report is None:
        return _unasked(facts)
    reason = network_problem(report)
    if reason is not None and facts.answer_detail:
        reason = replace(reason, detail=facts.answer_detail)
    free = "name found, certificate trusted, no sign-in page"
    return _finding(reason, f"uploader {report.state}" if facts.answered is None else free)


def key(facts: Facts) -> Finding:
    """The API key: by EventPics' answer, else whether there is any."""
    report = _report_on_key(facts)
    if report is not None:
        return _finding(key_problem(report), "EventPics takes it")
    if not facts.is_box:
        return skipped(NOT_HERE)
    name = facts.config.eventpics.api_key_file
    path = Path(text_to_path(name))
    if facts.config.eventpics.api_key is None and name and path.exists() and not os.access(path, os.R_OK):
        return skipped("only root and the uploader may read it: run it with sudo")
    try:
        is_there = facts.config.read_key() is not None
    except ConfigError:
        return found("no_key", "its file can't be used")
    return Finding(f"there, {_NOT_ASKED}") if is_there else found("no_key", facts.config.no_key_detail)


def event(facts: Facts) -> Finding:
    """The chosen event, by the events that the key saw last."""
    if not facts.is_box:
        return skipped(NOT_HERE)
    report = _report_on_key(facts)
    if report is None and facts.hides_reports:
        return skipped(NEEDS_GROUP)
    events = facts.answered.events if facts.answered is not None and facts.answered.events else facts.spool.events()
    known = {event.link_id for event in events}
    note = "chosen" if report is not None or facts.link_id in known else f"chosen, {_NOT_ASKED}"
    return _finding(event_problem(report or UploaderReport(), facts.link_id, known), note)


def clock(facts: Facts) -> Finding:
    """Whether the time is known, and from where."""
    if not facts.is_box:
        return skipped(NOT_HERE)
    uncertainty_ms = facts.clock.ntp_uncertainty_ms()
    if uncertainty_ms is not None:
        within = f"{uncertainty_ms} ms" if uncertainty_ms < 1000 else f"{uncertainty_ms / 1000:.1f} s"
        return Finding(f"NTP, within {within}")
    if facts.now_ms is not None:
        return Finding("EventPics told the time")
    return skipped(NEEDS_GROUP) if facts.hides_reports else found("clock_unknown")


def _report(facts: Facts) -> UploaderReport | None:
    """What EventPics answered: just now, or to the uploader."""
    return facts.answered or facts.uploader


def _report_on_key(facts: Facts) -> UploaderReport | None:
    """What EventPics answered to the key: just now, or to the uploader."""
    asked = facts.answered
    is_judged = asked is not None and (asked.events_seen is not None or "key_refused" in asked.problems)
    return asked if is_judged else facts.uploader


def _unasked(facts: Facts) -> Finding:
    """Why nothing is known of EventPics' answers."""
    if facts.hides_reports:
        return skipped(NEEDS_GROUP)
    return skipped(_NOT_ASKED if facts.is_box else NOT_HERE)


def _finding(problem: Problem | None, note: str) -> Finding:
    return Finding(note) if problem is None else Finding(problem=problem)
