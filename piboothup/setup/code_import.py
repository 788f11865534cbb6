"""What a code held before the lens says goes to root's files, as the file on the card does: verb `settings`.

The booth sends the code's text, and it is read and checked again here: a booth that was taken over may put in a
code's few settings, but no other. They, and the key, are kept as a whole in a file of root's alone before any of them
is put in place: what a power cut or a failing disk ends is finished at the next start, or before the next code; the
old ones are in force until the new ones are durable. The record of imports is written after them, for both services
to follow; then the network is joined.

A network is tried with a profile in memory, and written to the card when it is joined: a power cut before that, or a
password that the network refuses, leaves what was known of it before, and the network that was in use comes back. A
password that is refused is not kept where none was before either: it would be tried for ever, and the person who can
mend it reads so on the panel. A network that is not in reach is kept: it is where the box is to go.

The networks that codes gave are a customer's: the menu offers to forget them after a wipe, by the verbs
`count-networks` and `forget-networks`. Those of the file on the card stay, and those of others.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import logging
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, Final

from piboothup.clock import boot_start, moment
from piboothup.config import ConfigError
from piboothup.config.codes import BoothCode, CodeError, WifiNetwork, make, parse
from piboothup.records import replace
from piboothup.root_requests import WifiResult
from piboothup.setup import boot_import, root_settings_file, wifi_profiles
from piboothup.setup.boot_import import PENDING, spoke_later
from piboothup.setup.boot_text import names_in
from piboothup.setup.errors import KeepsNothing, Refused
from piboothup.setup.import_steps import Box, names_of, write_key
from piboothup.setup.radio import Radio, keep_country
from piboothup.spool import durable
from piboothup.text import read_bytes

log = logging.getLogger(__name__)

_PutInForce = Callable[[str], None]
"""Sets the radio's country and has the networks joined."""
_PENDING_MODE: Final = 0o600
_LOCK_LOOKS, _LOCK_LOOK_S = 100, 0.1
"""How often the lock on imports is tried, and every how many seconds."""
_KEPT: Final = (WifiResult.JOINED, WifiResult.NO_ADDRESS, WifiResult.UNSEEN, WifiResult.UNSEEN_24)
"""Results after which a network is known as the code has it, whatever was known of it before."""


@contextlib.contextmanager
def exclusive(box: Box) -> Iterator[Callable[[_PutInForce], _PutInForce]]:
    """Wait for another import, of card, stick or code, and keep the next one waiting. Raises OSError.

    The wait is bounded, as whoever may read the folder may lock it. Yields what makes of a function that sets the
    radio another, which keeps nobody waiting meanwhile.
    """
    folder = os.open(box.etc, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        _lock(folder)
        yield lambda put_in_force: partial(_unlocked, folder, put_in_force)
    finally:
        os.close(folder)


def _lock(folder: int) -> None:
    for _ in range(_LOCK_LOOKS):
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        threading.Event().wait(_LOCK_LOOK_S)
    raise TimeoutError(errno.ETIMEDOUT, "another import does not end")


def _unlocked(folder: int, put_in_force: _PutInForce, country: str) -> None:
    fcntl.flock(folder, fcntl.LOCK_UN)
    put_in_force(country)
    _lock(folder)


def take(values: Mapping[str, object], box: Box, radio: Radio) -> WifiResult | None:
    """Take the code; return how its network was joined, None for a code without one. Raises Refused, OSError."""
    code = _checked(values)
    with exclusive(box) as unlocked:
        take_older(box, unlocked(radio.put_in_force))
        code = replace(code, country=code.country or _owed_country(box))
        if _settings(code, box) or code.country:
            said = moment(box.clock)
            _check_settings(code, said, box)
            _keep_pending(replace(code, wifi=None), said, box)
            _put(code, said, box)
    if code.wifi is not None:
        return _join(code.wifi, code.country, box, radio)
    if code.country:
        radio.put_in_force(code.country)
    return None


def take_older(box: Box, put_in_force: _PutInForce) -> None:
    """Take what is older than a code or stick: a code that was cut, and the card's file before the start's import.

    Raises OSError for the first; a card that can't be read keeps no code out. Raises KeepsNothing where neither code
    nor stick would outlast a power-off: the card's file does, as it is read at each start.
    """
    if box.forgets:
        raise KeepsNothing
    finish(box, put_in_force)
    try:
        if names_in(box.boot):
            boot_import.run(box, put_in_force)
    except OSError as error:
        log.error("card not imported reason=%s", error.strerror or error)


def _owed_country(box: Box) -> str:
    """Country of an earlier code that could not be kept yet."""
    try:
        return _pending(box)[0].country
    except (OSError, UnicodeDecodeError, Refused):
        return ""


def finish(box: Box, put_in_force: Callable[[str], None]) -> bool:
    """Take what is left of a code that was not wholly taken; whether there was one. Raises OSError.

    To be called before what is newer is taken: the next code, a stick, or the file on the card, which was changed
    after the power went. `put_in_force`: sets the radio's country.
    """
    try:
        code, said = _pending(box)
        if said.partition(":")[0] != (begun := boot_start(box.clock)).partition(":")[0]:
            said = f"{said} {begun}".strip()
        _check_settings(code, said, box)
    except FileNotFoundError:
        return False
    except (Refused, UnicodeDecodeError, OSError) as why:  # of a newer version, or the disk has lost it
        log.error("code given up reason=%s", type(why).__name__)
        _forget_pending(box)
        return True
    _put(code, said, box)
    if code.country:
        put_in_force(code.country)
    log.warning("code finished")
    return True


def _settings(code: BoothCode, box: Box) -> dict[str, Any]:
    """What the code says, as root's settings have it."""
    settings: dict[str, Any] = {"name": code.name, "language": code.language, "timezone": code.timezone}
    settings = {name: value for name, value in settings.items() if value}
    event = {name: value for name in ("link_id", "album_id") if (value := getattr(code, name))}
    if code.key is not None:
        event["api_key_file"] = str(box.key_file)
    return {**settings, "eventpics": event} if event else settings


def _check_settings(code: BoothCode, said: str, box: Box) -> None:
    """Check them together with those that are there. Raises Refused."""
    try:
        root_settings_file.updated(box.settings_file, _settings(code, box), said)
    except ConfigError as error:
        raise Refused(error.what) from None


def _put(code: BoothCode, said: str, box: Box) -> None:
    """Put key, settings and country in place, and forget the pending code; after a cut it does the rest.

    A country that can't be kept stays pending alone: it lies on another disk, and is nothing that a newer word would
    take back. Raises OSError.
    """
    if code.key is not None:
        write_key(box, code.key)
    if settings := _settings(code, box):
        root_settings_file.update(box.settings_file, settings, said)
        spoke_later(box, names_of(settings))
    if code.country:
        try:
            keep_country(box.boot, code.country)
        except OSError as error:
            log.error("country not kept reason=%s", error.strerror or error)
            _keep_pending(BoothCode(country=code.country), said, box)
            return
    _forget_pending(box)


def _keep_pending(code: BoothCode, said: str, box: Box) -> None:
    """Keep a code and the moment it was said, which a choice in the menu may come after. Raises OSError."""
    durable.replace(box.etc / PENDING, f"{make(code).reveal()}\n{said}".encode(), mode=_PENDING_MODE)


def _pending(box: Box) -> tuple[BoothCode, str]:
    """The code that is kept, and when it was said; "" for an older program's. Raises OSError, Refused, ValueError."""
    text, _, said = read_bytes(box.etc / PENDING).decode().partition("\n")
    return _checked({"code": text}), said


def _forget_pending(box: Box) -> None:
    """Remove the pending code durably: it is never taken again over what is newer. Raises OSError."""
    durable.remove(box.etc / PENDING)
    durable.sync_directory(box.etc)


def _join(network: WifiNetwork, country: str, box: Box, radio: Radio) -> WifiResult:
    """Try the network, and keep it or what was known of it before. Raises OSError."""
    profile = wifi_profiles.uuid_of(network.ssid)
    former = wifi_profiles.of(network.ssid, box.profiles)
    before = radio.in_use()
    box.trials.mkdir(exist_ok=True)
    wifi_profiles.forget_all(box.trials)  # of a helper that was killed
    network = radio.joinable(network)
    try:
        wifi_profiles.write(network, folder=box.trials)
        radio.put_in_force(country)
        result = radio.refined(radio.join(profile), network.ssid)
        is_kept = result in _KEPT or (result is not WifiResult.PASSWORD and former is None)
        if is_kept:
            is_by_code = former is None or former.is_by_code
            with exclusive(box):
                wifi_profiles.write(network, folder=box.profiles, is_by_code=is_by_code)
        result = WifiResult.FORMER if result is WifiResult.FAILED and not is_kept else result
        _note(network.ssid, result, box)
    finally:
        wifi_profiles.forget_all(box.trials)
        radio.reload()
    if is_kept:
        return result
    if before is not None or former is not None:
        radio.resume(before or profile)
    return result


def _note(ssid: str, result: WifiResult, box: Box) -> None:
    """Keep how joining went, for `piboothup setup wifi`; what it says now does not hang on that."""
    try:
        wifi_profiles.note_result(box.etc, ssid, result)
    except OSError as error:
        log.error("network result not kept reason=%s", error.strerror or error)


def count_networks(values: Mapping[str, object], box: Box, _radio: Radio) -> str:
    """Number of networks that codes gave. Raises Refused, OSError."""
    _check_empty(values)
    return str(len(wifi_profiles.of_codes(box.etc, box.profiles)))


def forget_networks(values: Mapping[str, object], box: Box, radio: Radio) -> str:
    """Forget the networks that codes gave; return their number. Raises Refused, OSError."""
    _check_empty(values)
    forgotten = wifi_profiles.of_codes(box.etc, box.profiles)
    wifi_profiles.forget_all(box.profiles, by_code=True)
    wifi_profiles.forget_results(box.etc, forgotten)
    radio.reload()
    return str(len(forgotten))


VERBS: Final[Mapping[str, Callable[[Mapping[str, object], Box, Radio], str | None]]] = {
    "settings": take,
    "count-networks": count_networks,
    "forget-networks": forget_networks,
}
"""The verbs for root's helper; each returns the answer's detail."""


def _check_empty(values: Mapping[str, object]) -> None:
    if values:
        raise Refused("it takes no values")


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
