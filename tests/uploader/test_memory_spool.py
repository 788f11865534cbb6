"""A spool in memory: what is sent from it would be sent again after each power-on, so nothing is."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from piboothup.problems import problem
from piboothup.simulator.server import DEMO_KEY
from piboothup.spool.disk import free_space
from piboothup.spool.disk.file_system import Storage
from piboothup.spool.listing import NEW
from tests.support.commands import environment
from tests.support.deadline import PATIENCE_S
from tests.support.mounts import MountNamespace, disk, mounts
from tests.support.uploader import Desk

__all__ = ["disk", "mounts"]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    made.config = dataclasses.replace(made.config, spool=dataclasses.replace(made.config.spool, allow_memory=False))
    yield made
    made.end()


def lies_on(monkeypatch: pytest.MonkeyPatch, storage: Storage) -> None:
    """A fake: what the folders of tests lie on differs from machine to machine; real mounts are below."""
    monkeypatch.setattr(free_space, "look", lambda _directory: storage)


def test_f09_nothing_is_sent_from_memory_until_a_disk_is_there(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    lies_on(monkeypatch, Storage.MEMORY)
    name = desk.take()
    desk.start()
    desk.pass_s(120.0)
    said = desk.said()
    assert (said["state"], said["problems"]) == ("refused", ["spool_memory"])
    assert said["reason"] == str(problem("spool_memory"))
    assert desk.lies_in(NEW, name)
    desk.hint("retry")
    desk.pass_s(60.0)
    assert desk.lies_in(NEW, name)
    lies_on(monkeypatch, Storage.DISK)
    (desk.booth.directory / "quarantine").rename(desk.booth.directory.parent / "old")
    (desk.booth.directory / "quarantine").mkdir()  # another mount has other folders
    desk.pass_s(4.0)
    desk.until_sent(name)


@pytest.mark.parametrize("storage", [Storage.DISK, Storage.UNKNOWN])
def test_f09_a_disk_or_a_container_is_sent_from(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, storage: Storage
) -> None:
    lies_on(monkeypatch, storage)
    name = desk.take()
    desk.start()
    desk.until_sent(name)


@pytest.mark.process
def test_f09_three_power_ons_in_memory_send_nothing_twice(mounts: MountNamespace, disk: Path) -> None:
    """The real command; what a card holds lies beneath an overlay in memory."""
    desk = Desk(disk)
    try:
        name = desk.take()
        merged, layers = disk / "merged", disk / "layers"
        config = disk / "config.toml"
        config.write_text(
            f'[eventpics]\napi_key = "{DEMO_KEY}"\nlink_id = "abcd1234"\nalbum_id = "a1"\n'
            f'api_url = "{desk.album.url}"\n[spool]\ndirectory = "{merged}/spool"\n'
        )
        (disk / "spool").rename(disk / "spool-of-the-card")
        (disk / "lower").mkdir()
        (disk / "spool-of-the-card").rename(disk / "lower" / "spool")
        for _ in range(2):
            mounts.mount("tmpfs", layers)
            mounts.overlay(merged, disk / "lower", layers)
            words = mounts.command(sys.executable, "-m", "piboothup", "--config", str(config), "uploader")
            process = subprocess.Popen(words, env=environment(desk.runtime), stderr=subprocess.DEVNULL)
            try:
                _until_refused(desk.runtime / "uploader.json")
            finally:
                process.terminate()
                assert process.wait(PATIENCE_S) == 0
            mounts.run("umount", merged, layers)
        assert [file.name for file in (disk / "lower" / "spool" / NEW).rglob("*.jpg")] == [str(name)]
        assert not list((disk / "album").rglob("*.jpg"))
    finally:
        desk.end()


def _until_refused(file: Path) -> None:
    pause = threading.Event()
    for _ in range(int(PATIENCE_S / 0.1)):
        if file.exists() and json.loads(file.read_bytes())["problems"] == ["spool_memory"]:
            return
        pause.wait(0.1)
    raise AssertionError("it says nothing of memory")
