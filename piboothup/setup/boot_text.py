"""Name and text of the file on the card, whatever editor or browser wrote it and in whatever habit; its TOML.

Read are UTF-8 and UTF-16 with and without a mark at the start, and cp1252; any line ends; zeros at the end. A line
that is no TOML is written as TOML where its meaning is beyond doubt: curly quotes, blanks that only look like blanks,
another sign than `=`, a comma behind the value, a comment of another language, a network's header in other brackets.
Nothing inside of a value is changed, and a text that is TOML stays as it is. TOML is read section by section, with
the line of each key, and without its secrets.
"""

from __future__ import annotations

import codecs
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, time
from pathlib import Path
from typing import Any, Final

import tomli

from piboothup.config import toml_value

NAME: Final = "piboothup.toml"
_AS_EDITORS_WRITE: Final = (NAME, f"{NAME}.txt", "piboothup.txt")
_AS_BROWSERS_WRITE: Final = re.compile(r"(?i)piboothup.*\.toml(\.txt)?")
"""Such as `piboothup (1).toml`, of a browser that has another already."""
_AS_WORD_PROCESSORS_WRITE: Final = re.compile(
    r"(?i)piboothup(\.(toml|txt))*([ _-]*(copy|kopie))?( ?\(?\d+\)?)?(\.(toml|txt))*\.(rtf|docx?|odt)"
)
"""A document, which can't be read: where there is no other file, that is told. A manual has more in its name."""
_DOCUMENT: Final = len(_AS_EDITORS_WRITE) + 1
"""Rank of a document's name, behind all others."""
_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_LINE_END = re.compile("\r\n?|[\x85\u2028\u2029]")
_DOUBLE, _SINGLE = "“”„‟″«»", "‘’‚‛′‹›"
_LINE: Final = re.compile(
    rf"""(?P<lead>\s*)(?:(?P<key>[\w.-]+)|["'{_DOUBLE}{_SINGLE}](?P<name>[\w-]+)["'{_DOUBLE}{_SINGLE}])"""
    rf"""(?P<sign>\s*(?:=>|->|:=|==|[:=＝])\s*)"""
    rf"""(?:(?P<open>["{_DOUBLE}])(?P<text>.*?)(?P<close>["{_DOUBLE}])"""
    rf"""|(?P<open1>['{_SINGLE}])(?P<text1>.*?)(?P<close1>['{_SINGLE}])|(?P<plain>true|false|[+-]?\d[\w.+:-]*))"""
    rf"""\s*+[,;]?+(?P<gap>\s*+)(?P<note>(?:\#.*|//[^"'{_DOUBLE}{_SINGLE}]*)?)"""
)
"""A line with one value: a text in quotes, a number, or true or false; and perhaps a comment."""
_COMMENT: Final = re.compile(r"\s*(?://|;|--|<!--|```)")
"""Begin of a line that is a comment elsewhere."""
_NETWORK: Final = re.compile(r"(?i)(?P<lead>\s*)\[[\[\s]*(?P<name>(?:box\s*\.\s*)?wifi)[\]\s]*(?P<rest>(?:#.*)?)")
"""Header of a network's table, with any number of brackets."""
_ODD_BLANKS = re.compile("[\xa0\u1680\u2000-\u200b\u202f\u205f\u3000\ufeff]")

SAVED: Final = "(saved)"
"""Stands in the place of a secret that this box has taken from the card."""
_HEADER: Final = re.compile(r"\s*(\[\[?)\s*([\w.\"' -]*)")
_KEY: Final = re.compile(r"\s*([\w.\"'-]+)\s*=")
_LONG_VALUE: Final = re.compile(r"""=\s*(\"{3}|'{3}|\[|\{)""")

Place = tuple[str | int, ...]
"""Names from the outermost table on, such as ("box", 2, "eventpics", "link_id"); a number counts tables of a kind."""


def names_in(folder: Path) -> list[str]:
    """Names in the folder that may be the file's: first as they should be, then the newest. Raises OSError."""
    found: list[tuple[int, int, str]] = []
    with os.scandir(folder) as entries:
        for entry in entries:
            name = entry.name.casefold()
            if name in _AS_EDITORS_WRITE:
                rank = _AS_EDITORS_WRITE.index(name)
            elif _AS_BROWSERS_WRITE.fullmatch(name):
                rank = len(_AS_EDITORS_WRITE)
            elif _AS_WORD_PROCESSORS_WRITE.fullmatch(name):
                rank = _DOCUMENT
            else:
                continue
            found.append((rank, -entry.stat(follow_symlinks=False).st_mtime_ns, entry.name))
    is_text = any(rank < _DOCUMENT for rank, _, _ in found)
    return [name for rank, _, name in sorted(found) if rank < _DOCUMENT or not is_text]


class NotText(ValueError):
    """Bytes that no editor writes; `line` is the line of the first."""

    def __init__(self, line: int) -> None:
        self.line = line
        super().__init__(f"line {line}")


def decode(content: bytes) -> str:
    """The text, as TOML as far as it is clear; its lines are those of the file. Raises NotText."""
    text = _LINE_END.sub("\n", _decoded(content).rstrip("\0")).removeprefix("\ufeff")
    return text if _is_toml(text) else "\n".join(map(_as_toml, text.split("\n")))


def has_lost_end(content: bytes) -> bool:
    """Whether there is nothing in the file, or zeros are in the place of its end: it was not written to the end.

    Raises NotText.
    """
    text = _decoded(content)
    return text.endswith("\0") or not text.strip("\ufeff \t\r\n")


def _decoded(content: bytes) -> str:
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return _strictly(content.removeprefix(mark), encoding)
    beginning = content[:64]
    zeros_even, zeros_odd = beginning[::2].count(0), beginning[1::2].count(0)
    if max(zeros_even, zeros_odd) * 3 > len(beginning) and content.strip(b"\0"):  # half of ASCII in UTF-16 is zeros
        return _strictly(content, "utf-16-le" if zeros_odd > zeros_even else "utf-16-be")
    try:
        return content.decode()
    except UnicodeDecodeError:
        return _strictly(content, "cp1252")


def _strictly(content: bytes, encoding: str) -> str:
    if encoding.startswith("utf-16") and len(content) % 2:
        content += b"\0"
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        before = content[: error.start].decode(encoding, "replace")
        raise NotText(len(_LINE_END.sub("\n", before).split("\n"))) from None


def _is_toml(text: str) -> bool:
    try:
        tomli.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _as_toml(line: str) -> str:
    """The line as TOML; as it is when that is in doubt."""
    if header := _NETWORK.fullmatch(line):
        return f"{header['lead']}[[{header['name'].lower()}]]  {header['rest']}".rstrip()
    if _is_toml(line):
        return line
    if found := _LINE.fullmatch(line):
        lead, sign, gap = (_ODD_BLANKS.sub(" ", found[part]) for part in ("lead", "sign", "gap"))
        sign = sign if sign.strip() == "=" else " = "
        note = f"#{found['note'].removeprefix('#')}" if found["note"] else ""
        return f"{lead}{found['key'] or found['name']}{sign}{found['plain'] or _quoted(found)}{gap}{note}"
    if _COMMENT.match(line):
        return f"#{line}"
    if set("\"'") & set(line):
        return line
    if "{" in line or "[" in line:  # texts in a table on one line, or in a list
        curly = _DOUBLE if set(_DOUBLE) & set(line) else _SINGLE
        line = line.translate(dict.fromkeys(map(ord, curly), '"' if curly == _DOUBLE else "'"))
    return _ODD_BLANKS.sub(" ", line)


def _quoted(found: re.Match[str]) -> str:
    quote, opening, text, closing = '"', found["open"], found["text"], found["close"]
    if opening is None:
        quote, opening, text, closing = "'", found["open1"], found["text1"], found["close1"]
    if opening == closing == quote:
        return f"{quote}{text}{quote}"
    escaped = re.sub(r'(?<!\\)"', r"\"", text) if quote == '"' else text
    return f"{quote}{escaped}{quote}"


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
