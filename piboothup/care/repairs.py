"""What `doctor --fix` mends: what can be done again and again, loses nothing, and asks no question.

A repair is named before it is done. Users, groups, folders and modes are made by systemd's own tools from the
package's files; nothing here follows a path that another user may change.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from piboothup.care import install, system, wifi
from piboothup.care.deadline import in_time
from piboothup.care.facts import Facts, Finding
from piboothup.records import dataclass
from piboothup.runtime import SYSTEM_DIRECTORY
from piboothup.setup import request_reader, wifi_profiles
from piboothup.spool import durable
from piboothup.spool.admin import lost_found, users

_DEADLINE_S = 60.0
_RESTART = "It counts as soon as the services are started anew: sudo systemctl restart piboothup-{booth,uploader}"
_REBOOT = "It counts from the box's next start on."
_FILES: tuple[tuple[Callable[[Facts], Finding], str, str, str, str], ...] = (
    (
        *(wifi.radio, "wifi_mask", "have the Wi-Fi's driver leave out WPA3"),
        *wifi_profiles.CHIP_FILE,
    ),
    (
        *(system.first_boot, "network_rewritten", "have cloud-init leave the networks alone"),
        *wifi_profiles.CLOUD_FILE,
    ),
)
"""Files that mend a problem: the check and its code, what is done, path and text."""


@dataclass(frozen=True)
class Repair:
    """A repair: its name, what does it, and what a person does then. `do` raises OSError or SubprocessError."""

    name: str
    do: Callable[[], object]
    then: str = ""


def repairs(facts: Facts) -> Iterator[Repair]:
    """The repairs that this box wants, each found when those before it are done. Raises OSError, NoAnswer."""
    if _is(install.accounts(facts), "account_missing"):
        tool = partial(_run, facts, "systemd-sysusers")
        yield Repair("make the services' users and groups (systemd-sysusers)", tool, _RESTART)
    if _is(install.files(facts), "files_unfit"):
        tool = partial(_run, facts, "systemd-tmpfiles", "--create")
        yield Repair("give our folders and the key's file their owners and modes (systemd-tmpfiles)", tool)
    for check, code, name, path, text in _FILES:
        if _is(check(facts), code):
            yield Repair(f"{name} (/{path})", partial(_write, facts.path(path), text), _REBOOT)
    stale = install.stale_requests(facts)
    if stale:
        yield Repair(f"remove requests that nobody took ({', '.join(stale)})", partial(_refuse_requests, facts))
    photos = in_time(lambda: lost_found.find(facts.spool), _DEADLINE_S)
    if photos:
        give_back = partial(lost_found.give_back, facts.spool, photos)
        yield Repair(f"copy photos back from lost+found ({len(photos)})", give_back, _RESTART)


def _is(finding: Finding, code: str) -> bool:
    return finding.problem is not None and finding.problem.code == code


def _run(facts: Facts, tool: str, *options: str) -> None:
    root = [] if facts.root == Path("/") else [f"--root={facts.root}"]
    subprocess.run(  # noqa: S603
        [tool, *options, *root, "piboothup.conf"],
        check=True,
        capture_output=True,
        timeout=_DEADLINE_S,
        stdin=subprocess.DEVNULL,
    )


def _write(path: Path, text: str) -> None:
    durable.replace(path, (wifi_profiles.MADE + text).encode(), mode=0o644)
    durable.sync_directory(path.parent)


def _refuse_requests(facts: Facts) -> None:
    """Refuse whatever lies in the folder, whichever its verb."""
    booth_uid = facts.ids("/etc/passwd").get(users.BOOTH, -1)
    request_reader.serve(facts.path(str(SYSTEM_DIRECTORY)), booth_uid, facts.clock, {})
