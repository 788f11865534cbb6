"""The libraries that pyproject.toml allows are those that are run: each lower bound, and Debian 13's exact set."""

from __future__ import annotations

import ast
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from tests.support.source import PACKAGE, nodes

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
DEPENDENCIES = {found.name: found.specifier for found in map(Requirement, PROJECT["dependencies"])}
MODULES = {"PIL": "pillow", "zxingcpp": "zxing-cpp"}
"""Libraries whose module is named otherwise."""
FROM_APT = {"picamera2", "libcamera", "lgpio"}
"""What only a Pi has, and pip can't bring."""


def pinned(name: str) -> dict[str, Version]:
    """The library versions of a constraints file."""
    lines = (ROOT / "tests/constraints" / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    pairs = [line.split("==") for line in lines if not line.startswith("#")]
    return {library: Version(version) for library, version in pairs}


def lower_bound(library: str) -> Version:
    (bound,) = [Version(clause.version) for clause in DEPENDENCIES[library] if clause.operator == ">="]
    return bound


def test_f17_the_lowest_set_is_the_lower_bound_of_each_library() -> None:
    assert pinned("lowest") == {library: lower_bound(library) for library in DEPENDENCIES}


def test_f17_debian_13_has_each_library_in_an_allowed_version() -> None:
    debian = pinned("debian13")
    assert set(debian) == set(DEPENDENCIES)
    assert [library for library, version in debian.items() if version not in DEPENDENCIES[library]] == []


@pytest.mark.parametrize("run", ["-c tests/constraints/lowest.txt", "tests/lab/debian/run"])
def test_f17_the_gate_runs_the_lowest_set_and_debians(run: str) -> None:
    lines = (ROOT / ".ci/run").read_text(encoding="utf-8").splitlines()
    assert any(run in line for line in lines if not line.startswith("#"))


def imported_modules() -> set[str]:
    """The modules from elsewhere that the product imports, each by its first two names."""
    names = set()
    for path in PACKAGE.rglob("*.py"):
        for node in nodes(path):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                names.add(node.module or "")
    here = {*sys.stdlib_module_names, "_sha2", "piboothup"}  # the former since Python 3.12
    return {".".join(name.split(".")[:2]) for name in names if name.split(".")[0] not in here}


def test_f17_imported_libraries_are_declared_and_none_besides() -> None:
    modules = imported_modules()
    libraries = {
        name if name in DEPENDENCIES else MODULES.get(name.split(".")[0], name.split(".")[0]) for name in modules
    }
    assert libraries - FROM_APT == set(DEPENDENCIES)
