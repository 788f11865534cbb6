"""Reader of the booth's requests, as root: each is checked, done at most once and answered.

What lies in the folder is not trusted: a booth that was taken over may put there what it likes, but gets no more than
the verbs. Whatever is there is gone at the end, done or refused: the unit that starts this does so again while the
folder holds anything.

A request is taken when this process has unlinked its file; that is recorded before it is done, so that a crash in
between can't have it done twice.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import stat
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from piboothup.clock import Clock
from piboothup.root_requests import (
    ANSWERS,
    FRESH_NS,
    LONGEST_BYTES,
    REQUESTS,
    Answer,
    Outcome,
    Request,
    parse,
    parse_answer,
)
from piboothup.setup.errors import Refused
from piboothup.setup.power import power_off
from piboothup.setup.stick.verb import copy_to_stick, take_stick
from piboothup.text import one_line

log = logging.getLogger(__name__)

Verb = Callable[[Mapping[str, object]], str | None]
"""Checks the values of a request and does it; returns the answer's detail, if there is one.

Raises Refused, or OSError or SubprocessError when it fails.
"""

VERBS: Mapping[str, Verb] = {"power-off": power_off, "stick": take_stick, "copy": copy_to_stick}

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
_OTHERS_ALL = stat.S_IRWXG | stat.S_IRWXO
_LONGEST_SHOWN = 80


def serve(runtime: Path, booth_uid: int, clock: Clock, verbs: Mapping[str, Verb] = VERBS) -> None:
    """Do or refuse whatever lies in the folder of requests now. Raises OSError when a folder can't be used."""
    with _opened(runtime) as parent, _opened(REQUESTS, parent) as requests, _opened(ANSWERS, parent) as answers:
        distrust = _distrust(os.fstat(parent), os.fstat(requests), os.fstat(answers), booth_uid)
        reader = RequestReader(requests, answers, booth_uid, clock, verbs)
        for name in sorted(os.listdir(requests)):
            try:
                reader.handle(name, distrust)
            except OSError as error:  # no room for an answer; the next file may be junk, which goes all the same
                log.error("request not handled name=%s reason=%s", _shown(name), error.strerror or error)


@contextlib.contextmanager
def _opened(path: Path | str, parent: int | None = None) -> Iterator[int]:
    """Descriptor of a folder that is no link. Raises OSError."""
    descriptor = os.open(path, _FOLDER, dir_fd=parent)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _distrust(
    parent: os.stat_result, requests: os.stat_result, answers: os.stat_result, booth_uid: int
) -> str | None:
    """Reason to refuse everything: another user than the booth's may have put it there."""
    us = os.geteuid()
    if parent.st_uid != us or (parent.st_mode & _OTHERS_WRITE and not parent.st_mode & stat.S_ISVTX):
        return "others may exchange the folder"
    if requests.st_uid != booth_uid or requests.st_mode & _OTHERS_ALL:
        return "the folder is not the booth's alone"
    if answers.st_uid != us or answers.st_mode & _OTHERS_WRITE:
        return "others may write answers"
    return None


class RequestReader:
    """The two folders by their descriptors, so that no path is walked twice."""

    def __init__(
        self, requests: int, answers: int, booth_uid: int, clock: Clock, verbs: Mapping[str, Verb] = VERBS
    ) -> None:
        self._requests = requests
        self._answers = answers
        self._booth_uid = booth_uid
        self._clock = clock
        self._verbs = verbs

    def handle(self, name: str, distrust: str | None = None) -> None:
        """Do this request or refuse it; either way it is gone then. Raises OSError when no answer can be written."""
        try:
            if distrust:
                raise Refused(distrust)
            if (request := self._take(name)) is not None:
                self._do(name, request)
        except Refused as why:
            log.warning("request refused name=%s reason=%s", _shown(name), why)
            self._remove(name)

    def _take(self, name: str) -> Request | None:
        """Read the request and remove its file; None when the booth withdrew it meanwhile. Raises Refused."""
        if name not in self._verbs:
            raise Refused("no such verb")
        try:
            content = self._read(name)
            os.unlink(name, dir_fd=self._requests)
        except FileNotFoundError:
            return None
        except OSError as error:  # ELOOP of a link, ENXIO of a socket
            raise Refused(error.strerror or str(error)) from None
        try:
            request = parse(content)
        except ValueError:
            raise Refused("no request") from None
        last = self._last_answer(name)
        if request.asked_ns <= last.asked_ns:
            raise Refused("repeated")
        if not 0 <= self._clock.boottime_ns() - request.asked_ns <= FRESH_NS:
            raise Refused("not of now")
        return request

    def _read(self, name: str) -> bytes:
        """Content of the file, read once from one descriptor. Raises Refused, OSError."""
        self._check(os.stat(name, dir_fd=self._requests, follow_symlinks=False))  # opening a device may have effects
        descriptor = os.open(name, _FILE, dir_fd=self._requests)
        try:
            self._check(os.fstat(descriptor))
            content = os.read(descriptor, LONGEST_BYTES + 1)
        finally:
            os.close(descriptor)
        if len(content) > LONGEST_BYTES:
            raise Refused("too long")
        return content

    def _check(self, found: os.stat_result) -> None:
        """Raise Refused for anything but a plain file of the booth's that has no other name."""
        if not stat.S_ISREG(found.st_mode):
            raise Refused("no plain file")
        if found.st_uid != self._booth_uid:
            raise Refused("another user's")
        if found.st_nlink != 1:
            raise Refused("it has another name")

    def _do(self, name: str, request: Request) -> None:
        """Do a request that was taken. Raises OSError, before it is done, when that can't be recorded."""
        self._answer(name, Answer(request.asked_ns, Outcome.TAKEN))
        detail = None
        try:
            detail = self._verbs[name](request.values)
        except Refused as why:
            log.warning("request refused name=%s reason=%s", name, why)
            outcome, detail = Outcome.REFUSED, why.detail
        except (OSError, subprocess.SubprocessError) as error:
            said = (getattr(error, "stderr", None) or b"").decode("utf-8", "replace")
            log.error("request failed name=%s reason=%s", name, one_line(f"{error} {said}"))
            outcome = Outcome.FAILED
        else:
            log.warning("request done name=%s detail=%s", name, detail or "none")
            outcome = Outcome.DONE
        self._answer(name, Answer(request.asked_ns, outcome, detail or ""))

    def _last_answer(self, verb: str) -> Answer:
        """The answer to the last request that was taken; of no request when there was none. Raises OSError."""
        try:
            descriptor = os.open(verb, _FILE, dir_fd=self._answers)
        except FileNotFoundError:
            return Answer()
        with os.fdopen(descriptor, "rb") as file:
            return parse_answer(file.read())

    def _answer(self, verb: str, answer: Answer) -> None:
        """Replace the answer file. Raises OSError."""
        draft = f".{verb}"
        descriptor = os.open(
            draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o640, dir_fd=self._answers
        )
        with os.fdopen(descriptor, "wb") as file:
            file.write(json.dumps(answer.to_json()).encode())
        os.rename(draft, verb, src_dir_fd=self._answers, dst_dir_fd=self._answers)

    def _remove(self, name: str) -> None:
        """Remove what was refused. A folder that holds something is set aside: the next power-off removes it."""
        try:
            os.unlink(name, dir_fd=self._requests)
        except FileNotFoundError:
            return
        except IsADirectoryError:
            aside = f"aside-{os.urandom(8).hex()}"
            with contextlib.suppress(OSError):  # it holds something
                os.rmdir(name, dir_fd=self._requests)
                return
            os.rename(name, aside, src_dir_fd=self._requests, dst_dir_fd=self._answers)


def _shown(name: str) -> str:
    """A name of somebody else's for a line of the log: ASCII without controls, not long."""
    return ascii(name)[:_LONGEST_SHOWN]
