"""Names in the file on the card, read as they were meant, and what is said of those that are none. Pure.

Names are read in any case, with `-` for `_`; those of a network by the words that routers use. What stands above the
tables (`name`, `country` ...) means the same below one, where people write it who add a line at the end. A word of
another table is told with its place, and costs no more than itself; of the event it costs the event.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from typing import Any, Final
from unicodedata import category

from piboothup import records
from piboothup.config import Config, Secret
from piboothup.config.codes import CodeError, Fault, Security, WifiNetwork
from piboothup.records import dataclass, field
from piboothup.setup.boot_text import SAVED, Place

WIFI: Final[Mapping[str, Any]] = {"ssid": "", "password": "", "hidden": False, "priority": 0, "security": "auto"}
"""Keys of a network, with their defaults."""
_REVISION: Final = "revision"
"""Setting of root's helper, which nobody writes."""
TABLES: Final[dict[str, Any]] = {each.name: each.default for each in records.fields(Config) if each.name != _REVISION}
TOP: Final = (*(name for name, default in TABLES.items() if not records.is_dataclass(default)), "country")
"""Settings that stand above the tables."""
_EXAMPLES: Final = {"ssid": '"Barn"', "password": '"secret words"', "hidden": "true", "priority": "10"} | {
    "security": '"auto"'
}
_BACKSLASH: Final = r"In double quotes a backslash begins it: use single quotes, as in password = 'a\b'."
_KEYS: Final[dict[str, tuple[str, ...]]] = {
    name: tuple(each.name for each in records.fields(default) if each.name != _REVISION)
    for name, default in TABLES.items()
    if records.is_dataclass(default)
} | {"wifi": tuple(WIFI)}
_OF_NETWORK: Final = dict.fromkeys(("name", "network", "wlan", "netzwerk"), "ssid") | dict.fromkeys(
    ("psk", "key", "pass", "passphrase", "passwort", "kennwort", "pw", "pwd"), "password"
)
_ALIASES: Final = {"": {"wlan": "wifi", "wi_fi": "wifi", "time_zone": "timezone"}, "wifi": _OF_NETWORK}
_MEANT: Final = {"event": "link_id", "event_id": "link_id", "url": "link_id", "key": "api_key", "token": "api_key"}
"""Words of which nobody knows for sure what they mean, and what to write instead."""


@dataclass(frozen=True)
class BootNetwork:
    """A network of the file; with `is_saved` its password is the one that this box has already."""

    network: WifiNetwork
    priority: int = 0
    is_saved: bool = False
    place: Place = ()
    """Where its password stands."""
    line: int | None = None
    """Line of its table."""


@dataclass
class Words:
    """The tables of the file, or of a [[box]], by the names of the settings."""

    tables: dict[str, Any] = field(default_factory=dict)
    written: dict[Place, Place] = field(default_factory=dict)
    """Where each table and key stands in the file, by its place with the right names."""
    mistakes: list[tuple[Place, str, str]] = field(default_factory=list)
    """Place in the file, what is wrong, and remedy."""
    void: set[str] = field(default_factory=set)
    """Tables, and settings above them, of which it is not known what they say."""


def read(level: Mapping[str, Any], place: Place) -> Words:
    """Read the tables that stand at `place`: () or that of a [[box]]."""
    words = Words()
    raised: list[tuple[str, Any, Place]] = []
    for written, value in level.items():
        name, at = meant(written, (*TABLES, "country", "wifi"), _ALIASES[""]), (*place, written)
        if name == "wifi":
            _add_networks(words, raised, value, place, at)
            continue
        table = value
        if name in _KEYS and isinstance(value, list) and len(value) == 1:  # [[eventpics]]
            table, at = value[0], (*at, 0)
        if name in _KEYS and isinstance(table, dict):
            table = _table(words, raised, name, table, at, (*place, name))
        _put(words, (*place, name), table, at)
    for name, value, at in raised:
        if words.tables.get(name, value) != value:
            words.mistakes.append((at, f"`{name}` stands in the file twice.", "Delete one of the two lines."))
        elif name not in words.tables:
            _put(words, (*place, name), value, at)
    return words


def meant(written: str, known: Collection[str], aliases: Mapping[str, str] | None = None) -> str:
    """The known name that is written like this; else the name as it is written."""
    name = written.strip().casefold().replace("-", "_").replace(" ", "_")
    name = name if name in known else (aliases or {}).get(name, name)
    return name if name in known else written


def _put(words: Words, place: Place, value: Any, at: Place) -> None:
    """Set what stands above the tables, or a table."""
    name = str(place[-1])
    if name in words.tables:
        words.mistakes.append((at, f"`{name}` stands in the file twice.", "Delete one of the two."))
        words.void.add(name)
        return
    words.tables[name] = value
    words.written[place] = at


def _add_networks(words: Words, raised: list[tuple[str, Any, Place]], value: Any, place: Place, at: Place) -> None:
    is_one = isinstance(value, dict)  # [wifi]
    entries = [value] if is_one else value
    networks = words.tables.setdefault("wifi", [])
    words.written.setdefault((*place, "wifi"), at)
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        words.mistakes.append((at, "`wifi` should be a table for each network.", "Write [[wifi]] above its lines."))
        return
    for number, entry in enumerate(entries):
        where, own = (at if is_one else (*at, number)), (*place, "wifi", len(networks))
        words.written[own] = where
        networks.append(_table(words, raised, "wifi", entry, where, own))


def _table(
    words: Words, raised: list[tuple[str, Any, Place]], table: str, given: Mapping[str, Any], at: Place, place: Place
) -> dict[str, Any]:
    """The table by its right names. What belongs above it is `raised`; what belongs elsewhere is told."""
    known, found = _KEYS[table], dict[str, Any]()
    spelled = {meant(written, known) for written in given}
    for written, value in given.items():
        aliases = {alias: key for alias, key in _ALIASES.get(table, {}).items() if key not in spelled}
        key, where = meant(written, known, aliases), (*at, written)
        above, homes = meant(written, TOP, _ALIASES[""]), _homes(written)
        if key in found:
            words.mistakes.append((where, f"`{key}` stands in this table twice.", "Delete one of the two lines."))
            words.void.add(table)
        elif above in TOP and key not in known:
            if (table, above) == ("wifi", "name"):
                what = "It can't be told whether this is the name of the box or of the network."
                words.mistakes.append((where, what, "Write the box's name in the first line of the file."))
            else:
                raised.append((above, value, where))
        elif len(homes) == 1 and key not in known:
            ((home, setting),) = homes
            words.mistakes.append((where, f"`{setting}` has its place in another table.", _below(home)))
            words.void |= {home} if setting in ("link_id", "album_id") else set()
        else:  # what is no setting is told where the values are checked
            found[key] = value
            words.written[(*place, key)] = where
    return found


def _homes(written: str) -> list[tuple[str, str]]:
    """Tables that have a key like this, and its name there."""
    return [(table, key) for table, keys in _KEYS.items() if (key := meant(written, keys)) in keys]


def _below(table: str) -> str:
    return f"Write it below a line {_header(table)}."


def _header(table: str) -> str:
    return "[[wifi]]" if table == "wifi" else f"[{table}]"


def unknown(dotted: str, *, is_table: bool) -> tuple[str, str]:
    """What is wrong with a name that is no setting, and the remedy."""
    table, _, written = dotted.rpartition(".")
    key = meant(written, ())
    known = _KEYS.get(table, (*TABLES, "country", "wifi"))
    return f"`{dotted}` is not a setting.", _remedy(key.casefold(), known, table, is_table=is_table)


def _unknown_of_network(key: str) -> tuple[str, str]:
    """The same for a key of a network."""
    return f"`{key}` is not a setting of a network.", _remedy(key.casefold(), tuple(WIFI), "wifi", is_table=False)


def _remedy(key: str, known: Collection[str], table: str, *, is_table: bool) -> str:
    homes = _homes(key)
    if not table and homes and not is_table:
        return _below(homes[0][0])
    wanted = _MEANT.get(key, "")
    near = [wanted] if wanted in known else difflib.get_close_matches(key, known, n=1, cutoff=0.6)
    if is_table and near and near[0] in _KEYS:
        return f"Write {_header(near[0])}."
    if near:
        return f"Write `{near[0]}`, or delete the line."
    listed = ", ".join(f"`{name}`" for name in (known if table else TOP))
    return f"Write one of {listed}, or delete the line."


def unknown_zone(name: str) -> tuple[str, str]:
    """What is wrong with a time zone that this system has not, and the remedy."""
    from zoneinfo import available_timezones  # noqa: PLC0415  (opens some hundred files)

    place = name.strip().casefold().replace(" ", "_").rpartition("/")[2]
    near = [zone for zone in sorted(available_timezones()) if zone.casefold().rpartition("/")[2] == place]
    zone = next((each for each in near if "/" in each), "Europe/Berlin")
    return "`timezone` is no time zone that this box knows.", f'Write it as in timezone = "{zone}".'


class Wrong(ValueError):
    """Mistake in a network's table."""

    def __init__(self, key: str, what: str, remedy: str) -> None:
        self.key, self.what, self.remedy = key, what, remedy
        super().__init__(what)


def network_of(table: Mapping[str, Any]) -> BootNetwork:
    """The network of a table. Raises Wrong."""
    for key, value in table.items():
        if key not in WIFI:
            raise Wrong(key, *_unknown_of_network(key))
        if type(value) is not type(WIFI[key]):
            raise Wrong(key, f"`{key}` can't be used as it stands.", f"Write it as in {key} = {_EXAMPLES[key]}.")
    given = {**WIFI, **table}
    if not given["ssid"]:
        raise Wrong("ssid", "This network has no name.", 'Write it as a phone shows it, as in ssid = "Barn".')
    for key in ("ssid", "password"):
        if any(category(character) == "Cc" for character in given[key]):
            raise Wrong(key, f"An invisible character stands in `{key}`.", _BACKSLASH)
    if given["security"] not in ("auto", "wpa3"):
        raise Wrong("security", "`security` can't be used as it stands.", 'It should be "auto" or "wpa3".')
    if not -999 <= given["priority"] <= 999:
        raise Wrong("priority", "`priority` can't be used as it stands.", "It should be from -999 to 999.")
    is_saved = given["password"] == SAVED
    security = Security.SAE if given["security"] == "wpa3" else Security.WPA
    password = Secret(given["password"].ljust(8) if is_saved else given["password"]) if given["password"] else None
    try:
        network = WifiNetwork(given["ssid"], password, security if password else Security.OPEN, given["hidden"])
    except CodeError as error:
        what, _, remedy = str(error).partition(". ")
        raise Wrong("ssid" if error.fault is Fault.WIFI_NAME else "password", f"{what}.", remedy) from None
    return BootNetwork(network, given["priority"], is_saved)
