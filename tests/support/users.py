"""The users of a box and their folders in memory, played by root: the kernel goes by numbers, made or not."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

IS_ROOT = os.geteuid() == 0
ROOT = os.geteuid()
GROUP = 64_000 if IS_ROOT else os.getegid()
BOOTH = 64_001 if IS_ROOT else ROOT
"""Without root every user is this one."""
UPLOADER = 64_002
TMPFILES = Path(__file__).parents[2] / "systemd/tmpfiles.d/piboothup.conf"
SYSTEM_RUNTIME = "/run/piboothup"

needs_users = pytest.mark.skipif(not IS_ROOT, reason="SKIPPED: only root can act as the box's users")


@contextlib.contextmanager
def user(uid: int) -> Iterator[None]:
    """Act as this user of the box's group, without any capability. Paths above the working directory may be shut."""
    if not IS_ROOT:
        yield
        return
    groups = os.getgroups()
    os.setgroups([])
    os.setegid(GROUP)
    os.seteuid(uid)
    try:
        yield
    finally:
        os.seteuid(ROOT)
        os.setegid(0)
        os.setgroups(groups)


def make_runtime(directory: Path) -> None:
    """Make the folders that tmpfiles.d gives a box below /run/piboothup, with their owners and modes, in this one."""
    lines = [line.split() for line in TMPFILES.read_text(encoding="utf-8").splitlines() if line.startswith("d ")]
    for _, path, mode, owner, _, _ in lines:
        if path.startswith(SYSTEM_RUNTIME):
            made = directory / path.removeprefix(SYSTEM_RUNTIME).lstrip("/")
            made.mkdir(exist_ok=True)
            os.chown(made, {"root": ROOT, "piboothup-booth": BOOTH}[owner], GROUP)
            made.chmod(int(mode, 8))
