"""The file on the card, `piboothup.toml`: its text read for one box, strictly, and with its secrets taken out. Pure.

It has the settings of the config file, and three things more: `country`, a table for each network (`[[wifi]]`), and
a table for each of several boxes whose cards are alike (`[[box]]`, found by its id), laid over the common part.

A mistake costs its own table: nothing is taken of one that has a wrong value, a name that is no setting, or a line
that is no TOML. Where this box's own table can't be told or read, the file is not taken: its common part may be meant
for others. Secrets appear in no message.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import tomli

from piboothup import records
from piboothup.config import ConfigError, Secret
from piboothup.config.checks import key as checked_key
from piboothup.config.codes import ALBUM_URL, event_id
from piboothup.config.reading import Reading
from piboothup.records import dataclass, field
from piboothup.setup import boot_words
from piboothup.setup.boot_text import SAVED, NotText, Place, decode, has_lost_end, mistake_of, places, sections
from piboothup.setup.boot_words import TABLES, TOP, BootNetwork, Wrong, network_of, unknown, unknown_zone
from piboothup.setup.root_settings_file import laid_over

FILE: Final = Path("piboothup.toml")
LONGEST_BYTES: Final = 256 * 1024
_MOST_MISTAKES: Final = 30
"""More are not looked for line by line: each costs a reading of the whole."""
MOST_NETWORKS: Final = 32
_NO_COUNTRY: Final = {"UK": "GB", "EN": "GB"}
"""What people write for a country, and its code."""
_ANEW: Final = "Copy it anew, and eject card or stick before you pull it out."
_OF_A_PROGRAM: Final = re.compile(r"(?i)\s*(\{\\rtf|<!doctype|<html|<\?xml)")
"""Begin of a text that a word processor or a browser saved."""
_DOCUMENT: Final = "This is a document, not plain text."
_PACKED: Final = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
"""Begin of a word processor's document that is no text: .docx and .odt, .doc."""


@dataclass(frozen=True)
class Mistake:
    """Something in the file that is not taken."""

    line: int | None
    what: str
    remedy: str

    def __str__(self) -> str:
        return f"{f'Line {self.line}: ' if self.line else ''}{self.what} {self.remedy}"


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
    has_lost_end: bool = False
    """Whether it was not written to its end, or is packed: it may name any event."""
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
    line, what = None, _DOCUMENT if (is_packed := content.startswith(_PACKED)) else "The file is too large."
    if len(content) <= LONGEST_BYTES and not is_packed:
        try:
            text = decode(content)
        except NotText as error:
            line, what = error.line, "This is not text."
        else:
            if not _OF_A_PROGRAM.match(text):
                return _Parser(text, box, has_lost_end=has_lost_end(content)).parse()
            line, what = 1, _DOCUMENT
    mistake = Mistake(line, what, "Save it as plain text (UTF-8), or make it anew with the set-up page.")
    text = content.decode(errors="replace")
    return BootFile(has_lost_event=True, has_lost_end=is_packed, mistakes=[mistake], text=text)


class _Parser:
    def __init__(self, text: str, box: str, *, has_lost_end: bool) -> None:
        self._text = text
        self._box = box
        self._file = BootFile(has_lost_event=True, has_lost_end=has_lost_end, text=text)
        self._lines = places(text)
        self._void: set[str] = set()
        """Tables of which nothing is taken."""
        self._written: dict[Place, Place] = {}
        """See `boot_words.Words`."""

    def parse(self) -> BootFile:
        if self._file.has_lost_end and self._text.strip():
            last = self._text.rstrip("\n").count("\n") + 1
            self._file.mistakes.append(Mistake(last, "Zeros stand behind it: it has lost its end.", _ANEW))
        if (tables := self._tables()) is None or self._is_astray():
            return self._file
        self._file.has_boxes = "box" in tables
        own = self._own_table(tables.pop("box", []))
        if own is None:
            return self._file
        place, table = own[0], self._named(own[1], own[0])
        tables = self._named(tables, ())
        self._networks(("wifi",), tables.pop("wifi", []))
        self._networks((*place, "wifi"), table.pop("wifi", []))
        common = tables.pop("country", "")
        own_country = table.pop("country", None)
        self._country(*((("country",), common) if own_country is None else ((*place, "country"), own_country)))
        self._settings(tables, place, table)
        file = self._file
        is_said = file.settings or file.networks or file.country or file.key or file.has_saved_key or file.mistakes
        if not is_said and not file.has_boxes:
            file.mistakes.append(Mistake(None, "It says nothing: it may have lost its end.", _ANEW))
        file.mistakes.sort(key=lambda mistake: mistake.line or 0)
        return file

    def _named(self, level: Mapping[str, Any], place: Place) -> dict[str, Any]:
        """The tables by the names of the settings, and where those stand."""
        words = boot_words.read(level, place)
        self._written |= words.written
        self._void |= words.void
        for mistake in words.mistakes:
            self._tell(*mistake)
        return words.tables

    def _tell(self, place: Place, what: str, remedy: str) -> None:
        while place and self._line_of(place) is None:
            place = place[:-1]
        self._file.mistakes.append(Mistake(self._line_of(place), what, remedy))

    def _tables(self) -> dict[str, Any] | None:
        """The file as TOML; sections that are none are left out and told. None when nothing can be read."""
        lines = self._file.readable = self._text.split("\n")
        found = [*sections(self._text)]
        if self._file.has_lost_end and not self._text.endswith("\n"):  # its last line may be half of what it was
            first, end, name = found[-1]
            if name == "box" and self._may_be_own(lines[first:end]):
                return None
            self._leave_out(first if name else end - 1, end, name)
        for first, end, name in found:
            if not self._left_out(first, end, name):
                return None
        while True:
            self._lines = places("\n".join(lines))
            try:
                return tomli.loads("\n".join(lines))
            except (ValueError, RecursionError) as error:  # such as a table that stands twice
                mistake = Mistake(*mistake_of(error, lines, 0, len(lines)))
            self._file.mistakes.append(mistake)
            place = ((first, end, name) for first, end, name in found if first < (mistake.line or 0) <= end)
            first, end, name = next(place, (0, 0, ""))
            is_hopeless = len(self._file.mistakes) > _MOST_MISTAKES or not any(lines[first:end])
            if is_hopeless or name in ("", "box"):
                return None
            self._leave_out(first, end, name)

    def _left_out(self, first: int, end: int, name: str) -> bool:
        """Leave out a section that is no TOML, and tell why; False when nothing of the file can be taken then.

        Above the tables each line is for itself.
        """
        lines, mistakes = self._file.readable, self._file.mistakes
        while True:
            try:
                tomli.loads("\n".join(lines[first:end]))
            except (ValueError, RecursionError) as error:
                mistake = Mistake(*mistake_of(error, lines, first, end))
            else:
                return True
            mistakes.append(mistake)
            if name == "box" and self._may_be_own(lines[first:end]):
                return False
            at = (mistake.line or end) - 1
            is_line = not name and lines[at] and len(mistakes) < _MOST_MISTAKES
            self._leave_out(at if is_line else first, at + 1 if is_line else end, name)

    def _leave_out(self, first: int, end: int, name: str) -> None:
        self._void.add(name.partition(".")[0])
        self._file.readable[first:end] = [""] * (end - first)

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
        found = re.findall(r"^[^\S\n]*id\s*=\s*[\"']\s*(\w{4})\s*[\"']", "\n".join(lines), re.MULTILINE)
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

    def _networks(self, place: Place, tables: list[dict[str, Any]]) -> None:
        if len(tables) > MOST_NETWORKS:
            self._tell(place, "There are too many networks.", f"Leave at most {MOST_NETWORKS}.")
            return
        here = set[str]()
        for number, table in enumerate(tables):
            at = (*place, number)
            try:
                place_of = self._written.get((*at, "password"), at)
                found = records.replace(network_of(table), place=place_of, line=self._line_of((*at, "ssid")))
            except Wrong as wrong:
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

    def _line_of(self, place: Place) -> int | None:
        return self._lines.get(self._written.get(place, place))

    def _country(self, place: Place, found: Any) -> None:
        if found == "":
            return
        if not isinstance(found, str) or not re.fullmatch("[A-Za-z]{2}", found.strip()):
            self._tell(place, "`country` should be two letters.", 'Write its code, as in country = "DE".')
            return
        code = found.strip().upper()
        if code in _NO_COUNTRY:
            self._tell(place, f"No country has the code {code}.", f'Write country = "{_NO_COUNTRY[code]}".')
            return
        self._file.country = code

    def _settings(self, common: Mapping[str, Any], place: Place, own: Mapping[str, Any]) -> None:
        """Check the settings; this box's are laid over the common ones."""
        merged, origin = _as_written_elsewhere(laid_over(common, own)), _origin(common, place, own)
        lines = {dotted: line for dotted, at in origin.items() if (line := self._line_of(at)) is not None}
        try:
            reading = Reading.of_tables(merged, FILE, self._text, lines)
        except ConfigError as error:  # of another version: what the rest of it means is not known here
            self._file.mistakes.append(Mistake(error.line, error.what, error.remedy))
            self._file.networks, self._file.secrets, self._file.country = [], [], ""
            return
        self._file.mistakes += [Mistake(error.line, error.what, error.remedy) for error in reading.errors]
        for dotted in reading.unused:
            value = merged.get(dotted)
            is_zone = dotted in reading.names  # the only setting that may have no effect though its value is valid
            wrong = unknown_zone(str(value)) if is_zone else unknown(dotted, is_table=isinstance(value, dict | list))
            self._tell(origin.get(dotted, (dotted,)), *wrong)
            self._void.add(dotted.partition(".")[0])
        event = merged["eventpics"] if "eventpics" in reading.values else {}
        if event.get("album_id") and not event.get("link_id"):
            self._tell(origin["eventpics.album_id"], "An album needs its event.", "Write `link_id` too.")
            self._void.add("eventpics")
        taken = set(reading.values) - self._void - {"config_version"}
        astray = self._void - {*TABLES, *TOP, "box", "wifi"}  # such as link_id above its table, or [event]
        is_unlisted = self._file.has_boxes and not self._file.own_table  # its id may be misspelled
        self._file.has_lost_event = bool(astray) or (
            "eventpics" not in taken and (is_unlisted or "eventpics" in {*merged, *self._void})
        )
        self._file.settings = {name: merged[name] for name in merged if name in taken and merged[name] != {}}
        if "eventpics" in self._file.settings:
            self._take_key(origin)

    def _take_key(self, origin: Mapping[str, Place]) -> None:
        table = self._file.settings["eventpics"] = dict(self._file.settings["eventpics"])
        given = table.pop("api_key", "")
        place = origin.get("eventpics.api_key", ())
        self._file.key_line = self._line_of(place)
        if given == SAVED:
            self._file.has_saved_key = True
        elif (found := checked_key(given)) is not None:
            self._file.key = found
            self._file.secrets.append(self._written.get(place, place))
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


def _as_written_elsewhere(settings: dict[str, Any]) -> dict[str, Any]:
    """The settings, with the event's link and the language in the forms that codes and the page take too."""
    event, language = settings.get("eventpics"), settings.get("language")
    if isinstance(language, str):
        settings = {**settings, "language": language.strip().lower()}
    if isinstance(event, dict) and isinstance(link := event.get("link_id"), str):
        album_url = event.get("album_url")
        form = album_url if isinstance(album_url, str) and "{link_id}" in album_url else ALBUM_URL
        settings = {**settings, "eventpics": {**event, "link_id": event_id(link, form).strip()}}
    return settings
