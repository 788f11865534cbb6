"""The program: one command and its exit status.

What a command does is in `commands`, and imported when it runs: `--help` and `status` answer at once.

Exit status: 0 ok, 1 failed, 2 usage or config error, 130 interrupted. What a person should know goes to standard
error in one line with a remedy; a traceback is a defect.
"""

from __future__ import annotations

import errno
import importlib
import io
import os
import sys
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from piboothup.commands.common import FAILED, NEEDED, USAGE, CommandFails, need_libraries

if TYPE_CHECKING:
    import argparse

_UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
"""Errors of a full disk, a file size limit and a terminal that is gone."""


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return its exit status."""
    _open_missing_streams()
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # In a locale other than UTF-8: escape what can't be shown, replace what can't be read.
            stream.reconfigure(errors="replace" if stream is sys.stdin else "backslashreplace")
    given, output = parsed(sys.argv[1:] if arguments is None else arguments), sys.stdout
    try:
        need_libraries(NEEDED.get(given.function, {}))
        status = function_of(given.function)(given)
        sys.stdout.flush()
        return status
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        _discard_output()
        return FAILED
    except Exception as error:
        if isinstance(error, OSError) and sys.stdout is output and _is_of_output(error):  # not a service's log
            _discard_output()
            error = CommandFails(f"The output can't be written ({error.strerror}): send it elsewhere.")
        failed = _status_of(error)
        if failed is None:
            raise
        print(f"piboothup: {error}", file=sys.stderr)
        return failed


def _open_missing_streams() -> None:
    """Open closed standard streams on /dev/null, so that no other file gets their descriptors."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            descriptor = os.open(os.devnull, os.O_RDWR)  # gets the lowest free number
            setattr(sys, name, os.fdopen(descriptor, mode, encoding="utf-8"))


def _is_of_output(error: OSError) -> bool:
    """Whether printing failed; for the card and for files, commands raise errors with sentences of their own."""
    return error.filename is None and error.errno in _UNWRITABLE


def _discard_output() -> None:
    """Send later output to /dev/null, so that the interpreter's flush at exit does not fail."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _status_of(error: Exception) -> int | None:
    """Exit status of an error with a sentence for the user; None for a defect."""
    if isinstance(error, CommandFails):  # also one of a library without which the following can't be imported
        return FAILED
    from piboothup.config import ConfigError
    from piboothup.runtime import RuntimeUnusable
    from piboothup.spool import SpoolError

    if isinstance(error, ConfigError):
        return USAGE
    expected = (RuntimeUnusable, SpoolError, PermissionError)
    return FAILED if isinstance(error, expected) else None


def parsed(arguments: Sequence[str]) -> Any:
    """The parsed command line. A service as its unit starts it needs no parser, which takes a hundredth of its start.

    Raises SystemExit, after the message.
    """
    match arguments:
        case ["booth" | "uploader" as service]:
            return SimpleNamespace(config=None, function=f"services.{service}")
        case ["--config", file, "booth" | "uploader" as service] if not file.startswith("-"):
            return SimpleNamespace(config=file, function=f"services.{service}")
    from piboothup.commands.arguments import command_parser

    return command_parser().parse_args(arguments)


def function_of(target: str) -> Callable[[argparse.Namespace], int]:
    """The function `module.function` of `commands`."""
    module, _, function = target.partition(".")
    found: Callable[[argparse.Namespace], int] = getattr(
        importlib.import_module(f"piboothup.commands.{module}"), function
    )
    return found
