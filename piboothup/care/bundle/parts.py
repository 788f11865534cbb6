"""The support bundle: one zip with what a helper from afar needs to see, and nothing of guests, hosts and networks.

Each part is made by itself: what can't be read, or not without root, is named in LEFT-OUT.txt with the remedy, and
the others are there all the same. The files stand in the order of their names and bear no time.
"""

from __future__ import annotations

import contextlib
import functools
import io
import json
import logging
import os
import platform
import re
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from piboothup import __version__
from piboothup.care import doctor
from piboothup.care.bundle import journal, private_words
from piboothup.care.bundle.private_words import CHOSEN_FROM_A_LIST, settings
from piboothup.care.bundle.redaction import REMOVED, Redactor
from piboothup.care.deadline import NoAnswer, in_time
from piboothup.care.facts import Facts
from piboothup.spool import choices
from piboothup.spool.listing import BOOTS, CONTEXTS, FOLDERS, FOLDERS_OF_2, PLACES
from piboothup.spool.names import PhotoName, is_boot_folder

log = logging.getLogger(__name__)

LEFT_OUT = "LEFT-OUT.txt"
_NEEDS_GROUP = "run it with sudo, or join group piboothup."
_SILENT = "the card does not answer; wait, or pull the plug and plug it in, and try again."
_DEADLINE_S = 30.0
"""After this a part that waits for the card is left out, seconds."""
_OLDEST = (1980, 1, 1, 0, 0, 0)
"""Time of every file in the zip."""
_PACKAGES = re.compile(
    r"piboothup|python3(?:-(?:gpiozero|lgpio|luma\.\w+|numpy|picamera2|pil|requests|urllib3|segno|simplejpeg|tomli))?"
    r"|libcamera\S*|raspi-firmware|firmware-brcm80211|rpi-eeprom|linux-image-\S+|systemd|network-manager|netplan\.io"
    r"|cloud-init"
)
_ON_PURPOSE = f"""\
What was left out of this bundle.

On purpose, wherever it stood; most of it reads {REMOVED}:
- the API key, signed addresses, and whatever else has the form of a key
- ids and titles of events and albums
- names and passwords of Wi-Fi networks, and addresses of computers and of their network devices
- the box's own name and serial number (its four letters are there), names of people's files and folders, e-mail
  addresses, and what errors quote
- photos: only their number and size is told. On the panel's picture, titles, codes and photos are covered
- lines of the journal by anything else than piboothup's services, but for the kernel's on supply, card, memory,
  the panel's bus and the firmware of the Wi-Fi
"""


class PartLeftOut(Exception):
    """A part can't be made; the text is a reason with a remedy."""


def make(
    facts: Facts,
    config_file: Path,
    status: Callable[[], Mapping[str, Any]],
    panel: Callable[[], bytes],
    deadline_s: float = _DEADLINE_S,
) -> tuple[bytes, list[str]]:
    """The zip, and a line for each part that is not in it.

    `status` gives the data of `status --json`, `panel` the panel's picture as a PNG with what is private covered;
    each may raise PartLeftOut or OSError.
    """
    redactor, is_known = _redactor(facts, config_file, deadline_s)
    checks = functools.cache(lambda: doctor.examine(facts, min(deadline_s, doctor.DEADLINE_S)))
    spool = facts.spool.directory
    of_others: dict[str, Callable[[], str | bytes]] = {  # these have deadlines of their own
        "doctor.txt": lambda: redactor.text(doctor.format_lines(checks())),
        "doctor.json": lambda: _json(redactor.values(doctor.to_json(checks()))),
        "journal.txt": lambda: _services_lines(is_known, redactor),
        "kernel.txt": lambda: _lines(journal.kernel, redactor),
    }
    of_files: dict[str, Callable[[], str | bytes]] = {
        "status.json": lambda: _json(redactor.values(_without_people(status()))),
        "config.txt": lambda: redactor.text("\n".join(_config_lines(facts))),
        "versions.txt": lambda: redactor.text("\n".join(_version_lines(facts))),
        "spool.txt": lambda: redactor.text("\n".join(_spool_lines(spool))),
        "panel.png": panel,
    }
    made: dict[str, bytes] = {}
    missing: list[str] = []
    for name, part in (of_others | of_files).items():
        try:
            content = in_time(part, deadline_s) if name in of_files else part()
        except NoAnswer:
            missing.append(f"{name}: {_SILENT}")
        except (PartLeftOut, OSError) as error:
            reason = f"{error.strerror}; {_NEEDS_GROUP}" if isinstance(error, OSError) else str(error)
            missing.append(f"{name}: {redactor.text(reason)}")
        except Exception as error:  # a defect, or a system that nobody has seen: the others are there all the same
            log.exception("part not made name=%s", name)
            missing.append(f"{name}: it can't be made ({type(error).__name__}).")
        else:
            made[name] = content if isinstance(content, bytes) else content.encode(errors="replace") + b"\n"
    told = [_ON_PURPOSE, "Not there, and why:", *(f"- {line}" for line in missing or ["nothing is missing"])]
    made[LEFT_OUT] = ("\n".join(told) + "\n").encode(errors="replace")
    return _zipped(made), missing


def _zipped(parts: Mapping[str, bytes]) -> bytes:
    into = io.BytesIO()
    with zipfile.ZipFile(into, "w", zipfile.ZIP_DEFLATED) as bundle:
        for name in sorted(parts):
            entry = zipfile.ZipInfo(name, _OLDEST)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o600 << 16
            bundle.writestr(entry, parts[name])
    return into.getvalue()


def _json(found: Any) -> str:
    return json.dumps(found, indent=2)


def _redactor(facts: Facts, config_file: Path, deadline_s: float) -> tuple[Redactor, bool]:
    """The redactor, and whether it knows the spool's words: ids and titles of events."""
    words: set[str] = set()
    with contextlib.suppress(NoAnswer):
        words = in_time(lambda: private_words.of_box(facts, config_file), deadline_s)
    try:
        words |= in_time(lambda: private_words.of_spool(facts.spool.directory), deadline_s)
    except (NoAnswer, PermissionError):
        return Redactor(words), False
    except OSError:
        pass  # no spool, no words in it
    return Redactor(words), True


def _services_lines(is_known: bool, redactor: Redactor) -> str:
    """Lines of the services, unless nobody knows the ids and titles that are to be removed from them."""
    if not is_known:
        raise PartLeftOut(f"titles of events can't be looked for in it; {_NEEDS_GROUP}")
    return _lines(journal.services, redactor)


def _lines(read: Callable[[Callable[[str], str]], list[str]], redactor: Redactor) -> str:
    try:
        return "\n".join(read(redactor.foreign))
    except journal.JournalUnreadable as error:
        raise PartLeftOut(str(error)) from None


def _without_people(report: Mapping[str, Any]) -> dict[str, Any]:
    """The status with numbers in place of events, without the box's name and the network's."""
    numbered = {"link_id": REMOVED, "title": REMOVED}
    events = [{"number": place, **event, **numbered} for place, event in enumerate(report["events"], start=1)]
    wifi = report["uploader"]["wifi"]
    uploader = {**report["uploader"], "wifi": {**wifi, "ssid": None if wifi["ssid"] is None else REMOVED}}
    return {**report, "name": REMOVED, "events": events, "uploader": uploader}


def _config_lines(facts: Facts) -> Iterator[str]:
    """What differs from the defaults, without a person's own words; and what was chosen at the box."""
    found = "a file with settings" if facts.has_config else "no file"
    yield f"# The config: {found}. Every other setting has its default."
    for dotted, value, default in settings(facts.config):
        if value == default:
            continue
        is_shown = dotted in CHOSEN_FROM_A_LIST or (
            value is not None and isinstance(value, bool | int | float | tuple)
        )
        yield f"{dotted} = {json.dumps(value) if is_shown else REMOVED}"
    if facts.config_problem is not None:
        yield f"# Its problem: {facts.config_problem.code}; doctor.txt has its sentence."
    chosen = choices.read(facts.config.spool.path, facts.config)
    if chosen is choices.UNKNOWN:
        yield "# What was chosen at the box can't be read."
        return
    for key, value in vars(chosen).items():
        if value is not None:
            told = REMOVED if key in ("link_id", "album_id") else json.dumps(value)
            yield f"# chosen at the box: {key} = {told}"


def _version_lines(facts: Facts) -> Iterator[str]:
    system = os.uname()
    now_ms = facts.now_ms
    yield f"piboothup   {__version__}"
    for service, report in (("booth", facts.booth), ("uploader", facts.uploader)):
        yield f"{service:<11} {'not seen' if report is None else report.version}"
    yield f"python      {platform.python_version()}"
    yield f"board       {facts.model or 'no Raspberry Pi'}"
    release = re.search(r'^PRETTY_NAME="?([^"\n]*)', facts.text("/etc/os-release"), re.MULTILINE)
    yield f"system      {release[1] if release else 'unknown'}"
    yield f"kernel      {system.sysname} {system.release} {system.version} {system.machine}"
    yield f"running for {facts.clock.boottime_ns() // 1_000_000_000} s"
    yield f"unix time   {'not known' if now_ms is None else now_ms // 1000}"
    names = ["picamera2", "lgpio", *(re.split(r"[<>=;\s\[]", word)[0] for word in _requirements())]
    for name in sorted(set(names)):
        try:
            yield f"library     {name} {metadata.version(name)}"
        except metadata.PackageNotFoundError:
            yield f"library     {name} is not installed, or says no version"
    for stanza in facts.text("/var/lib/dpkg/status").split("\n\n"):
        fields = dict(re.findall(r"^(Package|Version): (\S+)$", stanza, re.MULTILINE))
        if "Version" in fields and _PACKAGES.fullmatch(fields.get("Package", "")):
            yield f"package     {fields['Package']} {fields['Version']}"


def _requirements() -> list[str]:
    try:
        return [word for word in metadata.requires("piboothup") or [] if "extra" not in word]
    except metadata.PackageNotFoundError:
        return []


def _spool_lines(directory: Path) -> Iterator[str]:
    """Number and size of the files in each folder; no name that is not ours. Raises PartLeftOut, OSError."""
    try:
        listed = sorted(os.scandir(directory), key=lambda entry: entry.name)
    except FileNotFoundError:
        raise PartLeftOut("there is no folder for photos; [spool] directory in the config names it.") from None
    folders = (*FOLDERS, *FOLDERS_OF_2)
    ours = [entry for entry in listed if entry.name in folders and entry.is_dir(follow_symlinks=False)]
    for entry in ours:
        yield _counted(entry.name, Path(entry.path))
        inner = sorted(path.name for path in os.scandir(entry.path) if path.is_dir(follow_symlinks=False))
        for name in filter(is_boot_folder, inner):
            yield _counted(f"{entry.name}/{name}", Path(entry.path, name))
    others = [entry for entry in listed if entry not in ours]
    yield f"beside them {len(others)} files and folders"


def _counted(name: str, folder: Path) -> str:
    counts: Counter[str] = Counter()
    size_bytes = 0
    for entry in os.scandir(folder):
        counts[_kind(name, entry)] += 1
        if entry.is_file(follow_symlinks=False):
            size_bytes += entry.stat(follow_symlinks=False).st_size
    told = ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items()))
    return f"{name:<14} {told or 'empty'}; {size_bytes} bytes"


def _kind(folder: str, entry: os.DirEntry[str]) -> str:
    place = folder.partition("/")[0]
    if entry.is_dir(follow_symlinks=False):
        return "boots" if is_boot_folder(entry.name) else "other folders"
    if place in PLACES:
        if PhotoName.parse(entry.name) is not None:
            return "photos"
        return "unfinished" if entry.name.endswith(".part") else "other files"
    if place == CONTEXTS and entry.name.endswith(".json"):
        kind = "assigned" if entry.name.endswith(".assigned.json") else "contexts"
        return f"{kind} without event" if entry.name.startswith("n") else kind
    return "boots" if place == BOOTS and entry.name.endswith(".jsonl") else "other files"
