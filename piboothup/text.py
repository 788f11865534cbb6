"""Text from elsewhere, such as titles, as one readable line; and names as UTF-8 in paths.

Every run of blanks, line breaks and tabs becomes one blank, whatever Unicode calls them. Invisible characters and
terminal controls are removed; the joiners that emoji and some scripts are spelled with stay inside words.
"""

from __future__ import annotations

import functools
import os
import re
import unicodedata
from pathlib import Path

_BLANKS = "\u200b\ufeff\u180e\u2800\u3164\u115f\u1160\uffa0"
"""Characters that look blank and that Python does not call blank: zero-width, Braille blank, Hangul fillers."""
_JOINERS = "\u200c\u200d"
_GAP = re.compile(f"[{_JOINERS}]* [ {_JOINERS}]*")


@functools.lru_cache(maxsize=8192)
def one_line(text: str) -> str:
    """The text as one line, without a blank at either end."""
    spaced = "".join(" " if is_blank(char) else char for char in text if is_blank(char) or _is_visible(char))
    return _GAP.sub(" ", spaced).strip(f" {_JOINERS}")


def is_blank(character: str) -> bool:
    """Whether the character looks blank: white space, line breaks, and `_BLANKS`."""
    return character.isspace() or character in _BLANKS


def _is_visible(character: str) -> bool:
    return unicodedata.category(character)[0] != "C" or character in _JOINERS


def text_to_path(name: str) -> str:
    """Convert `name` for use in a path: its bytes on disk are UTF-8, whatever the locale."""
    return os.fsdecode(name.encode("utf-8", "surrogateescape"))


def path_to_text(path: Path) -> str:
    """The text that `text_to_path` turns into this path."""
    return os.fsencode(path).decode("utf-8", "surrogateescape")
