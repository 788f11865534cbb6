"""Settings chosen at the box: event, album, language, sound, pause. Each holds until the config says something else.

`choices.toml` has the form of a config file. Its table [over] has what the config said for each thing when it was
chosen: when the config says something else *for that*, the choice has ended. For the event that is also when root's
helper was told an event again, even the same (`EventPicsConfig.revision`). Table [made] has each choice's moment:
what was said to the helper before that, and is in the config only now, ends nothing.

The booth writes the file at its first start, with `COMPLETE` as its last line. While it is damaged, or gone although
the good copy tells that it was there, no event is known: photos wait, rather than reach the album of the config,
perhaps former guests'. Both services follow the file without a restart.
"""

from __future__ import annotations

import contextlib
import functools
import logging
from pathlib import Path
from typing import Any

import tomli

from piboothup.clock import is_after
from piboothup.config import Config, EventPicsConfig, Secret, good_copy, parse, toml_value
from piboothup.config.reading import COMPLETE, Reading
from piboothup.records import dataclass, fields, is_dataclass, replace
from piboothup.spool import durable
from piboothup.spool.names import sha256
from piboothup.text import NotAFile, read_bytes

log = logging.getLogger(__name__)

FILE = "choices.toml"
_MADE = {"event_made": "event", "language_made": "language", "paused_made": "paused"}
"""Moments of choices, and their keys in the file."""
_OF_CONFIG = ("config_version", "language", "eventpics", "upload")
"""What the file has of a config."""
_ENDED_TOGETHER = "config"
"""Key in the file of an older program, whose choices ended together: fingerprint of the whole config."""


@dataclass(frozen=True)
class Choices:
    """What was chosen at the box; None means that the config's value holds."""

    link_id: str | None = None
    album_id: str | None = None
    language: str | None = None
    paused: bool | None = None
    sound: bool | None = None
    """Whether the buzzer is on; no config setting exists for it."""
    event_made: str = ""
    """Moment of the choice (see `clock`); "" when unknown."""
    language_made: str = ""
    paused_made: str = ""

    def adding(self, now: str, **chosen: Any) -> Choices:
        """These choices, and some that are made now."""
        made = {"link_id": "event_made", "language": "language_made", "paused": "paused_made"}
        chosen |= {made[name]: now for name in chosen.keys() & made.keys()}
        return replace(self, **chosen)

    def over(self, config: Config) -> Config:
        """The config with these choices applied."""
        chosen = config
        if self.link_id is not None:
            event = replace(config.eventpics, link_id=self.link_id, album_id=self.album_id or "")
            chosen = replace(chosen, eventpics=event)
        if self.language is not None:
            chosen = replace(chosen, language=self.language)
        if self.paused is not None:
            chosen = replace(chosen, upload=replace(chosen.upload, paused=self.paused))
        return chosen


UNKNOWN = Choices(link_id="", album_id="")
"""Choices that can't be read: no event."""


class _Damaged(ValueError):
    """The file of choices is no whole one."""


@dataclass(frozen=True)
class Said:
    """What a config says for each thing that can be chosen; event and album as hashes."""

    event: str
    """"" = whatever the next config says."""
    album: str
    language: str
    paused: bool

    @classmethod
    def by(cls, config: Config) -> Said:
        """What this config says."""
        event = config.eventpics
        named = sha256(f"{event.link_id}\n{event.revision}".encode()).hexdigest()[:16]
        return cls(named, sha256(event.album_id.encode()).hexdigest()[:16], config.language, config.upload.paused)


def standing(chosen: Choices, then: Said, config: Config) -> Choices:
    """Those of the choices that hold over this config. `then`: what the config said when they were made."""
    now = Said.by(config)
    if not _event_stands(chosen, then, now, config.eventpics):
        chosen = replace(chosen, link_id=None, album_id=None)
    if then.language != now.language and not is_after(chosen.language_made, config.told_at):
        chosen = replace(chosen, language=None)
    if then.paused != now.paused and not is_after(chosen.paused_made, config.told_at):
        chosen = replace(chosen, paused=None)
    return chosen


def _event_stands(chosen: Choices, then: Said, now: Said, named: EventPicsConfig) -> bool:
    """Whether nobody has named an event since it was chosen. The same one, without a new album, ends nothing."""
    if is_after(chosen.event_made, named.told_at):
        return True
    is_unsaid = then.event in (now.event, "")
    if chosen.link_id == named.link_id:
        is_old = then.album == now.album and (is_unsaid or not named.is_album_told)
        return named.album_id in ("", chosen.album_id) or is_old
    return is_unsaid


def read(directory: Path, config: Config) -> Choices:
    """The choices that hold over this config; UNKNOWN when the file is damaged, lost, or can't be read now."""
    try:
        return _standing_in(directory, config)
    except (OSError, _Damaged) as error:
        _log_unusable(repr(str(error)))
        return UNKNOWN


def _standing_in(directory: Path, config: Config) -> Choices:
    """Raises OSError, _Damaged."""
    try:
        chosen, then = _parsed(read_bytes(directory / FILE), directory / FILE)
    except (FileNotFoundError, NotAFile) as error:
        if good_copy.read(directory).is_beside_choices:
            raise _Damaged(f"it is gone: {error}") from None
        return Choices()
    if isinstance(then, Said):
        return standing(chosen, then, config)
    for base in (config, good_copy.read(directory).config):
        if then == fingerprint(base):
            return standing(chosen, Said.by(base), config)
    return Choices()


def _parsed(content: bytes, path: Path) -> tuple[Choices, Said | str]:
    """The choices, and what the config said then, or its fingerprint. Raises _Damaged."""
    try:
        text = content.decode()
        given = tomli.loads(text)
        checked = _as_config({name: given[name] for name in _OF_CONFIG if name in given}, path)
        then = given[_ENDED_TOGETHER] if _ENDED_TOGETHER in given else _said(given["over"])
        if isinstance(then, Said) and text.rstrip().rpartition("\n")[2] != COMPLETE:
            raise _Damaged("it is cut off")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise _Damaged(str(error)) from None
    has_event = "link_id" in given.get("eventpics", {})
    sound, made = given.get("sound"), given.get("made")
    chosen = Choices(
        link_id=checked.eventpics.link_id if has_event else None,
        album_id=checked.eventpics.album_id if has_event else None,
        language=checked.language if "language" in given else None,
        paused=checked.upload.paused if "paused" in given.get("upload", {}) else None,
        sound=sound if isinstance(sound, bool) else None,
        **{name: str(made.get(key, "")) for name, key in _MADE.items() if isinstance(made, dict)},
    )
    return chosen, then


def _as_config(tables: dict[str, Any], path: Path) -> Config:
    """The choices that a config has too, checked as in one. Raises ConfigError."""
    config, errors = Reading.of_tables(tables, path, "").merged_with(Config())
    if errors:
        raise errors[0]
    return config


def _said(given: dict[str, Any]) -> Said:
    return Said(str(given["event"]), str(given["album"]), str(given["language"]), given["paused"] is True)


@functools.lru_cache(maxsize=1)
def _log_unusable(reason: str) -> None:
    """Log it once, however often the file is read."""
    log.error("choices unusable reason=%s", reason)


def check_readable(directory: Path) -> None:
    """Raise OSError for a file that is there and can't be read now: it may be whole."""
    with contextlib.suppress(FileNotFoundError, NotAFile):
        read_bytes(directory / FILE)


def write(directory: Path, config: Config, choices: Choices) -> None:
    """Write the choices durably and atomically. Raises OSError, or ConfigError for some that would not be read."""
    text, path = as_toml(Said.by(config), choices), directory / FILE
    parse(text, path)
    durable.replace(path, text.encode())


def as_toml(said: Said, choices: Choices) -> str:
    """The file's content for these choices over a config that says this."""
    lines = ["# Chosen at the box. Each holds until the config says something else for it.", ""]
    if choices.language is not None:
        lines.append(f"language = {toml_value(choices.language)}")
    if choices.sound is not None:
        lines.append(f"sound = {toml_value(choices.sound)}")
    if choices.link_id is not None:
        lines += ["", "[eventpics]", f"link_id = {toml_value(choices.link_id)}"]
        lines.append(f"album_id = {toml_value(choices.album_id or '')}")
    if choices.paused is not None:
        lines += ["", "[upload]", f"paused = {toml_value(choices.paused)}"]
    made = [f"{key} = {toml_value(getattr(choices, name))}" for name, key in _MADE.items() if getattr(choices, name)]
    lines += ["", "[made]", *made] if made else []
    lines += ["", "[over]", *(f"{key.name} = {toml_value(getattr(said, key.name))}" for key in fields(said))]
    return "\n".join([*lines, "", COMPLETE, ""])


def settle(directory: Path, config: Config, before: Config | None) -> None:
    """Leave in the file what holds over this config: what has ended would hold again if the former came back.

    `before`: the last good config. If another event was named since, damaged choices go too: that is the last word.
    One without an event tells nothing of that, as a wipe takes the event out of it. Raises OSError.
    """
    try:
        found = _standing_in(directory, config)
    except _Damaged:
        if before is None or not before.eventpics.link_id or Said.by(before).event == Said.by(config).event:
            return
        found = Choices()
    durable.update(directory / FILE, as_toml(Said.by(config), found).encode())


def void_event(directory: Path, said_event: str, *, everything: bool, made: str = "") -> None:
    """Choose "no event" in place of a wiped one, or one chosen elsewhere: else the config's would come back.

    A file that can't be read is replaced too: its event is over. Raises OSError.

    `said_event`: what the config says for it (see `Said`), which is void too. `everything`: the other choices go.
    `made`: moment of the wipe, which ends what was said before it as a choice does.
    """
    chosen, then = Choices(), Said(said_event, "", "", paused=False)
    if not everything:
        try:
            chosen, found = _parsed(read_bytes(directory / FILE), directory / FILE)
            then = replace(found, event=said_event or found.event) if isinstance(found, Said) else then
        except (OSError, _Damaged):
            chosen = Choices()
    chosen = replace(chosen, link_id="", album_id="", event_made=made or chosen.event_made)
    durable.update(directory / FILE, as_toml(then, chosen).encode())


def fingerprint(config: Config) -> str:
    """Hash of the config's values that differ from their defaults, without the key, as an older program has it."""
    told = sha256("\n".join(_differences(config, Config())).encode())
    return told.hexdigest()[:16]


def stamp(directory: Path) -> tuple[int, int, int] | None:
    """Value that changes with the file."""
    try:
        found = (directory / FILE).stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def _differences(value: object, default: object, name: str = "") -> list[str]:
    if is_dataclass(value):
        pairs = ((getattr(value, field.name), getattr(default, field.name), field.name) for field in fields(value))
        return [line for value, other, key in pairs for line in _differences(value, other, f"{name}.{key}")]
    return [] if value == default or isinstance(value, Secret) else [f"{name}={value!r}"]
