"""piboothup/README.md: every path and name on the map is in the code, and every room is on the map.

The paths of .github/CONTRIBUTING.md are there too.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

HOUSE = Path(__file__).parent.parent / "piboothup"
MAP = (HOUSE / "README.md").read_text(encoding="utf-8")
PATHS = sorted(set(re.findall(r"`([a-z_0-9/]+(?:\.py|\.md|/))(?::[\w.]+)?`", MAP)))
CONTRIBUTING = (HOUSE.parent / ".github" / "CONTRIBUTING.md").read_text(encoding="utf-8")
NAMES = sorted(set(re.findall(r"`([a-z_0-9/]+\.py):([\w.]+)`", MAP)))


def defined(path: Path, qualified: str) -> bool:
    """Whether the module defines this function, class or method."""
    node: ast.AST = ast.parse(path.read_text(encoding="utf-8"))
    for part in qualified.split("."):
        kinds = ast.FunctionDef | ast.ClassDef
        inner = [child for child in ast.iter_child_nodes(node) if isinstance(child, kinds) and child.name == part]
        if not inner:
            return False
        node = inner[0]
    return True


@pytest.mark.parametrize("path", [path for path in PATHS if path not in ("new/", "sent/")])
def test_path_on_the_map_is_in_the_code(path: str) -> None:
    assert (HOUSE / path).exists()


@pytest.mark.parametrize(("path", "name"), NAMES, ids=str)
def test_name_on_the_map_is_defined(path: str, name: str) -> None:
    assert defined(HOUSE / path, name)


def test_paths_in_contributing_are_there() -> None:
    paths = set(re.findall(r"`([a-z_0-9/.]+(?:\.py|\.md|/))`", CONTRIBUTING)) | {
        f".github/{target}" for target in re.findall(r"\]\(([^)#:]+)\)", CONTRIBUTING)
    }
    assert len(paths) > 10
    assert [path for path in sorted(paths) if not any((root / path).exists() for root in (HOUSE, HOUSE.parent))] == []


def test_each_row_of_a_table_has_as_many_cells_as_its_head() -> None:
    for text in (MAP, CONTRIBUTING):
        for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
            assert len({row.count("|") for row in table.splitlines()}) == 1, table


def test_every_room_is_on_the_map() -> None:
    rooms = {path.parent.relative_to(HOUSE).as_posix() for path in HOUSE.rglob("*.py")} - {"."}
    assert {room for room in rooms if f"`{room}/`" not in MAP} == {"booth/panel/i18n"}


def test_every_thread_on_the_map_is_started_under_that_name() -> None:
    table = MAP.split("## Threads")[1].split("\n## ")[0]
    named = set(re.findall(r"`([a-z]+)`(?=[ a-z`]*\|)", table))
    code = "\n".join(path.read_text(encoding="utf-8") for path in HOUSE.rglob("*.py"))
    assert named
    assert {name for name in named if f'"{name}"' not in code} == set()


def test_the_check_sees_a_name_that_is_not_there() -> None:
    assert not defined(HOUSE / "cli.py", "no_such_function")
