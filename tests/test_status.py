"""Typed reports of both services: written under the keys of the contract, read back from whatever a file holds."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from piboothup import process, status
from piboothup.booth.operations.stick_copies import StickCopies
from piboothup.spool.admin.stick_copy import RUNTIME, CopyFolder, CopyReport, CopyState
from piboothup.spool.recovery import recover
from piboothup.spool.store import Spool
from piboothup.status import BoothReport, EventReport, Report, UploaderReport, UploaderState, WifiReport
from tests.support.clock import HandClock
from tests.support.mounts import MountNamespace, mounts

__all__ = ["mounts"]
BOOTH = BoothReport("1.0", "Booth 7", "box", 3, "ready", "ready", "missing", "ready", 12, "c1", ("no_key",))
EVENT = EventReport("abcd1234", "a1", "Anna & Ben", 2, 1)
WIFI = WifiReport("Barn", 61, "It is weak.", "wifi_weak")
UPLOADER = UploaderReport(
    *("1.0", UploaderState.UPLOADING, "Why.", ("no_network",), 2, 1, 8000, 90, 12.5, 1, (EVENT,), WIFI)
)


def test_status_files_have_the_keys_of_the_contract() -> None:
    booth = "version name box boot state camera panel button photos context problems"
    uploader = "version state reason problems waiting sent rate_bps eta_s last_success_s events_seen events wifi"
    assert list(BOOTH.to_json()) == booth.split()
    assert list(UPLOADER.to_json()) == uploader.split()
    assert json.loads(json.dumps(UPLOADER.to_json()["events"])) == [
        {"link_id": "abcd1234", "album_id": "a1", "title": "Anna & Ben", "waiting": 2, "sent": 1}
    ]
    assert UPLOADER.to_json()["wifi"] == {
        **{"ssid": "Barn", "signal": 61, "reason": "It is weak.", "code": "wifi_weak"}
    }


def test_status_reports_read_back_as_they_were_written(tmp_path: Path) -> None:
    assert (status.read_booth(tmp_path), status.read_uploader(tmp_path)) == (None, None)
    status.write(tmp_path, "booth", BOOTH.to_json())
    status.write(tmp_path, "uploader", UPLOADER.to_json())
    assert (status.read_booth(tmp_path), status.read_uploader(tmp_path)) == (BOOTH, UPLOADER)


@pytest.mark.parametrize("kind", [BoothReport, UploaderReport])
@pytest.mark.parametrize("junk", [None, 3, "text", [], {}, {"x": 1}])
def test_status_report_of_junk_has_its_defaults(kind: type[Report], junk: Any) -> None:
    assert kind.from_json(junk) == kind()


@pytest.mark.parametrize("junk", [None, "many", {}, [], [[]], 1.5])
def test_status_junk_in_any_field_leaves_the_others_read(junk: Any) -> None:
    whole = UPLOADER.to_json()
    for key in whole:
        found = UploaderReport.from_json(json.loads(json.dumps({**whole, key: junk}))).to_json()
        assert {**found, key: None} == {**whole, key: None}
        assert isinstance(found[key], type(whole[key]) | type(UploaderReport().to_json()[key]))


def test_status_of_a_list_only_fitting_entries_are_read() -> None:
    assert UploaderReport.from_json({"problems": [None, {}, "no_key", 7]}).problems == ("no_key",)
    assert UploaderReport.from_json({"state": "dancing"}).state is UploaderState.STOPPED


# -- another user's service, where /proc is mounted with hidepid= -------------------------------------------------


@pytest.fixture
def hidden(mounts: MountNamespace) -> MountNamespace:
    """Namespace in which only root sees the processes of others, as some who harden a box set it up."""
    mounts.mount("proc", Path("/proc"), "hidepid=invisible")
    return mounts


def as_nobody() -> None:
    assert Path(f"/proc/{os.getppid()}").exists(), "root sees all"
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
    assert not Path(f"/proc/{os.getppid()}").exists(), "nobody sees only his own"


@pytest.fixture
def shared() -> Iterator[Path]:
    """Folder that every user may enter and change."""
    with tempfile.TemporaryDirectory(prefix="piboothup-") as made:
        Path(made).chmod(0o777)
        yield Path(made)


def test_f10_a_service_hidden_by_proc_is_not_stopped(hidden: MountNamespace, shared: Path) -> None:
    status.write(shared, "uploader", UPLOADER.to_json())
    (shared / "uploader.json").chmod(0o644)
    hidden.call(sees_the_uploader, shared)


def sees_the_uploader(runtime: Path) -> None:
    as_nobody()
    assert status.read_uploader(runtime) == UPLOADER


def test_f10_a_copy_hidden_by_proc_is_not_broken_off(hidden: MountNamespace, shared: Path) -> None:
    """Root's unit copies, and the booth's user shows it."""
    (shared / RUNTIME).mkdir()
    CopyFolder(shared).tell(CopyReport(1, "sdb1.9", "", "abcd1234", CopyState.COPYING, 1, 3, pid=os.getpid()))
    for path in (shared / RUNTIME, *(shared / RUNTIME).iterdir()):
        path.chmod(0o755)
    hidden.call(sees_the_copy, shared)


def sees_the_copy(runtime: Path) -> None:
    as_nobody()
    copies = StickCopies(Spool(runtime, HandClock(), "serial-1"), runtime, HandClock())
    copies._was_used = True
    _, progress = copies.read("abcd1234", is_operators_time=True)
    assert progress is not None and progress.state == CopyState.COPYING


def test_f10_a_file_of_a_hidden_thread_is_left_to_it(hidden: MountNamespace, shared: Path) -> None:
    """The uploader replaces a file in the spool while the booth, of another user, tidies up."""
    hidden.call(tidies_up, shared)


def tidies_up(shared: Path) -> None:
    of_root, of_nobody = (shared / f".events.json.{number}" for number in (os.getppid(), 2**22 + 1))
    for path in (of_root, of_nobody):
        path.write_text("[]")
    as_nobody()
    recover(Spool(shared, HandClock(), "serial-1"))
    assert (of_root.exists(), of_nobody.exists()) == (True, False)


@pytest.mark.parametrize("number", [0, -1, 2**22 + 1, 2**80])
def test_is_alive_takes_no_group_and_no_junk_for_a_process(number: int) -> None:
    assert not process.is_alive(number)
    assert process.is_alive(os.getpid())
