"""The config's file: where it is, whether it is whole, and what a service uses when a part of it can't be."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from piboothup.config import good_copy
from piboothup.config.checks import Wrong
from piboothup.config.checks import directory as checked_directory
from piboothup.config.reading import Reading
from piboothup.config.settings import CONFIG_VERSION, DEFAULT_DIRECTORY, Config, ConfigError
from piboothup.text import as_text, native

DEFAULT_PATH = Path("/etc/piboothup/config.toml")


def find(given: str | None, environment: Mapping[str, str] = os.environ) -> Path:
    """The config file that a command uses: given, else $PIBOOTHUP_CONFIG, else /etc/piboothup/config.toml."""
    return Path(given or environment.get("PIBOOTHUP_CONFIG") or DEFAULT_PATH)


def load(path: Path) -> tuple[Config, list[str]]:
    """The config in the file `path`, and its warnings. Raises ConfigError, also when it is empty or cut off."""
    reading = _read(path)
    return reading.sound(), reading.warnings


@dataclass(frozen=True)
class Usable:
    """What a service runs with, whatever its config's file is like."""

    config: Config
    errors: tuple[ConfigError, ...] = ()
    """Why a part of the file, or all of it, can't be used."""
    warnings: tuple[str, ...] = ()
    marks: tuple[str, ...] | None = None
    """The file's lines for the good copy (see `good_copy`); None = this is the good copy, and stays as it is."""

    @property
    def lacks_key(self) -> bool:
        """Whether the key may be in what can't be used: none is kept with the good copy."""
        table = self.config.eventpics
        return bool(self.errors) and table.api_key is None and not table.api_key_file


def load_usable(path: Path) -> Usable:
    """The config in the file `path`; what can't be used is as it was in the last good one, else the default.

    A file with a mistake may lack more than what is wrong in it, so a table that it does not name is the last good
    one too. Tables are taken as a whole: never a new event with an old album.
    """
    try:
        reading = _read(path)
    except ConfigError as error:
        directory = salvage_directory(path)
        return Usable(with_directory(good_copy.read(directory), directory), (error,))
    config, errors = reading.settled(Config())
    if errors:
        directory = _directory(reading)
        config, _ = reading.settled(with_directory(good_copy.read(directory), directory))
    return Usable(config, tuple(errors), tuple(reading.warnings), tuple(good_copy.marks_of(reading.text)))


def _read(path: Path) -> Reading:
    """What the file says. Raises ConfigError when it can't be read, is no TOML, is empty or cut off."""
    reading = Reading.of(_text_of(path), path)
    if good_copy.says_nothing(good_copy.marks_of(reading.text)):
        what = "There is no setting in it: what wrote it may have been cut off."
        raise ConfigError(path, None, what, f"Write it anew, from `config_version = {CONFIG_VERSION}` on.")
    if good_copy.is_cut(reading.text, good_copy.kept_marks(_directory(reading))):
        what = "It ends where the last good one went on: what wrote it may have been cut off."
        remedy = f"Write the rest anew; if it is meant to end here, add the line `{good_copy.COMPLETE}`."
        raise ConfigError(path, reading.text.rstrip().count("\n") + 1, what, remedy)
    if "config_version" not in reading.values:
        told = f"`config_version` is missing. Write `config_version = {CONFIG_VERSION}` on the first line."
        reading.warnings.append(f"{path}: {told}")
    return reading


def _text_of(path: Path) -> str:
    try:
        content = path.read_bytes()
        return content.decode("utf-8-sig")
    except FileNotFoundError:
        raise ConfigError(path, None, "There is no such file.", "Make it, or name another with --config.") from None
    except OSError as error:
        raise ConfigError(path, None, f"It can't be read: {error.strerror}.", "Check its owner and mode.") from None
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ConfigError(path, line, "This is not UTF-8 text.", "Save the file as UTF-8.") from None


def _directory(reading: Reading) -> Path:
    """The spool directory that the text names, else the one that was used last, else the default."""
    spool = reading.values.get("spool")
    if spool is not None and spool.directory != Config().spool.directory:
        directory: Path = spool.path
        return directory
    return _named_in(reading.text) or _last_used(reading.path)


def salvage_directory(path: Path) -> Path:
    """The spool directory that a broken config file names, as far as it can be made out; else that used last."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = ""
    return _named_in(text) or _last_used(path)


def _named_in(text: str) -> Path | None:
    spool = re.search(r"^\s*\[\s*spool\s*\](.*?)(?=^\s*\[|\Z)", text, re.MULTILINE | re.DOTALL)
    named = re.search(r"^\s*directory\s*=\s*[\"'](/[^\"'\n]+)[\"']", spool.group(1) if spool else "", re.MULTILINE)
    return Path(native(named.group(1))) if named else None


def elsewhere_file() -> Path:
    """The file that says where the box's spool was last; it lies in the default folder when the spool does not."""
    return DEFAULT_DIRECTORY / "config.good.directory"


def _last_used(path: Path) -> Path:
    if path != DEFAULT_PATH:
        return DEFAULT_DIRECTORY
    try:
        return Path(native(checked_directory(elsewhere_file().read_bytes().decode().strip())))
    except (OSError, UnicodeDecodeError, Wrong):
        return DEFAULT_DIRECTORY


def with_directory(config: Config, directory: Path) -> Config:
    """The same config on another spool directory."""
    return dataclasses.replace(config, spool=dataclasses.replace(config.spool, directory=as_text(directory)))
