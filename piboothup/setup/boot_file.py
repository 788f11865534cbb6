"""The file on the card, `piboothup.toml`: its text read for one box, strictly, and with its secrets taken out. Pure.

It has the settings of the config file, and three things more: `country`, a table for each network (`[[wifi]]`), and
a table for each of several boxes whose cards are alike (`[[box]]`, found by its id), laid over the common part.

A mistake costs its own table: nothing is taken of one that has a wrong value, a name that is no setting, or a line
that is no TOML. Where this box's own table can't be told or read, the file is not taken: its common part may be meant
for others. Secrets appear in no message.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import tomli

from piboothup import records
from piboothup.config import Config, ConfigError, Secret
from piboothup.config.checks import key as checked_key
from piboothup.config.codes import CodeError, Fault, Security, WifiNetwork
from piboothup.config.reading import Reading
from piboothup.records import dataclass, field
from piboothup.setup.boot_text import NotText, decode
from piboothup.setup.boot_toml import SAVED, Place, mistake_of, places, sections
from piboothup.setup.root_settings_file import laid_over

FILE: Final = Path("piboothup.toml")
LONGEST_BYTES: Final = 256 * 1024
MOST_NETWORKS: Final = 32
WIFI: Final[Mapping[str, Any]] = {"ssid": "", "password": "", "hidden": False, "priority": 0, "security": "auto"}
"""Keys of a network, with their defaults."""
_EXAMPLES: Final = {"ssid": '"Barn"', "password": '"secret words"', "hidden": "true", "priority": "10"} | {
    "security": '"auto"'
}
_TABLES: Final[dict[str, Any]] = {each.name: each.default for each in records.fields(Config)}


@dataclass(frozen=True)
class Mistake:
    """Something in the file that is not taken."""

    line: int | None
    what: str
    remedy: str

    def __str__(self) -> str:
        return f"{f'Line {self.line}: ' if self.line else ''}{self.what} {self.remedy}"


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
class BootFile:
    """What the file says to this box."""

    settings: dict[str, Any] = field(default_factory=dict)
    """Values of the config file's tables and settings, raw, without the key."""
    key: Secret | None = None
    has_saved_key: bool = False
    key_line: int | None = None
    networks: list[BootNetwork] = field(default_factory=list)
    country: str = ""
    has_lost_event: bool = False
    """Whether it may name an event, but not so that it can be taken."""
    has_boxes: bool = False
    own_table: bool = False
    """Whether a [[box]] was this box's."""
    mistakes: list[Mistake] = field(default_factory=list)
    text: str = ""
    """The whole text."""
    readable: list[str] = field(default_factory=list)
    """Its lines, those empty that are no TOML."""
    secrets: list[Place] = field(default_factory=list)
    """Where the secrets stand that were taken."""


def read(content: bytes, box: str) -> BootFile:
    """Read the file's bytes for the box with this id."""
    try:
        if len(content) > LONGEST_BYTES:
            raise NotText(1)
        text = decode(content)
    except NotText as error:
        remedy = "Save it as plain text (UTF-8), or make it anew with the set-up page."
        mistake = Mistake(error.line, "This is not text.", remedy)
        return BootFile(has_lost_event=True, mistakes=[mistake], text=content.decode("utf-8", "replace"))
    return _Parser(text, box).parse()


class _Parser:
    def __init__(self, text: str, box: str) -> None:
        self._text = text
        self._box = box
        self._file = BootFile(has_lost_event=True, text=text)
        self._lines = places(text)
        self._void: set[str] = set()
        """Tables of which nothing is taken."""

    def parse(self) -> BootFile:
        tables = self._tables()
        if tables is None or self._is_astray():
            return self._file
        self._file.has_boxes = "box" in tables
        own = self._own_table(tables.pop("box", []))
        if own is None:
            return self._file
        place, table = own
        self._networks(("wifi",), tables.pop("wifi", []))
        self._networks((*place, "wifi"), table.pop("wifi", []))
        common = tables.pop("country", "")
        own_country = table.pop("country", None)
        self._country(*((("country",), common) if own_country is None else ((*place, "country"), own_country)))
        self._settings(tables, place, table)
        self._file.mistakes.sort(key=lambda mistake: mistake.line or 0)
        return self._file

    def _tell(self, place: Place, what: str, remedy: str) -> None:
        while place and place not in self._lines:
            place = place[:-1]
        self._file.mistakes.append(Mistake(self._lines.get(place), what, remedy))

    def _tables(self) -> dict[str, Any] | None:
        """The file as TOML; sections that are none are left out and told. None when nothing can be read."""
        lines = self._file.readable = self._text.split("\n")
        try:
            return tomli.loads(self._text)
        except (ValueError, RecursionError):
            pass  # told below, section by section
        for first, end, name in sections(self._text):
            try:
                tomli.loads("\n".join(lines[first:end]))
            except (ValueError, RecursionError) as error:
                self._file.mistakes.append(Mistake(*mistake_of(error, first + 1, end)))
                if name == "box" and self._may_be_own(lines[first:end]):
                    return None
                self._void.add(name.partition(".")[0])
                lines[first:end] = [""] * (end - first)
        self._lines = places("\n".join(lines))
        try:
            return tomli.loads("\n".join(lines))
        except (ValueError, RecursionError) as error:  # such as a table that stands twice
            self._file.mistakes.append(Mistake(*mistake_of(error, 1, len(lines))))
            return None

    def _is_astray(self) -> bool:
        """Whether something may be of another box than it says, as a header is misspelled or missing.

        That is a [box.…] or an id that is in no [[box]], and a table for all boxes below one.
        """
        headers = [(first + 1, name) for first, _, name in sections(self._text)]
        first_box = next((number for number, (_, name) in enumerate(headers) if name == "box"), len(headers))
        astray = [line for line, name in headers if name.startswith("box.")]
        astray += [line for line, name in headers[first_box:] if name != "box"]
        astray += [line for at, line in self._lines.items() if at[-1] == "id" and at[:-2] != ("box",)]
        if astray:
            remedy = "Write what is for all boxes above the first [[box]]; for one box [[box]], its id, then [box.…]."
            self._file.mistakes.append(Mistake(min(astray), "It can't be told which box this is for.", remedy))
        return bool(astray)

    def _may_be_own(self, lines: list[str]) -> bool:
        found = re.findall(r"^\s*id\s*=\s*[\"']\s*(\w{4})\s*[\"']", "\n".join(lines), re.MULTILINE)
        return not found or self._box in map(_box_id, found)

    def _own_table(self, boxes: Any) -> tuple[Place, dict[str, Any]] | None:
        """Place and content of this box's table; empty for a box without one, None when it can't be told."""
        if not isinstance(boxes, list) or not all(isinstance(table, dict) for table in boxes):
            self._tell(("box",), "`box` should be a table for each box.", "Write [[box]], with two brackets.")
            return None
        own: list[tuple[Place, dict[str, Any]]] = []
        for number, table in enumerate(boxes):
            place: Place = ("box", number)
            letters = table.pop("id", None)
            if not isinstance(letters, str) or not re.fullmatch(r"\s*\w{4}\s*", letters):
                remedy = 'Write the four letters that the box shows, as in id = "7F3K".'
                self._tell((*place, "id"), "This [[box]] does not say whose it is.", remedy)
                return None
            if _box_id(letters) == self._box:
                own.append((place, table))
        if len(own) > 1:
            self._tell(own[1][0], "This box stands in the file twice.", "Delete one of its tables.")
            return None
        self._file.own_table = bool(own)
        return own[0] if own else ((), {})

    def _networks(self, place: Place, tables: Any) -> None:
        if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
            self._tell(place, "`wifi` should be a table for each network.", "Write [[wifi]], with two brackets.")
            return
        if len(tables) > MOST_NETWORKS:
            self._tell(place, "There are too many networks.", f"Leave at most {MOST_NETWORKS}.")
            return
        here = set[str]()
        for number, table in enumerate(tables):
            at = (*place, number)
            try:
                found = records.replace(_network(table), place=(*at, "password"), line=self._lines.get((*at, "ssid")))
            except _Wrong as wrong:
                self._tell((*at, wrong.key), wrong.what, wrong.remedy)
                continue
            ssid = found.network.ssid
            if ssid in here:
                self._tell((*at, "ssid"), "This network stands in the file twice.", "Delete one of the two.")
                continue
            here.add(ssid)
            if found.network.password is not None and not found.is_saved:
                self._file.secrets.append(found.place)
            others = [each for each in self._file.networks if each.network.ssid != ssid]
            self._file.networks = [*others, found]

    def _country(self, place: Place, found: Any) -> None:
        if found == "":
            return
        if not isinstance(found, str) or not re.fullmatch("[A-Za-z]{2}", found.strip()):
            self._tell(place, "`country` should be two letters.", 'Write its code, as in country = "DE".')
            return
        self._file.country = found.strip().upper()

    def _settings(self, common: Mapping[str, Any], place: Place, own: Mapping[str, Any]) -> None:
        """Check the settings; this box's are laid over the common ones."""
        merged, origin = laid_over(common, own), _origin(common, place, own)
        lines = {dotted: self._lines[at] for dotted, at in origin.items() if at in self._lines}
        try:
            reading = Reading.of_tables(merged, FILE, self._text, lines)
        except ConfigError as error:  # of another version: what the rest of it means is not known here
            self._file.mistakes.append(Mistake(error.line, error.what, error.remedy))
            self._file.networks, self._file.secrets, self._file.country = [], [], ""
            return
        self._file.mistakes += [Mistake(error.line, error.what, error.remedy) for error in reading.errors]
        for dotted in reading.unused:
            if dotted not in reading.names:  # else a value without effect, such as an unknown time zone
                what, remedy = _unknown(dotted)
                self._tell(origin.get(dotted, (dotted,)), what, remedy)
                self._void.add(dotted.partition(".")[0])
        event = merged.get("eventpics")
        if isinstance(event, dict) and event.get("album_id") and not event.get("link_id"):
            self._tell(origin["eventpics.album_id"], "An album needs its event.", "Write `link_id` too.")
            self._void.add("eventpics")
        taken = set(reading.values) - self._void - {"config_version"}
        astray = self._void - {*_TABLES, "box", "wifi"}  # such as link_id above its table, or [event]
        is_unlisted = self._file.has_boxes and not self._file.own_table  # its id may be misspelled
        self._file.has_lost_event = bool(astray) or (
            "eventpics" not in taken and (is_unlisted or "eventpics" in {*merged, *self._void})
        )
        self._file.settings = {name: merged[name] for name in merged if name in taken}
        if "eventpics" in taken:
            self._take_key(origin)

    def _take_key(self, origin: Mapping[str, Place]) -> None:
        table = self._file.settings["eventpics"] = dict(self._file.settings["eventpics"])
        given = table.pop("api_key", "")
        self._file.key_line = self._lines.get(origin.get("eventpics.api_key", ()))
        if given == SAVED:
            self._file.has_saved_key = True
        elif (found := checked_key(given)) is not None:
            self._file.key = found
            self._file.secrets.append(origin["eventpics.api_key"])
        if not table:
            del self._file.settings["eventpics"]


def _box_id(letters: str) -> str:
    """A box's id as it was meant: ids have no O, I and L, which are read for 0 and 1."""
    return letters.strip().upper().translate(str.maketrans("OIL", "011"))


def _origin(common: Mapping[str, Any], place: Place, own: Mapping[str, Any]) -> dict[str, Place]:
    """Where each `table.key` stands, and each table."""
    origin: dict[str, Place] = {}
    for above, tables in (((), common), (place, own)):
        for name, value in tables.items():
            origin[name] = (*above, name)
            if isinstance(value, dict):
                origin |= {f"{name}.{key}": (*above, name, key) for key in value}
    return origin


def _unknown(dotted: str) -> tuple[str, str]:
    """What is wrong with a name that is no setting, and the remedy."""
    table, _, key = dotted.rpartition(".")
    is_inside = table in _TABLES
    known = [each.name for each in records.fields(_TABLES[table])] if is_inside else [*_TABLES, "country", "wifi"]
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.6)
    remedy = f"Write `{near[0]}`, or delete the line." if near else "Delete the line."
    home = [name for name, default in _TABLES.items() if hasattr(default, key)]
    if not table and home:
        remedy = f"Write it below a line [{home[0]}]."
    return f"`{dotted}` is not a setting.", remedy


class _Wrong(ValueError):
    """Mistake in a network's table."""

    def __init__(self, key: str, what: str, remedy: str) -> None:
        self.key, self.what, self.remedy = key, what, remedy
        super().__init__(what)


def _network(table: Mapping[str, Any]) -> BootNetwork:
    """The network of a table. Raises _Wrong."""
    for key, value in table.items():
        if key not in WIFI:
            near = difflib.get_close_matches(key, WIFI, n=1, cutoff=0.6)
            remedy = f"Write `{near[0]}`, or delete the line." if near else "Delete the line."
            raise _Wrong(key, f"`{key}` is not a setting of a network.", remedy)
        if type(value) is not type(WIFI[key]):
            raise _Wrong(key, f"`{key}` can't be used as it stands.", f"Write it as in {key} = {_EXAMPLES[key]}.")
    given = {**WIFI, **table}
    if given["security"] not in ("auto", "wpa3"):
        raise _Wrong("security", "`security` can't be used as it stands.", 'It should be "auto" or "wpa3".')
    if not -999 <= given["priority"] <= 999:
        raise _Wrong("priority", "`priority` can't be used as it stands.", "It should be from -999 to 999.")
    is_saved = given["password"] == SAVED
    security = Security.SAE if given["security"] == "wpa3" else Security.WPA
    password = Secret(given["password"].ljust(8) if is_saved else given["password"]) if given["password"] else None
    try:
        network = WifiNetwork(given["ssid"], password, security if password else Security.OPEN, given["hidden"])
    except CodeError as error:
        what, _, remedy = str(error).partition(". ")
        raise _Wrong("ssid" if error.fault is Fault.WIFI_NAME else "password", f"{what}.", remedy) from None
    return BootNetwork(network, given["priority"], is_saved)
