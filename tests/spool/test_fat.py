"""FAT, whose names the kernel syncs otherwise: what is synced after a rename, and in which order.

The kernel of a plain run need not have FAT: here are the calls alone, on what there is. `tests/lab/pi` has a real
one, and looks at what lies on it after each call.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from datetime import UTC
from pathlib import Path

import pytest

from piboothup.setup.stick import copying
from piboothup.spool import durable
from piboothup.spool.admin import export_target
from piboothup.spool.admin.export import export
from piboothup.spool.disk import file_system
from tests.support.clock import HandClock
from tests.support.photos import jpeg, open_spool, take
from tests.test_deb import i2c


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is renamed and synced, by its name."""
    told: list[str] = []
    real_sync, real_rename, real_replace = os.fsync, os.rename, os.replace

    def fsync(descriptor: int) -> None:
        kind = "folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file"
        told.append(f"{kind} {Path(os.readlink(f'/proc/self/fd/{descriptor}')).name}")
        real_sync(descriptor)

    def renamed(real: Callable[..., None]) -> Callable[..., None]:
        def rename(source: Path, target: Path) -> None:
            told.append(f"rename to {target.name}")
            real(source, target)

        return rename

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "rename", renamed(real_rename))
    monkeypatch.setattr(os, "replace", renamed(real_replace))
    return told


@pytest.mark.parametrize("before", [b"", b"old", None])
@pytest.mark.parametrize("name", ["cmdline.txt", "config.txt"])
def test_f20_on_fat_a_file_is_synced_under_its_new_name(
    tmp_path: Path, calls: list[str], before: bytes | None, name: str
) -> None:
    path = tmp_path / name
    if before is not None:
        path.write_bytes(before)
    if name == "config.txt":
        i2c.write(path, b"new")
    else:
        durable.replace(path, b"new", None)
    assert calls[-3:] == [f"rename to {name}", f"file {name}", f"folder {tmp_path.name}"]
    assert path.read_bytes() == b"new"


def test_elsewhere_a_replaced_file_is_synced_once(tmp_path: Path, calls: list[str]) -> None:
    durable.replace(tmp_path / "choices.toml", b"new")
    assert calls[-2:] == ["rename to choices.toml", f"folder {tmp_path.name}"]
    assert len(calls) == 3


@pytest.mark.parametrize("is_fat", [True, False])
def test_f20_copies_on_fat_are_synced_under_their_names(
    tmp_path: Path, calls: list[str], monkeypatch: pytest.MonkeyPatch, is_fat: bool
) -> None:
    monkeypatch.setattr(export_target, "is_fat", lambda path: is_fat)
    spool = open_spool(tmp_path / "spool", HandClock())
    for number in range(2):
        take(spool, jpeg(number))
    calls.clear()
    assert export(spool, tmp_path / "stick" / "all", "Booth", UTC).copied == 2
    named = [call.removeprefix("rename to ") for call in calls if call.startswith("rename")]
    assert len(named) == 2
    assert {f"file {name}" in calls for name in named} == {is_fat}
    last = calls[calls.index(f"rename to {named[-1]}") + 1 :]
    assert last[-1].startswith("folder"), "the folder after the files"
    assert calls[:2] == ["folder stick", f"folder {tmp_path.name}"], "each new folder has its name"


@pytest.mark.parametrize(
    ("name", "expected"), [("vfat", True), ("msdos", True), ("exfat", False), ("ext4", False), ("", False)]
)
def test_fat_is_told_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, expected: bool) -> None:
    monkeypatch.setattr(file_system, "file_system_of", lambda directory: name)
    assert file_system.is_fat(tmp_path) is expected


def test_f20_the_folder_on_a_stick_has_its_name_before_its_files(tmp_path: Path, calls: list[str]) -> None:
    for _ in range(2):
        copying._make_folder(tmp_path / "Photos", (os.getuid(), os.getgid()))
    assert calls == [f"folder {tmp_path.name}"]
