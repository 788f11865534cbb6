"""What an installation gets: the source's modules, and nothing of an older version."""

from __future__ import annotations

import importlib
import shutil
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.process

ROOT = Path(__file__).parent.parent


def test_f24_module_that_is_gone_is_in_no_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An earlier build left it: in build/, as bytecode, in the list of the files of that build."""
    name = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["build-system"]["build-backend"]
    backend = pytest.importorskip(name, reason="the build backend is missing: pip install -e '.[test]'")
    source, wheels = tmp_path / "source", tmp_path / "wheels"
    shutil.copytree(ROOT / "piboothup", source / "piboothup", ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / file, source)
    wanted = {path.relative_to(source).as_posix() for path in source.glob("piboothup/**/*") if path.is_file()}
    for left in ("build/lib/piboothup/gone.py", "build/lib/piboothup/booth/panel/gone.py"):
        (source / left).parent.mkdir(parents=True, exist_ok=True)
        (source / left).write_text("left = True\n")
    bytecode = source / "piboothup" / "__pycache__" / f"gone.{sys.implementation.cache_tag}.pyc"
    bytecode.parent.mkdir()
    bytecode.write_bytes(b"")
    listed = source / "piboothup.egg-info" / "SOURCES.txt"
    listed.parent.mkdir()
    listed.write_text("piboothup/gone.py\n")
    wheels.mkdir()
    monkeypatch.chdir(source)
    wheel = importlib.import_module(backend.__name__).build_wheel(str(wheels))
    with zipfile.ZipFile(wheels / wheel) as packed:
        found = {file for file in packed.namelist() if file.startswith("piboothup/")}
    assert found == wanted
