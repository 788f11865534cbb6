"""The card's lines of `piboothup doctor` on real file systems: in memory, read-only, full, without inodes, a disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from piboothup.care import doctor
from piboothup.care.facts import Facts
from piboothup.config import Config, SpoolConfig
from piboothup.health import Check
from piboothup.spool.disk.file_system import file_system_of
from tests.support.mounts import MountNamespace, disk, mounts

__all__ = ["disk", "mounts"]

pytestmark = pytest.mark.process


def codes(directory: Path, *, allow_memory: bool) -> dict[Check, str]:
    """Codes of the lines about the spool that is there."""
    config = Config(spool=SpoolConfig(str(directory), allow_memory=allow_memory))
    lines = doctor.examine(Facts(config, has_config=True))
    told = {line.check: line.finding.problem.code for line in lines if line.finding.problem is not None}
    return {check: told.get(check, "") for check in (Check.CARD, Check.SPACE)}


def expect_memory(directory: Path) -> None:
    assert codes(directory, allow_memory=False) == {Check.CARD: "spool_memory", Check.SPACE: ""}
    assert codes(directory, allow_memory=True) == {Check.CARD: "", Check.SPACE: ""}


def expect_readonly(directory: Path) -> None:
    assert codes(directory, allow_memory=True)[Check.CARD] == "card_readonly"


def expect_full(directory: Path) -> None:
    assert codes(directory, allow_memory=True) == {Check.CARD: "", Check.SPACE: "card_full"}


def expect_crowded(directory: Path) -> None:
    assert codes(directory, allow_memory=True) == {Check.CARD: "", Check.SPACE: "card_crowded"}


def expect_split(directory: Path) -> None:
    assert codes(directory, allow_memory=True)[Check.CARD] == "spool_split"


def test_a09_f09_doctor_on_a_spool_in_memory(mounts: MountNamespace, tmp_path: Path) -> None:
    mounts.mount("tmpfs", tmp_path / "spool", "size=100m")
    mounts.call(expect_memory, tmp_path / "spool")


def test_a09_f09_doctor_on_an_overlay_in_memory(mounts: MountNamespace, disk: Path, tmp_path: Path) -> None:
    mounts.mount("tmpfs", tmp_path / "layers")
    mounts.overlay(disk / "spool", disk / "lower", tmp_path / "layers")
    mounts.call(expect_memory, disk / "spool")


def test_a09_doctor_on_a_read_only_card(mounts: MountNamespace, tmp_path: Path) -> None:
    mounts.mount("tmpfs", tmp_path / "spool")
    mounts.run("mount", "-o", "remount,ro", tmp_path / "spool")
    mounts.call(expect_readonly, tmp_path / "spool")


def test_a09_doctor_on_a_full_card(mounts: MountNamespace, tmp_path: Path) -> None:
    mounts.mount("tmpfs", tmp_path / "spool", "size=1m")
    mounts.call(expect_full, tmp_path / "spool")


def test_a09_doctor_on_a_card_without_inodes(mounts: MountNamespace, tmp_path: Path) -> None:
    mounts.mount("tmpfs", tmp_path / "spool", "size=100m,nr_inodes=12")
    mounts.call(expect_crowded, tmp_path / "spool")


def test_a09_doctor_on_a_spool_over_two_mounts(mounts: MountNamespace, tmp_path: Path) -> None:
    mounts.mount("tmpfs", tmp_path / "spool", "size=100m")
    mounts.mount("tmpfs", tmp_path / "spool" / "sent", "size=100m")
    mounts.run("mkdir", tmp_path / "spool" / "new")
    mounts.call(expect_split, tmp_path / "spool")


def test_a09_doctor_on_a_disk(disk: Path) -> None:
    (disk / "new").mkdir()
    lines = {
        line.check: line for line in doctor.examine(Facts(Config(spool=SpoolConfig(str(disk))), has_config=True))
    }
    assert lines[Check.CARD].finding.note == f"{disk} lies on a disk ({file_system_of(disk)})"
    assert file_system_of(disk) in Path("/proc/filesystems").read_text()
    assert codes(disk, allow_memory=False) == {Check.CARD: "", Check.SPACE: ""}
