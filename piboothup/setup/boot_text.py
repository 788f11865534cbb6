"""Text of the file on the card, whatever editor wrote it. Pure.

Read are UTF-8 and UTF-16 with and without a mark at the start, and cp1252; any line ends; zeros at the end; curly
quotes around a value, and blanks that only look like blanks. Nothing inside of a value is changed.
"""

from __future__ import annotations

import codecs
import re

_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_LINE_END = re.compile("\r\n?|[\x85\u2028\u2029]")
_DOUBLE, _SINGLE = "“”„‟″«»", "‘’‚‛′‹›"
_VALUE = re.compile(
    rf"""(?P<key>\s*[\w."'-]+\s*=\s*)(?:(?P<open>["{_DOUBLE}])(?P<text>.*?)(?P<close>["{_DOUBLE}])"""
    rf"""|(?P<open1>['{_SINGLE}])(?P<text1>.*?)(?P<close1>['{_SINGLE}]))(?P<rest>\s*(?:\#.*)?)"""
)
"""A line with one text in quotes, and perhaps a comment."""
_ODD_BLANKS = re.compile("[\xa0\u1680\u2000-\u200b\u202f\u205f\u3000\ufeff]")


class NotText(ValueError):
    """Bytes that no editor writes; `line` is the line of the first."""

    def __init__(self, line: int) -> None:
        self.line = line
        super().__init__(f"line {line}")


def decode(content: bytes) -> str:
    """The text, with plain line ends and quotes; its lines are those of the file. Raises NotText."""
    text = _LINE_END.sub("\n", _decoded(content).rstrip("\0")).removeprefix("\ufeff")
    return "\n".join(map(_with_plain_marks, text.split("\n")))


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


def _with_plain_marks(line: str) -> str:
    """The line with straight quotes around its value, and plain blanks around those."""
    if found := _VALUE.fullmatch(line):
        key, rest = (_ODD_BLANKS.sub(" ", found[part]) for part in ("key", "rest"))
        return f"{key}{_quoted(found)}{rest}"
    return line if set("\"'") & set(line) else _ODD_BLANKS.sub(" ", line)


def _quoted(found: re.Match[str]) -> str:
    quote, opening, text, closing = '"', found["open"], found["text"], found["close"]
    if opening is None:
        quote, opening, text, closing = "'", found["open1"], found["text1"], found["close1"]
    if opening == closing == quote:
        return f"{quote}{text}{quote}"
    escaped = re.sub(r'(?<!\\)"', r"\"", text) if quote == '"' else text
    return f"{quote}{escaped}{quote}"
