"""The config's file: where it is, whether it is whole, and what a service uses when a part of it can't be."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from piboothup.config import good_copy
from piboothup.config.checks import InvalidValue
from piboothup.config.checks import directory as checked_directory
from piboothup.config.reading import Reading
from piboothup.config.settings import CONFIG_VERSION, DEFAULT_DIRECTORY, Config, ConfigError
from piboothup.text import path_to_text, text_to_path

DEFAULT_PATH = Path("/etc/piboothup/config.toml")


def find(given: str | None, environment: Mapping[str, str] = os.environ) -> Path:
    """The config file that a command uses: given, else $PIBOOTHUP_CONFIG, else /etc/piboothup/config.toml."""
    return Path(given or environment.get("PIBOOTHUP_CONFIG") or DEFAULT_PATH)


@dataclass(frozen=True)
class EffectiveConfig:
    """Settings that a service can run with, whatever its config's file is like."""

    config: Config
    errors: tuple[ConfigError, ...] = ()
    """Mistakes for which a part of the file, or all of it, can't be used."""
    warnings: tuple[str, ...] = ()
    has_unused: bool = False
    """A setting in the file has no effect; a warning says which."""
    names: tuple[str, ...] | None = None
    """The file's settings for the good copy (see `good_copy`); None = the good copy stays as it is."""
    has_last_good: bool = True
    """There is a good copy to fall back to; else the defaults are used."""

    @property
    def lacks_key(self) -> bool:
        """True when the key may be in the part that can't be used: the good copy holds none."""
        table = self.config.eventpics
        return bool(self.errors) and table.api_key is None and not table.api_key_file


def load_effective(path: Path, box: str = "") -> EffectiveConfig:
    """The config in the file `path`; what can't be used is as it was in the last good one, else the default.

    A file with a mistake may lack more than what is wrong in it, so a table that it does not name is the last good
    one too; of one that is cut off the last table is. Tables are taken as a whole: never a new event with an old
    album. The last good event is used unless the file names another: photos for that wait until it can be read.
    With `box`, what another box left in the spool does not count.
    """
    try:
        reading = _read(path)
    except ConfigError as error:
        directory = salvage_directory(path)
        kept = good_copy.read(directory, box)
        config = _fall_back(kept, directory, _salvaged_text(path))
        return EffectiveConfig(config, (error,), has_last_good=kept.exists)
    directory = _directory(reading)
    kept = good_copy.read(directory, box)
    if cut := _cut(reading, kept):
        reading.errors.append(cut)
        reading.values.pop(reading.last_table, None)
    config, errors = reading.merged_with(Config())
    if errors:
        config, errors_with_last_good = reading.merged_with(_fall_back(kept, directory, reading.text))
        if reading.errors:  # the pins of a table that can't be used are the last good ones, not the defaults
            errors = errors_with_last_good
    names = None if cut else good_copy.names_of(reading)
    return EffectiveConfig(config, tuple(errors), tuple(reading.warnings), bool(reading.unused), names, kept.exists)


def _fall_back(copy: good_copy.GoodCopy, directory: Path, text: str) -> Config:
    """Settings in place of those that can't be used: the good copy's, without its event if `text` names another."""
    kept = copy.config
    if good_copy.names_another_event(text, kept.eventpics):
        kept = dataclasses.replace(kept, eventpics=dataclasses.replace(kept.eventpics, link_id="", album_id=""))
    return with_directory(kept, directory)


def _read(path: Path) -> Reading:
    """Read the file. Raises ConfigError when it can't be read, is no TOML, or has no setting."""
    reading = Reading.of(_text_of(path), path)
    if not reading.names and not reading.last_table:
        what = "There is no setting in it: what wrote it may have been cut off."
        raise ConfigError(path, None, what, f"Write it anew, from `config_version = {CONFIG_VERSION}` on.")
    if "config_version" not in reading.values:
        told = f"`config_version` is missing. Write `config_version = {CONFIG_VERSION}` on the first line."
        reading.warnings.append(f"{path}: {told}")
    return reading


def _cut(reading: Reading, kept: good_copy.GoodCopy) -> ConfigError | None:
    """Error of a file that may have been cut off; None when it is whole."""
    lost = good_copy.lost_setting(good_copy.names_of(reading), kept)
    if not lost:
        return None
    what = f"`{lost}` of the last good one is missing: what wrote it may have been cut off."
    remedy = f"Write it again; if nothing is missing, end the file with the line `{good_copy.COMPLETE}`."
    return ConfigError(reading.path, reading.text.rstrip().count("\n") + 1, what, remedy)


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
    return _named_in(_salvaged_text(path)) or _last_used(path)


def _salvaged_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _named_in(text: str) -> Path | None:
    spool = re.search(r"^\s*\[\s*spool\s*\](.*?)(?=^\s*\[|\Z)", text, re.MULTILINE | re.DOTALL)
    named = re.search(r"^\s*directory\s*=\s*[\"'](/[^\"'\n]+)[\"']", spool.group(1) if spool else "", re.MULTILINE)
    return Path(text_to_path(named.group(1))) if named else None


def elsewhere_file() -> Path:
    """The file that says where the box's spool was last; it lies in the default folder when the spool does not."""
    return DEFAULT_DIRECTORY / "config.good.directory"


def known_spools_file() -> Path:
    """The file that says on which spools of the box photos wait (see `spool.disk.known_spools`)."""
    return DEFAULT_DIRECTORY / "spools.waiting.json"


def _last_used(path: Path) -> Path:
    if path != DEFAULT_PATH:
        return DEFAULT_DIRECTORY
    try:
        return Path(text_to_path(checked_directory(elsewhere_file().read_bytes().decode().strip())))
    except (OSError, UnicodeDecodeError, InvalidValue):
        return DEFAULT_DIRECTORY


def with_directory(config: Config, directory: Path) -> Config:
    """The same config on another spool directory."""
    return dataclasses.replace(config, spool=dataclasses.replace(config.spool, directory=path_to_text(directory)))
