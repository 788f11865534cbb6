"""`python -m hardware.make` as a process, on a copy of the folder: fresh, stale, and with tables that contradict."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hardware.make.tables import FOLDER

pytestmark = pytest.mark.process


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    shutil.copytree(FOLDER, tmp_path / "hardware", ignore=shutil.ignore_patterns("__pycache__", "pictures", "*.stl"))
    return tmp_path / "hardware"


def run(copy: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "hardware.make", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(FOLDER.parent)}  # for piboothup; the copy's `hardware` goes before
    return subprocess.run(command, cwd=copy.parent, env=environment, capture_output=True, text=True, check=False)


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_a_change_of_a_table_is_stale_until_it_is_made(copy: Path) -> None:
    texts = ("bill", "README", "cards/operator-en.svg", "diagrams/power.svg")
    assert (run(copy, "--check", *texts).returncode, run(copy, "--check", *texts).stdout) == (0, "")
    change(copy / "parts.toml", "price_eur = 28.0", "price_eur = 31.0")
    change(copy / "cards.toml", "Operator's card", "The operator's card")
    change(copy / "README.md", "# Building the box", "# Build the box")
    checked = run(copy, "--check", *texts)
    assert checked.returncode == 1
    stale = ["bill/pocket.csv", "bill/party.csv", "bill/desk.csv", "README.md", "cards/operator-en.svg"]
    assert checked.stdout.splitlines() == [f"stale: {path}" for path in stale]
    made = run(copy, *texts)
    assert (made.returncode, made.stdout.splitlines()) == (0, [f"made: {path}" for path in stale])
    assert "# Build the box" in (copy / "README.md").read_text(encoding="utf-8"), "the text around stays"
    assert run(copy, "--check", *texts).returncode == 0


@pytest.mark.parametrize(
    ("file", "old", "new", "told"),
    [
        (
            "pins.toml",
            "header_pin = 13",
            "header_pin = 11",
            "pins.toml: header pin 11 is used twice, by button NO and",
        ),
        (
            "parts.toml",
            "holds = 2500",
            "holds = 900",
            "parts.toml: pocket with Raspberry Pi Zero 2 W asks for 1200 mA",
        ),
        ("case.toml", "depth = 86.0", "depth = 70.0", "case.toml, party, panel 1.3 inch: the "),
        ("cards.toml", "[de]", "[fr]", "cards.toml has no words for the language de."),
    ],
    ids=["pin", "supply", "case", "language"],
)
def test_tables_that_contradict_are_told_in_a_sentence(copy: Path, file: str, old: str, new: str, told: str) -> None:
    change(copy / file, old, new)
    found = run(copy, "--check")
    assert found.returncode == 2
    assert found.stderr.startswith(told)
    assert found.stderr.count("\n") == 1
