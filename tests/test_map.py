"""piboothup/README.md: every path and name on the map is in the code, and every package is on the map.

The paths of .github/CONTRIBUTING.md are there too.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "piboothup"
MAP = (PACKAGE / "README.md").read_text(encoding="utf-8")
PATHS = sorted(set(re.findall(r"`([a-z_0-9/]+(?:\.py|\.md|/))(?::[\w.]+)?`", MAP)))
CONTRIBUTING = (PACKAGE.parent / ".github" / "CONTRIBUTING.md").read_text(encoding="utf-8")
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
    assert (PACKAGE / path).exists()


@pytest.mark.parametrize(("path", "name"), NAMES, ids=str)
def test_name_on_the_map_is_defined(path: str, name: str) -> None:
    assert defined(PACKAGE / path, name)


def test_paths_in_contributing_are_there() -> None:
    paths = set(re.findall(r"`([a-z_0-9/.]+(?:\.py|\.md|/))`", CONTRIBUTING)) | {
        f".github/{target}" for target in re.findall(r"\]\(([^)#:]+)\)", CONTRIBUTING)
    }
    assert len(paths) > 10
    assert [
        path for path in sorted(paths) if not any((root / path).exists() for root in (PACKAGE, PACKAGE.parent))
    ] == []


def test_each_row_of_a_table_has_as_many_cells_as_its_head() -> None:
    for text in (MAP, CONTRIBUTING):
        for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
            assert len({row.count("|") for row in table.splitlines()}) == 1, table


def test_every_package_is_on_the_map() -> None:
    packages = {path.parent.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py")} - {"."}
    assert {package for package in packages if f"`{package}/`" not in MAP} == {"booth/panel/i18n"}


def test_threads_on_the_map_are_those_that_are_started() -> None:
    table = MAP.split("## Threads")[1].split("\n## ")[0]
    named = set(re.findall(r"`([^`]+)`", "\n".join(row.split("|")[1] for row in table.splitlines() if "`" in row)))
    code = "\n".join(
        path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py") if "simulator" not in path.parts
    )
    calls = re.findall(r"threading\.Thread\((.*?)\)(?:\.start\(\))?\n", code, re.DOTALL)
    started = {name for call in calls for name in re.findall(r'name=f?"([^"{]+)', call)}
    assert started - {name.removesuffix("N") for name in named} == set()
    assert {name for name in named if f'"{name.removesuffix("N")}' not in code} == set()


def test_the_check_sees_a_name_that_is_not_there() -> None:
    assert not defined(PACKAGE / "cli.py", "no_such_function")
