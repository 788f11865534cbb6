"""Documentation against code: each path and name on the map, in CONTRIBUTING and in docstrings exists."""

from __future__ import annotations

import ast
import functools
import io
import keyword
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.source import PACKAGE, nodes, parsed

MAP = (PACKAGE / "README.md").read_text(encoding="utf-8")
PATHS = sorted(set(re.findall(r"`([a-z_0-9/]+(?:\.py|\.md|/))(?::[\w.]+)?`", MAP)))
CONTRIBUTING = (PACKAGE.parent / ".github" / "CONTRIBUTING.md").read_text(encoding="utf-8")
NAMES = sorted(set(re.findall(r"`([a-z_0-9/]+\.py):([\w.]+)`", MAP)))


FOREIGN = {
    *("wait_for_timestamp_", "CompletedRequest.release", "make_buffer"),  # picamera2
    "reportMetadata",  # libcamera
    "Session.send",  # requests
    "getdata",  # Pillow
}
"""Names in docstrings and comments that are a library's."""


def defined(path: Path, qualified: str) -> bool:
    """Whether the module defines this function, class or method."""
    node: ast.AST = parsed(path)
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
    assert {package for package in packages if f"`{package}/`" not in MAP} == {
        "booth/panel/i18n",
        "booth/panel/i18n/page",
    }


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


def prose(path: Path) -> Iterator[tuple[int, str]]:
    """Docstrings (of constants and fields too) and comments that name code, each with the line that it begins on."""
    for node in nodes(path):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield node.lineno, node.value.value
    source = path.read_text(encoding="utf-8")
    if re.search("#.*`", source):  # to find what is a comment takes longer than all else here
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            if token.type == tokenize.COMMENT:
                yield token.start[0], token.string


def names_in(path: Path) -> set[str]:
    """Every name that the module uses or defines, and every string that may be one: a key, an action."""
    found: set[str] = set()
    for node in nodes(path):
        match node:
            case ast.FunctionDef() | ast.ClassDef():
                found.add(node.name)
            case ast.arg():
                found.add(node.arg)
            case ast.keyword(arg=str(name)) | ast.Name(id=name) | ast.Attribute(attr=name):
                found.add(name)
            case ast.alias():
                found |= set(node.name.split("."))
            case ast.Constant(value=str(text)) if re.fullmatch(r"[\w.-]+", text):
                found |= {text, *text.split(".")}
    return found


@functools.cache
def modules() -> dict[str, tuple[Path, set[str]]]:
    """Each module's path and names, by its dotted name below the package."""
    found = {}
    for path in PACKAGE.rglob("*.py"):
        dotted = ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")
        found[dotted] = (path, names_in(path))
    return found


@functools.cache
def all_names() -> set[str]:
    """Every name in the package, those of modules and packages included."""
    return set().union(*(names | set(name.split(".")) for name, (_, names) in modules().items()))


@functools.cache
def exists(qualified: str) -> bool:
    """Whether a name in prose is one of the code; `module.name` must be in that module."""
    if qualified in FOREIGN or keyword.iskeyword(qualified):
        return True
    parts = qualified.removesuffix(".py").split(".")
    for length in range(len(parts), 0, -1):
        dotted = "." + ".".join(parts[:length])
        meant = [names for name, (_, names) in modules().items() if f".{name}".endswith(dotted)]
        if meant:
            return any(names.issuperset(parts[length:]) for names in meant) or qualified in all_names()
    return all(part in all_names() for part in parts)


def test_names_in_docstrings_and_comments_are_in_the_code() -> None:
    unknown = [
        f"{name}:{line + text[: found.start()].count(chr(10))} {found[1]}"
        for name, (path, _) in modules().items()
        for line, text in prose(path)
        for found in re.finditer(r"`([A-Za-z_][\w.]*)(?:\(\))?`", text)
        if not exists(found[1])
    ]
    assert unknown == []


def test_a_name_that_is_gone_or_elsewhere_is_found(tmp_path: Path) -> None:
    assert exists("spool.store") and exists("clock.Clock") and exists("clock")
    assert not exists("no_such_function") and not exists("clock.no_such_name") and not exists("text.LogPipe")
    module = tmp_path / "module.py"
    module.write_text('x = 1  # `why`\n"""Of x."""\n', encoding="utf-8")
    assert [text for _, text in prose(module)] == ["Of x.", "# `why`"]
