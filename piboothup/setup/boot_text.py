"""Name and text of the file on the card, whatever editor or browser wrote it and in whatever habit.

Read are UTF-8 and UTF-16 with and without a mark at the start, and cp1252; any line ends; zeros at the end. A line
that is no TOML is written as TOML where its meaning is beyond doubt: curly quotes, blanks that only look like blanks,
another sign than `=`, a comma behind the value, a comment of another language, a network's header in other brackets.
Nothing inside of a value is changed, and a text that is TOML stays as it is.
"""

from __future__ import annotations

import codecs
import os
import re
from pathlib import Path
from typing import Final

import tomli

NAME: Final = "piboothup.toml"
_AS_EDITORS_WRITE: Final = (NAME, f"{NAME}.txt", "piboothup.txt")
_AS_BROWSERS_WRITE: Final = re.compile(r"(?i)piboothup.*\.toml(\.txt)?")
"""Such as `piboothup (1).toml`, of a browser that has another already."""
_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_LINE_END = re.compile("\r\n?|[\x85\u2028\u2029]")
_DOUBLE, _SINGLE = "“”„‟″«»", "‘’‚‛′‹›"
_LINE: Final = re.compile(
    rf"""(?P<lead>\s*)(?:(?P<key>[\w.-]+)|["'{_DOUBLE}{_SINGLE}](?P<name>[\w-]+)["'{_DOUBLE}{_SINGLE}])"""
    rf"""(?P<sign>\s*(?:=>|->|:=|==|[:=＝])\s*)"""
    rf"""(?:(?P<open>["{_DOUBLE}])(?P<text>.*?)(?P<close>["{_DOUBLE}])"""
    rf"""|(?P<open1>['{_SINGLE}])(?P<text1>.*?)(?P<close1>['{_SINGLE}])|(?P<plain>true|false|[+-]?\d[\w.+:-]*))"""
    rf"""\s*[,;]?(?P<gap>\s*)(?P<note>(?:\#.*|//[^"'{_DOUBLE}{_SINGLE}]*)?)"""
)
"""A line with one value: a text in quotes, a number, or true or false; and perhaps a comment."""
_COMMENT: Final = re.compile(r"\s*(?://|;|--|<!--|```)")
"""Begin of a line that is a comment elsewhere."""
_NETWORK: Final = re.compile(r"(?i)(?P<lead>\s*)\[[\[\s]*(?P<name>(?:box\s*\.\s*)?wifi)[\]\s]*(?P<rest>(?:#.*)?)")
"""Header of a network's table, with any number of brackets."""
_ODD_BLANKS = re.compile("[\xa0\u1680\u2000-\u200b\u202f\u205f\u3000\ufeff]")


def names_in(folder: Path) -> list[str]:
    """Names in the folder that may be the file's: first as they should be, then the newest. Raises OSError."""
    found: list[tuple[int, int, str]] = []
    with os.scandir(folder) as entries:
        for entry in entries:
            name = entry.name.casefold()
            if name in _AS_EDITORS_WRITE or _AS_BROWSERS_WRITE.fullmatch(name):
                rank = _AS_EDITORS_WRITE.index(name) if name in _AS_EDITORS_WRITE else len(_AS_EDITORS_WRITE)
                found.append((rank, -entry.stat(follow_symlinks=False).st_mtime_ns, entry.name))
    return [name for _, _, name in sorted(found)]


class NotText(ValueError):
    """Bytes that no editor writes; `line` is the line of the first."""

    def __init__(self, line: int) -> None:
        self.line = line
        super().__init__(f"line {line}")


def decode(content: bytes) -> str:
    """The text, as TOML as far as it is clear; its lines are those of the file. Raises NotText."""
    text = _LINE_END.sub("\n", _decoded(content).rstrip("\0")).removeprefix("\ufeff")
    return text if _is_toml(text) else "\n".join(map(_as_toml, text.split("\n")))


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
