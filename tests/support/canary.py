"""Pytest plugin that fails each test whose output, at DEBUG, contains a key or a signature.

Output is what the test printed and logged, the output of its commands, and the logs, status files and parking notes
in its folder. Keys and signatures are those of the local EventPics, the signatures that it issued in this test, and
any text beginning with "canary-" that a test made up for the purpose.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from piboothup.simulator.server import DEMO_KEY, LocalEventPics
from tests.support import forked

MADE_UP = re.compile(rf"canary-(?:key|signature|password)|{re.escape(DEMO_KEY)}")
_LEFT_BEHIND = {".log", ".txt", ".json", ".jsonl"}
_SAYS_ITS_KEY = "simulator"
"""Command that prints the key of the local EventPics on purpose."""


class Canary:
    """Keys and signatures issued in the current test, and the output of its commands."""

    def __init__(self) -> None:
        self._signatures: set[str] = set()
        self._said: list[str] = []

    def watch(self, patch: pytest.MonkeyPatch) -> None:
        """Record the secrets of every local EventPics and the output of every command."""
        grant, communicate, call = LocalEventPics.grant, subprocess.Popen.communicate, forked.call

        def watched_grant(album: LocalEventPics, asked: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
            answer = grant(album, asked)
            url = urlsplit(answer[1].get("uploadUrl", ""))
            self._signatures |= {
                value for values in parse_qs(url.query).values() for value in values if len(value) > 20
            }
            return answer

        def watched_communicate(command: subprocess.Popen[Any], *more: Any, **named: Any) -> Any:
            said = communicate(command, *more, **named)
            if not isinstance(command.args, list) or _SAYS_ITS_KEY not in command.args:
                self._said += [
                    output.decode(errors="replace") if isinstance(output, bytes) else output
                    for output in said
                    if output
                ]
            return said

        def watched_call(function: Callable[[], object], **named: Any) -> subprocess.CompletedProcess[str]:
            done = call(function, **named)
            self._said += [done.stdout, done.stderr]
            return done

        patch.setattr(LocalEventPics, "grant", watched_grant)
        patch.setattr(subprocess.Popen, "communicate", watched_communicate)
        patch.setattr(forked, "call", watched_call)

    def pytest_runtest_setup(self) -> None:
        """Reset for the next test."""
        self._signatures.clear()
        self._said.clear()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Iterator[None]:
        """Check the output when the test is over."""
        report: Any = yield
        if report.when == "teardown" and report.passed:
            places = {where for where, text in self._texts(item, report) if self._sings(text)}
            if places:
                report.outcome = "failed"
                report.longrepr = f"a key or a signature can be read in: {', '.join(sorted(places))}"
        return report  # type: ignore[no-any-return]

    def _texts(self, item: pytest.Item, report: pytest.TestReport) -> Iterator[tuple[str, str]]:
        yield from report.sections
        for said in self._said:
            yield "what a command said", said
        folder = getattr(item, "funcargs", {}).get("tmp_path")
        for path in _left_behind(folder) if folder is not None else ():
            yield path.name, path.read_text(errors="replace")

    def _sings(self, text: str) -> bool:
        return MADE_UP.search(text) is not None or any(signature in text for signature in self._signatures)


def _left_behind(folder: Path) -> Iterator[Path]:
    """Text files written by the services, not those that tests wrote for them."""
    for parent, folders, names in os.walk(folder):
        folders[:] = [
            folder for folder in folders if folder not in ("new", "sent")
        ]  # photos, up to a hundred thousand
        for name in names:
            path = Path(parent, name)
            if path.suffix in _LEFT_BEHIND and not name.startswith("faults") and path.is_file():
                yield path


def pytest_configure(config: pytest.Config) -> None:
    """Register the plugin; called by pytest at its start."""
    canary, patch = Canary(), pytest.MonkeyPatch()
    config.add_cleanup(patch.undo)
    patch.setenv("PIBOOTHUP_LOG", "DEBUG")
    canary.watch(patch)
    config.pluginmanager.register(canary, "canary-watch")
