"""What a value in the config may be: one check per kind, each saying in words what it allows.

A check takes the value as TOML gave it and returns it as the services want it, or raises `Wrong`.
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Callable
from dataclasses import field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from piboothup.config.secret import Secret

_WORDS = Path(__file__).parent.parent / "booth" / "words"


class Wrong(ValueError):
    """A value is outside its range; the text says what is allowed."""


def setting(default: Any, check: Callable[[Any], Any]) -> Any:
    """A field with this default; `check` sees what a file says in its place."""
    return field(default=default, metadata={"check": check})


def number(default: float, low: float, high: float) -> Any:
    """A number in these limits, both included; a whole one when the default is."""
    whole = isinstance(default, int)

    def check(value: Any) -> Any:
        right_type = isinstance(value, int) or (isinstance(value, float) and not whole)
        if isinstance(value, bool) or not right_type or not low <= value <= high:
            raise Wrong(f"a {'whole ' if whole else ''}number from {low:g} to {high:g}")
        return value if whole else float(value)

    return setting(default, check)


def choice(default: Any, *others: Any) -> Any:
    """One of these."""
    allowed = (default, *others)

    def check(value: Any) -> Any:
        if type(value) is not type(default) or value not in allowed:
            raise Wrong("one of " + ", ".join(json.dumps(one) for one in allowed))
        return value

    return setting(default, check)


def flag(default: bool) -> Any:
    """Yes or no."""

    def check(value: Any) -> Any:
        if not isinstance(value, bool):
            raise Wrong("true or false")
        return value

    return setting(default, check)


def text(default: str, longest: int = 200) -> Any:
    """One line of at most so many characters."""

    def check(value: Any) -> Any:
        if not isinstance(value, str) or len(value) > longest or any(ord(one) < 32 for one in value):
            raise Wrong(f"one line of text in quotes, at most {longest} characters")
        return value

    return setting(default, check)


def directory(value: Any) -> Any:
    """A folder's absolute path."""
    # A relative one would be another folder for each command, and for the booth's unit one in memory.
    if not isinstance(value, str) or not re.fullmatch(r"/[^\x00-\x1f]{0,4095}", value):
        raise Wrong('a folder named from the root on, in quotes, as in "/var/lib/piboothup"')
    return value


def identifier(value: Any) -> Any:
    """An id of EventPics, or "" for none. What it may not be: spaces, a path."""
    if not isinstance(value, str) or not re.fullmatch(r"(?!\.+$)[A-Za-z0-9._~-]{0,128}", value):
        raise Wrong('the id as EventPics shows it, in quotes: letters and digits, no spaces ("" for none)')
    return value


def key(value: Any) -> Any:
    """The API key as a Secret; None for "". What is wrong with it is told without showing it."""
    if not isinstance(value, str) or not re.fullmatch(r"[\x21-\x7e]{0,4096}", value.strip()):
        raise Wrong("the key as EventPics shows it, in straight quotes, on one line, without spaces")
    return Secret(value.strip()) if value.strip() else None


def languages() -> tuple[str, ...]:
    """The languages that the panel speaks, English first: each is a file of `booth.words`."""
    return tuple(sorted((one.stem for one in _WORDS.glob("[a-z]*.py")), key=lambda one: (one != "en", one)))


def language(value: Any) -> Any:
    """One that the panel speaks."""
    if value not in languages():
        raise Wrong("one of " + ", ".join(map(json.dumps, languages())))
    return value


def timezone(value: Any) -> Any:
    """A zone of the IANA database, or ""."""
    from zoneinfo import ZoneInfo  # noqa: PLC0415  (costs 10 ms that `status` need not pay)

    try:
        if value:
            ZoneInfo(value)
    except (ValueError, TypeError, OSError, LookupError):
        raise Wrong('a time zone such as "Europe/Berlin", or "" for UTC') from None
    return value


def is_loopback(host: str) -> bool:
    """Whether `host` (a name or an address without brackets) can only be this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def api_url(value: Any) -> Any:
    """Where EventPics is: https, or http on this machine; without a slash at its end."""
    wanted = "an https address such as https://api.eventpics.net (plain http only for this machine itself)"
    if not isinstance(value, str) or any(one.isspace() for one in value):
        raise Wrong(wanted)
    try:
        parts = urlsplit(value)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise Wrong(wanted) from None
    if not host or parts.scheme not in ("https", "http") or (parts.scheme == "http" and not is_loopback(host)):
        raise Wrong(wanted)
    if parts.username or parts.password or parts.query or parts.fragment:
        raise Wrong(wanted)
    return value.rstrip("/")


def album_url(value: Any) -> Any:
    """What a guest's phone opens, with a place for the event."""
    if not isinstance(value, str) or not value.startswith("https://") or "{link_id}" not in value:
        raise Wrong("an https address with {link_id} in it")
    return value


def size(value: Any) -> Any:
    """Width and height of a frame, in pixels."""
    good = isinstance(value, list | tuple) and len(value) == 2
    if not good or not all(type(one) is int and 64 <= one <= 16384 and one % 2 == 0 for one in value):
        raise Wrong("[width, height], two even numbers of pixels from 64 to 16384")
    return tuple(value)
