"""Settings chosen at the box: event, album, language, sound, pause. They override the config until it changes.

`choices.toml` has the form of a config file and a fingerprint of the config over which the choices were made. When
the config's values change (a comment may), the choices are ignored. While the file can't be read no event is known:
photos wait, rather than reach the album of the config, perhaps an earlier customer's. The booth writes the file; both
services follow it without a restart.
"""

from __future__ import annotations

import functools
import logging
from pathlib import Path

import tomli

from piboothup.config import Config, ConfigError, Secret, parse, toml_value
from piboothup.records import dataclass, fields, is_dataclass, replace
from piboothup.spool import durable
from piboothup.spool.names import sha256
from piboothup.text import NotAFile, read_bytes

log = logging.getLogger(__name__)

FILE = "choices.toml"


@dataclass(frozen=True)
class Choices:
    """What was chosen at the box; None means that the config's value holds."""

    link_id: str | None = None
    album_id: str | None = None
    language: str | None = None
    paused: bool | None = None
    sound: bool | None = None
    """Whether the buzzer is on; no config setting exists for it."""

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


def read(directory: Path, config: Config) -> Choices:
    """The choices made over this config; none when there is no file, or one of another config.

    UNKNOWN when the file is damaged or can't be read now.
    """
    path = directory / FILE
    try:
        text = read_bytes(path).decode()
        given = tomli.loads(text)
        if given["config"] != fingerprint(config):
            return Choices()
        checked, _ = parse(text, path)
    except (FileNotFoundError, NotAFile):
        return Choices()
    except (OSError, ValueError, KeyError, RecursionError, ConfigError) as error:
        _log_unusable(repr(str(error)))
        return UNKNOWN
    has_event = "link_id" in given.get("eventpics", {})
    sound = given.get("sound")
    return Choices(
        link_id=checked.eventpics.link_id if has_event else None,
        album_id=checked.eventpics.album_id if has_event else None,
        language=checked.language if "language" in given else None,
        paused=checked.upload.paused if "paused" in given.get("upload", {}) else None,
        sound=sound if isinstance(sound, bool) else None,
    )


@functools.lru_cache(maxsize=1)
def _log_unusable(reason: str) -> None:
    """Log it once, however often the file is read."""
    log.error("choices unusable reason=%s", reason)


def write(directory: Path, config: Config, choices: Choices) -> None:
    """Write the choices durably and atomically. Raises OSError, or ConfigError for some that would not be read."""
    text, path = as_toml(config, choices), directory / FILE
    parse(text, path)
    durable.replace(path, text.encode())


def as_toml(config: Config, choices: Choices) -> str:
    """The file's content for these choices over this config."""
    lines = ["# Chosen at the box. Holds until the config file says something else.", ""]
    lines.append(f'config = "{fingerprint(config)}"')
    if choices.language is not None:
        lines.append(f"language = {toml_value(choices.language)}")
    if choices.sound is not None:
        lines.append(f"sound = {toml_value(choices.sound)}")
    if choices.link_id is not None:
        lines += ["", "[eventpics]", f"link_id = {toml_value(choices.link_id)}"]
        lines.append(f"album_id = {toml_value(choices.album_id or '')}")
    if choices.paused is not None:
        lines += ["", "[upload]", f"paused = {toml_value(choices.paused)}"]
    return "\n".join(lines) + "\n"


def forget_others(directory: Path, config: Config, *, config_changed: bool = False) -> None:
    """Delete choices made over another config, which would hold again if that config came back. Raises OSError.

    `config_changed`: since the last start. Then damaged choices go too: nobody could tell which config they are of.
    """
    path = directory / FILE
    try:
        of = tomli.loads(read_bytes(path).decode())["config"]
    except (FileNotFoundError, NotAFile):
        return
    except (ValueError, KeyError, RecursionError):
        if not config_changed:
            return
        of = ""
    if of != fingerprint(config):
        durable.remove(path)
        durable.sync_directory(directory)
        log.warning("choices forgotten reason=another config")


def fingerprint(config: Config) -> str:
    """Hash of the config's values that differ from their defaults, without the key: new settings do not change it."""
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
