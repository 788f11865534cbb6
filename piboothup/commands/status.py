"""`piboothup status`: report on both services, the spool, the clock, the supply and all problems.

Works when neither service runs, and only reads: the counts then come from the folders.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from piboothup import __version__, power, status
from piboothup.clock import Clock
from piboothup.commands.common import OK, config_problem, load_effective, open_spool
from piboothup.config import Config, zone
from piboothup.problems import Problem, codes, problem
from piboothup.runtime import command_directory
from piboothup.spool import choices
from piboothup.spool.admin import counts
from piboothup.spool.admin.inventory import Attribution
from piboothup.spool.capture_time.anchors import Source
from piboothup.spool.disk import hidden_photos
from piboothup.spool.disk.file_system import Storage
from piboothup.spool.disk.free_space import storage
from piboothup.spool.listing import HELD, NEW, PARKED, QUARANTINE, SENT
from piboothup.spool.names import Identity, PhotoName
from piboothup.spool.store import Spool
from piboothup.status import BoothReport, UploaderReport
from piboothup.text import Count


def run(given: argparse.Namespace) -> int:
    """Print the report."""
    used = load_effective(given)
    spool, clock = open_spool(used.config)
    report = assemble(used.config, spool, clock, command_directory(), config_problem(used))
    print(json.dumps(report, indent=2) if given.json else format_report(report))
    if used.overridden and not given.json:
        print(f"settings.toml goes before config.toml in {', '.join(used.overridden)}")
    return OK


def assemble(
    config: Config, spool: Spool, clock: Clock, runtime: Path, config_problem: Problem | None = None
) -> dict[str, Any]:
    """Data of `status --json`; other programs rely on its shape."""
    booth = status.read_booth(runtime) or BoothReport()
    uploader = status.read_uploader(runtime) or UploaderReport()
    kind = _storage(spool)
    sent_s = uploader.last_success_s
    sent_ago_s = None if sent_s is None else round(max(0.0, clock.boottime_ns() / 1e9 - sent_s), 1)
    has_event = bool(choices.read(spool.directory, config).over(config).eventpics.link_id)
    told = ["stray_photos" if code == "no_event" and has_event else code for code in uploader.problems]
    reported = [code for code in (*booth.problems, *told) if code in codes()]
    mistake = [config_problem.code] if config_problem is not None else []
    found = dict.fromkeys([*reported, *mistake, *_seen_from_here(config, spool, runtime, kind)])
    if "config_default" in found:  # the uploader does not know whether there are last good settings
        found.pop("bad_config", None)
    return {
        "name": config.name,
        "box": spool.box,
        "version": __version__,
        "booth": {key: booth.to_json()[key] for key in ("state", "camera", "panel", "button", "photos")},
        **_photos(config, spool, clock, kind),
        "uploader": {
            "state": uploader.state,
            "reason": uploader.reason,
            "rate_bps": uploader.rate_bps,
            "eta_s": uploader.eta_s,
            "last_success_s": sent_ago_s,
            "events_seen": uploader.events_seen,
            "wifi": {key: uploader.wifi.to_json()[key] for key in ("ssid", "signal", "reason")},
        },
        "clock": _clock(spool, clock, booth.boot),
        "power": vars(power.read()),
        "problems": [
            {"code": each.code, "sentence": each.sentence, "remedy": each.remedy} for each in map(problem, found)
        ],
    }


def _storage(spool: Spool) -> Storage | None:
    try:
        return storage(spool.directory)
    except OSError:  # none there
        return None


def _seen_from_here(config: Config, spool: Spool, runtime: Path, kind: Storage | None) -> Iterator[str]:
    """Codes of problems that are detectable without a running service."""
    if not config.spool.allow_memory and kind in (Storage.MEMORY, Storage.UNKNOWN):
        yield "spool_memory" if kind is Storage.MEMORY else "storage_unknown"
    if hidden_photos.read(spool.directory):
        yield "photos_hidden"
    with contextlib.suppress(OSError):
        room = os.statvfs(runtime)
        if room.f_bavail == 0 or (room.f_files > 0 and room.f_favail == 0):
            yield "runtime_full"


def _photos(config: Config, spool: Spool, clock: Clock, kind: Storage | None) -> dict[str, Any]:
    names = counts.list_names(spool)
    free_bytes = None
    with contextlib.suppress(OSError):
        free_bytes = shutil.disk_usage(spool.directory).free
    oldest = min((*names[NEW], *names[HELD]), key=lambda name: name.order, default=None)
    taken_ms = None if oldest is None else spool.taken_at_ms(oldest)
    age_s = None if taken_ms is None else round(max(0, clock.wall_ns() // 1_000_000 - taken_ms) / 1000, 1)
    return {
        "spool": {
            "waiting": len(names[NEW]) + len(names[HELD]),
            "new": len(names[NEW]),
            "held": len(names[HELD]),
            "sent": len(names[SENT]),
            "parked": len(names[PARKED]),
            "quarantined": len(names[QUARANTINE]),
            "free_bytes": free_bytes,
            "oldest_new_s": age_s,
            "storage": kind,
            "allow_memory": config.spool.allow_memory,
        },
        "events": _events(config, spool, names),
    }


def _events(config: Config, spool: Spool, names: Mapping[str, Sequence[PhotoName]]) -> list[dict[str, Any]]:
    attribution, titles = Attribution(spool.directory), {event.link_id: event.title for event in spool.events()}

    def link_of(photo: Identity) -> str:
        context = attribution.context_of(photo)
        return context.link_id if context is not None else ""

    events = counts.count(spool, names, zone(config.timezone), link_of)
    return [
        {
            "link_id": link_id,
            "title": titles.get(link_id, ""),
            "taken": counts.taken(found.total),
            "in_album": found.total["sent"],
            "waiting": found.total["waiting"],
            "parked": found.total["parked"],
            "kept": found.total["kept"],
            "withdrawn": found.total["withdrawn"],
            "days": found.to_json(),
        }
        for link_id, found in sorted(events.items())
        if counts.taken(found.total) or found.total["withdrawn"]
    ]


def _clock(spool: Spool, clock: Clock, boot: int | None) -> dict[str, Any]:
    ntp_ms = clock.ntp_uncertainty_ms()
    if ntp_ms is not None:
        return {"synchronised": True, "source": Source.NTP, "uncertainty_s": ntp_ms / 1000}
    recorded = () if boot is None else spool.read_boot(boot).anchors
    anchors = [anchor for anchor in recorded if anchor.source is not Source.SAVED]
    if not anchors:
        return {"synchronised": False, "source": None, "uncertainty_s": None}
    best = min(anchors, key=lambda anchor: (anchor.source.rank, anchor.uncertainty_ms))
    return {"synchronised": False, "source": best.source, "uncertainty_s": best.uncertainty_ms / 1000}


def format_report(report: dict[str, Any]) -> str:
    """Format the report for a person: a few lines, no colours."""
    spool, booth, clock = report["spool"], report["booth"], report["clock"]
    free = "unknown" if spool["free_bytes"] is None else f"{spool['free_bytes'] / 1e9:.1f} GB"
    known = f"known ({clock['source']}, ±{clock['uncertainty_s']:.1f} s)" if clock["source"] else "not known yet"
    lines = [
        f"{report['name']} · box {report['box']} · piboothup {report['version']}",
        f"booth     {booth['state']} · camera {booth['camera']} · panel {booth['panel']}",
        f"uploader  {' · '.join(_uploading(report['uploader']))}",
        f"photos    {spool['waiting']} waiting · {spool['sent']} in the album · {spool['parked']} parked"
        f" · {spool['quarantined']} quarantined · {free} free{_storage_words(spool)}",
        *(line for event in report["events"] for line in (f"event     {_event_line(event)}", *_day_lines(event))),
        f"wifi      {' · '.join(_wifi_words(report['uploader']['wifi']))}",
        f"clock     {known}",
    ]
    lines += [f"problem   {each['sentence']} {each['remedy']} [{each['code']}]" for each in report["problems"]]
    return "\n".join(lines)


def _storage_words(spool: dict[str, Any]) -> str:
    if spool["storage"] != Storage.MEMORY:
        return ""
    return " · in memory, as the config allows" if spool["allow_memory"] else " · in memory"


def _uploading(uploader: dict[str, Any]) -> Iterator[str]:
    yield uploader["state"]
    if uploader["reason"]:
        yield uploader["reason"]
    if (rate_bps := uploader["rate_bps"]) is not None:
        yield f"{rate_bps / 1e6:.1f} Mbit/s"
    if (eta_s := uploader["eta_s"]) is not None:
        yield f"through in {_duration(eta_s)}"
    if (age_s := uploader["last_success_s"]) is not None:
        yield f"last photo {_duration(age_s)} ago"
    if (seen := uploader["events_seen"]) is not None:
        yield f"the key sees {seen} event{'' if seen == 1 else 's'}"


def _event_line(event: dict[str, Any]) -> str:
    title = event["title"] or event["link_id"] or "no event yet"
    words = {"parked": "refused", "kept": "kept on the card", "withdrawn": "taken back"}
    more = "".join(f", {event[state]} {word}" for state, word in words.items() if event[state])
    if event["taken"] and event["taken"] == event["in_album"]:
        return f"{title}: {Count(event['taken']):It is|All {event['taken']}} in the album{more}"
    return f"{title}: {event['taken']} taken, {event['in_album']} in the album, {event['waiting']} waiting{more}"


def _day_lines(event: dict[str, Any]) -> Iterator[str]:
    """A line for each of several days."""
    for day in event["days"] if len(event["days"]) > 1 else ():
        back = f", {day['withdrawn']} taken back" if day["withdrawn"] else ""
        yield f"          {day['day'] or 'day unknown'}: {day['taken']} taken, {day['sent']} in the album{back}"


def _wifi_words(wifi: dict[str, Any]) -> Iterator[str]:
    if wifi["ssid"] is None and wifi["reason"] is None:
        yield "none"
    if wifi["ssid"] is not None:
        yield str(wifi["ssid"])
    if wifi["signal"] is not None:
        yield f"{wifi['signal']} %"
    if wifi["reason"] is not None:
        yield str(wifi["reason"])


def _duration(seconds: float) -> str:
    """Format a duration as seconds, minutes or hours."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
