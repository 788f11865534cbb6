"""What was chosen at the box: event, album, language, sound, pause. It overrides the config until that changes.

`choices.toml` reads like a piece of a config file, and says of which config it is: one whose values have changed
since (a comment may) has the last word again, and a file that can't be used counts as no choice at all. The booth
writes it; both services follow it without a restart.
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path

import tomli

from piboothup.config import Config, ConfigError, Secret, parse, toml_value
from piboothup.spool import durable

log = logging.getLogger(__name__)

FILE = "choices.toml"


@dataclass(frozen=True)
class Choices:
    """What was chosen; None = nothing, the config's word holds."""

    link_id: str | None = None
    album_id: str | None = None
    language: str | None = None
    paused: bool | None = None
    sound: bool | None = None
    """Whether the buzzer is heard; no config says that."""

    def over(self, config: Config) -> Config:
        """The config as these choices make it."""
        chosen = config
        if self.link_id is not None:
            event = replace(config.eventpics, link_id=self.link_id, album_id=self.album_id or "")
            chosen = replace(chosen, eventpics=event)
        if self.language is not None:
            chosen = replace(chosen, language=self.language)
        if self.paused is not None:
            chosen = replace(chosen, upload=replace(chosen.upload, paused=self.paused))
        return chosen


def read(directory: Path, config: Config) -> Choices:
    """The choices that hold over this config; none when there is no file, a damaged one, or one of another config."""
    path = directory / FILE
    try:
        text = path.read_text(encoding="utf-8")
        given = tomli.loads(text)
        if given.get("config") != fingerprint(config):
            return Choices()
        checked, _ = parse(text, path)
    except FileNotFoundError:
        return Choices()
    except (OSError, ValueError, RecursionError, ConfigError) as error:
        log.error("choices unusable reason=%r", str(error))
        return Choices()
    has_event = "link_id" in given.get("eventpics", {})
    sound = given.get("sound")
    return Choices(
        link_id=checked.eventpics.link_id if has_event else None,
        album_id=checked.eventpics.album_id if has_event else None,
        language=checked.language if "language" in given else None,
        paused=checked.upload.paused if "paused" in given.get("upload", {}) else None,
        sound=sound if isinstance(sound, bool) else None,
    )


def write(directory: Path, config: Config, choices: Choices) -> None:
    """Makes the choices durable: old or new, whole. Raises OSError."""
    durable.replace(directory / FILE, as_toml(config, choices).encode())


def as_toml(config: Config, choices: Choices) -> str:
    """What the file holds when these choices were made over this config."""
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


def forget_others(directory: Path, config: Config) -> None:
    """Deletes choices made over another config: were that put back, last week's event would hold again. OSError."""
    path = directory / FILE
    try:
        of = tomli.loads(path.read_text(encoding="utf-8")).get("config")
    except (FileNotFoundError, IsADirectoryError):
        return
    except (ValueError, RecursionError):
        of = None
    if of != fingerprint(config):
        durable.remove(path)
        durable.sync_directory(directory)
        log.warning("choices of another config forgotten")


def fingerprint(config: Config) -> str:
    """What tells configs with other values apart; neither the key nor a setting that a later version adds counts."""
    told = hashlib.sha256("\n".join(_differences(config, Config())).encode())
    return told.hexdigest()[:16]


def stamp(directory: Path) -> tuple[int, int, int] | None:
    """What changes with the file."""
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
