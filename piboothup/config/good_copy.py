"""Copy of the last good config, kept in the spool in case the config file becomes unusable: `config.good.toml`.

It holds no key. After the settings it lists the names of those in the file, in the file's order: a file that lacks
the last of them, or the event, may have been truncated by a power cut, even if it was edited above the cut too. The
copy's own last line is `COMPLETE`: one that was truncated counts for nothing.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from piboothup import records
from piboothup.config.reading import COMPLETE, Reading, parse
from piboothup.config.secret import Secret
from piboothup.config.settings import Config, ConfigError, EventPicsConfig
from piboothup.records import dataclass, field
from piboothup.text import read_bytes

GOOD_FILE = "config.good.toml"
"""Name of the file in the spool."""

DEFAULTED = "# defaults in place of mistakes"
"""Note after the names of the settings: no good copy was there for what is invalid."""
ROOT_FILE = "settings.toml"
"""Name of the file with root's settings (see `root_settings`)."""
OF_ROOT = f"{ROOT_FILE}:"
"""Beginning of the names of root's settings among those of the config file."""
PRESENT = f"{OF_ROOT}{COMPLETE}"
"""Stands among the names when root's settings were read whole."""
_BESIDE_CHOICES = f"# Written after choices.toml; ends with `{COMPLETE}`"
"""First line. Copies of older programs have neither it nor the end, and there may be no choices beside them."""
_BOX = "# Box: "
_NAMES = "# Settings in the file: "
_ROOT_NAMES = f"# Settings in {ROOT_FILE}: "
_ENDS_IN = "# ends in "
_EVENT_IDS = (
    r"""(?i)(?:\b(link|album)[_\s-]*id["']?\s*(?::=|->|[:=])|^\W*(link|album)[_\s-]*id\b)\s*"""
    r"""(["']?)([^"']*)(["']?)"""
)
"""An id in a line: after any sign, or at the line's start without."""
_MAY_NAME_EVENT = r"(?i)\W*(event|link|album)"
_KEY = r"(?i)\W*(?:eventpics\W+)?([\w-]*)"
_TABLES = {each.name: each.default for each in records.fields(Config) if records.is_dataclass(each.default)}
_EVENT_KEYS = {"link_id", "album_id"}
_OTHER_KEYS = {each.name for table in _TABLES.values() for each in records.fields(table)} - _EVENT_KEYS


@dataclass(frozen=True)
class GoodCopy:
    """Settings kept in a spool; the defaults where there are none or where they are invalid."""

    config: Config = field(default_factory=Config)
    names: tuple[str, ...] = ()
    """Settings in the file, in its order, then root's, each with `OF_ROOT` before it; empty when unknown."""
    exists: bool = False
    box: str = ""
    """Id of the box that wrote it; "" when unknown."""
    is_beside_choices: bool = False
    """Whether there was a file of choices beside it when it was written."""


def read(directory: Path, box: str = "") -> GoodCopy:
    """Read the good copy in this spool; with `box`, one that another box wrote (on a stick moved here) is ignored."""
    try:
        kept = _parsed(read_bytes(directory / GOOD_FILE).decode(), directory / GOOD_FILE)
    except (OSError, ValueError):
        return GoodCopy()
    return kept if not box or kept.box in ("", box) else GoodCopy()


@functools.lru_cache(maxsize=1)  # a start reads it twice, before the disk may be there and after
def _parsed(text: str, path: Path) -> GoodCopy:
    """Raises ConfigError."""
    reading, writer = Reading.of(text, path), _noted(text, _BOX)
    is_beside_choices = text.startswith(_BESIDE_CHOICES)
    if is_beside_choices and not reading.is_complete:
        raise ConfigError(path, None, "It is cut off.", "")
    names = (*_noted(text, _NAMES).split(), *(f"{OF_ROOT}{name}" for name in _noted(text, _ROOT_NAMES).split()))
    config = reading.merged_with(Config())[0]
    return GoodCopy(config, names, bool(reading.names), writer, is_beside_choices)


def _noted(text: str, what: str) -> str:
    found = [line for line in text.split("\n") if line.startswith(what)]
    return found[-1].removeprefix(what).strip() if found else ""


def names_of(reading: Reading) -> tuple[str, ...]:
    """Names of the settings in a file, then `COMPLETE` if that is its last line, or its last number."""
    names = tuple(reading.names)
    if reading.is_complete:
        return (*names, COMPLETE)
    if reading.text.endswith("\n"):
        return names
    key = re.escape(names[-1].rpartition(".")[2]) if names else ""
    number = re.search(rf"^[^#\n]*\b{key}[\"']?[ \t]*=[ \t]*([+-]?\d[\w.+-]*)\Z", reading.text, re.MULTILINE)
    return (*names, f"{_ENDS_IN}{number[1]}") if key and number else names


def plain(names: Sequence[str]) -> tuple[str, ...]:
    """Names without the notes among them, as a good copy has them."""
    return tuple(name for name in names if not name.startswith("#") and name != PRESENT)


def to_toml_text(config: Config, names: Sequence[str] = (), box: str = "") -> str:
    """Text of `config.good.toml`. Raises ValueError when it does not parse to the same config."""
    text = as_toml(config)
    if parse(text, Path(GOOD_FILE))[0] != without_key(config):
        raise ValueError("it does not read back as it was written")
    notes = [f"{_BOX}{box}"] if box else []
    own = [name for name in plain(names) if not name.startswith(OF_ROOT)]
    of_root = [name.removeprefix(OF_ROOT) for name in plain(names) if name.startswith(OF_ROOT)]
    notes += [f"{note}{' '.join(listed)}" for note, listed in ((_NAMES, own), (_ROOT_NAMES, of_root)) if listed]
    return "\n".join([_BESIDE_CHOICES, text, *notes, COMPLETE, ""])


def without_key(config: Config) -> Config:
    """The config as it reads back from the good copy."""
    return records.replace(config, eventpics=records.replace(config.eventpics, api_key=None))


def without_event(kept: GoodCopy) -> str:
    """Text of `config.good.toml` without the event, for a wipe. Raises ValueError as `to_toml_text`."""
    event = records.replace(kept.config.eventpics, link_id="", album_id="", revision="")
    names = [
        name for name in kept.names if not name.startswith("eventpics.")
    ]  # root's still tell whose the event was
    return to_toml_text(records.replace(kept.config, eventpics=event), names, kept.box)


def lost_setting(names: Sequence[str], kept: GoodCopy) -> str:
    """Setting whose absence, or shortened number, shows that the file was truncated; "" when it is complete.

    `names` is from `names_of`. Settings that a good copy would have replaced (`DEFAULTED`) are lost too.
    """
    if DEFAULTED in names:
        return DEFAULTED if kept.exists else ""
    of_root = [name for name in kept.names if name.startswith(OF_ROOT)]
    if of_root and PRESENT not in names:
        return of_root[0]
    names = [name for name in names if not name.startswith(OF_ROOT)]
    if COMPLETE in names:
        return ""
    given = [name for name in names if not name.startswith(_ENDS_IN)]
    own = [name for name in kept.names if not name.startswith(OF_ROOT)]
    wanted = [name for name in own if f"{OF_ROOT}{name}" not in of_root][-1:]
    if kept.config.eventpics.link_id:
        wanted.append("eventpics.link_id")
    if kept.config.eventpics.album_id and given and given[-1].startswith("eventpics."):
        wanted.append("eventpics.album_id")
    wanted = [name for name in wanted if f"{OF_ROOT}{name}" not in of_root]
    if lost := next((name for name in wanted if name not in given), ""):
        return lost
    is_shortened = len(given) < len(names) and _is_shortened(names[-1].removeprefix(_ENDS_IN), given[-1], kept)
    return given[-1] if is_shortened else ""


def _is_shortened(number: str, name: str, kept: GoodCopy) -> bool:
    """Whether `number` is only the beginning of the kept number of the setting `name`."""
    table, _, key = name.rpartition(".")
    value = getattr(getattr(kept.config, table) if table else kept.config, key)
    if name not in kept.names or f"{OF_ROOT}{name}" in kept.names or type(value) not in (int, float):
        return False
    try:
        given = float(number) if type(value) is float else int(number, 0)
    except ValueError:  # of another type: an error of its own
        return False
    written_as: Callable[[Any], str] = {"0x": hex, "0o": oct, "0b": bin}.get(number[:2], toml_value)
    beginning = number if type(value) is float else written_as(given)
    return given != value and written_as(value).startswith(beginning)


def names_another_event(text: str, kept: EventPicsConfig) -> bool:
    """Whether a config's text, which need not be TOML, may have another event or album than `kept`.

    It may if a line in [eventpics], or about an event, has neither the kept value nor another setting. A line
    truncated at the end of the file counts as what it is the beginning of.
    """
    import difflib  # noqa: PLC0415  (a file that can be used need not load it)

    lines = text.replace("\0", "").rstrip().splitlines()
    in_table = False
    for number, line in enumerate(lines, start=1):
        told = re.split(r"(?:^|\s)#", line)[0].strip("\ufeff\ufffd \t")
        is_last = number == len(lines)
        found = list(re.finditer(_EVENT_IDS, told))
        if any(not _is_kept(each, kept, is_last and each.end() == len(told)) for each in found):
            return True
        if header := re.match(r"\[+([^]]*)\]*\s*", told):
            in_table = difflib.get_close_matches(header[1].strip("\"' \t"), _TABLES, 1, 0.0) == ["eventpics"]
            told = told[header.end() :]
        may_name = told and not found and (in_table or re.match(_MAY_NAME_EVENT, told))
        if may_name and not _is_other_setting(told, is_last):
            return True
    return False


def _is_other_setting(told: str, is_last: bool) -> bool:
    """Whether a line has a known key, or none; at the end of the file the beginning of one is enough."""
    match = re.match(_KEY, told)
    key = match[1].lower() if match else ""
    is_cut = is_last and match is not None and match.end() == len(told)
    known = (*_OTHER_KEYS, *_EVENT_KEYS, *_TABLES)
    return not key or key in _OTHER_KEYS or (is_cut and any(each.startswith(key) for each in known))


def _is_kept(found: re.Match[str], kept: EventPicsConfig, may_be_cut: bool) -> bool:
    """Whether an event's or album's id in a line is the kept one, or with `may_be_cut` the beginning of it."""
    key, opening, value, closing = found[1] or found[2], *found.groups()[2:]
    wanted = kept.link_id if key.lower() == "link" else kept.album_id
    return wanted.startswith(value) if may_be_cut and not closing else bool(opening) and value == wanted


def as_toml(config: Config) -> str:
    """Format the config as TOML, without the API key."""
    top: list[str] = []
    tables: list[str] = []
    for table in records.fields(config):
        value = getattr(config, table.name)
        if records.is_dataclass(value):
            tables += ["", f"[{table.name}]"]
            for inner in records.fields(value):
                shown = getattr(value, inner.name)
                if shown is not None and not isinstance(shown, Secret):
                    tables.append(f"{inner.name} = {toml_value(shown)}")
        else:
            top.append(f"{table.name} = {toml_value(value)}")
    return "\n".join(top + tables) + "\n"


def toml_value(value: Any) -> str:
    """Format a value as TOML: as JSON, and the character delete escaped, which JSON does not do."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
