"""Checks of the Wi-Fi, of the way to EventPics, and of what the box learns over it: the clock, the key, the event.

Nothing is sent: what the network answers stands in the uploader's report. No finding names a network or an event.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from piboothup.care.facts import NEEDS_GROUP, NOT_HERE, Facts, Finding, found, skipped
from piboothup.config import ConfigError
from piboothup.health import event_problem, key_problem, network_problem
from piboothup.problems import Problem
from piboothup.status import UploaderReport, UploaderState
from piboothup.text import text_to_path
from piboothup.uploader import wifi as kernel_wifi

_STOPPED = "the uploader does not run"
_NO_COUNTRY = ("", "00")
_PROFILES = "/NetworkManager/system-connections/*.nmconnection"
_HASH = re.compile(r"^psk=[0-9a-fA-F]{64}$", re.MULTILINE)
_WPA3 = re.compile(r"^key-mgmt=sae$", re.MULTILINE)


def wifi(facts: Facts) -> Finding:
    """The Wi-Fi by the kernel's word: switched off, connected, signal, country, power saving."""
    if not facts.is_box:
        return skipped(NOT_HERE)
    interfaces = facts.path("/sys/class/net")
    interface = kernel_wifi.interface(interfaces)
    if interface is None:
        return skipped("no Wi-Fi on this computer")
    seen = kernel_wifi.read(interfaces, facts.path("/proc/net/wireless"))
    signal = "" if seen.signal is None else f"{seen.signal} %"
    if seen.problem is not None:
        return found(_reason(facts, seen.problem.code), signal)
    if kernel_wifi.saves_power(interface.name):
        return found("wifi_saves_power", signal)
    return Finding(f"signal {signal}" if signal else "not connected; a cable is")


def _reason(facts: Facts, code: str) -> str:
    """The deeper reason for the problem that the kernel shows, as far as the system's files tell one."""
    if not facts.is_pi or code not in ("wifi_off", "wifi_missing"):
        return code
    if not has_country(facts):
        return "wifi_country"
    if code == "wifi_missing":
        profiles = [text for folder in ("etc", "run") for text in facts.texts(folder + _PROFILES)]  # root's alone
        if any(_HASH.search(text) for text in profiles):
            return "wifi_hash"
        if "Zero" in facts.model and any(_WPA3.search(text) for text in profiles):
            return "wifi_wpa3"
    return code


def has_country(facts: Facts) -> bool:
    """Whether a Wi-Fi country is set: on the kernel's line, in its module, or by netplan."""
    on_line = re.search(r"cfg80211\.ieee80211_regdom=(\S+)", facts.text("/proc/cmdline"))
    in_module = facts.text("/sys/module/cfg80211/parameters/ieee80211_regdom").strip()
    is_netplans = facts.exists("/run/systemd/system/netplan-regdom.service")
    return (on_line is not None and on_line[1] not in _NO_COUNTRY) or in_module not in _NO_COUNTRY or is_netplans


def network(facts: Facts) -> Finding:
    """The way to EventPics: sign-in pages, certificates, look-ups and silence, by the uploader's report."""
    return _by_report(facts) or _finding(network_problem(_report(facts)), str(_report(facts).state))


def key(facts: Facts) -> Finding:
    """The API key: by the uploader's report, else whether there is any."""
    if facts.uploader is not None:
        return _finding(key_problem(facts.uploader), "EventPics takes it")
    if not facts.is_box:
        return skipped(NOT_HERE)
    name = facts.config.eventpics.api_key_file
    path = Path(text_to_path(name))
    if facts.config.eventpics.api_key is None and name and path.exists() and not os.access(path, os.R_OK):
        return skipped("only root and the uploader may read it, and the uploader does not run")
    try:
        is_there = facts.config.read_key() is not None
    except ConfigError:
        return found("no_key", "its file can't be used")
    return Finding("there, not tried: the uploader does not run") if is_there else found("no_key")


def event(facts: Facts) -> Finding:
    """The chosen event, by the events that the key saw last."""
    if not facts.is_box:
        return skipped(NOT_HERE)
    if facts.hides_reports:
        return skipped(NEEDS_GROUP)
    known = {event.link_id for event in facts.spool.events()}
    return _finding(event_problem(_report(facts), facts.link_id, known), "chosen")


def clock(facts: Facts) -> Finding:
    """Whether the time is known, and from where."""
    if not facts.is_box:
        return skipped(NOT_HERE)
    uncertainty_ms = facts.clock.ntp_uncertainty_ms()
    if uncertainty_ms is not None:
        return Finding(f"NTP, within {uncertainty_ms / 1000:.1f} s")
    if facts.now_ms is not None:
        return Finding("EventPics told the time")
    return skipped(NEEDS_GROUP) if facts.hides_reports else found("clock_unknown")


def _report(facts: Facts) -> UploaderReport:
    return facts.uploader or UploaderReport(state=UploaderState.STOPPED)


def _by_report(facts: Facts) -> Finding | None:
    """Why the uploader's report tells nothing; None when it is there."""
    if facts.hides_reports:
        return skipped(NEEDS_GROUP)
    if facts.uploader is None:
        return skipped(_STOPPED if facts.is_box else NOT_HERE)
    return None


def _finding(problem: Problem | None, note: str) -> Finding:
    return Finding(note) if problem is None else Finding(problem=problem)
