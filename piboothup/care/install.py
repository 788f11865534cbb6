"""Checks of what the package makes: users and groups, folders and their modes; and of what came before it."""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator

from piboothup.care.facts import NEEDS_GROUP, NOT_HERE, OLD_UNITS, UNITS, Facts, Finding, found, skipped
from piboothup.records import dataclass
from piboothup.root_requests import FRESH_NS, REQUESTS
from piboothup.runtime import SYSTEM_DIRECTORY
from piboothup.spool.admin.users import BOOTH, UPLOADER

GROUP = "piboothup"
_DEVICE_GROUPS = ("gpio", "i2c", "video")
_SUPPLEMENTARY = re.compile(r"^SupplementaryGroups=(.*)$", re.MULTILINE)
_TMPFILES = "/usr/lib/tmpfiles.d/piboothup.conf"
SET_ASIDE = "/opt/piboothup.before-package"
"""Where the package's installation moves an older one to."""


@dataclass(frozen=True)
class Place:
    """A folder or file as tmpfiles.d wants it."""

    path: str
    kind: str
    mode: int
    user: str
    group: str


def accounts(facts: Facts) -> Finding:
    """Users of the services, and their groups; without the services those of the user who asks."""
    users = {fields[0]: fields for fields in facts.records("/etc/passwd")}
    if not users.keys() & {BOOTH, UPLOADER}:
        if facts.has_units:
            return found("account_missing", BOOTH)
        return _own_groups(facts)
    groups = {fields[0]: fields for fields in facts.records("/etc/group")}
    wanted = [(BOOTH, group) for group in (GROUP, *_DEVICE_GROUPS)] + [(UPLOADER, GROUP)]
    for user, group in wanted:
        if user not in users:
            return found("account_missing", user)
        if group not in groups:
            return found("account_missing", f"there is no group {group}")
        is_primary = users[user][3] == groups[group][2]
        if not is_primary and user not in groups[group][3].split(","):
            return found("account_missing", f"{user} is not in {group}")
    for name in _groups_of_units(facts):
        if name not in groups:
            return found("account_missing", f"a unit asks for group {name}, which is not there")
    return Finding(f"{BOOTH} and {UPLOADER}")


def _groups_of_units(facts: Facts) -> Iterator[str]:
    """Groups that the units and their drop-ins add: with one that is not there a unit does not start at all."""
    for folder in (UNITS, OLD_UNITS):
        for pattern in ("piboothup-*.service", "piboothup-*.service.d/*.conf"):
            for text in facts.texts(f"{folder}/{pattern}"):
                yield from (name for line in _SUPPLEMENTARY.findall(text) for name in line.split())


def _own_groups(facts: Facts) -> Finding:
    """For `piboothup run` on a Pi without the package."""
    if not facts.is_pi:
        return skipped("the services are not installed here")
    lacking = [] if facts.user_groups is None else [name for name in _DEVICE_GROUPS if name not in facts.user_groups]
    return found("groups_missing", ", ".join(lacking)) if lacking else Finding("the services are not installed here")


def files(facts: Facts) -> Finding:
    """Owner and mode of our folders and of the key's file, and requests to root that nobody took."""
    wanted = places(facts)
    if not wanted:
        return skipped("the package is not installed here")
    try:
        for place in wanted:
            if wrong := _misfit(facts, place):
                return found("files_unfit", wrong)
        stale = stale_requests(facts)
    except PermissionError:
        return skipped(NEEDS_GROUP)
    return found("request_stale", ", ".join(stale)) if stale else Finding("as the package makes them")


def places(facts: Facts) -> list[Place]:
    """What tmpfiles.d makes of ours."""
    lines = (line.split() for line in facts.text(_TMPFILES).splitlines())
    return [
        Place(words[1], words[0], int(words[2], 8), words[3], words[4])
        for words in lines
        if len(words) >= 5 and words[0] in ("d", "f") and re.fullmatch("[0-7]+", words[2])
    ]


def _misfit(facts: Facts, place: Place) -> str:
    """What is wrong with a place; empty when nothing is. Raises PermissionError."""
    try:
        seen = facts.path(place.path).lstat()
    except PermissionError:
        raise
    except OSError:
        return f"{place.path} is missing"
    if not (stat.S_ISDIR if place.kind == "d" else stat.S_ISREG)(seen.st_mode):
        return "" if stat.S_ISLNK(seen.st_mode) and place.kind == "d" else f"{place.path} is something else"
    owner = (facts.ids("/etc/passwd").get(place.user), facts.ids("/etc/group").get(place.group))
    if None not in owner and (seen.st_uid, seen.st_gid) != owner:
        return f"{place.path} is not {place.user}:{place.group}'s"
    mode = stat.S_IMODE(seen.st_mode)
    return f"{place.path} has mode {mode:o}, not {place.mode:o}" if mode != place.mode else ""


def stale_requests(facts: Facts) -> list[str]:
    """Requests to root's helper that lie there for longer than they count. Raises PermissionError."""
    folder = facts.path(f"{SYSTEM_DIRECTORY}/{REQUESTS}")
    if not folder.is_dir():
        return []
    now_ns = facts.clock.wall_ns()
    return [path.name for path in sorted(folder.iterdir()) if now_ns - path.lstat().st_mtime_ns > FRESH_NS]


def leftovers(facts: Facts) -> Finding:
    """What was set up by hand, before there was a package, and still wins over the package's."""
    if not facts.is_box:
        return skipped(NOT_HERE)
    left = next(_left(facts), None)
    if left is not None:
        return found("old_setup", left)
    return Finding(f"set aside in {SET_ASIDE}" if facts.exists(SET_ASIDE) else "nothing")


def _left(facts: Facts) -> Iterator[str]:
    has_package = facts.exists(f"{UNITS}/{BOOTH}.service")
    for pattern in (f"{OLD_UNITS}/piboothup-*.service", f"{OLD_UNITS}/piboothup-*.path"):
        for path in sorted(facts.root.glob(pattern.lstrip("/"))):
            if not path.is_symlink():  # a link to /dev/null is a person's "do not start this"
                yield f"/{path.relative_to(facts.root)}"
    if not has_package:
        return
    for name in ("/etc/sysusers.d/piboothup.conf", "/etc/tmpfiles.d/piboothup.conf", "/opt/piboothup"):
        if facts.exists(name):
            yield name
    for name in ("/usr/local/bin/piboothup", "/usr/bin/piboothup"):
        path = facts.path(name)
        if path.is_symlink() or (name.startswith("/usr/local") and path.exists()):
            yield name
