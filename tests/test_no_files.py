"""What is no file in the place of a file: no service and no command waits for it."""

from __future__ import annotations

import itertools
import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from piboothup import text
from tests.support.clock import HandClock
from tests.support.commands import run_forked
from tests.support.effort import covering
from tests.support.photos import jpeg, open_spool, take


def make_socket(path: Path) -> None:
    folder = os.open(path.parent, os.O_PATH)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as made:
        made.bind(f"/proc/self/fd/{folder}/{path.name}")  # the whole path may be too long for a socket
    os.close(folder)


def link_to_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


COMMANDS = ("status", "status --json", "queue list", "doctor --json", "support-bundle {bundle}")
NO_FILES: list[Callable[[Path], None]] = [os.mkfifo, make_socket, os.mkdir, link_to_device]
no_files = pytest.mark.parametrize("make", NO_FILES, ids=["pipe", "socket", "folder", "device"])


@no_files
@pytest.mark.parametrize("read", [text.read_bytes, text.open_file])
def test_what_is_no_file_is_an_error_at_once(
    tmp_path: Path, make: Callable[[Path], None], read: Callable[[Path], object]
) -> None:
    path = tmp_path / "file"
    make(path)
    before = os.listdir("/proc/self/fd")
    with pytest.raises(OSError if path.is_symlink() else text.NotAFile):
        read(path)
    assert os.listdir("/proc/self/fd") == before


def test_a_link_is_followed_unless_a_photo_is_opened(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    assert text.read_bytes(tmp_path / "link") == b"content"
    with pytest.raises(OSError, match="symbolic link"):
        text.open_file(tmp_path / "link")
    with text.open_file(tmp_path / "file") as file:
        assert file.read() == b"content"


SMALL_FILES = (
    ".layout",
    "wipe.json",
    "boots/0001.jsonl",
    "choices.toml",
    "config.good.toml",
    "events.json",
    "hidden.json",
    "contexts/{context}.json",
    "contexts/{context}.assigned.json",
)


@pytest.mark.process
@pytest.mark.parametrize(("kind", "is_config"), covering(itertools.product(NO_FILES, COMMANDS), [False, True]))
def test_f12_no_command_waits_for_what_is_no_file(
    tmp_path: Path, kind: tuple[Callable[[Path], None], str], is_config: bool
) -> None:
    make, words = kind
    spool = open_spool(tmp_path / "spool", HandClock())
    name = take(spool, jpeg(1))
    config = tmp_path / "config.toml"
    config.write_text(f'config_version = 1\n[spool]\ndirectory = "{spool.directory}"\nallow_memory = true\n')
    (tmp_path / "run").mkdir(mode=0o700)
    of_spool = [spool.directory / file.format(context=name.context) for file in SMALL_FILES]
    for path in [config] if is_config else [*of_spool, tmp_path / "run/booth.json", tmp_path / "run/uploader.json"]:
        path.unlink(missing_ok=True)
        make(path)
    command = words.format(bundle=tmp_path / "bundle").split()
    result = run_forked(tmp_path / "run", "--config", config, *command)
    assert "Traceback" not in result.stderr
    assert result.stdout or (is_config and words == "queue list")  # it looks for the photos in the default folder
