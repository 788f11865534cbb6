"""Requests to root's helper, and its answers: the files that booth and `setup` agree on.

The booth leaves `requests/<verb>` in the runtime directory. The helper takes the file away before it does anything,
and answers in `answers/<verb>`. Boot-time tells a request from earlier ones. All of this lies on a tmpfs: after a
power cut no request is found that was made before it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path

from piboothup.records import dataclass
from piboothup.status import Report
from piboothup.text import read_bytes

REQUESTS = "requests"
"""Folder of the booth's user, 0700: not of the group, which the uploader is in."""
ANSWERS = "answers"
"""Folder of root, which the group may read: an answer holds no secret."""
LONGEST_BYTES = 16 * 1024
"""Limit of a request."""
FRESH_NS = 60 * 1_000_000_000
"""A request older than this is not done: nobody waits for it any more."""


class Outcome(StrEnum):
    """States of a request that was taken."""

    TAKEN = "taken"
    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"


@dataclass(frozen=True)
class Request:
    """Request as it was read; its values are unchecked."""

    asked_ns: int
    """Boot-time; each request for a verb has a later one than those before."""
    values: Mapping[str, object]


class WifiResult(StrEnum):
    """Results of joining a network that a code named."""

    JOINED = "joined"
    PASSWORD = "password"  # noqa: S105  (no password)
    """The network refuses it."""
    UNSEEN = "unseen"
    UNSEEN_24 = "unseen_24"
    """The same, of a radio that hears 2.4 GHz only."""
    NO_WPA3 = "no_wpa3"
    """The network has WPA3 alone, which this radio can't do."""
    NO_ADDRESS = "no_address"
    FORMER = "former"
    """It was not joined, for another reason; what was known of it before is in force again."""
    FAILED = "failed"


STICK = Path("/dev/disk/by-label/PIBOOTHUP")
"""The stick whose file is taken, while it is plugged in."""


KEEPS_NOTHING = "keeps_nothing"
"""Detail of a refusal: the system lies in memory, as with an overlay file system over it."""


class StickResult(StrEnum):
    """Results of taking a stick's file."""

    TAKEN = "taken"
    MISTAKES = "mistakes"
    """They stand in the answer on the stick; the rest is taken."""
    MISTAKES_ON_CARD = "mistakes_on_card"
    """The same, but the stick takes no answer: the card has it."""
    NO_FILE = "no_file"
    NO_PLAIN_FILE = "no_plain_file"
    UNREADABLE = "unreadable"
    """No file system that is known, or a broken one."""
    GONE = "gone"


@dataclass(frozen=True)
class Answer(Report):
    """What the helper says about the newest request for a verb."""

    asked_ns: int = -1
    outcome: Outcome = Outcome.TAKEN
    detail: str = ""
    """What the verb says besides: a `WifiResult`, a `StickResult`, `KEEPS_NOTHING`, or nothing."""


def put(runtime: Path, verb: str, request: Request) -> None:
    """Leave a request, in place of one that nobody took. Raises OSError, as where nothing made the folder for it.

    The file has no name until it is whole: in the folder the helper would remove a draft, and in the runtime
    directory the uploader could be there first.
    """
    content = json.dumps({**request.values, "asked_ns": request.asked_ns}).encode()
    withdraw(runtime, verb)
    folder = os.open(runtime / REQUESTS, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        draft = os.open(".", os.O_TMPFILE | os.O_WRONLY | os.O_CLOEXEC, 0o600, dir_fd=folder)
        with os.fdopen(draft, "wb") as file:
            file.write(content)
            file.flush()
            os.link(f"/proc/self/fd/{draft}", verb, dst_dir_fd=folder)
    finally:
        os.close(folder)


def withdraw(runtime: Path, verb: str) -> bool:
    """Take the request back; False when the helper has taken it. Raises OSError."""
    try:
        (runtime / REQUESTS / verb).unlink()
    except FileNotFoundError:
        return False
    return True


def answer(runtime: Path, verb: str, asked_ns: int) -> Answer | None:
    """The answer to this request; None while it was not taken. Raises OSError."""
    try:
        found = parse_answer(read_bytes(runtime / ANSWERS / verb))
    except FileNotFoundError:
        return None
    return found if found.asked_ns == asked_ns else None


def parse_answer(content: bytes) -> Answer:
    """The answer in a file; of no request when it is junk."""
    try:
        return Answer.from_json(json.loads(content))
    except ValueError:
        return Answer()


def parse(content: bytes) -> Request:
    """The request in a file. Raises ValueError for anything else, however long or deep."""
    try:
        values = json.loads(content)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(values, dict):
        raise ValueError("no table of values")
    asked_ns = values.pop("asked_ns", None)
    if type(asked_ns) is not int:
        raise ValueError("no time of asking")
    return Request(asked_ns, values)
