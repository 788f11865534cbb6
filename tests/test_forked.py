"""A forked copy of the tests' process ends and speaks as a process of its own."""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import forked


def leave_with_sentence() -> None:
    sys.exit("a sentence")


@pytest.mark.parametrize(
    ("function", "status", "errors"),
    [
        (lambda: None, 0, ""),
        (lambda: sys.exit(2), 2, ""),
        (leave_with_sentence, 1, "a sentence\n"),
        (lambda: os.kill(os.getpid(), 15), -15, ""),
        (lambda: atexit.register(print, "the end", file=sys.stderr), 0, "the end\n"),
    ],
)
def test_its_end_is_that_of_a_program(function: Callable[[], object], status: int, errors: str) -> None:
    done = forked.call(function)
    assert (done.returncode, done.stdout, done.stderr) == (status, "", errors)


def test_a_failed_assertion_is_a_status_and_a_traceback() -> None:
    def fail() -> None:
        assert Path("/").is_file()

    done = forked.call(fail)
    assert done.returncode == 1
    assert done.stderr.startswith("Traceback")
    assert "in fail" in done.stderr


def test_it_has_streams_and_an_environment_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BEFORE", "1")

    def speak() -> None:
        print(input(), sorted(os.environ))
        os.environ["WITHIN"] = "1"

    done = forked.call(speak, environment={"GIVEN": "1"}, typed="Füße\n")
    assert done.stdout == "Füße ['GIVEN']\n"
    assert "WITHIN" not in os.environ
