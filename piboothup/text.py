"""What comes from elsewhere: text, such as titles, as one readable line; names as UTF-8 in paths; files.

Every run of blanks, line breaks and tabs becomes one blank, whatever Unicode calls them. Invisible characters and
terminal controls are removed; the joiners that emoji and some scripts are spelled with stay inside words.
"""

from __future__ import annotations

import codecs
import errno
import functools
import io
import os
import re
import stat
import unicodedata
from pathlib import Path

_BLANKS = "\u200b\ufeff\u180e\u2800\u3164\u115f\u1160\uffa0"
"""Characters that look blank and that Python does not call blank: zero-width, Braille blank, Hangul fillers."""
_JOINERS = "\u200c\u200d"
_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_GAP = f"[{_JOINERS}]* [ {_JOINERS}]*"


@functools.lru_cache(maxsize=8192)
def one_line(text: str) -> str:
    """The text as one line, without a blank at either end."""
    spaced = "".join(" " if is_blank(char) else char for char in text if is_blank(char) or _is_visible(char))
    return re.sub(_GAP, " ", spaced).strip(f" {_JOINERS}")


def is_blank(character: str) -> bool:
    """Whether the character looks blank: white space, line breaks, and `_BLANKS`."""
    return character.isspace() or character in _BLANKS


def _is_visible(character: str) -> bool:
    return unicodedata.category(character)[0] != "C" or character in _JOINERS


class Count(int):
    """A number in a sentence: `{n:photo|photos}` stands for the first word when it is 1, else for the second."""

    def __format__(self, words: str) -> str:
        one, bar, many = words.partition("|")
        return (one if self == 1 else many) if bar else int.__format__(self, words)


def text_to_path(name: str) -> str:
    """Convert `name` for use in a path: its bytes on disk are UTF-8, whatever the locale."""
    return os.fsdecode(name.encode("utf-8", "surrogateescape"))


def path_to_text(path: Path) -> str:
    """The text that `text_to_path` turns into this path."""
    return os.fsencode(path).decode("utf-8", "surrogateescape")


class NotAFile(OSError):
    """A folder, pipe, socket or device is in the place of a file."""


def read_bytes(path: str | os.PathLike[str]) -> bytes:
    """Content of a file; a link is followed. Raises OSError; NotAFile at once, it never waits for a pipe."""
    with _open(path, _READ) as file:
        return file.read()


def without_mark(content: bytes) -> bytes:
    """Content of a text file without UTF-8's mark at its start; the codec that drops it is a module of its own."""
    return content.removeprefix(codecs.BOM_UTF8)


def open_file(path: str | os.PathLike[str]) -> io.BufferedReader:
    """Open a file for reading, as `read_bytes` does; a link is an error too."""
    return _open(path, _READ | os.O_NOFOLLOW)


def _open(path: str | os.PathLike[str], flags: int) -> io.BufferedReader:
    try:
        descriptor = os.open(path, flags)
    except OSError as error:
        if error.errno == errno.ENXIO:  # a socket, or a device that is not there
            raise NotAFile(errno.ENXIO, "not a file", str(path)) from None
        raise
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    raise NotAFile(errno.EINVAL, "not a file", str(path))
