"""Words on this box that must not leave it: keys, ids and titles of events, names and passwords of networks.

They are collected from wherever they may stand, to be looked for in everything else. A source that this user may not
read adds none; then the forms of such words (see `redaction`) are all there is to go by.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from piboothup import records
from piboothup.care.facts import Facts
from piboothup.config import Config
from piboothup.config.good_copy import GOOD_FILE, ROOT_FILE
from piboothup.health import Check
from piboothup.setup import wifi_profiles
from piboothup.setup.boot_text import NotText, decode, names_in
from piboothup.setup.boot_words import WIFI
from piboothup.spool import choices, event_titles
from piboothup.spool.listing import CONTEXTS
from piboothup.spool.names import hardware_serial
from piboothup.status import BoothState, UploaderState
from piboothup.text import read_bytes, text_to_path
from piboothup.uploader import wifi

CHOSEN_FROM_A_LIST = frozenset(
    {
        *("language", "timezone", "camera.driver", "button.driver", "button.menu"),
        *("light.driver", "panel.driver", "panel.album_code", "panel.lens"),
    }
)
"""Texts of the config that are no person's own words."""
_PROFILES = "NetworkManager/system-connections/*.nmconnection"
_OF_NETWORK = re.compile(r"^(?:id|ssid|psk|password|identity)=(.+)$", re.MULTILINE)
_BYTES = re.compile(r"(?:\d{1,3};)+")
_SETTING = re.compile(r"^[^\S\n]*([\w.\"'-]+)\s*=\s*(.*)$", re.MULTILINE)
_STRING = re.compile(r"\"([^\"\n]*)|'([^'\n]*)")
_VARIABLES = ("PIBOOTHUP_CONFIG", "PIBOOTHUP_RUNTIME")


def of_box(facts: Facts, config_file: Path) -> set[str]:
    """Private words of the config, the system and the services' reports."""
    found = {*_of_config(facts, config_file), *_of_system(facts)}
    if facts.uploader is not None:
        found |= {*_leaves([event.to_json() for event in facts.uploader.events]), facts.uploader.wifi.ssid or ""}
    if facts.booth is not None:
        found.add(facts.booth.name)
    return {word for word in found if word.lower() not in _vocabulary()}


def of_spool(directory: Path) -> set[str]:
    """Private words in the spool: events that were chosen or seen, their titles, the last good config."""
    os.scandir(directory).close()  # raises PermissionError: what can't be listed can't be known
    found: set[str] = set()
    for name in (GOOD_FILE, choices.FILE):
        found |= set(_of_toml(_text(directory / name)))
    for path in (directory / event_titles.FILE, *sorted((directory / CONTEXTS).glob("*.json"))):
        with contextlib.suppress(ValueError, RecursionError):
            found |= set(_leaves(json.loads(_text(path))))
    return {word for word in found if word.lower() not in _vocabulary()}


def settings(config: Config) -> Iterator[tuple[str, Any, Any]]:
    """Each setting as `table.key`, with its value and its default."""
    for table in records.fields(Config):
        value, default = getattr(config, table.name), table.default
        if not records.is_dataclass(value):
            yield table.name, value, default
            continue
        for key in records.fields(value):
            yield f"{table.name}.{key.name}", getattr(value, key.name), key.default


def _of_config(facts: Facts, config_file: Path) -> Iterator[str]:
    for dotted, value, default in settings(facts.config):
        if isinstance(value, str) and dotted not in CHOSEN_FROM_A_LIST and value != default:
            yield value
    with contextlib.suppress(OSError):  # as it stands there, even if it can be no key
        yield from read_bytes(text_to_path(facts.config.eventpics.api_key_file)).decode(errors="replace").split()
    for text in (_text(config_file), _text(config_file.with_name(ROOT_FILE)), *_of_card(facts)):
        yield from _of_toml(text)


def _of_card(facts: Facts) -> Iterator[str]:
    """Texts of the file that a person puts on the card, by whatever name an editor gave it."""
    folder = facts.path("/boot/firmware")
    with contextlib.suppress(OSError):
        for name in names_in(folder):
            with contextlib.suppress(OSError, NotText):
                yield decode(read_bytes(folder / name))


def _of_toml(text: str) -> Iterator[str]:
    """Strings and unknown names in a text that need not be TOML."""
    picked = {dotted.rpartition(".")[2] for dotted in CHOSEN_FROM_A_LIST}
    for key, value in _SETTING.findall(text):
        yield key.strip("\"'")
        if key not in picked:
            yield from (first or second for first, second in _STRING.findall(value))


def _of_system(facts: Facts) -> Iterator[str]:
    for folder in ("etc", "run"):
        for profile in facts.texts(f"{folder}/{_PROFILES}"):
            for value in _OF_NETWORK.findall(profile):
                is_bytes = _BYTES.fullmatch(value) is not None
                numbers = [int(number) & 255 for number in value.split(";") if number] if is_bytes else []
                yield bytes(numbers).decode(errors="replace") if is_bytes else wifi_profiles.unescaped(value)
    with contextlib.suppress(OSError):
        yield from wifi_profiles.results(facts.path("/etc/piboothup"))
    yield wifi.read(facts.path("/sys/class/net"), facts.path("/proc/net/wireless")).ssid or ""
    yield from (hardware_serial(), facts.text("/etc/machine-id").strip(), os.uname().nodename)
    yield from (os.environ.get(name, "") for name in _VARIABLES)


def _leaves(found: Any) -> Iterator[str]:
    """Every text in a JSON value."""
    if isinstance(found, str):
        yield found
    for inner in found.values() if isinstance(found, dict) else found if isinstance(found, list | tuple) else ():
        yield from _leaves(inner)


def _text(path: Path) -> str:
    try:
        return read_bytes(path).decode(errors="replace")
    except OSError:
        return ""


def _vocabulary() -> frozenset[str]:
    """Words of our own reports: who made one of them a title gives nothing away by it."""
    names = {word for dotted, _, _ in settings(Config()) for word in dotted.split(".")}
    defaults = {default for _, _, default in settings(Config()) if isinstance(default, str)}
    names |= {*WIFI, "wifi", "box", "id", "country"}  # of the file on the card
    return frozenset({"raspberrypi", "localhost", *names, *defaults, *Check, *BoothState, *UploaderState})
