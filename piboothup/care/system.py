"""Checks of the system: its age, libraries, config, services, and what its first start left."""

from __future__ import annotations

import importlib.util
import platform
import re
from importlib import metadata

from piboothup import __version__
from piboothup.care.facts import NEEDS_GROUP, NOT_HERE, Facts, Finding, found, skipped

_OLDEST_DEBIAN = 13
_NEEDED = re.compile(r"([A-Za-z0-9._-]+)([^;]*)")
"""Name and bounds of what is needed on every box: the others have a condition after `;`."""
_MODULES = {"zxing-cpp": "zxingcpp"}
"""Module of a library that Debian ships without a version that Python could find: apt has compared it."""


def system(facts: Facts) -> Finding:
    """Age of the operating system, on a Pi alone; elsewhere whatever runs this will do."""
    release = dict(re.findall(r'^(\w+)="?([^"\n]*)"?$', facts.text("/etc/os-release"), re.MULTILINE))
    words = [facts.model, release.get("PRETTY_NAME", ""), f"Python {platform.python_version()}"]
    note = ", ".join(word for word in words if word)
    version = release.get("VERSION_ID", "")
    is_debian = release.get("ID") in ("debian", "raspbian")
    if facts.is_pi and is_debian and version.isdigit() and int(version) < _OLDEST_DEBIAN:
        return found("system_old", f"Debian {version}")
    return Finding(note)


def libraries(facts: Facts) -> Finding:
    """The libraries that the package asks for, and on a Pi those from apt alone. None of them is imported."""
    try:
        requirements = metadata.requires("piboothup") or []
    except metadata.PackageNotFoundError:
        return skipped("piboothup is not installed as a package")
    needed = [match for requirement in requirements if (match := _NEEDED.fullmatch(requirement))]
    unfit = [words for match in needed if (words := _misfit(match[1], match[2]))]
    if facts.is_pi:
        unfit += [name for name in ("picamera2", "lgpio") if importlib.util.find_spec(name) is None]
    return found("library_unfit", ", ".join(unfit)) if unfit else Finding("there, and new enough")


def _misfit(name: str, bounds: str) -> str:
    """What is wrong with a library; empty when nothing is."""
    try:
        version = metadata.version(name)
    except metadata.PackageNotFoundError:
        return "" if name in _MODULES and importlib.util.find_spec(_MODULES[name]) else name
    for sign, bound in re.findall(r"(>=|<)\s*([0-9.]+)", bounds):
        is_below = _numbers(version) < _numbers(bound)
        if is_below is (sign == ">="):
            return f"{name} {version}, {'at least' if is_below else 'below'} {bound} is needed"
    return ""


def _numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version.split("+", maxsplit=1)[0])]


def config(facts: Facts) -> Finding:
    """The config file."""
    if not facts.has_config:
        return found("config_missing") if facts.is_box else skipped("there is none; the defaults are used")
    return Finding("no mistake", facts.config_problem)


def services(facts: Facts) -> Finding:
    """Whether both services run, and in this version."""
    if facts.hides_reports:
        return skipped(NEEDS_GROUP)
    if not facts.is_box:
        return skipped(NOT_HERE)
    if facts.booth is None:
        return found("booth_stopped")
    if facts.uploader is None:
        return found("uploader_stopped")
    versions = {facts.booth.version, facts.uploader.version} - {"", __version__}
    if versions:
        return found("service_old", ", ".join(sorted(versions)))
    return Finding(f"booth {facts.booth.state}, uploader {facts.uploader.state}")


def first_boot(facts: Facts) -> Finding:
    """Whether the system waits for its first user, and whether cloud-init will write the networks again."""
    if not facts.is_pi:
        return skipped(NOT_HERE)
    if facts.text("/sys/fs/cgroup/system.slice/userconfig.service/cgroup.procs").strip():
        return found("user_awaited")
    switches = facts.text("/proc/cmdline")
    is_off = facts.exists("/etc/cloud/cloud-init.disabled") or "cloud-init=disabled" in switches
    is_kept = "network-config=disabled" in switches or any(
        re.search(r"^\s*network:\s*\{?\s*config:\s*disabled", text, re.MULTILINE)
        for text in facts.texts("/etc/cloud/cloud.cfg.d/*.cfg")
    )
    if facts.exists("/etc/cloud/cloud.cfg") and not is_off and not is_kept:
        return found("network_rewritten")
    return Finding("done")
