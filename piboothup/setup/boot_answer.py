"""What an import answers beside the file: what was taken, what was wrong with line and remedy, and how the box is."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from piboothup.config.reading import Reading
from piboothup.config.settings import Config
from piboothup.config.without_effect import without_effect
from piboothup.records import dataclass, field
from piboothup.setup import boot_file
from piboothup.setup.boot_file import BootFile, Mistake
from piboothup.spool import durable
from piboothup.text import read_bytes

log = logging.getLogger(__name__)

ANSWER = "piboothup-status.txt"
_MOST_SHOWN = 20
"""Mistakes that the answer lists."""
_ONCE_MORE = (
    "Correct the file and start the box again: a changed file is read at each start.",
    "Correct the file and put the stick in again, within ten minutes of power-on.",
)
"""What to do about mistakes on the card, and on a stick."""
_AT_LAST_START = "The box at its last start:"
"""Line of the answer below which nothing is about the file."""


@dataclass
class Imported:
    """What the import has done."""

    name: str
    """Name of the file."""
    file: BootFile
    taken: list[str] = field(default_factory=list)
    """What is in force now, a line each."""
    mistakes: list[Mistake] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    is_of_stick: bool = False


def imported(box_id: str, names: list[str], content: bytes) -> Imported:
    """What the file says, of which nothing is done yet."""
    file = boot_file.read(content, box_id)
    done = Imported(names[0], file, mistakes=file.mistakes)
    if names[1:]:
        done.mistakes.append(Mistake(None, f"There is {names[1]} too.", f"{names[0]} was read; delete the other."))
    if file.has_boxes and not file.own_table:
        done.notes.append(f"No [[box]] has the id {box_id}: only the common part counts.")
    said, _ = Reading.of_tables(file.settings, boot_file.FILE, "").merged_with(Config())
    told = dict(without_effect(said))
    told.pop("photo.originals", "")  # a frame may lie beside the file
    done.notes += told.values()
    return done


def told(settings: Mapping[str, Any], *, has_key: bool) -> list[str]:
    """What was taken of the settings, a line for each table."""
    plain = [name for name, value in settings.items() if not isinstance(value, dict)]
    tables = {
        name: [key for key in value if key != "revision"]  # it is nothing that a person has written
        for name, value in settings.items()
        if isinstance(value, dict)
    }
    if has_key:
        tables["eventpics"] = ["the key", *tables.get("eventpics", [])]
    lines = [", ".join(plain)] if plain else []
    return lines + [f"[{name}]: {', '.join(keys)}" for name, keys in tables.items()]


def answer(folder: Path, box: str, done: Imported, now: tuple[str, ...] = ()) -> bool:
    """Write what was taken and what was wrong; whether that could be written.

    `folder`: the card's or the stick's. `box`: its id. `now`: how it is.
    """
    lines = [f"The answer of box {box} to {done.name}{' on a stick' if done.is_of_stick else ''}.", ""]
    lines += ["In force:", *(f"- {line}" for line in done.taken), ""] if done.taken else ["Nothing was taken.", ""]
    if done.file.own_table:
        lines += [f"The table [[box]] with id = {box} is this box's, and was laid over the common part.", ""]
    if done.mistakes:
        lines += ["Not taken, as there are mistakes:", *(f"- {mistake}" for mistake in done.mistakes[:_MOST_SHOWN])]
        lines += [f"- and {more} more" for more in (len(done.mistakes) - _MOST_SHOWN,) if more > 0] + [""]
        lines += [_ONCE_MORE[done.is_of_stick], ""]
    lines += [*done.notes, *([""] if done.notes and now else [])]
    return _write_answer(folder / ANSWER, lines, now)


def renew_answer(folder: Path, box: str, now: tuple[str, ...]) -> None:
    """Write how the box is below what was answered to a file that has not changed since."""
    path = folder / ANSWER
    try:
        lines = read_bytes(path).decode().splitlines()
    except (OSError, UnicodeDecodeError):  # deleted, or of somebody else
        lines = [f"Box {box} took the file at an earlier start, and it has not changed since.", ""]
    if _AT_LAST_START in lines:
        del lines[lines.index(_AT_LAST_START) :]
    _write_answer(path, lines, now)


def _write_answer(path: Path, lines: list[str], now: tuple[str, ...]) -> bool:
    lines = [*lines, *([_AT_LAST_START, *now] if now else [])]
    try:
        durable.update(path, "\r\n".join([*lines, ""]).encode(), mode=None)
    except OSError as error:
        log.error("answer not written reason=%s", error.strerror or error)
        return False
    return True
