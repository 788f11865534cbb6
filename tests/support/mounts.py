"""Mount namespace of the test's own, with real mounts that no other process sees. Needs root."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from piboothup.spool.disk.file_system import Storage, look
from tests.support import forked
from tests.support.deadline import PATIENCE_S

needs_images = pytest.mark.skipif(
    not (shutil.which("mkfs.ext4") and shutil.which("chattr") and Path("/dev/loop-control").exists()),
    reason="SKIPPED: an image needs mkfs.ext4, chattr and loop devices",
)


class MountNamespace:
    """Namespace whose commands and functions see its mounts; paths from outside show what lies beneath them."""

    def __init__(self) -> None:
        # `cat` waits for its input and does nothing else; the namespace is there as soon as it answers.
        command = ["unshare", "--mount", "--propagation", "private", "cat"]
        self._keeper = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._keeper.stdin is not None
        assert self._keeper.stdout is not None
        self._keeper.stdin.write(b"there\n")
        self._keeper.stdin.flush()
        assert self._keeper.stdout.readline() == b"there\n", "no mount namespace"

    @property
    def process(self) -> int:
        """Number of a process in it."""
        return self._keeper.pid

    def close(self) -> None:
        """End the last process in it, and its mounts with it."""
        self._keeper.kill()
        self._keeper.communicate()

    def command(self, *words: str | Path) -> list[str]:
        """Command line that runs WORDS in it."""
        return ["nsenter", f"--mount=/proc/{self._keeper.pid}/ns/mnt", "--", *map(str, words)]

    def run(self, *words: str | Path) -> None:
        """Run a command in it, which must succeed."""
        done = subprocess.run(
            self.command(*words), cwd="/", capture_output=True, text=True, timeout=PATIENCE_S, check=False
        )
        assert done.returncode == 0, done.stderr

    def mount(self, kind: str, point: Path, options: str = "") -> None:
        """Mount a new file system of this kind; create its mount point."""
        point.mkdir(parents=True, exist_ok=True)
        self.run("mkdir", "-p", point)
        self.run("mount", "-t", kind, *(["-o", options] if options else []), f"test-{kind}", point)

    def overlay(self, point: Path, lower: Path, layers: Path, options: str = "") -> None:
        """Mount an overlay on `lower` that writes to `layers`/upper."""
        self.run("mkdir", "-p", lower, layers / "upper", layers / "work", point)
        more = f",{options}" if options else ""
        folders = f"lowerdir={lower},upperdir={layers / 'upper'},workdir={layers / 'work'}"
        self.mount("overlay", point, folders + more)

    def call(self, function: Callable[..., None], *paths: Path) -> None:
        """Call a function in a new process in it, in its root folder."""
        done = forked.call(lambda: function(*paths), mounts_of=self.process)
        assert done.returncode == 0, done.stderr


@functools.cache
def _why_none() -> str:
    """Reason why no mount namespace can be made here, or nothing."""
    if os.geteuid() != 0 or not all(shutil.which(command) for command in ("unshare", "nsenter", "mount")):
        return "real mounts need root, unshare and nsenter"
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode != 0:
        return "no mount namespace can be made here"
    return ""


@pytest.fixture
def mounts() -> Iterator[MountNamespace]:
    """Mount namespace, closed after the test."""
    if reason := _why_none():
        pytest.skip(f"SKIPPED: {reason}")
    made = MountNamespace()
    yield made
    made.close()


@pytest.fixture
def disk() -> Iterator[Path]:
    """Folder on a disk: those of other tests may be in memory."""
    with tempfile.TemporaryDirectory(dir="/var/tmp", prefix="piboothup-") as made:
        if look(Path(made)) is not Storage.DISK:
            pytest.skip("SKIPPED: /var/tmp lies on no disk here")
        yield Path(made)
