"""Checks of what the photos lie on, and of the photos that wait."""

from __future__ import annotations

import os
import re
from pathlib import Path

from piboothup.care.facts import NEEDS_GROUP, NOT_HERE, OLD_UNITS, UNITS, Facts, Finding, found, skipped
from piboothup.care.install import GROUP
from piboothup.spool.admin import lost_found
from piboothup.spool.admin.others import others_problem
from piboothup.spool.admin.users import BOOTH, UPLOADER
from piboothup.spool.disk import hidden_photos
from piboothup.spool.disk.file_system import Storage, file_system_of
from piboothup.spool.disk.free_space import storage
from piboothup.spool.listing import HELD, NEW, PARKED, SENT

_PLACES = {
    Storage.DISK: "on a disk",
    Storage.MEMORY: "in memory",
    Storage.UNKNOWN: "where power-off may delete it",
}
_OPEN = re.compile(r"^ReadWritePaths=(.*)$", re.MULTILINE)
_PATH = re.compile(r'"[-+]*([^"]*)"|(\S+)')
_LONG_WAIT_S = 86_400


def card(facts: Facts) -> Finding:
    """Kind of storage under the spool, and whether it can be written."""
    if unseen := _unseen(facts):
        return unseen
    spool = facts.spool
    spool.free_space.recheck_storage(allowed=facts.config.spool.allow_memory)
    unsound = spool.free_space.problem(lambda: True) or spool.free_space.warning
    if unsound is not None:
        return Finding(problem=unsound)
    if shut := _shut(facts):
        return found("spool_closed", shut)
    kind = storage(spool.directory)
    place = f"{spool.directory} lies {_PLACES[kind]} ({file_system_of(spool.directory)})"
    return Finding(place if kind is Storage.DISK else f"{place}, as the config allows")


def _shut(facts: Facts) -> str:
    """Why a service may not write to the spool; empty when both may, or none is installed."""
    return next(filter(None, (_shut_to(facts, user) for user in (BOOTH, UPLOADER))), "")


def _shut_to(facts: Facts, user: str) -> str:
    owner = facts.ids("/etc/passwd").get(user)
    group = facts.ids("/etc/group").get(GROUP)
    if owner is None or group is None or not facts.exists(f"{UNITS}/{user}.service"):
        return ""
    directory = Path(os.path.realpath(facts.spool.directory))
    seen = directory.stat()
    shift = 6 if seen.st_uid == owner else 3 if seen.st_gid == group else 0
    if seen.st_mode >> shift & 0o3 != 0o3:
        return f"{directory}, whose modes shut {user} out"
    drop_ins = facts.texts(f"{OLD_UNITS}/{user}.service.d/*.conf")
    unit = "\n".join((facts.text(f"{UNITS}/{user}.service"), *drop_ins))
    open_paths = [quoted or word.lstrip("-+") for line in _OPEN.findall(unit) for quoted, word in _PATH.findall(line)]
    is_open = not open_paths or any(directory.is_relative_to(path) for path in open_paths)
    return "" if is_open else f"{directory}, which its unit shuts"


def _unseen(facts: Facts) -> Finding | None:
    """Why the spool is not looked at, or what is wrong with its path."""
    directory = facts.spool.directory
    try:
        directory.stat()
    except PermissionError:
        return skipped(NEEDS_GROUP)
    except OSError:
        if not facts.is_box:
            return skipped(NOT_HERE)
        if directory.is_symlink():
            return found("spool_missing")
        return found("spool_unusable", f"there is no {directory}")
    return None if os.access(directory, os.R_OK | os.X_OK) else skipped(NEEDS_GROUP)


def space(facts: Facts) -> Finding:
    """Room for photos and for files; sent photos make room by themselves."""
    if unseen := _unseen(facts):
        return unseen if unseen.is_skipped else skipped("no spool")
    full = facts.spool.free_space.problem(lambda: next(facts.spool.names(SENT), None) is not None)
    if full is not None and full.code in ("card_full", "card_crowded"):
        return Finding(problem=full)
    room = os.statvfs(facts.spool.directory)
    files = f" and {room.f_favail} files" if room.f_files else ""
    return Finding(f"{room.f_bavail * room.f_frsize / 1e9:.1f} GB{files} free")


def queue(facts: Facts) -> Finding:
    """The photos that wait: how many, how long, and those that nobody sends."""
    if unseen := _unseen(facts):
        return unseen if unseen.is_skipped else skipped("no spool")
    spool = facts.spool
    if hidden_photos.read(spool.directory):
        return found("photos_hidden")
    parked = sum(1 for _ in spool.names(PARKED))
    if parked:
        return found("photos_parked", str(parked))
    waiting = [*spool.names(NEW), *spool.names(HELD)]
    if not waiting:
        return Finding("no photo waits")
    taken_ms, now_ms = spool.taken_at_ms(min(waiting, key=lambda name: name.order)), facts.now_ms
    age_s = 0.0 if taken_ms is None or now_ms is None else (now_ms - taken_ms) / 1000
    if age_s >= _LONG_WAIT_S:
        return found("queue_old", f"{len(waiting)}, the oldest for {age_s / 3600:.0f} hours")
    return Finding(f"{len(waiting)} wait")


def lost(facts: Facts) -> Finding:
    """Photos of this spool in lost+found."""
    if unseen := _unseen(facts):
        return unseen if unseen.is_skipped else skipped("no spool")
    try:
        count = len(lost_found.find(facts.spool))
    except PermissionError:
        return skipped("only root may look there: run it with sudo")
    return found("photos_lost", str(count)) if count else Finding("no photo")


def others(facts: Facts) -> Finding:
    """Photos of other events, which should not travel to the next one."""
    if unseen := _unseen(facts):
        return unseen if unseen.is_skipped else skipped("no spool")
    problem = others_problem(facts.spool, facts.link_id)
    return Finding(problem=problem) if problem is not None else Finding("none")
