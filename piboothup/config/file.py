"""The config file: its path, whether it is complete, root's settings over it, and those in place of invalid parts."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from piboothup import records
from piboothup.config import good_copy, import_record, root_settings
from piboothup.config.checks import InvalidValue
from piboothup.config.checks import directory as checked_directory
from piboothup.config.import_record import ImportRecord
from piboothup.config.reading import COMPLETE, Reading
from piboothup.config.root_settings import RootSettings
from piboothup.config.settings import CONFIG_VERSION, DEFAULT_DIRECTORY, Config, ConfigError
from piboothup.config.without_effect import without_effect
from piboothup.records import dataclass
from piboothup.text import path_to_text, read_bytes, text_to_path, without_mark

DEFAULT_PATH = Path("/etc/piboothup/config.toml")
_UNKNOWN = "unknown"
"""Revision of an event that can't be known."""


def find(given: str | None, environment: Mapping[str, str] = os.environ) -> Path:
    """Path of the config file: `given`, else $PIBOOTHUP_CONFIG, else /etc/piboothup/config.toml."""
    return Path(given or environment.get("PIBOOTHUP_CONFIG") or DEFAULT_PATH)


@dataclass(frozen=True)
class EffectiveConfig:
    """Settings that a service can run with, whatever the state of the config file."""

    config: Config
    errors: tuple[ConfigError, ...] = ()
    """Mistakes that make a part of the file, or all of it, unusable."""
    warnings: tuple[str, ...] = ()
    has_unused: bool = False
    """Whether a setting in the file has no effect; a warning names it."""
    names: tuple[str, ...] | None = None
    """Settings in the file, for the good copy (see `good_copy`); None = the good copy is not replaced."""
    has_last_good: bool = True
    """Whether there is a good copy to fall back to; else the defaults are used."""
    overridden: tuple[str, ...] = ()
    """Settings of the config file that root's settings override with another value."""
    has_card_mistakes: bool = False
    """Whether a part of the file on the card was not taken."""

    @property
    def lacks_key(self) -> bool:
        """Whether the key may be in the part that can't be used: the good copy holds none."""
        table = self.config.eventpics
        return bool(self.errors) and table.api_key is None and not table.api_key_file


def load_effective(path: Path, box: str = "") -> EffectiveConfig:
    """Load the config file `path`; invalid parts come from the last good config, else from the defaults.

    If any part is invalid, missing tables also come from the last good config. If the file is truncated, its last
    table does too. Tables are replaced as a whole: never a new event with an old album. The last good event is used
    unless the file names another: photos for that wait until it can be read. On a box, root's settings are laid over
    the file. With `box`, a good copy that another box left in the spool is ignored.
    """
    try:
        reading, is_whole = _read(path), True
    except ConfigError as error:
        reading, is_whole = Reading(path, _salvaged_text(path), errors=[error]), False
    root = root_settings.read(path.with_name(good_copy.ROOT_FILE)) if path == DEFAULT_PATH else RootSettings()
    directory = _directory(reading, root, box)
    kept = good_copy.read(directory, box)
    root.compare(kept)
    if is_whole and (cut := _cut(reading, kept)):
        reading.errors.append(cut)
        reading.values.pop(reading.last_table, None)
        is_whole = False
    reading.over = root.reading
    for table in root.lost_tables(kept) if kept.exists else ():
        reading.values.pop(table, None)
    config, errors = reading.merged_with(Config())
    if errors or root.error:
        fall_back = _fall_back(kept, directory, "" if root.lost_event(kept) else reading.text)
        config, errors_with_last_good = reading.merged_with(fall_back)
        if reading.errors or root.error:  # the pins of a table that can't be used are the last good ones
            errors = errors_with_last_good
    is_unknown = root.error and not kept.exists  # nothing tells what its event was
    if is_unknown or root.names_another_event(config) or root.had_another_event(kept, config):
        config = _without_event(config)
    all_errors = (*errors, *([root.error] if root.error else ()))
    names = (*good_copy.names_of(reading), *root.names) if is_whole and root.names is not None else None
    if names is not None and all_errors and not kept.exists:
        names += (good_copy.DEFAULTED,)
    _warn_without_effect(reading, config)
    over = root.reading
    warnings = (*reading.warnings, *(over.warnings if over else ()))
    has_unused = bool(reading.unused or (over and over.unused))
    card = import_record.read(path.parent) if path == DEFAULT_PATH else ImportRecord()
    return EffectiveConfig(
        *(config, all_errors, warnings, has_unused, names, kept.exists),
        overridden=tuple(_overridden(reading)),
        has_card_mistakes=card.mistakes > 0,
    )


def _warn_without_effect(reading: Reading, config: Config) -> None:
    """Warn of settings in the files that have no effect by themselves."""
    for dotted, sentence in without_effect(config):
        for each in (reading.over, reading):
            if each is not None and dotted in each.names and dotted.partition(".")[0] in each.values:
                each.warn(dotted, sentence)
                break


def _overridden(reading: Reading) -> Iterator[str]:
    if (over := reading.over) is None:
        return
    for name in over.names:
        table, _, key = name.rpartition(".")
        values = [each.values.get(table or key) for each in (reading, over)]
        if name in reading.names and None not in values:
            lower, upper = (getattr(value, key) if table else value for value in values)
            if lower != upper:
                yield name


def _fall_back(copy: good_copy.GoodCopy, directory: Path, text: str) -> Config:
    """Settings in place of invalid ones: the good copy's, without its event if `text` names another."""
    kept = copy.config
    if good_copy.names_another_event(text, kept.eventpics):
        kept = _without_event(kept)
    return records.replace(kept, spool=records.replace(kept.spool, directory=path_to_text(directory)))


def _without_event(config: Config) -> Config:
    """The config when its event can't be known; what was chosen over the former may be older than what it says."""
    event = records.replace(config.eventpics, link_id="", album_id="", revision=_UNKNOWN)
    return records.replace(config, eventpics=event)


def _read(path: Path) -> Reading:
    """Read the file. Raises ConfigError when it can't be read, is no TOML, or has no setting."""
    reading = Reading.of(_text_of(path), path, keeps_event=True)
    if not reading.names and not reading.last_table:
        what = "There is no setting in it: what wrote it may have been cut off."
        raise ConfigError(path, None, what, f"Write it anew, from `config_version = {CONFIG_VERSION}` on.")
    if "config_version" not in reading.values:
        message = f"`config_version` is missing. Write `config_version = {CONFIG_VERSION}` on the first line."
        reading.warnings.append(f"{path}: {message}")
    return reading


def _cut(reading: Reading, kept: good_copy.GoodCopy) -> ConfigError | None:
    """Error of a file that may have been truncated; None when it is complete."""
    lost = good_copy.lost_setting((*good_copy.names_of(reading), good_copy.PRESENT), kept)
    if not lost:
        return None
    lack = "may have lost its end" if lost in reading.names else "of the last good one is missing"
    what = f"`{lost}` {lack}: what wrote it may have been cut off."
    remedy = f"Write it again; if nothing is missing, end the file with the line `{COMPLETE}`."
    return ConfigError(reading.path, reading.text.rstrip().count("\n") + 1, what, remedy)


def _text_of(path: Path) -> str:
    try:
        content = without_mark(read_bytes(path))
        return content.decode()
    except FileNotFoundError:
        raise ConfigError(path, None, "There is no such file.", "Make it, or name another with --config.") from None
    except OSError as error:
        raise ConfigError(path, None, f"It can't be read: {error.strerror}.", "Check its owner and mode.") from None
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ConfigError(path, line, "This is not UTF-8 text.", "Save the file as UTF-8.") from None


def _directory(reading: Reading, root: RootSettings, box: str) -> Path:
    """Spool directory that root's settings name, else the config's text, else the last one used, else the default."""
    if named := _named_in(root.text):
        return named
    last_used = _last_used(reading.path)
    if root.path and not root.reading and "spool.directory" in root_settings.of_root(good_copy.read(last_used, box)):
        return last_used
    spool = reading.values.get("spool")
    if spool is not None and spool.directory != Config().spool.directory:
        return Path(spool.path)
    is_unnamed = reading.names and "spool.directory" not in reading.names  # a broken file has no names
    return last_used if is_unnamed else _named_in(reading.text) or last_used


def _salvaged_text(path: Path) -> str:
    """Text of a broken config file, as far as it can be read."""
    try:
        return read_bytes(path).decode(errors="replace")
    except OSError:
        return ""


def _named_in(text: str) -> Path | None:
    """Spool directory in a text that need not be TOML."""
    if "directory" not in text:
        return None
    spool = re.search(r"^[^\S\n]*\[\s*spool\s*\](.*?)(?=^[^\S\n]*\[|\Z)", text, re.MULTILINE | re.DOTALL)
    table = spool.group(1) if spool else ""
    named = re.search(r"^[^\S\n]*directory\s*=\s*[\"'](/[^\"'\n]+)[\"']", table, re.MULTILINE)
    return Path(text_to_path(named.group(1))) if named else None


def elsewhere_file() -> Path:
    """Path of the file that records the box's last spool directory, when that is not the default folder."""
    return DEFAULT_DIRECTORY / "config.good.directory"


def known_spools_file() -> Path:
    """Path of the file that lists the box's spools with waiting photos (see `spool.disk.known_spools`)."""
    return DEFAULT_DIRECTORY / "spools.waiting.json"


def _last_used(path: Path) -> Path:
    if path != DEFAULT_PATH:
        return DEFAULT_DIRECTORY
    try:
        return Path(text_to_path(checked_directory(read_bytes(elsewhere_file()).decode().strip())))
    except (OSError, UnicodeDecodeError, InvalidValue):
        return DEFAULT_DIRECTORY
