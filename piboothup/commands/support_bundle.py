"""`piboothup support-bundle`: one zip for whoever helps from afar, without secrets and names."""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import re
import sys
from pathlib import Path

from piboothup import __version__, config
from piboothup.care.bundle import parts
from piboothup.care.bundle.parts import PartLeftOut
from piboothup.care.facts import Facts
from piboothup.commands import status
from piboothup.commands.common import OK, CommandFails
from piboothup.commands.doctor import gather
from piboothup.runtime import RuntimeUnusable, command_directory
from piboothup.spool import durable
from piboothup.text import text_to_path

_MODE = 0o600
_PRIVATE = re.compile(rb"P4\n# private (\d+) (\d+) (\d+) (\d+)\n")


def run(given: argparse.Namespace) -> int:
    """Write the bundle; say on standard error what is not in it."""
    is_stream = given.file == "-"
    path = Path(text_to_path(given.file))
    if is_stream and sys.stdout.isatty():
        raise CommandFails("A zip can't be read on a terminal: name a file, or send the output to one.")
    if not is_stream:
        _check(path)
    facts = gather(given.config)
    content, missing = parts.make(
        facts, config.find(given.config), lambda: read_status(facts), lambda: read_panel(facts)
    )
    if is_stream:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
    else:
        _write(path, content)
    for line in missing:
        print(f"piboothup: left out: {line}", file=sys.stderr)
    if not is_stream:
        print(
            f"{given.file} is written ({len(content) // 1024 + 1} KB). Its {parts.LEFT_OUT} says what is not in it."
        )
    return OK


def _check(path: Path) -> None:
    """Raise CommandFails for what is certain before any work: only a file is replaced."""
    if path.is_dir():
        raise CommandFails(f"{path} is a folder: name a file in it, such as {path / 'bundle.zip'}.")
    if os.path.lexists(path) and (path.is_symlink() or not path.is_file()):
        raise CommandFails(f"{path} is no plain file: name another.")


def _write(path: Path, content: bytes) -> None:
    """Replace the file atomically, readable by nobody but whoever asked for it. Raises CommandFails."""
    try:
        durable.replace(path, content, _MODE)
        if (
            os.geteuid() == 0
            and os.environ.get("SUDO_UID", "").isdigit()
            and os.environ.get("SUDO_GID", "").isdigit()
        ):
            os.chown(path, int(os.environ["SUDO_UID"]), int(os.environ["SUDO_GID"]), follow_symlinks=False)
    except FileNotFoundError:
        raise CommandFails(f"{path} can't be written (its folder is not there): make it, or name another.") from None
    except OSError as error:
        remedy = "name a file that you may write, such as /tmp/bundle.zip"
        if error.errno in durable.FULL:
            remedy = "free some room there, or name a file on another disk"
        raise CommandFails(f"{path} can't be written ({error.strerror or error}): {remedy}.") from None


def read_status(facts: Facts) -> dict[str, object]:
    """Data of `status --json`. Raises PartLeftOut when this user may not read the services' reports."""
    try:
        directory = command_directory()
    except RuntimeUnusable as error:
        raise PartLeftOut(str(error)) from None
    return status.assemble(facts.config, facts.spool, facts.clock, directory, facts.config_problem)


def read_panel(facts: Facts) -> bytes:
    """The picture on the panel as a PNG, with a grey area over what is private. Raises PartLeftOut, OSError."""
    if facts.booth is None:
        raise PartLeftOut("no booth is seen, so the panel shows nothing; run it with sudo if one runs.")
    if facts.booth.version != __version__:
        raise PartLeftOut("the booth runs another version; restart it: `sudo systemctl restart piboothup-booth`.")
    try:
        from PIL import Image
    except ImportError:
        raise PartLeftOut("the library PIL is missing: sudo apt install --reinstall python3-pil") from None
    content = (command_directory() / "panel.pbm").read_bytes()
    with contextlib.closing(Image.open(io.BytesIO(content))) as picture:
        shown = picture.convert("L")
    if area := _PRIVATE.match(content):
        left, top, right, bottom = map(int, area.groups())
        shown.paste(128, (left, top, right, bottom))
    into = io.BytesIO()
    shown.save(into, "PNG")
    return into.getvalue()
