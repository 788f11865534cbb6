"""Parser of a config's text: values, warnings and errors, each with table and line.

An unknown key is a warning with a did-you-mean. An invalid value is a `ConfigError` that names file, line, key, the
allowed range and the remedy; it invalidates its own table and no other. In the config file the API key, or where it
stands, invalidates itself alone: photos keep the event that stands beside it, and wait for the key.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tomli

from piboothup import records
from piboothup.config.checks import InvalidValue
from piboothup.config.settings import Config, ConfigError
from piboothup.records import dataclass, field

COMPLETE = "# complete"
"""Last line of a file that was shortened on purpose."""
REPLACES = {"link_id": "album_id", "api_key": "api_key_file", "api_key_file": "api_key"}
"""Keys whose value makes another key's lower value void: no new event with an old album."""
_API_KEY = ("eventpics.api_key", "eventpics.api_key_file")


def replaces(key: str, value: Any, under: Any) -> bool:
    """Whether this value of a key in `REPLACES` makes the other void; the event that is there in `under` does not."""
    there = under.get(key) if isinstance(under, dict) else getattr(under, key)
    return key != "link_id" or value != there


def parse(text: str, path: Path) -> tuple[Config, list[str]]:
    """Parse the config in `text`; `path` is for the messages. Raises ConfigError."""
    reading = Reading.of(text, path)
    config, errors = reading.merged_with(Config())
    if errors:
        raise errors[0]
    return config, reading.warnings


@dataclass
class Reading:
    """Content of a config's text, by table (and by key outside of tables)."""

    path: Path
    text: str
    lines: dict[str, int] | None = None
    """Line number of each `table.key`; None = as in the text."""
    values: dict[str, Any] = field(default_factory=dict)
    """Valid values."""
    errors: list[ConfigError] = field(default_factory=list)
    """Errors, in the file's order."""
    warnings: list[str] = field(default_factory=list)
    unused: list[str] = field(default_factory=list)
    """Settings without effect, `table.key`; a warning gives the reason."""
    names: list[str] = field(default_factory=list)
    """Settings in the text, valid or not, in its order: `table.key`."""
    last_table: str = ""
    """Last table in the text; "" when there is none."""
    over: Reading | None = None
    """Root's settings, which are laid over these (see `root_settings`)."""
    keeps_event: bool = False
    """Whether an invalid API key leaves the rest of its table valid."""
    _invalid_key: list[str] = field(default_factory=list)
    """Settings of the API key that are invalid."""

    @property
    def is_complete(self) -> bool:
        """Whether the text ends with `COMPLETE`."""
        return self.text.rstrip().rpartition("\n")[2].strip() == COMPLETE

    @classmethod
    def of(cls, text: str, path: Path, *, keeps_event: bool = False) -> Reading:
        """Parse `text`. Raises ConfigError when it is no TOML, or of another version."""
        return cls.of_tables(_tables(text, path), path, text, keeps_event=keeps_event)

    @classmethod
    def of_tables(
        cls,
        tables: dict[str, Any],
        path: Path,
        text: str,
        lines: dict[str, int] | None = None,
        *,
        keeps_event: bool = False,
    ) -> Reading:
        """Check what a text says. Raises ConfigError when it is of another version."""
        reading = cls(path, text, lines, keeps_event=keeps_event)
        shape = {each.name: each for each in records.fields(Config)}
        for name, value in tables.items():
            reading.last_table = name if isinstance(value, dict) else ""
            try:
                default = shape[name].default if name in shape else None
                if records.is_dataclass(default):
                    reading.values[name] = reading._table(type(default), name, value)
                else:
                    reading.values |= reading._checked(shape, name, name, value)
            except ConfigError as error:
                if name == "config_version":  # what the rest of it means is not known here
                    raise
                reading.errors.append(error)
        return reading

    def merged_with(self, base: Config) -> tuple[Config, list[ConfigError]]:
        """Return the config, with `base` for what is invalid or missing, and the errors."""
        config = records.replace(base, **(self.values if self.over is None else self.over._laid_over(self, base)))
        if (void := self._void_keys()) and "eventpics" in self.values:
            own = {key: getattr(base.eventpics, key) for key in void}
            config = records.replace(config, eventpics=records.replace(config.eventpics, **own))
        config = _all_simulated(config) if config.devices.simulated else config
        twice = list(self._pin_errors(config))
        if twice:
            config = records.replace(config, button=base.button, light=base.light, panel=base.panel)
        return config, [*self.errors, *(self.over.errors if self.over is not None else ()), *twice]

    def _void_keys(self) -> list[str]:
        """Settings of the API key of which one is invalid, unless root's settings have one."""
        over = () if self.over is None else self.over.names
        if not self._invalid_key or any(dotted in over for dotted in _API_KEY):
            return []
        return [
            dotted.partition(".")[2] for dotted in _API_KEY if dotted not in self.names or dotted in self._invalid_key
        ]

    def _laid_over(self, lower: Reading, base: Config) -> dict[str, Any]:
        """Values of both, those of `lower` only where these have none: by key, but an event with its album."""
        values = dict(lower.values)
        for table, value in self.values.items():
            if not records.is_dataclass(value):
                values[table] = value
                continue
            keys = {name.partition(".")[2] for name in self.names if name.startswith(f"{table}.")}
            under = values.get(table, getattr(base, table))
            keys |= {REPLACES[key] for key in keys & set(REPLACES) if replaces(key, getattr(value, key), under)}
            keys |= {"revision"} if "link_id" in keys else set()
            own = {key: getattr(value, key) for key in keys}
            values[table] = records.replace(under, **own)
        return values

    def _pin_errors(self, config: Config) -> Iterator[ConfigError]:
        """Errors of pins that `config` uses twice."""
        used: dict[int, str] = {}
        pins = [("button.pin", config.button.pin)] if config.button.driver == "gpiozero" else []
        if config.light.driver == "gpiozero":
            pins += config.light.pins.items()
        if config.panel.driver not in ("simulated", "none") and config.panel.i2c_port == 1:
            used = {2: "the panel (data)", 3: "the panel (clock)"}
        for key, pin in pins:
            if pin and pin in used:
                remedy = f"GPIO {pin} is taken by {used[pin]}: give each its own."
                yield self._error(key, f"`{key}` uses a pin twice.", remedy)
            used[pin] = key

    def _table(self, shape: Any, table: str, given: Any) -> Any:
        if not isinstance(given, dict):
            raise self._error(table, f"`{table}` should be a table.", f"Write [{table}] on a line of its own.")
        known = {each.name: each for each in records.fields(shape)}
        values: dict[str, Any] = {}
        for key, value in given.items():
            try:
                values |= self._checked(known, key, f"{table}.{key}", value)
            except ConfigError as error:
                if not self.keeps_event or f"{table}.{key}" not in _API_KEY:
                    raise
                self.errors.append(error)
                self._invalid_key.append(f"{table}.{key}")
        return shape(**values)

    def _checked(self, known: dict[str, Any], key: str, dotted: str, value: Any) -> dict[str, Any]:
        """Key and converted value; empty for an unknown setting."""
        if key not in known:
            import difflib  # noqa: PLC0415  (a file without mistakes need not load it)

            near = difflib.get_close_matches(key, known, n=1, cutoff=0.6)
            hint = f" Did you mean `{near[0]}`?" if near else ""
            self.warn(dotted, f"`{dotted}` is not a setting; it is ignored.{hint}")
            return {}
        self.names.append(dotted)
        try:
            checked = known[key].metadata["check"](value)
        except InvalidValue as wrong:
            raise self._error(dotted, f"`{dotted}` can't be used as it stands.", f"It should be {wrong}.") from None
        warn = known[key].metadata["warn"]
        if warn is not None and (sentence := warn(checked)):
            self.warn(dotted, sentence)
        return {key: checked}

    def _error(self, dotted: str, what: str, remedy: str) -> ConfigError:
        if self.over is not None and dotted in self.over.names:
            return self.over._error(dotted, what, remedy)
        return ConfigError(self.path, self._line_of(dotted), what, remedy)

    def warn(self, dotted: str, what: str) -> None:
        """Warn of a setting without effect."""
        self.unused.append(dotted)
        self.warnings.append(f"{self.path}, line {self._line_of(dotted) or '?'}: {what}")

    def _line_of(self, dotted: str) -> int | None:
        if self.lines is None:  # a text without mistakes is not searched
            self.lines = _lines_of_keys(self.text)
        return self.lines.get(dotted)


def _tables(text: str, path: Path) -> dict[str, Any]:
    try:
        return tomli.loads(text.replace("\r\n", "\n"))
    except (ValueError, RecursionError) as error:  # tomli's own error, and what absurd numbers and nesting raise
        found = re.search(r"\(at line (\d+)", str(error))
        what = re.sub(r" \(at .*\)$", "", str(error))
        line = int(found.group(1)) if found else text.count("\n") + 1 if "end of document" in str(error) else None
        remedy = 'Each line is `key = value`; text stands in straight quotes, as in name = "Booth 1".'
        raise ConfigError(path, line, f"{what}.", remedy) from None


def _lines_of_keys(text: str) -> dict[str, int]:
    """Line number of each `table.key` (and each table) of a TOML text; good enough for messages."""
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
    devices = {name: getattr(config, name) for name in ("camera", "button", "light", "panel")}
    return records.replace(
        config, **{name: records.replace(device, driver="simulated") for name, device in devices.items()}
    )
