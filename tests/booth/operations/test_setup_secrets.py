"""Key and Wi-Fi password of a set-up, by a code before the lens and by the file on the card: they are told nobody."""

from __future__ import annotations

import contextlib
import logging
import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from piboothup.booth.flow.pages import PageKind
from piboothup.care.bundle import parts as bundle_parts
from piboothup.cli import main
from piboothup.commands import setup
from piboothup.commands.support_bundle import read_status
from piboothup.config import EventPicsConfig
from piboothup.config.import_record import ImportWatch
from piboothup.setup import boot_import, radio, wifi_profiles
from piboothup.setup.boot_answer import ANSWER
from piboothup.setup.errors import Refused
from tests.booth.operations.test_code_reading import (
    KEY,
    PASSWORD,
    WHOLE,
    Root,
    asked,
    await_code,
    box,
    hold,
    root,
    told,
)
from tests.care.bundle.test_parts import entry, parts
from tests.care.raspberry import Raspberry
from tests.support.booth import Box
from tests.support.deadline import until
from tests.support.kept_box import KeptBox
from tests.support.panel import drawn_texts

__all__ = ["box", "root"]

CARD = "piboothup.toml"
OF_FILE, OF_NETWORK = "canary-key-of-the-file", "canary-password-of-the-file"
FILE = (
    f'[eventpics]\napi_key = "{OF_FILE}"\nlink_id = "efgh5678"\n[[wifi]]\nssid = "Attic"\npassword = "{OF_NETWORK}"\n'
)
CHANGES = [
    ("", ""),
    ("password =", "psk:"),
    ("api_key =", "Api-Key ="),
    ("[[wifi]]", "[capture]"),  # the password in another table
    ("api_key", "token"),
    ("api_key", "api_key_file"),
    (f'"{OF_FILE}"', OF_FILE),
    (f'"{OF_NETWORK}"', f'"{OF_NETWORK}'),
    (OF_NETWORK, f"\\u0007{OF_NETWORK}"),
    ("[eventpics]", f'"{OF_FILE}'),
    ("link_id", "linkid"),
]
"""What is changed in the file: first nothing, then forms and mistakes around the secrets."""


@pytest.mark.process
def test_c03_no_secret_of_a_set_up_is_told_to_anybody(
    box: Box,
    root: Root,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    pi = Raspberry(tmp_path_factory.mktemp("pi"))
    boot, etc = pi.path("/boot/firmware"), pi.path("/etc/piboothup")
    profiles = pi.path(str(wifi_profiles.FOLDER))
    profiles.mkdir(parents=True, exist_ok=True)
    root.box = KeptBox("7F3K", boot, etc, profiles, pi.path("/run/trials"))
    root.box.trials.mkdir(parents=True)
    root.box.key_file.unlink(missing_ok=True)
    root._watch = ImportWatch(etc)
    drawn = drawn_texts(monkeypatch)
    await_code(box)
    hold(box, WHOLE)
    asked(box, PageKind.CODE_BOOTH)
    until(lambda: any("Barn" in text or "Booth" in text for text in [*drawn]))
    box.choose("use_code")
    assert told(box).is_good
    assert root.box.key_file.read_text() == f"{KEY}\n"
    for wrong in (
        f"PIBOOTHUP:K:{KEY} and blanks;;",
        f"WIFI:S:Barn;T:WEP;P:{PASSWORD};;",
        f"PIBOOTHUP:K:{KEY};P:{PASSWORD};;",
    ):
        with pytest.raises(Refused) as refused:
            root.verbs["settings"]({"code": wrong})
        logging.getLogger("piboothup.test").warning("refused %s", refused.value)
    answers = [_imported(root.box, *change) for change in CHANGES]
    assert root.box.key_file.read_text() == f"{OF_FILE}\n"
    assert len(list(profiles.glob("piboothup-*"))) == 2
    said = _commands(root.box, monkeypatch, capfd)
    assert "Attic: with a password" in said
    config = replace(pi.facts.config, eventpics=EventPicsConfig(api_key_file=str(root.box.key_file)))
    pi.know(config=config)
    bundle = _bundle(pi, caplog.text, monkeypatch)
    assert b"card imported" in bundle["journal.txt"]
    places = {
        **{f"bundle: {name}": content.decode(errors="replace") for name, content in bundle.items()},
        **_open_texts(pi.root, box.runtime, box.spool.directory),
        **{f"answer {number}": answer for number, answer in enumerate(answers)},
        "log": caplog.text,
        "commands": said,
        "panel": "\n".join(drawn),
    }
    assert {place for place, text in places.items() if "canary-key" in text or "canary-password" in text} == set()


def _imported(place: KeptBox, before: str, after: str) -> str:
    """The answer to the file with this change."""
    (place.boot / CARD).write_text(FILE.replace(before, after, 1))
    done = boot_import.run(place, lambda _country: None)
    assert done is not None
    logging.getLogger("piboothup.test").warning("%r", done.mistakes)
    return (place.boot / ANSWER).read_text()


def _commands(place: KeptBox, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> str:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(setup, "BOOT", place.boot)
    monkeypatch.setattr(setup, "ETC", place.etc)
    monkeypatch.setattr(wifi_profiles, "FOLDER", place.profiles)
    monkeypatch.setattr(radio, "addresses", list)
    assert [main(["setup", "status"]), main(["setup", "wifi"])] == [0, 0]
    said = capfd.readouterr()
    return said.out + said.err


def _bundle(pi: Raspberry, log: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """Its parts; a program in the place of journalctl says what was logged."""
    program = pi.path("/bin/journalctl")
    lines = pi.path("/bin/lines")
    program.parent.mkdir(exist_ok=True)
    lines.write_text("\n".join(entry("piboothup-setup", line) for line in log.splitlines()))
    program.write_text(f"#!/bin/sh\ncat {lines}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    config_file = pi.path("/etc/piboothup/config.toml")
    content, _ = bundle_parts.make(pi.facts, config_file, lambda: read_status(pi.facts), lambda: b"picture")
    return parts(content)


def _open_texts(*folders: Path) -> dict[str, str]:
    """The content of files that others than their owner may read, but of no photo and not of the card's file."""
    found = {}
    for path in (path for folder in folders for path in folder.rglob("*")):
        with contextlib.suppress(FileNotFoundError):  # it has replaced another meanwhile: the booth lives
            is_open = path.is_file() and stat.S_IMODE(path.stat().st_mode) & 0o077
            if is_open and path.suffix != ".jpg" and path.name != CARD:
                found[str(path)] = path.read_text(errors="replace")
    return found
