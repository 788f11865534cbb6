"""Verb `settings`: what a code held before the lens says goes to root's files, as the file on the card does.

The booth sends the code's text, and it is read and checked again here: a booth that was taken over may put in a
code's few settings, but no other. Secrets are durable before the settings that name them; the old ones are in force
until then. The record of imports is written after them, for both services to follow; then the network is joined.

A network is tried with a profile in memory, and written to the card when it is joined: a power cut before that, or a
password that the network refuses, leaves what was known of it before, and the network that was in use comes back. A
password that is refused is not kept where none was before either: it would be tried for ever, and the person who can
mend it reads so on the panel. A network that is not in reach is kept: it is where the box is to go.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from piboothup.config import ConfigError, good_copy, import_record
from piboothup.config.codes import BoothCode, CodeError, WifiNetwork, parse
from piboothup.root_requests import WifiResult
from piboothup.setup import root_settings_file, wifi_profiles
from piboothup.setup.boot_import import KEY_MODE, Box
from piboothup.setup.errors import Refused
from piboothup.setup.radio import Radio, keep_country
from piboothup.spool import durable

_KEPT: Final = (WifiResult.JOINED, WifiResult.NO_ADDRESS, WifiResult.UNSEEN)
"""Results after which a network is known as the code has it, whatever was known of it before."""


def take(values: Mapping[str, object], box: Box, radio: Radio) -> WifiResult | None:
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
    if settings:
        try:
            root_settings_file.update(box.etc / good_copy.ROOT_FILE, settings)
        except ConfigError as error:
            raise Refused(error.what) from None
        durable.replace(box.etc / import_record.FILE, import_record.read(box.etc).to_bytes(), mode=0o644)
    if code.country:
        keep_country(box.boot, code.country)
    if code.wifi is not None:
        return _join(code.wifi, code.country, box, radio)
    if code.country:
        radio.put_in_force(code.country)
    return None


def _join(network: WifiNetwork, country: str, box: Box, radio: Radio) -> WifiResult:
    """Try the network, and keep it or what was known of it before. Raises OSError."""
    profile = wifi_profiles.uuid_of(network.ssid)
    has_former = wifi_profiles.path_of(network.ssid, box.profiles).exists()
    before = radio.in_use()
    box.trials.mkdir(exist_ok=True)
    wifi_profiles.forget_all(box.trials)  # of a helper that was killed
    try:
        wifi_profiles.write(network, folder=box.trials)
        radio.put_in_force(country)
        result = radio.join(profile)
        is_kept = result in _KEPT or (result is WifiResult.FAILED and not has_former)
        if is_kept:
            wifi_profiles.write(network, folder=box.profiles)
    finally:
        wifi_profiles.forget_all(box.trials)
        radio.reload()
    if is_kept:
        return result
    if before is not None or has_former:
        radio.resume(before or profile)
    return WifiResult.FORMER if result is WifiResult.FAILED else result


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
