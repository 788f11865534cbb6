"""The configuration: one frozen dataclass per TOML table, and `load`.

A missing event or key is a state, not an error. An unknown key is a warning with a did-you-mean. A wrong value is a
`ConfigError` that names file, line, key, the allowed range and the remedy. The API key lives in a `Secret`, which
no repr, log line or exception shows.
"""

from __future__ import annotations

import dataclasses
import difflib
import ipaddress
import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import tomli

DEFAULT_PATH = Path("/etc/piboothup/config.toml")
DEFAULT_DIRECTORY = Path("/var/lib/piboothup")
GOOD_FILE = "config.good.toml"
"""In the spool: the last config that could be used, without the key."""
CONFIG_VERSION = 1


class ConfigError(ValueError):
    """The config can't be used. `str()` is one line: file, line, what, remedy."""

    def __init__(self, path: Path | str, line: int | None, what: str, remedy: str) -> None:
        self.path, self.line, self.what, self.remedy = str(path), line, what, remedy
        where = self.path if line is None else f"{self.path}, line {line}"
        super().__init__(f"{where}: {what} {remedy}")


class Secret:
    """Text that is never shown: its repr, str and format are dots."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The text itself, for the one call that needs it."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(…)"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)


class _Wrong(ValueError):
    """A value is outside its range; the text says what is allowed."""


def _setting(default: Any, check: Callable[[Any], Any]) -> Any:
    return field(default=default, metadata={"check": check})


def _number(default: float, low: float, high: float) -> Any:
    whole = isinstance(default, int)

    def check(value: Any) -> Any:
        right_type = isinstance(value, int) or (isinstance(value, float) and not whole)
        if isinstance(value, bool) or not right_type or not low <= value <= high:
            raise _Wrong(f"a {'whole ' if whole else ''}number from {low:g} to {high:g}")
        return value if whole else float(value)

    return _setting(default, check)


def _choice(default: Any, *others: Any) -> Any:
    allowed = (default, *others)

    def check(value: Any) -> Any:
        if type(value) is not type(default) or value not in allowed:
            raise _Wrong("one of " + ", ".join(json.dumps(one) for one in allowed))
        return value

    return _setting(default, check)


def _flag(default: bool) -> Any:
    def check(value: Any) -> Any:
        if not isinstance(value, bool):
            raise _Wrong("true or false")
        return value

    return _setting(default, check)


def _text(default: str, longest: int = 200) -> Any:
    def check(value: Any) -> Any:
        if not isinstance(value, str) or len(value) > longest or any(ord(one) < 32 for one in value):
            raise _Wrong(f"one line of text in quotes, at most {longest} characters")
        return value

    return _setting(default, check)


def _directory(value: Any) -> Any:
    # A relative one would be another folder for each command, and for the booth's unit one in memory.
    if not isinstance(value, str) or not re.fullmatch(r"/[^\x00-\x1f]{0,4095}", value):
        raise _Wrong('a folder named from the root on, in quotes, as in "/var/lib/piboothup"')
    return value


def _identifier(value: Any) -> Any:
    if not isinstance(value, str) or not re.fullmatch(r"(?!\.+$)[A-Za-z0-9._~-]{0,128}", value):
        raise _Wrong('the id as EventPics shows it, in quotes: letters and digits, no spaces ("" for none)')
    return value


def _key(value: Any) -> Any:
    if not isinstance(value, str) or not re.fullmatch(r"[\x21-\x7e]{0,4096}", value.strip()):
        raise _Wrong("the key as EventPics shows it, in straight quotes, on one line, without spaces")
    return Secret(value.strip()) if value.strip() else None


def _timezone(value: Any) -> Any:
    from zoneinfo import ZoneInfo  # noqa: PLC0415  (costs 10 ms that `status` need not pay)

    try:
        if value:
            ZoneInfo(value)
    except (ValueError, TypeError, OSError, LookupError):
        raise _Wrong('a time zone such as "Europe/Berlin", or "" for UTC') from None
    return value


def is_loopback(host: str) -> bool:
    """Whether `host` (a name or an address without brackets) can only be this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _api_url(value: Any) -> Any:
    wanted = "an https address such as https://api.eventpics.net (plain http only for this machine itself)"
    if not isinstance(value, str) or any(one.isspace() for one in value):
        raise _Wrong(wanted)
    try:
        parts = urlsplit(value)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise _Wrong(wanted) from None
    if not host or parts.scheme not in ("https", "http") or (parts.scheme == "http" and not is_loopback(host)):
        raise _Wrong(wanted)
    if parts.username or parts.password or parts.query or parts.fragment:
        raise _Wrong(wanted)
    return value.rstrip("/")


def _album_url(value: Any) -> Any:
    if not isinstance(value, str) or not value.startswith("https://") or "{link_id}" not in value:
        raise _Wrong("an https address with {link_id} in it")
    return value


def _size(value: Any) -> Any:
    good = isinstance(value, list | tuple) and len(value) == 2
    if not good or not all(type(one) is int and 64 <= one <= 16384 and one % 2 == 0 for one in value):
        raise _Wrong("[width, height], two even numbers of pixels from 64 to 16384")
    return tuple(value)


@dataclass(frozen=True)
class EventPics:
    """Where the photos go. Without a link_id they are taken and wait."""

    api_key: Secret | None = _setting(None, _key)
    """The personal API key, for a desk; on a box use `api_key_file`."""
    api_key_file: str = _text("", 4096)
    """A file with nothing but the key, readable by the uploader alone."""
    link_id: str = _setting("", _identifier)
    """The event."""
    album_id: str = _setting("", _identifier)
    """The album in the event; optional."""
    api_url: str = _setting("https://api.eventpics.net", _api_url)
    """Plain http is accepted for loopback only."""
    album_url: str = _setting("https://app.eventpics.net/{link_id}", _album_url)
    """What a guest's phone opens."""


@dataclass(frozen=True)
class Capture:
    """From the press to the next one."""

    countdown_s: int = _number(5, 0, 10)
    """Whole seconds from press to zero; 0 takes the photo on the button's edge."""
    review_s: float = _number(2.5, 0, 10)
    """Seconds for which SAVED is shown; a press cuts them short."""


@dataclass(frozen=True)
class Camera:
    """The camera and its limits."""

    driver: str = _choice("picamera2", "simulated")
    number: int = _number(0, 0, 9)
    """Which camera, as libcamera counts them."""
    frames: str = _text("", 4096)
    """Simulated only: a folder of JPEGs to serve as frames; empty = drawn scenes."""
    size: tuple[int, int] | None = _setting(None, _size)
    """Width and height in pixels; unset = the sensor's."""
    jpeg_quality: int = _number(93, 50, 100)
    rotation: int = _choice(0, 90, 180, 270)
    """Degrees clockwise by which the pixels are turned."""
    max_exposure_ms: float = _number(20.0, 1, 1000)
    """Longest exposure; gain is raised first."""
    max_gain: float = _number(12.0, 1, 64)
    mains_hz: int = _choice(50, 60)
    focus_m: float = _number(1.5, 0.05, 100)
    """Metres; where the lens goes when autofocus has not settled."""


@dataclass(frozen=True)
class Button:
    """The one button."""

    driver: str = _choice("gpiozero", "simulated")
    pin: int = _number(17, 1, 27)
    """BCM number; the button connects it to ground."""
    hold_s: float = _number(5.0, 2, 15)
    """Seconds of holding that open the menu."""
    menu: str = _choice("after_power_on", "always", "never")
    """When the operator's items are in the menu: only for 10 minutes after power-on, always, never."""


@dataclass(frozen=True)
class Light:
    """The light in the button, a flash, a buzzer."""

    driver: str = _choice("gpiozero", "simulated", "none")
    led_pin: int = _number(27, 0, 27)
    flash_pin: int = _number(0, 0, 27)
    """0 = none."""
    flash_lead_s: float = _number(1.5, 0, 5)
    """Seconds by which the flash leads zero, so that the exposure settles."""
    buzzer_pin: int = _number(0, 0, 27)
    """0 = none."""


@dataclass(frozen=True)
class Panel:
    """The 128x64 OLED."""

    driver: str = _choice("ssd1306", "ssd1309", "ssd1315", "sh1106", "simulated", "none")
    i2c_port: int = _number(1, 0, 20)
    address: int = _number(0x3C, 0x03, 0x77)
    rotate: int = _choice(0, 180)
    """Degrees."""
    album_code: str = _choice("idle", "menu", "off")
    """Where the guest's QR code is shown."""
    lens: str = _choice("above", "below", "left", "right")
    """Where the lens is, seen from the panel."""


@dataclass(frozen=True)
class SpoolTable:
    """Where photos live on the card."""

    directory: str = _setting(str(DEFAULT_DIRECTORY), _directory)
    min_free_mb: int = _number(500, 10, 1_000_000)
    """Below it the oldest *sent* photos go; never any other."""
    keep_sent_days: int = _number(30, 0, 3650)
    """0 = while there is room."""


@dataclass(frozen=True)
class Upload:
    """The uploader's manners."""

    workers: int = _number(2, 1, 4)
    paused: bool = _flag(False)
    """True on metered links."""


@dataclass(frozen=True)
class Devices:
    """`simulated = true` sets every driver to "simulated" at once."""

    simulated: bool = _flag(False)


@dataclass(frozen=True)
class Config:
    """Everything the two services need to know."""

    config_version: int = _choice(CONFIG_VERSION)
    name: str = _text("Booth 1", 40)
    """The box's name, as panel, photos and exports show it."""
    language: str = _choice("en", "de")
    timezone: str = _setting("", _timezone)
    """For EXIF and export names; empty = UTC."""
    eventpics: EventPics = EventPics()
    capture: Capture = Capture()
    camera: Camera = Camera()
    button: Button = Button()
    light: Light = Light()
    panel: Panel = Panel()
    spool: SpoolTable = SpoolTable()
    upload: Upload = Upload()
    devices: Devices = Devices()

    def read_key(self) -> Secret | None:
        """The API key from the config or from `api_key_file`; None when there is none yet.

        Raises ConfigError when the file holds something that can't be a key or can't be read.
        """
        name = self.eventpics.api_key_file
        if self.eventpics.api_key is not None or not name:
            return self.eventpics.api_key
        try:
            text = Path(name).read_text(encoding="utf-8-sig")
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not text"
            raise ConfigError(name, None, f"The key file can't be read: {reason}.", _KEY_REMEDY) from None
        try:
            found: Secret | None = _key(text)
        except _Wrong as wrong:
            raise ConfigError(name, None, f"This should be {wrong}.", _KEY_REMEDY) from None
        return found


_KEY_REMEDY = "Put the key in it, alone, and let the uploader's user read it."


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
            except _Wrong as wrong:
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
