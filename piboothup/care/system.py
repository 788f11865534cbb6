"""Checks of the system: its age, libraries, accounts, services, watchdog, and what its first start left."""

from __future__ import annotations

import importlib.util
import platform
import re
from collections.abc import Iterator
from importlib import metadata

from piboothup import __version__
from piboothup.care.facts import NEEDS_GROUP, NOT_HERE, Facts, Finding, found, skipped

_OLDEST_DEBIAN = 13
_BOOTH, _UPLOADER = "piboothup-booth", "piboothup-uploader"
_GROUP = "piboothup"
_DEVICE_GROUPS = ("gpio", "i2c", "video")
_BOUND = re.compile(  # of what is needed on every box: the others have a condition after `;`
    r"([A-Za-z0-9._-]+)[^;]*?>=\s*([0-9.]+)[^;]*"
)
_OFF = ("", "0", "off", "infinity")


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
    bounds = [bound for requirement in requirements if (bound := _BOUND.fullmatch(requirement))]
    unfit = [words for bound in bounds if (words := _misfit(bound[1], bound[2]))]
    if facts.is_pi:
        unfit += [name for name in ("picamera2", "lgpio") if importlib.util.find_spec(name) is None]
    return found("library_unfit", ", ".join(unfit)) if unfit else Finding("there, and new enough")


def _misfit(name: str, lowest: str) -> str:
    """What is wrong with a library; empty when nothing is."""
    try:
        version = metadata.version(name)
    except metadata.PackageNotFoundError:
        return name
    return f"{name} {version}, at least {lowest} is needed" if _numbers(version) < _numbers(lowest) else ""


def _numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version.split("+", maxsplit=1)[0])]


def accounts(facts: Facts) -> Finding:
    """Users of the services, and their groups."""
    users = {fields[0]: fields for fields in _records(facts, "/etc/passwd", 4)}
    groups = {fields[0]: fields for fields in _records(facts, "/etc/group", 4)}
    units = ("/etc/systemd/system", "/usr/lib/systemd/system")
    if not users.keys() & {_BOOTH, _UPLOADER}:
        if any(facts.exists(f"{folder}/{_BOOTH}.service") for folder in units):
            return found("account_missing", _BOOTH)
        return skipped("the services are not installed here")
    wanted = [(_BOOTH, group) for group in (_GROUP, *_DEVICE_GROUPS)] + [(_UPLOADER, _GROUP)]
    for user, group in wanted:
        if user not in users:
            return found("account_missing", user)
        if group not in groups:
            return found("account_missing", f"there is no group {group}")
        is_primary = users[user][3] == groups[group][2]
        if not is_primary and user not in groups[group][3].split(","):
            return found("account_missing", f"{user} is not in {group}")
    return Finding(f"{_BOOTH} and {_UPLOADER}")


def _records(facts: Facts, name: str, fields: int) -> Iterator[list[str]]:
    for line in facts.text(name).splitlines():
        record = line.split(":")
        if len(record) >= fields:
            yield record


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


def watchdog(facts: Facts) -> Finding:
    """Whether systemd feeds the hardware watchdog: by the kernel's word, else by systemd's files."""
    if not facts.is_pi:
        return skipped(NOT_HERE)
    state = facts.text("/sys/class/watchdog/watchdog0/state").strip()
    if state:
        return Finding("active") if state == "active" else found("watchdog_off")
    timeout = _watchdog_setting(facts)
    return found("watchdog_off") if timeout in _OFF else Finding(f"set to {timeout}")


def _watchdog_setting(facts: Facts) -> str:
    """RuntimeWatchdogSec as systemd reads it: the main file, then every drop-in by its name; the last one counts."""
    files = {}
    for folder in ("usr/lib", "run", "etc"):
        for path in facts.root.glob(f"{folder}/systemd/system.conf.d/*.conf"):
            files[path.name] = str(path.relative_to(facts.root))
    main = next((text for folder in ("usr/lib", "etc") if (text := facts.text(f"{folder}/systemd/system.conf"))), "")
    texts = [facts.text("/etc/systemd/system.conf") or main, *(facts.text(files[name]) for name in sorted(files))]
    settings = re.findall(r"^\s*RuntimeWatchdogSec\s*=\s*(\S*)", "\n".join(texts), re.MULTILINE)
    return settings[-1] if settings else ""


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
