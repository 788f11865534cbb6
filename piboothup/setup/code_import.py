"""Verb `settings`: what a code held before the lens says goes to root's files, as the file on the card does.

The booth sends the code's text, and it is read and checked again here: a booth that was taken over may put in a
code's few settings, but no other. Secrets are durable before the settings that name them; the old ones are in force
until then. The record of imports is written after them, for both services to follow; then the network is joined.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from piboothup.config import ConfigError, good_copy, import_record
from piboothup.config.codes import BoothCode, CodeError, WifiNetwork, parse
from piboothup.root_requests import WifiResult
from piboothup.setup import radio, root_settings_file, wifi_profiles
from piboothup.setup.boot_import import KEY_MODE, Box
from piboothup.setup.errors import Refused
from piboothup.spool import durable


def take(
    values: Mapping[str, object],
    box: Box,
    put_in_force: Callable[[str], None] = radio.put_in_force,
    join: Callable[[UUID], WifiResult] = radio.join,
) -> WifiResult | None:
    """Take the code; return how its network was joined, None for a code without one. Raises Refused, OSError."""
    code = _checked(values)
    settings: dict[str, Any] = {"name": code.name, "language": code.language, "timezone": code.timezone}
    settings = {name: value for name, value in settings.items() if value}
    event = {name: value for name in ("link_id", "album_id") if (value := getattr(code, name))}
    if code.key is not None:
        durable.replace(box.key_file, code.key.reveal().encode() + b"\n", mode=KEY_MODE, owner=box.key_owner)
        event["api_key_file"] = str(box.key_file)
    if event:
        settings["eventpics"] = event
    if code.wifi is not None:
        wifi_profiles.write(code.wifi, folder=box.profiles)
    if settings:
        try:
            root_settings_file.update(box.etc / good_copy.ROOT_FILE, settings)
        except ConfigError as error:
            raise Refused(error.what) from None
        durable.replace(box.etc / import_record.FILE, import_record.read(box.etc).to_bytes(), mode=0o644)
    if code.country:
        radio.keep_country(box.boot, code.country)
    if code.country or code.wifi is not None:
        put_in_force(code.country)
    return join(wifi_profiles.uuid_of(code.wifi.ssid)) if code.wifi is not None else None


def _checked(values: Mapping[str, object]) -> BoothCode:
    """The code, a network's as a booth code of that alone. Raises Refused."""
    text = values.get("code")
    if values.keys() != {"code"} or not isinstance(text, str):
        raise Refused("settings takes a code alone")
    try:
        code = parse(text)
    except CodeError as error:
        raise Refused(f"the code can't be used: {error.fault}") from None
    if isinstance(code, WifiNetwork):
        return BoothCode(wifi=code)
    if not isinstance(code, BoothCode):
        raise Refused("no code for root")
    return code
