"""The config's file: where it is, how it is read, and what is wrong with it, by line.

An unknown key is a warning with a did-you-mean. A wrong value is a `ConfigError` that names file, line, key, the
allowed range and the remedy.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomli

from piboothup.config.checks import Wrong
from piboothup.config.secret import Secret
from piboothup.config.settings import DEFAULT_DIRECTORY, Config, ConfigError

DEFAULT_PATH = Path("/etc/piboothup/config.toml")
GOOD_FILE = "config.good.toml"
"""In the spool: the last config that could be used, without the key."""


def find(given: str | None, environment: Mapping[str, str] = os.environ) -> Path:
    """The config file that a command uses: given, else $PIBOOTHUP_CONFIG, else /etc/piboothup/config.toml."""
    return Path(given or environment.get("PIBOOTHUP_CONFIG") or DEFAULT_PATH)


def load(path: Path) -> tuple[Config, list[str]]:
    """The config in the file `path`, and its warnings. Raises ConfigError."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise ConfigError(path, None, "There is no such file.", "Make it, or name another with --config.") from None
    except OSError as error:
        raise ConfigError(path, None, f"It can't be read: {error.strerror}.", "Check its owner and mode.") from None
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        raise ConfigError(path, line, "This is not UTF-8 text.", "Save the file as UTF-8.") from None
    return parse(text, path)


def parse(text: str, path: Path) -> tuple[Config, list[str]]:
    """The config in `text`; `path` is for the messages. Raises ConfigError."""
    try:
        tables = tomli.loads(text.replace("\r\n", "\n"))
    except (ValueError, RecursionError) as error:  # tomli's own error, and what absurd numbers and nesting raise
        found = re.search(r"\(at line (\d+)", str(error))
        what = re.sub(r" \(at .*\)$", "", str(error))
        line = int(found.group(1)) if found else text.count("\n") + 1 if "end of document" in str(error) else None
        remedy = 'Each line is `key = value`; text stands in straight quotes, as in name = "Booth 1".'
        raise ConfigError(path, line, f"{what}.", remedy) from None
    lines = _lines_of_keys(text)
    warnings: list[str] = []
    config: Config = _table(Config, tables, "", path, lines, warnings)
    if config.devices.simulated:
        config = _all_simulated(config)
    _check_pins(config, path, lines)
    return config, warnings


def _table(
    shape: Any, given: dict[str, Any], table: str, path: Path, lines: dict[str, int], warnings: list[str]
) -> Any:
    known = {one.name: one for one in dataclasses.fields(shape)}
    values: dict[str, Any] = {}
    for key, value in given.items():
        dotted = f"{table}.{key}" if table else key
        line = lines.get(dotted)
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1, cutoff=0.6)
            hint = f" Did you mean `{near[0]}`?" if near else ""
            warnings.append(f"{path}, line {line or '?'}: `{dotted}` is not a setting; it is ignored.{hint}")
        elif (check := known[key].metadata.get("check")) is not None:
            try:
                values[key] = check(value)
            except Wrong as wrong:
                raise ConfigError(
                    path, line, f"`{dotted}` can't be used as it stands.", f"It should be {wrong}."
                ) from None
        elif isinstance(value, dict):
            values[key] = _table(type(known[key].default), value, key, path, lines, warnings)
        else:
            raise ConfigError(path, line, f"`{key}` should be a table.", f"Write [{key}] on a line of its own.")
    return shape(**values)


def _lines_of_keys(text: str) -> dict[str, int]:
    """Where each `table.key` (and each table) of a TOML text stands; good enough for messages."""
    lines: dict[str, int] = {}
    table = ""
    for number, line in enumerate(text.split("\n"), start=1):
        if header := re.match(r"\s*\[+\s*([\w.\"'-]+)\s*\]+", line):
            table = header.group(1).strip("\"'")
            lines.setdefault(table, number)
        elif pair := re.match(r"\s*([\w.\"'-]+)\s*=", line):
            key = pair.group(1).strip("\"'")
            lines.setdefault(f"{table}.{key}" if table else key, number)
    return lines


def _all_simulated(config: Config) -> Config:
    return dataclasses.replace(
        config,
        camera=dataclasses.replace(config.camera, driver="simulated"),
        button=dataclasses.replace(config.button, driver="simulated"),
        light=dataclasses.replace(config.light, driver="simulated"),
        panel=dataclasses.replace(config.panel, driver="simulated"),
    )


def _check_pins(config: Config, path: Path, lines: dict[str, int]) -> None:
    used: dict[int, str] = {}
    pins = [("button.pin", config.button.pin)] if config.button.driver == "gpiozero" else []
    if config.light.driver == "gpiozero":
        pins += [(f"light.{key}", getattr(config.light, key)) for key in ("led_pin", "flash_pin", "buzzer_pin")]
    if config.panel.driver not in ("simulated", "none") and config.panel.i2c_port == 1:
        used = {2: "the panel (data)", 3: "the panel (clock)"}
    for key, pin in pins:
        if pin and pin in used:
            remedy = f"GPIO {pin} is taken by {used[pin]}: give each its own."
            raise ConfigError(path, lines.get(key), f"`{key}` uses a pin twice.", remedy)
        used[pin] = key


def as_toml(config: Config) -> str:
    """The config as TOML text, without the API key (what `config.good.toml` holds)."""
    top: list[str] = []
    tables: list[str] = []
    for one in dataclasses.fields(config):
        value = getattr(config, one.name)
        if dataclasses.is_dataclass(value):
            tables += ["", f"[{one.name}]"]
            for inner in dataclasses.fields(value):
                shown = getattr(value, inner.name)
                if shown is not None and not isinstance(shown, Secret):
                    tables.append(f"{inner.name} = {json.dumps(shown, ensure_ascii=False)}")
        else:
            top.append(f"{one.name} = {json.dumps(value, ensure_ascii=False)}")
    return "\n".join(top + tables) + "\n"


def salvage_directory(path: Path) -> Path:
    """The spool directory that a broken config file names, as far as it can be made out; else the default."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return DEFAULT_DIRECTORY
    spool = re.search(r"^\s*\[\s*spool\s*\](.*?)(?=^\s*\[|\Z)", text, re.MULTILINE | re.DOTALL)
    named = re.search(r"^\s*directory\s*=\s*[\"'](/[^\"'\n]+)[\"']", spool.group(1) if spool else "", re.MULTILINE)
    return Path(named.group(1)) if named else DEFAULT_DIRECTORY


def with_directory(config: Config, directory: Path) -> Config:
    """The same config on another spool directory."""
    return dataclasses.replace(config, spool=dataclasses.replace(config.spool, directory=str(directory)))
