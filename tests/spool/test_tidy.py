"""What a cut leaves beside small files goes; what somebody is writing stays."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from piboothup.spool.recovery import recover
from tests.support.clock import HandClock
from tests.support.photos import jpeg, open_spool, take

OURS = "ours"
"""Stands for this thread's number, which is another one in each process that runs tests."""
NOBODY = 2**22 + 1
"""No thread has this number: Linux goes to 2**22."""


@pytest.mark.parametrize(
    ("name", "stays"),
    [
        (f"contexts/.n1ae286b.json.{NOBODY}", False),
        (f"contexts/.n1ae286b.json.{OURS}", False),
        (f"contexts/.n1ae286b.assigned.json.{NOBODY}", True),
        (f".events.json.{NOBODY}", False),
        (f".config.good.toml.{NOBODY}", False),
        (f"..layout.{NOBODY}", False),
        (f".events.json.{OURS}", True),
        (f"parked/.7F3K-0001-0001_5_abcd1234_0123456789abcdef.txt.{NOBODY}", False),
        (".somebodys.notes", True),
        (f".somebodys.jpg.{NOBODY}", True),
        (f"new/.events.json.{NOBODY}", True),
    ],
)
def test_p14_a_half_replaced_file_goes_at_the_next_start(tmp_path: Path, name: str, stays: bool) -> None:
    spool = open_spool(tmp_path, HandClock())
    photo = take(spool, jpeg(1))
    name = name.replace(OURS, str(os.getpid()))
    (tmp_path / name).write_bytes(b"half")
    recover(spool)
    assert (tmp_path / name).exists() is stays
    assert spool.waiting() == [photo]
