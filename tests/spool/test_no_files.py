"""Folders, pipes and sockets in the place of the spool's files."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from piboothup.problems import problem
from piboothup.spool import contexts, durable, handover
from piboothup.spool.capture_time.anchors import Anchor, Source
from piboothup.spool.contexts import Assignment
from piboothup.spool.event_titles import AlbumEvent
from piboothup.spool.layout_version import SpoolUnusable, read_id
from piboothup.spool.listing import PARKED, SENT
from piboothup.spool.store import Spool
from tests.support.clock import HandClock
from tests.support.permissions import no_entry
from tests.support.photos import PARTY, counts, is_intact, jpeg, open_spool, take
from tests.support.users import IS_ROOT
from tests.test_no_files import make_socket

TITLES = [AlbumEvent("Summer Party", "abcd1234")]


def renamed(path: Path) -> list[str]:
    """Content of what was in the place of the file."""
    return [inside.read_text() for inside in path.parent.glob(f"{path.name}.folder-*/theirs")]


@pytest.mark.parametrize(
    "file", [".layout", ".booth.lock", "boots/.lock", "boots/0001.jsonl", "contexts/{id}.json", "events.json"]
)
@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo], ids=["folder", "pipe"])
def test_f16_a_running_booth_mends_what_is_no_file(tmp_path: Path, file: str, make: Callable[[Path], None]) -> None:
    spool = open_spool(tmp_path, HandClock())
    take(spool, jpeg(1))
    spool.write_events(TITLES)
    path = tmp_path / file.format(id=PARTY.id)
    path.unlink(missing_ok=True)
    make(path)
    if path.is_dir():
        (path / "theirs").write_text("of somebody")
    spool.add_anchor(Anchor(Source.NTP, 1_000, 1_750_000_000_000, 5))
    assert spool.read_boot(1).anchors
    with spool.lock("booth"):
        spool.start("booth")
        name = take(spool, jpeg(2))
        spool.add_anchor(Anchor(Source.NTP, 1_000, 1_750_000_000_000, 5))
        spool.write_events(TITLES)
        assert is_intact(spool, name)
        assert (spool.context_of(name), spool.events()) == (PARTY, TITLES)
        assert spool.taken_at_ms(name, record=True) is not None
    assert read_id(tmp_path) or make is os.mkfifo
    if make is os.mkdir:
        assert renamed(path) == ["of somebody"]


def test_f16_a_folder_in_the_place_of_an_assignment_is_renamed(tmp_path: Path) -> None:
    spool = open_spool(tmp_path, HandClock())
    name = take(spool, jpeg(1))
    other = contexts.context_for("efgh5678", "", "")
    path = contexts.assigned_path(tmp_path / "contexts", PARTY.id)
    path.mkdir()
    assert spool.context_of(name) is None
    contexts.assign(tmp_path / "contexts", PARTY.id, [Assignment(other)])
    found = spool.context_of(name)
    assert found is not None
    assert found.link_id == other.link_id


def test_f16_a_folder_in_the_place_of_a_photos_name_is_renamed(tmp_path: Path) -> None:
    spool = open_spool(tmp_path, HandClock())
    sent, parked = take(spool, jpeg(1)), take(spool, jpeg(2))
    for path in (spool.path(sent, SENT), spool.path(parked, PARKED), spool.path(parked, PARKED).with_suffix(".txt")):
        path.mkdir()
        (path / "theirs").write_text("of somebody")
    handover.mark_sent(spool, sent)
    handover.park(spool, parked, "for a test")
    assert counts(spool) == {"new": 0, "sent": 1, "parked": 1, "quarantine": 0}
    assert renamed(spool.path(sent, SENT)) == renamed(spool.path(parked, PARKED)) == ["of somebody"]


def test_f16_a_lock_that_another_process_mended_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two services find the folder at once: what the first has made of it is no folder any more."""
    path = tmp_path / ".lock"
    path.mkdir()
    real = os.rename

    def late(source: str, target: Path) -> None:
        path.rmdir()
        path.write_bytes(b"")
        real(source, target)

    monkeypatch.setattr(os, "rename", late)
    with durable.lock(path):
        assert path.is_file()
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("make", [make_socket, lambda path: path.symlink_to("elsewhere")], ids=["socket", "link"])
@pytest.mark.parametrize("service", ["booth", "uploader"])
def test_f16_a_lock_that_cannot_be_had_is_told(tmp_path: Path, service: str, make: Callable[[Path], None]) -> None:
    spool = open_spool(tmp_path, HandClock())
    lock = tmp_path / f".{service}.lock"
    make(lock)
    with (
        pytest.raises(SpoolUnusable, match=rf"\.{service}\.lock can't be opened .*: delete it") as told,
        spool.lock(service),
    ):
        pass
    assert told.value.problem.code == "spool_unusable"
    lock.unlink()
    with spool.lock(service):
        assert lock.is_file()


def test_f16_a_lock_of_another_user_is_told() -> None:
    """In a folder that everybody may enter, unlike that of the test."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        spool = Spool(Path(name), HandClock(), "serial-1")
        with spool.lock("uploader"):
            pass
        with no_entry(Path(name, ".uploader.lock")):
            with pytest.raises(SpoolUnusable) as told, spool.lock("uploader"):
                pass
        if IS_ROOT:
            assert "belongs to the user root: end the piboothup that root runs" in str(told.value)
            assert told.value.problem == problem("spool_locked", "root")
        else:  # its own, without a right: no user is named
            assert "Permission denied" in str(told.value)
        with spool.lock("uploader"):
            pass
