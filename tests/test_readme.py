"""The README keeps its word."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from PIL import Image

from piboothup import config
from piboothup.booth.gallery import story
from piboothup.booth.screens import bottom_line
from piboothup.booth.view import View
from piboothup.cli import command_names
from piboothup.problems import codes, problem
from piboothup.status import UploaderState

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_picture_of_the_screens_is_the_one_that_the_code_makes() -> None:
    with Image.open(ROOT / "hardware" / "screens.png") as shown:
        assert story().convert("RGB").tobytes() == shown.convert("RGB").tobytes()


def test_both_commands_are_one_line_each_in_a_block_of_their_own() -> None:
    blocks = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
    lines = [block.strip() for block in blocks if block.count("\n") == 1]
    assert any(line.endswith("piboothup demo") for line in lines)
    assert any(line.endswith("pytest") for line in lines)


def test_the_configs_in_the_docs_are_good() -> None:
    (shown,) = re.findall(r"```toml\n(.*?)```", README, re.DOTALL)
    assert tomllib.loads(shown)
    assert config.parse(shown, Path("README.md"))[1] == []


def test_each_bottom_line_in_the_table_is_one_that_the_panel_can_say() -> None:
    ways = [
        View(photos=143, waiting=waiting, parked=parked, uplink=state, has_event=has_event, notice=notice)
        for waiting in (0, 12)
        for parked in (0, 2)
        for state in UploaderState
        for has_event in (True, False)
        for notice in (None, *map(problem, codes()))
    ]
    said = {bottom_line(view) for view in ways}
    (table,) = re.findall(r"\| it says \| it means \|\n\|---\|---\|\n((?:\|.*\n)+)", README)
    listed = {row.split("|")[1].strip() for row in table.splitlines()}
    assert len(listed) > 10
    assert listed <= said


def test_every_command_that_the_readme_names_exists() -> None:
    named = set(re.findall(r"`piboothup ([a-z-]+)", README)) - {"doctor"}
    assert named
    assert named <= command_names()


def test_the_top_level_holds_what_the_design_names() -> None:
    allowed = {"pyproject.toml", "piboothup", "systemd", "hardware", "tests", "README.md", "LICENSE"}
    found = {one.name for one in ROOT.iterdir() if not one.name.startswith(".")}
    built = {"build", "piboothup.egg-info"}
    assert found - built == allowed
