"""Writer of root's settings (see `config.root_settings`): what is new is laid over what was there, key by key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import tomli

from piboothup.config import toml_value
from piboothup.config.reading import COMPLETE, REPLACES, Reading
from piboothup.spool import durable

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


def update(path: Path, settings: Mapping[str, Any]) -> None:
    """Lay checked settings over those in the file, durably. Raises OSError; ConfigError for unusable ones."""
    text = _TOP + "\n".join([*_lines(laid_over(_present(path), settings)), "", COMPLETE, ""])
    if errors := Reading.of(text, path).errors:
        raise errors[0]
    durable.update(path, text.encode(), mode=_MODE)


def _present(path: Path) -> dict[str, Any]:
    """Settings in the file; none when it was cut off or can't be read, as then no service uses them."""
    try:
        text = path.read_text(encoding="utf-8")
        found = tomli.loads(text)
    except (FileNotFoundError, ValueError, RecursionError):
        return {}
    found.pop("config_version", None)
    return found if text.rstrip().endswith(COMPLETE) else {}


def _lines(settings: Mapping[str, Any]) -> Iterator[str]:
    tables = {name: value for name, value in settings.items() if isinstance(value, dict)}
    for name, value in settings.items():
        if name not in tables:
            yield f"{name} = {toml_value(value)}"
    for name, table in tables.items():
        yield from ("", f"[{name}]")
        yield from (f"{key} = {toml_value(value)}" for key, value in table.items())
