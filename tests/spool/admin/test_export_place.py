"""F9, F10: where the copies of an export really lie: a folder that is named like a stick need not be one."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from piboothup.clock import SystemClock
from piboothup.spool.store import Spool
from tests.support.commands import command, environment
from tests.support.deadline import PATIENCE_S
from tests.support.mounts import MountNamespace, disk, mounts, needs_images
from tests.support.photos import jpeg, take

__all__ = ["disk", "mounts"]
pytestmark = pytest.mark.process

ON_THE_CARD = "lie on the card itself, and are lost with it. If it should be a stick, mount that first"
IN_MEMORY = "lie in memory, and are gone at power-off. If it should be a stick, mount that first"


@pytest.fixture
def box(disk: Path) -> Path:
    """A card with a photo, on a real disk, and the folder for a stick beside it."""
    spool = Spool(disk / "spool", SystemClock())
    spool.prepare()
    spool.start("booth")
    take(spool, jpeg(1))
    (disk / "config.toml").write_text(f'config_version = 1\n[spool]\ndirectory = "{disk}/spool"\n')
    (disk / "run").mkdir(mode=0o700)
    return disk


def told(mounts: MountNamespace, box: Path, stick: Path) -> str:
    """What an export to this folder says beside its counts, as the namespace sees the folder."""
    done = subprocess.run(
        mounts.command(*command("--config", str(box / "config.toml"), "queue", "export", str(stick))),
        env=environment(box / "run"),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "1 copied, 0 were there already, 0 damaged and left out\n")
    return done.stderr


def test_f10_an_export_where_no_stick_is_mounted_is_told(mounts: MountNamespace, box: Path) -> None:
    """The folder is made on the card, the host pulls an empty stick and wipes the card."""
    assert ON_THE_CARD in told(mounts, box, box / "stick" / "Party")


def test_f10_a_link_to_the_card_is_told(mounts: MountNamespace, box: Path) -> None:
    (box / "elsewhere").mkdir()
    (box / "stick").symlink_to(box / "elsewhere")
    assert ON_THE_CARD in told(mounts, box, box / "stick")


@pytest.mark.parametrize("is_overlay", [False, True])
def test_f09_an_export_into_memory_is_told(mounts: MountNamespace, box: Path, is_overlay: bool) -> None:
    """As /tmp is on Debian 13, and the whole system under the overlay of raspi-config."""
    mounts.mount("tmpfs", box / "stick")
    if is_overlay:
        mounts.overlay(box / "over", box / "elsewhere", box / "stick")
    assert IN_MEMORY in told(mounts, box, box / ("over" if is_overlay else "stick"))


@needs_images
def test_f10_an_export_to_a_mounted_stick_says_no_more(mounts: MountNamespace, box: Path) -> None:
    subprocess.run(["truncate", "-s", "16M", box / "image"], check=True)
    subprocess.run(["mkfs.ext4", "-q", "-F", box / "image"], check=True)
    (box / "stick").mkdir()
    mounts.run("mount", "-o", "loop", box / "image", box / "stick")
    assert told(mounts, box, box / "stick") == ""
