"""The renter's table: a row for each box and booking, as a spreadsheet saves it."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from piboothup.commands.common import CommandFails
from piboothup.config import Secret
from piboothup.config.codes import BoothCode, CodeError, GuestLink, Security, WifiNetwork, event_id
from piboothup.records import dataclass

COLUMNS = (
    *("booking", "name", "key", "event", "album", "ssid", "password", "security", "hidden"),
    *("country", "language", "timezone"),
)
_SECURITY = {
    "": None,
    "wpa": Security.WPA,
    "wpa2": Security.WPA,
    "wpa3": Security.SAE,
    "sae": Security.SAE,
    "open": Security.OPEN,
}
_YES = {"": False, "no": False, "false": False, "0": False, "yes": True, "true": True, "1": True}
_LARGEST_BYTES = 4_000_000
_Meaning = TypeVar("_Meaning")


@dataclass(frozen=True)
class Booking:
    """A code, and what is printed beside it."""

    code: BoothCode | WifiNetwork | GuestLink
    title: str = ""
    """Free text of the renter's, such as the customer and the day; only on paper."""

    @property
    def has_key(self) -> bool:
        """Whether the key of an account is in the code."""
        return isinstance(self.code, BoothCode) and self.code.key is not None

    @property
    def language(self) -> str:
        """Language of the box, "" when the code names none."""
        return self.code.language if isinstance(self.code, BoothCode) else ""


def read_table(path: Path, key: Secret | None = None) -> list[Booking]:
    """Read the table; `key` is for rows without one. Raises CommandFails: file, line, what, remedy."""
    rows = _rows(path)
    head = [name.strip().lower() for name in rows[0][1]]
    for name in head:
        if name not in COLUMNS:
            remedy = f"Its first line names its columns, some of: {', '.join(COLUMNS)}."
            raise CommandFails(f"{path}, line 1: There is no column {name!a}. {remedy}")
    found = []
    for line, row in rows[1:]:
        if len(row) > len(head):
            raise CommandFails(f"{path}, line {line}: It has more fields than columns. Put quotes around commas.")
        given = {name: value for name, value in zip(head, row, strict=False) if value}
        if given:
            found.append(_booking(path, line, given, key))
    if not found:
        raise CommandFails(
            f"{path}: There is no booking in it. Write one in each line below the names of the columns."
        )
    return found


def _rows(path: Path) -> list[tuple[int, list[str]]]:
    """Each row with its line, as spreadsheets write them: with commas, semicolons or tabs. Raises CommandFails."""
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST_BYTES + 1)
        text = content.decode("utf-8-sig")
    except OSError as error:
        raise CommandFails(f"{path} can't be read ({error.strerror}): name the table.") from None
    except UnicodeDecodeError:
        raise CommandFails(f"{path} is not UTF-8 text: save it as CSV in UTF-8.") from None
    if len(content) > _LARGEST_BYTES:
        raise CommandFails(f"{path} is no table of bookings: it is larger than {_LARGEST_BYTES // 1_000_000} MB.")
    first = text.partition("\n")[0]
    reader = csv.reader(text.splitlines(keepends=True), delimiter=max(",;\t", key=first.count), strict=True)
    try:
        return [(reader.line_num, row) for row in reader] or [(1, [])]
    except csv.Error as error:
        raise CommandFails(f"{path}, line {reader.line_num}: {error}. Save the table as CSV again.") from None


def _booking(path: Path, line: int, given: dict[str, str], key: Secret | None) -> Booking:
    def word(name: str) -> str:
        return given.get(name, "").strip()

    def one_of(name: str, meanings: Mapping[str, _Meaning]) -> _Meaning:
        if word(name).lower() not in meanings:
            raise CommandFails(f"{path}, line {line}: `{name}` should be one of {', '.join(filter(None, meanings))}.")
        return meanings[word(name).lower()]

    security, is_hidden = one_of("security", _SECURITY), one_of("hidden", _YES)
    try:
        wifi = None
        if "ssid" in given or "password" in given:
            password = given.get("password", "")
            kind = security or (Security.WPA if password else Security.OPEN)
            wifi = WifiNetwork(given.get("ssid", ""), Secret(password) if password else None, kind, is_hidden)
        code = BoothCode(
            key=Secret(word("key")) if word("key") else key,
            link_id=event_id(word("event")),
            album_id=word("album"),
            wifi=wifi,
            name=word("name"),
            country=word("country").upper(),
            language=word("language").lower(),
            timezone=word("timezone"),
        )
    except CodeError as error:
        raise CommandFails(f"{path}, line {line}: {error}") from None
    return Booking(code, word("booking"))
