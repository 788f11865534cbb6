"""`piboothup support-bundle`: one zip for whoever helps from afar, without secrets and names."""

from __future__ import annotations

import argparse
import contextlib
import io
import re
import sys
from pathlib import Path

from piboothup import __version__, config
from piboothup.care.bundle import parts
from piboothup.care.bundle.parts import PartLeftOut
from piboothup.care.facts import Facts
from piboothup.commands import status
from piboothup.commands.common import OK, CommandFails, check_private, write_private
from piboothup.commands.doctor import gather
from piboothup.runtime import RuntimeUnusable, command_directory
from piboothup.text import text_to_path

_PRIVATE = re.compile(rb"P4\n# private (\d+) (\d+) (\d+) (\d+)\n")


def run(given: argparse.Namespace) -> int:
    """Write the bundle; say on standard error what is not in it."""
    is_stream = given.file == "-"
    path = Path(text_to_path(given.file))
    if is_stream and sys.stdout.isatty():
        raise CommandFails("A zip can't be read on a terminal: name a file, or send the output to one.")
    if not is_stream:
        check_private(path, "bundle.zip")
    facts = gather(given.config)
    content, missing = parts.make(
        facts, config.find(given.config), lambda: read_status(facts), lambda: read_panel(facts)
    )
    if is_stream:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
    else:
        write_private(path, content, "bundle.zip")
    for line in missing:
        print(f"piboothup: left out: {line}", file=sys.stderr)
    if not is_stream:
        print(
            f"{given.file} is written ({len(content) // 1024 + 1} KB). Its {parts.LEFT_OUT} says what is not in it."
        )
    return OK


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
