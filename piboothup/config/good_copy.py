"""The last config that could be used, kept in the spool for the day when its file can't be: `config.good.toml`.

It has no key in it. After the settings it tells the lines of the file that it was made from, as hashes: a file that
a power cut has shortened is the beginning of that one, and nobody's new config.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from piboothup.config.reading import Reading, parse
from piboothup.config.secret import Secret
from piboothup.config.settings import Config

GOOD_FILE = "config.good.toml"
"""In the spool."""

COMPLETE = "# complete"
"""A last line for a file that has been shortened on purpose."""
_LINES = "# Lines of the file: "
_SETTING = re.compile(r"""(?:[^"'#]|"(?:\\.|[^"\\])*"|'[^']*')*(?:[^#].*)?""")
"""A line of TOML up to its comment: a cut in that loses nothing."""
_COMMENT = "#"
"""Before the mark of a comment's line."""


def as_text(config: Config, marks: Sequence[str] = ()) -> str:
    """What `config.good.toml` holds. Raises ValueError when it does not say the same as the config."""
    text = as_toml(config)
    keyless = dataclasses.replace(config, eventpics=dataclasses.replace(config.eventpics, api_key=None))
    if parse(text, Path(GOOD_FILE))[0] != keyless:
        raise ValueError("it does not read back as it was written")
    return f"{text}\n{_LINES}{' '.join(marks)}\n" if marks else text


def read(directory: Path) -> Config:
    """The config that is kept in this spool, where it can be used; the defaults elsewhere."""
    try:
        text = (directory / GOOD_FILE).read_bytes().decode()
        reading = Reading.of(text, directory / GOOD_FILE)
    except (OSError, ValueError):
        return Config()
    return reading.settled(Config())[0]


def kept_marks(directory: Path) -> list[str]:
    """The marks of the lines of the file that the kept config was made from; none when nobody knows."""
    try:
        lines = (directory / GOOD_FILE).read_bytes().decode(errors="replace").splitlines()
    except OSError:
        return []
    return lines[-1].removeprefix(_LINES).split() if lines and lines[-1].startswith(_LINES) else []


def marks_of(text: str) -> list[str]:
    """A mark for each line of a config's file that is not blank: the same for the same line, and no way back."""
    return [_mark(line) for line in text.split("\n") if line.strip()]


def says_nothing(marks: Sequence[str]) -> bool:
    """Whether these lines are only comments, or none."""
    return all(one.startswith(_COMMENT) for one in marks)


def is_cut(text: str, kept: Sequence[str]) -> bool:
    """Whether `text` is only the beginning of the file with the marks `kept`, and lacks settings at its end."""
    marks = marks_of(text)
    if says_nothing(kept[len(marks) :]):
        return False
    if len(marks) > 1 and re.search(r"(=\s*[-+.\w]+|#.*)\Z", text) and not text.endswith(COMPLETE):
        marks.pop()  # a number or a comment may have lost its own end with the rest
    return list(kept[: len(marks)]) == marks


def _mark(line: str) -> str:
    line = re.sub(r"\bapi_key([\"']?\s*)=.*", r"api_key\1=", line.strip())
    setting = line[: _SETTING.match(line).end()].rstrip()  # type: ignore[union-attr]
    hashed = hashlib.sha256((setting or line).encode()).hexdigest()[:8]
    return hashed if setting else _COMMENT + hashed


def as_toml(config: Config) -> str:
    """The config as TOML text, without the API key."""
    top: list[str] = []
    tables: list[str] = []
    for one in dataclasses.fields(config):
        value = getattr(config, one.name)
        if dataclasses.is_dataclass(value):
            tables += ["", f"[{one.name}]"]
            for inner in dataclasses.fields(value):
                shown = getattr(value, inner.name)
                if shown is not None and not isinstance(shown, Secret):
                    tables.append(f"{inner.name} = {toml_value(shown)}")
        else:
            top.append(f"{one.name} = {toml_value(value)}")
    return "\n".join(top + tables) + "\n"


def toml_value(value: Any) -> str:
    """A value as TOML has it: JSON, which leaves delete as it is and TOML does not."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
