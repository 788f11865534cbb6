"""A photo frame on the card, beside its file: judged, laid where the booth reads it, and answered.

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


Judge = Callable[[bytes], Verdict]


def run(
    box: Box, done: Imported | None, judge: Judge, answer_again: Callable[[], Imported | None]
) -> Imported | None:
    """Take the frame on the card if it is new; return what was imported, with the frame. Raises OSError.

    `done`: of the card's file; None if it is not new, and there is nothing to do for the frame either.
    `answer_again`: the same of a file that is not new; None without one.
    """
    named = _named(box)
    name = NAME if named is None else named.name
    if not name or (named is not None and named.parent != box.boot) or not os.path.lexists(box.boot / name):
        _forget(box)
        if done is not None and os.path.lexists(box.boot / NAME):
            done.notes.append(f"{NAME} is not used, as {FILE} names another frame, or none: delete that line.")
            answer(box.boot, box.id, done)
        return done
    try:
        with open_file(box.boot / name) as opened:
            content, unread = opened.read(LONGEST_BYTES + 1), ""
    except OSError as error:
        content, unread = b"", error.strerror or type(error).__name__
    note = _Note(name=name, sha256=sha256(content or unread.encode()), box=box.id)
    known = _known(box)
    is_new = (known.name, known.sha256, known.box) != (name, note.sha256, box.id)
    if done is None and not is_new:
        return None
    done = done or answer_again() or Imported(name, BootFile())
    is_settled = True
    if is_new:
        found = (
            Verdict(what=f"{name} can't be read ({unread}).", remedy="Copy it anew.") if unread else judge(content)
        )
        known = replace(note, **vars(found))
        is_settled = known.code != _CAN_WAIT and (
            named is not None or _lay(box, content if known.fit else None, done)
        )
    if known.fit and is_settled:
        done.taken.append(f"photo frame: {known.fit} It counts from the box's next start on.")
    elif not known.fit:
        done.mistakes.append(Mistake(None, known.what, known.remedy))
    answer(box.boot, box.id, done)
    _count_mistakes(box, len(done.mistakes))
    if is_new and is_settled:
        durable.replace(box.etc / NOTE, json.dumps(known.to_json()).encode() + b"\n", mode=0o644)
    return done


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
        done.mistakes.append(Mistake(None, what, "It is tried again at the next start."))
        return False
    return True


def _known(box: Box) -> _Note:
    """The note of the frame that was judged last; an empty one when there is none that can be read."""
    try:
        return _Note.from_json(json.loads(read_bytes(box.etc / NOTE)))
    except (OSError, ValueError, RecursionError):
        return _Note()


def judged(content: bytes, uid: int, gid: int) -> Verdict:
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
            timeout=TIMEOUT_S,
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
