"""The key from the file on the card, from the import to the album: a real uploader, which is not started anew."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from piboothup import status
from piboothup.setup import boot_import
from piboothup.simulator.server import DEMO_KEY
from piboothup.spool.listing import SENT
from tests.support.commands import box_command, environment
from tests.support.kept_box import KeptBox
from tests.support.uploader import Desk


@pytest.mark.process
def test_u03_a_key_on_the_card_sends_what_waits_at_once(desk: Desk, tmp_path: Path) -> None:
    box = KeptBox("7F3K", tmp_path / "boot", tmp_path / "etc", tmp_path / "profiles")
    for folder in (box.boot, box.etc, box.profiles):
        folder.mkdir()
    config = box.etc / "config.toml"
    config.write_text(
        f'config_version = 1\n[eventpics]\napi_url = "{desk.album.url}"\n'
        f'[spool]\ndirectory = "{desk.booth.directory}"\nallow_memory = true\n'
    )
    name = desk.take()
    process = subprocess.Popen(
        box_command(config, "uploader"),
        env=environment(desk.runtime),
        stdin=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        desk.until(lambda: "no_key" in _problems(desk), "the uploader to miss the key")
        (box.boot / "piboothup.toml").write_text(f'[eventpics]\napi_key = "{DEMO_KEY}"\nlink_id = "abcd1234"\n')
        done = boot_import.run(box, lambda _: None)
        assert done is not None
        assert done.mistakes == []
        desk.until(lambda: desk.lies_in(SENT, name), "the photo to be in the album")
        assert process.poll() is None
    finally:
        process.terminate()
        process.wait()


def _problems(desk: Desk) -> tuple[str, ...]:
    report = status.read_uploader(desk.runtime)
    return report.problems if report is not None else ()
