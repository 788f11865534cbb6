"""TOML of the file on the card: read section by section, with the line of each key, and without its secrets. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, time
from typing import Any, Final

import tomli

from piboothup.config import toml_value

SAVED: Final = "(saved)"
"""Stands in the place of a secret that this box has taken from the card."""
_HEADER: Final = re.compile(r"\s*(\[\[?)\s*([\w.\"' -]*)")
_KEY: Final = re.compile(r"\s*([\w.\"'-]+)\s*=")
_LONG_VALUE: Final = re.compile(r"""=\s*(\"{3}|'{3}|\[|\{)""")

Place = tuple[str | int, ...]
"""Names from the outermost table on, such as ("box", 2, "eventpics", "link_id"); a number counts tables of a kind."""


def sections(text: str) -> Iterator[tuple[int, int, str]]:
    """First line, end and header's name of each section; all that belongs to a [[box]] is one section."""
    lines = text.split("\n")
    starts: list[tuple[int, str]] = [(0, "")]
    for number, line in enumerate(lines):
        if header := _HEADER.match(line):
            name = header[2].strip("\"' ")
            is_inner = name.partition(".")[0] == "box" and not (header[1] == "[[" and name == "box")
            if not (is_inner and starts[-1][1] == "box"):
                starts.append((number, name))
    ends = [*(start for start, _ in starts[1:]), len(lines)]
    yield from ((start, end, name) for (start, name), end in zip(starts, ends, strict=True))


def mistake_of(
    error: ValueError | RecursionError, lines: Sequence[str], first: int, end: int
) -> tuple[int, str, str]:
    """Line, what is wrong, and remedy of these lines from `first` to before `end`, which are no TOML."""
    found = re.search(r"\(at line (\d+)", str(error))
    begins = [number for number in range(first, end) if _LONG_VALUE.search(lines[number])]
    if found is None and begins:
        return begins[-1] + 1, "What begins in this line has no end.", 'Write it on one line, as in name = "Booth 1".'
    line = first + int(found[1]) if found else end
    if str(error).startswith("Unclosed"):
        remedy = 'Write it as in [{ssid = "Barn", hidden = true}].'
        return line, "A comma or a bracket is missing in this list or table.", remedy
    what, remedy = _explained(str(error), lines[line - 1])
    return line, what, remedy


def _explained(said: str, line: str) -> tuple[str, str]:
    """What is wrong and the remedy, by what tomli says and by the line; nothing of the line is shown."""
    value = line.partition("=")[2].strip()
    if re.match(r"Cannot declare .* twice", said):
        return "This table stands in the file twice.", "Write the lines of both below one of the two."
    if said.startswith("Cannot "):
        return "This setting stands in the file twice.", "Delete one of the two lines."
    if re.match(r"Unescaped|Invalid (hex|unicode)|Invalid escape", said):
        return "A backslash stands in double quotes.", r"Use single quotes, as in password = 'a\b'."
    if said.startswith("Illegal character") and r"'\n'" not in said:
        return "An invisible character stands in this line.", "Write the line anew."
    if line.lstrip().startswith("["):
        return "This is no header of a table.", "Write it as in [eventpics] or [[wifi]], alone on its line."
    name = line.partition("=")[0].strip()
    if name != line.strip() and not re.fullmatch(r"""[\w.-]+|(["'])[^"']*\1""", name):
        return "No setting has the name before this `=`.", "Names have no blanks and no marks, as in link_id."
    if name == line.strip():
        return "This line is no setting.", 'Write it as in name = "Booth 1", or delete it.'
    if not value or value.startswith("#"):
        return "There is no value behind the `=`.", 'Write it on the same line, as in name = "Booth 1".'
    if value[0] in "\"'" and value.count(value[0]) == 1:
        return "A quote is missing at the text's end.", 'Text stands in two straight quotes, as in name = "Booth 1".'
    if value[0] == '"' and value.count('"') > 2:
        return "There is a quote inside of the text.", "Use single quotes around it, as in password = 'a\"b'."
    if value[0] in "\"'":
        return "Something stands behind the text.", "Put a # before it, or delete it."
    return "This value can't be read.", 'Text stands in straight quotes, as in name = "Booth 1", and numbers without.'


def places(text: str) -> dict[Place, int]:
    """Line of each table and key; good enough for messages and for finding a secret."""
    found: dict[Place, int] = {}
    counts: dict[Place, int] = {}
    here: Place = ()
    for number, line in enumerate(text.split("\n"), start=1):
        if header := _HEADER.match(line):
            *above, name = (part.strip("\"' ") for part in header[2].split("."))
            place: Place = ()
            for part in above:
                place = (*place, part)
                if place in counts:
                    place = (*place, counts[place] - 1)
            here = (*place, name)
            if header[1] == "[[":
                counts[here] = counts.get(here, 0) + 1
                here = (*here, counts[here] - 1)
            found.setdefault(here, number)
        elif pair := _KEY.match(line):
            found.setdefault((*here, *(part.strip("\"'") for part in pair[1].split("."))), number)
    return found


def without_secrets(text: str, readable_lines: Sequence[str], secrets: Sequence[Place]) -> str | None:
    """The text with `SAVED` for each of these secrets; None when that can't be done for sure.

    `readable_lines`: its lines, those empty that are no TOML.
    """
    if not secrets:
        return text
    readable = "\n".join(readable_lines)
    lines, at = text.split("\n"), places(readable)
    left_out = [number for number, line in enumerate(readable_lines) if line != lines[number]]
    for place in secrets:
        found = _KEY.match(lines[at[place] - 1]) if place in at else None
        if found is not None:
            lines[at[place] - 1] = f"{found[0]} {toml_value(SAVED)}"
    wanted = tomli.loads(readable)
    for place in secrets:
        _put(wanted, place)
    if _says("\n".join("" if number in left_out else line for number, line in enumerate(lines)), wanted):
        return "\n".join(lines)
    written = "\n".join(_written(wanted))
    bad = "\n".join(lines[number] for number in left_out)
    return f"{written}\n{bad}\n" if _says(written, wanted) else None


def _says(text: str, wanted: dict[str, Any]) -> bool:
    try:
        return tomli.loads(text) == wanted
    except (ValueError, RecursionError):
        return False


def _put(tables: Any, place: Place) -> None:
    for part in place[:-1]:
        tables = tables[part]
    tables[place[-1]] = SAVED


def _written(table: Mapping[str, Any], above: tuple[str, ...] = ()) -> Iterator[str]:
    """Lines of TOML that say this."""
    inner: list[tuple[str, Any]] = []
    for key, value in table.items():
        name = key if re.fullmatch(r"[\w-]+", key, re.ASCII) else toml_value(key)
        if isinstance(value, dict) or (isinstance(value, list) and value and all(isinstance(e, dict) for e in value)):
            inner.append((name, value))
        else:
            yield f"{name} = {value.isoformat() if isinstance(value, date | time) else toml_value(value)}"
    for name, value in inner:
        header = ".".join((*above, name))
        for each in value if isinstance(value, list) else [value]:
            yield from ("", f"[[{header}]]" if isinstance(value, list) else f"[{header}]")
            yield from _written(each, (*above, name))
