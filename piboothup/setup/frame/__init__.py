"""A photo frame on the card or a stick, beside its file: judged, laid where the booth reads it, and answered.

Root decodes no picture: a child of the booth's user judges the bytes that are then laid, within limits of time,
memory and answer. The frame is durable before root's settings name it, and the note that it was judged comes
last: after a cut anywhere the next start does it again, with the same result. One that can't be used ends a former
one, which is another customer's: photos go on without.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from piboothup.clock import boot_start
from piboothup.config import ConfigError, import_record
from piboothup.process import command
from piboothup.records import dataclass, replace
from piboothup.setup import boot_file, boot_import, root_settings_file
from piboothup.setup.boot_answer import Imported, answer
from piboothup.setup.boot_file import BootFile, Mistake
from piboothup.setup.boot_text import NAME as FILE
from piboothup.setup.boot_text import names_in
from piboothup.setup.import_steps import Box, sha256
from piboothup.spool import durable
from piboothup.status import Report
from piboothup.text import one_line, open_file, read_bytes

NAME = "piboothup-frame.png"
LAID = "frame.png"
"""Name of the frame beside the config file."""
NOTE = "frame.json"
LONGEST_BYTES = 20_000_000
TIMEOUT_S = 100.0
"""Limit of the child, whose thread is the last that a processor is given to."""
_ANSWER_BYTES, _ANSWER_LETTERS = 16_384, 400
_PROCESSOR_S = 90
_MEMORY_BYTES = 400_000_000
_CAN_WAIT = "frame_memory"
"""Code of a verdict that the next start may change."""
_NOT_USED = f"{NAME} is not used, as {FILE} names another frame, or none: delete that line."
_SMALLER = "Save it as a PNG of at most 3000x2250 pixels."


@dataclass(frozen=True)
class Verdict(Report):
    """What the child says of a frame."""

    fit: str = ""
    """How it is fitted to the photos, in a sentence; empty for one that can't be used."""
    code: str = ""
    """Why not: of the problem."""
    what: str = ""
    remedy: str = ""


@dataclass(frozen=True)
class _Note(Verdict):
    """The frame that was judged last."""

    name: str = ""
    sha256: str = ""
    box: str = ""


@dataclass(frozen=True)
class Found:
    """A frame that lies there."""

    name: str
    content: bytes = b""
    unread: str = ""
    """Why it can't be read."""

    def verdict(self, judge: Judge) -> Verdict:
        """What is said of it."""
        if self.unread:
            return Verdict(what=f"{self.name} can't be read ({self.unread}).", remedy="Copy it anew.")
        return judge(self.content)


Judge = Callable[[bytes], Verdict]


def find(folder: Path, name: str = NAME) -> Found | None:
    """The frame of this name in a folder of a stranger's, read to its end."""
    path = folder / name
    try:
        if not stat.S_ISREG(path.lstat().st_mode):  # opening a device may have effects
            return Found(name, unread="it is no file")
        with open_file(path) as opened:
            return Found(name, opened.read(LONGEST_BYTES + 1))
    except FileNotFoundError:
        return None
    except OSError as error:
        return Found(name, unread=error.strerror or type(error).__name__)


def take_from_stick(box: Box, done: Imported, found: Found, judge: Judge) -> None:
    """Take the frame of a stick, new or not, unless its file says something of a frame. Raises nothing."""
    if "frame" in done.file.settings.get("photo", {}):
        done.notes.append(_NOT_USED)
        return
    verdict = found.verdict(judge)
    is_laid = verdict.code != _CAN_WAIT and _lay(box, found.content if verdict.fit else None, done)
    _tell(done, verdict, is_laid=is_laid)


def run(
    box: Box, done: Imported | None, judge: Judge, answer_again: Callable[[], Imported | None]
) -> Imported | None:
    """Take the frame on the card if it is new; return what was imported, with the frame. Raises OSError.

    `done`: of the card's file; None if it is not new, and there is nothing to do for the frame either.
    `answer_again`: the same of a file that is not new; None without one.
    """
    named = _named(box)
    name = NAME if named is None else named.name
    is_there = bool(name) and (named is None or named.parent == box.boot)
    if not is_there or (lying := find(box.boot, name)) is None:
        _forget(box)
        if done is not None and os.path.lexists(box.boot / NAME):
            done.notes.append(_NOT_USED)
            answer(box.boot, box.id, done)
        return done
    note = _Note(name=name, sha256=sha256(lying.content or lying.unread.encode()), box=box.id)
    known = _known(box)
    is_new = (known.name, known.sha256, known.box) != (name, note.sha256, box.id)
    if done is None and not is_new:
        return None
    done = done or answer_again() or Imported(name, BootFile())
    is_settled = True
    if is_new:
        known = replace(note, **vars(lying.verdict(judge)))
        is_settled = known.code != _CAN_WAIT and (
            named is not None or _lay(box, lying.content if known.fit else None, done)
        )
    _tell(done, known, is_laid=is_settled)
    answer(box.boot, box.id, done)
    _count_mistakes(box, len(done.mistakes))
    if is_new and is_settled:
        durable.replace(box.etc / NOTE, json.dumps(known.to_json()).encode() + b"\n", mode=0o644)
    return done


def _tell(done: Imported, verdict: Verdict, *, is_laid: bool) -> None:
    """Have the answer tell of the frame; that it could not be laid was told."""
    if not verdict.fit:
        done.mistakes.append(Mistake(None, verdict.what, verdict.remedy))
    elif is_laid:
        done.taken.append(f"photo frame: {verdict.fit} It counts from the box's next start on.")


def _forget(box: Box) -> None:
    """Forget the frame that was judged last: the same one counts again when it is laid on again."""
    if _known(box).what:
        _count_mistakes(box, max(0, import_record.read(box.etc).mistakes - 1))
    with contextlib.suppress(FileNotFoundError):
        durable.remove(box.etc / NOTE)


def _count_mistakes(box: Box, mistakes: int) -> None:
    """Have the panel tell of mistakes in what lies on the card."""
    record = import_record.read(box.etc)
    if record.mistakes != mistakes:
        boot_import.keep_record(box, replace(record, sha256=record.sha256 or boot_import.NO_FILE, mistakes=mistakes))


def _named(box: Box) -> Path | None:
    """Path of the frame that the card's file names; None when it says nothing of a frame."""
    for name in names_in(box.boot)[:1]:
        with contextlib.suppress(OSError), open_file(box.boot / name) as opened:
            photo = boot_file.read(opened.read(boot_file.LONGEST_BYTES + 1), box.id).settings.get("photo", {})
            return Path(photo["frame"]) if "frame" in photo else None
    return None


def _lay(box: Box, content: bytes | None, done: Imported) -> bool:
    """Lay the frame, or none; whether that could be done."""
    laid = box.etc / LAID
    try:
        if content is not None:
            durable.update(laid, content, mode=0o644)
        frame = "" if content is None else str(laid)
        root_settings_file.update(box.settings_file, {"photo": {"frame": frame}}, boot_start(box.clock))
    except (OSError, ConfigError) as error:
        reason = getattr(error, "strerror", None) or error
        what = f"The photo frame can't be written ({reason})."
        remedy = "Put the stick in again." if done.is_of_stick else "It is tried again at the next start."
        done.mistakes.append(Mistake(None, what, remedy))
        return False
    return True


def _known(box: Box) -> _Note:
    """The note of the frame that was judged last; an empty one when there is none that can be read."""
    try:
        return _Note.from_json(json.loads(read_bytes(box.etc / NOTE)))
    except (OSError, ValueError, RecursionError):
        return _Note()


def judged(content: bytes, uid: int, gid: int, timeout_s: float = TIMEOUT_S) -> Verdict:
    """Have a child of this user judge the frame; its answer is a stranger's. Raises nothing."""
    as_user: dict[str, Any] = {"user": uid, "group": gid, "extra_groups": []} if os.geteuid() == 0 else {}
    given, answered = (os.memfd_create(name) for name in ("frame", "verdict"))
    try:
        with open(given, "wb", closefd=False) as frame:
            frame.write(content)
        os.lseek(given, 0, os.SEEK_SET)
        subprocess.run(  # noqa: S603  (fixed words)
            command("setup", "frame"),
            stdin=given,
            stdout=answered,
            stderr=subprocess.DEVNULL,
            preexec_fn=_limit,
            check=True,
            timeout=timeout_s,
            cwd="/",
            env={"LC_ALL": "C.UTF-8", "OPENBLAS_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"},
            **as_user,
        )
        told = Verdict.from_json(json.loads(os.pread(answered, _ANSWER_BYTES, 0)))
    except subprocess.TimeoutExpired:
        return Verdict(what="The photo frame takes too long to check.", remedy=_SMALLER)
    except (OSError, ValueError, RecursionError, subprocess.SubprocessError):
        return Verdict(what="The photo frame can't be checked.", remedy=_SMALLER)
    finally:
        os.close(given)
        os.close(answered)
    found = Verdict(*(one_line(text)[:_ANSWER_LETTERS] for text in vars(told).values()))
    return (
        found
        if found.fit or found.what
        else replace(found, what="The photo frame can't be checked.", remedy=_SMALLER)
    )


def _limit() -> None:
    """Limit the child, whatever a picture makes of it; the kernel ends it first when memory is short."""
    resource.setrlimit(resource.RLIMIT_CPU, (_PROCESSOR_S, _PROCESSOR_S))
    resource.setrlimit(resource.RLIMIT_DATA, (_MEMORY_BYTES, _MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_FSIZE, (_ANSWER_BYTES, _ANSWER_BYTES))
    with contextlib.suppress(OSError), Path("/proc/self/oom_score_adj").open("w", encoding="ascii") as score:
        score.write("1000")
