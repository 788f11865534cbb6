"""Validators of config values, one per kind; the error says what is allowed.

A validator takes the value as TOML gave it and returns it as the services need it, or raises `InvalidValue`.
"""

from __future__ import annotations

import contextlib
import json
import re
import string
from collections.abc import Callable
from datetime import UTC, datetime, tzinfo
from pathlib import Path, PurePosixPath
from typing import Any
from unicodedata import category

from piboothup.config.secret import Secret
from piboothup.records import field
from piboothup.text import is_blank

_BREAKING = ("Cc", "Cs", "Zl", "Zp")
"""Unicode's categories of control characters, surrogates, line and paragraph separators."""
LANGUAGES = ("en", "de")
"""Languages of the panel; each has a catalogue of that name in `booth.panel.i18n`."""
EVENTPICS = "https://api.eventpics.net"
_LONGEST_PATH = 4096
"""Letters of a path."""
_LONGEST_NAME_BYTES = 255
"""Bytes of a file's name, on every file system of Linux."""
_LONGEST_CODE = 53
"""Letters that fit the largest code that phones read from the panel."""


class InvalidValue(ValueError):
    """Value outside its range; the text says what is allowed."""


def setting(default: Any, check: Callable[[Any], Any], warn: Callable[[Any], str] | None = None) -> Any:
    """Dataclass field with this default; `check` validates and converts the value in a file.

    `warn` returns a sentence on a valid value that may not have the intended effect, "" otherwise.
    """
    return field(default=default, metadata={"check": check, "warn": warn})


def number(default: float, low: float, high: float) -> Any:
    """Field for a number from `low` to `high`, both included; an integer if the default is one."""
    whole = isinstance(default, int)

    def check(value: Any) -> Any:
        right_type = isinstance(value, int) or (isinstance(value, float) and not whole)
        if isinstance(value, bool) or not right_type or not low <= value <= high:
            form = ", without quotes" if isinstance(value, str) else ""
            raise InvalidValue(f"a {'whole ' if whole else ''}number from {low:g} to {high:g}{form}")
        return value if whole else float(value)

    return setting(default, check)


def choice(default: Any, *others: Any) -> Any:
    """Field for one of these values."""
    allowed = (default, *others)

    def check(value: Any) -> Any:
        if not any(type(value) is type(choice) and value == choice for choice in allowed):
            form = ", without quotes" if isinstance(value, str) and not isinstance(default, str) else ""
            raise InvalidValue("one of " + ", ".join(json.dumps(choice) for choice in allowed) + form)
        return value

    return setting(default, check)


def text(default: str, longest: int = 200, warn: Callable[[Any], str] | None = None) -> Any:
    """Field for one line of at most `longest` characters."""

    def check(value: Any) -> Any:
        if not _is_one_line(value) or len(value) > longest:
            raise InvalidValue(f"one line of text in quotes, at most {longest} characters")
        return value

    return setting(default, check, warn)


def _is_one_line(value: Any) -> bool:
    """Whether the text has no control characters (delete included), line breaks or lone surrogates."""
    return isinstance(value, str) and not any(category(character) in _BREAKING for character in value)


def directory(value: Any) -> Any:
    """Validate a folder's absolute path; without a slash at its end, so that it is written in one way."""
    # A relative one would be another folder for each command, and for the booth's unit one in memory.
    if not _is_one_line(value) or not value.startswith("/") or len(value) > _LONGEST_PATH:
        raise InvalidValue('a folder named from the root on, in quotes, as in "/var/lib/piboothup"')
    return str(PurePosixPath(value))


def file(value: Any) -> Any:
    """Validate a file's absolute path, or "" for none."""
    if not _is_one_line(value) or value[:1] not in ("", "/") or len(value) > _LONGEST_PATH:
        raise InvalidValue('a file named from the root on, in quotes, as in "/boot/firmware/frame.png" ("" for none)')
    return value


def key_file(value: Any) -> Any:
    """Validate the path of the file with the API key, or "" for none. The error does not show what may be the key."""
    with contextlib.suppress(InvalidValue):
        if len(file(value).rpartition("/")[2].encode()) <= _LONGEST_NAME_BYTES:
            return value
    wanted = 'the name of a file from the root on, in quotes, as in "/etc/piboothup/key"'
    raise InvalidValue(f"{wanted}; the key itself stands in that file, alone, or in `api_key`")


def identifier(value: Any) -> Any:
    """Validate an id of EventPics, or "" for none: no spaces, no path."""
    if not isinstance(value, str) or not re.fullmatch(r"(?!\.+$)[A-Za-z0-9._~-]{0,128}", value):
        raise InvalidValue('the id as EventPics shows it, in quotes: letters and digits, no spaces ("" for none)')
    return value


def key(value: Any) -> Any:
    """Convert the API key to a Secret; None for "". The error does not show it.

    Quotes around it are none of its characters: a file with the key alone needs none and may have them.
    """
    wanted = "the key as EventPics shows it, in straight quotes, on one line, without spaces"
    if not isinstance(value, str):
        raise InvalidValue(wanted)
    unseen = "".join(character for character in set(value) if is_blank(character) or category(character) == "Cf")
    bare = value.strip(unseen)
    inside = [character for character in bare if character in unseen and character not in string.whitespace]
    if inside:
        raise InvalidValue(f"{wanted} (it has the invisible character U+{ord(inside[0]):04X} in it)")
    if re.match(r"(?i)\W?api\W?_?key\W*[=:]", bare):
        raise InvalidValue(f"{wanted}, and without `api_key` before it")
    if not re.fullmatch(r"[\x21-\x7e]{0,4096}", bare):
        raise InvalidValue(wanted)
    if len(bare) > 1 and bare[0] == bare[-1] and bare[0] in "\"'":
        bare = bare[1:-1]
    return Secret(bare) if bare else None


def zone(name: str) -> tzinfo:
    """Time zone of this name; UTC when it is empty or unknown to this system."""
    return (_known_zone(name) if name else None) or UTC


def unknown_zone(name: str) -> str:
    """Sentence on a time zone that is unknown to this system, so that UTC is used; "" otherwise."""
    if not name or _known_zone(name) is not None:
        return ""
    return (
        f"This system has no time zone {json.dumps(name, ensure_ascii=False)}, so times are in UTC. Take one such as "
        '"Europe/Berlin", or install tzdata (tzdata-legacy for old names).'
    )


def _known_zone(name: str) -> tzinfo | None:
    import struct  # noqa: PLC0415
    from zoneinfo import TZPATH, ZoneInfo  # noqa: PLC0415  (costs 10 ms that `status` need not pay)

    try:
        if any(_lacks_its_end(Path(folder, name)) for folder in TZPATH):
            return None
        found = ZoneInfo(name)
        found.utcoffset(datetime(2026, 7, 1, tzinfo=found))  # a damaged file may hold more than a day
    except (ValueError, OSError, LookupError, struct.error, AssertionError):
        return None  # a path, a folder, a name that is in no database; a file that is cut off
    return found


def _lacks_its_end(zone_file: Path) -> bool:
    """Whether a zone's file lacks the line break at its end (RFC 8536, 3.3): zoneinfo looks for it for ever."""
    content = zone_file.read_bytes() if zone_file.is_file() else b""
    return content[4:5] >= b"2" and not content.endswith(b"\n")


def is_loopback(host: str) -> bool:
    """Whether `host` (a name or an address without brackets) can only be this machine."""
    import ipaddress  # noqa: PLC0415  (a booth need not load it)

    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def api_url(value: Any) -> Any:
    """Validate the address of EventPics: https, or http on this machine; a slash at its end is removed."""
    if value == EVENTPICS:
        return value
    from urllib.parse import urlsplit  # noqa: PLC0415  (a booth with the usual address need not load it)

    wanted = "an https address such as https://api.eventpics.net (plain http only for this machine itself)"
    if not _is_one_line(value) or any(character.isspace() for character in value):
        raise InvalidValue(wanted)
    try:
        parts = urlsplit(value)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise InvalidValue(wanted) from None
    if not host or parts.scheme not in ("https", "http") or (parts.scheme == "http" and not is_loopback(host)):
        raise InvalidValue(wanted)
    if parts.username or parts.password or parts.query or parts.fragment:
        raise InvalidValue(wanted)
    return value.rstrip("/")


def album_url(value: Any) -> Any:
    """Validate the address that a guest's phone opens; it has a place for the event."""
    if not _is_one_line(value) or not value.startswith("https://") or "{link_id}" not in value:
        raise InvalidValue("an https address with {link_id} in it")
    return value


def page_url(value: Any) -> Any:
    """Validate the address of the set-up page, short enough for a code on the panel; empty = none."""
    if value != "" and not (
        isinstance(value, str)
        and len(value) <= _LONGEST_CODE
        and re.fullmatch(r"https://[\w.-]+(/[!-~]*)?", value, re.A)
    ):
        raise InvalidValue(f"an https address of at most {_LONGEST_CODE} letters, without accents, or empty")
    return value


def size(value: Any) -> Any:
    """Validate width and height of a frame, pixels."""
    good = isinstance(value, list | tuple) and len(value) == 2
    if not good or not all(type(length) is int and 64 <= length <= 16384 and length % 2 == 0 for length in value):
        raise InvalidValue("[width, height], two even numbers of pixels from 64 to 16384")
    return tuple(value)
