"""Writer of root's settings (see `config.root_settings`): what is new is laid over what was there, key by key.

A note among them says which file of the card they have the words of, written with them in one piece: a file that was
taken is not taken again over a later code, whatever became of the record of imports.

Who names an event has the last word, even if it is the same one again: the event's revision is the moment at which it
was named, which ends what was chosen in the menu before it, and nothing that was chosen after. A copy tells that
there were settings, in case the file is lost.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import tomli

from piboothup.config import DEFAULT_PATH, Config, EventPicsConfig, toml_value
from piboothup.config.reading import COMPLETE, REPLACES, Reading, replaces
from piboothup.config.root_settings import copy_of
from piboothup.config.settings import ALBUM_TOLD, revision
from piboothup.records import dataclass
from piboothup.spool import durable
from piboothup.text import read_bytes

log = logging.getLogger(__name__)

_TOP = """\
# What piboothup.toml on the card and the codes held before the lens said: root's helper writes this, and lays it over
# config.toml. A line of your own is better there.
config_version = 1
"""
_MODE = 0o644
_NOTE = re.compile(r"^# Card file (.*) read in box (\w*)(, with tables for boxes)?$", re.MULTILINE)


@dataclass(frozen=True)
class CardNote:
    """The file of the card whose words were taken last."""

    sha256s: tuple[str, ...] = ()
    """Of its bytes, with its secrets and without; then of other files that lay beside it."""
    box: str = ""
    """Id of the box that took them."""
    has_boxes: bool = False
    """It may have said something else to another box."""

    @property
    def taken(self) -> tuple[str, ...]:
        """Hashes of that file itself."""
        return self.sha256s[:2]

    @property
    def line(self) -> str:
        """Its line in the file."""
        tables = ", with tables for boxes" if self.has_boxes else ""
        return f"# Card file {' '.join(self.sha256s)} read in box {self.box}{tables}"


def card_note(path: Path) -> CardNote:
    """The note in root's settings, or in their copy where they are lost; an empty one where none can be read."""
    for each in (path, copy_of(path)):
        with contextlib.suppress(OSError):
            if found := _NOTE.search(read_bytes(each).decode("utf-8", "replace")):
                return CardNote(tuple(found[1].split()), found[2], bool(found[3]))
            if _read(each)[0] is not None:  # an older program's
                break
    return CardNote()


def unnoted_event(path: Path) -> str:
    """Event in whole settings without a note, an older program's: it may be newer than what the card's file says."""
    present, _ = _read(path)
    has_note = present is None or _NOTE.search(read_bytes(path).decode("utf-8", "replace"))
    return "" if present is None or has_note else str(present.get("eventpics", {}).get("link_id", ""))


def laid_over(lower: Mapping[str, Any], upper: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of both, those of `upper` over those of `lower` by key; a new event has no old album."""
    merged = dict(lower)
    for name, value in upper.items():
        under = merged.get(name)
        if isinstance(value, dict) and isinstance(under, dict):
            void = {other for key, other in REPLACES.items() if key in value and replaces(key, value[key], under)}
            merged[name] = {**{key: other for key, other in under.items() if key not in void}, **value}
        else:
            merged[name] = value
    return merged


def update(
    path: Path, settings: Mapping[str, Any], said: str, *, anew: bool = False, note: CardNote | None = None
) -> None:
    """Lay checked settings over those in the file, durably; see `updated`. Raises OSError, ConfigError."""
    content = updated(path, settings, said, anew=anew, note=note).encode()
    durable.update(path, content, mode=_MODE)
    try:
        durable.update(copy_of(path), content, mode=_MODE)  # last: a copy alone tells that the file was lost
    except OSError as error:  # the settings are in force; the next import brings the copy up
        log.error("settings not copied reason=%s", error.strerror or error)


def updated(
    path: Path, settings: Mapping[str, Any], said: str, *, anew: bool = False, note: CardNote | None = None
) -> str:
    """Text of the file with these settings laid over those in it. Raises ConfigError for unusable ones.

    `said`: moments (see `clock`) by which they were known to be said, however late they are taken.
    What can't be used of the file is dropped; if that may have been its event, photos wait. `anew`: all is dropped.
    `note`: in place of the one in it.
    """
    note = card_note(path) if note is None else note
    present, has_event = ({}, True) if anew else _present(path)
    if not has_event:
        settings = {**settings, "eventpics": {"link_id": "", **settings.get("eventpics", {})}}
    merged = laid_over(present, settings)
    if "link_id" in (named := settings.get("eventpics", {})):
        told = f"{said} {ALBUM_TOLD}" if "album_id" in named else said
        merged["eventpics"]["revision"] = revision(told, merged["eventpics"]["link_id"])
    if "language" in settings or "paused" in settings.get("upload", {}):
        paused = merged.get("upload", {}).get("paused", Config().upload.paused)
        merged["revision"] = revision(said, f"{merged.get('language', Config().language)} {paused}")
    text = _TOP + "\n".join([note.line, *_lines(merged), "", COMPLETE, ""])
    if errors := Reading.of(text, path).errors:
        raise errors[0]
    return text


def event(path: Path, *, anew: bool = False) -> EventPicsConfig:
    """Event and album in force by the two files alone, these settings and the config file beside them.

    `anew`: by the config file alone.
    """
    try:
        lower = tomli.loads(read_bytes(path.with_name(DEFAULT_PATH.name)).decode("utf-8-sig"))
    except (OSError, ValueError, RecursionError):
        lower = {}
    table = laid_over(lower, {} if anew else _present(path)[0]).get("eventpics")
    found = table if isinstance(table, dict) else {}
    return EventPicsConfig(link_id=str(found.get("link_id", "")), album_id=str(found.get("album_id", "")))


def renew_copy(path: Path) -> None:
    """Bring the copy up to a whole file, as a power cut may have come between the two. Raises OSError."""
    if _read(path)[0] is not None:
        durable.update(copy_of(path), read_bytes(path), mode=_MODE)


def _present(path: Path) -> tuple[dict[str, Any], bool]:
    """What can be used of the file, and whether its event is among that, or it had none.

    Of a file that is lost all but the event is in the copy: somebody may have given it another by hand since.
    """
    present, has_event = _read(path)
    if present is not None:
        return present, has_event
    copied, _ = _read(copy_of(path))
    if copied is None:
        return {}, has_event and not os.path.lexists(copy_of(path))
    event = {key: value for key, value in copied.pop("eventpics", {}).items() if key not in ("link_id", "album_id")}
    return {**copied, "eventpics": event}, False


def _read(path: Path) -> tuple[dict[str, Any] | None, bool]:
    """What can be used of a file, None if nothing; and whether its event is among that, or there was none."""
    try:
        text = read_bytes(path).decode()
        reading = Reading.of(text, path)
    except FileNotFoundError:
        return None, True
    except (OSError, ValueError):
        return None, False
    if not reading.is_complete:
        return None, False
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
