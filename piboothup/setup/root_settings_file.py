"""Writer of root's settings (see `config.root_settings`): what is new is laid over what was there, key by key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import tomli

from piboothup.config import DEFAULT_PATH, EventPicsConfig, toml_value
from piboothup.config.reading import COMPLETE, REPLACES, Reading
from piboothup.spool import durable
from piboothup.text import read_bytes

_TOP = """\
# What piboothup.toml on the card and the codes held before the lens said: root's helper writes this, and lays it over
# config.toml. A line of your own is better there.
config_version = 1
"""
_MODE = 0o644


def laid_over(lower: Mapping[str, Any], upper: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of both, those of `upper` over those of `lower` by key; a new event has no old album."""
    merged = dict(lower)
    for name, value in upper.items():
        under = merged.get(name)
        if isinstance(value, dict) and isinstance(under, dict):
            void = {REPLACES[key] for key in value if key in REPLACES}
            merged[name] = {**{key: other for key, other in under.items() if key not in void}, **value}
        else:
            merged[name] = value
    return merged


def update(path: Path, settings: Mapping[str, Any], *, anew: bool = False) -> None:
    """Lay checked settings over those in the file, durably; see `updated`. Raises OSError, ConfigError."""
    durable.update(path, updated(path, settings, anew=anew).encode(), mode=_MODE)


def updated(path: Path, settings: Mapping[str, Any], *, anew: bool = False) -> str:
    """Text of the file with these settings laid over those in it. Raises ConfigError for unusable ones.

    What can't be used of the file is dropped; if that may have been its event, photos wait. `anew`: all is dropped.
    """
    present, has_event = ({}, True) if anew else _present(path)
    merged = laid_over(present, settings)
    if not has_event:
        merged["eventpics"] = {"link_id": "", **merged.get("eventpics", {})}
    text = _TOP + "\n".join([*_lines(merged), "", COMPLETE, ""])
    if errors := Reading.of(text, path).errors:
        raise errors[0]
    return text


def event(path: Path) -> EventPicsConfig:
    """Event and album in force by the two files alone, these settings and the config file beside them."""
    try:
        lower = tomli.loads(read_bytes(path.with_name(DEFAULT_PATH.name)).decode("utf-8-sig"))
    except (OSError, ValueError, RecursionError):
        lower = {}
    table = laid_over(lower, _present(path)[0]).get("eventpics")
    found = table if isinstance(table, dict) else {}
    return EventPicsConfig(link_id=str(found.get("link_id", "")), album_id=str(found.get("album_id", "")))


def _present(path: Path) -> tuple[dict[str, Any], bool]:
    """What can be used of the file, and whether its event is among that, or it had none."""
    try:
        text = read_bytes(path).decode()
        reading = Reading.of(text, path)
    except FileNotFoundError:
        return {}, True
    except (OSError, ValueError):
        return {}, False
    if not reading.is_complete:
        return {}, False
    found = tomli.loads(text)
    usable = {name: found[name] for name in reading.values if name != "config_version"}
    return usable, "eventpics" in usable or "eventpics" not in found


def _lines(settings: Mapping[str, Any]) -> Iterator[str]:
    tables = {name: value for name, value in settings.items() if isinstance(value, dict)}
    for name, value in settings.items():
        if name not in tables:
            yield f"{name} = {toml_value(value)}"
    for name, table in tables.items():
        yield from ("", f"[{name}]")
        yield from (f"{key} = {toml_value(value)}" for key, value in table.items())
